"""The customer's leakage formulas; their figures are golden (tests/golden)."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.detection import (
    detect_any_prob,
    detect_prob,
    leakage_reduction,
    shown_children,
)

ALPHA = st.floats(min_value=0, max_value=1e300)
SHARES = st.floats(min_value=0, max_value=1e300)


@given(SHARES, ALPHA)
def test_D11_a_probability_whatever_overflows(visible: float, alpha: float) -> None:
    assert 0 <= detect_prob(visible, alpha) <= 1


def test_D11_small_chances_keep_their_digits() -> None:
    assert detect_prob(1, 1e-18) == 1e-18


@pytest.mark.parametrize("value", [-1.0, nan, inf])
def test_D11_what_is_no_quantity_is_refused(value: float) -> None:
    for name, call in (("visible", (value, 0.1)), ("alpha", (1.0, value))):
        with pytest.raises(ValueError, match=f"{name} must be finite and >= 0"):
            detect_prob(*call)
    with pytest.raises(ValueError, match="visible"):
        detect_any_prob([1.0, value], 0.1)


@given(st.lists(st.floats(min_value=1, max_value=1e6), min_size=1, max_size=6))
def test_any_child_is_the_same_chance_for_every_split(children: list[float]) -> None:
    assert detect_any_prob(children, 1e-6) == pytest.approx(detect_prob(sum(children), 1e-6))
    assert leakage_reduction(children, 1e-6) >= 1 - detect_prob(max(children), 1e-6) - 1e-12


def test_a_child_that_shows_nothing_makes_the_reduction_worthless() -> None:
    assert leakage_reduction([100_000, 0], 1e-5) == 1
    assert leakage_reduction(shown_children([100_000, 0]), 1e-5) == pytest.approx(0.36787944)
    with pytest.raises(ValueError, match="children must not be empty"):
        leakage_reduction([], 1e-5)
