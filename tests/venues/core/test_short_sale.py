"""The price test for short sales: what is refused, what is raised, and when it begins."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.protocol.enums import CxlRejReason, ExecType, OrdType, RejectReason
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderInstructions,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.api import TimedCore, VenueCore

MakeCore = Callable[..., VenueCore]
MakeOrder = Callable[..., NewOrderSingle]

NOW = TimeNs(0)
BOOK = {"bids": [["99.98", 100], ["99.96", 100]], "asks": [["100.02", 100]]}
SINCE_START = {"since": "0s"}


def begin(core: VenueCore) -> VenueCore:
    """Bring the wake-ups back that are due at once, as the shell does."""
    assert isinstance(core, TimedCore)
    wakes, core.wakes[:] = list(core.wakes), []
    for wake in wakes:
        core.handle(wake.msg, TimeNs(wake.t_ns))
    return core


def kinds(core: VenueCore, msg: Any) -> list[Any]:
    """What the owner of a message hears: kinds of reports, and reasons of refusals."""
    reports = [r for r in core.handle(msg, NOW) if r.account == "router"]
    core.check()
    return [
        r.reason
        if isinstance(r, OrderCancelReject)
        else r.reject_reason or (r.exec_type if r.last_px is None else r.last_px)
        for r in reports
    ]


def others_bid(core: VenueCore, bid: int, last_px: int | None = None) -> list[Any]:
    last = None if last_px is None else PriceTicks(last_px)
    book = BookSnapshot(
        "OTHER", 1, NOW, ((bid, 10),), ((10_010, 10),), last, QtyLots(1), QtyLots(1)
    )
    return list(core.handle(book, NOW))


@pytest.mark.parametrize(
    ("side", "price", "expected"),
    [
        ("sell", 9_998, [ExecType.NEW, 9_998]),
        ("sell_short", 9_999, [ExecType.NEW, ExecType.CANCELED]),
        ("sell_short", 9_998, [RejectReason.SHORT_SALE_RESTRICTED]),
        ("sell_short", 9_990, [RejectReason.SHORT_SALE_RESTRICTED]),
        ("sell_short", None, [RejectReason.SHORT_SALE_RESTRICTED]),
    ],
)
def test_only_short_sales_at_or_below_the_best_bid_are_refused(
    make_core: MakeCore, order: MakeOrder, side: str, price: int | None, expected: list[Any]
) -> None:
    core = begin(make_core("lit", book=BOOK, short_sale=SINCE_START))
    assert kinds(core, order(side, 10, price)) == expected


def test_before_it_begins_a_short_sale_is_a_sale(make_core: MakeCore, order: MakeOrder) -> None:
    core = make_core("lit", book=BOOK, short_sale={"since": "1s"})
    assert kinds(core, order("sell_short", 10, 9_990)) == [ExecType.NEW, 9_998]


def test_the_best_bid_of_others_counts_as_it_has_been_received(
    make_core: MakeCore, order: MakeOrder
) -> None:
    core = begin(make_core("lit", book=BOOK, short_sale=SINCE_START))
    assert kinds(core, order("sell_short", 10, 10_000, "GTC")) == [ExecType.NEW]
    others_bid(core, 10_001)
    assert kinds(core, order("sell_short", 10, 10_001, "GTC")) == [
        RejectReason.SHORT_SALE_RESTRICTED
    ]
    # What is displayed above the bid of its time may trade.
    assert kinds(core, order("buy", 10, 10_000)) == [ExecType.NEW, 10_000, 10_000]


@pytest.mark.parametrize("price", [9_990, None])
def test_reprice_raises_to_the_first_price_above(
    make_core: MakeCore, order: MakeOrder, price: int | None
) -> None:
    short_sale = {**SINCE_START, "action": "reprice"}
    core = begin(make_core("lit", book=BOOK, short_sale=short_sale, tick_size="0.02"))
    tif = "GTC" if price else "IOC"
    kinds(core, order("sell_short", 10, price, tif))
    shown = core.published(5)[1]
    assert shown == (((10_000, 10),) if price else ()) + ((10_002, 100),)


def test_a_replace_is_tested_too(make_core: MakeCore, order: MakeOrder) -> None:
    for action, expected, price in (
        ("reject", CxlRejReason.SHORT_SALE_RESTRICTED, 10_001),
        ("reprice", ExecType.REPLACED, 9_999),
    ):
        core = begin(make_core("lit", book=BOOK, short_sale={**SINCE_START, "action": action}))
        core.handle(order("sell_short", 10, 10_001, "GTC", cl_ord_id="S"), NOW)
        msg = OrderCancelReplaceRequest("R", "S", QtyLots(10), PriceTicks(9_998), "router")
        assert kinds(core, msg) == [expected]
        assert core.published(5)[1][0] == (price, 10)


def test_an_order_whose_price_nobody_knows_is_refused(
    make_core: MakeCore, order: MakeOrder
) -> None:
    core = begin(make_core("lit", short_sale={**SINCE_START, "action": "reprice"}))
    stop = NewOrderSingle(
        "S",
        order("sell_short", 1, 1).side,
        QtyLots(1),
        None,
        OrdType.STOP,
        account="router",
        instructions=OrderInstructions(stop_px=PriceTicks(9_990)),
    )
    assert kinds(core, stop) == [RejectReason.SHORT_SALE_RESTRICTED]


@pytest.mark.parametrize(("px", "in_force"), [(9_001, False), (9_000, True), (8_000, True)])
def test_it_begins_with_a_trade_far_enough_below_the_reference(
    make_core: MakeCore, order: MakeOrder, px: int, in_force: bool
) -> None:
    """10 % below 100.00, at this venue or at one that it hears."""
    settings = {"short_sale": {"reference": "100.00", "fall": "0.10"}}
    for here in (True, False):
        core = make_core("lit", **settings)
        if here:
            core.handle(order("buy", 1, px, "GTC"), NOW)
            core.handle(order("sell", 1, px), NOW)
        else:
            others_bid(core, px - 5, last_px=px)
        core.handle(order("buy", 10, px, "GTC"), NOW)
        refused = kinds(core, order("sell_short", 1, px)) == [RejectReason.SHORT_SALE_RESTRICTED]
        assert refused is in_force
        assert isinstance(core, TimedCore)
        assert [change.event for change in core.changes] == ["short_sale_restricted"] * in_force


def test_unseen_short_sales_are_canceled_as_the_best_bid_reaches_them(
    make_core: MakeCore, order: MakeOrder
) -> None:
    core = begin(make_core("dark", short_sale=SINCE_START))
    others_bid(core, 9_990)
    for price in (9_991, 9_995):
        kinds(core, order("sell_short", 10, price, "GTC"))
    kinds(core, order("sell", 10, 9_992, "GTC"))
    reports = others_bid(core, 9_992)
    assert [(r.cl_ord_id, r.exec_type, r.orig_cl_ord_id) for r in reports] == [
        ("o1", ExecType.CANCELED, None)
    ]
    assert all(isinstance(r, ExecutionReport) for r in reports)
    assert kinds(core, order("buy", 10, 9_999)) == [ExecType.NEW, 9_992, 9_992]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"since": "0s", "reference": "100", "fall": "0.1"},
        {"reference": "100"},
        {"fall": "0.1"},
        {"reference": "100", "fall": "1"},
        {"since": "0s", "action": "ignore"},
    ],
)
def test_settings_without_one_beginning_are_refused(
    make_core: MakeCore, settings: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="short_sale"):
        make_core("lit", short_sale=settings)


def test_midpoint_prices_need_no_test(make_config: Callable[..., Any], units: Any) -> None:
    config = make_config("dark", pricing="midpoint", short_sale=SINCE_START)
    assert [path for path, _ in config.problems(units)] == [("short_sale",)]
