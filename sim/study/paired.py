"""Two variants of a scenario on equal chance: the difference seed by seed, with its confidence.

Both variants run once with each seed. Named streams give both the same draws wherever they ask for
the same thing, so that most of what chance does to one it does to the other, and the difference
has a smaller error than either figure. What is paired, and on which seeds, is part of the result.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import atan, cos, pi, sin, sqrt
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from sim.scenario.load import load_scenario
from sim.world import run_world

Summary = Mapping[str, Any]
Measure = Callable[[Summary], float]
"""From the content of a run's ``summary.json`` to one figure."""


class Variant(NamedTuple):
    """A scenario with overrides: a file or the name of a shipped one, and ``PATH=VALUE`` each."""

    ref: str | Path
    sets: tuple[str, ...] = ()


class Paired(msgspec.Struct, frozen=True):
    """The difference of two figures, second less first, over pairs.

    ``low`` and ``high`` bound the mean with the stated confidence, by Student's t for ``n`` pairs.
    ``first`` and ``second`` are the means of both by themselves.
    """

    what: str
    """What was measured, and what is paired."""
    n: int
    """Pairs."""
    mean: float
    """Mean difference, second less first."""
    stderr: float
    """Standard error of that mean."""
    low: float
    """Lower end of the confidence interval."""
    high: float
    """Upper end of the confidence interval."""
    confidence: float
    first: float
    second: float

    def __str__(self) -> str:
        """The mean with its interval, in a line."""
        return (
            f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}] "
            f"({self.confidence:.0%} confidence, {self.n} pairs: {self.what})"
        )


def paired(
    what: str, first: Sequence[float], second: Sequence[float], confidence: float = 0.95
) -> Paired:
    """The mean of the differences of pairs, with its error and confidence interval.

    Args:
        what: What the numbers are, and what makes a pair.
        first: One figure per pair.
        second: The other figure of each pair, in the same order.
        confidence: Of the interval, between 0 and 1.

    Raises:
        ValueError: If there are fewer than two pairs, or not as many of both, or the confidence is
            out of bounds.

    Source: the paired t interval (Student 1908).
    """
    n = len(first)
    if n != len(second):
        raise ValueError(f"first and second must be pairs, were {n} and {len(second)}")
    if n < 2:
        raise ValueError(f"an error needs at least 2 pairs, was {n}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, was {confidence}")
    differences = [b - a for a, b in zip(first, second, strict=True)]
    mean = sum(differences) / n
    stderr = sqrt(sum((one - mean) ** 2 for one in differences) / (n - 1) / n)
    reach = t_quantile(0.5 + confidence / 2, n - 1) * stderr
    return Paired(
        what,
        n,
        mean,
        stderr,
        mean - reach,
        mean + reach,
        confidence,
        sum(first) / n,
        sum(second) / n,
    )


def over_seeds(
    first: Variant,
    second: Variant,
    seeds: Sequence[int],
    measure: Measure,
    *,
    what: str = "",
    confidence: float = 0.95,
) -> Paired:
    """Run both variants with every seed, and pair what comes out by seed.

    Args:
        first: What is compared.
        second: What it is compared with.
        seeds: At least two, each once.
        measure: The figure of a run.
        what: Put before the description of the pairs.
        confidence: Of the interval.

    Raises:
        ScenarioError: If a variant is wrong.
        ValueError: If a seed occurs twice or there are fewer than two, or from ``measure``.
    """
    if len(set(seeds)) != len(seeds):
        raise ValueError("seeds must differ: the same run twice is one pair, not two")
    figures = [[measure(_summary(one, seed)) for seed in seeds] for one in (first, second)]
    pairs = f"{_name(second)} less {_name(first)}, pairs of equal seed, {_range(seeds)}"
    return paired(f"{what}, {pairs}" if what else pairs, figures[0], figures[1], confidence)


def mean_shortfall_bps(summary: Summary) -> float:
    """Mean of the parents' shortfalls, each against the mid as it arrived; bps.

    Raises:
        ValueError: If a parent is not filled to its end, since costs of different quantities do not
            compare, or there was no mid as it arrived.
    """
    parents = _filled(summary)
    total = sum(Decimal(parent["shortfall_bps"]) for parent in parents)
    return float(total / len(parents))


def basket_shortfall_bps(summary: Summary) -> float:
    """Cost of all parents together against the mid as the first one arrived; bps, without fees.

    For one order that was cut into several parents of one side: what came in between counts.

    Raises:
        ValueError: If a parent is not filled, or sides differ, or there was no mid.
    """
    parents = _filled(summary)
    sides = {parent["side"] for parent in parents}
    if len(sides) != 1:
        raise ValueError(f"parents must be of one side, were {', '.join(sorted(sides))}")
    sign = 1 if sides == {"buy"} else -1
    lots = sum(parent["filled_qty"] for parent in parents)
    paid = sum(Fraction(parent["avg_px"]) * parent["filled_qty"] for parent in parents)
    mid = Fraction(parents[0]["arrival_mid"])
    return float(sign * 10_000 * (paid / lots - mid) / mid)


@lru_cache(maxsize=256)  # a sweep asks for the same one again and again
def t_quantile(p: float, freedom: int) -> float:
    """Quantile of Student's t, by bisection of its distribution function; 1e-9 or better.

    Raises:
        ValueError: If ``p`` is not between 0 and 1, or ``freedom`` is below 1.

    Source: the finite series of Abramowitz and Stegun, 26.7.3 and 26.7.4.
    """
    if not 0 < p < 1:
        raise ValueError(f"p must be between 0 and 1, was {p}")
    if freedom < 1:
        raise ValueError(f"freedom must be >= 1, was {freedom}")
    if p < 0.5:
        return -t_quantile(1 - p, freedom)
    low, high = 0.0, 1.0
    while _t_cdf(high, freedom) < p:
        low, high = high, 2 * high
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_cdf(middle, freedom) < p else (low, middle)
    return (low + high) / 2


def _t_cdf(t: float, freedom: int) -> float:
    """Distribution function of Student's t at ``t >= 0``."""
    angle = atan(t / sqrt(freedom))
    term, total = 1.0, 0.0
    square = cos(angle) ** 2
    if freedom % 2:
        if freedom > 1:
            term = cos(angle)
            for k in range(3, freedom + 1, 2):
                total += term
                term *= square * (k - 1) / k
        inside = 2 / pi * (angle + sin(angle) * total)
    else:
        for k in range(2, freedom + 1, 2):
            total += term
            term *= square * (k - 1) / k
        inside = sin(angle) * total
    return 0.5 + inside / 2


def _summary(variant: Variant, seed: int) -> Summary:
    return run_world(load_scenario(variant.ref, sets=variant.sets, seed=seed)).summary


def _filled(summary: Summary) -> list[Mapping[str, Any]]:
    parents: list[Mapping[str, Any]] = summary["parents"]
    for parent in parents:
        if parent["filled_qty"] != parent["order_qty"]:
            raise ValueError(
                f"parent {parent['parent_id']} filled {parent['filled_qty']} of "
                f"{parent['order_qty']} lots: costs of different quantities do not compare"
            )
        if parent["arrival_mid"] is None:
            raise ValueError(f"parent {parent['parent_id']} has no arrival mid to compare with")
    return parents


def _name(variant: Variant) -> str:
    sets = f" with {', '.join(variant.sets)}" if variant.sets else ""
    return f"{Path(variant.ref).stem}{sets}"


def _range(seeds: Sequence[int]) -> str:
    if list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seeds {', '.join(map(str, seeds))}"
