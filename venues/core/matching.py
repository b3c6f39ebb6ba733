"""Price-time matching of one instrument at one venue: messages in, reports out.

Pure: no event loop, clock, chance, file or log. Prices are ticks and quantities lots of the
instrument, as Python integers. Better price first, at one price earlier arrival first; a trade is
at the resting order's price. Order states and request rules follow FIX; what follows from them
case by case stands in the conformance cases under ``tests/conformance``.
"""

from typing import Final

from sim.protocol.enums import (
    CxlRejReason,
    ExecType,
    OrdStatus,
    OrdType,
    RejectReason,
    SelfTrade,
    Side,
    TimeInForce,
)
from sim.protocol.errors import InvariantError
from sim.protocol.market_data import Trade
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMessage,
    OrderReduceRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.book import KEY_MAX, BookSide, RestingOrder
from venues.core.check import check_trades
from venues.core.checked_book import CheckedBook
from venues.core.order_book import MEMORY
from venues.core.reports import (
    acknowledgement,
    cancellation,
    make_report,
    refusal,
    rejection,
    restatement,
    status_finished,
    status_open,
    trades_in,
)

# Looking a member up on its Enum costs nearly as much as making a whole report.
_NEW: Final = ExecType.NEW
_TRADE: Final = ExecType.TRADE
_CANCELED: Final = ExecType.CANCELED
_REPLACED: Final = ExecType.REPLACED
_IS_NEW: Final = OrdStatus.NEW
_IS_PARTIAL: Final = OrdStatus.PARTIALLY_FILLED
_IS_FILLED: Final = OrdStatus.FILLED
_IS_CANCELED: Final = OrdStatus.CANCELED
_BUY: Final = Side.BUY
_LIMIT: Final = OrdType.LIMIT
_IOC: Final = TimeInForce.IOC
_FOK: Final = TimeInForce.FOK
_ALLOWED: Final = SelfTrade.NONE
_DUPLICATE: Final = RejectReason.DUPLICATE_ORDER

_Request = OrderCancelRequest | OrderCancelReplaceRequest | OrderReduceRequest


class MatchingCore(CheckedBook):
    """A price-time order book that answers order messages.

    Reports of one call, in order: the answer to the message (NEW, REPLACED, CANCELED, a refusal),
    then for each trade the taker's and the maker's, last the CANCELED of a remainder that may not
    rest. Self-trade prevention reports where it strikes in that sequence: CANCELED for an order
    that it ends, REPLACED (unasked) for one that it shortens.

    The answer to a request carries the request's ``cl_ord_id`` and names the order in
    ``orig_cl_ord_id``; only a replace renames the order. An order may be changed by its own
    account only; to others it is unknown.
    """

    def __init__(self, tick: int = 1, lot: int = 1, memory: int = MEMORY) -> None:
        super().__init__(tick, lot, memory)
        self._reports: list[VenueReport] = []
        self._special = 0
        """Orders in the book that are more than this class knows; see ``venues.core.special``."""
        self._heard_by: frozenset[str] | None = None
        """Accounts whose acknowledgements and cancels are reported; None: all."""

    def handle(self, msg: OrderMessage, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message and return every report that it causes, to whomever.

        ``venue_seq`` goes up by one if the book changed or something traded, and each report
        carries the number of the state that holds it. A refusal is a report, never an exception.

        Raises:
            TypeError: If ``msg`` is not one of the four order messages.
        """
        if self._special:
            reports = self._handle_slowly(msg, now_ns)
        elif type(msg) is NewOrderSingle:
            reports = self._on_new(msg, now_ns)
        elif type(msg) is OrderCancelRequest:
            reports = self._on_cancel(msg, now_ns)
        elif type(msg) is OrderCancelReplaceRequest:
            reports = self._on_replace(msg, now_ns)
        elif type(msg) is OrderReduceRequest:
            reports = self._on_reduce(msg, now_ns)
        else:
            raise TypeError(f"msg must be an order message, was a {type(msg).__name__}")
        self._reports = reports
        return reports

    def refuse_new(self, msg: NewOrderSingle, reason: RejectReason, now_ns: TimeNs) -> VenueReport:
        """Refuse a new order for a reason that the book does not know."""
        self._serial = exec_id = self._serial + 1
        return rejection(msg, reason, exec_id, now_ns, self.venue_seq)

    def refuse_change(self, msg: _Request, reason: CxlRejReason, now_ns: TimeNs) -> VenueReport:
        """Refuse a request for a reason that the book does not know, if its order is open."""
        order = self._orders.get(msg.orig_cl_ord_id)
        if order is None or order.account != msg.account:
            return self._not_open(msg, now_ns)
        return self._refused(msg, status_open(order), reason, now_ns)

    @property
    def trades(self) -> list[Trade]:
        """The prints of the last ``handle`` call."""
        return trades_in(self._reports)

    def check(self) -> None:
        """Walk every invariant of the book, of the index and of the last call's trades.

        Raises:
            InvariantError: Naming the rule that is broken, and where.
        """
        super().check()
        if self._reports and self._reports[0].venue_seq == self.venue_seq:
            # Else the book has been seeded since, and says nothing about those trades any more.
            check_trades(self._reports, self._bids, self._asks)

    # ------------------------------------------------------------ new orders

    def _on_refusable(
        self, msg: NewOrderSingle, reason: RejectReason, now_ns: TimeNs
    ) -> list[VenueReport]:
        """Refuse a new order, unless there is more to this core than plain orders."""
        return [self.refuse_new(msg, reason, now_ns)]

    def _handle_slowly(self, msg: OrderMessage, now_ns: TimeNs) -> list[VenueReport]:
        """Apply a message to a book that holds more than plain orders."""
        raise InvariantError(f"{self._special} special orders in a book that takes none")

    def _on_new(self, msg: NewOrderSingle, now_ns: TimeNs) -> list[VenueReport]:
        reason = self._refusal(msg)
        if reason is not None:
            return self._on_refusable(msg, reason, now_ns)
        name, account = msg.cl_ord_id, msg.account
        side, price, qty, tif = msg.side, msg.price, msg.order_qty, msg.time_in_force
        if side is _BUY:
            own, contra = self._bids, self._asks
            key = -KEY_MAX if price is None else -price
        else:
            own, contra = self._asks, self._bids
            key = -KEY_MAX if price is None else price
        self._serial = serial = self._serial + 1
        order = RestingOrder(
            name, account, side, serial, serial, key, qty, qty, msg.post_only, msg.self_trade
        )
        if price is None or tif is _IOC or tif is _FOK:
            if contra.best > -key or (tif is _FOK and not self._can_fill(order, contra)):
                return self._kill(order, now_ns)
            return self._aggress(order, contra, None, now_ns)
        if contra.best <= -key:
            return self._aggress(order, contra, own, now_ns)
        self._orders[name] = order
        level = own.level_at.get(key)
        if level is not None and level.qty:
            # BookSide.join, written out: this is where most messages end.
            level.qty += qty
            level.joined += 1
            level.queue[serial] = order
            if key <= own.kept_to:
                own.touched.add(key)
                if key <= own.shown_to:
                    self.unseen = True
        else:
            own.join(order)
        self.venue_seq = seq = self.venue_seq + 1
        heard_by = self._heard_by
        if heard_by is not None and account not in heard_by:
            return []
        # fmt: off
        return [make_report(
            _NEW, _IS_NEW, name, account, serial, serial, side, qty, 0, qty, now_ns, seq
        )]
        # fmt: on

    def _can_fill(self, order: RestingOrder, contra: BookSide) -> bool:
        """Whether the whole order can trade at once, given its self-trade mode.

        Own resting orders are no liquidity. Only CANCEL_RESTING gets past them; any other mode
        stops or shortens the order there, and then it is not filled whole.
        """
        limit, need = -order.key, order.leaves_qty
        if order.self_trade is _ALLOWED or not order.account:
            return contra.lots_to(limit, need) >= need
        for maker in contra.living():
            if maker.key > limit:
                break
            if maker.account != order.account:
                need -= maker.leaves_qty
                if need <= 0:
                    return True
            elif order.self_trade is not SelfTrade.CANCEL_RESTING:
                break
        return False

    # ------------------------------------------------------------ trading

    def _kill(self, order: RestingOrder, now_ns: TimeNs) -> list[VenueReport]:
        """Accept an order and cancel it at once, without a trade."""
        self._remember(order)
        self._serial = exec_id = self._serial + 1
        return [
            acknowledgement(order, now_ns, self.venue_seq),
            cancellation(order, exec_id, now_ns, self.venue_seq),
        ]

    def _aggress(
        self,
        order: RestingOrder,
        contra: BookSide,
        rest_on: BookSide | None,
        now_ns: TimeNs,
        *,
        renamed_from: str | None = None,
    ) -> list[VenueReport]:
        """Trade an accepted order that is not in the book, then rest or cancel what is left.

        Args:
            order: The order.
            contra: The side that it takes from.
            rest_on: The side where a remainder rests; None: it is canceled.
            now_ns: Time for the reports.
            renamed_from: Previous name of a replaced order, which has just left its place.
        """
        qty, leaves = order.order_qty, order.leaves_qty
        out: list[VenueReport] = []
        stopped = contra.best <= -order.key and self._sweep(order, contra, now_ns, out)
        if stopped or not order.leaves_qty:
            rest_on = None
        if out or rest_on is not None or renamed_from is not None:
            self.venue_seq += 1
        seq = self.venue_seq
        # The answer is sent first but made last: only now is its venue_seq known.
        # fmt: off
        if renamed_from is None:
            out.insert(0, make_report(
                _NEW, _IS_NEW, order.cl_ord_id, order.account, order.order_id, order.rank,
                order.side, qty, 0, leaves, now_ns, seq,
            ))
        else:
            out.insert(0, make_report(
                _REPLACED, _IS_NEW if leaves == qty else _IS_PARTIAL, order.cl_ord_id,
                order.account, order.order_id, order.rank, order.side, qty, qty - leaves, leaves,
                now_ns, seq, None, 0, None, False, None, renamed_from,
            ))
        # fmt: on
        if rest_on is not None:
            self._orders[order.cl_ord_id] = order
            rest_on.join(order)
            return out
        self._remember(order)
        if order.leaves_qty:
            self._serial = exec_id = self._serial + 1
            out.append(cancellation(order, exec_id, now_ns, seq))
        return out

    def _sweep(
        self, order: RestingOrder, contra: BookSide, now_ns: TimeNs, out: list[VenueReport]
    ) -> bool:
        """Trade an order against the other side; True if self-trade prevention ends it.

        For each trade the taker's report, then the maker's.
        """
        name, account = order.cl_ord_id, order.account
        side, order_id = order.side, order.order_id
        limit, asked, taken = -order.key, order.order_qty, order.leaves_qty
        guard = account if order.self_trade is not _ALLOWED and account else None
        seq, stopped = self.venue_seq + 1, False
        volume = last_px = lots = 0
        self.unseen = True
        while taken and not stopped and (best := contra.best) <= limit:
            if best <= contra.kept_to:
                contra.touched.add(best)
            level, price = contra.front(), abs(best)
            before, filled = taken, []
            for maker in level.queue.values():
                if maker.account == guard:
                    break
                offered, given = maker.order_qty, maker.leaves_qty
                if given > taken:
                    lots = taken
                else:
                    lots = given
                    filled.append(maker)
                taken -= lots
                maker.leaves_qty = given = given - lots
                self._serial = exec_id = self._serial + 2
                # fmt: off
                out.append(make_report(
                    _TRADE, _IS_PARTIAL if taken else _IS_FILLED, name, account, order_id,
                    exec_id - 1, side, asked, asked - taken, taken, now_ns, seq, price, lots,
                    maker.order_id,
                ))
                out.append(make_report(
                    _TRADE, _IS_PARTIAL if given else _IS_FILLED, maker.cl_ord_id, maker.account,
                    maker.order_id, exec_id, maker.side, offered, offered - given, given,
                    now_ns, seq, price, lots, order_id, True,
                ))
                # fmt: on
                if not taken:
                    break
            for maker in filled:
                del level.queue[maker.order_id]
                self._finish(maker)
            if taken != before:
                level.qty -= before - taken
                volume += before - taken
                last_px = price
            order.leaves_qty = taken
            if not level.qty:
                contra.vacate(best)
            elif taken:
                own = next(iter(level.queue.values()))
                stopped = self._prevent(order, own, contra, now_ns, out)
                asked, taken = order.order_qty, order.leaves_qty
        if volume:
            self.last_px, self.last_qty = PriceTicks(last_px), QtyLots(lots)
            self.volume = QtyLots(self.volume + volume)
        return stopped

    def _prevent(
        self,
        order: RestingOrder,
        maker: RestingOrder,
        contra: BookSide,
        now_ns: TimeNs,
        out: list[VenueReport],
    ) -> bool:
        """Keep two orders of one account from trading; True if the incoming one ends here."""
        mode, seq = order.self_trade, self.venue_seq + 1
        if mode is SelfTrade.CANCEL_INCOMING:
            return True
        lots = order.leaves_qty
        if mode is SelfTrade.DECREMENT and lots < maker.leaves_qty:
            contra.shrink(maker, lots)
            maker.order_qty -= lots
            self._serial = exec_id = self._serial + 1
            out.append(restatement(maker, exec_id, now_ns, seq))
            return True
        contra.leave(maker)
        self._finish(maker)
        self._serial = exec_id = self._serial + 1
        out.append(cancellation(maker, exec_id, now_ns, seq))
        if mode is SelfTrade.DECREMENT and lots > maker.leaves_qty:
            order.leaves_qty -= maker.leaves_qty
            order.order_qty -= maker.leaves_qty
            self._serial = exec_id = self._serial + 1
            out.append(restatement(order, exec_id, now_ns, seq))
            return False
        return mode is not SelfTrade.CANCEL_RESTING

    # ------------------------------------------------------------ requests for an order

    def _on_cancel(self, msg: OrderCancelRequest, now_ns: TimeNs) -> list[VenueReport]:
        name, account = msg.orig_cl_ord_id, msg.account
        order = self._orders.get(name)
        if order is None or order.account != account:
            return [self._not_open(msg, now_ns)]
        key, order_id, leaves = order.key, order.order_id, order.leaves_qty
        # BookSide.leave and _finish, written out: this is where the other messages end.
        own = self._bids if key < 0 else self._asks
        level = own.level_at[key]
        del level.queue[order_id]
        level.qty = left = level.qty - leaves
        if not left:
            own.vacate(key)
        if key <= own.kept_to:
            own.touched.add(key)
            if key <= own.shown_to:
                self.unseen = True
        del self._orders[name]
        self.venue_seq = seq = self.venue_seq + 1
        self._serial = exec_id = self._serial + 1
        heard_by = self._heard_by
        if heard_by is not None and account not in heard_by:
            return []
        self._remember(order)
        qty = order.order_qty
        # fmt: off
        return [make_report(
            _CANCELED, _IS_CANCELED, msg.cl_ord_id, account, order_id, exec_id,
            order.side, qty, qty - leaves, 0, now_ns, seq,
            None, 0, None, False, None, name,
        )]
        # fmt: on

    def _on_replace(self, msg: OrderCancelReplaceRequest, now_ns: TimeNs) -> list[VenueReport]:
        order = self._orders.get(msg.orig_cl_ord_id)
        if order is None or order.account != msg.account:
            return [self._not_open(msg, now_ns)]
        reason = self._replace_refusal(msg, order)
        if reason is not None:
            return [self._refused(msg, status_open(order), reason, now_ns)]
        assert msg.price is not None  # or it would have been refused
        own, contra = (self._bids, self._asks) if order.key < 0 else (self._asks, self._bids)
        key = own.sign * msg.price
        cum, leaves = order.cum_qty, max(0, msg.order_qty - order.cum_qty)
        del self._orders[order.cl_ord_id]
        order.cl_ord_id = msg.cl_ord_id
        if leaves > order.leaves_qty or (leaves and key != order.key):
            own.leave(order)
            self._serial = rank = self._serial + 1
            order.key, order.rank = key, rank
            order.order_qty, order.leaves_qty = cum + leaves, leaves
            return self._aggress(order, contra, own, now_ns, renamed_from=msg.orig_cl_ord_id)
        self._orders[order.cl_ord_id] = order
        if leaves < order.leaves_qty:
            self.venue_seq += 1
            if leaves:
                own.shrink(order, order.leaves_qty - leaves)
            else:
                own.leave(order)
                order.leaves_qty = 0
                self._finish(order)
            order.order_qty = cum + leaves
        return [self._replaced(order, msg, now_ns)]

    def _on_reduce(self, msg: OrderReduceRequest, now_ns: TimeNs) -> list[VenueReport]:
        order = self._orders.get(msg.orig_cl_ord_id)
        if order is None or order.account != msg.account:
            return [self._not_open(msg, now_ns)]
        lots = msg.reduce_qty
        if lots <= 0 or lots % self._lot:
            reason = CxlRejReason.INCORRECT_QUANTITY
            return [self._refused(msg, status_open(order), reason, now_ns)]
        if lots >= order.leaves_qty:
            cancel = OrderCancelRequest(msg.cl_ord_id, msg.orig_cl_ord_id, msg.account)
            return self._on_cancel(cancel, now_ns)
        (self._bids if order.key < 0 else self._asks).shrink(order, lots)
        order.order_qty -= lots
        self.venue_seq += 1
        return [self._replaced(order, msg, now_ns)]

    # ------------------------------------------------------------ answers to requests

    def _replaced(
        self,
        order: RestingOrder,
        msg: OrderCancelReplaceRequest | OrderReduceRequest,
        now_ns: TimeNs,
    ) -> VenueReport:
        self._serial = exec_id = self._serial + 1
        # fmt: off
        return make_report(
            _REPLACED, status_open(order), msg.cl_ord_id, order.account, order.order_id, exec_id,
            order.side, order.order_qty, order.cum_qty, order.leaves_qty, now_ns, self.venue_seq,
            None, 0, None, False, None, msg.orig_cl_ord_id,
        )
        # fmt: on

    def _not_open(self, msg: _Request, now_ns: TimeNs) -> VenueReport:
        """Refuse a request for an order that is finished, unknown, or somebody else's."""
        done = self._finished_order(msg.orig_cl_ord_id)
        if msg.orig_cl_ord_id in self._orders or done is None or done.account != msg.account:
            return self._refused(msg, OrdStatus.REJECTED, CxlRejReason.UNKNOWN_ORDER, now_ns)
        return self._refused(msg, status_finished(done), CxlRejReason.TOO_LATE, now_ns)

    def _refused(
        self, msg: _Request, status: OrdStatus, reason: CxlRejReason, now_ns: TimeNs
    ) -> VenueReport:
        name = msg.orig_cl_ord_id
        order = self._orders.get(name) or self._finished_order(name)
        order_id = 0 if order is None or status is OrdStatus.REJECTED else order.order_id
        return refusal(msg, status, reason, now_ns, self.venue_seq, order_id=order_id)
