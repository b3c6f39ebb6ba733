"""Many independent pieces of work on all cores, with the results of one after the other.

Results come back in the order of the jobs and do not depend on how many workers there are, since a
job is a function of its argument alone. Workers are fresh processes; they live for all jobs that
they get, so that what a worker function keeps (a parsed file, say) serves the next job. Knows
nothing of what the work is.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for
from multiprocessing.context import BaseContext
from types import FrameType
from typing import Final, Generic, TypeVar

from sim.protocol.errors import SorsimError

OnDone = Callable[[int, int], None]
"""Called with how many jobs are done, and of how many."""
J = TypeVar("J")
R = TypeVar("R")

_PRELOAD: Final = ("sim.world", "sim.study.pool")
"""What every worker needs is imported once, by the server that they are forked from."""
_LOOK_SECONDS: Final = 0.2


class JobError(SorsimError):
    """A job failed; the message names it, and ``__cause__`` is what it raised."""

    is_of_a_job: Final = True


class WorkerLostError(SorsimError):
    """A worker process ended in the middle of its job, as when memory is short."""


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
    name: Callable[[J], str] = str,
) -> list[R]:
    """Run ``worker(job)`` for every job; results in the order of the jobs.

    Args:
        jobs: Whatever can be pickled.
        worker: A function of a module; with several workers it runs in another process.
        jobs_n: Worker processes, >= 1; with 1 everything runs in this process.
        on_done: Called in this process as jobs end.
        name: What messages call a job.

    Raises:
        JobError: If a job raised. Where several do it is the first in the order of the jobs among
            those that had ended; the others are stopped.
        WorkerLostError: If a worker process died.
        KeyboardInterrupt: At Ctrl-C or SIGTERM; all workers are stopped at once.
        ValueError: If ``jobs_n`` is below 1.
    """
    if jobs_n < 1:
        raise ValueError(f"jobs_n must be >= 1, was {jobs_n}")
    if jobs_n == 1 or len(jobs) < 2:
        return _here(jobs, worker, on_done, name)
    with _terminate_is_interrupt():
        return _there(jobs, worker, min(jobs_n, len(jobs)), on_done, name)


def _here(
    jobs: Sequence[J],
    worker: Callable[[J], R],
    on_done: OnDone | None,
    name: Callable[[J], str],
) -> list[R]:
    results = []
    for n, job in enumerate(jobs):
        try:
            results.append(worker(job))
        except Exception as error:
            raise JobError(f"{name(job)}: {_words(error)}") from error
        if on_done is not None:
            on_done(n + 1, len(jobs))
    return results


def _there(
    jobs: Sequence[J],
    worker: Callable[[J], R],
    jobs_n: int,
    on_done: OnDone | None,
    name: Callable[[J], str],
) -> list[R]:
    others = {child.pid for child in multiprocessing.active_children()}
    executor = ProcessPoolExecutor(jobs_n, mp_context=_context(), initializer=_begin)
    futures: list[Future[R]] = []
    try:
        futures += [executor.submit(_Portable(worker), job) for job in jobs]
        _wait(futures, on_done)
        return [future.result() for future in futures]
    except BrokenProcessPool as error:
        raise WorkerLostError(
            "a worker process ended in the middle of its work; was memory short? "
            "fewer at a time (--jobs) need less"
        ) from error
    except Exception as error:
        n = next(n for n, future in enumerate(futures) if _error(future) is not None)
        first = _error(futures[n])
        raise JobError(f"{name(jobs[n])}: {_words(first or error)}") from first
    finally:
        if any(not future.done() for future in futures):
            for child in multiprocessing.active_children():
                if child.pid not in others:
                    child.kill()  # they write nothing, so nothing is left half-done
        executor.shutdown(wait=True, cancel_futures=True)


class _Portable(Generic[J, R]):
    """A worker function whose errors all find their way to another process."""

    def __init__(self, worker: Callable[[J], R]) -> None:
        self._worker = worker

    def __call__(self, job: J) -> R:
        try:
            return self._worker(job)
        except Exception as error:
            try:
                pickle.loads(pickle.dumps(error))
            except Exception:
                raise RuntimeError(_words(error)) from None
            raise


def _wait(futures: Sequence[Future[R]], on_done: OnDone | None) -> None:
    """Until all are done or one has failed."""
    left = set(futures)
    while left:
        # A timeout, so that signals are heard on every platform.
        done, left = wait(left, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
        if done and on_done is not None:
            on_done(len(futures) - len(left), len(futures))
        if any(_error(future) is not None for future in done):
            return


def _error(future: Future[R]) -> BaseException | None:
    if not future.done() or future.cancelled():
        return None
    return future.exception()


def _words(error: BaseException) -> str:
    return str(error) if isinstance(error, SorsimError) else f"{type(error).__name__}: {error}"


def _context() -> BaseContext:
    """New processes that share nothing with this one: it may have threads, or a loop that runs."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOAD))
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
def _terminate_is_interrupt() -> Iterator[None]:
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
