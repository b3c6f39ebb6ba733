"""The words between a user's own router and ours. Nothing here can be changed once it is made.

Shapes and units: prices in ticks, quantities in lots, times in nanoseconds since the start of the
run; levels are ``((price, lots), ...)``, best first. Knows no desk, clock or event loop.
"""

from fractions import Fraction
from typing import Final, Literal

import msgspec

from router.core.profile import VenueProfile, Visibility
from sim.protocol.enums import DecisionReason, OrdStatus, Side
from sim.protocol.market_data import Levels

Tif = Literal["IOC", "DAY"]
TIFS: Final[tuple[Tif, ...]] = ("IOC", "DAY")


class ActionError(ValueError):
    """An action cannot be carried out; says which one, why, and what is allowed."""


# What a router may ask for


class Send(msgspec.Struct, frozen=True, gc=False):
    """Send an order to a venue, for the parent that the decision is about.

    ``qty`` is a whole number of the venue's lots and at most the parent's free ones, ``price`` a
    limit on the venue's grid and within the parent's. An ``IOC`` takes what is there, a ``DAY``
    order rests. A decision sends at most one ``IOC`` to each venue.
    """

    venue_id: str
    qty: int
    price: int
    tif: Tif = "IOC"


class Cancel(msgspec.Struct, frozen=True, gc=False):
    """Ask to cancel what is open of an order; its lots are free once the venue has confirmed."""

    cl_ord_id: str


class Replace(msgspec.Struct, frozen=True, gc=False):
    """Ask for another price and total of a resting order that the venue has accepted.

    ``qty`` counts what is filled already, and is at most the order's present total.
    """

    cl_ord_id: str
    qty: int
    price: int


class WakeAt(msgspec.Struct, frozen=True, gc=False):
    """Ask to decide again at ``t_ns``, which is later than now, whatever happens until then."""

    t_ns: int


Action = Send | Cancel | Replace | WakeAt


# What it sees


class Known(msgspec.Struct, frozen=True):
    """One venue as the router knows it, for one parent.

    ``bids`` and ``asks`` are the last quote as received, ``age_ns`` old since the venue published
    it; None: no quote. ``available`` is the side that the parent trades against, less what our own
    orders took of it or may still take. ``held`` says why nothing may be sent there now; None: it
    may. ``latency_ns`` is the expected delay of an order, as measured so far. A ``silent`` venue
    never shows what it holds. Prices are multiples of ``tick``, quantities of ``lot``.
    """

    venue_id: str
    kind: Visibility
    latency_ns: int
    tick: int
    lot: int
    bids: Levels
    asks: Levels
    available: Levels
    age_ns: int | None
    held: str | None
    silent: bool
    takes_resting: bool
    profile: VenueProfile

    def cost(self, side: Side, price: int, *, maker: bool = False) -> Fraction:
        """What a lot costs at ``price`` with the venue's fee, or what it brings, in ticks."""
        about = self.profile
        if side is Side.BUY:
            slope, intercept = about.maker_buy if maker else about.buy
        else:
            slope, intercept = about.maker_sell if maker else about.sell
        return slope * price + intercept

    def reach(self, state: "State", most: int, limit: int | None = None) -> tuple[int, int]:
        """How much an ``IOC`` could take here now, at most ``most`` lots, and its limit price.

        In whole lots, at a price on the grid, within the parent's limit and within ``limit``, where
        one is given. ``(0, 0)`` if there is nothing, or nothing may be sent here.
        """
        if self.held is not None:
            return 0, 0
        qty = worst = 0
        for shown, lots in self.available:
            price = self.up(shown) if state.buys else self.down(shown)
            beyond = limit is not None and (price > limit if state.buys else price < limit)
            if beyond or price <= 0 or not state.allows(price):
                break
            take = min(lots, most - qty)
            if take > 0:
                qty, worst = qty + take, price
        qty -= qty % self.lot
        return (qty, worst) if qty > 0 else (0, 0)

    def down(self, price: int) -> int:
        """The highest price of the venue's grid that is not above this one."""
        return self.profile.down(price)

    def up(self, price: int) -> int:
        """The lowest price of the venue's grid that is not below this one."""
        return self.profile.up(price)


class View(msgspec.Struct, frozen=True):
    """The market as the router knows it now; the best prices are over displayed lit quotes."""

    now_ns: int
    venues: tuple[Known, ...]
    best_bid: int | None
    best_ask: int | None

    def venue(self, venue_id: str) -> Known:
        """One venue.

        Raises:
            KeyError: If there is none of this id.
        """
        for venue in self.venues:
            if venue.venue_id == venue_id:
                return venue
        raise KeyError(venue_id)


class Order(msgspec.Struct, frozen=True, gc=False):
    """An order of the parent that may still fill.

    ``asked`` is the request that waits for its answer; meanwhile ``price`` is the widest limit
    under which the order may fill.
    """

    cl_ord_id: str
    venue_id: str
    price: int
    order_qty: int
    cum_qty: int
    leaves_qty: int
    status: OrdStatus
    rests: bool
    sent_ns: int
    asked: Literal["cancel", "replace"] | None


class Event(msgspec.Struct, frozen=True, gc=False):
    """What a venue said about an order of the parent.

    ``kind`` is ``acked``, ``rejected``, ``fill``, ``canceled``, ``replaced``, ``cancel_rejected``
    (of a replace too), ``pending``, ``bust``, ``correction`` or ``overfill``. ``qty`` are the lots
    that it is about and ``price`` their price, ``reason`` the venue's; None where there is none.
    """

    kind: str
    t_ns: int
    parent_id: str
    cl_ord_id: str
    venue_id: str
    qty: int | None = None
    price: int | None = None
    reason: str | None = None


class State(msgspec.Struct, frozen=True):
    """A parent, its open orders, and what was heard of them since the decision before.

    ``free_qty`` lots may be sent now: neither filled nor open anywhere, and released by the
    schedule, if there is one. ``reason`` says what the decision is made for. Nothing more is sent
    for a parent that is ``over``: it has ended, or waits for its open orders to end.
    """

    reason: DecisionReason
    parent_id: str
    side: Side
    order_qty: int
    filled_qty: int
    free_qty: int
    limit_px: int | None
    deadline_ns: int | None
    over: bool
    orders: tuple[Order, ...]
    events: tuple[Event, ...]

    @property
    def buys(self) -> bool:
        """Whether it is a buy; else a sell or a short sale."""
        return self.side is Side.BUY

    def allows(self, price: int) -> bool:
        """Whether the parent's limit does; without one everything is allowed."""
        if self.limit_px is None:
            return True
        return price <= self.limit_px if self.buys else price >= self.limit_px
