"""Kinds whose book is what they show: lit and maker."""

from collections.abc import Callable

import pytest

from sim.protocol.enums import ExecType, OrdStatus, RejectReason, Side
from sim.protocol.market_data import Levels
from sim.protocol.orders import ExecutionReport, NewOrderSingle, OrderCancelRequest
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.api import VenueCore
from venues.core.order_book import OrderBook

MakeCore = Callable[..., VenueCore]
MakeOrder = Callable[..., NewOrderSingle]

BOOK = {
    "asks": [["100.03", 300], ["100.02", 400], ["100.04", 200]],
    "bids": [["99.97", 50], ["99.98", 200]],
}
QUOTE = {"bid": ["99.98", 200], "ask": ["100.02", 400]}
NOW = TimeNs(0)


def reach(core: VenueCore, side: Side, limit: int | None, depth: int) -> Levels:
    """What an order with this limit could take."""
    price = None if limit is None else PriceTicks(limit)
    return core.reachable_by(NewOrderSingle("probe", side, QtyLots(1), price), depth)


def send(core: VenueCore, order: NewOrderSingle) -> list[ExecutionReport]:
    """The reports to the order's own account."""
    reports = core.handle(order, NOW)
    core.check()
    return [
        report
        for report in reports
        if isinstance(report, ExecutionReport) and report.account == order.account
    ]


def test_lit_shows_its_book_best_first(make_core: MakeCore) -> None:
    core = make_core("lit", book=BOOK)
    bids, asks = core.published(2)
    assert bids == ((9_998, 200), (9_997, 50))
    assert asks == ((10_002, 400), (10_003, 300))
    assert core.published(2)[0] is bids
    core.check()


def test_lit_takes_and_rests_orders(make_core: MakeCore, order: MakeOrder) -> None:
    core = make_core("lit", book=BOOK)
    reports = send(core, order("buy", 500, 10_002, "DAY"))
    assert [r.exec_type for r in reports] == [ExecType.NEW, ExecType.TRADE]
    assert reports[-1].leaves_qty == 100
    assert core.published(5) == (
        ((10_002, 100), (9_998, 200), (9_997, 50)),
        ((10_003, 300), (10_004, 200)),
    )
    assert (core.last_px, core.last_qty, core.volume) == (10_002, 400, 400)
    assert [(t.price, t.qty, t.aggressor) for t in core.trades] == [(10_002, 400, Side.BUY)]


@pytest.mark.parametrize(
    ("side", "limit", "levels"),
    [
        (Side.BUY, 10_001, ()),
        (Side.BUY, 10_003, ((10_002, 400), (10_003, 300))),
        (Side.BUY, None, ((10_002, 400), (10_003, 300), (10_004, 200))),
        (Side.SELL, 9_998, ((9_998, 200),)),
        (Side.SELL_SHORT, 1, ((9_998, 200), (9_997, 50))),
    ],
)
def test_reachable_levels_end_at_the_limit(
    make_core: MakeCore, side: Side, limit: int | None, levels: tuple[tuple[int, int], ...]
) -> None:
    assert reach(make_core("lit", book=BOOK), side, limit, 10) == levels


def test_own_grid_is_enforced_on_orders(make_core: MakeCore, order: MakeOrder) -> None:
    core = make_core("lit", tick_size="0.05", lot_size=100, book={"asks": [["100.05", 400]]})
    assert send(core, order("buy", 150, 10_005))[0].reject_reason is RejectReason.INCORRECT_QUANTITY
    off_tick = send(core, order("buy", 100, 10_006))
    assert off_tick[0].reject_reason is RejectReason.INVALID_PRICE_INCREMENT
    assert send(core, order("buy", 100, 10_005))[-1].ord_status is OrdStatus.FILLED


def test_makers_quote_shrinks_as_it_is_hit(make_core: MakeCore, order: MakeOrder) -> None:
    core = make_core("maker", quote=QUOTE)
    assert core.published(5) == (((9_998, 200),), ((10_002, 400),))
    assert send(core, order("buy", 150, 10_002))[-1].ord_status is OrdStatus.FILLED
    assert core.published(5)[1] == ((10_002, 250),)
    rest = send(core, order("buy", 300, 10_005))
    assert [(r.exec_type, r.cum_qty) for r in rest] == [
        (ExecType.NEW, 0),
        (ExecType.TRADE, 250),
        (ExecType.CANCELED, 250),
    ]
    assert core.published(5) == (((9_998, 200),), ())


def test_makers_tiers_stand_behind_its_quote(make_core: MakeCore, order: MakeOrder) -> None:
    core = make_core("maker", quote={**QUOTE, "more_asks": [["100.04", 100], ["100.06", 50]]})
    assert core.published(5)[1] == ((10_002, 400), (10_004, 100), (10_006, 50))
    assert send(core, order("buy", 520, 10_006))[-1].ord_status is OrdStatus.FILLED
    assert core.published(5)[1] == ((10_006, 30),)


@pytest.mark.parametrize("tif", ["IOC", "FOK"])
def test_maker_takes_orders_that_cannot_rest(
    make_core: MakeCore, order: MakeOrder, tif: str
) -> None:
    core = make_core("maker", quote=QUOTE)
    assert send(core, order("sell", 200, 9_998, tif))[-1].ord_status is OrdStatus.FILLED
    assert send(core, order("buy", 400, None, tif))[-1].ord_status is OrdStatus.FILLED


def test_maker_takes_market_orders_of_any_validity(make_core: MakeCore, order: MakeOrder) -> None:
    core = make_core("maker", quote=QUOTE)
    assert send(core, order("buy", 500, None, "DAY"))[-1].cum_qty == 400
    assert core.published(5)[0] == ((9_998, 200),)


@pytest.mark.parametrize("tif", ["DAY", "GTC"])
@pytest.mark.parametrize("price", [10_002, 9_990])
def test_maker_refuses_orders_that_could_rest(
    make_core: MakeCore, order: MakeOrder, tif: str, price: int
) -> None:
    core = make_core("maker", quote=QUOTE)
    (report,) = send(core, order("buy", 100, price, tif))
    assert report.reject_reason is RejectReason.UNSUPPORTED_ORDER
    assert core.published(5) == (((9_998, 200),), ((10_002, 400),))
    assert core.venue_seq == make_core("maker", quote=QUOTE).venue_seq


def test_maker_names_other_faults_first(make_core: MakeCore, order: MakeOrder) -> None:
    core = make_core("maker", quote=QUOTE)
    (report,) = send(core, order("buy", 0, 10_002, "DAY"))
    assert report.reject_reason is RejectReason.INCORRECT_QUANTITY


def test_nobody_can_cancel_a_makers_quote(make_core: MakeCore) -> None:
    core = make_core("maker", quote={"ask": ["100.02", 400]})
    assert isinstance(core, OrderBook)
    (resting,) = core.resting(Side.SELL)
    core.handle(OrderCancelRequest("c", resting.cl_ord_id, "router"), NOW)
    assert core.published(5) == ((), ((10_002, 400),))
