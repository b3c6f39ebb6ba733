"""The pytest plugin: ``market``, ``sim_clock`` and ``audit``, and the markers that go with them.

It is loaded by every pytest of an environment that has sorsim. So it imports nothing but pytest at
its top, and is out of the way of tests that use none of its fixtures.
"""

import shlex
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from sim.kernel.loop import SimLoop
    from sim.scenario.load import LoadedScenario
    from sim.testing.clock import SimClock
    from sim.testing.market import Market
    from sim.testing.trail import AuditTrail

OURS: Final = frozenset({"market", "sim_clock", "audit"})
LINES: Final = 50
"""Audit lines that the report of a failed test shows."""

_MARKERS: Final = (
    "scenario(ref, seed=None, sets=(), faults=()): the scenario of the market fixture: a file "
    "beside the test, the name of a shipped one, or what sim.testing.scenario() gives",
    "interleavings(count=200): run the test under that many orders of what may fall either way",
)


class _State:
    """What one test has of ours: its loop, and its market once it is made."""

    def __init__(self) -> None:
        self._loop: SimLoop | None = None
        self._taken = False
        self.further: list[SimLoop] = []
        """Loops of this test besides its first: a fixture of a wider scope may have that one."""
        self.market: Market | None = None

    @property
    def loop(self) -> "SimLoop":
        """The loop of the test, made as it is first needed."""
        if self._loop is None:
            from sim.kernel.loop import SimLoop

            self._loop = SimLoop()
        return self._loop

    def hand_out(self) -> "SimLoop":
        """The loop for who runs the test; each further one is a new one."""
        if self._taken:
            from sim.kernel.loop import SimLoop

            self.further.append(SimLoop())
            return self.further[-1]
        self._taken = True
        return self.loop

    def end(self) -> None:
        """Close the loop, unless who has run the test sees to it."""
        if self._loop is not None and not self._taken and not self._loop.is_closed():
            self._loop.close()


_STATE: Final = pytest.StashKey[_State]()
_current: list[_State] = []
"""The state of the test that runs; a list, for the loop factory is told of no test."""


class _LoopFactory:
    """Tells pytest-asyncio which loop our tests run on.

    It is registered only while one of them is collected: the hook is asked about every test, and
    there is no answer that would leave the others as they are.
    """

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_asyncio_loop_factories(
        self, config: pytest.Config, item: pytest.Item
    ) -> Mapping[str, Callable[[], Any]]:
        """One factory: its name does not show in the test's."""
        return {"sim": _new_loop}


def _new_loop() -> Any:
    return (_current[-1] if _current else _State()).hand_out()


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--interleaving N``: runs tests that use a market under this interleaving alone."""
    group = parser.getgroup("sorsim")
    group.addoption(
        "--interleaving",
        type=int,
        default=None,
        metavar="N",
        help="run tests that use a market of sorsim under this one interleaving",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    for line in _MARKERS:
        config.addinivalue_line("markers", line)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> Iterator[None]:
    """Let our async tests run in virtual time, and no others."""
    manager = metafunc.config.pluginmanager
    if not (_is_ours(metafunc.definition) and manager.hasplugin("asyncio")):
        return (yield)
    factory = _LoopFactory()
    manager.register(factory, "sorsim-loop-factory")
    try:
        return (yield)
    finally:
        manager.unregister(factory)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give our async tests a loop of their own where a project shares one among its tests."""
    marker = item.get_closest_marker("asyncio")
    if marker is None or not _is_ours(item) or {"loop_scope", "scope"} & set(marker.kwargs):
        return
    item.add_marker(pytest.mark.asyncio(loop_scope="function", **marker.kwargs), append=False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Give each test of ours a loop of its own."""
    if not _is_ours(item):
        return (yield)
    state = item.stash[_STATE] = _State()
    _current.append(state)
    try:
        return (yield)
    finally:
        _current.pop()
        state.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A test fails when its market broke, too; one that waits for ever is told where."""
    __tracebackhide__ = True
    try:
        result = yield
    except Exception as error:
        for line in getattr(error, "waits", ()) if _STATE in item.stash else ():
            error.add_note(line)
        raise
    market = item.stash[_STATE].market if _STATE in item.stash else None
    if market is not None and market.broken is not None:
        raise market.broken
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test under several interleavings, where that is asked for."""
    if not _is_ours(pyfuncitem):
        return None
    number = pyfuncitem.config.getoption("interleaving")
    marker = pyfuncitem.get_closest_marker("interleavings")
    if number is None and marker is None:
        return None
    from sim.testing.interleave import run_interleaved

    run_interleaved(pyfuncitem, marker, number)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the audit log of a test that failed, and how to run it again."""
    report: pytest.TestReport = yield
    market = item.stash[_STATE].market if _STATE in item.stash else None
    if report.failed and market is not None and call.when == "call":
        lines = market.audit.last(LINES)
        if lines:
            title = f"last {len(lines)} of {len(market.audit)} audit records"
            report.sections.append((f"sorsim: {title}", "\n".join(lines)))
        report.sections.append(("sorsim: run it again", _command(item, market)))
    return report


@pytest.fixture
def market_scenario() -> "LoadedScenario | str | None":
    """The scenario of ``market`` for tests without a marker: override it where many share one."""
    return None


@pytest.fixture
def market(
    request: pytest.FixtureRequest, market_scenario: "LoadedScenario | str | None"
) -> "Iterator[Market]":
    """Venues on virtual time, with the test in the router's place (``sim.testing.Market``)."""
    from sim.testing.fixtures import scenario_of
    from sim.testing.market import Market

    # A test that asks for it as it runs (getfixturevalue) was not known to be ours.
    state = request.node.stash.setdefault(_STATE, _State())
    state.market = market = Market(scenario_of(request, market_scenario), state.loop)
    market.further_loops = state.further
    yield market
    if market.broken is None:  # else the test has failed with it
        market.close()
    state.end()


@pytest.fixture
def sim_clock(market: "Market") -> "SimClock":
    """The clock of ``market``."""
    return market.clock


@pytest.fixture
def audit(market: "Market") -> "AuditTrail":
    """What ``market`` has written down so far."""
    return market.audit


def _is_ours(item: Any) -> bool:
    """Whether a test uses fixtures of ours, and not others of the same names."""
    info = getattr(item, "_fixtureinfo", None)
    return info is not None and any(_leads_here(info.name2fixturedefs, name) for name in OURS)


def _leads_here(table: Mapping[str, Any], name: str) -> bool:
    for fixture in reversed(table.get(name, ())):
        if fixture.func.__module__ == __name__:
            return True
        if name not in fixture.argnames:  # else it stands on the one that it overrides
            return False
    return False


def _command(item: pytest.Item, market: "Market") -> str:
    """What runs this test again as it ran."""
    command = f"pytest {shlex.quote(item.nodeid)}"
    if market.interleaving is not None:
        command += f" --interleaving {market.interleaving.number}"
    return command
