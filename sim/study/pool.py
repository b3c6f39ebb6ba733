"""Many independent pieces of work on all cores, with the results of one after the other.

Results come back in the order of the jobs and do not depend on how many workers there are, since a
job is a function of its argument alone. Workers are fresh processes; they live for all jobs that
they get, so that what a worker function keeps (a parsed file, say) serves the next job. Knows
nothing of what the work is.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait as wait_for
from multiprocessing.context import BaseContext
from multiprocessing.util import Finalize
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Final, Generic, TypeAlias, TypeVar, cast

from sim.kernel.interrupt import held_back, stop_if_interrupted
from sim.protocol.errors import SorsimError, WorkerLostError
from sim.study.bundles import Outcome, Several, Todo, words

OnDone = Callable[[int, int], None]
"""Called with how many jobs are done, and of how many."""
J = TypeVar("J")
R = TypeVar("R")
_Work: TypeAlias = "Future[list[Outcome[R]]]"

_PRELOAD: Final = ("sim.world", "sim.study.pool")
"""What every worker needs is imported once, by the server that they are forked from."""
_LOOK_SECONDS: Final = 0.2
_AFTER_CHILDREN: Final = -1
"""Of what is done as Python leaves, what is below 0 comes after all child processes were joined."""
TRIES: Final = 3
"""How often a job may end its worker process before it is given up."""


class JobError(SorsimError):
    """A job failed; the message names it, and ``__cause__`` is what it raised."""

    is_of_a_job: Final = True


def cores() -> int:
    """The cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this platform
        return os.cpu_count() or 1


def run_many(
    jobs: Sequence[J],
    worker: Callable[[J], R],
    *,
    jobs_n: int,
    on_done: OnDone | None = None,
    on_result: Callable[[int, R], object] | None = None,
    name: Callable[[J], str] = str,
) -> list[R]:
    """Run ``worker(job)`` for every job; results in the order of the jobs.

    A job whose worker process dies (killed, or short of memory) is done again in a new one, and
    the other workers go on: nothing that is done is lost, and ``TRIES`` bounds it.

    Args:
        jobs: Whatever can be pickled.
        worker: A function of a module; with several workers it runs in another process.
        jobs_n: Worker processes, >= 1; with 1 everything runs in this process.
        on_done: Called in this process as jobs end.
        on_result: Called in this process with each result as it comes, and its place among the
            jobs; what it raises ends the whole.
        name: What messages call a job.

    Raises:
        JobError: If a job raised. Where several do it is the first in the order of the jobs among
            those that had ended; the others are stopped.
        WorkerLostError: If one job ended its worker process ``TRIES`` times.
        KeyboardInterrupt: At Ctrl-C or SIGTERM; all workers are stopped at once.
        ValueError: If ``jobs_n`` is below 1.
    """
    if jobs_n < 1:
        raise ValueError(f"jobs_n must be >= 1, was {jobs_n}")
    results: dict[int, R] = {}

    def take(n: int, result: R) -> None:
        results[n] = result
        if on_result is not None:
            on_result(n, result)
        if on_done is not None:
            on_done(len(results), len(jobs))

    if jobs_n == 1 or len(jobs) < 2:
        _here(jobs, worker, take, name)
    else:
        with terminate_is_interrupt():
            _Crew(jobs, worker, take, name).run(min(jobs_n, len(jobs)))
    return [results[n] for n in range(len(jobs))]


def _here(
    jobs: Sequence[J],
    worker: Callable[[J], R],
    take: Callable[[int, R], None],
    name: Callable[[J], str],
) -> None:
    for n, job in enumerate(jobs):
        stop_if_interrupted()
        try:
            result = worker(job)
        except Exception as error:
            raise JobError(f"{name(job)}: {words(error)}") from error
        take(n, result)


class _Seat:
    """Where one worker process sits; a pool of one, so that a death is the death of a known job."""

    def __init__(self, context: BaseContext) -> None:
        self._context = context
        self._executor = self._new()

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=self._context, initializer=_begin)

    def submit(self, call: Callable[[J], R], job: J) -> "Future[R]":
        try:
            return self._executor.submit(call, job)
        except BrokenProcessPool:  # it died while it had nothing to do
            self.renew()
            return self._executor.submit(call, job)

    def renew(self) -> None:
        self.leave()
        self._executor = self._new()

    def leave(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)


class _Crew(Generic[J, R]):
    """Worker processes, each with one job at a time, until all jobs are done."""

    def __init__(
        self,
        jobs: Sequence[J],
        worker: Callable[[J], R],
        take: Callable[[int, R], None],
        name: Callable[[J], str],
    ) -> None:
        self._jobs = jobs
        self._call = Several(worker)
        self._module: str = getattr(worker, "__module__", "__main__")
        self._take = take
        self._name = name
        self._todo = Todo(len(jobs))
        self._deaths: Counter[int] = Counter()
        self._at_work: dict[_Work[R], tuple[tuple[int, ...], _Seat]] = {}
        self._ended: SimpleQueue[_Work[R]] = SimpleQueue()
        self._seats_n = 0
        self._free: list[_Seat] = []

    def run(self, workers_n: int) -> None:
        others = {child.pid for child in multiprocessing.active_children()}
        warm_up(self._module)
        context = _context(self._module)
        seats = [_Seat(context) for _ in range(workers_n)]
        self._seats_n, self._free = workers_n, seats.copy()
        try:
            self._hand_out()
            while self._at_work:
                stop_if_interrupted()
                self._look()
        except KeyboardInterrupt:
            self._keep_ended()
            raise
        finally:
            if self._at_work:
                for child in multiprocessing.active_children():
                    if child.pid not in others:
                        child.kill()  # they write nothing, so nothing is left half-done
            for seat in seats:
                seat.leave()

    def _hand_out(self) -> None:
        while self._free and self._todo:
            with held_back():  # it may start a process, and nobody may be left half-started
                seat = self._free.pop()
                bundle = self._todo.take(self._seats_n)
                future = seat.submit(self._call, [self._jobs[n] for n in bundle])
                self._at_work[future] = (bundle, seat)
                future.add_done_callback(self._ended.put)

    def _look(self) -> None:
        """Take what has ended, and give those who are free something to do."""
        came: list[tuple[tuple[int, ...], list[Outcome[R]]]] = []
        for future in self._heard(_LOOK_SECONDS):  # a bound, so that signals are heard
            bundle, seat = self._at_work.pop(future)
            error = future.exception()
            if isinstance(error, BrokenProcessPool | KeyboardInterrupt):
                seat.renew()  # a polite kill interrupts the run that the worker was at
                self._died(bundle, error)
            else:
                outcomes = future.result()
                self._todo.came_back(bundle, len(outcomes))
                came.append((bundle, outcomes))
            self._free.append(seat)
        self._hand_out()  # before we look at what came: they need not wait for that
        failed: dict[int, Exception] = {}
        for bundle, outcomes in came:
            self._keep(bundle, outcomes, failed)
        if failed:
            n = min(failed)
            raise JobError(f"{self._name(self._jobs[n])}: {words(failed[n])}") from failed[n]

    def _heard(self, seconds: float) -> "list[_Work[R]]":
        ended = []
        with suppress(Empty):
            ended.append(self._ended.get(timeout=seconds))
            while True:
                ended.append(self._ended.get_nowait())
        return ended

    def _keep(
        self, bundle: tuple[int, ...], outcomes: list[Outcome[R]], failed: dict[int, Exception]
    ) -> None:
        for n, outcome in zip(bundle, outcomes, strict=False):  # the rest was given back
            if outcome.error is not None:
                failed[n] = outcome.error
            else:
                self._take(n, cast("R", outcome.result))

    def _keep_ended(self) -> None:
        """What was done before we were told to stop is done."""
        for future in self._heard(0):
            bundle, _ = self._at_work.pop(future)
            if future.exception() is None:
                self._keep(bundle, future.result(), {})

    def _died(self, bundle: tuple[int, ...], error: BaseException) -> None:
        """A worker is gone: of several jobs nobody knows which it was at, so each goes alone."""
        self._todo.lost(bundle)
        if len(bundle) == 1:
            self._deaths[bundle[0]] += 1
            if self._deaths[bundle[0]] >= TRIES:
                raise WorkerLostError(worker_lost(self._name(self._jobs[bundle[0]]))) from error


def worker_lost(name: str) -> str:
    """What to say of a job that was tried often enough."""
    return (
        f"{name}: its worker process ended in the middle of it {TRIES} times; was memory short? "
        "fewer at a time (--jobs) need less. A script of yours that has no "
        "`if __name__ == '__main__':` ends all workers, too"
    )


def warm_up(module: str) -> None:
    """Let the server that workers are forked from load what they need, while we do something else.

    Args:
        module: Where the worker function will be.
    """
    if _context(module).get_start_method() == "forkserver":
        _start_server()


def _start_server() -> None:
    """Start the server that workers are forked from, deaf to Ctrl-C, as its workers are then.

    A terminal sends that to all processes: those that are only starting would each print where they
    were. The tracker is started first, since that opens this process's ears again.
    """
    from multiprocessing import forkserver, resource_tracker

    with held_back():
        resource_tracker.ensure_running()
    with held_back():
        forkserver.ensure_running()
    if not _Leaving.is_told:
        _Leaving.is_told = True
        Finalize(None, _end_server, exitpriority=_AFTER_CHILDREN)


class _Leaving:
    """Whether the server is ended as Python leaves: a fact of the process, as the server is."""

    is_told = False


def _end_server() -> None:
    """End the server as we leave, when no worker of it is left.

    It goes by itself once it hears that we are gone, but it hears nothing while it imports. That
    may take seconds, for which it would keep our output open, and who reads that waits for it.
    """
    from multiprocessing import forkserver

    server = getattr(forkserver, "_forkserver", None)  # there is no public way to its id
    pid = getattr(server, "_forkserver_pid", None)
    if isinstance(pid, int):
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)  # it holds nothing of its own; a worker of ours is not it


def _context(module: str) -> BaseContext:
    """New processes that share nothing with this one: it may have threads, or a loop that runs."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    own = [module] if module != "__main__" else []
    context.set_forkserver_preload([*_PRELOAD, *own])
    return context


def _begin() -> None:
    """In a new worker: Ctrl-C is for the parent to hear, and without a parent there is no work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(sentinel: int) -> None:
    wait_for([sentinel])
    os._exit(1)


@contextmanager
def terminate_is_interrupt() -> Iterator[None]:
    """While inside, `kill` does what Ctrl-C does, if nobody else has taken care of it."""
    usual = signal.SIG_DFL
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not usual
        or sys.platform == "win32"
    ):
        yield
        return

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)
