"""What venues answer: each report is checked against its child, booked, and recorded.

Fills are booked as they come, since their order does not matter. An end or a replace that counts
fills which have not come yet is held back until they have, at most for the acknowledgement timeout.
What a venue cannot truly say is never booked: a repeated report is ignored, a fill beyond the open
lots or the limit goes to an account apart and its venue into quarantine.
"""

from typing import Final

from router.core.answers import Answers
from router.core.busts import on_change, on_void
from router.core.desk import Desk
from router.core.events import Outcome, Stamps
from router.core.orders import Booked, Child
from router.core.requests import CHASE, HELD, RETRY
from router.core.standing import FOR_NOW
from router.core.states import FINAL, OrdEvent, after
from router.core.told import (
    OVER,
    Came,
    event_of,
    fee_of,
    ignore,
    is_same,
    judge,
    left_in,
    stamped,
)
from sim.audit.records import (
    CancelRejected,
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    ChildReplaced,
    Fill,
    Overfill,
    RequestPending,
)
from sim.protocol.enums import CxlRejReason, DecisionReason, ExecType, OrdStatus
from sim.protocol.orders import (
    ExecutionReport,
    OrderCancelReject,
    OrderCancelRequest,
    VenueReport,
)
from sim.protocol.units import plain

_PENDING: Final = frozenset({ExecType.PENDING_CANCEL, ExecType.PENDING_REPLACE})
_NO_STEP: Final = _PENDING | {ExecType.ORDER_STATUS}
"""Reports that do not say of themselves that anything happened to the order."""
_CHANGES: Final = frozenset({ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT})


class Reports:
    """Books the reports of all venues at one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.answers = Answers(desk, end=self._apply, ack=self._on_ack)

    def on_report(
        self, venue_id: str, report: VenueReport, stamps: Stamps, now_ns: int
    ) -> list[Outcome]:
        """A venue's answer arrives."""
        out: list[Outcome] = []
        came = Came(stamps, now_ns, out)
        desk = self._desk
        # The answer to a request names the request; the order it is about is the original one.
        child = desk.requests.names.get(report.orig_cl_ord_id or report.cl_ord_id)
        if child is None or child.venue_id != venue_id:
            desk.requests.open.discard(report.cl_ord_id)
            ignore(venue_id, report, "unknown_order", came)
            return out
        if _is_still_pending(child, report):
            ignore(venue_id, report, "duplicate", came)
            return out
        parent_done = child.parent.end_reason is not None
        doubted = child.unanswered or isinstance(child.request, OrderCancelRequest)
        if not parent_done:
            desk.heard(child, now_ns, out)
        if isinstance(report, ExecutionReport) and report.exec_type in _NO_STEP:
            if report.exec_type is ExecType.ORDER_STATUS:
                taken = self.answers.on_answer(child, report, came)
                self._go_on_canceling(child, came)
                self._after(child, came)
            else:
                self._on_report(child, report, came)
                taken = False
            if child.request is None and child.status not in FINAL and doubted and not taken:
                # It was given up, and a request that nobody waits for any more is pending.
                desk.requests.watch(child, CHASE, now_ns, out)
            return out
        answers = desk.requests.answered(child, report.cl_ord_id)
        if not child.seen and isinstance(report, ExecutionReport):
            desk.experience.on_first_report(child, report.transact_ns, now_ns)
        if isinstance(report, OrderCancelReject):
            self._on_refusal(child, report, came, answers=answers)
        else:
            self._on_report(child, report, came)
        self._go_on_canceling(child, came)
        if doubted and child.status not in FINAL and child.request is None:
            # Whatever was said, it has not ended as it should: that must follow soon.
            refused = isinstance(report, OrderCancelReject) and report.reason not in OVER
            desk.requests.watch(child, RETRY if refused else CHASE, now_ns, out)
        self._after(child, came)
        return out

    def _after(self, child: Child, came: Came) -> None:
        """What follows once a report is booked."""
        desk = self._desk
        if child.status in FINAL and not child.told:
            desk.child_over(child, came.now_ns, came.out)
        if desk.brakes is not None:
            desk.brakes.answered(child.parent, came.now_ns, came.out)

    def _on_report(self, child: Child, report: ExecutionReport, came: Came) -> None:
        known = child.seen.get(report.exec_id)
        if report.side is not child.side or report.last_qty < 0:
            ignore(child.venue_id, report, "breach", came)
        elif known is not None:
            self._on_repeated(child, known, report, came)
        else:
            child.seen[report.exec_id] = report
            if report.exec_type is ExecType.TRADE:
                self._on_trade(child, report, came)
            elif report.exec_type in _CHANGES:
                self._on_change(child, report, came)
            elif child.parent.end_reason is not None:
                ignore(child.venue_id, report, "parent_done", came)
            elif report.exec_type in _PENDING:
                self._on_pending(child, report, came)
            else:
                self._on_state(child, report, came)

    def _on_repeated(
        self,
        child: Child,
        known: ExecutionReport,
        report: ExecutionReport,
        came: Came,
    ) -> None:
        same = is_same(known, report)
        ignore(child.venue_id, report, "duplicate" if same else "conflict", came)
        if not same:
            self._desk.quarantine(child, "conflict", came.now_ns, came.out)

    # Fills

    def _on_change(self, child: Child, report: ExecutionReport, came: Came) -> None:
        """A fill is taken back or corrected; what was held back may count it already."""
        on_change(self._desk, child, report, came)
        if child.parent.end_reason is None:
            self._release_held(child, came)

    def _on_trade(self, child: Child, report: ExecutionReport, came: Came) -> None:
        desk, px, qty = self._desk, report.last_px, report.last_qty
        if px is None or qty <= 0:
            ignore(child.venue_id, report, "breach", came)
            return
        if report.exec_id in child.booked:
            on_void(child, report, came)
            if child.parent.end_reason is None:
                self._release_held(child, came)
            return
        reason, booked = judge(child, px, qty)
        if reason is not None:
            self._book_apart(child, report, (reason, booked), came)
        if booked:
            self._book(child, report, booked, came)
        # What was written off is our own affair: its venue has said nothing that cannot be.
        doubtful = reason not in {None, "written_off"}
        if doubtful and child.parent.end_reason is None:
            desk.quarantine(child, "overfill", came.now_ns, came.out)
        if child.parent.end_reason is None:
            self._release_held(child, came)
        desk.settle(child.parent, came.now_ns, came.out)
        desk.waiting.note(child.parent)
        desk.wake_short(came.now_ns, came.out)

    def _book(
        self,
        child: Child,
        report: ExecutionReport,
        qty: int,
        came: Came,
    ) -> None:
        """Book ``qty`` lots of a fill for the parent."""
        parent, px = child.parent, report.last_px
        assert px is not None
        fee = report.commission if qty == report.last_qty else fee_of(report, qty)
        event = OrdEvent.FULL if qty == child.leaves_qty else OrdEvent.PARTIAL
        status = after(child.status, event)
        assert status is not None  # every open state can fill
        child.status = status
        child.cum_qty += qty
        parent.filled_qty += qty
        self._desk.take_off(child, qty)
        self._desk.view.venues[child.venue_id].on_fill(child.side, px, qty, report.venue_seq)
        self._desk.standing.accepted(child.venue_id)
        if self._desk.brakes is not None:
            self._desk.brakes.on_fill(child, (px, qty, fee), came.now_ns)
        came.out.append(
            Fill(
                t_ns=came.now_ns,
                cl_ord_id=child.cl_ord_id,
                parent_id=parent.parent_id,
                venue_id=child.venue_id,
                exec_id=report.exec_id,
                last_px=px,
                last_qty=qty,
                cum_qty=child.cum_qty,
                leaves_qty=child.leaves_qty,
                fee="0" if fee is None else plain(fee),
                is_maker=report.is_maker,
                best_px=child.best_px,
                processed_ns=report.transact_ns,
                sent_ns=came.stamps.sent_ns,
                drawn_ns=came.stamps.drawn_ns,
                held_ns=came.stamps.held_ns,
            )
        )

    def _book_apart(
        self,
        child: Child,
        report: ExecutionReport,
        judged: tuple[str, int],
        came: Came,
    ) -> None:
        """Put what no parent ordered into the account apart."""
        reason, booked = judged
        px, excess = report.last_px, report.last_qty - booked
        assert px is not None
        account = self._desk.overfilled
        key = child.venue_id, child.side
        account[key] = account.get(key, 0) + excess
        child.excess_qty += excess
        fee = fee_of(report, booked) if booked else None  # else no fill says that it was paid
        child.booked[report.exec_id] = Booked(px, booked, excess, fee)
        if reason == "outside_limit":
            # The venue holds these lots to be filled, so they cannot fill again.
            lots = min(excess, child.leaves_qty)
            if lots == child.leaves_qty:
                child.status = OrdStatus.CANCELED
            self._desk.take_off(child, lots)
        came.out.append(
            Overfill(
                t_ns=came.now_ns,
                cl_ord_id=child.cl_ord_id,
                venue_id=child.venue_id,
                exec_id=report.exec_id,
                last_px=px,
                last_qty=report.last_qty,
                booked_qty=booked,
                excess_qty=excess,
                leaves_qty=child.leaves_qty - booked,
                reason=reason,
                processed_ns=report.transact_ns,
                sent_ns=came.stamps.sent_ns,
                drawn_ns=came.stamps.drawn_ns,
                held_ns=came.stamps.held_ns,
            )
        )

    # Acknowledgements, ends, replaces

    def _on_state(self, child: Child, report: ExecutionReport, came: Came) -> None:
        event = event_of(report)
        asked = child.target is not None and child.target.cl_ord_id == report.cl_ord_id
        sound = event is not None and (event is not OrdEvent.REPLACED or asked)
        again = event is OrdEvent.ACK and child.acked and child.status not in FINAL
        if event is None or not sound or (after(child.status, event) is None and not again):
            reason = "breach" if child.status not in FINAL else "after_end"
            ignore(child.venue_id, report, reason, came)
        elif again:
            ignore(child.venue_id, report, "duplicate", came)  # an answer has told it before
        elif event is OrdEvent.ACK:
            self._on_ack(child, report, came)
        elif report.cum_qty > child.told_before(report.exec_id):
            if not child.held:
                self._desk.requests.watch(child, HELD, came.now_ns, came.out)
            child.held.append((report, came.stamps))
            child.held.sort(key=lambda held: held[0].exec_id)
        else:
            self._apply(child, event, report, came)

    def _release_held(self, child: Child, came: Came) -> None:
        """Apply what was held back for fills that have come now, in the venue's order."""
        while child.held and child.held[0][0].cum_qty <= child.told_before(
            child.held[0][0].exec_id
        ):
            report, stamps = child.held.pop(0)
            late = came._replace(stamps=stamps)
            event = event_of(report)
            if event is None or after(child.status, event) is None:
                ignore(child.venue_id, report, "after_end", late)
            else:
                self._apply(child, event, report, late)
        if self.answers.waiting:
            self.answers.release(child, came)

    def _apply(
        self,
        child: Child,
        event: OrdEvent,
        report: ExecutionReport,
        came: Came,
    ) -> None:
        desk = self._desk
        doubtful = report.cum_qty < child.told_before(report.exec_id)
        if event is OrdEvent.REPLACED:
            doubtful = self._on_replaced(child, report, came) or doubtful
        else:
            self._on_end(child, event, report, came)
        if doubtful:  # it counts fewer lots than it has reported, or more than were asked for
            desk.quarantine(child, "conflict", came.now_ns, came.out)
        desk.settle(child.parent, came.now_ns, came.out)
        desk.waiting.note(child.parent)
        desk.wake_short(came.now_ns, came.out)

    def _on_ack(self, child: Child, report: ExecutionReport, came: Came) -> None:
        child.status = after(child.status, OrdEvent.ACK) or child.status
        child.acked = True
        self._desk.standing.accepted(child.venue_id)
        came.out.append(
            ChildAcked(
                t_ns=came.now_ns,
                cl_ord_id=child.cl_ord_id,
                venue_id=child.venue_id,
                order_id=report.order_id,
                processed_ns=report.transact_ns,
                sent_ns=came.stamps.sent_ns,
                drawn_ns=came.stamps.drawn_ns,
                held_ns=came.stamps.held_ns,
            )
        )

    def _on_end(
        self,
        child: Child,
        event: OrdEvent,
        report: ExecutionReport | OrderCancelReject,
        came: Came,
    ) -> None:
        """A child was canceled or rejected: its open lots are free again."""
        desk, parent, freed = self._desk, child.parent, child.leaves_qty
        child.status = after(child.status, event) or child.status
        desk.take_off(child, freed)
        known = stamped(child, report.transact_ns, came)
        if isinstance(report, ExecutionReport) and report.reject_reason is not None:
            reason = f"rejected_{report.reject_reason.value}"
            came.out.append(ChildRejected(reason=report.reject_reason, **known))
            if report.reject_reason in FOR_NOW:
                desk.strike(child, reason, came.now_ns, came.out)
            else:
                parent.excluded[child.venue_id] = reason
            why = DecisionReason.REJECT
        else:
            came.out.append(ChildCanceled(canceled_qty=freed, cum_qty=child.cum_qty, **known))
            # An order that never came to the book says nothing about what is in it.
            if not child.rests and (child.acked or child.seen):
                venue = desk.view.venues[child.venue_id]
                venue.on_short(child.side, child.price, report.venue_seq)
                parent.short_filled.add(child.venue_id)
            why = child.cancel_reason or DecisionReason.PARTIAL_FILL
        if parent.stopped is None:
            desk.returns.came_back(child, why, came.now_ns, came.out)

    def _on_replaced(
        self,
        child: Child,
        report: ExecutionReport,
        came: Came,
    ) -> bool:
        """A child has a new price and total; whether the venue left more open than was asked."""
        desk, target = self._desk, child.target
        assert target is not None
        assert target.price is not None  # children have limits
        leaves = max(0, report.order_qty - child.told_qty)
        too_much = leaves > child.leaves_qty
        freed = 0 if too_much else child.leaves_qty - leaves
        event = OrdEvent.REPLACED if freed < child.leaves_qty else OrdEvent.CLOSED
        child.status = after(child.status, event) or child.status
        child.name, child.target, child.booked_px = target.cl_ord_id, None, target.price
        child.order_qty = child.told_qty + child.leaves_qty - freed
        if event is OrdEvent.REPLACED:
            desk.reprice(child, target.price)
        self._desk.take_off(child, freed)
        known = stamped(child, report.transact_ns, came)
        known["cl_ord_id"] = target.cl_ord_id
        came.out.append(
            ChildReplaced(
                orig_cl_ord_id=child.cl_ord_id,
                order_qty=child.order_qty,
                price=target.price,
                cum_qty=child.cum_qty,
                leaves_qty=child.leaves_qty,
                **known,
            )
        )
        if freed and child.parent.stopped is None:
            desk.want(child.parent, DecisionReason.QUOTE_CHANGE, came.now_ns, came.out)
        return too_much

    def _go_on_canceling(self, child: Child, came: Came) -> None:
        """Send the cancel that had to wait for the answer to a replace."""
        if child.cancel_wanted and child.request is None and child.status not in FINAL:
            if child.cl_ord_id in self._desk.requests.status:
                return  # what it has become is asked already: the answer says what to do
            child.cancel_wanted = False
            reason = "parent_stopped" if child.parent.stopped is not None else "quote_change"
            self._desk.requests.cancel(child, reason, came.now_ns, came.out)

    # Requests that are pending or refused

    def _on_pending(self, child: Child, report: ExecutionReport, came: Came) -> None:
        """A venue has a request and takes its time."""
        self._desk.requests.pending(child, report.cl_ord_id, came.now_ns, came.out)
        known = stamped(child, report.transact_ns, came)
        known["cl_ord_id"] = report.cl_ord_id
        came.out.append(RequestPending(orig_cl_ord_id=child.cl_ord_id, **known))

    def _on_refusal(
        self,
        child: Child,
        report: OrderCancelReject,
        came: Came,
        *,
        answers: bool,
    ) -> None:
        """A request was refused; one that is not waited for any more says nothing new."""
        target = child.target
        of_replace = target is not None and report.cl_ord_id == target.cl_ord_id
        event = OrdEvent.REPLACE_REFUSED if of_replace else OrdEvent.CANCEL_REFUSED
        status = after(child.status, event)
        if status is None:
            # A cancel that was sent again under its id has as many answers.
            again = report.cl_ord_id.startswith(f"{child.cl_ord_id}.C")
            ignore(child.venue_id, report, "duplicate" if again else "breach", came)
            return
        news = answers or of_replace
        if news:
            child.status = status if of_replace or status in FINAL else left_in(child, status)
        known = stamped(child, report.transact_ns, came)
        known["cl_ord_id"] = report.cl_ord_id
        came.out.append(
            CancelRejected(orig_cl_ord_id=child.cl_ord_id, reason=report.reason, **known)
        )
        if not news or status in FINAL or child.parent.end_reason is not None:
            return
        if of_replace:
            child.target = None
            self._desk.reprice(child, child.booked_px)
        elif report.reason is CxlRejReason.UNKNOWN_ORDER:
            self._on_unknown(child, report, came)
        if of_replace and report.reason in OVER and child.status not in FINAL:
            self._desk.requests.watch(child, CHASE, came.now_ns, came.out)

    def _on_unknown(
        self,
        child: Child,
        report: OrderCancelReject,
        came: Came,
    ) -> None:
        """A venue does not know the order that shall be canceled."""
        desk, target = self._desk, child.target
        if target is not None and target.price is not None:
            # The answer to a replace is missing; the order may have its new name.
            child.name, child.target, child.booked_px = target.cl_ord_id, None, target.price
            desk.requests.cancel(child, "no_answer", came.now_ns, came.out)
        elif report.orig_cl_ord_id != child.name:
            # The cancel left before the answer to a replace, which gave the order its new name.
            desk.requests.cancel(child, "no_answer", came.now_ns, came.out)
        elif not (child.acked or child.seen):
            # Links keep their order, so an order that came before its cancel would be known.
            self._on_end(child, OrdEvent.CANCELED, report, came)
            desk.settle(child.parent, came.now_ns, came.out)
            desk.waiting.note(child.parent)
            desk.wake_short(came.now_ns, came.out)


def _is_still_pending(child: Child, report: VenueReport) -> bool:
    """Whether a venue only says that it has an unanswered request already, which was sent again."""
    return (
        isinstance(report, OrderCancelReject)
        and report.reason is CxlRejReason.DUPLICATE_ID
        and child.resends > 0
        and child.request is not None
        and child.request.cl_ord_id == report.cl_ord_id
    )
