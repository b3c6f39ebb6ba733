"""Writes level events of one venue as recorded level data (``.l2.csv``).

The recorded format has no orders, no halts, and every trade has a side. A trade without one gets
the side whose best level it meets (at or above the best ask: a buy); one between them, or off the
tick, is left out and counted.
"""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sim.data.events import ASK, BID, SCALE, Event, EventBlock
from sim.data.neutral import OrderCheck, decimal_text
from sim.data.order_books import EventBook
from sim.data.recorded import RecordedWriter
from sim.protocol.enums import Side
from sim.protocol.market_data import BookClear, LevelChange, RecordedEvent, RecordedGroup, Trade
from sim.protocol.units import PriceTicks, QtyLots, TimeNs, Units

_LEVEL, _TRADE, _CLEAR = int(Event.LEVEL), int(Event.TRADE), int(Event.CLEAR)
_WRITABLE: Final = (_LEVEL, _TRADE, _CLEAR)


class LevelOutput:
    """Writes blocks of level events to one recorded file.

    ``rows`` counts what was written, ``trades_left_out`` the trades that the format cannot say.

    Args:
        path: The output.
        units: Tick and lot in which its numbers are whole.

    Raises:
        ValueError: If tick or lot is finer than 1e-9.
    """

    def __init__(self, path: Path, units: Units) -> None:
        self.trades_left_out = 0
        self._tick = _scaled("tick", units.tick_size)
        self._lot = _scaled("lot", units.lot_size)
        self._order = OrderCheck()
        self._book = EventBook()
        self._group: list[RecordedEvent] = []
        self._now_ns = -1
        self._writer = RecordedWriter(path, units)

    @property
    def rows(self) -> int:
        """Rows written so far."""
        return self._writer.rows

    def write(self, block: EventBlock, venues: Sequence[str]) -> None:
        """Add the rows of a block.

        Raises:
            ValueError: If there are several venues, an event that the format does not have, or a
                level off tick or lot.
        """
        if len(venues) > 1:
            raise ValueError(f"recorded level data hold one venue, not {', '.join(venues)}")
        self._order.check(block, venues)
        rows = zip(
            block.t_ns.tolist(),
            block.event.tolist(),
            block.side.tolist(),
            block.price.tolist(),
            block.qty.tolist(),
            strict=True,
        )
        for t_ns, event, side, price, qty in rows:
            if t_ns != self._now_ns:
                self._flush()
                self._now_ns = t_ns
            if event not in _WRITABLE:
                word = Event(event).name.lower()
                raise ValueError(f"recorded level data have no event {word}: write .events.csv")
            self._take(event, side, price, qty)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.__exit__(kind, error, trace)

    def _take(self, event: int, side: int, price: int, qty: int) -> None:
        if event == _CLEAR:
            self._group.append(BookClear())
        elif event == _TRADE:
            self._trade(side or self._taker(price), price, qty)
        else:
            ticks, lots = self._steps(price, qty)
            book_side = Side.BUY if side == BID else Side.SELL
            self._group.append(LevelChange(book_side, PriceTicks(ticks), QtyLots(lots)))
        self._book.apply(event, side, price, qty, 0)

    def _trade(self, side: int, price: int, qty: int) -> None:
        ticks, off_tick = divmod(price, self._tick)
        lots, off_lot = divmod(qty, self._lot)
        if not side or off_tick or off_lot:
            self.trades_left_out += 1
            return
        taker = Side.BUY if side == BID else Side.SELL
        self._group.append(Trade(PriceTicks(ticks), QtyLots(lots), taker))

    def _taker(self, price: int) -> int:
        bids, asks = self._book.bids, self._book.asks
        if asks and price >= asks.keys()[0]:
            return BID
        return ASK if bids and price <= -bids.keys()[0] else 0

    def _steps(self, price: int, qty: int) -> tuple[int, int]:
        ticks, off_tick = divmod(price, self._tick)
        lots, off_lot = divmod(qty, self._lot)
        if off_tick or off_lot:
            raise ValueError(
                f"a level of {decimal_text(qty)} at {decimal_text(price)} is no whole number of "
                f"ticks of {decimal_text(self._tick)} and lots of {decimal_text(self._lot)}"
            )
        return ticks, lots

    def _flush(self) -> None:
        if self._group:
            self._writer.write(RecordedGroup(TimeNs(self._now_ns), tuple(self._group)))
            self._group = []


def _scaled(name: str, size: Decimal) -> int:
    """Tick or lot in 1e-9."""
    whole, rest = divmod(size * SCALE, 1)
    if rest or whole <= 0:
        raise ValueError(f"{name} must be a whole multiple of 1e-9, was {size}")
    return int(whole)
