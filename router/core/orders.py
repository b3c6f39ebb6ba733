"""The router's own books: parents, their children, and what is reserved.

``reserved`` is what open children may still fill. ``filled + reserved`` never exceeds what was
ordered, so a parent is never over-filled, whatever comes back in whatever order.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import msgspec

from router.core.events import Stamps
from router.schedule.base import Schedule
from sim.protocol.enums import DecisionReason, EndReason, OrdStatus, Side, TimeInForce
from sim.protocol.errors import InvariantError
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.orders import (
    ExecutionReport,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
)

CAPPED: Final = 1
"""A parent is held: as much of it is open as may be."""
EXECUTIONS: Final = 2
"""A parent is held: it was filled too often within a time."""


@dataclass(slots=True)
class PoolRounds:
    """What a parent's lots have met at silent pools, round by round, since more were released.

    ``released_qty`` says by then. ``gained_qty`` are the lots of the last round, ``had`` those of
    all rounds by pool, ``short`` the pools that gave less than they were asked for.
    """

    released_qty: int
    rounds: int = 0
    gained_qty: int = 0
    had: dict[str, int] = field(default_factory=dict)
    short: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Parent:
    """A client's order at the router; quantities in lots, prices in ticks.

    ``released_qty`` is how much of it may be worked by now, which never falls; all of it where no
    ``schedule`` says otherwise. ``may_post`` ends at ``post_over_ns``, when the time of what was
    posted is over. ``visible_max`` is the most that it showed at once, where that is followed.

    ``number`` counts parents in their order of arrival. ``open`` holds the children that may still
    fill, ``leaving`` those that wait to leave; ``busted_qty`` are lots that venues took back and
    nobody sends anew, ``unanswered_qty`` is the part of ``reserved_qty`` at venues that do not
    answer. ``children_at`` counts the children made by venue, ``never_left`` those of them that did
    not leave after all.

    ``pools`` is what it has met at silent venues that its strategy tries, ``pings`` the silent
    venues that got a small order first, and whether they filled it whole.

    ``stopped`` is set once the parent only waits for its open children. ``attempts`` counts
    decisions with children, ``splits`` those of them that a strategy split over quotes. ``first``
    and ``used`` serve re-routing on what was known at the first split: per venue the usable levels
    and the quote that they come from.

    ``held`` says which controls let nothing of it leave at present, ``barred`` which venues get
    nothing of it before something changes. ``waits`` for a new quote, ``bound`` to one venue and
    ``crossing`` the spread are as in ``router.reroute``. ``rule`` is for the record of its next
    decision.
    """

    parent_id: str
    side: Side
    order_qty: int
    limit_px: int | None = None
    deadline_ns: int | None = None
    filled_qty: int = 0
    reserved_qty: int = 0
    unanswered_qty: int = 0
    busted_qty: int = 0
    attempts: int = 0
    splits: int = 0
    waiting: bool = False
    stopped: EndReason | None = None
    end_reason: EndReason | None = None
    number: int = 0
    schedule: Schedule | None = None
    released_qty: int = -1
    may_post: bool = True
    visible_max: int = 0
    post_over_ns: int = 0
    held: int = 0
    waits: bool = False
    bound: str = ""
    crossing: bool = False
    rule: str = ""
    barred: dict[str, str] = field(default_factory=dict)
    open: "dict[str, Child]" = field(default_factory=dict)
    leaving: "dict[str, Child]" = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)
    short_filled: set[str] = field(default_factory=set)
    children_at: dict[str, int] = field(default_factory=dict)
    never_left: dict[str, int] = field(default_factory=dict)
    first: dict[str, tuple[Levels, BookSnapshot]] = field(default_factory=dict)
    used: dict[tuple[str, int], int] = field(default_factory=dict)
    pools: PoolRounds | None = None
    pings: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.released_qty < 0:
            self.released_qty = self.order_qty if self.schedule is None else 0

    @property
    def free_qty(self) -> int:
        """Released lots that are still to be filled and that no open child may fill."""
        return self.released_qty - self.filled_qty - self.reserved_qty - self.busted_qty

    @property
    def is_busy(self) -> bool:
        """Whether a child is out that is to take, and may be answered."""
        return any(not child.rests and not child.unanswered for child in self.open.values())

    def tries(self, venue_id: str) -> int:
        """How many children a venue has had or is to have, but for those that never left."""
        return self.children_at.get(venue_id, 0) - self.never_left.get(venue_id, 0)

    def on_kept(self, venue_id: str) -> None:
        """A child for a venue does not leave."""
        self.never_left[venue_id] = self.never_left.get(venue_id, 0) + 1

    def next_name(self, venue_id: str) -> str:
        """The name that its next child at a venue will have."""
        return f"{self.parent_id}.{venue_id}.{self.children_at.get(venue_id, 0) + 1}"

    def may_take(self) -> bool:
        """Whether something may be sent for it now."""
        if self.free_qty <= 0 or self.held:
            return False
        return self.stopped is None and self.end_reason is None

    def check(self) -> None:
        """Raise if a quantity is impossible."""
        if min(self.free_qty, self.filled_qty, self.reserved_qty, self.busted_qty) < 0:
            raise InvariantError(
                f"parent {self.parent_id}: {self.filled_qty} filled and {self.reserved_qty} "
                f"reserved of {self.order_qty}"
            )


def bound_elsewhere(
    parent: Parent, venue_id: str, out: Mapping[str, str], *, short: Collection[str] = ()
) -> str | None:
    """Why a parent that is bound to one venue does not use this one; None if it may.

    A bond to a venue that gets nothing at present, or nothing of this parent, does not count.

    Args:
        parent: The parent.
        venue_id: The venue.
        out: Venues that get nothing at present.
        short: Venues that may not be used again since they filled short.
    """
    bound = parent.bound
    if not bound or bound == venue_id or bound in out:
        return None
    return None if bound in parent.excluded or bound in short else "bound"


class Booked(msgspec.Struct, frozen=True, gc=False):
    """What holds of one fill: price, lots booked for the parent, lots of the account apart, fee.

    The fee is what the parent paid: None where all of the lots are in the account apart.
    """

    px: int
    qty: int
    excess: int
    fee: Decimal | None


class Child(msgspec.Struct, eq=False):
    """One order to one venue; ``best_px`` is the best displayed lit price as it was decided.

    ``sent_ns`` is when it left, or is to leave. ``min_qty`` is the least that one of its executions
    may have.

    ``price`` is the widest limit under which it may fill now, ``leaves_qty`` what may still fill.
    ``cum_qty`` was booked for the parent, ``excess_qty`` is what the venue says beyond that.

    ``pending_due_ns`` is when the answer to a request is late that the venue has said is pending.

    ``name`` is what the venue calls the order, which a replace changes. ``request`` is the one
    cancel or replace that waits for an answer, ``target`` the last replace whose fate is unknown,
    ``booked_px`` the price at which the venue has the order, as far as known, ``posted_px`` that at
    which lots that nobody offered were first posted. ``unanswered`` means
    that the router has given up asking: the lots stay reserved. ``held`` is an end or a replace
    that counts fills which have not come yet. ``told`` means that all who want to know have heard
    that it has ended, ``written_off`` that it ended here and not at its venue. ``booked`` says what
    holds of a fill where that is not what its report said, ``taken_back`` the lots that each bust
    or correction has taken off.

    A struct, unlike other state: with so many fields a dataclass takes four times as long to make,
    and children are made inside decisions.
    """

    cl_ord_id: str
    parent: Parent
    venue_id: str
    side: Side
    order_qty: int
    price: int
    decision_id: int
    leaves_qty: int
    best_px: int | None = None
    time_in_force: TimeInForce = TimeInForce.IOC
    min_qty: int = 0
    cum_qty: int = 0
    excess_qty: int = 0
    status: OrdStatus = OrdStatus.PENDING_NEW
    acked: bool = False
    sent_ns: int = 0
    name: str = ""
    request: OrderCancelRequest | OrderCancelReplaceRequest | None = None
    resends: int = 0
    cancels: int = 0
    replaces: int = 0
    replaced_at_ns: int = -1
    target: OrderCancelReplaceRequest | None = None
    booked_px: int = 0
    posted_px: int = 0
    cancel_reason: DecisionReason | None = None
    cancel_wanted: bool = False
    pending_due_ns: int = -1
    unanswered: bool = False
    told: bool = False
    written_off: bool = False
    seen: dict[int, ExecutionReport] = msgspec.field(default_factory=dict)
    held: list[tuple[ExecutionReport, Stamps]] = msgspec.field(default_factory=list)
    booked: dict[int, Booked] = msgspec.field(default_factory=dict)
    taken_back: dict[int, int] = msgspec.field(default_factory=dict)

    @property
    def told_qty(self) -> int:
        """Lots that the venue has reported as filled, whatever became of them here."""
        return self.cum_qty + self.excess_qty

    @property
    def rests(self) -> bool:
        """Whether it was sent to rest in the venue's book."""
        return self.time_in_force in {TimeInForce.DAY, TimeInForce.GTC}

    def told_before(self, exec_id: int) -> int:
        """Lots that it has reported as filled in reports numbered before ``exec_id``."""
        lots = sum(
            report.last_qty
            for n, report in self.seen.items()
            if n < exec_id and report.exec_ref_id is None
        )
        return lots - sum(lots for n, lots in self.taken_back.items() if n < exec_id)
