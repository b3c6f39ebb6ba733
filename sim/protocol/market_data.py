"""Market data as a venue publishes it and as recorded data drives it.

A ``Level`` is ``(price_ticks, qty_lots)``. Sides are best first. Nothing here is ever
empty-but-present: a level of zero lots does not exist.
"""

from enum import IntEnum, unique

import msgspec

from sim.protocol.enums import Side, TradingState
from sim.protocol.units import PriceTicks, QtyLots, TimeNs

Level = tuple[int, int]
Levels = tuple[Level, ...]


class BookSnapshot(msgspec.Struct, frozen=True, gc=False):
    """The displayed book of one venue as published.

    ``venue_seq`` counts the states of the venue's book; ``volume`` is the lots traded since the
    start. ``last_px`` is None before the first trade.
    """

    venue_id: str
    venue_seq: int
    published_ns: TimeNs
    bids: Levels
    asks: Levels
    last_px: PriceTicks | None = None
    last_qty: QtyLots = QtyLots(0)
    volume: QtyLots = QtyLots(0)


class Trade(msgspec.Struct, frozen=True, gc=False):
    """A print: both sides met at ``price``; ``aggressor`` is the side that took."""

    price: PriceTicks
    qty: QtyLots
    aggressor: Side


class TradingStatus(msgspec.Struct, frozen=True, gc=False):
    """A venue's feed says that it trades from now on, or no longer."""

    venue_id: str
    published_ns: TimeNs
    state: TradingState


FeedMessage = BookSnapshot | TradingStatus
"""What a venue publishes."""


class LevelChange(msgspec.Struct, frozen=True, gc=False):
    """A recorded level now shows ``qty`` lots (0: gone). ``side`` BUY is the bid side."""

    side: Side
    price: PriceTicks
    qty: QtyLots


class BookClear(msgspec.Struct, frozen=True, gc=False):
    """All recorded levels are gone (a fresh snapshot follows)."""


class AnchorShift(msgspec.Struct, frozen=True, gc=False):
    """From now on ``shift`` ticks are added to each recorded price of ``side``."""

    side: Side
    shift: PriceTicks


RecordedEvent = LevelChange | BookClear | AnchorShift | Trade


class RecordedGroup(msgspec.Struct, frozen=True, gc=False):
    """Recorded events of one instant; they apply together."""

    t_ns: TimeNs
    events: tuple[RecordedEvent, ...]
    is_silent: bool = False
    """Whether nothing may trade for it: the venue is not open."""

    def silent(self) -> "RecordedGroup":
        """The same without its prints: the venue shows nothing at present."""
        events = [event for event in self.events if not isinstance(event, Trade)]
        return RecordedGroup(self.t_ns, tuple(events), is_silent=True)


@unique
class RowEvent(IntEnum):
    """What a recorded row says of one order; the numbers are those of the neutral event files."""

    ADD = 1
    MODIFY = 2
    REDUCE = 3
    DELETE = 4
    EXECUTE = 5
    TRADE = 6
    CLEAR = 8


OrderRow = tuple[int, int, int, int, int]
"""``(event, side, price, qty, order_id)``: side 1 for bids, -1 for asks (of a TRADE: who took, 0 if
that is not known), price in ticks, quantity in lots; 0 where the event has none."""


class RecordedRows(msgspec.Struct, frozen=True, gc=False):
    """Recorded events of single orders, of one instant, in the order of the recording."""

    t_ns: TimeNs
    rows: tuple[OrderRow, ...]
    is_silent: bool = False
    """Whether nothing may trade for it: the venue is not open."""

    def silent(self) -> "RecordedRows":
        """The same without its prints: what traded is taken off, and nobody of ours trades."""
        cut, execute = int(RowEvent.REDUCE), RowEvent.EXECUTE
        rows = [
            (cut, *row[1:]) if row[0] == execute else row
            for row in self.rows
            if row[0] != RowEvent.TRADE
        ]
        return RecordedRows(self.t_ns, tuple(rows), is_silent=True)
