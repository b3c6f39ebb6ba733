"""How likely others are to notice us, from what they can see: the customer's leakage formulas.

``alpha`` is per share. Dark and hidden quantity counts as 0 visible, and only what is visible at
the same instant may be added up.

Source: the customer's document; ``1 - exp(-x)`` by ``expm1``, so that small chances keep their
digits and large ones end at 1.
"""

from collections.abc import Sequence
from math import expm1, isfinite


def detect_prob(visible: float, alpha: float) -> float:
    """Chance that others notice ``visible`` shares: 0 when nothing shows, rising to 1.

    Args:
        visible: Shares that show, >= 0.
        alpha: Detectability per share, >= 0.

    Raises:
        ValueError: If either is negative or not finite.
    """
    for name, value in (("visible", visible), ("alpha", alpha)):
        if not (isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be finite and >= 0, was {value}")
    return min(1.0, max(0.0, -expm1(-alpha * visible)))


def detect_any_prob(children: Sequence[float], alpha: float) -> float:
    """Chance that at least one child is noticed, each by itself: the same for every split.

    Args:
        children: Shares that each child shows, >= 0.
        alpha: Detectability per share, >= 0.

    Raises:
        ValueError: If a number is negative or not finite.
    """
    for child in children:
        detect_prob(child, alpha)
    return detect_prob(sum(children), alpha)


def leakage_reduction(children: Sequence[float], alpha: float) -> float:
    """``1 -`` the chance that *every* child is noticed: the customer's figure for a split.

    It grows with the number of children by construction, and a child that shows nothing makes it
    1: leave such children out (``shown_children``), and give ``detect_any_prob`` beside it.

    Args:
        children: Shares that each child shows, >= 0; at least one.
        alpha: Detectability per share, >= 0.

    Raises:
        ValueError: If there is no child, or a number is negative or not finite.
    """
    if not children:
        raise ValueError("children must not be empty: a product of nothing says nothing")
    every = 1.0
    for child in children:
        every *= detect_prob(child, alpha)
    return 1.0 - every


def shown_children(children: Sequence[float]) -> list[float]:
    """The children that show something; what the reduction is worth computing of."""
    return [child for child in children if child > 0]
