"""The record of our places in the lines of a venue: one per change of ours, none for others."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.audit.records import QueuePosition
from sim.protocol.enums import Side
from sim.protocol.market_data import LevelChange, RecordedGroup, RecordedRows, RowEvent, Trade
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.api import VenueCore
from venues.core.queue_models import proportional
from venues.core.recorded_book import RecordedBook
from venues.core.recorded_orders import RecordedOrderBook

MakeCore = Callable[..., VenueCore]
MakeOrder = Callable[..., NewOrderSingle]
Serve = Callable[..., Any]
Told = list[tuple[int, str, int, int, str]]


def told(heard: Any) -> Told:
    """``(t_ns, child, lots ahead, lots left, reason)`` of each record."""
    return [
        (r.t_ns, r.cl_ord_id, r.ahead_qty, r.leaves_qty, r.reason)
        for r in heard.records
        if isinstance(r, QueuePosition)
    ]


def add(order_id: int, side: int, price: int, lots: int) -> tuple[int, int, int, int, int]:
    return int(RowEvent.ADD), side, price, lots, order_id


def rows(t_ns: int, *some: tuple[int, int, int, int, int]) -> tuple[int, RecordedRows]:
    return t_ns, RecordedRows(TimeNs(t_ns), some)


@pytest.fixture
def others(order: MakeOrder) -> list[tuple[int, Any]]:
    """At a lit venue: 30 lots ahead of ours in two orders, and 10 behind."""
    return [
        (1, order("buy", 20, 9_990, "GTC", account="x", cl_ord_id="x1")),
        (2, order("buy", 10, 9_990, "GTC", account="x", cl_ord_id="x2")),
        (3, order("buy", 5, 9_990, "GTC", cl_ord_id="ours")),
        (4, order("buy", 10, 9_990, "GTC", account="x", cl_ord_id="x3")),
    ]


async def test_waits_moves_forward_and_is_hit_at_a_lit_venue(
    make_core: MakeCore, order: MakeOrder, serve: Serve, others: list[tuple[int, Any]]
) -> None:
    heard = await serve(
        make_core("lit"),
        [
            *others,
            (5, OrderCancelRequest("c1", "x3", "x")),
            (6, order("sell", 4, 9_990, account="x")),
            (7, OrderCancelRequest("c2", "x2", "x")),
            (8, order("sell", 18, 9_990, account="x")),
            (9, order("sell", 90, 9_990, account="x")),
        ],
    )
    assert told(heard) == [
        (3, "ours", 30, 5, "joined"),
        (6, "ours", 26, 5, "traded"),
        (7, "ours", 16, 5, "canceled"),
        (8, "ours", 0, 3, "filled"),
        (9, "ours", 0, 0, "filled"),
    ]
    first = next(r for r in heard.records if isinstance(r, QueuePosition))
    assert (first.venue_id, first.price, first.level_qty, first.model) == ("V", 9_990, 35, "exact")


async def test_replace_joins_anew_unless_it_keeps_its_place(
    make_core: MakeCore, serve: Serve, others: list[tuple[int, Any]]
) -> None:
    def replace(name: str, old: str, qty: int) -> OrderCancelReplaceRequest:
        return OrderCancelReplaceRequest(name, old, QtyLots(qty), PriceTicks(9_990), "router")

    heard = await serve(
        make_core("lit"),
        [
            *others,
            (5, replace("r1", "ours", 4)),
            (6, replace("r2", "r1", 8)),
            (7, OrderCancelRequest("c", "x1", "x")),
            (8, OrderCancelRequest("c", "r2", "router")),
            (9, OrderCancelRequest("c", "x2", "x")),
        ],
    )
    assert told(heard) == [
        (3, "ours", 30, 5, "joined"),
        (6, "ours", 40, 8, "joined"),
        (7, "ours", 20, 8, "canceled"),
    ]


async def test_replace_that_trades_at_once_joins_with_what_it_leaves(
    make_core: MakeCore, order: MakeOrder, serve: Serve, others: list[tuple[int, Any]]
) -> None:
    heard = await serve(
        make_core("lit"),
        [
            *others,
            (5, order("sell", 2, 9_995, "GTC", account="x", cl_ord_id="s")),
            (6, OrderCancelReplaceRequest("r", "ours", QtyLots(5), PriceTicks(9_995), "router")),
            (7, order("buy", 9, 9_995, "GTC", account="x", cl_ord_id="x4")),
            (8, order("sell", 1, 9_995, account="x")),
        ],
    )
    places = [r for r in heard.records if isinstance(r, QueuePosition)]
    assert [(r.t_ns, r.price, r.ahead_qty, r.leaves_qty, r.reason) for r in places] == [
        (3, 9_990, 30, 5, "joined"),
        (6, 9_995, 0, 3, "filled"),
        (6, 9_995, 0, 3, "joined"),
        (8, 9_995, 0, 2, "filled"),
    ]


async def test_orders_of_others_and_those_that_do_not_rest_are_not_told(
    make_core: MakeCore, order: MakeOrder, serve: Serve, others: list[tuple[int, Any]]
) -> None:
    heard = await serve(
        make_core("lit"),
        [*others[:2], (3, order("sell", 5, 9_990)), (4, order("buy", 5, 9_980))],
    )
    assert told(heard) == []


async def test_dark_venues_tell_no_places(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("dark", book={"bids": [["99.90", 7]]})
    assert told(await serve(core, [(1, order("buy", 5, 9_990, "GTC"))])) == []


async def test_recorded_orders_of_one_instant_are_one_move(order: MakeOrder, serve: Serve) -> None:
    """As much joins behind as leaves ahead: the level shows the same, the place does not."""
    heard = await serve(
        RecordedOrderBook(),
        [
            rows(1, add(1, 1, 100, 20), add(2, 1, 100, 10)),
            (2, order("buy", 5, 100, "GTC", cl_ord_id="ours")),
            rows(3, (int(RowEvent.DELETE), 1, 0, 0, 2), add(3, 1, 100, 10)),
            rows(4, (int(RowEvent.EXECUTE), 1, 100, 20, 1), (int(RowEvent.EXECUTE), 1, 100, 2, 3)),
            rows(5, (int(RowEvent.EXECUTE), 1, 99, 9, 77)),
        ],
    )
    assert told(heard) == [
        (2, "ours", 30, 5, "joined"),
        (3, "ours", 20, 5, "canceled"),
        (4, "ours", 0, 3, "filled"),
        (5, "ours", 0, 0, "filled"),
    ]


async def test_level_data_names_its_estimator(order: MakeOrder, serve: Serve) -> None:
    def level(t_ns: int, lots: int, *more: Trade) -> tuple[int, RecordedGroup]:
        change = LevelChange(Side.BUY, PriceTicks(100), QtyLots(lots))
        return t_ns, RecordedGroup(TimeNs(t_ns), (change, *more))

    book = RecordedBook(model=proportional)
    book.place = "proportional"
    heard = await serve(
        book,
        [
            level(1, 20),
            (2, order("buy", 5, 100, "GTC", cl_ord_id="ours")),
            level(3, 40),
            level(4, 30),
            level(5, 20, Trade(PriceTicks(100), QtyLots(10), Side.SELL)),
        ],
    )
    assert told(heard) == [
        (2, "ours", 20, 5, "joined"),
        (4, "ours", 15, 5, "canceled"),
        (5, "ours", 5, 5, "traded"),
    ]
    assert {r.model for r in heard.records if isinstance(r, QueuePosition)} == {"proportional"}
