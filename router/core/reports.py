"""What venues answer: each report is checked against its child, booked, and recorded."""

from typing import Any

import msgspec

from router.core.desk import Desk
from router.core.events import Outcome, Stamps
from router.core.orders import Child
from router.core.states import FINAL, OrdEvent, after
from sim.audit.records import (
    CancelRejected,
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    Fill,
    ReportIgnored,
)
from sim.protocol.enums import DecisionReason, EndReason, ExecType, Side
from sim.protocol.orders import ExecutionReport, OrderCancelReject, VenueReport
from sim.protocol.units import plain


class Reports:
    """Books the reports of all venues at one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_report(
        self, venue_id: str, report: VenueReport, stamps: Stamps, now_ns: int
    ) -> list[Outcome]:
        """A venue's answer arrives."""
        out: list[Outcome] = []
        if self._desk.open_cancels:
            self._desk.open_cancels.discard(report.cl_ord_id)
        # The answer to a cancel names the cancel; the order it is about is the original one.
        child = self._desk.children.get(report.orig_cl_ord_id or report.cl_ord_id)
        if child is None or child.venue_id != venue_id:
            self._ignore(venue_id, report, "unknown_order", now_ns, out)
        elif isinstance(report, OrderCancelReject):
            self._on_cancel_reject(child, report, stamps, now_ns, out)
        elif report.exec_id <= child.last_exec_id:
            self._ignore(venue_id, report, "duplicate", now_ns, out)
        else:
            self._on_execution(child, report, stamps, now_ns, out)
        return out

    def _on_execution(
        self,
        child: Child,
        report: ExecutionReport,
        stamps: Stamps,
        now_ns: int,
        out: list[Outcome],
    ) -> None:
        event = _event_of(report, child)
        status = None if event is None else after(child.status, event)
        if status is None:
            reason = "breach" if child.status not in FINAL else "after_end"
            self._ignore(child.venue_id, report, reason, now_ns, out)
            return
        child.last_exec_id = report.exec_id
        child.status = status
        if event is OrdEvent.ACK:
            out.append(
                ChildAcked(
                    t_ns=now_ns,
                    cl_ord_id=child.cl_ord_id,
                    venue_id=child.venue_id,
                    order_id=report.order_id,
                    processed_ns=report.transact_ns,
                    sent_ns=stamps.sent_ns,
                    drawn_ns=stamps.drawn_ns,
                    held_ns=stamps.held_ns,
                )
            )
        elif event is OrdEvent.PARTIAL or event is OrdEvent.FULL:
            self._on_fill(child, report, stamps, now_ns, out)
        else:
            self._on_end_unfilled(child, report, stamps, now_ns, out)

    def _on_fill(
        self,
        child: Child,
        report: ExecutionReport,
        stamps: Stamps,
        now_ns: int,
        out: list[Outcome],
    ) -> None:
        parent, qty, px = child.parent, report.last_qty, report.last_px
        assert px is not None  # a trade has a price: _event_of saw it
        child.cum_qty += qty
        child.leaves_qty -= qty
        parent.filled_qty += qty
        parent.reserved_qty -= qty
        parent.check()
        venue = self._desk.view.venues[child.venue_id]
        venue.on_less(child, qty)
        venue.on_fill(child.side, px, qty, report.venue_seq)
        out.append(
            Fill(
                t_ns=now_ns,
                cl_ord_id=child.cl_ord_id,
                parent_id=parent.parent_id,
                venue_id=child.venue_id,
                exec_id=report.exec_id,
                last_px=px,
                last_qty=qty,
                cum_qty=child.cum_qty,
                leaves_qty=child.leaves_qty,
                fee=plain(report.commission) if report.commission is not None else "0",
                is_maker=report.is_maker,
                best_px=child.best_px,
                processed_ns=report.transact_ns,
                sent_ns=stamps.sent_ns,
                drawn_ns=stamps.drawn_ns,
                held_ns=stamps.held_ns,
            )
        )
        if parent.filled_qty == parent.order_qty:
            self._desk.end(parent, EndReason.FILLED, now_ns, out)
        elif parent.stopped is not None and parent.reserved_qty == 0:
            self._desk.end(parent, parent.stopped, now_ns, out)
        self._desk.wake_short(now_ns, out)

    def _on_end_unfilled(
        self,
        child: Child,
        report: ExecutionReport,
        stamps: Stamps,
        now_ns: int,
        out: list[Outcome],
    ) -> None:
        """A child was canceled or rejected: its open lots are free again."""
        parent, freed = child.parent, child.leaves_qty
        child.leaves_qty = 0
        parent.reserved_qty -= freed
        parent.check()
        self._desk.view.venues[child.venue_id].on_less(child, freed)
        known: dict[str, Any] = {
            "t_ns": now_ns,
            "cl_ord_id": child.cl_ord_id,
            "venue_id": child.venue_id,
            "processed_ns": report.transact_ns,
            "sent_ns": stamps.sent_ns,
            "drawn_ns": stamps.drawn_ns,
            "held_ns": stamps.held_ns,
        }
        if report.reject_reason is not None:
            out.append(ChildRejected(reason=report.reject_reason, **known))
            parent.excluded[child.venue_id] = f"rejected_{report.reject_reason.value}"
            why = DecisionReason.REJECT
        else:
            out.append(ChildCanceled(canceled_qty=freed, cum_qty=child.cum_qty, **known))
            venue = self._desk.view.venues[child.venue_id]
            venue.on_short(child.side, child.price, report.venue_seq)
            parent.short_filled.add(child.venue_id)
            why = child.cancel_reason or DecisionReason.PARTIAL_FILL
        if parent.end_reason is None and parent.stopped is None:
            self._desk.want(parent, why, now_ns, out)
        elif parent.end_reason is None and parent.reserved_qty == 0:
            self._desk.end(parent, parent.stopped or EndReason.ABORTED, now_ns, out)
        self._desk.note_short(parent)
        self._desk.wake_short(now_ns, out)

    def _on_cancel_reject(
        self,
        child: Child,
        report: OrderCancelReject,
        stamps: Stamps,
        now_ns: int,
        out: list[Outcome],
    ) -> None:
        status = after(child.status, OrdEvent.CANCEL_REFUSED)
        if status is None:
            self._ignore(child.venue_id, report, "breach", now_ns, out)
            return
        child.status = status
        out.append(
            CancelRejected(
                t_ns=now_ns,
                cl_ord_id=report.cl_ord_id,
                orig_cl_ord_id=child.cl_ord_id,
                venue_id=child.venue_id,
                reason=report.reason,
                processed_ns=report.transact_ns,
                sent_ns=stamps.sent_ns,
                drawn_ns=stamps.drawn_ns,
                held_ns=stamps.held_ns,
            )
        )

    def _ignore(
        self, venue_id: str, report: VenueReport, reason: str, now_ns: int, out: list[Outcome]
    ) -> None:
        text = msgspec.json.encode(report).decode()
        out.append(
            ReportIgnored(
                t_ns=now_ns,
                cl_ord_id=report.cl_ord_id,
                venue_id=venue_id,
                reason=reason,
                report=text,
            )
        )


def _event_of(report: ExecutionReport, child: Child) -> OrdEvent | None:
    """What a report means for its child; None for what a sound venue would not send."""
    match report.exec_type:
        case ExecType.NEW:
            return OrdEvent.ACK
        case ExecType.CANCELED | ExecType.EXPIRED:
            return OrdEvent.CANCELED
        case ExecType.REJECTED:
            return OrdEvent.REJECT if report.reject_reason is not None else None
        case ExecType.TRADE:
            px, qty = report.last_px, report.last_qty
            buys = child.side is Side.BUY
            if px is None or not 0 < qty <= child.leaves_qty:
                return None
            if px > child.price if buys else px < child.price:
                return None
            return OrdEvent.FULL if qty == child.leaves_qty else OrdEvent.PARTIAL
        case _:
            return None
