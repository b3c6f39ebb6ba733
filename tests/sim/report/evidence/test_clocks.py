"""The statement about clocks and time stamps."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.report.evidence.clocks import clocks_section, gateway_ns
from sim.report.trail.build import TrailBuilder
from sim.scenario.load import load_scenario
from sim.world import run_world

if TYPE_CHECKING:
    from tests.sim.report.evidence.conftest import Story

MS = 1_000_000


def test_a_venue_is_classed_by_its_slowest_answer(story: Callable[..., "Story"]) -> None:
    run = story().parent().child("a", "A", 0, 10).arrives("a", 5)
    run.child("b", "A", 6, 10).arrives("b", 8, queued_ms=3)
    run.child("c", "B", 0, 10).arrives("c", 5, ack=False).canceled("c", 6, 100)
    rows = {row["venue_id"]: row for row in clocks_section(run.trail())["venues"]}
    slow, edge, unused = rows["A"], rows["B"], rows["D"]
    assert (slow["orders"], slow["gateway_min_ns"], slow["gateway_max_ns"]) == (2, 0, 3 * MS)
    assert (slow["divergence_max_ns"], slow["granularity_max_ns"]) == (MS, MS)
    assert edge["gateway_max_ns"] == MS  # not slower than a millisecond
    assert (edge["divergence_max_ns"], edge["granularity_max_ns"]) == (100_000, 1_000)
    assert slow["within"] is True
    assert (unused["orders"], unused["gateway_max_ns"], unused["within"]) == (0, None, None)


def test_a_child_without_arrival_or_answer_says_nothing(story: Callable[..., "Story"]) -> None:
    run = story().parent().child("a", "A", 0, 10).child("b", "A", 0, 10)
    trail = run.rejected("a", 5).arrives("b", 5, ack=False).trail()
    assert [gateway_ns(child) for child in trail.children.values()] == [None, None]


def test_the_statement_claims_no_date(story: Callable[..., "Story"]) -> None:
    section = clocks_section(story().trail())
    assert section["utc"] is None
    assert (section["granularity_ns"], section["divergence_ns"]) == (1, 0)
    assert any("cannot be traced to UTC" in text for text in section["statement"])
    stamps = [name for row in section["stamps"] for name in row["stamp"].split(", ")]
    assert "processed_ns" in stamps


def test_D09_a_clock_fault_is_not_said_to_be_no_error() -> None:
    """What a venue wrote a day before the run makes no answer faster than none."""
    built = TrailBuilder()
    fault = "{kind: clock_fault, venue: NYSE, leg: report, clock: behind, at: 0s, count: 2}"
    run_world(load_scenario("fragmented", sets=[f"faults=[{fault}]"]), watch=[built])
    section = clocks_section(built.trail())
    assert "wrote on 2 messages of NYSE: these are wrong" in section["statement"][0]
    assert section["divergence_ns"] is None
    rows = {row["venue_id"]: row for row in section["venues"]}
    assert all((row["gateway_min_ns"] or 0) >= 0 for row in rows.values())
    assert rows["NASDAQ"]["within"] is True
    assert rows["NYSE"]["within"] is not True
