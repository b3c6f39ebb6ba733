"""A made-up day of single orders: a market that nobody recorded, in the mix of a busy stock.

Of its messages about half add an order, 42 % cancel one (one in twenty of these a part of it), 6 %
are takers, whose executions hit the oldest orders of the best level, and 2 % are prints of hidden
orders inside the spread. Adds lie behind the other side's best price at a geometric distance, so
that the middle moves as levels empty and fill. Gaps are exponential; one message in twenty has the
time of the one before. All from one seed: equal arguments give equal rows.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from random import Random
from typing import Final

from sim.data.events import ASK, BID, Event, EventBlock, make_block

Row = tuple[int, int, int, int, int, int]
"""``(t_ns, event, side, price in ticks, quantity in lots, order id)``."""

LEVELS_AT_START: Final = 12
ORDERS_AT_START: Final = 4
MEAN_DISTANCE: Final = 4.0


class _Side:
    """The queues of one side by price, and its prices in order, best first by ``sign * price``."""

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.queues: dict[int, list[int]] = {}
        self.keys: list[int] = []

    def best(self) -> int:
        return abs(self.keys[0])

    def join(self, price: int, order_id: int) -> None:
        queue = self.queues.get(price)
        if queue is None:
            queue = self.queues[price] = []
            insort(self.keys, -self.sign * price)
        queue.append(order_id)

    def leave(self, price: int, order_id: int) -> None:
        queue = self.queues[price]
        queue.remove(order_id)
        if not queue:
            del self.queues[price]
            del self.keys[bisect_left(self.keys, -self.sign * price)]


class _Market:
    def __init__(self, chance: Random, middle: int, lot: int) -> None:
        self.chance = chance
        self.lot = lot
        self.bids, self.asks = _Side(BID), _Side(ASK)
        self.orders: dict[int, tuple[int, int, int]] = {}
        self.names: list[int] = []
        self.places: dict[int, int] = {}
        self.last_id = 0
        self.middle = middle

    def add(self, t_ns: int, side: int, price: int) -> Row:
        self.last_id += 1
        lots = self.lot * min(9, 1 + int(self.chance.expovariate(0.7)))
        self.orders[self.last_id] = (side, price, lots)
        self.places[self.last_id] = len(self.names)
        self.names.append(self.last_id)
        (self.bids if side == BID else self.asks).join(price, self.last_id)
        return t_ns, Event.ADD, side, price, lots, self.last_id

    def drop(self, order_id: int) -> None:
        side, price, _ = self.orders.pop(order_id)
        (self.bids if side == BID else self.asks).leave(price, order_id)
        place, last = self.places.pop(order_id), self.names.pop()
        if last != order_id:
            self.names[place] = last
            self.places[last] = place

    def new(self, t_ns: int) -> Row:
        side = self.chance.choice((BID, ASK))
        away = 1 + int(self.chance.expovariate(1 / MEAN_DISTANCE))
        other = self.asks if side == BID else self.bids
        return self.add(t_ns, side, other.best() - side * away)

    def cancel(self, t_ns: int) -> Row | None:
        order_id = self.chance.choice(self.names)
        side, price, lots = self.orders[order_id]
        if lots > self.lot and self.chance.random() < 0.05:
            self.orders[order_id] = (side, price, lots - self.lot)
            return t_ns, Event.REDUCE, side, price, self.lot, order_id
        if len((self.bids if side == BID else self.asks).queues) < LEVELS_AT_START // 2:
            return None
        self.drop(order_id)
        return t_ns, Event.DELETE, side, price, lots, order_id

    def take(self, t_ns: int) -> Iterator[Row]:
        side = self.chance.choice((self.bids, self.asks))
        left = self.lot * min(12, 1 + int(self.chance.expovariate(0.5)))
        if len(side.queues) < LEVELS_AT_START // 2:
            return
        price = side.best()
        for order_id in list(side.queues[price]):
            _, _, lots = self.orders[order_id]
            part = min(lots, left)
            left -= part
            yield t_ns, Event.EXECUTE, side.sign, price, part, order_id
            if part == lots:
                self.drop(order_id)
            else:
                self.orders[order_id] = (side.sign, price, lots - part)
            if not left:
                return


def order_rows(
    count: int, seed: int, *, middle: int = 10_000, lot: int = 100, gap_ns: int = 1_000_000
) -> Iterator[Row]:
    """At least ``count`` rows after the opening book, which has time 0.

    Args:
        count: Rows to make; a taker's last executions may exceed it.
        seed: Of all chance.
        middle: Where the market opens, in ticks.
        lot: Lots that sizes are multiples of.
        gap_ns: Mean time between messages.
    """
    chance = Random(seed)
    market = _Market(chance, middle, lot)
    for level in range(1, LEVELS_AT_START + 1):
        for side in (BID, ASK):
            for _ in range(ORDERS_AT_START):
                yield market.add(0, side, middle - side * level)
    crowd = len(market.names)
    t_ns = made = 0
    while made < count:
        if chance.random() > 0.05 or not t_ns:
            t_ns += 1 + int(chance.expovariate(1 / gap_ns))
        draw = chance.random()
        rows: list[Row | None]
        if draw < 0.06:
            rows = [*market.take(t_ns)]
        elif draw < 0.08:
            low, high = market.bids.best(), market.asks.best()
            taker = chance.choice((BID, ASK))
            price = chance.randint(low, high)
            rows = [(t_ns, Event.TRADE, taker, price, lot, 0)]
        elif draw < 0.08 + 0.92 * len(market.names) / (2 * crowd):
            rows = [market.cancel(t_ns)]
        else:
            rows = [market.new(t_ns)]
        for row in rows:
            if row is not None:
                made += 1
                yield row


def tape_block(rows: list[Row], tick: int, lot: int) -> EventBlock:
    """Rows as one block of neutral events of venue 0.

    Args:
        rows: What ``order_rows`` made.
        tick: The instrument's tick in 1e-9.
        lot: The instrument's lot in 1e-9.
    """
    t_ns, event, side, price, qty, order_id = zip(*rows, strict=True)
    bare = {Event.DELETE}
    return make_block(
        len(rows),
        t_ns=t_ns,
        event=event,
        side=side,
        price=[0 if e in bare else p * tick for e, p in zip(event, price, strict=True)],
        qty=[0 if e in bare else q * lot for e, q in zip(event, qty, strict=True)],
        order_id=order_id,
        line=range(2, len(rows) + 2),
    )
