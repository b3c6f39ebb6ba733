"""Trading in a book that holds special orders, one order against the other side.

The slow and general counterpart of ``MatchingCore``'s sweep. Reports of one message are numbered
for the state after it; ``SpecialCore`` sees to it that there is one.
"""

from typing import Final

from sim.protocol.enums import ExecType, OrdStatus, SelfTrade
from sim.protocol.orders import VenueReport
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.book import BookSide, RestingOrder
from venues.core.reports import cancellation, make_report, restatement
from venues.core.special_offers import Offer, SpecialOffers, keep_apart
from venues.core.special_orders import Place, SpecialOrder, at_once, own_min

_TRADE: Final = ExecType.TRADE
_UNQUEUED: Final = frozenset({Place.MARKET, Place.STOP, Place.PARKED})

_Plan = list[tuple[RestingOrder, int]]
"""Makers, and lots of each; 0: self-trade prevention strikes there."""


class SpecialTrading(SpecialOffers):
    """Lets an order take from the other side, and puts what is left where it belongs."""

    _low: int | None = None
    _high: int | None = None
    """Lowest and highest price of the trades that stops have not been held against yet."""

    # ------------------------------------------------------------ one order

    def _enter(
        self,
        order: RestingOrder,
        now_ns: TimeNs,
        out: list[VenueReport],
        *,
        rests: bool = True,
        key: int | None = None,
    ) -> None:
        """Trade an accepted order that is not in the book, then rest or cancel what is left.

        Args:
            order: The order; all that is open of it is in ``leaves_qty``.
            now_ns: Time for the reports.
            out: Gets the reports of the trades and of what follows from them.
            rests: Whether a remainder may rest.
            key: Up to where it takes; None: up to its limit.
        """
        key = order.key if key is None else key
        before, stopped = order.order_qty - order.leaves_qty, False
        choosy = isinstance(order, SpecialOrder) and order.all_or_none
        if self._meets(order.side, key) and (not choosy or self._would_fill(order, key)):
            stopped = self._take(order, key, now_ns, out)
        taken = order.order_qty - order.leaves_qty - before
        if not order.leaves_qty:
            self._remember(order)
        elif not rests or stopped or (taken and self._too_few(order)):
            self._end(order, now_ns, out)
        else:
            self._rest(order, taken)

    def _may_rest(self, order: RestingOrder) -> bool:
        """Whether a remainder of this order stays in the book."""
        if not isinstance(order, SpecialOrder):
            return True
        if at_once(order.time_in_force):
            return False
        return not order.rests_unpriced or self.rules.market_remainder == "rest"

    def _too_few(self, order: RestingOrder) -> bool:
        """Whether a hidden order that has traded has fewer lots left than may stay hidden."""
        least = self.rules.hidden_min_remainder
        return isinstance(order, SpecialOrder) and order.hidden and order.leaves_qty < least

    def _end(self, order: RestingOrder, now_ns: TimeNs, out: list[VenueReport]) -> None:
        """Cancel what is left of an order that is not in the book."""
        self._remember(order)
        self._serial = exec_id = self._serial + 1
        out.append(cancellation(order, exec_id, now_ns, self.venue_seq + 1))

    def _take(self, order: RestingOrder, key: int, now_ns: TimeNs, out: list[VenueReport]) -> bool:
        """Trade an order against the other side; True if self-trade prevention ends it."""
        prorata = self.rules.iceberg_sweep == "prorata_reserve"
        for offer in self._offers(order.side, key):
            if prorata and offer.displayed:
                stopped = self._take_shared(order, offer, now_ns, out)
            else:
                stopped = self._take_in_turn(order, offer, now_ns, out)
            if stopped or not order.leaves_qty:
                return stopped
        return False

    def _take_in_turn(
        self, order: RestingOrder, offer: Offer, now_ns: TimeNs, out: list[VenueReport]
    ) -> bool:
        """Take from one maker after the other; an iceberg's next slice comes after the others."""
        least = own_min(order)
        for maker in offer.makers:
            if keep_apart(order, maker):
                if self._prevent_special(order, maker, now_ns, out):
                    return True
                continue
            lots = self._lots(order.leaves_qty, least, maker)
            if lots:
                self._trade(order, maker, offer, lots, now_ns=now_ns, out=out)
            if not order.leaves_qty:
                break
        return False

    def _take_shared(
        self, order: RestingOrder, offer: Offer, now_ns: TimeNs, out: list[VenueReport]
    ) -> bool:
        """Take what a level shows, in turn, and of what its icebergs keep back a share of each."""
        for maker, lots in self._plan(order, offer):
            if lots:
                self._trade(order, maker, offer, lots, now_ns=now_ns, out=out)
            elif self._prevent_special(order, maker, now_ns, out):
                return True
        return False

    def _plan(self, order: RestingOrder, offer: Offer) -> _Plan:
        left, least, plan = order.leaves_qty, own_min(order), list[tuple[RestingOrder, int]]()
        for maker in offer.makers:
            if not left:
                return plan
            if keep_apart(order, maker):
                plan.append((maker, 0))
                if order.self_trade is SelfTrade.DECREMENT:
                    left -= min(left, maker.open_qty)
                elif order.self_trade is not SelfTrade.CANCEL_RESTING:
                    return plan
                continue
            lots = self._lots(left, least, maker)
            if lots:
                plan.append((maker, lots))
                left -= lots
        if not left:
            return plan
        kept_back = [maker.open_qty - maker.leaves_qty if lots else 0 for maker, lots in plan]
        shares = _shares(left, kept_back)
        return [(maker, lots + more) for (maker, lots), more in zip(plan, shares, strict=True)]

    # ------------------------------------------------------------ one trade

    def _trade(
        self,
        taker: RestingOrder,
        maker: RestingOrder,
        offer: Offer,
        lots: int,
        *,
        now_ns: TimeNs,
        out: list[VenueReport],
    ) -> None:
        """Trade and report to both sides; the maker leaves, shrinks, or shows its next slice."""
        price = offer.price
        taker.leaves_qty -= lots
        ended = self._give(maker, offer.side, lots)
        seq = self.venue_seq + 1
        self._serial = exec_id = self._serial + 2
        for order, contra, number in ((taker, maker, exec_id - 1), (maker, taker, exec_id)):
            leaves = order.open_qty
            status = OrdStatus.PARTIALLY_FILLED if leaves else OrdStatus.FILLED
            # fmt: off
            out.append(make_report(
                _TRADE, status, order.cl_ord_id, order.account, order.order_id, number,
                order.side, order.order_qty, order.order_qty - leaves, leaves, now_ns, seq,
                price, lots, contra.order_id, order is maker,
            ))
            # fmt: on
        self._changed = True
        self.last_px, self.last_qty = PriceTicks(price), QtyLots(lots)
        self.volume = QtyLots(self.volume + lots)
        self._low = price if self._low is None else min(self._low, price)
        self._high = price if self._high is None else max(self._high, price)
        if not ended and self._too_few(maker):
            self._lift(maker)
            self._end(maker, now_ns, out)

    def _give(self, maker: RestingOrder, side: BookSide | None, lots: int) -> bool:
        """Take lots that have traded off a resting order; True if none are left."""
        if lots == maker.open_qty:
            self._lift(maker)
            maker.leaves_qty = 0
            self._remember(maker)
            return True
        if side is None:
            maker.leaves_qty -= lots
        elif isinstance(maker, SpecialOrder) and maker.display_qty:
            self._give_of_iceberg(maker, side, lots)
        else:
            side.shrink(maker, lots)
        return False

    def _give_of_iceberg(self, maker: SpecialOrder, side: BookSide, lots: int) -> None:
        """Take some of the lots of an iceberg; its peak is renewed at the end of the queue."""
        of_shown = min(lots, maker.leaves_qty)
        shown = maker.leaves_qty - of_shown
        reserve = maker.reserve - (lots - of_shown)
        if not reserve or shown >= max(1, maker.min_display_qty):
            side.shrink(maker, of_shown)
            maker.reserve = reserve
            return
        side.leave(maker)
        maker.leaves_qty, maker.reserve = shown, reserve
        self._show(maker, maker.display_qty)
        self._serial = maker.rank = self._serial + 1
        side.join(maker)

    # ------------------------------------------------------------ self-trade prevention

    def _prevent_special(
        self, order: RestingOrder, maker: RestingOrder, now_ns: TimeNs, out: list[VenueReport]
    ) -> bool:
        """Keep two orders of one account from trading; True if the incoming one ends here."""
        mode, seq = order.self_trade, self.venue_seq + 1
        if mode is SelfTrade.CANCEL_INCOMING:
            return True
        lots, offered = order.leaves_qty, maker.open_qty
        if mode is SelfTrade.DECREMENT and lots < offered:
            self._shorten(maker, lots)
            self._serial = exec_id = self._serial + 1
            out.append(restatement(maker, exec_id, now_ns, seq))
            return True
        self._lift(maker)
        self._end(maker, now_ns, out)
        if mode is SelfTrade.DECREMENT and lots > offered:
            order.leaves_qty -= offered
            order.order_qty -= offered
            self._serial = exec_id = self._serial + 1
            out.append(restatement(order, exec_id, now_ns, seq))
            return False
        return mode is not SelfTrade.CANCEL_RESTING

    def _shorten(self, order: RestingOrder, lots: int) -> None:
        """Take some, not all, of the open lots off an order; it keeps its place.

        An iceberg gives of what it keeps back first.
        """
        self._changed = True
        order.order_qty -= lots
        if isinstance(order, SpecialOrder):
            kept = min(lots, order.reserve)
            order.reserve -= kept
            lots -= kept
            if order.place in _UNQUEUED:
                order.leaves_qty -= lots
                return
        if lots:
            self._home(order).shrink(order, lots)


def _shares(lots: int, parts: list[int]) -> list[int]:
    """Divide lots over parts in proportion, none above its part, rounding to the first.

    All of them if there are not more than lots.
    """
    total = sum(parts)
    if lots >= total:
        return parts
    shares = [lots * part // total for part in parts]
    left = lots - sum(shares)
    for n, part in enumerate(parts):
        more = min(left, part - shares[n])
        shares[n] += more
        left -= more
    return shares
