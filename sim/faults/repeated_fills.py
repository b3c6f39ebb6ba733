"""``duplicate_exec_id`` and ``duplicate_fill``: one execution, reported more than once."""

from typing import Literal

from pydantic import Field

from sim.faults.base import Struck, Tools
from sim.faults.wrong_reports import FillFault, invented, new_exec_id, status_with
from sim.kernel.loop import Event
from sim.protocol.config import Duration


class DuplicateExecId(FillFault):
    """A fill is reported again under its own execution id, with the same content or with other.

    Source: FIX 4.4, field 17 (ExecID): unique for each report; what breaks that is a venue's fault.
    """

    kind: Literal["duplicate_exec_id"]
    content: Literal["same", "other"] = "same"
    """Whether the second report says the same, or another quantity."""
    after: Duration = Field(0, json_schema_extra={"default": "0ns"})
    """How much later the second one arrives."""

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        report, t_ns = event.msg.report, event.t_ns + self.after
        if self.content == "same":
            detail, again = f"execution {report.exec_id} once more", invented(event)
        else:
            qty = report.last_qty + 1
            detail = f"execution {report.exec_id} once more, of {qty} lots in place of {qty - 1}"
            again = invented(event, last_qty=qty)
        return Struck(detail, ((event.t_ns, event), (t_ns, again)))


class DuplicateFill(FillFault):
    """A fill is reported again under a new execution id, as if it were another one.

    The second report counts the lots once more, as far as the order is that large.

    Source: own convention; a venue that forgets what it has reported.
    """

    kind: Literal["duplicate_fill"]
    after: Duration = Field(0, json_schema_extra={"default": "0ns"})
    """How much later the second one arrives."""

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        report = event.msg.report
        exec_id = new_exec_id(tools)
        leaves_qty = max(0, report.leaves_qty - report.last_qty)
        again = invented(
            event,
            exec_id=exec_id,
            cum_qty=min(report.order_qty, report.cum_qty + report.last_qty),
            leaves_qty=leaves_qty,
            ord_status=status_with(leaves_qty),
        )
        detail = f"{report.last_qty} lots once more, as execution {exec_id}"
        return Struck(detail, ((event.t_ns, event), (event.t_ns + self.after, again)))
