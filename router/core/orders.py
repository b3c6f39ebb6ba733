"""The router's own books: parents, their children, and what is reserved.

``reserved`` is what open children may still fill. ``filled + reserved`` never exceeds what was
ordered, so a parent is never over-filled, whatever comes back in whatever order.
"""

from dataclasses import dataclass, field

from sim.protocol.enums import DecisionReason, EndReason, OrdStatus, Side, TimeInForce
from sim.protocol.errors import InvariantError
from sim.protocol.market_data import BookSnapshot, Levels


@dataclass(slots=True)
class Parent:
    """A client's order at the router; quantities in lots, prices in ticks.

    ``due`` is the reason for a decision that is to be made at this instant. ``stopped`` is set once
    the parent only waits for its open children. ``attempts`` counts decisions with children,
    ``splits`` those of them that a strategy split over quotes. ``first`` and ``used`` serve
    re-routing on what was known at the first split: per venue the usable levels and the quote that
    they come from.
    """

    parent_id: str
    side: Side
    order_qty: int
    limit_px: int | None = None
    deadline_ns: int | None = None
    filled_qty: int = 0
    reserved_qty: int = 0
    attempts: int = 0
    splits: int = 0
    due: DecisionReason | None = None
    waiting: bool = False
    stopped: EndReason | None = None
    end_reason: EndReason | None = None
    excluded: dict[str, str] = field(default_factory=dict)
    short_filled: set[str] = field(default_factory=set)
    children_at: dict[str, int] = field(default_factory=dict)
    first: dict[str, tuple[Levels, BookSnapshot]] = field(default_factory=dict)
    used: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def free_qty(self) -> int:
        """Lots that no open child may fill."""
        return self.order_qty - self.filled_qty - self.reserved_qty

    def check(self) -> None:
        """Raise if a quantity is impossible."""
        if min(self.free_qty, self.filled_qty, self.reserved_qty) < 0:
            raise InvariantError(
                f"parent {self.parent_id}: {self.filled_qty} filled and {self.reserved_qty} "
                f"reserved of {self.order_qty}"
            )


@dataclass(slots=True)
class Child:
    """One order to one venue; ``best_px`` is the best displayed lit price as it was sent."""

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
    cum_qty: int = 0
    status: OrdStatus = OrdStatus.PENDING_NEW
    last_exec_id: int = -1
    cancel_reason: DecisionReason | None = None
    cancels: int = 0
