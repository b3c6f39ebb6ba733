"""How much leaves the front of one queue by the horizon: laws of a single outflow.

A law answers by its distribution function and by the integral of its tail, which is what a limit
order is expected to get. Shares; what is discrete need not be whole.
"""

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from math import exp, expm1, isfinite, lgamma, log, log1p, sqrt
from typing import Final

_REACH: Final = 40
_LESS_REACH: Final = 12
_MANY: Final = 10_000
"""Standard deviations to either side beyond which a law's tails are left out: below 1e-300, and
below 1e-30 for a law of a mean of this many."""


class Law(ABC):
    """The law of a non-negative outflow."""

    @property
    @abstractmethod
    def mean(self) -> float:
        """Expected outflow."""

    @abstractmethod
    def cdf(self, x: float) -> float:
        """P(outflow <= x)."""

    @abstractmethod
    def quantile(self, p: float) -> float:
        """The smallest x with ``cdf(x) >= p``; 0 < p < 1."""

    @abstractmethod
    def tail_integral(self, x: float) -> float:
        """Integral of P(outflow > u) over u from 0 to x: E min(outflow, x); x itself below 0."""

    def tail(self, x: float) -> float:
        """P(outflow > x)."""
        return 1 - self.cdf(x)

    def expected_fill(self, queue: float, limit: float) -> float:
        """E min(max(outflow - queue, 0), limit): what a limit order behind ``queue`` gets."""
        return self.tail_integral(queue + limit) - self.tail_integral(queue)


class Discrete(Law):
    """A law on finitely many points.

    Args:
        points: Rising, >= 0.
        probs: Their probabilities, >= 0; they are brought to sum 1.

    Attributes:
        integral: Per point what ``tail_integral`` is there.
        deviation: The standard deviation.

    Raises:
        ValueError: If there are none, or they are not as said.
    """

    def __init__(self, points: Sequence[float], probs: Sequence[float]) -> None:
        if not points or len(points) != len(probs):
            raise ValueError(f"need as many probs as points, had {len(probs)} of {len(points)}")
        if points[0] < 0 or any(b <= a for a, b in pairwise(points)):
            raise ValueError("points must be >= 0 and rise")
        total = sum(probs)
        if min(probs) < 0 or not isfinite(total) or not total > 0:
            raise ValueError("probs must be >= 0, finite, and not all 0")
        self.points = tuple([float(point) for point in points])
        self.probs = tuple([prob / total for prob in probs])
        below = list(accumulate(self.probs))
        self._cdf = below
        # The tail is a step function; its integral is known at each point and linear in between.
        left = self.points[0]
        integral = [left]
        for n in range(1, len(self.points)):
            left += (self.points[n] - self.points[n - 1]) * max(0.0, 1 - below[n - 1])
            integral.append(left)
        self.integral = tuple(integral)
        mean = integral[-1]
        self.deviation = sqrt(
            sum(p * (x - mean) ** 2 for x, p in zip(self.points, self.probs, strict=True))
        )

    @property
    def mean(self) -> float:
        """See the base."""
        return self.integral[-1]

    def cdf(self, x: float) -> float:
        """See the base."""
        n = bisect_right(self.points, x)
        if not n:
            return 0.0
        return min(1.0, self._cdf[n - 1]) if n < len(self.points) else 1.0

    def quantile(self, p: float) -> float:
        """See the base."""
        return self.points[min(bisect_left(self._cdf, p), len(self.points) - 1)]

    def tail_integral(self, x: float) -> float:
        """See the base."""
        n = bisect_right(self.points, x)
        if not n:
            return x
        if n == len(self.points):
            return self.integral[-1]
        return self.integral[n - 1] + (x - self.points[n - 1]) * max(0.0, 1 - self._cdf[n - 1])


class Exponential(Law):
    """Continuous, with this mean, > 0."""

    def __init__(self, mean: float) -> None:
        self._mean = _positive(mean)

    @property
    def mean(self) -> float:
        """See the base."""
        return self._mean

    def cdf(self, x: float) -> float:
        """See the base."""
        return -expm1(-x / self._mean) if x > 0 else 0.0

    def tail(self, x: float) -> float:
        """See the base."""
        return exp(-x / self._mean) if x > 0 else 1.0

    def quantile(self, p: float) -> float:
        """See the base."""
        return -self._mean * log1p(-p)

    def tail_integral(self, x: float) -> float:
        """See the base."""
        return self._mean * -expm1(-x / self._mean) if x > 0 else x


@lru_cache(maxsize=256)
def poisson(mean: float) -> Discrete:
    """The Poisson law with this mean, > 0."""
    mean = _positive(mean)
    reach = (_REACH if mean < _MANY else _LESS_REACH) * (sqrt(mean) + 1)
    low, high = max(0, int(mean - reach)), int(mean + reach)
    logs = [k * log(mean) - mean - lgamma(k + 1) for k in range(low, high + 1)]
    return _from_logs(low, logs)


@lru_cache(maxsize=64)
def geometric(mean: float) -> Discrete:
    """The geometric law on 0, 1, 2, ... with this mean, > 0."""
    mean = _positive(mean)
    ratio = mean / (1 + mean)
    high = int(_REACH * (1 + mean))
    return _from_logs(0, [k * log(ratio) for k in range(high + 1)])


def empirical(samples: Sequence[float]) -> Discrete:
    """The law that gives each of these outflows the same chance.

    Raises:
        ValueError: If there are none, or one is negative or not finite.
    """
    if not samples:
        raise ValueError("samples must hold at least one outflow")
    counts: dict[float, int] = {}
    for sample in samples:
        if not isfinite(sample) or sample < 0:
            raise ValueError(f"samples must be finite and >= 0, had {sample}")
        counts[sample] = counts.get(sample, 0) + 1
    points = sorted(counts)
    return Discrete(points, [float(counts[point]) for point in points])


def _from_logs(low: int, logs: list[float]) -> Discrete:
    """A law on whole numbers from ``low`` on; points whose probability is not above 0 are left out.

    What has no probability as a float has none, so a queue may be longer than any outflow.
    """
    known = [(float(low + n), prob) for n, one in enumerate(logs) if (prob := exp(one)) > 0]
    return Discrete([point for point, _ in known], [prob for _, prob in known])


def _positive(mean: float) -> float:
    if not isfinite(mean) or not mean > 0:
        raise ValueError(f"mean must be finite and > 0, was {mean}")
    return float(mean)
