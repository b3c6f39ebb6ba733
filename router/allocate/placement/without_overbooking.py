"""Any number of venues where market and limit orders together are exactly the order.

Then nothing is ever overfilled, the fills no longer meet in one penalty, and the problem falls
apart into one convex piece per venue: ``E v`` grows with a further share at limit k by
``c_k + theta + lambda_u - (h + r_k + theta + lambda_u) P(xi_k > Q_k + L_k)`` and with a further
share at market by what that share costs. The optimum takes the cheapest further share until the
order is placed, whatever the outflows have to do with each other. With one venue and one price at
market it is Proposition 3. This is also the corner ``M + sum L = S`` of the whole problem.

Source: our derivation from the cost of Cont and Kukanov, arXiv 1210.1625v4; compared with full
searches in the tests.
"""

from collections.abc import Sequence
from typing import Final

from router.allocate.placement.laws import Law
from router.allocate.placement.model import Placement, Problem, ordering_cost

_HALVINGS: Final = 40


def without_overbooking(
    problem: Problem,
    laws: Sequence[Law],
    market: Sequence[tuple[float, float]] | None = None,
) -> Placement:
    """The best placement with ``M + sum L = S``.

    Args:
        problem: The problem. ``lambda_over`` plays no part, and of the assumptions only that a fill
            is worth more than a shortfall, ``h + r_k + theta + lambda_u > 0``.
        laws: Per venue the law of its outflow by itself.
        market: ``(cost per share, shares)`` of what can be had at market, cheapest first; None:
            any quantity at ``half_spread + taker_fee``.

    Raises:
        ValueError: If that fails, a number is out of bounds, or the laws are not one per venue.
    """
    problem.check_numbers()
    worth = problem.half_spread + min(problem.rebates) + problem.theta + problem.lambda_under
    if not worth > 0:
        raise ValueError(
            f"half_spread + min rebate + theta + lambda_under must be > 0, was {worth}"
        )
    if len(laws) != problem.venues:
        raise ValueError(f"laws must be one for each of {problem.venues} venues, had {len(laws)}")
    size = problem.order_qty
    if market is None:
        market = ((problem.half_spread + problem.taker_fee, size),)
    bought = 0.0
    price = -problem.half_spread - max(problem.rebates)  # below it nobody posts
    for cost, shares in market:
        wanted = _demand(problem, laws, cost)
        posted = sum(wanted)
        if bought + posted >= size:
            break
        if bought + shares + posted >= size:
            return Placement(size - posted, tuple(wanted))
        bought += shares
        price = cost
    dearest = problem.theta + problem.lambda_under + max(problem.posting_costs)
    limits = _share(problem, laws, size - bought, (price, max(dearest, price)))
    return Placement(bought, tuple(limits))


def cost_without_overbooking(
    problem: Problem, placement: Placement, laws: Sequence[Law], market_cost: float | None = None
) -> float:
    """E v of a placement that cannot overfill; money for the whole order.

    Args:
        problem: The problem.
        placement: With ``M + sum L <= S``.
        laws: Per venue.
        market_cost: What the market order costs in all; None: ``half_spread + taker_fee`` a share.

    Raises:
        ValueError: If the placement is overbooked.
    """
    if placement.total > problem.order_qty * (1 + 1e-12):
        raise ValueError(
            f"placement must not exceed the order of {problem.order_qty}, was {placement.total}"
        )
    got = [
        law.expected_fill(queue, limit)
        for law, queue, limit in zip(laws, problem.queues, placement.limits, strict=True)
    ]
    h = problem.half_spread
    gained = sum((h + rebate) * one for rebate, one in zip(problem.rebates, got, strict=True))
    short = problem.order_qty - placement.market - sum(got)
    cost = ordering_cost(problem, placement)
    if market_cost is not None:
        cost += market_cost - (h + problem.taker_fee) * placement.market
    return cost - gained + (problem.theta + problem.lambda_under) * short


def _demand(problem: Problem, laws: Sequence[Law], price: float) -> list[float]:
    """Per venue, how many shares are better posted than had at this price."""
    size, base = problem.order_qty, problem.theta + problem.lambda_under
    found = []
    for law, queue, rebate, cost in zip(
        laws, problem.queues, problem.rebates, problem.posting_costs, strict=True
    ):
        gain = problem.half_spread + rebate
        p = (price + gain - cost) / (gain + base)
        if p >= 1:
            found.append(size)
        elif p <= 0 or law.cdf(queue) >= p:
            found.append(0.0)
        else:
            found.append(min(law.quantile(p) - queue, size))
    return found


def _share(
    problem: Problem, laws: Sequence[Law], shares: float, prices: tuple[float, float]
) -> list[float]:
    """Limits that come to so many shares, all at the same price of a further one."""
    low, high = prices
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if sum(_demand(problem, laws, middle)) < shares:
            low = middle
        else:
            high = middle
    limits = [min(limit, shares) for limit in _demand(problem, laws, low)]
    most = _demand(problem, laws, high)
    # A law with atoms jumps: what is left goes where the price is met, first venue first.
    left = shares - sum(limits)
    for k, limit in enumerate(most):
        more = min(max(left, 0.0), max(limit - limits[k], 0.0))
        limits[k] += more
        left -= more
    if left > 0:  # nothing more is gained anywhere: wherever posting is cheapest
        k = min(range(len(limits)), key=lambda n: (problem.posting_costs[n], n))
        limits[k] += left
    return limits
