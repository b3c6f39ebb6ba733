"""Runs a plan: every run once, here or elsewhere, and what came of all of them."""

from pathlib import Path
from typing import Final, NamedTuple

from sim.study.journal import Journal
from sim.study.notebook import sweep_html
from sim.study.pool import OnDone
from sim.study.spread import Pool, Where, spread
from sim.study.sweep.figures import RunFigures, SweepJob, run_job
from sim.study.sweep.plan import Plan
from sim.study.sweep.result import Sweep, result_of

JOURNAL: Final = "journal.jsonl"
"""What is done already, in the folder of a sweep."""
HERE: Final = Pool(1)


class Swept(NamedTuple):
    """A sweep's result, and its runs by point, seed by seed."""

    result: Sweep
    runs: list[list[RunFigures]]

    def _repr_html_(self) -> str:
        """For notebooks: its points."""
        return sweep_html(self.result)


def run_plan(
    plan: Plan,
    *,
    where: Where = HERE,
    on_done: OnDone | None = None,
    journal: Path | None = None,
) -> Swept:
    """Run all points with all seeds; the result is the same wherever they run.

    Args:
        plan: What to run.
        where: Processes of this machine, or a cluster.
        on_done: Called as runs end.
        journal: File that keeps what is done; what it holds already is not run again.

    Raises:
        JobError: If a run failed.
        WorkerLostError: If a run ended its process again and again.
        ClusterError: If the cluster cannot be reached, or is lost.
        JournalError: If the journal is none, or of other code.
        Stopped: At Ctrl-C; what is done is in the journal.
    """
    jobs, rows = plan.jobs()
    if journal is None:
        figures = _run(jobs, plan, where, on_done, None)
    else:
        with Journal(journal, RunFigures) as kept:
            figures = _run(jobs, plan, where, on_done, kept)
    runs = [[figures[n] for n in row] for row in rows]
    return Swept(result_of(plan, runs), runs)


def _run(
    jobs: list[SweepJob],
    plan: Plan,
    where: Where,
    on_done: OnDone | None,
    journal: Journal[RunFigures] | None,
) -> list[RunFigures]:
    return spread(
        jobs,
        run_job,
        where=where,
        on_done=on_done,
        journal=journal,
        what=SweepJob.what,
        parcels=list(dict.fromkeys(point.parcel for point in plan.points)),
    )
