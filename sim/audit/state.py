"""The state of a run, rebuilt from its audit records alone: the order blotter and the last market.

`LogState` is a fold: feed it the records in their order and it holds, after any prefix of a log,
what the log's writers knew then. Orders stay, since the blotter is about all of them; of the market
only the newest quote and trade of each venue, so that memory does not grow with market data.
Quantities are lots, prices ticks. Knows no file and no unit.
"""

import re
from collections.abc import Callable, Iterable
from decimal import Context, Decimal, Inexact
from typing import Any, Final

from sim.audit.order_records import taken_back
from sim.audit.order_state import ChildState, ParentState
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
    InvariantBroken,
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
from sim.protocol.enums import (
    Control,
    DecisionReason,
    Outcome,
)
from sim.protocol.enums import OrdStatus as Status
from sim.protocol.errors import AuditFormatError

CAME_BACK: Final = (
    DecisionReason.PARTIAL_FILL,
    DecisionReason.REJECT,
    DecisionReason.TIMEOUT,
    DecisionReason.BUST,
    DecisionReason.HALT,
)
"""Reasons of a decision that sends shares anew which had come back: a reallocation."""

_ASKED: Final = frozenset({Status.PENDING_CANCEL, Status.PENDING_REPLACE})
# A sum of fees that needed rounding would raise.
_EXACT: Final = Context(prec=80, traps=[Inexact])
# No more digits than the sums can take.
_MONEY: Final = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,38})?", re.ASCII)


class LogState:
    """What a log says up to the last record taken.

    Attributes:
        records: How many records were taken.
        t_ns: Time of the last of them.
        started: The first record, None before it.
        outcome: None until ``run_finished``.
        parents: By id, in the order of their arrival.
        children: By ``cl_ord_id``, in the order in which they left.
        quotes: Last published quote by venue; ``Depth`` where the log holds whole books.
        trades: Last print by venue.
        nbbos: Last best prices by observer.
        venue_events: Last event by venue.
        participants: Last event by participant.
        holds: Last hold of the router by venue.
        overfilled: By venue, lots that it reported as filled and that no parent took.
        ignored_reports: Reports that changed nothing.
        breaches: How often each control was breached.
        faults: How often each injected fault began or struck, by its id.
        sessions: Last event of the session with each venue.
        restarts: How often the router came back after a crash.
    """

    def __init__(self) -> None:
        self.records = 0
        self.t_ns = 0
        self.started: RunStarted | None = None
        self.outcome: Outcome | None = None
        self.parents: dict[str, ParentState] = {}
        self.children: dict[str, ChildState] = {}
        self.quotes: dict[str, Quote | Depth] = {}
        self.trades: dict[str, TradePrint] = {}
        self.nbbos: dict[str, NbboChange] = {}
        self.venue_events: dict[str, VenueEvent] = {}
        self.participants: dict[str, ParticipantEvent] = {}
        self.holds: dict[str, RouteHold] = {}
        self.overfilled: dict[str, int] = {}
        self.ignored_reports = 0
        self.breaches: dict[Control, int] = {}
        self.faults: dict[str, int] = {}
        self.sessions: dict[str, SessionEvent] = {}
        self.restarts = 0
        self._handlers = self._table()

    def _table(self) -> dict[type[Record], Callable[[Any], None]]:
        """What takes a record, by its type."""
        return {
            RunStarted: self._on_started,
            ParentReceived: self._on_parent,
            ScheduleStep: self._on_step,
            Decision: self._on_decision,
            ChildSent: self._on_sent,
            ChildDropped: lambda record: None,  # it never left, so nothing of it was open
            BookAtArrival: self._on_arrival,
            QueuePosition: self._on_place,
            ChildAcked: self._on_acked,
            ChildRejected: self._on_rejected,
            Fill: self._on_fill,
            CancelSent: self._on_cancel_sent,
            ChildCanceled: self._on_canceled,
            CancelRejected: self._on_cancel_rejected,
            RequestPending: self._on_request_pending,
            ReplaceSent: self._on_replace_sent,
            ChildReplaced: self._on_replaced,
            Overfill: self._on_overfill,
            Bust: self._on_taken_back,
            Correction: self._on_taken_back,
            RouteHold: self._on_hold,
            ControlBreach: self._on_breach,
            WrittenOff: self._on_written_off,
            SessionEvent: self._on_session,
            StatusRequested: self._on_status,
            StatusReported: self._on_status,
            RouterRestarted: self._on_restarted,
            Fault: self._on_fault,
            Depth: self._on_depth,
            DealerAnswer: lambda record: None,  # the child's own reports say what became of it
            NbboChange: self._on_nbbo,
            VenueEvent: self._on_venue_event,
            ParticipantEvent: self._on_participant,
            # The run ends with these.
            **dict.fromkeys((PluginFailed, InvariantBroken), lambda record: None),
            ReportIgnored: self._on_ignored,
            ParentDone: self._on_parent_done,
            RunFinished: self._on_finished,
        }

    @property
    def kinds(self) -> frozenset[type[Record]]:
        """The record types that it understands."""
        return frozenset(self._handlers) | {Quote, TradePrint}

    def take(self, records: Iterable[Record]) -> None:
        """Take the next records of the log.

        Raises:
            AuditFormatError: At the first record that contradicts those before it: time that goes
                back, a child that was never sent, more filled than ordered.
        """
        handlers, quotes, trades = self._handlers, self.quotes, self.trades
        t_ns, count = self.t_ns, self.records
        try:
            for record in records:
                if record.t_ns < t_ns:
                    raise _Contradiction(f"its t_ns goes back from {t_ns} to {record.t_ns}")
                # Market data are the bulk of most logs.
                kind = type(record)
                if kind is Quote:
                    quotes[record.venue_id] = record  # type: ignore[attr-defined, assignment]
                elif kind is TradePrint:
                    trades[record.venue_id] = record  # type: ignore[attr-defined, assignment]
                else:
                    handlers[kind](record)
                t_ns = record.t_ns
                count += 1
        except _Contradiction as error:
            raise AuditFormatError(f"record {count} (line {count + 1}): {error}") from None
        finally:
            self.t_ns, self.records = t_ns, count

    # One method per type of record.

    def _on_started(self, record: RunStarted) -> None:
        if self.records or self.started is not None:
            raise _Contradiction("run_started must be the first record, and no other")
        self.started = record

    def _on_parent(self, record: ParentReceived) -> None:
        if record.parent_id in self.parents:
            raise _Contradiction(f"parent {record.parent_id!r} was received before")
        if record.order_qty < 1:
            raise _Contradiction(f"order_qty must be >= 1, was {record.order_qty}")
        self.parents[record.parent_id] = ParentState(record)

    def _on_step(self, record: ScheduleStep) -> None:
        parent = self._parent(record.parent_id)
        low = parent.step.released_qty if parent.step else 0
        if not low <= record.released_qty <= parent.received.order_qty:
            raise _Contradiction(f"released_qty must be >= {low} and within the order")
        parent.step = record

    def _on_decision(self, record: Decision) -> None:
        parent = self._parent(record.parent_id)
        if record.effective_scale < 1:
            raise _Contradiction(f"effective_scale must be >= 1, was {record.effective_scale}")
        parent.decisions += 1
        if record.split and record.reason in CAME_BACK:
            parent.reallocations += 1

    def _on_sent(self, record: ChildSent) -> None:
        parent = self._parent(record.parent_id)
        if record.cl_ord_id in self.children:
            raise _Contradiction(f"child {record.cl_ord_id!r} was sent before")
        child = ChildState(
            record.cl_ord_id,
            record.parent_id,
            record.decision_id,
            record.venue_id,
            record.side,
            record.order_qty,
            record.price,
            record.time_in_force,
            record.t_ns,
            record.order_qty,
        )
        self.children[record.cl_ord_id] = child
        parent.children.append(child)
        parent.working_qty += record.order_qty

    def _on_arrival(self, record: BookAtArrival) -> None:
        self._child(record.cl_ord_id).arrived_ns = record.t_ns

    def _on_place(self, record: QueuePosition) -> None:
        self._child(record.cl_ord_id).place = record

    def _on_acked(self, record: ChildAcked) -> None:
        child = self._child(record.cl_ord_id)
        child.order_id = record.order_id
        if child.status is Status.PENDING_NEW:
            child.status = Status.NEW

    def _on_rejected(self, record: ChildRejected) -> None:
        child = self._child(record.cl_ord_id)
        child.reject_reason = record.reason
        self._end(child, Status.REJECTED, record.t_ns)

    def _on_fill(self, record: Fill) -> None:
        child = self._child(record.cl_ord_id)
        qty = record.last_qty
        if not 0 < qty <= child.leaves_qty:
            name, left = child.cl_ord_id, child.leaves_qty
            raise _Contradiction(f"child {name!r} has {left} lots open, the fill is of {qty}")
        if (record.parent_id, record.venue_id) != (child.parent_id, child.venue_id):
            raise _Contradiction(f"child {child.cl_ord_id!r} has another parent or venue")
        fee, parent = _money(record.fee), self.parents[child.parent_id]
        child.cum_qty += qty
        child.leaves_qty -= qty
        child.tick_lots += record.last_px * qty
        child.fees = _EXACT.add(child.fees, fee)
        child.fills += 1
        parent.filled_qty += qty
        parent.working_qty -= qty
        parent.tick_lots += record.last_px * qty
        parent.fees = _EXACT.add(parent.fees, fee)
        if not child.leaves_qty:
            self._end(child, Status.FILLED, record.t_ns)
        elif child.status not in _ASKED:
            child.status = Status.PARTIALLY_FILLED

    def _on_cancel_sent(self, record: CancelSent) -> None:
        child = self._child(record.orig_cl_ord_id)
        if child.is_open:
            child.status = Status.PENDING_CANCEL

    def _on_canceled(self, record: ChildCanceled) -> None:
        child = self._child(record.cl_ord_id)
        child.canceled_qty = record.canceled_qty
        self._end(child, Status.CANCELED, record.t_ns)

    def _on_cancel_rejected(self, record: CancelRejected) -> None:
        child = self._child(record.orig_cl_ord_id)
        if child.status in _ASKED:
            child.status = Status.PARTIALLY_FILLED if child.cum_qty else Status.NEW

    def _on_request_pending(self, record: RequestPending) -> None:
        self._child(record.orig_cl_ord_id)  # the child is pending since the request left

    def _on_replace_sent(self, record: ReplaceSent) -> None:
        child = self._child(record.orig_cl_ord_id)
        if child.is_open:
            child.status = Status.PENDING_REPLACE

    def _on_replaced(self, record: ChildReplaced) -> None:
        child = self._child(record.orig_cl_ord_id)
        freed = child.leaves_qty - record.leaves_qty
        if freed < 0:
            name, left, lots = child.cl_ord_id, child.leaves_qty, record.leaves_qty
            raise _Contradiction(f"child {name!r} has {left} lots open, and is replaced to {lots}")
        child.order_qty, child.price = record.order_qty, record.price
        child.leaves_qty = record.leaves_qty
        self.parents[child.parent_id].working_qty -= freed
        if not child.leaves_qty:
            self._end(child, Status.FILLED, record.t_ns)
        elif child.status is Status.PENDING_REPLACE:
            child.status = Status.PARTIALLY_FILLED if child.cum_qty else Status.NEW

    def _on_overfill(self, record: Overfill) -> None:
        """What the child can have of it stands in the fill that follows."""
        child = self._child(record.cl_ord_id)
        excess = self.overfilled.get(record.venue_id, 0) + record.excess_qty
        self.overfilled[record.venue_id] = excess
        leaves = record.leaves_qty + record.booked_qty
        if child.leaves_qty and not leaves:
            self._end(child, Status.CANCELED, record.t_ns)
        self.parents[child.parent_id].working_qty -= child.leaves_qty - leaves
        child.leaves_qty = leaves

    def _on_taken_back(self, record: Bust | Correction) -> None:
        child = self._child(record.cl_ord_id)
        parent = self.parents[child.parent_id]
        lots, tick_lots = taken_back(record)
        reopened = record.reopened_qty
        if not 0 <= reopened <= lots <= child.cum_qty or (reopened and not child.is_open):
            raise _Contradiction(
                f"child {child.cl_ord_id!r} has {child.cum_qty} lots filled, {lots} are taken back "
                f"and {reopened} open again"
            )
        if not 0 <= record.excess_qty <= self.overfilled.get(record.venue_id, 0):
            raise _Contradiction(f"excess_qty {record.excess_qty} was not in the account apart")
        for one in (child, parent):
            one.tick_lots -= tick_lots
            one.fees = _EXACT.add(one.fees, _money(record.fee))
            one.busted_qty += lots - reopened
        child.cum_qty -= lots
        child.leaves_qty += reopened
        if child.is_open:
            child.order_qty -= lots - reopened
        parent.filled_qty -= lots
        parent.working_qty += reopened
        if parent.end_reason is not None or not self._reroutes_busted:
            parent.canceled_qty += lots - reopened
        if record.excess_qty:
            self.overfilled[record.venue_id] -= record.excess_qty

    @property
    def _reroutes_busted(self) -> bool:
        scenario: Any = {} if self.started is None else self.started.scenario
        try:
            return bool(scenario["router"]["reroute"]["busted"])
        except (KeyError, TypeError):
            return False  # a log that is not ours may hold anything

    def _on_hold(self, record: RouteHold) -> None:
        self.holds[record.venue_id] = record

    def _on_breach(self, record: ControlBreach) -> None:  # what did not leave was never open
        self.breaches[record.control] = self.breaches.get(record.control, 0) + 1

    def _on_written_off(self, record: WrittenOff) -> None:
        child = self._child(record.cl_ord_id)
        if record.written_off_qty != child.leaves_qty:
            name, left, lots = child.cl_ord_id, child.leaves_qty, record.written_off_qty
            raise _Contradiction(f"child {name!r} has {left} lots open, {lots} are written off")
        child.canceled_qty = record.written_off_qty
        self._end(child, Status.CANCELED, record.t_ns)

    def _on_session(self, record: SessionEvent) -> None:
        self.sessions[record.venue_id] = record

    def _on_status(self, record: StatusRequested | StatusReported) -> None:
        self._child(record.cl_ord_id)  # asked or told: neither changes what the child is

    def _on_restarted(self, record: RouterRestarted) -> None:
        self.restarts += 1

    def _on_fault(self, record: Fault) -> None:
        if record.phase != "ended":
            self.faults[record.fault_id] = self.faults.get(record.fault_id, 0) + 1

    def _on_depth(self, record: Depth) -> None:
        self.quotes[record.venue_id] = record

    def _on_nbbo(self, record: NbboChange) -> None:
        self.nbbos[record.observer] = record

    def _on_venue_event(self, record: VenueEvent) -> None:
        self.venue_events[record.venue_id] = record

    def _on_participant(self, record: ParticipantEvent) -> None:
        self.participants[record.participant_id] = record

    def _on_ignored(self, record: ReportIgnored) -> None:
        self.ignored_reports += 1

    def _on_parent_done(self, record: ParentDone) -> None:
        parent = self._parent(record.parent_id)
        parent.canceled_qty = record.canceled_qty
        parent.end_reason = record.end_reason
        parent.ended_ns = record.t_ns

    def _on_finished(self, record: RunFinished) -> None:
        self.outcome = record.outcome

    def _end(self, child: ChildState, status: Status, t_ns: int) -> None:
        self.parents[child.parent_id].working_qty -= child.leaves_qty
        child.leaves_qty = 0
        child.status = status
        child.ended_ns = t_ns

    def _parent(self, parent_id: str) -> ParentState:
        parent = self.parents.get(parent_id)
        if parent is None:
            raise _Contradiction(f"parent {parent_id!r} was never received")
        return parent

    def _child(self, cl_ord_id: str) -> ChildState:
        child = self.children.get(cl_ord_id)
        if child is None:
            raise _Contradiction(f"child {cl_ord_id!r} was never sent")
        return child


class _Contradiction(Exception):
    """A record says what cannot be after the records before it."""


def _money(text: str) -> Decimal:
    if _MONEY.fullmatch(text) is None:
        raise _Contradiction(f"fee must be a decimal number, was {text[:40]!a}")
    return Decimal(text)
