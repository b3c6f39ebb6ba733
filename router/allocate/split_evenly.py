"""``split_evenly``: the same quantity to each venue, as far as it shows that much."""

from typing import Literal

from router.allocate.base import Allocation, AllocationRequest, Depth, Strategy
from router.allocate.by_weight import ranked, split_by_weight
from sim.protocol.config import ScenarioModel


class SplitEvenly(Strategy):
    """Splits into equal parts; what a venue cannot give goes to the others."""

    name = "split_evenly"

    def __init__(self, depth: Depth) -> None:
        self.depth: Depth = depth

    def allocate(self, request: AllocationRequest) -> Allocation:
        """Split evenly over the venues that show something."""
        offers = ranked(request)
        return split_by_weight(request, offers, [1] * len(offers))


class SplitEvenlyConfig(ScenarioModel):
    """Send the same quantity to each venue, as far as it shows that much.

    Source: own convention: the baseline of a router that knows of each venue only that it exists;
    largest remainder, ties to the better price.
    """

    kind: Literal["split_evenly"]
    depth: Depth = "full"
    """What may be used of each venue."""

    def build(self) -> SplitEvenly:
        """The strategy."""
        return SplitEvenly(self.depth)
