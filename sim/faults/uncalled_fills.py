"""``fill_after_cancel`` and ``orphan_fill``: fills of what is not open, or is not ours."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from sim.faults.base import Struck, Tools
from sim.faults.wrong_reports import (
    FillFault,
    ReportFault,
    invented,
    is_end,
    new_exec_id,
    order_in,
    status_with,
)
from sim.kernel.loop import Event
from sim.protocol.config import Duration
from sim.protocol.enums import ExecType, Side


class FillAfterCancel(ReportFault):
    """After an order was reported as ended with lots open, a fill of them is reported.

    At the order's limit, so it strikes ends of limit orders alone.

    Source: FIX 4.4, order state changes: nothing fills after a final state, which this breaks.
    """

    kind: Literal["fill_after_cancel"]
    notes_orders: ClassVar[bool] = True
    lots: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """How many lots, at most what was left open; without it all of that."""
    after: Duration = Field(0, json_schema_extra={"default": "0ns"})
    """How much later than the end it arrives."""

    def may_strike(self, msg: Any, tools: Tools) -> bool:
        """See the base."""
        if not is_end(msg):
            return False
        asked = tools.orders.get(order_in(msg.report))
        return asked is not None and asked.limit is not None

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        report = event.msg.report
        name = order_in(report)
        asked = tools.orders[name]
        was_open = report.order_qty - report.cum_qty
        qty = was_open if self.lots is None else min(self.lots, was_open)
        fill = invented(
            event,
            exec_type=ExecType.TRADE,
            ord_status=status_with(was_open - qty),
            cl_ord_id=name,
            orig_cl_ord_id=None,
            exec_id=new_exec_id(tools),
            cum_qty=report.cum_qty + qty,
            leaves_qty=0,
            last_px=asked.limit,
            last_qty=qty,
            reject_reason=None,
        )
        detail = f"{qty} lots filled at {asked.limit} ticks after the end"
        return Struck(detail, ((event.t_ns, event), (event.t_ns + self.after, fill)))


class OrphanFill(FillFault):
    """Beside a fill another one is reported that no order of ours can have.

    Source: own convention; a report that is sent to the wrong client, or under a wrong id.
    """

    kind: Literal["orphan_fill"]
    of: Literal["unknown_order", "other_side"] = "unknown_order"
    """Of an order that the router never sent, or of the order that filled, on the other side."""

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        report, exec_id = event.msg.report, new_exec_id(tools)
        if self.of == "unknown_order":
            number = tools.memory["orphans"] = tools.memory.get("orphans", 0) + 1
            name = f"{tools.fault_id}.{number}"
            orphan = invented(event, exec_id=exec_id, cl_ord_id=name, orig_cl_ord_id=None)
            detail = f"{report.last_qty} lots of an order {name}"
        else:
            side = Side.SELL if report.side is Side.BUY else Side.BUY
            orphan = invented(event, exec_id=exec_id, side=side)
            detail = f"{report.last_qty} lots on the other side"
        return Struck(detail, ((event.t_ns, event), (event.t_ns, orphan)))
