"""The optimality conditions of Proposition 4, and what they need to know about an outcome.

They hold at a strictly overbooked interior point without probability at ``A = S``. At ``M = 0``
condition (10) is only an inequality; at ``M + sum L = S`` or ``L_k = S - M`` neither need hold, and
on a lattice of outflows they hold up to one atom. So they check an optimum, and refuse none.

Source: Cont and Kukanov, arXiv 1210.1625v4, Proposition 4.
"""

from typing import NamedTuple

from router.allocate.placement.exact import whole_lattice
from router.allocate.placement.model import Placement, Problem
from router.allocate.placement.outflows import Outflows


class Conditions(NamedTuple):
    """Left and right sides of both conditions; the second has one entry per venue."""

    p_under: float
    p_under_wanted: float
    p_under_if_full: tuple[float, ...]
    p_under_if_full_wanted: tuple[float, ...]


class Outcome(NamedTuple):
    """What a placement is expected to come to, in shares."""

    filled: tuple[float, ...]
    under: float
    over: float
    p_under: float
    p_over: float


def conditions(problem: Problem, outflows: Outflows, placement: Placement) -> Conditions:
    """Both sides of (10) and (11) at a placement.

    ``P(A < S)`` is given that a limit order fills whole, which it must be able to.

    Raises:
        ValueError: If a limit order can never fill whole: then (11) says nothing.
    """
    p = problem
    miss = p.lambda_under + p.lambda_over + p.theta
    wanted = (p.half_spread + p.taker_fee + p.lambda_over + p.theta) / miss
    sums = whole_lattice(problem, outflows).sums(list(placement.limits))
    gap = problem.order_qty - placement.market
    given, given_wanted = [], []
    for k, (full, under) in enumerate(sums.under_if_full(gap)):
        limit, queue = placement.limits[k], p.queues[k]
        beyond = outflows.marginal(k).tail(queue + limit)
        if not (beyond > 0 and full > 0):
            raise ValueError(f"limits[{k}] of {limit} behind {queue} can never fill whole")
        given.append(under)
        to_post = (p.theta + p.posting_costs[k]) / beyond
        given_wanted.append((to_post + p.lambda_over - p.half_spread - p.rebates[k]) / miss)
    return Conditions(sums.below(gap), wanted, tuple(given), tuple(given_wanted))


def outcome(problem: Problem, outflows: Outflows, placement: Placement) -> Outcome:
    """Expected fills, shares short and over, and how likely either is."""
    sums = whole_lattice(problem, outflows).sums(list(placement.limits))
    gap = problem.order_qty - placement.market
    under = sums.shortfall(gap)
    filled = tuple([float(one) for one in sums.means])
    p_under = 1.0 if gap > sum(placement.limits) else sums.below(gap)
    p_over = 0.0 if gap >= sum(placement.limits) else 1 - sums.below(gap)
    return Outcome(filled, under, under + sum(filled) - gap, p_under, p_over)
