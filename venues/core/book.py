"""One side of an order book: price levels in order of price, a FIFO queue in each.

Knows prices, lots and places in queues; knows nothing of messages, matching or time. Levels are
keyed so that both sides run best first: an ask by its price, a bid by its negated price. A key
therefore also tells the side, and "reaches" is the same comparison for buyers and sellers.

A queue is a dictionary by order id: it keeps the order of arrival, and an order leaves it at the
same cost from every place. Its one weakness is that a dictionary remembers the places of what was
deleted, and walks over them to its first member; ``BookSide.front`` keeps that walk short.

A level whose last order has left stays for a while as a vacant one, because prices come back, and
entering a key in a sorted list and deleting it costs more than all the rest of a message.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, Protocol

import msgspec
from sortedcontainers import SortedList

from sim.protocol.enums import SelfTrade, Side
from sim.protocol.market_data import Level, Levels

RESERVE: Final = 8
"""Levels that a side keeps at hand behind those that it shows, if it shows as many at least."""

KEY_MAX: Final = 2**63 - 1
"""The worst key a side can hold; as a limit it reaches every level (a market order)."""

EMPTY: Final = 2**63
"""``BookSide.best`` of an empty side: beyond every limit."""

STALE: Final = -(2**63)
"""``BookSide.shown_to`` and ``kept_to`` when there is no valid view: before every key."""

HOLES_ALLOWED: Final = 32
"""Deleted places that a queue may have beyond the number of its orders when it is read."""

VACANT_ALLOWED: Final = 16
"""Vacant levels that may lie before the best, and, beyond the number of the others, on a side."""


class RestingOrder(msgspec.Struct, gc=False):
    """An order inside the core: resting, or about to.

    ``key`` is the price as its own side keys it; ``rank`` grows with each joining of a queue, so
    that within a level a lower rank is an older place. ``order_qty`` less ``leaves_qty`` is filled.
    A finished order keeps the lots that were open at its end: none if it was filled.

    A struct because one is made for each order (a third of the time of a class with slots);
    ``gc=False`` is safe: it holds only leaves.
    """

    cl_ord_id: str
    account: str
    side: Side
    order_id: int
    rank: int
    key: int
    order_qty: int
    leaves_qty: int
    post_only: bool
    self_trade: SelfTrade

    @property
    def open_qty(self) -> int:
        """Open lots: those in the queue, and those of a special order that are kept back."""
        return self.leaves_qty

    @property
    def cum_qty(self) -> int:
        """Lots filled so far."""
        return self.order_qty - self.leaves_qty


class PriceLevel:
    """The orders at one price, oldest first, and the sum of their open lots.

    ``joined`` counts the places that ``queue`` remembers, those of the departed included. A class
    with slots because its fields change with each message (a fifth of the time of a struct).
    """

    __slots__ = ("joined", "qty", "queue")

    def __init__(self, order: RestingOrder) -> None:
        self.qty = order.leaves_qty
        self.joined = 1
        self.queue = {order.order_id: order}


class Owner(Protocol):
    """Whose side it is."""

    unseen: bool
    """Set as soon as a side's view may have changed."""


class BookSide:
    """The resting orders of one side, best level first.

    ``sign`` is 1 for asks and -1 for bids: ``key = sign * price``. ``level_at`` finds a level by
    its key, ``keys`` holds the keys in order: beside a dictionary and not in one that sorts, since
    most messages meet a level that is there. ``best`` is the first key that is not vacant,
    ``shown_to`` the last key that the last view depends on, ``kept_to`` the last of the levels that
    are kept for the next one, ``touched`` the keys within these at which anything has changed.
    """

    __slots__ = (
        "_keep",
        "_kept",
        "_kept_keys",
        "_owner",
        "best",
        "kept_to",
        "keys",
        "level_at",
        "shown",
        "shown_depth",
        "shown_to",
        "sign",
        "touched",
        "vacant",
    )

    def __init__(self, sign: int, owner: Owner) -> None:
        self.sign = sign
        self.level_at: dict[int, PriceLevel] = {}
        self.keys: SortedList[int] = SortedList()
        self.vacant = 0
        self.best = EMPTY
        self.shown: Levels = ()
        self.shown_to = STALE
        self.kept_to = STALE
        self.shown_depth = 0
        self.touched: set[int] = set()
        self._owner = owner
        # What the last view is the head of, so that another takes the place of a level that goes.
        self._keep = 0
        self._kept: list[Level] = []
        self._kept_keys: list[int] = []  # empty: not made yet

    def join(self, order: RestingOrder) -> None:
        """Put an order with open lots at the end of the queue at its price."""
        key = order.key
        level = self.level_at.get(key)
        if level is not None and level.qty:
            level.qty += order.leaves_qty
            level.joined += 1
            level.queue[order.order_id] = order
        else:
            if level is None:
                self.level_at[key] = PriceLevel(order)
                self.keys.add(key)
            else:
                level.qty = order.leaves_qty
                level.joined += 1
                level.queue[order.order_id] = order
                self.vacant -= 1
            if key < self.best:  # noqa: PLR1730 - min() costs a call
                self.best = key
        if key <= self.kept_to:
            self.touched.add(key)
            if key <= self.shown_to:
                self._owner.unseen = True

    def spoil(self) -> None:
        """Note that anything within the last view may have changed."""
        self.shown_to = self.kept_to = STALE
        self._owner.unseen = True

    def leave(self, order: RestingOrder) -> None:
        """Take a resting order off the book with all its open lots."""
        key = order.key
        level = self.level_at[key]
        del level.queue[order.order_id]
        level.qty = left = level.qty - order.leaves_qty
        if not left:
            self.vacate(key)
        if key <= self.kept_to:
            self.touched.add(key)
            if key <= self.shown_to:
                self._owner.unseen = True

    def shrink(self, order: RestingOrder, lots: int) -> None:
        """Take some, not all, of the open lots of a resting order; it keeps its place."""
        order.leaves_qty -= lots
        self.level_at[order.key].qty -= lots
        if order.key <= self.kept_to:
            self.touched.add(order.key)
            if order.key <= self.shown_to:
                self._owner.unseen = True

    def vacate(self, key: int) -> None:
        """Note that the last order has left a level; clear away vacant ones that are in the way.

        Each deletion is paid for by the entry of the level, so that vacancies cost the same on
        average however many there are.
        """
        self.vacant += 1
        levels = self.level_at
        if key == self.best:
            passed = []
            best = EMPTY
            for other in self.keys:
                if levels[other].qty:
                    best = other
                    break
                passed.append(other)
            self.best = best
            if len(passed) > VACANT_ALLOWED:
                self._delete(passed)
        if 2 * self.vacant > len(levels) + VACANT_ALLOWED:
            self._delete([other for other in self.keys if not levels[other].qty])

    def _delete(self, keys: list[int]) -> None:
        for key in keys:
            del self.level_at[key]
            self.keys.remove(key)
        self.vacant -= len(keys)

    def front(self) -> PriceLevel:
        """The best level, to be read from its front; the side must not be empty.

        Deleted places are cleared away when they outnumber the orders: each clearing is paid for
        by the departures since the one before, so that a departure costs the same on average
        however long the queue.
        """
        level = self.level_at[self.best]
        living = len(level.queue)
        if level.joined > 2 * living + HOLES_ALLOWED:
            level.queue = dict(level.queue.items())
            level.joined = living
        return level

    def view(self, depth: int) -> Levels:
        """The best ``depth`` levels as ``(price, lots)``, best first.

        The same tuple object as before unless something within it has changed.
        """
        touched = self.touched
        if self.kept_to == STALE or depth != self.shown_depth or len(touched) > depth:
            self._rebuild(depth)
        elif touched:
            self._work_in(touched, depth)
            touched.clear()
        return self.shown

    def _work_in(self, touched: set[int], depth: int) -> None:
        """Bring the last view up to date where these levels have changed.

        Most messages of a busy book change one level that shows; walking over all of them again
        would cost more than all the rest of such a message.
        """
        keys, rows, levels = self._kept_keys, self._kept, self.level_at
        if not keys:
            keys += [self.sign * price for price, _ in rows]
        changed = False
        for key in touched:
            level = levels.get(key)
            qty = 0 if level is None else level.qty
            at = bisect_left(keys, key)
            if at == len(keys) or keys[at] != key:
                if not qty:
                    continue
                keys.insert(at, key)
                rows.insert(at, (self.sign * key, qty))
            elif not qty:
                del keys[at], rows[at]
            elif rows[at][1] == qty:
                continue
            else:
                rows[at] = (rows[at][0], qty)
            if at < depth:
                changed = True
        count = len(rows)
        if count < depth and self.kept_to != KEY_MAX:
            self._rebuild(depth)
            return
        if count > self._keep + RESERVE:
            del keys[self._keep :], rows[self._keep :]
            self.kept_to = keys[-1]
        if changed:
            # Each level is worked in once, so no later one undoes what has changed in the view.
            self.shown = tuple(rows[:depth])
            self.shown_to = keys[depth - 1] if count >= depth else KEY_MAX

    def _rebuild(self, depth: int) -> None:
        self.touched.clear()
        self._kept_keys.clear()
        self.shown_depth = depth
        # Few levels are found again as fast as others would be kept up to date.
        self._keep = keep = depth + RESERVE if depth >= RESERVE else depth
        self._kept = rows = self._first_rows(keep) if depth > 0 else []
        # With fewer levels than may show, or may be kept, any new one would be.
        self.shown_to = self.kept_to = KEY_MAX
        if depth <= 0:
            self.shown_to = self.kept_to = STALE
        elif len(rows) >= depth:
            self.shown_to = self.sign * rows[depth - 1][0]
            if len(rows) == keep:
                self.kept_to = self.sign * rows[-1][0]
        view = tuple(rows[:depth])
        if view != self.shown:
            self.shown = view

    def _first_rows(self, depth: int) -> list[Level]:
        """The best ``depth`` levels, vacant ones left out."""
        # In a busy market many vacant levels lie between, so it stops as soon as it can.
        sign, levels, rows = self.sign, self.level_at, []
        for key in self.keys:
            qty = levels[key].qty
            if qty:
                rows.append((sign * key, qty))
                if len(rows) == depth:
                    break
        return rows

    def lots_to(self, limit: int, enough: int = KEY_MAX) -> int:
        """Lots at keys up to and including ``limit``, counted until there are ``enough``."""
        total = 0
        for key in self.keys:
            if key > limit or total >= enough:
                break
            total += self.level_at[key].qty
        return total

    def slide(self, step: int) -> None:
        """Move every order's key by ``step``; all keys must stay on their side of 0."""
        levels = self.level_at = {key + step: level for key, level in self.level_at.items()}
        for key, level in levels.items():
            for order in level.queue.values():
                order.key = key
        self.keys = SortedList(levels)
        if self.best != EMPTY:
            self.best += step
        self.spoil()

    def living(self) -> Iterator[RestingOrder]:
        """The resting orders in the order in which they would trade."""
        for key in self.keys:
            yield from self.level_at[key].queue.values()
