"""Latency of a pegged passive order; the figures themselves are golden (tests/golden)."""

from math import inf, nan

import pytest

from sim.study.latency_cost import PeggedSale, latency_cost_formula, latency_cost_program

MARKET = PeggedSale(jump=0.058, sigma=0.0125514326, rate=0.2005, horizon=10)


@pytest.mark.parametrize("name", PeggedSale._fields)
@pytest.mark.parametrize("value", [0.0, -1.0, nan, inf])
def test_D11_parameters_out_of_bounds_are_named(name: str, value: float) -> None:
    market = MARKET._replace(**{name: value})
    for compute in (latency_cost_formula, latency_cost_program):
        with pytest.raises(ValueError, match=f"{name} must be finite and > 0"):
            compute(market, 0.1)


@pytest.mark.parametrize("latency", [0.0, -0.1, nan, inf])
def test_D11_latency_out_of_bounds(latency: float) -> None:
    with pytest.raises(ValueError, match="latency must be"):
        latency_cost_program(MARKET, latency)


def test_the_formula_says_where_it_ends() -> None:
    with pytest.raises(ValueError, match="latency must be small"):
        latency_cost_formula(MARKET, 4.0)


@pytest.mark.parametrize("latency", [9.0, 1e-6])
def test_the_program_needs_steps_and_not_too_many(latency: float) -> None:
    with pytest.raises(ValueError, match="steps of the latency"):
        latency_cost_program(MARKET, latency)


def test_the_cost_rises_with_latency_and_volatility() -> None:
    costs = [latency_cost_program(MARKET, latency) for latency in (0.01, 0.05, 0.1, 0.25, 0.5)]
    assert costs == sorted(costs)
    assert costs[0] > 0
    assert costs[-1] < 1
    wild = latency_cost_program(MARKET._replace(sigma=2 * MARKET.sigma), 0.1)
    assert wild > latency_cost_program(MARKET, 0.1)
