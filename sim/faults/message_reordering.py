"""``message_reordering``: messages that others overtake."""

from typing import Annotated, Literal

from pydantic import Field

from sim.faults.any_leg import AnyLegFault
from sim.faults.base import Struck, Tools
from sim.kernel.loop import Event
from sim.protocol.config import Duration


class MessageReordering(AnyLegFault):
    """Messages of a leg wait on their way until later ones have overtaken them.

    One at a time: while a message waits to be overtaken, no other begins to.

    Source: own convention; lines that order what they carry (TCP) never do this, several lines
    side by side and datagrams do.
    """

    kind: Literal["message_reordering"]
    behind: Annotated[int, Field(ge=1, le=1_000)] = 1
    """How many later messages of the leg, of any kind, overtake it."""
    wait: Duration = Field(100_000_000, gt=0, json_schema_extra={"default": "100ms"})
    """It arrives so much later at the latest, however many have overtaken it by then."""

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        return Struck("overtaken", ((event.t_ns + self.wait, event),), behind=self.behind)
