"""I5: at the end the router has of each order what its venue says that it filled."""

import pytest

from sim.protocol.errors import InvariantError
from sim.scenario.load import load_scenario
from sim.world import run_world
from venues.gateway import Gateway

LOST = "{kind: message_loss, venue: NYSE, leg: report, at: 0s, messages: fill}"
LIES = "{kind: over_fill, venue: NYSE, at: 0s}"
CRASH = "{kind: venue_crash, venue: NYSE, at: 11ms, lasts: 20ms, orders: lost}"


def run(*faults: str) -> None:
    sets = [f"faults=[{', '.join(faults)}]"]
    run_world(load_scenario("fragmented", sets=sets), check_every=100)


def test_I5_a_share_that_only_the_venue_knows_of_is_a_breach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true = Gateway.filled
    monkeypatch.setattr(Gateway, "filled", lambda self, name: (true(self, name) or 0) + 1)
    with pytest.raises(InvariantError, match=r"I5: child P1\.\w+\.1 has ended with"):
        run()


@pytest.mark.parametrize("fault", [LOST, LIES, CRASH])
def test_I5_lost_reports_lies_and_lost_memory_are_none(fault: str) -> None:
    run(fault)
