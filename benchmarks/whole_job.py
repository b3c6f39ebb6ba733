"""The whole job: six venues with background flow, a router at work, the full audit log on disk.

Counts every message that a task handles: background orders, feed snapshots, our orders, reports.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

SECONDS = 10
FLOW_RATE = 4_500  # messages per second and venue
PARENTS = 3_300


def scenario(scale: float = 1.0) -> dict[str, Any]:
    """Six lit venues, 60 % background flow, a stream of parents; ``scale`` shortens the run."""
    seconds = SECONDS * scale
    leg = {"model": "lognormal", "median": "200us", "sigma": 0.3}
    venues = [
        {
            "id": f"V{n}",
            "kind": "lit",
            "depth": 5,
            "latency": {"order": leg, "report": leg, "feed": leg},
            "fees": {"taker": f"0.00{n + 10}", "maker": "-0.0010", "unit": "per_share"},
            "flow": [
                {
                    "kind": "poisson",
                    "rate": FLOW_RATE,
                    "centre": "100.00",
                    "levels": 10,
                    "lots": 100,
                    "take": 0.02,
                    "cancel": 0.48,
                }
            ],
        }
        for n in range(6)
    ]
    count = int(PARENTS * scale)
    gap_us = int(seconds * 1e6 * 0.95 / count)
    parents = [
        {
            "id": f"P{n}",
            "side": "buy" if n % 2 else "sell",
            "qty": 300,
            "at": f"{50_000 + n * gap_us}us",
        }
        for n in range(count)
    ]
    return {
        "schema_version": 1,
        "name": "whole_job",
        "seed": 7,
        "duration": f"{int(seconds * 1000) + 500}ms",
        "instrument": {"symbol": "BENCH", "tick_size": "0.01", "lot_size": 1},
        "venues": venues,
        "router": {"strategy": {"kind": "greedy"}, "ack_timeout": "50ms"},
        "parents": parents,
        "audit": {"market_data": "touch", "sync": "interval"},
    }


def measure(scale: float) -> dict[str, Any]:
    """Run once in this process and count; see ``run`` for the row."""
    import resource

    from sim.kernel.inbox import Inbox
    from sim.scenario.load import load_scenario
    from sim.world import run_world

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "whole_job.yaml"
        path.write_text(json.dumps(scenario(scale)))
        loaded = load_scenario(path)
        kinds: Counter[str] = Counter()
        if "--mix" in sys.argv:
            deliver = Inbox.deliver

            def counted(self: Any, event: Any) -> None:
                kinds[type(event.msg).__name__] += 1
                deliver(self, event)

            Inbox.deliver = counted  # type: ignore[method-assign]
        start = time.process_time()
        result = run_world(loaded, folder=Path(folder))
        cpu_s = time.process_time() - start
        log = (Path(folder) / "audit.jsonl").read_bytes()
        records = Counter(line.split(b'"', 6)[5].decode() for line in log.splitlines())
    return {
        "cpu_s": cpu_s,
        "kinds": dict(kinds),
        "records": dict(records),
        "outcome": result.outcome.value,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    figures = measure(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
    print(json.dumps(figures, indent=1))
