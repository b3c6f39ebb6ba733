"""What follows when lots are free again, over the real loop and messages: trigger by trigger.

Each way to and from a scripted venue takes 1 ms unless a test says otherwise.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from router.core.events import ParentOrder
from sim.audit.records import (
    CancelSent,
    ChildSent,
    Decision,
    Fill,
    Overfill,
    ParentDone,
    RouteHold,
    WrittenOff,
)
from sim.protocol.enums import DecisionReason, EndReason, RejectReason, Side, TradingState

if TYPE_CHECKING:
    from tests.conftest import Ran
    from tests.integration.conftest import Floor, ScriptedVenue

Make = Callable[..., dict[str, Any]]
RunData = Callable[..., "Ran"]
MS = 1_000_000
ASK = 10_000
REST: dict[str, Any] = {"rest": {"price": "touch", "move_after": "0ns"}}


def fills_all(venue: "ScriptedVenue", name: str, qty: int, px: int, *, ms: int = 0) -> None:
    venue.answers[name] = [(ms, venue.fill(name, qty, px, total=qty))]


def back(venue: "ScriptedVenue", trigger: str) -> dict[str, Any]:
    """Have P.A.1 come back with all its lots by this trigger; what the router needs for that."""
    if trigger == "reject":
        venue.answers["P.A.1"] = [(0, venue.rejected("P.A.1", RejectReason.LAST_LOOK))]
        return {"backoff": {"after": 5}}
    if trigger == "timeout":
        venue.answers["P.A.1.C1"] = [(0, venue.canceled("P.A.1.C1", orig_cl_ord_id="P.A.1"))]
        return {"backoff": {"after": 5}, "ack_timeout": "4ms"}
    if trigger == "cancel":
        venue.answers["P.A.1"] = [(0, venue.ack("P.A.1")), (2, venue.canceled("P.A.1"))]
        return REST
    venue.answers["P.A.1"] = [(0, venue.canceled("P.A.1"))]
    return {}


TRIGGERS = ["partial_fill", "reject", "timeout"]


# ------------------------------------------------------------ what comes back


@pytest.mark.parametrize("trigger", [*TRIGGERS, "cancel"])
async def test_leave_ends_the_parent_with_what_came_back(floor: "Floor", trigger: str) -> None:
    a = floor.scripted("A", *(() if trigger == "cancel" else ((ASK, 100),)))
    more = back(a, trigger)
    a.shows(20, (ASK, 100))
    await floor.buy(100, limit=ASK, reroute={"on": {trigger: "leave"}}, **more)
    assert floor.end() == (EndReason.GIVEN_UP, 0, 100)
    assert floor.of(ParentDone)[0].t_ns < 10 * MS
    assert len(floor.orders()) == 1


async def test_leave_lets_open_children_go_on(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 50)), floor.scripted("B", (ASK + 1, 50))
    back(a, "partial_fill")
    fills_all(b, "P.B.1", 50, ASK + 1, ms=20)
    await floor.buy(100, reroute={"on": {"partial_fill": "leave"}})
    assert floor.end() == (EndReason.GIVEN_UP, 50, 50)
    assert floor.of(CancelSent) == []


@pytest.mark.parametrize("trigger", [*TRIGGERS, "cancel"])
async def test_wait_for_quote_decides_with_the_next_book_and_not_before(
    floor: "Floor", trigger: str
) -> None:
    rests = trigger == "cancel"
    a = floor.scripted("A", *(() if rests else ((ASK, 100),)))
    b = floor.scripted("B", *(() if rests else ((ASK + 1, 100),)))
    more = back(a, trigger)
    b.shows(20, (ASK + 1, 90))
    fills_all(b, "P.B.1", 90, ASK + 1)
    await floor.buy(
        100, limit=ASK + 1, deadline_ms=30, reroute={"on": {trigger: "wait_for_quote"}}, **more
    )
    names = [(name, ms) for name, _, ms in floor.orders()]
    assert names[0] == ("P.A.1", 0)
    assert names[1][1] == 21, "with the quote"
    decision = next(d for d in floor.of(Decision) if d.t_ns == 21 * MS)
    assert (decision.reason, decision.rule) == (DecisionReason.QUOTE_CHANGE, "wait_for_quote")


async def test_a_new_book_beyond_the_limit_is_not_waited_for(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B")
    back(a, "partial_fill")
    b.shows(10, (ASK + 5, 100))
    b.shows(20, (ASK, 100))
    fills_all(b, "P.B.1", 100, ASK)
    await floor.buy(100, limit=ASK, reroute={"on": {"partial_fill": "wait_for_quote"}})
    assert [(d.t_ns // MS, d.rule) for d in floor.of(Decision)] == [(0, ""), (21, "wait_for_quote")]


@pytest.mark.parametrize("trigger", TRIGGERS)
async def test_other_venues_leaves_the_venue_out(floor: "Floor", trigger: str) -> None:
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B", (ASK + 1, 40))
    more = back(a, trigger)
    a.shows(3, (ASK, 100))
    a.shows(20, (ASK, 101))
    fills_all(b, "P.B.1", 40, ASK + 1)
    await floor.buy(100, deadline_ms=30, reroute={"on": {trigger: "other_venues"}}, **more)
    assert [name for name, _, _ in floor.orders()][:2] == ["P.A.1", "P.B.1"]
    assert a.ids.count("P.A.2") == 0
    decision = floor.of(Decision)[1]
    assert decision.rule == "other_venues"
    assert {r.venue_id: r.reason for r in decision.refused}["A"] == "other_venues"


@pytest.mark.parametrize("trigger", TRIGGERS)
async def test_same_venue_waits_for_its_next_book(floor: "Floor", trigger: str) -> None:
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B", (ASK + 1, 100))
    more = back(a, trigger)
    a.shows(19, (ASK, 50))
    a.shows(20, (ASK, 100))
    fills_all(a, "P.A.2", 100, ASK)
    await floor.buy(100, reroute={"on": {trigger: "same_venue"}}, **more)
    assert floor.end() == (EndReason.FILLED, 100, 0)
    assert b.got == []
    assert "bound" in {r.reason for d in floor.of(Decision) for r in d.refused}


async def test_a_bond_to_a_venue_that_halts_does_not_count(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B", (ASK + 1, 100))
    back(a, "partial_fill")
    a.trades(10, TradingState.HALTED)
    b.shows(20, (ASK + 1, 100))
    fills_all(b, "P.B.1", 100, ASK + 1)
    await floor.buy(100, reroute={"on": {"partial_fill": "same_venue"}})
    assert floor.end() == (EndReason.FILLED, 100, 0)


async def test_quotes_give_no_turn_where_they_shall_not(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 40)), floor.scripted("B")
    a.answers["P.A.1"] = [(0, a.fill("P.A.1", 20, total=40)), (20, a.canceled("P.A.1", 20))]
    b.shows(5, (ASK, 100))
    fills_all(b, "P.B.1", 80, ASK)
    await floor.buy(100, reroute={"on": {"quote_change": "wait"}})
    assert floor.orders() == [("P.A.1", 40, 0), ("P.B.1", 80, 22)]
    assert [d.reason for d in floor.of(Decision)][-1] is DecisionReason.PARTIAL_FILL


@pytest.mark.parametrize("cancels", [True, False])
async def test_F19_what_is_open_at_a_venue_that_halts_stays_or_is_canceled(
    floor: "Floor", cancels: bool
) -> None:
    a, b = floor.scripted("A"), floor.scripted("B", ms=3)
    a.answers["P.A.1"] = [(0, a.ack("P.A.1"))]
    a.answers["P.A.1.C1"] = [(0, a.canceled("P.A.1.C1", orig_cl_ord_id="P.A.1"))]
    a.trades(10, TradingState.HALTED)
    b.answers["P.B.1"] = [(0, b.ack("P.B.1"))]
    on = {"halt": "cancel"} if cancels else {}
    await floor.buy(100, limit=ASK, deadline_ms=30, reroute={"on": on}, **REST)
    asked = [(c.reason, c.t_ns // MS) for c in floor.of(CancelSent) if "A" in c.orig_cl_ord_id]
    if cancels:
        assert asked == [("halt", 11)]
        assert floor.orders() == [("P.A.1", 100, 0), ("P.B.1", 100, 13)]
        assert DecisionReason.HALT in [d.reason for d in floor.of(Decision)]
    else:
        assert asked == [("parent_stopped", 30)]
        assert len(floor.orders()) == 1


# ------------------------------------------------------------ lots without an answer


@pytest.mark.parametrize("deadline_ms", [None, 400])
async def test_F02_lots_without_an_answer_are_written_off_after_the_time(
    floor: "Floor", deadline_ms: int | None
) -> None:
    """Silence from 0 on: cancel at 50, asked again at 100, given up at 150, written off at 180."""
    floor.scripted("A", (ASK, 100))
    b = floor.scripted("B", (ASK + 1, 100))
    fills_all(b, "P.B.1", 100, ASK + 1)
    router = await floor.buy(
        100, cancel_resends=1, reroute={"reserve_unanswered": "30ms"}, deadline_ms=deadline_ms
    )
    (record,) = floor.of(WrittenOff)
    assert (record.cl_ord_id, record.written_off_qty, record.t_ns) == ("P.A.1", 100, 180 * MS)
    assert floor.orders() == [("P.A.1", 100, 0), ("P.B.1", 100, 180)]
    assert floor.end() == (EndReason.FILLED, 100, 0)
    last = floor.of(Decision)[-1]
    assert (last.reason, last.rule) == (DecisionReason.TIMEOUT, "written_off")
    assert router.core.parents["P"].unanswered_qty == 0


async def test_F10_what_a_written_off_child_fills_later_goes_to_the_account_apart(
    floor: "Floor",
) -> None:
    """The lots were bought elsewhere meanwhile: booked for the parent they would be too many."""
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B", (ASK + 1, 60))
    a.answers["P.A.1"] = [(200, a.fill("P.A.1", 100))]
    fills_all(b, "P.B.1", 60, ASK + 1)
    fills_all(a, "P.A.2", 40, ASK)
    router = await floor.buy(100, cancel_resends=1, reroute={"reserve_unanswered": "30ms"})
    (record,) = floor.of(Overfill)
    assert (record.booked_qty, record.excess_qty, record.reason) == (0, 100, "written_off")
    assert router.core.overfilled == {("A", Side.BUY): 100}
    assert floor.end() == (EndReason.FILLED, 100, 0)
    assert sum(fill.last_qty for fill in floor.of(Fill)) == 100
    # The venue said nothing that cannot be: it is used again, and not in quarantine.
    assert [(h.venue_id, h.reason) for h in floor.of(RouteHold)][-1] == ("A", "answered")
    assert floor.orders()[-1][0] == "P.A.2"


async def test_F02_an_answer_in_time_keeps_the_lots_where_they_are(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B", (ASK + 1, 100))
    a.answers["P.A.1"] = [(170, a.fill("P.A.1", 100))]
    await floor.buy(100, cancel_resends=1, reroute={"reserve_unanswered": "30ms"})
    assert floor.end() == (EndReason.FILLED, 100, 0)
    assert floor.of(WrittenOff) == []
    assert b.got == []


async def test_F02_by_default_lots_without_an_answer_stay_reserved(floor: "Floor") -> None:
    floor.scripted("A", (ASK, 100))
    b = floor.scripted("B", (ASK + 1, 100))
    await floor.buy(100, cancel_resends=1)
    assert floor.end() == (EndReason.NO_ANSWER, 0, 0)
    assert b.got == []


# ------------------------------------------------------------ crossing near the deadline


async def test_crossing_takes_what_the_strategy_finds_and_posts_no_more(floor: "Floor") -> None:
    a, b = floor.scripted("A"), floor.scripted("B")
    a.shows(1, bids=((ASK, 10),))
    b.shows(60, (ASK + 8, 70), (ASK + 9, 50))
    a.answers["P.A.1"] = [(0, a.ack("P.A.1")), (30, a.fill("P.A.1", 40, ASK))]
    a.answers["P.A.1.C1"] = [(0, a.canceled("P.A.1.C1", 40, orig_cl_ord_id="P.A.1"))]
    b.answers["P.B.1"] = [(0, b.fill("P.B.1", 60, ASK + 8, total=60))]
    await floor.buy(
        100,
        at_ms=5,
        deadline_ms=100,
        limit=ASK + 9,
        rest={"price": "touch", "move_after": "0ns", "max_moves": 0},
        reroute={"cross": {"before": "30ms"}},
    )
    assert floor.orders() == [("P.A.1", 100, 5), ("P.B.1", 60, 72)]
    assert [(c.orig_cl_ord_id, c.reason, c.t_ns // MS) for c in floor.of(CancelSent)] == [
        ("P.A.1", "deadline_near", 70)
    ]
    assert floor.end() == (EndReason.FILLED, 100, 0)
    last = floor.of(Decision)[-1]
    assert (last.reason, last.rule) == (DecisionReason.DEADLINE_NEAR, "cross")


@pytest.mark.parametrize(("limit", "depth", "qty"), [("parent", "full", 100), ("touch", "top", 40)])
async def test_crossing_goes_as_deep_as_it_may(
    floor: "Floor", limit: str, depth: str, qty: int
) -> None:
    a = floor.scripted("A")
    a.shows(60, (ASK, 40), (ASK + 1, 100))
    await floor.buy(
        100,
        deadline_ms=70,
        strategy={"kind": "top_of_book"},
        reroute={"cross": {"before": "20ms", "limit": limit}},
    )
    child = floor.of(ChildSent)[0]
    assert (child.order_qty, child.t_ns // MS) == (qty, 61)
    decision = floor.of(Decision)[-1]
    assert (decision.depth, decision.rule) == (depth, "cross")


async def test_a_deadline_that_is_near_from_the_start_is_crossed_at_once(floor: "Floor") -> None:
    a = floor.scripted("A", (ASK, 100))
    fills_all(a, "P.A.1", 100, ASK)
    router = floor.router(reroute={"cross": {"before": "1s"}}, **REST)
    router.submit(ParentOrder("P", Side.BUY, 100, None, 20 * MS), 0)
    await router.run(1)
    assert floor.end() == (EndReason.FILLED, 100, 0)
    assert floor.of(Decision)[0].rule == "cross"


def test_crossing_releases_what_the_schedule_still_holds_back(
    market: Make, lit: Make, run_data: RunData
) -> None:
    """Five slices of 20 over 100 ms; from 65 ms on all of it is worked."""
    router = {"strategy": {"kind": "greedy"}, "reroute": {"cross": {"before": "35ms"}}}
    data = market([lit("A", [["100.00", 500]])], router=router, deadline="100ms")
    data["parents"][0]["schedule"] = {"kind": "twap", "slices": 5, "horizon": "100ms"}
    ran = run_data(data)
    left = [(c.t_ns // MS, c.order_qty) for c in ran.of(ChildSent)]
    assert sum(qty for _, qty in left) == 100
    before, (last_ms, rest) = left[:-1], left[-1]
    assert [qty for _, qty in before] == [20] * len(before)
    assert last_ms == 65
    assert rest == 100 - 20 * len(before)
    assert ran.of(Decision)[-1].rule == "cross"
    assert ran.parent["end_reason"] == "filled"
