"""The router itself, as a pure core: what it learns goes in, what it does comes out.

Each method takes one event and returns, in order, audit records, messages to venues and wake-ups.
A record always stands before the message it is about. Decisions wait for the end of the instant
(a wake-up at the same time), so that all that arrives at one instant is known to one decision.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from router.config import RouterConfig
from router.core.decide import Decider
from router.core.events import (
    ACCOUNT,
    AckTimeout,
    Deadline,
    Decide,
    Outcome,
    ParentOrder,
    SendTo,
    Stamps,
    WakeAt,
    WakeToken,
)
from router.core.orders import Child, Parent
from router.core.profile import VenueProfile
from router.core.states import FINAL, OrdEvent, after
from router.core.view import MarketView
from sim.audit.records import (
    CancelRejected,
    CancelSent,
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    Fill,
    ParentDone,
    ParentReceived,
    ReportIgnored,
)
from sim.protocol.enums import DecisionReason, EndReason, ExecType, OrdStatus, Side
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, plain

_NOTHING: Final[tuple[Outcome, ...]] = ()
_DECIDE: Final = Decide()


class RouterCore:
    """Splits parents over venues and re-routes what does not fill."""

    def __init__(self, profiles: tuple[VenueProfile, ...], config: RouterConfig) -> None:
        self.view = MarketView(profiles)
        self.parents: dict[str, Parent] = {}
        self.children: dict[str, Child] = {}
        self._config = config
        self._decider = Decider(self.view, profiles, config)
        self._active: dict[str, Parent] = {}
        self._short: dict[str, Parent] = {}  # active parents with lots that no child may fill
        self._due: list[Parent] = []
        self._unanswered: deque[tuple[int, Child]] = deque()
        self._open_cancels: set[str] = set()
        self._decide_at = -1

    @property
    def done(self) -> bool:
        """Whether every parent that came has ended and no answer to a cancel is due."""
        return not self._active and not self._open_cancels

    # What the router learns

    def on_parent(self, order: ParentOrder, now_ns: int) -> list[Outcome]:
        """A client's order arrives."""
        parent = Parent(
            order.parent_id, order.side, order.order_qty, order.limit_px, order.deadline_ns
        )
        self.parents[parent.parent_id] = parent
        self._active[parent.parent_id] = parent
        out: list[Outcome] = [
            ParentReceived(
                t_ns=now_ns,
                parent_id=parent.parent_id,
                side=parent.side,
                order_qty=parent.order_qty,
                limit_px=parent.limit_px,
                deadline_ns=parent.deadline_ns,
                bid_px=self.view.best_bid(),
                ask_px=self.view.best_ask(),
            )
        ]
        if parent.deadline_ns is not None:
            out.append(WakeAt(max(now_ns, parent.deadline_ns), Deadline(parent.parent_id)))
        self._want(parent, DecisionReason.INITIAL, now_ns, out)
        self._note_short(parent)
        return out

    def on_quote(self, quote: BookSnapshot, now_ns: int) -> Sequence[Outcome]:
        """A venue's book arrives; it matters at once only to a parent with lots to place."""
        venue = self.view.venues[quote.venue_id]
        if not venue.on_quote(quote) or not self._short:
            return _NOTHING
        out: list[Outcome] = []
        for parent in self._short.values():
            shown = venue.shown(parent.side)
            if shown and self._uses_new_quotes(parent) and within(shown[0][0], parent):
                self._want(parent, DecisionReason.QUOTE_CHANGE, now_ns, out)
        return out

    def on_report(
        self, venue_id: str, report: VenueReport, stamps: Stamps, now_ns: int
    ) -> list[Outcome]:
        """A venue's answer arrives."""
        out: list[Outcome] = []
        if self._open_cancels:
            self._open_cancels.discard(report.cl_ord_id)
        # The answer to a cancel names the cancel; the order it is about is the original one.
        child = self.children.get(report.orig_cl_ord_id or report.cl_ord_id)
        if child is None or child.venue_id != venue_id:
            self._ignore(venue_id, report, "unknown_order", now_ns, out)
        elif isinstance(report, OrderCancelReject):
            self._on_cancel_reject(child, report, stamps, now_ns, out)
        elif report.exec_id <= child.last_exec_id:
            self._ignore(venue_id, report, "duplicate", now_ns, out)
        else:
            self._on_execution(child, report, stamps, now_ns, out)
        return out

    def on_wake(self, token: WakeToken, now_ns: int) -> list[Outcome]:
        """A wake-up that was asked for."""
        out: list[Outcome] = []
        if isinstance(token, Decide):
            self._decide_at = -1
            due, self._due = self._due, []
            for parent in due:
                self._decide(parent, now_ns, out)
                self._note_short(parent)
        elif isinstance(token, AckTimeout):
            self._cancel_unanswered(now_ns, out)
        else:
            parent = self.parents[token.parent_id]
            if parent.end_reason is None:
                self._stop(parent, EndReason.DEADLINE, now_ns, out)
        return out

    def finish(self, reason: EndReason, now_ns: int) -> list[Outcome]:
        """The run ends: what is still active ends with ``reason``, its open lots stay open."""
        out: list[Outcome] = []
        for parent in list(self._active.values()):
            self._end(parent, reason, now_ns, out)
        return out

    # Reports

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
        venue = self.view.venues[child.venue_id]
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
            self._end(parent, EndReason.FILLED, now_ns, out)
        elif parent.stopped is not None and parent.reserved_qty == 0:
            self._end(parent, parent.stopped, now_ns, out)
        self._wake_short(now_ns, out)

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
        self.view.venues[child.venue_id].on_less(child, freed)
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
            venue = self.view.venues[child.venue_id]
            venue.on_short(child.side, child.price, report.venue_seq)
            parent.short_filled.add(child.venue_id)
            why = child.cancel_reason or DecisionReason.PARTIAL_FILL
        if parent.end_reason is None and parent.stopped is None:
            self._want(parent, why, now_ns, out)
        elif parent.end_reason is None and parent.reserved_qty == 0:
            self._end(parent, parent.stopped or EndReason.ABORTED, now_ns, out)
        self._note_short(parent)
        self._wake_short(now_ns, out)

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

    # Acts

    def _want(
        self, parent: Parent, reason: DecisionReason, now_ns: int, out: list[Outcome]
    ) -> None:
        """Have ``parent`` decided at the end of this instant.

        The first reason stands, but what came back tells more than that a quote changed.
        """
        if parent.due is None:
            self._due.append(parent)
        if parent.due is None or parent.due is DecisionReason.QUOTE_CHANGE:
            parent.due = reason
        if self._decide_at != now_ns:
            self._decide_at = now_ns
            out.append(WakeAt(now_ns, _DECIDE))

    def _wake_short(self, now_ns: int, out: list[Outcome]) -> None:
        """A report may free lots in the view, for any parent: a quote can be quicker than it."""
        for parent in self._short.values():
            if self._uses_new_quotes(parent):
                self._want(parent, DecisionReason.QUOTE_CHANGE, now_ns, out)

    def _uses_new_quotes(self, parent: Parent) -> bool:
        return self._config.reroute.fresh_quote or not parent.attempts

    def _note_short(self, parent: Parent) -> None:
        """Keep the parents that have lots to place, in the order in which they got them."""
        if parent.stopped is None and parent.end_reason is None and parent.free_qty > 0:
            self._short.setdefault(parent.parent_id, parent)
        else:
            self._short.pop(parent.parent_id, None)

    def _decide(self, parent: Parent, now_ns: int, out: list[Outcome]) -> None:
        reason, parent.due = parent.due, None
        if reason is None or parent.free_qty <= 0 or parent.stopped is not None:
            return
        if parent.attempts >= self._config.max_attempts:
            self._stop(parent, EndReason.ATTEMPTS_EXHAUSTED, now_ns, out)
            return
        for record, child in self._decider.decide(parent, reason, now_ns):
            out.append(record)
            if child is not None:
                self._send(child, now_ns, out)

    def _send(self, child: Child, now_ns: int, out: list[Outcome]) -> None:
        self.children[child.cl_ord_id] = child
        self.view.venues[child.venue_id].on_sent(child)
        child.parent.reserved_qty += child.order_qty
        child.parent.check()
        out.append(SendTo(child.venue_id, _order(child)))
        due_ns = now_ns + self._config.ack_timeout
        if not self._unanswered:
            out.append(WakeAt(due_ns, AckTimeout()))
        self._unanswered.append((due_ns, child))

    def _cancel_unanswered(self, now_ns: int, out: list[Outcome]) -> None:
        waiting = self._unanswered
        while waiting and waiting[0][0] <= now_ns:
            _, child = waiting.popleft()
            if child.status is OrdStatus.PENDING_NEW:
                self._cancel(child, DecisionReason.TIMEOUT, now_ns, out)
        if waiting:
            out.append(WakeAt(waiting[0][0], AckTimeout()))

    def _cancel(
        self, child: Child, reason: DecisionReason | None, now_ns: int, out: list[Outcome]
    ) -> None:
        status = after(child.status, OrdEvent.CANCEL_SENT)
        if status is None:
            return  # a cancel is under way, or the child has ended
        child.status = status
        child.cancel_reason = reason
        child.cancels += 1
        cl_ord_id = f"{child.cl_ord_id}.C{child.cancels}"
        out.append(
            CancelSent(
                t_ns=now_ns,
                cl_ord_id=cl_ord_id,
                orig_cl_ord_id=child.cl_ord_id,
                venue_id=child.venue_id,
                reason="parent_stopped" if reason is None else "ack_timeout",
            )
        )
        self._open_cancels.add(cl_ord_id)
        msg = OrderCancelRequest(cl_ord_id, child.cl_ord_id, ACCOUNT)
        out.append(SendTo(child.venue_id, msg))

    def _stop(self, parent: Parent, reason: EndReason, now_ns: int, out: list[Outcome]) -> None:
        """No new children; the parent ends when the open ones have."""
        parent.stopped = reason
        if reason is EndReason.DEADLINE:
            for venue in self.view.venues.values():
                for child in venue.flying.values():
                    if child.parent is parent:
                        self._cancel(child, None, now_ns, out)
        if parent.reserved_qty == 0:
            self._end(parent, reason, now_ns, out)
        self._note_short(parent)

    def _end(self, parent: Parent, reason: EndReason, now_ns: int, out: list[Outcome]) -> None:
        parent.end_reason = reason
        del self._active[parent.parent_id]
        self._note_short(parent)
        open_end = reason in {EndReason.RUN_ENDED, EndReason.ABORTED}
        out.append(
            ParentDone(
                t_ns=now_ns,
                parent_id=parent.parent_id,
                filled_qty=parent.filled_qty,
                canceled_qty=0 if open_end else parent.order_qty - parent.filled_qty,
                end_reason=reason,
            )
        )


def within(price: int, parent: Parent) -> bool:
    """Whether the parent's limit allows ``price``."""
    limit = parent.limit_px
    if limit is None:
        return True
    return price <= limit if parent.side is Side.BUY else price >= limit


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


def _order(child: Child) -> NewOrderSingle:
    return NewOrderSingle(
        cl_ord_id=child.cl_ord_id,
        side=child.side,
        order_qty=QtyLots(child.order_qty),
        price=PriceTicks(child.price),
        time_in_force=child.time_in_force,
        account=ACCOUNT,
    )
