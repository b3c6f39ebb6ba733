"""An order book that says which orders and replaces it cannot take, and why."""

from typing import ClassVar, Final

from sim.protocol.enums import CxlRejReason, OrdType, RejectReason, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelReplaceRequest
from venues.core.book import KEY_MAX, RestingOrder
from venues.core.order_book import OrderBook

# Looking a member up on its Enum costs nearly as much as the whole check.
_BUY: Final = Side.BUY
_LIMIT: Final = OrdType.LIMIT
_MARKET: Final = OrdType.MARKET
_IOC: Final = TimeInForce.IOC
_FOK: Final = TimeInForce.FOK
_DUPLICATE: Final = RejectReason.DUPLICATE_ORDER


class CheckedBook(OrderBook):
    """Checks requests against the grid, the names in use and the other side; changes nothing."""

    takes_min_qty: ClassVar[bool] = False
    """Whether orders may state a minimum quantity; this core refuses them."""

    def _refusal(self, msg: NewOrderSingle) -> RejectReason | None:
        """Why a new order cannot be accepted; None if it can."""
        qty, price = msg.order_qty, msg.price
        if (
            price is not None
            and 0 < qty <= KEY_MAX
            and 0 < price <= KEY_MAX
            and msg.ord_type is _LIMIT
            and not (self._coarse or msg.min_qty or msg.post_only or msg.instructions)
        ):
            # Nothing is special about it, as about most: the rest need not be looked at.
            return _DUPLICATE if msg.cl_ord_id in self._orders else None
        if is_special(msg):
            return RejectReason.UNSUPPORTED_ORDER
        return self._refusal_of_special(msg)

    def _refusal_of_special(self, msg: NewOrderSingle) -> RejectReason | None:
        qty, price = msg.order_qty, msg.price
        if not 0 < qty <= KEY_MAX or (self._coarse and qty % self._lot):
            return RejectReason.INCORRECT_QUANTITY
        if price is None:
            if msg.ord_type is _LIMIT:
                return RejectReason.INVALID_PRICE_INCREMENT
        elif (
            msg.ord_type is not _LIMIT
            or not 0 < price <= KEY_MAX
            or (self._coarse and price % self._tick)
        ):
            return RejectReason.INVALID_PRICE_INCREMENT
        if msg.cl_ord_id in self._orders:
            return _DUPLICATE
        if msg.min_qty and not self.takes_min_qty:
            return RejectReason.UNSUPPORTED_ORDER
        if msg.post_only:
            if price is None or msg.time_in_force is _IOC or msg.time_in_force is _FOK:
                return RejectReason.UNSUPPORTED_ORDER
            if self._reaches(msg.side, price):
                return RejectReason.POST_ONLY_WOULD_TRADE
        return None

    def _reaches(self, side: Side, price: int) -> bool:
        """Whether an order with this limit meets the other side."""
        return self._asks.best <= price if side is _BUY else self._bids.best <= -price

    def _replace_refusal(
        self, msg: OrderCancelReplaceRequest, order: RestingOrder
    ) -> CxlRejReason | None:
        """Why an open order cannot be replaced; None if it can."""
        qty, price = msg.order_qty, msg.price
        if not 0 < qty <= KEY_MAX or qty % self._lot:
            return CxlRejReason.INCORRECT_QUANTITY
        if price is None or not 0 < price <= KEY_MAX or price % self._tick:
            return CxlRejReason.INVALID_PRICE_INCREMENT
        if msg.cl_ord_id in self._orders:
            return CxlRejReason.DUPLICATE_ID
        if msg.min_qty or msg.stop_px is not None:
            return CxlRejReason.UNSUPPORTED_CHANGE
        if order.post_only and qty > order.cum_qty and self._reaches(order.side, price):
            return CxlRejReason.POST_ONLY_WOULD_TRADE
        return None


def is_special(msg: NewOrderSingle) -> bool:
    """Whether an order is more than a limit or a market order."""
    kind = msg.ord_type
    return msg.instructions is not None or (kind is not _LIMIT and kind is not _MARKET)
