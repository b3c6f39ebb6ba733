"""Two logs side by side, record by record of the same meaning.

Positions say little once one message more is in a log. A record therefore gets a key by what it is
about: the second fill of this child, the third decision for this parent. Own records are all kept;
of the market only where each venue's stream first differs, so that memory does not grow with it.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from sim.audit.read import LogPrefix
from sim.audit.records import (
    RECORD_TYPES,
    Decision,
    Depth,
    NbboChange,
    ParentDone,
    ParentReceived,
    Quote,
    Record,
    TradePrint,
)

MARKET: Final = frozenset({Quote, Depth, TradePrint, NbboChange})


TakeBatch = Callable[[Sequence[Record]], None]


class Key(NamedTuple):
    """What a record is about: its kind, what it names, and the how manieth of these it is."""

    kind: str
    about: str
    number: int


class Entry(NamedTuple):
    """A record and where it stands in its log."""

    seq: int
    record: Record


@dataclass(slots=True)
class Side:
    """The own records of one log, by key and in order, and what ended the reading of it."""

    path: Path
    entries: dict[Key, Entry] = field(default_factory=dict)
    order: list[Key] = field(default_factory=list)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    fault: str = ""
    _places: dict[Key, int] = field(default_factory=dict)
    _decisions: dict[int, Key] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Take an own record."""
        record = entry.record
        kind, name = _ABOUT[type(record)]
        about = (name and getattr(record, name)) or ""
        number = self.counts[kind, about] = self.counts.get((kind, about), 0) + 1
        key = Key(kind, about, number)
        self.order.append(key)
        self.entries[key] = entry

    @property
    def places(self) -> dict[Key, int]:
        """Where each key stands in ``order``; asked for only once all records are there."""
        if len(self._places) != len(self.order):
            self._places = {key: n for n, key in enumerate(self.order)}
        return self._places

    @property
    def decisions(self) -> dict[int, Key]:
        """The keys of decisions by their number."""
        if not self._decisions:
            for key in self.order:
                record = self.entries[key].record
                if isinstance(record, Decision):
                    self._decisions[record.decision_id] = key
        return self._decisions


class MarketChange(NamedTuple):
    """Where a venue's published stream first differs; None for the log whose stream has ended."""

    old: Entry | None
    new: Entry | None

    @property
    def t_ns(self) -> int:
        """When it first shows."""
        return min(entry.record.t_ns for entry in (self.old, self.new) if entry is not None)


class Pairs:
    """The records of two logs, paired by meaning."""

    def __init__(self, old: Path, new: Path) -> None:
        self.old, self.new = Side(old), Side(new)
        self.market: dict[str, MarketChange] = {}
        self._sides = (self.old, self.new)
        self._waiting: dict[str, tuple[deque[Entry], deque[Entry]]] = {}
        self._ended = [False, False]

    def pair(self, key: Key) -> tuple[Record | None, Record | None]:
        """The record of this meaning in either log, None where there is none."""
        old, new = self.old.entries.get(key), self.new.entries.get(key)
        return old.record if old else None, new.record if new else None

    def differs(self, key: Key) -> bool:
        """Whether the two logs say different things under this key."""
        old, new = self.old.entries.get(key), self.new.entries.get(key)
        if old is None or new is None:
            return old is not new
        return old is not new and old.record != new.record

    def keys(self) -> Iterator[Key]:
        """All keys, those of the old log in its order, then those that the new one has alone."""
        yield from self.old.order
        yield from (key for key in self.new.order if key not in self.old.entries)

    def place(self, key: Key) -> tuple[int, int, bool]:
        """Sorts keys by the time at which they first stand in either log.

        A fault stands before what is in its place in the other log, which it may have kept back.
        """
        entries = [side.entries[key] for side in (self.old, self.new) if key in side.entries]
        return min((entry.record.t_ns, entry.seq, key.kind != "fault") for entry in entries)

    def take(self, which: int, entry: Entry) -> None:
        """Take the next record of the old log (0) or the new one (1).

        In whatever order they come it ends alike; read on by time, little has to wait.
        """
        if type(entry.record) in MARKET:
            self._take_market(which, entry)
        else:
            self._sides[which].add(entry)

    def take_same(self, entry: Entry) -> None:
        """Take the next record of both logs, while all but the first was the same in both."""
        if type(entry.record) not in MARKET:
            self.old.add(entry)

    def part(self, first: Entry) -> None:
        """From here on the logs may differ; ``first`` is the new one's first record."""
        self.new.entries = self.old.entries | {self.old.order[0]: first}
        self.new.order = self.old.order.copy()
        self.new.counts = self.old.counts.copy()

    def end(self, which: int, fault: str = "") -> None:
        """There is no more of the old log (0) or the new one (1); ``fault`` says what ended it."""
        self._sides[which].fault = fault
        self._ended[which] = True
        if all(self._ended):
            for name, (old, new) in self._waiting.items():
                if old or new:
                    self.market[name] = MarketChange(
                        old[0] if old else None, new[0] if new else None
                    )
            self._waiting.clear()

    def _take_market(self, which: int, entry: Entry) -> None:
        name = stream(entry.record)
        if name in self.market:
            return
        waiting = self._waiting.get(name)
        if waiting is None:
            waiting = self._waiting[name] = (deque(), deque())
        mine, others = waiting[which], waiting[1 - which]
        if not others:
            # The first of what the other log lacks will do.
            if not (mine and self._ended[1 - which]):
                mine.append(entry)
            return
        other = others.popleft()
        if other.record != entry.record:
            pair = (entry, other) if which == 0 else (other, entry)
            self.market[name] = MarketChange(*pair)
            self._waiting.pop(name)


class Following:
    """The records of a log, one after the other, numbered as they stand in it.

    Args:
        log: The log.
        also: Called with lists of its records, in their order, as they are read.

    Raises:
        AuditFormatError: If not even its first line is a record of this version.
    """

    def __init__(self, log: Path, also: TakeBatch | None = None) -> None:
        self._prefix = LogPrefix(log)
        self._entries = self._read(also)
        self.head = next(self._entries, None)

    @property
    def fault(self) -> str:
        """What ended the reading before the end; empty until then."""
        return self._prefix.fault

    def next(self) -> None:
        """Let ``head`` be the record behind it; None at the end."""
        self.head = next(self._entries, None)

    def _read(self, also: TakeBatch | None) -> Iterator[Entry]:
        seq = 0
        for batch in self._prefix.batches():
            if also is not None:
                also(batch)
            for record in batch:
                yield Entry(seq, record)
                seq += 1


def read_pairs(old: Path, new: Path, also: Sequence[TakeBatch | None] = (None, None)) -> Pairs:
    """The records of two logs, as far as each can be read.

    Args:
        old: The first log.
        new: The second one.
        also: For each of them, what is called with its records as they are read.

    Raises:
        AuditFormatError: If not even the first line of one is a record of this version.
    """
    pairs = Pairs(old, new)
    logs = [Following(path, call) for path, call in zip((old, new), also, strict=True)]
    while logs[0].head is not None or logs[1].head is not None:
        which = _earlier(logs[0].head, logs[1].head)
        entry = logs[which].head
        assert entry is not None
        pairs.take(which, entry)
        logs[which].next()
        if logs[which].head is None:
            pairs.end(which, logs[which].fault)
    return pairs


class Beside:
    """Pairs the records of a run, as they are written, with those of a log.

    It watches the run, so that nobody reads the new log.

    Args:
        log: The log, the old side.
        new: What the new side is called.
        also: Called with the records of the log as they are read.

    Raises:
        AuditFormatError: If not even the log's first line is a record of this version.
    """

    def __init__(self, log: Path, new: Path, also: TakeBatch | None = None) -> None:
        self.pairs: Final = Pairs(log, new)
        self._log = Following(log, also)
        self._seq = 0
        self._is_same = True
        self._first: Entry | None = None

    @property
    def records(self) -> int:
        """How many the run has written."""
        return self._seq

    def observers(self) -> dict[type[Record], Callable[[Any], None]]:
        """What to call with each record of the run, by its type: all types are among them."""
        return dict.fromkeys(RECORD_TYPES, self.observe)

    def observe(self, record: Record) -> None:
        """Take the run's next record, after those of the log that stand before it."""
        seq, log, head = self._seq, self._log, self._log.head
        self._seq = seq + 1
        if self._is_same:
            if head is not None and (head.record == record or seq == 0):
                self.pairs.take_same(head)
                if seq == 0:
                    self._first = Entry(0, record)
                log.next()
                return
            self._part()
        t_ns = record.t_ns
        while head is not None and (head.record.t_ns, head.seq) <= (t_ns, seq):
            self.pairs.take(0, head)
            log.next()
            head = log.head
        self.pairs.take(1, Entry(seq, record))

    def _part(self) -> None:
        self._is_same = False
        if self._first is not None:
            self.pairs.part(self._first)

    def finish(self) -> Pairs:
        """The run is over: read the rest of the log."""
        if self._is_same:
            self._part()
        self.pairs.end(1)
        log = self._log
        while log.head is not None:
            self.pairs.take(0, log.head)
            log.next()
        self.pairs.end(0, log.fault)
        return self.pairs


def stream(record: Record) -> str:
    """Whose market data a record belongs to: a venue, or an observer of all venues."""
    if isinstance(record, NbboChange):
        return f"nbbo {record.observer}"
    venue_id: str = record.venue_id  # type: ignore[attr-defined]
    return venue_id


def _about(kind: type[Record]) -> tuple[str, str]:
    """The name of a type of record, and of the field that names the thing it is about."""
    tag = str(kind.__struct_config__.tag)
    if kind in _PARENTS:
        return tag, "parent_id"
    fields = (one for one in _NAMES if one in kind.__struct_fields__)
    return tag, next(fields, "")


_PARENTS: Final = frozenset({Decision, ParentReceived, ParentDone})
_NAMES: Final = ("participant_id", "cl_ord_id", "parent_id", "venue_id")
_ABOUT: Final = {kind: _about(kind) for kind in RECORD_TYPES}


def _earlier(old: Entry | None, new: Entry | None) -> int:
    """Which log to read on: so that equal streams of a venue meet at once."""
    if old is None or new is None:
        return 1 if old is None else 0
    return 0 if (old.record.t_ns, old.seq) <= (new.record.t_ns, new.seq) else 1
