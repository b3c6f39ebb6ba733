"""Both sides of one venue's book, the index of its orders, and what others may read of it.

Knows orders, levels and ids; knows nothing of messages, of who trades with whom, or of time.
``venues.core.matching`` adds the rules.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from sim.protocol.enums import SelfTrade, Side
from sim.protocol.market_data import Level, Levels
from sim.protocol.units import PriceTicks, QtyLots
from venues.core.book import KEY_MAX, BookSide, PriceLevel, RestingOrder
from venues.core.check import check_finished, check_index, check_side, check_uncrossed

MEMORY: Final = 4_096

_BUY: Final = Side.BUY


class OrderBook:
    """A book of resting orders. ``Side.BUY`` is the bid side, any other side the ask side.

    ``venue_seq`` numbers the states of the book, ``last_px`` and ``last_qty`` are of the last
    trade, ``volume`` the lots traded since the start. ``unseen`` is set as soon as a view of the
    book may have changed or something traded; who looks may unset it.

    Args:
        tick: Price step of this venue, in ticks of the instrument, > 0.
        lot: Quantity step of this venue, in lots of the instrument, > 0.
        memory: So many finished orders are remembered, > 0, so that a late request can be told
            from one for an order that never was: always the last ``memory`` to finish, and never
            more than twice as many.
    """

    def __init__(self, tick: int = 1, lot: int = 1, memory: int = MEMORY) -> None:
        for name, value in (("tick", tick), ("lot", lot), ("memory", memory)):
            if value <= 0:
                raise ValueError(f"{name} must be > 0, was {value}")
        self.venue_seq = 0
        self.unseen = True
        self.last_px: PriceTicks | None = None
        self.last_qty = QtyLots(0)
        self.volume = QtyLots(0)
        self._tick = tick
        self._lot = lot
        self._coarse = tick != 1 or lot != 1
        self._memory = memory
        self._bids = BookSide(-1, self)
        self._asks = BookSide(1, self)
        self._orders: dict[str, RestingOrder] = {}
        self._finished: dict[str, RestingOrder] = {}
        self._finished_before: dict[str, RestingOrder] = {}
        self._serial = 0

    def next_exec_id(self) -> int:
        """The number of the next report; now it is used."""
        self._serial = exec_id = self._serial + 1
        return exec_id

    # ------------------------------------------------------------ to read

    def levels(self, side: Side, depth: int) -> Levels:
        """The best ``depth`` levels of a side as ``(price, lots)``, best first.

        Returns the same tuple object again unless something within it has changed, so ``is``
        tells whether there is anything to publish.
        """
        return (self._bids if side is _BUY else self._asks).view(depth)

    def reachable(self, side: Side, limit: int | None, depth: int) -> Levels:
        """What an order on ``side`` with this limit could take now, in the ``depth`` best levels.

        A limit of None reaches all; hidden or not makes no difference.
        """
        # Apart from ``view``, which remembers what the feed shows: another depth would spoil it.
        contra = self._asks if side is _BUY else self._bids
        furthest = KEY_MAX if limit is None else contra.sign * limit
        found: list[Level] = []
        for key in contra.keys:
            if key > furthest or len(found) == depth:
                break
            qty = contra.level_at[key].qty
            if qty:
                found.append((abs(key), qty))
        return tuple(found)

    def open_order(self, name: str) -> RestingOrder | None:
        """The resting order of that name, to read only; None if there is none."""
        return self._orders.get(name)

    @property
    def sides(self) -> tuple[BookSide, BookSide]:
        """Bids and asks, always the same objects, to read only: for who looks at every message."""
        return self._bids, self._asks

    @property
    def open_orders(self) -> Mapping[str, RestingOrder]:
        """Open orders by name, always the same object, to read only; some may be in no queue."""
        return self._orders

    def lots_ahead(self, name: str) -> int | None:
        """Open lots in front of a resting order at its price; None if no such order rests."""
        order = self._orders.get(name)
        level = None if order is None else self._level_of(order)
        if order is None or level is None:
            return None
        lots = 0
        for other in level.queue.values():
            if other is order:
                return lots
            lots += other.leaves_qty
        return None

    def _level_of(self, order: RestingOrder) -> PriceLevel | None:
        return (self._bids if order.key < 0 else self._asks).level_at.get(order.key)

    def best(self, side: Side) -> Level | None:
        """Best level of a side as ``(price, lots)``; None when the side is empty."""
        book = self._bids if side is _BUY else self._asks
        level = book.level_at.get(book.best)
        return None if level is None else (abs(book.best), level.qty)

    def qty_at(self, side: Side, price: int) -> int:
        """Open lots at a price; 0 when there is no such level."""
        book = self._bids if side is _BUY else self._asks
        level = book.level_at.get(book.sign * price)
        return 0 if level is None else level.qty

    def count_at(self, side: Side, price: int) -> int:
        """Resting orders at a price; 0 when there is no such level."""
        book = self._bids if side is _BUY else self._asks
        level = book.level_at.get(book.sign * price)
        return 0 if level is None else len(level.queue)

    def depth_to(self, side: Side, limit: int | None) -> int:
        """Lots that an order against ``side`` with this price limit could take; None: no limit."""
        book = self._bids if side is _BUY else self._asks
        return book.lots_to(KEY_MAX if limit is None else book.sign * limit)

    def resting(self, side: Side) -> Iterator[RestingOrder]:
        """Resting orders of a side in the order in which they would trade; to read only."""
        return (self._bids if side is _BUY else self._asks).living()

    def check(self) -> None:
        """Walk every invariant of the book and of the index.

        Raises:
            InvariantError: Naming the rule that is broken, and where.
        """
        check_side("bids", self._bids)
        check_side("asks", self._asks)
        check_uncrossed(self._bids, self._asks)
        check_index(self._orders, self._bids, self._asks)
        check_finished(self._finished, self._finished_before, self._memory)

    # ------------------------------------------------------------ changes that are no messages

    def seed(self, side: Side, price: int, qty: int) -> int:
        """Rest an order of nobody (account ``""``) behind what is there; returns its order id.

        Raises:
            ValueError: If price or quantity is off this venue's grid, the order would trade, or
                somebody has called an order as this one would be (``~`` and its id).
        """
        if not 0 < qty <= KEY_MAX or qty % self._lot:
            raise ValueError(f"qty must be a positive multiple of {self._lot} lots, was {qty}")
        if not 0 < price <= KEY_MAX or price % self._tick:
            raise ValueError(
                f"price must be a positive multiple of {self._tick} ticks, was {price}"
            )
        own, contra = (self._bids, self._asks) if side is _BUY else (self._asks, self._bids)
        key = own.sign * price
        if contra.best <= -key:
            raise ValueError(f"a {side.value} at {price} would trade with {abs(contra.best)}")
        serial = self._serial + 1
        name = f"~{serial}"
        if name in self._orders:
            raise ValueError(f"an order is already called {name}")
        self._serial = serial
        order = RestingOrder(name, "", side, serial, serial, key, qty, qty, False, SelfTrade.NONE)
        self._orders[name] = order
        own.join(order)
        self.venue_seq += 1
        return serial

    def withdraw(self, side: Side, price: int, qty: int) -> int:
        """Take up to ``qty`` lots of nobody's orders off a level, from the back of its queue.

        Orders of an account stay: their owners would have to be told. Returns the lots taken.

        Raises:
            ValueError: If ``qty`` is not positive.
        """
        if qty <= 0:
            raise ValueError(f"qty must be > 0 lots, was {qty}")
        book = self._bids if side is _BUY else self._asks
        level = book.level_at.get(book.sign * price)
        left = qty
        newest_first = reversed(tuple(level.queue.values()) if level is not None else ())
        for order in newest_first:
            if order.account:
                continue
            lots = min(left, order.leaves_qty)
            left -= lots
            if lots == order.leaves_qty:
                book.leave(order)
                self._finish(order)
            else:
                book.shrink(order, lots)
                order.order_qty -= lots
            if not left:
                break
        if left < qty:
            self.venue_seq += 1
        return qty - left

    def reopen(self, order: RestingOrder, lots: int) -> bool:
        """Open lots of a resting order again that were filled; False where that cannot be done.

        The order goes to the end of the queue at its price.
        """
        level = self._level_of(order)
        if type(order) is not RestingOrder or level is None:
            return False
        if level.queue.get(order.order_id) is not order:
            return False
        own = self._bids if order.key < 0 else self._asks
        own.leave(order)
        order.rank = self.next_exec_id()
        order.leaves_qty += lots
        own.join(order)
        self.venue_seq += 1
        return True

    def forget(self) -> None:
        """Remember no finished order any more: their names are as good as new."""
        self._finished, self._finished_before = {}, {}

    # ------------------------------------------------------------ the index

    def _finish(self, order: RestingOrder) -> None:
        """Move an order that has left the book for good from the open to the finished ones."""
        del self._orders[order.cl_ord_id]
        self._remember(order)

    def _remember(self, order: RestingOrder) -> None:
        """Enter a finished order, and forget the older half of them when there are too many."""
        finished = self._finished
        finished[order.cl_ord_id] = order
        if len(finished) >= self._memory:
            self._finished_before = finished
            self._finished = {}

    def _finished_order(self, name: str) -> RestingOrder | None:
        """The last finished order of that name, if it is still remembered."""
        return self._finished.get(name) or self._finished_before.get(name)
