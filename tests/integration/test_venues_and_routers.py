"""Plain async tests: venues and routers as tasks that meet in messages, in virtual time."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

import pytest

from router.core.events import ACCOUNT, ParentOrder
from sim.audit.records import CancelRejected, CancelSent, ChildSent, Decision, Fill, ParentDone
from sim.kernel.inbox import Inbox
from sim.kernel.loop import Event
from sim.protocol.enums import (
    DecisionReason,
    EndReason,
    ExecType,
    OrdStatus,
    Side,
    TimeInForce,
)
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.reports import make_report

if TYPE_CHECKING:
    from tests.integration.conftest import Floor

MS = 1_000_000


# ------------------------------------------------------------ a user's own router


async def buy(floor: "Floor", qty: int) -> list[tuple[str, int, int]]:
    """A router in a dozen lines: always take the best offer known, until all is bought."""
    books, fills, numbers = dict(floor.books), list[tuple[str, int, int]](), count(1)
    while left := qty - sum(lots for _, _, lots in fills):
        venue = min((v for v in books if books[v].asks), key=lambda v: books[v].asks[0])
        price, shown = books[venue].asks[0]
        floor.send[venue](ioc(f"mine.{next(numbers)}", min(left, shown), price))
        while True:
            msg = (await floor.inbox.get()).msg
            if isinstance(msg, BookSnapshot):
                books[msg.venue_id] = msg
                break  # its feed comes after its reports, so the order is done
            if msg.report.last_px is not None:
                fills.append((msg.venue_id, msg.report.last_px, msg.report.last_qty))
    return fills


def ioc(cl_ord_id: str, qty: int, price: int, account: str = ACCOUNT) -> NewOrderSingle:
    return NewOrderSingle(
        cl_ord_id,
        Side.BUY,
        QtyLots(qty),
        PriceTicks(price),
        time_in_force=TimeInForce.IOC,
        account=account,
    )


async def test_a_users_own_router_buys_at_two_venues(floor: "Floor") -> None:
    floor.open("A", book={"asks": [["100.00", 30], ["100.03", 50]]}, ms=2)
    floor.open("B", book={"asks": [["100.01", 40]]}, ms=7)
    async with asyncio.timeout(1):
        fills = await buy(floor, 100)
    assert fills == [("A", 10_000, 30), ("B", 10_001, 40), ("A", 10_003, 30)]
    assert floor.loop.now_ns == (2 * 2 + 2 * 7 + 2 * 2) * MS


async def test_an_hour_of_trading_takes_no_time(floor: "Floor") -> None:
    """A purchase a minute, from offers that others place shortly before it."""
    floor.open("A", ms=3)
    offers = {
        minute * 60_000 * MS - MS: NewOrderSingle(
            f"o{minute}", Side.SELL, QtyLots(10), PriceTicks(10_000 + minute), account="other"
        )
        for minute in range(1, 61)
    }
    floor.feed("A", offers)
    bought = []
    for minute in range(1, 61):
        await asyncio.sleep(minute * 60 - floor.loop.time())
        floor.send["A"](ioc(f"mine.{minute}", 10, 11_000))
        event = await floor.inbox.get()
        while isinstance(event.msg, BookSnapshot) or event.msg.report.last_px is None:
            event = await floor.inbox.get()
        bought.append(event.msg.report.last_px)
    assert bought == [10_000 + minute for minute in range(1, 61)]
    assert floor.loop.time() == 3600 + 2 * 0.003


async def test_a_failure_beside_it_ends_the_router_of_the_same_task_group(floor: "Floor") -> None:
    floor.open("A", ms=400, book={"asks": [["100.00", 10]]})
    router = floor.router()
    router.submit(ParentOrder("P", Side.BUY, 10), 0)

    async def fail() -> None:
        await asyncio.sleep(0.5)
        raise OSError("cable cut")

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(router.run(1))
            group.create_task(fail())

    with pytest.raises(ExceptionGroup) as caught:
        await both()
    assert [str(error) for error in caught.value.exceptions] == ["cable cut"]
    assert floor.loop.now_ns == 500 * MS
    await asyncio.sleep(1)
    assert floor.of(Fill) == []  # the report came, and nobody read it


# ------------------------------------------------------------ our router


async def test_what_a_venue_did_not_fill_goes_elsewhere_when_the_router_hears_of_it(
    floor: "Floor",
) -> None:
    floor.open(
        "A",
        "dark",
        ms=20,
        indications=True,
        book={"asks": [["100.00", 100]]},
        fill={"model": "scripted", "at": [["100.00", 60]]},
    )
    floor.open("B", ms=5, book={"asks": [["100.01", 70]]})
    router = floor.router()
    router.submit(ParentOrder("P", Side.BUY, 100), 3 * MS)
    async with asyncio.timeout(1):
        await router.run(1)
    assert [(c.venue_id, c.order_qty, c.price, c.t_ns) for c in floor.of(ChildSent)] == [
        ("A", 100, 10_000, 3 * MS),
        ("B", 40, 10_001, 43 * MS),
    ]
    assert [(f.venue_id, f.last_qty, f.processed_ns, f.t_ns) for f in floor.of(Fill)] == [
        ("A", 60, 23 * MS, 43 * MS),
        ("B", 40, 48 * MS, 53 * MS),
    ]
    assert floor.of(Decision)[1].reason is DecisionReason.PARTIAL_FILL


async def test_I2_a_late_fill_after_our_cancel_leaves_only_the_rest_to_others(
    floor: "Floor",
) -> None:
    """F02, F13: a silent venue is canceled; it fills some before it takes the cancel."""
    floor.play(shows("A", (10_000, 100)), late_fill, ms=1)
    floor.open("B", ms=5, book={"asks": [["100.01", 100]]})
    router = floor.router(ack_timeout="50ms")
    router.submit(ParentOrder("P", Side.BUY, 100), 0)
    async with asyncio.timeout(1):
        await router.run(1)
    assert [(c.t_ns, c.reason) for c in floor.of(CancelSent)] == [(50 * MS, "ack_timeout")]
    assert [(c.venue_id, c.order_qty, c.t_ns) for c in floor.of(ChildSent)] == [
        ("A", 100, 0),
        ("B", 70, 62 * MS),
    ]
    assert [(f.venue_id, f.last_qty) for f in floor.of(Fill)] == [("A", 30), ("B", 70)]
    assert floor.of(Decision)[1].reason is DecisionReason.TIMEOUT


async def test_F13_a_cancel_that_meets_a_full_fill_is_refused_and_the_router_waits_for_that(
    floor: "Floor",
) -> None:
    floor.open("A", ms=80, book={"asks": [["100.00", 100]]})
    router = floor.router(ack_timeout="100ms")
    router.submit(ParentOrder("P", Side.BUY, 100), 0)
    async with asyncio.timeout(1):
        await router.run(1)
    kinds = (Fill, CancelSent, CancelRejected, ParentDone)
    assert [type(r) for r in floor.records if isinstance(r, kinds)] == [
        CancelSent,
        Fill,
        ParentDone,
        CancelRejected,
    ]
    assert floor.loop.now_ns == (100 + 80 + 80) * MS


async def test_a_deadline_ends_a_parent_with_what_it_has(floor: "Floor") -> None:
    floor.play(shows("A", (10_000, 100)), late_fill, ms=1)
    router = floor.router(ack_timeout="1min")
    router.submit(ParentOrder("P", Side.BUY, 100, deadline_ns=200 * MS), 0)
    async with asyncio.timeout(1):
        await router.run(1)
    (done,) = floor.of(ParentDone)
    assert (done.end_reason, done.filled_qty, done.canceled_qty) == (EndReason.DEADLINE, 30, 70)
    assert done.t_ns == (200 + 1 + 10 + 1) * MS


async def test_I18_a_dead_venue_keeps_its_lots_and_the_parent_ends_without_them(
    floor: "Floor",
) -> None:
    """They may still fill, so nobody else gets them; nothing waits for them for ever."""

    async def dead(inbox: Inbox[Event], report: Callable[[VenueReport], None]) -> None:
        while True:
            await inbox.get()

    floor.play(shows("A", (10_000, 60)), dead)
    floor.open("B", book={"asks": [["100.01", 100]]})
    router = floor.router(ack_timeout="50ms", cancel_resends=2)
    router.submit(ParentOrder("P", Side.BUY, 100), 0)
    async with asyncio.timeout(60):
        await router.run(1)
    assert [(c.t_ns, c.cl_ord_id, c.reason) for c in floor.of(CancelSent)] == [
        (50 * MS, "P.A.1.C1", "ack_timeout"),
        (100 * MS, "P.A.1.C1", "no_answer"),
        (150 * MS, "P.A.1.C1", "no_answer"),
    ]
    assert floor.loop.now_ns == 200 * MS
    parent = router.core.parents["P"]
    assert (parent.filled_qty, parent.reserved_qty, parent.free_qty) == (40, 60, 0)
    (done,) = floor.of(ParentDone)
    assert (done.filled_qty, done.canceled_qty) == (40, 0)
    assert done.end_reason is EndReason.NO_ANSWER


def shows(venue_id: str, *asks: tuple[int, int]) -> BookSnapshot:
    return BookSnapshot(venue_id, 1, TimeNs(0), (), asks)


async def late_fill(inbox: Inbox[Event], report: Callable[[VenueReport], None]) -> None:
    """A venue that answers an order only once it is asked to cancel it, and fills 30 of it."""
    order = (await inbox.get()).msg
    cancel = (await inbox.get()).msg
    assert isinstance(order, NewOrderSingle)
    assert isinstance(cancel, OrderCancelRequest)
    await asyncio.sleep(0.01)
    report(about(order, ExecType.TRADE, 1, cum=30, px=order.price))
    report(about(order, ExecType.CANCELED, 2, cum=30, cancel=cancel))
    await asyncio.Event().wait()


def about(
    order: NewOrderSingle,
    kind: ExecType,
    exec_id: int,
    *,
    cum: int,
    px: int | None = None,
    cancel: OrderCancelRequest | None = None,
) -> ExecutionReport:
    """A report about an order of which ``cum`` lots are filled, all of them at ``px``."""
    trade = kind is ExecType.TRADE
    return make_report(
        kind,
        OrdStatus.PARTIALLY_FILLED if trade else OrdStatus.CANCELED,
        order.cl_ord_id if cancel is None else cancel.cl_ord_id,
        order.account,
        1,
        exec_id,
        order.side,
        order.order_qty,
        cum,
        order.order_qty - cum if trade else 0,
        asyncio.get_running_loop().now_ns,  # type: ignore[attr-defined]
        2,
        px,
        cum if trade else 0,
        None,
        False,
        None,
        None if cancel is None else cancel.orig_cl_ord_id,
    )
