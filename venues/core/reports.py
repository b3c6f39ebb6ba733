"""Making report messages out of orders and the plain integers that a core computes with.

A ``NewType`` costs a call each time a number passes through it, which in the matching loop would
be more than the report itself. So the casts from integers to lots, ticks and nanoseconds are
declared here once, as the signature of the constructor.
"""

from typing import Final, Protocol, cast

import msgspec

from sim.protocol.enums import (
    CxlRejReason,
    CxlRejResponseTo,
    ExecType,
    OrdStatus,
    RejectReason,
    Side,
)
from sim.protocol.market_data import Trade
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelRequest,
    VenueReport,
)
from sim.protocol.units import TimeNs
from venues.core.api import Request
from venues.core.book import RestingOrder

# Looking a member up on its Enum costs as much as making a whole report.
_NEW: Final = ExecType.NEW
_CANCELED: Final = ExecType.CANCELED
_IS_NEW: Final = OrdStatus.NEW
_IS_PARTIAL: Final = OrdStatus.PARTIALLY_FILLED
_IS_FILLED: Final = OrdStatus.FILLED
_IS_CANCELED: Final = OrdStatus.CANCELED
_OF_CANCEL: Final = CxlRejResponseTo.CANCEL
_OF_REPLACE: Final = CxlRejResponseTo.REPLACE


class ReportMaker(Protocol):
    """``ExecutionReport`` by position, in the order of its fields, as far as a core fills them."""

    def __call__(  # noqa: PLR0917 - by position is twice as fast as by keyword
        self,
        exec_type: ExecType,
        ord_status: OrdStatus,
        cl_ord_id: str,
        account: str,
        order_id: int,
        exec_id: int,
        side: Side,
        order_qty: int,
        cum_qty: int,
        leaves_qty: int,
        transact_ns: int,
        venue_seq: int,
        last_px: int | None = None,
        last_qty: int = 0,
        contra_order_id: int | None = None,
        is_maker: bool = False,
        reject_reason: RejectReason | None = None,
        orig_cl_ord_id: str | None = None,
        /,
    ) -> ExecutionReport:
        """Make one report."""


make_report: Final = cast("ReportMaker", ExecutionReport)


def status_open(order: RestingOrder) -> OrdStatus:
    """State of an order that is in the book, or has been filled."""
    if not order.open_qty:
        return _IS_FILLED
    return _IS_PARTIAL if order.cum_qty else _IS_NEW


def status_finished(order: RestingOrder) -> OrdStatus:
    """State of an order that has left the book for good."""
    return _IS_CANCELED if order.leaves_qty else _IS_FILLED


def acknowledgement(order: RestingOrder, now_ns: int, venue_seq: int) -> ExecutionReport:
    """NEW: the order is accepted; the report that gave the order its id."""
    return make_report(
        _NEW,
        _IS_NEW,
        order.cl_ord_id,
        order.account,
        order.order_id,
        order.order_id,
        order.side,
        order.order_qty,
        0,
        order.order_qty,
        now_ns,
        venue_seq,
    )


def restatement(order: RestingOrder, exec_id: int, now_ns: int, venue_seq: int) -> ExecutionReport:
    """REPLACED without a request: self-trade prevention has shortened an order."""
    return make_report(
        ExecType.REPLACED,
        status_open(order),
        order.cl_ord_id,
        order.account,
        order.order_id,
        exec_id,
        order.side,
        order.order_qty,
        order.cum_qty,
        order.open_qty,
        now_ns,
        venue_seq,
    )


def cancellation(order: RestingOrder, exec_id: int, now_ns: int, venue_seq: int) -> ExecutionReport:
    """CANCELED without a request: of a remainder, or by self-trade prevention."""
    return make_report(
        _CANCELED,
        _IS_CANCELED,
        order.cl_ord_id,
        order.account,
        order.order_id,
        exec_id,
        order.side,
        order.order_qty,
        order.cum_qty,
        0,
        now_ns,
        venue_seq,
    )


def rejection(
    msg: NewOrderSingle, reason: RejectReason, exec_id: int, now_ns: int, venue_seq: int
) -> ExecutionReport:
    """Refuse a new order; it has no venue id (0)."""
    return make_report(
        ExecType.REJECTED,
        OrdStatus.REJECTED,
        msg.cl_ord_id,
        msg.account,
        0,
        exec_id,
        msg.side,
        msg.order_qty,
        0,
        0,
        now_ns,
        venue_seq,
        None,
        0,
        None,
        False,
        reason,
    )


def refusal(
    msg: Request,
    status: OrdStatus,
    reason: CxlRejReason,
    now_ns: TimeNs,
    venue_seq: int,
    *,
    order_id: int,
) -> OrderCancelReject:
    """Refuse a request; ``order_id`` is 0 where its account has no such order."""
    return OrderCancelReject(
        msg.cl_ord_id,
        msg.orig_cl_ord_id,
        msg.account,
        status,
        reason,
        now_ns,
        venue_seq,
        order_id,
        _OF_CANCEL if type(msg) is OrderCancelRequest else _OF_REPLACE,
    )


def renumbered(report: VenueReport, venue_seq: int) -> VenueReport:
    """The same report, of another state of the venue."""
    if report.venue_seq == venue_seq:
        return report
    return msgspec.structs.replace(report, venue_seq=venue_seq)


def trades_in(reports: list[VenueReport]) -> list[Trade]:
    """The prints among reports, in their order: one for each pair of fills."""
    return [
        Trade(report.last_px, report.last_qty, report.side)
        for report in reports
        if isinstance(report, ExecutionReport)
        and report.last_px is not None
        and not report.is_maker
    ]
