"""``what_if_*``: a run once more with one change, beside the run itself.

The peer is the run as `sorsim run` makes it: from the scenario's file into a folder. What is
measured beside it reads the log, runs the changed scenario, pairs the records of both and tells
causes and costs. A what-if may take 1.2 times the run's own time; a log of nothing but our own
orders, whose every record has to be paired, is told beside it and not judged.
"""

import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import compare, rate
from sim.scenario.load import load_scenario
from sim.study.whatif import whatif
from sim.world import run_world

LEAST_RATIO: Final = 1 / 1.2
CASES: Final = {
    "what_if_books": ("three_real_books", "venues[SPOT].fees.taker='11'"),
    "what_if_flow": ("leakage_sliced", "venues[POOL].latency.order.delay=9ms"),
    "what_if_orders": ("dark_learning", "venues[D1].latency.order.delay=1200us"),
}
"""Recorded books; a market that reacts; a log of nothing but our own orders."""
_NOT_JUDGED: Final = frozenset({"what_if_orders"})


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; ``quick`` takes fewer rounds."""
    return [_row(name, *case, quick=quick) for name, case in CASES.items()]


def _row(name: str, scenario: str, change: str, *, quick: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        run_world(load_scenario(scenario), folder=Path(folder))

        def ours() -> float:
            return 3_600 * rate(1, lambda: whatif(folder, [change]))

        return compare(
            name,
            "what-ifs/h",
            ours,
            {"run": lambda: 3_600 * rate(1, lambda: _run(scenario))},
            rounds=3 if quick else 7,
            ratio_min=None if name in _NOT_JUDGED else {"run": LEAST_RATIO},
        )


def _run(scenario: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run_world(load_scenario(scenario), folder=Path(folder))
