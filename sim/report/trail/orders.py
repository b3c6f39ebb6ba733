"""Parents, their children and what was executed of them, gathered from a run's records.

Quantities are lots, prices ticks, times nanoseconds since the start of the run. What a venue took
back or corrected is applied, so that executions are what stands at the end.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from itertools import chain
from typing import Final, NamedTuple

from sim.audit.records import (
    BookAtArrival,
    Bust,
    CancelRejected,
    CancelSent,
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    ChildReplaced,
    ChildSent,
    Correction,
    DealerAnswer,
    Decision,
    KnownQuote,
    Overfill,
    ParentDone,
    ParentReceived,
    QueuePosition,
    ReplaceSent,
    RequestPending,
    StatusReported,
    WrittenOff,
)
from sim.protocol.enums import Side

EXACT: Final = Context(prec=80, traps=[Inexact])
"""A sum of money that needed rounding would raise."""

Report = (
    ChildAcked
    | ChildRejected
    | ChildCanceled
    | ChildReplaced
    | CancelRejected
    | RequestPending
    | Bust
    | Correction
    | Overfill
)
"""What a venue says of a child, besides its fills."""


@dataclass(slots=True)
class Ways:
    """How long the reports of a venue took to the router, one by one, those taken back later too.

    Times are drawn and held part together.
    """

    times_ns: "array[int]" = field(default_factory=lambda: array("q"))
    held_ns_max: int = 0

    def add(self, drawn_ns: int, held_ns: int) -> None:
        """Take a report."""
        self.times_ns.append(drawn_ns + held_ns)
        self.held_ns_max = max(self.held_ns_max, held_ns)


@dataclass(slots=True)
class Execution:
    """Lots of a child that traded, as they stand after busts and corrections."""

    child: "Child" = field(repr=False, compare=False)
    exec_id: int
    px: int
    qty: int
    fee: Decimal
    """Money; negative: a rebate."""
    is_maker: bool
    best_px: int | None
    """Best displayed lit price of the other side that the router knew as the child left."""
    done_ns: int
    """When the venue did it."""
    heard_ns: int
    """When the router heard of it."""


class Question(NamedTuple):
    """The router asked the venue what became of a child."""

    t_ns: int
    leaves_qty: int
    """Lots that were open then, as far as the router knew."""


@dataclass(slots=True)
class Child:
    """One child order: what was asked, on what knowledge, and all that came back."""

    sent: ChildSent
    decision: Decision | None
    known: KnownQuote | None
    """What the decision knew of the venue; None for blind orders and posts."""
    arrival: BookAtArrival | None = None
    acked: ChildAcked | None = None
    rejected: ChildRejected | None = None
    canceled: ChildCanceled | None = None
    written_off: WrittenOff | None = None
    executions: list[Execution] = field(default_factory=list)
    requests: list[CancelSent | ReplaceSent] = field(default_factory=list)
    refused_requests: list[CancelRejected] = field(default_factory=list)
    replaced: list[ChildReplaced] = field(default_factory=list)
    places: list[QueuePosition] = field(default_factory=list)
    answers: list[DealerAnswer] = field(default_factory=list)
    taken_back: list[Bust | Correction] = field(default_factory=list)
    overfills: list[Overfill] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    told: list[StatusReported] = field(default_factory=list)
    ended_ns: int | None = None
    """When the router knew that nothing more of it can fill; None: it never did."""
    requested_qty: int = 0
    """The most that was ever asked of the venue with it."""
    leaves_qty: int = 0
    """Open as far as the router knows."""

    venue_id: str = field(init=False)
    """Where it was sent."""
    sign: int = field(init=False)
    """+1 for a buy, -1 for a sale."""

    def __post_init__(self) -> None:
        # Every analysis asks for these of every child.
        self.venue_id = self.sent.venue_id
        self.sign = 1 if self.sent.side is Side.BUY else -1

    @property
    def cl_ord_id(self) -> str:
        """Its id."""
        return self.sent.cl_ord_id

    @property
    def filled_qty(self) -> int:
        """Lots filled."""
        lots = 0
        for one in self.executions:
            lots += one.qty
        return lots

    @property
    def short_qty(self) -> int:
        """Lots asked for and not filled."""
        return self.requested_qty - self.filled_qty

    @property
    def tick_lots(self) -> int:
        """Sum of price times quantity over its executions."""
        return sum(one.px * one.qty for one in self.executions)

    @property
    def fees(self) -> Decimal:
        """Money paid in fees; negative: rebates. Raises if the sum needs rounding."""
        return exact_sum(one.fee for one in self.executions)


@dataclass(slots=True)
class Parent:
    """One client's order, with the children and decisions that worked it, in their order."""

    received: ParentReceived
    children: list[Child] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    done: ParentDone | None = None

    @property
    def parent_id(self) -> str:
        """Its id."""
        return self.received.parent_id

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sale."""
        return 1 if self.received.side is Side.BUY else -1

    @property
    def executions(self) -> Iterator[Execution]:
        """All executions, child by child."""
        return chain.from_iterable([child.executions for child in self.children])

    @property
    def filled_qty(self) -> int:
        """Lots filled."""
        return sum(child.filled_qty for child in self.children)

    @property
    def tick_lots(self) -> int:
        """Sum of price times quantity over its executions."""
        return sum(child.tick_lots for child in self.children)

    @property
    def fees(self) -> Decimal:
        """Money paid in fees; negative: rebates. Raises if the sum needs rounding."""
        return exact_sum(one.fee for one in self.executions)

    @property
    def arrival_mid_x2(self) -> int | None:
        """Best bid plus best offer that the router knew as it came, in ticks; None without both."""
        bid, ask = self.received.bid_px, self.received.ask_px
        return None if bid is None or ask is None else bid + ask


def exact_sum(values: Iterable[Decimal]) -> Decimal:
    """The sum of decimals, exactly.

    Raises:
        decimal.Inexact: If it has more digits than any sum of money has.
    """
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, value)
    return total
