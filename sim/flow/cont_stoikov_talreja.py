"""``cont_stoikov_talreja``: orders come and go at rates by distance from the opposite best price.

The Markov model of Cont, Stoikov and Talreja, "A stochastic model for order book dynamics",
Operations Research 58(3), 2010: at ``i`` ticks from the opposite best, limit orders arrive at rate
``limits[i]`` and each resting order is canceled at rate ``cancels[i]``; market orders arrive at a
rate per side and take from the best queue. Their orders are of one unit; here a law may be given.
"""

from math import exp, log
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.flow.book_flow import BookFlow, Moves, Place, Rate, references
from sim.flow.laws import Levels, SizeLaw
from sim.flow.rates import Rates, rate_moves
from sim.protocol.config import ScenarioModel, Seq

RateTable = Annotated[Seq[Rate], Field(min_length=1, max_length=1000)]


class TailConfig(ScenarioModel):
    """``factor * i ** -exponent`` at ``i`` ticks, beyond the table of limit rates."""

    factor: Rate
    """Rate per ``per`` that it would have at one tick."""
    exponent: Annotated[float, Field(ge=0, le=10)]
    """Of the distance."""
    levels: Levels
    """Orders come up to this many of the venue's ticks from the opposite best price."""


class ContStoikovTalrejaFlow(BookFlow):
    """Limit orders, market orders and cancels at rates by distance from the opposite best price.

    Source: Cont, Stoikov and Talreja, Operations Research 58(3), 2010; sizes by a law are our
    addition.
    """

    kind: Literal["cont_stoikov_talreja"]
    limits: RateTable
    """Limit orders per ``per`` and side at 1, 2, ... of the venue's ticks."""
    cancels: RateTable
    """Cancels per ``per`` and order at those distances; the last one holds for all beyond."""
    market_per_side: Rate
    """Market orders per ``per`` on each side."""
    tail: TailConfig | None = None
    """Limit rates beyond the table; without it no order comes from further away."""
    take_size: SizeLaw | None = None
    """Law of market orders' sizes; without it that of all orders."""

    @model_validator(mode="after")
    def _beyond(self) -> "ContStoikovTalrejaFlow":
        if self.tail is not None and self.tail.levels <= len(self.limits):
            raise ValueError(f"tail.levels must be > {len(self.limits)}, the levels of limits")
        return self

    def rates(self) -> Rates:
        """All rates per nanosecond."""
        limits = list(self.limits)
        if self.tail is not None:
            beyond = range(len(limits) + 1, self.tail.levels + 1)
            limits += [self.tail.factor * exp(-self.tail.exponent * log(i)) for i in beyond]
        return Rates(
            [rate / self.per for rate in limits],
            [rate / self.per for rate in self.cancels],
            self.market_per_side / self.per,
        )

    def moves(self, place: Place) -> Moves:
        """See the base."""
        take_size = self.size if self.take_size is None else self.take_size
        return rate_moves(
            place,
            self.rates(),
            self.size,
            take_size,
            references(place, self.centre),
        )
