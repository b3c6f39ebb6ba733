"""Where lots shall rest there must be a venue, and one that lets them."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.protocol.errors import ScenarioError
from sim.scenario.load import LoadedScenario

Make = Callable[..., dict[str, Any]]
Load = Callable[..., LoadedScenario]


@pytest.mark.parametrize(
    ("venue", "said"),
    [
        ("LITT", r"router\.rest\.venue: no venue has the id LITT"),
        ("MM", r"router\.rest\.venue: MM is a maker venue, which refuses orders that may rest"),
    ],
)
def test_a_place_to_rest_must_take_resting_orders(
    market: Make, lit: Make, load_data: Load, venue: str, said: str
) -> None:
    maker = {**lit("MM"), "kind": "maker", "quote": {"ask": ["100.05", 10]}}
    del maker["book"]
    router = {"strategy": {"kind": "greedy"}, "rest": {"venue": venue}}
    with pytest.raises(ScenarioError, match=said):
        load_data(market([lit("LIT"), maker], router=router))


def test_lots_rest_at_the_named_venue(market: Make, lit: Make, load_data: Load) -> None:
    router = {"strategy": {"kind": "greedy"}, "rest": {"venue": "B", "tif": "GTC"}}
    loaded = load_data(market([lit("A"), lit("B")], router=router))
    assert loaded.scenario.router.rest is not None
    assert loaded.scenario.router.rest.venue == "B"
