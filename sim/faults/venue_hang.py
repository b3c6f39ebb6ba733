"""``venue_hang``: a venue takes everything and answers nothing, for a time."""

from typing import Literal

from sim.faults.at_venue import VenueFault
from sim.faults.base import Tools
from sim.faults.host import VenueHost


class VenueHang(VenueFault):
    """A venue does nothing: what reaches it waits, and is done in its order as it goes on.

    Its session stays up and its last quote stands. What waits is bounded only by what is sent.

    Source: own convention; a long collection of garbage, a full disk, a lock.
    """

    kind: Literal["venue_hang"]

    def begin(self, host: VenueHost, tools: Tools) -> None:
        """See the base."""
        host.hang(self.venue, tools.fault_id)

    def end(self, host: VenueHost, tools: Tools) -> None:
        """See the base."""
        host.wake(self.venue, tools.fault_id)
