"""Two logs side by side, record by record of the same meaning.

Positions say little once one message more is in a log. A record therefore gets a key by what it is
about: the second fill of this child, the third decision for this parent. Own records are all kept;
of the market only where each venue's stream first differs, so that memory does not grow with it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from sim.audit.read import LogPrefix
from sim.audit.records import (
    Decision,
    Depth,
    NbboChange,
    ParentDone,
    ParentReceived,
    ParticipantEvent,
    Quote,
    Record,
    RunFinished,
    RunStarted,
    TradePrint,
)

MARKET: Final = frozenset({Quote, Depth, TradePrint, NbboChange})


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
    places: dict[Key, int] = field(default_factory=dict)
    decisions: dict[int, Key] = field(default_factory=dict)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    fault: str = ""

    def add(self, seq: int, record: Record) -> None:
        """Take an own record."""
        kind = str(type(record).__struct_config__.tag)
        about = subject(record)
        number = self.counts[kind, about] = self.counts.get((kind, about), 0) + 1
        key = Key(kind, about, number)
        self.places[key] = len(self.order)
        self.order.append(key)
        self.entries[key] = Entry(seq, record)
        if isinstance(record, Decision):
            self.decisions[record.decision_id] = key


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
        self._waiting: dict[str, tuple[deque[Entry], deque[Entry]]] = {}
        self._read()

    def pair(self, key: Key) -> tuple[Record | None, Record | None]:
        """The record of this meaning in either log, None where there is none."""
        old, new = self.old.entries.get(key), self.new.entries.get(key)
        return old.record if old else None, new.record if new else None

    def differs(self, key: Key) -> bool:
        """Whether the two logs say different things under this key."""
        old, new = self.pair(key)
        return old != new

    def keys(self) -> Iterator[Key]:
        """All keys, those of the old log in its order, then those that the new one has alone."""
        yield from self.old.order
        yield from (key for key in self.new.order if key not in self.old.entries)

    def place(self, key: Key) -> tuple[int, int]:
        """Sorts keys by the time at which they first stand in either log."""
        entries = [side.entries[key] for side in (self.old, self.new) if key in side.entries]
        return min((entry.record.t_ns, entry.seq) for entry in entries)

    def _read(self) -> None:
        sides = (self.old, self.new)
        logs = [LogPrefix(side.path) for side in sides]
        streams = [_numbered(log) for log in logs]
        heads = [next(stream, None) for stream in streams]
        while heads[0] is not None or heads[1] is not None:
            which = _earlier(heads[0], heads[1])
            entry = heads[which]
            assert entry is not None
            if type(entry.record) in MARKET:
                self._take_market(which, entry, other_ended=heads[1 - which] is None)
            else:
                sides[which].add(*entry)
            heads[which] = next(streams[which], None)
        for name, (old, new) in self._waiting.items():
            if old or new:
                self.market[name] = MarketChange(old[0] if old else None, new[0] if new else None)
        for side, log in zip(sides, logs, strict=True):
            side.fault = log.fault

    def _take_market(self, which: int, entry: Entry, *, other_ended: bool) -> None:
        name = stream(entry.record)
        if name in self.market:
            return
        waiting = self._waiting.setdefault(name, (deque(), deque()))
        mine, others = waiting[which], waiting[1 - which]
        if not others:
            if not (other_ended and mine):  # the first of what the other log lacks will do
                mine.append(entry)
            return
        other = others.popleft()
        if other.record != entry.record:
            pair = (entry, other) if which == 0 else (other, entry)
            self.market[name] = MarketChange(*pair)
            self._waiting.pop(name)


def stream(record: Record) -> str:
    """Whose market data a record belongs to: a venue, or an observer of all venues."""
    if isinstance(record, NbboChange):
        return f"nbbo {record.observer}"
    venue_id: str = record.venue_id  # type: ignore[attr-defined]
    return venue_id


def subject(record: Record) -> str:
    """The name of the thing that a record is about."""
    match record:
        case RunStarted() | RunFinished():
            return ""
        case Decision() | ParentReceived() | ParentDone():
            return record.parent_id
        case ParticipantEvent():
            return record.participant_id
    for name in ("cl_ord_id", "parent_id", "venue_id"):
        value = getattr(record, name, None)
        if isinstance(value, str):
            return value
    return ""


def _numbered(log: LogPrefix) -> Iterator[Entry]:
    seq = 0
    for batch in log.batches():
        for record in batch:
            yield Entry(seq, record)
            seq += 1


def _earlier(old: Entry | None, new: Entry | None) -> int:
    """Which log to read on: so that equal streams of a venue meet at once."""
    if old is None or new is None:
        return 1 if old is None else 0
    return 0 if (old.record.t_ns, old.seq) <= (new.record.t_ns, new.seq) else 1
