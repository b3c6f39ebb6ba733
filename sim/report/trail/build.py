"""Builds a run's trail from its records: while they are written, or read back from a log.

Both ways give equal trails. Knows the records alone; what a log lacks is said, not made up.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from sim.audit.read import LogPrefix, cannot_read, log_file
from sim.audit.records import (
    BookAtArrival,
    Bust,
    CancelRejected,
    CancelSent,
    ChildAcked,
    ChildCanceled,
    ChildDropped,
    ChildRejected,
    ChildReplaced,
    ChildSent,
    ControlBreach,
    Correction,
    DealerAnswer,
    Decision,
    Depth,
    Fault,
    Fill,
    NbboChange,
    Overfill,
    ParentDone,
    ParentReceived,
    ParticipantEvent,
    PluginFailed,
    QueuePosition,
    Quote,
    Record,
    ReplaceSent,
    ReportIgnored,
    RequestPending,
    RouteHold,
    RouterRestarted,
    RunFinished,
    RunStarted,
    ScheduleStep,
    SessionEvent,
    StatusReported,
    StatusRequested,
    TradePrint,
    VenueEvent,
    WrittenOff,
)
from sim.audit.state import LogState
from sim.kernel.files import open_regular
from sim.protocol.enums import Outcome
from sim.protocol.errors import AuditFormatError
from sim.protocol.units import Units
from sim.report.blotter import venue_ids
from sim.report.trail.market import Market, MarketBuilder
from sim.report.trail.orders import EXACT, Child, Execution, Parent, Question, Report, Ways
from sim.report.words import units_of

LIT_KINDS: Final = frozenset({"lit", "replayed"})
"""Kinds of venues whose quotes are displayed: they alone make the best displayed prices."""


@dataclass(slots=True)
class Trail:
    """A run, as its records tell it.

    Attributes:
        started: The first record.
        units: What ticks and lots are.
        scenario: The scenario with every default.
        venues: Their ids, in the scenario's order.
        kinds: Kind by venue.
        lit: Venues whose quotes are displayed.
        reports: By venue, how long its answers took.
        parents: By id, in the order of their arrival.
        children: By id, in the order in which they left.
        decisions: By number.
        market: What venues published.
        records: How many there were.
        end_ns: Time of the last of them.
        outcome: How the run ended; None: the log does not say.
        head: SHA-256 (hex) of the last whole line; empty until it is known.
        fault: Why the log could not be read to its end; empty: it was.
    """

    started: RunStarted
    units: Units = field(compare=False)  # they stand in the scenario
    scenario: Mapping[str, Any]
    venues: tuple[str, ...]
    kinds: dict[str, str]
    lit: frozenset[str]
    market: Market
    reports: dict[str, Ways] = field(default_factory=dict)
    parents: dict[str, Parent] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)
    decisions: dict[int, Decision] = field(default_factory=dict)
    venue_events: list[VenueEvent] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    participant_events: list[ParticipantEvent] = field(default_factory=list)
    holds: list[RouteHold] = field(default_factory=list)
    breaches: list[ControlBreach] = field(default_factory=list)
    dropped: list[ChildDropped] = field(default_factory=list)
    steps: list[ScheduleStep] = field(default_factory=list)
    ignored: list[ReportIgnored] = field(default_factory=list)
    sessions: list[SessionEvent] = field(default_factory=list)
    restarts: list[RouterRestarted] = field(default_factory=list)
    plugin_failed: PluginFailed | None = None
    records: int = 0
    end_ns: int = 0
    outcome: Outcome | None = None
    head: str = ""
    fault: str = ""


class TrailBuilder:
    """Folds records, in their order, the first being ``RunStarted``."""

    def __init__(self) -> None:
        self._trail: Trail | None = None
        self._market: MarketBuilder | None = None
        self._acted: set[tuple[int, int]] = set()
        self._places: dict[str, int] = {}
        self._executed: dict[tuple[str, int], Execution] = {}
        self._count = 0
        self._last_ns = 0
        self._calls: dict[type[Record], Callable[[Any], None]] = {
            RunStarted: self._on_started,
            ParentReceived: self._on_parent,
            Decision: self._on_decision,
            ChildSent: self._on_sent,
            BookAtArrival: self._on_arrival,
            QueuePosition: lambda record: self._child(record).places.append(record),
            ChildAcked: self._on_acked,
            ChildRejected: self._on_rejected,
            Fill: self._on_fill,
            Bust: self._on_taken_back,
            Correction: self._on_taken_back,
            CancelSent: self._on_request,
            ReplaceSent: self._on_request,
            CancelRejected: self._on_request_refused,
            RequestPending: self._came,
            ChildCanceled: self._on_canceled,
            ChildReplaced: self._on_replaced,
            Overfill: self._on_overfill,
            WrittenOff: self._on_written_off,
            StatusRequested: self._on_question,
            StatusReported: self._on_told,
            DealerAnswer: self._on_answer,
            ParentDone: self._on_done,
            RunFinished: self._on_finished,
            PluginFailed: self._on_plugin_failed,
        }

    def observers(self) -> dict[type[Record], Callable[[Any], None]]:
        """What to call with each record, by its type: all types are among them."""
        return dict.fromkeys(LogState().kinds, self.observe)

    def observe(self, record: Record) -> None:
        """Take the next record."""
        self._count += 1
        self._last_ns = record.t_ns
        kind = type(record)
        if self._trail is None or self._market is None:
            if kind is RunStarted:
                self._on_started(record)  # type: ignore[arg-type]
            return
        call = self._calls.get(kind)
        if call is not None:
            call(record)

    def trail(self, head: str = "", fault: str = "") -> Trail:
        """What was folded so far.

        Args:
            head: SHA-256 (hex) of the log's last whole line.
            fault: Why the log could not be read to its end.

        Raises:
            AuditFormatError: If no ``RunStarted`` was seen.
        """
        trail = self._trail
        if trail is None:
            raise AuditFormatError("the records must begin with run_started, found none")
        trail.records, trail.end_ns = self._count, self._last_ns
        trail.head, trail.fault = head, fault
        trail.market.nbbo.mark_own(self._acted)
        return trail

    # One method per type of record.

    def _on_started(self, record: RunStarted) -> None:
        scenario = record.scenario
        found = scenario.get("venues")
        listed = found if isinstance(found, list) else []
        kinds = {
            str(one["id"]): str(one.get("kind"))
            for one in listed
            if isinstance(one, dict) and "id" in one
        }
        venues = tuple(dict.fromkeys(venue_ids(scenario)))
        self._places = {name: n for n, name in enumerate(venues)}
        lit = frozenset(name for name, kind in kinds.items() if kind in LIT_KINDS)
        market = self._market = MarketBuilder(self._places, lit)
        trail = self._trail = Trail(
            started=record,
            units=units_of(record),
            scenario=scenario,
            venues=venues,
            kinds=kinds,
            lit=lit,
            market=market.market,
        )
        self._calls |= {
            Quote: market.on_quote,
            Depth: market.on_depth,
            TradePrint: market.on_print,
            NbboChange: market.on_nbbo,
            VenueEvent: trail.venue_events.append,
            Fault: trail.faults.append,
            ParticipantEvent: trail.participant_events.append,
            RouteHold: trail.holds.append,
            ControlBreach: trail.breaches.append,
            ChildDropped: trail.dropped.append,
            ScheduleStep: trail.steps.append,
            ReportIgnored: trail.ignored.append,
            SessionEvent: trail.sessions.append,
            RouterRestarted: trail.restarts.append,
        }

    def _on_parent(self, record: ParentReceived) -> None:
        self._so_far.parents[record.parent_id] = Parent(record)
        assert self._market is not None
        self._market.on_parent(record)

    def _on_decision(self, record: Decision) -> None:
        trail = self._so_far
        trail.decisions[record.decision_id] = record
        trail.parents[record.parent_id].decisions.append(record)
        assert self._market is not None
        self._market.on_decision(record)

    def _on_sent(self, record: ChildSent) -> None:
        trail = self._so_far
        decision = trail.decisions.get(record.decision_id)
        known = None
        if decision is not None:
            for quote in decision.quotes:
                if quote.venue_id == record.venue_id:
                    known = quote
        child = Child(record, decision, known)
        child.requested_qty = child.leaves_qty = record.order_qty
        trail.children[record.cl_ord_id] = child
        trail.parents[record.parent_id].children.append(child)

    def _on_arrival(self, record: BookAtArrival) -> None:
        child = self._child(record)
        child.arrival = record
        self._act(record.venue_id, record.t_ns)

    def _on_acked(self, record: ChildAcked) -> None:
        self._came(record)
        self._child(record).acked = record
        self._act(record.venue_id, record.processed_ns)

    def _on_rejected(self, record: ChildRejected) -> None:
        self._came(record)
        child = self._child(record)
        child.rejected = record
        _end(child, record.t_ns)

    def _on_fill(self, record: Fill) -> None:
        self._came(record)
        child = self._child(record)
        execution = Execution(
            child,
            record.exec_id,
            record.last_px,
            record.last_qty,
            Decimal(record.fee),
            record.is_maker,
            record.best_px,
            record.processed_ns,
            record.t_ns,
        )
        child.executions.append(execution)
        self._executed[record.venue_id, record.exec_id] = execution
        child.leaves_qty -= record.last_qty
        if not record.is_maker:
            self._act(record.venue_id, record.processed_ns)
        if not child.leaves_qty:
            _end(child, record.t_ns)

    def _on_taken_back(self, record: Bust | Correction) -> None:
        self._came(record)
        child = self._child(record)
        child.taken_back.append(record)
        child.leaves_qty += record.reopened_qty
        execution = self._executed.get((record.venue_id, record.exec_ref_id))
        if execution is None:
            return
        execution.fee = EXACT.add(execution.fee, Decimal(record.fee))
        if isinstance(record, Correction):
            execution.px, execution.qty = record.last_px, record.last_qty
            self._executed[record.venue_id, record.exec_id] = execution
        else:
            execution.qty -= record.was_qty
        if not execution.qty and not execution.fee:
            child.executions.remove(execution)

    def _on_request(self, record: CancelSent | ReplaceSent) -> None:
        self._asked(record).requests.append(record)

    def _on_request_refused(self, record: CancelRejected) -> None:
        self._came(record)
        self._asked(record).refused_requests.append(record)

    def _on_canceled(self, record: ChildCanceled) -> None:
        self._came(record)
        child = self._child(record)
        child.canceled = record
        self._act(record.venue_id, record.processed_ns)
        _end(child, record.t_ns)

    def _on_replaced(self, record: ChildReplaced) -> None:
        self._came(record)
        child = self._asked(record)
        child.replaced.append(record)
        child.requested_qty = max(child.requested_qty, record.order_qty)
        child.leaves_qty = record.leaves_qty
        self._act(record.venue_id, record.processed_ns)
        if not record.leaves_qty:
            _end(child, record.t_ns)

    def _on_overfill(self, record: Overfill) -> None:
        if not record.booked_qty:
            self._came(record)  # else the fill that follows is the same report
        child = self._child(record)
        child.overfills.append(record)
        child.leaves_qty = record.leaves_qty + record.booked_qty
        if not child.leaves_qty:
            _end(child, record.t_ns)

    def _on_written_off(self, record: WrittenOff) -> None:
        child = self._child(record)
        child.written_off = record
        _end(child, record.t_ns)

    def _on_question(self, record: StatusRequested) -> None:
        child = self._so_far.children.get(record.cl_ord_id)
        if child is not None:  # an outside router may ask about anything
            child.questions.append(Question(record.t_ns, child.leaves_qty))

    def _on_told(self, record: StatusReported) -> None:
        child = self._so_far.children.get(record.cl_ord_id)
        if child is not None:
            child.told.append(record)

    def _on_answer(self, record: DealerAnswer) -> None:
        child = self._so_far.children.get(record.cl_ord_id)
        if child is not None:  # others' orders are answered too
            child.answers.append(record)

    def _on_done(self, record: ParentDone) -> None:
        self._so_far.parents[record.parent_id].done = record

    def _on_finished(self, record: RunFinished) -> None:
        self._so_far.outcome = record.outcome

    def _on_plugin_failed(self, record: PluginFailed) -> None:
        self._so_far.plugin_failed = record

    # Helpers

    @property
    def _so_far(self) -> Trail:
        assert self._trail is not None
        return self._trail

    def _child(self, record: Any) -> Child:
        return self._so_far.children[record.cl_ord_id]

    def _asked(self, record: Any) -> Child:
        """The child that a request is about: a request has an id of its own."""
        return self._so_far.children[record.orig_cl_ord_id]

    def _came(self, record: Fill | Report) -> None:
        """Note how long a venue's report was on its way."""
        reports = self._so_far.reports
        ways = reports.get(record.venue_id)
        if ways is None:
            ways = reports[record.venue_id] = Ways()
        ways.add(record.drawn_ns, record.held_ns)

    def _act(self, venue_id: str, t_ns: int) -> None:
        place = self._places.get(venue_id)
        if place is not None:
            self._acted.add((place, t_ns))


def read_trail(log: str | Path) -> Trail:
    """The trail of an audit log, or of the log in a run's folder, as far as it can be read.

    Raises:
        AuditFormatError: If not even its first line is a record of this version.
    """
    path = log_file(log)
    prefix, builder, state = LogPrefix(path), TrailBuilder(), LogState()
    fault = ""
    for batch in prefix.batches():
        first = state.records
        try:
            state.take(batch)  # what contradicts itself has no sums
        except AuditFormatError as error:
            if not state.records:
                raise AuditFormatError(f"{path}: {error}") from None
            fault = f"{path}: {error}"
        for record in batch[: state.records - first]:
            builder.observe(record)
        if fault:
            break
    if not isinstance(state.started, RunStarted):
        raise AuditFormatError(f"{path}: record 0 (line 1): must be run_started")
    fault = fault or prefix.fault
    if not fault and state.outcome is None:
        fault = f"{path}: the log ends after record {state.records - 1} without run_finished"
    return builder.trail(log_head(path), fault)


def log_head(path: Path) -> str:
    """SHA-256 (hex) of the last whole line of a log.

    Raises:
        AuditFormatError: If the file cannot be read.
    """
    try:
        return _head(path)
    except OSError as error:
        raise cannot_read(path, error) from error


def _head(path: Path) -> str:
    with open_regular(path) as file:
        file.seek(0, 2)
        end, block = file.tell(), b""
        while end and block.count(b"\n") < 2:
            step = min(end, 1 << 16)
            end -= step
            file.seek(end)
            block = file.read(step) + block
    whole = block[: block.rfind(b"\n")] if b"\n" in block else b""
    return hashlib.sha256(whole[whole.rfind(b"\n") + 1 :]).hexdigest()


def _end(child: Child, t_ns: int) -> None:
    child.leaves_qty = 0
    child.ended_ns = t_ns
