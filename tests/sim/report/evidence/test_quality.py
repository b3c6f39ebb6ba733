"""The table after Rule 605: spreads, improvement, times and fill rates by venue and order type."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.protocol.enums import Side, TimeInForce
from sim.report.evidence.quality import QualityTable
from sim.report.evidence.receipts import Touches, receipt

if TYPE_CHECKING:
    from sim.report.trail.build import Trail
    from tests.sim.report.evidence.conftest import Story

MS = 1_000_000
BID, ASK = 9_998, 10_002


def rows_of(trail: "Trail", **settings: Any) -> dict[tuple[str | None, str], dict[str, Any]]:
    table = QualityTable(trail, Touches(trail), **settings)
    table.add(receipt(trail, child, 10) for child in trail.children.values())
    return {(row["venue_id"], row["order_type"]): row for row in table.rows()}


def two_children(story: Callable[..., "Story"]) -> "Story":
    """60 of 100 lots at the offer and 40 inside it at A, received at 5 ms and filled at 7 ms."""
    run = story().quote(0, "A", BID, ASK, 60).quote(0, "B", BID - 1, ASK, 10).parent()
    run.child("c", "A", 0, ASK, 100).child("d", "A", 0, ASK, 50)
    run.arrives("c", 5, queued_ms=2).fill("c", 7, ASK, 60).fill("c", 7, ASK - 1, 40)
    return run.arrives("d", 8).canceled("d", 8, 50)


def test_spreads_are_weighted_by_lots(story: Callable[..., "Story"]) -> None:
    row = rows_of(two_children(story).trail())["A", "marketable_ioc"]
    assert row["measured_qty"] == 100
    assert row["quoted_spread"] == "0.04000000"
    # 60 lots pay 2 x 2 ticks over the mid, 40 lots 2 x 1
    assert row["effective_spread"] == "0.03200000"
    assert row["effective_over_quoted_pct"] == "80.00"
    assert (row["improved_qty"], row["improved_avg"]) == (40, "0.01000000")
    assert (row["at_quote_qty"], row["outside_qty"], row["outside_avg"]) == (60, 0, None)
    assert row["improvement_avg"] == "0.00400000"


def test_a_sale_is_the_mirror_image(story: Callable[..., "Story"]) -> None:
    run = story(Side.SELL_SHORT).quote(0, "A", BID, ASK).parent().child("c", "A", 0, BID - 3, 30)
    run.arrives("c", 5).fill("c", 5, BID + 1, 10).fill("c", 5, BID, 10).fill("c", 5, BID - 2, 10)
    row = rows_of(run.trail())["A", "marketable_ioc"]
    assert row["effective_spread"] == "0.04666667"  # 2, 4 and 8 ticks
    assert (row["improved_qty"], row["at_quote_qty"], row["outside_qty"]) == (10, 10, 10)
    assert row["outside_avg"] == "0.02000000"


def test_fill_rates_count_what_was_asked(story: Callable[..., "Story"]) -> None:
    run = two_children(story).child("r", "A", 9, ASK, 70).rejected("r", 10)
    rows = rows_of(run.trail())
    row = rows["A", "marketable_ioc"]
    assert (row["orders"], row["order_qty"], row["executed_qty"]) == (2, 150, 100)
    assert (row["canceled_qty"], row["open_qty"], row["fill_rate_pct"]) == (50, 0, "66.67")
    refused = rows["A", "no_quote"]
    assert (refused["orders"], refused["rejected_orders"], refused["rejected_qty"]) == (0, 1, 70)
    assert refused["fill_rate_pct"] is None


def test_what_is_still_open_is_not_canceled(story: Callable[..., "Story"]) -> None:
    run = story().quote(0, "A", BID, ASK).parent().child("c", "A", 0, BID, tif=TimeInForce.DAY)
    run.arrives("c", 1).fill("c", 5, BID, 30, maker=True)
    row = rows_of(run.trail())["A", "at_the_quote"]
    assert (row["executed_qty"], row["open_qty"], row["canceled_qty"]) == (30, 70, 0)
    assert row["effective_spread"] == "-0.04000000"  # it earned the spread
    assert row["improved_qty"] is None


def test_size_improvement_is_what_was_had_beyond_what_was_displayed(
    story: Callable[..., "Story"],
) -> None:
    row = rows_of(two_children(story).trail())["A", "marketable_ioc"]
    assert row["displayed_qty"] == 70 + 50  # A and B show 70 at the offer; d asked for 50
    assert row["size_improved_qty"] == 30


def test_time_counts_from_the_receipt(story: Callable[..., "Story"]) -> None:
    times = rows_of(two_children(story).trail())["A", "marketable_ioc"]["time_to_execution"]
    assert (times["avg_ns"], times["median_ns"], times["p99_ns"]) == (2 * MS, 2 * MS, 2 * MS)
    assert [one["qty"] for one in times["buckets"] if one["qty"]] == [100]


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_an_order_behind_the_quote_is_timed_from_when_it_could_execute(
    story: Callable[..., "Story"], side: Side
) -> None:
    buys = side is Side.BUY
    limit = BID - 5 if buys else ASK + 5
    run = story(side).quote(0, "A", BID, ASK).parent()
    run.child("c", "A", 0, limit, tif=TimeInForce.DAY).arrives("c", 1)
    run.quote(4, "A", BID - 4, ASK + 4).quote(6, "A", BID - 5, ASK + 5)
    run.fill("c", 9, limit, 100, maker=True)
    row = rows_of(run.trail())["A", "near_the_quote"]
    assert row["time_to_execution"]["avg_ns"] == 3 * MS


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_on_an_empty_side_an_order_is_the_best_itself(
    story: Callable[..., "Story"], side: Side
) -> None:
    buys = side is Side.BUY
    limit = BID - 50 if buys else ASK + 50
    run = story(side).quote(0, "A", BID, ASK).parent()
    run.child("c", "A", 0, limit, tif=TimeInForce.DAY).arrives("c", 1)
    run.quote(4, "A", None if buys else BID, ASK if buys else None)
    run.fill("c", 9, limit, 100, maker=True)
    row = rows_of(run.trail())["A", "away_from_the_quote"]
    assert row["time_to_execution"]["avg_ns"] == 5 * MS


def test_realised_spread_and_impact_add_up_to_the_effective_one(
    story: Callable[..., "Story"],
) -> None:
    run = story().quote(0, "A", BID, ASK).parent().child("c", "A", 0, ASK).arrives("c", 5)
    run.fill("c", 5, ASK, 100).quote(40, "A", BID + 1, ASK + 1).quote(70, "A", BID, None)
    trail = run.trail(end_ms=200)
    horizons = tuple(ms * MS for ms in (10, 50, 100, 1_000))
    row = rows_of(trail, horizons_ns=horizons)["A", "marketable_ioc"]
    found = [(one["qty"], one["spread"], one["impact"]) for one in row["realised"]]
    assert found == [
        (100, "0.04000000", "0.00000000"),
        (100, "0.02000000", "0.02000000"),
        (0, None, None),  # no offer then, so no mid
        (0, None, None),  # after the end of the log
    ]


@pytest.mark.parametrize(
    ("bid", "ask", "why"),
    [(ASK, ASK, "locked"), (ASK + 1, ASK, "crossed"), (None, ASK, "one_sided")],
)
def test_what_has_no_sound_spread_is_left_out_and_counted(
    story: Callable[..., "Story"], bid: int | None, ask: int, why: str
) -> None:
    run = story().quote(0, "A", bid, None).quote(0, "B", None, ask).parent()
    run.child("c", "A", 0, ASK).arrives("c", 5).fill("c", 5, ASK, 100)
    row = rows_of(run.trail())["A", "marketable_ioc"]
    assert row["excluded_qty"] == {
        "one_sided": 0,
        "locked": 0,
        "crossed": 0,
        "none": 0,
        why: 100,
    }
    assert (row["measured_qty"], row["effective_spread"], row["quoted_spread"]) == (0, None, None)
    # Where only the own side is missing there still is a price to do better than.
    assert row["at_quote_qty"] == (100 if why == "one_sided" else 0)


def test_a_dark_fill_inside_the_quote_is_an_improvement(story: Callable[..., "Story"]) -> None:
    run = story().quote(0, "A", BID, ASK).parent().child("c", "D", 0, ASK - 1)
    run.arrives("c", 5).fill("c", 5, ASK - 2, 100)
    row = rows_of(run.trail())["D", "not_marketable_ioc"]
    assert (row["improved_qty"], row["improved_avg"]) == (100, "0.02000000")
    assert row["displayed_qty"] is None


def test_rows_for_all_venues_are_the_sums_of_theirs(story: Callable[..., "Story"]) -> None:
    run = two_children(story).child("e", "B", 9, ASK, 10).arrives("e", 11).fill("e", 11, ASK, 10)
    rows = rows_of(run.trail())
    every = rows[None, "marketable_ioc"]
    for name in ("orders", "order_qty", "executed_qty", "executions", "displayed_qty"):
        parts = [rows[venue, "marketable_ioc"][name] for venue in ("A", "B")]
        assert every[name] == sum(parts)
    assert [key[0] for key in rows] == ["A", "B", None]
