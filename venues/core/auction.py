"""A periodic auction: orders collect, and at fixed instants those that can trade at one price do.

Between the instants nothing trades, so the book may be crossed. At an instant, after all messages
that have arrived by then, ``venues.core.uncross`` sets the price; on the side with more lots better
limits come first, then by age or in proportion to size. IOC orders take part in the next
auction only and are canceled after it; others rest until they are filled or canceled. Market and
FOK orders, minimum quantities and self-trade modes are refused: one price for all has no first
counter-order.

Buyers and sellers are paired in their order of priority to report both sides of each trade; of a
pair the younger order counts as the taker.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Final, Literal

from sim.protocol.enums import (
    ExecType,
    OrdStatus,
    Priority,
    RejectReason,
    SelfTrade,
    Side,
    TimeInForce,
    TradingState,
)
from sim.protocol.errors import InvariantError
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.nbbo import Nbbo
from sim.protocol.orders import NewOrderSingle, OrderMessage, VenueReport
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.api import Heard, TradeLater, TradingChange, WakeAt
from venues.core.book import BookSide, RestingOrder
from venues.core.check import check_finished, check_index, check_side
from venues.core.checked_book import is_special
from venues.core.matching import MatchingCore
from venues.core.reports import cancellation, make_report
from venues.core.uncross import Uncrossing, shares, uncross

Margin = Literal["time", "pro_rata"]

_BUY: Final = Side.BUY
_ALL: Final = 1 << 62
"""More levels than any book has."""


class AuctionCore(MatchingCore):
    """A book that trades at certain instants only, all at one price.

    Args:
        tick: Step of limits and prices here, in ticks of the instrument, > 0.
        lot: Quantity step, in lots of the instrument, > 0.
        every_ns: From one auction to the next, > 0.
        first_ns: When the first one is, >= 0.
        margin: How lots are shared among orders at the last price that trades, where there are
            fewer than they want: by age, or in proportion to size.
        indicative: Whether it shows at what price and for how many lots it would trade now.
        market: Whether the price is near the middle of other venues' quotes as they have reached
            it; if not, near its own last price.

    Attributes:
        reference: The market as it has received it; None if it does not look.
        wakes: Wake-ups asked for: the next auction, if there is anything to do in it.
        changes: None: an auction itself has no hours.
        state: Always open.
    """

    def __init__(
        self,
        tick: int = 1,
        lot: int = 1,
        *,
        every_ns: int,
        first_ns: int = 0,
        margin: Margin = "time",
        indicative: bool = False,
        market: bool = False,
    ) -> None:
        super().__init__(tick, lot)
        self.reference = Nbbo() if market else None
        self.wakes: list[WakeAt] = []
        self.changes: list[TradingChange] = []
        self.state = TradingState.OPEN
        self._every_ns = every_ns
        self._first_ns = first_ns
        self._margin: Margin = margin
        self._indicative = indicative
        self._once: dict[int, RestingOrder] = {}  # IOC orders since the last auction, by order id
        self._done_ns = -1  # when the last auction was
        self._asked = False
        self._shown: tuple[Levels, Levels] = ((), ())
        self._shown_seq = -1

    def handle(
        self, msg: OrderMessage | BookSnapshot | Heard | TradeLater, now_ns: TimeNs
    ) -> list[VenueReport]:
        """Apply one message, or hold the auction that is due.

        Raises:
            TypeError: If ``msg`` is none of an order message, the wake-up that it asked for and,
                where it looks at other venues, a book of one.
        """
        if isinstance(msg, TradeLater):
            self._asked = False
            self._reports = self._auction(now_ns) if self._is_due(now_ns) else []
        elif isinstance(msg, BookSnapshot | Heard) and self.reference is not None:
            self._reports = []
            self._hear(self.reference, (msg,) if isinstance(msg, BookSnapshot) else msg.snapshots)
        else:
            assert not isinstance(msg, BookSnapshot | Heard)
            super().handle(msg, now_ns)
        self._ask(now_ns)
        return self._reports

    def published(self, depth: int) -> tuple[Levels, Levels]:
        """Nothing, or at the price of now the lots that would buy and those that would sell."""
        if self._indicative and self._shown_seq != self.venue_seq:
            self._shown_seq = self.venue_seq
            found = self.outcome()
            shown: tuple[Levels, Levels] = ((), ())
            if found is not None:
                shown = ((found.price, found.bought),), ((found.price, found.sold),)
            self._shown = tuple(  # type: ignore[assignment] # two of them
                old if old == new else new for old, new in zip(self._shown, shown, strict=True)
            )
        return self._shown

    def reachable_by(self, msg: NewOrderSingle, depth: int) -> Levels:
        """The other side within the order's limit, which it may meet in the next auction."""
        return self.reachable(msg.side, msg.price, depth)

    def outcome(self) -> Uncrossing | None:
        """What an auction would do now; None if nothing could trade."""
        bids = self.reachable(Side.SELL, None, _ALL)
        asks = self.reachable(Side.BUY, None, _ALL)
        return uncross(bids, asks, self._near(), self._tick)

    def check(self) -> None:
        """Walk every invariant; between auctions the book may be crossed.

        Raises:
            InvariantError: Naming the rule that is broken, and where.
        """
        check_side("bids", self._bids)
        check_side("asks", self._asks)
        check_index(self._orders, self._bids, self._asks)
        check_finished(self._finished, self._finished_before, self._memory)
        waits = [order for order in self._once.values() if self._is_open(order)]
        if waits and not (self._asked or self.wakes):
            raise InvariantError(f"I18: no auction comes for {waits[0]}")

    # ------------------------------------------------------------ messages

    def _refusal(self, msg: NewOrderSingle) -> RejectReason | None:
        reason = super()._refusal(msg)
        if reason is None and (
            is_special(msg)
            or msg.price is None
            or msg.post_only
            or msg.time_in_force is TimeInForce.FOK
            or msg.self_trade is not SelfTrade.NONE
        ):
            return RejectReason.UNSUPPORTED_ORDER
        return reason

    def _on_new(self, msg: NewOrderSingle, now_ns: TimeNs) -> list[VenueReport]:
        reason = self._refusal(msg)
        if reason is not None:
            return [self.refuse_new(msg, reason, now_ns)]
        assert msg.price is not None  # or it would have been refused
        buys = msg.side is _BUY
        own, contra = (self._bids, self._asks) if buys else (self._asks, self._bids)
        self._serial = serial = self._serial + 1
        order = RestingOrder(
            msg.cl_ord_id,
            msg.account,
            msg.side,
            serial,
            serial,
            own.sign * msg.price,
            msg.order_qty,
            msg.order_qty,
            False,
            SelfTrade.NONE,
        )
        if msg.time_in_force is TimeInForce.IOC:
            self._once[serial] = order
        return self._aggress(order, contra, own, now_ns)

    def _sweep(
        self, order: RestingOrder, contra: BookSide, now_ns: TimeNs, out: list[VenueReport]
    ) -> bool:
        """Nobody takes between auctions: every order joins the book as it is."""
        return False

    def _hear(self, reference: Nbbo, snapshots: Iterable[BookSnapshot]) -> None:
        before = self._near()
        for book in snapshots:
            bid, ask = (side[0][0] if side else None for side in (book.bids, book.asks))
            reference.on_touch(book.venue_id, bid, ask)
        if self._indicative and self._near() != before:
            self.venue_seq += 1  # the price that it shows may be another

    def _near(self) -> int | None:
        """What the price of an auction is near to, in half ticks; None: nothing."""
        reference = self.reference
        if reference is None:
            return None if self.last_px is None else 2 * self.last_px
        bid, ask = reference.bid, reference.ask
        return bid + ask if bid is not None and ask is not None and bid < ask else None

    # ------------------------------------------------------------ when

    def _ask(self, now_ns: int) -> None:
        """Ask for the next auction, where there is anything to do in it."""
        can_trade = self._asks.best <= -self._bids.best
        if self._asked or not (self._once or can_trade):
            return
        passed = now_ns - self._first_ns
        number = max(0, -(-passed // self._every_ns))
        due_ns = self._first_ns + number * self._every_ns
        if due_ns == self._done_ns:
            due_ns += self._every_ns
        self._asked = True
        # As a timer: what arrives at that instant takes part.
        self.wakes.append(WakeAt(due_ns, Priority.TIMER, TradeLater(due_ns)))

    def _is_due(self, now_ns: int) -> bool:
        """Whether an auction is held now: a wake-up may come late, as a halt ends."""
        passed = now_ns - self._first_ns
        return passed >= 0 and passed % self._every_ns == 0 and now_ns != self._done_ns

    # ------------------------------------------------------------ the auction

    def _auction(self, now_ns: TimeNs) -> list[VenueReport]:
        self._done_ns = now_ns
        out: list[VenueReport] = []
        found = self.outcome()
        once = [order for order in self._once.values() if self._is_open(order)]
        self._once.clear()
        if found is not None:
            self.venue_seq += 1
            price, volume = found.price, found.volume
            buys = self._allotted(self._bids, -price, volume)
            sells = self._allotted(self._asks, price, volume)
            self._trade(buys, sells, price, now_ns, out)
            self.last_px = PriceTicks(price)
            self.last_qty = QtyLots(volume)
            self.volume = QtyLots(self.volume + volume)
        left = [order for order in once if order.leaves_qty]
        if left and found is None:
            self.venue_seq += 1
        for order in left:
            (self._bids if order.key < 0 else self._asks).leave(order)
            self._finish(order)
            self._serial = exec_id = self._serial + 1
            out.append(cancellation(order, exec_id, now_ns, self.venue_seq))
        return out

    def _is_open(self, order: RestingOrder) -> bool:
        return self._orders.get(order.cl_ord_id) is order

    def _allotted(self, side: BookSide, limit: int, volume: int) -> list[tuple[RestingOrder, int]]:
        """Who of a side trades, in order of priority, and how many lots; ``limit`` is a key."""
        given: list[tuple[RestingOrder, int]] = []
        for key, orders in groupby(side.living(), key=lambda order: order.key):
            if key > limit or not volume:
                break
            level = list(orders)
            lots = [order.leaves_qty for order in level]
            total = min(volume, sum(lots))
            volume -= total
            if self._margin == "pro_rata":
                lots = shares(lots, total, self._lot)
            for order, own in zip(level, lots, strict=True):
                part = min(own, total)
                total -= part
                if part:
                    given.append((order, part))
        return given

    def _trade(
        self,
        buys: list[tuple[RestingOrder, int]],
        sells: list[tuple[RestingOrder, int]],
        price: int,
        now_ns: TimeNs,
        out: list[VenueReport],
    ) -> None:
        """Pair buyers and sellers, who have as many lots in all, in their order of priority."""
        waiting = iter(sells)
        sell, offered = next(waiting)
        for buy, wanted in buys:
            left = wanted
            while left:
                lots = min(left, offered)
                self._report_pair(buy, sell, (price, lots), now_ns, out)
                left -= lots
                offered -= lots
                if not offered:
                    sell, offered = next(waiting, (sell, 0))

    def _report_pair(
        self,
        buy: RestingOrder,
        sell: RestingOrder,
        trade: tuple[int, int],
        now_ns: TimeNs,
        out: list[VenueReport],
    ) -> None:
        """Take ``(price, lots)`` off both orders and report it, first to the younger one."""
        price, lots = trade
        taker, maker = (buy, sell) if buy.rank > sell.rank else (sell, buy)
        self._serial = exec_id = self._serial + 2
        for order in (taker, maker):
            side = self._bids if order.key < 0 else self._asks
            if lots < order.leaves_qty:
                side.shrink(order, lots)
            else:
                side.leave(order)
                order.leaves_qty = 0
                self._finish(order)
        for order, contra, number in ((taker, maker, exec_id - 1), (maker, taker, exec_id)):
            status = OrdStatus.PARTIALLY_FILLED if order.leaves_qty else OrdStatus.FILLED
            # fmt: off
            out.append(make_report(
                ExecType.TRADE, status, order.cl_ord_id, order.account, order.order_id, number,
                order.side, order.order_qty, order.cum_qty, order.leaves_qty, now_ns,
                self.venue_seq, price, lots, contra.order_id, order is maker,
            ))
            # fmt: on
