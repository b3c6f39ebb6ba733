"""``reinforcement``: silent pools get in proportion to what they have brought.

``router.allocate.learning.stochastic`` has the law, and where it settles: not at the best split.
"""

from collections.abc import Sequence
from typing import Literal

from router.allocate.learning.stochastic import Reinforcement
from router.allocate.pools import ShareStrategy, WorthConfig


class ReinforcementStrategy(ShareStrategy[Reinforcement]):
    """Splits in proportion to what was filled so far."""

    def __init__(self, config: "ReinforcementConfig") -> None:
        super().__init__(config.kind, config.rounds, config.rest)
        self._config = config

    def make(self, venue_ids: Sequence[str]) -> Reinforcement:
        """Even shares."""
        return Reinforcement(self._config.worth_of(venue_ids))

    def grow(self, law: Reinforcement, venue_id: str) -> None:
        """One more venue."""
        law.grow(*self._config.worth_of([venue_id]))

    def shares(self, law: Reinforcement) -> list[float]:
        """In proportion to what was brought."""
        return law.shares()

    def tell(self, law: Reinforcement, qty: int, answers: list[tuple[int, int] | None]) -> None:
        """Add the part of the order that each filled."""
        law.learn([0.0 if answer is None else answer[1] / qty for answer in answers])


class ReinforcementConfig(WorthConfig):
    """Split over silent pools in proportion to what each has brought: a baseline, no optimum.

    It settles, slowly, where each lot asked brings the same on average, which may be worse than an
    even split.

    Source: Laruelle, Lehalle and Pages (2011), the reinforcement algorithm, which they compare with
    the Lagrangian one; the volume of an order counts as 1.
    """

    kind: Literal["reinforcement"]

    def build(self) -> ReinforcementStrategy:
        """The strategy."""
        return ReinforcementStrategy(self)
