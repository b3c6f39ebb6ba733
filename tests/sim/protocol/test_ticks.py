"""Tick tables: which prices are on their tick, and the nearest ones that are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.ticks import TickTable

BANDS = [(0, 1), (100, 5), (1_000, 10)]
TABLE = TickTable(BANDS)


@pytest.mark.parametrize(
    ("price", "tick"), [(0, 1), (1, 1), (99, 1), (100, 5), (999, 5), (1_000, 10), (10**9, 10)]
)
def test_a_band_reaches_up_to_the_next_one(price: int, tick: int) -> None:
    assert TABLE.tick_at(price) == tick


@pytest.mark.parametrize(
    ("price", "down", "up"),
    [(99, 99, 99), (101, 100, 105), (997, 995, 1_000), (1_001, 1_000, 1_010)],
)
def test_prices_between_two_ticks(price: int, down: int, up: int) -> None:
    assert (TABLE.down(price), TABLE.up(price)) == (down, up)


@given(st.integers(1, 3_000))
def test_down_and_up_are_the_nearest_prices_that_fit(price: int) -> None:
    fitting = [other for other in range(3_050) if TABLE.fits(other)]
    assert TABLE.down(price) == max(other for other in fitting if other <= price)
    assert TABLE.up(price) == min(other for other in fitting if other >= price)
    assert TABLE.fits(price) == (TABLE.down(price) == price)


@pytest.mark.parametrize(
    ("bands", "says"),
    [
        ([], "must begin at price 0"),
        ([(5, 5)], "must begin at price 0"),
        ([(0, 0)], "a tick must be > 0"),
        ([(0, 1), (0, 5)], "bands must rise"),
        ([(0, 1), (101, 5)], "must begin on its tick"),
        ([(0, 2), (5, 5)], "must begin on its tick"),
    ],
)
def test_tables_that_make_no_sense_are_refused(bands: list[tuple[int, int]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        TickTable(bands)
