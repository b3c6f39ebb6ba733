"""Exponentiated gradient: shares that follow what was filled whole, against any supply.

A lot more at a pool that filled all it got might have been filled as well, one more at a pool that
did not would not. So the weight of each pool that filled all is multiplied by ``exp(rate)``, and
the weights are brought back to a sum of 1. Nothing is assumed about supply: it may be chosen by an
adversary, or change its law.

Source: Agarwal, Bartlett and Dama, Optimal allocation strategies for the dark pool problem
(AISTATS 2010), the fractional algorithm.
"""

from collections.abc import Sequence
from math import exp
from typing import Final

_LEAST: Final = 1e-12
"""No weight gets smaller: a float that is 0 never grows again."""


class ExponentiatedGradient:
    """Weights of ``pools`` pools.

    Args:
        pools: How many, >= 1.
        rate: What the logarithm of a weight grows by, > 0.
        explore: Part of every order that is spread evenly whatever the weights say, 0 to below 1.

    Raises:
        ValueError: If an argument is out of its bounds.
    """

    __slots__ = ("_explore", "_rate", "weights")

    def __init__(self, pools: int, rate: float, explore: float = 0.0) -> None:
        if pools < 1 or rate <= 0 or not 0 <= explore < 1:
            raise ValueError(
                f"must have pools >= 1, rate > 0, 0 <= explore < 1; was {pools}, {rate}, {explore}"
            )
        self.weights = [1.0 / pools] * pools
        self._rate = rate
        self._explore = explore

    def shares(self) -> list[float]:
        """The part of an order for each pool; they sum to 1."""
        even = self._explore / len(self.weights)
        return [(1.0 - self._explore) * weight + even for weight in self.weights]

    def grow(self) -> None:
        """One more pool: it begins with an even share."""
        known = len(self.weights)
        self.weights = [weight * known / (known + 1) for weight in self.weights] + [1 / (known + 1)]

    def learn(self, full: Sequence[bool | None]) -> None:
        """One round of answers.

        Args:
            full: Per pool whether it filled all that it got; None: it got nothing.
        """
        factor = exp(self._rate)
        raised = [
            max(_LEAST, weight * factor if was_full else weight)
            for weight, was_full in zip(self.weights, full, strict=True)
        ]
        total = sum(raised)
        self.weights = [weight / total for weight in raised]
