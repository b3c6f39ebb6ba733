"""How special orders come into the market: at once, by election, by repricing, by waking up.

Prices that a stop, a peg or a resting market order goes by are the venue's own.
"""

from typing import Final

from sim.protocol.enums import ExecType, OrdStatus, OrdType, RejectReason, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, VenueReport
from sim.protocol.units import TimeNs
from venues.core.book import EMPTY, RestingOrder
from venues.core.reports import acknowledgement, make_report
from venues.core.special_orders import (
    STOPS,
    Place,
    SpecialOrder,
    at_once,
    is_choosy,
    is_plain,
    refusal_of,
    special_order,
)
from venues.core.special_trading import SpecialTrading

_BUY: Final = Side.BUY
_SPARE: Final = 64
"""Pegged orders that have ended and may be kept beyond the number of special orders."""


class SpecialEntry(SpecialTrading):
    """Brings new orders, elected stops, moved pegs and woken orders into the market."""

    _touch: tuple[int | None, int | None] | None = None
    """The best prices, those of pegged orders apart, that all pegged orders have been priced by;
    None: one may have been priced by others."""

    # ------------------------------------------------------------ new orders

    def _on_new_order(self, msg: NewOrderSingle, now_ns: TimeNs, out: list[VenueReport]) -> None:
        reason = self._refusal(msg) if is_plain(msg) else self._special_refusal(msg)
        if reason is not None:
            out.append(self.refuse_new(msg, reason, now_ns))
            return
        self._serial = serial = self._serial + 1
        if is_plain(msg) and msg.ord_type is OrdType.LIMIT and msg.price is not None:
            order = RestingOrder(
                msg.cl_ord_id,
                msg.account,
                msg.side,
                serial,
                serial,
                -msg.price if msg.side is _BUY else msg.price,
                msg.order_qty,
                msg.order_qty,
                msg.post_only,
                msg.self_trade,
            )
            out.append(acknowledgement(order, now_ns, self.venue_seq + 1))
            if at_once(msg.time_in_force):
                self._enter_at_once(order, now_ns, out, whole=msg.time_in_force is TimeInForce.FOK)
            else:
                self._enter(order, now_ns, out)
            return
        special = special_order(msg, serial)
        out.append(acknowledgement(special, now_ns, self.venue_seq + 1))
        if special.ord_type in STOPS and not self._is_reached(special.side, special.stop_px):
            self._wait(special, Place.STOP)
            return
        self._activate(special, now_ns, out)

    def _special_refusal(self, msg: NewOrderSingle) -> RejectReason | None:
        """Why an order that is not plain cannot be accepted; None if it can."""
        reason = refusal_of(msg, self._tick, self._lot)
        if reason is not None:
            return reason
        if msg.cl_ord_id in self._orders:
            return RejectReason.DUPLICATE_ORDER
        order = special_order(msg, 0)
        if msg.ord_type in STOPS:
            if self.rules.stop_on_entry == "reject" and self._is_reached(order.side, order.stop_px):
                return RejectReason.STOP_PRICE_REACHED
        elif msg.ord_type is OrdType.MARKET_TO_LIMIT:
            if self._against(order.side).best == EMPTY:
                return RejectReason.NO_REFERENCE
        elif msg.ord_type is OrdType.PEGGED:
            if self.rules.peg_without_reference == "reject" and self._price_now(order) is None:
                return RejectReason.NO_REFERENCE
        elif msg.post_only and self._would_trade(order, order.key):
            return RejectReason.POST_ONLY_WOULD_TRADE
        return None

    def _activate(self, order: SpecialOrder, now_ns: TimeNs, out: list[VenueReport]) -> None:
        """Bring an accepted order into the market, a stop that is elected too."""
        if order.ord_type in STOPS:
            self._trigger(order, now_ns, out)
        elif order.ord_type is OrdType.MARKET_TO_LIMIT:
            order.key = -self._against(order.side).best
            order.limit = abs(order.key)
        elif order.ord_type is OrdType.PEGGED:
            self._pegs[order.order_id] = order
            self._enter_pegged(order, now_ns, out)
            return
        if order.time_in_force is TimeInForce.FOK:
            self._enter_at_once(order, now_ns, out, whole=True)
        else:
            self._enter(order, now_ns, out, rests=self._may_rest(order))

    def _enter_at_once(
        self, order: RestingOrder, now_ns: TimeNs, out: list[VenueReport], *, whole: bool
    ) -> None:
        if whole and not self._would_fill(order, order.key):
            self._end(order, now_ns, out)
        else:
            self._enter(order, now_ns, out, rests=False)

    # ------------------------------------------------------------ stops

    def _is_reached(self, side: Side, stop_px: int | None) -> bool:
        """Whether the last price is at or through the stop price of an order on ``side``."""
        last = self.reference_px
        assert stop_px is not None
        return last is not None and (last >= stop_px if side is _BUY else last <= stop_px)

    def _trigger(self, order: SpecialOrder, now_ns: TimeNs, out: list[VenueReport]) -> None:
        """Make a stop the market or limit order that it was waiting to be, and say so."""
        stop_limit = order.ord_type is OrdType.STOP_LIMIT
        order.ord_type = OrdType.LIMIT if stop_limit else OrdType.MARKET
        self._serial = exec_id = order.rank = self._serial + 1
        # fmt: off
        out.append(make_report(
            ExecType.TRIGGERED, OrdStatus.NEW, order.cl_ord_id, order.account, order.order_id,
            exec_id, order.side, order.order_qty, 0, order.leaves_qty, now_ns,
            self.venue_seq + 1,
        ))
        # fmt: on

    def _elect(self, now_ns: TimeNs, out: list[VenueReport]) -> bool:
        """Activate the stops that the trades since the last look have reached; True if any."""
        low, high = self._low, self._high
        if low is None or high is None:
            return False
        self._low = self._high = None
        elected: list[SpecialOrder] = []
        for places, reached in ((self._bid_places, high), (self._ask_places, -low)):
            for key, _, order in places.stops:
                if key > reached:
                    break
                elected.append(order)
        if self.rules.stop_election == "furthest":
            last = self.reference_px or 0
            elected.sort(key=lambda order: (-abs((order.stop_px or 0) - last), order.rank))
        else:
            elected.sort(key=lambda order: order.rank)
        for order in elected:
            if order.place is Place.STOP:
                self._lift(order)
                self._activate(order, now_ns, out)
        return bool(elected)

    # ------------------------------------------------------------ pegged orders

    def _price_now(self, order: SpecialOrder) -> int | None:
        return self._peg_price(order, *self._touch_now())

    def _enter_pegged(self, order: SpecialOrder, now_ns: TimeNs, out: list[VenueReport]) -> None:
        """Bring a pegged order that is nowhere to where it belongs now."""
        self._touch = None  # it may trade with what it goes by
        price = self._price_now(order)
        if price is not None:
            order.key = -price if order.side is _BUY else price
            self._enter(order, now_ns, out)
        elif self.rules.peg_without_reference == "park":
            self._wait(order, Place.PARKED)
        else:
            self._end(order, now_ns, out)

    def _reprice(self, now_ns: TimeNs, out: list[VenueReport]) -> bool:
        """Move pegged orders whose price is another now, oldest first; True if any."""
        if not self._pegs:
            return False
        touch = self._touch_now()
        if touch == self._touch and len(self._pegs) <= 2 * self._special + _SPARE:
            return False
        self._touch = touch
        living = self._pegs.items()
        self._pegs = {key: order for key, order in living if order.place is not Place.NOWHERE}
        moving = [order for order in self._pegs.values() if not self.is_where_its_peg_is(order)]
        # All of them leave before the first comes back: none may trade at a price of the past.
        moving.sort(key=lambda order: order.rank)
        for order in moving:
            self._lift(order)
        for order in moving:
            self._serial = order.rank = self._serial + 1
            self._enter_pegged(order, now_ns, out)
        return bool(moving)

    # ------------------------------------------------------------ orders that stand against others

    def _wake(self, now_ns: TimeNs, out: list[VenueReport]) -> bool:
        """Let the oldest choosy order trade that may by now; True if there was one."""
        able: list[tuple[int, int, RestingOrder]] = []
        for side, places in ((_BUY, self._bid_places), (Side.SELL, self._ask_places)):
            if not places.choosy:
                continue
            contra = Side.SELL if side is _BUY else _BUY
            others = self._places(contra)
            first = min(self._displayed(contra).best, others.hidden.best)
            for key, rank, order in places.choosy:
                if first > -key and not others.market:
                    break
                at = self._resting_key(order)
                if self._would_trade(order, at):
                    able.append((rank, at, order))
        if not able:
            return False
        _, at, order = min(able, key=lambda entry: entry[0])
        self._lift(order)
        self._serial = order.rank = self._serial + 1
        self._enter(order, now_ns, out, key=at)
        return True

    # ------------------------------------------------------------ orders that had no price

    def _meet_unpriced(self, now_ns: TimeNs, out: list[VenueReport]) -> bool:
        """Let resting market orders of both sides trade once there is a price; True if any did.

        The younger of the two oldest takes, and with what it has left keeps its place.
        """
        bids, asks = self._bid_places.market, self._ask_places.market
        if not bids or not asks:
            return False
        bid = next((order for order in bids.values() if not is_choosy(order)), None)
        ask = next((order for order in asks.values() if not is_choosy(order)), None)
        if bid is None or ask is None:
            return False
        pair = (ask, bid) if bid.rank < ask.rank else (bid, ask)
        taker = next((order for order in pair if self.could_trade(order)), None)
        if taker is None:
            return False
        self._lift(taker)
        self._enter(taker, now_ns, out)
        market = self._places(taker.side).market
        for number in [number for number, order in market.items() if order.rank > taker.rank]:
            market[number] = market.pop(number)
        return True
