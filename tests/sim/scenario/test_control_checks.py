"""What no model of controls and back-off can check by itself."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.protocol.errors import ScenarioError
from sim.scenario.load import LoadedScenario

Make = Callable[..., dict[str, Any]]
Load = Callable[..., LoadedScenario]


@pytest.mark.parametrize(
    ("controls", "place"),
    [
        ({"max_order_qty": 99}, r"controls\.max_order_qty"),
        ({"max_open": {"qty": 99}}, r"controls\.max_open\.qty"),
        ({"max_total": {"qty": 99}}, r"controls\.max_total\.qty"),
        ({"kill": {"qty": 99}}, r"controls\.kill\.qty"),
    ],
)
def test_a_most_of_less_than_a_lot_is_refused(
    market: Make, lit: Make, load_data: Load, controls: dict[str, Any], place: str
) -> None:
    venue = {**lit("A"), "book": {"asks": [["100.00", 500]]}}
    data = market([venue], router={"strategy": {"kind": "greedy"}, "controls": controls})
    data["instrument"]["lot_size"] = 100
    data["parents"] = [{"id": "P", "side": "buy", "qty": 500}]
    with pytest.raises(ScenarioError, match=rf"{place}: must be at least one lot, 100, was 99"):
        load_data(data)


@pytest.mark.parametrize(
    ("venues", "said"),
    [
        ([{"venue": "AA"}], r"backoff\.venues\[0\]\.venue: no venue has the id AA"),
        (
            [{"venue": "A"}, {"venue": "A", "after": 2}],
            r"backoff\.venues\[1\]\.venue: A stands in venues\[0\] already",
        ),
    ],
)
def test_a_back_off_of_its_own_is_of_a_venue_and_once(
    market: Make, lit: Make, load_data: Load, venues: list[dict[str, Any]], said: str
) -> None:
    router = {"strategy": {"kind": "greedy"}, "backoff": {"venues": venues}}
    with pytest.raises(ScenarioError, match=said):
        load_data(market([lit("A"), lit("B")], router=router))
