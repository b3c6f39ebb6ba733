"""Tick tables: price steps that depend on the price.

In each band of prices a tick of its own holds. Prices and ticks are whole ticks of the instrument.
"""

from bisect import bisect_right
from collections.abc import Sequence


class TickTable:
    """Bands of prices, each with its tick.

    Args:
        bands: ``(first price, tick)`` of each band, rising from price 0.

    Raises:
        ValueError: If the bands do not rise from 0, or a band begins off the tick below it or off
            its own.
    """

    __slots__ = ("_firsts", "_ticks")

    def __init__(self, bands: Sequence[tuple[int, int]]) -> None:
        self._firsts = [first for first, _ in bands]
        self._ticks = [tick for _, tick in bands]
        if not bands or self._firsts[0] != 0:
            raise ValueError("the first band must begin at price 0")
        for n, (first, tick) in enumerate(bands):
            if tick <= 0:
                raise ValueError(f"a tick must be > 0, was {tick}")
            if n and first <= self._firsts[n - 1]:
                raise ValueError(f"bands must rise, {first} follows {self._firsts[n - 1]}")
            if first % tick or (n and first % self._ticks[n - 1]):
                raise ValueError(f"a band must begin on its tick and the one below, was {first}")

    def tick_at(self, price: int) -> int:
        """The tick at a price >= 0."""
        return self._ticks[bisect_right(self._firsts, price) - 1]

    def fits(self, price: int) -> bool:
        """Whether a price > 0 is on its tick."""
        return price % self.tick_at(price) == 0

    def down(self, price: int) -> int:
        """The highest price on its tick that is not above this one."""
        return price - price % self.tick_at(price)

    def up(self, price: int) -> int:
        """The lowest price on its tick that is not below this one."""
        return price + -price % self.tick_at(price)
