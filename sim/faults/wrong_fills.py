"""``over_fill``, ``fill_outside_limit`` and ``wrong_cum_qty``: reports with a wrong figure."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from sim.faults.base import Asked, Struck, Tools
from sim.faults.wrong_reports import (
    FillFault,
    ReportFault,
    is_end,
    is_fill,
    order_in,
    saying,
)
from sim.kernel.loop import Event
from sim.protocol.enums import OrdStatus, Side
from sim.protocol.units import MAX_TICKS


class OverFill(FillFault):
    """A fill is reported as larger than what was open of its order.

    Source: FIX 4.4: CumQty (14) is never more than OrderQty (38), which this breaks.
    """

    kind: Literal["over_fill"]
    lots: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1
    """How many lots too many."""

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        report = event.msg.report
        was_open = report.leaves_qty + report.last_qty
        qty = was_open + self.lots
        wrong = saying(
            event,
            last_qty=qty,
            cum_qty=report.cum_qty - report.last_qty + qty,
            leaves_qty=0,
            ord_status=OrdStatus.FILLED,
        )
        return Struck(f"{qty} lots filled where {was_open} were open", ((event.t_ns, wrong),))


class FillOutsideLimit(FillFault):
    """A fill is reported at a price beyond the limit of its order.

    Source: FIX 4.4, field 44 (Price): a limit order trades there or better, which this breaks.
    """

    kind: Literal["fill_outside_limit"]
    notes_orders: ClassVar[bool] = True
    ticks: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """How many ticks beyond the limit."""

    def may_strike(self, msg: Any, tools: Tools) -> bool:
        """See the base; what has no limit cannot be beyond it."""
        return is_fill(msg) and self._wrong_px(tools.orders.get(order_in(msg.report))) is not None

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        asked = tools.orders[order_in(event.msg.report)]
        px = self._wrong_px(asked)
        wrong = saying(event, last_px=px)
        detail = f"filled at {px} ticks where the limit is {asked.limit}"
        return Struck(detail, ((event.t_ns, wrong),))

    def _wrong_px(self, asked: Asked | None) -> int | None:
        if asked is None or asked.limit is None:
            return None
        px = asked.limit + (self.ticks if asked.side is Side.BUY else -self.ticks)
        return px if 1 <= px <= MAX_TICKS else None


class WrongCumQty(ReportFault):
    """A report counts more lots as filled so far than were reported, or fewer.

    Source: own convention; FIX 4.4, field 14 (CumQty), is what it gets wrong.
    """

    kind: Literal["wrong_cum_qty"]
    messages: Literal["any", "fill", "canceled"] = "any"
    """Which reports: of fills, of ends with lots open, or both."""
    lots: Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)] = 1
    """How many lots too many; too few if it is negative."""

    @field_validator("lots")
    @classmethod
    def _wrong_indeed(cls, lots: int) -> int:
        if not lots:
            raise ValueError("must not be 0: then nothing would be wrong")
        return lots

    def may_strike(self, msg: Any, tools: Tools) -> bool:
        """See the base."""
        fits = (self.messages != "canceled" and is_fill(msg)) or (
            self.messages != "fill" and is_end(msg)
        )
        return fits and msg.report.cum_qty + self.lots >= 0

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        true_qty = event.msg.report.cum_qty
        cum_qty = true_qty + self.lots
        detail = f"{cum_qty} lots counted as filled in place of {true_qty}"
        return Struck(detail, ((event.t_ns, saying(event, cum_qty=cum_qty)),))
