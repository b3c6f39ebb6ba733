"""Fees that turn round, or change with volume, in whole runs: cost, choice and summary."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim.audit.records import ChildSent, Decision, Fill

if TYPE_CHECKING:
    from tests.conftest import Ran

RunData = Callable[..., "Ran"]
Market = Callable[..., dict[str, Any]]
Lit = Callable[..., dict[str, Any]]

USUAL = {"taker": "0.0030", "maker": "-0.0020"}
INVERTED = {"taker": "-0.0018", "maker": "0.0020"}


def test_an_inverted_venue_is_taken_first_and_pays_the_taker(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    venues = [
        lit("USUAL", [["100.00", 100]], ms=1, fees=USUAL),
        lit("TURNED", [["100.00", 100]], ms=9, fees=INVERTED),
    ]
    ran = run_data(market(venues, qty=100))
    assert [child.venue_id for child in ran.of(ChildSent)] == ["TURNED"]
    assert ran.of(Decision)[0].ranking == ("TURNED", "USUAL")
    assert (ran.parent["fees"], ran.of(Fill)[0].fee) == ("-0.18", "-0.18")
    assert ran.result.summary["venues"]["TURNED"]["fees"] == "-0.18"


def test_an_inverted_venue_charges_who_rests(run_data: RunData, lit: Lit, market: Market) -> None:
    seller = {"at": "20ms", "id": "S", "side": "sell", "qty": 100, "price": "99.99", "tif": "IOC"}
    venue = lit("TURNED", fees=INVERTED, flow=[{"kind": "scripted", "orders": [seller]}])
    router = {"strategy": {"kind": "greedy"}, "rest": {}}
    ran = run_data(market([venue], limit="99.99", router=router))
    assert (ran.parent["filled_qty"], ran.parent["fees"]) == (100, "0.2")
    assert ran.of(Fill)[0].is_maker


def test_tiers_and_caps_reach_the_summary(run_data: RunData, lit: Lit, market: Market) -> None:
    tiers = [{"volume": 60, "taker": "0.0010", "maker": "0"}]
    asks = [["100.00", 50], ["100.01", 50]]
    ran = run_data(market([lit("A", asks, fees={**USUAL, "tiers": tiers})]))
    assert [fill.fee for fill in ran.of(Fill)] == ["0.15", "0.07"]
    assert ran.parent["fees"] == "0.22"
    capped = run_data(market([lit("A", asks, fees={**USUAL, "cap_per_order": "0.2"})]))
    assert [fill.fee for fill in capped.of(Fill)] == ["0.15", "0.05"]
    assert capped.parent["fees"] == "0.2"


def test_a_stated_volume_turns_the_ranking(run_data: RunData, lit: Lit, market: Market) -> None:
    tiers = [{"volume": 1000, "taker": "0.0010", "maker": "0"}]
    venues = [
        lit("FLAT", [["100.00", 100]], ms=1, fees={"taker": "0.0020"}),
        lit("TIERED", [["100.00", 100]], ms=9, fees={**USUAL, "tiers": tiers}),
    ]
    scenario = market(venues, qty=100)
    assert run_data(scenario).of(ChildSent)[0].venue_id == "FLAT"
    traded = run_data(scenario, "venues[TIERED].fees.volume_before=1000")
    assert traded.of(ChildSent)[0].venue_id == "TIERED"
    assert traded.parent["fees"] == "0.1"
