"""The laws by which shares are learnt, and how two of them bear a change of what is there."""

from collections.abc import Callable
from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.allocate.learning.exponential import expected_worth, optimum
from router.allocate.learning.gradient import ExponentiatedGradient
from router.allocate.learning.stochastic import Reinforcement, StochasticSplit, project
from router.allocate.learning.tails import KaplanMeier, greedy_split, optimistic

positive = st.floats(0.01, 10)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=6))
def test_a_projection_is_the_nearest_point_of_the_simplex(point: list[float]) -> None:
    """Its conditions: one shift for all that stay above 0, and no more for the others."""
    found = project(point)
    assert sum(found) == pytest.approx(1, abs=1e-9)
    assert min(found) >= 0
    shifts = [x - y for x, y in zip(point, found, strict=True) if y > 0]
    assert max(shifts) - min(shifts) < 1e-9
    assert all(x <= shifts[0] + 1e-9 for x, y in zip(point, found, strict=True) if y == 0)


@given(st.lists(st.tuples(positive, positive), min_size=1, max_size=6), positive)
def test_the_optimum_meets_its_conditions(pools: list[tuple[float, float]], volume: float) -> None:
    worth, means = [pool[0] for pool in pools], [pool[1] for pool in pools]
    best = optimum(worth, means, volume)
    assert sum(best.fractions) == pytest.approx(1)
    for rho, mean, part in zip(worth, means, best.fractions, strict=True):
        marginal = rho * exp(-part * volume / mean)
        assert marginal == pytest.approx(best.multiplier) if part else rho <= best.multiplier
    even = [1 / len(pools)] * len(pools)
    assert best.value >= expected_worth(worth, means, even, volume) - 1e-9


def test_the_optimum_of_a_volume_far_beyond_all_supply() -> None:
    """What one more lot is worth is less than any float: shares are in proportion to supply."""
    best = optimum([1.0, 0.5], [3.0, 1.0], 10_000.0)
    assert best.multiplier == 0
    assert sum(best.fractions) == pytest.approx(1)
    # rho exp(-r V / m) is the same for both: r V / m differ by the logarithm of the worths.
    reach = [part * 10_000 / mean for part, mean in zip(best.fractions, (3.0, 1.0), strict=True)]
    assert reach[0] - reach[1] == pytest.approx(log(2))
    assert best.value == pytest.approx(3.5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: project([]),
        lambda: optimum([1], [1, 2], 1),
        lambda: optimum([1], [0], 1),
        lambda: StochasticSplit([0], 1, 0.5),
        lambda: StochasticSplit([1], 1, 2),
        lambda: Reinforcement([]),
        lambda: ExponentiatedGradient(0, 1),
        lambda: ExponentiatedGradient(2, 1, 1),
    ],
)
def test_what_is_out_of_bounds_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="must"):
        make()


def test_a_pool_that_fills_all_gains_weight() -> None:
    found = ExponentiatedGradient(3, 0.5, 0.1)
    found.learn([True, False, None])
    e = exp(0.5)
    assert found.weights == pytest.approx([e / (e + 2), 1 / (e + 2), 1 / (e + 2)])
    assert found.shares() == pytest.approx([0.9 * w + 0.1 / 3 for w in found.weights])
    before = list(found.weights)
    found.learn([True, True, True])
    assert found.weights == pytest.approx(before), "all filled: no news of who has more"


def test_a_lost_weight_can_still_come_back() -> None:
    found = ExponentiatedGradient(2, 1.0)
    for _ in range(2_000):
        found.learn([True, False])
    assert 0 < found.weights[1] < 1e-11
    for _ in range(40):
        found.learn([False, True])
    assert found.weights[1] > 0.9


def test_a_pool_that_cannot_be_asked_teaches_nothing() -> None:
    found = StochasticSplit([1, 1, 1], 0.3, 0)
    found.learn([True, False, None])
    assert found.split == pytest.approx([1 / 3 + 0.15, 1 / 3 - 0.15, 1 / 3])
    before = list(found.split)
    found.learn([None, None, None])
    assert found.split == before


def test_reinforcement_counts_what_was_brought() -> None:
    found = Reinforcement([2, 1])
    found.learn([0.5, 1.0])
    assert found.brought == [2.0, 2.0]
    assert found.shares() == [0.5, 0.5]


# A change of regime

POOLS, QTY, BEFORE = 3, 300, 400
MEANS = [(20, 60, 400), (400, 60, 20)]
"""Of the zero-inflated exponential supply per pool, in lots, before and after the change."""
EMPTY = [(0.9, 0.3, 0.1), (0.1, 0.3, 0.9)]


def fills_of_both(seed: int, after: int) -> tuple[list[float], list[float]]:
    """Fraction filled per order by exponentiated gradient and by Kaplan-Meier, same supplies."""
    chance = np.random.default_rng(seed)
    gradient = ExponentiatedGradient(POOLS, 0.1, 0.05)
    pools = [KaplanMeier() for _ in range(POOLS)]
    found: tuple[list[float], list[float]] = ([], [])
    for n in range(BEFORE + after):
        means, empty = MEANS[n >= BEFORE], EMPTY[n >= BEFORE]
        there = [
            0 if chance.random() < z else 1 + int(-mean * log(chance.random()))
            for mean, z in zip(means, empty, strict=True)
        ]
        lots = [int(QTY * share) for share in gradient.shares()]
        gradient.learn([s >= v if v else None for v, s in zip(lots, there, strict=True)])
        found[0].append(sum(map(min, lots, there)) / QTY)
        tails = [optimistic(pool.tail(), pool.explored(10), 10) for pool in pools]
        lots = greedy_split(tails, QTY)
        for pool, v, s in zip(pools, lots, there, strict=True):
            if v:
                pool.add(v, min(v, s))
        found[1].append(sum(map(min, lots, there)) / QTY)
    return found


def recovered_after(fills: list[float], level: float, over: int = 25) -> int:
    """Orders after the change until the mean over the last ``over`` is at ``level`` again."""
    for n in range(over, len(fills) - BEFORE):
        if sum(fills[BEFORE + n - over : BEFORE + n]) / over >= level:
            return n
    return len(fills)


def check_regime(seeds: range) -> None:
    behind: list[int] = []
    for seed in seeds:
        gradient, product_limit = fills_of_both(seed, 300)
        before = [sum(fills[200:BEFORE]) / (BEFORE - 200) for fills in (gradient, product_limit)]
        # Both know their way before the change: the comparison is not with one who never learnt.
        assert min(before) > 0.4, (seed, before)
        level = 0.9 * min(before)
        behind.append(recovered_after(product_limit, level) - recovered_after(gradient, level))
    wins = sum(n > 0 for n in behind)
    assert wins >= 0.9 * len(behind), behind


def test_after_a_change_exponentiated_gradient_recovers_first() -> None:
    check_regime(range(1, 3))


@pytest.mark.slow
def test_after_a_change_exponentiated_gradient_recovers_first_on_many_seeds() -> None:
    check_regime(range(1, 16))
