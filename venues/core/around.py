"""A core around another: the base of rules that stand before a book, such as hours and throttles.

They exist only where a venue's config asks for them, so that other venues pay nothing for them.
"""

from collections.abc import Sequence
from typing import Any

from sim.protocol.enums import CxlRejReason, RejectReason, TradingState
from sim.protocol.market_data import Levels, Trade
from sim.protocol.orders import NewOrderSingle, VenueReport
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.api import (
    Note,
    Notice,
    OrderHolder,
    Request,
    TellingCore,
    TimedCore,
    TradingChange,
    VenueCore,
    WakeAt,
)


class CoreAround:
    """Passes everything on to the core within; subclasses say what is different.

    Attributes:
        book: The innermost core if orders may rest in it, else None.
        wakes: Wake-ups asked for, by this core or by one within.
        changes: Changes of the state of trading and notices, by this core or by one within.
        notes: For the records, by one within.
    """

    def __init__(self, inner: VenueCore) -> None:
        self._inner = inner
        self.book: OrderHolder | None = inner if isinstance(inner, OrderHolder) else None
        self.wakes: list[WakeAt] = []
        self.changes: list[TradingChange | Notice] = []
        if isinstance(inner, CoreAround):
            self.book = inner.book
        if isinstance(inner, TimedCore):
            self.wakes, self.changes = inner.wakes, inner.changes
        self.notes: list[Note] = inner.notes if isinstance(inner, TellingCore) else []

    @property
    def state(self) -> TradingState:
        """Whether the core within trades now."""
        return self._inner.state if isinstance(self._inner, TimedCore) else TradingState.OPEN

    @property
    def venue_seq(self) -> int:
        """Number of the present state."""
        return self._inner.venue_seq

    @venue_seq.setter
    def venue_seq(self, number: int) -> None:
        self._inner.venue_seq = number

    @property
    def last_px(self) -> PriceTicks | None:
        """Price of the last trade; None before the first."""
        return self._inner.last_px

    @property
    def last_qty(self) -> QtyLots:
        """Lots of the last trade; 0 before the first."""
        return self._inner.last_qty

    @property
    def volume(self) -> QtyLots:
        """Lots traded since the start."""
        return self._inner.volume

    @property
    def trades(self) -> Sequence[Trade]:
        """The prints of the last ``handle`` call."""
        return self._inner.trades

    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message and return every report that it causes."""
        return self._inner.handle(msg, now_ns)

    def refuse_new(self, msg: NewOrderSingle, reason: RejectReason, now_ns: TimeNs) -> VenueReport:
        """Refuse a new order."""
        return self._inner.refuse_new(msg, reason, now_ns)

    def refuse_change(self, msg: Request, reason: CxlRejReason, now_ns: TimeNs) -> VenueReport:
        """Refuse a request."""
        return self._inner.refuse_change(msg, reason, now_ns)

    def next_exec_id(self) -> int:
        """The number of the next report; now it is used."""
        return self._inner.next_exec_id()

    def published(self, depth: int) -> tuple[Levels, Levels]:
        """Bids and asks as the feed shows them."""
        return self._inner.published(depth)

    def reachable_by(self, msg: NewOrderSingle, depth: int) -> Levels:
        """What this order could take now."""
        return self._inner.reachable_by(msg, depth)

    def check(self) -> None:
        """Walk every invariant of the core within."""
        self._inner.check()
