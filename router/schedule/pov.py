"""``pov``: a share of what the market trades, as the router has heard it.

The share counts our own lots in the volume: with the rate r, others' lots V call for V r / (1 - r)
of ours. What others trade is heard from the venues' feeds, which tell the lots traded so far; our
own fills are taken out, and lots that are on their way to a venue as if they were filled already,
so no trade of ours calls for more of ours. Dark venues that publish their prints count too.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from router.schedule.base import Draws, Pace, ParentFacts, Seen, Sliced, SlicedConfig
from sim.protocol.config import DecimalText

Share = Annotated[DecimalText, Field(gt=0, lt=1, decimal_places=8)]


class VolumePace(Pace):
    """A share of what others have traded since the parent came.

    Args:
        rates: Least, aimed at and most, each > 0 and < 1.
        facts: The parent.
        horizon: How long the schedule takes, ns.
        factors: What the volume before each slice counts, 1 for its lots.
    """

    def __init__(
        self,
        rates: tuple[Fraction, Fraction, Fraction],
        facts: ParentFacts,
        horizon: int,
        factors: Sequence[float],
    ) -> None:
        self._rates = rates
        self._facts = facts
        self._horizon = horizon
        self._factors = factors
        self._first = self._heard = self._opened_ns = 0
        self._allowed = Fraction(0)

    def open(self, now_ns: int, seen: Seen) -> None:
        """Only what trades from now on counts."""
        self._opened_ns = now_ns
        self._first = self._heard = seen.volume_qty

    def by(self, n: int, now_ns: int, seen: Seen) -> int:
        """The share of all volume so far, each part of it at the rate of its time."""
        news = seen.volume_qty - self._heard
        if news > 0:
            self._heard = seen.volume_qty
            rate = self._rate(now_ns, seen)
            factor = self._factors[n] if n < len(self._factors) else 1.0
            self._allowed += news * rate / (1 - rate) * Fraction(factor)
        return min(self._facts.order_qty, int(self._allowed))

    def _rate(self, now_ns: int, seen: Seen) -> Fraction:
        """The rate that would finish in time if others trade on as before, within the bounds."""
        least, aim, most = self._rates
        if least == most:
            return aim
        elapsed = now_ns - self._opened_ns
        if elapsed <= 0:
            return aim
        left_ns = max(0, self._horizon - elapsed)
        others = Fraction((self._heard - self._first) * left_ns, elapsed)
        own = self._facts.order_qty - seen.done_qty
        needed = own / (own + others) if own else Fraction(0)
        # Whole units of 2^-40, so that sums of many such parts stay short numbers.
        needed = Fraction(int(needed * (1 << 40)), 1 << 40)
        return min(max(needed, least), most)


class PovConfig(SlicedConfig):
    """Release a share of the volume that the market has traded, at each of the slices.

    Source: percentage of volume, as brokers offer it; bounds of the rate that finish in time where
    they can are our own convention.
    """

    kind: Literal["pov"]
    rate: Share
    """Our part of the volume, our own lots in it: with 0.2 one lot for every four of others."""
    min_rate: Share | None = None
    """Slower than ``rate``, down to this, where the order would be done before the horizon ends;
    without it never slower."""
    max_rate: Share | None = None
    """Faster than ``rate``, up to this, where the order would not be done in time; without it never
    faster."""

    @property
    def follows_market(self) -> bool:
        """See the base."""
        return True

    @model_validator(mode="after")
    def _rates_in_order(self) -> Self:
        least, most = self.min_rate or self.rate, self.max_rate or self.rate
        if not least <= self.rate <= most:
            raise ValueError(
                f"rate must lie between min_rate and max_rate, was {self.rate} "
                f"with {least} and {most}"
            )
        return self

    def build(self, facts: ParentFacts, draws: Draws) -> Sliced:
        """The schedule of one parent."""
        rates = (
            Fraction(self.min_rate or self.rate),
            Fraction(self.rate),
            Fraction(self.max_rate or self.rate),
        )

        def pace(facts: ParentFacts, horizon: int, factors: Sequence[float]) -> Pace:
            return VolumePace(rates, facts, horizon, factors)

        return Sliced(self.kind, self, facts, draws, pace, needs_volume=True)
