"""Benchmarks: levels that are walked, supply that was seen, prints, and rows."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from sim.protocol.units import Units
from sim.report.tca.benchmarks import Benchmark, Supply, Volumes, Walked, best_single, walk

UNITS = Units(Decimal("0.01"), Decimal(10))


def test_levels_are_taken_in_order_until_the_lots_are_there() -> None:
    assert walk([(100, 5), (101, 5)], 7) == Walked(702, 7)
    assert walk([(100, 5)], 7) == Walked(500, 5)
    assert walk([], 7) == Walked(0, 0)


def test_the_single_exchange_is_the_one_that_has_enough_at_least_cost() -> None:
    books = {"NONE": (), "FEW": ((90, 3),), "DEAR": ((102, 9),), "CHEAP": ((100, 4), (103, 9))}
    assert best_single(books, 1, 8) == ("CHEAP", Walked(812, 8))
    assert best_single(books, 1, 3) == ("FEW", Walked(270, 3))
    assert best_single(books, -1, 8) == ("DEAR", Walked(816, 8)), "a sale wants the most"


def test_where_no_exchange_has_enough_the_fullest_stands_for_what_it_has() -> None:
    assert best_single({"A": ((100, 4),), "B": ((105, 6),)}, 1, 9) == ("B", Walked(630, 6))
    assert best_single({"A": ()}, 1, 9) is None
    assert best_single({}, 1, 9) is None


def test_a_level_that_was_seen_twice_counts_once_and_what_was_taken_at_least() -> None:
    supply = Supply()
    supply.show("A", ((100, 5), (101, 5)))
    supply.show("A", ((100, 8),))
    supply.show("B", ((100, 1),))
    assert supply.best(1, 10) == Walked(1001, 10)
    supply.take("A", 100, 6)
    supply.take("A", 100, 6)
    assert supply.best(1, 14) == Walked(1300 + 101, 14)
    assert supply.best(-1, 6) == Walked(505 + 100, 6)
    assert supply.best(1, 99, limit=100) == Walked(1300, 13)


def test_prints_add_up_over_any_stretch_with_both_ends() -> None:
    volumes = Volumes([1, 5, 5, 9], [100, 101, 102, 103], [1, 2, 3, 4])
    assert volumes.between(1, 5) == Walked(100 + 202 + 306, 6)
    assert volumes.between(2, 4) == Walked(0, 0)
    assert volumes.between(0, 99) == Walked(100 + 202 + 306 + 412, 10)


def made(px: Fraction | None, lots: int | None = None, why: str = "") -> Benchmark:
    return Benchmark(name="n", title="t", about="a", px=px, lots=lots, why=why)


def test_a_cost_is_what_was_paid_beyond_the_benchmark() -> None:
    row = made(Fraction(201, 2)).row(1, 2030, 20, UNITS)  # 101.5 ticks against 100.5
    assert (row["px"], row["cost"]) == ("1.00500000", "2.00000000")
    assert row["cost_bps"] == "99.502488"
    assert row["why_not_available"] is None
    assert made(Fraction(201, 2)).row(-1, 2030, 20, UNITS)["cost"] == "-2.00000000"


def test_a_third_is_rounded_once() -> None:
    assert made(Fraction(1, 3)).row(1, 0, 0, UNITS)["px"] == "0.00333333"


def test_no_part_compares_with_a_whole_and_nothing_with_nothing() -> None:
    part = made(Fraction(100), 15).row(1, 2030, 20, UNITS)
    assert (part["px"], part["cost"], part["cost_bps"]) == ("1.00000000", None, None)
    assert part["why_not_available"].startswith("it holds for 150 of 200, and ")
    coins = Units(Decimal("0.01"), Decimal("0.001"))
    said = made(Fraction(100), 1_500_000).row(1, 203, 2_000_000, coins)["why_not_available"]
    assert said.startswith("it holds for 1,500 of 2,000, and ")
    assert made(Fraction(100)).row(1, 0, 0, UNITS)["why_not_available"] == "nothing was filled"
    none = made(None, why="no prints").row(1, 2030, 20, UNITS)
    assert (none["px"], none["cost"], none["why_not_available"]) == (None, None, "no prints")
    free = made(Fraction(0)).row(1, 2030, 20, UNITS)
    assert (free["cost"], free["cost_bps"]) == ("203.00000000", None), "bps of nothing are none"


levels = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=8)


@settings(max_examples=25)
@given(shown=levels, taken=levels, sign=st.sampled_from([1, -1]))
def test_nobody_did_better_than_the_best_possible(
    shown: list[tuple[int, int]], taken: list[tuple[int, int]], sign: int
) -> None:
    supply = Supply()
    supply.show("A", shown)
    for px, lots in taken:
        supply.take("A", px, lots)
    lots = sum(qty for _, qty in taken)
    best = supply.best(sign, lots)
    assert best.lots == lots
    assert sign * best.tick_lots <= sign * sum(px * qty for px, qty in taken)
