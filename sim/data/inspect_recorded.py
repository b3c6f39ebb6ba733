"""Inspects our own recorded level data (``.l2.csv``): rows, times, and crossed books.

The file says no tick and no lot; it is read at the finest that any of our files may have.
"""

from decimal import Decimal
from pathlib import Path
from typing import Final

from sim.data.books import LevelBook
from sim.data.inspection import Inspection, InspectOptions, Problems
from sim.data.recorded import HEADER, read_recorded
from sim.protocol.enums import Side
from sim.protocol.errors import DataFormatError
from sim.protocol.market_data import AnchorShift, BookClear, LevelChange, RecordedGroup, Trade
from sim.protocol.units import Units

# Keeps prices up to a million and quantities up to ten million within the bounds.
_UNITS: Final = Units(Decimal("0.000001"), Decimal("0.00000001"))
_KINDS: Final = {LevelChange: "level", AnchorShift: "shift", Trade: "trade", BookClear: "clear"}


def detect(path: Path, first_bytes: bytes) -> bool:
    """By the header."""
    return first_bytes.partition(b"\n")[0].rstrip(b"\r").decode("utf-8", "replace") == HEADER


def inspect(path: Path, options: InspectOptions) -> Inspection:
    """Read all groups, and play them into a book. The first bad row ends the reading.

    Raises:
        DataFormatError: If the file cannot be read at all.
    """
    if options.against is not None:
        raise DataFormatError(str(path), 0, "recorded level data has no partner file")
    problems = Problems(path, strict=False)
    book, shifts = LevelBook(), {Side.BUY: 0, Side.SELL: 0}
    counts = dict.fromkeys(_KINDS.values(), 0)
    line, first_ns, last_ns = 1, None, None
    try:
        for group in read_recorded(path, _UNITS):
            first_ns = group.t_ns if first_ns is None else first_ns
            last_ns = group.t_ns
            line += len(group.events)
            _play(group, book, shifts, counts)
            best = book.best()
            if best is not None and best[0] + shifts[Side.BUY] >= best[1] + shifts[Side.SELL]:
                bid = _UNITS.price_text(best[0] + shifts[Side.BUY]).rstrip("0")
                ask = _UNITS.price_text(best[1] + shifts[Side.SELL]).rstrip("0")
                what = f"best bid {bid} is not below best ask {ask}"
                problems.note(line, what, "crossed book")
    except DataFormatError as error:
        if error.line <= 1:
            raise
        problems.refuse(error.line, f"{error.message}; reading stopped here", "reading stopped")
    problems.note_no_rows(line - 1)
    return Inspection(
        format="recorded_l2",
        file=str(path),
        rows=line - 1,
        venues=(),
        first_ns=first_ns,
        last_ns=last_ns,
        problems=problems.listed(),
        problem_counts=problems.counts,
        left_out=problems.left_out,
        facts=counts,
    )


def _play(
    group: RecordedGroup, book: LevelBook, shifts: dict[Side, int], counts: dict[str, int]
) -> None:
    for event in group.events:
        counts[_KINDS[type(event)]] += 1
        if isinstance(event, LevelChange):
            book.apply(event.side, [(event.price, event.qty)])
        elif isinstance(event, AnchorShift):
            shifts[event.side] = event.shift
        elif isinstance(event, BookClear):
            book.bids.clear()
            book.asks.clear()
