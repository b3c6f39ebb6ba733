"""``message_loss``: messages that never arrive."""

from typing import Literal

from sim.faults.any_leg import AnyLegFault
from sim.faults.base import Struck, Tools
from sim.kernel.loop import Event


class MessageLoss(AnyLegFault):
    """Messages of a leg are lost on their way.

    Source: own convention; a line that drops what it was given, as datagrams do.
    """

    kind: Literal["message_loss"]

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        return Struck("lost")
