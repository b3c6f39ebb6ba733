"""The rules of orders, I1 to I6, I14 and I17, checked record by record at a constant cost.

An ``OrderRules`` keeps a ledger of its own: every parent and child as the records so far say they
stand. Each record is compared with it before it is booked, so what is filled, open, canceled and
busted always adds up to what was ordered, or the run stops. Where a record repeats what the
router's own books say (``cum_qty``, ``leaves_qty``, ``filled_qty``), that is compared as well, and
so the books are. Shares no code with the router or with ``sim.audit.state``.

What is no breach, and why:

- A report that says what cannot be (a second time, after the end, too much, past the limit) is
  recorded as ``report_ignored`` or ``overfill``. It is the venue's breach, from which the router
  protects the parent. Here it is held to that: nothing of it may be booked.
- Filled lots become fewer by ``bust`` and ``correction`` alone. They count as canceled, unless
  they are open again or a decision sends them anew.
- A child may stay open behind the end of its parent: its venue does not answer, or the run is over.
  What comes of it later is recorded and not booked, and its lots stand in no sum of the parent.
"""

from dataclasses import dataclass, field
from typing import Final

from sim.audit.order_records import (
    Bust,
    CancelRejected,
    CancelSent,
    ChildDropped,
    ChildReplaced,
    Correction,
    Overfill,
    ReplaceSent,
    RequestPending,
    taken_back,
)
from sim.audit.records import (
    BookAtArrival,
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    ChildSent,
    Decision,
    Fill,
    ParentDone,
    ParentReceived,
    ScheduleStep,
    WrittenOff,
)
from sim.protocol.enums import EndReason, Side
from sim.protocol.errors import InvariantError

INSTANT_DECISIONS_MAX: Final = 1_000
"""Decisions of one parent at one instant (I17): more would be a loop that gets nowhere."""

MEMORY: Final = 4_096
"""A child that has ended, of a parent that has ended, is forgotten between once and twice as many
times two sent children later (I17); the router forgets sooner."""

_BROKEN_OFF: Final = frozenset({EndReason.RUN_ENDED, EndReason.ABORTED})
"""Ends at which lots of a parent may be left that are neither filled, nor canceled, nor open."""


@dataclass(slots=True)
class ParentBook:
    """One parent as the records say it stands; lots, ticks, and tick-lots (price times lots).

    ``working`` are the lots in open children. ``busted`` are lots that venues took back for good
    and that no decision sends anew. ``old_filled`` and ``old_tick_lots`` are the parts of children
    that are forgotten. ``plans`` holds, by decision and venue, lots that may still leave.
    """

    order_qty: int
    sign: int
    limit: int | None
    received_ns: int
    deadline_ns: int | None
    filled: int = 0
    working: int = 0
    busted: int = 0
    tick_lots: int = 0
    released: int = 0
    done: ParentDone | None = None
    decided_ns: int = -1
    decisions_now: int = 0
    old_filled: int = 0
    old_tick_lots: int = 0
    plans: dict[tuple[int, str], int] = field(default_factory=dict)


@dataclass(slots=True)
class ChildBook:
    """One child as the records say it stands; ``order_qty`` is what first left.

    ``price`` is the widest limit that it may fill at but for ``target``, that of a replace without
    an answer. ``end`` is the kind of record that ended it, empty while it is open. ``gone`` are
    lots that can fill no more, ``excess`` those of the account apart.
    """

    parent_id: str
    parent: ParentBook
    venue_id: str
    order_qty: int
    price: int
    leaves: int
    target: int | None = None
    target_id: str = ""
    cum: int = 0
    gone: int = 0
    busted: int = 0
    excess: int = 0
    tick_lots: int = 0
    end: str = ""
    cancel_id: str = ""
    resends: int = 0
    execs: set[int] = field(default_factory=set)


class OrderRules:
    """The ledger of a run, and what each record must be for it.

    Attributes:
        resends_max: How often a cancel goes out again under its id, by the scenario.
        reroutes_busted: Whether lots that a venue took back are sent anew, by the scenario.
        parents: By id.
        children: By id; those that have ended long ago are forgotten.
        account: The account apart: by venue, lots that were filled and nobody ordered.
    """

    def __init__(self) -> None:
        self.resends_max = 0
        self.reroutes_busted = False
        self.parents: dict[str, ParentBook] = {}
        self.children: dict[str, ChildBook] = {}
        self.account: dict[str, int] = {}
        self._decision_id = -1
        self._forget_at = 2 * MEMORY
        self._old: list[str] = []  # what the next walk may forget

    # Parents

    def on_parent(self, record: ParentReceived) -> None:
        """A client's order came."""
        if record.parent_id in self.parents:
            raise InvariantError(f"I3: parent {record.parent_id} was received before")
        if record.order_qty < 1:
            raise InvariantError(f"I2: parent {record.parent_id} is of {record.order_qty} lots")
        sign = 1 if record.side is Side.BUY else -1
        self.parents[record.parent_id] = ParentBook(
            record.order_qty, sign, record.limit_px, record.t_ns, record.deadline_ns
        )

    def on_step(self, record: ScheduleStep) -> None:
        """More of a parent may be worked."""
        parent = self._open_parent(record.parent_id, "I3")
        if not parent.released <= record.released_qty <= parent.order_qty:
            raise InvariantError(
                f"I2: parent {record.parent_id} has {record.released_qty} lots released, after "
                f"{parent.released} of {parent.order_qty}"
            )
        parent.released = record.released_qty

    def on_decision(self, record: Decision) -> None:
        """A decision places no more than is free; its orders may leave from now on."""
        parent = self._open_parent(record.parent_id, "I14")
        number, name = record.decision_id, record.parent_id
        if number <= self._decision_id:
            raise InvariantError(f"I15: decision {number} after decision {self._decision_id}")
        self._decision_id = number
        if parent.decided_ns == record.t_ns:
            parent.decisions_now += 1
            if parent.decisions_now > INSTANT_DECISIONS_MAX:
                raise InvariantError(
                    f"I17: parent {name} is decided {parent.decisions_now} times at one instant"
                )
        else:
            parent.decided_ns, parent.decisions_now = record.t_ns, 1
        free = parent.order_qty - parent.filled - parent.working - parent.busted
        if not 0 <= record.unreserved_qty <= free:
            raise InvariantError(
                f"I2: decision {number} has {record.unreserved_qty} lots to place, of parent "
                f"{name} {free} are free"
            )
        left = record.unreserved_qty
        plans = parent.plans
        for part in (*record.split, *record.posts):
            left -= part.qty
            key = number, part.venue_id
            plans[key] = plans.get(key, 0) + part.qty
            if part.qty < 1:
                raise InvariantError(f"I2: decision {number} places {part.qty} lots")
            if parent.limit is not None and (part.price - parent.limit) * parent.sign > 0:
                raise _past_limit(f"decision {number} places at", part.price, name, parent.limit)
        if left < 0:
            raise InvariantError(f"I2: decision {number} places {-left} lots more than it has")

    def on_parent_done(self, record: ParentDone) -> None:
        """A parent ends once, and nothing of it is lost."""
        name = record.parent_id
        parent = self._open_parent(name, "I3")
        if record.filled_qty != parent.filled:
            raise InvariantError(
                f"I5: parent {name} ends with {record.filled_qty} filled, its children with "
                f"{parent.filled}"
            )
        left = parent.order_qty - parent.filled - record.canceled_qty
        broken_off = record.end_reason in _BROKEN_OFF and left >= parent.working
        if record.canceled_qty < 0 or (left != parent.working and not broken_off):
            raise InvariantError(
                f"I1: parent {name} of {parent.order_qty} ends with {parent.filled} filled, "
                f"{record.canceled_qty} canceled and {parent.working} open"
            )
        parent.done = record
        parent.plans.clear()

    # Children

    def on_sent(self, record: ChildSent) -> None:
        """A child leaves: as its decision said, within what is left and within the limit."""
        name, qty = record.cl_ord_id, record.order_qty
        parent = self._open_parent(record.parent_id, "I2")
        if name in self.children:
            raise InvariantError(f"I3: child {name} was sent before")
        if (1 if record.side is Side.BUY else -1) != parent.sign:
            raise InvariantError(f"I2: child {name} is of the other side than its parent")
        key = record.decision_id, record.venue_id
        planned = parent.plans.get(key, 0)
        if not 0 < qty <= planned:
            raise InvariantError(
                f"I14: child {name} of {qty} lots leaves for {record.venue_id}, decision "
                f"{record.decision_id} has {planned} for it"
            )
        if qty < planned:
            parent.plans[key] = planned - qty
        else:
            del parent.plans[key]
        if parent.limit is not None and (record.price - parent.limit) * parent.sign > 0:
            raise _past_limit(
                f"child {name} leaves at", record.price, record.parent_id, parent.limit
            )
        parent.working += qty
        if parent.filled + parent.working + parent.busted > parent.order_qty:
            raise InvariantError(
                f"I2: parent {record.parent_id} of {parent.order_qty} has {parent.filled} filled "
                f"and {parent.working} open with child {name}"
            )
        self.children[name] = ChildBook(
            record.parent_id, parent, record.venue_id, qty, record.price, qty
        )
        if len(self.children) > self._forget_at:
            self._forget()

    def on_dropped(self, record: ChildDropped) -> None:
        """A child does not leave after all."""
        parent = self._open_parent(record.parent_id, "I3")
        if record.cl_ord_id in self.children:
            raise InvariantError(f"I3: child {record.cl_ord_id} is dropped, but it has left")
        parent.plans.pop((record.decision_id, record.venue_id), None)

    def on_arrival(self, record: BookAtArrival) -> None:
        """An order of ours met a book: it must have left."""
        self._child(record.cl_ord_id, record.venue_id)

    def on_acked(self, record: ChildAcked) -> None:
        """A venue took a child."""
        self._open_child(record.cl_ord_id, record.venue_id, "acked")

    def on_rejected(self, record: ChildRejected) -> None:
        """A venue refused a child."""
        child = self._open_child(record.cl_ord_id, record.venue_id, "rejected")
        self._end(child, "child_rejected")

    def on_fill(self, record: Fill) -> None:
        """Lots trade: of an open child, no more than it has, once, within both limits."""
        name, qty, px = record.cl_ord_id, record.last_qty, record.last_px
        child = self._open_child(name, record.venue_id, "filled")
        parent = child.parent
        if not 0 < qty <= child.leaves or record.parent_id != child.parent_id:
            raise InvariantError(
                f"I2: child {name} of {child.parent_id} fills {qty} lots of {record.parent_id}, "
                f"{child.leaves} are open"
            )
        if record.exec_id in child.execs:
            raise InvariantError(f"I3: report {record.exec_id} of child {name} is booked twice")
        child.execs.add(record.exec_id)
        self._check_price(child, name, px)
        child.cum += qty
        child.leaves -= qty
        if record.cum_qty != child.cum or record.leaves_qty != child.leaves:
            raise _other_sums(name, record.cum_qty, record.leaves_qty, child)
        child.tick_lots += px * qty
        parent.filled += qty
        parent.working -= qty
        parent.tick_lots += px * qty
        if not child.leaves:
            child.end = "fill"

    def on_canceled(self, record: ChildCanceled) -> None:
        """What is open of a child is canceled."""
        child = self._open_child(record.cl_ord_id, record.venue_id, "canceled")
        self._check_sums(record.cl_ord_id, child, record.cum_qty, record.canceled_qty)
        self._end(child, "child_canceled")

    def on_written_off(self, record: WrittenOff) -> None:
        """What is open of a child is not waited for any longer."""
        child = self._open_child(record.cl_ord_id, record.venue_id, "written off")
        self._check_sums(record.cl_ord_id, child, record.cum_qty, record.written_off_qty)
        self._end(child, "written_off")

    # Requests

    def on_cancel_sent(self, record: CancelSent) -> None:
        """The router asks to cancel a child; the same request only so often."""
        child = self._open_child(record.orig_cl_ord_id, record.venue_id, "to be canceled")
        if record.cl_ord_id != child.cancel_id:
            child.cancel_id, child.resends = record.cl_ord_id, 0
            return
        child.resends += 1
        if child.resends > self.resends_max:
            raise InvariantError(
                f"I17: {record.cl_ord_id} is sent again {child.resends} times, allowed are "
                f"{self.resends_max}"
            )

    def on_cancel_rejected(self, record: CancelRejected) -> None:
        """A venue refused a request; a replace that it refused changes no limit."""
        child = self._child(record.orig_cl_ord_id, record.venue_id)
        if record.cl_ord_id == child.target_id:
            child.target, child.target_id = None, ""

    def on_pending(self, record: RequestPending) -> None:
        """A venue has a request."""
        self._child(record.orig_cl_ord_id, record.venue_id)

    def on_replace_sent(self, record: ReplaceSent) -> None:
        """The router asks for another limit and no larger total."""
        name = record.orig_cl_ord_id
        child = self._open_child(name, record.venue_id, "to be replaced")
        parent = child.parent
        if parent.limit is not None and (record.price - parent.limit) * parent.sign > 0:
            raise _past_limit(
                f"{record.cl_ord_id} asks for", record.price, child.parent_id, parent.limit
            )
        most = child.cum + child.leaves + child.excess
        if not 0 < record.order_qty <= most:
            raise InvariantError(
                f"I2: {record.cl_ord_id} asks for {record.order_qty} lots, child {name} has {most}"
            )
        if child.target is not None:  # its fate is unknown, so either may hold
            child.price = self._worse(child, child.target)
        child.target, child.target_id = record.price, record.cl_ord_id

    def on_replaced(self, record: ChildReplaced) -> None:
        """A venue replaced a child; it has no more open than before."""
        name = record.orig_cl_ord_id
        child = self._open_child(name, record.venue_id, "replaced")
        if record.cl_ord_id != child.target_id or record.price != child.target:
            raise InvariantError(
                f"I4: child {name} is replaced to {record.price} by {record.cl_ord_id}, asked was "
                f"{child.target} by {child.target_id or 'nobody'}"
            )
        if not 0 <= record.leaves_qty <= child.leaves or record.cum_qty != child.cum:
            raise _other_sums(name, record.cum_qty, record.leaves_qty, child)
        freed = child.leaves - record.leaves_qty
        child.price, child.target, child.target_id = record.price, None, ""
        child.leaves -= freed
        child.gone += freed
        child.parent.working -= freed
        if not child.leaves:
            child.end = "child_replaced"

    # What cannot be, and what is taken back

    def on_overfill(self, record: Overfill) -> None:
        """A venue reports more than a child can have: the excess is booked apart, nowhere else."""
        name = record.cl_ord_id
        child = self._child(name, record.venue_id)
        leaves = record.leaves_qty + record.booked_qty
        if (
            record.excess_qty < 1
            or record.booked_qty < 0
            or record.booked_qty + record.excess_qty != record.last_qty
        ):
            raise InvariantError(
                f"I1: of {record.last_qty} lots of child {name} {record.booked_qty} are booked and "
                f"{record.excess_qty} put apart"
            )
        stopped = bool(child.end) or child.parent.done is not None
        if not 0 <= leaves <= child.leaves or (stopped and record.booked_qty):
            raise InvariantError(
                f"I2: child {name} has {child.leaves} lots open, {record.booked_qty} are booked "
                f"of an excess and {record.leaves_qty} are left"
            )
        self.account[record.venue_id] = self.account.get(record.venue_id, 0) + record.excess_qty
        child.excess += record.excess_qty
        if child.end:
            return
        freed = child.leaves - leaves
        child.leaves = leaves
        child.gone += freed
        child.parent.working -= freed
        if not leaves:
            child.end = "overfill"

    def on_taken_back(self, record: Bust | Correction) -> None:
        """A venue takes a fill back or corrects it: the one way to have fewer filled."""
        name = record.cl_ord_id
        child = self._child(name, record.venue_id)
        parent = child.parent
        lots, tick_lots = taken_back(record)
        reopened = record.reopened_qty
        ended = bool(child.end) or parent.done is not None
        if not 0 <= reopened <= lots <= child.cum or (reopened and ended):
            raise InvariantError(
                f"I2: child {name} has {child.cum} lots filled, {lots} are taken back and "
                f"{reopened} open again"
            )
        if record.exec_ref_id not in child.execs and lots:
            raise InvariantError(f"I3: fill {record.exec_ref_id} of child {name} was not booked")
        if isinstance(record, Correction) and record.last_qty:
            self._check_price(child, name, record.last_px)
        apart = self.account.get(record.venue_id, 0)
        if not 0 <= record.excess_qty <= min(apart, child.excess):
            raise InvariantError(
                f"I1: {record.excess_qty} lots of child {name} leave the account apart, which has "
                f"{child.excess} of it"
            )
        child.cum -= lots
        child.leaves += reopened
        child.busted += lots - reopened
        if record.cum_qty != child.cum or record.leaves_qty != child.leaves:
            raise _other_sums(name, record.cum_qty, record.leaves_qty, child)
        child.tick_lots -= tick_lots
        parent.tick_lots -= tick_lots
        parent.filled -= lots
        parent.working += reopened
        if parent.done is not None or not self.reroutes_busted:
            parent.busted += lots - reopened
        if record.excess_qty:
            child.excess -= record.excess_qty
            self.account[record.venue_id] = apart - record.excess_qty

    # The full walk

    def check(self) -> None:
        """I1, I2, I5 over everything that is remembered, added up anew.

        Raises:
            InvariantError: If a sum differs from what was kept record by record.
        """
        sums = {
            name: [parent.old_filled, 0, parent.old_tick_lots]
            for name, parent in self.parents.items()
        }
        for name, child in self.children.items():
            held = child.cum + child.leaves + child.gone + child.busted
            if held != child.order_qty or min(child.cum, child.leaves, child.gone) < 0:
                raise InvariantError(f"I1: child {name}: {_told(child)}")
            if child.end and child.leaves:
                raise InvariantError(f"I3: child {name} ended by {child.end}: {_told(child)}")
            parent_sums = sums[child.parent_id]
            parent_sums[0] += child.cum
            parent_sums[1] += child.leaves
            parent_sums[2] += child.tick_lots
        for name, parent in self.parents.items():
            kept = [parent.filled, parent.working, parent.tick_lots]
            if kept != sums[name]:
                raise InvariantError(
                    f"I5: parent {name} has (filled, open, price times lots) {kept}, its children "
                    f"{sums[name]}"
                )
            if not 0 <= parent.filled + parent.working <= parent.order_qty:
                raise InvariantError(
                    f"I2: parent {name} of {parent.order_qty} has {parent.filled} filled and "
                    f"{parent.working} open"
                )

    # Helpers

    def _open_parent(self, name: str, invariant: str) -> ParentBook:
        parent = self.parents.get(name)
        if parent is None:
            raise InvariantError(f"{invariant}: parent {name} was never received")
        if parent.done is not None:
            raise InvariantError(f"{invariant}: parent {name} has ended before")
        return parent

    def _child(self, name: str, venue_id: str) -> ChildBook:
        child = self.children.get(name)
        if child is None:
            raise InvariantError(f"I3: child {name} was never sent")
        if child.venue_id != venue_id:
            raise InvariantError(f"I3: child {name} was sent to {child.venue_id}, not {venue_id}")
        return child

    def _open_child(self, name: str, venue_id: str, what: str) -> ChildBook:
        child = self._child(name, venue_id)
        if child.end:
            raise InvariantError(f"I3: child {name} is {what} after its end by {child.end}")
        if child.parent.done is not None:
            raise InvariantError(f"I3: child {name} is {what} after the end of its parent")
        return child

    def _end(self, child: ChildBook, kind: str) -> None:
        child.parent.working -= child.leaves
        child.gone += child.leaves
        child.leaves = 0
        child.end = kind

    @staticmethod
    def _check_sums(name: str, child: ChildBook, cum: int, ended: int) -> None:
        if cum != child.cum or ended != child.leaves:
            raise InvariantError(
                f"I1: child {name} ends with {cum} filled and {ended} open, it has {_told(child)}"
            )

    @staticmethod
    def _worse(child: ChildBook, price: int) -> int:
        return max(child.price, price) if child.parent.sign > 0 else min(child.price, price)

    def _check_price(self, child: ChildBook, name: str, px: int) -> None:
        """A price within the limits of a child and of its parent."""
        sign, limit = child.parent.sign, child.price
        if (px - limit) * sign > 0:
            if child.target is not None:
                limit = self._worse(child, child.target)
            if (px - limit) * sign > 0:
                raise _past_limit(f"child {name} trades at", px, f"{name} itself", limit)
        last = child.parent.limit
        if last is not None and (px - last) * sign > 0:
            raise _past_limit(f"child {name} trades at", px, child.parent_id, last)

    def _forget(self) -> None:
        """Forget what was to be forgotten at the walk before; note what the next one may."""
        for name in self._old:
            child = self.children.pop(name)
            child.parent.old_filled += child.cum
            child.parent.old_tick_lots += child.tick_lots
        self._old = [
            name
            for name, child in self.children.items()
            if child.end and child.parent.done is not None
        ]
        self._forget_at = len(self.children) + 2 * MEMORY


def _told(child: ChildBook) -> str:
    return (
        f"{child.cum} filled, {child.leaves} open, {child.gone} canceled and {child.busted} "
        f"busted of {child.order_qty}"
    )


def _other_sums(name: str, cum: int, leaves: int, child: ChildBook) -> InvariantError:
    return InvariantError(f"I1: child {name} says {cum} filled and {leaves} open: {_told(child)}")


def _past_limit(what: str, px: int, whose: str, limit: int) -> InvariantError:
    return InvariantError(f"I6: {what} {px}, past the limit {limit} of {whose}")
