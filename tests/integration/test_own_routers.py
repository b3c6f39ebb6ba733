"""Users' own routers in whole runs: both forms, their log, and what becomes of one that fails."""

import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import sim
from sim.audit.records import ChildSent, Decision, Fill, PluginFailed, RunFinished
from sim.audit.verify import verify
from sim.protocol.enums import Outcome
from sim.protocol.errors import PluginError, ScenarioError
from sim.scenario.shipped import shipped_scenario

BASE: dict[str, Any] = yaml.safe_load(shipped_scenario("fragmented").read_text())  # type: ignore[union-attr]
BASE = {**BASE, "expect": {}}

NEAREST = """
from router.own import Cancel, Replace, Send, WakeAt

class Own:
    def __init__(self, most=10**9):
        self.most = most

    def decide(self, view, state):
        actions, left = [], min(state.free_qty, self.most)
        for venue in sorted(view.venues, key=lambda one: (one.latency_ns, one.venue_id)):
            lots = min(left, sum(lots for _, lots in venue.available))
            if venue.held is None and lots:
                actions.append(Send(venue.venue_id, lots, venue.available[-1][0]))
                left -= lots
        return actions
"""
TALKING = """
from router.own.session import Arrived, Ended, Event, Quoted

class Own:
    async def run(self, session):
        parents = []
        async for message in session:
            match message:
                case Arrived():
                    parents.append(message.parent_id)
                case Ended():
                    parents.remove(message.parent_id)
            for parent in parents:
                view, state = session.look(parent)
                left = state.free_qty
                for venue in sorted(view.venues, key=lambda one: (one.latency_ns, one.venue_id)):
                    lots = min(left, sum(lots for _, lots in venue.available))
                    if venue.held is None and lots:
                        session.send(parent, venue.venue_id, lots, venue.available[-1][0])
                        left -= lots
"""
Runs = Callable[..., Any]


class Ran:
    """A run of a router of one's own, or how it failed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = [record for _, record in sim.read_log(folder / "audit.jsonl")]

    def of(self, kind: type[Any]) -> list[Any]:
        return [record for record in self.records if isinstance(record, kind)]


@pytest.fixture
def scenario(tmp_path: Path) -> Callable[..., Path]:
    """``scenario(code, **keys)``: a scenario with the code beside it."""

    def write(code: str, params: dict[str, Any] | None = None, **keys: Any) -> Path:
        (tmp_path / "own.py").write_text(textwrap.dedent(code))
        strategy = {"kind": "own", "plugin": "Own", "params": params or {}}
        data = {**BASE, "plugins": ["own.py:Own"], "router": {"strategy": strategy}, **keys}
        (tmp_path / "s.yaml").write_text(yaml.safe_dump(data))
        return tmp_path / "s.yaml"

    return write


@pytest.fixture
def ran(scenario: Callable[..., Path], tmp_path: Path) -> Runs:
    def run(code: str, params: dict[str, Any] | None = None, **keys: Any) -> Ran:
        sim.run(scenario(code, params, **keys), out=tmp_path / "out", allow_code=True)
        return Ran(tmp_path / "out")

    return run


@pytest.fixture
def failed(scenario: Callable[..., Path], tmp_path: Path) -> Callable[..., tuple[str, Ran]]:
    """What a run says that its plug-in spoiled; its log is whole, and says so too."""

    def run(code: str, params: dict[str, Any] | None = None, **keys: Any) -> tuple[str, Ran]:
        with pytest.raises(PluginError) as caught:
            sim.run(scenario(code, params, **keys), out=tmp_path / "out", allow_code=True)
        got = Ran(tmp_path / "out")
        (finished,) = got.of(RunFinished)
        assert finished.outcome is Outcome.ABORTED
        assert len(got.of(PluginFailed)) == 1
        assert verify(tmp_path / "out" / "audit.jsonl").ok
        assert "own.py:Own" in str(caught.value)
        return str(caught.value), got

    return run


@pytest.mark.parametrize("code", [NEAREST, TALKING], ids=["decide", "run"])
def test_both_forms_fill_verify_and_replay(ran: Runs, tmp_path: Path, code: str) -> None:
    got = ran(code)
    assert {one.strategy for one in got.of(Decision)} == {"own:Own"}
    assert verify(got.folder / "audit.jsonl").ok
    again = sim.check(got.folder, [tmp_path], allow_code=True)
    assert again.verdict == "equal"
    sent = [(one.venue_id, one.order_qty) for one in got.of(ChildSent)]
    assert sent == [("NYSE", 90_000), ("NASDAQ", 10_000)]
    assert sum(one.last_qty for one in got.of(Fill)) == 100_000


def test_code_that_changed_is_not_replayed(ran: Runs, tmp_path: Path) -> None:
    got = ran(NEAREST)
    with (tmp_path / "own.py").open("a") as file:
        file.write("# another\n")
    with pytest.raises(sim.SorsimError, match="is another"):
        sim.check(got.folder, [tmp_path], allow_code=True)


def test_code_runs_only_where_it_is_allowed(scenario: Callable[..., Path], tmp_path: Path) -> None:
    path = scenario("raise RuntimeError('ran')\n")
    with pytest.raises(ScenarioError, match=r"s\.yaml:\d+:\d+: plugins\[0\]: own.py:Own is code"):
        sim.run(path)
    sim.load_scenario(path, allow_code=True)  # checks it, and runs none of it
    with pytest.raises(PluginError, match=r"RuntimeError: ran \(.*own.py:1"):
        sim.run(path, allow_code=True)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"plugins": []}, "plugins names no class Own"),
        ({"plugins": ["own.py:Owm"]}, "did you mean 'Owm'"),
        ({"plugins": ["nowhere.py:Own"]}, "no such file"),
        ({"plugins": ["../own.py:Own"]}, "allowed: text of at most"),
        ({"plugins": ["own.py:Own", "sub.own:Own"]}, r"is the class of plugins\[0\] already"),
    ],
)
def test_names_that_do_not_fit(
    scenario: Callable[..., Path], keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        sim.load_scenario(scenario(NEAREST, **keys), allow_code=True)


def test_settings_that_a_router_of_ones_own_would_ignore_are_refused(
    scenario: Callable[..., Path],
) -> None:
    strategy = {"kind": "own", "plugin": "Own"}
    for key, value in {"rest": {}, "blind": {}, "reroute": {"levels": "top"}}.items():
        path = scenario(NEAREST, router={"strategy": strategy, key: value})
        with pytest.raises(ScenarioError, match=f"router.{key}: does nothing"):
            sim.load_scenario(path, allow_code=True)
    for settings in ({"reroute": {"busted": True}}, {"max_attempts": 5}):
        path = scenario(NEAREST, router={"strategy": strategy, **settings})
        sim.load_scenario(path, allow_code=True)


def test_a_module_that_can_be_imported(
    scenario: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_pkg").mkdir()
    (tmp_path / "their_pkg" / "routing.py").write_text(NEAREST)
    monkeypatch.syspath_prepend(tmp_path)
    path = scenario("", plugins=["their_pkg.routing:Own"])
    result = sim.run(path, allow_code=True)
    assert result.exit_code == 0
    del sys.modules["their_pkg.routing"]


# Failures


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import nothing_like_it", r"ModuleNotFoundError.*own.py:1"),
        ("class Own:\n  def decide(:", r"SyntaxError.*own.py:2"),
        ("Own = 5", "not as a class"),
        ("class Other: pass", "has no Own"),
        ("class Own: pass", "must have either decide"),
        ("class Own:\n  decide = 5", "must be a method"),
        ("class Own:\n  def run(self, session): ...", "run must be an async function"),
        ("class Own:\n  async def decide(self, view, state): ...", "must not be async"),
        ("class Own:\n  def __init__(self): 1 / 0\n  def decide(self, v, s): ...", "own.py:2"),
        ("class Own:\n  def __init__(self, x): ...\n  def decide(self, v, s): ...", "missing 1"),
        ("raise SystemExit(0)", "SystemExit"),
    ],
)
def test_code_that_cannot_be_had(failed: Any, code: str, message: str) -> None:
    said, _ = failed(code + "\n")
    assert re.search(message, said), said


DECIDE = """
from router.own import Cancel, Replace, Send, WakeAt

class Own:
    def decide(self, view, state):
        {}
"""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit", "SystemExit"),
        ("raise BaseException('x')", "BaseException: x"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("import asyncio; raise asyncio.CancelledError", "CancelledError"),
        ("return None", "gave NoneType"),
        ("yield Send('NYSE', 1, 1)", "gave generator"),
        ("return Send('NYSE', 100, 10002)", "gave Send"),
        ("return ['NYSE']", "is no action but str 'NYSE'"),
        ("return [None]", "is no action but NoneType"),
        ("return [Send('NYSE', 5.0, 10002)]", "qty must be a whole number, was float 5.0"),
        ("return [Send('NYSE', True, 10002)]", "qty must be a whole number, was bool True"),
        ("return [Send(None, 5, 10002)]", "venue_id must be text"),
        ("return [Send('NYS', 5, 10002)]", "no such venue; venues: NYSE, NASDAQ"),
        ("return [Send('NYSE', 100_001, 10002)]", "only 100000 lots of P1 are free"),
        ("return [Send('NYSE', 60_000, 10002), Send('NASDAQ', 60_000, 10002)]", "only 40000"),
        ("return [Send('NYSE', 0, 10002)]", "qty must be above 0"),
        ("return [Send('NYSE', -5, 10002)]", "qty must be above 0"),
        ("return [Send('NYSE', 5, 0)]", "price must be on the venue's grid"),
        ("return [Send('NYSE', 5, 10002, 'FOK')]", "tif must be one of IOC, DAY"),
        ("return [Send('MM', 5, 10002, 'DAY')]", "refuses orders that rest"),
        ("return [Send('NYSE', 5, 10002)] * 2", "at most one IOC"),
        ("return [Cancel('P1.NYSE.1')]", "no open order of P1; open: none"),
        ("return [Replace('P1.NYSE.1', 5, 5)]", "no open order of P1; open: none"),
        ("return [WakeAt(0)]", "must be later than now, which is 0"),
        ("view.venues[0].held = None", "AttributeError"),
        ("state.free_qty = 10**9", "AttributeError"),
        ("view.venues.clear()", "AttributeError"),
        ("view.venues[0].asks[0] = (1, 1)", "TypeError"),
    ],
)
def test_P12_a_decide_that_fails_or_asks_for_what_cannot_be(
    failed: Any, body: str, message: str
) -> None:
    said, got = failed(DECIDE.format(body))
    assert message in said
    assert "own.py:" in said
    assert got.of(ChildSent) == []  # none of it is done, not even what was right


def test_a_decide_that_goes_beyond_the_limit(failed: Any) -> None:
    parents = [{"id": "P1", "side": "buy", "qty": 100, "limit": "100.01"}]
    said, _ = failed(DECIDE.format("return [Send('NYSE', 5, 10002)]"), parents=parents)
    assert "price is beyond the limit of P1: at most 10001" in said
    assert "Send(venue_id='NYSE', qty=5, price=10002, tif='IOC')" in said
