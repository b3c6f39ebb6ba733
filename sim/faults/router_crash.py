"""``router_crash``: the router alone dies, and comes back from its own records."""

from typing import Literal

from sim.faults.base import StateFault, Tools
from sim.faults.host import RouterHost


class RouterCrash(StateFault):
    """The router dies and forgets all it knew; venues and their orders live on.

    With ``lasts`` it comes back with what its audit records say. Its lines to all venues are cut
    meanwhile; clients' orders that come wait for it. What may still fill is unknown until its venue
    has said what became of it; no id is used twice.

    Source: own convention; recovery from a journal, and FIX sessions that go on by their numbers.
    """

    kind: Literal["router_crash"]
    cancel_on_disconnect: bool = False
    """Whether venues cancel the router's open orders as its lines are cut."""

    @property
    def detail(self) -> str:
        """See the base."""
        return "orders canceled" if self.cancel_on_disconnect else ""

    def begin(self, host: RouterHost, tools: Tools) -> None:
        """See the base."""
        host.crash_router(tools.fault_id, cancels=self.cancel_on_disconnect)

    def end(self, host: RouterHost, tools: Tools) -> None:
        """See the base."""
        host.restart_router(tools.fault_id)
