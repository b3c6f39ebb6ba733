"""Orders that a LOBSTER pair adds up to, kept in step with the book that the file shows.

A level file cannot tell the life of every order: some rested before it began, some changed while
their level was out of view. Rules:

* What a level shows beyond its known orders is one *unnamed* order per level, with an id of our own
  from 2^63 on. At the begin of the file each level is one unnamed order.
* A message about an order that is not known is about the level's unnamed order, and beyond that
  about its known orders, the youngest first.
* When a level comes into view, or the shown book is not as the message makes it, the orders are
  brought in line with what is shown: a level that shows less loses its unnamed order first, then
  its youngest orders (cancels are mostly of young orders, and so nobody's place in line is made
  better than it was); a level that shows more gets an unnamed order; a level that should be in view
  and is not loses all of its orders.
* Levels out of view keep their orders until they come into view.

So the levels in view are those of the file after every row.
"""

from typing import Final

from sortedcontainers import SortedDict

from sim.data.events import Event
from sim.data.lobster import CANCEL, DELETE, NEW

FIRST_UNNAMED: Final = 1 << 63
_ADD, _REDUCE = int(Event.ADD), int(Event.REDUCE)
_DELETE, _EXECUTE = int(Event.DELETE), int(Event.EXECUTE)

Change = tuple[int, int, int, int, int]
"""Event, direction, price, size and order id; prices and sizes as in the file."""


class LobsterOrders:
    """Open orders by level, in the order of their places in line.

    ``unknown`` counts messages by type that named an order which is not known.
    """

    def __init__(self) -> None:
        self.unknown = {CANCEL: 0, DELETE: 0, 4: 0}
        self._levels: dict[int, SortedDict[int, dict[int, int]]] = {
            1: SortedDict(),
            -1: SortedDict(),
        }
        self._where: dict[int, tuple[int, int]] = {}
        self._unnamed = FIRST_UNNAMED

    def message(
        self, kind: int, direction: int, price: int, size: int, order_id: int
    ) -> list[Change]:
        """Take a message of type 1 to 4; return what changes."""
        if kind == NEW:
            changes = self._drop(order_id) if order_id in self._where else []
            self._put(direction, price, size, order_id)
            changes.append((_ADD, direction, price, size, order_id))
            return changes
        event = _EXECUTE if kind == 4 else _REDUCE
        if order_id not in self._where:
            self.unknown[kind] += 1
            return self._take_any(event, direction, price, size)
        at = self._where[order_id]
        have = self._levels[at[0]][-at[0] * at[1]][order_id]
        if kind == DELETE and size >= have:
            changes = self._drop(order_id)
            over = size - have
        else:
            taken = min(size, have)
            changes = [self._take(event, order_id, taken)]
            over = size - taken
        if kind == DELETE and order_id in self._where:
            changes += self._drop(order_id)
        if over:
            changes += self._take_any(event, direction, price, over)
        return changes

    def settle(self, direction: int, price: int, shown: int) -> list[Change]:
        """Bring one level to what is shown there (0: it is gone)."""
        orders = self._levels[direction].get(-direction * price)
        have = sum(orders.values()) if orders else 0
        if shown == have:
            return []
        if shown > have:
            self._unnamed += 1
            self._put(direction, price, shown - have, self._unnamed)
            return [(_ADD, direction, price, shown - have, self._unnamed)]
        if not shown:
            return [one for order_id in list(orders or ()) for one in self._drop(order_id)]
        return self._take_any(_REDUCE, direction, price, have - shown)

    def reveal(self, direction: int, above: int, price: int, shown: int) -> list[Change]:
        """Bring in line what came into view as the last level of a side.

        Args:
            direction: 1 for bids, -1 for asks.
            above: Price of the level before it; 0: there is none.
            price: Its price; 0: nothing came, so the side ends before it.
            shown: What it shows.
        """
        levels = self._levels[direction]
        inside = levels.irange(
            -direction * above if above else None,
            -direction * price if price else None,
            inclusive=(False, False),
        )
        changes: list[Change] = []
        for key in list(inside):
            changes += self.settle(direction, -direction * key, 0)
        return changes + self.settle(direction, price, shown) if price else changes

    def settle_view(self, direction: int, view: dict[int, int], *, whole: bool) -> list[Change]:
        """Bring a side to what is shown of it.

        Args:
            direction: 1 for bids, -1 for asks.
            view: Price -> size of the levels in view, best first.
            whole: Whether the view shows the whole side: it has fewer levels than the file.
        """
        changes: list[Change] = []
        keys = self._levels[direction]
        furthest = None if whole or not view else max(-direction * price for price in view)
        inside = list(keys.irange(maximum=furthest)) if furthest is not None else list(keys)
        for key in inside if view or whole else ():
            if -direction * key not in view:
                changes += self.settle(direction, -direction * key, 0)
        for price, size in view.items():
            changes += self.settle(direction, price, size)
        return changes

    def __len__(self) -> int:
        return len(self._where)

    def _put(self, direction: int, price: int, size: int, order_id: int) -> None:
        self._levels[direction].setdefault(-direction * price, {})[order_id] = size
        self._where[order_id] = (direction, price)

    def _drop(self, order_id: int) -> list[Change]:
        direction, price = self._where.pop(order_id)
        orders = self._levels[direction][-direction * price]
        size = orders.pop(order_id)
        if not orders:
            del self._levels[direction][-direction * price]
        return [(_DELETE, direction, price, size, order_id)]

    def _take(self, event: int, order_id: int, size: int) -> Change:
        """Take a part, or all, of an order; gone without a trade is a delete."""
        direction, price = self._where[order_id]
        orders = self._levels[direction][-direction * price]
        if orders[order_id] > size:
            orders[order_id] -= size
            return event, direction, price, size, order_id
        self._drop(order_id)
        return (_DELETE if event == _REDUCE else event), direction, price, size, order_id

    def _take_any(self, event: int, direction: int, price: int, size: int) -> list[Change]:
        """Take from a level whoever it is: unnamed orders first, then the youngest."""
        orders = self._levels[direction].get(-direction * price)
        if not orders:
            return []
        named = [one for one in orders if one < FIRST_UNNAMED]
        line = [one for one in orders if one >= FIRST_UNNAMED] + named[::-1]
        changes = []
        for order_id in line:
            taken = min(size, orders[order_id])
            changes.append(self._take(event, order_id, taken))
            size -= taken
            if not size:
                break
        return changes
