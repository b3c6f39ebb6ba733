"""What a sample of runs says: means with intervals, paired differences, and how many runs it takes.

Intervals are Student's t over seeds, since a seed is what is drawn independently. A difference is
taken seed by seed: common random numbers give both sides the same market, so that what chance does
to both falls out. How much that helps is the variance ratio. Pure functions of numbers.
"""

from collections.abc import Sequence
from math import ceil, fsum, inf, sqrt
from statistics import NormalDist
from typing import Final, Literal

import msgspec

from sim.study.paired import paired, t_quantile

CONFIDENCE: Final = 0.95
POWER: Final = 0.8
"""Of ``further_seeds``: how often a true difference of that size would be told from nothing."""
DIGITS: Final = 6
METHOD: Final = (
    "Student's t over seeds; differences are paired by seed (common random numbers), and the "
    "intervals of several comparisons hold together (Bonferroni)"
)
FURTHER_MAX: Final = 1_000_000_000
_SERIES_MAX: Final = 400
"""Up to so many degrees of freedom the quantile is that of the finite series."""

Verdict = Literal["the same", "lower", "higher", "within the noise"]
"""Of a difference: exactly none, told apart from none, or not."""


class Spread(msgspec.Struct, frozen=True):
    """A figure over runs, as decimal text.

    ``sd`` is that of the sample; ``low`` and ``high`` bound the mean (Student's t). All three are
    null for a single run.
    """

    n: int
    mean: str
    sd: str | None
    low: str | None
    high: str | None
    min: str
    p05: str
    p25: str
    p50: str
    p75: str
    p95: str
    max: str


class Difference(msgspec.Struct, frozen=True):
    """What one point has more than another, over pairs of equal seed, as decimal text."""

    n: int
    """Pairs."""
    mean: str
    low: str
    high: str
    confidence: float
    """Of this interval; with several comparisons more than that of all together."""
    variance_ratio: str | None
    """Variance of the mean difference with pairs over that of two samples that share nothing: 0
    where chance falls out entirely, 1 where pairing helps nothing, above 1 where it harms; null
    where neither side varies."""
    verdict: Verdict
    further_seeds: int | None
    """Seeds beyond these with which a difference as large as this one would be told from nothing in
    four of five studies; 0 if it is told already, null if it is exactly nothing or out of reach."""


def spread(values: Sequence[float], confidence: float = CONFIDENCE) -> Spread | None:
    """Mean, deviation, interval and quantiles of a sample; None of nothing.

    Args:
        values: One per run.
        confidence: Of the interval, between 0 and 1.

    Source: Student (1908); quantiles by linear interpolation between order statistics (Hyndman and
    Fan 1996, definition 7).
    """
    if not values:
        return None
    n = len(values)
    ordered = sorted(values)
    sd = low = high = None
    if n > 1:
        found = paired("", [0.0] * n, values, confidence)
        mean = found.mean
        sd, low, high = text(found.stderr * sqrt(n)), text(found.low), text(found.high)
    else:
        mean = ordered[0]
    return Spread(
        n=n,
        mean=text(mean),
        sd=sd,
        low=low,
        high=high,
        min=text(ordered[0]),
        p05=text(quantile(ordered, 0.05)),
        p25=text(quantile(ordered, 0.25)),
        p50=text(quantile(ordered, 0.5)),
        p75=text(quantile(ordered, 0.75)),
        p95=text(quantile(ordered, 0.95)),
        max=text(ordered[-1]),
    )


def share_spread(values: Sequence[float]) -> Spread | None:
    """As ``spread``, of shares from 0 to 1: the interval ends where a mean can be.

    Cutting off what is impossible leaves the confidence as it is.
    """
    found = spread(values)
    if found is None or found.low is None or found.high is None:
        return found
    low, high = max(0.0, float(found.low)), min(1.0, float(found.high))
    return msgspec.structs.replace(found, low=text(low), high=text(high))


def difference(
    differences: Sequence[float],
    apart: tuple[Sequence[float], Sequence[float]],
    confidence: float = CONFIDENCE,
) -> Difference | None:
    """The mean of differences, pair by pair; None for fewer than two pairs.

    Args:
        differences: Second less first, one per seed.
        apart: Both figures by themselves, seed by seed, as a study without pairs would have them.
        confidence: Of the interval.
    """
    n = len(differences)
    if n < 2:
        return None
    found = paired("", [0.0] * n, differences, confidence)
    sd = found.stderr * sqrt(n)
    alone = variance(apart[0]) + variance(apart[1])
    return Difference(
        n=n,
        mean=text(found.mean),
        low=text(found.low),
        high=text(found.high),
        confidence=confidence,
        variance_ratio=text(variance(differences) / alone) if alone else None,
        verdict=verdict_of(differences, found.low, found.high),
        further_seeds=_further(n, found.mean, sd, confidence),
    )


def verdict_of(differences: Sequence[float], low: float, high: float) -> Verdict:
    """What may be said of differences whose mean has this interval."""
    if not any(differences):
        return "the same"
    if low > 0:
        return "higher"
    return "lower" if high < 0 else "within the noise"


def variance(values: Sequence[float]) -> float:
    """The sample's variance, over ``n - 1``.

    Raises:
        ValueError: If there are fewer than two values.
    """
    n = len(values)
    if n < 2:
        raise ValueError(f"a variance needs at least 2 values, was {n}")
    mean = fsum(values) / n
    return fsum((one - mean) ** 2 for one in values) / (n - 1)


def seeds_needed(
    mean: float, sd: float, confidence: float = CONFIDENCE, power: float = POWER
) -> float:
    """Seeds with which a paired difference of this size is told from nothing so often.

    The least ``n`` with ``(t(1 - (1 - confidence) / 2) + t(power)) * sd / sqrt(n) <= abs(mean)``,
    both quantiles with ``n - 1`` degrees of freedom; at least 2. Infinite if ``mean`` is 0.

    Args:
        mean: The difference.
        sd: Standard deviation of a pair's difference, >= 0.
        confidence: Of the interval that is to leave out 0.
        power: How often it shall.

    Source: the usual sample size of a paired t test, e.g. Chow, Shao and Wang, "Sample Size
    Calculations in Clinical Research", section 3.1.
    """
    if sd < 0:
        raise ValueError(f"sd must be >= 0, was {sd}")
    if not mean:
        return inf

    def enough(n: int) -> bool:
        reach = t_quantile_fast(0.5 + confidence / 2, n - 1) + t_quantile_fast(power, n - 1)
        return reach * sd <= abs(mean) * sqrt(n)

    high = 2
    while not enough(high):
        high *= 2
        if high > FURTHER_MAX:
            return inf
    low = high // 2
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def t_quantile_fast(p: float, freedom: int) -> float:
    """Quantile of Student's t for any number of degrees of freedom; 1e-7 or better.

    Source: for many, the expansion of Fisher and Cornish (Abramowitz and Stegun, 26.7.5).
    """
    if freedom <= _SERIES_MAX:
        return t_quantile(p, freedom)
    z = NormalDist().inv_cdf(p)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2


def quantile(ordered: Sequence[float], p: float) -> float:
    """Quantile of a sorted sample, by linear interpolation between its order statistics."""
    place = p * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def confidence_of_each(comparisons: int, confidence: float = CONFIDENCE) -> float:
    """The confidence of each of several intervals with which they hold together.

    Source: Bonferroni's inequality.
    """
    return 1 - (1 - confidence) / max(1, comparisons)


def text(value: float) -> str:
    """A figure with ``DIGITS`` decimals; no minus before zero."""
    rounded = f"{value:.{DIGITS}f}"
    return rounded.removeprefix("-") if not float(rounded) else rounded


def _further(n: int, mean: float, sd: float, confidence: float) -> int | None:
    if not mean:
        return None
    reach = t_quantile_fast(0.5 + confidence / 2, n - 1) * sd / sqrt(n)
    if reach < abs(mean):
        return 0
    needed = seeds_needed(mean, sd, confidence)
    return None if needed == inf else max(1, ceil(needed) - n)
