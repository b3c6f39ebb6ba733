"""Every baseline of the customer's documents does what its name says, on any scenario that fits."""

from typing import get_args

import pytest

from sim.protocol.errors import ScenarioError
from sim.scenario.load import load_scenario
from sim.scenario.studying import BaselineName
from sim.study.baselines import BASELINES, BaselineError, baseline_sets, usual
from sim.world import run_world

WHERE = {
    "single_exchange": {"LIT1"},
    "best_ask": {"LIT1", "LIT2", "LIT3"},
    "twap": {"LIT1", "LIT2", "LIT3"},
    "vwap": {"LIT1", "LIT2", "LIT3"},
    "vwap_profile": {"LIT1", "LIT2", "LIT3"},
    "dark_pool_only": {"POOL1", "POOL2"},
    "execution_broker": {"BROKER"},
}


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_uses_the_venues_that_it_names(name: str) -> None:
    scenario = load_scenario("strategies").scenario
    loaded = load_scenario("strategies", sets=baseline_sets(name, scenario))
    parent = run_world(loaded).summary["parents"][0]
    used = {venue for venue, row in parent["venues"].items() if row["filled_qty"]}
    assert used == WHERE[name]
    whole = parent["filled_qty"] == parent["order_qty"]
    assert whole is (name != "dark_pool_only")


def test_a_schedule_needs_a_deadline_and_a_venue_must_be_there() -> None:
    scenario = load_scenario("fragmented").scenario
    assert usual(scenario) == ["best_ask"]
    for name in ("twap", "vwap", "vwap_profile"):
        with pytest.raises(BaselineError, match="the order P1 has no deadline"):
            baseline_sets(name, scenario)
    with pytest.raises(BaselineError, match="it needs a broker"):
        baseline_sets("execution_broker", scenario)
    with pytest.raises(BaselineError, match="found the baseline 'best'; allowed: single_exchange,"):
        baseline_sets("best", scenario)
    timed = load_scenario("fragmented", sets=["parents[P1].deadline=1s"]).scenario
    assert usual(timed) == ["best_ask", "twap", "vwap"]


def test_a_pool_that_indicates_is_one_venue_and_schedules_of_parents_give_way() -> None:
    scenario = load_scenario("fragmented").scenario
    assert "router.strategy={kind: single_venue, venue: DARK_A}" in baseline_sets(
        "dark_pool_only", scenario
    )
    sets = ["parents[P1].schedule={kind: twap, horizon: 1s}"]
    scenario = load_scenario("fragmented", sets=sets).scenario
    assert "parents[P1].schedule=null" in baseline_sets("best_ask", scenario)


def test_scenarios_may_name_each_of_them_and_no_other() -> None:
    assert get_args(BaselineName) == tuple(BASELINES)
    with pytest.raises(ScenarioError, match=r"study\.tune\.baselines\[0\]"):
        load_scenario("tuning", sets=["study.tune.baselines=[nope]"])
