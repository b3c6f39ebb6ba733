"""``min_impact``: what shows least first: dark pools, then market makers, then lit venues."""

from typing import Literal

from router.allocate.base import (
    LEAST_SEEN_FIRST,
    Allocation,
    AllocationRequest,
    Depth,
    Strategy,
    walk,
)
from sim.protocol.config import ScenarioModel


class MinImpact(Strategy):
    """Fills up each class of venues before the next."""

    name = "min_impact"

    def __init__(self, depth: Depth) -> None:
        self.depth: Depth = depth

    def allocate(self, request: AllocationRequest) -> Allocation:
        """Split by class, inside a class by price and the tie rules."""
        groups = [
            tuple([offer for offer in request.offers if offer.visibility == visibility])
            for visibility in LEAST_SEEN_FIRST
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
