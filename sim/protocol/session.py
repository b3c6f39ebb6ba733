"""The session between the router and a venue: numbered reports, and what asks for them again.

Named after FIX (MsgSeqNum, OrderStatusRequest, ResendRequest). Numbers count the reports of one
session to one account from 1. The layer knows nothing of what the reports say.
"""

import msgspec

from sim.protocol.orders import OrderMessage, VenueReport


class FromVenue(msgspec.Struct, frozen=True, gc=False):
    """A report, the venue whose link brought it, and its number in the session.

    ``seq`` is 0 where reports are not numbered.
    """

    venue_id: str
    report: VenueReport
    seq: int = 0
    session: int = 0


class OrderStatusRequest(msgspec.Struct, frozen=True, gc=False):
    """Asks what became of an order: answered by a report with ``ExecType.ORDER_STATUS``.

    An order that the venue does not know is ``REJECTED`` in the answer, for ``UNKNOWN_ORDER``.
    ``cl_ord_id`` is the order's, as in FIX; ``request_id`` names this request (OrdStatusReqID).
    """

    cl_ord_id: str
    request_id: str
    account: str = ""


class ResendRequest(msgspec.Struct, frozen=True, gc=False):
    """Asks for the reports numbered ``begin_seq`` to ``end_seq`` once more; 0: to the last."""

    begin_seq: int
    end_seq: int = 0
    account: str = ""


class SessionStatus(msgspec.Struct, frozen=True, gc=False):
    """A session has ended or begun, as the router's side of the line learns it."""

    venue_id: str
    session: int
    is_up: bool


SessionMessage = OrderStatusRequest | ResendRequest
ToVenue = OrderMessage | SessionMessage
"""What a client sends to a venue."""
