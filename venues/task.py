"""The asyncio shell around a venue's core: moves messages, sets fees, publishes, writes the audit.

One task per venue reads one inbox, into which the order link and the venue's flow or recording
deliver. What happens to a message happens at one instant, in this order: what it could reach is
recorded, the core handles it, reports leave, places in lines, prints and quotes are recorded, the
feed leaves.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, NoReturn

from sim.audit.records import BookAtArrival, Depth, Quote, Record, TradePrint
from sim.kernel.clock import Clock
from sim.kernel.inbox import Inbox
from sim.kernel.loop import Event
from sim.kernel.server import Served
from sim.protocol.enums import Side, TradingState
from sim.protocol.market_data import BookSnapshot, FeedMessage, Levels, TradingStatus
from sim.protocol.orders import NewOrderSingle, VenueReport
from sim.protocol.units import TimeNs
from venues.core.api import TerseCore, TimedCore, VenueCore
from venues.fees import Fees, commission_of
from venues.lines import Lines
from venues.timers import handler

MarketData = Literal["full", "touch", "none"]
"""What of a venue's market data the audit log holds: every change of the displayed depth, changes
of the best bid and offer, or nothing."""

ARRIVAL_LEVELS_MAX: Final = 1_000
"""Levels that a recorded arrival holds at most, best first."""


@dataclass(slots=True)
class VenuePorts:
    """Where a venue's messages go."""

    reports: dict[str, Callable[[VenueReport], None]] = field(default_factory=dict)
    """By account; reports to other accounts are not sent."""
    feed: Callable[[FeedMessage], None] | None = None
    emit: Callable[[Record], None] | None = None
    """The audit log."""
    client: str | None = None
    """The account whose orders have their arrivals recorded; None: every one that gets reports."""


def opening_snapshot(venue_id: str, core: VenueCore, depth: int) -> BookSnapshot:
    """The book before the session starts, as a subscriber gets it at time 0."""
    bids, asks = core.published(depth)
    return BookSnapshot(
        venue_id,
        core.venue_seq,
        TimeNs(0),
        bids,
        asks,
        core.last_px,
        core.last_qty,
        core.volume,
    )


def opening_status(venue_id: str, core: VenueCore) -> TradingStatus | None:
    """What a subscriber knows at time 0 of a venue that is not open yet; None for one that is."""
    if not isinstance(core, TimedCore) or core.state is TradingState.OPEN:
        return None
    return TradingStatus(venue_id, TimeNs(0), core.state)


async def run_venue(
    venue_id: str,
    core: VenueCore,
    inbox: Inbox[Event],
    ports: VenuePorts,
    *,
    fees: Fees,
    depth: int,
    market_data: MarketData,
    clock: Clock,
) -> NoReturn:
    """Serve a venue until canceled.

    Args:
        venue_id: Name in messages and records.
        core: The venue's book and rules.
        inbox: Where orders and what drives the core arrive, as link events.
        ports: Where reports, feed and records go.
        fees: Sets the commission of fills that are reported.
        depth: Levels per side that the feed carries.
        market_data: What the audit log holds of it.
        clock: Time.
    """
    publisher = Publisher(venue_id, core, ports, depth, market_data)
    publish = publisher.publish
    handle = handler(venue_id, core, inbox, emit=ports.emit, feed=ports.feed, clock=clock)
    ports_of = ports.reports
    recorded = ports_of if ports.client is None else frozenset({ports.client})
    if ports.emit is None or market_data == "none":
        recorded = frozenset()
    terse = core if isinstance(core, TerseCore) else None
    if terse is not None:
        terse.report_to(ports_of)
    with_fee = commission_of(fees)
    publisher.open(clock.now_ns)
    lines = Lines(venue_id, core, ports.emit)
    waiting = lines.orders
    items: deque[Event] = inbox.items
    event: Event | None = None
    try:
        while True:
            await inbox
            while items:
                event = items.popleft()
                msg = event.msg
                now_ns = clock.now_ns
                if type(msg) is NewOrderSingle and msg.account in recorded:
                    publisher.arrival(event, msg, now_ns)
                    lines.expect(msg.cl_ord_id)
                # A ``TimeNs()`` at every message of a run would only please the type checker.
                for report in handle(msg, now_ns):  # type: ignore[arg-type]
                    send = ports_of.get(report.account)
                    if send is not None:
                        send(with_fee(report))
                if waiting:
                    lines.look(msg, now_ns)
                if (terse is None or terse.unseen) and core.venue_seq != publisher.venue_seq:
                    publish(now_ns)
    finally:
        # A canceled task keeps its frame in its error. The last event in it knows the way back
        # here, and the collector sees no events: the run would stay in memory.
        event = None


def best_moved(bids: Levels, new_bids: Levels, asks: Levels, new_asks: Levels) -> bool:
    """Whether the best bid or offer differs, in price or lots."""
    if not (bids and new_bids and asks and new_asks):
        return bids[:1] != new_bids[:1] or asks[:1] != new_asks[:1]
    return bids[0] != new_bids[0] or asks[0] != new_asks[0]


class Publisher:
    """What one venue has published so far, and what is new since."""

    __slots__ = (
        "_asks",
        "_bids",
        "_core",
        "_depth",
        "_emit",
        "_feed",
        "_full",
        "_venue_id",
        "_volume",
        "venue_seq",
    )

    def __init__(
        self,
        venue_id: str,
        core: VenueCore,
        ports: VenuePorts,
        depth: int,
        market_data: MarketData,
    ) -> None:
        self.venue_seq = core.venue_seq
        self._venue_id = venue_id
        self._core = core
        self._depth = depth
        self._feed = ports.feed
        self._emit = ports.emit if market_data != "none" else None
        self._full = market_data == "full"
        self._volume = core.volume
        self._bids: Levels = ()
        self._asks: Levels = ()

    def open(self, now_ns: int) -> None:
        """Record the opening book; subscribers have it already (``opening_snapshot``)."""
        bids, asks = self._core.published(self._depth)
        if self._emit is not None and (bids or asks):
            self._record_book(self._emit, now_ns, bids, asks)
        self._bids, self._asks = bids, asks

    def arrival(self, event: Event, msg: NewOrderSingle, now_ns: int) -> None:
        """Record what an order could reach as it arrived; to be called before it is handled."""
        assert self._emit is not None
        core = self._core
        self._emit(
            BookAtArrival(
                t_ns=now_ns,
                cl_ord_id=msg.cl_ord_id,
                venue_id=self._venue_id,
                venue_seq=core.venue_seq,
                sent_ns=event.sent_ns,
                drawn_ns=event.drawn_ns,
                held_ns=event.held_ns,
                queued_ns=event.queued_ns if isinstance(event, Served) else 0,
                processing_ns=event.processing_ns if isinstance(event, Served) else 0,
                levels=core.reachable_by(msg, ARRIVAL_LEVELS_MAX),
            )
        )

    def publish(self, now_ns: int) -> None:
        """Record and publish what has changed since the last call."""
        core, emit = self._core, self._emit
        self.venue_seq = seq = core.venue_seq
        bids, asks = core.published(self._depth)
        volume = core.volume
        traded = volume != self._volume
        moved = bids is not self._bids or asks is not self._asks
        if not (moved or traded):
            return  # what changed lies deeper than what is shown
        if emit is not None:
            if traded:
                self._record_trades(emit, now_ns)
            if moved and (self._full or best_moved(self._bids, bids, self._asks, asks)):
                self._record_book(emit, now_ns, bids, asks)
        self._bids, self._asks, self._volume = bids, asks, volume
        feed = self._feed
        if feed is not None:
            last_px, last_qty = core.last_px, core.last_qty
            # As in ``run_venue``, ``TimeNs()`` would only please the type checker.
            feed(BookSnapshot(self._venue_id, seq, now_ns, bids, asks, last_px, last_qty, volume))  # type: ignore[arg-type]

    def _record_book(
        self, emit: Callable[[Record], None], now_ns: int, bids: Levels, asks: Levels
    ) -> None:
        venue_id, seq = self._venue_id, self._core.venue_seq
        if self._full:
            emit(Depth(t_ns=now_ns, venue_id=venue_id, venue_seq=seq, bids=bids, asks=asks))
            return
        bid_px, bid_qty = bids[0] if bids else (None, 0)
        ask_px, ask_qty = asks[0] if asks else (None, 0)
        emit(
            Quote(
                t_ns=now_ns,
                venue_id=venue_id,
                venue_seq=seq,
                bid_px=bid_px,
                bid_qty=bid_qty,
                ask_px=ask_px,
                ask_qty=ask_qty,
            )
        )

    def _record_trades(self, emit: Callable[[Record], None], now_ns: int) -> None:
        for trade in self._core.trades:
            emit(
                TradePrint(
                    t_ns=now_ns,
                    venue_id=self._venue_id,
                    venue_seq=self._core.venue_seq,
                    price=trade.price,
                    qty=trade.qty,
                    # That a sale was short is the seller's affair, not the tape's.
                    aggressor=Side.BUY if trade.aggressor is Side.BUY else Side.SELL,
                )
            )
