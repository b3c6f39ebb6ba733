"""Many independent jobs, spread over processes of this machine or over the workers of a cluster.

Results come back in the order of the jobs and are the same wherever they were worked out. With a
journal they are kept as they come: what was stopped goes on later with what is left. Knows nothing
of what the work is.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from sim.study.cluster import run_on_cluster
from sim.study.journal import Journal, job_key
from sim.study.parcel import Parcel
from sim.study.pool import OnDone, run_many

J = TypeVar("J")
R = TypeVar("R")


class Pool(NamedTuple):
    """Processes of this machine, >= 1; with 1 all is done in this one."""

    workers_n: int


class Cluster(NamedTuple):
    """The address of a Dask scheduler, such as ``tcp://host:8786``."""

    address: str


Where = Pool | Cluster


class Stopped(KeyboardInterrupt):
    """Ctrl-C or SIGTERM. ``done`` of ``total`` jobs were done; ``kept`` is the journal with them.

    ``says`` are the words for whoever stopped it.
    """

    def __init__(self, done: int, total: int, kept: Path | None) -> None:
        self.done = done
        self.total = total
        self.kept = kept
        where = f"kept in {kept}" if kept is not None else "lost: no journal was kept"
        many = f"{done:,} of {total:,} runs were done and are {where}"
        self.says = f"interrupted: {many if done else f'none of {total:,} runs was done'}"
        super().__init__(self.says)


def spread(
    jobs: Sequence[J],
    worker: Callable[[J], R],
    *,
    where: Where,
    name: Callable[[J], str] = str,
    on_done: OnDone | None = None,
    journal: Journal[R] | None = None,
    what: Callable[[J], object] | None = None,
    parcels: Sequence[Parcel] = (),
) -> list[R]:
    """Run ``worker(job)`` for every job that the journal does not hold yet.

    Args:
        jobs: Whatever can be pickled.
        worker: A function of one of our modules: what it gives depends on its argument alone.
        where: Who does the work; it makes no difference to the results.
        name: What messages call a job.
        on_done: Called in this process with how many jobs are done, and of how many: first with
            what the journal holds, then as jobs end.
        journal: Takes each result as it comes, and gives those that it holds. All results are then
            as they are read from it (a tuple in a field without a type comes back as a list).
        what: All that the result of a job depends on, for the journal; by default the job itself.
        parcels: Scenarios that jobs hold: a cluster gets their data files along.

    Returns:
        The results, in the order of the jobs.

    Raises:
        JobError: If a job raised; of several that had ended it is the first in their order.
        WorkerLostError: If one job ended its worker process several times.
        ClusterError: If the cluster cannot be reached, is of another version, or is lost.
        JournalError: If a result cannot be kept.
        Stopped: At Ctrl-C or SIGTERM.
    """
    keys = _keys(jobs, worker, journal, what)
    if journal is not None:
        journal.expect(keys)
    left = {
        key: n
        for n, key in reversed(list(enumerate(keys)))
        if journal is None or key not in journal
    }
    todo = sorted(left.values())
    total = len(jobs)
    counts: dict[int, int] = {}
    for key in keys:  # equal jobs are done once
        counts[left.get(key, -1)] = counts.get(left.get(key, -1), 0) + 1
    done = counts.get(-1, 0)
    found: dict[int, R] = {}

    def take(k: int, result: R) -> None:
        nonlocal done
        n = todo[k]
        found[n] = result if journal is None else journal.add(keys[n], name(jobs[n]), result)
        done += counts[n]
        if on_done is not None:
            on_done(done, total)

    if on_done is not None:
        on_done(done, total)
    try:
        _do([jobs[n] for n in todo], worker, where, take, name=name, parcels=parcels)
    except KeyboardInterrupt as error:
        raise Stopped(done, total, None if journal is None else journal.path) from error
    if journal is None:
        return [found[left[key]] for key in keys]
    journal.settle()
    return [journal[key] for key in keys]


def _keys(
    jobs: Sequence[J],
    worker: Callable[[J], R],
    journal: Journal[R] | None,
    what: Callable[[J], object] | None,
) -> list[str]:
    if journal is None:
        return [str(n) for n in range(len(jobs))]
    return [job_key(worker, job if what is None else what(job)) for job in jobs]


def _do(
    jobs: Sequence[J],
    worker: Callable[[J], R],
    where: Where,
    take: Callable[[int, R], None],
    *,
    name: Callable[[J], str],
    parcels: Sequence[Parcel],
) -> None:
    if not jobs:
        return
    if isinstance(where, Pool):
        run_many(jobs, worker, jobs_n=where.workers_n, on_result=take, name=name)
    else:
        run_on_cluster(jobs, worker, where.address, on_result=take, name=name, parcels=parcels)
