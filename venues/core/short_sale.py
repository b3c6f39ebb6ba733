"""A price test for short sales, around any core.

While it is in force, a short sale may neither trade nor be displayed at or below the best bid: the
highest displayed bid over other venues, *as this venue has received them*, and over its own book.
Such an order is refused, or its price is raised to the first one above that bid. An order whose
price nobody knows as it comes (a stop, a pegged order) is refused either way.

What was displayed above the best bid may trade wherever the bid has gone since. Where nothing is
displayed that does not hold: a resting short sale that a rising best bid reaches is canceled. The
test begins at a time, or with the first trade, here or at a venue that this one hears, at or below
a price; it stays in force to the end. Source: Regulation SHO, Rule 201.
"""

from typing import Any, Final

import msgspec

from sim.protocol.enums import CxlRejReason, OrdType, Priority, RejectReason, Side
from sim.protocol.market_data import BookSnapshot
from sim.protocol.nbbo import Nbbo
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, TimeNs
from venues.core.api import Heard, Notice, VenueCore, WakeAt
from venues.core.around import CoreAround

_SHORT: Final = Side.SELL_SHORT
_PRICED: Final = (OrdType.LIMIT, OrdType.MARKET)


class _Begin:
    """The message of the wake-up at which the test comes into force."""


class ShortSaleCore(CoreAround):
    """A core with a price test for short sales.

    Args:
        inner: The core that trades.
        tick: Price step of the venue, in ticks of the instrument.
        since_ns: When the test comes into force; None: with a trade.
        fallen_to: It does so with a trade at or below this price, ticks; None: at a time.
        reprice: Whether prices are raised; if not, orders are refused.
        displayed_depth: Levels of its book that the venue displays; 0: it is dark.
        passes_quotes: Whether the core within takes the quotes of other venues, too.
    """

    def __init__(
        self,
        inner: VenueCore,
        *,
        tick: int,
        since_ns: int | None = None,
        fallen_to: int | None = None,
        reprice: bool = False,
        displayed_depth: int = 0,
        passes_quotes: bool = False,
    ) -> None:
        super().__init__(inner)
        self.in_force = False
        self._tick = tick
        self._fallen_to = fallen_to
        self._reprice = reprice
        self._depth = displayed_depth
        self._passes_quotes = passes_quotes
        self._others = Nbbo()
        if since_ns is not None:
            self.wakes.append(WakeAt(since_ns, Priority.FAULT, _Begin()))

    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message if the test lets it pass."""
        if isinstance(msg, BookSnapshot | Heard):
            return self._on_quotes(msg, now_ns)
        if isinstance(msg, _Begin):
            return self._begin("since the time set", now_ns)
        if self.in_force and isinstance(msg, NewOrderSingle):
            wrong = self._is_wrong(msg.price, msg.ord_type)
            if msg.side is _SHORT and not wrong and self._is_too_low(msg.price, msg.ord_type):
                if not self._reprice or msg.ord_type not in _PRICED:
                    return [self.refuse_new(msg, RejectReason.SHORT_SALE_RESTRICTED, now_ns)]
                msg = msgspec.structs.replace(msg, price=self._lowest(), ord_type=OrdType.LIMIT)
        elif self.in_force and isinstance(msg, OrderCancelReplaceRequest):
            order = None if self.book is None else self.book.open_order(msg.orig_cl_ord_id)
            short = order is not None and order.side is _SHORT
            if short and not self._is_wrong(msg.price) and self._is_too_low(msg.price):
                if not self._reprice:
                    reason = CxlRejReason.SHORT_SALE_RESTRICTED
                    return [self.refuse_change(msg, reason, now_ns)]
                msg = msgspec.structs.replace(msg, price=self._lowest())
        reports = self._inner.handle(msg, now_ns)
        return reports + self._watch(self.last_px, now_ns)

    # ------------------------------------------------------------ when it is in force

    def _on_quotes(self, msg: BookSnapshot | Heard, now_ns: TimeNs) -> list[VenueReport]:
        bid = self._others.bid
        reports: list[VenueReport] = []
        snapshots = (msg,) if isinstance(msg, BookSnapshot) else msg.snapshots
        for book in snapshots:
            bids, asks = book.bids, book.asks
            self._others.on_touch(
                book.venue_id, bids[0][0] if bids else None, asks[0][0] if asks else None
            )
            reports += self._watch(book.last_px, now_ns)
        if self.in_force and self._others.bid != bid:
            reports += self._move_hidden(now_ns)  # before anything trades on the new quotes
        return reports + (self._inner.handle(msg, now_ns) if self._passes_quotes else [])

    def _watch(self, last_px: int | None, now_ns: TimeNs) -> list[VenueReport]:
        """Look whether a trade's price brings the test into force."""
        if self.in_force or self._fallen_to is None or last_px is None:
            return []
        if last_px > self._fallen_to:
            return []
        return self._begin(f"a trade at {last_px} ticks", now_ns)

    def _begin(self, why: str, now_ns: TimeNs) -> list[VenueReport]:
        self.in_force = True
        self.changes.append(Notice("short_sale_restricted", why))
        return self._move_hidden(now_ns)

    # ------------------------------------------------------------ prices

    def _best_bid(self) -> int | None:
        """The highest displayed bid that this venue knows."""
        best = self._others.bid
        if self._depth:
            bids, _ = self._inner.published(self._depth)
            if bids and (best is None or bids[0][0] > best):
                best = bids[0][0]
        return best

    def _is_wrong(self, price: int | None, ord_type: OrdType = OrdType.LIMIT) -> bool:
        """Whether a price cannot be: the venue refuses it then, and nobody makes it a good one."""
        if price is None:
            return ord_type is OrdType.LIMIT
        return price <= 0 or price % self._tick != 0 or ord_type is OrdType.MARKET

    def _is_too_low(self, price: int | None, ord_type: OrdType = OrdType.LIMIT) -> bool:
        if ord_type not in _PRICED:
            return True
        bid = self._best_bid()
        return bid is not None and (price is None or price <= bid)

    def _lowest(self) -> PriceTicks:
        """The lowest price of the venue's grid above the best bid."""
        bid = self._best_bid()
        assert bid is not None  # or no price would be too low
        return PriceTicks((bid // self._tick + 1) * self._tick)

    def _move_hidden(self, now_ns: TimeNs) -> list[VenueReport]:
        """Cancel what rests unseen at or below the best bid; its owner asked for nothing."""
        if self._depth or self.book is None:
            return []
        bid = self._best_bid()
        if bid is None:
            return []
        low = [
            order
            for order in self.book.resting(Side.SELL)
            if order.side is _SHORT and order.key <= bid
        ]
        reports: list[VenueReport] = []
        for order in low:
            name = order.cl_ord_id
            msg = OrderCancelRequest(name, name, order.account)
            first, *more = self._inner.handle(msg, now_ns)
            reports += [msgspec.structs.replace(first, orig_cl_ord_id=None), *more]
        return reports
