"""``open_orders_1m`` and ``backlog_1m``: much of everything at once.

``open_orders_1m``: a million orders enter one book of 20,000 levels and rest there; ``detail`` has
the bytes of memory per open order and the CPU time of the second half over that of the first, which
a quadratic step anywhere would drive up. ``backlog_1m``: a million messages wait in one inbox, and
one task reads them into such a book. The loop before both stands for the machine.

A soak takes minutes and has a command of its own: ``python -m benchmarks.soak``.
"""

import asyncio
import gc
import time
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.calibration import NAME, reference_rate
from benchmarks.measure import compare
from benchmarks.memory import resident_mb
from sim.kernel.inbox import Inbox
from sim.kernel.loop import SimLoop
from sim.protocol.enums import OrdType, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.lit import LitCore

COUNT: Final = 1_000_000
QUICK_COUNT: Final = 100_000
LEVELS: Final = 20_000
RATIO_MAX: Final = 2.0
"""Second half to first half."""


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; ``quick`` takes fewer messages and rounds."""
    count = QUICK_COUNT if quick else COUNT
    return [_row("open_orders_1m", entered, count, quick), _row("backlog_1m", read, count, quick)]


def _row(name: str, work: Any, count: int, quick: bool) -> dict[str, Any]:
    ratios: list[float] = []
    sizes: list[float] = []

    def ours() -> float:
        tape = made(count)
        gc.collect()
        before_mb = resident_mb()
        first_s, second_s, held = work(tape)
        sizes.append((resident_mb() - before_mb) * (1 << 20) / count)
        assert held is not None
        ratios.append(second_s / first_s)
        return float(count / (first_s + second_s))

    row = compare(name, "messages/s", ours, {NAME: reference_rate}, rounds=1 if quick else 3)
    row["detail"] = {
        "second_half_to_first": round(min(ratios), 3),
        "bytes_per_order_max": round(max(sizes)),
    }
    row["target"] |= {"second_half_to_first": RATIO_MAX}
    row["met"] = row["met"] and min(ratios) <= RATIO_MAX
    return row


def made(count: int) -> list[NewOrderSingle]:
    """Sell orders over all levels, in an order that enters new levels everywhere."""
    return [
        NewOrderSingle(
            str(n),
            Side.SELL,
            QtyLots(1),
            PriceTicks(1_000 + n * 7_919 % LEVELS),
            OrdType.LIMIT,
            TimeInForce.GTC,
            "others",
        )
        for n in range(count)
    ]


def entered(tape: Sequence[NewOrderSingle]) -> tuple[float, float, LitCore]:
    """CPU seconds of the first and the second half, and the book."""
    core = LitCore()
    core.report_to(())
    half = len(tape) // 2
    marks = [time.process_time()]
    for part in (tape[:half], tape[half:]):
        for order in part:
            core.handle(order, TimeNs(1))
        marks.append(time.process_time())
    return marks[1] - marks[0], marks[2] - marks[1], core


def read(tape: Sequence[NewOrderSingle]) -> tuple[float, float, LitCore]:
    """The same, but all of it waits in an inbox before its reader gets a turn."""
    loop = SimLoop()
    core = LitCore()
    core.report_to(())
    marks: list[float] = []
    half = len(tape) // 2

    async def reader(inbox: Inbox[NewOrderSingle]) -> None:
        marks.append(time.process_time())
        for n in range(len(tape)):
            if n == half:
                marks.append(time.process_time())
            if not inbox.items:
                await inbox
            core.handle(inbox.items.popleft(), TimeNs(1))
        marks.append(time.process_time())

    async def main() -> None:
        inbox: Inbox[NewOrderSingle] = Inbox(loop, "backlog")
        for order in tape:
            inbox.put(order)
        await asyncio.create_task(reader(inbox), name="reader")

    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
    return marks[1] - marks[0], marks[2] - marks[1], core
