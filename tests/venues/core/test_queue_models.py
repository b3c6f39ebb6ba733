"""Estimators of a place in a line: their shares, and whole lots of them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venues.core.queue_models import (
    QueueModel,
    Split,
    logarithmic,
    optimistic,
    power,
    proportional,
    risk_averse,
)

MODELS = {
    "risk_averse": risk_averse,
    "optimistic": optimistic,
    "proportional": proportional,
    "logarithmic": logarithmic,
    "power 2": power(2.0),
    "power 0.5": power(0.5),
}
models = st.sampled_from(list(MODELS.values()))
sizes = st.integers(0, 10**12)


def test_shares_of_each_model() -> None:
    shares = {name: model(30, 10) for name, model in MODELS.items()}
    assert shares == pytest.approx(
        {
            "risk_averse": 0.0,
            "optimistic": 1.0,
            "proportional": 0.75,
            "logarithmic": math.log(31) / (math.log(31) + math.log(11)),
            "power 2": 900 / 1000,
            "power 0.5": math.sqrt(30) / (math.sqrt(30) + math.sqrt(10)),
        },
        rel=1e-12,
    )


@given(models, sizes, sizes)
def test_a_share_is_a_probability(model: QueueModel, ahead: int, behind: int) -> None:
    if ahead or behind:
        assert 0.0 <= model(ahead, behind) <= 1.0


@given(sizes, sizes)
def test_power_of_one_is_proportional(ahead: int, behind: int) -> None:
    if ahead or behind:
        assert power(1.0)(ahead, behind) == pytest.approx(proportional(ahead, behind), rel=1e-12)


def test_power_of_huge_queues_has_no_overflow() -> None:
    assert power(20.0)(10**18, 1) == 1.0
    assert power(20.0)(1, 10**18) == pytest.approx(0.0)


@given(models, st.integers(1, 10**6), sizes, sizes, st.data())
def test_parts_are_bounded_by_what_is_there_and_one_cancel_never_clears_the_line(
    model: QueueModel, lot: int, ahead: int, behind: int, data: st.DataObject
) -> None:
    canceled = data.draw(st.integers(0, ahead + behind))
    lots = Split(model, lot).ahead_of(canceled, ahead, behind)
    assert 0 <= lots <= min(ahead, canceled)
    assert canceled - lots <= behind
    if lot == 1 and ahead and canceled < ahead + behind:
        assert lots < ahead


def test_what_is_rounded_off_is_carried_to_the_next_cancel() -> None:
    split = Split(proportional, 1)
    parts = [split.ahead_of(1, 1000, 3000) for _ in range(8)]
    assert parts == [0, 0, 0, 1, 0, 0, 0, 1]


def test_parts_are_whole_lots_of_the_venue() -> None:
    split = Split(proportional, 100)
    assert [split.ahead_of(100, 1000, 1000) for _ in range(4)] == [0, 100, 0, 100]


def test_optimistic_leaves_one_lot_ahead_while_others_are_left() -> None:
    assert Split(optimistic, 1).ahead_of(12, 10, 5) == 9
    assert Split(optimistic, 1).ahead_of(15, 10, 5) == 10


def test_risk_averse_moves_only_by_what_nothing_behind_can_explain() -> None:
    split = Split(risk_averse, 1)
    assert split.ahead_of(5, 10, 5) == 0
    assert split.ahead_of(7, 10, 5) == 2
