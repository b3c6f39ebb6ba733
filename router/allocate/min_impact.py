"""``min_impact``: what shows least first: dark pools, then market makers, then lit venues."""

from typing import Final, Literal

from router.allocate.base import Allocation, AllocationRequest, Depth, walk
from sim.protocol.config import ScenarioModel

_ORDER: Final = ("dark", "maker", "lit")


class MinImpact:
    """Fills up each class of venues before the next."""

    name = "min_impact"

    def __init__(self, depth: Depth) -> None:
        self.depth: Depth = depth

    def allocate(self, request: AllocationRequest) -> Allocation:
        """Split by class, inside a class by price and the tie rules."""
        groups = [
            tuple([offer for offer in request.offers if offer.visibility == visibility])
            for visibility in _ORDER
        ]
        return walk(request, groups, {})


class MinImpactConfig(ScenarioModel):
    """Dark pools first, then market makers, then lit venues; best price first inside each.

    Source: the customer's document, which prefers what shows least.
    """

    kind: Literal["min_impact"]
    depth: Depth = "full"
    """What the first split may use of each venue."""

    def build(self) -> MinImpact:
        """The strategy."""
        return MinImpact(self.depth)
