"""Laws of dealers' prices, against their formulas in exact fractions and against brute force."""

from fractions import Fraction
from itertools import pairwise
from math import ceil, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.enums import Side
from venues.core.pricing import SpreadLaw, improved, ladder

PARTS = st.fractions(0, 20, max_denominator=8)
LAWS = st.builds(SpreadLaw, PARTS, PARTS, st.integers(1, 50), st.booleans())
MIDDLES = st.integers(2_000, 3_000)


@given(LAWS, MIDDLES, st.integers(1, 500), st.sampled_from([1, 5]))
def test_price_is_the_next_step_beyond_the_law(
    law: SpreadLaw, middle: int, qty: int, step: int
) -> None:
    share = Fraction(qty, law.size)
    for side, sign in ((Side.BUY, 1), (Side.SELL, -1)):
        price = law.price(middle, side, qty, step)
        assert price % step == 0
        beyond = sign * (price - Fraction(middle, 2)) - law.half
        one_step_less = beyond - step
        if law.root:
            square = law.widening**2 * share
            assert beyond >= 0
            assert beyond**2 >= square
            assert one_step_less < 0 or one_step_less**2 < square
        else:
            assert beyond >= law.widening * share > one_step_less


def test_square_root_of_four_times_the_size_is_twice_the_widening() -> None:
    law = SpreadLaw(Fraction(1), Fraction(2), 100, root=True)
    assert [law.price(20_000, Side.BUY, qty) for qty in (100, 400, 900)] == [10_003, 10_005, 10_007]
    assert [law.price(20_000, Side.SELL, qty) for qty in (100, 400, 900)] == [9_997, 9_995, 9_993]
    assert law.price(20_000, Side.BUY, 200) == 10_001 + ceil(2 * sqrt(2))


@given(LAWS, MIDDLES, st.sets(st.integers(1, 300), min_size=1, max_size=5), st.sampled_from([1, 5]))
def test_who_walks_the_ladder_pays_no_less_than_the_one_price(
    law: SpreadLaw, middle: int, sizes: set[int], step: int
) -> None:
    for side, sign in ((Side.BUY, 1), (Side.SELL, -1)):
        prices = [(qty, law.price(middle, side, qty, step)) for qty in sorted(sizes)]
        levels = ladder(prices, side, step)
        keys = [sign * price for price, _ in levels]
        assert all(low < high for low, high in pairwise(keys))
        lots = cost = 0
        for price, more in levels:
            lots += more
            cost += price * more
            whole = law.price(middle, side, lots, step)
            assert sign * (cost - whole * lots) >= 0
            assert sign * (price - whole) >= 0, "a limit at the last level allows the one price"
        assert price % step == 0


def test_ladder_shows_what_each_further_lot_costs_more() -> None:
    assert ladder([(100, 10), (300, 12)], Side.BUY) == ((10, 100), (13, 200))
    assert ladder([(100, 10), (300, 8)], Side.SELL) == ((10, 100), (7, 200))
    assert ladder([(100, 10), (300, 10)], Side.BUY) == ((10, 300),)
    assert ladder([(1, 2), (2, 1), (4, -3)], Side.SELL) == ((2, 1),)


@pytest.mark.parametrize(
    ("side", "bid", "ask", "share", "step", "price"),
    [
        (Side.BUY, 100, 110, "1/4", 1, 108),  # 2.5 better, rounded down to 2
        (Side.SELL_SHORT, 100, 110, "1/4", 1, 102),
        (Side.BUY, 100, 110, "1/2", 1, 105),
        (Side.BUY, 100, 110, "1/2", 3, 107),
        (Side.BUY, 100, 110, "0", 1, 110),
        (Side.BUY, None, 110, "1/2", 1, 110),
        (Side.SELL, 100, None, "1/2", 1, 100),
        (Side.BUY, 110, 110, "1/2", 1, 110),  # locked
        (Side.BUY, 111, 110, "1/2", 1, 110),  # crossed
    ],
)
def test_improvement_is_a_share_of_the_spread_in_whole_steps(
    side: Side, bid: int | None, ask: int | None, share: str, step: int, price: int
) -> None:
    assert improved(side, bid, ask, Fraction(share), step) == price


def test_nothing_is_better_than_a_price_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="far side"):
        improved(Side.BUY, 100, None, Fraction(0), 1)
