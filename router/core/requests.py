"""What the router asks of open children: to cancel them, or to replace them at another price.

One request per child waits for its answer at a time. A cancel without an answer goes out again
under the same id, a bounded number of times; a replace without one is followed by a cancel. What is
asked is recorded before it is sent.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from router.core.events import ACCOUNT, AckTimeout, Outcome, SendTo, WakeAt
from router.core.orders import Child
from router.core.states import FINAL, OrdEvent, after
from sim.audit.records import CancelSent, ReplaceSent, StatusRequested
from sim.protocol.enums import DecisionReason, OrdStatus
from sim.protocol.orders import NewOrderSingle, OrderCancelReplaceRequest, OrderCancelRequest
from sim.protocol.session import OrderStatusRequest
from sim.protocol.units import PriceTicks, QtyLots

HELD: Final = "held"
"""What is watched of a child with a report that is held back."""

CHASE: Final = "chase"
"""What is watched of a child whose venue refused a cancel and has not said how it ended."""


RETRY: Final = "retry"
"""What is watched of a child whose venue refused a cancel for the time being."""


class Requests:
    """Cancels and replaces, and the watch over what is unanswered.

    Args:
        ack_timeout: How long to wait for any answer, ns.
        resends: How often a cancel is sent again.

    Attributes:
        on_message: Who counts messages by venue and time, if somebody does.
        status: By child, the question what became of it that waits for its answer.
        down: Venues whose session is down: no cancel leaves for them.
    """

    def __init__(self, ack_timeout: int, resends: int) -> None:
        self.names: dict[str, Child] = {}
        self.open: set[str] = set()  # ids of requests that wait for their answer
        self.status: dict[str, str] = {}
        self.down: set[str] = set()
        self._asked = 0
        self._timeout_ns = ack_timeout
        self._resends = resends
        self._watched: deque[tuple[int, Child, str]] = deque()
        self.on_message: Callable[[str, int], None] | None = None

    def count(self, venue_id: str, now_ns: int) -> None:
        """A message leaves for a venue: tell who counts them."""
        if self.on_message is not None:
            self.on_message(venue_id, now_ns)

    def watch(self, child: Child, what: str, now_ns: int, out: list[Outcome]) -> None:
        """Look at ``child`` again after the timeout: whether ``what`` has been answered by then."""
        due_ns = now_ns + self._timeout_ns
        if not self._watched:
            out.append(WakeAt(due_ns, AckTimeout()))
        self._watched.append((due_ns, child, what))

    def overdue(self, now_ns: int, out: list[Outcome]) -> Iterator[tuple[Child, str]]:
        """The children whose answers are late, and what it is that is late of each."""
        watched = self._watched
        while watched and watched[0][0] <= now_ns:
            due_ns, child, what = watched.popleft()
            if self.status.get(child.cl_ord_id) == what or _is_late(child, what, due_ns):
                yield child, what
        if watched:
            out.append(WakeAt(watched[0][0], AckTimeout()))

    def cancel(
        self,
        child: Child,
        reason: str,
        now_ns: int,
        out: list[Outcome],
        *,
        then: DecisionReason | None = None,
    ) -> None:
        """Ask to cancel a child, unless that is asked already, or it or its parent has ended.

        While a replace waits for its answer the cancel waits too: nobody knows its name until then.
        It also waits while the session with the venue is down.

        Args:
            child: The child.
            reason: For the record.
            now_ns: Now.
            out: Where record and message go.
            then: The reason of the decision about the lots that it frees.
        """
        if child.status in FINAL or child.unanswered or child.parent.end_reason is not None:
            return
        if isinstance(child.request, OrderCancelRequest):
            return
        child.cancel_reason = then or child.cancel_reason
        if child.request is not None or child.venue_id in self.down:
            child.cancel_wanted = True
            return
        child.status = after(child.status, OrdEvent.CANCEL_SENT) or child.status
        child.cancels += 1
        child.cancel_wanted = False
        cl_ord_id = f"{child.cl_ord_id}.C{child.cancels}"
        child.request = OrderCancelRequest(cl_ord_id, child.name, ACCOUNT)
        self._send_cancel(child, reason, now_ns, out)

    def replace(
        self,
        child: Child,
        target: tuple[int, int],
        reason: str,
        now_ns: int,
        out: list[Outcome],
    ) -> None:
        """Ask to replace an open, acknowledged child, to ``target``: total lots and price.

        The new total is not above the old one: what is reserved stays enough whatever the answer.
        """
        status = after(child.status, OrdEvent.REPLACE_SENT)
        total, price = target
        assert status is not None
        assert total <= child.order_qty
        child.status = status
        child.replaces += 1
        child.replaced_at_ns = now_ns
        cl_ord_id = f"{child.cl_ord_id}.R{child.replaces}"
        request = OrderCancelReplaceRequest(
            cl_ord_id, child.name, QtyLots(total), PriceTicks(price), ACCOUNT
        )
        child.request = child.target = request
        self.names[cl_ord_id] = child
        self.open.add(cl_ord_id)
        out.append(
            ReplaceSent(
                t_ns=now_ns,
                cl_ord_id=cl_ord_id,
                orig_cl_ord_id=child.cl_ord_id,
                venue_id=child.venue_id,
                order_qty=total,
                price=price,
                reason=reason,
            )
        )
        out.append(SendTo(child.venue_id, request))
        self.count(child.venue_id, now_ns)
        self.watch(child, cl_ord_id, now_ns, out)

    def resend(self, child: Child, now_ns: int, out: list[Outcome]) -> bool:
        """Send an unanswered cancel again under its id; False if that was done often enough.

        Where the child has ended meanwhile there is nothing to cancel any more: then this only
        waits on, as long, for the refusal.
        """
        if child.resends >= self._resends:
            return False
        child.resends += 1
        if child.status in FINAL:
            assert child.request is not None
            self.watch(child, child.request.cl_ord_id, now_ns, out)
        else:
            self._send_cancel(child, "no_answer", now_ns, out)
        return True

    def ask(self, child: Child, name: str, reason: str, now_ns: int, out: list[Outcome]) -> None:
        """Ask what became of a child, by the name that its venue may know."""
        self._asked += 1
        request_id = f"{child.cl_ord_id}.Q{self._asked}"
        self.status[child.cl_ord_id] = request_id
        out.append(
            StatusRequested(
                t_ns=now_ns, cl_ord_id=child.cl_ord_id, venue_id=child.venue_id, reason=reason
            )
        )
        out.append(SendTo(child.venue_id, OrderStatusRequest(name, request_id, ACCOUNT)))
        self.count(child.venue_id, now_ns)
        self.watch(child, request_id, now_ns, out)

    def answered(self, child: Child, cl_ord_id: str) -> bool:
        """An answer to the request of this id came; whether the child was waiting for it."""
        self.open.discard(cl_ord_id)
        if child.request is None or child.request.cl_ord_id != cl_ord_id:
            return False
        child.request = None
        return True

    def pending(self, child: Child, cl_ord_id: str, now_ns: int, out: list[Outcome]) -> None:
        """A venue says that it has a request: it has as long again to decide on it."""
        if child.request is not None and child.request.cl_ord_id == cl_ord_id:
            child.pending_due_ns = now_ns + self._timeout_ns
            self.watch(child, cl_ord_id, now_ns, out)

    def forget(self, child: Child) -> None:
        """No answer is expected any more to what was asked of a child."""
        if child.request is not None:
            self.open.discard(child.request.cl_ord_id)
            child.request = None

    def _send_cancel(self, child: Child, reason: str, now_ns: int, out: list[Outcome]) -> None:
        request = child.request
        assert isinstance(request, OrderCancelRequest)
        out.append(
            CancelSent(
                t_ns=now_ns,
                cl_ord_id=request.cl_ord_id,
                orig_cl_ord_id=child.cl_ord_id,
                venue_id=child.venue_id,
                reason=reason,
            )
        )
        self.open.add(request.cl_ord_id)
        out.append(SendTo(child.venue_id, request))
        self.count(child.venue_id, now_ns)
        self.watch(child, request.cl_ord_id, now_ns, out)


def new_order(child: Child) -> NewOrderSingle:
    """The message that sends a child."""
    return NewOrderSingle(
        cl_ord_id=child.cl_ord_id,
        side=child.side,
        order_qty=QtyLots(child.order_qty),
        price=PriceTicks(child.price),
        time_in_force=child.time_in_force,
        account=ACCOUNT,
        min_qty=QtyLots(child.min_qty),
    )


def _is_late(child: Child, what: str, due_ns: int) -> bool:
    if what == HELD:
        return bool(child.held)
    if what in {CHASE, RETRY}:
        return child.status not in FINAL and child.request is None and not child.unanswered
    if what == child.cl_ord_id:  # an order that may not rest must have ended by now, too
        if child.status is OrdStatus.PENDING_NEW:
            return True
        return not child.rests and child.status not in FINAL and child.request is None
    if child.request is None or child.request.cl_ord_id != what:
        return False
    return due_ns >= child.pending_due_ns  # else the venue has asked for more time since
