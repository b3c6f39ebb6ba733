"""The stochastic approximation of Cont and Kukanov, as they published their tables with.

Two details are not printed and were found by trial: it starts at the equal split ``S/(K+1)``, and
after each step M is clipped to ``[0, S]``, then each L_k to ``[0, S-M]``. The answer, the mean of
the iterates, may still be on its way after a thousand steps.

Source: Cont and Kukanov, arXiv 1210.1625v4, section on numerical solution.
"""

from collections.abc import Iterable, Sequence
from math import sqrt

from router.allocate.placement.model import Placement, Problem


def stochastic_approximation(
    problem: Problem, outflows: Iterable[Sequence[float]], iterations: int
) -> Placement:
    """Follow the noisy gradient, one outflow a step; the mean of the iterates.

    Args:
        problem: The problem.
        outflows: One row of K outflows for each iteration, drawn from their law; shares.
        iterations: N, which the step size needs beforehand, >= 1.

    Raises:
        ValueError: If an assumption fails, or there are fewer rows than iterations.
    """
    problem.check()
    if iterations < 1:
        raise ValueError(f"iterations must be >= 1, was {iterations}")
    size, venues = problem.order_qty, range(problem.venues)
    step = step_size(problem, iterations)
    market = size / (problem.venues + 1)
    limits = [market] * problem.venues
    queues = problem.queues
    h, under, over = problem.half_spread, problem.theta + problem.lambda_under, problem.lambda_over
    to_market = h + problem.taker_fee + problem.theta
    gains = [h + rebate for rebate in problem.rebates]
    to_post = [problem.theta + cost for cost in problem.posting_costs]
    market_sum = 0.0
    sums = [0.0] * problem.venues
    rows = iter(outflows)
    for n in range(iterations):
        row = next(rows, None)
        if row is None:
            raise ValueError(f"outflows must have {iterations} rows, had {n}")
        got = market
        for k in venues:
            past = row[k] - queues[k]
            if past > 0:
                limit = limits[k]
                got += limit if past > limit else past
        slope = -under if got < size else over if got > size else 0.0
        old = market
        market = min(max(old - step * (to_market + slope), 0.0), size)
        most = size - market
        market_sum += market
        for k in venues:
            limit = limits[k]
            gradient = to_post[k]
            if row[k] > queues[k] + limit:
                gradient += slope - gains[k]
            limit -= step * gradient
            limits[k] = limit = 0.0 if limit < 0 else most if limit > most else limit
            sums[k] += limit
    return Placement(market_sum / iterations, tuple([one / iterations for one in sums]))


def step_size(problem: Problem, iterations: int) -> float:
    """The paper's constant step for so many iterations; shares per money."""
    base = problem.half_spread + problem.theta + problem.lambda_under + problem.lambda_over
    to_post = [
        base + rebate + cost
        for rebate, cost in zip(problem.rebates, problem.posting_costs, strict=True)
    ]
    squares = (base + problem.taker_fee) ** 2 + sum(one**2 for one in to_post)
    return sqrt(problem.venues) * problem.order_qty / sqrt(iterations * squares)
