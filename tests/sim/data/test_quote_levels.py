"""Quotes become levels: what stood goes, what comes is shown, what is too old is taken off."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.data.quote_levels import Crossing, QuoteLevels, Sides, two_sided

Row = tuple[int, int, int, int, int]


def sides(rows: list[Row], first_line: int = 1) -> Sides:
    t_ns, venue, side, price, qty = np.array(rows, np.int64).reshape(-1, 5).T
    return Sides(t_ns, venue, side, price, qty, np.arange(first_line, first_line + len(rows)))


def levels(found: QuoteLevels, rows: list[Row], first_line: int = 1) -> list[tuple[int, ...]]:
    block = found.take(sides(rows, first_line))
    columns = (block.t_ns, block.venue, block.side, block.price, block.qty)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_the_old_level_goes_before_the_new_one_comes() -> None:
    rows = [(1, 0, 1, 100, 5), (2, 0, 1, 101, 6), (3, 0, 1, 101, 7), (4, 0, 1, 0, 0)]
    quotes = QuoteLevels()
    assert levels(quotes, rows) == [
        (1, 0, 1, 100, 5), (2, 0, 1, 100, 0), (2, 0, 1, 101, 6), (3, 0, 1, 101, 7),
        (4, 0, 1, 101, 0),
    ]  # fmt: skip


def test_a_repetition_makes_no_event_also_over_blocks() -> None:
    quotes = QuoteLevels()
    assert len(levels(quotes, [(1, 0, 1, 100, 5), (2, 0, 1, 100, 5)])) == 1
    assert levels(quotes, [(3, 0, 1, 100, 5)]) == []
    assert quotes.repeats == 2


def test_a_two_sided_row_holds_at_once() -> None:
    """Both old sides go before the new ones come, so that no instant is crossed by itself."""
    t, price = np.array([1, 2]), np.array([100, 110])
    one = np.ones(2, np.int64)
    rows = two_sided(t, one * 0, (price, one), (price + 1, one), np.array([1, 2]))
    block = QuoteLevels().take(rows)
    assert list(zip(block.price.tolist(), block.qty.tolist(), strict=True)) == [
        (100, 1), (101, 1), (100, 0), (101, 0), (110, 1), (111, 1)
    ]  # fmt: skip


def test_D02_a_quote_that_nobody_renews_is_taken_off_when_it_is_too_old() -> None:
    quotes = QuoteLevels(max_age_ns=10)
    rows = [(0, 0, 1, 100, 5), (5, 1, 1, 99, 1), (8, 1, 1, 99, 1), (30, 1, 1, 98, 1)]
    assert levels(quotes, rows) == [
        (0, 0, 1, 100, 5), (5, 1, 1, 99, 1), (10, 0, 1, 100, 0), (18, 1, 1, 99, 0),
        (30, 1, 1, 98, 1),
    ]  # fmt: skip
    assert quotes.expired == 2
    assert levels(quotes, [(40, 0, 1, 97, 1)], 5) == [(40, 0, 1, 97, 1)]
    assert levels(quotes, [(41, 0, 1, 97, 1)], 6) == [(40, 1, 1, 98, 0)]


row = st.tuples(
    st.integers(0, 20), st.integers(0, 2), st.sampled_from([1, -1]), st.integers(0, 4),
    st.integers(0, 3),
)  # fmt: skip


def naive(
    rows: list[Row], max_age: int | None
) -> dict[int, dict[tuple[int, int], tuple[int, int]]]:
    """What stands after each instant, quote by quote."""
    stands: dict[tuple[int, int], tuple[int, int, int]] = {}
    after = {}
    for t, venue, side, price, qty in rows:
        stands[venue, side] = (price, qty, t)
        after[t] = {
            key: (p, q)
            for key, (p, q, since) in stands.items()
            if p and q and (max_age is None or t - since <= max_age)
        }
    return after


@given(st.lists(row, max_size=30).map(sorted), st.none() | st.integers(0, 6), st.integers(1, 5))
def test_books_of_the_events_show_what_stands(
    rows: list[Row], max_age: int | None, per_block: int
) -> None:
    quotes = QuoteLevels(max_age)
    book: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
    last_t, seen = -1, 0
    expected = naive(rows, max_age)
    for start in range(0, len(rows), per_block):
        part = rows[start : start + per_block]
        for t, venue, side, price, qty in levels(quotes, part, start + 1):
            assert t >= last_t
            last_t = t
            book[venue, side].pop(price, None)
            if qty:
                book[venue, side][price] = qty
        seen = part[-1][0]
        if start + per_block >= len(rows) or rows[start + per_block][0] != seen:
            shown = {key: next(iter(own.items())) for key, own in book.items() if own}
            assert shown == expected[seen]
            assert all(len(own) <= 1 for own in book.values())


@given(st.lists(row, max_size=30).map(sorted), st.integers(1, 5))
def test_crossing_counts_what_a_naive_look_counts(rows: list[Row], per_block: int) -> None:
    crossing = Crossing()
    for start in range(0, len(rows), per_block):
        crossing.take(sides(rows[start : start + per_block]))
    best: dict[tuple[int, int], int] = {}
    crossed = known = 0
    for _, venue, side, price, _ in rows:
        best[venue, side] = price
        bid = max((p for (_, s), p in best.items() if s == 1), default=0)
        ask = min((p for (_, s), p in best.items() if s == -1 and p), default=0)
        known += bid > 0 and ask > 0
        crossed += bid > ask > 0
    assert (crossing.rows, crossing.crossed_rows) == (known, crossed)


def test_no_rows_no_events() -> None:
    assert len(QuoteLevels().take(sides([]))) == 0
    assert Crossing().shares() == pytest.approx(
        {"crossed_rows": 0, "crossed_instants": 0, "locked_instants": 0}
    )
