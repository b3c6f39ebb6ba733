"""What state faults may do to a run: whoever supervises its venues does it.

Each call names the venue and the fault. A venue is in a state as long as any fault keeps it there,
so that two faults of one kind may overlap.
"""

from collections.abc import Callable
from typing import Literal, Protocol

from sim.protocol.enums import RejectReason

Orders = Literal["kept", "lost"]


class VenueHost(Protocol):
    """What can be done to venues."""

    def crash(self, venue_id: str, fault_id: str) -> None:
        """End the venue's task with an error. A venue that has died of itself stays as it is."""
        ...

    def restart(self, venue_id: str, fault_id: str, orders: Orders) -> None:
        """Start the venue again, with all its orders and numbers or with none."""
        ...

    def hang(self, venue_id: str, fault_id: str) -> None:
        """Let it take everything and do nothing."""
        ...

    def wake(self, venue_id: str, fault_id: str) -> None:
        """Let it do all that has waited, in its order."""
        ...

    def disconnect(self, venue_id: str, fault_id: str, *, cancels: bool, market_data: bool) -> None:
        """Cut the line between the router and the venue.

        Args:
            venue_id: The venue.
            fault_id: The fault.
            cancels: Whether the venue cancels the router's open orders.
            market_data: Whether its market data are lost on their way to the router, too.
        """
        ...

    def reconnect(self, venue_id: str, fault_id: str) -> None:
        """Mend the line; the session and its numbers go on."""
        ...

    def halt(self, venue_id: str, fault_id: str, *, cancels: bool) -> None:
        """Stop trading, with resting orders kept or canceled."""
        ...

    def resume(self, venue_id: str, fault_id: str) -> None:
        """Let trading go on."""
        ...

    def refuse(
        self,
        venue_id: str,
        fault_id: str,
        reason: RejectReason,
        which: Callable[[str], bool],
    ) -> None:
        """Refuse the router's new orders and replaces whose id ``which`` picks."""
        ...

    def accept(self, venue_id: str, fault_id: str) -> None:
        """Refuse nothing any more."""
        ...

    def flood(self, venue_id: str, fault_id: str, messages: int, over_ns: int) -> None:
        """Let others send it messages, evenly over a time, that change nothing there."""
        ...


class RouterHost(Protocol):
    """What can be done to the router."""

    def crash_router(self, fault_id: str, *, cancels: bool) -> None:
        """Let it lose all it knows and hear nothing, with its lines to all venues cut.

        Args:
            fault_id: The fault.
            cancels: Whether the venues cancel its open orders.
        """
        ...

    def restart_router(self, fault_id: str) -> None:
        """Let it come back from its own records, and mend its lines."""
        ...
