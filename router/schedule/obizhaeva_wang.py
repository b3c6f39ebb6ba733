"""``obizhaeva_wang``: a block at each end and equal trades between, against a book that refills.

The paper's N intervals are between N + 1 trades. Here ``slices`` counts the trades, and the last
one comes one interval before the horizon's end, so that it has as long to fill as the others.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from router.schedule.base import Draws, FixedPace, Pace, ParentFacts, Sliced, SlicedConfig
from router.schedule.execution_cost import block_schedule

_SECOND = 1_000_000_000


class ObizhaevaWangConfig(SlicedConfig):
    """Release a block first and last and equal slices between, by how fast the book refills.

    Source: Obizhaeva & Wang, "Optimal trading strategy and supply/demand dynamics", 2013: the
    schedule without risk aversion, by its discrete form.
    """

    kind: Literal["obizhaeva_wang"]
    resilience: Annotated[float, Field(ge=0, le=1e12)]
    """How fast the book refills: what our own trade has moved the price by falls with this rate per
    second. 0: it stays, and only the first and the last slice are left."""
    slices: Annotated[int, Field(ge=2, le=100_000)] = 10
    """How many trades, at equal distances; the first at once, the last one distance before the
    end."""

    def build(self, facts: ParentFacts, draws: Draws) -> Sliced:
        """The schedule of one parent."""
        return Sliced(self.kind, self, facts, draws, self._pace)

    def _pace(self, facts: ParentFacts, horizon: int, factors: Sequence[float]) -> Pace:
        decay = self.resilience * (horizon / self.slices / _SECOND)
        trades = block_schedule(1.0, self.slices - 1, decay)
        middle = [trades.middle] * (self.slices - 2)
        weights = [trades.first, *middle, trades.last]
        return FixedPace(
            [weight * factor for weight, factor in zip(weights, factors, strict=True)],
            facts.order_qty,
        )
