"""``pro_rata``: each venue gets a part of the order as large as its part of what is shown."""

from typing import Literal

from router.allocate.base import Allocation, AllocationRequest, Depth, Strategy
from router.allocate.by_weight import ranked, split_by_weight, usable
from sim.protocol.config import ScenarioModel


class ProRata(Strategy):
    """Splits by visible size, whatever the prices within the parent's limit."""

    name = "pro_rata"

    def __init__(self, depth: Depth) -> None:
        self.depth: Depth = depth

    def allocate(self, request: AllocationRequest) -> Allocation:
        """Split in proportion to the lots that each venue shows."""
        offers = ranked(request)
        return split_by_weight(request, offers, [usable(offer, request) for offer in offers])


class ProRataConfig(ScenarioModel):
    """Split in proportion to what each venue shows within the limit, whatever the price.

    Source: the customer's document, splitting by displayed liquidity; own convention: largest
    remainder, ties to the better price.
    """

    kind: Literal["pro_rata"]
    depth: Depth = "full"
    """What counts as shown: the best level of each venue, or all that the limit allows."""

    def build(self) -> ProRata:
        """The strategy."""
        return ProRata(self.depth)
