"""The shell around a core: what leaves a venue, to whom, in which order, and what is recorded."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from sim.audit.records import BookAtArrival, Depth, QueuePosition, Quote, TradePrint
from sim.kernel.inbox import Inbox
from sim.kernel.latency import LatencySampler
from sim.kernel.link import make_link
from sim.kernel.loop import Event, SimLoop
from sim.protocol.enums import CxlRejReason, ExecType, Priority, RejectReason, Side
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelRequest,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs, Units
from venues.core.api import VenueCore
from venues.fees import Fees, FeeSchedule
from venues.task import VenuePorts, opening_snapshot, run_venue

MakeCore = Callable[..., VenueCore]
MakeOrder = Callable[..., NewOrderSingle]
Serve = Callable[..., Any]

BOOK = {"asks": [["100.02", 400], ["100.03", 300]], "bids": [["99.98", 200]]}


def test_opening_snapshot_is_the_book_before_the_session(make_core: MakeCore) -> None:
    core = make_core("lit", book=BOOK)
    assert opening_snapshot("V", core, 1) == BookSnapshot(
        "V", core.venue_seq, TimeNs(0), ((9_998, 200),), ((10_002, 400),)
    )
    assert opening_snapshot("V", make_core("dark", book=BOOK), 10).asks == ()


async def test_arrival_reports_prints_quote_and_feed_leave_in_this_order(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("lit", book=BOOK)
    opened = core.venue_seq
    heard = await serve(core, [(10, order("buy", 500, 10_003))])
    assert [type(item) for item in heard.all] == [
        Quote,
        BookAtArrival,
        *[ExecutionReport] * 3,
        *[TradePrint] * 2,
        Quote,
        BookSnapshot,
    ]
    opening, arrival, first, _, quote = heard.records
    assert opening == Quote(
        t_ns=0,
        venue_id="V",
        venue_seq=opened,
        bid_px=9_998,
        bid_qty=200,
        ask_px=10_002,
        ask_qty=400,
    )
    assert arrival == BookAtArrival(
        t_ns=10,
        cl_ord_id="o1",
        venue_id="V",
        venue_seq=opened,
        sent_ns=10,
        drawn_ns=0,
        held_ns=0,
        levels=((10_002, 400), (10_003, 300)),
    )
    assert first == TradePrint(
        t_ns=10, venue_id="V", venue_seq=opened + 1, price=10_002, qty=400, aggressor=Side.BUY
    )
    assert (quote.ask_px, quote.ask_qty, quote.venue_seq) == (10_003, 200, opened + 1)
    (snapshot,) = heard.feed
    assert snapshot == BookSnapshot(
        "V",
        opened + 1,
        TimeNs(10),
        ((9_998, 200),),
        ((10_003, 200),),
        PriceTicks(10_003),
        QtyLots(100),
        QtyLots(500),
    )
    assert {r.venue_seq for r in heard.reports} == {snapshot.venue_seq}


async def test_stamps_of_the_link_are_recorded_at_arrival(
    make_core: MakeCore, order: MakeOrder, units: Units
) -> None:
    """Drawn 5 and 2 ns, sent at 0 and 1: the second is held back for 2 ns by the first."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    inbox: Inbox[Event] = Inbox(loop)
    records: list[Any] = []

    latency = LatencySampler(lambda: [5, 2], 3)
    link = make_link(loop, latency, inbox.deliver, Priority.ORDER)
    task = loop.create_task(
        run_venue(
            "V",
            make_core("lit", book=BOOK),
            inbox,
            VenuePorts({"router": lambda _: None}, None, records.append),
            fees=Fees(FeeSchedule(), units),
            depth=10,
            market_data="touch",
            clock=loop,
        )
    )
    link.send(order("buy", 1, 10_002))
    loop.call_at_ns(1, link.send, order("buy", 1, 10_002))
    await asyncio.sleep(1)
    task.cancel()
    arrivals = [r for r in records if isinstance(r, BookAtArrival)]
    assert [(a.t_ns, a.sent_ns, a.drawn_ns, a.held_ns) for a in arrivals] == [
        (5, 0, 5, 0),
        (5, 1, 2, 2),
    ]


async def test_only_accounts_with_a_port_get_reports_and_arrivals(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("lit", book=BOOK)
    heard = await serve(
        core,
        [
            (1, order("sell", 50, 10_001, "GTC", account="flow")),
            (2, order("buy", 50, 10_001)),
            (3, order("buy", 1, 10_002, account="flow")),
        ],
    )
    assert {r.account for r in heard.reports} == {"router"}
    assert [r.t_ns for r in heard.records if isinstance(r, BookAtArrival)] == [2]
    assert [s.published_ns for s in heard.feed] == [1, 2, 3]


async def test_commission_is_set_on_fills_alone(
    make_core: MakeCore, order: MakeOrder, serve: Serve, units: Units
) -> None:
    schedule = FeeSchedule(taker=Decimal("0.0030"), maker=Decimal("-0.0020"))
    heard = await serve(
        make_core("lit", book=BOOK),
        [
            (1, order("buy", 500, 10_002, "DAY")),
            (2, order("sell", 40, 10_002, account="flow")),
            (3, OrderCancelRequest("c", "o1", "router")),
            (4, OrderCancelRequest("c", "o1", "router")),
            (5, order("buy", 0, 10_002)),
        ],
        fees=Fees(schedule, units),
    )
    told = [(r.exec_type, r.commission) for r in heard.reports if isinstance(r, ExecutionReport)]
    assert told == [
        (ExecType.NEW, None),
        (ExecType.TRADE, Decimal("1.2")),
        (ExecType.TRADE, Decimal("-0.08")),
        (ExecType.CANCELED, None),
        (ExecType.REJECTED, None),
    ]
    late = heard.reports[-2]
    assert isinstance(late, OrderCancelReject)
    assert late.reason is CxlRejReason.TOO_LATE
    assert heard.reports[-1].reject_reason is RejectReason.INCORRECT_QUANTITY


async def test_nothing_is_published_when_nothing_changed(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("lit", book=BOOK)
    heard = await serve(
        core,
        [
            (1, order("buy", 500, 10_001)),
            (2, order("buy", 5000, 10_003, "FOK")),
            (3, OrderCancelRequest("c", "never", "router")),
            (4, order("buy", 100, 9_000, "DAY")),
            (5, OrderCancelRequest("c", "o3", "router")),
        ],
        depth=1,
    )
    assert heard.feed == []
    assert [type(r) for r in heard.records] == [Quote, *[BookAtArrival] * 3, QueuePosition]
    assert len(heard.reports) == 7


def beside_the_touch(order: MakeOrder) -> list[tuple[int, NewOrderSingle]]:
    """Orders that join the second level, the first, and one that the depth of 2 does not show."""
    limits = (9_997, 9_998, 9_000)
    return [(n, order("buy", 100, limit, "DAY")) for n, limit in enumerate(limits, start=1)]


async def test_touch_records_changes_of_the_best_levels(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    heard = await serve(make_core("lit", book=BOOK), beside_the_touch(order), depth=2)
    records = [r for r in heard.records if isinstance(r, Quote | Depth)]
    assert [(type(r), r.t_ns) for r in records] == [(Quote, 0), (Quote, 2)]
    assert [s.published_ns for s in heard.feed] == [1, 2]


async def test_full_records_every_change_of_the_displayed_depth(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("lit", book=BOOK)
    heard = await serve(core, beside_the_touch(order), depth=2, market_data="full")
    records = [r for r in heard.records if isinstance(r, Depth)]
    assert [(type(r), r.t_ns) for r in records] == [(Depth, 0), (Depth, 1), (Depth, 2)]
    assert records[-1].bids == ((9_998, 300), (9_997, 100))
    assert [s.published_ns for s in heard.feed] == [1, 2]


async def test_without_market_data_no_record_leaves_a_venue(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    heard = await serve(
        make_core("lit", book=BOOK), [(1, order("buy", 500, 10_003))], market_data="none"
    )
    assert heard.records == []
    assert len(heard.reports) == 3
    assert len(heard.feed) == 1


async def test_a_side_that_empties_is_quoted_as_missing(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    heard = await serve(make_core("lit", book=BOOK), [(1, order("sell", 200, 9_998))])
    quote = heard.records[-1]
    assert (quote.bid_px, quote.bid_qty, quote.ask_px) == (None, 0, 10_002)


async def test_dark_venue_publishes_its_prints_and_nothing_else(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("dark", book=BOOK)
    heard = await serve(
        core,
        [
            (1, order("buy", 100, 10_000, "DAY", account="flow")),
            (2, order("buy", 500, 10_002)),
            (3, order("buy", 1, 10_000)),
        ],
    )
    (snapshot,) = heard.feed
    assert (snapshot.published_ns, snapshot.bids, snapshot.asks) == (2, (), ())
    assert (snapshot.last_px, snapshot.last_qty, snapshot.volume) == (10_002, 400, 400)
    assert [type(r) for r in heard.records] == [BookAtArrival, TradePrint, BookAtArrival]


async def test_finding_out_a_dark_venue_reaches_the_feed(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core(
        "dark", book=BOOK, indications=True, fill={"model": "scripted", "at": [["100.02", 0]]}
    )
    heard = await serve(core, [(1, order("buy", 400, 10_002))])
    assert [s.asks for s in heard.feed] == [((10_003, 300),)]
    assert heard.feed[0].venue_seq == heard.reports[-1].venue_seq


async def test_tape_does_not_tell_that_a_sale_was_short(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    heard = await serve(make_core("lit", book=BOOK), [(1, order("sell_short", 1, 9_998))])
    assert [r.aggressor for r in heard.records if isinstance(r, TradePrint)] == [Side.SELL]


async def test_venue_without_feed_and_log_still_reports(
    make_core: MakeCore, order: MakeOrder, units: Units
) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    inbox: Inbox[Event] = Inbox(loop)
    reports: list[Any] = []
    task = loop.create_task(
        run_venue(
            "V",
            make_core("lit", book=BOOK),
            inbox,
            VenuePorts({"router": reports.append}),
            fees=Fees(FeeSchedule(), units),
            depth=10,
            market_data="full",
            clock=loop,
        )
    )
    loop.schedule(5, Priority.ORDER, inbox.deliver, order("buy", 1, 10_002))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [r.transact_ns for r in reports] == [5, 5]
