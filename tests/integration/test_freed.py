"""A run that is over leaves nothing behind: sweeps do thousands of them in one process."""

import gc

import pytest

from sim.scenario.load import load_scenario
from sim.world import World, run_world


@pytest.mark.parametrize("name", ["fragmented", "venue_kinds", "faulty_day", "midpoint"])
def test_a_run_that_is_over_is_freed(name: str) -> None:
    """Events are no containers to the collector of garbage, so none may close a circle."""
    loaded = load_scenario(name)
    gc.collect()
    before = sum(isinstance(one, World) for one in gc.get_objects())
    run_world(loaded)
    gc.collect()
    assert sum(isinstance(one, World) for one in gc.get_objects()) == before
