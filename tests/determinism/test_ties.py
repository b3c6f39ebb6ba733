"""No result leans on the order of what falls on one instant from different sources.

Each run here has its ties in another order, and all books are walked over. Where nothing falls
together the bytes are the same; elsewhere lines of one instant change places, and what the parents
get is the same to the lot and the tick.
"""

from typing import Any

import pytest

from sim.scenario.load import LoadedScenario, load_scenario
from sim.scenario.shipped import shipped_names
from sim.world import RunResult, run_world

SEEDS = range(4)
NO_TIES = ("queue_position", "strategies")
"""In these no two sources ever meet at one instant with one priority."""
RACES = {
    "leakage_one_pool": "the predator acts on the first print it hears, and hears four venues over "
    "equal links: which one is first is a race that equal delays leave open",
    "leakage_sliced": "the same predator",
    "scheduled": "seven orders come at one instant, and the one whose slices go by what is shown "
    "counts more or less of it as it is asked before or after the others have sent theirs",
}
QUICK = (
    "controls",
    "dark_first",
    "fragmented",
    "halt",
    "partial_fill",
    "rejects_and_timeouts",
    "two_parents",
    "venue_kinds",
)
REST = tuple(name for name in shipped_names() if name not in {*RACES, *NO_TIES, *QUICK})


def parents_of(result: RunResult) -> list[tuple[Any, ...]]:
    keys = ("parent_id", "filled_qty", "canceled_qty", "notional", "fees", "end_reason")
    return [tuple(parent[key] for key in keys) for parent in result.summary["parents"]]


def shuffled(loaded: LoadedScenario, ties: int) -> RunResult:
    return run_world(loaded, ties=ties, check_every=25)


@pytest.mark.parametrize("name", NO_TIES)
def test_I12_where_nothing_falls_together_the_bytes_are_the_same(name: str) -> None:
    loaded = load_scenario(name)
    usual = run_world(loaded)
    for ties in SEEDS[:2]:
        assert run_world(loaded, ties=ties, check_every=200).log == usual.log


@pytest.mark.parametrize("name", QUICK)
def test_I1_to_I17_and_what_parents_get_hold_in_every_order(name: str) -> None:
    loaded = load_scenario(name)
    usual = parents_of(run_world(loaded))
    for ties in SEEDS[:2]:
        assert parents_of(shuffled(loaded, ties)) == usual


@pytest.mark.slow
@pytest.mark.parametrize("name", [*QUICK, *REST])
def test_I1_to_I17_and_what_parents_get_hold_in_more_orders(name: str) -> None:
    loaded = load_scenario(name)
    usual = parents_of(run_world(loaded))
    for ties in range(20) if name in QUICK else SEEDS:
        assert parents_of(run_world(loaded, ties=ties, check_every=500)) == usual


@pytest.mark.parametrize("name", list(RACES))
@pytest.mark.slow
def test_I1_to_I17_hold_where_somebody_races(name: str) -> None:
    loaded = load_scenario(name)
    for ties in SEEDS:
        assert shuffled(loaded, ties).exit_code in {0, 1}


def test_I12_a_shuffle_is_as_repeatable_as_any_run() -> None:
    loaded = load_scenario("two_parents")
    logs = [run_world(loaded, ties=ties).log for ties in (*SEEDS, *SEEDS)]
    assert logs[:4] == logs[4:]
    assert len(set(logs)) > 1
