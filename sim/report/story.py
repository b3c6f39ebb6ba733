"""What a log holds about one child order or one decision, gathered in two passes.

The first pass follows the orders, the second looks at what the venue published while the child was
on its way. Of the market nothing is kept but counts and sums. Knows no words.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NamedTuple

from sim.audit.order_records import taken_back
from sim.audit.read import LogPrefix, printable
from sim.audit.records import (
    AnyRecord,
    BookAtArrival,
    Bust,
    ChildCanceled,
    ChildDropped,
    ChildRejected,
    ChildSent,
    ControlBreach,
    Correction,
    Decision,
    Depth,
    Fill,
    KnownQuote,
    NbboChange,
    ParentReceived,
    ParticipantEvent,
    QueuePosition,
    Quote,
    Record,
    RouteHold,
    RunStarted,
    ScheduleStep,
    SessionEvent,
    TradePrint,
    WrittenOff,
)
from sim.audit.state import LogState
from sim.protocol.errors import AuditFormatError
from sim.protocol.units import parse_decimal

NEAR_MAX: Final = 5
_MARKET: Final = frozenset({Quote, Depth, TradePrint, NbboChange})
_CAME_BACK: Final = (ChildCanceled, ChildRejected)


class UnknownIdError(AuditFormatError):
    """A log has no child order or decision of that name."""


@dataclass(slots=True)
class Meanwhile:
    """What a venue published from the quote that a child rests on until the child was there.

    ``others`` is what participants did from when it left until then, wherever.
    """

    quotes: int = 0
    trades: int = 0
    traded_qty: int = 0
    others: list[ParticipantEvent] = field(default_factory=list)


@dataclass(slots=True)
class ChildStory:
    """One child's life. ``events`` are all later records about it, in their order.

    ``places`` are the records of its place in a line. ``triggers`` are the reports of the
    decision's instant that freed lots of the parent, ``holds``
    the router's last hold of each venue as it decided, ``step`` the last step of the parent's
    schedule by then, and ``next_decision`` is the parent's first
    decision after the child came back.
    """

    sent: ChildSent
    decision: Decision | None
    triggers: list[ChildCanceled | ChildRejected] = field(default_factory=list)
    holds: dict[str, RouteHold] = field(default_factory=dict)
    step: ScheduleStep | None = None
    arrival: BookAtArrival | None = None
    events: list[Record] = field(default_factory=list)
    places: list[QueuePosition] = field(default_factory=list)
    next_decision: Decision | None = None
    meanwhile: Meanwhile | None = None

    @property
    def decided_ns(self) -> int:
        """When it was decided; that is when it left, unless it waited for others."""
        return self.sent.t_ns if self.decision is None else self.decision.t_ns

    @property
    def known(self) -> KnownQuote | None:
        """What the router knew of the venue; None for an order that rests on no quote."""
        quotes = self.decision.quotes if self.decision is not None else ()
        return next((one for one in quotes if one.venue_id == self.sent.venue_id), None)

    @property
    def is_open(self) -> bool:
        """Whether no record of it says that it has ended."""
        if any(isinstance(one, (*_CAME_BACK, WrittenOff)) for one in self.events):
            return False
        return sum(one.last_qty for one in self.fills) < self.sent.order_qty

    @property
    def fills(self) -> list[Fill]:
        """Its fills, in their order."""
        return [one for one in self.events if isinstance(one, Fill)]

    @property
    def traded(self) -> tuple[int, int]:
        """``(lots, tick_lots)`` of what it filled, without what its venue took back."""
        lots = sum(one.last_qty for one in self.fills)
        ticks = sum(one.last_px * one.last_qty for one in self.fills)
        for one in self.events:
            if isinstance(one, Bust | Correction):
                less, paid = taken_back(one)
                lots, ticks = lots - less, ticks - paid
        return lots, ticks

    @property
    def fees(self) -> Decimal:
        """What it was charged for that."""
        paid = [one.fee for one in self.events if isinstance(one, Fill | Bust | Correction)]
        return sum(map(parse_decimal, paid), Decimal(0))


@dataclass(slots=True)
class DecisionStory:
    """One decision. ``triggers`` are the reports of its instant that freed lots of the parent.

    ``holds`` is the router's last hold of each venue as it decided, ``breaches`` what kept its
    orders from leaving, ``dropped`` the children that it planned and that never left, ``step`` the
    last step of the parent's schedule by then.
    """

    decision: Decision
    triggers: list[ChildCanceled | ChildRejected]
    holds: dict[str, RouteHold] = field(default_factory=dict)
    children: list[ChildStory] = field(default_factory=list)
    breaches: list[ControlBreach] = field(default_factory=list)
    dropped: list[ChildDropped] = field(default_factory=list)
    step: ScheduleStep | None = None


@dataclass(slots=True)
class Story:
    """What is told, and what it stands in. ``fault`` says why the log ends early, if it does."""

    started: RunStarted
    parent: ParentReceived | None
    child: ChildStory | None = None
    decision: DecisionStory | None = None
    state: LogState = field(default_factory=LogState)
    fault: str = ""


def read_story(path: Path, name: str) -> Story:
    """Gather what a log holds about a child (``P1.NYSE.1``) or a decision (``D3`` or ``3``).

    Args:
        path: The log; it is read twice, so it must be a file.
        name: The child's ``cl_ord_id`` or the decision's number.

    Raises:
        AuditFormatError: If the log cannot be read at all, or is of another version.
        UnknownIdError: If it holds no such thing; the nearest names are in the message.
    """
    number = _decision_number(name)
    reading = _Reading(name if number is None else None, number)
    log = LogPrefix(path)
    for batch in log.batches():
        before = reading.state.records
        try:
            reading.state.take(batch)
        except AuditFormatError as error:
            log.fault = f"{path}: {error}"
        # Of records that contradict those before them nothing is told.
        for record in batch[: reading.state.records - before]:
            reading.take(record)
        if log.fault:
            break
    story = reading.story(path, name)
    story.fault = log.fault
    for child in story.decision.children if story.decision else [story.child]:
        if child is not None:
            child.meanwhile = _meanwhile(path, child)
    return story


def _decision_number(name: str) -> int | None:
    digits = name.removeprefix("D").removeprefix("d")
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= 18
    return int(digits) if is_number else None


class _Made(NamedTuple):
    """A decision, and what had come back and was held as it was made."""

    decision: Decision | None
    triggers: list[ChildCanceled | ChildRejected]
    holds: dict[str, RouteHold]
    step: ScheduleStep | None

    @property
    def last_leave_ns(self) -> int:
        """When the last of its children is to leave."""
        if self.decision is None:
            return 0
        return self.decision.t_ns + max(one.wait_ns for one in self.decision.leaves)


class _Reading:
    """The first pass."""

    def __init__(self, child: str | None, decision: int | None) -> None:
        self.state = LogState()
        self._child = child
        self._number = decision
        self._decision: Decision | None = None
        self._latest: Decision | None = None
        self._decisions = 0
        self._triggers: list[ChildCanceled | ChildRejected] = []
        self._found_triggers: list[ChildCanceled | ChildRejected] = []
        self._holds: dict[str, RouteHold] = {}
        self._latest_holds: dict[str, RouteHold] = {}
        self._found_holds: dict[str, RouteHold] = {}
        # Decisions whose children may leave after later ones, with what was known as they were made
        self._planned: dict[int, _Made] = {}
        self._dropped: list[ChildDropped] = []
        self._steps: dict[str, ScheduleStep] = {}
        self._latest_step: ScheduleStep | None = None
        self._found_step: ScheduleStep | None = None
        self._stories: dict[str, ChildStory] = {}
        self._breaches: list[ControlBreach] = []
        self._back: deque[ChildCanceled | ChildRejected] = deque()
        self._waiting: list[ChildStory] = []

    def take(self, record: AnyRecord) -> None:
        if type(record) in _MARKET:
            return
        if isinstance(record, Decision):
            self._take_decision(record)
        elif isinstance(record, RouteHold):
            # A new dict each time, since a story keeps the one of its decision.
            self._holds = {**self._holds, record.venue_id: record}
        elif isinstance(record, ControlBreach):
            if record.order is not None and record.order.decision_id == self._number:
                self._breaches.append(record)
        elif isinstance(record, ScheduleStep):
            self._steps[record.parent_id] = record
        elif isinstance(record, ChildSent):
            if record.cl_ord_id == self._child or record.decision_id == self._number:
                made = self._made(record.decision_id)
                self._stories[record.cl_ord_id] = ChildStory(record, *made)
        elif isinstance(record, ChildDropped):
            if record.decision_id == self._number:
                self._dropped.append(record)
        elif isinstance(record, SessionEvent):
            for story in self._stories.values():
                if story.sent.venue_id == record.venue_id and story.is_open:
                    story.events.append(record)
        else:
            self._take_report(record)

    def _made(self, decision_id: int) -> "_Made":
        latest = self._latest
        if decision_id in self._planned:
            return self._planned[decision_id]
        mine = latest if latest and latest.decision_id == decision_id else None
        return _Made(mine, self._triggers, self._latest_holds, self._latest_step)

    def _take_decision(self, record: Decision) -> None:
        self._decisions = record.decision_id
        self._latest = record
        self._latest_holds = self._holds
        self._latest_step = self._steps.get(record.parent_id)
        self._triggers = [
            one
            for one in self._back
            if one.t_ns == record.t_ns and parent_of(one.cl_ord_id) == record.parent_id
        ]
        if record.leaves:
            self._planned = {
                number: made
                for number, made in self._planned.items()
                if made.last_leave_ns >= record.t_ns
            }
            made = _Made(record, self._triggers, self._holds, self._latest_step)
            self._planned[record.decision_id] = made
        if record.decision_id == self._number:
            self._decision = record
            self._found_triggers = self._triggers
            self._found_holds = self._holds
            self._found_step = self._latest_step
        for story in self._waiting:
            if story.sent.parent_id == record.parent_id:
                story.next_decision = record
        self._waiting = [story for story in self._waiting if story.next_decision is None]

    def _take_report(self, record: Record) -> None:
        if isinstance(record, _CAME_BACK):
            while self._back and self._back[0].t_ns < record.t_ns:
                self._back.popleft()
            self._back.append(record)
        about = getattr(record, "orig_cl_ord_id", None) or getattr(record, "cl_ord_id", None)
        story = self._stories.get(about) if isinstance(about, str) else None
        if story is None and isinstance(about, str):  # answers to a cancel are named after it
            story = self._stories.get(about.rpartition(".")[0])
        if story is None:
            return
        if isinstance(record, BookAtArrival):
            story.arrival = record
        elif isinstance(record, QueuePosition):
            story.places.append(record)
        else:
            story.events.append(record)
            if isinstance(record, _CAME_BACK):
                self._waiting.append(story)

    def story(self, path: Path, name: str) -> Story:
        started = self.state.started
        if started is None:
            raise AuditFormatError(f"{path}: record 0 (line 1): must be run_started")
        if self._child is not None:
            child = self._stories.get(self._child)
            if child is None:
                raise UnknownIdError(self._unknown(path, name))
            return Story(started, self._parent(child.sent.parent_id), child, state=self.state)
        if self._decision is None:
            raise UnknownIdError(self._unknown(path, name))
        children = list(self._stories.values())
        found = DecisionStory(
            self._decision,
            self._found_triggers,
            self._found_holds,
            children,
            self._breaches,
            self._dropped,
            self._found_step,
        )
        parent = self._parent(self._decision.parent_id)
        return Story(started, parent, decision=found, state=self.state)

    def _parent(self, parent_id: str) -> ParentReceived | None:
        parent = self.state.parents.get(parent_id)
        return parent.received if parent is not None else None

    def _unknown(self, path: Path, name: str) -> str:
        shown = f"{path}: no child order or decision '{printable(name)}'"
        ids = list(self.state.children)
        if self._number is None:
            near = get_close_matches(name, ids, n=NEAR_MAX, cutoff=0.5)
            starts = [one for one in ids if one.startswith(f"{name}.")]
            near = (near or starts or ids)[:NEAR_MAX]
            if near:
                return f"{shown}; near: {', '.join(map(printable, near))}"
        if not self._decisions:
            return f"{shown}: the log holds none"
        last = self._decisions
        numbers = "D1" if last == 1 else f"D1 to D{last}"
        return f"{shown}; the log holds {numbers}"


def _meanwhile(path: Path, child: ChildStory) -> Meanwhile | None:
    """The second pass; None where the log holds no market data of that time."""
    arrival, known = child.arrival, child.known
    if arrival is None or known is None:
        return None
    found = Meanwhile()
    for record in _between(path, child.decided_ns - known.age_ns, arrival.t_ns):
        if isinstance(record, ParticipantEvent) and record.t_ns >= child.sent.t_ns:
            found.others.append(record)
        if getattr(record, "venue_id", None) != child.sent.venue_id:
            continue
        seq = getattr(record, "venue_seq", 0)
        if not known.venue_seq < seq <= arrival.venue_seq:
            continue
        if isinstance(record, TradePrint):
            found.trades += 1
            found.traded_qty += record.qty
        elif isinstance(record, Quote | Depth):
            found.quotes += 1
    return found


def _between(path: Path, start_ns: int, end_ns: int) -> Iterator[Record]:
    for batch in LogPrefix(path).batches():
        if batch[-1].t_ns < start_ns:
            continue
        for record in batch:
            if record.t_ns > end_ns:
                return
            yield record


def parent_of(cl_ord_id: str) -> str:
    """The parent of a child: its id is the first part of the child's."""
    return cl_ord_id.partition(".")[0]
