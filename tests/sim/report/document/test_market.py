"""The series that charts draw."""

import pytest

from sim.report.document.market import POINTS_MAX, market_rows
from sim.report.trail.build import Trail, TrailBuilder
from sim.scenario.load import load_scenario
from sim.world import run_world


def trail_of(name: str, *sets: str) -> Trail:
    builder = TrailBuilder()
    run_world(load_scenario(name, sets=sets), watch=[builder])
    return builder.trail()


def test_series_begin_with_what_held_and_end_with_the_orders() -> None:
    trail = trail_of("queue_position")
    rows = market_rows(trail)
    first, last = rows["window_ns"]
    parent = trail.parents["P"]
    assert parent.done is not None
    span = parent.done.t_ns - parent.received.t_ns
    assert (first, last) == (parent.received.t_ns - span // 10, trail.end_ns)
    times = rows["nbbo"]["t_ns"]
    assert times[0] <= first < times[1]
    assert times[-1] <= last
    assert times == sorted(set(times))


def test_an_empty_side_is_null() -> None:
    rows = market_rows(trail_of("fragmented"))
    assert set(rows["nbbo"]["bid"]) == {None}
    assert rows["nbbo"]["ask"][0] == "100.00"
    assert rows["quotes"]["NYSE"]["bid_qty"][0] == 0


@pytest.mark.slow
def test_long_series_are_thinned_and_say_of_how_many() -> None:
    rows = market_rows(trail_of("three_real_books", "parents[0].qty=20", "parents[0].at=0s"))
    for series in rows["quotes"].values():
        assert len(series["t_ns"]) <= POINTS_MAX
        assert series["of"] >= len(series["t_ns"])
        assert len({len(column) for name, column in series.items() if name != "of"}) == 1


def test_without_market_data_there_is_no_series() -> None:
    rows = market_rows(trail_of("fragmented", "audit.market_data=none"))
    assert rows["nbbo"] is None
    assert rows["quotes"] == {}
    assert rows["prints"] == {}
