"""The ledger of a run's orders: every parent and child as the records so far say they stand.

`sim.audit.order_rules` compares each record with it and books it. Here are the books themselves,
what is looked up in them, and the walk over all of them. Shares no code with the router or with
``sim.audit.state``.
"""

from dataclasses import dataclass, field
from typing import Final

from sim.audit.records import ParentDone
from sim.protocol.errors import InvariantError

MEMORY: Final = 4_096
"""A child that has ended, of a parent that has ended, is forgotten between once and twice as many
times two sent children later (I17); the router forgets sooner."""


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


class Ledger:
    """The orders of one run.

    Attributes:
        parents: By id.
        children: By id; those that have ended long ago are forgotten.
        account: The account apart: by venue, lots that were filled and nobody ordered.
        forget_at: With more children than so many those that ended long ago are forgotten.
    """

    def __init__(self) -> None:
        self.parents: dict[str, ParentBook] = {}
        self.children: dict[str, ChildBook] = {}
        self.account: dict[str, int] = {}
        self.forget_at = 2 * MEMORY
        self._old: list[str] = []  # what the next walk may forget

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
                raise InvariantError(f"I1: child {name}: {told(child)}")
            if child.end and child.leaves:
                raise InvariantError(f"I3: child {name} ended by {child.end}: {told(child)}")
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

    # For the rules

    def open_parent(self, name: str, invariant: str) -> ParentBook:
        """A parent that has come and not ended; else ``invariant`` is broken."""
        parent = self.parents.get(name)
        if parent is None:
            raise InvariantError(f"{invariant}: parent {name} was never received")
        if parent.done is not None:
            raise InvariantError(f"{invariant}: parent {name} has ended before")
        return parent

    def child(self, name: str, venue_id: str) -> ChildBook:
        """A child that has left for this venue."""
        child = self.children.get(name)
        if child is None:
            raise InvariantError(f"I3: child {name} was never sent")
        if child.venue_id != venue_id:
            raise InvariantError(f"I3: child {name} was sent to {child.venue_id}, not {venue_id}")
        return child

    def open_child(self, name: str, venue_id: str, what: str) -> ChildBook:
        """A child of which reports may still be booked: neither it nor its parent has ended."""
        child = self.children.get(name)
        if child is None or child.venue_id != venue_id or child.end or child.parent.done:
            raise self.not_open(name, venue_id, what)
        return child

    def not_open(self, name: str, venue_id: str, what: str) -> InvariantError:
        """The error where nothing of a child may be booked."""
        child = self.child(name, venue_id)
        if child.end:
            return InvariantError(f"I3: child {name} is {what} after its end by {child.end}")
        return InvariantError(f"I3: child {name} is {what} after the end of its parent")

    def end(self, child: ChildBook, kind: str) -> None:
        """Nothing of a child is open any more."""
        child.parent.working -= child.leaves
        child.gone += child.leaves
        child.leaves = 0
        child.end = kind

    @staticmethod
    def check_sums(name: str, child: ChildBook, cum: int, ended: int) -> None:
        """I1: a child ends with what it has."""
        if cum != child.cum or ended != child.leaves:
            raise InvariantError(
                f"I1: child {name} ends with {cum} filled and {ended} open, it has {told(child)}"
            )

    @staticmethod
    def worse(child: ChildBook, price: int) -> int:
        """The wider one of a child's limit and another."""
        return max(child.price, price) if child.parent.sign > 0 else min(child.price, price)

    def check_price(self, child: ChildBook, name: str, px: int) -> None:
        """I6: a price within the widest limit that a child may have by now."""
        sign, limit = child.parent.sign, child.price
        if (px - limit) * sign > 0:
            if child.target is not None:
                limit = self.worse(child, child.target)
            if (px - limit) * sign > 0:
                raise past_limit(f"child {name} trades at", px, f"{name} itself", limit)

    def forget(self) -> None:
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
        self.forget_at = len(self.children) + 2 * MEMORY


def told(child: ChildBook) -> str:
    """A child's sums in words."""
    return (
        f"{child.cum} filled, {child.leaves} open, {child.gone} canceled and {child.busted} "
        f"busted of {child.order_qty}"
    )


def other_sums(name: str, cum: int, leaves: int, child: ChildBook) -> InvariantError:
    """The error where a record says other sums than the ledger."""
    return InvariantError(f"I1: child {name} says {cum} filled and {leaves} open: {told(child)}")


def past_limit(what: str, px: int, whose: str, limit: int) -> InvariantError:
    """The error of a price past a limit."""
    return InvariantError(f"I6: {what} {px}, past the limit {limit} of {whose}")
