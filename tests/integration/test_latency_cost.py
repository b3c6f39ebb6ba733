"""Latency costs money only where somebody reacts, and information only where somebody looks.

Runs of equal seed share their chance, so differences have small errors. Bounds are four standard
errors of the mean difference over the seeds that stand here.
"""

import pytest

from sim.study.paired import Variant, basket_shortfall_bps, mean_shortfall_bps, over_seeds

SEEDS = range(1, 9)
FADE = tuple(f"participants[{name}].fade=none" for name in ("QUICK", "BRISK", "SLOW"))
BLIND = ("participants[PREDATOR].alpha=0.0",)


def delayed(ref: str, near: str, far: str, *sets: str) -> Variant:
    legs = {"NEAR": near, "FAR": far}
    orders = [f"venues[{venue}].latency.order.delay={delay}" for venue, delay in legs.items()]
    return Variant(ref, (*orders, *sets))


@pytest.mark.slow
@pytest.mark.parametrize(("near", "far"), [("1ms", "3ms"), ("20ms", "60ms"), ("100ms", "300ms")])
def test_on_a_martingale_mid_that_nobody_reacts_on_the_curve_is_flat(near: str, far: str) -> None:
    """Ten jumps a second, so that the price has moved under most orders that come late."""
    moving = "fundamental.rate=10.0"
    quick = delayed("latency_flat", "10us", "30us", moving)
    found = over_seeds(quick, delayed("latency_flat", near, far, moving), SEEDS, mean_shortfall_bps)
    assert found.stderr > 0, "nothing moved: the test would say nothing"
    assert abs(found.mean) <= 4 * found.stderr, found


@pytest.mark.slow
@pytest.mark.parametrize(("near", "far"), [("1ms", "3ms"), ("20ms", "60ms")])
def test_with_informed_and_reacting_flow_the_curve_rises(near: str, far: str) -> None:
    quick = delayed("latency_cost", "10us", "30us")
    found = over_seeds(quick, delayed("latency_cost", near, far), SEEDS, mean_shortfall_bps)
    assert found.mean > 4 * found.stderr, found


@pytest.mark.slow
def test_without_the_reaction_the_same_market_costs_the_same_at_any_delay() -> None:
    """So it is the reaction that costs, not the delay."""
    quick = delayed("latency_cost", "10us", "30us", *FADE)
    late = delayed("latency_cost", "20ms", "60ms", *FADE)
    found = over_seeds(quick, late, SEEDS, mean_shortfall_bps)
    assert abs(found.mean) <= 4 * found.stderr, found


@pytest.mark.slow
def test_slices_cost_less_than_the_whole_order_at_one_pool() -> None:
    whole, slices = Variant("leakage_one_pool"), Variant("leakage_sliced")
    found = over_seeds(slices, whole, SEEDS, basket_shortfall_bps)
    assert found.mean > 4 * found.stderr, found
    assert found.low > 0


@pytest.mark.slow
def test_being_noticed_costs_the_whole_order_money() -> None:
    whole = Variant("leakage_one_pool")
    found = over_seeds(whole._replace(sets=BLIND), whole, range(1, 41), basket_shortfall_bps)
    assert found.mean > 4 * found.stderr, found
