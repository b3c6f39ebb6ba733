"""A soak: one long run, and whether its memory grows once it is warm.

``python -m benchmarks.soak [MILLIONS]`` (by default 10) prints, after each million events, the
memory in use and the blocks that Python holds. The run is that of the whole job, with background
flow that cancels as much as it adds and client orders all along. What a run keeps for its summary
grows with the number of client orders, by a kilobyte or so for each, and is no leak; so there are
few of them here. Warm-up is the first fifth: caches of fixed size fill, and the books.
"""

import gc
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from benchmarks.memory import MESSAGES_PER_SECOND, long_scenario, resident_mb

MILLION: Final = 1_000_000
ORDERS: Final = 50
GROWTH_MAX: Final = 0.01
"""Of the memory in use after the warm-up, to the end."""


def soak(events: int, samples: int = 20) -> dict[str, Any]:
    """Run until so many events have happened; memory in use at equal distances, and its growth.

    Args:
        events: Of the loop, background flow included.
        samples: So many times memory is looked at, after a collection of garbage.

    Returns:
        ``events``, ``mb`` and ``blocks`` (one number per sample), ``growth`` of the resident memory
        and ``growth_blocks`` of Python's own, both from the end of the warm-up on.
    """
    from sim.kernel.loop import SimLoop
    from sim.scenario.load import load_scenario
    from sim.world import arun_world

    seconds = 1.02 * events / MESSAGES_PER_SECOND
    every = events // samples
    used: list[float] = []
    blocks: list[int] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "soak.yaml"
        long = long_scenario(seconds)
        for venue in long["venues"]:
            # What rests must not grow either: cancels outnumber adds by a tenth.
            venue["flow"][0].update(cancel=0.55)
        long["parents"] = long["parents"][:: max(1, len(long["parents"]) // ORDERS)]
        path.write_text(json.dumps(long))
        loaded = load_scenario(path)
        loop = SimLoop()

        def progress(_now_ns: int, _end_ns: int) -> None:
            happened = loop.seq - len(loop.heap)
            if happened >= (len(used) + 1) * every and len(used) < samples:
                gc.collect()
                used.append(resident_mb())
                blocks.append(sys.getallocatedblocks())

        loop.run_until_complete(arun_world(loaded, folder=folder, on_progress=progress))
        happened = loop.seq - len(loop.heap)
        loop.close()
    return {
        "events": happened,
        "mb": [round(mb, 2) for mb in used],
        "blocks": blocks,
        "growth": grown(used),
        "growth_blocks": grown(blocks),
    }


def grown(values: Sequence[float]) -> float:
    """The last fifth over the fifth after the warm-up, less 1; means, since single samples sway."""
    fifth = len(values) // 5
    return round(fmean(values[-fifth:]) / fmean(values[fifth : 2 * fifth]) - 1, 5)


if __name__ == "__main__":
    millions = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    print(json.dumps(soak(int(millions * MILLION))))
