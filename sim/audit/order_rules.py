"""The rules of orders, I1 to I6, I14 and I17, checked record by record at a constant cost.

Each record is compared with the ledger before it is booked there, so what is filled, open, canceled
and busted always adds up to what was ordered, or the run stops. Where a record repeats what the
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
- A router that is not ours (``outside``) may do what it likes, since that is what its tests look
  for. What it sends and what comes back is held to the same sums; what a router must not do (more
  than it has, past its client's limit, again and again) is none of ours.
"""

from typing import Final

from sim.audit.order_ledger import ChildBook, Ledger, ParentBook, other_sums, past_limit
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
    RouteHold,
    RouterRestarted,
    ScheduleStep,
    SessionEvent,
    StatusReported,
    StatusRequested,
    WrittenOff,
)
from sim.protocol.enums import EndReason, Side
from sim.protocol.errors import InvariantError

INSTANT_DECISIONS_MAX: Final = 1_000
"""Decisions of one parent at one instant (I17): more would be a loop that gets nowhere."""

OUTSIDE: Final = "outside"
"""What the decisions of a router that is not ours call their strategy."""

_BROKEN_OFF: Final = frozenset({EndReason.RUN_ENDED, EndReason.ABORTED})
"""Ends at which lots of a parent may be left that are neither filled, nor canceled, nor open."""


class OrderRules(Ledger):
    """What each record must be for the ledger, which then takes it.

    Attributes:
        resends_max: How often a cancel goes out again under its id, by the scenario.
        reroutes_busted: Whether lots that a venue took back are sent anew, by the scenario.
        is_ours: Whether the router is sorsim's own; one that is not is held to no duty.
    """

    def __init__(self) -> None:
        super().__init__()
        self.resends_max = 0
        self.reroutes_busted = False
        self.is_ours = True
        self._decision_id = -1
        self._shut: dict[str, str] = {}

    # Venues that get nothing

    def on_session(self, record: SessionEvent) -> None:
        """While the session with a venue is down nothing can leave for it."""
        if record.event == "down":
            self._shut[record.venue_id] = "its session is down"
        elif record.event == "up" and self._shut.get(record.venue_id) == "its session is down":
            del self._shut[record.venue_id]

    def on_hold(self, record: RouteHold) -> None:
        """A venue that reported what cannot be, or refused too often, gets nothing any more."""
        if record.until_ns is None and record.reason != "no_answer":
            self._shut[record.venue_id] = f"it is held for good ({record.reason})"

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
        parent = self.open_parent(record.parent_id, "I3")
        if not parent.released <= record.released_qty <= parent.order_qty:
            raise InvariantError(
                f"I2: parent {record.parent_id} has {record.released_qty} lots released, after "
                f"{parent.released} of {parent.order_qty}"
            )
        parent.released = record.released_qty

    def on_decision(self, record: Decision) -> None:
        """A decision places no more than is free; its orders may leave from now on."""
        parent = self.open_parent(record.parent_id, "I14")
        number, name = record.decision_id, record.parent_id
        if number <= self._decision_id:
            raise InvariantError(f"I15: decision {number} after decision {self._decision_id}")
        self._decision_id = number
        self.is_ours = record.strategy != OUTSIDE
        if parent.decided_ns == record.t_ns:
            parent.decisions_now += 1
            if parent.decisions_now > INSTANT_DECISIONS_MAX and self.is_ours:
                raise InvariantError(
                    f"I17: parent {name} is decided {parent.decisions_now} times at one instant"
                )
        else:
            parent.decided_ns, parent.decisions_now = record.t_ns, 1
        free = parent.order_qty - parent.filled - parent.working - parent.busted
        if self.is_ours and not 0 <= record.unreserved_qty <= free:
            raise InvariantError(
                f"I2: decision {number} has {record.unreserved_qty} lots to place, of parent "
                f"{name} {free} are free"
            )
        left = record.unreserved_qty
        plans, limit, sign = parent.plans, parent.limit, parent.sign
        for part in (*record.split, *record.posts):
            qty = part.qty
            left -= qty
            key = number, part.venue_id
            plans[key] = plans.get(key, 0) + qty
            if qty < 1:
                raise InvariantError(f"I2: decision {number} places {qty} lots")
            if limit is not None and (part.price - limit) * sign > 0:
                self.check_limit(f"decision {number} places at", part.price, name, parent)
        if left < 0 and self.is_ours:
            raise InvariantError(f"I2: decision {number} places {-left} lots more than it has")

    def on_parent_done(self, record: ParentDone) -> None:
        """A parent ends once, and nothing of it is lost."""
        name = record.parent_id
        parent = self.open_parent(name, "I3")
        if record.filled_qty != parent.filled:
            raise InvariantError(
                f"I5: parent {name} ends with {record.filled_qty} filled, its children with "
                f"{parent.filled}"
            )
        left = parent.order_qty - parent.filled - record.canceled_qty
        broken_off = record.end_reason in _BROKEN_OFF and left >= parent.working
        # One that is not ours may have more open than is left, whether or not it is filled.
        over = not self.is_ours and left <= parent.working
        if record.canceled_qty < 0 or (left != parent.working and not broken_off and not over):
            raise InvariantError(
                f"I1: parent {name} of {parent.order_qty} ends with {parent.filled} filled, "
                f"{record.canceled_qty} canceled and {parent.working} open"
            )
        parent.done = record
        parent.plans.clear()

    def on_restarted(self, record: RouterRestarted) -> None:
        """I13: the router came back with what its records say, and nothing else."""
        parents = sum(parent.done is None for parent in self.parents.values())
        children = sum(
            not child.end and child.parent.done is None for child in self.children.values()
        )
        if (record.parents, record.children) != (parents, children):
            raise InvariantError(
                f"I13: the router came back with {record.parents} parents and {record.children} "
                f"open children, the records say {parents} and {children}"
            )

    # Children

    def on_sent(self, record: ChildSent) -> None:
        """A child leaves: as its decision said, within what is left and within the limit."""
        name, qty = record.cl_ord_id, record.order_qty
        parent = self.open_parent(record.parent_id, "I2")
        if name in self.children:
            raise InvariantError(f"I3: child {name} was sent before")
        if (1 if record.side is Side.BUY else -1) != parent.sign:
            raise InvariantError(f"I2: child {name} is of the other side than its parent")
        if record.venue_id in self._shut and self.is_ours:
            why = self._shut[record.venue_id]
            raise InvariantError(f"I14: child {name} leaves for {record.venue_id}: {why}")
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
        limit = parent.limit
        if limit is not None and (record.price - limit) * parent.sign > 0:
            self.check_limit(f"child {name} leaves at", record.price, record.parent_id, parent)
        parent.working += qty
        if self.is_ours and parent.filled + parent.working + parent.busted > parent.order_qty:
            raise InvariantError(
                f"I2: parent {record.parent_id} of {parent.order_qty} has {parent.filled} filled "
                f"and {parent.working} open with child {name}"
            )
        children = self.children
        children[name] = ChildBook(
            record.parent_id, parent, record.venue_id, qty, record.price, qty
        )
        if len(children) > self.forget_at:
            self.forget()

    def on_dropped(self, record: ChildDropped) -> None:
        """A child does not leave after all."""
        parent = self.open_parent(record.parent_id, "I3")
        if record.cl_ord_id in self.children:
            raise InvariantError(f"I3: child {record.cl_ord_id} is dropped, but it has left")
        parent.plans.pop((record.decision_id, record.venue_id), None)

    def on_arrival(self, record: BookAtArrival) -> None:
        """An order of ours met a book: it must have left."""
        self.child(record.cl_ord_id, record.venue_id)

    def on_acked(self, record: ChildAcked) -> None:
        """A venue took a child."""
        self.open_child(record.cl_ord_id, record.venue_id, "acked")

    def on_rejected(self, record: ChildRejected) -> None:
        """A venue refused a child."""
        child = self.open_child(record.cl_ord_id, record.venue_id, "rejected")
        self.end(child, "child_rejected")

    def on_fill(self, record: Fill) -> None:
        """Lots trade: of an open child, no more than it has, once, within both limits."""
        name, qty, px = record.cl_ord_id, record.last_qty, record.last_px
        child = self.children.get(name)  # as `open_child`, without the call
        if child is None or child.venue_id != record.venue_id or child.end or child.parent.done:
            raise self.not_open(name, record.venue_id, "filled")
        parent = child.parent
        if not 0 < qty <= child.leaves or record.parent_id != child.parent_id:
            raise InvariantError(
                f"I2: child {name} of {child.parent_id} fills {qty} lots of {record.parent_id}, "
                f"{child.leaves} are open"
            )
        if record.exec_id in child.execs:
            raise InvariantError(f"I3: report {record.exec_id} of child {name} is booked twice")
        child.execs.add(record.exec_id)
        limit, sign = parent.limit, parent.sign
        if (px - child.price) * sign > 0:
            self.check_price(child, name, px)
        if limit is not None and (px - limit) * sign > 0:
            self.check_limit(f"child {name} trades at", px, child.parent_id, parent)
        child.cum = cum = child.cum + qty
        child.leaves = leaves = child.leaves - qty
        if record.cum_qty != cum or record.leaves_qty != leaves:
            raise other_sums(name, record.cum_qty, record.leaves_qty, child)
        child.tick_lots += px * qty
        parent.filled += qty
        parent.working -= qty
        parent.tick_lots += px * qty
        if not leaves:
            child.end = "fill"

    def on_canceled(self, record: ChildCanceled) -> None:
        """What is open of a child is canceled."""
        child = self.open_child(record.cl_ord_id, record.venue_id, "canceled")
        self.check_sums(record.cl_ord_id, child, record.cum_qty, record.canceled_qty)
        self.end(child, "child_canceled")

    def on_written_off(self, record: WrittenOff) -> None:
        """What is open of a child is not waited for any longer."""
        child = self.open_child(record.cl_ord_id, record.venue_id, "written off")
        self.check_sums(record.cl_ord_id, child, record.cum_qty, record.written_off_qty)
        self.end(child, "written_off")

    # Requests

    def on_cancel_sent(self, record: CancelSent) -> None:
        """The router asks to cancel a child; the same request only so often."""
        if not self.is_ours:
            self.child(record.orig_cl_ord_id, record.venue_id)
            return
        child = self.open_child(record.orig_cl_ord_id, record.venue_id, "to be canceled")
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
        child = self.child(record.orig_cl_ord_id, record.venue_id)
        if record.cl_ord_id == child.target_id:
            child.target, child.target_id = None, ""

    def on_pending(self, record: RequestPending) -> None:
        """A venue has a request."""
        self.child(record.orig_cl_ord_id, record.venue_id)

    def on_status(self, record: StatusRequested | StatusReported) -> None:
        """What became of a child is asked, or told: it must have left."""
        self.child(record.cl_ord_id, record.venue_id)

    def on_replace_sent(self, record: ReplaceSent) -> None:
        """The router asks for another limit and no larger total."""
        name = record.orig_cl_ord_id
        if self.is_ours:
            child = self.open_child(name, record.venue_id, "to be replaced")
            asks = f"{record.cl_ord_id} asks for"
            self.check_limit(asks, record.price, child.parent_id, child.parent)
            most = child.cum + child.leaves + child.excess
            if not 0 < record.order_qty <= most:
                raise InvariantError(f"I2: {asks} {record.order_qty} lots, child {name} has {most}")
        else:
            child = self.child(name, record.venue_id)
        if child.target is not None:  # its fate is unknown, so either may hold
            child.price = self.worse(child, child.target)
        child.target, child.target_id = record.price, record.cl_ord_id

    def on_replaced(self, record: ChildReplaced) -> None:
        """A venue replaced a child; it has no more open than before."""
        name = record.orig_cl_ord_id
        child = self.open_child(name, record.venue_id, "replaced")
        if record.cl_ord_id != child.target_id or record.price != child.target:
            raise InvariantError(
                f"I4: child {name} is replaced to {record.price} by {record.cl_ord_id}, asked was "
                f"{child.target} by {child.target_id or 'nobody'}"
            )
        if not 0 <= record.leaves_qty <= child.leaves or record.cum_qty != child.cum:
            raise other_sums(name, record.cum_qty, record.leaves_qty, child)
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
        child = self.child(name, record.venue_id)
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
        child = self.child(name, record.venue_id)
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
            self.check_price(child, name, record.last_px)
            trades = f"child {name} trades at"
            self.check_limit(trades, record.last_px, child.parent_id, parent)
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
            raise other_sums(name, record.cum_qty, record.leaves_qty, child)
        child.tick_lots -= tick_lots
        parent.tick_lots -= tick_lots
        parent.filled -= lots
        parent.working += reopened
        if parent.done is not None or not self.reroutes_busted:
            parent.busted += lots - reopened
        if record.excess_qty:
            child.excess -= record.excess_qty
            self.account[record.venue_id] = apart - record.excess_qty

    def check_limit(self, what: str, px: int, name: str, parent: ParentBook) -> None:
        """I6: a price within the client's limit, which a router of ours never passes."""
        limit = parent.limit
        if limit is not None and (px - limit) * parent.sign > 0 and self.is_ours:
            raise past_limit(what, px, name, limit)
