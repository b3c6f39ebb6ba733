"""What the market was as each child reached its venue, and what type of order that made it.

The best prices are the true ones: the best displayed lit quotes as venues published them, before
any change that our own orders made at that instant. Types follow the table of Rule 605 in kind:
each is judged by the limit that the child came with, at the venue's receipt.
"""

from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final

from sim.protocol.enums import TimeInForce
from sim.report.trail.build import Trail
from sim.report.trail.market import NO_PX
from sim.report.trail.orders import Child

_AT_ONCE: Final = (TimeInForce.IOC, TimeInForce.FOK)


@unique
class OrderType(Enum):
    """Types of limit orders by where their limit lies at receipt."""

    MARKETABLE_IOC = "marketable_ioc"
    """Reaches the best price of the other side, and does not rest."""
    MARKETABLE = "marketable_limit"
    """Reaches the best price of the other side, and may rest."""
    INSIDE = "inside_the_quote"
    """Better than the best price of its own side, and does not reach the other."""
    AT = "at_the_quote"
    """At the best price of its own side."""
    NEAR = "near_the_quote"
    """Behind the best price of its own side by no more than ``near``."""
    AWAY = "away_from_the_quote"
    """Further behind."""
    PASSIVE_IOC = "not_marketable_ioc"
    """Does not reach the other side, and does not rest."""
    NO_QUOTE = "no_quote"
    """There was no displayed price to judge it by, or the log does not say when it came."""


@unique
class Quoted(Enum):
    """What the best displayed prices were at receipt."""

    NORMAL = "normal"
    ONE_SIDED = "one_sided"
    LOCKED = "locked"
    CROSSED = "crossed"
    NONE = "none"


@dataclass(slots=True)
class Receipt:
    """A child as its venue received it; prices are ticks, None for an empty side."""

    child: Child
    t_ns: int | None
    """When it arrived, before any queue; None: the log does not say."""
    row: int
    """The row of the best prices that held; -1: none."""
    bid: int | None
    ask: int | None
    quoted: Quoted
    order_type: OrderType
    sign: int
    """+1 for a buy, -1 for a sale."""
    far: int | None
    """Best price of the side that it trades against."""


def order_type(
    sign: int,
    price: int,
    bid: int | None,
    ask: int | None,
    *,
    at_once: bool,
    near_ticks: int,
) -> OrderType:
    """The type of a limit order.

    Args:
        sign: +1 for a buy, -1 for a sale.
        price: Its limit, ticks.
        bid: Best displayed bid at receipt, ticks; None: there is none.
        ask: Best displayed offer at receipt, ticks; None: there is none.
        at_once: Whether it is immediate-or-cancel or fill-or-kill.
        near_ticks: How far behind its own side's best price an order is still near it, >= 0.

    Source: Rule 605 of Regulation NMS in kind; the design notes, section "best-execution
    statistics".
    """
    far, near = (ask, bid) if sign > 0 else (bid, ask)
    if far is not None and sign * (price - far) >= 0:
        return OrderType.MARKETABLE_IOC if at_once else OrderType.MARKETABLE
    if far is None and near is None:
        return OrderType.NO_QUOTE
    if at_once:
        return OrderType.NO_QUOTE if far is None else OrderType.PASSIVE_IOC
    if near is None:
        return OrderType.INSIDE  # nobody else is on its side
    ahead = sign * (price - near)
    if ahead > 0:
        return OrderType.INSIDE
    if ahead == 0:
        return OrderType.AT
    return OrderType.NEAR if -ahead <= near_ticks else OrderType.AWAY


def quoted(bid: int | None, ask: int | None) -> Quoted:
    """What these best prices are to each other."""
    if bid is None or ask is None:
        return Quoted.NONE if bid is None and ask is None else Quoted.ONE_SIDED
    if bid < ask:
        return Quoted.NORMAL
    return Quoted.LOCKED if bid == ask else Quoted.CROSSED


def received_ns(child: Child) -> int | None:
    """When a child arrived at its venue, before the venue's queue; None: the log does not say."""
    came = child.arrival
    return None if came is None else came.t_ns - came.queued_ns - came.processing_ns


def best_prices(trail: Trail, t_ns: int) -> tuple[int, int | None, int | None]:
    """``(row, bid, ask)`` that held at an instant before any change of our own making at it."""
    nbbo = trail.market.nbbo
    row = nbbo.before_own(t_ns)
    if row < 0:
        return -1, None, None
    bid, ask = nbbo.bid[row], nbbo.ask[row]
    return row, None if bid == NO_PX else bid, None if ask == NO_PX else ask


def receipt(trail: Trail, child: Child, near_ticks: int) -> Receipt:
    """What a child met as it arrived."""
    t_ns = received_ns(child)
    row, bid, ask = (-1, None, None) if t_ns is None else best_prices(trail, t_ns)
    sent, sign = child.sent, child.sign
    at_once = sent.time_in_force in _AT_ONCE
    kind = order_type(sign, sent.price, bid, ask, at_once=at_once, near_ticks=near_ticks)
    far = ask if sign > 0 else bid
    return Receipt(child, t_ns, row, bid, ask, quoted(bid, ask), kind, sign, far)


@dataclass(slots=True)
class Touches:
    """Single venues' quotes as they stood before our own orders changed them.

    A quote that a venue published at an instant at which it acted on a message of ours counts as
    changed by us, whatever else the venue did at that very instant.
    """

    trail: Trail
    _acted: set[tuple[str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        acted = self._acted
        for child in self.trail.children.values():
            venue_id = child.venue_id
            for record in (child.acked, child.canceled, *child.replaced):
                if record is not None:
                    acted.add((venue_id, record.processed_ns))
            if child.arrival is not None:
                acted.add((venue_id, child.arrival.t_ns))
            for one in child.executions:
                if not one.is_maker:
                    acted.add((venue_id, one.done_ns))

    def row(self, venue_id: str, t_ns: int) -> int:
        """The row of the venue's quotes that held; -1: none."""
        quotes = self.trail.market.quotes.get(venue_id)
        if quotes is None:
            return -1
        row = quotes.at(t_ns)
        if row < 0 or quotes.t_ns[row] != t_ns or (venue_id, t_ns) not in self._acted:
            return row
        return max(0, quotes.before(t_ns))  # where there is none before, the opening is not ours

    def side(self, venue_id: str, t_ns: int, sign: int) -> tuple[int, int, int] | None:
        """``(price, lots, row)`` of the best quote that a buy (+1) or sale (-1) meets there."""
        row = self.row(venue_id, t_ns)
        if row < 0:
            return None
        quotes = self.trail.market.quotes[venue_id]
        price, lots = (quotes.ask, quotes.ask_qty) if sign > 0 else (quotes.bid, quotes.bid_qty)
        return None if price[row] == NO_PX else (price[row], lots[row], row)

    def displayed(self, t_ns: int, sign: int, price: int) -> int:
        """Lots that lit venues together display at a best price."""
        total = 0
        for venue_id, quotes in self.trail.market.quotes.items():
            if venue_id in self.trail.lit:
                row = self.row(venue_id, t_ns)
                prices = quotes.ask if sign > 0 else quotes.bid
                if row >= 0 and prices[row] == price:
                    total += (quotes.ask_qty if sign > 0 else quotes.bid_qty)[row]
        return total
