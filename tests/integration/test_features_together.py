"""What two features of the router make of each other: controls, planned children, pings, posts.

Each way to and from a scripted venue takes 1 ms unless a test says otherwise.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import ChildDropped, ChildSent, Decision, ParentDone
from sim.protocol.enums import DecisionReason, EndReason, RejectReason

if TYPE_CHECKING:
    from tests.conftest import Ran
    from tests.integration.conftest import Floor

Make = Callable[..., dict[str, Any]]
RunData = Callable[..., "Ran"]
ASK = 10_000
REST: dict[str, Any] = {"price": "touch", "move_after": "0ns"}
EQUALISED = {"mode": "latency_equalised"}


def leg(ms: int) -> dict[str, Any]:
    one = {"model": "fixed", "delay": f"{ms}ms"}
    return {"order": one, "report": one, "feed": one}


def pool(name: str, ms: int, lots: int) -> dict[str, Any]:
    book = {"asks": [["100.00", lots]]}
    return {"id": name, "kind": "dark", "latency": leg(ms), "book": book}


def shown(name: str, ms: int, lots: int, *orders: dict[str, Any]) -> dict[str, Any]:
    flow = [{"kind": "scripted", "orders": list(orders)}] if orders else []
    book = {"asks": [["100.02", lots]]}
    return {"id": name, "kind": "lit", "latency": leg(ms), "book": book, "flow": flow}


def sent(ran: "Ran") -> list[tuple[str, int]]:
    return [(one.venue_id, one.order_qty) for one in ran.of(ChildSent)]


# ------------------------------------------------------------ what a control has kept


@pytest.mark.parametrize("sending", [{}, EQUALISED])
async def test_I2_nothing_leaves_for_a_parent_that_a_control_has_just_stopped(
    floor: "Floor", sending: dict[str, Any]
) -> None:
    a, b = floor.scripted("A", (ASK, 100), ms=5), floor.scripted("B", (ASK + 1, 50))
    rules = {
        "controls": {"max_order_qty": 60},
        "reroute": {"on": {"order_size": "leave"}},
        "sending": sending,
    }
    await floor.buy(150, **rules)
    assert floor.end() == (EndReason.CONTROL, 0, 150)
    assert a.got == b.got == []
    (dropped,) = floor.of(ChildDropped)
    assert (dropped.cl_ord_id, dropped.reason) == ("P.B.1", "parent_stopped")


async def test_a_parent_that_is_held_once_more_waits_for_the_later_release(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 50)), floor.scripted("B", (ASK + 1, 100))
    a.answers["P.A.1"] = [(0, a.fill("P.A.1", 50, ASK, total=50))]
    first = b.fill("P.B.1", 50, ASK + 1, total=100)
    b.answers["P.B.1"] = [(10, first), (11, b.canceled("P.B.1", cum=50))]
    b.shows(15, (ASK + 1, 50))
    b.shows(16, (ASK + 1, 50))
    held = {"executions": {"most": 1, "within": "5ms", "release": "20ms"}}
    b.answers["P.B.2"] = [(0, b.fill("P.B.2", 50, ASK + 1, total=50))]
    await floor.buy(150, controls=held, deadline_ms=60)
    # Held by the fills at 2 ms and at 12 ms.
    assert floor.orders() == [("P.A.1", 50, 0), ("P.B.1", 100, 0), ("P.B.2", 50, 32)]


async def test_a_post_that_a_control_keeps_starts_no_clock(floor: "Floor") -> None:
    floor.scripted("A", (ASK, 50))
    rest = {**REST, "price": "limit", "first": True, "take_after": "5ms"}
    small = {"max_order_value": 1}
    router = await floor.buy(10, controls=small, rest=rest, limit=ASK, deadline_ms=20)
    assert floor.orders() == []
    assert router.core.parents["P"].post_over_ns == 0


async def test_a_venue_beyond_the_collar_is_looked_at_while_another_is_asked(
    floor: "Floor",
) -> None:
    a, b = floor.scripted("A", (ASK, 10), (ASK + 9, 90)), floor.scripted("B", (ASK + 1, 50))
    a.shows(5, (ASK, 100))
    a.answers["P.A.2"] = [(0, a.fill("P.A.2", 100, ASK, total=100))]
    b.answers["P.B.1"] = [(20, b.canceled("P.B.1"))]
    controls = {"price_collar": {"ticks": 5}}
    await floor.buy(100, controls=controls, sending={"mode": "sequential"}, deadline_ms=40)
    assert floor.orders() == [("P.B.1", 50, 0), ("P.A.2", 100, 22)]
    assert floor.end() == (EndReason.FILLED, 100, 0)


async def test_posting_counts_as_an_attempt_like_taking(floor: "Floor") -> None:
    a = floor.scripted("A", (ASK, 50))
    a.answers["P.A.1"] = [(0, a.fill("P.A.1", 50, ASK, total=50))]
    await floor.buy(100, rest=REST, limit=ASK, max_attempts=1, deadline_ms=20)
    assert floor.orders() == [("P.A.1", 50, 0)]


# ------------------------------------------------------------ lots that came back


async def test_a_bond_to_a_venue_that_refuses_for_good_does_not_count(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B", (ASK + 1, 100))
    a.answers["P.A.1"] = [(0, a.rejected("P.A.1", RejectReason.PRICE_EXCEEDS_BAND))]
    b.answers["P.B.1"] = [(0, b.fill("P.B.1", 100, ASK + 1, total=100))]
    await floor.buy(100, reroute={"on": {"reject": "same_venue"}}, deadline_ms=30)
    assert floor.end() == (EndReason.FILLED, 100, 0)


async def test_a_bond_to_a_venue_that_may_not_be_used_again_does_not_count(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 100)), floor.scripted("B", (ASK + 1, 100))
    a.answers["P.A.1"] = [(0, a.canceled("P.A.1"))]
    b.answers["P.B.1"] = [(0, b.fill("P.B.1", 100, ASK + 1, total=100))]
    back = {"venues": "others", "on": {"partial_fill": "same_venue"}}
    await floor.buy(100, reroute=back, deadline_ms=30)
    assert floor.end() == (EndReason.FILLED, 100, 0)


@pytest.mark.parametrize(("rule", "children"), [("wait", 1), ("reallocate", 2)])
async def test_lots_that_wait_for_no_quote_are_not_posted_at_one(
    floor: "Floor", rule: str, children: int
) -> None:
    a = floor.scripted("A", (ASK, 50))
    a.answers["P.A.1"] = [(0, a.fill("P.A.1", 50, ASK, total=50))]
    a.shows(10, bids=((ASK - 10, 10),))
    on = {"on": {"quote_change": rule}}
    await floor.buy(100, rest=REST, reroute=on, deadline_ms=20)
    assert len(floor.orders()) == children


# ------------------------------------------------------------ blind orders and pools


def test_a_part_that_follows_a_ping_needs_a_reference_like_any_other(
    market: Make, run_data: RunData
) -> None:
    """The only displayed offer goes while the ping is under way."""
    taker = {"at": "500us", "id": "T", "side": "buy", "qty": 100, "price": "100.02"}
    venues = [shown("LIT", 1, 100, taker), pool("NEAR", 1, 700)]
    router = {"strategy": {"kind": "greedy"}, "blind": {"ping": {"lots": 50}}}
    parents = [{"id": "P", "side": "buy", "qty": 1_000, "at": "0s", "deadline": "20ms"}]
    ran = run_data(market(venues, router=router, parents=parents))
    assert sent(ran) == [("NEAR", 50)]
    assert ("NEAR", "no_reference") in [
        (one.venue_id, one.reason) for one in ran.of(Decision)[1].refused
    ]


def test_a_pool_whose_ping_a_control_kept_is_asked_later(market: Make, run_data: RunData) -> None:
    router = {
        "strategy": {"kind": "greedy"},
        "blind": {"ping": {"lots": 50}, "fraction": "0.5"},
        "controls": {"messages": {"most": 1, "within": "10ms", "per": "all"}},
    }
    venues = [shown("LIT", 1, 100), pool("NEAR", 1, 10), pool("FAR", 2, 700)]
    parents = [{"id": "P", "side": "buy", "qty": 1_000, "at": "0s", "deadline": "60ms"}]
    ran = run_data(market(venues, router=router, parents=parents))
    assert ("FAR", 50) in sent(ran)


def test_what_a_control_leaves_of_a_ping_is_one(market: Make, run_data: RunData) -> None:
    router = {
        "strategy": {"kind": "greedy"},
        "blind": {"ping": {"lots": 50}},
        "controls": {"max_order_qty": 30},
    }
    venues = [shown("LIT", 1, 5_000), pool("NEAR", 1, 60)]
    parents = [{"id": "P", "side": "buy", "qty": 100, "at": "0s"}]
    ran = run_data(market(venues, router=router, parents=parents))
    assert sent(ran)[:2] == [("NEAR", 30), ("NEAR", 30)]
    assert [one.stage for one in ran.of(Decision)[1].blind] == ["after_ping"]
    assert ran.parent["filled_qty"] == 100


def test_lots_wait_for_a_ping_that_has_not_left_yet(market: Make, run_data: RunData) -> None:
    """The ping leaves after 4 ms, so as to arrive with the child for LIT; LIT shows more sooner."""
    more = {"at": "500us", "id": "M", "side": "sell", "qty": 5_000, "price": "100.02"}
    lit = shown("LIT", 5, 100, more)
    lit["latency"] = {**leg(5), "feed": leg(1)["feed"]}
    router = {
        "strategy": {"kind": "greedy"},
        "blind": {"ping": {"lots": 50}, "fraction": "0.5"},
        "sending": EQUALISED,
    }
    parents = [{"id": "P", "side": "buy", "qty": 1_000, "at": "0s"}]
    ran = run_data(market([lit, pool("NEAR", 1, 10)], router=router, parents=parents))
    children = ran.of(ChildSent)
    assert [(one.venue_id, one.order_qty) for one in children[:2]] == [("LIT", 100), ("NEAR", 50)]
    answered = children[1].t_ns + 2_000_000
    assert all(one.t_ns >= answered for one in children[2:])


def test_who_is_told_what_is_there_needs_no_quote_of_it(market: Make, run_data: RunData) -> None:
    router = {"strategy": {"kind": "oracle"}, "reroute": {"fresh_quote": False}}
    parents = [{"id": "P", "side": "buy", "qty": 100, "at": "5ms"}]
    venue = {**pool("NEAR", 1, 100), "trading": {"open": "1ms"}}
    ran = run_data(market([venue], router=router, parents=parents))
    assert ran.parent["filled_qty"] == 100


# ------------------------------------------------------------ what shows


def test_children_that_wait_to_leave_count_as_shown(market: Make, run_data: RunData) -> None:
    """At most 69 lots may show. NEAR's child waits 8 ms, and FAR shows more meanwhile."""
    more = {"at": "500us", "id": "M", "side": "sell", "qty": 5_000, "price": "100.01"}
    far = shown("FAR", 9, 20, more)
    far["book"] = {"asks": [["100.01", 20]]}
    far["latency"] = {**leg(9), "feed": leg(1)["feed"]}
    router = {
        "strategy": {"kind": "greedy"},
        "leakage": {"alpha": "0.01", "max_detect": "0.5"},
        "sending": EQUALISED,
    }
    parents = [{"id": "P", "side": "buy", "qty": 200, "at": "0s", "deadline": "12ms"}]
    ran = run_data(market([shown("NEAR", 1, 5_000), far], router=router, parents=parents))
    assert all(one.leakage.visible_qty <= 69 for one in ran.of(Decision) if one.leakage)
    no_answer_yet = [one.order_qty for one in ran.of(ChildSent) if one.t_ns <= 8_000_000]
    assert no_answer_yet == [20, 49]
    assert ran.of(ParentDone)
    assert DecisionReason.QUOTE_CHANGE in {one.reason for one in ran.of(Decision)}


def test_I6_who_is_told_what_is_there_keeps_to_the_limit_on_a_coarse_grid(
    market: Make, run_data: RunData
) -> None:
    """The wholesaler sells at 100.01, which an order on its grid reaches at 100.05 only."""
    fast = {"model": "fixed", "delay": "1ms"}
    coarse = {"id": "COARSE", "kind": "wholesaler", "tick_size": "0.05", "latency": leg(1)}
    lit = {**shown("LIT", 9, 60), "book": {"asks": [["100.01", 60]], "bids": [["99.99", 60]]}}
    ran = run_data(
        market(
            [lit, coarse],
            links=[{"from": "LIT", "to": "COARSE", "latency": fast}],
            router={"strategy": {"kind": "oracle"}},
            parents=[{"id": "P", "side": "buy", "qty": 100, "at": "5ms", "limit": "100.03"}],
        )
    )
    assert [(one.venue_id, one.price) for one in ran.of(ChildSent)] == [("LIT", 10_001)]
