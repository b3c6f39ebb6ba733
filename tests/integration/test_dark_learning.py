"""What the shipped scenarios ``dark_learning`` and ``dark_regimes`` teach.

Regret is counted per order, in lots that hidden supply would have given and did not: those that the
oracle gets there less those that the learner gets, both with the same supply.
"""

from collections.abc import Sequence
from functools import cache

import pytest

from sim.protocol.enums import Outcome
from sim.scenario.load import load_scenario
from sim.study.paired import paired
from sim.world import run_world

LEARNERS = {
    "kaplan_meier": "{kind: kaplan_meier}",
    "exponentiated_gradient": "{kind: exponentiated_gradient}",
    "stochastic_split": "{kind: stochastic_split}",
    "reinforcement": "{kind: reinforcement}",
}
SEEDS = range(1, 21)
"""With six of them the interval of ``stochastic_split`` still held 0: it has learnt most by its
thirtieth order."""
SWITCH = 400
"""Orders of ``dark_regimes`` before its change."""
each_learner = pytest.mark.parametrize("learner", list(LEARNERS))


@cache
def hidden_fills(scenario: str, strategy: str, seed: int, count: int) -> tuple[int, ...]:
    """Lots per order that came from pools, in the order of arrival."""
    sets = [f"router.strategy={strategy}", f"seed={seed}", f"parents[P].repeat.count={count}"]
    result = run_world(load_scenario(scenario, sets=sets))
    assert result.outcome is Outcome.COMPLETE
    assert result.summary is not None
    by_number = {}
    for parent in result.summary["parents"]:
        assert parent["filled_qty"] == parent["order_qty"]
        venues = parent["venues"].items()
        number = int(parent["parent_id"].split(".")[1])
        by_number[number] = sum(row["filled_qty"] for name, row in venues if name != "NYSE")
    return tuple([by_number[n] for n in sorted(by_number)])


def regret(scenario: str, strategy: str, seed: int, count: int) -> list[int]:
    """Per order; never negative, since nobody gets more than what is there."""
    best = hidden_fills(scenario, "{kind: oracle}", seed, count)
    own = hidden_fills(scenario, strategy, seed, count)
    found = [a - b for a, b in zip(best, own, strict=True)]
    assert min(found) >= 0
    return found


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


# Regret falls


def test_regret_falls_as_tails_are_learnt() -> None:
    """The quick form: one seed, the learner that begins with the least."""
    found = regret("dark_learning", LEARNERS["kaplan_meier"], 1, 100)
    assert mean(found[-20:]) < mean(found[:20]) / 3, found


@pytest.mark.slow
@each_learner
def test_regret_falls(learner: str) -> None:
    """First 30 against last 200 of 400 orders, paired by seed; the interval is one of 99%."""
    early, late = [], []
    for seed in SEEDS:
        found = regret("dark_learning", LEARNERS[learner], seed, 400)
        early.append(mean(found[:30]))
        late.append(mean(found[200:]))
    change = paired(f"regret of {learner}, last less first", early, late, confidence=0.99)
    assert change.high < 0, str(change)
    assert change.second < 100, f"of the 1,000 lots of an order: {change}"


@pytest.mark.slow
def test_what_was_learnt_is_worth_more_than_an_even_split() -> None:
    """A rate near 0 learns nothing: the even split. All four beat it in the last 200 orders."""
    even = "{kind: exponentiated_gradient, rate: '0.000001'}"
    for learner in LEARNERS.values():
        first = [mean(regret("dark_learning", even, seed, 400)[200:]) for seed in SEEDS]
        second = [mean(regret("dark_learning", learner, seed, 400)[200:]) for seed in SEEDS]
        change = paired(f"regret of {learner} less that of an even split", first, second)
        assert change.high < 0, str(change)


# A change of regime


def recovered_after(found: Sequence[float], level: float, over: int = 25) -> int:
    """Orders after the change until the mean regret over the last ``over`` is below ``level``."""
    after = found[SWITCH:]
    for n in range(over, len(after) + 1):
        if mean(after[n - over : n]) < level:
            return n
    return len(after) + 1


def recoveries(seed: int) -> dict[str, int]:
    found = {}
    for learner in ("exponentiated_gradient", "kaplan_meier"):
        of_orders = regret("dark_regimes", LEARNERS[learner], seed, 650)
        before = mean(of_orders[200:SWITCH])
        assert before < 100, "both knew their way before the change"
        assert mean(of_orders[SWITCH : SWITCH + 25]) > 400, "and neither right after it"
        found[learner] = recovered_after(of_orders, 200)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_after_a_change_exponentiated_gradient_recovers_first(seed: int) -> None:
    """The quick form is pure: ``tests/router/allocate/test_learners.py``."""
    found = recoveries(seed)
    assert found["exponentiated_gradient"] <= 240, found
    assert found["kaplan_meier"] > 250, f"not within the run: {found}"
