"""``exponentiated_gradient``: shares of silent pools that rise where all was filled.

``router.allocate.learning.gradient`` has the law, ``router.allocate.pools`` the rounds. Nothing is
assumed about supply, so it recovers from a change of regime.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from router.allocate.learning.gradient import ExponentiatedGradient
from router.allocate.pools import PoolsConfig, Rest, Share, ShareStrategy
from sim.protocol.config import PositiveDecimal


class ExponentiatedGradientStrategy(ShareStrategy[ExponentiatedGradient]):
    """Splits by weights that grow where a pool filled all that it got."""

    def __init__(self, rate: float, explore: float, rounds: int, rest: Rest) -> None:
        super().__init__("exponentiated_gradient", rounds, rest)
        self._rate = rate
        self._explore = explore

    def make(self, venue_ids: Sequence[str]) -> ExponentiatedGradient:
        """Even weights."""
        return ExponentiatedGradient(len(venue_ids), self._rate, self._explore)

    def grow(self, law: ExponentiatedGradient, venue_id: str) -> None:
        """One more venue."""
        law.grow()

    def shares(self, law: ExponentiatedGradient) -> list[float]:
        """Weights, and the part that is spread evenly."""
        return law.shares()

    def tell(
        self, law: ExponentiatedGradient, qty: int, answers: list[tuple[int, int] | None]
    ) -> None:
        """A pool that got nothing says nothing."""
        law.learn([
            None if answer is None or not answer[0] else answer[1] == answer[0]
            for answer in answers
        ])  # fmt: skip


class ExponentiatedGradientConfig(PoolsConfig):
    """Split over silent pools by weights that grow by ``exp(rate)`` where all was filled.

    Source: Agarwal, Bartlett and Dama, Optimal allocation strategies for the dark pool problem
    (AISTATS 2010), the fractional algorithm; whole lots by largest remainder. ``explore`` is our
    own: a share that comes to no lot would never be tried again.
    """

    kind: Literal["exponentiated_gradient"]
    rate: Annotated[PositiveDecimal, Field(le=10)] = Decimal("0.1")
    """What the logarithm of a weight grows by in each round that the pool filled whole."""
    explore: Share = Decimal("0.05")
    """Part of each order that is spread evenly, whatever has been learnt."""

    def build(self) -> ExponentiatedGradientStrategy:
        """The strategy."""
        return ExponentiatedGradientStrategy(
            float(self.rate), float(self.explore), self.rounds, self.rest
        )
