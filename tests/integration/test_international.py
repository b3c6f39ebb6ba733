"""Venues with a tick table, a currency and hours of their own, in whole runs."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import ChildSent, Fill, Quote
from sim.protocol.errors import ScenarioError

if TYPE_CHECKING:
    from tests.conftest import Ran

RunData = Callable[..., "Ran"]
Market = Callable[..., dict[str, Any]]
Lit = Callable[..., dict[str, Any]]

EUR = {"currency": {"code": "EUR", "rate": "1.085"}, "tick_size": "0.01"}
FINE = {"symbol": "ACME", "tick_size": "0.00005"}
"""0.01 EUR at 1.085 are 0.01085, which are 217 of these ticks."""


def two_markets(lit: Lit, market: Market, **more: Any) -> dict[str, Any]:
    """100.0370 at home; 92.19 EUR, which are 100.02615, abroad."""
    venues = [
        lit("HOME", [["100.0370", 100]], ms=1),
        lit("ABROAD", [["92.19", 60], ["92.21", 100]], ms=9, **(EUR | more)),
    ]
    return market(venues, instrument=FINE, qty=100)


def test_prices_are_compared_in_the_currency_of_the_instrument(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    """92.21 EUR are 100.04785, dearer than at home."""
    ran = run_data(two_markets(lit, market))
    sent = {child.venue_id: (child.order_qty, child.price) for child in ran.of(ChildSent)}
    assert sent == {"ABROAD": (60, 2_000_523), "HOME": (40, 2_000_740)}
    quote = next(quote for quote in ran.of(Quote) if quote.venue_id == "ABROAD")
    assert quote.ask_px == 2_000_523  # 92.19 * 1.085 / 0.00005
    row = ran.parent
    assert Decimal(row["notional"]) == 60 * Decimal("100.02615") + 40 * Decimal("100.037")


def test_the_summary_holds_both_currencies(run_data: RunData, lit: Lit, market: Market) -> None:
    venues = run_data(two_markets(lit, market)).result.summary["venues"]
    assert venues["ABROAD"]["avg_px"] == "100.02615000"
    assert venues["ABROAD"]["currency"] == {
        "code": "EUR",
        "rate": "1.085",
        "avg_px": "92.19000000",
    }
    assert "currency" not in venues["HOME"]


def test_fees_per_share_and_caps_are_in_the_venues_currency(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    ran = run_data(two_markets(lit, market, fees={"taker": "0.0020"}))
    fill = next(fill for fill in ran.of(Fill) if fill.venue_id == "ABROAD")
    assert Decimal(fill.fee) == 60 * Decimal("0.0020") * Decimal("1.085")
    capped = run_data(two_markets(lit, market, fees={"taker": "0.0020", "cap_per_order": "0.1"}))
    fill = next(fill for fill in capped.of(Fill) if fill.venue_id == "ABROAD")
    assert Decimal(fill.fee) == Decimal("0.1085")
    bps = run_data(two_markets(lit, market, fees={"taker": "1", "unit": "bps"}))
    fill = next(fill for fill in bps.of(Fill) if fill.venue_id == "ABROAD")
    assert Decimal(fill.fee) == 60 * Decimal("100.02615") / 10_000


def test_a_fee_abroad_turns_the_choice_at_its_rate(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    """100.0370 less 100.02615 are 0.01085, the price of one cent abroad."""
    for taker, first in (("0.0099", "ABROAD"), ("0.0101", "HOME")):
        ran = run_data(two_markets(lit, market, fees={"taker": taker}))
        assert ran.of(ChildSent)[0].venue_id == first


def test_flow_at_a_foreign_venue_is_in_its_currency(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    seller = {"at": "1ms", "id": "S", "side": "sell", "qty": 5, "price": "92.00", "tif": "GTC"}
    scenario = two_markets(lit, market, flow=[{"kind": "scripted", "orders": [seller]}])
    scenario["parents"][0]["at"] = "30ms"
    ran = run_data(scenario)
    assert min(fill.last_px for fill in ran.of(Fill)) * Decimal("0.00005") == Decimal("99.82")


def test_a_venue_whose_hours_are_over_gets_nothing(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    scenario = two_markets(lit, market, trading={"close": "10ms"})
    scenario["parents"][0]["at"] = "50ms"
    assert {child.venue_id for child in run_data(scenario).of(ChildSent)} == {"HOME"}


@pytest.mark.parametrize(
    ("change", "place", "says"),
    [
        ({"tick_size": None}, "venues[ABROAD].currency", "needs a tick_size"),
        ({"tick_size": "0.001"}, "venues[ABROAD].tick_size", "0.001 times the rate 1.085 must be"),
        (
            {"currency": {"code": "Euro", "rate": "1"}},
            "venues[ABROAD].currency.code",
            "text matching",
        ),
        (
            {"currency": {"code": "EUR", "rate": "0"}},
            "venues[ABROAD].currency.rate",
            "allowed: > 0",
        ),
    ],
)
def test_currencies_that_do_not_fit_are_refused_with_their_place(
    run_data: RunData, lit: Lit, market: Market, change: dict[str, Any], place: str, says: str
) -> None:
    scenario = two_markets(lit, market)
    scenario["venues"][1] |= change
    with pytest.raises(ScenarioError) as refused:
        run_data(scenario)
    text = str(refused.value)
    assert place in text
    assert says in text


# ------------------------------------------------------------ tick tables

TABLE = [
    {"price": "0", "tick_size": "0.01"},
    {"price": "50", "tick_size": "0.05"},
    {"price": "100", "tick_size": "0.10"},
]


def test_a_price_off_the_table_is_refused_with_its_reason(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    """The seller's 100.05 is off the 0.10 that holds from 100 on; its 99.95 is on 0.05."""
    orders = [
        {"at": "1ms", "id": "S", "side": "sell", "qty": 5, "price": "100.05", "tif": "GTC"},
        {"at": "1ms", "id": "T", "side": "sell", "qty": 5, "price": "99.95", "tif": "GTC"},
    ]
    venue = lit(
        "A", [["100.10", 5]], tick_table=TABLE, flow=[{"kind": "scripted", "orders": orders}]
    )
    ran = run_data(market([venue], qty=10, at="10ms"))
    assert [(fill.last_px, fill.last_qty) for fill in ran.of(Fill)] == [(9_995, 5), (10_010, 5)]


def test_the_router_keeps_to_the_table(run_data: RunData, lit: Lit, market: Market) -> None:
    """It rests a buy limited at 99.98 at 99.95, where the venue takes it."""
    seller = {"at": "50ms", "id": "S", "side": "sell", "qty": 10, "price": "99.95", "tif": "IOC"}
    flow = [{"kind": "scripted", "orders": [seller]}]
    venue = lit("A", tick_table=TABLE, flow=flow)
    router = {"strategy": {"kind": "greedy"}, "rest": {"price": "limit"}}
    ran = run_data(market([venue], qty=10, limit="99.98", router=router, deadline="100ms"))
    assert [child.price for child in ran.of(ChildSent)] == [9_995]
    assert ran.parent["filled_qty"] == 10


@pytest.mark.parametrize(
    ("venue", "place"),
    [
        ({"tick_table": TABLE[1:]}, "venues[A].tick_table"),
        ({"tick_table": [TABLE[0], TABLE[2], TABLE[1]]}, "venues[A].tick_table"),
        ({"tick_table": [TABLE[0], {"price": "50.01", "tick_size": "0.05"}]}, "tick_table"),
        ({"tick_table": [{"price": 0, "tick_size": "0.015"}]}, "venues[A].tick_table"),
        ({"tick_table": TABLE, "book": {"asks": [["100.05", 5]]}}, "venues[A].book.asks[0][0]"),
    ],
)
def test_tables_and_levels_off_them_are_refused_with_their_place(
    run_data: RunData, lit: Lit, market: Market, venue: dict[str, Any], place: str
) -> None:
    with pytest.raises(ScenarioError) as refused:
        run_data(market([lit("A", [["100.10", 5]]) | venue]))
    assert place in str(refused.value)
