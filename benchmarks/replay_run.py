"""``replay_run``: a day of single orders through the real loop, with a router at work.

Where the shared data folder is (``SORSIM_SHARED``), the day is the LOBSTER sample of GOOG, ten
levels deep, 147,916 messages, converted before the clock starts; else as many made-up rows
(``benchmarks.order_tape``). A run reads the file, plays each instant into the book of a replayed
venue, publishes each change of the displayed depth over a link to the router, and records best
quotes, trades and the router's work: 40 parents over the day, which take what is shown and are
rested for a while with what nobody shows. Messages are those of the recording; the whole run
counts, reading the file and writing the log included.

There is no peer to install: the reference loop stands for the machine.
"""

import os
import tempfile
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.calibration import NAME, reference_rate
from benchmarks.made_orders import LOT, TICK
from benchmarks.measure import compare, rate
from benchmarks.order_tape import order_rows, tape_block
from sim.data import converter
from sim.data.neutral import event_writer
from sim.protocol.enums import Outcome
from sim.scenario.load import LoadedScenario, load_scenario
from sim.world import run_world

MESSAGES: Final = 147_916
"""Messages of the recorded day."""
QUICK: Final = 20_000
VALUE_MIN: Final = 150_000
PARENTS: Final = 40
_NAME: Final = "lobster/GOOG_2012-06-21_34200000_57600000_{}_10.csv.gz"


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; ``quick`` plays fewer made-up rows, a recorded day is always whole."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count, minutes, source = prepare(folder, QUICK if quick else MESSAGES)
        loaded = scenario(folder, minutes)
        row = compare(
            "replay_run",
            "messages/s",
            lambda: rate(count, lambda: _play(loaded)),
            {NAME: reference_rate},
            rounds=3 if quick else 5,
            value_min=VALUE_MIN,
        )
        row["note"] = source
        return [row]


def prepare(folder: Path, made: int) -> tuple[int, int, str]:
    """Put the day into ``folder``; its messages, its length in minutes, and what it is."""
    out = folder / "day.events.csv.gz"
    shared = os.environ.get("SORSIM_SHARED")
    if shared is not None:
        inputs = [Path(shared, "data", _NAME.format(one)) for one in ("message", "orderbook")]
        if all(path.is_file() for path in inputs):
            converter("lobster")(inputs, out, {})
            return MESSAGES, 390, "GOOG, LOBSTER sample, ten levels"
    rows = list(order_rows(made, seed=4))
    with event_writer(out) as writer:
        writer.write(tape_block(rows, TICK, LOT), ("MADE",))
    return len(rows), max(1, round(rows[-1][0] / 60e9)), "made-up orders: no shared data"


def scenario(folder: Path, minutes: int) -> LoadedScenario:
    """The day at a replayed venue, and parents spread over it, half of them limited."""
    leg = {"model": "fixed", "delay": "200us"}
    every = 60 * minutes // (PARENTS + 1)
    parents = [
        {
            "id": f"P{n}",
            "side": "buy" if n % 2 else "sell",
            "qty": 300,
            "at": f"{every * (n + 1)}s",
            "deadline": f"{every * (n + 1) + max(1, every // 4)}s",
        }
        for n in range(PARENTS)
    ]
    data = {
        "schema_version": 1,
        "name": "replay_run",
        "seed": 1,
        "duration": f"{minutes}min",
        "instrument": {"symbol": "DAY", "tick_size": "0.01", "lot_size": 1},
        "venues": [
            {
                "id": "DAY",
                "kind": "replayed",
                "file": "day.events.csv.gz",
                "latency": {"order": leg, "report": leg, "feed": leg},
            }
        ],
        "router": {"strategy": {"kind": "greedy"}, "rest": {}},
        "parents": parents,
    }
    path = folder / "replay_run.yaml"
    path.write_bytes(msgspec.json.encode(data))
    return load_scenario(path)


def _play(loaded: LoadedScenario) -> None:
    result = run_world(loaded)
    if result.outcome is not Outcome.COMPLETE:
        raise AssertionError(result.outcome)
