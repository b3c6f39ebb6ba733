"""Latency costs money only where somebody reacts, and information only where somebody looks.

Runs of equal seed share their chance, so differences have small errors. Bounds are four standard
errors of the mean difference over the seeds that stand here.
"""

from functools import cache

import pytest

from sim.scenario.load import load_scenario
from sim.study.paired import (
    Paired,
    Variant,
    basket_shortfall_bps,
    mean_shortfall_bps,
    over_seeds,
    paired,
)
from sim.world import run_world

SEEDS = range(1, 9)
FADE = tuple(f"participants[{name}].fade=none" for name in ("QUICK", "BRISK", "SLOW"))
UNSEEN = ("participants[PREDATOR].alpha=0.0",)
QUICK = ("10us", "30us")


@cache
def shortfalls(ref: str, near: str, far: str, *sets: str) -> list[float]:
    """Mean shortfall by seed with these delays of orders; tests share the runs."""
    legs = {"NEAR": near, "FAR": far}
    orders = [f"venues[{venue}].latency.order.delay={delay}" for venue, delay in legs.items()]
    runs = [run_world(load_scenario(ref, sets=(*orders, *sets), seed=seed)) for seed in SEEDS]
    return [mean_shortfall_bps(run.summary) for run in runs]


def dearer(ref: str, near: str, far: str, *sets: str) -> Paired:
    """What these delays cost more than the quick ones, on equal chance."""
    return paired(ref, shortfalls(ref, *QUICK, *sets), shortfalls(ref, near, far, *sets))


@pytest.mark.slow
@pytest.mark.parametrize(("near", "far"), [("1ms", "3ms"), ("20ms", "60ms"), ("100ms", "300ms")])
def test_on_a_martingale_mid_that_nobody_reacts_on_the_curve_is_flat(near: str, far: str) -> None:
    """Five jumps a second, so that the price has moved under most orders that come late."""
    found = dearer("latency_flat", near, far, "fundamental.rate=5.0")
    assert found.stderr > 0, "nothing moved: the test would say nothing"
    assert abs(found.mean) <= 4 * found.stderr, found


@pytest.mark.slow
@pytest.mark.parametrize(("near", "far"), [("1ms", "3ms"), ("20ms", "60ms")])
def test_with_informed_and_reacting_flow_the_curve_rises(near: str, far: str) -> None:
    found = dearer("latency_cost", near, far)
    assert found.mean > 4 * found.stderr, found


@pytest.mark.slow
def test_without_the_reaction_the_same_market_costs_the_same_at_any_delay() -> None:
    """So it is the reaction that costs, not the delay."""
    found = dearer("latency_cost", "20ms", "60ms", *FADE)
    assert abs(found.mean) <= 4 * found.stderr, found


@pytest.mark.slow
def test_slices_cost_less_than_the_whole_order_at_one_pool() -> None:
    whole, slices = Variant("leakage_one_pool"), Variant("leakage_sliced")
    found = over_seeds(slices, whole, SEEDS[:5], basket_shortfall_bps)
    assert found.mean > 4 * found.stderr, found
    assert found.low > 0


@pytest.mark.slow
def test_being_noticed_costs_the_whole_order_money() -> None:
    whole = Variant("leakage_one_pool")
    found = over_seeds(whole._replace(sets=UNSEEN), whole, range(1, 41), basket_shortfall_bps)
    assert found.mean > 4 * found.stderr, found
