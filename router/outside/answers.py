"""What venues answer to a router that is not ours: each report booked and recorded as it is."""

from decimal import Context, Decimal, Inexact
from typing import Any, Final

import msgspec

from router.core.events import Outcome, Stamps
from router.core.orders import Booked, Child
from router.core.states import FINAL, OrdEvent, after
from router.core.told import Came, event_of, ignore, outside_limit, stamped
from router.outside.book import OutsideBook
from sim.audit.records import (
    Bust,
    CancelRejected,
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    ChildReplaced,
    Correction,
    Fill,
    Overfill,
    RequestPending,
    StatusReported,
)
from sim.protocol.enums import ExecType, OrdStatus
from sim.protocol.orders import ExecutionReport, OrderCancelReject, VenueReport
from sim.protocol.units import plain

_PENDING: Final = frozenset({ExecType.PENDING_CANCEL, ExecType.PENDING_REPLACE})
_CHANGES: Final = frozenset({ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT})
_ANSWERS: Final = (
    OrdEvent.REPLACED,
    OrdEvent.CLOSED,
    OrdEvent.CANCEL_REFUSED,
    OrdEvent.REPLACE_REFUSED,
)
# A difference of fees that needed rounding would raise.
_EXACT: Final = Context(prec=250, traps=[Inexact])


class Answers:
    """Books the reports of all venues in one book."""

    def __init__(self, book: OutsideBook) -> None:
        self._book = book

    def on_report(
        self, venue_id: str, report: VenueReport, stamps: Stamps, now_ns: int
    ) -> list[Outcome]:
        """A venue's answer arrives."""
        out: list[Outcome] = []
        came = Came(stamps, now_ns, out)
        child = self._book.names.get(report.orig_cl_ord_id or report.cl_ord_id)
        if child is None or child.venue_id != venue_id:
            ignore(venue_id, report, "unknown_order", came)
            return out
        if isinstance(report, OrderCancelReject):
            self._on_refusal(child, report, came)
        elif report.exec_type is ExecType.ORDER_STATUS:
            came.out.append(
                StatusReported(
                    ord_status=report.ord_status,
                    cum_qty=report.cum_qty,
                    leaves_qty=report.leaves_qty,
                    **stamped(child, report.transact_ns, came),
                )
            )
        elif report.side is not child.side or report.last_qty < 0:
            ignore(venue_id, report, "breach", came)
        elif (known := child.seen.get(report.exec_id)) is not None:
            same = (known.exec_type, known.last_px, known.last_qty) == (
                report.exec_type,
                report.last_px,
                report.last_qty,
            )
            ignore(venue_id, report, "duplicate" if same else "conflict", came)
        else:
            child.seen[report.exec_id] = report
            self._on_news(child, report, came)
        self._book.settle(child.parent, now_ns, out)
        return out

    def _on_news(self, child: Child, report: ExecutionReport, came: Came) -> None:
        if report.exec_type is ExecType.TRADE:
            self._on_trade(child, report, came)
            self._release_held(child, came)
        elif report.exec_type in _CHANGES:
            self._on_change(child, report, came)
            self._release_held(child, came)
        elif report.exec_type in _PENDING:
            known = stamped(child, report.transact_ns, came) | {"cl_ord_id": report.cl_ord_id}
            came.out.append(RequestPending(orig_cl_ord_id=child.cl_ord_id, **known))
        else:
            self._on_state(child, report, came)

    def _on_state(self, child: Child, report: ExecutionReport, came: Came) -> None:
        event = event_of(report)
        asked = child.target is not None and child.target.cl_ord_id == report.cl_ord_id
        sound = asked if event is OrdEvent.REPLACED else True
        if event is None or not sound or _after(child, event) is None:
            reason = "breach" if child.status not in FINAL else "after_end"
            ignore(child.venue_id, report, reason, came)
        elif event is OrdEvent.ACK:
            child.status = after(child.status, event) or child.status
            known = stamped(child, report.transact_ns, came)
            came.out.append(ChildAcked(order_id=report.order_id, **known))
        elif report.cum_qty > child.told_before(report.exec_id):
            # It counts fills that have not come yet: what is open is known when they have.
            child.held.append((report, came.stamps))
            child.held.sort(key=lambda held: held[0].exec_id)
        else:
            self._apply(child, event, report, came)

    def _release_held(self, child: Child, came: Came) -> None:
        while child.held:
            report, stamps = child.held[0]
            if report.cum_qty > child.told_before(report.exec_id):
                return
            child.held.pop(0)
            late, event = came._replace(stamps=stamps), event_of(report)
            if event is None or _after(child, event) is None:
                ignore(child.venue_id, report, "after_end", late)
            else:
                self._apply(child, event, report, late)

    def _apply(self, child: Child, event: OrdEvent, report: ExecutionReport, came: Came) -> None:
        """A child ends, or is another from now on."""
        known = stamped(child, report.transact_ns, came)
        if event is OrdEvent.REPLACED:
            self._on_replaced(child, report, known, came)
            return
        freed = child.leaves_qty
        child.status = after(child.status, event) or child.status
        self._book.take_off(child, freed)
        if report.reject_reason is not None:
            came.out.append(ChildRejected(reason=report.reject_reason, **known))
        else:
            came.out.append(ChildCanceled(canceled_qty=freed, cum_qty=child.cum_qty, **known))

    def _on_replaced(
        self, child: Child, report: ExecutionReport, known: dict[str, Any], came: Came
    ) -> None:
        target = child.target
        assert target is not None  # else it would have been ignored
        assert target.price is not None  # else it would not have left
        leaves = min(child.leaves_qty, max(0, report.order_qty - child.told_qty))
        freed = child.leaves_qty - leaves
        event = OrdEvent.REPLACED if leaves else OrdEvent.CLOSED
        child.status = _after(child, event) or child.status
        child.name, child.target = target.cl_ord_id, None
        child.price = child.booked_px = target.price
        child.order_qty = child.told_qty + leaves
        self._book.take_off(child, freed)
        came.out.append(
            ChildReplaced(
                orig_cl_ord_id=child.cl_ord_id,
                order_qty=child.order_qty,
                price=child.price,
                cum_qty=child.cum_qty,
                leaves_qty=child.leaves_qty,
                **known | {"cl_ord_id": target.cl_ord_id},
            )
        )

    def _on_refusal(self, child: Child, report: OrderCancelReject, came: Came) -> None:
        target = child.target
        of_replace = target is not None and report.cl_ord_id == target.cl_ord_id
        event = OrdEvent.REPLACE_REFUSED if of_replace else OrdEvent.CANCEL_REFUSED
        status = _after(child, event)
        if status is None:
            ignore(child.venue_id, report, "breach", came)
            return
        if child.status not in FINAL:
            child.status = status
        if of_replace:
            child.target, child.price = None, child.booked_px
        known = stamped(child, report.transact_ns, came) | {"cl_ord_id": report.cl_ord_id}
        came.out.append(
            CancelRejected(orig_cl_ord_id=child.cl_ord_id, reason=report.reason, **known)
        )

    # Fills

    def _on_trade(self, child: Child, report: ExecutionReport, came: Came) -> None:
        px, qty = report.last_px, report.last_qty
        if px is None or qty <= 0:
            ignore(child.venue_id, report, "breach", came)
            return
        booked = min(qty, child.leaves_qty)
        reason = None if booked == qty else "after_end" if child.status in FINAL else "too_much"
        if reason is None and outside_limit(child, px):
            reason, booked = "outside_limit", 0
        known = stamped(child, report.transact_ns, came)
        if reason is not None:
            self._book_apart(child, report, (reason, booked), came)
        if not booked:
            return
        event = OrdEvent.FULL if booked == child.leaves_qty else OrdEvent.PARTIAL
        child.status = after(child.status, event) or child.status
        child.cum_qty += booked
        child.parent.filled_qty += booked
        self._book.take_off(child, booked)
        came.out.append(
            Fill(
                parent_id=child.parent.parent_id,
                exec_id=report.exec_id,
                last_px=px,
                last_qty=booked,
                cum_qty=child.cum_qty,
                leaves_qty=child.leaves_qty,
                fee=plain(report.commission) if report.commission is not None else "0",
                is_maker=report.is_maker,
                best_px=child.best_px,
                **known,
            )
        )

    def _book_apart(
        self, child: Child, report: ExecutionReport, judged: tuple[str, int], came: Came
    ) -> None:
        """Lots that the order cannot have had go to the account apart."""
        reason, booked = judged
        px, excess = report.last_px, report.last_qty - booked
        assert px is not None
        key = child.venue_id, child.side
        self._book.overfilled[key] = self._book.overfilled.get(key, 0) + excess
        child.excess_qty += excess
        child.booked[report.exec_id] = Booked(px, booked, excess, report.commission)
        known = stamped(child, report.transact_ns, came)
        if reason == "outside_limit":
            lots = min(excess, child.leaves_qty)
            if lots == child.leaves_qty:
                child.status = after(child.status, OrdEvent.CANCELED) or child.status
            self._book.take_off(child, lots)
        came.out.append(
            Overfill(
                exec_id=report.exec_id,
                last_px=px,
                last_qty=report.last_qty,
                booked_qty=booked,
                excess_qty=excess,
                leaves_qty=child.leaves_qty - booked,
                reason=reason,
                **known,
            )
        )

    def _on_change(self, child: Child, report: ExecutionReport, came: Came) -> None:
        """A fill is taken back or corrected; its lots never open again in these books."""
        old = _fill_of(child, report.exec_ref_id)
        new = None if old is None else _changed(old, report)
        if old is None or new is None or report.exec_ref_id is None:
            ignore(child.venue_id, report, "breach", came)
            return
        child.booked[report.exec_ref_id] = new
        lots, apart = old.qty - new.qty, old.excess - new.excess
        child.taken_back[report.exec_id] = lots + apart
        child.excess_qty -= apart
        if apart:
            self._book.overfilled[child.venue_id, child.side] -= apart
        child.cum_qty -= lots
        child.parent.filled_qty -= lots
        child.parent.busted_qty += lots
        if child.leaves_qty:
            child.order_qty -= lots
        known = stamped(child, report.transact_ns, came) | {
            "parent_id": child.parent.parent_id,
            "exec_id": report.exec_id,
            "exec_ref_id": report.exec_ref_id,
            "was_px": old.px,
            "was_qty": old.qty,
            "reopened_qty": 0,
            "excess_qty": apart,
            "cum_qty": child.cum_qty,
            "leaves_qty": child.leaves_qty,
            "fee": plain(_EXACT.subtract(new.fee or Decimal(0), old.fee or Decimal(0))),
        }
        if report.exec_type is ExecType.TRADE_CANCEL:
            came.out.append(Bust(**known))
        else:
            came.out.append(Correction(last_px=new.px, last_qty=new.qty, **known))


def _after(child: Child, event: OrdEvent) -> OrdStatus | None:
    """The state that an event leads to; None: it changes nothing.

    Our router asks for nothing before its order is accepted. Another may: then the answer comes to
    an order that nobody has marked as asked about.
    """
    found = after(child.status, event)
    if found is not None or child.status in FINAL or event not in _ANSWERS:
        return found
    if event is OrdEvent.CLOSED:
        return OrdStatus.FILLED
    return OrdStatus.PARTIALLY_FILLED if child.cum_qty else child.status


def _fill_of(child: Child, exec_id: int | None) -> Booked | None:
    """What holds now of a fill; None if there is no such fill."""
    if exec_id is None:
        return None
    known = child.booked.get(exec_id)
    if known is not None:
        return known
    fill = child.seen.get(exec_id)
    if fill is None or fill.exec_type is not ExecType.TRADE or fill.last_px is None:
        return None
    return Booked(fill.last_px, fill.last_qty, 0, fill.commission)


def _changed(old: Booked, report: ExecutionReport) -> Booked | None:
    """What holds of a fill after a report; None where that cannot be."""
    total = old.qty + old.excess
    if report.exec_type is ExecType.TRADE_CANCEL:
        return msgspec.structs.replace(old, qty=0, excess=0, fee=None) if total else None
    if report.last_px is None or not 0 < report.last_qty <= total:
        return None
    booked = min(report.last_qty, old.qty)
    fee = report.commission if booked else None
    return Booked(report.last_px, booked, report.last_qty - booked, fee)
