"""Participants that cannot be, or would do nothing, are refused at their place."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from sim.protocol.errors import ScenarioError
from sim.scenario.load import load_scenario, scenario_from_data

LEG = {"model": "fixed", "delay": "1ms"}
NO_TIME = {"model": "fixed", "delay": "0ms"}
LEGS = {"order": LEG, "report": LEG, "feed": LEG}
BOOK = {"asks": [["100.02", 10]], "bids": [["99.98", 10]]}


def venue(name: str, kind: str = "lit", **more: Any) -> dict[str, Any]:
    return {"id": name, "kind": kind, "latency": LEGS, **more}


MAKER = venue("M", "maker", quote={"bid": ["99.98", 10], "ask": ["100.02", 10]})
BASE: dict[str, Any] = {
    "schema_version": 1,
    "name": "s",
    "seed": 1,
    "duration": "1s",
    "instrument": {"symbol": "ACME", "tick_size": "0.01"},
    "venues": [venue("A", book=BOOK), venue("B", book=BOOK), MAKER],
    "router": {"strategy": {"kind": "greedy"}},
    "parents": [{"id": "P", "side": "buy", "qty": 5}],
}
NOISE: dict[str, Any] = {
    "id": "N",
    "kind": "noise",
    "venues": [{"venue": "A", "latency": LEGS}],
    "rate": 5.0,
    "qty": 5,
}
PREDATOR: dict[str, Any] = {
    **NOISE,
    "kind": "predator",
    "alpha": 0.1,
    "reach": "0.01",
    "markup": "0.01",
    "hold": "1s",
}
del PREDATOR["rate"]
FLOW: dict[str, Any] = {
    "id": "F",
    "kind": "fundamental_flow",
    "latency": {"order": LEG, "report": LEG},
    "venues": [{"venue": "A", "share": "0.5"}, {"venue": "B", "share": "0.5"}],
    "half_spread": "0.01",
    "qty": 10,
}
WORTH = {"start": "100.00", "rate": 2.0, "jump": "0.02"}
Problems = Callable[..., list[str]]


@pytest.fixture
def problems() -> Problems:
    """``problems(participant, ..., **top)``: what is wrong, as ``path: message``."""

    def find(*participants: dict[str, Any], **top: Any) -> list[str]:
        data = {**deepcopy(BASE), "participants": list(participants), **top}
        try:
            scenario_from_data(data, "s.yaml", Path())
        except ScenarioError as error:
            return [f"{one.path}: {one.message}" for one in error.problems]
        return []

    return find


def test_what_is_right_is_taken(problems: Problems) -> None:
    assert problems(NOISE, PREDATOR | {"id": "X"}) == []
    assert problems(FLOW, fundamental=WORTH) == []


def test_an_unknown_venue(problems: Problems) -> None:
    (found,) = problems({**NOISE, "venues": [{"venue": "AA", "latency": LEGS}]})
    assert found.startswith("participants[N].venues[0].venue: no venue has the id AA; did you mean")


def test_no_venue_at_all(problems: Problems) -> None:
    (found,) = problems({**NOISE, "venues": []})
    assert found.startswith("participants[N].venues: ")


def test_the_same_venue_twice(problems: Problems) -> None:
    access = {"venue": "A", "latency": LEGS}
    (found,) = problems({**NOISE, "venues": [access, access]})
    assert found == "participants[N].venues[1].venue: A is venues[0] already"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("A", "A is the id of a venue already"),
        ("SOR", "SOR is the account of the router"),
        ("flow0", "flow0 is the account of a flow"),
    ],
)
def test_names_that_are_taken(problems: Problems, name: str, says: str) -> None:
    (found,) = problems({**NOISE, "id": name})
    assert found == f"participants[{name}].id: {says}"


def test_two_of_one_name(problems: Problems) -> None:
    (found,) = problems(NOISE, NOISE)
    assert found.endswith("id: N is the id of participants[0] already")


def test_no_delay_to_a_venue(problems: Problems) -> None:
    (found,) = problems({**NOISE, "venues": [{"venue": "A"}]})
    assert found.startswith("participants[N].venues[0]: has no latency")


def test_a_venue_that_is_not_heard(problems: Problems) -> None:
    (found,) = problems(
        {**NOISE, "latency": {"order": LEG, "report": LEG}, "venues": [{"venue": "A"}]}
    )
    assert found.startswith("participants[N].latency: hears nothing of A")


def test_a_link_may_bring_what_the_feed_does_not(problems: Problems) -> None:
    quiet = {**NOISE, "latency": {"order": LEG, "report": LEG}, "venues": [{"venue": "A"}]}
    link = {"from": "A", "to": "N", "latency": LEG}
    assert problems(quiet, links=[link]) == []
    (found,) = problems(NOISE, links=[link])
    assert found == (
        "participants[N].venues[0].latency.feed: links[0] brings the market data of A already"
    )


def test_a_link_from_nowhere_and_one_to_nobody(problems: Problems) -> None:
    (found,) = problems(NOISE, links=[{"from": "Q", "to": "N", "latency": LEG}])
    assert found.startswith("links[0].from: no venue has the id Q")
    (found,) = problems(NOISE, links=[{"from": "A", "to": "Q", "latency": LEG}])
    assert found.startswith("links[0].to: no venue or participant has the id Q")


@pytest.mark.parametrize("leg", ["report", "feed"])
def test_a_reaction_takes_time(problems: Problems, leg: str) -> None:
    """Else two participants could answer each other for ever at one instant."""
    legs = {**LEGS, "order": NO_TIME, leg: NO_TIME}
    (found,) = problems({**NOISE, "venues": [{"venue": "A", "latency": legs}]})
    assert f"order and {leg} both take no time" in found
    assert found.startswith("participants[N].venues[0].latency.order: ")


def test_resting_where_nothing_may_rest(problems: Problems) -> None:
    (found,) = problems({**NOISE, "venues": [{"venue": "M", "latency": LEGS}]})
    assert "rests orders, which a maker venue refuses: M" in found


@pytest.mark.parametrize(
    ("key", "value"), [("qty", "0.5"), ("reach", "0.005"), ("markup", "0.001")]
)
def test_what_is_off_the_grid(problems: Problems, key: str, value: str) -> None:
    (found,) = problems({**PREDATOR, key: value})
    assert found.startswith(f"participants[N].{key}: must be a whole multiple of the ")
    assert found.endswith("(venue A)")


@pytest.mark.parametrize("alpha", ["-0.1", ".nan", ".inf", "1e300", "1e999"])
def test_D11_alpha_out_of_bounds(tmp_path: Path, alpha: str) -> None:
    """As a file writes them: what is no number, and what would overflow."""
    text = json.dumps({**BASE, "participants": [{**PREDATOR, "alpha": "@"}]}, indent=1)
    before = text[: text.index('"@"')]
    path = tmp_path / "s.yaml"
    path.write_text(text.replace('"@"', alpha), encoding="utf-8")
    with pytest.raises(ScenarioError) as error:
        load_scenario(path)
    (problem,) = error.value.problems
    assert problem.path == "participants[N].alpha"
    assert (problem.line, problem.col) == (
        before.count("\n") + 1,
        len(before) - before.rfind("\n"),
    )


def test_D11_shares_that_do_not_sum_to_one(problems: Problems) -> None:
    venues = [{"venue": "A", "share": "0.5"}, {"venue": "B", "share": "0.4"}]
    (found,) = problems({**FLOW, "venues": venues}, fundamental=WORTH)
    assert found.endswith("the shares of its venues must sum to 1, they sum to 0.9")


def test_D12_a_share_that_is_no_lot(problems: Problems) -> None:
    (found,) = problems({**FLOW, "qty": 1}, fundamental=WORTH)
    assert found == "participants[F].venues[1].share: leaves B no lot of the 1 per level"


def test_who_knows_the_fundamental_needs_one(problems: Problems) -> None:
    (found,) = problems(FLOW)
    assert found == ("participants[F].kind: knows the fundamental: the scenario must have one")


def test_a_fundamental_that_nobody_knows(problems: Problems) -> None:
    (found,) = problems(NOISE, fundamental=WORTH)
    assert found == "fundamental: no participant knows anything of it"


def test_a_fundamental_off_the_tick(problems: Problems) -> None:
    found = problems(FLOW, fundamental={**WORTH, "start": "100.001", "jump": "0.005"})
    assert {one.split(":")[0] for one in found} == {"fundamental.start", "fundamental.jump"}


@pytest.mark.parametrize("rate", [0.0, -1.0])
def test_D11_a_fundamental_that_never_jumps(problems: Problems, rate: float) -> None:
    (found,) = problems(FLOW, fundamental={**WORTH, "rate": rate})
    assert found.startswith("fundamental.rate: ")


def test_a_shift_without_its_fade(problems: Problems) -> None:
    maker = {**NOISE, "kind": "market_maker", "half_spread": "0.01", "shift": "0.01"}
    del maker["rate"]
    (found,) = problems(maker)
    assert "shift and fade: shift go together" in found


def test_an_arbitrageur_needs_two_venues(problems: Problems) -> None:
    one = {**NOISE, "kind": "latency_arbitrageur", "edge": "0.01"}
    del one["rate"]
    (found,) = problems(one)
    assert found.startswith("participants[N].venues: needs two venues")
