"""What a venue asks of an order before its book sees it: not too often, large, far off or fine.

The reference of the price band is the price of the last trade; before the first it is the middle
of the book's best prices, or the one that there is. Without any there is no band.
"""

from collections import deque

from sim.protocol.enums import CxlRejReason, RejectReason, Side
from sim.protocol.orders import NewOrderSingle, OrderCancelReplaceRequest, VenueReport
from sim.protocol.ticks import TickTable
from sim.protocol.units import QtyLots, TimeNs
from venues.core.api import VenueCore
from venues.core.around import CoreAround

_CANCEL_REASON = {
    RejectReason.THROTTLED: CxlRejReason.THROTTLED,
    RejectReason.ORDER_EXCEEDS_LIMIT: CxlRejReason.ORDER_EXCEEDS_LIMIT,
    RejectReason.PRICE_EXCEEDS_BAND: CxlRejReason.PRICE_EXCEEDS_BAND,
    RejectReason.INVALID_PRICE_INCREMENT: CxlRejReason.INVALID_PRICE_INCREMENT,
}


class Throttle:
    """At most ``messages`` in any window of ``per_ns``, for each account by itself.

    A sliding window over the messages that were let through: those that were refused do not
    count, or else who keeps trying would never get in again.
    """

    def __init__(self, messages: int, per_ns: int) -> None:
        self._messages = messages
        self._per_ns = per_ns
        self._passed: dict[str, deque[int]] = {}

    def admits(self, account: str, now_ns: int) -> bool:
        """Whether another message may pass at this instant; if so, it has."""
        passed = self._passed.get(account)
        if passed is None:
            passed = self._passed[account] = deque(maxlen=self._messages)
        if len(passed) == self._messages and now_ns - passed[0] < self._per_ns:
            return False
        passed.append(now_ns)
        return True


class GateCore(CoreAround):
    """Refuses new orders and replaces that break a limit; cancels and reductions always pass.

    Args:
        inner: The core that gets what passes.
        throttle: Limits the rate of messages; None: no limit.
        max_order_qty: Most lots of an order; None: no limit.
        band: A buy may be limited at most this many ticks above the reference, a sell below it;
            None: no limit. Orders without a price have none to check.
        ticks: Price steps that depend on the price; None: the core within knows the only one.
    """

    def __init__(
        self,
        inner: VenueCore,
        throttle: Throttle | None = None,
        max_order_qty: int | None = None,
        band: int | None = None,
        ticks: TickTable | None = None,
    ) -> None:
        super().__init__(inner)
        self._throttle = throttle
        self._max_order_qty = max_order_qty
        self._band = band
        self._ticks = ticks

    def handle(self, msg: object, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message if it passes, else refuse it."""
        if isinstance(msg, NewOrderSingle):
            reason = self._refusal(msg, msg.side, now_ns)
            if reason is not None:
                return [self.refuse_new(msg, reason, now_ns)]
        elif isinstance(msg, OrderCancelReplaceRequest):
            order = None if self.book is None else self.book.open_order(msg.orig_cl_ord_id)
            reason = self._refusal(msg, None if order is None else order.side, now_ns)
            if reason is not None:
                return [self.refuse_change(msg, _CANCEL_REASON[reason], now_ns)]
        return self._inner.handle(msg, now_ns)

    def _refusal(
        self, msg: NewOrderSingle | OrderCancelReplaceRequest, side: Side | None, now_ns: int
    ) -> RejectReason | None:
        """Why a message does not pass; ``side`` is that of its order, None if that is unknown."""
        if self._throttle is not None and not self._throttle.admits(msg.account, now_ns):
            return RejectReason.THROTTLED
        if self._max_order_qty is not None and msg.order_qty > self._max_order_qty:
            return RejectReason.ORDER_EXCEEDS_LIMIT
        price, ticks = msg.price, self._ticks
        if ticks is not None and price is not None and price > 0 and not ticks.fits(price):
            return RejectReason.INVALID_PRICE_INCREMENT
        if self._band is not None and msg.price is not None and side is not None:
            # Twice the prices: a middle may lie between two ticks.
            reference = self._reference()
            if reference is not None:
                beyond = 2 * msg.price - reference
                if (beyond if side is Side.BUY else -beyond) > 2 * self._band:
                    return RejectReason.PRICE_EXCEEDS_BAND
        return None

    def _reference(self) -> int | None:
        """Twice the price that the band is around; None without any."""
        if self.last_px is not None:
            return 2 * self.last_px
        best = [
            levels[0][0]
            for side in (Side.BUY, Side.SELL)
            if (levels := self._inner.reachable_by(_probe(side), 1))
        ]
        return None if not best else sum(best) if len(best) == 2 else 2 * best[0]


def _probe(side: Side) -> NewOrderSingle:
    return NewOrderSingle("", side, QtyLots(1), None)
