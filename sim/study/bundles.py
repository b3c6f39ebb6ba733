"""Short jobs in bundles: what a worker is handed at once, and what comes back of it.

A hand-over between processes costs about a millisecond, as much as a tenth of a short run. So a
worker is given several jobs, does as many as fit into a moment, at least one, and gives the others
back: long jobs travel alone, nobody waits for a bundle, and what a dying worker loses is a moment's
work. Knows nothing of who does the jobs.
"""

import pickle
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from sim.kernel.clock import machine_ns
from sim.protocol.errors import SorsimError

MOMENT_NS: Final = 200_000_000
BUNDLE_MAX: Final = 32

J = TypeVar("J")
R = TypeVar("R")


class Outcome(NamedTuple, Generic[R]):
    """What a job came to: its result, or what it raised."""

    result: R | None
    error: Exception | None


class Several(Generic[J, R]):
    """A worker function for as many of several jobs as fit into a moment."""

    def __init__(self, worker: Callable[[J], R]) -> None:
        self._worker = worker

    def __call__(self, jobs: Sequence[J]) -> list[Outcome[R]]:
        """The outcomes of the first of them, at least of one; an error is the last."""
        ends_ns = machine_ns() + MOMENT_NS
        outcomes: list[Outcome[R]] = []
        for job in jobs:
            try:
                outcomes.append(Outcome(self._worker(job), None))
            except Exception as error:
                outcomes.append(Outcome(None, _portable(error)))
                break
            if machine_ns() >= ends_ns:
                break
        return outcomes


class Todo:
    """The jobs that nobody has been given, by their places.

    Args:
        count: Jobs.
    """

    def __init__(self, count: int) -> None:
        self._left = deque(range(count))
        self._alone: set[int] = set()
        self._size = 1

    def __bool__(self) -> bool:
        return bool(self._left)

    def take(self, seats: int) -> tuple[int, ...]:
        """The next bundle; at least one job must be left.

        Args:
            seats: Who else wants some: nobody gets more than a fair share.
        """
        bundle = [self._left.popleft()]
        size = min(self._size, 1 + len(self._left) // max(1, seats))
        while len(bundle) < size and not self._alone.intersection((bundle[0], self._left[0])):
            bundle.append(self._left.popleft())
        return tuple(bundle)

    def came_back(self, bundle: Sequence[int], done: int) -> None:
        """Of a bundle the first ones are done; the others are to be given again, first of all."""
        self._left.extendleft(reversed(bundle[done:]))
        self._size = min(BUNDLE_MAX, 2 * done if done == len(bundle) else done)

    def lost(self, bundle: Sequence[int]) -> None:
        """Nothing came back: its jobs are to be given again, first of all, each by itself."""
        self._left.extendleft(reversed(bundle))
        self._alone.update(bundle)


def words(error: BaseException) -> str:
    """An error in one line, as the cause of another one."""
    return str(error) if isinstance(error, SorsimError) else f"{type(error).__name__}: {error}"


def _portable(error: Exception) -> Exception:
    """The error as it finds its way to another process."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(words(error))
    return error
