"""A strategy that tries silent pools, and what else a scenario says of them; orders that repeat."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.protocol.errors import ScenarioError
from sim.scenario.load import LoadedScenario

Make = Callable[..., dict[str, Any]]
Load = Callable[..., LoadedScenario]
POOLS = ["kaplan_meier", "exponentiated_gradient", "stochastic_split", "reinforcement"]


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"blind": {}}, r"router\.blind: must not stand beside {kind}"),
        ({"sending": {"mode": "sequential"}}, r"router\.sending\.mode: must not be seq.*{kind}"),
    ],
)
def test_pools_are_tried_in_one_way_only(
    market: Make, lit: Make, load_data: Load, kind: str, more: dict[str, Any], said: str
) -> None:
    router = {"strategy": {"kind": kind}, **more}
    with pytest.raises(ScenarioError, match=said.replace("{kind}", kind)):
        load_data(market([lit("A")], router=router))
    load_data(market([lit("A")], router={**router, "strategy": {"kind": "greedy"}}))


@pytest.mark.parametrize("kind", POOLS[2:])
@pytest.mark.parametrize(
    ("worth", "said"),
    [
        ([["AA", "2"]], r"strategy\.worth\[0\]\[0\]: no venue has the id AA"),
        ([["A", "2"], ["A", "3"]], r"strategy\.worth: must name each venue once: A"),
        ([["A", "0"]], r"strategy\.worth\[0\]\[1\]"),
    ],
)
def test_what_a_lot_is_worth_is_said_of_venues_that_exist(
    market: Make, lit: Make, load_data: Load, kind: str, worth: list[list[str]], said: str
) -> None:
    router = {"strategy": {"kind": kind, "worth": worth}}
    with pytest.raises(ScenarioError, match=said):
        load_data(market([lit("A")], router=router))


def test_an_order_that_repeats_stands_for_many(market: Make, lit: Make, load_data: Load) -> None:
    order = {"id": "P", "side": "buy", "qty": 5, "at": "1ms", "deadline": "3ms"}
    parents = [{**order, "repeat": {"count": 3, "every": "5ms"}}]
    (entry,) = load_data(market([lit("A")], parents=parents)).scenario.parents
    found = [(one.id, one.at, one.deadline, one.repeat) for one in entry.each()]
    assert found == [
        ("P.1", 1_000_000, 3_000_000, None),
        ("P.2", 6_000_000, 8_000_000, None),
        ("P.3", 11_000_000, 13_000_000, None),
    ]


def test_an_order_that_repeats_must_come_within_the_run(
    market: Make, lit: Make, load_data: Load
) -> None:
    order = {"id": "P", "side": "buy", "qty": 5, "repeat": {"count": 3, "every": "1min"}}
    with pytest.raises(ScenarioError, match=r"parents\[P\]\.repeat: must not have its last order"):
        load_data(market([lit("A")], parents=[order]))
