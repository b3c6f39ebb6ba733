"""``stochastic_split``: a fixed split over silent pools, found by a stochastic gradient.

``router.allocate.learning.stochastic`` has the law, ``router.allocate.pools`` the rounds.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from router.allocate.learning.stochastic import StochasticSplit
from router.allocate.pools import ShareStrategy, WorthConfig
from sim.protocol.config import DecimalText, PositiveDecimal


class StochasticSplitStrategy(ShareStrategy[StochasticSplit]):
    """Splits by shares that climb towards the best fixed split."""

    def __init__(self, config: "StochasticSplitConfig") -> None:
        super().__init__(config.kind, config.rounds, config.rest)
        self._config = config

    def make(self, venue_ids: Sequence[str]) -> StochasticSplit:
        """Even shares."""
        config = self._config
        return StochasticSplit(config.worth_of(venue_ids), float(config.gain), float(config.power))

    def grow(self, law: StochasticSplit, venue_id: str) -> None:
        """One more venue."""
        law.grow(*self._config.worth_of([venue_id]))

    def shares(self, law: StochasticSplit) -> list[float]:
        """The present split."""
        return law.split

    def tell(self, law: StochasticSplit, qty: int, answers: list[tuple[int, int] | None]) -> None:
        """A pool whose share came to no lot filled all of nothing."""
        law.learn([None if answer is None else answer[1] == answer[0] for answer in answers])


class StochasticSplitConfig(WorthConfig):
    """Split over silent pools by shares that climb towards the best fixed split.

    Source: Laruelle, Lehalle and Pages, Optimal split of orders across liquidity pools: a
    stochastic algorithm approach (SIAM Journal on Financial Mathematics 2, 2011), the Lagrangian
    algorithm; the volume of an order counts as 1, whole lots by largest remainder.
    """

    kind: Literal["stochastic_split"]
    gain: Annotated[PositiveDecimal, Field(le=10)] = Decimal("0.5")
    """Size of the first step, as a part of the order."""
    power: Annotated[DecimalText, Field(ge=0, le=1)] = Decimal("0.75")
    """The n-th step is ``gain / n**power``. With 0 steps do not shrink, and shares follow a supply
    that changes; above 0.5 they settle."""

    def build(self) -> StochasticSplitStrategy:
        """The strategy."""
        return StochasticSplitStrategy(self)
