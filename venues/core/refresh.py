"""A market maker that quotes anew, some time after others have taken from its quote.

From the first take on, the maker needs its delay to see the fill, to think and to have a new quote
in the book; until then what is left of the old one stays. The new quote has full size, on both
sides, and may lie further along: up after its offer was taken, down after its bid was, and nowhere
else after both. A tier that would come to lie at a price of 0 or below is not quoted.
"""

from collections.abc import Sequence
from typing import Any, Final

from sim.protocol.enums import Priority, Side
from sim.protocol.orders import VenueReport
from sim.protocol.units import TimeNs
from venues.core.api import WakeAt
from venues.core.around import CoreAround
from venues.core.lit import MakerCore

_SIDES: Final = (Side.BUY, Side.SELL)

Tier = tuple[Side, int, int]
"""Side, price in ticks and lots of one level of the quote."""


class Refresh:
    """The message that a maker's wake-up brings back."""


_REFRESH: Final = Refresh()


class RefreshingMaker(CoreAround):
    """A maker's core that puts its quote back after a while.

    Args:
        inner: The maker's book, with the quote in it.
        quote: The quote at full size.
        delay_ns: From the first take to the new quote.
        shift: Ticks by which the new quote lies further along, >= 0.
    """

    def __init__(
        self, inner: MakerCore, quote: Sequence[Tier], delay_ns: int, shift: int = 0
    ) -> None:
        super().__init__(inner)
        self._maker = inner
        self._quote = tuple(quote)
        self._delay_ns = delay_ns
        self._shift = shift
        self._moved = 0
        self._waiting = False

    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message, or quote anew."""
        if isinstance(msg, Refresh):
            self._quote_anew()
            return []
        seq = self.venue_seq
        reports = self._inner.handle(msg, now_ns)
        if self.venue_seq != seq and not self._waiting:
            self._waiting = True
            self.wakes.append(WakeAt(now_ns + self._delay_ns, Priority.FLOW, _REFRESH))
        return reports

    def _quote_anew(self) -> None:
        self._waiting = False
        full = self._full()
        taken = [self._there(side) < full[side] for side in _SIDES]
        self._moved += self._shift * (taken[1] - taken[0])
        maker = self._maker
        for side in _SIDES:
            for price, lots in maker.levels(side, len(self._quote)):
                maker.withdraw(side, price, lots)
        for side, price, lots in self._quote:
            if price + self._moved > 0:
                maker.seed(side, price + self._moved, lots)

    def _full(self) -> dict[Side, int]:
        """Lots per side that the present quote had as it was new."""
        full = dict.fromkeys(_SIDES, 0)
        for side, price, lots in self._quote:
            if price + self._moved > 0:
                full[side] += lots
        return full

    def _there(self, side: Side) -> int:
        return sum(lots for _, lots in self._maker.levels(side, len(self._quote)))
