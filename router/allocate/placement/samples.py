"""The optimum on samples of the outflows: the mean cost over the same samples everywhere.

Common random numbers: two placements meet the same outflows, so their difference is much better
known than either cost. For given limits the best M is a quantile of what they brought; the limits
are searched like those of the exact solver, and the corner without overbooking, where samples
matter only venue by venue, is solved exactly.

Source: own (sample average approximation), after the model of Cont and Kukanov, arXiv 1210.1625v4.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from router.allocate.placement.descent import Bounds, descend
from router.allocate.placement.laws import empirical
from router.allocate.placement.model import Placement, Problem
from router.allocate.placement.without_overbooking import (
    cost_without_overbooking,
    without_overbooking,
)


class Evaluation(NamedTuple):
    """Mean cost for the whole order, the best M, and how the cost changes with each limit."""

    cost: float
    market: float
    slopes: list[float]


class SampleAverage:
    """The problem on samples.

    Args:
        problem: The problem.
        outflows: Rows of K outflows, each as likely.

    Raises:
        ValueError: If there are no rows or they do not fit the venues.
    """

    def __init__(self, problem: Problem, outflows: Sequence[Sequence[float]]) -> None:
        rows = np.array(outflows, dtype=float)
        if rows.ndim != 2 or rows.shape[1] != problem.venues or not len(rows):
            raise ValueError(
                f"outflows must be rows of {problem.venues}, had the shape {rows.shape}"
            )
        self._problem = problem
        self._past = np.maximum(rows - np.array(problem.queues), 0.0)
        self._gains = np.array([problem.half_spread + rebate for rebate in problem.rebates])
        self._to_post = np.array([problem.theta + cost for cost in problem.posting_costs])
        self._miss = problem.lambda_under + problem.lambda_over + problem.theta

    def cost(self, placement: Placement) -> float:
        """Mean of v over the samples; money for the whole order."""
        return self._at(np.array(placement.limits), self._problem.order_qty - placement.market)[0]

    def evaluate(self, limits: list[float]) -> Evaluation:
        """Cost and slopes at these limits, with the best M within ``S - sum L`` and ``S - max L``.

        Slopes are those of the mean, where samples on a kink count by half.
        """
        problem, known = self._problem, np.array(limits)
        bought = problem.half_spread + problem.taker_fee
        level = (bought + problem.theta + problem.lambda_over) / self._miss
        sums = np.sort(np.minimum(self._past, known).sum(axis=1))
        place = min(int(level * len(sums)), len(sums) - 1)
        low, high = max(limits), min(sum(limits), problem.order_qty)
        gap = min(max(float(sums[place]), low), high)
        cost, slopes = self._at(known, gap)
        under = float((sums < gap).mean()) + 0.5 * float((sums == gap).mean())
        to_gap = self._miss * (under - level)
        if gap == high < problem.order_qty and to_gap < 0:
            slopes = [slope + to_gap for slope in slopes]
        elif gap == low and to_gap > 0:
            slopes[limits.index(low)] += to_gap
        return Evaluation(cost, problem.order_qty - gap, slopes)

    def _at(self, limits: "np.typing.NDArray[np.float64]", gap: float) -> tuple[float, list[float]]:
        problem = self._problem
        fills = np.minimum(self._past, limits)
        short = gap - fills.sum(axis=1)
        market = problem.order_qty - gap
        fixed = (problem.half_spread + problem.taker_fee + problem.theta) * market
        cost = (
            fixed
            + float((self._to_post * limits).sum() - (self._gains * fills.mean(axis=0)).sum())
            + (problem.theta + problem.lambda_under) * float(np.maximum(short, 0.0).mean())
            + problem.lambda_over * float(np.maximum(-short, 0.0).mean())
        )
        full = (self._past > limits) + 0.5 * (self._past == limits)
        under = ((short > 0) + 0.5 * (short == 0))[:, None]
        to_fill = problem.lambda_over - self._gains
        slopes = self._to_post + (full * (to_fill - self._miss * under)).mean(axis=0)
        return cost, slopes.tolist()


def solve_on_samples(
    problem: Problem, outflows: Sequence[Sequence[float]]
) -> tuple[Placement, float]:
    """The placement of the least mean cost over these samples, and that cost.

    Raises:
        ValueError: If an assumption fails or the samples do not fit.
    """
    problem.check()
    average = SampleAverage(problem, outflows)
    laws = [empirical([row[k] for row in outflows]) for k in range(problem.venues)]
    best = without_overbooking(problem, laws)
    cost = cost_without_overbooking(problem, best, laws)
    if problem.venues == 1:
        return best, cost
    size = problem.order_qty
    over, under = Bounds(size, size, above=True), Bounds(size, size, above=False)
    corner = list(best.limits)
    enough = 1e-7 * size * (problem.lambda_under + problem.lambda_over + problem.theta)
    for bounds, start in (
        (over, corner),
        (over, [1.3 * size / problem.venues] * problem.venues),
        (under, [1.02 * limit for limit in corner]),
    ):
        place, known = descend(average.evaluate, start, bounds, enough=enough, steps=60)
        if known.cost < cost:
            best, cost = Placement(known.market, tuple(place)), known.cost
    return best, cost
