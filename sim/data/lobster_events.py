"""A LOBSTER pair as a reader of neutral events, in step with the file's book at every row.

Events that bring the orders in line with the book have the time and line of the row that showed the
need. A message that is contained in the first row of the book is not told, but its order, if it
adds one, is known by its id. Hidden executions and cross trades become ``trade``, a halt message
``halt`` (price -1) or ``resume`` (price 1; 0, quotes only, is passed over).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from sim.data.columns import Ints
from sim.data.events import SCALE, Event, EventBlock, make_block
from sim.data.inspection import Problems
from sim.data.lobster import (
    CROSS,
    EXECUTE,
    HALT,
    HIDDEN,
    NEW,
    PRICE_SCALE,
    BookRows,
    Messages,
    paired,
    read_book,
    read_messages,
)
from sim.data.lobster_orders import Change, LobsterOrders
from sim.data.lobster_steps import Steps, steps
from sim.data.neutral import cut

VENUE: Final = "NASDAQ"
_AGREES: Final = 2
_Row = tuple[int, Change]


class LobsterEvents:
    """Reads a message file and its order book as neutral events.

    ``compared`` and ``agreed`` count rows of the book that have a row before them, and those that
    are what the message makes of it; ``revealed`` levels that came into view, ``resynced`` rows at
    which the orders were brought in line otherwise.

    Args:
        messages: The message file.
        books: Its order book.
        problems: Where bad rows of the messages go.
        book_problems: Where bad rows of the book go.
    """

    venues: Final = (VENUE,)

    def __init__(
        self, messages: Path, books: Path, problems: Problems, book_problems: Problems
    ) -> None:
        self.compared = self.agreed = self.revealed = self.resynced = 0
        self.orders = LobsterOrders()
        self._messages = messages
        self._books = books
        self._problems = problems
        self._book_problems = book_problems

    def blocks(self) -> Iterator[EventBlock]:
        """The events from the first on.

        Raises:
            DataFormatError: At the first bad row, if the problems are strict.
        """
        self.compared = self.agreed = self.revealed = self.resynced = 0
        self.orders = LobsterOrders()
        before: BookRows | None = None
        pairs = paired(
            read_messages(self._messages, self._problems),
            read_book(self._books, self._book_problems),
            self._problems,
        )
        for messages, books in pairs:
            step = steps(messages, books, before)
            first = before is None
            before = books.take(slice(-1, None))
            self.compared += int(np.count_nonzero(step.compared))
            self.agreed += int(np.count_nonzero(step.agrees))
            self.revealed += int(np.count_nonzero(step.revealed))
            yield from cut(_block(messages, self._rows(messages, books, step, first=first)))

    def _rows(self, messages: Messages, books: BookRows, step: Steps, *, first: bool) -> list[_Row]:
        """Row number and change, in order."""
        found: list[_Row] = []
        orders = self.orders
        above, last, last_size = _last_levels(messages, books)
        rows = zip(
            messages.type.tolist(),
            messages.direction.tolist(),
            messages.price.tolist(),
            messages.size.tolist(),
            messages.order_id.tolist(),
            _shown_after(messages, books).tolist(),
            (step.agrees * 2 + step.revealed).tolist(),
            strict=True,
        )
        for row, (kind, direction, price, size, order_id, shown, how) in enumerate(rows):
            if first and row == 0:
                found += [(row, one) for one in self._open(messages, books, row)]
                continue
            if kind > EXECUTE:
                found += [(row, one) for one in _bare(kind, direction, price, size)]
            else:
                found += [
                    (row, one) for one in orders.message(kind, direction, price, size, order_id)
                ]
                if shown >= 0:
                    found += [(row, one) for one in orders.settle(direction, price, shown)]
            if how == _AGREES + 1:
                came = orders.reveal(
                    direction, int(above[row]), int(last[row]), int(last_size[row])
                )
                found += [(row, one) for one in came]
            elif how < _AGREES:
                self.resynced += 1
                for side in (1, -1):
                    found += [(row, one) for one in self._settle(books.levels[row], side)]
        return found

    def _open(self, messages: Messages, books: BookRows, row: int) -> list[Change]:
        """The first row of the book; an order that its message added stands apart, last in line."""
        levels = books.levels[row].copy()
        direction, price = int(messages.direction[row]), int(messages.price[row])
        size, kind = int(messages.size[row]), int(messages.type[row])
        new = kind == NEW
        if new:
            px = 2 if direction == 1 else 0
            levels[levels[:, px] == price, px + 1] -= size
        changes = self._settle(levels, 1) + self._settle(levels, -1)
        if new:
            order_id = int(messages.order_id[row])
            changes += self.orders.message(NEW, direction, price, size, order_id)
        return changes + _bare(kind, direction, price, size)

    def _settle(self, levels: Ints, direction: int) -> list[Change]:
        price, size = (2, 3) if direction == 1 else (0, 1)
        prices, sizes = levels[:, price].tolist(), levels[:, size].tolist()
        view = {at: qty for at, qty in zip(prices, sizes, strict=True) if at}
        whole = len(view) < len(levels)
        return self.orders.settle_view(direction, view, whole=whole)


def _last_levels(messages: Messages, books: BookRows) -> tuple[Ints, Ints, Ints]:
    """Of each message's side: price of the last level but one (0: none), and the last level."""
    bid = messages.direction == 1
    levels = books.levels
    above = np.zeros(len(messages), np.int64)
    if levels.shape[1] > 1:
        above = np.where(bid, levels[:, -2, 2], levels[:, -2, 0])
    price = np.where(bid, levels[:, -1, 2], levels[:, -1, 0])
    return above, price, np.where(bid, levels[:, -1, 3], levels[:, -1, 1])


def _shown_after(messages: Messages, books: BookRows) -> Ints:
    """What each message's price shows after it; 0 if it is gone, -1 if it is out of view."""
    shown = np.full(len(messages), -1, np.int64)
    for direction, price, size in ((1, 2, 3), (-1, 0, 1)):
        rows = np.flatnonzero(messages.direction == direction)
        prices, sizes = books.levels[rows, :, price], books.levels[rows, :, size]
        at = messages.price[rows][:, None]
        here = prices == at
        furthest = prices[:, -1]
        inside = (furthest == 0) | ((at[:, 0] - furthest) * direction > 0)
        value = np.where(here, sizes, 0).sum(axis=1)
        shown[rows] = np.where(here.any(axis=1), value, np.where(inside, 0, -1))
    return shown


def _bare(kind: int, direction: int, price: int, size: int) -> list[Change]:
    """What a message that changes no displayed order becomes; nothing of one that does."""
    if kind == HALT:
        word = {-1: Event.HALT, 1: Event.RESUME}.get(price)
        return [] if word is None else [(int(word), 0, 0, 0, 0)]
    # The direction is that of the resting order; who took is the other side.
    taker = -direction if kind == HIDDEN else 0
    return [(int(Event.TRADE), taker, price, size, 0)] if kind in {HIDDEN, CROSS} else []


def _block(messages: Messages, found: list[_Row]) -> EventBlock:
    if not found:
        return make_block(0)
    at = np.array([row for row, _ in found])
    event, side, price, size, order_id = zip(*(change for _, change in found), strict=True)
    return make_block(
        len(found),
        t_ns=messages.t_ns[at],
        line=messages.line[at],
        event=event,
        side=side,
        price=np.array(price, np.int64) * PRICE_SCALE,
        qty=np.array(size, np.int64) * SCALE,
        order_id=order_id,
    )
