"""What calibration needs to know of a market, counted from neutral events of one venue.

Rates are counts over exposure. Distances are in ticks from the opposite best price as it is before
the event. A limit order is an order that rests; a market order is all that one instant executes on
one side; a cancel is the share of an order that goes without trading, so two halves of an order
are one cancel. A changed price, or a larger quantity, is a cancel and a new order.

Level data have no orders: a level that grows got one limit order of the difference, one that
shrinks lost so much to cancels, less what the prints at its price took since the book changed there
last; the number of its orders is its quantity over the mean size of limit orders. That
undercounts whatever happens between two updates of a feed.

Orders further away than the distances that are told apart are only counted (``beyond``): they are
no part of rates, sizes or arrivals.

Everything between a first instant with both sides and the end counts; an instant at which a side
is empty, or the book crossed, has no spread and adds no exposure.
"""

from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sim.data.events import ASK, BID, Event, EventBlock
from sim.data.order_books import EventBook

_ADD, _MODIFY, _REDUCE, _DELETE, _EXECUTE = map(int, list(Event)[:5])
_TRADE, _LEVEL = int(Event.TRADE), int(Event.LEVEL)
MAX_ARRIVALS: Final = 200_000
"""So many times of arrivals are kept, the first ones; counts go on."""


@dataclass
class Market:
    """Counts of one venue over a stretch of time; ``opening`` is the first book within reach.

    Quantities and prices are in 1e-9, times in ns, distances in ticks from 1 on: element ``i`` of a
    list is for ``i + 1`` ticks, both sides together. ``spread_ns`` and ``best_qty_ns`` are
    integrals over time.
    """

    tick: int
    levels: int
    by_level: bool = False
    first_ns: int = 0
    last_ns: int = 0
    open_ns: int = 0
    limits: list[int] = field(default_factory=list)
    beyond: int = 0
    cancels: list[float] = field(default_factory=list)
    order_ns: list[float] = field(default_factory=list)
    qty_ns: list[float] = field(default_factory=list)
    limit_sizes: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    take_sizes: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    takes: dict[int, int] = field(default_factory=lambda: {BID: 0, ASK: 0})
    spread_ns: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    best_qty_ns: float = 0.0
    mid_ns: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    arrivals: "array[int]" = field(default_factory=lambda: array("q"))
    events: int = 0
    unknown: int = 0
    opening: tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]] = ((), ())

    def __post_init__(self) -> None:
        self.limits = [0] * self.levels
        self.cancels = [0.0] * self.levels
        self.order_ns = [0.0] * self.levels
        self.qty_ns = [0.0] * self.levels

    @property
    def seconds(self) -> float:
        """Time with both sides in the book."""
        return self.open_ns / 1e9

    @property
    def market_orders(self) -> int:
        """Both sides together."""
        return sum(self.takes.values())


class MarketMeasure:
    """Counts the events of one venue.

    Args:
        venue: Its number in the reader.
        tick: Price step, in 1e-9.
        levels: Distances that are told apart.
    """

    def __init__(self, venue: int, tick: int, levels: int) -> None:
        self.market = Market(tick, levels)
        self._venue = venue
        self._book = EventBook()
        self._now = -1
        self._take: tuple[int, int] | None = None
        self._take_qty = 0
        self._printed: dict[int, int] = defaultdict(int)

    def take(self, block: EventBlock) -> None:
        """Take the next events."""
        own = block if (block.venue == self._venue).all() else block.take(
            block.venue == self._venue
        )  # fmt: skip
        rows = zip(
            own.t_ns.tolist(), own.event.tolist(), own.side.tolist(), own.price.tolist(),
            own.qty.tolist(), own.order_id.tolist(), strict=True,
        )  # fmt: skip
        for t_ns, event, side, price, qty, order_id in rows:
            if t_ns != self._now:
                self._pass(t_ns)
            self._count(event, side, price, qty, order_id)
            self._book.apply(event, side, price, qty, order_id)

    def finish(self) -> Market:
        """The counts, once all events were taken."""
        self._end_take()
        return self.market

    def _best(self) -> tuple[int, int] | None:
        """Best bid and ask, if both are there and not crossed."""
        bids, asks = self._book.bids, self._book.asks
        if not bids or not asks:
            return None
        bid, ask = -bids.keys()[0], asks.keys()[0]
        return (bid, ask) if bid < ask else None

    def _pass(self, t_ns: int) -> None:
        """Time goes on from the last instant to ``t_ns``, with the book as it is."""
        self._end_take()
        market, gap = self.market, t_ns - self._now
        before, self._now = self._now, t_ns
        best = self._best()
        if before < 0 or best is None:
            return
        if not market.open_ns:
            market.first_ns = before
        if not all(market.opening):
            market.opening = self._opening(best)
        market.last_ns = t_ns
        market.open_ns += gap
        bid, ask = best
        market.spread_ns[(ask - bid) // market.tick] += gap
        market.mid_ns[bid + ask] += gap
        book = self._book
        market.best_qty_ns += (book.bids.values()[0][0] + book.asks.values()[0][0]) / 2 * gap
        for levels, reference in ((book.bids, ask), (book.asks, -bid)):
            for key, (qty, orders) in levels.items():
                place = (reference + key) // market.tick - 1
                if place >= market.levels:
                    break
                market.order_ns[place] += orders * gap
                market.qty_ns[place] += qty * gap

    def _count(self, event: int, side: int, price: int, qty: int, order_id: int) -> None:
        market = self.market
        if event == _ADD:
            self._limit(side, price, qty)
        elif event == _EXECUTE:
            self._executed(-side, qty)
        elif event in {_DELETE, _REDUCE, _MODIFY}:
            order = self._book.orders.get(order_id)
            if order is None:
                market.unknown += 1
                return
            own_side, own_price, left = order
            if event == _MODIFY and (price != own_price or qty > left):
                self._canceled(own_side, own_price, 1.0)
                self._limit(side, price, qty)
            else:
                gone = {_DELETE: left, _REDUCE: qty, _MODIFY: left - qty}[event]
                self._canceled(own_side, own_price, min(gone, left) / left)
        elif event == _LEVEL:
            market.by_level = True
            self._level(side, price, qty)
        elif event == _TRADE and market.by_level:
            self._printed[price] += qty
            self._executed(side, qty)

    def _level(self, side: int, price: int, qty: int) -> None:
        """What a level's new quantity says of the orders behind it."""
        old = self._book.level(side, price)[0]
        traded = self._printed.pop(price, 0)
        change = qty - old
        if change > 0:
            self._limit(side, price, change)
        elif change < 0 and -change > traded:
            self._canceled(side, price, -change - traded)

    def _limit(self, side: int, price: int, qty: int) -> None:
        place = self._place(side, price)
        if place is None or place < 0:
            return  # it crosses: a feed shows it before it trades
        market = self.market
        if place >= market.levels:
            market.beyond += 1
            return
        self._arrived()
        market.limit_sizes[qty] += 1
        market.limits[place] += 1

    def _canceled(self, side: int, price: int, share: float) -> None:
        place = self._place(side, price)
        if place is None:
            return
        if 0 <= place < self.market.levels:
            self.market.events += 1
            self.market.cancels[place] += share

    def _executed(self, side: int, qty: int) -> None:
        """A trade by a taker on ``side``; all of one instant and side are one market order."""
        if self._take is None or self._take != (self._now, side):
            self._end_take()
            if not self.market.open_ns or self._best() is None:
                return
            self._take = (self._now, side)
            self._arrived()
        self._take_qty += qty

    def _end_take(self) -> None:
        if self._take is not None:
            takes, side = self.market.takes, self._take[1]
            # Of a taker whose side is not known: half on each side.
            takes[side or (BID if takes[ASK] > takes[BID] else ASK)] += 1
            self.market.take_sizes[self._take_qty] += 1
        self._take, self._take_qty = None, 0

    def _arrived(self) -> None:
        market = self.market
        market.events += 1
        if len(market.arrivals) < MAX_ARRIVALS:
            market.arrivals.append(self._now)

    def _place(self, side: int, price: int) -> int | None:
        """Ticks from the opposite best, less one; None at an instant that does not count."""
        best = self._best() if self.market.open_ns else None
        if best is None:
            return None
        distance = best[1] - price if side == BID else price - best[0]
        return distance // self.market.tick - 1

    def _opening(
        self, best: Sequence[int]
    ) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
        """Price and number of orders (or quantity, of level data) of each level within reach."""
        found = []
        market = self.market
        for levels, reference, sign in (
            (self._book.bids, best[1], -1), (self._book.asks, -best[0], 1)
        ):  # fmt: skip
            near = [
                (sign * key, orders or qty)
                for key, (qty, orders) in levels.items()
                if (reference + key) // market.tick <= market.levels
            ]
            found.append(tuple(near))
        return found[0], found[1]
