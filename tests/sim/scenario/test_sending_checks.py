"""What ``router.sending`` may say, and where a mistake in it is reported."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.protocol.errors import ScenarioError
from sim.scenario.load import LoadedScenario

Make = Callable[..., dict[str, Any]]
Load = Callable[..., LoadedScenario]


@pytest.mark.parametrize(
    ("sending", "said"),
    [
        (
            {"min_qty": {"venues": [{"venue": "LITT", "qty": 5}]}},
            r"router\.sending\.min_qty\.venues\[0\]\.venue: no venue has the id LITT; did you mean",
        ),
        (
            {"min_qty": {"venues": [{"venue": "LIT", "qty": 5}, {"venue": "LIT", "qty": 6}]}},
            r"venues\[1\]\.venue: LIT has a minimum in venues\[0\] already",
        ),
        (
            {"min_qty": {"dark": "0.5"}},
            r"router\.sending\.min_qty\.dark: must be a whole multiple of the lot size 1, was 0\.5",
        ),
        (
            {"min_qty": {"venues": [{"venue": "LIT", "qty": "1.5"}]}},
            r"min_qty\.venues\[0\]\.qty: must be a whole multiple of the lot size 1",
        ),
        ({"min_qty": {"lit": 0}}, r"router\.sending\.min_qty\.lit: .*0"),
        ({"max_wait": "0ns"}, r"router\.sending\.max_wait: .*0"),
        ({"mode": "equalised"}, r"router\.sending\.mode: .*latency_equalised"),
        (
            {"mode": "sequential", "protect": True},
            r"router\.sending: protect must not stand beside mode: sequential",
        ),
    ],
)
def test_a_mistake_is_found_where_it_stands(
    market: Make, lit: Make, load_data: Load, sending: dict[str, Any], said: str
) -> None:
    router = {"strategy": {"kind": "greedy"}, "sending": sending}
    with pytest.raises(ScenarioError, match=said):
        load_data(market([lit("LIT")], router=router))


def test_a_single_venue_goes_before_its_kind(market: Make, lit: Make, load_data: Load) -> None:
    rule = {"lit": 10, "venues": [{"venue": "B", "qty": 3}]}
    router = {"strategy": {"kind": "greedy"}, "sending": {"min_qty": rule}}
    loaded = load_data(market([lit("A"), lit("B")], router=router))
    found = loaded.scenario.router.sending.min_qty
    assert found is not None
    assert found.of("A", "lit") == 10
    assert found.of("B", "lit") == 3
    assert found.of("C", "dark") is None
