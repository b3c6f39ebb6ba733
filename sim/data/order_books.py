"""Books that neutral events add up to, for those who check or convert data.

``EventBook`` is one venue's displayed book with its orders and levels; it believes what it is told
and says what did not fit. It knows no queues: the venue that plays events has its own book.
"""

from collections.abc import Callable, Sequence
from typing import Final

from sortedcontainers import SortedDict

from sim.data.events import BID, SCALE, Event, EventBlock
from sim.data.inspection import Problems

Order = tuple[int, int, int]
"""Side, price and open quantity."""

_ADD, _MODIFY, _REDUCE, _DELETE, _EXECUTE = map(int, list(Event)[:5])
_LEVEL, _CLEAR = int(Event.LEVEL), int(Event.CLEAR)
_EMPTY: Final = (0, 0)


class EventBook:
    """One venue's displayed book: open orders by id, and levels as price -> (quantity, orders).

    ``orders`` is in the order of their places in line. A level of a source without orders counts
    0 orders. Asks and bids are keyed so that the best
    comes first: an ask by its price, a bid by minus its price.
    """

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.bids: SortedDict[int, tuple[int, int]] = SortedDict()
        self.asks: SortedDict[int, tuple[int, int]] = SortedDict()

    def apply(self, event: int, side: int, price: int, qty: int, order_id: int) -> str:
        """Take one event; return what did not fit, or nothing.

        What names an unknown order changes nothing; what takes more than an order has takes it
        whole; an id that is added twice replaces its first order.
        """
        if event == _ADD:
            return self._add(side, price, qty, order_id)
        if event in {_REDUCE, _DELETE, _EXECUTE}:
            return self._take(event, qty, order_id)
        if event == _MODIFY:
            return self._modify(side, price, qty, order_id)
        if event == _LEVEL:
            levels, key = self._place(side, price)
            if qty:
                levels[key] = (qty, 0)
            else:
                levels.pop(key, None)
        elif event == _CLEAR:
            self.clear()
        return ""

    def clear(self) -> None:
        """Forget everything."""
        self.orders.clear()
        self.bids.clear()
        self.asks.clear()

    def crossed(self) -> bool:
        """True if the best bid is at or above the best ask."""
        if not self.bids or not self.asks:
            return False
        return bool(-self.bids.keys()[0] >= self.asks.keys()[0])

    def level(self, side: int, price: int) -> tuple[int, int]:
        """Quantity and number of orders at a price; (0, 0) without any."""
        levels, key = self._place(side, price)
        return levels.get(key, _EMPTY)

    def _add(self, side: int, price: int, qty: int, order_id: int) -> str:
        old = self.orders.pop(order_id, None)
        if old is not None:
            self._change(old[0], old[1], -old[2], -1)
        self.orders[order_id] = (side, price, qty)
        self._change(side, price, qty, 1)
        return "" if old is None else f"add of order {order_id}, which is open already"

    def _modify(self, side: int, price: int, qty: int, order_id: int) -> str:
        old = self.orders.get(order_id)
        if old is None:
            self._add(side, price, qty, order_id)
            return f"modify of unknown order {order_id}"
        if old[:2] != (side, price) or qty > old[2]:
            del self.orders[order_id]  # to the end of the line, which the order of ids tells
        self.orders[order_id] = (side, price, qty)
        self._change(old[0], old[1], -old[2], -1)
        self._change(side, price, qty, 1)
        return ""

    def _take(self, event: int, qty: int, order_id: int) -> str:
        order = self.orders.get(order_id)
        if order is None:
            return f"{Event(event).name.lower()} of unknown order {order_id}"
        side, price, left = order
        taken = left if event == _DELETE else qty
        if taken < left:
            self.orders[order_id] = (side, price, left - taken)
            self._change(side, price, -taken, 0)
            return ""
        del self.orders[order_id]
        self._change(side, price, -left, -1)
        if taken == left:
            return ""
        return (
            f"{Event(event).name.lower()} of {taken / SCALE:g} of order {order_id}, "
            f"which has {left / SCALE:g}"
        )

    def _place(self, side: int, price: int) -> "tuple[SortedDict[int, tuple[int, int]], int]":
        return (self.bids, -price) if side == BID else (self.asks, price)

    def _change(self, side: int, price: int, qty: int, orders: int) -> None:
        levels, key = self._place(side, price)
        old = levels.get(key, _EMPTY)
        new = (old[0] + qty, old[1] + orders)
        if new[1] > 0 and new[0] > 0:
            levels[key] = new
        else:
            levels.pop(key, None)


class BookChecks:
    """Plays event blocks into one book per venue and notes what does not fit.

    A book that is crossed (bid >= ask) at the end of an instant is noted once, until it is not.

    Args:
        problems: Where troubles go.
    """

    def __init__(self, problems: Problems) -> None:
        self.books: list[EventBook] = []
        self._problems = problems
        self._now: list[tuple[int, int]] = []
        self._crossed: list[bool] = []

    def play(self, block: EventBlock, venues: Sequence[str]) -> None:
        """Take the next events; ``venues`` are the reader's names so far."""
        while len(self.books) < len(venues):
            self.books.append(EventBook())
            self._now.append((-1, 0))
            self._crossed.append(False)
        books, now, note = self.books, self._now, self._note
        rows = zip(
            block.t_ns.tolist(),
            block.venue.tolist(),
            block.event.tolist(),
            block.side.tolist(),
            block.price.tolist(),
            block.qty.tolist(),
            block.order_id.tolist(),
            block.line.tolist(),
            strict=True,
        )
        for t_ns, venue, event, side, price, qty, order_id, line in rows:
            if now[venue][0] != t_ns:
                self._end_instant(venue, venues)
            now[venue] = (t_ns, line)
            wrong = books[venue].apply(event, side, price, qty, order_id)
            if wrong:
                note(line, f"{venues[venue]}: {wrong}", trouble_kind(wrong))

    def close(self, venues: Sequence[str]) -> None:
        """Look at the last instant too."""
        for venue in range(len(self.books)):
            self._end_instant(venue, venues)

    def _end_instant(self, venue: int, venues: Sequence[str]) -> None:
        book = self.books[venue]
        was, now = self._crossed[venue], book.crossed()
        self._crossed[venue] = now
        if now and not was:
            bid, ask = -book.bids.keys()[0] / SCALE, book.asks.keys()[0] / SCALE
            _, line = self._now[venue]
            what = f"{venues[venue]}: best bid {bid:g} is not below best ask {ask:g}"
            self._note(line, what, "crossed book")

    @property
    def _note(self) -> Callable[[int, str, str], None]:
        return self._problems.note


def trouble_kind(wrong: str) -> str:
    """The kind of a trouble, for counting: its words without numbers."""
    if "unknown" in wrong:
        return f"{wrong.split(maxsplit=1)[0]} of an unknown order"
    return "order added twice" if "already" in wrong else "more taken than the order had"
