"""``message_duplication``: messages that arrive twice."""

from typing import Literal

from pydantic import Field

from sim.faults.any_leg import AnyLegFault
from sim.faults.base import Struck, Tools
from sim.kernel.loop import Event
from sim.protocol.config import Duration


class MessageDuplication(AnyLegFault):
    """Messages of a leg arrive a second time, byte for byte.

    Source: own convention; FIX marks what it resends (PossDupFlag), a faulty line does not.
    """

    kind: Literal["message_duplication"]
    after: Duration = Field(0, json_schema_extra={"default": "0ns"})
    """How much later the second one arrives."""

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        t_ns = event.t_ns
        return Struck("arrives twice", ((t_ns, event), (t_ns + self.after, event)))
