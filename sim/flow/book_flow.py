"""The base of flows that look at the venue's book before each message.

Such a flow sits at the venue: it sees the book as it is, without delay, and what it sends goes into
the venue's inbox like any other message. It is a generator of *moves*: each names the instant of
the next look at the book, and brings the message that the present look led to, if it led to one.
Nothing is prepared beyond that instant, so what others do to the book meanwhile needs no redrawing.

Its orders are its own: it never cancels an order of anybody else, but all orders in a queue count.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Final, Protocol

from pydantic import Field

from sim.flow.base import FlowEntry, FlowGrid, Problems, off_grid
from sim.flow.laws import FixedSize, SizeLaw
from sim.kernel.streams import Stream
from sim.protocol.config import Duration, PositiveDecimal, ScenarioModel, Seq
from sim.protocol.enums import OrdType, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderMessage

NS_PER_HOUR: Final = 3_600_000_000_000
EMPTY: Final = 2**63
"""``SideView.best`` of a side without orders."""

Moves = Iterator[tuple[int, OrderMessage | None]]
"""``(t_ns, message)``: the message of this instant, if any, and when to ask again.

The first one comes before there is anything to look at and brings no message.
"""

OrderCount = Annotated[int, Field(ge=1, le=10_000)]
OpeningLevel = tuple[PositiveDecimal, OrderCount]
Rate = Annotated[float, Field(ge=0, le=1e9)]
"""Events per ``per``."""


class SideView(Protocol):
    """One side of a book."""

    best: int
    """Its best price in ticks, negated on the bid side; ``EMPTY`` while there is no order."""


class OrderView(Protocol):
    """A resting order."""

    key: int
    """Its price in ticks, negated for a bid."""


class BookView(Protocol):
    """A venue's book, to read only."""

    @property
    def sides(self) -> tuple[SideView, SideView]:
        """Bids and asks: the same objects for ever."""
        ...

    @property
    def open_orders(self) -> Mapping[str, OrderView]:
        """Resting orders of everybody by name: the same object for ever."""
        ...

    def qty_at(self, side: Side, price: int) -> int:
        """Open lots at a price."""
        ...


@dataclass
class Place:
    """Where a flow stands: its venue's book and grid, its chance, its name and its orders.

    ``own`` holds the names of its orders that may still be open; who generates moves keeps it.
    ``start_ns`` is when it begins to act, before the run if it warms up.
    """

    book: BookView
    grid: FlowGrid
    stream: Stream
    account: str
    start_ns: int = 0
    own: list[str] = field(default_factory=list)


class OpeningConfig(ScenarioModel):
    """Orders of the flow that rest before it begins, best known as its queues at the start."""

    bids: Annotated[Seq[Annotated[OpeningLevel, Field(strict=False)]], Field(max_length=1000)] = ()
    """Bids as [price, number of orders]."""
    asks: Annotated[Seq[Annotated[OpeningLevel, Field(strict=False)]], Field(max_length=1000)] = ()
    """Offers as [price, number of orders]."""


class BookFlow(FlowEntry):
    """Base of the flows that look at the book; each adds its tag, ``kind: Literal[...]``."""

    per: Annotated[Duration, Field(gt=0)]
    """Time unit of all rates of this flow: ``1s`` for rates per second."""
    centre: PositiveDecimal
    """Until a side has had an order, its best price counts as one tick of the venue from here."""
    opening: OpeningConfig = OpeningConfig()
    """Orders of this flow in the book at the start."""
    warm_up: Annotated[Duration, Field(le=24 * NS_PER_HOUR)] = Field(
        0, json_schema_extra={"default": "0ns"}
    )
    """It has acted on the opening book for this long when the run starts."""
    size: SizeLaw = FixedSize(law="fixed")
    """Law of its orders' sizes."""

    @property
    def rests(self) -> bool:
        """See the base: limit orders are its main part."""
        return True

    @abstractmethod
    def moves(self, place: Place) -> Moves:
        """See ``Moves``: the generator of this flow, which never ends."""

    def opening_orders(self, place: Place) -> Iterator[NewOrderSingle]:
        """The orders of ``opening``, which become its own; each takes one draw for its size."""
        lots = self.size.quantile()
        for side, levels in ((Side.BUY, self.opening.bids), (Side.SELL, self.opening.asks)):
            for value, orders in levels:
                price = place.grid.price(value)
                for _ in range(orders):
                    name = f"{place.account}.o{len(place.own) + 1}"
                    qty: Any = place.grid.lot * lots(place.stream.uniform())
                    place.own.append(name)
                    yield NewOrderSingle(
                        name, side, qty, price, OrdType.LIMIT, TimeInForce.GTC, place.account
                    )

    def problems(self, grid: FlowGrid) -> Problems:
        """See the base."""
        found = off_grid(("centre",), grid.price, self.centre)
        if not found and grid.price(self.centre) <= grid.tick:
            found.append((("centre",), "must be more than one tick of the venue"))
        lowest = min((price for price, _ in self.opening.asks), default=None)
        for name, levels in (("asks", self.opening.asks), ("bids", self.opening.bids)):
            seen: set[Decimal] = set()
            for n, (price, _) in enumerate(levels):
                path = ("opening", name, n, 0)
                found += off_grid(path, grid.price, price)
                if name == "bids" and lowest is not None and price >= lowest:
                    found.append((path, "a bid must be below the lowest ask"))
                if price in seen:
                    found.append((path, "this price stands there already"))
                seen.add(price)
        return found


def references(place: Place, centre: Decimal) -> tuple[int, int]:
    """Best bid, negated, and best ask as they count while a side has had no order yet."""
    ticks, tick = place.grid.price(centre), place.grid.tick
    return tick - ticks, ticks + tick


def start_flows(
    flows: Sequence[tuple[BookFlow, Place]], handle: Callable[[OrderMessage], object]
) -> list[tuple[int, Moves]]:
    """Put the opening orders in the book and let each flow act until the run starts.

    Args:
        flows: All flows of this kind at one venue.
        handle: Applies a message to the venue's book.

    Returns:
        For each flow when it looks at the book next, 0 or later, and its moves from then on.
    """
    waiting: list[tuple[int, Moves]] = []
    for flow, place in flows:
        place.start_ns = -flow.warm_up
        for order in flow.opening_orders(place):
            handle(order)
    for flow, place in flows:
        moves = flow.moves(place)
        waiting.append((next(moves)[0], moves))
    while waiting:
        n = min(range(len(waiting)), key=lambda k: waiting[k][0])
        t_ns, moves = waiting[n]
        if t_ns >= 0:
            break
        t_ns, msg = next(moves)
        waiting[n] = (t_ns, moves)
        if msg is not None:
            handle(msg)
    return waiting
