"""``trading_halt``: a venue halts and resumes."""

from typing import Literal

from sim.faults.at_venue import VenueFault
from sim.faults.base import Tools
from sim.faults.host import VenueHost


class TradingHalt(VenueFault):
    """A venue stops trading, and says so on its feed, as under a halt of its own timetable.

    It shows nothing, refuses new orders and replaces as "exchange closed", and takes cancels. Its
    own hours count as well: what would open it waits until the halt is over.

    Source: Own convention; market-wide and single-venue halts of exchanges' rule books.
    """

    kind: Literal["trading_halt"]
    orders: Literal["keep", "cancel"] = "keep"
    """What becomes of resting orders."""

    @property
    def detail(self) -> str:
        """See the base."""
        return f"orders: {self.orders}"

    def begin(self, host: VenueHost, tools: Tools) -> None:
        """See the base."""
        host.halt(self.venue, tools.fault_id, cancels=self.orders == "cancel")

    def end(self, host: VenueHost, tools: Tools) -> None:
        """See the base."""
        host.resume(self.venue, tools.fault_id)
