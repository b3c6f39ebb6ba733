"""The matching of a dark pool: minimum quantities, lots that are not to be had, midpoint prices.

Price-time matching as in ``venues.core.matching``, with three additions, each of which may keep two
orders apart that a plain book would have matched. So this book may stay crossed, which nobody sees.

- *Minimum quantity*: one execution against a single counter-order has at least that many lots, for
  both of them, or does not happen; the search goes on behind it. An order that has fewer lots left
  than its own minimum may trade them whole; below the venue's minimum, whichever of the two has.
- *Supply*: of the pool's own lots at a price (those of account ``""``) an order that meets them can
  have a share, rounded down to the venue's lot; what of it does not trade stays where it is.
- *Midpoint*: orders trade at the middle of the best bid and offer of other venues, as this venue
  has received them. Limits say at which middles an order trades; among those that may, the oldest
  comes first. A middle between two ticks is rounded against the order that takes, so that the
  one which rested gets the better half. Without a bid and an offer, or with a bid that is not below
  the offer, there is no middle and nothing trades.

When something changes that may let resting orders trade with each other (a new middle, or an order
that has shrunk below its minimum), they do, in the order of their arrival: the younger one takes.
"""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import islice
from typing import ClassVar, Final

import msgspec

from sim.protocol.enums import (
    ExecType,
    OrdStatus,
    OrdType,
    PegReference,
    RejectReason,
    SelfTrade,
    Side,
)
from sim.protocol.errors import InvariantError
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.nbbo import Nbbo
from sim.protocol.orders import (
    NewOrderSingle,
    OrderInstructions,
    OrderMessage,
    Peg,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.api import Heard
from venues.core.book import KEY_MAX, BookSide, RestingOrder
from venues.core.check import check_finished, check_index, check_side
from venues.core.matching import MatchingCore
from venues.core.reports import make_report

Supply = Callable[[str, str], Fraction]
"""The share, from 0 to 1, that an order may have, by its account and name."""

_BUY: Final = Side.BUY
_TRADE: Final = ExecType.TRADE
_TO_THE_MIDDLE: Final = OrderInstructions(peg=Peg(PegReference.MID))
_FEW: Final = 8
_SPARE: Final = 64
"""Minimum quantities of finished orders that may be kept beyond the number of open orders."""


class _Share:
    """What one order may still have of the pool's own lots, level by level, on one occasion."""

    __slots__ = ("_left", "_lot", "_of")

    def __init__(self, of: Fraction, lot: int) -> None:
        self._of = of
        self._lot = lot
        self._left: dict[int, int] = {}

    def at(self, key: int, own_lots: Callable[[int], int]) -> int:
        """Lots of the level that are left of the share; it is set as the level is first met."""
        left = self._left.get(key)
        if left is None:
            left = own_lots(key) * self._of.numerator // (self._of.denominator * self._lot)
            left = self._left[key] = left * self._lot
        return left

    def take(self, key: int, lots: int) -> None:
        """Use some of it up."""
        self._left[key] -= lots


class PoolCore(MatchingCore):
    """A book of orders that may be choosy about whom and at what they trade with.

    Args:
        tick: Step of limit prices at this venue, in ticks of the instrument, > 0.
        lot: Quantity step of this venue, in lots of the instrument, > 0.
        min_qty: Fewest lots of any order and of any execution here; 0: no limit.
        supply: Which share of the pool's own lots an order may have; None: all.
        midpoint: Whether trades are at the middle of the reference, not at the resting limit.
    """

    takes_min_qty: ClassVar[bool] = True

    def __init__(
        self,
        tick: int = 1,
        lot: int = 1,
        *,
        min_qty: int = 0,
        supply: Supply | None = None,
        midpoint: bool = False,
    ) -> None:
        super().__init__(tick, lot)
        self.reference = Nbbo() if midpoint else None
        self._venue_min = min_qty
        self._supply = supply
        self._min: dict[int, int] = {}  # minimum quantities by order id
        self._coming: tuple[str, int] = ("", 0)  # name and minimum of the order being handled

    # ------------------------------------------------------------ messages

    def handle(self, msg: OrderMessage | BookSnapshot | Heard, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message and return every report that it causes, to whomever.

        Raises:
            TypeError: If ``msg`` is not one of the four order messages, or for a pool with midpoint
                prices a book of another venue.
        """
        if isinstance(msg, BookSnapshot | Heard):
            if self.reference is None:
                raise TypeError(f"msg must be an order message, was a {type(msg).__name__}")
            snapshots = (msg,) if isinstance(msg, BookSnapshot) else msg.snapshots
            self._reports = self._hear(self.reference, snapshots, now_ns)
            return self._reports
        if isinstance(msg, NewOrderSingle):
            if msg.ord_type is OrdType.PEGGED and self.reference is not None:
                msg = self._at_any_middle(msg)
            self._coming = (msg.cl_ord_id, msg.min_qty)
        reports = super().handle(msg, now_ns)
        if isinstance(msg, NewOrderSingle) and msg.min_qty:
            order = self._orders.get(msg.cl_ord_id)
            if order is not None:
                self._min.setdefault(order.order_id, msg.min_qty)
        self._coming = ("", 0)
        if len(self._min) > 2 * len(self._orders) + _SPARE:
            is_open = {order.order_id for order in self._orders.values()}
            self._min = {key: value for key, value in self._min.items() if key in is_open}
        if self._min or self._venue_min:
            # Without minimum quantities nothing that rests has become able to trade.
            reports += self._settle(now_ns, moved=False)
        return reports

    def _at_any_middle(self, msg: NewOrderSingle) -> NewOrderSingle:
        """An order that is pegged to the middle, as the limit order that it is in this book.

        Without a limit it trades at every middle: its limit is then the last price that there is.
        """
        if msg.instructions != _TO_THE_MIDDLE:
            return msg
        price = msg.price
        if price is None:
            price = PriceTicks(KEY_MAX - KEY_MAX % self._tick if msg.side is _BUY else self._tick)
        return msgspec.structs.replace(msg, ord_type=OrdType.LIMIT, price=price, instructions=None)

    def reachable_by(self, msg: NewOrderSingle, depth: int) -> Levels:
        """What this order could take now, in the ``depth`` best prices, given its minimum."""
        contra, limit = self._against(msg.side, msg.price)
        share = self._share_of(msg.account, msg.cl_ord_id)
        found: dict[int, int] = {}
        for maker in self._candidates(msg.side, limit, contra):
            price = self._price(msg.side, maker)
            if price not in found and len(found) == depth:
                break
            lots = self._lots(KEY_MAX, msg.min_qty, maker, share)
            if lots:
                found[price] = found.get(price, 0) + lots
                self._use(share, maker, lots)
        return tuple(found.items())

    def reopen(self, order: RestingOrder, lots: int) -> bool:
        """Never: with more lots, resting orders could trade that were kept apart."""
        return False

    def check(self) -> None:
        """Walk every invariant of the book and of the index.

        Raises:
            InvariantError: Naming the rule that is broken, and where.
        """
        check_side("bids", self._bids)
        check_side("asks", self._asks)
        check_index(self._orders, self._bids, self._asks)
        check_finished(self._finished, self._finished_before, self._memory)
        if len(self._min) > 2 * len(self._orders) + _SPARE:
            raise InvariantError(f"I17: {len(self._min)} minimum quantities are kept")
        for taker, maker in self._pairs():
            own = self._supply is not None and "" in {taker.account, maker.account}
            if not own and self._lots_between(taker, maker, None):
                raise InvariantError(f"I8: {taker} and {maker} could trade")

    def _refusal(self, msg: NewOrderSingle) -> RejectReason | None:
        reason = super()._refusal(msg)
        if reason is None and not (
            0 <= msg.min_qty <= msg.order_qty and msg.order_qty >= self._venue_min
        ):
            return RejectReason.INCORRECT_QUANTITY
        return reason

    def _reaches(self, side: Side, price: int) -> bool:
        contra, limit = self._against(side, price)
        return any(True for _ in self._candidates(side, limit, contra))

    # ------------------------------------------------------------ the reference

    @property
    def mid_half_ticks(self) -> int | None:
        """The middle that orders trade at, in half ticks; None while there is none."""
        reference = self.reference
        if reference is None or reference.bid is None or reference.ask is None:
            return None
        return reference.bid + reference.ask if reference.bid < reference.ask else None

    def _hear(
        self, reference: Nbbo, snapshots: Iterable[BookSnapshot], now_ns: TimeNs
    ) -> list[VenueReport]:
        before = self.mid_half_ticks
        for book in snapshots:
            bid, ask = (side[0][0] if side else None for side in (book.bids, book.asks))
            reference.on_touch(book.venue_id, bid, ask)
        if self.mid_half_ticks == before:
            return []
        self.venue_seq += 1  # what may be had here, and at what price, is another
        return self._settle(now_ns, moved=True)

    @property
    def lot(self) -> int:
        """The quantity step here, in lots of the instrument."""
        return self._lot

    @property
    def venue_min(self) -> int:
        """Fewest lots of any order and of any execution here; 0: no limit."""
        return self._venue_min

    def least_of(self, order: RestingOrder) -> int:
        """Fewest lots of one execution that a resting order, or the venue, asks for; 0: any."""
        return max(self._min_of(order), self._venue_min)

    # ------------------------------------------------------------ who trades with whom

    def _against(self, side: Side, limit: int | None) -> tuple[BookSide, int]:
        """The side that an order takes from, and its limit as a key of that side."""
        contra = self._asks if side is _BUY else self._bids
        return contra, KEY_MAX if limit is None else contra.sign * limit

    def _candidates(self, side: Side, limit: int, contra: BookSide) -> Iterator[RestingOrder]:
        """The orders that one on ``side`` may trade with by price, in the order of their priority.

        Args:
            side: Of the order that takes.
            limit: Its limit as a key of the contra side.
            contra: The side that it takes from.
        """
        if self.reference is None:
            yield from _by_price(contra, limit)
            return
        mid = self.mid_half_ticks
        if mid is None:
            return
        mid *= contra.sign
        if mid > 2 * limit:
            return
        willing = []
        for maker in contra.living():
            if 2 * maker.key > mid:
                break
            willing.append(maker)
        willing.sort(key=lambda order: order.rank)
        yield from willing

    def _price(self, side: Side, maker: RestingOrder) -> int:
        """At what an order on ``side`` trades with ``maker``, in ticks."""
        mid = self.mid_half_ticks
        if self.reference is None or mid is None:
            return abs(maker.key)
        return -(-mid // 2) if side is _BUY else mid // 2

    def _min_of(self, order: RestingOrder) -> int:
        """The minimum that an order states; 0: none."""
        own = self._min.get(order.order_id)
        if own is None:
            name, lots = self._coming
            own = lots if order.cl_ord_id == name else 0
        return own

    def _share_of(self, account: str, name: str) -> _Share | None:
        """The share of the pool's own lots that is to be had on this occasion; None: all."""
        return None if self._supply is None else _Share(self._supply(account, name), self._lot)

    def _lots(self, leaves: int, least: int, maker: RestingOrder, share: _Share | None) -> int:
        """Lots of one execution between an order with ``leaves`` and ``maker``; 0: none.

        ``least`` is the minimum of the order that takes.
        """
        lots = min(leaves, maker.leaves_qty)
        if share is not None and not maker.account:
            lots = min(lots, share.at(maker.key, self._own_lots(maker)))
        need = max(
            min(least, leaves),
            min(self._min_of(maker), maker.leaves_qty),
            min(self._venue_min, leaves, maker.leaves_qty),
        )
        return lots if lots >= need else 0

    def _own_lots(self, maker: RestingOrder) -> Callable[[int], int]:
        side = self._bids if maker.key < 0 else self._asks

        def count(key: int) -> int:
            queue = side.level_at[key].queue.values()
            return sum(order.leaves_qty for order in queue if not order.account)

        return count

    @staticmethod
    def _use(share: _Share | None, maker: RestingOrder, lots: int) -> None:
        if share is not None and not maker.account:
            share.take(maker.key, lots)

    # ------------------------------------------------------------ trading

    def _can_fill(self, order: RestingOrder, contra: BookSide) -> bool:
        need, least = order.leaves_qty, self._min_of(order)
        share = self._share_of(order.account, order.cl_ord_id)
        for maker in self._candidates(order.side, -order.key, contra):
            if _keep_apart(order, maker):
                if order.self_trade is not SelfTrade.CANCEL_RESTING:
                    return False
                continue
            lots = self._lots(need, least, maker, share)
            self._use(share, maker, lots)
            need -= lots
            if not need:
                return True
        return False

    def _sweep(
        self, order: RestingOrder, contra: BookSide, now_ns: TimeNs, out: list[VenueReport]
    ) -> bool:
        share = self._share_of(order.account, order.cl_ord_id)
        least = self._min_of(order)
        for maker in self._candidates(order.side, -order.key, contra):
            if not order.leaves_qty:
                break
            if _keep_apart(order, maker):
                if self._prevent(order, maker, contra, now_ns, out):
                    return True
                continue
            lots = self._lots(order.leaves_qty, least, maker, share)
            if lots:
                self._use(share, maker, lots)
                price = self._price(order.side, maker)
                order.leaves_qty -= lots
                self._give(maker, contra, lots)
                self._report(order, maker, (price, lots), now_ns, out)
        return False

    def _give(self, order: RestingOrder, side: BookSide, lots: int) -> None:
        """Take lots that have traded off a resting order."""
        if lots < order.leaves_qty:
            side.shrink(order, lots)
        else:
            side.leave(order)
            order.leaves_qty = 0
            self._finish(order)

    def _report(
        self,
        taker: RestingOrder,
        maker: RestingOrder,
        trade: tuple[int, int],
        now_ns: TimeNs,
        out: list[VenueReport],
    ) -> None:
        """Report a trade, as ``(price, lots)``, to both sides; their leaves are those after it."""
        price, lots = trade
        seq = self.venue_seq + 1
        self._serial = exec_id = self._serial + 2
        for order, contra, number in ((taker, maker, exec_id - 1), (maker, taker, exec_id)):
            status = OrdStatus.PARTIALLY_FILLED if order.leaves_qty else OrdStatus.FILLED
            # fmt: off
            out.append(make_report(
                _TRADE, status, order.cl_ord_id, order.account, order.order_id, number,
                order.side, order.order_qty, order.cum_qty, order.leaves_qty, now_ns, seq,
                price, lots, contra.order_id, order is maker,
            ))
            # fmt: on
        self.last_px, self.last_qty = PriceTicks(price), QtyLots(lots)
        self.volume = QtyLots(self.volume + lots)

    # ------------------------------------------------------------ resting orders among themselves

    def _pairs(self) -> Iterator[tuple[RestingOrder, RestingOrder]]:
        """Resting orders that may trade by price: the younger, then the older, one by one."""
        if self._asks.best > -self._bids.best:
            return  # not even their limits meet
        resting = [*self._bids.living(), *self._asks.living()]
        for taker in sorted(resting, key=lambda order: order.rank):
            contra = self._asks if taker.key < 0 else self._bids
            for maker in self._candidates(taker.side, -taker.key, contra):
                if maker.rank < taker.rank and not _keep_apart(taker, maker):
                    yield taker, maker

    def _lots_between(self, taker: RestingOrder, maker: RestingOrder, share: _Share | None) -> int:
        if not (taker.leaves_qty and maker.leaves_qty):
            return 0
        return self._lots(taker.leaves_qty, self._min_of(taker), maker, share)

    def _settle(self, now_ns: TimeNs, *, moved: bool) -> list[VenueReport]:
        """Let resting orders trade that may by now.

        With a limited supply, an order has had its share of the pool's own lots as it came; it gets
        another only when the reference has ``moved``.
        """
        out: list[VenueReport] = []
        shares: dict[int, _Share | None] = {}
        while True:
            count = len(out)
            for taker, maker in self._pairs():
                if self._supply is not None and "" in {taker.account, maker.account} and not moved:
                    continue
                if taker.order_id not in shares:
                    shares[taker.order_id] = self._share_of(taker.account, taker.cl_ord_id)
                share = shares[taker.order_id]
                lots = self._lots_between(taker, maker, share)
                if lots:
                    self._use(share, maker, lots)
                    price = self._price(taker.side, maker)
                    for order in (taker, maker):
                        self._give(order, self._bids if order.key < 0 else self._asks, lots)
                    self._report(taker, maker, (price, lots), now_ns, out)
            if len(out) == count:
                break
        if out:
            self.venue_seq += 1
        return out


def _by_price(side: BookSide, limit: int) -> Iterator[RestingOrder]:
    """The orders of a side up to a key, best first; whoever walks may take them off the book."""
    reached = -KEY_MAX
    while True:
        at = side.keys.bisect_right(reached)
        if at == len(side.keys) or side.keys[at] > limit:
            return
        reached = side.keys[at]
        level = side.front() if reached == side.best else side.level_at[reached]
        # A few at a time: most who come are filled by the first.
        rank, count = -1, _FEW
        while True:
            some = list(islice((o for o in level.queue.values() if o.rank > rank), count))
            yield from some
            if len(some) < count:
                break
            rank, count = some[-1].rank, 4 * count


def _keep_apart(taker: RestingOrder, maker: RestingOrder) -> bool:
    """Whether self-trade prevention keeps these two from trading."""
    same = bool(taker.account) and taker.account == maker.account
    return same and taker.self_trade is not SelfTrade.NONE
