"""Order messages between router, background flow and venues, named after FIX.

Prices are ticks and quantities lots of the instrument; times are nanoseconds since the start of
the run. The constructors check nothing: borders do (scenario files, data files, plug-ins), and
venues refuse what is wrong with a report. ``gc=False`` is safe because messages hold only leaves.
"""

from decimal import Decimal

import msgspec

from sim.protocol.enums import (
    CxlRejReason,
    CxlRejResponseTo,
    ExecType,
    OrdStatus,
    OrdType,
    PegReference,
    RejectReason,
    SelfTrade,
    Side,
    TimeInForce,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs


class Peg(msgspec.Struct, frozen=True, gc=False):
    """What the price of a pegged order is: ``offset`` ticks away from ``reference``.

    Away means less willing to trade: below it for a buy, above it for a sell; a negative offset is
    towards the other side.
    """

    reference: PegReference
    offset: int = 0


class OrderInstructions(msgspec.Struct, frozen=True, gc=False):
    """What is special about an order beyond its type; plain orders have none of it.

    Attributes:
        display_qty: The most lots that show at a time (FIX DisplayQty), an iceberg's peak; None:
            all.
        min_display_qty: As soon as fewer lots than this show, the peak is made whole again (FIX
            DisplayLowQty); 0: not before none show.
        hidden: Nothing of the order shows (FIX DisplayMethod "undisclosed").
        all_or_none: It trades whole or not at all (FIX ExecInst "all or none").
        stop_px: The last price at which a stop is elected (FIX StopPx); for stops, and only them.
        peg: For pegged orders, and only them.
    """

    display_qty: QtyLots | None = None
    min_display_qty: QtyLots = QtyLots(0)
    hidden: bool = False
    all_or_none: bool = False
    stop_px: PriceTicks | None = None
    peg: Peg | None = None


class NewOrderSingle(msgspec.Struct, frozen=True, gc=False):
    """Asks a venue to accept an order.

    ``price`` is the limit. Market orders, stops and market-to-limit orders have none; a pegged
    order may have one, which its price never passes.

    ``account`` names the owner: self-trade prevention compares it, and only the owner may cancel.
    ``min_qty`` (FIX MinQty) is the fewest lots that one execution against a single counter-order
    may have; 0: any. ``instructions`` is None for all but special orders.
    """

    cl_ord_id: str
    side: Side
    order_qty: QtyLots
    price: PriceTicks | None
    ord_type: OrdType = OrdType.LIMIT
    time_in_force: TimeInForce = TimeInForce.GTC
    account: str = ""
    post_only: bool = False
    self_trade: SelfTrade = SelfTrade.NONE
    min_qty: QtyLots = QtyLots(0)
    instructions: OrderInstructions | None = None


class OrderCancelRequest(msgspec.Struct, frozen=True, gc=False):
    """Asks to cancel all that is open of ``orig_cl_ord_id``; ``cl_ord_id`` names this request."""

    cl_ord_id: str
    orig_cl_ord_id: str
    account: str = ""


class OrderCancelReplaceRequest(msgspec.Struct, frozen=True, gc=False):
    """Asks for a new price and a new *total* quantity (FIX: filled part included).

    From acceptance on the order is called ``cl_ord_id``. Fewer lots at the same price keep the
    place in the queue; more lots or another price lose it. ``price`` is None for an order that has
    no limit; ``min_qty`` and ``stop_px`` are None unless they are to change too.
    """

    cl_ord_id: str
    orig_cl_ord_id: str
    order_qty: QtyLots
    price: PriceTicks | None
    account: str = ""
    min_qty: QtyLots | None = None
    stop_px: PriceTicks | None = None


class OrderReduceRequest(msgspec.Struct, frozen=True, gc=False):
    """Asks to take ``reduce_qty`` lots off an open order, in place.

    As many lots as are open, or more, cancel it.
    """

    cl_ord_id: str
    orig_cl_ord_id: str
    reduce_qty: QtyLots
    account: str = ""


class ExecutionReport(msgspec.Struct, frozen=True, gc=False):
    """What a venue tells the owner of one order.

    Invariant: ``cum_qty + leaves_qty == order_qty`` while the order is open; ``leaves_qty == 0``
    once it is not. ``venue_seq`` is the number of the book state that holds this event, so that
    its owner can tell which quotes already show it. ``commission`` is money, negative for a rebate;
    the venue's shell sets it on what it sends to an owner.

    A bust or a correction names the execution that it is about in ``exec_ref_id``, always by the
    number of its first report. Price, quantity and commission of a correction are those that hold
    from now on; a bust has none.
    """

    exec_type: ExecType
    ord_status: OrdStatus
    cl_ord_id: str
    account: str
    order_id: int
    exec_id: int
    side: Side
    order_qty: QtyLots
    cum_qty: QtyLots
    leaves_qty: QtyLots
    transact_ns: TimeNs
    venue_seq: int
    last_px: PriceTicks | None = None
    last_qty: QtyLots = QtyLots(0)
    contra_order_id: int | None = None
    is_maker: bool = False
    reject_reason: RejectReason | None = None
    orig_cl_ord_id: str | None = None
    commission: Decimal | None = None
    exec_ref_id: int | None = None


class OrderCancelReject(msgspec.Struct, frozen=True, gc=False):
    """A cancel, replace or reduce was refused; the order it named is as it was.

    ``order_id`` is 0 where the account has no such order (FIX: "NONE").
    """

    cl_ord_id: str
    orig_cl_ord_id: str
    account: str
    ord_status: OrdStatus
    reason: CxlRejReason
    transact_ns: TimeNs
    venue_seq: int
    order_id: int = 0
    response_to: CxlRejResponseTo = CxlRejResponseTo.CANCEL


OrderMessage = NewOrderSingle | OrderCancelRequest | OrderCancelReplaceRequest | OrderReduceRequest
VenueReport = ExecutionReport | OrderCancelReject
