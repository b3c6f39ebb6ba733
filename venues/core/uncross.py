"""At which one price a call auction trades, and how many lots: the price rule, and nothing else.

The rule, in this order, over all prices of the venue's grid:

1. as many lots as possible trade (the lesser of what buys and what sells there);
2. as few as possible are left over (the difference of the two);
3. the price is as near as possible to the reference, of two as near the lower one;
4. without a reference it is the middle of the prices that are left, rounded down to the grid.

Source: the usual rules of call auctions (volume, surplus, reference), as in the rule books of
order-driven exchanges; which of two equal prices to take is our own convention.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from sim.protocol.market_data import Level


class Uncrossing(NamedTuple):
    """What an auction would do now.

    Attributes:
        price: The one price, in ticks.
        volume: Lots that trade there, > 0.
        bought: Lots that would buy there.
        sold: Lots that would sell there.
    """

    price: int
    volume: int
    bought: int
    sold: int


def uncross(
    bids: Sequence[Level], asks: Sequence[Level], reference: int | None = None, tick: int = 1
) -> Uncrossing | None:
    """The price and volume of an auction; None if nothing can trade.

    Args:
        bids: ``(price, lots)``, best first, prices on the grid.
        asks: ``(price, lots)``, best first, prices on the grid.
        reference: The price to be near to, in half ticks; None: there is none.
        tick: Step of the grid in ticks.
    """
    if not bids or not asks or bids[0][0] < asks[0][0]:
        return None
    demand, supply = _Steps(bids, -1), _Steps(asks, 1)
    # Demand and supply change next to limits only: between two of them one price stands for all.
    lowest, highest = asks[0][0], bids[0][0]
    limits = {price for price, _ in (*bids, *asks) if lowest <= price <= highest}
    beside = {price + step for price in limits for step in (-tick, tick)}
    prices = sorted(price for price in limits | beside if lowest <= price <= highest)

    def rank(price: int) -> tuple[int, int]:
        buys, sells = demand.at(price), supply.at(price)
        return -min(buys, sells), abs(buys - sells)

    best = min(map(rank, prices))
    # What buys less what sells only falls as the price rises: the best prices are one stretch.
    good = [price for price in prices if rank(price) == best]
    low, high = good[0], good[-1]
    if reference is None:
        price = low + (high - low) // (2 * tick) * tick
    else:
        price = min(max(_nearest(reference, tick), low), high)
    bought, sold = demand.at(price), supply.at(price)
    return Uncrossing(price, min(bought, sold), bought, sold)


class _Steps:
    """Lots that one side would trade at a price."""

    def __init__(self, levels: Sequence[Level], sign: int) -> None:
        self._sign = sign
        self._keys = [sign * price for price, _ in levels]
        self._lots = [0, *accumulate(lots for _, lots in levels)]

    def at(self, price: int) -> int:
        """Lots with limits that allow ``price``."""
        return self._lots[bisect_left(self._keys, self._sign * price + 1)]


def _nearest(half_ticks: int, tick: int) -> int:
    """The price on the grid nearest to a number of half ticks; of two the lower one."""
    below = half_ticks // (2 * tick) * tick
    return below if half_ticks - 2 * below <= tick else below + tick


def shares(lots: Sequence[int], total: int, lot: int = 1) -> list[int]:
    """Share ``total`` lots among orders in proportion to their own, in whole steps of ``lot``.

    Each gets its part rounded down; what is left over goes to the first of those whose part was
    no whole number of steps, a step each.

    Args:
        lots: Of each order, multiples of ``lot``, the oldest first.
        total: A multiple of ``lot``, at most the sum of ``lots``.
        lot: The step.
    """
    whole = sum(lots)
    if not whole:
        return []
    given = [total * own // (whole * lot) * lot for own in lots]
    left = total - sum(given)
    for n, own in enumerate(lots):
        if left and given[n] * whole != total * own:
            given[n] += lot
            left -= lot
    return given
