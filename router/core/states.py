"""The life of a child order as a table: which event leads from which state to which.

An event that is not in the table changes nothing: the router records the report that carried it and
ignores it. The table also holds fills that overtake the acknowledgement of their order.
"""

from enum import Enum, unique
from typing import Final

from sim.protocol.enums import OrdStatus


@unique
class OrdEvent(Enum):
    """What can happen to a child order."""

    ACK = "ack"
    PARTIAL = "partial"
    FULL = "full"
    REJECT = "reject"
    CANCEL_SENT = "cancel_sent"
    CANCELED = "canceled"
    EXPIRED = "expired"
    DONE_FOR_DAY = "done_for_day"
    CANCEL_REFUSED = "cancel_refused"
    REPLACE_SENT = "replace_sent"
    REPLACED = "replaced"
    CLOSED = "closed"
    REPLACE_REFUSED = "replace_refused"


_S = OrdStatus
_E = OrdEvent

TRANSITIONS: Final[dict[OrdStatus, dict[OrdEvent, OrdStatus]]] = {
    _S.PENDING_NEW: {
        _E.ACK: _S.NEW,
        _E.PARTIAL: _S.PARTIALLY_FILLED,
        _E.FULL: _S.FILLED,
        _E.REJECT: _S.REJECTED,
        _E.CANCEL_SENT: _S.PENDING_CANCEL,
        _E.CANCELED: _S.CANCELED,
        _E.EXPIRED: _S.EXPIRED,
        _E.DONE_FOR_DAY: _S.DONE_FOR_DAY,
    },
    _S.NEW: {
        _E.PARTIAL: _S.PARTIALLY_FILLED,
        _E.FULL: _S.FILLED,
        _E.CANCEL_SENT: _S.PENDING_CANCEL,
        _E.REPLACE_SENT: _S.PENDING_REPLACE,
        _E.CANCELED: _S.CANCELED,
        _E.EXPIRED: _S.EXPIRED,
        _E.DONE_FOR_DAY: _S.DONE_FOR_DAY,
    },
    _S.PARTIALLY_FILLED: {
        _E.ACK: _S.PARTIALLY_FILLED,
        _E.PARTIAL: _S.PARTIALLY_FILLED,
        _E.FULL: _S.FILLED,
        _E.CANCEL_SENT: _S.PENDING_CANCEL,
        _E.REPLACE_SENT: _S.PENDING_REPLACE,
        _E.CANCELED: _S.CANCELED,
        _E.EXPIRED: _S.EXPIRED,
        _E.DONE_FOR_DAY: _S.DONE_FOR_DAY,
    },
    _S.PENDING_CANCEL: {
        _E.ACK: _S.PENDING_CANCEL,
        _E.PARTIAL: _S.PENDING_CANCEL,
        _E.FULL: _S.FILLED,
        _E.REJECT: _S.REJECTED,
        _E.CANCELED: _S.CANCELED,
        _E.EXPIRED: _S.EXPIRED,
        _E.DONE_FOR_DAY: _S.DONE_FOR_DAY,
        _E.CANCEL_REFUSED: _S.PARTIALLY_FILLED,
        _E.REPLACED: _S.PENDING_CANCEL,
        _E.CLOSED: _S.FILLED,
        _E.REPLACE_REFUSED: _S.PENDING_CANCEL,
    },
    _S.PENDING_REPLACE: {
        _E.ACK: _S.PENDING_REPLACE,
        _E.PARTIAL: _S.PENDING_REPLACE,
        _E.FULL: _S.FILLED,
        _E.CANCEL_SENT: _S.PENDING_CANCEL,
        _E.CANCELED: _S.CANCELED,
        _E.EXPIRED: _S.EXPIRED,
        _E.DONE_FOR_DAY: _S.DONE_FOR_DAY,
        _E.REPLACED: _S.PARTIALLY_FILLED,
        _E.CLOSED: _S.FILLED,
        _E.REPLACE_REFUSED: _S.PARTIALLY_FILLED,
    },
    _S.FILLED: {_E.CANCEL_REFUSED: _S.FILLED, _E.REPLACE_REFUSED: _S.FILLED},
    _S.CANCELED: {_E.CANCEL_REFUSED: _S.CANCELED, _E.REPLACE_REFUSED: _S.CANCELED},
    _S.REJECTED: {_E.CANCEL_REFUSED: _S.REJECTED},
    _S.EXPIRED: {_E.CANCEL_REFUSED: _S.EXPIRED, _E.REPLACE_REFUSED: _S.EXPIRED},
    _S.DONE_FOR_DAY: {
        _E.CANCEL_REFUSED: _S.DONE_FOR_DAY,
        _E.REPLACE_REFUSED: _S.DONE_FOR_DAY,
    },
}
"""``CLOSED`` is a replace to no more than was filled meanwhile: the order ends as filled. A cancel
may follow a replace that nobody answered; then the answers to both may come.

``CANCEL_REFUSED`` and ``REPLACE_REFUSED`` lead to ``PARTIALLY_FILLED`` even with nothing
filled yet: the order is open and acknowledged, which is all that the router asks of its state.
After a final state the refusal is the expected answer to a request that crossed the order's end."""

FINAL: Final = frozenset({_S.FILLED, _S.CANCELED, _S.REJECTED, _S.EXPIRED, _S.DONE_FOR_DAY})


def after(status: OrdStatus, event: OrdEvent) -> OrdStatus | None:
    """The state that ``event`` leads to, or None where the table has no such step."""
    return TRANSITIONS[status].get(event)
