"""Averages by lots, quantiles and percentages."""

from decimal import Decimal

from sim.protocol.units import Units
from sim.report.evidence.averages import Durations, Mean, percent

CENTS = Units(Decimal("0.01"), Decimal(1))


def test_an_average_is_weighted_by_lots_and_rounded_once() -> None:
    mean = Mean()
    mean.add(2, 1)
    mean.add(-1, 2)
    assert mean.text(CENTS) == "0.00000000"
    mean.add(1, 4)
    assert mean.text(CENTS) == "0.00571429"


def test_nothing_has_no_average() -> None:
    assert Mean().text(CENTS) is None
    assert percent(0, 0) is None
    row = Durations().row((10,))
    assert (row["avg_ns"], row["median_ns"], row["p99_ns"]) == (None, None, None)
    assert [bucket["qty"] for bucket in row["buckets"]] == [0, 0]


def test_a_quantile_is_the_shortest_time_of_so_many_lots() -> None:
    times = Durations()
    for ns, qty in ((30, 1), (10, 50), (20, 49)):
        times.add(ns, qty)
    row = times.row((10, 25))
    assert (row["median_ns"], row["p99_ns"]) == (10, 20)
    assert row["avg_ns"] == 15  # 1,510 over 100 lots
    assert row["buckets"] == [
        {"from_ns": 0, "below_ns": 10, "qty": 0},
        {"from_ns": 10, "below_ns": 25, "qty": 99},
        {"from_ns": 25, "below_ns": None, "qty": 1},
    ]


def test_percentages_have_two_decimals() -> None:
    assert percent(1, 3) == "33.33"
    assert percent(-1, 2) == "-50.00"
