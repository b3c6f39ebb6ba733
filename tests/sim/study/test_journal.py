"""A journal gives back what was put in, survives a cut, and finds what was changed."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from sim.protocol.errors import JournalError
from sim.study.code import code_digest
from sim.study.journal import Journal, job_key

ROOT = Path(__file__).resolve().parents[3]


class Row(NamedTuple):
    cost: Decimal
    mean: float
    names: tuple[str, ...]


def key(n: int) -> str:
    return job_key(key, n)


def row(n: int) -> Row:
    return Row(Decimal(n) / 10, n / 3, ("a", str(n)))


def write(path: Path, *numbers: int) -> None:
    with Journal(path, Row) as journal:
        for n in numbers:
            assert journal.add(key(n), f"job {n}", row(n)) == row(n)


def test_what_was_put_in_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write(path, 3, 1)
    with Journal(path, Row) as journal:
        assert len(journal) == 2
        assert (journal[key(3)], journal[key(1)]) == (row(3), row(1))
        assert key(2) not in journal


def test_a_settled_journal_has_the_order_of_the_jobs_and_only_theirs(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    write(one, 3, 1, 9)
    write(other, 1, 2)
    for path in (one, other):
        with Journal(path, Row) as journal:
            for n in (2, 3, 1):
                if key(n) not in journal:
                    journal.add(key(n), f"job {n}", row(n))
            journal.expect([key(1), key(2)])
            journal.expect([key(3), key(1)])
            journal.settle()
            journal.add(key(4), "job 4", row(4))  # it goes on
    assert one.read_bytes() == other.read_bytes()
    jobs = [msgspec.json.decode(line)["job"] for line in one.read_bytes().splitlines()[1:]]
    assert jobs == ["job 1", "job 2", "job 3", "job 4"]


def test_results_of_other_jobs_alone_are_refused_and_stay(tmp_path: Path) -> None:
    """Else a wrong command line would drop what another study has done."""
    path = tmp_path / "journal.jsonl"
    write(path, 1, 2)
    before = path.read_bytes()
    with Journal(path, Row) as journal:
        with pytest.raises(JournalError, match="found 2 results of other runs, none of those"):
            journal.expect([key(3), key(4)])
        journal.expect([key(3), key(2)])  # some of more seeds or points
        journal.expect([key(5)])
    assert path.read_bytes() == before


def test_a_line_that_was_cut_at_any_byte_is_dropped_and_written_over(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write(path, 1)
    kept = path.read_bytes()
    write(path, 2)
    whole = path.read_bytes()
    for end in [*range(0, len(whole), 7), len(kept) - 1, len(kept), len(whole) - 1]:
        path.write_bytes(whole[:end])
        with Journal(path, Row) as journal:
            assert (key(1) in journal) == (end >= len(kept))
            assert key(2) not in journal
    write(path, 2)
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b'"0.1"', b'"0.2"', ":2: found a line that was changed; allowed: lines as they were"),
        (b'"job 1"', b'"job 2"', ":2: found a line that was changed"),
        (b'["0.1"', b'[["0.1"]', ":2: found no result of this study: Expected `decimal`"),
        (b'{"key"', b'{key"', ":2: found no result of this study: JSON is malformed"),
        (b"journal/1", b"journal/2", ":1: found schema 'sorsim-journal/2'; allowed: sorsim-jou"),
        (b'{"schema"', b'["schema"', ":1: found no head of a journal; allowed: sorsim-journal/1"),
    ],
)
def test_a_changed_journal_is_refused_with_its_line(
    tmp_path: Path, old: bytes, new: bytes, says: str
) -> None:
    path = tmp_path / "journal.jsonl"
    write(path, 1)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    with pytest.raises(JournalError) as caught:
        Journal(path, Row)
    assert str(caught.value).startswith(f"{path}{says}")
    assert path.read_bytes() == content.replace(old, new, 1)


def test_results_of_other_code_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write(path, 1)
    path.write_bytes(path.read_bytes().replace(code_digest().encode(), b"0" * 64))
    with pytest.raises(JournalError, match=r":1: found results of other code \('0{12}'\)"):
        Journal(path, Row)


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot hold a journal: No such file"):
        Journal(tmp_path / "a" / "b", Row)
    for path in (tmp_path, Path(os.devnull)):
        with pytest.raises(JournalError, match="found no regular file; allowed: a journal"):
            Journal(path, Row)


def test_two_do_not_write_one_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path, Row) as first:
        with pytest.raises(JournalError, match="is in use by another process"):
            Journal(path, Row)
        first.settle()
        with pytest.raises(JournalError, match="is in use by another process"):
            Journal(path, Row)
    write(path, 1)


def test_the_key_of_a_job_is_what_it_is() -> None:
    def other(value: object) -> object:
        return value

    assert job_key(key, {"a": 1, "b": 2}) == job_key(key, {"b": 2, "a": 1})
    keys = [
        job_key(worker, what)
        for worker in (key, other)
        for what in (1, 1.0, "1", [1], {"a": 1}, {"a": 2}, Path("1/2"), Decimal("1.5"))
    ]
    assert len(set(keys)) == len(keys)
    with pytest.raises(TypeError, match="a job's key needs plain data, was function"):
        job_key(key, other)


@pytest.mark.slow
def test_a_full_disk_is_said_and_a_killed_writer_loses_no_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    script = (
        "import os, resource, signal, sys; from pathlib import Path\n"
        "from sim.protocol.errors import JournalError\n"
        "from sim.study.journal import Journal, job_key\n"
        "journal = Journal(Path(sys.argv[1]), int)\n"
        "for n in range(5): journal.add(job_key(job_key, n), str(n), n)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1100, 1100))\n"
        "try: journal.add(job_key(job_key, 5), '5', 5)\n"
        "except JournalError as error: print(error, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (-9, "")
    assert done.stdout == f"{path}: cannot hold a journal: File too large\n"
    assert path.stat().st_size == 1100  # the line was cut
    with Journal(path, int) as journal:
        assert [journal[job_key(job_key, n)] for n in range(5)] == [0, 1, 2, 3, 4]
        assert len(journal) == 5
