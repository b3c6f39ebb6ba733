"""Kinds of the dark pools: tails and greedy splits, and the optimal split with its learners.

They call ``router.allocate.learning``, which the strategies use; that the strategies do as those
say is tested beside them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import count, product
from math import fsum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from router.allocate.learning.exponential import expected_worth, optimum
from router.allocate.learning.stochastic import Reinforcement, StochasticSplit
from router.allocate.learning.tails import KaplanMeier, Run, exactly, expected_fill, greedy_split

if TYPE_CHECKING:
    from tests.golden.conftest import Compute, Computed, Golden, Tools

SEED: Final = 2_011
STEPS: Final = {"lagrangian": 200_000, "reinforcement": 300_000}
BLOCK: Final = 10_000
FEW: Final = 12
"""Orders up to this size are also split in every way there is, with the fills added up."""


# Kind dark_pool_greedy


def greedy(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    """Lot by lot over known tails; a small order also by trying every split."""
    inputs = golden.inputs
    pools = list(zip(inputs["p_no_liquidity"], inputs["tail_exponent"], strict=True))
    qty = inputs["order_shares"]
    split = greedy_split([power_law(z, b) for z, b in pools], qty)
    yield {"allocation_shares": split, "expected_fill_shares": fill_of(pools, split)}
    if qty <= FEW:
        splits = [s for s in product(range(qty + 1), repeat=len(pools)) if sum(s) == qty]
        best = max(splits, key=lambda split: fill_of(pools, split))
        yield {"allocation_shares": list(best), "expected_fill_shares": fill_of(pools, best)}


def power_law(nothing: float, exponent: float) -> Iterator[Run]:
    """The tail ``(1 - z) * s**-b``, size by size."""
    for size in count(1):
        height = Fraction((1 - nothing) * size**-exponent)
        yield exactly(1, height)


def fill_of(pools: Sequence[tuple[float, float]], split: Sequence[int]) -> float:
    return fsum(
        float(expected_fill(power_law(z, b), lots))
        for (z, b), lots in zip(pools, split, strict=True)
    )


# Kind dark_pool_kaplan_meier


def kaplan_meier(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    """The estimate in exact fractions, size by size, in either order of the observations."""
    seen = golden.inputs["observations_sent_filled_shares"]
    for observations in (seen, seen[::-1]):
        estimate = KaplanMeier()
        for sent, filled in observations:
            estimate.add(sent, filled)
        heights = [run.height for run in estimate.tail() for _ in range(run.lots)]
        yield {
            "tail_at_1_to_n": [float(height) for height in heights],
            "tail_at_1_to_n_fractions": [str(height) for height in heights],
        }


# Kind dark_pool_split


def exact(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    """The optimum by its conditions, and the even split."""
    worth, means, volume = market(golden)
    best = optimum(worth, means, volume)
    even = [1 / len(worth)] * len(worth)
    yield {
        "kkt_multiplier": best.multiplier,
        "optimal_fraction": list(best.fractions),
        "optimal_value": best.value,
        "uniform_value": expected_worth(worth, means, even, volume),
    }


def learners(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    """Both algorithms on drawn supplies, as long as the file says."""
    worth, means, volume = market(golden)
    even = expected_worth(worth, means, [1 / len(worth)] * len(worth), volume)
    climber, gatherer = StochasticSplit(worth, *step_rule(golden)), Reinforcement(worth)
    for n, supply in enumerate(supplies(means, STEPS["reinforcement"])):
        if n < STEPS["lagrangian"]:
            pairs = zip(climber.split, supply, strict=True)
            climber.learn([part * volume < lots for part, lots in pairs])
        pairs = zip(gatherer.shares(), supply, strict=True)
        gatherer.learn([min(part * volume, lots) / volume for part, lots in pairs])
    value = expected_worth(worth, means, gatherer.shares(), volume)

    def found(what: str, *values: float) -> list[Any]:
        return [tools.estimate(value, STEPS[what], SEED) for value in values]

    yield {
        "lagrangian_algorithm_fraction_200k_steps": found("lagrangian", *climber.split),
        "reinforcement_limit_fraction": found("reinforcement", *gatherer.shares()),
        "reinforcement_limit_value": found("reinforcement", value)[0],
        "reinforcement_minus_uniform_value": found("reinforcement", value - even)[0],
    }


def step_rule(golden: "Golden") -> tuple[float, float]:
    """Gain and power of ``gamma_n = gain/n^power``."""
    found = re.match(r"gamma_n = ([0-9.]+)/n\^([0-9.]+) for the Lag", golden.inputs["step_rule"])
    assert found is not None, golden.inputs["step_rule"]
    return float(found[1]), float(found[2])


def market(golden: "Golden") -> tuple[list[float], list[float], float]:
    inputs = golden.inputs
    assert inputs["supply_law"] == "independent exponential", inputs["supply_law"]
    return inputs["rebate_weight"], inputs["supply_mean"], inputs["order_volume"]


def supplies(means: Sequence[float], steps: int) -> Iterator[list[float]]:
    chance = np.random.default_rng(SEED)
    for _ in range(0, steps, BLOCK):
        yield from chance.exponential(means, (BLOCK, len(means))).tolist()


KINDS: Final[dict[str, list["Compute"]]] = {
    "dark_pool_greedy": [greedy],
    "dark_pool_kaplan_meier": [kaplan_meier],
    "dark_pool_split": [exact, learners],
}


def by_learning(name: str) -> bool:
    return name.startswith(("lagrangian", "reinforcement"))


CHECKS: Final = {
    exact: lambda name: not by_learning(name),
    learners: by_learning,
}


def slow(compute: "Compute", golden: "Golden") -> bool:
    return compute is learners
