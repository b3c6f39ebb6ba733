"""Statistics against numbers that are known exactly, and against chance itself."""

from math import inf, sqrt
from random import Random

import pytest

from sim.study.sweep.statistics import (
    Difference,
    confidence_of_each,
    difference,
    quantile,
    seeds_needed,
    share_spread,
    spread,
    t_quantile_fast,
    text,
    variance,
)


def between(first: list[float], second: list[float], level: float = 0.95) -> Difference | None:
    differences = [b - a for a, b in zip(first, second, strict=True)]
    return difference(differences, (first, second), level)


def test_a_sample_by_hand() -> None:
    """2, 4, 4, 4, 5, 5, 7, 9: mean 5, sum of squares 32, t of 7 degrees of freedom 2.364624."""
    found = spread([9.0, 2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0])
    assert found is not None
    assert (found.n, found.mean, found.min, found.max) == (8, "5.000000", "2.000000", "9.000000")
    assert float(found.sd or 0) == pytest.approx(sqrt(32 / 7), abs=1e-6)
    half = 2.364624 * sqrt(32 / 7) / sqrt(8)
    assert float(found.low or 0) == pytest.approx(5 - half, abs=2e-6)
    assert float(found.high or 0) == pytest.approx(5 + half, abs=2e-6)
    assert (found.p25, found.p50, found.p75) == ("4.000000", "4.500000", "5.500000")


def test_one_run_has_a_mean_and_no_interval() -> None:
    found = spread([3.5])
    assert found is not None
    assert (found.mean, found.sd, found.low, found.high) == ("3.500000", None, None, None)
    assert found.p05 == found.p95 == "3.500000"
    assert spread([]) is None


def test_the_interval_of_a_share_ends_where_shares_end() -> None:
    found = share_spread([1.0, 1.0, 0.9])
    assert found is not None
    assert found.high == "1.000000"
    assert float(found.low or 0) < 0.9
    assert share_spread([]) is None


def test_quantiles_are_those_of_definition_7() -> None:
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.25) == 1.75
    assert quantile([1.0, 2.0, 3.0, 4.0], 1.0) == 4.0
    assert quantile([7.0], 0.95) == 7.0


@pytest.mark.parametrize(
    ("second", "ratio"),
    [
        ([2.0, 3.0, 4.0], "0.000000"),  # one more, always: nothing is left of chance
        ([1.0, 2.0, 3.0], "0.000000"),
        ([3.0, 2.0, 1.0], "2.000000"),  # what is good for one is bad for the other
        ([2.0, 2.0, 2.0], "1.000000"),  # one side does not vary: no pair helps
        ([2.0, 4.0, 6.0], "0.200000"),  # variances 1 and 4, of the difference 1
    ],
)
def test_the_variance_ratio_by_hand(second: list[float], ratio: str) -> None:
    found = between([1.0, 2.0, 3.0], second)
    assert found is not None
    assert found.variance_ratio == ratio


def test_where_nothing_varies_there_is_no_ratio() -> None:
    found = between([1.0, 1.0], [2.0, 2.0])
    assert found is not None
    assert (found.variance_ratio, found.verdict, found.low) == (None, "higher", "1.000000")
    with pytest.raises(ValueError, match="at least 2 values, was 1"):
        variance([1.0])


def test_differences_by_hand() -> None:
    """Differences 1, 2, 3: mean 2, sd 1; interval 2 -+ 4.302653 / sqrt(3) holds 0."""
    found = between([10.0, 10.0, 10.0], [11.0, 12.0, 13.0])
    assert found is not None
    assert (found.n, found.mean, found.verdict) == (3, "2.000000", "within the noise")
    assert float(found.high) == pytest.approx(2 + 4.302653 / sqrt(3), abs=2e-6)
    assert found.variance_ratio == "1.000000"
    assert found.further_seeds == seeds_needed(2, 1) - 3
    clear = between([10.0, 10.0, 10.0], [12.0, 12.001, 11.999])
    assert clear is not None
    assert (clear.verdict, clear.further_seeds) == ("higher", 0)


def test_what_is_exactly_the_same_is_called_that() -> None:
    found = between([1.0, 2.0], [1.0, 2.0])
    assert found is not None
    assert (found.verdict, found.mean, found.further_seeds) == ("the same", "0.000000", None)
    assert (found.low, found.high, found.variance_ratio) == ("0.000000", "0.000000", "0.000000")
    even = between([1.0, 2.0], [2.0, 1.0])
    assert even is not None
    assert (even.verdict, even.further_seeds) == ("within the noise", None)
    assert between([1.0], [2.0]) is None


def test_seeds_needed_are_those_of_the_published_sample_size() -> None:
    """Known value: a paired t test of effect 0.5 with power 0.8 at 5% needs 34 pairs."""
    assert seeds_needed(0.5, 1.0) == 34
    assert seeds_needed(-0.5, 1.0) == 34
    assert 197 <= seeds_needed(0.2, 1.0) <= 200  # 199 by the noncentral t
    assert seeds_needed(1.0, 0.0) == 2
    assert seeds_needed(0.0, 1.0) == inf
    assert seeds_needed(1e-9, 1.0) == inf
    with pytest.raises(ValueError, match="sd must be"):
        seeds_needed(1.0, -1.0)


def test_the_quick_quantile_is_the_exact_one() -> None:
    exact = t_quantile_fast(0.975, 400)
    assert t_quantile_fast(0.975, 401) == pytest.approx(exact, abs=2e-5)
    # Published tables: t(0.975) of 1,000 degrees of freedom and of the normal law.
    assert t_quantile_fast(0.975, 1_000) == pytest.approx(1.962339, abs=1e-6)
    assert t_quantile_fast(0.995, 10**9) == pytest.approx(2.575829, abs=1e-6)


@pytest.mark.slow
def test_intervals_hold_what_they_promise() -> None:
    """Of 400 samples of eight from a normal law, 95% of the intervals hold its mean (0)."""
    chance, held, all_held = Random(5), 0, 0
    each = confidence_of_each(10)
    assert each == pytest.approx(0.995)
    for n in range(400):
        found = spread([chance.gauss(0, 1) for _ in range(8)])
        assert found is not None
        held += float(found.low or 0) <= 0 <= float(found.high or 0)
        if n % 10 == 0:
            many = [
                between([0.0] * 8, [chance.gauss(0, 1) for _ in range(8)], each) for _ in range(10)
            ]
            all_held += all(one is not None and one.verdict == "within the noise" for one in many)
    assert 367 <= held <= 393, held  # 380 -+ 3 standard deviations
    assert all_held >= 34, all_held  # 95% of 40, less 3 standard deviations


@pytest.mark.slow
def test_the_power_is_what_it_says() -> None:
    """With the seeds that are needed, four of five studies tell the difference apart."""
    chance, told = Random(9), 0
    n = int(seeds_needed(0.5, 1.0))
    for _ in range(300):
        found = between([0.0] * n, [chance.gauss(0.5, 1) for _ in range(n)])
        assert found is not None
        told += found.verdict == "higher"
    assert 0.72 <= told / 300 <= 0.88, told


def test_no_minus_before_zero() -> None:
    assert (text(-0.0), text(-1e-9), text(-0.5)) == ("0.000000", "0.000000", "-0.500000")
