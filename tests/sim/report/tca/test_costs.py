"""What a parent cost, in runs whose every price is known beforehand."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from sim.audit.record import Record
from sim.report.tca.costs import PARTS, ParentCost, parent_costs, total_cost
from sim.report.trail.build import Trail, TrailBuilder
from sim.scenario.load import load_scenario
from sim.scenario.shipped import shipped_names
from sim.world import run_world

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]


def trail_of(ran: "Ran") -> Trail:
    builder = TrailBuilder()
    for record in ran.records:
        builder.observe(record)
    return builder.trail()


@pytest.fixture
def costs_of(run_data: Callable[..., "Ran"]) -> Callable[..., dict[str, ParentCost]]:
    return lambda data, *sets: parent_costs(trail_of(run_data(data, *sets)))


@pytest.fixture
def two_sided(lit: Callable[..., Data]) -> Callable[..., Data]:
    """``two_sided("A", asks, bids, ms=5)``."""

    def make(name: str, asks: Any, bids: Any, **more: Any) -> Data:
        venue = lit(name, asks, **more)
        venue["book"]["bids"] = bids
        return venue

    return make


def test_a_sweep_pays_half_the_spread_and_what_lies_beyond_the_best_price(
    market: Callable[..., Data], two_sided: Callable[..., Data], costs_of: Callable[..., Any]
) -> None:
    asks = [["100.01", 60], ["100.03", 60]]
    fees = {"taker": "0.001", "maker": "0", "unit": "per_share"}
    cost = costs_of(market([two_sided("A", asks, [["99.99", 5]], fees=fees)], qty=100))["P"]
    row = cost.row()["shortfall"]
    # Mid 100: 100 at half a spread of .01, of which 40 another .02 beyond the best offer.
    assert row["parts"] == {
        "delay": "0",
        "spread": "1",
        "impact": "0.8",
        "timing": "0",
        "fees": "0.1",
        "opportunity": "0",
    }
    assert (row["total"], row["total_bps"]) == ("1.9", "1.900000")
    assert row["parts_bps"]["impact"] == "0.800000"
    assert row["half_tick_lots"]["total"] == 200 + 160
    assert row["why_not_available"] is None
    assert row["notes"] == []
    assert row["venues"]["A"]["filled_qty"] == 100


def test_a_market_that_moves_while_an_order_is_under_way_is_delay(
    market: Callable[..., Data],
    lit: Callable[..., Data],
    run_data: Callable[..., "Ran"],
    tmp_path: Path,
) -> None:
    """It leaves at 20 ms and arrives at 30; a recording is two ticks up from 5 ms to 25."""
    rows = ["t_ns,event,side,price,qty", "0,level,ask,100.01,90", "0,level,bid,99.99,90"]
    for t_ns, shift in ((5_000_000, "0.02"), (25_000_000, "0.00")):
        rows += [f"{t_ns},shift,{side},{shift}," for side in ("ask", "bid")]
    (tmp_path / "moves.l2.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    venue = lit("A", ms=10) | {"kind": "replayed", "file": "moves.l2.csv"}
    del venue["book"]
    ran = run_data(market([venue], qty=50, at="20ms"), beside=tmp_path)
    row = parent_costs(trail_of(ran))["P"].row()["shortfall"]
    assert row["parts"] == {
        "delay": "-1",
        "spread": "0.5",
        "impact": "0",
        "timing": "0",
        "fees": "0",
        "opportunity": "0",
    }


def test_what_is_not_filled_is_missed_at_the_mid_as_the_order_ended(
    market: Callable[..., Data], two_sided: Callable[..., Data], costs_of: Callable[..., Any]
) -> None:
    """Our own sweep moves the mid from 100 to 100.02; forty lots are not had."""
    asks = [["100.01", 60], ["100.05", 60]]
    data = market([two_sided("A", asks, [["99.99", 5]])], qty=100, limit="100.01", deadline="50ms")
    row = costs_of(data)["P"].row()["shortfall"]
    assert row["end_mid"] == "100.02"
    assert row["parts"]["opportunity"] == "0.8"
    assert row["unfilled_qty"] == 40
    assert Decimal(row["total"]) == sum(map(Decimal, row["parts"].values())) == Decimal("1.4")


def test_our_first_order_moves_the_mid_that_our_second_pays(
    market: Callable[..., Data], two_sided: Callable[..., Data], costs_of: Callable[..., Any]
) -> None:
    near = two_sided("NEAR", [["100.01", 60]], [["99.99", 5]], ms=1)
    far = two_sided("FAR", [["100.03", 60]], [["99.97", 5]], ms=9)
    row = costs_of(market([near, far], qty=100))["P"].row()["shortfall"]
    assert row["venues"]["NEAR"]["parts"]["impact"] == "0"
    # The offer went from 100.01 to 100.03, the mid by half of that, for 40 lots.
    assert row["venues"]["FAR"]["parts"] == {
        "delay": "0",
        "spread": "0.8",
        "impact": "0.4",
        "timing": "0",
        "fees": "0",
    }


def test_what_an_earlier_parent_moved_is_not_the_impact_of_a_later_one(
    market: Callable[..., Data], two_sided: Callable[..., Data], costs_of: Callable[..., Any]
) -> None:
    asks = [["100.01", 60], ["100.03", 60]]
    data = market([two_sided("A", asks, [["99.99", 5]])], qty=60)
    data["parents"].append({"id": "LATER", "side": "buy", "qty": 10, "at": "1s"})
    row = costs_of(data)["LATER"].row()["shortfall"]
    assert row["parts"]["impact"] == row["parts"]["timing"] == "0"
    assert row["parts"]["spread"] == "0.2"


def test_without_a_bid_the_shortfall_is_not_available_and_says_why(
    market: Callable[..., Data], lit: Callable[..., Data], costs_of: Callable[..., Any]
) -> None:
    cost = costs_of(market([lit("A", [["100.01", 100]])]))["P"]
    row = cost.row()
    assert row["shortfall"]["total"] is row["shortfall"]["total_bps"] is None
    assert row["shortfall"]["parts"]["spread"] is None
    assert row["shortfall"]["parts"]["fees"] == "0"
    assert "no displayed bid" in row["shortfall"]["why_not_available"]
    found = {one["name"]: one for one in row["benchmarks"]}
    assert found["arrival_mid"]["px"] is found["market_twap"]["px"] is None
    assert found["arrival_touch"]["cost"] == "0.00000000"
    assert found["single_exchange"]["detail"] == "at A"
    assert total_cost([cost])["total"] is None


def test_without_market_data_the_whole_is_known_and_its_parts_are_not(
    market: Callable[..., Data], two_sided: Callable[..., Data], costs_of: Callable[..., Any]
) -> None:
    data = market([two_sided("A", [["100.01", 100]], [["99.99", 5]])])
    data["audit"] = {"market_data": "none"}
    row = costs_of(data)["P"].row()
    assert row["shortfall"]["total"] == "1"
    assert row["shortfall"]["parts"]["spread"] is None
    assert row["shortfall"]["notes"] == [], "of parts that are not there nothing is approximate"
    assert "audit.market_data: none" in row["shortfall"]["why_not_available"]
    found = {one["name"]: one for one in row["benchmarks"]}
    assert found["market_vwap"]["why_not_available"] == row["shortfall"]["why_not_available"]


def test_a_pool_at_the_middle_costs_no_spread(
    market: Callable[..., Data], two_sided: Callable[..., Data], costs_of: Callable[..., Any]
) -> None:
    pool = two_sided("POOL", [["100.00", 100]], [], kind="dark", indications=True)
    lit = two_sided("A", [["100.01", 100]], [["99.99", 5]])
    row = costs_of(market([lit, pool]))["P"].row()["shortfall"]
    assert row["venues"]["POOL"]["parts"]["spread"] == "0"
    assert row["total"] == "0"


def test_markouts_follow_the_mid_and_end_with_the_log(
    market: Callable[..., Data], two_sided: Callable[..., Data], costs_of: Callable[..., Any]
) -> None:
    data = market([two_sided("A", [["100.01", 60], ["100.05", 9]], [["99.99", 5]])], qty=60)
    data["parents"].append({"id": "LATE", "side": "sell", "qty": 5, "at": "2s"})
    rows = costs_of(data)["P"].row()["markouts"]
    found = {row["horizon"]: (row["lots"], row["money"], row["bps"]) for row in rows}
    # Bought at 100.01, and then the offer stands at 100.05: the mid is 100.02.
    assert found["1ms"] == found["1s"] == (60, "0.6", "0.999900")
    assert found["10s"] == found["5min"] == (0, None, None)
    assert [row["horizon"] for row in rows] == ["1ms", "100ms", "1s", "10s", "60s", "5min"]
    assert rows[0]["venues"]["A"]["money"] == "0.6"


def test_benchmarks_are_of_what_was_displayed_and_what_traded(
    market: Callable[..., Data], two_sided: Callable[..., Data], costs_of: Callable[..., Any]
) -> None:
    """Two venues: 60 at 100.01 and 20 at 100.05; 100 at 100.03. Ninety are bought."""
    near = two_sided("NEAR", [["100.01", 60], ["100.05", 20]], [["99.99", 5]])
    far = two_sided("FAR", [["100.03", 100]], [["99.97", 5]])
    rows = costs_of(market([near, far], qty=90))["P"].row()["benchmarks"]
    found = {row["name"]: row for row in rows}
    paid = Decimal("100.01") * 60 + Decimal("100.03") * 30
    assert found["single_exchange"]["detail"] == "at FAR"
    assert Decimal(found["single_exchange"]["cost"]) == paid - Decimal("100.03") * 90
    displayed = Decimal("100.01") * 60 + Decimal("100.05") * 20 + Decimal("100.03") * 100
    assert Decimal(found["displayed_vwap"]["px"]) == round(displayed / 180, 8)
    assert found["market_vwap"]["cost"] == "0.00000000"
    assert found["market_vwap"]["detail"] == "nobody else traded: 90, all of it this order's"
    assert found["best_possible"]["cost"] == "0.00000000"
    assert found["market_twap"]["px"] is not None


@pytest.mark.parametrize("market_data", ["full", "touch"])
def test_what_stood_at_a_decision_counts_for_the_best_possible(
    market: Callable[..., Data],
    two_sided: Callable[..., Data],
    costs_of: Callable[..., Any],
    market_data: str,
) -> None:
    """A router that may use one venue only passes by a better one."""
    good = two_sided("GOOD", [["100.01", 60]], [["99.99", 5]])
    bad = two_sided("BAD", [["100.03", 60]], [["99.97", 5]])
    data = market([good, bad], qty=50, audit={"market_data": market_data})
    data["router"]["strategy"] = {"kind": "single_venue", "venue": "BAD"}
    rows = costs_of(data)["P"].row()["benchmarks"]
    found = {row["name"]: row for row in rows}
    assert found["best_possible"]["cost"] == "1.00000000"
    assert found["single_exchange"]["detail"] == "at GOOD"


@pytest.mark.parametrize("market_data", ["full", "touch"])
def test_what_was_displayed_counts_as_the_order_came_and_not_as_it_first_took(
    market: Callable[..., Data],
    two_sided: Callable[..., Data],
    costs_of: Callable[..., Any],
    market_data: str,
) -> None:
    """It rests for 40 ms; by then others have taken what was there as it came."""
    taker = {"at": "15ms", "id": "T", "side": "buy", "qty": 60, "price": "100.01", "tif": "IOC"}
    venue = two_sided("A", [["100.01", 60], ["100.05", 60]], [["99.99", 5]])
    venue["flow"] = [{"kind": "scripted", "orders": [taker]}]
    data = market([venue], qty=50, limit="100.10", audit={"market_data": market_data})
    data["router"]["rest"] = {"price": "touch", "first": True, "take_after": "40ms"}
    cost = costs_of(data)["P"]
    found = {row["name"]: row for row in cost.row()["benchmarks"]}
    assert cost.total.tick_lots == 10_005 * 50
    assert found["single_exchange"]["px"] == "100.01000000"
    assert found["single_exchange"]["cost"] == "2.00000000"


def test_what_another_order_of_ours_traded_is_not_this_orders(
    market: Callable[..., Data], two_sided: Callable[..., Data], costs_of: Callable[..., Any]
) -> None:
    venue = two_sided("A", [["100.01", 60]], [["99.99", 5]])
    data = market([venue], qty=20)
    data["parents"] = [data["parents"][0], {**data["parents"][0], "id": "Q", "qty": 40}]
    rows = costs_of(data)["P"].row()["benchmarks"]
    (vwap,) = [row for row in rows if row["name"] == "market_vwap"]
    assert vwap["detail"] == "60 traded, 20 of it this order's"


def test_what_a_venue_shows_first_of_all_is_the_market_though_we_come_at_once(
    market: Callable[..., Data], two_sided: Callable[..., Data], costs_of: Callable[..., Any]
) -> None:
    """With no delay the order meets the book at the very instant at which it is published."""
    venue = two_sided("A", [["100.01", 60], ["100.03", 60]], [["99.99", 5]], ms=0)
    row = costs_of(market([venue], qty=100))["P"].row()["shortfall"]
    assert (row["parts"]["spread"], row["parts"]["impact"]) == ("1", "0.8")
    assert row["notes"] == []


def test_the_twap_of_an_order_that_ended_as_it_came_is_the_mid_then(
    market: Callable[..., Data], two_sided: Callable[..., Data], costs_of: Callable[..., Any]
) -> None:
    venue = two_sided("A", [["100.01", 60]], [["99.99", 5]], ms=0)
    found = {row["name"]: row for row in costs_of(market([venue], qty=50))["P"].row()["benchmarks"]}
    assert found["market_twap"]["px"] == "100.00000000"
    assert found["market_twap"]["cost"] == "0.50000000"
    alone = two_sided("A", [["100.01", 60]], [], ms=0)
    found = {row["name"]: row for row in costs_of(market([alone], qty=50))["P"].row()["benchmarks"]}
    assert found["market_twap"]["px"] is None
    assert "as the order came and ended" in found["market_twap"]["why_not_available"]


def test_a_log_that_ends_anywhere_has_costs_that_add_up(
    read_records: Callable[[bytes], tuple[Record, ...]],
) -> None:
    result = run_world(load_scenario("two_parents"))
    assert result.log is not None
    records = read_records(result.log)
    for end in range(1, len(records) + 1):
        builder = TrailBuilder()
        for record in records[:end]:
            builder.observe(record)
        for cost in parent_costs(builder.trail()).values():
            assert msgspec.json.encode(cost.row())
            known = [part for part in cost.parts.values() if part is not None]
            assert cost.shortfall is None or len(known) < len(PARTS) or sum(known) == cost.shortfall


FAST = ("fragmented", "venue_kinds", "two_parents", "midpoint", "partial_fill", "halt")


@pytest.mark.parametrize("name", FAST)
def test_the_parts_add_up_in_shipped_scenarios(name: str) -> None:
    check_shipped(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(shipped_names()) - set(FAST)))
def test_the_parts_add_up_in_every_other_shipped_scenario(name: str) -> None:
    check_shipped(name)


def check_shipped(name: str) -> None:
    builder = TrailBuilder()
    result = run_world(load_scenario(name), watch=[builder])
    costs = parent_costs(builder.trail())
    for paid, (parent_id, cost) in zip(result.summary["parents"], costs.items(), strict=True):
        assert paid["parent_id"] == parent_id
        parts = list(cost.parts.values())
        known = [part for part in parts if part is not None]
        assert len(known) == len(PARTS) or cost.why
        if len(known) == len(PARTS):
            assert sum(known) == cost.shortfall
        if cost.shortfall is not None and paid["shortfall_bps"] and not cost.unfilled:
            way = cost.shortfall - cost.total.fees
            mid = Decimal(paid["arrival_mid"]) * paid["filled_qty"] * cost.units.lot_size
            assert abs(10_000 * way / mid - Decimal(paid["shortfall_bps"])) < Decimal("0.000001")
