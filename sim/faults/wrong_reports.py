"""The base of faults that have a venue report what is not so, and what they make reports from.

Reports that they invent have no number in the session, and a number of their own as executions, far
beyond any that a venue gives.
"""

from typing import Any, Final

import msgspec

from sim.faults.base import Leg, MessageFault, Tools, changed
from sim.kernel.loop import Event
from sim.protocol.enums import ExecType, OrdStatus
from sim.protocol.orders import ExecutionReport
from sim.protocol.session import FromVenue

_INVENTED: Final = 10**12
ENDS: Final = frozenset({ExecType.CANCELED, ExecType.EXPIRED, ExecType.DONE_FOR_DAY})


class ReportFault(MessageFault):
    """A fault of what a venue says of our orders, where an execution report says it."""

    @property
    def on_leg(self) -> Leg:
        """See the base."""
        return "report"


class FillFault(ReportFault):
    """A fault of fills."""

    def may_strike(self, msg: Any, tools: Tools) -> bool:
        """See the base."""
        return is_fill(msg)


def is_fill(msg: Any) -> bool:
    """Whether a message reports a fill, and not that one is taken back."""
    return (
        type(msg) is FromVenue
        and type(msg.report) is ExecutionReport
        and msg.report.exec_type is ExecType.TRADE
        and msg.report.last_px is not None
    )


def is_end(msg: Any) -> bool:
    """Whether a message reports that an order has ended with lots open."""
    return (
        type(msg) is FromVenue
        and type(msg.report) is ExecutionReport
        and msg.report.exec_type in ENDS
        and msg.report.order_qty > msg.report.cum_qty
    )


def order_in(report: ExecutionReport) -> str:
    """The id of the order that a report is about, whatever request it answers."""
    return report.orig_cl_ord_id or report.cl_ord_id


def saying(event: Event, **fields: Any) -> Event:
    """The same arrival with a report that says something else."""
    report = msgspec.structs.replace(event.msg.report, **fields)
    return changed(event, msgspec.structs.replace(event.msg, report=report))


def invented(event: Event, **fields: Any) -> Event:
    """A report that the venue never sent, made from one that it sent."""
    report = msgspec.structs.replace(event.msg.report, **fields)
    return changed(event, FromVenue(event.msg.venue_id, report, 0, event.msg.session))


def new_exec_id(tools: Tools) -> int:
    """A number of an execution that no other report has."""
    number = tools.memory["executions"] = tools.memory.get("executions", 0) + 1
    return _INVENTED + int(tools.keyed.uniform("execution", number) * _INVENTED)


def status_with(leaves_qty: int) -> OrdStatus:
    """The state of an order that has just filled."""
    return OrdStatus.PARTIALLY_FILLED if leaves_qty else OrdStatus.FILLED
