"""Inspects Databento files: MBO, alone or against a level file, and level files by themselves."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from sim.data.databento import (
    ACTIONS,
    F_LAST,
    F_SNAPSHOT,
    MBO,
    SCHEMAS,
    A,
    C,
    F,
    M,
    R,
    RecordReader,
    Records,
    T,
)
from sim.data.databento_dbn import MAGIC
from sim.data.databento_events import open_records, schema_by_looks
from sim.data.events import SCALE, Event
from sim.data.inspection import Inspection, InspectOptions, Problems, Span
from sim.data.mbp_agreement import MbpAgreement
from sim.data.order_books import EventBook, trouble_kind
from sim.protocol.errors import DataFormatError

_BOOK_EVENTS: Final = {A: Event.ADD, C: Event.REDUCE, M: Event.MODIFY, R: Event.CLEAR}


def detect(path: Path, first_bytes: bytes) -> bool:
    """By the mark of DBN, or the names in the header."""
    return first_bytes.startswith(MAGIC) or schema_by_looks(first_bytes) is not None


def inspect(path: Path, options: InspectOptions) -> Inspection:
    """Read all records, and play orders into books.

    Raises:
        DataFormatError: If a file cannot be read at all.
    """
    problems = Problems(path, strict=False)
    reader = open_records(path, problems)
    if reader.schema != MBO and options.against is not None:
        raise DataFormatError(str(path), 0, "level data have no partner file; name the MBO first")
    look = _MboLook(problems, options.against) if reader.schema == MBO else _LevelLook(problems)
    span = Span()
    counts = np.zeros(256, np.int64)
    publishers: set[int] = set()
    snapshot = repeated = 0
    last_ns: dict[int, int] = {}
    for found in reader.records():
        if not len(found):
            continue
        span.take(found.ts_event)
        counts += np.bincount(found.action, minlength=256)
        snapshot += int(np.count_nonzero(found.flags & F_SNAPSHOT))
        repeated += int(np.count_nonzero(np.diff(found.ts_event) == 0))
        publishers.update(np.unique(found.publisher).tolist())
        _note_back(found, last_ns, problems)
        look.take(found)
    look.close()
    problems.note_no_rows(span.rows)
    return Inspection(
        format=SCHEMAS[reader.schema],
        file=str(path),
        rows=span.rows,
        venues=tuple(map(str, sorted(publishers))),
        first_ns=span.first_ns,
        last_ns=span.last_ns,
        problems=problems.listed(),
        problem_counts=problems.counts,
        left_out=problems.left_out,
        agreement=look.agreement(),
        notes=tuple(publisher_notes(publishers)),
        facts=_facts(reader, counts, {"snapshot records": snapshot, "repeated times": repeated})
        | look.facts(),
    )


def publisher_notes(publishers: set[int]) -> list[str]:
    """The warning that one publisher is one venue."""
    if len(publishers) != 1:
        return []
    (one,) = publishers
    return [
        f"WARNING: all records are of one publisher ({one}), which is one venue: this file alone "
        "says nothing of how an order should be split over venues"
    ]


def _facts(reader: RecordReader, counts: Any, more: dict[str, int]) -> dict[str, Any]:
    actions = {f"action {word}": int(counts[code]) for word, code in ACTIONS.items()}
    return {**reader.facts, **{name: count for name, count in (actions | more).items() if count}}


def _note_back(found: Records, last_ns: dict[int, int], problems: Problems) -> None:
    """Times that go back within a publisher; over several, records are in order of receipt."""
    for one in np.unique(found.publisher).tolist():
        rows = np.flatnonzero(found.publisher == one)
        t_ns = found.ts_event[rows]
        before = np.concatenate([[last_ns.get(one, 0)], t_ns[:-1]])
        for place in np.flatnonzero(t_ns < before).tolist():
            what = f"time goes back, from {before[place]} to {t_ns[place]}"
            problems.note(int(found.line[rows[place]]), what, "time goes back")
        last_ns[one] = int(t_ns[-1])


class _MboLook:
    """One book per publisher and instrument; crossed ones count at the end of each event."""

    def __init__(self, problems: Problems, against: Path | None) -> None:
        self._problems = problems
        self._against = None if against is None else MbpAgreement(against, problems)
        self._books: dict[tuple[int, int], EventBook] = {}
        self._unknown_fills = 0
        self._ends = 0

    def take(self, found: Records) -> None:
        """Play the next records."""
        note = self._problems.note
        rows = zip(
            zip(found.publisher.tolist(), found.instrument.tolist(), strict=True),
            found.ts_event.tolist(),
            found.action.tolist(),
            found.side.tolist(),
            found.price.tolist(),
            found.size.tolist(),
            found.order_id.tolist(),
            found.flags.tolist(),
            strict=True,
        )
        for row, (key, t_ns, action, side, price, size, order_id, flags) in enumerate(rows):
            book = self._books.get(key)
            if book is None:
                book = self._books[key] = EventBook()
            event = _BOOK_EVENTS.get(action)
            if event is not None:
                wrong = book.apply(event, 1 if side == _BID else -1, price, size, order_id)
                if wrong:
                    note(int(found.line[row]), wrong, trouble_kind(wrong))
            elif action == F and order_id not in book.orders:
                self._unknown_fills += 1
            if self._against is not None:
                self._against.see(found, row, t_ns, book)
            if flags & F_LAST:
                self._ends += 1
                if book.crossed():
                    what = (
                        f"best bid {-book.bids.keys()[0] / SCALE:g} is not below best ask "
                        f"{book.asks.keys()[0] / SCALE:g} at the end of an event"
                    )
                    note(int(found.line[row]), what, "crossed book")

    def close(self) -> None:
        """Nothing comes any more."""
        if self._against is not None:
            self._against.close()

    def agreement(self) -> dict[str, float]:
        """What agrees with the partner."""
        if self._against is None:
            return {}
        return {"mbp10_rows" if self._against.depth > 1 else "best_quote": self._against.share}

    def facts(self) -> dict[str, Any]:
        """Counts of events, orders, and rows of the partner."""
        orders = sum(len(book.orders) for book in self._books.values())
        found = {
            "event ends": self._ends,
            "fills of unknown orders": self._unknown_fills,
            "orders open at the end": orders,
        }
        if self._against is not None:
            found["level rows"] = self._against.rows
            found["agree at their record"] = self._against.at_own
            found["agree one event later"] = self._against.later
        return found


class _LevelLook:
    """Rows of a level file by themselves."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._empty = 0
        self._trades = 0

    def take(self, found: Records) -> None:
        """Look at the next rows."""
        bid, ask = found.levels[:, 0, 0], found.levels[:, 0, 1]
        crossed = (bid > 0) & (ask > 0) & (bid >= ask)
        for row in np.flatnonzero(crossed).tolist():
            what = f"best bid {bid[row] / SCALE:g} is not below best ask {ask[row] / SCALE:g}"
            self._problems.note(int(found.line[row]), what, "crossed book")
        self._empty += int(np.count_nonzero((found.levels[:, :, :2] == 0).any(axis=(1, 2))))
        self._trades += int(np.count_nonzero(found.action == T))

    def close(self) -> None:
        """Nothing comes any more."""

    def agreement(self) -> dict[str, float]:
        """Nothing to compare with."""
        return {}

    def facts(self) -> dict[str, Any]:
        """Counts of trades and of rows with an empty level."""
        return {"trades": self._trades, "rows with an empty level": self._empty}


_BID: Final = ord("B")
