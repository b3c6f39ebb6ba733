"""Neutral events as what drives a replayed venue: messages of an instant each, in ticks and lots.

Files of single orders become ``RecordedRows``, of price levels ``RecordedGroup``; a file holds
either. Conversion is by columns; a number off the instrument's grid is an error with its line. Of
level data a trade whose taker is not known is left out: nobody can say which side it hit.
Halts in the data are left out: a venue's hours are its own (``trading``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.data.events import SCALE, Event, EventBlock
from sim.data.neutral import read_events
from sim.protocol.enums import Side
from sim.protocol.errors import DataFormatError
from sim.protocol.market_data import (
    BookClear,
    LevelChange,
    OrderRow,
    RecordedEvent,
    RecordedGroup,
    RecordedRows,
    Trade,
)
from sim.protocol.units import MAX_NS, PriceTicks, QtyLots, TimeNs, Units

Played = RecordedRows | RecordedGroup

_ORDERS: Final = (Event.ADD, Event.MODIFY, Event.REDUCE, Event.DELETE, Event.EXECUTE)


@dataclass(frozen=True, slots=True)
class ReplayFile:
    """A file of neutral events to be played at one venue.

    Args:
        path: The file.
        units: Tick and lot that its numbers must be multiples of.
        venue: Whose events; None: the file has one venue only.
        starts_at_ns: The file's time that is the start of the run; None: that of its first row.
    """

    path: Path
    units: Units
    venue: str | None = None
    starts_at_ns: int | None = None

    def has_levels(self) -> bool:
        """Whether the file holds price levels, not single orders.

        Raises:
            DataFormatError: If it cannot be read, or holds neither.
        """
        return next(self._told_blocks())[0]

    def messages(self) -> Iterator[tuple[int, Played]]:
        """``(t_ns, message)`` in order of time; what is before the start of the run has time 0.

        Raises:
            DataFormatError: At the first row that is wrong.
        """
        start = self.starts_at_ns
        rest: list[OrderRow] = []
        rest_ns = 0
        levels = False
        for levels, whole in self._told_blocks():
            self._check_kind(whole, levels=levels)
            if start is None:
                start = int(whole.t_ns[0])
            block = whole
            if levels:
                block = whole.take((whole.event != Event.TRADE) | (whole.side != 0))
                if not len(block):
                    continue
            times = np.maximum(block.t_ns - start, 0)
            if int(times[-1]) > MAX_NS:
                raise self._wrong(int(block.line[-1]), f"is more than {MAX_NS} ns after the start")
            rows = self._rows(block)
            edges = (np.flatnonzero(np.diff(times)) + 1).tolist()
            stamps = times[[0, *edges]].tolist()
            if rest and rest_ns != stamps[0]:
                yield rest_ns, _message(rest_ns, rest, levels=levels)
                rest = []
            # The last instant of a block may go on in the next one.
            first = 0
            for t_ns, last in zip(stamps, edges, strict=False):
                instant = rows[first:last]
                first = last
                if rest:
                    instant, rest = rest + instant, []
                if levels:
                    yield t_ns, _message(t_ns, instant, levels=True)
                else:
                    # ``_message`` written out, without a ``TimeNs()`` that would only please the
                    # type checker: a day has millions of rows.
                    yield t_ns, RecordedRows(t_ns, tuple(instant))
            rest, rest_ns = rest + rows[first:], stamps[-1]
        if rest:
            yield rest_ns, _message(rest_ns, rest, levels=levels)

    def _told_blocks(self) -> Iterator[tuple[bool, EventBlock]]:
        """The blocks, each with whether the file holds levels: what its first such row says."""
        held: list[EventBlock] = []
        blocks = self._blocks()
        for block in blocks:
            held.append(block)
            telling = np.isin(block.event, (*_ORDERS, Event.LEVEL))
            if telling.any():
                levels = bool(block.event[np.argmax(telling)] == Event.LEVEL)
                yield from ((levels, one) for one in held)
                yield from ((levels, one) for one in blocks)
                return
        raise self._wrong(1, "holds neither orders nor levels")

    def _blocks(self) -> Iterator[EventBlock]:
        """The venue's own blocks, without halts, none of them empty."""
        reader = read_events(self.path)
        for block in reader.blocks():
            names = reader.venues
            if self.venue is None and len(names) > 1:
                line = int(block.line[np.argmax(block.venue > 0)])
                several = ", ".join(names[:5])
                raise self._wrong(line, f"holds several venues, source_venue names one: {several}")
            keep = (block.event != Event.HALT) & (block.event != Event.RESUME)
            if self.venue is not None:
                number = names.index(self.venue) if self.venue in names else -1
                keep &= block.venue == number
            if keep.all():
                yield block
            elif keep.any():
                yield block.take(keep)
        if self.venue is not None and self.venue not in reader.venues:
            known = ", ".join(reader.venues[:20])
            raise self._wrong(1, f"no venue {self.venue!r}; the file holds {known}")

    def _check_kind(self, block: EventBlock, *, levels: bool) -> None:
        wrong = np.isin(block.event, _ORDERS) if levels else block.event == Event.LEVEL
        if wrong.any():
            line = int(block.line[np.argmax(wrong)])
            raise self._wrong(line, "a file holds either single orders or price levels, not both")

    def _rows(self, block: EventBlock) -> list[OrderRow]:
        prices = self._whole(block, self._on_grid(block), self.units.tick_size, "price")
        lots = self._whole(block, block.qty, self.units.lot_size, "qty")
        return list(
            zip(
                block.event.tolist(),
                block.side.tolist(),
                prices.tolist(),
                lots.tolist(),
                block.order_id.tolist(),
                strict=True,
            )
        )

    def _on_grid(self, block: EventBlock) -> NDArray[np.int64]:
        """Prices, those of prints moved to the grid: up if a seller took, else down.

        Hidden orders trade between ticks. So moved, a print reaches no order that it did not reach.
        """
        tick = int(self.units.tick_size * SCALE)
        over = np.where(block.event == Event.TRADE, block.price % tick if tick else 0, 0)
        up = np.where((over > 0) & (block.side < 0), tick, 0)
        moved: NDArray[np.int64] = block.price - over + up
        return moved

    def _whole(
        self, block: EventBlock, values: NDArray[np.int64], step: Decimal, name: str
    ) -> NDArray[np.int64]:
        """A column in whole steps."""
        scaled = step * SCALE
        if scaled != int(scaled):
            raise self._wrong(1, f"{name} is kept in 1e-9, and the step {step} is no multiple")
        found, over = np.divmod(values, int(scaled))
        if over.any():
            row = int(np.argmax(over != 0))
            value = Decimal(int(values[row])) / SCALE
            message = f"{name} must be a multiple of {step}, was {value}"
            raise self._wrong(int(block.line[row]), message)
        return found

    def _wrong(self, line: int, message: str) -> DataFormatError:
        return DataFormatError(str(self.path), line, message)


def _message(t_ns: int, rows: list[OrderRow], *, levels: bool) -> Played:
    if not levels:
        return RecordedRows(TimeNs(t_ns), tuple(rows))
    return RecordedGroup(TimeNs(t_ns), tuple(_level_events(rows)))


def _level_events(rows: list[OrderRow]) -> Iterator[RecordedEvent]:
    for event, sign, price, lots, _ in rows:
        side = Side.BUY if sign > 0 else Side.SELL
        if event == Event.LEVEL:
            yield LevelChange(side, PriceTicks(price), QtyLots(lots))
        elif event == Event.CLEAR:
            yield BookClear()
        elif sign:
            yield Trade(PriceTicks(price), QtyLots(lots), side)
