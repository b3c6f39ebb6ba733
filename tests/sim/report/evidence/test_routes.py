"""Tables after Rule 606 and RTS 28."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sim.protocol.enums import TimeInForce
from sim.report.evidence.receipts import receipt
from sim.report.evidence.routes import POSITIONS, RouteTables, position

if TYPE_CHECKING:
    from sim.report.trail.build import Trail
    from tests.sim.report.evidence.conftest import Story

MS = 1_000_000
BID, ASK = 9_998, 10_002


def tables(trail: "Trail") -> RouteTables:
    routes = RouteTables(trail)
    routes.add(receipt(trail, child, 10) for child in trail.children.values())
    return routes


def used(story: Callable[..., "Story"]) -> "Trail":
    """A takes 100 for a fee and makes 60 for a rebate; D fills 40 of 100 at the mid."""
    run = story().quote(0, "A", BID, ASK).parent().child("t", "A", 0, ASK).arrives("t", 1)
    run.fill("t", 1, ASK, 100, "0.30").child("m", "A", 2, BID, 60, tif=TimeInForce.DAY)
    run.arrives("m", 3).fill("m", 13, BID, 20, "-0.04", maker=True)
    run.fill("m", 33, BID, 40, "-0.08", maker=True)
    run.child("d", "D", 40, ASK - 1).arrives("d", 45).fill("d", 45, 10_000, 40)
    return run.canceled("d", 45, 60).trail()


def test_routes_are_told_by_kind_with_what_was_paid(story: Callable[..., "Story"]) -> None:
    routes = tables(used(story)).rule_606()["routes"]
    found = [
        (row["venue_id"], row["order_kind"], row["orders"], row["net_payment"]) for row in routes
    ]
    assert found == [
        ("A", "marketable_limit", 1, "-0.3"),
        ("A", "not_marketable_limit", 1, "0.12"),
        ("D", "not_marketable_limit", 1, "0"),
    ]
    assert [row["orders_pct_of_kind"] for row in routes] == ["100.00", "50.00", "50.00"]
    assert {row["orders_pct_of_all"] for row in routes} == {"33.33"}
    assert routes[0]["net_payment_per_100"] == "-0.30000000"
    assert routes[1]["net_payment_per_100"] == "0.20000000"


def test_a_venue_row_tells_making_from_taking(story: Callable[..., "Story"]) -> None:
    lit, dark = tables(used(story)).rule_606()["venues"]
    assert (lit["venue_id"], lit["routed_qty"], lit["executed_qty"]) == ("A", 160, 160)
    assert lit["avg_fill"] == "53.33333333"
    assert (lit["made_qty"], lit["made_pct"]) == (60, "37.50")
    assert lit["made_fee_per_100"] == "-0.20000000"
    assert lit["taken_fee_per_100"] == "0.30000000"
    assert lit["made_avg_rest_ns"] == (20 * 10 + 40 * 30) * MS // 60  # weighted by lots
    assert lit["positions_qty"]["near_or_better"] == 60
    assert lit["positions_qty"]["far"] == 100
    assert (dark["fill_rate_pct"], dark["positions_qty"]["mid"]) == ("40.00", 40)
    assert dark["made_fee_per_100"] is None


def test_the_largest_venues_come_first(story: Callable[..., "Story"]) -> None:
    first, second = tables(used(story)).rts_28()
    assert (first["rank"], first["venue_id"], first["executed_qty"]) == (1, "A", 160)
    assert first["volume"] == "16000.8"  # 100 at 100.02 and 60 at 99.98
    assert (first["passive_pct"], first["aggressive_pct"]) == ("37.50", "62.50")
    assert (first["orders_pct"], second["orders_pct"]) == ("66.67", "33.33")
    assert (second["venue_id"], second["directed_pct"]) == ("D", "0.00")


def test_venues_without_executions_are_no_top_venues(story: Callable[..., "Story"]) -> None:
    run = story().quote(0, "A", BID, ASK).parent().child("c", "A", 0, ASK).arrives("c", 1)
    routes = tables(run.canceled("c", 1, 100).trail())
    assert routes.rts_28() == []
    (row,) = routes.rule_606()["venues"]
    assert (row["net_payment"], row["net_payment_per_100"], row["avg_fill"]) == (
        "0",
        None,
        None,
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_positions_run_from_the_near_side_to_the_far_side(sign: int) -> None:
    bid, ask = (BID, ASK) if sign > 0 else (-ASK, -BID)
    prices = [BID - 1, BID, BID + 1, 10_000, 10_001, ASK, ASK + 1]
    found = [position(sign, sign * px, bid, ask) for px in prices]
    assert found == ["near_or_better", *POSITIONS[:6]]


def test_one_sided_quotes_give_no_position(story: Callable[..., "Story"]) -> None:
    run = story().quote(0, "A", None, ASK).parent().child("c", "A", 0, ASK).arrives("c", 1)
    (row,) = tables(run.fill("c", 1, ASK, 100).trail()).rule_606()["venues"]
    assert row["positions_qty"]["no_quote"] == 100
