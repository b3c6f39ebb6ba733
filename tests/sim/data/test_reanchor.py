"""The re-anchoring rule: rounded outward, one mid for all, never crossed when kept up to date."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.data.reanchor import (
    Anchor,
    CrossingShares,
    Top,
    median_basis,
    outward,
    share,
    shares_at_each_update,
    shares_at_own_updates,
    shares_with_fixed_shifts,
)

TOPS = st.lists(
    st.builds(
        lambda venue, bid, spread: Top(venue, bid, bid + spread),
        st.integers(0, 2),
        st.integers(900, 1100),
        st.integers(1, 40),
    ),
    max_size=40,
)


@pytest.mark.parametrize(
    ("reference", "own", "shift"),
    [(200, 200, (0, 0)), (210, 200, (5, 5)), (201, 200, (0, 1)), (199, 200, (-1, 0))],
)
def test_shifts_are_rounded_outward(reference: int, own: int, shift: tuple[int, int]) -> None:
    assert outward(reference, own) == shift


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_shift_is_the_rule_for_every_level(reference: int, own: int, level: int) -> None:
    exact = Decimal(reference) / 2 + (level - Decimal(own) / 2)
    bid, ask = outward(reference, own)
    assert exact - 1 < level + bid <= exact
    assert exact <= level + ask < exact + 1


def test_a_move_of_the_reference_shifts_the_others() -> None:
    anchor = Anchor(3, reference=0)
    assert anchor.update(Top(1, 100, 102)) == []  # no reference yet
    assert anchor.update(Top(0, 200, 202)) == [1]
    assert anchor.shifts == [(0, 0), (100, 100), (0, 0)]
    assert anchor.update(Top(2, 190, 193)) == [2]
    assert anchor.shifts[2] == (9, 10)
    assert anchor.update(Top(0, 201, 204)) == [1, 2]
    assert anchor.shifts == [(0, 0), (101, 102), (11, 11)]
    assert anchor.update(Top(0, 200, 205)) == []  # a wider spread around the same mid


@settings(max_examples=40)
@given(TOPS)
def test_at_each_update_the_consolidated_book_is_never_crossed_or_locked(tops: list[Top]) -> None:
    shares = shares_at_each_update(tops, 3, 0)
    assert (shares.crossed, shares.locked) == (0, 0)


@settings(max_examples=40)
@given(TOPS)
def test_each_rule_counts_the_same_updates(tops: list[Top]) -> None:
    known = [{top.venue for top in tops[: n + 1]} for n in range(len(tops))]
    expected = sum(len(seen) == 3 for seen in known)
    basis = median_basis(tops, 3, 0)
    assert shares_at_each_update(tops, 3, 0).updates == expected
    assert shares_at_own_updates(tops, 3, 0).updates == expected
    assert shares_with_fixed_shifts(tops, basis).updates == expected


def test_own_updates_only_leave_the_others_behind() -> None:
    tops = [Top(0, 200, 202), Top(1, 100, 102), Top(0, 210, 212)]
    assert shares_at_own_updates(tops, 2, 0) == CrossingShares(2, crossed=1, locked=0)
    assert shares_at_each_update(tops, 2, 0) == CrossingShares(2, crossed=0, locked=0)


def test_a_constant_basis_is_the_median_distance() -> None:
    tops = [Top(0, 200, 202), Top(1, 100, 102), Top(1, 101, 103), Top(1, 111, 113)]
    assert median_basis(tops, 2, 0) == [(0, 0), (99, 99)]
    fixed = shares_with_fixed_shifts(tops, [(0, 0), (99, 99)])
    assert fixed == CrossingShares(3, crossed=1, locked=0)
    assert shares_with_fixed_shifts(tops, [(0, 0), (102, 102)]).locked == 1


def test_a_share_of_nothing_is_none() -> None:
    assert share(0, 0) is None
    assert share(1, 3) == 0.333333
