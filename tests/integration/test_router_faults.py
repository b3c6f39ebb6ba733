"""The router and venues that are late, silent or wrong: messages over the real loop and links.

Each way to and from a scripted venue takes 1 ms unless a test says otherwise.
"""

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from router.core.events import ParentOrder
from sim.audit.records import (
    CancelSent,
    ChildCanceled,
    ChildSent,
    Decision,
    Fill,
    Overfill,
    ParentDone,
    RequestPending,
    RouteHold,
)
from sim.protocol.enums import (
    CxlRejReason,
    EndReason,
    ExecType,
    OrdStatus,
    RejectReason,
    Side,
    TradingState,
)

if TYPE_CHECKING:
    from tests.integration.conftest import Floor

MS = 1_000_000
ASK = 10_000
REST: dict[str, Any] = {"rest": {"price": "touch", "move_after": "0ns"}}


# ------------------------------------------------------------ lost, repeated, in another order


async def test_F05_a_fill_without_its_acknowledgement_counts(floor: "Floor") -> None:
    a = floor.scripted("A", (ASK, 100))
    a.answers["P.A.1"] = [(5, a.fill("P.A.1", 100))]
    await floor.buy(100)
    assert floor.end() == (EndReason.FILLED, 100, 0)
    assert floor.of(CancelSent) == []


async def test_F07_a_fill_that_comes_twice_is_booked_once(floor: "Floor") -> None:
    a = floor.scripted("A", (ASK, 100))
    fill = a.fill("P.A.1", 40)
    a.answers["P.A.1"] = [(1, fill), (2, fill), (3, a.fill("P.A.1", 60, cum=100))]
    await floor.buy(100)
    assert floor.end() == (EndReason.FILLED, 100, 0)
    assert [f.last_qty for f in floor.of(Fill)] == [40, 60]
    assert floor.ignored() == ["duplicate"]


async def test_F08_a_number_with_other_content_puts_its_venue_into_quarantine(
    floor: "Floor",
) -> None:
    a = floor.scripted("A", (ASK, 100))
    floor.scripted("B", (ASK + 1, 100)).answers["P.B.1"] = ()
    a.answers["P.A.1"] = [(1, a.fill("P.A.1", 40)), (2, a.fill("P.A.1", 30, exec_id=1))]
    a.answers["P.A.1.C1"] = [(1, a.canceled("P.A.1.C1", 40, orig_cl_ord_id="P.A.1"))]
    await floor.buy(100)
    assert floor.ignored() == ["conflict"]
    hold = floor.of(RouteHold)[0]
    assert (hold.venue_id, hold.until_ns, hold.reason) == ("A", None, "conflict")
    assert floor.orders()[1][:2] == ("P.B.1", 60)


@pytest.mark.parametrize("ack_first", [True, False])
async def test_F11_acknowledgement_and_fill_in_either_order_give_the_same_state(
    floor: "Floor", ack_first: bool
) -> None:
    a = floor.scripted("A", (ASK, 100))
    ack, fill = a.ack("P.A.1"), a.fill("P.A.1", 40)
    end = a.canceled("P.A.1", 40)
    a.answers["P.A.1"] = [(1 if ack_first else 2, ack), (2 if ack_first else 1, fill), (9, end)]
    router = await floor.buy(100, deadline_ms=20)
    assert floor.end() == (EndReason.DEADLINE, 40, 60)
    child = router.core.children["P.A.1"]
    assert (child.status, child.cum_qty, child.acked) == (OrdStatus.CANCELED, 40, True)
    assert floor.ignored() == []


async def test_F12_an_end_that_overtakes_a_fill_waits_for_it(floor: "Floor") -> None:
    """Applied at once it would free lots that are filled, and they would be bought twice."""
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B", (ASK + 1, 100))
    fill, end = a.fill("P.A.1", 30), a.canceled("P.A.1", 30)
    a.answers["P.A.1"] = [(1, end), (20, fill)]
    b.answers["P.B.1"] = [(0, b.fill("P.B.1", 70, ASK + 1))]
    await floor.buy(100)
    assert floor.end() == (EndReason.FILLED, 100, 0)
    assert floor.orders() == [("P.A.1", 100, 0), ("P.B.1", 70, 22)]
    assert [c.canceled_qty for c in floor.of(ChildCanceled)] == [70]


async def test_F12_what_an_end_waits_for_in_vain_is_given_up_after_a_time(floor: "Floor") -> None:
    a = floor.scripted("A", (ASK, 100))
    floor.scripted("B", (ASK + 1, 100))
    a.answers["P.A.1"] = [(1, a.canceled("P.A.1", 30))]
    router = await floor.buy(100)
    assert floor.end() == (EndReason.NO_ANSWER, 0, 0)
    assert floor.of(ParentDone)[0].t_ns == 53 * MS
    assert router.core.parents["P"].reserved_qty == 100
    assert len(floor.orders()) == 1


# ------------------------------------------------------------ races with cancels


async def test_F13_only_what_a_cancel_really_freed_goes_elsewhere(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B", (ASK + 1, 100))
    a.answers["P.A.1.C1"] = [
        (0, a.fill("P.A.1", 30)),
        (10, a.canceled("P.A.1.C1", 30, orig_cl_ord_id="P.A.1")),
    ]
    b.answers["P.B.1"] = [(0, b.fill("P.B.1", 70, ASK + 1))]
    await floor.buy(100)
    assert floor.orders() == [("P.A.1", 100, 0), ("P.B.1", 70, 62)]
    assert floor.end() == (EndReason.FILLED, 100, 0)


async def test_F14_a_fill_after_a_confirmed_cancel_is_nobodys(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B", (ASK + 1, 60))
    a.answers["P.A.1"] = [(0, a.canceled("P.A.1")), (10, a.fill("P.A.1", 25))]
    b.answers["P.B.1"] = [(30, b.fill("P.B.1", 60, ASK + 1))]
    router = await floor.buy(100, deadline_ms=45)
    (record,) = floor.of(Overfill)
    assert (record.booked_qty, record.excess_qty, record.reason) == (0, 25, "after_end")
    assert router.core.overfilled == {("A", Side.BUY): 25}
    assert [(h.venue_id, h.until_ns, h.reason) for h in floor.of(RouteHold)] == [
        ("A", None, "overfill")
    ]
    # The parent's target stays what it was, and its other child is pulled back.
    assert [c.orig_cl_ord_id for c in floor.of(CancelSent)] == ["P.B.1"]
    assert router.core.parents["P"].filled_qty == 60


async def test_F15_a_lost_cancel_is_sent_again_under_its_id(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B", (ASK + 1, 100))
    a.answers["P.A.1.C1#2"] = [(0, a.canceled("P.A.1.C1", orig_cl_ord_id="P.A.1"))]
    b.answers["P.B.1"] = [(0, b.fill("P.B.1", 100, ASK + 1))]
    await floor.buy(100)
    assert a.ids == ["P.A.1", "P.A.1.C1", "P.A.1.C1"]
    assert [(c.t_ns // MS, c.reason) for c in floor.of(CancelSent)] == [
        (50, "ack_timeout"),
        (100, "no_answer"),
    ]
    assert floor.orders()[1] == ("P.B.1", 100, 102)


async def test_F15_cancels_are_sent_again_a_bounded_number_of_times(floor: "Floor") -> None:
    a = floor.scripted("A", (ASK, 100))
    await floor.buy(100, cancel_resends=5)
    assert a.ids == ["P.A.1", *["P.A.1.C1"] * 6]
    assert floor.end() == (EndReason.NO_ANSWER, 0, 0)


async def test_F04_an_order_that_its_venue_never_got_is_free_again(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B", (ASK + 1, 100))
    unknown = a.refused("P.A.1.C1", "P.A.1", CxlRejReason.UNKNOWN_ORDER)
    a.answers["P.A.1.C1"] = [(0, unknown)]
    b.answers["P.B.1"] = [(0, b.fill("P.B.1", 100, ASK + 1))]
    await floor.buy(100)
    assert floor.orders()[1] == ("P.B.1", 100, 52)
    assert floor.end() == (EndReason.FILLED, 100, 0)


async def test_a_cancel_that_is_refused_for_the_time_being_is_tried_again(floor: "Floor") -> None:
    a = floor.scripted("A")
    a.answers["P.A.1"] = [(0, a.ack("P.A.1"))]
    a.answers["P.A.1.C1"] = [(0, a.refused("P.A.1.C1", "P.A.1", CxlRejReason.THROTTLED))]
    a.answers["P.A.1.C2"] = [(0, a.canceled("P.A.1.C2", orig_cl_ord_id="P.A.1"))]
    await floor.buy(100, limit=ASK, deadline_ms=10, **REST)
    assert [t for t, _ in a.got] == [1, 11, 63]
    assert floor.end() == (EndReason.DEADLINE, 0, 100)


async def test_a_second_refusal_of_a_cancel_that_was_sent_twice_is_no_breach(
    floor: "Floor",
) -> None:
    a = floor.scripted("A", (ASK, 100))
    refusal = a.refused("P.A.1.C1", "P.A.1", CxlRejReason.THROTTLED)
    a.answers["P.A.1.C1"] = [(70, refusal)]
    a.answers["P.A.1.C1#2"] = [(21, refusal)]
    a.answers["P.A.1.C2"] = [(0, a.fill("P.A.1", 100))]
    await floor.buy(100)
    assert floor.ignored() == ["duplicate"]
    assert floor.end() == (EndReason.FILLED, 100, 0)


async def test_an_order_that_waits_in_a_queue_may_be_refused_after_its_cancel_was(
    floor: "Floor",
) -> None:
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B", (ASK + 1, 100))
    a.answers["P.A.1"] = [(70, a.rejected("P.A.1", RejectReason.EXCHANGE_CLOSED))]
    a.answers["P.A.1.C1"] = [(0, a.refused("P.A.1.C1", "P.A.1", CxlRejReason.THROTTLED))]
    b.answers["P.B.1"] = [(0, b.fill("P.B.1", 100, ASK + 1))]
    await floor.buy(100)
    assert floor.orders()[1] == ("P.B.1", 100, 72)
    assert floor.end() == (EndReason.FILLED, 100, 0)


async def test_I18_a_late_answer_brings_a_silent_venue_back(floor: "Floor") -> None:
    """The deadline waits for nothing, but what comes before it counts."""
    a, b = floor.scripted("A", (ASK, 60)), floor.scripted("B", (ASK + 1, 40))
    a.answers["P.A.1"] = [(300, a.fill("P.A.1", 10)), (301, a.canceled("P.A.1", 10))]
    b.answers["P.B.1"] = [(0, b.fill("P.B.1", 40, ASK + 1))]
    b.answers["P.B.2"] = [(0, b.fill("P.B.2", 50, ASK + 1))]
    b.shows(310, (ASK + 1, 80))
    await floor.buy(100, deadline_ms=1_000, cancel_resends=1)
    assert [(h.t_ns // MS, h.venue_id, h.reason) for h in floor.of(RouteHold)] == [
        (50, "A", "ack_timeout"),
        (150, "A", "no_answer"),
        (302, "A", "answered"),
    ]
    assert floor.orders()[2] == ("P.B.2", 50, 311)
    assert floor.end() == (EndReason.FILLED, 100, 0)


async def test_F02_a_request_that_is_pending_after_all_is_not_waited_for_for_ever(
    floor: "Floor",
) -> None:
    """A is given up at 150, the parent stops at 151, and A's answer of 153 is no end either."""
    a, b = floor.scripted("A", (ASK, 50)), floor.scripted("B", (ASK + 1, 50))
    pending = a.report(ExecType.PENDING_CANCEL, "P.A.1.C1", orig_cl_ord_id="P.A.1")
    a.answers["P.A.1"] = [(151, pending)]
    for n in range(1, 9):
        name = f"P.B.1.C{n}"
        b.answers[name] = [(0, b.refused(name, "P.B.1", CxlRejReason.EXCHANGE_CLOSED))]
    await floor.buy(100, cancel_resends=1, deadline_ms=151)
    assert floor.end() == (EndReason.DEADLINE, 0, 0)
    assert floor.of(RequestPending)[0].t_ns == 153 * MS
    assert 153 * MS < floor.of(ParentDone)[0].t_ns < 400 * MS


# ------------------------------------------------------------ fills that cannot be


async def test_F10_what_is_filled_beyond_the_open_lots_goes_to_an_account_apart(
    floor: "Floor",
) -> None:
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B", (ASK + 1, 100))
    c = floor.scripted("C", (ASK + 2, 200))
    a.answers["P.A.1"] = [(0, a.fill("P.A.1", 130))]
    b.answers["P.B.1.C1"] = [(0, b.canceled("P.B.1.C1", orig_cl_ord_id="P.B.1"))]
    b.answers["P.B.2"] = [(0, b.fill("P.B.2", 100, ASK + 1))]
    c.answers["P.C.1"] = [(0, c.fill("P.C.1", 100, ASK + 2))]
    a.shows(20, (ASK - 1, 500))  # tempting
    router = await floor.buy(200)
    (record,) = floor.of(Overfill)
    assert (record.last_qty, record.booked_qty, record.excess_qty) == (130, 100, 30)
    assert router.core.overfilled == {("A", Side.BUY): 30}
    assert floor.end() == (EndReason.FILLED, 200, 0)
    assert sum(fill.last_qty for fill in floor.of(Fill)) == 200
    assert [(c.orig_cl_ord_id, c.reason) for c in floor.of(CancelSent)] == [("P.B.1", "quarantine")]
    assert a.ids == ["P.A.1"]
    refused = {r.venue_id: r.reason for r in floor.of(Decision)[-1].refused}
    assert refused["A"] == "quarantine"


async def test_F20_a_fill_past_the_limit_is_not_booked_and_its_lots_are_bought_elsewhere(
    floor: "Floor",
) -> None:
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B", (ASK + 1, 100))
    a.answers["P.A.1"] = [(0, a.fill("P.A.1", 100, ASK + 5))]
    b.answers["P.B.1"] = [(0, b.fill("P.B.1", 100, ASK + 1))]
    router = await floor.buy(100)
    (record,) = floor.of(Overfill)
    assert (record.booked_qty, record.excess_qty, record.reason) == (0, 100, "outside_limit")
    assert [(f.venue_id, f.last_px) for f in floor.of(Fill)] == [("B", ASK + 1)]
    assert router.core.overfilled == {("A", Side.BUY): 100}


async def test_F21_reports_about_strangers_make_no_position(floor: "Floor") -> None:
    a = floor.scripted("A", (ASK, 100))
    a.answers["P.A.1"] = [
        (0, a.fill("Q.A.1", 50)),
        (0, a.fill("P.A.1", 50, side=Side.SELL)),
        (1, a.fill("P.A.1", 100)),
    ]
    await floor.buy(100)
    assert floor.ignored() == ["unknown_order", "breach"]
    assert floor.end() == (EndReason.FILLED, 100, 0)


async def test_F22_what_comes_for_a_finished_parent_is_recorded_and_changes_nothing(
    floor: "Floor",
) -> None:
    a, b = floor.scripted("A", (ASK, 40)), floor.scripted("B", (ASK + 1, 60))
    a.answers["P.A.1"] = [
        (0, a.fill("P.A.1", 40, total=40)),
        (20, a.canceled("P.A.1", 40)),
        (20, a.fill("P.A.1", 7, cum=47)),
    ]
    b.answers["P.B.1"] = [(0, b.fill("P.B.1", 60, ASK + 1))]
    router = floor.router()
    router.submit(ParentOrder("P", Side.BUY, 100), 0)
    router.submit(ParentOrder("Q", Side.SELL, 1, deadline_ns=50 * MS), 0)  # keeps the router up
    await router.run(2)
    assert floor.ignored() == ["parent_done"]
    assert [(o.excess_qty, o.reason) for o in floor.of(Overfill)] == [(7, "parent_done")]
    assert router.core.parents["P"].filled_qty == 100


# ------------------------------------------------------------ venues that refuse or are away


async def test_F17_a_refusal_for_now_holds_the_venue_and_then_it_is_tried_again(
    floor: "Floor",
) -> None:
    a = floor.scripted("A", (ASK, 100))
    for n in (1, 2, 3):
        a.answers[f"P.A.{n}"] = [(0, a.rejected(f"P.A.{n}", RejectReason.THROTTLED))]
    a.answers["P.A.4"] = [(0, a.fill("P.A.4", 100))]
    await floor.buy(100, backoff={"first": "10ms", "factor": 3})
    assert [t for _, _, t in floor.orders()] == [0, 12, 44, 136]
    assert [(h.until_ns, h.strikes, h.reason) for h in floor.of(RouteHold)] == [
        (12 * MS, 1, "rejected_throttled"),
        (44 * MS, 2, "rejected_throttled"),
        (136 * MS, 3, "rejected_throttled"),
    ]


async def test_F17_a_refusal_of_the_order_itself_leaves_the_venue_out_for_its_parent(
    floor: "Floor",
) -> None:
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B", (ASK + 1, 100))
    a.answers["P.A.1"] = [(0, a.rejected("P.A.1", RejectReason.INVALID_PRICE_INCREMENT))]
    a.answers["Q.A.1"] = [(0, a.fill("Q.A.1", 100))]
    b.answers["P.B.1"] = [(0, b.fill("P.B.1", 100, ASK + 1))]
    router = floor.router()
    router.submit(ParentOrder("P", Side.BUY, 100), 0)
    router.submit(ParentOrder("Q", Side.BUY, 100), 20 * MS)
    await router.run(2)
    assert floor.of(RouteHold) == []
    assert [name for name, _, _ in floor.orders()] == ["P.A.1", "P.B.1", "Q.A.1"]


async def test_F18_a_storm_of_refusals_ends_with_the_venue_out_and_the_parent_done(
    floor: "Floor",
) -> None:
    a = floor.scripted("A", (ASK, 100))
    for n in range(1, 50):
        name = f"P.A.{n}"
        a.answers[name] = [(0, a.rejected(name, RejectReason.EXCHANGE_CLOSED))]
    await floor.buy(100, backoff={"first": "1ms", "max": "4ms", "stop_after": 6})
    assert len(floor.orders()) == 6
    assert [h.until_ns for h in floor.of(RouteHold)][-1] is None
    assert floor.end() == (EndReason.NO_VENUE, 0, 100)


async def test_F18_a_burst_of_refusals_counts_once(floor: "Floor") -> None:
    """Two parents are refused at one instant; that is one strike, not two."""
    a = floor.scripted("A", (ASK, 100))
    for name in ("P.A.1", "Q.A.1"):
        a.answers[name] = [(0, a.rejected(name, RejectReason.THROTTLED))]
    router = floor.router(backoff={"first": "10ms"})
    for name in "PQ":
        router.submit(ParentOrder(name, Side.BUY, 50, deadline_ns=11 * MS), 0)
    await router.run(2)
    assert [h.strikes for h in floor.of(RouteHold)] == [1]


async def test_F19_a_venue_that_does_not_trade_gets_nothing_and_its_old_quote_is_dropped(
    floor: "Floor",
) -> None:
    a = floor.scripted("A", (ASK, 100))
    a.trades(5, TradingState.HALTED)
    a.trades(40, TradingState.OPEN)
    a.shows(60, (ASK + 3, 100))
    a.answers["P.A.1"] = [(0, a.fill("P.A.1", 100, ASK + 3))]
    router = floor.router()
    router.submit(ParentOrder("P", Side.BUY, 100), 10 * MS)
    await router.run(1)
    assert [(c.t_ns // MS, c.price) for c in floor.of(ChildSent)] == [(61, ASK + 3)]
    first = floor.of(Decision)[0]
    assert [(r.venue_id, r.reason) for r in first.refused] == [("A", "halted")]


async def test_F24_a_decision_rests_on_what_had_come_by_then_and_says_how_old_it_is(
    floor: "Floor",
) -> None:
    """B's better book was published before the decision, and is still on its way."""
    a, b = floor.scripted("A", (ASK + 1, 100)), floor.scripted("B", (ASK + 5, 100), ms=80)
    b.shows(10, (ASK, 100))
    a.answers["P.A.1"] = [(0, a.fill("P.A.1", 100, ASK + 1))]
    router = floor.router()
    router.submit(ParentOrder("P", Side.BUY, 100), 50 * MS)
    await router.run(1)
    (decision,) = floor.of(Decision)
    assert [(q.venue_id, q.age_ns, q.levels[0][0]) for q in decision.quotes] == [
        ("A", 50 * MS, ASK + 1),
        ("B", 50 * MS, ASK + 5),
    ]
    assert [c.venue_id for c in floor.of(ChildSent)] == ["A"]


async def test_F25_where_all_venues_are_out_the_parent_ends_unfilled_with_a_reason(
    floor: "Floor",
) -> None:
    for venue_id in "AB":
        venue = floor.scripted(venue_id, (ASK, 50))
        name = f"P.{venue_id}.1"
        venue.answers[name] = [(0, venue.rejected(name, RejectReason.UNSUPPORTED_ORDER))]
    await floor.buy(100)
    assert floor.end() == (EndReason.NO_VENUE, 0, 100)


async def test_F26_a_deadline_ends_what_a_dark_pool_never_fills(floor: "Floor") -> None:
    floor.open("D", "dark", ms=3, indications=False)
    await floor.buy(100, limit=ASK, deadline_ms=500, blind={})
    assert floor.end() == (EndReason.DEADLINE, 0, 100)
    assert floor.of(ParentDone)[0].t_ns == 500 * MS


# ------------------------------------------------------------ interrupts


async def test_P01_stop_all_cancels_what_is_open_and_parents_end_as_the_answers_come(
    floor: "Floor",
) -> None:
    a = floor.scripted("A", (ASK, 100))
    a.answers["P.A.1.C1"] = [
        (0, a.fill("P.A.1", 30)),
        (5, a.canceled("P.A.1.C1", 30, orig_cl_ord_id="P.A.1")),
    ]
    router = floor.router(ack_timeout="1s")
    router.submit(ParentOrder("P", Side.BUY, 100), 0)
    router.submit(ParentOrder("Q", Side.BUY, 100, 9_000), 0)
    router.submit(ParentOrder("LATE", Side.BUY, 100), 25 * MS)
    task = asyncio.get_running_loop().create_task(router.run(3))
    await asyncio.sleep(0.02)
    router.apply(router.core.stop_all(floor.loop.now_ns))
    await task
    ends = floor.of(ParentDone)
    assert [(d.parent_id, d.t_ns // MS, d.filled_qty, d.canceled_qty) for d in ends] == [
        ("Q", 20, 0, 100),
        ("LATE", 25, 0, 100),
        ("P", 27, 30, 70),
    ]
    assert {d.end_reason for d in ends} == {EndReason.ABORTED}
    assert len(floor.orders()) == 1
