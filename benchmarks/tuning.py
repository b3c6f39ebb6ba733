"""The tuning grid that ships: 27 points and 3 baselines over four minutes of real books.

What is measured is the work of one core: the whole grid on two cores takes half of 30 runs. Several
points are run in one process that keeps the recordings, as each worker of the pool does.
"""

from typing import Any, Final

from benchmarks.calibration import NAME, reference_rate
from benchmarks.measure import compare, rate
from sim.study.runs import RunJob, Source, run_job

RUNS: Final = 30
CORES: Final = 2
TARGET_S: Final = 60


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows of the result: grids per hour on two cores, from the speed of one of its runs."""
    source = Source("tuning")
    run_job(RunJob(source, (), 1))  # reads and keeps the books, once per process

    def ours() -> float:
        points = 1 if quick else 3
        jobs = [
            RunJob(source, (("grid", f'router.strategy.theta_queue="{n / 1000}"'),), 1)
            for n in range(1, points + 1)
        ]
        per_s = rate(points, lambda: [run_job(job) for job in jobs])
        return per_s * CORES / RUNS * 3_600

    return [
        compare(
            "tune_grid",
            "grids/h on 2 cores",
            ours,
            {NAME: reference_rate},
            rounds=1 if quick else 3,
            value_min=3_600 / TARGET_S,
        )
    ]
