"""What every kind of message fault has in common, kind by kind."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import pytest

from sim.audit.records import Fault, Record, RunStarted
from sim.cli.listing import KINDS
from sim.faults import FAULTS
from sim.faults.base import MessageFault
from sim.protocol.enums import Outcome
from sim.scenario.load import LoadedScenario
from sim.world import run_world

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Make = Callable[..., Data]
RunData = Callable[..., "Ran"]
Load = Callable[..., LoadedScenario]
Check = Callable[["Ran"], None]

_MESSAGE_KINDS: Final = [kind for kind in FAULTS if issubclass(kind, MessageFault)]
KINDS_OF_MESSAGE: Final = [get_args(k.model_fields["kind"].annotation)[0] for k in _MESSAGE_KINDS]
TRIGGERS: Final[dict[str, Data]] = {
    "at": {"at": "40ms"},
    "on": {"on": {"record": "child_sent", "nth": 4}},
    "rate": {"rate": 60.0, "start": "20ms", "stop": "200ms"},
    "share": {"share": 0.9, "start": "20ms", "stop": "200ms"},
}
MS: Final = 1_000_000
each_kind = pytest.mark.parametrize("kind", KINDS_OF_MESSAGE)


@pytest.mark.slow
@each_kind
@pytest.mark.parametrize("trigger", list(TRIGGERS))
def test_every_trigger_of_every_kind_strikes_and_loses_no_lot(
    kind: str, trigger: str, fault: Make, busy: Make, run_data: RunData, check_whole: Check
) -> None:
    ran = run_data(busy(fault(kind, **TRIGGERS[trigger])))
    check_whole(ran)
    told = ran.of(Fault)
    struck = [one for one in told if one.phase == "struck"]
    assert struck, "it never struck"
    assert {(one.fault_id, one.fault, one.venue_id) for one in told} == {("fault0", kind, "A")}
    assert all(one.detail and one.leg for one in struck)
    if trigger in {"rate", "share"} and kind != "latency_burst":
        assert all(20 * MS <= one.t_ns < 200 * MS for one in struck)
    elif trigger == "at":
        assert struck[0].t_ns >= 40 * MS
        assert len(struck) == 1 or kind == "latency_burst"


def _others(records: tuple[Record, ...]) -> list[Record]:
    return [one for one in records if not isinstance(one, RunStarted)]


@pytest.mark.slow
@each_kind
def test_a_fault_that_finds_nothing_to_strike_changes_no_draw(
    kind: str, fault: Make, busy: Make, run_data: RunData
) -> None:
    """A condition that never comes: its streams are made, its leg is wrapped, and that is all."""
    never = fault(kind, on={"record": "overfill", "nth": 900_000})
    assert _others(run_data(busy(never)).records) == _others(run_data(busy()).records)


@pytest.mark.slow
@each_kind
def test_what_it_strikes_is_recorded_before_what_follows(
    kind: str, fault: Make, busy: Make, run_data: RunData
) -> None:
    """Up to the record of its first strike the log is that of the run without it."""
    plain = _others(run_data(busy()).records)
    ran = _others(run_data(busy(fault(kind, **TRIGGERS["on"]))).records)
    first = next(n for n, one in enumerate(ran) if isinstance(one, Fault))
    assert ran[:first] == plain[:first]


@pytest.mark.slow
@each_kind
def test_a_kind_may_last(kind: str, fault: Make, busy: Make, run_data: RunData) -> None:
    ran = run_data(busy(fault(kind, at="40ms", lasts="100ms")))
    told = ran.of(Fault)
    assert [(one.phase, one.t_ns) for one in (told[0], told[-1])] == [
        ("began", 40 * MS),
        ("ended", 140 * MS),
    ]
    assert {one.phase for one in told[1:-1]} == {"struck"}
    assert all(40 * MS <= one.t_ns <= 140 * MS for one in told)


@pytest.mark.slow
def test_every_kind_strikes_on_the_way_to_a_tape_too_where_it_is_of_the_feed(
    fault: Make, busy: Make, run_data: RunData, check_whole: Check
) -> None:
    leg = {"model": "fixed", "delay": "1ms"}
    of_feed = [kind for kind in KINDS_OF_MESSAGE if "quote" in kind or kind.endswith("gap")]
    faults = [fault(kind, id=kind, share=0.2) for kind in (*of_feed, "clock_fault")]
    data = busy(*faults, tape={"inbound": leg, "outbound": leg})
    data["router"]["market_data"] = "tape"
    ran = run_data(data)
    check_whole(ran)
    assert {one.fault for one in ran.of(Fault)} == {*of_feed, "clock_fault"}


def test_all_kinds_at_once_lose_no_lot(
    fault: Make, busy: Make, run_data: RunData, check_whole: Check
) -> None:
    ran = run_data(busy(*(fault(kind, id=kind, share=0.05) for kind in KINDS_OF_MESSAGE)))
    check_whole(ran)
    assert len({one.fault for one in ran.of(Fault)}) > len(KINDS_OF_MESSAGE) // 2


@pytest.mark.slow
def test_all_kinds_at_once_end_in_real_time_too(fault: Make, busy: Make, load_data: Load) -> None:
    faults = [fault(kind, id=kind, share=0.05) for kind in KINDS_OF_MESSAGE]
    result = run_world(load_data(busy(*faults)), clock="wall")
    # How far it came is up to the machine; what is written is whole, and no rule was broken.
    assert result.outcome in {Outcome.COMPLETE, Outcome.INCOMPLETE}
    assert result.log is not None
    assert b'"kind":"fault"' in result.log


def test_each_kind_is_listed_with_what_it_does_and_where_it_comes_from() -> None:
    listed = {entry.name: entry for entry in KINDS["faults"]()}
    assert set(KINDS_OF_MESSAGE) <= set(listed)
    assert all(entry.about.endswith(".") and entry.source for entry in listed.values())


def test_the_page_on_faults_names_every_kind(project_root: Path) -> None:
    page = (project_root / "docs" / "faults.md").read_text(encoding="utf-8")
    names = [get_args(kind.model_fields["kind"].annotation)[0] for kind in FAULTS]
    assert [name for name in names if f"`{name}`" not in page] == []
