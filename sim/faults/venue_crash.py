"""``venue_crash``: the task of a venue dies of an error."""

from typing import Literal

from sim.faults.at_venue import VenueFault
from sim.faults.base import Tools
from sim.faults.host import Orders, VenueHost


class VenueCrash(VenueFault):
    """A venue dies: messages to it are lost, it says nothing, and the router's session ends.

    With ``lasts`` it comes back. It publishes its book anew; what its recording and its hours had
    for it meanwhile it catches up with before it trades. Other people's messages are lost, too.

    Source: own convention; a matching engine that fails, and recovers from its journal or without.
    """

    kind: Literal["venue_crash"]
    orders: Orders = "kept"
    """``kept``: resting orders, and what was reported to whom, are as before the crash. ``lost``:
    all orders are gone, only others are told so, the next session has a new number, and of orders
    from before the venue knows nothing."""

    @property
    def detail(self) -> str:
        """See the base."""
        return f"orders {self.orders}"

    def begin(self, host: VenueHost, tools: Tools) -> None:
        """See the base."""
        host.crash(self.venue, tools.fault_id)

    def end(self, host: VenueHost, tools: Tools) -> None:
        """See the base."""
        host.restart(self.venue, tools.fault_id, self.orders)
