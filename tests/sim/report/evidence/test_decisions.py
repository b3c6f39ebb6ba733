"""The ranked venue table of each decision."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import pytest

from sim.audit.records import BlindOrder, KnownQueue, KnownQuote, Record, Refused, Slice
from sim.report.decisions import decision_rows as told_rows
from sim.report.evidence.decisions import decision_rows
from sim.report.page.form import Decision
from sim.report.trail.build import Trail, TrailBuilder
from sim.scenario.load import load_scenario
from sim.world import run_world

if TYPE_CHECKING:
    from tests.sim.report.evidence.conftest import Story

ASK = 10_002


def trail_of(name: str, *sets: str) -> Trail:
    builder = TrailBuilder()
    run_world(load_scenario(name, sets=sets), watch=[builder])
    return builder.trail()


def test_the_customers_venues_are_ranked_with_what_they_have_and_get() -> None:
    (row,) = decision_rows(trail_of("fragmented"))
    assert (row["unreserved_qty"], row["available_qty"], row["allocated_qty"]) == (
        100_000,
        245_000,
        100_000,
    )
    found = [
        (one["rank"], one["venue_id"], one["available_qty"], one["price"], one["allocated_qty"])
        for one in row["venues"]
    ]
    assert found == [
        (1, "DARK_B", 25_000, "99.99", 25_000),
        (2, "NASDAQ", 45_000, "100.00", 45_000),
        (3, "DARK_A", 35_000, "100.01", 20_000),
        (4, "NYSE", 90_000, "100.02", 10_000),
        (5, "MM", 50_000, "100.05", 0),
    ]
    nasdaq, left_out = row["venues"][1], row["venues"][4]
    assert nasdaq["allocated_px"] == nasdaq["avg_px"] == "100.00444444"
    assert (nasdaq["allocated_pct"], nasdaq["levels"][0]) == ("45.00", ["100.00", 25_000])
    assert nasdaq["evidence"] == "quote 2, just out; an order takes about 6 ms"
    assert nasdaq["cost"] == {"price": "4500200", "total": "4500200"}
    assert left_out["why"] == "ranked_behind"
    assert left_out["evidence"].endswith("others were better, and they were enough")
    assert (left_out["avg_px"], left_out["cost"]) == (None, None)


def test_fees_and_risk_are_part_of_the_evidence() -> None:
    sets = ["router.strategy.kind=min_risk", 'venues[NYSE].fill_risk="0.001"']
    sets.append('venues[NYSE].fees.taker="0.003"')
    (row,) = decision_rows(trail_of("fragmented", *sets))
    nyse = next(one for one in row["venues"] if one["venue_id"] == "NYSE")
    assert (nyse["price"], nyse["effective_price"]) == ("100.02", "100.02300000")
    assert nyse["fill_risk"] == "0.001"
    assert "with its fee the best is 100.023" in nyse["evidence"]
    assert "risk not to fill 0.001" in nyse["evidence"]


@pytest.mark.parametrize("name", ["partial_fill", "two_parents", "rejects_and_timeouts"])
def test_what_was_sent_and_filled_adds_up_over_all_decisions(name: str) -> None:
    trail = trail_of(name)
    rows = decision_rows(trail)
    assert len(rows) == len(trail.decisions)
    for key, of_all in (
        ("sent_qty", sum(child.requested_qty for child in trail.children.values())),
        ("filled_qty", sum(child.filled_qty for child in trail.children.values())),
    ):
        assert sum(one[key] for row in rows for one in row["venues"]) == of_all
    ids = [name for row in rows for name in row["children"]]
    assert sorted(ids) == sorted(trail.children)


def test_no_more_rows_than_asked_for() -> None:
    trail = trail_of("partial_fill")
    assert decision_rows(trail, 1) == decision_rows(trail)[:1]
    assert decision_rows(trail, 0) == []


def test_a_blind_order_says_where_its_limit_comes_from(story: Callable[..., "Story"]) -> None:
    blind = (BlindOrder("D", 0, ASK, ASK), BlindOrder("B", 0, None, ASK - 1))
    run = story().parent().decision(0, blind=blind, split=(Slice("D", ASK, 40),))
    (row,) = decision_rows(run.trail())
    dark, other = row["venues"]
    assert (dark["venue_id"], dark["rank"], dark["available_qty"]) == ("D", None, None)
    assert "limit 100.02 from the best lit price 100.02" in dark["evidence"]
    assert "limit 100.01 from the parent's limit" in other["evidence"]
    assert (dark["allocated_qty"], dark["allocated_pct"]) == (40, "100.00")


def test_an_order_that_is_to_rest_has_nothing_to_take(
    story: Callable[..., "Story"], known: Callable[..., KnownQuote]
) -> None:
    queues = (KnownQueue("A", ASK - 4, 700, 1, 0),)
    run = story().parent()
    run.decision(0, (known("A", 1, ASK - 4),), strategy="rest", queues=queues)
    (row,) = decision_rows(run.trail())
    (venue,) = row["venues"]
    assert (venue["available_qty"], venue["price"]) == (None, "99.98")
    assert "700 lots queue at 99.98 or better" in venue["evidence"]


def test_a_refused_venue_shows_the_quote_that_the_router_had(
    story: Callable[..., "Story"],
) -> None:
    run = story().parent().decision(0, refused=(Refused("B", "halted", 7, 5),))
    (row,) = decision_rows(run.trail())
    (venue,) = row["venues"]
    assert (venue["why"], venue["quote_seq"], venue["age_ns"]) == ("halted", 7, 5)
    assert row["allocated_qty"] == 0
    assert venue["allocated_pct"] is None


@pytest.mark.parametrize("name", ["partial_fill", "rejects_and_timeouts", "two_parents"])
def test_what_came_back_is_what_the_table_of_a_run_shows(
    name: str, read_records: Callable[[bytes], tuple[Record, ...]]
) -> None:
    result = run_world(load_scenario(name))
    assert result.log is not None
    told, _ = told_rows(read_records(result.log), 1_000)
    rows = decision_rows(trail_of(name))
    assert [row["came_back"] for row in rows] == [one.came_back for one in told]


@pytest.mark.parametrize("name", ["fragmented", "rejects_and_timeouts", "placement"])
def test_the_page_can_read_all_rows(name: str) -> None:
    rows = decision_rows(trail_of(name))
    assert len(msgspec.convert(rows, list[Decision])) == len(rows)
