"""Databento files, CSV or DBN, as readers of records and of neutral events."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sim.data.columns import MAX_NAMES, Ints
from sim.data.databento import (
    MBO,
    LevelViews,
    MboEvents,
    RecordReader,
    Records,
    join_records,
)
from sim.data.databento_csv import CsvRecords, schema_of
from sim.data.databento_dbn import MAGIC, DbnRecords
from sim.data.events import EventBlock
from sim.data.inspection import Problems
from sim.data.neutral import cut
from sim.data.order_books import trouble_kind
from sim.data.packed import first_bytes
from sim.protocol.errors import DataFormatError


def schema_by_looks(head: bytes) -> int | None:
    """Record type of a CSV file by the first bytes of its content; None if it is no such CSV."""
    return schema_of(header_of(head)) if b"ts_event" in head else None


def header_of(head: bytes) -> str:
    """The first line, as text."""
    return head.partition(b"\n")[0].rstrip(b"\r").decode("utf-8-sig", "replace")


def open_records(path: Path, problems: Problems) -> RecordReader:
    """The reader of a Databento file's records.

    Raises:
        DataFormatError: If it is no such file.
    """
    head = first_bytes(path)
    if head.startswith(MAGIC):
        return DbnRecords(path, problems)
    if not head:
        raise DataFormatError(str(path), 0, "is empty")
    return CsvRecords(path, header_of(head), problems)


class DatabentoEvents:
    """Reads a Databento file as neutral events; a venue's name is its ``publisher_id``.

    Args:
        path: The file.
        problems: Where bad rows go, and times that go back.
        receipt: Whether the time is that of receipt (``ts_recv``), not the venue's.
        instrument: ``instrument_id`` to read; 0: the only one of the file.
    """

    def __init__(
        self, path: Path, problems: Problems, *, receipt: bool = False, instrument: int = 0
    ) -> None:
        self.reader = open_records(path, problems)
        self.unused_fills = 0
        self.raised = 0
        self._path = path
        self._problems = problems
        self._receipt = receipt
        self._given = instrument
        self._only = 0
        self._publishers: list[int] = []

    @property
    def venues(self) -> tuple[str, ...]:
        """Publisher ids met so far, as text."""
        return tuple(map(str, self._publishers))

    def blocks(self) -> Iterator[EventBlock]:
        """The events from the first on.

        Raises:
            DataFormatError: At the first bad row, if the problems are strict; or if the file has
                several instruments and none was chosen.
        """
        self._publishers, self.unused_fills, self.raised = [], 0, 0
        orders, views = MboEvents(), LevelViews()
        last_ns = 0
        for found in whole_instants(self.reader.records()):
            chosen = self._choose(found)
            if not len(chosen):
                continue
            venue = self._venue(chosen.publisher)
            t_ns = self._raise_back(chosen, last_ns)
            last_ns = int(t_ns[-1])
            if self.reader.schema == MBO:
                block = orders.events(chosen, venue, t_ns)
                for line, what in orders.odd:
                    self._problems.note(line, what, trouble_kind(what))
                orders.odd.clear()
                self.unused_fills = orders.unused_fills
            else:
                block = views.events(chosen, venue, t_ns)
            if len(block):
                yield from cut(block)

    def _choose(self, found: Records) -> Records:
        if self._given:
            same = found.instrument == self._given
            return found if same.all() else found.take(same)
        first = self._only or int(found.instrument[0])
        other = found.instrument != first
        if other.any():
            row = int(other.argmax())
            raise DataFormatError(
                str(self._path),
                int(found.line[row]),
                f"has instrument_id {found.instrument[row]} after {first}: name one to read "
                "(-o instrument=ID)",
            )
        self._only = first
        return found

    def _venue(self, publisher: Ints) -> Ints:
        for one in np.unique(publisher).tolist():
            if one not in self._publishers:
                self._publishers.append(one)
        if len(self._publishers) > MAX_NAMES:
            message = f"more than {MAX_NAMES} publishers"
            raise DataFormatError(str(self._path), 0, message)
        venue = np.zeros(len(publisher), np.int64)
        for number, one in enumerate(self._publishers):
            venue[publisher == one] = number
        return venue

    def _raise_back(self, found: Records, last_ns: int) -> Ints:
        """Times that never go back; where they do, the time before holds."""
        given = found.ts_recv if self._receipt else found.ts_event
        t_ns: Ints = np.maximum.accumulate(np.maximum(given, last_ns))
        back = t_ns != given
        self.raised += int(np.count_nonzero(back))
        for row in np.flatnonzero(back).tolist():
            what = f"time goes back, from {t_ns[row]} to {given[row]}"
            self._problems.note(int(found.line[row]), what, "time goes back")
        return t_ns


def whole_instants(records: Iterator[Records]) -> Iterator[Records]:
    """The same records, cut so that neighbours with one ``ts_event`` stay together."""
    rest: Records | None = None
    for found in records:
        joined = found if rest is None else join_records([rest, found])
        if not len(joined):
            continue
        same = joined.ts_event == joined.ts_event[-1]
        begin = 0 if same.all() else len(joined) - int(np.argmin(same[::-1]))
        if begin:
            yield joined.take(slice(0, begin))
        rest = joined.take(slice(begin, None))
    if rest is not None and len(rest):
        yield rest
