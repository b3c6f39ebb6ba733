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
from sim.audit.records import (
    CancelSent,
    ChildCanceled,
    ChildSent,
    Decision,
    Fill,
    ParentDone,
    ParentReceived,
    PluginFailed,
    ReplaceSent,
    RunFinished,
)
from sim.audit.verify import verify
from sim.cli.errors import classify
from sim.protocol.enums import EndReason, Outcome
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
        self.records = [record for _, record in sim.read_records(folder / "audit.jsonl")]

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
        ended = {one.parent_id: one.end_reason for one in got.of(ParentDone)}
        received = [one.parent_id for one in got.of(ParentReceived)]
        assert ended == dict.fromkeys(received, EndReason.ABORTED)
        assert classify(caught.value) == (3, "plugin")
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
        ({"plugins": ["../own.py:Own"]}, "allowed: text such as my_router.py:MyRouter"),
        ({"plugins": ["own.py"]}, "allowed: text such as my_router.py:MyRouter"),
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


# Hostile tasks

RUN = """
import asyncio
from router.own import Send, ActionError
from router.own.session import Arrived, Ended, Event, Quoted

async def forever(session):
    async for message in session:
        pass

class Own:
    async def run(self, session):
        {}
"""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("pass", "run() returned before the session was over"),
        ("await asyncio.sleep(0)", "run() returned before the session was over"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit", "SystemExit"),
        ("raise BaseException('x')", "BaseException: x"),
        ("raise asyncio.CancelledError", "CancelledError"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("session.look('P9')", "no such parent has come"),
        ("session.send('P9', 'NYSE', 1, 1)", "no parent 'P9' has come"),
        ("await asyncio.sleep(0.01); session.send('P1', 'NYSE', 1.5, 1)", "was float 1.5"),
        ("await asyncio.sleep(0.01); session.send('P1', 'NYSE', 10**9, 10002)", "are free"),
        ("await asyncio.sleep(0.01); session.act('P1', None)", "gave NoneType"),
        ("await asyncio.sleep(0.01); session.cancel('P1', 'x')", "no open order"),
        (
            "try:\n            session.send('P9', 'NYSE', 1, 1)\n"
            "        except ActionError:\n            await forever(session)",
            "no parent 'P9' has come",  # it is no use to catch it
        ),
        (
            "async with asyncio.TaskGroup() as group:\n"
            "            for _ in range(2): group.create_task(forever(session))",
            "two tasks wait",
        ),
        (
            "async def other(): session.send('P9', 'NYSE', 1, 1)\n"
            "        task = asyncio.create_task(other())\n"
            "        await forever(session)",
            "no parent 'P9' has come",
        ),
    ],
)
def test_P12_a_run_that_fails_or_asks_for_what_cannot_be(
    failed: Any, body: str, message: str
) -> None:
    said, got = failed(RUN.format(body))
    assert message in said
    assert "own.py:" in said
    assert got.of(ChildSent) == []


def test_a_task_that_goes_on_after_the_end_is_an_error(
    scenario: Callable[..., Path], tmp_path: Path
) -> None:
    body = """while True:
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                pass"""
    path = scenario(RUN.format("await forever(session)\n        " + body), duration="50ms")
    with pytest.raises(PluginError, match="goes on although the session is over"):
        sim.run(path, allow_code=True)


def test_a_task_that_sleeps_or_never_asks_does_not_hold_the_run_up(
    scenario: Callable[..., Path],
) -> None:
    for body in ("await asyncio.sleep(3600)", "await asyncio.Event().wait()"):
        result = sim.run(scenario(RUN.format(body)), allow_code=True)
        assert result.summary["outcome"] == "incomplete"
        assert result.summary["parents"][0]["end_reason"] == "run_ended"


def test_a_session_that_is_kept_sends_nothing_after_its_end(
    scenario: Callable[..., Path],
) -> None:
    code = RUN.format("kept.append(session)\n        await forever(session)") + "\nkept = []\n"
    path = scenario(code + "\nimport builtins\nbuiltins.kept_by_a_test = kept\n", duration="50ms")
    sim.run(path, allow_code=True)
    import builtins

    (session,) = builtins.kept_by_a_test  # type: ignore[attr-defined]
    del builtins.kept_by_a_test  # type: ignore[attr-defined]
    assert session.over
    with pytest.raises(ValueError, match="on the loop of its run only"):
        session.send("P1", "NYSE", 1, 10002)


def test_a_rejected_request_of_a_resting_order_and_its_events_are_told(ran: Runs) -> None:
    code = """
    from router.own import Cancel, Replace, Send

    class Own:
        def __init__(self):
            self.seen = []

        def decide(self, view, state):
            self.seen += [event.kind for event in state.events]
            if not state.orders and not self.seen:
                return [Send("NYSE", 500, 9990, "DAY")]
            if "acked" in self.seen and "replaced" not in self.seen:
                order = state.orders[0]
                return [] if order.asked else [Replace(order.cl_ord_id, 300, 9991)]
            if "replaced" in self.seen and "canceled" not in self.seen:
                order = state.orders[0]
                return [] if order.asked else [Cancel(order.cl_ord_id)]
            return []
    """
    got = ran(code, duration="100ms")
    notes = [(note.name, note.value) for one in got.of(Decision) for note in one.notes]
    assert notes == [
        ("replace", "P1.NYSE.1 to 300 at 9991"),
        ("cancel", "P1.NYSE.1"),
    ]
    assert [one.order_qty for one in got.of(ReplaceSent)] == [300]
    assert [one.canceled_qty for one in got.of(ChildCanceled)] == [300]
    assert {one.reason for one in (*got.of(ReplaceSent), *got.of(CancelSent))} == {"own"}
    assert verify(got.folder / "audit.jsonl").ok


def test_a_split_of_ones_own(scenario: Callable[..., Path], tmp_path: Path) -> None:
    code = """
    from router.allocate.base import Allocation, Strategy, walk

    class Own(Strategy):
        depth = "full"

        def __init__(self, wrong=""):
            self.wrong = wrong

        def allocate(self, request):
            if self.wrong:
                return eval(self.wrong)
            return walk(request, [(offer,) for offer in request.offers], {})
    """
    strategy = {"kind": "own_split", "plugin": "Own"}
    router = {"strategy": strategy, "reroute": {"levels": "top"}}
    result = sim.run(scenario(code, router=router), allow_code=True)
    assert result.summary["parents"][0]["filled_qty"] == 100_000
    for wrong, message in {
        "None": "must give an Allocation, gave NoneType",
        "Allocation((('NYS', 1, 1),), (), ())": "no such offer; there are: NYSE",
        "Allocation((('NYSE', 10002, 0),), (), ())": "qty must be above 0",
        "Allocation((('NYSE', 10001, 5),), (), ())": "0 lots are offered there at 10001",
        "Allocation((('NYSE', 10002, 40001),), (), ())": "40000 lots are offered",
        "Allocation((('NYSE', 10002, 40000),) * 2, (), ())": "0 lots are offered",
        "Allocation((('NYSE', 10002, 5.0),), (), ())": "whole numbers",
        "Allocation((), (), (), posts=(('NYSE', 10002, 5),))": "no such place to post",
        "Allocation((), (), (), notes=((1, 2),))": "notes must be",
        "1 / 0": "ZeroDivisionError",
    }.items():
        given = {"strategy": {**strategy, "params": {"wrong": wrong}}}
        with pytest.raises(PluginError) as caught:
            sim.run(scenario(code, router=given), allow_code=True)
        assert message in str(caught.value)


@pytest.mark.parametrize("as_json", [False, True])
def test_exit_codes(
    scenario: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    from sim.cli import main

    more = ["--json"] if as_json else []
    path = str(scenario(DECIDE.format("1 / 0")))
    assert main(["run", path, "--out", str(tmp_path / "no"), *more]) == 2
    assert main(["validate", path, *more]) == 2
    assert main(["validate", path, "--allow-code", *more]) == 0
    assert not (tmp_path / "no").exists()
    assert main(["run", path, "--allow-code", "--out", str(tmp_path / "out"), *more]) == 3
    assert main(["verify", str(tmp_path / "out"), *more]) == 0
    check = ["replay", str(tmp_path / "out"), "--check", "--data", str(tmp_path)]
    assert main([*check, *more]) == 2
    assert main([*check, "--allow-code", *more]) == 0  # it fails again, at the same place
    assert main(["explain", str(tmp_path / "out"), "P1.NYSE.1", *more]) == 2
    (tmp_path / "own.py").write_text("import nothing_like_it\n")
    assert main(["validate", path, "--allow-code", *more]) == 3
    said = capsys.readouterr()
    assert "own.py:1" in said.err


def test_a_task_that_leaves_the_program_is_the_plug_ins_failure(failed: Any) -> None:
    body = """async def other(): raise SystemExit(7)
        task = asyncio.create_task(other())
        await forever(session)"""
    said, _ = failed(RUN.format(body))
    assert "left the program (SystemExit(7))" in said


def test_a_session_waits_for_a_time_of_the_run(ran: Runs) -> None:
    body = """async for message in session:
            if isinstance(message, Arrived):
                await session.until(30_000_000)
                session.send("P1", "NYSE", 5, 10002)"""
    got = ran(RUN.format(body), duration="50ms")
    assert [one.t_ns for one in got.of(ChildSent)] == [30_000_000]
