"""The statement about clocks and time stamps."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.report.evidence.clocks import clocks_section, gateway_ns

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
