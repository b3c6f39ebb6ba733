"""What the plugin's fixtures need of sorsim, imported only as a test asks for them."""

from pathlib import Path
from typing import Any

import pytest

from sim.protocol.errors import ScenarioError
from sim.scenario.load import LoadedScenario
from sim.testing.builders import loaded_scenario

_HOW = (
    'the market needs a scenario: @pytest.mark.scenario("x.yaml"), or the name of a shipped one, '
    "or what sim.testing.scenario(...) gives; or a fixture market_scenario that returns one"
)


def scenario_of(request: pytest.FixtureRequest, usual: Any) -> LoadedScenario:
    """The scenario of a test: its marker's, else the usual one; the test fails if it is wrong."""
    marker = request.node.get_closest_marker("scenario")
    if marker is None and usual is None:
        pytest.fail(_HOW, pytrace=False)
    if marker is None:
        return _loaded(_found(usual, request))
    known = {"seed", "sets", "faults"}
    if len(marker.args) > 1 or set(marker.kwargs) - known or not (marker.args or usual):
        pytest.fail(
            "the marker is @pytest.mark.scenario(ref, seed=None, sets=(), faults=()), "
            f"was {marker.args} and {sorted(marker.kwargs)}",
            pytrace=False,
        )
    ref = marker.args[0] if marker.args else usual
    return _loaded(_found(ref, request), **marker.kwargs)


def _loaded(ref: Any, **how: Any) -> LoadedScenario:
    for name in ("sets", "faults"):
        if isinstance(how.get(name), str):  # else each of its letters would be one
            pytest.fail(
                f"{name} of @pytest.mark.scenario must be a list, was {how[name]!r}", pytrace=False
            )
    try:
        return loaded_scenario(ref, **how)
    except ScenarioError as error:  # its text says all; where we found it out helps nobody
        pytest.fail(str(error), pytrace=False)


def _found(ref: Any, request: pytest.FixtureRequest) -> Any:
    """A file lies beside the test, else where pytest was started; a name is left alone."""
    if not isinstance(ref, str | Path) or not Path(ref).suffix:
        return ref
    beside = request.path.parent / ref
    return beside if beside.is_file() else Path(ref)
