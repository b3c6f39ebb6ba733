"""Names for the kinds of messages on the three legs, as ``messages:`` of a fault has them."""

from collections.abc import Callable
from typing import Any, Final, Literal

from sim.protocol.enums import ExecType
from sim.protocol.market_data import BookSnapshot, TradingStatus
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
)
from sim.protocol.session import FromVenue, OrderStatusRequest, ResendRequest, SessionStatus

OrderKind = Literal["any", "new", "cancel", "replace", "status_request", "resend_request"]
ReportKind = Literal[
    "any",
    "ack",
    "fill",
    "canceled",
    "expired",
    "rejected",
    "replaced",
    "cancel_reject",
    "order_status",
]
FeedKind = Literal["any", "quote", "status"]

_EXEC: Final = {
    "ack": ExecType.NEW,
    "fill": ExecType.TRADE,
    "canceled": ExecType.CANCELED,
    "expired": ExecType.EXPIRED,
    "rejected": ExecType.REJECTED,
    "replaced": ExecType.REPLACED,
    "order_status": ExecType.ORDER_STATUS,
}
_TYPES: Final[dict[str, type]] = {
    "new": NewOrderSingle,
    "cancel": OrderCancelRequest,
    "replace": OrderCancelReplaceRequest,
    "status_request": OrderStatusRequest,
    "resend_request": ResendRequest,
    "quote": BookSnapshot,
    "status": TradingStatus,
}


def matcher(kind: str) -> Callable[[Any], bool]:
    """Whether a message is of this kind; ``any`` is every one but news of the session itself."""
    if kind == "any":
        return lambda msg: type(msg) is not SessionStatus
    if kind in _TYPES:
        wanted = _TYPES[kind]
        return lambda msg: type(msg) is wanted
    if kind == "cancel_reject":
        return lambda msg: type(msg) is FromVenue and type(msg.report) is OrderCancelReject
    exec_type = _EXEC[kind]
    return lambda msg: (
        type(msg) is FromVenue
        and type(msg.report) is ExecutionReport
        and msg.report.exec_type is exec_type
    )


def order_of(msg: Any) -> str:
    """The id of the order or request that a message is about; empty if it is about none."""
    inner = msg.report if type(msg) is FromVenue else msg
    return getattr(inner, "cl_ord_id", "")
