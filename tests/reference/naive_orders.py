"""What the naive book of special orders keeps of an order, and says of it."""

from dataclasses import dataclass, field
from typing import NamedTuple

from sim.protocol.enums import (
    CxlRejReason,
    ExecType,
    OrdStatus,
    OrdType,
    RejectReason,
    SelfTrade,
    TimeInForce,
)
from sim.protocol.orders import OrderInstructions


class Settings(NamedTuple):
    """The settings that this book knows."""

    stop_on_entry: str = "trigger"
    stop_election: str = "fifo"
    iceberg_residual: str = "full_peak"
    iceberg_size_up: str = "loses_priority"
    hidden_improvement: int | None = None
    hidden_min_remainder: int = 0


class Told(NamedTuple):
    """What a report says, without ids and times."""

    what: ExecType | CxlRejReason
    status: OrdStatus
    name: str
    account: str
    asked: int = 0
    filled: int = 0
    still_open: int = 0
    price: int | None = None
    lots: int = 0
    is_maker: bool = False
    reason: RejectReason | None = None
    of: str | None = None


@dataclass
class Order:
    """An order with open lots, or what became of it."""

    name: str
    account: str
    buys: bool
    price: int | None
    asked: int
    kind: OrdType
    tif: TimeInForce
    mode: SelfTrade
    post_only: bool
    arrived: int
    min_qty: int = 0
    extras: OrderInstructions = field(default_factory=OrderInstructions)
    stop: int | None = None
    filled: int = 0
    shown: int = 0
    waits: bool = False
    ended: bool = False

    @property
    def left(self) -> int:
        """Open lots."""
        return 0 if self.ended else self.asked - self.filled

    @property
    def choosy(self) -> bool:
        """Whether it may stand against others that it could trade with by price."""
        return self.extras.all_or_none or self.min_qty > 0

    @property
    def least(self) -> int:
        """The fewest lots of one execution as it rests."""
        return self.left if self.extras.all_or_none else min(self.min_qty, self.left)

    @property
    def status(self) -> OrdStatus:
        """State after what has happened to it."""
        if self.filled == self.asked:
            return OrdStatus.FILLED
        if self.ended:
            return OrdStatus.CANCELED
        return OrdStatus.PARTIALLY_FILLED if self.filled else OrdStatus.NEW

    def tell(self, what: ExecType, name: str | None = None, of: str | None = None) -> Told:
        """Tell its owner."""
        about = (name or self.name, self.account, self.asked, self.filled, self.left)
        return Told(what, self.status, *about, of=of)
