"""Laws of an order's size, of its distance from the best price and of its life.

Each is a config with one method that makes the quantile function: a uniform in, a value out. So
every value takes one draw, and scalar ``math`` gives the same on every processor.
"""

from abc import ABC, abstractmethod
from bisect import bisect
from collections.abc import Callable, Sequence
from itertools import accumulate
from math import ceil, exp, log, log1p
from statistics import NormalDist
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from sim.kernel.latency.normal_quantile import normal_quantiles
from sim.protocol.config import Duration, ScenarioModel, Seq

LOTS_MAX: Final = 1_000_000_000
LEVELS_MAX: Final = 5_000
NS_MAX: Final = 2**62
"""No run lasts as long."""

Quantile = Callable[[float], int]
Lots = Annotated[int, Field(ge=1, le=LOTS_MAX)]
Weight = Annotated[float, Field(ge=0, le=1e12)]
Weights = Annotated[Seq[Weight], Field(min_length=1, max_length=LEVELS_MAX)]
Levels = Annotated[int, Field(ge=1, le=LEVELS_MAX)]
Sigma = Annotated[float, Field(ge=0, le=5)]
Mean = Annotated[float, Field(ge=1, le=1e6)]

_normal: Final = NormalDist().inv_cdf


def cumulated(weights: Sequence[float]) -> list[float]:
    """Running sums of weights over their total; the last is exactly 1."""
    sums = list(accumulate(weights))
    return [one / sums[-1] for one in sums[:-1]] + [1.0]


def drawn_from(weights: Sequence[float]) -> Quantile:
    """Index of a weight, with a chance in proportion to it."""
    sums = cumulated(weights)
    last = len(sums) - 1
    return lambda u: min(bisect(sums, u), last)


def geometric(mean: float) -> Quantile:
    """Geometric from 1 on: the number of trials up to the first success."""
    if mean == 1:
        return lambda u: 1
    scale = 1 / log1p(-1 / mean)
    return lambda u: 1 + int(scale * log(u))


def _has_weight(weights: Sequence[float]) -> None:
    if not any(weights):
        raise ValueError("one of the weights must be > 0")


# ---------------------------------------------------------------- sizes, in lots of the venue


class _Size(ScenarioModel, ABC):
    """Base of the laws of size."""

    @abstractmethod
    def quantile(self) -> Quantile:
        """Lots."""

    def block(self, uniforms: NDArray[np.float64]) -> list[int]:
        """Lots of many uniforms at once, as ``quantile`` gives them one by one."""
        return list(map(self.quantile(), uniforms.tolist()))


class FixedSize(_Size):
    """All orders are of one size."""

    law: Literal["fixed"]
    lots: Lots = 1
    """Size in the venue's lots."""

    def quantile(self) -> Quantile:
        """Lots."""
        lots = self.lots
        return lambda u: lots

    def block(self, uniforms: NDArray[np.float64]) -> list[int]:
        """Lots of many uniforms at once."""
        return [self.lots] * len(uniforms)


class GeometricSize(_Size):
    """``P(n) = p * (1 - p)**(n - 1)`` for n = 1, 2, ... lots, with ``p = 1 / mean``."""

    law: Literal["geometric"]
    mean: Mean
    """Mean size in the venue's lots."""

    def quantile(self) -> Quantile:
        """Lots."""
        return geometric(self.mean)


class LognormalSize(_Size):
    """The logarithm is normal; rounded to the nearest whole lot, at least one."""

    law: Literal["lognormal"]
    median: Annotated[float, Field(gt=0, le=LOTS_MAX)]
    """Median in the venue's lots, before rounding."""
    sigma: Sigma
    """Standard deviation of the logarithm."""
    most: Lots = 1_000_000
    """Larger ones become this."""

    def quantile(self) -> Quantile:
        """Lots."""
        median, sigma, most = self.median, self.sigma, self.most
        return lambda u: max(1, int(min(most, median * exp(sigma * _normal(u)) + 0.5)))

    def block(self, uniforms: NDArray[np.float64]) -> list[int]:
        """Lots of many uniforms at once."""
        logs = (self.sigma * normal_quantiles(uniforms)).tolist()
        values = self.median * np.fromiter(map(exp, logs), float, len(logs)) + 0.5
        lots: list[int] = np.clip(values, 1, self.most).astype(np.int64).tolist()
        return lots


class EmpiricalSize(_Size):
    """Sizes as they were counted."""

    law: Literal["empirical"]
    lots: Annotated[Seq[Lots], Field(min_length=1, max_length=LEVELS_MAX)]
    """Sizes in the venue's lots."""
    weights: Weights
    """How often each occurs; only their proportions count."""

    @model_validator(mode="after")
    def _match(self) -> "EmpiricalSize":
        if len(self.lots) != len(self.weights):
            raise ValueError(f"{len(self.lots)} lots need as many weights, not {len(self.weights)}")
        _has_weight(self.weights)
        return self

    def quantile(self) -> Quantile:
        """Lots."""
        lots, index = self.lots, drawn_from(self.weights)
        return lambda u: lots[index(u)]


AnySize = FixedSize | GeometricSize | LognormalSize | EmpiricalSize
SizeLaw = Annotated[AnySize, Field(discriminator="law")]
"""Law of an order's size."""


# ---------------------------------------------------------------- distances, in the venue's ticks


class UniformDistance(ScenarioModel):
    """Each of the levels is as likely."""

    law: Literal["uniform"]
    levels: Levels
    """Largest distance from the opposite best price, in the venue's ticks."""

    def quantile(self) -> Quantile:
        """Ticks of the venue from the opposite best price, at least 1."""
        levels = self.levels
        return lambda u: 1 + int(u * levels)


class GeometricDistance(ScenarioModel):
    """Fewer the further away, by the same factor per tick."""

    law: Literal["geometric"]
    mean: Mean
    """Mean distance from the opposite best price, in the venue's ticks."""

    def quantile(self) -> Quantile:
        """Ticks of the venue from the opposite best price, at least 1."""
        return geometric(self.mean)


class PowerDistance(ScenarioModel):
    """In proportion to ``distance ** -exponent``.

    Source: Zovko and Farmer, "The power of patience", 2002; Bouchaud, Mezard and Potters,
    "Statistical properties of stock order books", 2002.
    """

    law: Literal["power"]
    exponent: Annotated[float, Field(ge=0, le=10)]
    """Of the distance."""
    levels: Levels
    """Largest distance from the opposite best price, in the venue's ticks."""

    def quantile(self) -> Quantile:
        """Ticks of the venue from the opposite best price, at least 1."""
        # pow() of the C library is not everywhere the same in the last bit; exp and log are what
        # all laws here rest on.
        index = drawn_from([exp(-self.exponent * log(i)) for i in range(1, self.levels + 1)])
        return lambda u: 1 + index(u)


class EmpiricalDistance(ScenarioModel):
    """Distances as they were counted."""

    law: Literal["empirical"]
    weights: Weights
    """How often orders stand 1, 2, ... of the venue's ticks from the opposite best price."""

    @model_validator(mode="after")
    def _some(self) -> "EmpiricalDistance":
        _has_weight(self.weights)
        return self

    def quantile(self) -> Quantile:
        """Ticks of the venue from the opposite best price, at least 1."""
        index = drawn_from(self.weights)
        return lambda u: 1 + index(u)


AnyDistance = UniformDistance | GeometricDistance | PowerDistance | EmpiricalDistance
DistanceLaw = Annotated[AnyDistance, Field(discriminator="law")]
"""Law of an order's distance from the opposite best price."""


# ---------------------------------------------------------------- lives, in nanoseconds


class ForeverLife(ScenarioModel):
    """Nobody cancels: an order rests until it trades."""

    law: Literal["forever"]

    def quantile(self) -> Quantile | None:
        """None: there is no end."""
        return None


class FixedLife(ScenarioModel):
    """Every order is canceled after the same time."""

    law: Literal["fixed"]
    after: Annotated[Duration, Field(gt=0)]
    """Time from its arrival to its cancel."""

    def quantile(self) -> Quantile | None:
        """Nanoseconds, at least 1."""
        after = self.after
        return lambda u: after


class ExponentialLife(ScenarioModel):
    """Canceled at a constant rate, whatever its age."""

    law: Literal["exponential"]
    mean: Annotated[Duration, Field(gt=0)]
    """Mean time from its arrival to its cancel."""

    def quantile(self) -> Quantile | None:
        """Nanoseconds, at least 1."""
        mean = self.mean
        return lambda u: min(NS_MAX, ceil(-mean * log(u)))


class LognormalLife(ScenarioModel):
    """The logarithm of its life is normal."""

    law: Literal["lognormal"]
    median: Annotated[Duration, Field(gt=0)]
    """Median time from its arrival to its cancel."""
    sigma: Sigma
    """Standard deviation of the logarithm."""

    def quantile(self) -> Quantile | None:
        """Nanoseconds, at least 1."""
        median, sigma = self.median, self.sigma
        return lambda u: min(NS_MAX, ceil(median * exp(sigma * _normal(u))))


AnyLife = ForeverLife | FixedLife | ExponentialLife | LognormalLife
LifeLaw = Annotated[AnyLife, Field(discriminator="law")]
"""Law of the time after which an order is canceled."""
