"""P07: a backlog of a million messages. Time is compared with itself, never with a clock."""

import asyncio
import gc
import time
from collections.abc import Callable

import pytest

from sim.kernel.inbox import Inbox
from sim.kernel.loop import SimLoop
from sim.protocol.enums import OrdType, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.lit import LitCore

COUNT = 1_000_000
LEVELS = 20_000
RATIO_MAX = 2.0
"""Of the second half of the messages to the first, in CPU time."""


def order(n: int) -> NewOrderSingle:
    return NewOrderSingle(
        str(n),
        Side.SELL,
        QtyLots(1),
        PriceTicks(1_000 + n * 7_919 % LEVELS),
        OrdType.LIMIT,
        TimeInForce.GTC,
        "others",
    )


def halves_s(work: Callable[[int, int], object], count: int) -> tuple[float, float]:
    """CPU seconds of the first and the second half."""
    gc.collect()
    start = time.process_time()
    work(0, count // 2)
    between = time.process_time()
    work(count // 2, count)
    return between - start, time.process_time() - between


def backlog(count: int) -> tuple[float, float]:
    """All messages are due before the reader gets its first turn; it reads them into a book.

    Returns:
        CPU seconds for the first and the second half of what it read.
    """
    loop = SimLoop()
    core = LitCore()
    core.report_to(())
    marks: list[float] = []

    async def read(inbox: Inbox[NewOrderSingle]) -> None:
        for n in range(count):
            if n in {0, count // 2}:
                marks.append(time.process_time())
            if not inbox.items:
                await inbox
            core.handle(inbox.items.popleft(), TimeNs(1))
        marks.append(time.process_time())

    async def main() -> None:
        inbox: Inbox[NewOrderSingle] = Inbox(loop, "backlog")
        for n in range(count):
            inbox.put(order(n))
        assert len(inbox.items) == count
        await asyncio.create_task(read(inbox), name="reader")
        assert not inbox.items

    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
    assert core.depth_to(Side.SELL, None) == count
    return marks[1] - marks[0], marks[2] - marks[1]


def timers(count: int) -> tuple[float, float]:
    """As many deliveries that are all still to come, at times in no order.

    Returns:
        CPU seconds for putting them down, first and second half.
    """
    loop = SimLoop()
    arrived = 0

    def arrive() -> None:
        nonlocal arrived
        arrived += 1

    def put(first: int, last: int) -> None:
        for n in range(first, last):
            loop.call_at_ns(TimeNs(1 + n * 7_919_317 % 1_000_003), arrive)

    async def wait() -> None:
        await asyncio.sleep(1)

    try:
        took = halves_s(put, count)
        loop.run_until_complete(wait())
    finally:
        loop.close()
    assert arrived == count
    return took


@pytest.mark.parametrize("work", [backlog, timers])
def test_P07_a_backlog_of_messages_is_worked_off_in_proportion_short_form(
    work: Callable[[int], tuple[float, float]],
) -> None:
    """With 20,000 a quadratic step would show already: ten times the bound is no noise."""
    first_s, second_s = work(20_000)
    assert second_s <= 10 * first_s, (first_s, second_s)


@pytest.mark.slow
@pytest.mark.parametrize("work", [backlog, timers])
def test_P07_a_backlog_of_a_million_messages_is_worked_off_in_proportion(
    work: Callable[[int], tuple[float, float]],
) -> None:
    first_s, second_s = work(COUNT)
    assert second_s <= RATIO_MAX * first_s, (first_s, second_s)


@pytest.mark.slow
def test_P07_the_second_half_of_a_million_open_orders_takes_no_longer_than_the_first() -> None:
    core = LitCore()
    core.report_to(())

    def enter(first: int, last: int) -> None:
        for n in range(first, last):
            core.handle(order(n), TimeNs(1))

    first_s, second_s = halves_s(enter, COUNT)
    assert core.depth_to(Side.SELL, None) == COUNT
    assert second_s <= RATIO_MAX * first_s, (first_s, second_s)
