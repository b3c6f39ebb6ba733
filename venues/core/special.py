"""Matching with special orders: icebergs, hidden, choosy and pegged orders, stops, and their kin.

``MatchingCore`` handles a message as long as it is plain and so is the book. Everything else comes
here, plain orders in a book with special ones too. A message is handled, and then all that follows
from it: stops are elected by its trades, pegged orders move with the best prices, and orders that
stood against others trade if they may by now; each of these may cause the next. The reports of a
message come first, then those of what follows, in that order.

Sources: FIX for the types and instructions; for what engines do with them the conformance cases
under ``tests/conformance``, and where they differ ``MatchingRules``.
"""

from typing import ClassVar, Final

from sim.protocol.enums import CxlRejReason, ExecType, OrdStatus, OrdType, RejectReason, Side
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMessage,
    OrderReduceRequest,
    VenueReport,
)
from sim.protocol.units import TimeNs
from venues.core.api import Request
from venues.core.book import KEY_MAX, RestingOrder
from venues.core.reports import make_report, renumbered, status_open
from venues.core.special_check import check_special, check_special_trades
from venues.core.special_entry import SpecialEntry
from venues.core.special_orders import NO_LIMIT, Place, SpecialOrder, is_choosy, is_plain, off_grid

_BUY: Final = Side.BUY
_UNPRICED: Final = frozenset({OrdType.MARKET, OrdType.STOP})


class SpecialCore(SpecialEntry):
    """A price-time book that takes every type of order."""

    takes_special: ClassVar[bool] = True
    """Whether it takes more than limit and market orders; else it refuses them."""

    _slow_reports: list[VenueReport] | None = None

    def check(self) -> None:
        """Walk every invariant of the book, of the index and of the last call's trades.

        Raises:
            InvariantError: Naming the rule that is broken, and where.
        """
        slow = self._slow_reports is not None and self._slow_reports is self._reports
        if self._special == self._least_special and not slow:
            super().check()
            return
        check_special(self)
        if slow:
            check_special_trades(self._reports, self)

    # ------------------------------------------------------------ messages

    def suspend(self) -> None:
        """From now on nothing follows from a message: trading has stopped."""
        self._suspended = True

    def resume(self, now_ns: TimeNs) -> list[VenueReport]:
        """Trading goes on; what has had to wait happens now."""
        self._suspended = False
        return self._handled([], now_ns) if self._special else []

    def set_reference(self, price: int, now_ns: TimeNs) -> list[VenueReport]:
        """Set the last price until the next trade; stops may be elected by it."""
        self._reference_px, self._reference_volume = price, self.volume
        self._low = self._high = price
        return self._handled([], now_ns)

    def _on_refusable(
        self, msg: NewOrderSingle, reason: RejectReason, now_ns: TimeNs
    ) -> list[VenueReport]:
        if is_plain(msg) or not self.takes_special:
            return super()._on_refusable(msg, reason, now_ns)
        return self._handle_slowly(msg, now_ns)

    def _handle_slowly(self, msg: OrderMessage, now_ns: TimeNs) -> list[VenueReport]:
        out: list[VenueReport] = []
        if isinstance(msg, NewOrderSingle):
            self._on_new_order(msg, now_ns, out)
        elif isinstance(msg, OrderCancelRequest):
            self._on_cancel_request(msg, now_ns, out)
        elif isinstance(msg, OrderCancelReplaceRequest):
            self._on_replace_request(msg, now_ns, out)
        elif isinstance(msg, OrderReduceRequest):
            self._on_reduce_request(msg, now_ns, out)
        else:
            raise TypeError(f"msg must be an order message, was a {type(msg).__name__}")
        return self._handled(out, now_ns)

    def _handled(self, out: list[VenueReport], now_ns: TimeNs) -> list[VenueReport]:
        """Let happen what follows, and number the state that there is then."""
        if not self._suspended:
            while (
                self._elect(now_ns, out)
                or self._reprice(now_ns, out)
                or self._wake(now_ns, out)
                or self._meet_unpriced(now_ns, out)
            ):
                pass
        if self._changed:
            self._changed = False
            self.unseen = True
            self.venue_seq += 1
        else:
            # Reports were numbered for a next state, and there is none.
            out = [renumbered(report, self.venue_seq) for report in out]
        self._slow_reports = self._reports = out
        return out

    # ------------------------------------------------------------ cancels and reductions

    def _owned(self, msg: Request) -> RestingOrder | None:
        order = self._orders.get(msg.orig_cl_ord_id)
        return order if order is not None and order.account == msg.account else None

    def _on_cancel_request(
        self, msg: OrderCancelRequest, now_ns: TimeNs, out: list[VenueReport]
    ) -> None:
        order = self._owned(msg)
        if order is None:
            out.append(self._not_open(msg, now_ns))
            return
        self._lift(order)
        self._remember(order)
        self._serial = exec_id = self._serial + 1
        # fmt: off
        out.append(make_report(
            ExecType.CANCELED, OrdStatus.CANCELED, msg.cl_ord_id, order.account, order.order_id,
            exec_id, order.side, order.order_qty, order.cum_qty, 0, now_ns, self.venue_seq + 1,
            None, 0, None, False, None, msg.orig_cl_ord_id,
        ))
        # fmt: on

    def _on_reduce_request(
        self, msg: OrderReduceRequest, now_ns: TimeNs, out: list[VenueReport]
    ) -> None:
        order = self._owned(msg)
        if order is None:
            out.append(self._not_open(msg, now_ns))
            return
        lots = msg.reduce_qty
        if lots <= 0 or lots % self._lot:
            reason = CxlRejReason.INCORRECT_QUANTITY
            out.append(self._refused(msg, status_open(order), reason, now_ns))
        elif lots >= order.open_qty:
            cancel = OrderCancelRequest(msg.cl_ord_id, msg.orig_cl_ord_id, msg.account)
            self._on_cancel_request(cancel, now_ns, out)
        else:
            self._shorten(order, lots)
            out.append(self._as_asked(order, msg, now_ns))

    def _as_asked(
        self,
        order: RestingOrder,
        msg: OrderCancelReplaceRequest | OrderReduceRequest,
        now_ns: TimeNs,
    ) -> VenueReport:
        """Say that an order is as its owner wanted it."""
        self._serial = exec_id = self._serial + 1
        # fmt: off
        return make_report(
            ExecType.REPLACED, status_open(order), msg.cl_ord_id, order.account, order.order_id,
            exec_id, order.side, order.order_qty, order.cum_qty, order.open_qty, now_ns,
            self.venue_seq + 1, None, 0, None, False, None, msg.orig_cl_ord_id,
        )
        # fmt: on

    # ------------------------------------------------------------ replaces

    def _on_replace_request(
        self, msg: OrderCancelReplaceRequest, now_ns: TimeNs, out: list[VenueReport]
    ) -> None:
        order = self._owned(msg)
        if order is None:
            out.append(self._not_open(msg, now_ns))
            return
        if isinstance(order, SpecialOrder):
            reason = self._ill_formed(msg, order) or self._untimely(msg, order)
        else:
            reason = self._replace_refusal(msg, order)
        if reason is not None:
            out.append(self._refused(msg, status_open(order), reason, now_ns))
            return
        leaves = max(0, msg.order_qty - order.cum_qty)
        if leaves and not self._keeps_place(msg, order, leaves):
            self._change_place(order, msg, leaves, now_ns, out)
            return
        del self._orders[order.cl_ord_id]
        order.cl_ord_id = msg.cl_ord_id
        self._orders[order.cl_ord_id] = order
        if leaves:
            self._change_in_place(order, msg, leaves)
        else:
            cum = order.cum_qty
            self._lift(order)
            order.order_qty, order.leaves_qty = cum, 0
            self._remember(order)
        out.append(self._as_asked(order, msg, now_ns))

    def _ill_formed(
        self, msg: OrderCancelReplaceRequest, order: SpecialOrder
    ) -> CxlRejReason | None:
        """What is wrong with a change of a special order by itself; None if nothing is."""
        least = order.min_qty if msg.min_qty is None else msg.min_qty
        if not 0 < msg.order_qty <= KEY_MAX or msg.order_qty % self._lot:
            return CxlRejReason.INCORRECT_QUANTITY
        if not 0 <= least <= msg.order_qty:
            return CxlRejReason.INCORRECT_QUANTITY
        prices = (msg.price, msg.stop_px)
        if any(price is not None and off_grid(price, self._tick) for price in prices):
            return CxlRejReason.INVALID_PRICE_INCREMENT
        unpriced = order.ord_type in _UNPRICED
        if msg.price is None and not unpriced and order.ord_type is not OrdType.PEGGED:
            return CxlRejReason.INVALID_PRICE_INCREMENT
        if (
            (msg.price is not None and unpriced)
            or (msg.stop_px is not None and order.place is not Place.STOP)
            or (least > 0 and (order.all_or_none or order.display_qty > 0))
        ):
            return CxlRejReason.UNSUPPORTED_CHANGE
        return None

    def _untimely(self, msg: OrderCancelReplaceRequest, order: SpecialOrder) -> CxlRejReason | None:
        """Why a change of a special order cannot be made now; None if it can."""
        if msg.cl_ord_id in self._orders:
            return CxlRejReason.DUPLICATE_ID
        if (
            order.place is Place.STOP
            and self.rules.stop_on_entry == "reject"
            and self._is_reached(order.side, msg.stop_px or order.stop_px)
        ):
            return CxlRejReason.STOP_PRICE_REACHED
        if order.post_only and msg.price is not None and msg.order_qty > order.cum_qty:
            key = -msg.price if order.side is _BUY else msg.price
            if self._would_trade(order, key):
                return CxlRejReason.POST_ONLY_WOULD_TRADE
        return None

    def _keeps_place(
        self, msg: OrderCancelReplaceRequest, order: RestingOrder, leaves: int
    ) -> bool:
        """Whether a replaced order stays where it is: no more lots, and no other price."""
        limit = order.limit if isinstance(order, SpecialOrder) else abs(order.key)
        if msg.price != limit:
            return False
        if not isinstance(order, SpecialOrder):
            return leaves <= order.open_qty
        if msg.stop_px is not None and msg.stop_px != order.stop_px:
            return False
        iceberg = order.display_qty > 0 and order.place is Place.DISPLAYED
        # One that shows too few lots by now, and gains some to show, is renewed: at the end.
        enough = order.leaves_qty >= max(1, order.min_display_qty)
        keeps = iceberg and enough and self.rules.iceberg_size_up == "keeps_priority"
        return keeps or leaves <= order.open_qty

    def _change_in_place(
        self, order: RestingOrder, msg: OrderCancelReplaceRequest, leaves: int
    ) -> None:
        """Change the quantities of an order that keeps its place."""
        more = leaves - order.open_qty
        if more < 0:
            self._shorten(order, -more)
        elif more and isinstance(order, SpecialOrder):
            self._changed = True
            order.reserve += more
            order.order_qty += more
        if isinstance(order, SpecialOrder) and msg.min_qty not in {None, order.min_qty}:
            assert msg.min_qty is not None
            self._changed = True
            choosy, entry = self._places(order.side).choosy, (order.key, order.rank, order)
            was = is_choosy(order) and not order.waits
            order.min_qty = msg.min_qty
            now = is_choosy(order) and not order.waits
            if was and not now:
                choosy.remove(entry)
            elif now and not was:
                choosy.add(entry)

    def _change_place(
        self,
        order: RestingOrder,
        msg: OrderCancelReplaceRequest,
        leaves: int,
        now_ns: TimeNs,
        out: list[VenueReport],
    ) -> None:
        """Take an order out of its place and let it come again with what is new."""
        waits_for_price = isinstance(order, SpecialOrder) and order.place is Place.STOP
        cum = order.cum_qty
        self._lift(order)
        order.cl_ord_id = msg.cl_ord_id
        order.order_qty, order.leaves_qty = cum + leaves, leaves
        if msg.price is not None:
            order.key = -msg.price if order.side is _BUY else msg.price
        if isinstance(order, SpecialOrder):
            order.limit = msg.price
            if msg.price is None:
                order.key = NO_LIMIT
            if msg.stop_px is not None:
                order.stop_px = msg.stop_px
            if msg.min_qty is not None:
                order.min_qty = msg.min_qty
        out.append(self._as_asked(order, msg, now_ns))
        self._serial = order.rank = self._serial + 1
        if not isinstance(order, SpecialOrder):
            self._enter(order, now_ns, out)
        elif order.ord_type is OrdType.PEGGED:
            self._enter_pegged(order, now_ns, out)
        elif waits_for_price and not self._is_reached(order.side, order.stop_px):
            self._wait(order, Place.STOP)
        elif waits_for_price:
            self._activate(order, now_ns, out)
        else:
            self._enter(order, now_ns, out, rests=self._may_rest(order))
