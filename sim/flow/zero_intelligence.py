"""``zero_intelligence``: orders arrive everywhere alike, and every order dies at the same rate.

The model of Smith, Farmer, Gillemot and Krishnamurthy, "Statistical theory of the continuous double
auction", Quantitative Finance 3, 2003: limit orders at rate alpha per price and side at all prices
that do not cross, market orders at rate mu in total, cancels at rate delta per order. Prices reach
as far as ``levels``; theirs go on for ever. Price scales as mu/alpha, depth as alpha/delta.
"""

from typing import Literal

from sim.flow.book_flow import BookFlow, Moves, Place, Rate, references
from sim.flow.laws import Levels, SizeLaw
from sim.flow.rates import Rates, rate_moves


class ZeroIntelligenceFlow(BookFlow):
    """Limit orders at one rate per price and side, market orders, one cancel rate per order.

    Source: Smith, Farmer, Gillemot and Krishnamurthy, Quantitative Finance 3, 2003; sizes by a law
    are our addition.
    """

    kind: Literal["zero_intelligence"]
    limit: Rate
    """Limit orders per ``per`` at each price and side (alpha)."""
    market: Rate
    """Market orders per ``per``, half of them on each side (mu)."""
    cancel: Rate
    """Cancels per ``per`` and order (delta)."""
    levels: Levels
    """Limit orders come up to this many of the venue's ticks from the opposite best price."""
    take_size: SizeLaw | None = None
    """Law of market orders' sizes; without it that of all orders."""

    def moves(self, place: Place) -> Moves:
        """See the base."""
        take_size = self.size if self.take_size is None else self.take_size
        rates = Rates(
            [self.limit / self.per] * self.levels,
            [self.cancel / self.per],
            self.market / 2 / self.per,
        )
        return rate_moves(
            place,
            rates,
            self.size,
            take_size,
            references(place, self.centre),
        )
