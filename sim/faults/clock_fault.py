"""``clock_fault``: a venue whose clock is wrong.

Time of the run is one whole number that never goes back, and no fault touches it. What a venue
writes on its messages (``transact_ns`` of reports, ``published_ns`` of market data) comes from its
own clock, and that may go wrong.
"""

from typing import Annotated, Any, Final, Literal, Self

import msgspec
from pydantic import Field, model_validator

from sim.faults.base import Leg, MessageFault, Struck, Tools, changed
from sim.kernel.loop import Event
from sim.protocol.config import Duration
from sim.protocol.market_data import BookSnapshot, TradingStatus
from sim.protocol.session import FromVenue

DAY_NS: Final = 24 * 60 * 60 * 10**9


class ClockFault(MessageFault):
    """The times that a venue writes on its messages are behind, ahead, or stand still.

    Source: own convention; RTS 25 (Regulation 2017/574) bounds how wrong a venue's clock may be.
    """

    kind: Literal["clock_fault"]
    leg: Literal["report", "feed"]
    """Whose times: those of reports, or those of market data."""
    clock: Literal["behind", "ahead", "still"]
    """``still``: each has the time of the first one that it strikes."""
    by: Annotated[Duration, Field(gt=0)] | None = None
    """How far behind or ahead; without it a day."""

    @model_validator(mode="after")
    def _still_has_no_distance(self) -> Self:
        if self.clock == "still" and self.by is not None:
            raise ValueError("by belongs to behind and ahead: what stands still has no distance")
        return self

    @property
    def on_leg(self) -> Leg:
        """See the base."""
        return self.leg

    def may_strike(self, msg: Any, tools: Tools) -> bool:
        """See the base."""
        wanted = FromVenue if self.leg == "report" else BookSnapshot | TradingStatus
        return isinstance(msg, wanted)

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        msg = event.msg
        if type(msg) is FromVenue:
            true_ns = msg.report.transact_ns
            said_ns = self._said(true_ns, tools)
            report = msgspec.structs.replace(msg.report, transact_ns=said_ns)
            wrong: Any = msgspec.structs.replace(msg, report=report)
        else:
            true_ns = msg.published_ns
            said_ns = self._said(true_ns, tools)
            wrong = msgspec.structs.replace(msg, published_ns=said_ns)
        detail = f"{said_ns} ns in place of {true_ns} ns"
        return Struck(detail, ((event.t_ns, changed(event, wrong)),))

    def _said(self, true_ns: int, tools: Tools) -> int:
        if self.clock == "still":
            said_ns: int = tools.memory.setdefault("still", true_ns)
            return said_ns
        by_ns = DAY_NS if self.by is None else self.by
        return true_ns + by_ns if self.clock == "ahead" else true_ns - by_ns
