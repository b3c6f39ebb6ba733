"""A project of a user, for the tests of the pytest plugin."""

from collections.abc import Callable
from importlib.metadata import entry_points

import pytest

# Imported here: pytester forgets what is first imported inside of it, and numpy comes only once.
import sim.testing.market  # noqa: F401
import sim.testing.plugin

Run = Callable[..., pytest.RunResult]

BUILT = """
import asyncio
import pytest
from sim.kernel.loop import SimLoop
from sim.testing import scenario, venue

built = pytest.mark.scenario(
    scenario(
        venue("NYSE", asks=[("100.02", 400)], latency="5ms"),
        venue("NASDAQ", asks=[("100.01", 200)]),
    )
)
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Runs tests in a project of their own, in ``auto`` or ``strict`` mode or without asyncio."""
    known = any(one.value == "sim.testing.plugin" for one in entry_points(group="pytest11"))
    ours = [] if known else [sim.testing.plugin]
    pytester.makeini(
        "[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n"
        "asyncio_default_fixture_loop_scope = function\n"
    )

    def one(text: str, *args: str, mode: str = "auto") -> pytest.RunResult:
        pytester.makepyfile(test_it=BUILT + text)
        how = [
            "-p",
            "no:asyncio",
            "-p",
            "no:looptime_plugin",
            "-W",
            "ignore::pytest.PytestConfigWarning",
        ]
        if mode != "none":
            how = ["--asyncio-mode", mode]
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *how, *args, plugins=ours)

    return one
