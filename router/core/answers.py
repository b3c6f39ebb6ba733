"""What venues say when they are asked what became of an order.

Fills are booked from their own reports alone: an answer that counts more than have come frees
nothing before they do, and they are asked for again. Where the venue cannot give them, the child
stays unanswered, and its lots are kept or written off as ``reroute.reserve_unanswered`` says.
"""

from collections.abc import Callable
from typing import Final

from msgspec import structs

from router.core.desk import Desk
from router.core.events import Outcome, Stamps
from router.core.orders import Child
from router.core.requests import CHASE
from router.core.states import FINAL, OrdEvent, after
from router.core.told import Came, ignore, stamped
from sim.audit.records import StatusReported
from sim.protocol.enums import DecisionReason, OrdStatus, RejectReason
from sim.protocol.orders import ExecutionReport

Book = Callable[[Child, OrdEvent, ExecutionReport, Came], None]

_ENDS: Final = {
    OrdStatus.REJECTED: OrdEvent.REJECT,
    OrdStatus.EXPIRED: OrdEvent.EXPIRED,
    OrdStatus.DONE_FOR_DAY: OrdEvent.DONE_FOR_DAY,
}


class Answers:
    """Takes the answers at a desk.

    Args:
        desk: The router's desk.
        end: Books that a child has ended.
        ack: Books that a venue has accepted a child.

    Attributes:
        waiting: By child, the answer that says how it ended and counts fills that are missing.
    """

    def __init__(self, desk: Desk, *, end: Book, ack: Callable[..., None]) -> None:
        self.waiting: dict[str, tuple[ExecutionReport, Stamps]] = {}
        self._desk = desk
        self._end = end
        self._ack = ack
        self.ask_for_lost: Callable[[str, list[Outcome]], None] = lambda venue_id, out: None

    def on_answer(self, child: Child, report: ExecutionReport, came: Came) -> bool:
        """A venue says what became of a child; whether that was asked."""
        desk = self._desk
        if desk.requests.status.pop(child.cl_ord_id, None) is None:
            again = child.cl_ord_id in desk.recovery.asked or child.status in FINAL
            ignore(child.venue_id, report, "duplicate" if again else "breach", came)
            return False
        came.out.append(
            StatusReported(
                ord_status=report.ord_status,
                cum_qty=report.cum_qty,
                leaves_qty=report.leaves_qty,
                **stamped(child, report.transact_ns, came),
            )
        )
        if child.status not in FINAL and child.parent.end_reason is None:
            self._take(child, report, came)
        return True

    def _take(self, child: Child, report: ExecutionReport, came: Came) -> None:
        desk = self._desk
        unknown = report.reject_reason is RejectReason.UNKNOWN_ORDER
        if report.ord_status is OrdStatus.REJECTED and unknown:
            self._on_unknown(child, report, came)
            return
        self._on_name(child, report)
        if report.ord_status not in FINAL:
            self._on_open(child, report, came)
        elif report.cum_qty > child.told_qty:
            child.cancel_wanted = False
            self.waiting[child.cl_ord_id] = report, came.stamps
            self.ask_for_lost(child.venue_id, came.out)
            desk.requests.watch(child, CHASE, came.now_ns, came.out)
        else:
            self._on_ended(child, report, came)

    def release(self, child: Child, came: Came) -> None:
        """Book the end that an answer has told, now that its fills have come."""
        waited = self.waiting.get(child.cl_ord_id)
        if waited is None:
            return
        report, stamps = waited
        if child.status in FINAL:
            del self.waiting[child.cl_ord_id]
        elif report.cum_qty <= child.told_qty:
            del self.waiting[child.cl_ord_id]
            self._on_ended(child, report, came._replace(stamps=stamps))

    def _on_unknown(self, child: Child, report: ExecutionReport, came: Came) -> None:
        """The venue knows no such order: it never came, or was lost with the session before."""
        desk, target = self._desk, child.target
        if target is not None and report.cl_ord_id != target.cl_ord_id:
            # The answer to a replace is missing; the order may have its new name.
            name = target.cl_ord_id
            if desk.recovery.ask(child, "no_answer", came.now_ns, came.out, name=name):
                return
        line = desk.recovery.lines[child.venue_id]
        if (child.acked or child.seen) and child.sent_ns >= line.began_ns:
            # In this session it did know the order: so what it says now frees nothing.
            desk.recovery.give_up(child, came.now_ns, came.out)
            return
        child.cancel_reason = child.cancel_reason or DecisionReason.TIMEOUT
        self._on_ended(child, report, came)

    def _on_name(self, child: Child, report: ExecutionReport) -> None:
        """What the order is called says whether the replace whose answer is missing was done."""
        target = child.target
        if target is not None and target.price is not None and report.cl_ord_id != child.name:
            child.name, child.target, child.booked_px = target.cl_ord_id, None, target.price

    def _on_open(self, child: Child, report: ExecutionReport, came: Came) -> None:
        """It is open: it goes on, or is canceled as it was to be, or waits as long again."""
        desk, requests = self._desk, self._desk.requests
        accepted = report.ord_status is not OrdStatus.PENDING_NEW  # its venue has come to it
        if accepted and not (child.acked or child.seen):
            self._ack(child, report, came)
        wanted = child.cancel_wanted or child.status is OrdStatus.PENDING_CANCEL
        if wanted or child.target is not None or child.parent.stopped is not None:
            requests.cancel(child, "no_answer", came.now_ns, came.out)
        elif child.status is OrdStatus.PENDING_REPLACE:
            child.status = after(child.status, OrdEvent.REPLACE_REFUSED) or child.status
            desk.reprice(child, child.booked_px)
        elif not child.rests:
            requests.watch(child, child.cl_ord_id, came.now_ns, came.out)

    def _on_ended(self, child: Child, report: ExecutionReport, came: Came) -> None:
        """It has ended, and all that it filled is booked."""
        event = _ENDS.get(report.ord_status, OrdEvent.CANCELED)
        refused = report.reject_reason not in {None, RejectReason.UNKNOWN_ORDER}
        if after(child.status, event) is None or (event is OrdEvent.REJECT and not refused):
            event = OrdEvent.CANCELED
        if event is not OrdEvent.REJECT:
            report = structs.replace(report, reject_reason=None)
        child.held.clear()
        # The number of an answer says nothing about the order of what it counts.
        self._end(child, event, structs.replace(report, exec_id=0), came)
