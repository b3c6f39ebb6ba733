"""The price rule of an auction against brute force over every price, and shares in proportion."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.market_data import Levels
from venues.core.uncross import Uncrossing, shares, uncross

TICK = 2


def side(*, best_first: int) -> st.SearchStrategy[Levels]:
    """Levels on the grid, best first."""
    level = st.tuples(st.integers(1, 15).map(lambda n: n * TICK), st.integers(1, 9))
    return st.lists(level, max_size=6, unique_by=lambda one: one[0]).map(
        lambda levels: tuple(sorted(levels, key=lambda one: best_first * one[0]))
    )


def brute(bids: Levels, asks: Levels, reference: int | None) -> Uncrossing | None:
    """Every price of the grid, the rules applied one after the other."""
    rows = []
    for price in range(TICK, 16 * TICK, TICK):
        bought = sum(lots for px, lots in bids if px >= price)
        sold = sum(lots for px, lots in asks if px <= price)
        rows.append(Uncrossing(price, min(bought, sold), bought, sold))
    most = max(row.volume for row in rows)
    if not most:
        return None
    rows = [row for row in rows if row.volume == most]
    least = min(abs(row.bought - row.sold) for row in rows)
    rows = [row for row in rows if abs(row.bought - row.sold) == least]
    if reference is not None:
        return min(rows, key=lambda row: (abs(2 * row.price - reference), row.price))
    middle = (rows[0].price + rows[-1].price) / 2
    return max((row for row in rows if row.price <= middle), key=lambda row: row.price)


@given(side(best_first=-1), side(best_first=1), st.none() | st.integers(0, 40 * TICK))
def test_price_is_that_of_brute_force(bids: Levels, asks: Levels, reference: int | None) -> None:
    assert uncross(bids, asks, reference, TICK) == brute(bids, asks, reference)


@pytest.mark.parametrize(
    ("bids", "asks", "reference", "found"),
    [
        # Most lots: at 10 five trade, elsewhere fewer.
        (((11, 2), (10, 3)), ((9, 1), (10, 4)), None, (10, 5, 5, 5)),
        # As many at 10 and 11, fewer left over at 11.
        (((11, 5), (10, 2)), ((9, 5),), None, (11, 5, 5, 5)),
        # From 10 to 14 all is equal: near the reference, else in the middle, rounded down.
        (((14, 5),), ((10, 5),), None, (12, 5, 5, 5)),
        (((14, 5),), ((11, 5),), None, (12, 5, 5, 5)),
        (((14, 5),), ((10, 5),), 27, (13, 5, 5, 5)),  # 13.5: of two as near the lower one
        (((14, 5),), ((10, 5),), 10, (10, 5, 5, 5)),
        (((14, 5),), ((10, 5),), 90, (14, 5, 5, 5)),
        (((10, 5),), ((11, 5),), 21, None),
        ((), ((11, 5),), 21, None),
    ],
)
def test_rules_come_one_after_the_other(
    bids: Levels, asks: Levels, reference: int | None, found: tuple[int, ...] | None
) -> None:
    assert uncross(bids, asks, reference) == found


@given(st.lists(st.integers(1, 20), min_size=1, max_size=8), st.data(), st.sampled_from([1, 5]))
def test_shares_make_up_the_total_and_are_within_a_step_of_proportion(
    lots: list[int], data: st.DataObject, lot: int
) -> None:
    lots = [own * lot for own in lots]
    total = data.draw(st.integers(0, sum(lots) // lot)) * lot
    given_ = shares(lots, total, lot)
    assert sum(given_) == total
    for own, got in zip(lots, given_, strict=True):
        assert 0 <= got <= own
        assert got % lot == 0
        assert abs(got - total * own / sum(lots)) < lot


def test_what_rounding_leaves_goes_to_the_oldest() -> None:
    assert shares([10, 10, 10], 10) == [4, 3, 3]
    assert shares([1, 1, 1], 2) == [1, 1, 0]
    assert Counter(shares([7] * 100, 350)) == Counter({3: 50, 4: 50})
    assert shares([], 0) == []
