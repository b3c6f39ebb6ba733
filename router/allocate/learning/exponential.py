"""The exact optimum over pools whose supply is exponential: what learners are measured against.

With mean supply m_i, worth rho_i and order volume V, the expected worth of a split r is
``sum rho_i * m_i * (1 - exp(-r_i * V / m_i))``. It is concave, and the conditions of Karush, Kuhn
and Tucker give ``rho_i * exp(-r_i * V / m_i) = c`` where a pool is used and ``rho_i <= c`` where
not. So ``ln c = (sum m_i * ln rho_i - V) / sum m_i`` over the pools used, which are those
of the largest worth.

Source: Laruelle, Lehalle and Pages (2011), the problem; the solution in closed form is our own.
"""

from collections.abc import Sequence
from math import exp, inf, log
from typing import NamedTuple


class Optimum(NamedTuple):
    """``multiplier`` is what one more lot would be worth, ``value`` what all are on average."""

    multiplier: float
    fractions: tuple[float, ...]
    value: float


def optimum(worth: Sequence[float], means: Sequence[float], volume: float) -> Optimum:
    """The best split of ``volume`` over independent exponential supplies.

    Args:
        worth: Per pool what a lot filled there is worth, > 0.
        means: Per pool the mean supply, > 0, in the unit of ``volume``.
        volume: Of the order, > 0.

    Raises:
        ValueError: If an argument is not positive, or the lengths differ.
    """
    if not worth or len(worth) != len(means) or min(*worth, *means, volume) <= 0:
        raise ValueError(f"must be > 0 and of one length; was {worth}, {means}, {volume}")
    # In logarithms: the multiplier is 0 as a float where volume is hundreds of times the supply.
    logs, total, level = 0.0, 0.0, -inf
    for i in sorted(range(len(worth)), key=lambda i: -worth[i]):
        if log(worth[i]) <= level:
            break
        logs += means[i] * log(worth[i])
        total += means[i]
        level = (logs - volume) / total
    fractions = tuple([
        max(0.0, mean / volume * (log(rho) - level)) for rho, mean in zip(worth, means, strict=True)
    ])  # fmt: skip
    return Optimum(exp(level), fractions, expected_worth(worth, means, fractions, volume))


def expected_worth(
    worth: Sequence[float], means: Sequence[float], fractions: Sequence[float], volume: float
) -> float:
    """What a split of ``volume`` is worth on average over independent exponential supplies."""
    return sum(
        rho * mean * (1.0 - exp(-part * volume / mean))
        for rho, mean, part in zip(worth, means, fractions, strict=True)
    )
