"""Kinds ``almgren_chriss``, ``almgren_thum_impact`` and ``obizhaeva_wang``: schedules and costs."""

from collections.abc import Iterable
from math import exp
from typing import TYPE_CHECKING, Final

import numpy as np

from router.schedule.execution_cost import (
    Impact,
    block_schedule,
    continuous_blocks,
    decay_rate,
    efficient,
    execution,
    least_value_at_risk,
    thum_impact,
    trajectory,
)

if TYPE_CHECKING:
    from tests.golden.conftest import Computed, Golden, Tools


def almgren_chriss(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    """A schedule of given risk aversion, of least value at risk, or at once."""
    inputs = golden.inputs
    periods, order = inputs["periods"], inputs["order_shares"]
    tau = inputs["horizon_days"] / periods
    market = Impact(
        sigma=inputs["sigma_usd_per_sqrt_day"],
        eta=inputs["eta_usd_day_per_share2"],
        gamma=inputs["gamma_usd_per_share2"],
        epsilon=inputs["epsilon_usd_per_share"],
    )
    if "z" in inputs:
        point = least_value_at_risk(market, order, tau, periods, inputs["z"])
        yield {
            "risk_aversion_per_usd": point.risk_aversion,
            "objective_usd": point.expected_cost + inputs["z"] * point.sd_cost,
            "expected_cost_usd": point.expected_cost,
            "sd_cost_usd": point.sd_cost,
        }
        return
    if "risk_aversion_per_usd" not in inputs:
        assert inputs["schedule"] == "whole order in the first period"
        cost = execution(market, [order, *[0.0] * periods], tau)
        yield {"expected_cost_usd": cost.expected_cost, "sd_cost_usd": cost.sd_cost}
        return
    aversion = inputs["risk_aversion_per_usd"]
    kappa = decay_rate(market, aversion, tau)
    holdings = [order * part for part in trajectory(kappa, tau, periods)]
    cost = execution(market, holdings, tau)
    assert cost == efficient(market, order, aversion, tau, periods)
    yield {
        "kappa_per_day": kappa,
        "holdings_shares": holdings,
        "expected_cost_usd": cost.expected_cost,
        "sd_cost_usd": cost.sd_cost,
        **({"half_life_days": 1 / kappa} if kappa else {}),
    }


def almgren_thum_impact(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    """Impact in basis points: the volatility is given in per hundred."""
    inputs = golden.inputs
    volume = inputs["average_daily_volume_shares"]
    order = inputs["order_fraction_of_daily_volume"] * volume
    parameters = {name: inputs[name] for name in ("gamma", "eta", "beta", "delta")}
    impact = thum_impact(
        order,
        daily_volume=volume,
        shares_outstanding=inputs["shares_outstanding"],
        sigma=100 * inputs["sigma_pct_per_sqrt_day"],
        days=inputs["duration_days"],
        **parameters,
    )
    yield {
        "permanent_impact_bps": impact.permanent,
        "temporary_impact_bps": impact.temporary,
        "realised_cost_bps": impact.realised,
    }


def obizhaeva_wang(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    """The closed form, and the solution of the kernel's equations that it must agree with."""
    inputs = golden.inputs
    order, horizon, intervals = inputs["order_shares"], inputs["horizon"], inputs["intervals"]
    resilience = inputs["resilience_per_unit_time"]
    assert inputs["trades"] == intervals + 1
    block, rate = continuous_blocks(order, horizon, resilience)
    continuous = {
        "continuous_block_shares": block,
        "continuous_rate_shares_per_unit_time": rate,
    }
    trades = block_schedule(order, intervals, resilience * horizon / intervals)
    yield {
        "first_trade_shares": trades.first,
        "last_trade_shares": trades.last,
        "middle_trade_shares": trades.middle,
        **continuous,
    }
    if resilience * horizon < 1e-6:
        return  # the book hardly refills between trades: those equations tell nothing apart
    solved = solved_trades(order, intervals, resilience * horizon / intervals)
    middle = {"middle_trade_shares": solved[1]} if intervals > 1 else {}
    yield {
        "first_trade_shares": solved[0],
        "last_trade_shares": solved[-1],
        **middle,
        **continuous,
    }


def solved_trades(order: float, intervals: int, decay: float) -> list[float]:
    """The trades that minimise ``x' A x`` and sum to the order; ``A_ij = exp(-decay |i-j|)``."""
    n = intervals + 1
    kernel = [[exp(-decay * abs(i - j)) for j in range(n)] for i in range(n)]
    shape = np.linalg.solve(np.array(kernel), np.ones(n))
    found: list[float] = (order * shape / shape.sum()).tolist()
    return found


KINDS: Final = {
    "almgren_chriss": [almgren_chriss],
    "almgren_thum_impact": [almgren_thum_impact],
    "obizhaeva_wang": [obizhaeva_wang],
}
