"""What it costs to trade over time: formulas of impact, risk and optimal schedules, as numbers.

Pure functions of floats, in whatever units of money, shares and time the caller keeps to. The
schedules take their shapes from here; nothing here knows orders, lots or instants of a run.

Source: Almgren & Chriss, "Optimal execution of portfolio transactions", 2000; Almgren, Thum,
Hauptmann & Li, "Direct estimation of equity market impact", 2005; Obizhaeva & Wang, "Optimal
trading strategy and supply/demand dynamics", 2013.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from math import asinh, exp, expm1, fsum, inf, isfinite, sqrt
from typing import Final, NamedTuple

_STRAIGHT: Final = 1e-8
"""Below this ``kappa * horizon`` a trajectory differs from the straight line by less than 1e-16."""
_STEPS: Final = range(-120, 61)
"""Where a risk aversion is looked for, around its natural size, in quarters of a power of ten."""


class Impact(NamedTuple):
    """The Almgren-Chriss market, in money per share and one unit of time.

    Attributes:
        sigma: Standard deviation of the price over one unit of time.
        eta: Temporary impact per share and rate, money * time / share^2.
        gamma: Permanent impact per share, money / share^2.
        epsilon: Fixed cost of a share: half the spread and fees.
    """

    sigma: float
    eta: float
    gamma: float = 0.0
    epsilon: float = 0.0

    def eta_tilde(self, tau: float) -> float:
        """Temporary impact less what the permanent one of the same period counts already.

        Raises:
            ValueError: If it is not > 0: then no schedule in periods of ``tau`` is the cheapest.
        """
        left = self.eta - self.gamma * tau / 2
        if not left > 0:
            raise ValueError(
                f"eta must be > gamma * tau / 2 = {self.gamma * tau / 2:g}, was {self.eta:g}"
            )
        return left


class Execution(NamedTuple):
    """What a schedule is expected to cost, and the standard deviation of that, in money."""

    expected_cost: float
    sd_cost: float


class FrontierPoint(NamedTuple):
    """An efficient schedule: nothing is cheaper at its risk; infinite aversion sells at once."""

    risk_aversion: float
    expected_cost: float
    sd_cost: float


class ThumImpact(NamedTuple):
    """Impact as fractions of the price, in the units of the volatility given."""

    permanent: float
    temporary: float
    realised: float


class BlockSchedule(NamedTuple):
    """Trades of the Obizhaeva-Wang schedule, in shares."""

    first: float
    middle: float
    last: float


# Almgren-Chriss


def decay_rate(market: Impact, risk_aversion: float, tau: float) -> float:
    """``kappa``, at which an efficient schedule uses up what is left, per unit of time, >= 0.

    ``cosh(kappa tau) = 1 + risk_aversion sigma^2 tau^2 / (2 eta_tilde)``, solved by
    ``2 asinh(sqrt(y / 2))``, which is the same and keeps its digits where the arc of the hyperbolic
    cosine of nearly 1 loses them.

    Args:
        market: The market.
        risk_aversion: Per money, >= 0.
        tau: Length of a period, > 0.

    Raises:
        ValueError: If an argument is out of bounds, or temporary impact is too small.
    """
    if not (risk_aversion >= 0 and isfinite(risk_aversion)):
        raise ValueError(f"risk_aversion must be finite and >= 0, was {risk_aversion}")
    if not tau > 0:
        raise ValueError(f"tau must be > 0, was {tau}")
    root = sqrt(risk_aversion) * market.sigma * tau / (2 * sqrt(market.eta_tilde(tau)))
    return 2 * asinh(root) / tau


def trajectory(kappa: float, tau: float, periods: int) -> list[float]:
    """What is left after 0 to ``periods`` periods as a part of the order, from 1 down to 0.

    ``sinh(kappa (T - t)) / sinh(kappa T)`` in exponents that do not overflow; the straight line as
    ``kappa`` goes to 0.

    Args:
        kappa: Decay rate per unit of time, >= 0.
        tau: Length of a period, > 0.
        periods: How many, >= 1.

    Raises:
        ValueError: If an argument is out of bounds.
    """
    if not kappa >= 0:
        raise ValueError(f"kappa must be >= 0, was {kappa}")
    if not tau > 0:
        raise ValueError(f"tau must be > 0, was {tau}")
    if periods < 1:
        raise ValueError(f"periods must be >= 1, was {periods}")
    step = kappa * tau
    if step * periods < _STRAIGHT:
        return [(periods - n) / periods for n in range(periods + 1)]
    whole = expm1(-2 * step * periods)
    left = [exp(-step * n) * expm1(-2 * step * (periods - n)) / whole for n in range(periods)]
    return [*left, 0.0]


def execution(market: Impact, holdings: Sequence[float], tau: float) -> Execution:
    """Expected cost and its standard deviation for what is held after each period, in shares.

    ``E = gamma X^2 / 2 + epsilon X + (eta_tilde / tau) sum n_j^2`` and
    ``Var = sigma^2 tau sum x_j^2`` over what is left after each period; no drift.

    Args:
        market: The market.
        holdings: From the whole order down to nothing.
        tau: Length of a period, > 0.

    Raises:
        ValueError: If temporary impact is too small for ``tau``.
    """
    order = holdings[0]
    trades = [before - after for before, after in pairwise(holdings)]
    cost = (
        market.gamma * order * order / 2
        + market.epsilon * order
        + market.eta_tilde(tau) / tau * fsum(trade * trade for trade in trades)
    )
    variance = market.sigma * market.sigma * tau * fsum(left * left for left in holdings[1:])
    return Execution(cost, sqrt(variance))


def efficient(
    market: Impact, order: float, risk_aversion: float, tau: float, periods: int
) -> Execution:
    """Cost and risk of the efficient schedule of ``order`` shares at this risk aversion."""
    if risk_aversion == inf:
        return execution(market, [order, *[0.0] * periods], tau)
    left = trajectory(decay_rate(market, risk_aversion, tau), tau, periods)
    return execution(market, [order * part for part in left], tau)


def efficient_frontier(
    market: Impact,
    order: float,
    tau: float,
    periods: int,
    risk_aversions: Iterable[float],
) -> list[FrontierPoint]:
    """The efficient schedules at these risk aversions, as points of cost and risk."""
    return [
        FrontierPoint(aversion, *efficient(market, order, aversion, tau, periods))
        for aversion in risk_aversions
    ]


def least_value_at_risk(
    market: Impact, order: float, tau: float, periods: int, z: float
) -> FrontierPoint:
    """The efficient schedule with the least ``expected + z * sd``: the liquidity-adjusted risk.

    Along the frontier the cost changes by minus the risk aversion for each unit of variance, so the
    derivative is zero where ``2 * risk_aversion * sd = z``. Each change of sign is bisected to the
    last digits, and the best of them is compared with trading at once, which is its own answer
    where ``z`` is large for the impact.

    Args:
        market: The market; its ``sigma`` > 0.
        order: Shares, > 0.
        tau: Length of a period, > 0.
        periods: How many, >= 1.
        z: Quantile of the normal law, >= 0; 0 asks for the least expected cost.

    Raises:
        ValueError: If an argument is out of bounds.
    """
    if not z >= 0:
        raise ValueError(f"z must be >= 0, was {z}")
    if not (order > 0 and market.sigma > 0):
        raise ValueError(f"order and sigma must be > 0, were {order} and {market.sigma}")
    if z == 0:
        return FrontierPoint(0.0, *efficient(market, order, 0.0, tau, periods))

    def excess(aversion: float) -> float:
        return 2 * aversion * efficient(market, order, aversion, tau, periods).sd_cost - z

    natural = market.eta_tilde(tau) / (market.sigma * tau) ** 2  # where kappa * tau is about 1
    grid = [natural * 10 ** (n / 4) for n in _STEPS]
    found = [inf]
    signs = [excess(aversion) for aversion in grid]
    for low, high, before, after in zip(grid, grid[1:], signs, signs[1:], strict=False):
        if before < 0 <= after:
            found.append(_root(excess, low, high))
    points = efficient_frontier(market, order, tau, periods, found)
    return min(points, key=lambda point: point.expected_cost + z * point.sd_cost)


def _root(excess: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that is negative at ``low`` and not at ``high`` changes its sign."""
    while True:
        middle = sqrt(low) * sqrt(high)
        if not low < middle < high:
            return high
        if excess(middle) < 0:
            low = middle
        else:
            high = middle


# Almgren, Thum, Hauptmann & Li


def thum_impact(
    order: float,
    *,
    daily_volume: float,
    shares_outstanding: float,
    sigma: float,
    days: float,
    gamma: float = 0.314,
    eta: float = 0.142,
    beta: float = 0.6,
    delta: float = 0.25,
) -> ThumImpact:
    """Permanent impact, temporary impact and cost of an order traded evenly.

    ``I = gamma sigma (X / V) (Theta / V)^delta``, ``K = eta sigma |X / (V T)|^beta`` with the sign
    of the order, and on average the order pays ``J = I / 2 + K``.

    Args:
        order: Shares; negative for a sale.
        daily_volume: Shares that trade in a day, > 0.
        shares_outstanding: > 0.
        sigma: Daily volatility; the results are in its unit.
        days: How long the order is traded, > 0.
        gamma: Coefficient of permanent impact.
        eta: Coefficient of temporary impact.
        beta: Exponent of temporary impact.
        delta: Exponent of turnover.

    Raises:
        ValueError: If volume, shares or days are not > 0.
    """
    for name, value in (
        ("daily_volume", daily_volume),
        ("shares_outstanding", shares_outstanding),
        ("days", days),
    ):
        if not value > 0:
            raise ValueError(f"{name} must be > 0, was {value}")
    part = order / daily_volume
    sign = -1.0 if part < 0 else 1.0
    permanent = gamma * sigma * part * (shares_outstanding / daily_volume) ** delta
    temporary = sign * eta * sigma * abs(part / days) ** beta
    return ThumImpact(permanent, temporary, permanent / 2 + temporary)


# Obizhaeva & Wang


def block_schedule(order: float, intervals: int, decay: float) -> BlockSchedule:
    """The risk-neutral schedule against a book that refills exponentially: N + 1 equal spaces.

    ``a = exp(-decay)``; the first and last of the ``intervals + 1`` trades are
    ``X / ((N - 1) (1 - a) + 2)``, each one between is ``1 - a`` times that.

    Args:
        order: Shares.
        intervals: N, >= 1; there is one trade more.
        decay: Resilience times the time between two trades, >= 0.

    Raises:
        ValueError: If an argument is out of bounds.
    """
    if intervals < 1:
        raise ValueError(f"intervals must be >= 1, was {intervals}")
    if not decay >= 0:
        raise ValueError(f"decay must be >= 0, was {decay}")
    refilled = -expm1(-decay)
    end = order / ((intervals - 1) * refilled + 2)
    return BlockSchedule(end, end * refilled, end)


def continuous_blocks(order: float, horizon: float, resilience: float) -> tuple[float, float]:
    """The limit of ever more trades: a block at each end, and the rate between them.

    ``X / (2 + rho T)`` and ``rho X / (2 + rho T)``.

    Raises:
        ValueError: If horizon or resilience is negative.
    """
    if not (horizon >= 0 and resilience >= 0):
        raise ValueError(f"horizon and resilience must be >= 0, were {horizon} and {resilience}")
    block = order / (2 + resilience * horizon)
    return block, resilience * block
