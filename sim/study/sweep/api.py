"""``sim.sweep``: what Python users call. Nothing is written unless a journal is named."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sim.study.grid import Value, axis_of, grid_of
from sim.study.pool import OnDone, cores
from sim.study.runs import Source
from sim.study.spread import Cluster, Pool
from sim.study.sweep.plan import plan_of
from sim.study.sweep.run import Swept, run_plan


def sweep(
    scenario: str | Path,
    *,
    grid: Mapping[str, Sequence[Value]] | None = None,
    seeds: int | None = None,
    sets: Sequence[str] = (),
    data: str | Path | None = None,
    jobs: int | None = None,
    cluster: str | None = None,
    journal: str | Path | None = None,
    allow_code: bool = False,
    on_done: OnDone | None = None,
) -> Swept:
    """Run a scenario at many points, each with the same seeds, and compare them pair by pair.

    Args:
        scenario: A file, or the bare name of a shipped scenario.
        grid: Values by path, in place of what ``study.sweep`` of the scenario varies.
        seeds: How many, from the scenario's own on; None: as many as ``study.sweep`` says.
        sets: Overrides for all runs, ``PATH=VALUE`` each.
        data: Folder of the data files that the scenario names; None: its own.
        jobs: Processes at work, all cores by default; the result is the same with any number.
        cluster: Address of a Dask scheduler whose workers do the work instead.
        journal: File that keeps what is done; what it holds already is not run again.
        allow_code: Whether code that the scenario names in ``plugins`` may run.
        on_done: Called as runs end, with how many are done and of how many.

    Returns:
        ``result``, the content of ``sweep.json``, and ``runs`` by point, seed by seed.

    Raises:
        GridError: If the grid is none.
        ScenarioError: If there is nothing to vary, or a point is wrong; nothing has run.
        JobError: If a run failed.
        ClusterError: If the cluster cannot be reached, or is lost.
        JournalError: If the journal is none, or of other code.
        ValueError: If ``seeds`` or ``jobs`` is below 1, or both ``jobs`` and ``cluster`` are given.
    """
    for name, value in (("seeds", seeds), ("jobs", jobs)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be >= 1, was {value}")
    if jobs is not None and cluster is not None:
        raise ValueError("jobs and cluster are two places to run: give one of them")
    axes = grid_of([axis_of(path, values) for path, values in (grid or {}).items()])
    source = Source(str(scenario), tuple(sets), None if data is None else Path(data), allow_code)
    return run_plan(
        plan_of(source, axes, seeds),
        where=Pool(jobs or cores()) if cluster is None else Cluster(cluster),
        on_done=on_done,
        journal=None if journal is None else Path(journal),
    )
