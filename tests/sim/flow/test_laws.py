from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from sim.flow.laws import AnyDistance, AnyLife, AnySize, DistanceLaw, LifeLaw, SizeLaw

SIZE: TypeAdapter[AnySize] = TypeAdapter(SizeLaw)
DISTANCE: TypeAdapter[AnyDistance] = TypeAdapter(DistanceLaw)
LIFE: TypeAdapter[AnyLife] = TypeAdapter(LifeLaw)
UNIFORM = st.floats(2.0**-53, 1 - 2.0**-53)
EVEN = [(k + 0.5) / 20_000 for k in range(20_000)]

SIZES: list[dict[str, Any]] = [
    {"law": "fixed", "lots": 7},
    {"law": "geometric", "mean": 3.5},
    {"law": "geometric", "mean": 1.0},
    {"law": "lognormal", "median": 20.0, "sigma": 1.0, "most": 500},
    {"law": "empirical", "lots": [1, 10, 100], "weights": [5.0, 3.0, 2.0]},
]
MEANS = (7, 3.5, 1, 32.5, 23.5)
DISTANCES: list[dict[str, Any]] = [
    {"law": "uniform", "levels": 10},
    {"law": "geometric", "mean": 4.0},
    {"law": "power", "exponent": 1.5, "levels": 50},
    {"law": "empirical", "weights": [0.0, 1.0, 3.0]},
]
LIVES: list[dict[str, Any]] = [
    {"law": "fixed", "after": "5ms"},
    {"law": "exponential", "mean": "1s"},
    {"law": "lognormal", "median": "1s", "sigma": 2.0},
]


@given(u=UNIFORM, settings=st.sampled_from(SIZES))
def test_a_size_is_at_least_one_lot(u: float, settings: dict[str, Any]) -> None:
    assert SIZE.validate_python(settings).quantile()(u) >= 1


@given(u=st.lists(UNIFORM, min_size=1), settings=st.sampled_from(SIZES))
def test_sizes_in_blocks_are_those_one_by_one(u: list[float], settings: dict[str, Any]) -> None:
    law = SIZE.validate_python(settings)
    assert law.block(np.array(u)) == pytest.approx(list(map(law.quantile(), u)), abs=1)


@given(u=UNIFORM, settings=st.sampled_from(DISTANCES))
def test_a_distance_is_at_least_one_tick(u: float, settings: dict[str, Any]) -> None:
    assert DISTANCE.validate_python(settings).quantile()(u) >= 1


@given(u=UNIFORM, settings=st.sampled_from(LIVES))
def test_a_life_has_a_length(u: float, settings: dict[str, Any]) -> None:
    quantile = LIFE.validate_python(settings).quantile()
    assert quantile is not None
    assert quantile(u) >= 1


def mean(quantile: Callable[[float], int] | None) -> float:
    assert quantile is not None
    return sum(map(quantile, EVEN)) / len(EVEN)


@pytest.mark.parametrize(("settings", "expected"), list(zip(SIZES, MEANS, strict=True)))
def test_sizes_have_their_mean(settings: dict[str, Any], expected: float) -> None:
    assert mean(SIZE.validate_python(settings).quantile()) == pytest.approx(expected, rel=0.02)


def test_the_power_law_falls_as_it_says() -> None:
    drawn = list(map(DISTANCE.validate_python(DISTANCES[2]).quantile(), EVEN))
    assert max(drawn) == 50
    assert drawn.count(1) / drawn.count(4) == pytest.approx(4**1.5, rel=0.02)


def test_other_distances_have_their_mean() -> None:
    means = [mean(DISTANCE.validate_python(one).quantile()) for one in DISTANCES]
    assert means[0] == pytest.approx(5.5)
    assert means[1] == pytest.approx(4.0, rel=0.02)
    assert means[3] == pytest.approx(2.75)


def test_lives_have_their_mean() -> None:
    assert mean(LIFE.validate_python(LIVES[0]).quantile()) == 5_000_000
    assert mean(LIFE.validate_python(LIVES[1]).quantile()) == pytest.approx(1e9, rel=0.01)
    assert LIFE.validate_python({"law": "forever"}).quantile() is None


@pytest.mark.parametrize(
    "settings",
    [
        {"law": "empirical", "lots": [1, 2], "weights": [1.0]},
        {"law": "empirical", "lots": [1], "weights": [0.0]},
        {"law": "geometric", "mean": 0.5},
        {"law": "poisson"},
    ],
)
def test_a_law_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SIZE.validate_python(settings)
