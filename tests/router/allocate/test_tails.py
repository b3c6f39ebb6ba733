"""Tails from censored fills, what is made of them, and the greedy split over them."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.allocate.learning import tails
from router.allocate.learning.tails import (
    KaplanMeier,
    Tail,
    beyond,
    exactly,
    expected_fill,
    greedy_split,
    optimistic,
)

Seen = list[tuple[int, int]]
seen: st.SearchStrategy[Seen] = st.lists(
    st.integers(1, 12).flatmap(lambda v: st.tuples(st.just(v), st.integers(0, v))), max_size=25
)


def estimate(observations: Sequence[tuple[int, int]]) -> KaplanMeier:
    found = KaplanMeier()
    for sent, filled in observations:
        found.add(sent, filled)
    return found


def heights(tail: Tail) -> list[Fraction]:
    return [run.height for run in tail for _ in range(run.lots)]


def naive_tail(observations: Seen) -> list[Fraction]:
    """By the definition, size by size."""
    found: list[Fraction] = []
    height, size = Fraction(1), 0
    while True:
        at_risk = sum(r >= size and v > size for v, r in observations)
        if not at_risk:
            return found
        height *= 1 - Fraction(sum(r == size < v for v, r in observations), at_risk)
        found.append(height)
        size += 1


@settings(max_examples=40)
@given(seen)
def test_the_estimate_is_its_definition(observations: Seen) -> None:
    found = estimate(observations)
    assert heights(found.tail()) == naive_tail(observations)
    for size in range(14):
        assert found.at_risk(size) == sum(r >= size and v > size for v, r in observations)


@settings(max_examples=40)
@given(seen, st.integers(1, 6))
def test_a_size_is_explored_if_enough_observations_speak_of_it(
    observations: Seen, needed: int
) -> None:
    found = estimate(observations)
    sizes = [s for s in range(1, 15) if found.at_risk(s - 1) >= needed]
    assert found.explored(needed) == max(sizes, default=0)


@settings(max_examples=40)
@given(seen, st.tuples(st.integers(1, 12), st.integers(0, 12)))
def test_what_is_removed_was_never_there(observations: Seen, one: tuple[int, int]) -> None:
    sent, filled = one[0], min(one)
    found = estimate([*observations, (sent, filled)])
    found.remove(sent, filled)
    assert heights(found.tail()) == heights(estimate(observations).tail())


@pytest.mark.parametrize(("sent", "filled"), [(0, 0), (3, 4), (3, -1)])
def test_what_is_no_observation_is_refused(sent: int, filled: int) -> None:
    with pytest.raises(ValueError, match="filled must be"):
        KaplanMeier().add(sent, filled)


def test_only_what_was_added_can_be_removed() -> None:
    found = estimate([(5, 5)])
    with pytest.raises(ValueError, match="no observation of 4 of 5"):
        found.remove(5, 4)


def test_the_first_size_that_is_not_well_explored_is_raised() -> None:
    """Of the source: the height of the size before; further sizes stay as estimated."""
    observations = [(2, 2), (2, 1), (5, 3), (5, 2)]
    tail = estimate(observations).tail()
    assert heights(tail) == [1, Fraction(3, 4), Fraction(3, 8), 0]
    assert heights(optimistic(tail, 2, 1)) == [1, Fraction(3, 4), Fraction(3, 4), 0]
    assert heights(optimistic(tail, 2, 3)) == [1, *[Fraction(3, 4)] * 4]
    assert heights(optimistic(tail, 0, 1)) == heights(tail)
    assert heights(optimistic((), 0, 4)) == [1] * 4, "nothing is known: all is tried"


def test_a_pool_that_is_known_to_hold_nothing_is_not_raised() -> None:
    tail = estimate([(3, 0), (5, 0)]).tail()
    assert optimistic(tail, 1, 1) is tail


@settings(max_examples=40)
@given(seen, st.integers(0, 12))
def test_what_is_left_of_a_supply_is_its_conditional_tail(observations: Seen, had: int) -> None:
    tail = estimate(observations).tail()
    by_size = [Fraction(1), *heights(tail)]
    found = heights(tails.given(tail, had))
    if had < len(by_size) and by_size[had]:
        assert found == [height / by_size[had] for height in by_size[had + 1 :]]
    else:
        assert not found
    assert heights(beyond(tail, had)) == heights(tail)[had:]


falling = st.lists(st.fractions(0, 1, max_denominator=6), max_size=6).map(
    lambda found: sorted(found, reverse=True)
)


@settings(max_examples=40)
@given(st.lists(falling, min_size=1, max_size=3), st.integers(0, 8))
def test_greedy_is_the_best_of_all_splits(by_pool: list[list[Fraction]], qty: int) -> None:
    pools = [[exactly(1, h) for h in pool] for pool in by_pool]
    split = greedy_split(pools, qty)
    assert sum(split) <= qty

    def value(lots: Sequence[int]) -> Fraction:
        return sum(map(expected_fill, pools, lots), Fraction(0))

    every = product(range(qty + 1), repeat=len(pools))
    assert value(split) == max(value(lots) for lots in every if sum(lots) <= qty)
    assert all(sum(h > 0 for h in pool) >= n for pool, n in zip(by_pool, split, strict=True))


def test_equal_heights_go_to_the_lower_index_and_close_ones_to_the_higher() -> None:
    half = exactly(3, Fraction(1, 2))
    assert greedy_split([(half,), (half,)], 4) == [3, 1]
    big = 10**30  # the same float, one of them higher
    close = exactly(3, Fraction(big + 1, 2 * big))
    assert greedy_split([(half,), (close,)], 4) == [1, 3]


def test_a_tail_that_increases_is_refused() -> None:
    with pytest.raises(ValueError, match="tail 0 must not increase"):
        greedy_split([(exactly(1, Fraction(1, 2)), exactly(1, Fraction(2, 3)))], 5)


def test_many_observations_cost_little() -> None:
    """Whole numbers of thousands of digits would: the factors telescope, and counts are kept."""
    found = estimate([(v, (7 * v) % (v + 1) if v % 3 else v) for v in range(1, 3_000)])
    tail = found.tail()
    assert sum(run.lots for run in tail) == found.explored(1)
    assert all(one.height > other.height for one, other in pairwise(tail))
