"""How late things ran: exact for the largest, within an eighth for the rest, in bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.kernel.lag import LagMeter


def test_without_events_there_is_no_lag() -> None:
    report = LagMeter().report(1.0)
    assert (report.events, report.p50_ns, report.p99_ns, report.max_ns) == (0, 0, 0, 0)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=200), st.sampled_from([0.5, 0.99, 1]))
def test_a_quantile_is_rounded_up_by_an_eighth_at_most(delays: list[int], share: float) -> None:
    meter = LagMeter()
    for delay in delays:
        meter.add(delay)
    ordered = sorted(delays)
    true = next(x for n, x in enumerate(ordered, 1) if n >= share * len(ordered))
    assert true <= meter.quantile(share) <= true + true // 8
    assert meter.report(1.0).max_ns == ordered[-1]


def test_early_counts_as_in_time_and_figures_are_in_time_of_the_wall() -> None:
    meter = LagMeter()
    for delay in (-5, 1_000, 10_000):
        meter.add(delay)
    report = meter.report(10.0)
    assert (report.speed, report.events, report.max_ns) == (10.0, 3, 1_000)
    assert report.p50_ns == pytest.approx(100, rel=0.13)


def test_memory_does_not_grow_with_the_run() -> None:
    meter = LagMeter()
    for delay in range(0, 10**6, 7):
        meter.add(delay)
    assert len(meter._counts) <= 8 * 20 + 8
