"""What the router has open, and what it does: decide, send, cancel, stop, end.

Shared by the parts of the router core: ``router`` and ``reports`` learn, the desk acts. Each act
appends to the outcomes of the event that caused it, the record before the message.
"""

from collections import deque
from typing import Final

from router.config import RouterConfig
from router.core.decide import Decider
from router.core.events import ACCOUNT, AckTimeout, Decide, Outcome, SendTo, WakeAt
from router.core.orders import Child, Parent
from router.core.profile import VenueProfile
from router.core.states import OrdEvent, after
from router.core.view import MarketView
from sim.audit.records import CancelSent, ParentDone
from sim.protocol.enums import DecisionReason, EndReason, OrdStatus, Side
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest
from sim.protocol.units import PriceTicks, QtyLots

_DECIDE: Final = Decide()


class Desk:
    """The router's parents, children and market view, and its acts."""

    def __init__(self, profiles: tuple[VenueProfile, ...], config: RouterConfig) -> None:
        self.view = MarketView(profiles)
        self.parents: dict[str, Parent] = {}
        self.children: dict[str, Child] = {}
        self.active: dict[str, Parent] = {}
        self.short: dict[str, Parent] = {}  # active parents with lots that no child may fill
        self.open_cancels: set[str] = set()
        self._config = config
        self._decider = Decider(self.view, profiles, config)
        self._due: list[Parent] = []
        self._unanswered: deque[tuple[int, Child]] = deque()
        self._decide_at = -1

    def decide_due(self, now_ns: int, out: list[Outcome]) -> None:
        """Decide for all parents that are due at this instant."""
        self._decide_at = -1
        due, self._due = self._due, []
        for parent in due:
            self._decide(parent, now_ns, out)
            self.note_short(parent)

    def want(self, parent: Parent, reason: DecisionReason, now_ns: int, out: list[Outcome]) -> None:
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

    def wake_short(self, now_ns: int, out: list[Outcome]) -> None:
        """A report may free lots in the view, for any parent: a quote can be quicker than it."""
        for parent in self.short.values():
            if self.uses_new_quotes(parent):
                self.want(parent, DecisionReason.QUOTE_CHANGE, now_ns, out)

    def uses_new_quotes(self, parent: Parent) -> bool:
        """Whether the parent's next decision may rest on a quote that comes now."""
        return self._config.reroute.fresh_quote or not parent.splits

    def note_short(self, parent: Parent) -> None:
        """Keep the parents that have lots to place, in the order in which they got them."""
        if parent.stopped is None and parent.end_reason is None and parent.free_qty > 0:
            self.short.setdefault(parent.parent_id, parent)
        else:
            self.short.pop(parent.parent_id, None)

    def _decide(self, parent: Parent, now_ns: int, out: list[Outcome]) -> None:
        reason, parent.due = parent.due, None
        if reason is None or parent.free_qty <= 0 or parent.stopped is not None:
            return
        if parent.attempts >= self._config.max_attempts:
            self.stop(parent, EndReason.ATTEMPTS_EXHAUSTED, now_ns, out)
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

    def cancel_unanswered(self, now_ns: int, out: list[Outcome]) -> None:
        """Cancel the children whose venue has not answered in time."""
        waiting = self._unanswered
        while waiting and waiting[0][0] <= now_ns:
            _, child = waiting.popleft()
            if child.status is OrdStatus.PENDING_NEW:
                self.cancel(child, DecisionReason.TIMEOUT, now_ns, out)
        if waiting:
            out.append(WakeAt(waiting[0][0], AckTimeout()))

    def cancel(
        self, child: Child, reason: DecisionReason | None, now_ns: int, out: list[Outcome]
    ) -> None:
        """Ask to cancel a child that is open, once."""
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
        self.open_cancels.add(cl_ord_id)
        msg = OrderCancelRequest(cl_ord_id, child.cl_ord_id, ACCOUNT)
        out.append(SendTo(child.venue_id, msg))

    def stop(self, parent: Parent, reason: EndReason, now_ns: int, out: list[Outcome]) -> None:
        """No new children; the parent ends when the open ones have."""
        parent.stopped = reason
        if reason is EndReason.DEADLINE:
            for venue in self.view.venues.values():
                for child in venue.flying.values():
                    if child.parent is parent:
                        self.cancel(child, None, now_ns, out)
        if parent.reserved_qty == 0:
            self.end(parent, reason, now_ns, out)
        self.note_short(parent)

    def end(self, parent: Parent, reason: EndReason, now_ns: int, out: list[Outcome]) -> None:
        """The parent has ended."""
        parent.end_reason = reason
        del self.active[parent.parent_id]
        self.note_short(parent)
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


def _order(child: Child) -> NewOrderSingle:
    return NewOrderSingle(
        cl_ord_id=child.cl_ord_id,
        side=child.side,
        order_qty=QtyLots(child.order_qty),
        price=PriceTicks(child.price),
        time_in_force=child.time_in_force,
        account=ACCOUNT,
    )
