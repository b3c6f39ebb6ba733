"""``flood``: others send a venue very many messages."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.faults.at_venue import VenueFault
from sim.faults.base import STRIKES_MAX, Tools
from sim.faults.host import VenueHost


class Flood(VenueFault):
    """Others send a venue cancels of orders that it does not know, evenly over a time.

    They change nothing in its book, but where it takes its time over messages (``processing``) they
    wait in its queue before ours, and fill it.

    Source: own convention; quote stuffing, or a client's loop.
    """

    kind: Literal["flood"]
    messages: Annotated[int, Field(ge=1, le=STRIKES_MAX)]
    """How many, each time that it comes."""

    @model_validator(mode="after")
    def _has_a_length(self) -> "Flood":
        if self.lasts is None:
            raise ValueError("must say how long it lasts, such as lasts: 50ms")
        return self

    @property
    def detail(self) -> str:
        """See the base."""
        return f"{self.messages} messages"

    def begin(self, host: VenueHost, tools: Tools) -> None:
        """See the base."""
        assert self.lasts is not None  # checked as it was loaded
        host.flood(self.venue, tools.fault_id, self.messages, self.lasts)

    def end(self, host: VenueHost, tools: Tools) -> None:
        """Nothing is left to be ended: the last message has come."""
