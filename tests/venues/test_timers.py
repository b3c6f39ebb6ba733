"""What a venue tells of one step has the time of that step, whatever the wall's clock does."""

from sim.scenario.load import load_scenario
from sim.world import run_world


def test_D09_a_halt_by_the_walls_clock_has_the_time_of_the_book_that_follows_it() -> None:
    result = run_world(load_scenario("halt"), clock="wall", speed=10.0)
    assert result.exit_code == 0
