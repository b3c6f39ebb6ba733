"""Percentiles and delays of the report."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.audit.records import Bust, ChildAcked, Fill
from sim.report.document.venues import latency_rows, percentiles
from sim.report.trail.build import Trail, TrailBuilder
from sim.scenario.load import load_scenario
from sim.world import run_world

if TYPE_CHECKING:
    from tests.conftest import Ran


def trail_of(name: str, *sets: str) -> Trail:
    builder = TrailBuilder()
    run_world(load_scenario(name, sets=sets), watch=[builder])
    return builder.trail()


def test_percentiles_are_of_the_nearest_rank() -> None:
    assert percentiles([]) == []
    assert percentiles([7]) == [7] * 101
    found = percentiles([30, 10, 20, 40])
    assert (found[0], found[25], found[26], found[50], found[75], found[76]) == (
        10, 10, 20, 20, 30, 40,
    )  # fmt: skip
    assert found[100] == 40
    assert percentiles(range(1, 101))[1:] == list(range(1, 101))


def test_fixed_delays_come_out_as_they_were_set() -> None:
    rows = {(row["venue_id"], row["leg"]): row for row in latency_rows(trail_of("fragmented"))}
    assert rows["NYSE", "order"]["percentiles_ns"] == [5_000_000] * 101
    assert rows["NYSE", "report"]["mean_ns"] == 5_000_000
    assert rows["NASDAQ", "report"]["count"] == 3  # one acknowledgement and two fills
    assert ("NYSE", "in_venue") not in rows
    assert ("MM", "order") not in rows  # nothing was sent there


def test_time_in_the_venue_is_told_where_it_takes_any(tmp_path: Path) -> None:
    processing = "venues[NYSE].processing={time: {model: fixed, delay: 2ms}}"
    rows = {
        (row["venue_id"], row["leg"]): row
        for row in latency_rows(trail_of("fragmented", processing))
    }
    assert rows["NYSE", "in_venue"]["percentiles_ns"] == [2_000_000] * 101


def test_reports_of_fills_that_were_taken_back_were_on_their_way_too(
    run_data: Callable[..., "Ran"], lit: Callable[..., Any], market: Callable[..., Any]
) -> None:
    """One acknowledgement, two fills, and a bust of the second."""
    busts = {"listed": [{"at": "50ms", "order": "P.A.1", "fill": 2}]}
    venue = lit("A", [["100.00", 60], ["100.01", 40]], busts=busts)
    venue["latency"]["report"] = {"model": "lognormal", "median": "5ms", "sigma": 1.0}
    ran = run_data(market([venue], duration="200ms"))
    builder = TrailBuilder()
    for record in ran.records:
        builder.observe(record)
    (row,) = [row for row in latency_rows(builder.trail()) if row["leg"] == "report"]
    came: list[ChildAcked | Fill | Bust] = [*ran.of(ChildAcked), *ran.of(Fill), *ran.of(Bust)]
    assert row["count"] == len(came) == 4
    times = sorted(record.drawn_ns + record.held_ns for record in came)
    assert (row["percentiles_ns"][0], row["percentiles_ns"][100]) == (times[0], times[-1])
    assert row["held_ns_max"] == max(record.held_ns for record in came) > 0
