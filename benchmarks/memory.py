"""Memory over a long run: the whole job's venues and router, 5 M messages, the log on disk.

`python -m benchmarks.memory` prints the memory in use after each million messages. What a run keeps
for its summary grows with the client orders, a kilobyte or so for each; so there are as many of
them here as in the whole job, spread over the longer run. Background flow cancels as much as it
adds, since a book that fills up grows by itself.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.whole_job import PARENTS, scenario

MILLION = 1_000_000
MESSAGES_PER_SECOND = 41_000
"""Of simulated time, about; the loop's events are counted, which are a little more."""


def measure(millions: int) -> list[float]:
    """Megabytes in use after each million events of a run of so many millions."""
    from sim.kernel.loop import SimLoop
    from sim.scenario.load import load_scenario
    from sim.world import arun_world

    seconds = millions * MILLION / MESSAGES_PER_SECOND
    used: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "long.yaml"
        path.write_text(json.dumps(long_scenario(seconds)))
        loaded = load_scenario(path)
        loop = SimLoop()

        def progress(_now_ns: int, _end_ns: int) -> None:
            # Events scheduled so far, less those that still wait.
            if loop.seq - len(loop.heap) >= (len(used) + 1) * MILLION:
                used.append(resident_mb())

        loop.run_until_complete(arun_world(loaded, folder=folder, on_progress=progress))
        loop.close()
    return used


def long_scenario(seconds: float) -> dict[str, Any]:
    """The whole job over so many seconds, with its number of client orders and a level book."""
    long = scenario(seconds / 10)
    long["parents"] = long["parents"][:: max(1, len(long["parents"]) // PARENTS)]
    for venue in long["venues"]:
        for flow in venue["flow"]:
            flow.update(take=0.01, cancel=0.5)
    return long


def resident_mb() -> float:
    """Memory of this process that is in use now."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    print(json.dumps([round(mb, 1) for mb in measure(int(sys.argv[1]))]))
