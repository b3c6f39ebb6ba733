"""Measured round trips as a latency model."""

import csv
import gzip
from collections.abc import Callable
from fractions import Fraction
from math import floor, sqrt
from pathlib import Path
from statistics import NormalDist

import pytest

from sim.kernel.latency import LatencySampler
from sim.kernel.streams import Streams
from sim.protocol.errors import DataFormatError

MakeLatency = Callable[..., LatencySampler]

SEED = 20261121
MS = 1_000_000
COUNT = 40_000


@pytest.fixture
def round_trips_ms(tmp_path: Path) -> list[int]:
    """Writes ``rt.csv`` with 500 creates of these round trips (ms), and cancels of 7 ms each."""
    law = NormalDist(60.0, 15.0)
    times = [max(20, round(law.inv_cdf((i * 7 % 500 + 0.5) / 500))) for i in range(500)]
    times[3] = 13_400  # a rare stall
    lines = ["# made up for this test", "kind,round_trip_ms"]
    for ms in times:
        lines += [f"create,{ms}", "cancel,7"]
    (tmp_path / "rt.csv").write_text("\n".join(lines) + "\n", encoding="ascii")
    return times


def take(sampler: LatencySampler, n: int) -> list[int]:
    return [sampler.draw() for _ in range(n)]


def assert_same_quantiles(draws: list[int], file_ms: list[int]) -> None:
    """The share of draws up to a quantile of the file is the file's own, within 4 sigma."""
    for q in (0.5, 0.95, 0.99):
        bound_ms = sorted(file_ms)[int(q * len(file_ms))]
        in_file = sum(ms <= bound_ms for ms in file_ms) / len(file_ms)
        drawn = sum(ns <= bound_ms * MS for ns in draws) / len(draws)
        assert abs(drawn - in_file) < 4 * sqrt(in_file * (1 - in_file) / len(draws))


def test_quantiles_are_those_of_the_file(
    make_latency: MakeLatency, round_trips_ms: list[int]
) -> None:
    sampler = make_latency({"model": "empirical", "file": "rt.csv", "fraction": 1}, SEED)
    assert_same_quantiles(take(sampler, COUNT), round_trips_ms)


def test_every_measured_value_is_drawn_and_no_other(
    make_latency: MakeLatency, round_trips_ms: list[int]
) -> None:
    sampler = make_latency({"model": "empirical", "file": "rt.csv", "fraction": 1}, SEED)
    assert set(take(sampler, COUNT)) == {ms * MS for ms in round_trips_ms}


def test_a_leg_gets_its_fraction_rounded_down(
    make_latency: MakeLatency, round_trips_ms: list[int]
) -> None:
    """0.29 of 100 ns would be 28 in floats: the fraction counts as it is written."""
    settings = {"model": "empirical", "file": "rt.csv", "fraction": 0.29}
    expected = {floor(ms * MS * Fraction(29, 100)) for ms in round_trips_ms}
    assert set(take(make_latency(settings, SEED), COUNT)) == expected


def test_fraction_zero_is_no_delay(make_latency: MakeLatency, round_trips_ms: list[int]) -> None:
    sampler = make_latency({"model": "empirical", "file": "rt.csv", "fraction": 0}, SEED)
    assert set(take(sampler, 1000)) == {0}


def test_nominal_is_the_mean_of_the_file(
    make_latency: MakeLatency, round_trips_ms: list[int]
) -> None:
    sampler = make_latency({"model": "empirical", "file": "rt.csv", "fraction": 0.5})
    assert sampler.nominal_ns == round(Fraction(sum(round_trips_ms) * MS, 2 * 500))


def test_kind_picks_the_requests(make_latency: MakeLatency, round_trips_ms: list[int]) -> None:
    settings = {"model": "empirical", "file": "rt.csv", "fraction": 1, "kind": "cancel"}
    assert set(take(make_latency(settings), 1000)) == {7 * MS}


def test_draws_rise_with_their_uniform(
    make_latency: MakeLatency, round_trips_ms: list[int]
) -> None:
    settings = {"model": "empirical", "file": "rt.csv", "fraction": 1}
    draws = take(make_latency(settings, SEED), 1000)
    stream = Streams(SEED).get("link")
    by_uniform = [delay for _, delay in sorted((stream.uniform(), delay) for delay in draws)]
    assert by_uniform == sorted(draws)


def test_a_bad_file_is_refused_with_its_place(
    make_latency: MakeLatency, round_trips_ms: list[int], tmp_path: Path
) -> None:
    with (tmp_path / "rt.csv").open("a", encoding="ascii") as file:
        file.write("create,-1\n")
    with pytest.raises(DataFormatError, match=r"rt\.csv:1003: round_trip_ms must be"):
        make_latency({"model": "empirical", "file": "rt.csv", "fraction": 1})


@pytest.mark.shared
def test_law_of_a_measured_exchange(
    make_latency: MakeLatency, shared_file: Callable[[str], Path], tmp_path: Path
) -> None:
    log = shared_file(
        "order_latency/binance/test_1_continents/binance_aws_1_Tokyo_latency_check.csv.gz"
    )
    sent: dict[str, int] = {}
    trips = []
    with gzip.open(log, "rt") as file:
        for time, order, status in csv.reader(file):
            if status == "PENDING_CREATE":
                sent[order] = int(time)
            elif status == "CREATED" and order in sent:
                trips.append(int(time) - sent.pop(order))
    lines = ["kind,round_trip_ms", *(f"create,{ms}" for ms in trips)]
    (tmp_path / "tokyo.csv").write_text("\n".join(lines) + "\n", encoding="ascii")
    sampler = make_latency({"model": "empirical", "file": "tokyo.csv", "fraction": 1}, SEED)
    assert sorted(trips)[len(trips) // 2] == 71
    assert_same_quantiles(take(sampler, COUNT), trips)
