"""Thinning keeps what a reader could see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.report.thinning import kept_points

values = st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=1, max_size=200)


def test_a_short_series_stays_whole() -> None:
    assert kept_points([[5, 4, 3]], 4) == [0, 1, 2]


def test_a_spike_of_one_point_stays() -> None:
    flat: list[int | None] = [100] * 10_000
    flat[6_543] = 101
    kept = kept_points([flat], 40)
    assert 6_543 in kept
    assert len(kept) <= 40


def test_an_undefined_value_is_no_extreme() -> None:
    column: list[int | None] = [None, 7, None, 7, None, None, 9, None, None, None]
    assert {1, 6} <= set(kept_points([column], 4))


@given(values, st.integers(4, 40))
def test_ends_and_extremes_stay_and_no_more_than_asked_for(
    column: list[int | None], most: int
) -> None:
    kept = kept_points([column], most)
    assert kept == sorted(set(kept))
    assert len(kept) <= max(most, 4)
    assert {0, len(column) - 1} <= set(kept)
    known = [value for value in column if value is not None]
    left = [value for index in kept if (value := column[index]) is not None]
    if known:
        assert (min(left), max(left)) == (min(known), max(known))


@pytest.mark.parametrize(
    ("columns", "most", "message"),
    [
        ([], 10, "found none"),
        ([[1], [1, 2]], 10, "found 1, 2"),
        ([[1]], 3, "must be >= 4 for 1 columns, was 3"),
    ],
)
def test_a_wrong_call_is_told(columns: list[list[int | None]], most: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kept_points(columns, most)
