"""Episodes of a flow at a venue: its task on the loop in virtual time, watched from outside.

The flow's messages go into the venue's inbox, the book matches them, and what happened is read off
the feed and the reports. Loaded by path, since tests cannot import each other.
"""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from math import inf
from typing import Any, Final

from sim.flow.base import FlowGrid
from sim.flow.book_flow import Place
from sim.flow.cont_stoikov_talreja import ContStoikovTalrejaFlow
from sim.kernel.clock import clock_of, new_loop
from sim.kernel.inbox import Inbox
from sim.kernel.loop import Event
from sim.kernel.source import make_moving_source
from sim.kernel.streams import Streams
from sim.protocol.enums import Priority, Side
from sim.protocol.market_data import BookSnapshot, FeedMessage
from sim.protocol.orders import ExecutionReport, NewOrderSingle, VenueReport
from sim.protocol.units import PriceTicks, QtyLots, Units
from venues.core.lit import LitCore
from venues.fees import Fees, FeeSchedule
from venues.task import VenuePorts, run_venue

SEED: Final = 20_100_503
OURS: Final = "SOR"
"""Account of our own orders."""
UNITS: Final = Units(Decimal("0.01"), Decimal(1))

Watch = Callable[[BookSnapshot | ExecutionReport, int], Any]
"""Gets each message of feed and reports with its time since the start; what it returns, if not
None, ends the episode."""


def play(
    flow: ContStoikovTalrejaFlow,
    ours: Sequence[tuple[Side, int, int]],
    watch: Callable[[], Watch],
    *,
    episodes: int,
    label: str,
    end_ns: float = inf,
) -> list[Any]:
    """What each episode came to: its own venue and flow, on one loop, one after the other.

    Args:
        flow: Background flow; its opening orders come first.
        ours: Side, price and lots of our own orders, which come after those.
        watch: Makes what watches an episode.
        episodes: How many.
        label: Names the chance.
        end_ns: The watch is called with this time once an episode has lasted as long.
    """
    loop = new_loop("virtual")
    streams = Streams(SEED)

    async def all_of_them() -> list[Any]:
        return [
            await episode(flow, ours, watch(), streams.get(label, str(n)), end_ns)
            for n in range(episodes)
        ]

    try:
        return loop.run_until_complete(all_of_them())
    finally:
        loop.close()


async def episode(
    flow: ContStoikovTalrejaFlow,
    ours: Sequence[tuple[Side, int, int]],
    watch: Watch,
    stream: Any,
    end_ns: float,
) -> Any:
    loop = asyncio.get_running_loop()
    clock = clock_of(loop, 1.0)
    start_ns = clock.now_ns
    outcome: asyncio.Future[Any] = loop.create_future()
    core, inbox = LitCore(), Inbox[Event](loop, "venue")

    def see(message: FeedMessage | VenueReport) -> None:
        now_ns = clock.now_ns - start_ns
        if now_ns and isinstance(message, BookSnapshot | ExecutionReport) and not outcome.done():
            found = watch(message, now_ns)
            if found is not None:
                outcome.set_result(found)

    ports = VenuePorts(reports={OURS: see}, feed=see)
    place = Place(core, FlowGrid(UNITS), stream, "flow0", start_ns)
    for order in flow.opening_orders(place):
        clock.schedule(start_ns, Priority.FLOW, inbox.deliver, order)
    for n, (side, price, lots) in enumerate(ours):
        order = NewOrderSingle(f"own{n}", side, QtyLots(lots), PriceTicks(price), account=OURS)
        clock.schedule(start_ns, Priority.ORDER, inbox.deliver, order)
    moves = flow.moves(place)
    first_ns = next(moves)[0]
    source = make_moving_source(clock, first_ns, moves, inbox.deliver, Priority.FLOW, end_ns=2**63)
    source.start()
    task = loop.create_task(
        run_venue(
            "V",
            core,
            inbox,
            ports,
            fees=Fees(FeeSchedule(), UNITS),
            depth=10,
            market_data="none",
            clock=clock,
        )
    )
    if end_ns < inf:
        clock.schedule(
            start_ns + int(end_ns),
            Priority.TIMER,
            lambda event: outcome.set_result(watch(core_snapshot(core), int(end_ns))),
        )
    found = await outcome
    source.stop()
    task.cancel()
    core.check()
    return found


def core_snapshot(core: LitCore) -> BookSnapshot:
    bids, asks = core.published(10)
    return BookSnapshot("V", core.venue_seq, 0, bids, asks, None, 0, 0)  # type: ignore[arg-type]
