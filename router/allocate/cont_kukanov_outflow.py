"""What leaves the queues by the horizon, as a scenario states it and as own fills correct it.

A law per venue is stated for the whole horizon; for a part of it the outflow is the same part. With
``learn`` each post that ends moves its venue's outflow: if it filled more than expected the factor
on the stated outflow grows, else it falls, by steps that shrink. The factor settles where fills
are as expected. The same steps, turned round, weigh the queue where ``theta_queue`` prices it.

Source: own; the steps are those of Robbins and Monro, "A stochastic approximation method", Annals
of Mathematical Statistics 22(3), 1951.
"""

from decimal import Decimal
from functools import lru_cache
from math import exp
from typing import Annotated, Final, Literal

from pydantic import Field, Strict, model_validator

from router.allocate.base import ChildOutcome
from router.allocate.placement.laws import Discrete, Exponential, Law, empirical, poisson
from sim.protocol.config import DecimalText, Ident, PositiveDecimal, ScenarioModel, Seq
from sim.protocol.enums import Side

MOST_UNITS: Final = 100_000
"""Of a Poisson law: the work grows with the root of its mean."""
PARTS: Final = 100
"""Parts of the horizon that are told apart."""

_STEP: Final = 0.5
_SLOWER: Final = 0.7
_MOST: Final = 2.0
"""The first step; the power by which later ones shrink; the most that a factor's logarithm is."""

_WHOLE_TIME: Final = 0.9
"""A post that ended unfilled before this part of its time says nothing of the outflow."""

Quantity = Annotated[DecimalText, Field(ge=0)]
Samples = Annotated[tuple[Quantity, ...], Strict(False), Field(min_length=1)]
VenueMean = Annotated[tuple[Ident, PositiveDecimal], Strict(False)]
VenueSamples = Annotated[tuple[Ident, Samples], Strict(False)]


class StatedOutflow(ScenarioModel):
    """A law with a mean."""

    mean: PositiveDecimal
    """Quantity that leaves the front of a queue over the whole horizon, on average: what trades
    there, and what is canceled ahead of us."""
    venues: Seq[VenueMean] = ()
    """``[venue, mean]`` where the mean is another."""
    learn: bool = False
    """Whether own fills correct it, venue by venue."""

    def lots(self, venue_id: str, factor: float, lot_size: Decimal) -> float:
        """The mean in lots, times ``factor``."""
        return float(dict(self.venues).get(venue_id, self.mean) / lot_size) * factor


class PoissonOutflow(StatedOutflow):
    """A Poisson number of units leaves.

    Source: the examples of Cont and Kukanov, arXiv 1210.1625v4.
    """

    law: Literal["poisson"]
    unit: PositiveDecimal = Decimal(1)
    """Quantity that leaves at a time."""

    @model_validator(mode="after")
    def _not_too_many(self) -> "PoissonOutflow":
        most = max([self.mean, *(mean for _, mean in self.venues)])
        if most > MOST_UNITS * self.unit:
            raise ValueError(f"a mean must be at most {MOST_UNITS} units, was {most / self.unit}")
        return self

    def law_of(self, venue_id: str, factor: float, lot_size: Decimal) -> Law:
        """The law of the outflow in lots, times ``factor``."""
        unit = float(self.unit / lot_size)
        return counted(self.lots(venue_id, factor, lot_size) / unit, unit)


class ExponentialOutflow(StatedOutflow):
    """An exponential quantity leaves: a long tail for its mean.

    Source: own convention.
    """

    law: Literal["exponential"]

    def law_of(self, venue_id: str, factor: float, lot_size: Decimal) -> Law:
        """The law of the outflow in lots, times ``factor``."""
        return Exponential(self.lots(venue_id, factor, lot_size))


class RecordedOutflow(ScenarioModel):
    """Outflows as they were observed, each as likely as the others.

    Source: own convention.
    """

    law: Literal["recorded"]
    samples: Samples
    """Quantities that left the front of a queue over the whole horizon."""
    venues: Seq[VenueSamples] = ()
    """``[venue, samples]`` where they are others."""
    learn: bool = False
    """Whether own fills correct them, venue by venue: all samples by one factor."""

    def law_of(self, venue_id: str, factor: float, lot_size: Decimal) -> Law:
        """The law of the outflow in lots, times ``factor``."""
        samples = dict(self.venues).get(venue_id, self.samples)
        return empirical([float(sample / lot_size) * factor for sample in samples])


OutflowConfig = Annotated[
    PoissonOutflow | ExponentialOutflow | RecordedOutflow, Field(discriminator="law")
]


@lru_cache(maxsize=256)
def counted(mean: float, unit: float) -> Discrete:
    """The law of a Poisson number of units."""
    law = poisson(mean)
    return law if unit == 1 else Discrete([unit * point for point in law.points], law.probs)


class Posted:
    """A post that has not ended: what it was expected to fill, as a part, and how long it may."""

    __slots__ = ("expected", "exposed_ns", "lots", "price")

    def __init__(self, price: int, lots: int, expected: float, exposed_ns: int) -> None:
        self.price = price
        self.lots = lots
        self.expected = expected
        self.exposed_ns = exposed_ns


class Lessons:
    """What posts have taught, by side and venue.

    ``surplus`` is the logarithm of how much more they filled than was expected of them.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], list[Posted]] = {}
        self._counts: dict[tuple[Side, str], int] = {}
        self._surplus: dict[tuple[Side, str], float] = {}

    def factor(self, side: Side, venue_id: str) -> float:
        """By how much more is filled than was stated: 1 before any post has ended."""
        return exp(self._surplus.get((side, venue_id), 0.0))

    def on_post(self, parent_id: str, venue_id: str, posted: Posted) -> None:
        """A post leaves."""
        self._open.setdefault((parent_id, venue_id), []).append(posted)

    def on_over(self, outcome: ChildOutcome) -> None:
        """A child has ended; only posts teach, and not those that were refused or cut short."""
        waiting = self._open.get((outcome.parent_id, outcome.venue_id), [])
        posted = next(
            (
                one
                for one in waiting
                if one.price == outcome.price and one.lots == outcome.order_qty
            ),
            None,
        )
        if not outcome.posted or posted is None:
            return
        waiting.remove(posted)
        if not waiting:
            del self._open[outcome.parent_id, outcome.venue_id]
        lasted_ns = outcome.ended_ns - outcome.sent_ns
        cut_short = lasted_ns < _WHOLE_TIME * posted.exposed_ns
        if outcome.rejected or (cut_short and outcome.cum_qty < outcome.order_qty):
            return
        key = outcome.side, outcome.venue_id
        n = self._counts[key] = self._counts.get(key, 0) + 1
        more = outcome.cum_qty / outcome.order_qty - posted.expected
        moved = self._surplus.get(key, 0.0) + _STEP * n**-_SLOWER * more
        self._surplus[key] = min(max(moved, -_MOST), _MOST)


def part_of(horizon_ns: int, *left_ns: int | None) -> float:
    """The part of the horizon that is left, in whole parts, at least one."""
    left = min([horizon_ns, *(one for one in left_ns if one is not None)])
    return max(1, -(-left * PARTS // horizon_ns)) / PARTS


def even_law(law: Law, samples: int) -> Discrete:
    """So many outflows that stand for a law: its quantiles at even steps."""
    return empirical([law.quantile((n + 0.5) / samples) for n in range(samples)])
