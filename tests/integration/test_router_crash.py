"""P06: the router alone dies and comes back from its own records, while venues live on."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from router.core.restore import NEEDED, Restorer
from sim.audit.records import (
    Bust,
    ChildSent,
    Correction,
    Fill,
    Overfill,
    ParentReceived,
    Record,
    ReportIgnored,
    RouteHold,
    RouterRestarted,
    ScheduleStep,
    StatusRequested,
)
from sim.protocol.errors import ScenarioError
from sim.scenario.load import load_scenario
from sim.world import RunResult, run_world

Read = Callable[[bytes], tuple[Record, ...]]


def crashed(
    name: str, at: str, lasts: str, read: Read, *sets: str, more: str = ""
) -> tuple[RunResult, tuple[Record, ...]]:
    """A run whose router dies at a time, walked over after each record."""
    fault = f"faults=[{{kind: router_crash, at: {at}, lasts: {lasts}{more}}}]"
    result = run_world(load_scenario(name, sets=[*sets, fault]), check_every=1)
    assert result.log is not None
    return result, read(result.log)


def of(records: Sequence[Record], kind: type[Any]) -> list[Any]:
    return [record for record in records if type(record) is kind]


def once_each(records: Sequence[Record]) -> None:
    """No id was sent twice, and no fill was booked twice."""
    sent = Counter(record.cl_ord_id for record in of(records, ChildSent))
    assert set(sent.values()) <= {1}
    fills = Counter((record.venue_id, record.exec_id) for record in of(records, Fill))
    assert set(fills.values()) <= {1}


@pytest.mark.parametrize("at", ["0s", "8ms", "52ms"])
@pytest.mark.parametrize("lasts", ["1us", "40ms"])
def test_P06_nothing_is_lost_or_sent_twice(at: str, lasts: str, read_records: Read) -> None:
    result, records = crashed("fragmented", at, lasts, read_records)
    (parent,) = result.summary["parents"]
    assert (parent["filled_qty"], parent["end_reason"]) == (100_000, "filled")
    once_each(records)
    (back,) = of(records, RouterRestarted)
    asked = {record.cl_ord_id for record in of(records, StatusRequested)}
    assert len(asked) == back.children


def test_P06_what_filled_while_it_was_away_is_booked_when_it_is_back(read_records: Read) -> None:
    _, records = crashed("fragmented", "8ms", "30ms", read_records)
    (back,) = of(records, RouterRestarted)
    later = [fill for fill in of(records, Fill) if fill.cl_ord_id == "P1.NASDAQ.1"]
    assert [fill.last_qty for fill in later] == [25_000, 20_000]
    assert all(fill.processed_ns < back.t_ns < fill.t_ns for fill in later)


@pytest.mark.parametrize(
    "name",
    ["partial_fill", "two_parents", "rejects_and_timeouts", "controls", "halt", "venue_kinds"],
)
@pytest.mark.parametrize("at", ["3ms", "60ms"])
def test_P06_other_scenarios_end_with_every_rule_kept(
    name: str, at: str, read_records: Read
) -> None:
    result, records = crashed(name, at, "20ms", read_records)
    assert result.outcome.value == "complete"
    assert of(records, RouterRestarted)
    once_each(records)


@pytest.mark.slow
def test_P06_resting_orders_are_found_again(read_records: Read) -> None:
    result, records = crashed("placement", "700ms", "50ms", read_records)
    assert result.outcome.value == "complete"
    (back,) = of(records, RouterRestarted)
    assert back.children > 0
    once_each(records)


def test_P06_a_schedule_goes_on_where_it_was(read_records: Read) -> None:
    sets = ["router.schedule={kind: twap, slices: 5, horizon: 1s}"]
    plain = run_world(load_scenario("two_parents", sets=sets))
    result, records = crashed("two_parents", "450ms", "30ms", read_records, *sets)
    once_each(records)
    filled = [parent["filled_qty"] for parent in result.summary["parents"]]
    assert filled == [parent["filled_qty"] for parent in plain.summary["parents"]]


def test_P06_slices_that_came_due_while_it_was_away_are_released_as_it_is_back(
    read_records: Read,
) -> None:
    sets = ["router.schedule={kind: twap, slices: 10, horizon: 1s}"]
    plain = run_world(load_scenario("two_parents", sets=sets))
    result, records = crashed("two_parents", "150ms", "400ms", read_records, *sets)
    once_each(records)
    (back,) = of(records, RouterRestarted)
    steps = [step for step in of(records, ScheduleStep) if step.parent_id == "FIRST"]
    assert [step.slice for step in steps] == list(range(1, 11))
    assert [step.slice for step in steps if step.t_ns == back.t_ns] == [3, 4, 5, 6]
    filled = [parent["filled_qty"] for parent in result.summary["parents"]]
    assert filled == [parent["filled_qty"] for parent in plain.summary["parents"]]


def test_P06_orders_of_clients_wait_for_it(read_records: Read) -> None:
    result, records = crashed(
        "fragmented", "1ms", "20ms", read_records, "parents[P1].at=10ms", "parents[P1].qty=1000"
    )
    (received,) = of(records, ParentReceived)
    assert received.t_ns == 21_000_000
    assert result.summary["parents"][0]["filled_qty"] == 1000


@pytest.mark.slow
def test_P06_venues_may_cancel_what_it_left_behind(read_records: Read) -> None:
    more = ", cancel_on_disconnect: true"
    result, records = crashed("placement", "700ms", "50ms", read_records, more=more)
    assert result.outcome.value == "complete"
    once_each(records)


def test_P06_a_router_that_stays_away_leaves_its_parent_open(read_records: Read) -> None:
    fault = "faults=[{kind: router_crash, at: 8ms}]"
    result = run_world(load_scenario("fragmented", sets=[fault]), check_every=1)
    (parent,) = result.summary["parents"]
    assert (result.outcome.value, parent["end_reason"]) == ("incomplete", "run_ended")


def test_P06_it_may_die_again(read_records: Read) -> None:
    faults = "faults=[{kind: router_crash, rate: 40, stop: 400ms, lasts: 6ms}]"
    result = run_world(load_scenario("fragmented", sets=[faults]), check_every=1)
    assert result.log is not None
    records = read_records(result.log)
    assert len(of(records, RouterRestarted)) > 3
    assert result.summary["parents"][0]["filled_qty"] == 100_000
    once_each(records)
    again = run_world(load_scenario("fragmented", sets=[faults]))
    assert again.log == result.log


def test_F07_what_it_had_booked_before_comes_again_and_is_not_booked(read_records: Read) -> None:
    _, records = crashed("fragmented", "30ms", "5ms", read_records)
    (back,) = of(records, RouterRestarted)
    again = [r for r in of(records, ReportIgnored) if r.t_ns > back.t_ns]
    assert {record.reason for record in again} <= {"duplicate", "after_end"}
    assert any(record.cl_ord_id == "P1.NASDAQ.1" for record in again)


@pytest.mark.parametrize("at", ["13ms", "90ms"])
def test_F20_lots_that_filled_outside_the_limit_stay_off_their_order(
    at: str, read_records: Read
) -> None:
    faults = (
        "faults=[{kind: fill_outside_limit, at: 1ms, venue: NASDAQ, count: 1},"
        f"{{kind: router_crash, at: {at}, lasts: 2ms}}]"
    )
    result = run_world(load_scenario("fragmented", sets=[faults]), check_every=1)
    assert result.log is not None
    records = read_records(result.log)
    (apart,) = of(records, Overfill)
    (back,) = of(records, RouterRestarted)
    assert (apart.reason, apart.booked_qty, apart.t_ns < back.t_ns) == ("outside_limit", 0, True)
    (parent,) = result.summary["parents"]
    assert (parent["filled_qty"], parent["end_reason"]) == (100_000, "filled")
    once_each(records)


@pytest.mark.parametrize("change", ["", ", qty: 100"])
def test_F07_a_bust_that_it_had_booked_comes_again_and_accuses_nobody(
    read_records: Read, change: str
) -> None:
    busts = f"[{{at: 15ms, order: P1.NASDAQ.1{change}}}]"
    sets = (f"venues[NASDAQ].busts={{listed: {busts}}}", "parents[P1].limit='100.01'")
    _, records = crashed("fragmented", "30ms", "5ms", read_records, *sets)
    taken_back = [*of(records, Bust), *of(records, Correction)]
    (back,) = of(records, RouterRestarted)
    assert len(taken_back) == 1
    assert taken_back[0].t_ns < back.t_ns
    assert [record for record in of(records, RouteHold) if record.until_ns is None] == []
    again = [r for r in of(records, ReportIgnored) if r.t_ns > back.t_ns]
    assert "duplicate" in {r.reason for r in again if 'exec_ref_id":null' not in r.report}


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        (['router.schedule={kind: pov, rate: "0.2", horizon: 1s}'], "the pov of router.schedule"),
        (["parents[P1].schedule={kind: vwap, horizon: 1s}"], "the vwap of parents.0.schedule"),
    ],
)
def test_P06_what_no_record_holds_is_refused(sets: list[str], says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        load_scenario("fragmented", sets=[*sets, "faults=[{kind: router_crash, at: 1ms}]"])


def test_every_record_that_is_needed_is_kept() -> None:
    handlers = Restorer(*[None] * 3)._handlers  # type: ignore[arg-type]
    assert set(handlers) == set(NEEDED)
