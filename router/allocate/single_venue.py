"""``single_venue``: everything to one venue, the baseline that routing is compared with."""

from typing import Literal

from router.allocate.base import Allocation, AllocationRequest, Depth, Strategy, walk
from sim.protocol.config import Ident, ScenarioModel


class SingleVenue(Strategy):
    """Uses one venue and refuses the others."""

    name = "single_venue"

    def __init__(self, venue_id: str, depth: Depth) -> None:
        self.only = venue_id
        self.depth: Depth = depth

    def allocate(self, request: AllocationRequest) -> Allocation:
        """Take what the one venue offers."""
        chosen = tuple([o for o in request.offers if o.venue_id == self.only])
        others = {o.venue_id: "other_venue" for o in request.offers if o.venue_id != self.only}
        return walk(request, (chosen,), others)


class SingleVenueConfig(ScenarioModel):
    """Send everything to ``venue``.

    Source: own convention: the baseline that routing is compared with.
    """

    kind: Literal["single_venue"]
    venue: Ident
    """Where everything goes."""
    depth: Depth = "full"
    """What the first split may use of the venue."""

    def build(self) -> SingleVenue:
        """The strategy."""
        return SingleVenue(self.venue, self.depth)
