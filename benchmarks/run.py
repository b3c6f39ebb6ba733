"""All benchmarks in one run: what `sorsim bench` shows and `--json` prints."""

import json
import sys
from importlib import import_module
from typing import Any, Final

MODULES: Final = (
    "benchmarks.loop",
    "benchmarks.matching",
    "benchmarks.audit",
    "benchmarks.invariants",
    "benchmarks.decision",
    "benchmarks.placement",
    "benchmarks.replay",
    "benchmarks.book_path",
    "benchmarks.data_reading",
    "benchmarks.replay_run",
    "benchmarks.start_up",
    "benchmarks.whole_job",
    "benchmarks.tuning",
    "benchmarks.report",
    "benchmarks.spreading",
    "benchmarks.questions",
    "benchmarks.what_if",
    "benchmarks.load",
)
"""Each has ``run(quick: bool)``: rows as ``benchmarks.measure.compare`` makes them.

To add a benchmark, add its module here. Its ``run`` returns one row or more; every row needs at
least one peer, ``benchmarks.calibration.reference_rate`` if there is no other, because only ratios
are compared with the committed figures (``benchmarks.gate``). More is better: measure a time as
its rate.
"""


def collect(quick: bool) -> dict[str, Any]:
    """Run all of them; ``quick`` trades repeats for time, for a look rather than for a claim."""
    rows: list[dict[str, Any]] = []
    for name in MODULES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows += import_module(name).run(quick)
    return {"bench": rows}


if __name__ == "__main__":
    print(json.dumps(collect(quick="--quick" in sys.argv[1:]), indent=2))
