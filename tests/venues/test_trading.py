"""Trading hours and halts of every kind: what is refused, what rests on, what is published."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.audit.records import Quote, TradePrint, VenueEvent
from sim.protocol.enums import (
    CxlRejReason,
    ExecType,
    OrdStatus,
    RejectReason,
    Side,
    TradingState,
)
from sim.protocol.market_data import BookSnapshot, TradingStatus
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderReduceRequest,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs, Units
from venues.core.api import VenueCore
from venues.core.session import SessionCore

MakeConfig = Callable[..., Any]
MakeCore = Callable[..., VenueCore]
MakeOrder = Callable[..., NewOrderSingle]
Serve = Callable[..., Any]

BOOK = {"asks": [["100.02", 400], ["100.03", 300]], "bids": [["99.98", 200]]}
QUOTE = {"bid": ["99.98", 200], "ask": ["100.02", 400]}
HALT = {"halts": [{"at": "10ns", "until": "20ns"}]}


def replace(order: NewOrderSingle, qty: int, price: int) -> OrderCancelReplaceRequest:
    return OrderCancelReplaceRequest(
        "r", order.cl_ord_id, QtyLots(qty), PriceTicks(price), order.account
    )


def outcome(report: Any) -> tuple[object, ...]:
    """What a report says, in short."""
    if isinstance(report, OrderCancelReject):
        return report.transact_ns, report.reason
    if report.reject_reason is not None:
        return report.transact_ns, report.reject_reason
    return report.transact_ns, report.exec_type, report.cum_qty, report.leaves_qty


# ---------------------------------------------------------------- a halt


@pytest.mark.parametrize("kind", ["lit", "dark", "maker"])
async def test_F19_halted_venue_refuses_new_orders_and_trades_again_after_it(
    make_core: MakeCore, order: MakeOrder, serve: Serve, kind: str
) -> None:
    settings = {"quote": QUOTE} if kind == "maker" else {"book": BOOK}
    core = make_core(kind, trading=HALT, **settings)
    heard = await serve(core, [(t, order("buy", 1, 10_002)) for t in (9, 10, 19, 20)])
    closed = RejectReason.EXCHANGE_CLOSED
    assert [outcome(r) for r in heard.reports] == [
        (9, ExecType.NEW, 0, 1),
        (9, ExecType.TRADE, 1, 0),
        (10, closed),
        (19, closed),
        (20, ExecType.NEW, 0, 1),
        (20, ExecType.TRADE, 1, 0),
    ]
    events = [(r.t_ns, r.event) for r in heard.records if isinstance(r, VenueEvent)]
    assert events == [(10, "halted"), (20, "resumed")]


async def test_F19_halt_is_told_on_the_feed_before_the_book_goes_and_comes_back(
    make_core: MakeCore, serve: Serve
) -> None:
    core = make_core("lit", trading=HALT, book=BOOK)
    opened = core.venue_seq
    heard = await serve(core, [])
    halted, dark, resumed, back = heard.feed
    assert halted == TradingStatus("V", TimeNs(10), TradingState.HALTED)
    assert resumed == TradingStatus("V", TimeNs(20), TradingState.OPEN)
    assert isinstance(dark, BookSnapshot)
    assert isinstance(back, BookSnapshot)
    assert (dark.bids, dark.asks, dark.venue_seq) == ((), (), opened + 1)
    assert back.asks == ((10_002, 400), (10_003, 300))
    assert back.venue_seq == opened + 2
    quotes = [(r.t_ns, r.bid_px, r.ask_px) for r in heard.records if isinstance(r, Quote)]
    assert quotes == [(0, 9_998, 10_002), (10, None, None), (20, 9_998, 10_002)]


async def test_F19_orders_rest_through_a_halt_and_may_be_canceled_in_it(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("lit", trading=HALT, book=BOOK)
    stays, goes = order("buy", 5, 10_001, "DAY"), order("buy", 7, 10_000, "GTC")
    heard = await serve(
        core,
        [
            (1, stays),
            (2, goes),
            (11, replace(stays, 6, 10_001)),
            (12, OrderReduceRequest("d", stays.cl_ord_id, QtyLots(1), stays.account)),
            (13, OrderCancelRequest("c", goes.cl_ord_id, goes.account)),
            (14, OrderCancelRequest("c2", goes.cl_ord_id, goes.account)),
            (15, replace(goes, 6, 10_001)),
            (21, order("sell", 5, 10_001, account="other")),
        ],
    )
    assert [outcome(r) for r in heard.reports] == [
        (1, ExecType.NEW, 0, 5),
        (2, ExecType.NEW, 0, 7),
        (11, CxlRejReason.EXCHANGE_CLOSED),
        (12, CxlRejReason.EXCHANGE_CLOSED),
        (13, ExecType.CANCELED, 0, 0),
        (14, CxlRejReason.TOO_LATE),
        (15, CxlRejReason.TOO_LATE),
        (21, ExecType.TRADE, 5, 0),
    ]


async def test_F19_halt_may_cancel_what_rests(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("lit", trading={**HALT, "on_halt": "cancel"}, book=BOOK)
    resting = order("buy", 5, 10_001, "GTC")
    heard = await serve(core, [(1, resting), (21, order("buy", 1, 10_002))])
    _, gone, *later = heard.reports
    assert outcome(gone) == (10, ExecType.CANCELED, 0, 0)
    assert (gone.cl_ord_id, gone.orig_cl_ord_id) == (resting.cl_ord_id, None)
    assert [outcome(r) for r in later] == [
        (21, ExecType.NEW, 0, 1),
        (21, ExecType.CANCELED, 0, 0),
    ]
    assert heard.feed[-1] == TradingStatus("V", TimeNs(20), TradingState.OPEN)


async def test_change_comes_before_what_else_arrives_at_its_instant(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("lit", trading={"open": "5ns"}, book=BOOK)
    heard = await serve(core, [(4, order("buy", 1, 10_002)), (5, order("buy", 1, 10_002))])
    assert [outcome(r)[:2] for r in heard.reports] == [
        (4, RejectReason.EXCHANGE_CLOSED),
        (5, ExecType.NEW),
        (5, ExecType.TRADE),
    ]


async def test_arrival_at_a_halted_venue_reaches_nothing(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("lit", trading=HALT, book=BOOK)
    heard = await serve(core, [(10, order("buy", 1, 10_002))])
    (arrival,) = [r for r in heard.records if hasattr(r, "levels")]
    assert arrival.levels == ()


# ---------------------------------------------------------------- open and close


async def test_opening_book_shows_when_the_venue_opens(make_core: MakeCore, serve: Serve) -> None:
    core = make_core("lit", trading={"open": "5ns"}, book=BOOK)
    assert core.published(10) == ((), ())
    heard = await serve(core, [])
    assert [r.event for r in heard.records if isinstance(r, VenueEvent)] == ["opened"]
    assert heard.feed[0] == TradingStatus("V", TimeNs(5), TradingState.OPEN)
    assert heard.feed[1].bids == ((9_998, 200),)


@pytest.mark.parametrize(("on_close", "ended"), [("expire_day", 1), ("expire_all", 2)])
async def test_day_orders_expire_at_the_close_and_others_if_the_venue_says_so(
    make_core: MakeCore, order: MakeOrder, serve: Serve, on_close: str, ended: int
) -> None:
    core = make_core("lit", trading={"close": "50ns", "on_close": on_close}, book=BOOK)
    day, gtc = order("buy", 5, 10_001, "DAY"), order("buy", 7, 10_000, "GTC")
    heard = await serve(
        core,
        [
            (1, day),
            (2, gtc),
            (3, order("sell", 2, 10_001, account="other")),
            (60, order("buy", 1, 10_002)),
            (61, OrderCancelRequest("c", day.cl_ord_id, day.account)),
        ],
    )
    expired = [r for r in heard.reports if getattr(r, "exec_type", None) is ExecType.EXPIRED]
    assert [(r.cl_ord_id, r.ord_status, r.cum_qty, r.leaves_qty) for r in expired] == [
        (day.cl_ord_id, OrdStatus.EXPIRED, 2, 0),
        (gtc.cl_ord_id, OrdStatus.EXPIRED, 0, 0),
    ][:ended]
    assert outcome(heard.reports[-2]) == (60, RejectReason.EXCHANGE_CLOSED)
    assert outcome(heard.reports[-1]) == (61, CxlRejReason.TOO_LATE)
    assert [r.event for r in heard.records if isinstance(r, VenueEvent)] == ["closed"]


async def test_after_the_last_entry_the_book_goes_on_without_new_orders(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("lit", trading={"close": "50ns", "last_entry": "10ns"}, book=BOOK)
    resting = order("buy", 5, 10_001, "GTC")
    heard = await serve(
        core,
        [(9, resting), (10, order("buy", 1, 10_002)), (11, replace(resting, 5, 10_002))],
    )
    assert [outcome(r)[:2] for r in heard.reports] == [
        (9, ExecType.NEW),
        (10, RejectReason.TOO_LATE_TO_ENTER),
        (11, ExecType.REPLACED),
        (11, ExecType.TRADE),
    ]


async def test_replaced_day_order_is_still_one_of_the_day(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("lit", trading={"close": "50ns"}, book=BOOK)
    day, gtc = order("buy", 5, 10_001, "DAY"), order("buy", 7, 10_000, "GTC")
    heard = await serve(
        core,
        [
            (1, day),
            (2, gtc),
            (3, replace(day, 4, 10_000)),
            (4, OrderCancelReplaceRequest("g", gtc.cl_ord_id, QtyLots(8), PriceTicks(9_999), "x")),
        ],
    )
    expired = [r for r in heard.reports if getattr(r, "exec_type", None) is ExecType.EXPIRED]
    assert [(r.cl_ord_id, r.order_qty) for r in expired] == [("r", 4)]


def test_memory_of_day_orders_is_bounded(make_core: MakeCore, order: MakeOrder) -> None:
    """I17: what has been filled or canceled is forgotten."""
    core = make_core("lit", trading={"close": "1s"})
    assert isinstance(core, SessionCore)
    for n in range(1_000):
        new = order("buy", 1, 10_000, "DAY")
        core.handle(new, TimeNs(n))
        if n % 10:
            core.handle(OrderCancelRequest("c", new.cl_ord_id, new.account), TimeNs(n))
    assert len(core._day) <= 2 * 100 + 64
    change = core.wakes[0].msg
    reports = core.handle(change, TimeNs(10**9))
    assert len(reports) == 100
    assert [r.order_id for r in reports if isinstance(r, ExecutionReport)] == sorted(
        r.order_id for r in reports if isinstance(r, ExecutionReport)
    )


# ---------------------------------------------------------------- a replayed venue


async def test_recording_goes_on_through_a_halt_without_prints(
    make_config: MakeConfig, units: Units, serve: Serve, order: MakeOrder, tmp_path: Path
) -> None:
    text = (
        "t_ns,event,side,price,qty\n0,level,ask,100.02,5\n0,level,bid,99.98,5\n"
        "5,trade,buy,100.02,1\n12,level,ask,100.01,3\n15,trade,buy,100.01,2\n"
    )
    with gzip.open(tmp_path / "x.l2.csv.gz", "wt") as file:
        file.write(text)
    config = make_config("replayed", file="x.l2.csv.gz", trading=HALT)
    assert config.problems(units) == []
    core = config.build(units, tmp_path.joinpath)
    source = list(config.source(units, tmp_path.joinpath))
    heard = await serve(core, [*source, (20, order("buy", 3, 10_001))])
    prints = [(r.t_ns, r.qty) for r in heard.records if isinstance(r, TradePrint)]
    assert prints == [(5, 1), (20, 3)]
    shown = [s.asks for s in heard.feed if isinstance(s, BookSnapshot)]
    assert shown[-2:] == [((10_001, 3), (10_002, 5)), ((10_002, 5),)]


# ---------------------------------------------------------------- the config


@pytest.mark.parametrize(
    ("trading", "place"),
    [
        ({"open": "5ns", "close": "5ns"}, ("close",)),
        ({"open": "5ns", "close": "9ns", "last_entry": "4ns"}, ("last_entry",)),
        ({"close": "9ns", "last_entry": "9ns"}, ("last_entry",)),
        ({"open": "5ns", "halts": [{"at": "4ns", "until": "6ns"}]}, ("halts", 0, "at")),
        ({"halts": [{"at": "4ns", "until": "4ns"}]}, ("halts", 0, "until")),
        ({"close": "5ns", "halts": [{"at": "4ns", "until": "6ns"}]}, ("halts", 0, "until")),
        (
            {"halts": [{"at": "4ns", "until": "6ns"}, {"at": "6ns", "until": "7ns"}]},
            ("halts", 1, "at"),
        ),
    ],
)
def test_hours_that_make_no_sense_are_problems(
    make_config: MakeConfig, units: Units, trading: dict[str, Any], place: tuple[Any, ...]
) -> None:
    ((path, _),) = make_config("lit", trading=trading).problems(units)
    assert path == ("trading", *place)


def test_wrong_tick_does_not_hide_wrong_hours(make_config: MakeConfig, units: Units) -> None:
    config = make_config(
        "lit",
        tick_size="0.015",
        max_order_qty="0.5",
        trading={"open": "5ns", "close": "5ns"},
        book={"asks": [["100.02", 1]]},
    )
    paths = [path for path, _ in config.problems(units)]
    assert paths == [("tick_size",), ("max_order_qty",), ("trading", "close")]


def test_side_of_a_halted_book_is_the_same_after_it(make_core: MakeCore) -> None:
    core = make_core("lit", trading=HALT, book=BOOK)
    assert isinstance(core, SessionCore)
    before = core.published(10)
    core.handle(core.wakes.pop().msg, TimeNs(10))
    assert core.published(10) == ((), ())
    core.handle(core.wakes.pop().msg, TimeNs(20))
    assert core.published(10)[0] is before[0]
    assert core.state is TradingState.OPEN
    assert core.reachable_by(NewOrderSingle("p", Side.BUY, QtyLots(1), None), 1) == ((10_002, 400),)
