"""Children that wait to leave, so as to arrive together with others.

A child that waits is reserved at its parent and taken off the view like one that is under way, but
no venue and no log knows it as sent. It leaves at its time, if the controls let it, or is dropped,
and its lots are free again, if its parent stops or its venue may not be used any more by then.
"""

from typing import TYPE_CHECKING

from msgspec import structs

from router.core.events import Leave, Outcome, WakeAt
from router.core.orders import EXECUTIONS, Child, Parent
from sim.audit.records import ChildDropped, ChildSent, Record
from sim.protocol.enums import DecisionReason, OrdStatus

if TYPE_CHECKING:
    from router.core.desk import Desk


class Departures:
    """The waiting children of a desk.

    Attributes:
        children: By name, each with the record of its sending.
    """

    def __init__(self, desk: "Desk") -> None:
        self.children: dict[str, tuple[ChildSent, Child]] = {}
        self._desk = desk

    def hold(self, sent: Record, child: Child, out: list[Outcome]) -> None:
        """Reserve a child, and keep it until ``child.sent_ns``."""
        assert isinstance(sent, ChildSent)
        self._desk.reserve(child)
        self.children[child.cl_ord_id] = sent, child
        child.parent.leaving[child.cl_ord_id] = child
        out.append(WakeAt(child.sent_ns, Leave(child.cl_ord_id)))

    def of(self, parent: Parent) -> list[Child]:
        """The waiting children of a parent."""
        return list(parent.leaving.values())

    def at(self, venue_id: str) -> list[Child]:
        """The waiting children for a venue."""
        return [child for _, child in self.children.values() if child.venue_id == venue_id]

    def leave(self, cl_ord_id: str, now_ns: int, out: list[Outcome]) -> None:
        """A child's time has come: it leaves if its venue may still be used."""
        waits = self.children.get(cl_ord_id)
        if waits is None:
            return
        desk, (sent, child) = self._desk, waits
        parent, venue_id = child.parent, child.venue_id
        why = desk.standing.out.get(venue_id) or parent.excluded.get(venue_id)
        if why is None and parent.held & EXECUTIONS:
            why = "executions"
        if why is not None:
            self.drop([child], why, now_ns, out)
            return
        self._free(child)
        desk.send(structs.replace(sent, t_ns=now_ns), child, now_ns, out)
        if not child.leaves_qty:  # a control has kept it
            desk.settle(parent, now_ns, out)
            desk.waiting.note(parent)
            desk.wake_short(now_ns, out)

    def drop(
        self,
        children: list[Child],
        reason: str,
        now_ns: int,
        out: list[Outcome],
    ) -> None:
        """Children that wait do not leave: what is free of them is decided anew."""
        desk = self._desk
        for child in children:
            parent = child.parent
            self.forget(child, reason, now_ns, out)
            if parent.stopped is None:
                desk.want(parent, DecisionReason.HELD_BACK, now_ns, out)
            desk.settle(parent, now_ns, out)
            desk.waiting.note(parent)
        if children:
            desk.wake_short(now_ns, out)

    def forget(self, child: Child, reason: str, now_ns: int, out: list[Outcome]) -> None:
        """A child does not leave, and nothing follows from that."""
        self._free(child)
        self.never(child, reason, now_ns, out)

    @staticmethod
    def never(child: Child, reason: str, now_ns: int, out: list[Outcome]) -> None:
        """A child for which nothing is reserved does not leave."""
        lots, child.leaves_qty = child.leaves_qty, 0
        child.status = OrdStatus.CANCELED
        child.parent.on_kept(child.venue_id)
        out.append(
            ChildDropped(
                t_ns=now_ns,
                cl_ord_id=child.cl_ord_id,
                parent_id=child.parent.parent_id,
                decision_id=child.decision_id,
                venue_id=child.venue_id,
                order_qty=lots,
                reason=reason,
            )
        )

    def _free(self, child: Child) -> None:
        """A child waits no longer, and nothing is reserved for it any more."""
        del self.children[child.cl_ord_id]
        del child.parent.leaving[child.cl_ord_id]
        lots, child.leaves_qty = child.leaves_qty, 0
        child.parent.reserved_qty -= lots
        self._desk.view.venues[child.venue_id].on_less(child, lots)
        child.leaves_qty = lots
