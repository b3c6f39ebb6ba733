"""Kind auction: who trades, when, at what price, and what shows meanwhile."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.enums import ExecType, RejectReason, SelfTrade, Side, TimeInForce
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.api import TradeLater
from venues.core.auction import AuctionCore, Margin

MakeCore = Callable[..., Any]
MakeOrder = Callable[..., NewOrderSingle]
Serve = Callable[..., Any]


def fills(reports: Sequence[VenueReport]) -> list[tuple[int, str, int | None, int]]:
    return [
        (r.transact_ns, r.cl_ord_id, r.last_px, r.last_qty)
        for r in reports
        if isinstance(r, ExecutionReport) and r.last_qty
    ]


async def test_orders_wait_for_the_instant_and_trade_at_one_price(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("auction", every="10ns")
    heard = await serve(
        core,
        [
            (1, order("buy", 30, 102, "GTC")),
            (2, order("sell", 20, 99, "GTC")),
            (12, order("sell", 30, 98, "GTC")),
        ],
    )
    assert fills(heard.reports) == [
        # Two to three prices are equal: the middle of 99 to 102 is 100, then the last price.
        (10, "o2", 100, 20),
        (10, "o1", 100, 20),
        (20, "o3", 100, 10),
        (20, "o1", 100, 10),
    ]
    assert [s.volume for s in heard.feed] == [20, 30]


async def test_order_at_the_instant_takes_part(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("auction", every="10ns", first="5ns")
    heard = await serve(
        core, [(15, order("buy", 5, 100, "GTC")), (15, order("sell", 5, 100, "IOC"))]
    )
    assert fills(heard.reports) == [(15, "o2", 100, 5), (15, "o1", 100, 5)]


async def test_ioc_takes_part_in_the_next_auction_only(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("auction", every="10ns", book={"asks": [["1.00", 4]]})
    heard = await serve(core, [(1, order("buy", 10, 100)), (2, order("sell", 3, 101))])
    ends = [(r.transact_ns, r.cl_ord_id, r.exec_type, r.cum_qty) for r in heard.reports]
    assert ends == [
        (1, "o1", ExecType.NEW, 0),
        (2, "o2", ExecType.NEW, 0),
        (10, "o1", ExecType.TRADE, 4),
        (10, "o1", ExecType.CANCELED, 4),
        (10, "o2", ExecType.CANCELED, 0),
    ]


async def test_order_may_be_canceled_before_the_auction(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("auction", every="10ns", book={"asks": [["1.00", 4]]})
    cancel = OrderCancelRequest("c1", "o1", "router")
    heard = await serve(core, [(1, order("buy", 10, 100)), (9, cancel), (11, cancel)])
    assert fills(heard.reports) == []
    assert core.levels(Side.SELL, 1) == ((100, 4),)


@pytest.mark.parametrize(
    ("indicative", "first"), [(True, [(2, ((102, 30),), ((102, 20),))]), (False, [])]
)
async def test_indicative_price_and_lots_show_only_when_asked_for(
    make_core: MakeCore,
    order: MakeOrder,
    serve: Serve,
    indicative: bool,
    first: list[tuple[Any, ...]],
) -> None:
    steps = [(1, order("buy", 30, 102, "GTC")), (2, order("sell", 20, 102, "GTC"))]
    heard = await serve(make_core("auction", every="10ns", indicative=indicative), steps)
    assert [(s.published_ns, s.bids, s.asks) for s in heard.feed] == [*first, (10, (), ())]


def test_price_is_near_the_market_that_it_has_received(
    make_core: MakeCore, order: MakeOrder
) -> None:
    core = make_core("auction", every="10ns", reference="market", indicative=True)
    core.handle(order("buy", 5, 110, "GTC"), TimeNs(0))
    core.handle(order("sell", 5, 90, "GTC"), TimeNs(0))
    assert core.published(10)[0] == ((100, 5),)  # no market: the middle of what is possible
    for venue_id, bid, ask, price in (
        ("A", 103, 105, 104),
        ("B", 103, 104, 103),
        ("B", 90, 95, 99),
    ):
        market = BookSnapshot(venue_id, 1, TimeNs(0), ((bid, 1),), ((ask, 1),))
        core.handle(market, TimeNs(0))
        if bid != 90:
            assert core.published(10)[0] == ((price, 5),)
    assert core.published(10)[0] == ((100, 5),)  # 103 bid, 95 offered: crossed, so no market


async def test_halt_puts_the_auction_off_to_its_next_instant(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("auction", every="10ns", trading={"halts": [{"at": "9ns", "until": "14ns"}]})
    heard = await serve(core, [(1, order("buy", 5, 100, "GTC")), (2, order("sell", 5, 100, "GTC"))])
    assert [t for t, *_ in fills(heard.reports)] == [20, 20]


async def test_ioc_ends_as_the_venue_closes(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("auction", every="10ns", trading={"close": "8ns"})
    heard = await serve(core, [(1, order("buy", 5, 100))])
    assert [r.exec_type for r in heard.reports] == [ExecType.NEW, ExecType.EXPIRED]


@pytest.mark.parametrize(
    "more",
    [
        {"tif": "FOK"},
        {"price": None},
        {"min_qty": 1},
        {"post_only": True, "tif": "GTC"},
        {"self_trade": SelfTrade.CANCEL_BOTH},
    ],
)
def test_orders_that_have_no_sense_at_one_price_for_all_are_refused(
    make_core: MakeCore, order: MakeOrder, more: dict[str, Any]
) -> None:
    core = make_core("auction", every="10ns")
    (report,) = core.handle(order("buy", 5, more.pop("price", 100), **more), TimeNs(0))
    assert report.reject_reason is RejectReason.UNSUPPORTED_ORDER


# ---------------------------------------------------------------- properties


Sent = tuple[Side, int, int, TimeInForce]
ORDERS = st.lists(
    st.tuples(
        st.sampled_from([Side.BUY, Side.SELL, Side.SELL_SHORT]),
        st.integers(1, 20),
        st.integers(90, 110),
        st.sampled_from([TimeInForce.GTC, TimeInForce.IOC]),
    ),
    max_size=25,
)


@given(ORDERS, st.sampled_from(["time", "pro_rata"]))
def test_no_limit_is_broken_nobody_is_passed_over_and_as_much_is_sold_as_bought(
    orders: list[Sent], margin: Margin
) -> None:
    core = AuctionCore(every_ns=10, margin=margin)
    for n, (side, qty, price, tif) in enumerate(orders):
        msg = NewOrderSingle(
            f"o{n}", side, QtyLots(qty), PriceTicks(price), time_in_force=tif, account="A"
        )
        core.handle(msg, TimeNs(1))
        core.check()
    expected = core.outcome()
    reports = list(core.handle(TradeLater(10), TimeNs(10)))
    core.check()
    got: dict[str, int] = {}
    for report in reports:
        assert isinstance(report, ExecutionReport)
        if report.last_qty:
            got[report.cl_ord_id] = got.get(report.cl_ord_id, 0) + report.last_qty
            assert expected is not None
            assert report.last_px == expected.price
    if expected is None:
        assert not got
        return
    for buys in (True, False):
        mine = [
            (price if not buys else -price, n, qty, got.get(f"o{n}", 0))
            for n, (side, qty, price, _) in enumerate(orders)
            if (side is Side.BUY) is buys
        ]
        limit = expected.price if not buys else -expected.price
        assert sum(lots for *_, lots in mine) == expected.volume
        assert all(key <= limit for key, _, _, lots in mine if lots)
        for (key, _, qty, lots), (later, _, _, next_lots) in pairwise(sorted(mine)):
            if next_lots and (key < later or margin == "time"):
                assert lots == qty, "passed over"
    assert core.outcome() is None, "what could trade has traded"


def test_pro_rata_shares_the_last_level_only(make_core: MakeCore, order: MakeOrder) -> None:
    core = make_core("auction", every="10ns", allocation="pro_rata")
    sizes = ((101, 10), (100, 30), (100, 60))
    for price, qty in sizes:
        core.handle(order("buy", qty, price, "GTC"), TimeNs(0))
    core.handle(order("sell", 40, 100, "GTC"), TimeNs(0))
    reports = core.handle(TradeLater(10), TimeNs(10))
    bought = [(r.cl_ord_id, r.last_qty) for r in reports if r.side is Side.BUY]
    assert bought == [("o1", 10), ("o2", 10), ("o3", 20)]
