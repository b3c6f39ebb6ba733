"""The placement problem of Cont and Kukanov: its data, its assumptions, and what an outcome costs.

``order_qty`` shares (S) are wanted by a horizon. A placement buys M at market now and joins K
queues with limit orders L_k behind Q_k. With xi_k, what leaves queue k's front by the horizon::

    fill_k = min(max(xi_k - Q_k, 0), L_k)                A = M + sum fill_k
    v = (h+f) M - sum (h+r_k) fill_k + theta (M + sum L_k + (S-A)+) + sum c_k L_k
        + lambda_u (S-A)+ + lambda_o (A-S)+

The paper has no c_k, the price of a share in a long queue: 0 gives its problem. A seller mirrors
the sides, not the signs.

Source: Cont and Kukanov, Optimal order placement in limit order markets, arXiv 1210.1625v4.
"""

from collections.abc import Sequence
from math import isfinite

import msgspec


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted and what it costs; money per share, quantities in shares.

    Attributes:
        order_qty: Shares wanted, > 0 (S).
        half_spread: From the middle to a best price, >= 0 (h).
        taker_fee: For a share at market (f).
        rebates: Per venue, for a share that fills at a limit; may be negative (r_k).
        queues: Per venue, shares ahead of ours, >= 0 (Q_k).
        theta: Impact per share ordered, also for a shortfall, >= 0.
        lambda_under: Penalty per share short at the horizon.
        lambda_over: Penalty per share beyond the order.
        queue_costs: Per venue, for each share that is posted there, >= 0 (c_k); empty: none.
    """

    order_qty: float
    half_spread: float
    taker_fee: float
    rebates: tuple[float, ...]
    queues: tuple[float, ...]
    theta: float
    lambda_under: float
    lambda_over: float
    queue_costs: tuple[float, ...] = ()

    @property
    def venues(self) -> int:
        """K, the number of queues."""
        return len(self.queues)

    @property
    def posting_costs(self) -> tuple[float, ...]:
        """c_k of every venue."""
        return self.queue_costs or (0.0,) * len(self.queues)

    def check_numbers(self) -> None:
        """Raise ``ValueError`` that says which number is missing or out of its bounds."""
        _check_shape(self)

    def check(self) -> None:
        """Raise ``ValueError`` that says which number or which assumption fails."""
        _check_shape(self)
        h, f = self.half_spread, self.taker_fee
        low, high = min(self.rebates), max(self.rebates)
        if not low + h > 0:
            raise ValueError(f"min rebate + half_spread must be > 0, was {low} + {h}")
        if not self.lambda_over > h + high:
            raise ValueError(
                f"lambda_over must be > half_spread + max rebate, {h + high}, "
                f"was {self.lambda_over}"
            )
        if not self.lambda_over > -(h + f):
            raise ValueError(
                f"lambda_over must be > -(half_spread + taker_fee), {-(h + f)}, "
                f"was {self.lambda_over}"
            )
        if not self.lambda_under > h + f:
            raise ValueError(
                f"lambda_under must be > half_spread + taker_fee, {h + f}, was {self.lambda_under}"
            )


class Placement(msgspec.Struct, frozen=True):
    """An answer: shares at market (M), and per venue shares at its limit (L_k)."""

    market: float
    limits: tuple[float, ...]

    @property
    def total(self) -> float:
        """Shares ordered; more than the order where it is overbooked."""
        return self.market + sum(self.limits)


def fills(problem: Problem, limits: Sequence[float], outflows: Sequence[float]) -> list[float]:
    """What each limit order gets of these outflows; shares."""
    return [
        min(max(out - queue, 0.0), limit)
        for out, queue, limit in zip(outflows, problem.queues, limits, strict=True)
    ]


def cost_of(problem: Problem, placement: Placement, outflows: Sequence[float]) -> float:
    """What a placement costs when this much leaves the queues: v, in money for the whole order."""
    had = fills(problem, placement.limits, outflows)
    gained = sum(
        (problem.half_spread + rebate) * got
        for rebate, got in zip(problem.rebates, had, strict=True)
    )
    gap = problem.order_qty - placement.market - sum(had)
    return (
        ordering_cost(problem, placement)
        - gained
        + (problem.theta + problem.lambda_under) * max(gap, 0.0)
        + problem.lambda_over * max(-gap, 0.0)
    )


def ordering_cost(problem: Problem, placement: Placement) -> float:
    """The part of the cost that no outflow changes: the market order, impact and queue costs."""
    return (
        (problem.half_spread + problem.taker_fee) * placement.market
        + problem.theta * placement.total
        + sum(
            cost * limit
            for cost, limit in zip(problem.posting_costs, placement.limits, strict=True)
        )
    )


def _check_shape(problem: Problem) -> None:
    if not problem.queues:
        raise ValueError("queues must name at least one venue")
    for name, values in (("rebates", problem.rebates), ("queue_costs", problem.posting_costs)):
        if len(values) != len(problem.queues):
            raise ValueError(
                f"{name} must have one entry for each of {len(problem.queues)} venues, "
                f"had {len(values)}"
            )
    numbers = {
        "order_qty": problem.order_qty,
        "half_spread": problem.half_spread,
        "taker_fee": problem.taker_fee,
        "theta": problem.theta,
        "lambda_under": problem.lambda_under,
        "lambda_over": problem.lambda_over,
        **{f"rebates[{k}]": value for k, value in enumerate(problem.rebates)},
        **{f"queues[{k}]": value for k, value in enumerate(problem.queues)},
        **{f"queue_costs[{k}]": value for k, value in enumerate(problem.posting_costs)},
    }
    signed = ("taker_fee", "rebates", "lambda")
    for name, value in numbers.items():
        if not isfinite(value):
            raise ValueError(f"{name} must be finite, was {value}")
        if value < 0 and not name.startswith(signed):
            raise ValueError(f"{name} must be >= 0, was {value}")
    if not problem.order_qty:
        raise ValueError("order_qty must be > 0, was 0")
