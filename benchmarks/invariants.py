"""What the invariants that are always on cost: whole runs with them and without, turn by turn.

Without them is no way that a user could run: this module alone leaves them out. Both contenders run
the same jobs in this process, with the audit log in memory.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import compare, rate
from benchmarks.whole_job import LOOKING, PLAIN, scenario
from sim.audit.invariants import Invariants
from sim.scenario.load import LoadedScenario, load_scenario
from sim.world import run_world

SHARE_MIN: Final = 0.95
"""Of the speed without invariants: they may cost 5 %."""
SCALE: Final = 0.02
"""Of the whole job: short, so that what disturbs the machine meets both contenders alike."""
PEER: Final = "without invariants"


def run(quick: bool) -> list[dict[str, Any]]:
    """One row for each job; ``quick`` runs them fewer times."""
    jobs: dict[str, LoadedScenario | str] = {
        "invariants_busy": _job(PLAIN),
        "invariants_busy_cst": _job(LOOKING),
        "invariants_routing": "fragmented",
        "invariants_recorded": "three_real_books",
    }
    return [_row(name, job, rounds=9 if quick else 41) for name, job in jobs.items()]


def _row(name: str, job: LoadedScenario | str, *, rounds: int) -> dict[str, Any]:
    loaded = load_scenario(job) if isinstance(job, str) else job
    records = run_world(loaded).records  # and everything is imported
    times = max(1, 1_000 // records)

    def work() -> None:
        for _ in range(times):
            run_world(loaded)

    def ours() -> float:
        return rate(records * times, work)

    def without() -> float:
        with _left_out():
            return rate(records * times, work)

    return compare(
        name, "records/s", ours, {PEER: without}, rounds=rounds, ratio_min={PEER: SHARE_MIN}
    )


def _job(flow: dict[str, Any]) -> LoadedScenario:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "job.yaml"
        path.write_text(json.dumps(scenario(SCALE, flow)))
        return load_scenario(path)


@contextmanager
def _left_out() -> Iterator[None]:
    """Runs check nothing meanwhile."""
    usual = Invariants.observers
    Invariants.observers = lambda self: {}  # type: ignore[method-assign]
    try:
        yield
    finally:
        Invariants.observers = usual  # type: ignore[method-assign]


if __name__ == "__main__":
    print(json.dumps(run(quick=True), indent=2))
