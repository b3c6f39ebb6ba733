"""``latency_spike`` and ``latency_burst``: a leg that takes longer for a while, in order.

What they add counts as held, not as drawn: the drawn part of a delay follows its law always.
"""

from math import log
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from sim.faults.any_leg import AnyLegFault
from sim.faults.base import Struck, Tools
from sim.kernel.loop import Event
from sim.protocol.config import Duration
from sim.protocol.units import format_duration


class _Held(AnyLegFault):
    """Messages arrive later, and whatever comes behind them on the leg waits for them."""

    keeps_order: ClassVar[bool] = True
    by: Annotated[Duration, Field(gt=0)]
    """How much later they arrive."""


class LatencySpike(_Held):
    """Messages of a leg are held up, and what comes behind them waits for them.

    Source: own convention; what a lost packet does to a line that keeps its order (TCP): all that
    is behind it stands in the receiver until it has come again.
    """

    kind: Literal["latency_spike"]

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        return Struck(f"held up for {format_duration(self.by)}", ((event.t_ns + self.by, event),))


class LatencyBurst(_Held):
    """For a time every message of a leg takes longer, all by as much or by a random time.

    Source: own convention; a congested line. With ``law: exponential`` what is added is drawn for
    each message anew, with ``by`` as its mean.
    """

    kind: Literal["latency_burst"]
    law: Literal["fixed", "exponential"] = "fixed"
    """Whether all are later by as much, or each by a time of its own."""

    @model_validator(mode="after")
    def _has_a_length(self) -> "LatencyBurst":
        if self.lasts is None and self.count is None and self.share is None:
            raise ValueError("must say how long it lasts, such as lasts: 50ms, or count or share")
        return self

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        by_ns = self.by
        if self.law == "exponential":
            number = tools.memory["held"] = tools.memory.get("held", 0) + 1
            by_ns = round(-log(tools.keyed.uniform("held", number)) * by_ns)
        return Struck(f"held up for {format_duration(by_ns)}", ((event.t_ns + by_ns, event),))
