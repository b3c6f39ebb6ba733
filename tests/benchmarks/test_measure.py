"""How benchmarks compare; not how fast anything is."""

import inspect
from importlib import import_module

import pytest

from benchmarks import loop, run
from benchmarks.measure import compare, rate


def test_ratios_are_medians_of_interleaved_rounds() -> None:
    order: list[str] = []

    def contender(name: str, *rates: float):  # type: ignore[no-untyped-def]
        values = iter(rates)

        def measure() -> float:
            order.append(name)
            return next(values)

        return measure

    # The machine is twice as slow in the second round, for all alike.
    row = compare(
        "x",
        "1/s",
        contender("ours", 800.0, 400.0, 840.0),
        {"a": contender("a", 200.0, 100.0, 200.0), "b": contender("b", 80.0, 40.0, 80.0)},
        rounds=3,
        value_min=700.0,
        ratio_min={"a": 4.0},
        aim=900.0,
    )
    assert order == ["ours", "a", "b"] * 3
    assert row == {
        "name": "x",
        "value": 800,
        "unit": "1/s",
        "peers": {"a": 200, "b": 80},
        "ratio": {"a": 4.0, "b": 10.0},
        "target": {"value": 700.0, "ratio": {"a": 4.0}, "aim": 900.0},
        "met": True,
    }


@pytest.mark.parametrize(
    ("value_min", "ratio_min", "met"),
    [(None, {}, True), (100.0, {"a": 2.0}, True), (101.0, {}, False), (None, {"a": 2.1}, False)],
)
def test_target_is_met_if_all_of_it_is(
    value_min: float | None, ratio_min: dict[str, float], met: bool
) -> None:
    row = compare(
        "x",
        "1/s",
        lambda: 100.0,
        {"a": lambda: 50.0},
        rounds=1,
        value_min=value_min,
        ratio_min=ratio_min,
    )
    assert row["met"] is met


def test_rate_counts_cpu_time() -> None:
    assert rate(1_000, lambda: sum(range(100_000))) > 0


@pytest.mark.parametrize("name", run.MODULES)
def test_every_benchmark_has_the_same_signature(name: str) -> None:
    module = import_module(name)
    assert list(inspect.signature(module.run).parameters) == ["quick"]


@pytest.mark.parametrize(
    "measure",
    [
        loop._our_rate,
        loop._asyncio_rate,
        lambda count: loop._simpy_rate(loop._process_delivery, count),
        lambda count: loop._simpy_rate(loop._callback_delivery, count),
    ],
)
def test_loop_contenders_do_their_work(measure) -> None:  # type: ignore[no-untyped-def]
    assert measure(200) > 0
