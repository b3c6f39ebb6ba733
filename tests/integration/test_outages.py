"""Venues that die, hang, are cut off, halt or refuse everything, through whole runs.

A is the better venue and what befalls it is the story; B has enough for everybody. Each way takes
5 ms. Nothing of ours may be lost or filled twice, and nobody else may notice.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import (
    BookAtArrival,
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    ChildSent,
    Fault,
    Fill,
    ParentDone,
    ParticipantEvent,
    Quote,
    RouteHold,
    SessionEvent,
    StatusReported,
    StatusRequested,
    VenueEvent,
)
from sim.protocol.enums import EndReason, OrdStatus, Outcome, RejectReason
from sim.world import run_world

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Make = Callable[..., Data]
RunData = Callable[..., "Ran"]
RunTwo = Callable[..., "Ran"]
MS = 1_000_000


@pytest.fixture
def run_two(market: Make, lit: Make, run_data: RunData) -> RunTwo:
    """``run_two(fault, ...)``: buy 100 lots, of which A has as many at the better price."""

    def run(*faults: Data, router: Data | None = None, **more: Any) -> "Ran":
        settings = {"strategy": {"kind": "greedy"}, "ack_timeout": "20ms", **(router or {})}
        a = more.pop("a", {})
        venues = [lit("A", [["100.00", 100]], **a), lit("B", [["100.05", 900]])]
        data = market(venues, router=settings, faults=list(faults), **{"limit": "100.10", **more})
        return run_data(data, "duration=2s")

    return run


def crash(**more: Any) -> Data:
    return {"kind": "venue_crash", "venue": "A", **more}


def events(ran: "Ran", venue_id: str = "A") -> list[tuple[str, int]]:
    """What the router learnt of a session, with the millisecond."""
    found = [one for one in ran.of(SessionEvent) if one.venue_id == venue_id]
    return [(one.event, one.t_ns // MS) for one in found]


def fills(ran: "Ran") -> list[tuple[str, int]]:
    return [(one.venue_id, one.last_qty) for one in ran.of(Fill)]


def end(ran: "Ran") -> tuple[EndReason, int, int]:
    (done,) = ran.of(ParentDone)
    return done.end_reason, done.filled_qty, done.canceled_qty


# ------------------------------------------------------------ a venue dies


def test_F01_children_of_a_venue_that_dies_are_unknown_until_it_says_what_became_of_them(
    run_two: RunTwo,
) -> None:
    """The order is lost on its way, so nothing of it may go elsewhere before A has said so."""
    ran = run_two(crash(at="3ms", lasts="100ms"))
    assert [(one.event, one.t_ns // MS) for one in ran.of(VenueEvent)] == [("down", 3), ("up", 103)]
    lost = [one for one in ran.of(Fault) if one.phase == "struck"]
    assert [(one.cl_ord_id, one.leg, one.t_ns // MS) for one in lost] == [("P.A.1", "order", 5)]
    assert events(ran)[0] == ("down", 8)
    assert ("up", 108) in events(ran)
    (asked,) = ran.of(StatusRequested)
    (told,) = ran.of(StatusReported)
    assert (asked.reason, told.ord_status) == ("reconnected", OrdStatus.REJECTED)
    sent = ran.of(ChildSent)
    assert sent[1].t_ns >= told.t_ns
    assert end(ran) == (EndReason.FILLED, 100, 0)
    assert ran.result.outcome is Outcome.COMPLETE
    (down,) = ran.result.summary["down"]
    assert (down["venue_id"], down["until_ns"]) == ("A", 103 * MS)


def test_F01_what_a_venue_filled_before_it_died_counts_after_it_is_back(run_two: RunTwo) -> None:
    """Its reports are cut off with the line, its orders and numbers are kept."""
    cut = {"kind": "disconnect", "venue": "A", "at": "7ms", "lasts": "93ms"}
    ran = run_two(crash(at="7ms", lasts="93ms"), cut)
    assert fills(ran) == [("A", 100)]
    assert end(ran) == (EndReason.FILLED, 100, 0)
    (fill,) = ran.of(Fill)
    assert (fill.processed_ns // MS, fill.t_ns > 100 * MS) == (5, True)


def test_F01_a_venue_that_stays_down_is_waited_for_and_then_its_lots_are_written_off_by_the_rule(
    run_two: RunTwo,
) -> None:
    router = {
        "recovery": {"patience": "50ms"},
        "reroute": {"reserve_unanswered": "200ms"},
    }
    ran = run_two(crash(at="3ms"), router=router)
    assert events(ran) == [("down", 8)]
    assert [one.venue_id for one in ran.of(ChildSent)] == ["A", "B"]
    second = ran.of(ChildSent)[1]
    assert second.t_ns >= (8 + 50 + 200) * MS
    assert end(ran) == (EndReason.FILLED, 100, 0)


def test_F01_others_fills_are_not_delayed_by_a_venue_that_dies_hangs_or_is_flooded(
    run_two: RunTwo,
) -> None:
    def fills_of_b(*faults: Data) -> list[Fill]:
        parents = [
            {"id": f"P{n}", "side": "buy", "qty": 300, "at": "0s", "limit": "100.10"}
            for n in range(3)
        ]
        ran = run_two(*faults, parents=parents, deadline="60ms")
        return [one for one in ran.of(Fill) if one.venue_id == "B" and one.t_ns <= 10 * MS]

    quiet = fills_of_b()
    assert quiet
    for fault in (
        crash(at="4ms"),
        {"kind": "venue_hang", "venue": "A", "at": "4ms", "lasts": "50ms"},
        {"kind": "disconnect", "venue": "A", "at": "4ms", "lasts": "50ms"},
        {"kind": "flood", "venue": "A", "at": "4ms", "lasts": "10ms", "messages": 5_000},
    ):
        assert fills_of_b(fault) == quiet


@pytest.mark.parametrize("orders", ["kept", "lost"])
def test_F01_F23_resting_orders_are_kept_or_lost_and_a_lost_session_has_a_new_number(
    run_two: RunTwo, orders: str
) -> None:
    """An order that rests at A is found again, or is gone and free to be sent anew."""
    ran = run_two(
        crash(at="30ms", lasts="50ms", orders=orders),
        {"kind": "venue_hang", "venue": "B", "at": "1500ms"},
        router={"rest": {"venue": "A"}},
        limit="99.90",
        deadline="400ms",
    )
    up = [one for one in ran.of(SessionEvent) if one.event == "up"]
    assert [one.session for one in up] == [1 if orders == "kept" else 2]
    told = ran.of(StatusReported)
    want = OrdStatus.NEW if orders == "kept" else OrdStatus.REJECTED
    assert [one.ord_status for one in told] == [want]
    sent = ran.of(ChildSent)
    assert len(sent) == (1 if orders == "kept" else 2)
    assert end(ran) == (EndReason.DEADLINE, 0, 100)
    assert len(ran.of(ChildCanceled)) == len(sent)


def test_F01_a_dead_venue_says_nothing_and_publishes_its_book_as_it_is_back(
    run_two: RunTwo,
) -> None:
    flow = [{"kind": "poisson", "rate": 5000, "centre": "99.00", "lots": 5}]
    ran = run_two(crash(at="20ms", lasts="60ms", orders="lost"), a={"flow": flow}, at="200ms")
    quoted = [one.t_ns // MS for one in ran.of(Quote) if one.venue_id == "A"]
    assert any(t < 20 for t in quoted)
    assert not any(20 <= t < 80 for t in quoted)
    assert any(80 <= t < 90 for t in quoted)
    assert {one.venue_id for one in ran.of(ChildSent)} == {"A"}
    assert all(one.price < 100_00 for one in ran.of(ChildSent))  # the old offer is gone


# ------------------------------------------------------------ a venue hangs


def test_F02_a_hang_is_answered_by_cancel_and_question_and_by_no_order_elsewhere(
    run_two: RunTwo,
) -> None:
    ran = run_two({"kind": "venue_hang", "venue": "A", "at": "3ms", "lasts": "110ms"})
    asked = [one.reason for one in ran.of(StatusRequested)]
    assert asked == ["no_answer"]
    assert [one.venue_id for one in ran.of(ChildSent)] == ["A"]
    (arrived,) = ran.of(BookAtArrival)
    assert arrived.t_ns == 113 * MS
    assert arrived.held_ns == 108 * MS
    assert end(ran) == (EndReason.FILLED, 100, 0)


def test_F02_backlog_of_a_hang_is_worked_off_in_its_order(run_two: RunTwo) -> None:
    """The order, its cancels and the question came in this order, and are answered in it."""
    ran = run_two(
        {"kind": "venue_hang", "venue": "A", "at": "3ms", "lasts": "90ms"},
        router={"rest": {"venue": "A"}},
        limit="99.90",
        deadline="60ms",
    )
    after = [one for one in ran.records if one.t_ns >= 93 * MS]
    order = [
        type(one) for one in after if isinstance(one, ChildAcked | ChildCanceled | StatusReported)
    ]
    assert order[:2] == [ChildAcked, ChildCanceled]


# ------------------------------------------------------------ the line is cut


def test_F03_a_disconnect_between_order_and_ack_ends_in_one_fill(run_two: RunTwo) -> None:
    """Ack and fill are lost on their way, come again, and the order is never sent twice."""
    ran = run_two({"kind": "disconnect", "venue": "A", "at": "7ms", "lasts": "93ms"})
    lost = [one.leg for one in ran.of(Fault) if one.phase == "struck"]
    assert lost == ["report", "report"]
    assert events(ran)[:2] == [("down", 12), ("up", 105)]
    assert len(ran.of(ChildSent)) == 1
    assert fills(ran) == [("A", 100)]


def test_F03_an_order_that_was_on_its_way_is_sent_elsewhere_only_after_the_answer(
    run_two: RunTwo,
) -> None:
    ran = run_two({"kind": "disconnect", "venue": "A", "at": "3ms", "lasts": "40ms"})
    (told,) = ran.of(StatusReported)
    assert told.ord_status is OrdStatus.REJECTED
    names = [one.cl_ord_id for one in ran.of(ChildSent)]
    assert len(names) == len(set(names)) == 2
    assert ran.of(ChildSent)[1].t_ns >= told.t_ns
    assert end(ran) == (EndReason.FILLED, 100, 0)


@pytest.mark.parametrize("cancels", [True, False])
def test_F03_cancel_on_disconnect_takes_resting_orders_off_and_tells_it_afterwards(
    run_two: RunTwo, cancels: bool
) -> None:
    ran = run_two(
        {
            "kind": "disconnect",
            "venue": "A",
            "at": "30ms",
            "lasts": "50ms",
            "cancel_on_disconnect": cancels,
        },
        router={"rest": {"venue": "A"}},
        limit="99.90",
        deadline="400ms",
    )
    early = [one for one in ran.of(ChildCanceled) if one.processed_ns == 30 * MS]
    assert len(early) == (1 if cancels else 0)
    assert all(one.t_ns > 80 * MS for one in early)
    assert end(ran) == (EndReason.DEADLINE, 0, 100)


# ------------------------------------------------------------ refusals and halts


@pytest.mark.parametrize(
    "reason", ["throttled", "exchange_closed", "order_exceeds_limit", "price_exceeds_band"]
)
def test_F17_the_reason_of_a_refusal_is_kept_and_its_lots_go_elsewhere_once(
    run_two: RunTwo, reason: str
) -> None:
    ran = run_two({"kind": "reject_storm", "venue": "A", "at": "1ms", "reason": reason})
    assert [one.reason for one in ran.of(ChildRejected)] == [RejectReason(reason)]
    assert [one.venue_id for one in ran.of(ChildSent)] == ["A", "B"]
    assert end(ran) == (EndReason.FILLED, 100, 0)


def test_F18_a_storm_holds_the_venue_longer_each_time_and_every_parent_ends(
    run_two: RunTwo,
) -> None:
    parents = [
        {
            "id": f"P{n}",
            "side": "buy",
            "qty": 5,
            "at": f"{11 * n}ms",
            "limit": "100.00",
            "deadline": "900ms",
        }
        for n in range(20)
    ]
    ran = run_two({"kind": "reject_storm", "venue": "A", "at": "0s"}, parents=parents)
    holds = [one.t_ns // MS for one in ran.of(RouteHold)]
    assert holds == [10, 70, 180, 390, 800]  # each twice as long: no tight loop
    assert len(ran.of(ChildRejected)) <= len(holds) * len(parents)
    done = ran.of(ParentDone)
    assert len(done) == 20
    assert sum(one.filled_qty for one in done) == 0


def test_F18_after_the_storm_the_venue_is_used_again(run_two: RunTwo) -> None:
    storm = {"kind": "reject_storm", "venue": "A", "at": "1ms", "lasts": "20ms"}
    ran = run_two(storm, limit="100.00", deadline="900ms")
    assert fills(ran) == [("A", 100)]


def test_F18_half_a_storm_is_the_same_half_for_the_same_seed(run_two: RunTwo) -> None:
    parents = [
        {
            "id": f"P{n}",
            "side": "buy",
            "qty": 1,
            "at": f"{n}ms",
            "limit": "100.00",
            "deadline": "900ms",
        }
        for n in range(30)
    ]
    storm = {"kind": "reject_storm", "venue": "A", "at": "0s", "share": 0.5}
    first, second = (run_two(storm, parents=parents) for _ in range(2))
    assert first.result.log == second.result.log
    assert first.of(ChildRejected)
    assert first.of(Fill)


def test_F19_a_halt_drops_the_quote_refuses_the_order_and_ends_with_a_new_quote(
    run_two: RunTwo,
) -> None:
    halt = {"kind": "trading_halt", "venue": "A", "at": "1ms", "lasts": "60ms"}
    ran = run_two(halt, limit="100.00", deadline="900ms")
    assert [(one.event, one.t_ns // MS) for one in ran.of(VenueEvent)] == [
        ("halted", 1),
        ("resumed", 61),
    ]
    (rejected,) = ran.of(ChildRejected)
    assert rejected.reason is RejectReason.EXCHANGE_CLOSED
    assert fills(ran) == [("A", 100)]
    assert ran.of(ChildSent)[1].t_ns >= 66 * MS


# ------------------------------------------------------------ all venues


def test_F25_where_all_venues_are_down_the_parent_ends_unfilled_with_a_reason(
    run_two: RunTwo,
) -> None:
    both = [{"kind": "venue_crash", "venue": venue, "at": "1ms"} for venue in ("A", "B")]
    ran = run_two(*both, at="50ms", router={"recovery": {"patience": "100ms"}})
    reason, filled, canceled = end(ran)
    assert (reason, filled, canceled) == (EndReason.NO_VENUE, 0, 100)
    assert ran.of(ChildSent) == []
    assert ran.result.outcome is Outcome.COMPLETE


def test_F26_a_pool_that_dies_is_ended_by_the_deadline(run_two: RunTwo) -> None:
    ran = run_two(
        crash(at="30ms"),
        {"kind": "trading_halt", "venue": "B", "at": "0s"},
        router={"rest": {"venue": "A"}, "recovery": {"patience": "100ms"}},
        limit="99.90",
        deadline="300ms",
    )
    (done,) = ran.of(ParentDone)
    assert (done.end_reason, done.t_ns // MS) == (EndReason.DEADLINE, 300)


# ------------------------------------------------------------ floods


def test_P09_a_flood_fills_the_queue_of_its_venue_and_no_others(run_two: RunTwo) -> None:
    processing = {"time": {"model": "fixed", "delay": "100us"}, "queue": 50}
    flood = {"kind": "flood", "venue": "A", "at": "1ms", "lasts": "10ms", "messages": 1_000}
    ran = run_two(flood, a={"processing": processing})
    (rejected,) = ran.of(ChildRejected)
    assert rejected.reason is RejectReason.THROTTLED
    assert [(one.venue_id, one.t_ns // MS) for one in ran.of(Fill)] == [("B", 20)]


@pytest.mark.parametrize(
    "trigger",
    [
        {"at": "3ms"},
        {"on": {"record": "child_sent", "venue": "A"}},
        {"rate": 1000.0, "start": "1ms", "stop": "50ms"},
    ],
)
def test_every_trigger_brings_a_crash(run_two: RunTwo, trigger: Data) -> None:
    ran = run_two({"kind": "venue_crash", "venue": "A", "lasts": "10ms", **trigger}, deadline="1s")
    began = [one for one in ran.of(Fault) if one.phase == "began"]
    assert began
    assert len(ran.of(VenueEvent)) >= 2 * (len(began) - 1) + 1
    assert end(ran)[0] is EndReason.FILLED


def test_two_faults_of_a_kind_keep_a_venue_down_until_both_are_over(run_two: RunTwo) -> None:
    ran = run_two(crash(at="1ms", lasts="50ms"), crash(at="20ms", lasts="80ms"), at="300ms")
    assert [(one.event, one.t_ns // MS) for one in ran.of(VenueEvent)] == [("down", 1), ("up", 100)]
    assert fills(ran) == [("A", 100)]


# ------------------------------------------------------------ others, and real time


def test_F01_a_participant_is_refused_by_a_venue_that_is_down_and_trades_on_after_it(
    market: Make, lit: Make, run_data: RunData
) -> None:
    """Whoever sends to nobody hears of it, else a market maker would wait for ever."""
    leg = {"model": "fixed", "delay": "1ms"}
    maker = {
        "id": "MM",
        "kind": "market_maker",
        "latency": {"order": leg, "report": leg, "feed": leg},
        "venues": [{"venue": "A"}],
        "half_spread": "0.02",
        "qty": 50,
        "hold": "20ms",
    }
    venues = [lit("A", [["100.00", 100]]), lit("B", [["100.05", 900]])]
    venues[0]["book"]["bids"] = [["99.90", 10]]
    for orders in ("kept", "lost"):
        fault = crash(at="50ms", lasts="100ms", orders=orders)
        data = market(venues, participants=[maker], faults=[fault], at="400ms", qty=1)
        ran = run_data(data, "duration=500ms")
        quoted = [one.t_ns // MS for one in ran.of(Quote) if one.venue_id == "A"]
        assert not any(50 <= t < 150 for t in quoted)
        # With its orders lost the book is empty, and the maker has no middle to quote around.
        assert any(t > 160 for t in quoted) == (orders == "kept")
        assert [one for one in ran.of(ParticipantEvent) if one.event == "failed"] == []
        assert ran.result.outcome is Outcome.COMPLETE


@pytest.mark.parametrize(
    "fault",
    [
        crash(at="3ms", lasts="30ms"),
        crash(at="3ms", lasts="30ms", orders="lost"),
        {"kind": "venue_hang", "venue": "A", "at": "3ms", "lasts": "30ms"},
        {"kind": "disconnect", "venue": "A", "at": "7ms", "lasts": "30ms"},
    ],
    ids=["crash", "crash_lost", "hang", "disconnect"],
)
def test_F01_F02_F03_in_real_time_every_lot_ends_as_in_virtual_time(
    market: Make, lit: Make, load_data: Callable[..., Any], fault: Data
) -> None:
    venues = [lit("A", [["100.00", 100]]), lit("B", [["100.05", 900]])]
    router = {"strategy": {"kind": "greedy"}, "ack_timeout": "100ms"}
    data = market(venues, router=router, faults=[fault], limit="100.10")
    result = run_world(load_data(data, "duration=400ms"), clock="wall")
    (row,) = result.summary["parents"]
    assert (row["filled_qty"], row["end_reason"]) == (100, "filled")
    assert result.outcome is Outcome.COMPLETE
