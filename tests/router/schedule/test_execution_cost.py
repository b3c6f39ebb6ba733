"""Formulas of schedules beyond the golden cases: limits, large and small numbers, optimality."""

from collections.abc import Callable
from itertools import pairwise
from math import acosh, inf, isclose, sinh

import pytest

from router.schedule.execution_cost import (
    Impact,
    block_schedule,
    continuous_blocks,
    decay_rate,
    efficient,
    efficient_frontier,
    execution,
    least_value_at_risk,
    thum_impact,
    trajectory,
)

MARKET = Impact(sigma=0.95, eta=2.5e-6, gamma=2.5e-7, epsilon=0.0625)


@pytest.mark.parametrize("aversion", [1e-7, 1e-6, 1e-5])
def test_kappa_is_the_arc_of_the_hyperbolic_cosine(aversion: float) -> None:
    tau = 0.5
    growth = 1 + aversion * 0.95**2 * tau**2 / (2 * MARKET.eta_tilde(tau))
    assert isclose(decay_rate(MARKET, aversion, tau) * tau, acosh(growth), rel_tol=1e-9)


def test_kappa_keeps_its_digits_where_risk_aversion_is_tiny() -> None:
    kappa = decay_rate(MARKET, 1e-26, 1.0)
    assert isclose(kappa, (1e-26 * 0.95**2 / MARKET.eta_tilde(1.0)) ** 0.5, rel_tol=1e-12)


@pytest.mark.parametrize("kappa", [1e-6, 0.1, 3.0, 30.0])
def test_a_trajectory_follows_the_hyperbolic_sine(kappa: float) -> None:
    found = trajectory(kappa, 1.0, 10)
    wanted = [sinh(kappa * (10 - n)) / sinh(kappa * 10) for n in range(11)]
    assert all(
        isclose(a, b, rel_tol=1e-9, abs_tol=1e-300) for a, b in zip(found, wanted, strict=True)
    )


@pytest.mark.parametrize("kappa", [0.0, 1e-320, 1e-300, 1e-12, 1e-9, 1.0, 800.0, 1e6, 1e300])
def test_a_trajectory_falls_from_one_to_nothing_whatever_kappa(kappa: float) -> None:
    found = trajectory(kappa, 1.0, 7)
    assert found[0] == 1
    assert found[-1] == 0
    assert all(before >= after >= 0 for before, after in pairwise(found))


def test_without_risk_aversion_the_trajectory_is_the_straight_line() -> None:
    assert trajectory(0.0, 2.0, 4) == [1.0, 0.75, 0.5, 0.25, 0.0]
    near = trajectory(1.01e-8, 1.0, 4)
    assert all(
        isclose(a, b, abs_tol=1e-12) for a, b in zip(near, [1, 0.75, 0.5, 0.25, 0], strict=True)
    )


def test_an_efficient_trajectory_is_cheaper_than_its_neighbours() -> None:
    aversion, tau, order = 1e-6, 1.0, 1e6
    held = [order * part for part in trajectory(decay_rate(MARKET, aversion, tau), tau, 5)]

    def objective(holdings: list[float]) -> float:
        cost = execution(MARKET, holdings, tau)
        return cost.expected_cost + aversion * cost.sd_cost**2

    for n in range(1, 5):
        for step in (-1_000.0, 1_000.0):
            other = held.copy()
            other[n] += step
            assert objective(other) > objective(held)


def test_the_frontier_trades_cost_for_risk() -> None:
    points = efficient_frontier(MARKET, 1e6, 1.0, 5, [0.0, 1e-9, 1e-7, 1e-6, 1e-5, 1e-3, inf])
    for before, after in pairwise(points):
        assert before.expected_cost <= after.expected_cost
        assert before.sd_cost >= after.sd_cost
    assert points[-1].sd_cost == 0


@pytest.mark.parametrize("z", [0.01, 0.5, 1.645, 3.0])
def test_the_least_value_at_risk_is_below_that_of_all_other_aversions(z: float) -> None:
    point = least_value_at_risk(MARKET, 1e6, 1.0, 5, z)
    best = point.expected_cost + z * point.sd_cost
    assert isclose(2 * point.risk_aversion * point.sd_cost, z, rel_tol=1e-6)
    for n in range(-40, 41):
        aversion = point.risk_aversion * 1.3**n
        cost = efficient(MARKET, 1e6, aversion, 1.0, 5)
        assert best <= cost.expected_cost + z * cost.sd_cost + 1e-6 * best


def test_with_a_large_quantile_trading_at_once_is_the_least_value_at_risk() -> None:
    point = least_value_at_risk(MARKET, 100.0, 1.0, 5, 3.0)
    assert point.risk_aversion == inf
    assert point.sd_cost == 0
    at_once = point.expected_cost
    for aversion in (1e-6, 1e-3, 1.0, 1e3):
        cost = efficient(MARKET, 100.0, aversion, 1.0, 5)
        assert at_once <= cost.expected_cost + 3 * cost.sd_cost


def test_quantile_zero_asks_for_the_least_cost() -> None:
    assert least_value_at_risk(MARKET, 1e6, 1.0, 5, 0.0).risk_aversion == 0


def test_temporary_impact_must_outweigh_the_permanent_one_of_half_a_period() -> None:
    with pytest.raises(ValueError, match=r"eta must be > gamma \* tau / 2"):
        decay_rate(MARKET, 1e-6, 21.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: decay_rate(MARKET, -1e-6, 1.0), "risk_aversion must be finite and >= 0"),
        (lambda: decay_rate(MARKET, inf, 1.0), "risk_aversion must be finite and >= 0"),
        (lambda: decay_rate(MARKET, 1e-6, 0.0), "tau must be > 0"),
        (lambda: trajectory(-1.0, 1.0, 3), "kappa must be >= 0"),
        (lambda: trajectory(1.0, 0.0, 3), "tau must be > 0"),
        (lambda: trajectory(1.0, 1.0, 0), "periods must be >= 1"),
        (lambda: least_value_at_risk(MARKET, 1e6, 1.0, 5, -1.0), "z must be >= 0"),
        (lambda: least_value_at_risk(MARKET, 0.0, 1.0, 5, 1.0), "order and sigma must be > 0"),
        (lambda: block_schedule(1.0, 0, 1.0), "intervals must be >= 1"),
        (lambda: block_schedule(1.0, 2, -1.0), "decay must be >= 0"),
        (lambda: continuous_blocks(1.0, -1.0, 1.0), "horizon and resilience must be >= 0"),
        (
            lambda: thum_impact(1.0, daily_volume=0.0, shares_outstanding=1.0, sigma=1.0, days=1.0),
            "daily_volume must be > 0",
        ),
    ],
)
def test_arguments_out_of_bounds_are_refused(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_impact_of_a_sale_is_that_of_a_buy_turned_round() -> None:
    known = {"daily_volume": 1e6, "shares_outstanding": 1e8, "sigma": 200.0, "days": 0.5}
    buy, sale = thum_impact(1e5, **known), thum_impact(-1e5, **known)
    assert sale == tuple(-part for part in buy)
    assert isclose(buy.realised, buy.permanent / 2 + buy.temporary)


def test_many_intervals_come_to_the_continuous_schedule() -> None:
    n, decay = 100_000, 2.231
    trades = block_schedule(1.0, n, decay / n)
    block, rate = continuous_blocks(1.0, 1.0, decay)
    assert isclose(trades.first, block, rel_tol=1e-4)
    assert isclose(trades.middle * n, rate, rel_tol=1e-4)


def test_a_book_that_does_not_refill_leaves_the_ends_alone() -> None:
    assert block_schedule(10.0, 5, 0.0) == (5.0, 0.0, 5.0)
