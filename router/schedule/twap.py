"""``twap``: equal slices in equal steps of time."""

from typing import Literal

from router.schedule.base import Draws, ParentFacts, Sliced, SlicedConfig, fixed_pace


class TwapConfig(SlicedConfig):
    """Release equal slices at equal distances over the horizon.

    Source: time-weighted average price, the baseline that the customer's documents name.
    """

    kind: Literal["twap"]

    def build(self, facts: ParentFacts, draws: Draws) -> Sliced:
        """The schedule of one parent."""
        return Sliced(self.kind, self, facts, draws, fixed_pace([1.0] * self.slices))
