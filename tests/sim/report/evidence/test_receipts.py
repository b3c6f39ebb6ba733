"""Which best prices an order met, and which type that made it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sim.protocol.enums import Side, TimeInForce
from sim.report.evidence.receipts import (
    OrderType,
    Quoted,
    Touches,
    best_prices,
    order_type,
    quoted,
    receipt,
)

if TYPE_CHECKING:
    from tests.sim.report.evidence.conftest import Story

MS = 1_000_000
BID, ASK = 9_998, 10_002
TYPES = [
    (ASK, OrderType.MARKETABLE_IOC, OrderType.MARKETABLE),
    (ASK + 1, OrderType.MARKETABLE_IOC, OrderType.MARKETABLE),
    (ASK - 1, OrderType.PASSIVE_IOC, OrderType.INSIDE),
    (BID, OrderType.PASSIVE_IOC, OrderType.AT),
    (BID - 10, OrderType.PASSIVE_IOC, OrderType.NEAR),
    (BID - 11, OrderType.PASSIVE_IOC, OrderType.AWAY),
]


@pytest.mark.parametrize(("price", "at_once", "resting"), TYPES)
@pytest.mark.parametrize("sign", [1, -1])
def test_the_type_follows_from_where_the_limit_lies(
    price: int, at_once: OrderType, resting: OrderType, sign: int
) -> None:
    bid, ask = BID, ASK
    if sign < 0:  # a sale is the mirror image
        price, bid, ask = -price, -ASK, -BID
    assert order_type(sign, price, bid, ask, at_once=True, near_ticks=10) is at_once
    assert order_type(sign, price, bid, ask, at_once=False, near_ticks=10) is resting


def test_without_the_side_that_it_needs_an_order_is_judged_by_what_is_there() -> None:
    assert order_type(1, 10, None, None, at_once=False, near_ticks=0) is OrderType.NO_QUOTE
    assert order_type(1, 10, 9, None, at_once=True, near_ticks=0) is OrderType.NO_QUOTE
    assert order_type(1, 9, 9, None, at_once=False, near_ticks=0) is OrderType.AT
    assert order_type(1, 9, None, 10, at_once=False, near_ticks=0) is OrderType.INSIDE
    assert order_type(1, 10, None, 10, at_once=True, near_ticks=0) is OrderType.MARKETABLE_IOC


@pytest.mark.parametrize(
    ("bid", "ask", "expected"),
    [
        (9, 10, Quoted.NORMAL),
        (10, 10, Quoted.LOCKED),
        (11, 10, Quoted.CROSSED),
        (None, 10, Quoted.ONE_SIDED),
        (10, None, Quoted.ONE_SIDED),
        (None, None, Quoted.NONE),
    ],
)
def test_quotes_are_told_apart(bid: int | None, ask: int | None, expected: Quoted) -> None:
    assert quoted(bid, ask) is expected


def test_receipt_is_before_the_venues_queue(story: Callable[..., "Story"]) -> None:
    run = story().quote(0, "A", BID, ASK).parent().child("c", "A", 0, ASK)
    run.quote(6, "B", BID, ASK - 1).arrives("c", 5, queued_ms=3)
    trail = run.trail()
    found = receipt(trail, trail.children["c"], 10)
    assert (found.t_ns, found.bid, found.ask) == (5 * MS, BID, ASK)
    assert (found.far, found.sign) == (ASK, 1)


def test_our_own_change_at_that_instant_does_not_count_but_others_before_it_do(
    story: Callable[..., "Story"],
) -> None:
    run = story().quote(0, "A", BID, ASK).quote(0, "B", BID, ASK + 1)
    run.parent().child("c", "A", 0, ASK)
    run.quote(5, "B", BID, ASK + 2).arrives("c", 5).fill("c", 5, ASK, 100)
    run.quote(5, "A", BID, ASK + 9).quote(7, "A", BID, ASK + 8)
    trail = run.trail()
    assert best_prices(trail, 5 * MS)[1:] == (BID, ASK)
    touches = Touches(trail)
    assert touches.side("A", 5 * MS, 1) == (ASK, 100, 0)
    assert touches.side("B", 5 * MS, 1) == (ASK + 2, 100, 1)
    assert touches.side("A", 6 * MS, 1) == (ASK + 9, 100, 1)
    assert touches.side("D", 6 * MS, 1) is None
    assert touches.displayed(5 * MS, 1, ASK) == 100
    assert touches.displayed(5 * MS, -1, BID) == 200


def test_the_opening_quote_holds_for_an_order_that_takes_no_time(
    story: Callable[..., "Story"],
) -> None:
    run = story().quote(0, "A", BID, ASK).parent().child("c", "A", 0, ASK).arrives("c", 0)
    trail = run.quote(0, "A", BID, None).trail()
    assert Touches(trail).side("A", 0, 1) == (ASK, 100, 0)


def test_without_a_record_of_its_arrival_nothing_is_known(story: Callable[..., "Story"]) -> None:
    trail = story(Side.SELL).quote(0, "A", BID, ASK).parent().child("c", "A", 0, BID).trail()
    found = receipt(trail, trail.children["c"], 10)
    assert (found.t_ns, found.bid, found.order_type) == (None, None, OrderType.NO_QUOTE)


def test_a_day_order_may_rest(story: Callable[..., "Story"]) -> None:
    run = story().quote(0, "A", BID, ASK).parent()
    run.child("c", "A", 0, BID, tif=TimeInForce.DAY).arrives("c", 1)
    trail = run.trail()
    assert receipt(trail, trail.children["c"], 10).order_type is OrderType.AT
