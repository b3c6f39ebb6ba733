"""Short jobs go together, long ones alone, and no job is lost or done twice."""

from collections.abc import Iterator

import pytest

from sim.study import bundles
from sim.study.bundles import BUNDLE_MAX, MOMENT_NS, Several, Todo


@pytest.fixture
def takes_ns(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How long each look at the clock says that it has been since the one before."""
    steps: list[int] = []

    def clock() -> Iterator[int]:
        now = 0
        while True:
            yield now
            now += steps[0]

    ticks = clock()
    monkeypatch.setattr(bundles, "machine_ns", lambda: next(ticks))
    return steps


def size(n: int) -> int:
    return abs(n)


def test_as_many_as_fit_into_a_moment_are_done(takes_ns: list[int]) -> None:
    takes_ns.append(MOMENT_NS // 4)
    assert [one.result for one in Several(size)([-1, -2, -3, -4, -5, -6])] == [1, 2, 3, 4]
    takes_ns[0] = MOMENT_NS * 9
    assert [one.result for one in Several(size)([-1, -2])] == [1]


def test_an_error_is_the_last_outcome_and_can_be_pickled() -> None:
    class OddError(Exception):
        def __init__(self, a: int, b: int) -> None:
            super().__init__("odd")

    def work(n: int) -> float:
        if n == 2:
            raise OddError(1, 2)
        return 1 / n

    outcomes = Several(work)([1, 0, 3])
    assert [type(one.error) for one in outcomes] == [type(None), ZeroDivisionError]
    (odd,) = Several(work)([2])
    assert (type(odd.error), str(odd.error)) == (RuntimeError, "OddError: odd")


def test_short_jobs_are_handed_out_in_ever_larger_bundles() -> None:
    todo = Todo(200)
    sizes: list[int] = []
    seen: list[int] = []
    while todo:
        bundle = todo.take(seats=2)
        sizes.append(len(bundle))
        seen += bundle
        todo.came_back(bundle, len(bundle))
    assert seen == list(range(200))
    assert sizes[:6] == [1, 2, 4, 8, 16, BUNDLE_MAX]
    assert sizes[-2:] == [1, 1]  # what is left is shared


def test_what_did_not_fit_is_given_again_and_the_next_is_smaller() -> None:
    todo = Todo(40)
    todo.came_back(todo.take(1), 1)
    bundle = todo.take(1)
    assert bundle == (1, 2)
    todo.came_back(bundle, 1)
    assert todo.take(1) == (2,)


def test_jobs_of_a_worker_that_died_go_alone() -> None:
    todo = Todo(9)
    todo.came_back(todo.take(1), 1)
    bundle = todo.take(1)
    todo.lost(bundle)
    assert [todo.take(1) for _ in range(3)] == [(1,), (2,), (3, 4)]
