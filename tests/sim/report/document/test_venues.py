"""Percentiles and delays of the report."""

from pathlib import Path

from sim.report.document.venues import latency_rows, percentiles
from sim.report.trail.build import Trail, TrailBuilder
from sim.scenario.load import load_scenario
from sim.world import run_world


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
