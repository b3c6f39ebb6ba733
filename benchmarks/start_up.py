"""From nothing to the first event: what `sorsim run fragmented` takes before its order arrives.

A process of its own each time. The first event of that run is the parent order at the router, where
the child process leaves; until then it has imported everything, read and checked the scenario, made
the run's folder and wired the world. Measured is the CPU time of the child, so that a busy machine
does not count; nothing waits on the way. The peer imports the libraries that we build on, and
nothing of ours.
"""

import os
import subprocess
import sys
import tempfile
from typing import Any, Final

from benchmarks.measure import compare

SECONDS_MAX: Final = 0.8
TO_FIRST_EVENT: Final = """
import os, sys
from sim.cli import main
from router.core.router import RouterCore
def leave(core, *args):
    os._exit(0)
RouterCore.on_parent = leave
main(["run", "fragmented", "--quiet", "--out", sys.argv[1]])
os._exit(1)
"""
LIBRARIES: Final = "import asyncio, click, msgspec, numpy, pydantic, rich.console, structlog, yaml"


def run(quick: bool) -> list[dict[str, Any]]:
    """The row ``start_up``, in starts a minute."""
    with tempfile.TemporaryDirectory() as folder:
        first_event([sys.executable, "-c", TO_FIRST_EVENT, folder])  # writes byte code, if any

        def ours() -> float:
            with tempfile.TemporaryDirectory() as fresh:
                return 60 / first_event([sys.executable, "-c", TO_FIRST_EVENT, fresh])

        def libraries() -> float:
            return 60 / first_event([sys.executable, "-c", LIBRARIES])

        row = compare(
            "start_up",
            "starts/min",
            ours,
            {"its libraries alone": libraries},
            rounds=5 if quick else 15,
            value_min=60 / SECONDS_MAX,
        )
    return [row]


def first_event(command: list[str]) -> float:
    """CPU seconds of one process, which must end well."""
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # waited for here, not by subprocess
    if process.returncode:
        raise RuntimeError(f"{command[:2]} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime
