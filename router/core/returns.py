"""What is done at the desk when lots come back, as the policy of reallocation says.

Beside that: lots of children without an answer, which are written off after a time; what was
posted, whose time can be over; and the spread, which is crossed as a deadline nears.
"""

from typing import TYPE_CHECKING

from router.core.events import Outcome, WakeAt, WriteOff
from router.core.orders import Child, Parent
from router.core.reallocation import Action, Reallocation, Trigger
from sim.audit.records import WrittenOff
from sim.protocol.enums import DecisionReason, EndReason, OrdStatus

if TYPE_CHECKING:
    from router.core.desk import Desk


class Returns:
    """Does at a desk what its policy says."""

    def __init__(self, desk: "Desk", policy: Reallocation) -> None:
        self._desk = desk
        self._policy = policy
        self._due: dict[str, int] = {}  # when the lots of children without an answer are free

    def came_back(
        self, child: Child, reason: DecisionReason, now_ns: int, out: list[Outcome]
    ) -> None:
        """A child has ended with lots left, and its parent goes on."""
        parent, policy, desk = child.parent, self._policy, self._desk
        trigger: Trigger | None = None
        if not policy.usual:
            rejected = reason is DecisionReason.REJECT
            trigger = policy.trigger(child.cancel_reason, rejected=rejected, rests=child.rests)
        action = Action.REALLOCATE if trigger is None else policy.table[trigger]
        if action is not Action.REALLOCATE:
            parent.rule = action.value
        if action is Action.LEAVE:
            desk.stop(parent, EndReason.GIVEN_UP, now_ns, out)
            return
        if action is Action.WAIT_FOR_QUOTE and not parent.crossing:
            parent.waits = True
            desk.waiting.note(parent)
            return
        if action is Action.OTHER_VENUES:
            parent.excluded.setdefault(child.venue_id, action.value)
        elif action is Action.SAME_VENUE:
            parent.bound = child.venue_id
        desk.want(parent, reason, now_ns, out)

    def halted(self, venue_id: str, now_ns: int, out: list[Outcome]) -> None:
        """A venue trades no more: what is open there is canceled, if the policy says so."""
        if self._policy.table[Trigger.HALT] is not Action.CANCEL:
            return
        desk, then = self._desk, DecisionReason.HALT
        for child in list(desk.view.venues[venue_id].flying.values()):
            parent = child.parent
            is_there = child.cl_ord_id in parent.open
            if is_there and parent.stopped is None and parent.end_reason is None:
                desk.requests.cancel(child, then.value, now_ns, out, then=then)

    def cross(self, parent: Parent, now_ns: int, out: list[Outcome]) -> None:
        """The deadline is near: what rests is taken instead, and all is released."""
        if parent.stopped is not None or parent.end_reason is not None:
            return
        parent.crossing, parent.waits, parent.rule = True, False, "cross"
        parent.released_qty = parent.order_qty
        self.post_over(parent, now_ns, out, DecisionReason.DEADLINE_NEAR)
        self._desk.waiting.note(parent)

    def post_over(
        self,
        parent: Parent,
        now_ns: int,
        out: list[Outcome],
        reason: DecisionReason = DecisionReason.POST_OVER,
    ) -> None:
        """The time of what a parent has posted is over: it only takes from now on."""
        if parent.stopped is not None or parent.end_reason is not None:
            return
        parent.may_post = False
        for child in list(parent.open.values()):
            if child.rests:
                self._desk.requests.cancel(child, reason.value, now_ns, out, then=reason)
        if parent.free_qty > 0:
            self._desk.want(parent, reason, now_ns, out)

    # Lots without an answer

    def watch(self, child: Child, now_ns: int, out: list[Outcome]) -> None:
        """A child stays without an answer: its lots are kept for the time that is set."""
        if self._policy.reserve_ns is not None:
            due_ns = self._due[child.cl_ord_id] = now_ns + self._policy.reserve_ns
            out.append(WakeAt(due_ns, WriteOff(child.cl_ord_id, due_ns)))

    def heard(self, child: Child) -> None:
        """Its venue says something after all."""
        self._due.pop(child.cl_ord_id, None)

    def write_off(self, token: WriteOff, now_ns: int, out: list[Outcome]) -> None:
        """Free the lots of a child without an answer; what it fills later is nobody's."""
        if self._due.get(token.cl_ord_id) != token.due_ns:
            return  # it was heard of, and perhaps given up once more since
        del self._due[token.cl_ord_id]
        desk = self._desk
        child = desk.children.get(token.cl_ord_id)
        if child is None or not child.unanswered or child.parent.end_reason is not None:
            return
        parent, lots = child.parent, child.leaves_qty
        child.unanswered, child.status, child.written_off = False, OrdStatus.CANCELED, True
        child.held.clear()
        parent.unanswered_qty -= lots
        desk.take_off(child, lots)
        out.append(
            WrittenOff(
                t_ns=now_ns,
                cl_ord_id=child.cl_ord_id,
                parent_id=parent.parent_id,
                venue_id=child.venue_id,
                written_off_qty=lots,
                cum_qty=child.cum_qty,
            )
        )
        child.cancel_reason = DecisionReason.TIMEOUT
        if parent.stopped is None:
            self.came_back(child, DecisionReason.TIMEOUT, now_ns, out)
            parent.rule = parent.rule or "written_off"
        desk.settle(parent, now_ns, out)
        desk.waiting.note(parent)
        desk.child_over(child, now_ns, out)
        if desk.brakes is not None:
            desk.brakes.answered(parent, now_ns, out)
