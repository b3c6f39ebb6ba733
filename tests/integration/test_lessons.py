"""What the shipped scenarios about refusals, staleness and shared depth teach, in figures."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sim.audit.records import (
    BookAtArrival,
    CancelSent,
    ChildCanceled,
    ChildRejected,
    ChildSent,
    Decision,
    Fault,
    Fill,
    Overfill,
    Record,
    RouteHold,
    SessionEvent,
)
from sim.protocol.enums import Outcome
from sim.scenario.load import load_scenario
from sim.world import RunResult, run_world

if TYPE_CHECKING:
    from tests.conftest import Ran

MS = 1_000_000
ReadRecords = Callable[[bytes], tuple[Record, ...]]
RunShipped = Callable[..., "Ran"]


@pytest.fixture
def shipped(read_records: ReadRecords) -> RunShipped:
    """``shipped(name, *sets)``: run a shipped scenario in memory."""
    from tests.conftest import Ran

    def run(name: str, *sets: str) -> Ran:
        result: RunResult = run_world(load_scenario(name, sets=sets))
        assert result.log is not None
        return Ran(result, read_records(result.log))

    return run


def rejects(ran: "Ran", venue: str) -> list[str]:
    return [r.reason.value for r in ran.of(ChildRejected) if r.venue_id == venue]


def times(ran: "Ran", venue: str) -> list[int]:
    """When children left for a venue, in ms."""
    return [c.t_ns // MS for c in ran.of(ChildSent) if c.venue_id == venue]


# ------------------------------------------------------------ stale_quotes


def test_depth_that_was_shown_is_gone_on_arrival_and_is_not_asked_for_twice(
    shipped: RunShipped,
) -> None:
    ran = shipped("stale_quotes")
    first = next(c for c in ran.of(ChildSent) if c.venue_id == "FAR")
    met = next(b for b in ran.of(BookAtArrival) if b.cl_ord_id == first.cl_ord_id)
    assert (first.order_qty, met.levels) == (40_000, ((10_000, 8_000),))
    (short,) = ran.of(ChildCanceled)
    assert short.canceled_qty == 32_000
    # Later children of FAR stand at its next level, which nobody has asked for yet.
    later = [f for f in ran.of(Fill) if f.venue_id == "FAR" and f.cl_ord_id != first.cl_ord_id]
    assert {f.last_px for f in later} == {10_003}
    assert ran.parent["avg_px"] == "100.02166667"


@pytest.mark.parametrize(
    ("sets", "avg_px"),
    [
        (("venues[FAR].latency.order.delay=40ms",), "100.00333333"),
        (("venues[FAR].latency.feed.delay=1ms", "parents[P1].at=70ms"), "100.01400000"),
    ],
)
def test_a_quicker_order_or_a_fresher_quote_leaves_nothing_to_come_back(
    shipped: RunShipped, sets: tuple[str, ...], avg_px: str
) -> None:
    ran = shipped("stale_quotes", *sets)
    assert ran.parent["avg_px"] == avg_px
    assert ran.of(ChildCanceled) == []


# ------------------------------------------------------------ two_parents


def test_two_parents_at_one_instant_never_send_twice_for_the_same_lots(
    shipped: RunShipped,
) -> None:
    ran = shipped("two_parents")
    sent: dict[tuple[str, int], int] = {}
    for decision in ran.of(Decision):
        if decision.t_ns == 0 and decision.parent_id != "THIRD":
            for part in decision.split:
                key = part.venue_id, part.price
                sent[key] = sent.get(key, 0) + part.qty
    assert sent == {
        ("NASDAQ", 10_000): 15_000,
        ("NYSE", 10_001): 20_000,
        ("NYSE", 10_002): 10_000,
        ("NASDAQ", 10_002): 5_000,
    }
    assert ran.of(ChildCanceled) == []  # what was promised was there


@pytest.mark.parametrize(
    ("sets", "first"),
    [((), "FIRST"), (("parents[SECOND].at=1ms",), "FIRST"), (("parents[FIRST].at=1ms",), "SECOND")],
)
def test_turns_are_by_arrival(shipped: RunShipped, sets: tuple[str, ...], first: str) -> None:
    ran = shipped("two_parents", *sets)
    assert ran.result.outcome is Outcome.COMPLETE
    rows = {row["parent_id"]: row for row in ran.result.summary["parents"]}
    second = "SECOND" if first == "FIRST" else "FIRST"
    assert rows[first]["avg_px"] == "100.00750000"
    assert rows[second]["avg_px"] == "100.02000000"


# ------------------------------------------------------------ rejects_and_timeouts


def test_each_refusal_is_met_by_its_own_rule_and_the_order_is_filled(shipped: RunShipped) -> None:
    ran = shipped("rejects_and_timeouts")
    assert ran.parent["filled_qty"] == 100_000
    assert rejects(ran, "STRICT") == ["order_exceeds_limit"]
    assert rejects(ran, "BUSY") == ["throttled"] * 3
    holds = [(h.venue_id, (h.until_ns or 0) - h.t_ns, h.reason) for h in ran.of(RouteHold)]
    assert holds == [
        ("HALTED", 50 * MS, "rejected_exchange_closed"),
        ("BUSY", 50 * MS, "rejected_throttled"),
        ("BUSY", 100 * MS, "rejected_throttled"),
        ("SLOW", 50 * MS, "ack_timeout"),
        ("BUSY", 200 * MS, "rejected_throttled"),
    ]
    assert times(ran, "STRICT") == [0]
    assert times(ran, "HALTED")[:2] == [0, 508]


def test_lots_at_a_silent_venue_go_nowhere_else_before_its_answer(shipped: RunShipped) -> None:
    ran = shipped("rejects_and_timeouts")
    cancels = [(c.t_ns // MS, c.cl_ord_id, c.reason) for c in ran.of(CancelSent)]
    assert cancels == [
        (200, "P1.SLOW.1.C1", "ack_timeout"),
        (400, "P1.SLOW.1.C1", "no_answer"),
    ]
    (slow,) = ran.of(ChildCanceled)
    assert (slow.t_ns, slow.canceled_qty) == (600 * MS, 15_000)
    after = [c.order_qty for c in ran.of(ChildSent) if c.t_ns == 600 * MS]
    assert after == [15_000]


def test_a_venue_that_is_given_up_costs_its_shares(shipped: RunShipped) -> None:
    ran = shipped("rejects_and_timeouts", "router.backoff.stop_after=2")
    assert ran.parent["filled_qty"] == 95_000
    assert ran.of(RouteHold)[-1].venue_id in {"BUSY", "SLOW"}
    assert [h.until_ns for h in ran.of(RouteHold) if h.venue_id == "BUSY"][-1] is None


# ------------------------------------------------------------ faulty_day


def test_nine_faults_of_one_day_strike_and_no_share_is_lost(shipped: RunShipped) -> None:
    ran = shipped("faulty_day")
    assert ran.result.outcome is Outcome.COMPLETE
    struck = {fault.fault_id for fault in ran.of(Fault)}
    assert struck == {
        *("lost_order", "lost_fill", "doubled", "late_feed", "mad_feed"),
        *("crossed_feed", "wrong_clock", "outage", "two_stories"),
    }
    assert [row["filled_qty"] for row in ran.result.summary["parents"]] == [900] * 6
    assert not ran.of(Overfill)
    told = {(one.venue_id, one.reason) for decision in ran.of(Decision) for one in decision.doubts}
    assert told >= {("NASDAQ", "stale"), ("BATS", "jumped"), ("NYSE", "crossed")}
    assert {(one.venue_id, one.event) for one in ran.of(SessionEvent)} >= {
        *(("NASDAQ", "gap"), ("NASDAQ", "filled"), ("BATS", "down"), ("BATS", "up"))
    }
    assert [(h.venue_id, h.reason) for h in ran.of(RouteHold) if h.until_ns is None][:1] == [
        ("NYSE", "conflict")
    ]


def test_the_same_day_without_faults_is_as_good(shipped: RunShipped) -> None:
    plain = shipped("faulty_day", "faults=[]")
    assert plain.result.outcome is Outcome.COMPLETE
    assert not plain.of(Fault)
