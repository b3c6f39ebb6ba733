"""Expected cost and slopes of a placement by convolution: fills on a lattice, given a common part.

Given the part that all outflows share, the fills are independent and the law of their sum is a
convolution, here a product of discrete Fourier transforms. Fills are put on a lattice so that their
means stay exact: a fill between two points counts for both by its distance. Where the outflows are
on the lattice themselves the law is exact; else the error falls with the square of the step. The
common part may be thinned to every n-th point: for a law that is smooth over many points such a sum
is as good as the whole one.

Source: own, after the model of Cont and Kukanov, arXiv 1210.1625v4.
"""

from functools import lru_cache
from math import ceil, floor, sqrt
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from router.allocate.placement.laws import Discrete, Law
from router.allocate.placement.model import Problem
from router.allocate.placement.outflows import Outflows, likely

Floats = NDArray[np.float64]
Spectrum = NDArray[np.complex128]
N = TypeVar("N", np.float64, np.complex128)

_SMOOTH: Final = (
    64,
    80,
    96,
    128,
    160,
    192,
    256,
    320,
    384,
    512,
    640,
    768,
    1024,
    1280,
    1536,
    2048,
    2560,
    3072,
    4096,
)
"""Lengths that transform quickly; beyond them powers of two."""


class Evaluation(NamedTuple):
    """A placement's expected cost for the whole order, with M chosen for its limits.

    ``slopes`` are by the limits, M moving along; money per share.
    """

    cost: float
    market: float
    slopes: list[float]


class Lattice:
    """The problem on a lattice of ``cells`` steps from nothing to the whole order.

    Args:
        problem: The problem.
        outflows: The joint law.
        cells: Number of steps, or None: the steps of the outflows themselves.
        thin: How many points of the common part one stands for, in parts of the scale on which
            fills change with it; 0: all points.
    """

    def __init__(
        self, problem: Problem, outflows: Outflows, cells: int | None, thin: float = 0.0
    ) -> None:
        if cells is None:
            assert outflows.unit is not None
            cells = ceil(problem.order_qty / outflows.unit - 1e-9)
            self.step = outflows.unit
        else:
            self.step = problem.order_qty / cells
        self.problem = problem
        self.cells = cells
        self.shifts, self.weights = _common_points(outflows, thin)
        self._cells = np.arange(cells)
        known: dict[tuple[int, float], Floats] = {}
        tables = []
        for law, queue in zip(outflows.own, problem.queues, strict=True):
            key = id(law), queue
            if key not in known:
                known[key] = self._tails(law, queue, outflows.own_weight)
            tables.append(known[key])
        self.tails: Floats = np.stack(tables)
        """Shape (venues, common points, cells): P(fill beyond the cell), averaged over it."""
        h = problem.half_spread
        self.gains: Floats = np.array([h + rebate for rebate in problem.rebates])
        self.to_post: Floats = np.array([problem.theta + cost for cost in problem.posting_costs])
        self.bought = h + problem.taker_fee
        self.miss = problem.lambda_under + problem.lambda_over + problem.theta
        self._waves: dict[int, tuple[Spectrum, Floats]] = {}

    def _tails(self, law: Law, queue: float, weight: float) -> Floats:
        edges = (queue - self.shifts)[:, None] + self.step * np.arange(self.cells + 1)
        return np.diff(weight * _tail_integrals(law, edges / weight), axis=1) / self.step

    def sums(self, limits: list[float]) -> "Sums":
        """The law of the sum of the fills of these limits."""
        known = np.array(limits)
        share = np.clip((known / self.step)[:, None] - self._cells, 0.0, 1.0)
        return Sums(self, known, self.tails * share[:, None, :])

    def beyond(self, places: Floats) -> Floats:
        """P(fill k would go beyond its limit) given the common part; limits in steps."""
        # Averages over cells hold at their middles.
        inside = np.clip(places - 0.5, 0.0, self.cells - 1.0)
        lower = np.minimum(inside.astype(np.int64), max(self.cells - 2, 0))
        upper = np.minimum(lower + 1, self.cells - 1)
        part = (inside - lower)[:, None]
        venues = np.arange(len(places))
        found: Floats = (1 - part) * self.tails[venues, :, lower]
        found += part * self.tails[venues, :, upper]
        return found

    def waves(self, length: int) -> tuple[Spectrum, Floats]:
        """For transforms of this length: what turns tails into probabilities, and counts."""
        if length not in self._waves:
            self._waves[length] = _waves(length)
        return self._waves[length]

    def evaluate(self, limits: list[float]) -> Evaluation:
        """Cost and slopes at these limits with the best M for them that overfills nothing more.

        M stays within ``S - sum L <= M <= S - max L`` and 0 to S, as an optimum's does.
        """
        sums = self.sums(limits)
        level = (self.bought + self.problem.theta + self.problem.lambda_over) / self.miss
        low, high = max(limits), min(sum(limits), self.problem.order_qty)
        gap = min(max(sums.quantile(level), low), high)
        slopes = sums.slopes(gap)
        to_gap = self.miss * (sums.below(gap) - level)
        if gap == high < self.problem.order_qty and to_gap < 0:
            slopes = slopes + to_gap
        elif gap == low and to_gap > 0:
            slopes[limits.index(low)] += to_gap
        return Evaluation(sums.cost(gap), self.problem.order_qty - gap, slopes.tolist())


class Sums:
    """The law of the sum of the fills; ``gap`` is ``S - M``, what the limits are to bring.

    That all limits fill whole has a probability of its own, at a place that need not be on the
    lattice; where it counts, the lattice's share of it is taken out and put where it belongs.
    """

    def __init__(self, lattice: Lattice, limits: Floats, tails: Floats) -> None:
        self._lattice = lattice
        self._limits = limits
        self._places = limits / lattice.step
        self.means: Floats = lattice.step * (tails.sum(axis=2) * lattice.weights).sum(axis=1)
        self._length = _length(int(self._places.sum()) + len(limits) + 2)
        turn, self._counts = lattice.waves(self._length)
        self._spectra: Spectrum = 1 + turn * np.fft.rfft(tails, self._length)
        self._full = lattice.beyond(self._places)
        law = (self._spectra.prod(axis=0) * lattice.weights[:, None]).sum(axis=0)
        self.probs: Floats = np.fft.irfft(law, self._length)
        # What the lattice has of "all whole": the limits' places, rounded down and up by distance.
        whole = float((self._full.prod(axis=0) * lattice.weights).sum())
        places = self._places.tolist()
        low, spread = _rounded(places)
        self.probs[low : low + len(spread)] -= whole * spread
        self.whole, self._whole_at = whole, float(limits.sum())
        self.cdf: Floats = np.cumsum(self.probs)

    def quantile(self, p: float) -> float:
        """Where P(sum < x) reaches p, at most where all limits are whole; atoms are spread."""
        n = int(np.searchsorted(self.cdf, p))
        if n == len(self.cdf):
            return self._whole_at
        below = float(self.cdf[n - 1]) if n else 0.0
        mass = float(self.cdf[n]) - below
        part = (p - below) / mass if mass > 0 else 0.5
        return self._lattice.step * (n - 0.5 + min(max(part, 0.0), 1.0))

    def below(self, x: float) -> float:
        """P(sum < x); atoms other than "all whole" are spread over one step."""
        place = x / self._lattice.step + 0.5
        n = min(floor(place), self._length - 1)
        before = float(self.cdf[n - 1]) if n > 0 else 0.0
        return before + (place - n) * float(self.probs[n]) + self.whole * (x > self._whole_at)

    def shortfall(self, gap: float) -> float:
        """E (gap - sum)+; shares."""
        place = gap / self._lattice.step
        n = min(floor(place), self._length - 1)
        under = float(self.cdf[:n].sum()) + (place - n) * float(self.cdf[n])
        return self._lattice.step * under + self.whole * max(gap - self._whole_at, 0.0)

    def cost(self, gap: float) -> float:
        """E v of the placement; money for the whole order."""
        lattice, problem = self._lattice, self._lattice.problem
        market = problem.order_qty - gap
        fixed = (lattice.bought + problem.theta) * market + float(
            (lattice.to_post * self._limits).sum() - (lattice.gains * self.means).sum()
        )
        over = float(self.means.sum()) - gap
        return fixed + problem.lambda_over * over + lattice.miss * self.shortfall(gap)

    def slopes(self, gap: float) -> Floats:
        """How the cost changes with each limit, M unchanged; money per share."""
        lattice, full = self._lattice, self._full
        both = (full * self._others_short(gap) * lattice.weights).sum(axis=1)
        alone = (full * lattice.weights).sum(axis=1)
        to_fill = lattice.problem.lambda_over - lattice.gains
        found: Floats = lattice.to_post + to_fill * alone - lattice.miss * both
        return found

    def under_if_full(self, gap: float) -> list[tuple[float, float]]:
        """Per venue P(its limit fills whole), and P(sum < gap) given that."""
        weights = self._lattice.weights
        alone = (self._full * weights).sum(axis=1)
        both = (self._full * self._others_short(gap) * weights).sum(axis=1)
        return [
            (float(p), float(q) / float(p) if p > 0 else 0.0)
            for p, q in zip(alone, both, strict=True)
        ]

    def _others_short(self, gap: float) -> Floats:
        """P(the others' fills < gap - L_k), by venue and common part: a product of spectra."""
        lattice, full = self._lattice, self._full
        window = np.clip(
            ((gap - self._limits) / lattice.step + 0.5)[:, None] - np.arange(self._length),
            0.0,
            1.0,
        )
        tests = np.conj(np.fft.rfft(window, self._length)) * self._counts
        short: Floats = (_of_others(self._spectra) * tests[:, None, :]).real.sum(axis=2)
        if self._whole_at - gap < (len(full) + 1) * lattice.step:
            places = self._places.tolist()
            all_full = _of_others(full)
            for k in range(len(full)):
                low, spread = _rounded(places[:k] + places[k + 1 :])
                there = float((window[k, low : low + len(spread)] * spread).sum())
                short[k] -= all_full[k] * (there - (gap > self._whole_at))
        return short


def _of_others(factors: NDArray[N]) -> NDArray[N]:
    """Per venue the product of what the other venues have there."""
    found = np.ones_like(factors)
    np.cumprod(factors[:-1], axis=0, out=found[1:])
    after = np.cumprod(factors[:0:-1], axis=0)
    found[:-1] *= after[::-1]
    return found


def _rounded(places: list[float]) -> tuple[int, Floats]:
    """The law of the sum of places, each rounded up with the chance of its distance, else down."""
    low = 0
    law = [1.0]
    for place in places:  # so few that lists are quicker
        whole = int(place)
        part = place - whole
        low += whole
        up = [prob * part for prob in law]
        law = [
            a + b
            for a, b in zip(
                [prob - one for prob, one in zip(law, up, strict=True)] + [0.0],
                [0.0, *up],
                strict=True,
            )
        ]
    return low, np.array(law)


def _common_points(outflows: Outflows, thin: float) -> tuple[Floats, Floats]:
    """What the common part adds to each outflow, and how likely."""
    common = outflows.common
    if common is None or not outflows.common_weight:
        return np.zeros(1), np.ones(1)
    assert isinstance(common, Discrete)
    known = likely(common)
    every = 1
    if thin > 0:
        own = min(_deviation(law) for law in outflows.own) * outflows.own_weight
        own /= outflows.common_weight
        spread = _deviation(common)
        scale = own * spread / sqrt(own**2 + spread**2) if own > 0 else 0.0
        # Odd, so that lattices of weights like 3/5 and 2/5 are met alike.
        every = max(1, 2 * int((scale * thin - 1) / 2) + 1)
        low, high = common.mean - 5.0 * spread, common.mean + 5.0 * spread
        known = [(x, p) for x, p in known if low <= x <= high]
        known = known[::every]
    weights = np.array([p for _, p in known])
    shifts = np.array([outflows.common_weight * x for x, _ in known])
    return shifts, weights / weights.sum()


def _deviation(law: Law) -> float:
    return law.deviation if isinstance(law, Discrete) else law.mean


def _tail_integrals(law: Law, x: Floats) -> Floats:
    """``law.tail_integral`` of many places at once."""
    if isinstance(law, Discrete):
        points, integral = _table(law)
        inside: Floats = np.interp(x, points, integral)
        return np.where(x < law.points[0], x, inside)
    mean = law.mean
    found: Floats = np.where(x > 0, -mean * np.expm1(-np.maximum(x, 0.0) / mean), x)
    return found


@lru_cache(maxsize=64)
def _table(law: Discrete) -> tuple[Floats, Floats]:
    return np.array(law.points), np.array(law.integral)


def _length(least: int) -> int:
    for length in _SMOOTH:
        if length >= least:
            return length
    return 1 << (least - 1).bit_length()


def _waves(length: int) -> tuple[Spectrum, Floats]:
    """What turns the spectrum of tails into that of probabilities, and how each wave counts."""
    angles = -2 * np.pi * np.arange(length // 2 + 1) / length
    turn = np.exp(1j * angles) - 1
    counts = np.full(len(angles), 2.0 / length)
    counts[0] = counts[-1] = 1.0 / length
    return turn, counts
