"""What a log says of one child and of one parent, as ``LogState`` folds it. Lots and ticks."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from sim.audit.records import ParentReceived, QueuePosition, ScheduleStep
from sim.protocol.enums import EndReason, RejectReason, Side, TimeInForce
from sim.protocol.enums import OrdStatus as Status

_ENDED: Final = frozenset({Status.FILLED, Status.CANCELED, Status.REJECTED})


@dataclass(slots=True)
class ChildState:
    """One child order as the router knows it; ``arrived_ns`` is what the venue wrote down.

    ``busted_qty`` are filled lots that the venue took back after the order's end.
    ``tick_lots`` is the sum of price times quantity over its fills. ``place`` is its last known
    place in a line, None if its venue told none.
    """

    cl_ord_id: str
    parent_id: str
    decision_id: int
    venue_id: str
    side: Side
    order_qty: int
    price: int
    time_in_force: TimeInForce
    sent_ns: int
    leaves_qty: int
    status: Status = Status.PENDING_NEW
    order_id: int | None = None
    arrived_ns: int | None = None
    ended_ns: int | None = None
    cum_qty: int = 0
    canceled_qty: int = 0
    busted_qty: int = 0
    tick_lots: int = 0
    fees: Decimal = Decimal(0)
    fills: int = 0
    reject_reason: RejectReason | None = None
    place: QueuePosition | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.status not in _ENDED


@dataclass(slots=True)
class ParentState:
    """One client's order and the children that work it, in the order in which they left.

    ``working_qty`` are the lots in open children; ``free_qty`` those that are neither filled nor
    working nor given up. ``busted_qty`` are filled lots that venues took back; those of them that
    nobody sends anew are among the ``canceled_qty``. ``step`` is the last of its schedule.
    """

    received: ParentReceived
    children: list[ChildState] = field(default_factory=list)
    decisions: int = 0
    reallocations: int = 0
    filled_qty: int = 0
    working_qty: int = 0
    canceled_qty: int = 0
    busted_qty: int = 0
    tick_lots: int = 0
    fees: Decimal = Decimal(0)
    end_reason: EndReason | None = None
    ended_ns: int | None = None
    step: ScheduleStep | None = None

    @property
    def leaves_qty(self) -> int:
        """Lots neither filled nor given up."""
        return self.received.order_qty - self.filled_qty - self.canceled_qty

    @property
    def free_qty(self) -> int:
        """Lots that are left and that no open child may fill."""
        return self.leaves_qty - self.working_qty
