"""What every venue's core offers to the shell around it, and what cores share.

A core is pure: messages in, reports out. It knows no event loop, clock, chance, file or log, no
latency and no fee; ``venues.task`` adds them.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from sim.protocol.enums import CxlRejReason, Priority, RejectReason, Side, TradingState
from sim.protocol.market_data import BookSnapshot, Levels, Trade
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderReduceRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.book import RestingOrder

Request = OrderCancelRequest | OrderCancelReplaceRequest | OrderReduceRequest


class VenueCore(Protocol):
    """A venue's book and rules. Prices are ticks and quantities lots of the instrument.

    Attributes:
        venue_seq: Number of the present state; goes up whenever a book changes or something trades.
    """

    venue_seq: int

    @property
    def last_px(self) -> PriceTicks | None:
        """Price of the last trade; None before the first."""
        ...

    @property
    def last_qty(self) -> QtyLots:
        """Lots of the last trade; 0 before the first."""
        ...

    @property
    def volume(self) -> QtyLots:
        """Lots traded since the start."""
        ...

    @property
    def trades(self) -> Sequence[Trade]:
        """The prints of the last ``handle`` call, in their order."""
        ...

    # Any: each core takes order messages and what its own source yields. A union over all kinds
    # would make every core answer messages that never come.
    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message and return every report that it causes, to whomever."""
        ...

    def refuse_new(self, msg: NewOrderSingle, reason: RejectReason, now_ns: TimeNs) -> VenueReport:
        """Refuse a new order for a reason that the book does not know; nothing else happens."""
        ...

    def refuse_change(self, msg: Request, reason: CxlRejReason, now_ns: TimeNs) -> VenueReport:
        """Refuse a request, for ``reason`` if the order that it names is open."""
        ...

    def next_exec_id(self) -> int:
        """The number of the next report, for whoever around the core makes one; now it is used."""
        ...

    def published(self, depth: int) -> tuple[Levels, Levels]:
        """Bids and asks as the feed shows them, at most ``depth`` levels each.

        A side is the same tuple object as at the call before unless something in it has changed.
        """
        ...

    def reachable_by(self, msg: NewOrderSingle, depth: int) -> Levels:
        """What this order could take if it were handled now, in the ``depth`` best levels.

        Of the true book, hidden lots included, whatever the order's quantity.
        """
        ...

    def check(self) -> None:
        """Walk every invariant.

        Raises:
            InvariantError: Naming the rule that is broken, and where.
        """
        ...


@runtime_checkable
class OrderHolder(Protocol):
    """What a core has in which orders of others stay for a while; to read only."""

    def open_order(self, name: str) -> RestingOrder | None:
        """The open order of that name; None if there is none."""
        ...

    def resting(self, side: Side) -> Iterator[RestingOrder]:
        """The open orders of a side."""
        ...


@runtime_checkable
class ResumingCore(Protocol):
    """What a core has in which messages have consequences that are not theirs: elected stops."""

    def suspend(self) -> None:
        """From now on nothing follows from a message: trading has stopped."""
        ...

    def resume(self, now_ns: TimeNs) -> list[VenueReport]:
        """Trading goes on; what has had to wait happens now."""
        ...


class Heard(msgspec.Struct, frozen=True):
    """What a venue has heard of other venues and could not use at once: the latest of each."""

    snapshots: tuple[BookSnapshot, ...]


class WakeAt(msgspec.Struct, frozen=True):
    """A core asks to be handed ``msg`` at ``t_ns``, in its inbox like any other message.

    ``rank`` says what it comes before and after at that instant.
    """

    t_ns: int
    rank: Priority
    msg: Any


class TradeLater(msgspec.Struct, frozen=True):
    """The message of a wake-up at which a core may trade.

    While the venue is not open it waits, and is handed over as trading goes on.
    """

    t_ns: int
    """When it was due."""
    name: str = ""
    """Of the order that it is about, if it is about one."""
    order_id: int = 0
    """The venue's id of that order, since a name may be used again."""


DealerOutcome = Literal["filled", "rejected", "canceled"]


class DealerNote(msgspec.Struct, frozen=True):
    """What a dealer made of an order that it did not answer at once, for the records."""

    cl_ord_id: str
    side: Side
    order_qty: int
    quote_px: int | None
    asked_ns: int
    moved_half_ticks: int | None
    outcome: DealerOutcome


class VenueNote(msgspec.Struct, frozen=True):
    """Something happened at a venue that the records tell; ``event`` is how they call it."""

    event: str
    detail: str


Note = DealerNote | VenueNote


@runtime_checkable
class TellingCore(Protocol):
    """What a core has whose ways are told in the records; others have nothing of this.

    The shell empties the list after each message.

    Attributes:
        notes: What has just come, oldest first.
    """

    notes: list[Note]


class TradingChange(msgspec.Struct, frozen=True):
    """From ``t_ns`` on a venue is in ``state``; ``event`` is how records call it."""

    t_ns: int
    state: TradingState
    event: Literal["opened", "halted", "resumed", "closed"]
    detail: str = ""


class Notice(msgspec.Struct, frozen=True):
    """Something happened at a venue that is no report and no change of trading.

    ``event`` is how records call it.
    """

    event: str
    detail: str


@runtime_checkable
class TimedCore(Protocol):
    """What a core has that acts on its own at certain times; others have nothing of this.

    The shell empties both lists, at the start and after each message.

    Attributes:
        wakes: Wake-ups that it asks for.
        changes: Changes of its state of trading, and what else it has to tell, oldest first.
    """

    wakes: list[WakeAt]
    changes: list[TradingChange | Notice]

    @property
    def state(self) -> TradingState:
        """Whether it trades now."""
        ...


@runtime_checkable
class TerseCore(Protocol):
    """What a core has that can be told what nobody hears or sees; others have nothing of this.

    Most messages of a busy venue are of others and change nothing that shows.

    Attributes:
        unseen: Whether what is published may have changed, or something traded, since it was last
            asked for. Whoever publishes may go by it only if nobody else asks.
    """

    unseen: bool

    def report_to(self, accounts: Collection[str]) -> None:
        """From now on leave out acknowledgements and cancels of all other accounts' orders."""
        ...
