"""The router's state after a crash, from its own records and nothing else.

What the records say is taken as it was: parents, children, what is filled and reserved, ids, holds.
What they do not say is gone: the market, what was learnt of venues, children that had yet to leave.
Children that may still fill are *unknown*: their lots stay reserved, and their venues are asked as
soon as the sessions are up again, reports that came meanwhile with them. No id is given twice, so
nothing is sent twice.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

import msgspec

from router.core.busts import VOID, make_void
from router.core.desk import Desk, wider
from router.core.events import (
    ACCOUNT,
    Cross,
    Deadline,
    HoldOver,
    Outcome,
    PostOver,
    SliceDue,
    WakeAt,
)
from router.core.orders import Booked, Child, Parent
from router.core.resting import NAME as RESTED
from router.core.standing import FOR_NOW, Hold
from router.core.states import FINAL, OrdEvent, after
from router.core.timetable import Timetable
from router.core.told import as_reported, changed_back
from router.schedule.base import Schedule
from sim.audit.order_records import taken_back
from sim.audit.records import (
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
    Decision,
    Fill,
    Overfill,
    ParentDone,
    ParentReceived,
    Record,
    ReplaceSent,
    ReportIgnored,
    RouteHold,
    RouterRestarted,
    ScheduleStep,
    SessionEvent,
    WrittenOff,
)
from sim.protocol.enums import (
    Control,
    DecisionReason,
    EndReason,
    OrdStatus,
    TimeInForce,
)
from sim.protocol.errors import InvariantError
from sim.protocol.orders import ExecutionReport, OrderCancelReplaceRequest
from sim.protocol.units import PriceTicks, QtyLots

Schedules = Callable[[str], Schedule | None]
"""The schedule of a parent, as it was when the parent came."""

_REASONS: Final = {
    "ack_timeout": DecisionReason.TIMEOUT,
    "no_answer": DecisionReason.TIMEOUT,
    "quote_change": DecisionReason.QUOTE_CHANGE,
    "post_over": DecisionReason.POST_OVER,
    "halt": DecisionReason.HALT,
    "deadline_near": DecisionReason.DEADLINE_NEAR,
    "schedule": DecisionReason.SCHEDULE,
}
NEEDED: Final[tuple[type[Record], ...]] = (
    ParentReceived,
    ScheduleStep,
    Decision,
    ChildSent,
    ChildDropped,
    ControlBreach,
    ChildAcked,
    ChildRejected,
    Fill,
    Overfill,
    ChildCanceled,
    WrittenOff,
    CancelSent,
    CancelRejected,
    ReplaceSent,
    ChildReplaced,
    Bust,
    Correction,
    ReportIgnored,
    RouteHold,
    SessionEvent,
    ParentDone,
)
"""The records that the router comes back from."""
_BREACHES: Final = frozenset({"overfill", "conflict", "reset"})


class Restorer:
    """Folds a router's records into a fresh desk.

    Args:
        desk: A desk on which nothing has happened yet.
        timetable: Its timetable.
        schedules: The parents' schedules.
    """

    def __init__(self, desk: Desk, timetable: Timetable, schedules: Schedules) -> None:
        self.records = 0
        self.sessions: dict[str, int] = {}
        self._desk = desk
        self._timetable = timetable
        self._schedules = schedules
        self._rested: set[int] = set()  # decisions that posted
        self._due: dict[str, int | None] = {}  # by parent, when its schedule is asked next
        self._holds: dict[str, RouteHold] = {}
        self._handlers: dict[type[Record], Callable[[Any], None]] = {
            ParentReceived: self._on_parent,
            ScheduleStep: self._on_step,
            Decision: self._on_decision,
            ChildSent: self._on_sent,
            ChildDropped: lambda r: self._on_kept(r.cl_ord_id, r.parent_id, r.venue_id),
            ControlBreach: self._on_breach,
            ChildAcked: self._on_acked,
            ChildRejected: self._on_rejected,
            Fill: self._on_fill,
            Overfill: self._on_overfill,
            ChildCanceled: self._on_canceled,
            WrittenOff: self._on_written_off,
            CancelSent: self._on_cancel_sent,
            CancelRejected: self._on_refused,
            ReplaceSent: self._on_replace_sent,
            ChildReplaced: self._on_replaced,
            Bust: self._on_taken_back,
            Correction: self._on_taken_back,
            ReportIgnored: self._on_ignored,
            RouteHold: self._on_hold,
            SessionEvent: self._on_session,
            ParentDone: self._on_done,
        }

    def take(self, records: Iterable[Record]) -> None:
        """Take the router's records, from the first on."""
        for record in records:
            self.records += 1
            handle = self._handlers.get(type(record))
            if handle is not None:
                handle(record)

    def go_on(self, now_ns: int, out: list[Outcome]) -> None:
        """Set every alarm anew, and end what has to end by now."""
        desk = self._desk
        unknown = sum(len(parent.open) for parent in desk.active.values())
        out.append(
            RouterRestarted(
                t_ns=now_ns,
                parents=len(desk.active),
                children=unknown,
                records=self.records,
            )
        )
        if desk.brakes is not None:
            desk.brakes.come_back(now_ns, out)
        for venue_id, hold in self._holds.items():
            self._hold(venue_id, hold, now_ns, out)
        for parent in list(desk.active.values()):
            self._set_alarms(parent, now_ns, out)
        for parent in list(desk.active.values()):
            if desk.stopping is not None and parent.stopped is None:
                desk.stop(parent, desk.stopping, now_ns, out)
            desk.waiting.note(parent)

    def _set_alarms(self, parent: Parent, now_ns: int, out: list[Outcome]) -> None:
        name = parent.parent_id
        if parent.deadline_ns is not None:
            out.append(WakeAt(max(now_ns, parent.deadline_ns), Deadline(name)))
            cross = self._desk.policy.cross
            if cross is not None:
                out.append(WakeAt(max(now_ns, parent.deadline_ns - cross.before), Cross(name)))
        due_ns = self._due.get(name)
        if due_ns is not None:
            out.append(WakeAt(max(now_ns, due_ns), SliceDue(name)))
        if parent.post_over_ns:
            out.append(WakeAt(max(now_ns, parent.post_over_ns), PostOver(name)))

    # Parents and decisions

    def _on_parent(self, record: ParentReceived) -> None:
        desk = self._desk
        parent = Parent(
            record.parent_id,
            record.side,
            record.order_qty,
            record.limit_px,
            record.deadline_ns,
            schedule=self._schedules(record.parent_id),
            number=len(desk.parents),
        )
        desk.parents[parent.parent_id] = desk.active[parent.parent_id] = parent
        if parent.schedule is not None:
            self._due[parent.parent_id] = record.t_ns

    def _on_step(self, record: ScheduleStep) -> None:
        """Ask the schedule as it was asked then: its answers are a function of the parent."""
        parent = self._desk.parents[record.parent_id]
        number = 0
        while number < record.slice:
            due_ns = self._due[record.parent_id]
            if due_ns is None or due_ns > record.t_ns:
                raise InvariantError(
                    f"the schedule of {record.parent_id} does not come to slice {record.slice} "
                    f"by {record.t_ns} ns, as it did before the crash"
                )
            step = self._timetable.again(parent, due_ns)
            number, self._due[record.parent_id] = step.number, step.next_ns
        parent.released_qty = record.released_qty
        if record.at_end == "take":
            parent.may_post = False
        elif record.at_end == "cancel":
            parent.stopped = EndReason.HORIZON

    def _on_decision(self, record: Decision) -> None:
        desk = self._desk
        desk.number_from(record.decision_id)
        if record.strategy == RESTED:
            self._rested.add(record.decision_id)
        if record.split or record.blind:
            desk.parents[record.parent_id].attempts += 1

    def _on_kept(self, cl_ord_id: str, parent_id: str, venue_id: str) -> None:
        """An id that was given to a child that did not leave."""
        parent = self._desk.parents[parent_id]
        self._use_name(parent, venue_id, cl_ord_id)
        parent.on_kept(venue_id)

    @staticmethod
    def _use_name(parent: Parent, venue_id: str, cl_ord_id: str) -> None:
        number = int(cl_ord_id.rpartition(".")[2])
        parent.children_at[venue_id] = max(number, parent.children_at.get(venue_id, 0))

    def _on_breach(self, record: ControlBreach) -> None:
        brakes = self._desk.brakes
        assert brakes is not None  # who else would have written it?
        if record.control is Control.KILL_SWITCH:
            self._desk.stopping = EndReason.KILL_SWITCH
        brakes.again(record)
        if record.parent_id is None:
            return
        if record.order is not None and not record.order.replaces:
            order = record.order
            self._on_kept(order.cl_ord_id, record.parent_id, order.venue_id)
        if record.then == "leave":
            self._desk.parents[record.parent_id].stopped = EndReason.CONTROL

    def _on_done(self, record: ParentDone) -> None:
        parent = self._desk.parents[record.parent_id]
        parent.end_reason = record.end_reason
        self._desk.active.pop(record.parent_id, None)

    # Children

    def _on_sent(self, record: ChildSent) -> None:
        desk = self._desk
        parent = desk.parents[record.parent_id]
        child = Child(
            record.cl_ord_id,
            parent,
            record.venue_id,
            record.side,
            record.order_qty,
            record.price,
            record.decision_id,
            record.order_qty,
            None,
            TimeInForce(record.time_in_force),
            record.min_qty,
            sent_ns=record.t_ns,
            name=record.cl_ord_id,
            booked_px=record.price,
        )
        self._use_name(parent, record.venue_id, record.cl_ord_id)
        desk.reserve(child)
        desk.children[child.cl_ord_id] = desk.requests.names[child.cl_ord_id] = child
        parent.open[child.cl_ord_id] = child
        desk.requests.count(child.venue_id, record.t_ns)
        if child.rests:
            self._on_posted(child, record)

    def _on_posted(self, child: Child, record: ChildSent) -> None:
        desk, parent = self._desk, child.parent
        child.posted_px = record.price
        length = desk.post_for_ns
        if desk.resting is not None and record.decision_id in self._rested:
            desk.resting.children[child.cl_ord_id] = child
            length = desk.resting.take_after_ns
        if length is not None and not parent.post_over_ns:
            parent.post_over_ns = record.t_ns + length

    def _child(self, cl_ord_id: str) -> Child:
        return self._desk.children[cl_ord_id]

    def _on_acked(self, record: ChildAcked) -> None:
        child = self._child(record.cl_ord_id)
        child.status = after(child.status, OrdEvent.ACK) or child.status
        child.acked = True
        self._desk.standing.accepted(child.venue_id)

    def _on_fill(self, record: Fill) -> None:
        desk, child, lots = self._desk, self._child(record.cl_ord_id), record.last_qty
        event = OrdEvent.FULL if lots == child.leaves_qty else OrdEvent.PARTIAL
        child.status = after(child.status, event) or child.status
        child.cum_qty += lots
        child.parent.filled_qty += lots
        desk.take_off(child, lots)
        desk.view.venues[child.venue_id].on_fill(child.side, record.last_px, lots, 0)
        fee = Decimal(record.fee)
        report = as_reported(child, record.exec_id, record.last_px, lots, fee)
        known = child.booked.get(record.exec_id)
        if known is None:
            child.seen[record.exec_id] = report
        else:  # what an overfill left for the parent
            child.booked[record.exec_id] = Booked(record.last_px, lots, known.excess, fee)
        if desk.brakes is not None:
            desk.brakes.on_fill(child, (record.last_px, lots, fee), record.t_ns)
        self._tell_over(child)

    def _on_overfill(self, record: Overfill) -> None:
        child = self._child(record.cl_ord_id)
        child.excess_qty += record.excess_qty
        place = child.venue_id, child.side
        apart = self._desk.overfilled
        apart[place] = apart.get(place, 0) + record.excess_qty
        child.seen[record.exec_id] = as_reported(
            child, record.exec_id, record.last_px, record.last_qty, Decimal(0)
        )
        booked = Booked(record.last_px, record.booked_qty, record.excess_qty, None)
        child.booked[record.exec_id] = booked
        if record.reason == "outside_limit":  # its venue holds these lots to be filled
            lots = child.leaves_qty - record.leaves_qty
            if not record.leaves_qty:
                child.status = OrdStatus.CANCELED
            self._desk.take_off(child, lots)
            self._tell_over(child)

    def _on_rejected(self, record: ChildRejected) -> None:
        child = self._child(record.cl_ord_id)
        if record.reason not in FOR_NOW:
            child.parent.excluded[child.venue_id] = f"rejected_{record.reason.value}"
        self._end(child, OrdEvent.REJECT)

    def _on_canceled(self, record: ChildCanceled) -> None:
        child = self._child(record.cl_ord_id)
        if not child.rests:
            child.parent.short_filled.add(child.venue_id)
        self._end(child, OrdEvent.CANCELED)

    def _on_written_off(self, record: WrittenOff) -> None:
        child = self._child(record.cl_ord_id)
        child.written_off = True
        child.status = OrdStatus.CANCELED
        self._end(child, OrdEvent.CANCELED)

    def _end(self, child: Child, event: OrdEvent) -> None:
        child.status = after(child.status, event) or child.status
        self._desk.take_off(child, child.leaves_qty)
        self._tell_over(child)

    def _tell_over(self, child: Child) -> None:
        """What has ended needs nobody to be told: those who would learn of it are new as well."""
        if child.status in FINAL:
            child.told = True
            self._desk.requests.forget(child)
            if self._desk.resting is not None:
                self._desk.resting.children.pop(child.cl_ord_id, None)

    # Requests

    def _on_cancel_sent(self, record: CancelSent) -> None:
        child = self._child(record.orig_cl_ord_id)
        if child.status in FINAL:
            return
        child.status = after(child.status, OrdEvent.CANCEL_SENT) or child.status
        child.cancels = max(child.cancels, int(record.cl_ord_id.rpartition(".C")[2]))
        child.cancel_reason = _REASONS.get(record.reason, child.cancel_reason)
        child.cancel_wanted = True

    def _on_refused(self, record: CancelRejected) -> None:
        child = self._child(record.orig_cl_ord_id)
        if child.target is not None and record.cl_ord_id == child.target.cl_ord_id:
            child.status = after(child.status, OrdEvent.REPLACE_REFUSED) or child.status
            self._desk.requests.forget(child)
            child.target = None
            if child.status not in FINAL:
                self._desk.reprice(child, child.booked_px)
            return
        child.status = after(child.status, OrdEvent.CANCEL_REFUSED) or child.status
        child.cancel_wanted = False

    def _on_replace_sent(self, record: ReplaceSent) -> None:
        desk, child = self._desk, self._child(record.orig_cl_ord_id)
        if child.status in FINAL:
            return
        child.status = after(child.status, OrdEvent.REPLACE_SENT) or child.status
        child.replaces += 1
        child.replaced_at_ns = record.t_ns
        request = OrderCancelReplaceRequest(
            record.cl_ord_id,
            child.name,
            QtyLots(record.order_qty),
            PriceTicks(record.price),
            ACCOUNT,
        )
        child.request = child.target = request
        desk.requests.names[record.cl_ord_id] = child
        desk.requests.open.add(record.cl_ord_id)
        desk.reprice(child, wider(child, record.price))

    def _on_replaced(self, record: ChildReplaced) -> None:
        desk, child = self._desk, self._child(record.orig_cl_ord_id)
        freed = child.leaves_qty - record.leaves_qty
        event = OrdEvent.REPLACED if record.leaves_qty else OrdEvent.CLOSED
        child.status = after(child.status, event) or child.status
        desk.requests.forget(child)
        child.name, child.target, child.booked_px = record.cl_ord_id, None, record.price
        child.order_qty = record.order_qty
        if event is OrdEvent.REPLACED:
            desk.reprice(child, record.price)
        desk.take_off(child, freed)
        self._tell_over(child)

    def _on_taken_back(self, record: Bust | Correction) -> None:
        desk, child = self._desk, self._child(record.cl_ord_id)
        parent, (lots, _) = child.parent, taken_back(record)
        last_px, last_qty = record.was_px, record.was_qty - lots
        if isinstance(record, Correction):
            last_px = record.last_px
        old = child.booked.get(record.exec_ref_id)
        excess = (0 if old is None else old.excess) - record.excess_qty
        child.booked[record.exec_ref_id] = Booked(last_px, last_qty, excess, None)
        child.taken_back[record.exec_id] = lots + record.excess_qty
        child.seen[record.exec_id] = changed_back(child, record, last_qty + excess)
        child.excess_qty -= record.excess_qty
        if record.excess_qty:
            desk.overfilled[child.venue_id, child.side] -= record.excess_qty
        child.cum_qty -= lots
        parent.filled_qty -= lots
        if record.reopened_qty:
            desk.reopen(child, record.reopened_qty)
        else:
            if child.status not in FINAL and parent.end_reason is None:
                child.order_qty -= lots
            if parent.end_reason is not None or not desk.reroutes_busted:
                parent.busted_qty += lots
        if desk.brakes is not None:
            desk.brakes.on_taken_back(child, record, Decimal(record.fee))

    def _on_ignored(self, record: ReportIgnored) -> None:
        """A bust that came before its fill makes that void, whenever it comes."""
        if record.reason in VOID:
            report = msgspec.json.decode(record.report, type=ExecutionReport)
            child = self._desk.requests.names[report.orig_cl_ord_id or report.cl_ord_id]
            child.seen[report.exec_id] = report
            make_void(child, report, record.reason)

    # Venues

    def _on_hold(self, record: RouteHold) -> None:
        self._holds[record.venue_id] = record

    def _hold(self, venue_id: str, hold: RouteHold, now_ns: int, out: list[Outcome]) -> None:
        """Hold a venue as it was held; those that were silent are asked anew."""
        standing = self._desk.standing
        if hold.until_ns is None and hold.reason in _BREACHES:
            standing.quarantine(venue_id, hold.reason)
        elif hold.until_ns is None and hold.reason != "no_answer":
            standing.leave(venue_id, hold.reason, hold.strikes)
        elif hold.until_ns is not None and hold.until_ns > now_ns:
            known = Hold(venue_id, hold.until_ns, hold.strikes, hold.reason)
            standing.hold_on(known, hold.t_ns)
            out.append(WakeAt(hold.until_ns, HoldOver(venue_id)))

    def _on_session(self, record: SessionEvent) -> None:
        self.sessions[record.venue_id] = max(record.session, self.sessions.get(record.venue_id, 0))
