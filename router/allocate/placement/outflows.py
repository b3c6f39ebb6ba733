"""What leaves several queues together: own parts, and one part that all of them share.

``xi_k = common_weight * xi_0 + own_weight * eps_k`` with independent parts, as in the examples of
Cont and Kukanov; without a common part the queues are independent. Outflows need not be whole.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm
from typing import Final

from router.allocate.placement.laws import Discrete, Law

_FINEST: Final = 1_000
"""Weights are multiples of one over at most this."""

_NOTHING: Final = Discrete((0.0,), (1.0,))


class Outflows:
    """The joint law of the outflows of K queues.

    Args:
        own: Per venue the law of its own part.
        common: The law of the part that all share; None: they are independent.
        common_weight: How much of the common part each outflow has, >= 0.
        own_weight: How much of its own part, > 0.

    Raises:
        ValueError: If there is no venue, a weight is out of bounds, or laws that are not discrete
            are mixed.
    """

    def __init__(
        self,
        own: Sequence[Law],
        common: Law | None = None,
        common_weight: float = 0.0,
        own_weight: float = 1.0,
    ) -> None:
        if not own:
            raise ValueError("own must name the law of at least one venue")
        if not (common_weight >= 0 and own_weight > 0):
            raise ValueError(
                f"common_weight must be >= 0 and own_weight > 0, were {common_weight}, {own_weight}"
            )
        mixes = common is not None or own_weight != 1
        if mixes and not all(isinstance(law, Discrete) for law in (common or own[0], *own)):
            raise ValueError("only discrete laws can be weighted and mixed")
        self.own = tuple(own)
        self.common = common
        self.common_weight = common_weight if common is not None else 0.0
        self.own_weight = own_weight

    def marginal(self, k: int) -> Law:
        """The law of the outflow of one queue alone."""
        if self.common is None and self.own_weight == 1:
            return self.own[k]
        return mixed(self.common or _NOTHING, self.common_weight, self.own[k], self.own_weight)

    @property
    def unit(self) -> float | None:
        """The step of the lattice that all outflows are on; None where they are on none."""
        laws = [*self.own, *([] if self.common is None else [self.common])]
        if not all(is_whole(law) for law in laws):
            return None
        return float(unit_of(self.common_weight, self.own_weight))


@lru_cache(maxsize=64)
def mixed(common: Law, common_weight: float, own: Law, own_weight: float) -> Discrete:
    """The law of a weighted sum, on the lattice of its weights where both parts are whole.

    Points of a part with less than 1e-18 of its most likely one are left out.

    Raises:
        ValueError: If a part is not discrete.
    """
    if not (isinstance(common, Discrete) and isinstance(own, Discrete)):
        raise ValueError("only discrete laws can be weighted and mixed")
    first, second = likely(common), likely(own)
    if not (is_whole(own) and is_whole(common)):
        sums: dict[float, float] = {}
        for x, p in first:
            for y, q in second:
                place = common_weight * x + own_weight * y
                sums[place] = sums.get(place, 0.0) + p * q
        points = sorted(sums)
        return Discrete(points, [sums[point] for point in points])
    import numpy as np

    unit = unit_of(common_weight, own_weight)
    c, o = int(_fraction(common_weight) / unit), int(_fraction(own_weight) / unit)
    low = c * int(first[0][0]) + o * int(second[0][0])
    probs = np.zeros(c * int(first[-1][0]) + o * int(second[-1][0]) - low + 1)
    places = np.array([o * int(point - second[0][0]) for point, _ in second])
    chances = np.array([prob for _, prob in second])
    for x, p in first:
        probs[c * int(x - first[0][0]) + places] += p * chances
    known = np.flatnonzero(probs)
    return Discrete([float(unit * (low + int(n))) for n in known], [float(probs[n]) for n in known])


@lru_cache(maxsize=64)
def likely(law: Discrete) -> list[tuple[float, float]]:
    """Points and probabilities of a law without those that never matter."""
    least = 1e-18 * max(law.probs)
    return [(x, p) for x, p in zip(law.points, law.probs, strict=True) if p > least]


def is_whole(law: Law) -> bool:
    """Whether the law is on whole numbers."""
    return isinstance(law, Discrete) and all(point.is_integer() for point in law.points)


def unit_of(common_weight: float, own_weight: float) -> Fraction:
    """The step of the lattice of the weighted sums of whole numbers."""
    parts = [_fraction(weight) for weight in (own_weight, common_weight) if weight]
    below = lcm(*(part.denominator for part in parts))
    return Fraction(gcd(*(int(part * below) for part in parts)), below)


def outflows_at(outflows: Outflows, uniforms: Iterable[Sequence[float]]) -> list[list[float]]:
    """Outflows from rows of numbers in (0, 1): first the common part, then one for each venue."""
    rows = []
    for common, *own in uniforms:
        base = 0.0
        if outflows.common is not None:
            base = outflows.common_weight * outflows.common.quantile(common)
        rows.append(
            [
                base + outflows.own_weight * law.quantile(u)
                for law, u in zip(outflows.own, own, strict=True)
            ]
        )
    return rows


def even_points(count: int, dimensions: int) -> Iterable[list[float]]:
    """Points that fill the unit cube evenly and in no visible order: no chance is in them.

    Source: the additive sequence of Roberts, "The unreasonable effectiveness of quasirandom
    sequences": multiples of powers of the root of x^(d+1) = x + 1.
    """
    root = 2.0
    for _ in range(64):
        root = (1 + root) ** (1 / (dimensions + 1))
    steps = [root ** -(j + 1) % 1 for j in range(dimensions)]
    place = [0.5] * dimensions
    while count > 0:
        place = [(x + step) % 1 for x, step in zip(place, steps, strict=True)]
        # The law's tails end somewhere; 0 itself would ask for what never happens.
        yield [x if x > 0 else 0.5 for x in place]
        count -= 1


def even_outflows(outflows: Outflows, count: int) -> list[list[float]]:
    """So many outflows that together stand for the law."""
    return outflows_at(outflows, even_points(count, len(outflows.own) + 1))


def _fraction(weight: float) -> Fraction:
    return Fraction(weight).limit_denominator(_FINEST)
