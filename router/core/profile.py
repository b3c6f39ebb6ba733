"""What the router is told about a venue before trading: its kind, grid, expected delay and fees."""

from fractions import Fraction
from math import lcm
from typing import Literal

import msgspec

from sim.protocol.enums import Side
from sim.protocol.ticks import TickTable

Visibility = Literal["dark", "maker", "lit"]


class VenueProfile(msgspec.Struct, frozen=True):
    """Facts about one venue that do not change during a run.

    ``latency_ns`` is the expected delay of an order to the venue. ``tick`` and ``lot`` are the
    venue's own grid in ticks and lots of the instrument. ``buy`` and ``sell`` are slope and
    intercept of the effective price, ``slope * price_ticks + intercept``, in ticks with the taker
    fee; ``maker_buy`` and ``maker_sell`` the same with the fee or rebate of a maker. ``fill_risk``
    is the probability, from 0 up to but not 1, that lots are not had there; ``impact`` the
    estimate, in ticks, of what our own order moves the price by, >= 0. A ``silent`` venue never
    shows what it holds. Orders may rest where ``takes_resting`` says so. Where the tick depends on
    the price, ``ticks`` says how, and ``tick`` is a step that all of them are made of. ``min_qty``
    is the least execution, in lots, that takers shall ask for there; 0: any. With ``has_session``
    the venue numbers its reports, sends them again, and says what became of an order.
    """

    venue_id: str
    visibility: Visibility
    latency_ns: int
    tick: int
    lot: int
    buy: tuple[Fraction, Fraction]
    sell: tuple[Fraction, Fraction]
    fill_risk: Fraction = Fraction(0)
    impact: Fraction = Fraction(0)
    silent: bool = False
    takes_resting: bool = False
    ticks: TickTable | None = None
    min_qty: int = 0
    maker_buy: tuple[Fraction, Fraction] = (Fraction(1), Fraction(0))
    maker_sell: tuple[Fraction, Fraction] = (Fraction(1), Fraction(0))
    has_session: bool = False

    def down(self, price: int) -> int:
        """The highest price of the venue's grid that is not above this one."""
        return price - price % self.tick if self.ticks is None else self.ticks.down(price)

    def up(self, price: int) -> int:
        """The lowest price of the venue's grid that is not below this one."""
        return price + -price % self.tick if self.ticks is None else self.ticks.up(price)


class EffectivePrices:
    """Prices with fees as exact integers, in ``1/scale`` ticks, comparable over all venues.

    Args:
        profiles: The venues.
        finer: How much finer than fees and impacts need it the scale is.
    """

    __slots__ = ("_impacts", "_lines", "scale")

    def __init__(self, profiles: tuple[VenueProfile, ...], finer: int = 1) -> None:
        numbers = [number for p in profiles for number in (*p.buy, *p.sell, p.impact)]
        self.scale = finer * (lcm(*(number.denominator for number in numbers)) if numbers else 1)
        self._lines = {
            (p.venue_id, buys): (int(line[0] * self.scale), int(line[1] * self.scale))
            for p in profiles
            for buys, line in ((True, p.buy), (False, p.sell))
        }
        self._impacts = {p.venue_id: int(p.impact * self.scale) for p in profiles}

    def line(self, venue_id: str, side: Side) -> tuple[int, int]:
        """Slope and intercept of the effective price for a taker on ``side``."""
        return self._lines[venue_id, side is Side.BUY]

    def impact(self, venue_id: str) -> int:
        """The estimate of our own impact on the price there."""
        return self._impacts[venue_id]
