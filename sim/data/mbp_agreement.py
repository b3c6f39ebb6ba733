"""Compares the book that MBO records add up to with the rows of an MBP-10 (or MBP-1) file.

A row belongs to the MBO record with the same publisher, sequence and order id, or where the level
file names no orders, with the same sequence, action, side, price and size. It agrees if right after
that record every level of the row shows the same price, size and number of orders as the rebuilt
book. Some makers of level files show a trade with the book after the cancel that belongs to it: the
row of a T that does not agree at its record may agree at a later one of the same instant and
sequence.
"""

from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, Final

import msgspec

from sim.data.databento import DEPTHS, MBO, F, Records, T
from sim.data.databento_events import open_records
from sim.data.inspection import Problems
from sim.data.order_books import EventBook
from sim.protocol.errors import DataFormatError

Key = tuple[Any, ...]
_NO_LEVEL: Final = (0, (0, 0))
_NO_RECORD: Final = "no MBO record belongs to it"


class _Row(msgspec.Struct):
    t_ns: int
    line: int
    key: Key
    levels: list[list[int]]


class MbpAgreement:
    """Rows of a level file, each compared once with the rebuilt book.

    ``at_own`` counts those that agree at their own record, ``later`` at a later one, ``missed``
    those that do not agree.

    Args:
        path: The level file.
        problems: Where rows that do not agree go.

    Raises:
        DataFormatError: If it is no level file of Databento.
    """

    def __init__(self, path: Path, problems: Problems) -> None:
        reader = open_records(path, Problems(path))
        if reader.schema == MBO:
            raise DataFormatError(str(path), 0, "must be an MBP-10 or MBP-1 file, is MBO")
        self.depth = DEPTHS[reader.schema]
        self.at_own = self.later = self.missed = 0
        self._path = path
        self._problems = problems
        self._by_order: bool | None = None
        self._source = self._read(reader.records())
        self._next = next(self._source, None)
        self._waiting: dict[Key, list[_Row]] = {}
        self._tried: list[_Row] = []
        self._now_ns = -1

    @property
    def rows(self) -> int:
        """Rows compared so far."""
        return self.at_own + self.later + self.missed

    @property
    def share(self) -> float:
        """The fraction of rows that agree; 0 without rows."""
        return (self.at_own + self.later) / self.rows if self.rows else 0.0

    def see(self, found: Records, row: int, t_ns: int, book: EventBook) -> None:
        """Look at the book right after an MBO record."""
        if t_ns != self._now_ns:
            self._end_instant()
            self._now_ns = t_ns
            while self._next is not None and self._next.t_ns <= t_ns:
                self._waiting.setdefault(self._next.key, []).append(self._next)
                self._next = next(self._source, None)
        # No level file has rows of F, whose order and sequence are also those of its cancel.
        if found.action[row] == F or not (self._waiting or self._tried):
            return
        key = _key(found, row, by_order=bool(self._by_order))
        queue = self._waiting.get(key)
        view = book_view(book, self.depth)
        late = [one for one in self._tried if one.key[:2] == key[:2] and one.levels == view]
        self._tried = [one for one in self._tried if one not in late]
        self.later += len(late)
        if queue is not None:
            first = queue.pop(0)
            if not queue:
                del self._waiting[key]
            if first.levels == view:
                self.at_own += 1
            elif found.action[row] == T:
                self._tried.append(first)
            else:
                self._miss(first, "the rebuilt book is another")

    def close(self) -> None:
        """Count the rows that are left."""
        self._end_instant()
        while self._next is not None:
            self._miss(self._next, _NO_RECORD)
            self._next = next(self._source, None)

    def _end_instant(self) -> None:
        for row in self._tried:
            self._miss(row, "the rebuilt book is another, also after the trade")
        self._tried.clear()
        for queue in self._waiting.values():
            for row in queue:
                self._miss(row, _NO_RECORD)
        self._waiting.clear()

    def _miss(self, row: _Row, why: str) -> None:
        self.missed += 1
        what = f"{self._path.name}: this row does not agree: {why}"
        self._problems.note(row.line, what, "level row that does not agree")

    def _read(self, records: Iterator[Records]) -> Iterator[_Row]:
        for found in records:
            if self._by_order is None:
                self._by_order = bool((found.order_id != 0).any())
            for row in range(len(found)):
                yield _Row(
                    int(found.ts_event[row]),
                    int(found.line[row]),
                    _key(found, row, by_order=self._by_order),
                    found.levels[row].tolist(),
                )


def book_view(book: EventBook, depth: int) -> list[list[int]]:
    """The best levels as rows of bid price, ask price, sizes and numbers of orders; else 0."""
    pairs = zip_longest(
        islice(book.bids.items(), depth), islice(book.asks.items(), depth), fillvalue=_NO_LEVEL
    )
    view = [
        [-bid, ask, bid_at[0], ask_at[0], bid_at[1], ask_at[1]]
        for (bid, bid_at), (ask, ask_at) in pairs
    ]
    return view + [[0] * 6] * (depth - len(view))


def _key(found: Records, row: int, *, by_order: bool) -> Key:
    publisher, sequence = int(found.publisher[row]), int(found.sequence[row])
    if by_order:
        return publisher, sequence, int(found.order_id[row])
    event = (found.action[row], found.side[row], found.price[row], found.size[row])
    return (publisher, sequence, *map(int, event))
