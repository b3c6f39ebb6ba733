"""Jobs are done once, kept as they come, and what was stopped goes on with the rest."""

from pathlib import Path

import pytest

from sim.protocol.errors import JournalError
from sim.study.journal import Journal
from sim.study.pool import JobError
from sim.study.spread import Pool, Stopped, spread

ran: list[int] = []
HERE = Pool(1)


def square(n: int) -> int:
    ran.append(n)
    if n == 13:
        raise ValueError("unlucky")
    if n == 99:
        raise KeyboardInterrupt
    return n * n


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


def test_results_stand_in_the_order_of_the_jobs() -> None:
    told: list[tuple[int, int]] = []
    found = spread([3, 1, 3], square, where=HERE, on_done=lambda *now: told.append(now))
    assert found == [9, 1, 9]
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert spread([], square, where=HERE) == []


def test_with_a_journal_only_what_is_left_is_done(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    told: list[tuple[int, int]] = []
    with Journal(path, int) as journal, pytest.raises(Stopped) as caught:
        spread([4, 5, 99, 6], square, where=HERE, journal=journal)
    stop = caught.value
    assert (stop.done, stop.total, stop.kept) == (2, 4, path)
    assert stop.says == f"interrupted: 2 of 4 runs were done and are kept in {path}"
    assert ran == [4, 5, 99]
    ran.clear()
    with Journal(path, int) as journal:
        found = spread(
            [6, 5, 4, 6],
            square,
            where=HERE,
            journal=journal,
            on_done=lambda *now: told.append(now),
        )
    assert found == [36, 25, 16, 36]
    assert ran == [6]
    assert told == [(2, 4), (4, 4)]  # equal jobs are one


def test_stopped_without_a_journal_says_that_all_is_lost() -> None:
    with pytest.raises(Stopped, match="1 of 2 runs were done and are lost: no journal was kept"):
        spread([1, 99], square, where=HERE)
    with pytest.raises(Stopped, match="interrupted: none of 1 runs was done"):
        spread([99], square, where=HERE)


def test_what_failed_keeps_what_was_done(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "journal", int) as journal,
        pytest.raises(JobError, match=r"^job 13: ValueError: unlucky$"),
    ):
        spread([2, 13, 3], square, where=HERE, journal=journal, name=lambda n: f"job {n}")
    with Journal(tmp_path / "journal", int) as journal:
        assert len(journal) == 1


def test_the_journal_of_a_finished_study_is_the_same_however_it_came_about(tmp_path: Path) -> None:
    jobs = [5, 3, 4]
    with Journal(tmp_path / "one", int) as journal:
        spread(jobs, square, where=HERE, journal=journal)
    with Journal(tmp_path / "two", int) as journal:
        spread([4, 7], square, where=HERE, journal=journal)
    with Journal(tmp_path / "two", int) as journal:
        spread(jobs, square, where=HERE, journal=journal)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_what_a_job_is_can_be_told_by_the_caller(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal", int) as journal:
        spread([2], square, where=HERE, journal=journal, what=lambda n: "the same")
        assert spread([3], square, where=HERE, journal=journal, what=lambda n: "the same") == [4]


def test_a_result_of_another_type_is_an_error_of_the_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal", int) as journal:
        spread([2], square, where=HERE, journal=journal)
    with pytest.raises(JournalError, match="found no result of this study: Expected `str`"):
        Journal(tmp_path / "journal", str)
