"""P07: a million open orders in one book. Time is compared with itself, never with a clock."""

import gc
import time
import tracemalloc
from collections.abc import Callable

import pytest

from sim.protocol.enums import OrdType, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.lit import LitCore

COUNT = 1_000_000
LEVELS = 20_000
NOW = TimeNs(1)


def new(
    n: int, side: Side, price: int, qty: int = 1, tif: TimeInForce = TimeInForce.GTC
) -> NewOrderSingle:
    return NewOrderSingle(
        str(n), side, QtyLots(qty), PriceTicks(price), OrdType.LIMIT, tif, "others"
    )


def fill_book(core: LitCore, first: int, last: int) -> None:
    """Sells over all levels, in an order that enters new levels at both ends and between."""
    for n in range(first, last):
        core.handle(new(n, Side.SELL, 1_000 + n * 7_919 % LEVELS), NOW)


def cpu_s(work: Callable[[], object]) -> float:
    gc.collect()
    before = time.process_time()
    work()
    return time.process_time() - before


@pytest.mark.slow
def test_P07_a_million_open_orders_take_memory_and_time_in_proportion() -> None:
    """Per order the last tenth of a million may take at most thrice the time of the first."""
    tenth = COUNT // 10
    core = LitCore()
    core.report_to(())
    first_s = cpu_s(lambda: fill_book(core, 0, tenth))
    fill_book(core, tenth, COUNT - tenth)
    last_s = cpu_s(lambda: fill_book(core, COUNT - tenth, COUNT))
    assert last_s <= 3 * first_s, (first_s, last_s)
    assert core.depth_to(Side.SELL, None) == COUNT
    # Cancels from every place of the queues, then one order that takes half of what is left.
    cancel_s = cpu_s(
        lambda: [
            core.handle(OrderCancelRequest(f"c{n}", str(n), "others"), NOW)
            for n in range(0, tenth * 3, 3)
        ]
    )
    assert cancel_s <= 3 * first_s, (first_s, cancel_s)
    left = core.depth_to(Side.SELL, None)
    half = left // 2
    sweep_s = cpu_s(lambda: core.handle(new(-1, Side.BUY, 10**6, half, TimeInForce.IOC), NOW))
    assert core.depth_to(Side.SELL, None) == left - half
    assert sweep_s <= 5 * 3 * first_s, (first_s, sweep_s)


@pytest.mark.slow
def test_P07_an_open_order_takes_at_most_400_bytes() -> None:
    """With its name and its place in the index; measured over 100,000."""
    count = COUNT // 10
    core = LitCore()
    core.report_to(())
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        fill_book(core, 0, count)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / count <= 400
    core.check()
