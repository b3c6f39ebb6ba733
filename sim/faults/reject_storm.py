"""``reject_storm``: a venue refuses the router's orders, for a time."""

from typing import Annotated, Literal

from pydantic import Field

from sim.faults.at_venue import VenueFault
from sim.faults.base import Tools
from sim.faults.host import VenueHost
from sim.protocol.enums import RejectReason


class RejectStorm(VenueFault):
    """A venue refuses the router's new orders and replaces, all or a part; cancels it takes.

    Source: own convention; a risk check or a throttle at the venue that has gone wrong.
    """

    kind: Literal["reject_storm"]
    reason: Literal["throttled", "exchange_closed", "order_exceeds_limit", "price_exceeds_band"] = (
        "throttled"
    )
    """Why, as it says."""
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The probability that a message is refused, each for itself."""

    @property
    def detail(self) -> str:
        """See the base."""
        return self.reason if self.share == 1 else f"{self.reason}, a share of {self.share:g}"

    def begin(self, host: VenueHost, tools: Tools) -> None:
        """See the base."""
        share, keyed = self.share, tools.keyed

        def is_refused(cl_ord_id: str) -> bool:
            return share == 1 or keyed.uniform(cl_ord_id) < share

        host.refuse(self.venue, tools.fault_id, RejectReason(self.reason), is_refused)

    def end(self, host: VenueHost, tools: Tools) -> None:
        """See the base."""
        host.accept(self.venue, tools.fault_id)
