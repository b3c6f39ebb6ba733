"""One venue: the optimum in closed form (Proposition 3).

Source: Cont and Kukanov, arXiv 1210.1625v4, Proposition 3.
"""

from math import inf
from typing import Literal, NamedTuple

from router.allocate.placement.laws import Law
from router.allocate.placement.model import Placement, Problem, ordering_cost

Region = Literal["all_limit", "interior", "all_market"]


class ClosedForm(NamedTuple):
    """The optimum, the expected cost of the whole order, and what decided.

    Up to the penalty ``low`` all is posted, from ``high`` on all is bought at market.
    """

    placement: Placement
    cost: float
    region: Region
    low: float
    high: float


def closed_form(problem: Problem, law: Law) -> ClosedForm:
    """The optimum for one venue.

    ``lambda_over`` plays no part: with one venue nothing is ever overfilled.

    Raises:
        ValueError: If the problem has more than one venue, or an assumption fails.
    """
    if problem.venues != 1:
        raise ValueError(f"the closed form is for one venue, had {problem.venues}")
    problem.check()
    (queue,), (rebate,), (posting,) = problem.queues, problem.rebates, problem.posting_costs
    size = problem.order_qty
    # Posting costs are paid for shares posted instead of bought: as if the market leg were cheaper.
    gain = 2 * problem.half_spread + problem.taker_fee + rebate - posting
    base = problem.half_spread + rebate + problem.theta
    low = _threshold(gain, law.cdf(queue + size)) - base
    high = _threshold(gain, law.cdf(queue)) - base
    penalty = problem.lambda_under
    region: Region
    if penalty >= high:
        region, limit = "all_market", 0.0
    elif penalty <= low:
        region, limit = "all_limit", size
    else:
        region = "interior"
        limit = min(max(law.quantile(gain / (penalty + base)) - queue, 0.0), size)
    placement = Placement(size - limit, (limit,))
    return ClosedForm(placement, expected_cost(problem, placement, law), region, low, high)


def expected_cost(problem: Problem, placement: Placement, law: Law) -> float:
    """E v of a placement at one venue that does not overbook; money for the whole order."""
    (limit,) = placement.limits
    got = law.expected_fill(problem.queues[0], limit)
    short = problem.order_qty - placement.market - got
    return (
        ordering_cost(problem, placement)
        - (problem.half_spread + problem.rebates[0]) * got
        + (problem.theta + problem.lambda_under) * short
    )


def _threshold(gain: float, chance: float) -> float:
    """``gain / chance``, without a division by a chance that is 0 or too small for a float."""
    if chance <= 0:
        return inf if gain > 0 else -inf
    return gain / chance
