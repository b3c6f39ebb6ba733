"""Orders that are more than a limit or a market order, as a core keeps them, and their refusal.

An iceberg is in its queue with the lots that show (``leaves_qty``); what it keeps back is in
``reserve``. So levels and views add up without knowing of icebergs.
"""

from enum import Enum, unique
from typing import Final

from sim.protocol.enums import OrdType, RejectReason, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderInstructions, Peg
from venues.core.book import KEY_MAX, RestingOrder

NO_INSTRUCTIONS: Final = OrderInstructions()

NO_LIMIT: Final = -KEY_MAX
"""``RestingOrder.key`` of an order that has no limit."""

# Looking a member up on its Enum, and hashing one, costs more than the rest of a check.
_LIMIT: Final = OrdType.LIMIT
_MARKET: Final = OrdType.MARKET
_IOC: Final = TimeInForce.IOC
_FOK: Final = TimeInForce.FOK

STOPS: Final = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})
_PRICED: Final = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT})
_MAY_BE_PRICED: Final = _PRICED | {OrdType.PEGGED}


@unique
class Place(Enum):
    """Where a special order is."""

    NOWHERE = "nowhere"
    """It has not rested yet, is just trading, or has ended."""
    DISPLAYED = "displayed"
    HIDDEN = "hidden"
    MARKET = "market"
    """It rests without a limit, before all others of its side."""
    STOP = "stop"
    """It waits for its stop price."""
    PARKED = "parked"
    """It is pegged, and its reference is missing."""


class SpecialOrder(RestingOrder, gc=False):
    """An order with instructions, or without a limit; see ``OrderInstructions`` for the fields.

    ``limit`` is the limit as the owner stated it, which for a pegged order is not that of ``key``.
    """

    ord_type: OrdType
    time_in_force: TimeInForce
    limit: int | None
    display_qty: int
    min_display_qty: int
    hidden: bool
    all_or_none: bool
    min_qty: int
    stop_px: int | None
    peg: Peg | None
    reserve: int = 0
    place: Place = Place.NOWHERE

    @property
    def open_qty(self) -> int:
        """Open lots: those in the queue, and those kept back."""
        return self.leaves_qty + self.reserve

    @property
    def cum_qty(self) -> int:
        """Lots filled so far."""
        return self.order_qty - self.leaves_qty - self.reserve

    @property
    def waits(self) -> bool:
        """Whether it is open and yet no liquidity."""
        return self.place is Place.STOP or self.place is Place.PARKED

    @property
    def rests_unpriced(self) -> bool:
        """Whether it has no limit, and so would rest before all others."""
        return self.ord_type is OrdType.MARKET


def special_order(msg: NewOrderSingle, serial: int) -> SpecialOrder:
    """The order that a message asks for; its key is to be set once its price is known."""
    asked = msg.instructions or NO_INSTRUCTIONS
    price, sign = msg.price, -1 if msg.side is Side.BUY else 1
    return SpecialOrder(
        msg.cl_ord_id,
        msg.account,
        msg.side,
        serial,
        serial,
        NO_LIMIT if price is None else sign * price,
        msg.order_qty,
        msg.order_qty,
        msg.post_only,
        msg.self_trade,
        msg.ord_type,
        msg.time_in_force,
        price,
        asked.display_qty or 0,
        asked.min_display_qty,
        asked.hidden,
        asked.all_or_none,
        msg.min_qty,
        asked.stop_px,
        asked.peg,
    )


def least_of(order: RestingOrder) -> int:
    """The fewest lots that one execution of a resting order may have; 0: any."""
    if not isinstance(order, SpecialOrder):
        return 0
    if order.all_or_none:
        return order.open_qty
    return min(order.min_qty, order.open_qty)


def own_min(order: RestingOrder) -> int:
    """The minimum of each execution of an order that takes; all or none looks at their sum."""
    return order.min_qty if isinstance(order, SpecialOrder) else 0


def is_choosy(order: RestingOrder) -> bool:
    """Whether an order may stand against others that it could trade with by price."""
    return isinstance(order, SpecialOrder) and (order.all_or_none or order.min_qty > 0)


def is_plain(msg: NewOrderSingle) -> bool:
    """Whether an order is no more than a limit or a market order."""
    kind = msg.ord_type
    return (kind is _LIMIT or kind is _MARKET) and msg.instructions is None and not msg.min_qty


def at_once(time_in_force: TimeInForce) -> bool:
    """Whether what an order leaves unfilled is canceled and never rests."""
    return time_in_force is _IOC or time_in_force is _FOK


# ---------------------------------------------------------------- what is refused


def refusal_of(msg: NewOrderSingle, tick: int, lot: int) -> RejectReason | None:
    """What is wrong with an order by itself; None if nothing is.

    ``tick`` and ``lot`` are the venue's steps.
    """
    asked = msg.instructions or NO_INSTRUCTIONS
    price_wrong = _price_refusal(msg, asked, tick)
    return _qty_refusal(msg, asked, lot) or price_wrong or _unsupported(msg, asked)


def _qty_refusal(msg: NewOrderSingle, asked: OrderInstructions, lot: int) -> RejectReason | None:
    qty, shown = msg.order_qty, asked.display_qty
    if not 0 < qty <= KEY_MAX or qty % lot or not 0 <= msg.min_qty <= qty:
        return RejectReason.INCORRECT_QUANTITY
    if shown is None:
        return RejectReason.INCORRECT_QUANTITY if asked.min_display_qty else None
    if not 0 < shown <= qty or shown % lot or not 0 <= asked.min_display_qty <= shown:
        return RejectReason.INCORRECT_QUANTITY
    return None


def _price_refusal(msg: NewOrderSingle, asked: OrderInstructions, tick: int) -> RejectReason | None:
    wrong = RejectReason.INVALID_PRICE_INCREMENT
    if msg.price is None:
        if msg.ord_type in _PRICED:
            return wrong
    elif msg.ord_type not in _MAY_BE_PRICED or off_grid(msg.price, tick):
        return wrong
    if (asked.stop_px is None) == (msg.ord_type in STOPS):
        return wrong
    if asked.stop_px is not None and off_grid(asked.stop_px, tick):
        return wrong
    if asked.peg is not None and asked.peg.offset % tick:
        return wrong
    return None


def off_grid(price: int, tick: int) -> bool:
    """Whether a price cannot be one here."""
    return not 0 < price <= KEY_MAX or price % tick != 0


def _unsupported(msg: NewOrderSingle, asked: OrderInstructions) -> RejectReason | None:
    """Instructions that contradict each other, or that the type of order has no use for."""
    brief = at_once(msg.time_in_force)
    pegged = msg.ord_type is OrdType.PEGGED
    choosy = asked.all_or_none or msg.min_qty > 0
    contradictions = (
        (asked.peg is None) == pegged,
        pegged and (brief or msg.post_only),
        msg.post_only and (brief or msg.ord_type is not OrdType.LIMIT),
        # What never shows has no peak, and a minimum could never trade against one.
        asked.display_qty is not None and (asked.hidden or choosy),
        asked.all_or_none and msg.min_qty > 0,
    )
    return RejectReason.UNSUPPORTED_ORDER if any(contradictions) else None
