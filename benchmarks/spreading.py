"""Many runs at once: a thousand with their whole analysis on two cores, and Dask beside the pool.

Measured is wall time, since the cores are the point; so these figures are those of a machine that
has nothing else to do. ``sweep_runs`` counts from the call to the last result, with a journal on
disk; the server that processes are forked from runs already, since `sorsim sweep` starts it first
of all. ``dask_tasks`` hands tasks that keep a core busy for a second to two workers of a cluster on
this machine, and the same tasks to two processes; the cluster runs already, as clusters do, and has
done something before. With few tasks the last one weighs: a worker may have two while one has none.
"""

import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.calibration import NAME, reference_rate
from sim.scenario.load import load_scenario
from sim.study.journal import Journal
from sim.study.parcel import pack
from sim.study.pool import cores
from sim.study.spread import Cluster, Pool, Where, spread
from sim.study.sweep.figures import RunFigures, SweepJob, run_job

CORES: Final = 2
RUNS: Final = 1_000
SECONDS_MAX: Final = 60
SPEED_UP_MIN: Final = 1.8
"""Of two processes against one; not judged where there is one core only."""
OVERHEAD_MAX: Final = 0.2
"""Of Dask's time against the pool's."""


def run(quick: bool) -> list[dict[str, Any]]:
    """The rows ``sweep_runs``, in runs a minute, and ``dask_tasks``, in tasks an hour."""
    return [sweep_runs(200 if quick else RUNS), dask_tasks(24 if quick else 100)]


def sweep_runs(count: int) -> dict[str, Any]:
    """Runs of ``fragmented`` with cost analysis and attribution, by one process and by two.

    The single process does a fifth of them.
    """
    parcel = pack(load_scenario("fragmented"))
    jobs = [SweepJob(parcel, seed, "fragmented") for seed in range(1, count + 1)]
    run_job(jobs[0])  # what a process reads once
    _sweep(jobs[:CORES], Pool(CORES))  # starts the server
    alone = jobs[: max(1, count // 5)]
    before = reference_rate()
    cpu = time.process_time()
    single = len(alone) / _sweep(alone, Pool(1))
    cpu = time.process_time() - cpu
    reference = (before + reference_rate()) / 2
    both = len(jobs) / _sweep(jobs, Pool(CORES))
    speed_up = both / single
    enough = both >= RUNS / SECONDS_MAX
    return {
        "name": "sweep_runs",
        "value": round(60 * both),
        "unit": f"runs/min on {CORES} cores",
        "peers": {NAME: round(reference)},
        "ratio": {NAME: round(60 * len(alone) / cpu / reference, 6)},  # holds on a busy machine
        "target": {
            "value": RUNS / SECONDS_MAX * 60,
            "ratio": {},
            "aim": None,
            "speed_up": SPEED_UP_MIN,
        },
        "met": enough and (speed_up >= SPEED_UP_MIN or cores() < CORES),
        "detail": {
            "runs": count,
            "seconds": round(count / both, 1),
            "speed_up": round(speed_up, 2),
        },
    }


def _sweep(jobs: list[SweepJob], where: Where) -> float:
    """Seconds of the wall."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        with Journal(Path(folder, "journal.jsonl"), RunFigures) as journal:
            spread(jobs, run_job, where=where, journal=journal, what=SweepJob.what)
        return time.perf_counter() - start


def dask_tasks(count: int) -> dict[str, Any]:
    """Tasks of a second, by two workers of a cluster and by two processes."""
    from distributed import LocalCluster

    make: Any = LocalCluster  # its types are missing
    with make(
        n_workers=CORES,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        there = Cluster(cluster.scheduler_address)
        _busy(CORES, there)  # its workers load what they need once
        dask = _busy(count, there)
    _busy(CORES, Pool(CORES))  # as does the server that processes are forked from
    pool = _busy(count, Pool(CORES))
    overhead = dask / pool - 1
    return {
        "name": "dask_tasks",
        "value": round(3_600 * count / dask),
        "unit": f"tasks/h on {CORES} workers",
        "peers": {"pool": round(3_600 * count / pool)},
        "ratio": {"pool": round(pool / dask, 3)},
        "target": {"value": None, "ratio": {"pool": round(1 / (1 + OVERHEAD_MAX), 3)}, "aim": None},
        "met": overhead <= OVERHEAD_MAX,
        "detail": {
            "tasks": count,
            "seconds": round(dask, 1),
            "overhead": round(overhead, 3),
        },
    }


def _busy(count: int, where: Where) -> float:
    """Seconds of the wall for so many busy seconds."""
    start = time.perf_counter()
    assert spread(range(count), busy_second, where=where) == list(range(count))
    return time.perf_counter() - start


def busy_second(n: int) -> int:
    """Keep a core busy for a second; ``n`` again."""
    ends = time.thread_time() + 1
    while time.thread_time() < ends:
        pass
    return n
