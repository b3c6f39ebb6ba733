"""``disconnect``: the line between the router and a venue is cut."""

from typing import Literal

from sim.faults.at_venue import VenueFault
from sim.faults.base import Tools
from sim.faults.host import VenueHost


class Disconnect(VenueFault):
    """The line to a venue is cut: what is on its way is lost both ways, the venue trades on.

    The router learns of it after the expected delay of the report leg, and of the line's return as
    well. The session and its numbers go on: what the venue reported meanwhile can be asked for.

    Source: FIX session layer; cancel on disconnect as exchanges offer it.
    """

    kind: Literal["disconnect"]
    cancel_on_disconnect: bool = False
    """Whether the venue cancels the router's open orders at that instant."""
    market_data: bool = False
    """Whether the venue's market data are cut off from the router, too."""

    @property
    def detail(self) -> str:
        """See the base."""
        return "orders canceled" if self.cancel_on_disconnect else ""

    def begin(self, host: VenueHost, tools: Tools) -> None:
        """See the base."""
        host.disconnect(
            self.venue,
            tools.fault_id,
            cancels=self.cancel_on_disconnect,
            market_data=self.market_data,
        )

    def end(self, host: VenueHost, tools: Tools) -> None:
        """See the base."""
        host.reconnect(self.venue, tools.fault_id)
