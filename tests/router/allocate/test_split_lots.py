"""``split_lots``: largest remainder in whole lots, exactly, within caps, the same each time."""

from fractions import Fraction
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.allocate.rounding import split_lots


@pytest.mark.parametrize(
    ("weights", "qty", "split"),
    [
        ([], 5, []),
        ([1], 5, [5]),
        ([1, 1, 1], 10, [4, 3, 3]),  # the tie goes to the first
        ([1, 1, 1], 11, [4, 4, 3]),
        ([1, 1, 1], 1, [1, 0, 0]),
        ([5, 3, 2], 7, [4, 2, 1]),  # 3.5, 2.1, 1.4: halves before tenths
        ([47, 16, 158, 61, 12, 6], 10, [2, 1, 5, 2, 0, 0]),
        ([0.1, 0.2, 0.7], 10, [1, 2, 7]),
        ([Fraction(1, 3), Fraction(2, 3)], 9, [3, 6]),
        ([1e-300, 1e300], 3, [0, 3]),
        ([0, 1], 3, [0, 3]),
        ([0, 0], 3, [0, 0]),
    ],
)
def test_shares_round_by_largest_remainder(weights: Any, qty: int, split: list[int]) -> None:
    assert split_lots(weights, qty) == split


@pytest.mark.parametrize(
    ("weights", "qty", "lots", "caps", "split"),
    [
        # what a cap keeps off goes to the others in proportion
        ([1, 1, 2], 100, None, [10, None, None], [10, 30, 60]),
        ([3, 1], 100, None, [40, 100], [40, 60]),
        ([1, 1], 100, None, [20, 30], [20, 30]),
        ([1, 1], 100, None, [0, 200], [0, 100]),
        # whole lots only; what one cannot take goes to the other
        ([1, 1], 250, [100, 1], None, [100, 150]),
        ([1, 1], 150, [100, 100], None, [100, 0]),
        ([1, 1], 99, [100, 100], None, [0, 0]),
        ([1, 9], 50, [100, 7], [500, 21], [0, 21]),
        # a cap counts down to a whole lot
        ([1, 1], 400, [100, 100], [250, 150], [200, 100]),
    ],
)
def test_lots_and_caps(
    weights: list[int], qty: int, lots: Any, caps: Any, split: list[int]
) -> None:
    assert split_lots(weights, qty, lots, caps) == split


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (([1], -1), "qty must be >= 0 lots, was -1"),
        (([-1], 1), "weights must be finite and >= 0, one was -1"),
        (([nan], 1), "weights must be finite and >= 0, one was nan"),
        (([inf], 1), "weights must be finite and >= 0, one was inf"),
        (([1], 1, [0]), "lots must be >= 1, one was 0"),
        (([1], 1, [1], [-2]), "caps must be >= 0, one was -2"),
        (([1], 1, [1, 1]), "lots must have 1 entries, had 2"),
        (([1], 1, None, []), "caps must have 1 entries, had 0"),
    ],
)
def test_D11_what_is_out_of_range_is_refused(arguments: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        split_lots(*arguments)


weights = st.one_of(st.integers(0, 50), st.floats(0, 1e6), st.fractions(0, 10))
places = st.lists(
    st.tuples(
        weights,
        st.sampled_from([1, 1, 2, 5, 7, 100]),
        st.one_of(st.none(), st.integers(0, 300)),
    ),
    max_size=7,
)


@given(places, st.integers(0, 500))
def test_D12_the_split_is_exact_and_no_lot_that_fits_is_left(drawn: Any, qty: int) -> None:
    shares, lots, caps = [[place[i] for place in drawn] for i in range(3)]
    found = split_lots(shares, qty, lots, caps)
    left = qty - sum(found)
    assert left >= 0
    for got, weight, lot, cap in zip(found, shares, lots, caps, strict=True):
        assert got >= 0
        assert got % lot == 0
        assert cap is None or got <= cap
        assert weight or not got
        if weight:
            assert left < lot or (cap is not None and got + lot > cap)


@given(st.lists(st.integers(1, 1_000), min_size=1, max_size=7), st.integers(0, 10_000))
def test_D12_without_lots_and_caps_nobody_is_a_whole_lot_off_his_share(
    drawn: list[int], qty: int
) -> None:
    found = split_lots(drawn, qty)
    assert sum(found) == qty
    for got, weight in zip(found, drawn, strict=True):
        assert abs(got - Fraction(qty * weight, sum(drawn))) < 1


@given(st.lists(st.integers(1, 10_000), max_size=7), st.integers(0, 500))
def test_places_change_nothing_but_exact_ties(drawn: list[int], qty: int) -> None:
    remainders = [Fraction(qty * weight, sum(drawn)) % 1 for weight in drawn]
    if len(set(remainders)) == len(drawn):
        assert split_lots(drawn[::-1], qty) == split_lots(drawn, qty)[::-1]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.integers(0, 500), st.integers(1, 9))
def test_only_the_ratios_of_the_weights_count(drawn: list[int], qty: int, factor: int) -> None:
    assert split_lots(drawn, qty) == split_lots([weight * factor for weight in drawn], qty)
    assert split_lots(drawn, qty) == split_lots([weight / 4 for weight in drawn], qty)


def test_a_remainder_counts_as_a_part_of_its_own_lot() -> None:
    """Both lack a third of a lot, whatever their lots are: an exact tie, so the first gets it."""
    assert split_lots([1, 2], 2, [1, 2]) == [2, 0]
