"""The book of recorded levels that converters rebuild: prices and sizes, no orders.

It holds what a recording says and computes nothing from it; the venue that plays a recording has
its own book.
"""

from collections.abc import Iterable
from typing import Final

from sortedcontainers import SortedDict

from sim.protocol.enums import Side
from sim.protocol.market_data import Level, LevelChange
from sim.protocol.units import PriceTicks, QtyLots

SIDES: Final = (Side.BUY, Side.SELL)


class LevelBook:
    """Bids and asks as sorted maps from ticks to lots."""

    def __init__(self) -> None:
        self.bids: SortedDict[int, int] = SortedDict()
        self.asks: SortedDict[int, int] = SortedDict()

    def best(self) -> tuple[int, int] | None:
        """Best bid and ask in ticks; None while a side is empty."""
        if not self.bids or not self.asks:
            return None
        return self.bids.keys()[-1], self.asks.keys()[0]

    def nth(self, n: int) -> tuple[int, int] | None:
        """The n-th best bid and ask (1 is the best), or the last; None while a side is empty."""
        if not self.bids or not self.asks:
            return None
        bid = self.bids.keys()[max(-n, -len(self.bids))]
        return bid, self.asks.keys()[min(n, len(self.asks)) - 1]

    def apply(self, side: Side, levels: Iterable[Level]) -> list[LevelChange]:
        """Set levels (0 lots: gone); return those that thereby changed, in the order given."""
        book = self._side(side)
        changes = []
        for price, lots in levels:
            if book.get(price, 0) == lots:
                continue
            if lots:
                book[price] = lots
            else:
                del book[price]
            changes.append(LevelChange(side, PriceTicks(price), QtyLots(lots)))
        return changes

    def replace(self, side: Side, levels: Iterable[Level]) -> list[LevelChange]:
        """Make ``levels`` the whole side; return what changed."""
        new = dict(levels)
        gone = [(price, 0) for price in self._side(side) if price not in new]
        return self.apply(side, gone) + self.apply(side, new.items())

    def _side(self, side: Side) -> "SortedDict[int, int]":
        return self.bids if side is Side.BUY else self.asks
