"""What dealers ask for: laws from a size and a market to one price, in whole ticks and exact.

Pure arithmetic: a law's parameters are fractions, square roots are compared by their squares, and
what lies between two steps of the price grid is rounded against the client, who takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, isqrt

from sim.protocol.enums import Side
from sim.protocol.market_data import Level, Levels


@dataclass(frozen=True, slots=True)
class SpreadLaw:
    """Half of a dealer's spread, by the size asked for.

    ``half + widening * (qty / size)``, or with the square root of ``qty / size``.

    Attributes:
        half: Ticks at no size, >= 0.
        widening: Ticks on top of it at ``size``, >= 0.
        size: Lots, > 0.
        root: Whether it widens with the square root of the size.
    """

    half: Fraction
    widening: Fraction = Fraction(0)
    size: int = 1
    root: bool = False

    def price(self, mid_half_ticks: int, side: Side, qty: int, step: int = 1) -> int:
        """The price for all of ``qty`` lots around a middle.

        Args:
            mid_half_ticks: The middle of the market, in half ticks.
            side: Of the client: a buyer pays the price above the middle.
            qty: Lots, > 0.
            step: The price is a whole multiple of this many ticks.

        Returns:
            Ticks; 0 or less where a sell would fetch nothing.
        """
        middle = Fraction(mid_half_ticks, 2)
        if side is Side.BUY:
            return self._at_least(middle + self.half, qty, step)
        return -self._at_least(self.half - middle, qty, step)

    def _at_least(self, base: Fraction, qty: int, step: int) -> int:
        """The lowest multiple of ``step`` that is not below ``base`` and the widening."""
        share = Fraction(qty, self.size)
        if not self.root:
            return ceil((base + self.widening * share) / step) * step
        square = self.widening * self.widening * share
        price = ceil((base + isqrt(int(square))) / step) * step
        while (price - base) ** 2 < square:  # the fraction of a tick that isqrt left out
            price += step
        return price


def improved(side: Side, bid: int | None, ask: int | None, share: Fraction, step: int) -> int:
    """The far side of a market, better by a share of its spread.

    Args:
        side: Of the client; the far side must be there: the offer for a buy, the bid for a sell.
        bid: Best bid in ticks; None: there is none.
        ask: Best offer in ticks; None: there is none.
        share: Of the spread, from 0 to 1/2.
        step: The improvement is a whole multiple of this many ticks, rounded down.

    Returns:
        Ticks. Without a spread (one side is missing, locked, crossed) nothing is improved.

    Raises:
        ValueError: If the far side is missing.
    """
    far = ask if side is Side.BUY else bid
    if far is None:
        raise ValueError("the far side must be there, was None")
    spread = 0 if bid is None or ask is None else max(0, ask - bid)
    gain = int(share * spread / step) * step
    return far - gain if side is Side.BUY else far + gain


def ladder(prices: Sequence[tuple[int, int]], side: Side, step: int = 1) -> Levels:
    """What whole sizes cost, as levels that whoever walks them pays as much for.

    A level holds the lots from the size before to its own, at the price that these lots alone cost
    more, rounded against the client: so the sum over the levels is never less than the one price.

    Args:
        prices: ``(lots, price)`` for all of these lots, lots rising.
        side: Of the client that these prices are for.
        step: Prices are whole multiples of this many ticks.

    Returns:
        ``(price, lots)``, best first, each price once; what would fetch nothing is left out.
    """
    sign = 1 if side is Side.BUY else -1
    found: list[Level] = []
    lots_before = cost_before = 0
    for lots, price in prices:
        more = lots - lots_before
        cost = sign * price * lots
        key = -((cost_before - cost) // (more * step)) * step
        lots_before, cost_before = lots, cost
        if found and key <= sign * found[-1][0]:
            found[-1] = (found[-1][0], found[-1][1] + more)
        elif sign * key > 0:
            found.append((sign * key, more))
        else:
            break
    return tuple(found)
