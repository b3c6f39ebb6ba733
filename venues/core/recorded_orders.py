"""A book that follows a recording of single orders (level 3), with ours in the exact line.

Each stranger is an order of its own in the queue of its price, so the place of an order of ours is
exact. Rules 1 to 5 of ``venues.core.replaying`` for single orders:

- Of each stranger the recording says how many lots are open; what we took of them is gone for all,
  and stays gone when the recording cancels or trades others of them: only what is left beyond is
  cut. A stranger that moves (new price, or more lots) takes along only what we left it.
- A recorded trade of a stranger goes first to ours that stand before it.
- A print that is of no displayed order (hidden) fills ours at better prices than its own, and at
  its own price those before whom no stranger stands. Without a side it fills nobody.
- Displaced by our own impact (``displace``), strangers keep their order among themselves; no price
  falls below one tick.
- A row about an order that the book does not know (older than the file) changes nothing; if it
  traded, it is a print.
"""

from typing import Any, Final

from sim.protocol.enums import Side
from sim.protocol.errors import InvariantError
from sim.protocol.market_data import OrderRow, RecordedRows, RowEvent
from sim.protocol.orders import VenueReport
from sim.protocol.units import TimeNs
from venues.core.book import BookSide, RestingOrder
from venues.core.order_book import MEMORY
from venues.core.replaying import ReplayingCore

_BUY: Final = Side.BUY
_SELL: Final = Side.SELL
# Looking a member up on its Enum costs as much as the rest of a row.
_ADD: Final = int(RowEvent.ADD)
_MODIFY: Final = int(RowEvent.MODIFY)
_REDUCE: Final = int(RowEvent.REDUCE)
_DELETE: Final = int(RowEvent.DELETE)
_EXECUTE: Final = int(RowEvent.EXECUTE)
_CLEAR: Final = int(RowEvent.CLEAR)


class RecordedOrderBook(ReplayingCore):
    """A venue's core over recorded orders. Answers ``RecordedRows`` and order messages.

    Of a stranger ``order_qty`` is what the recording has open, ``leaves_qty`` what we left of it.
    """

    def __init__(self, tick: int = 1, lot: int = 1, memory: int = MEMORY) -> None:
        super().__init__(tick, lot, memory)
        self._line: dict[int, RestingOrder] = {}
        self._moved = 0

    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message; ``venue_seq`` goes up by one with each recorded one."""
        if type(msg) is RecordedRows:
            self.venue_seq += 1
            reports = self.play(msg.rows, now_ns)
            if self._orders and not msg.is_silent:
                self._meet(now_ns, reports)
            return reports
        return super().handle(msg, now_ns)

    def play(self, rows: tuple[OrderRow, ...], now_ns: int) -> list[VenueReport]:
        """Apply recorded rows one by one; ``handle`` does more, for those of one instant."""
        out: list[VenueReport] = []
        self._prints = []
        self._reports = []
        line, moved = self._line, self._moved
        for event, sign, price, lots, order_id in rows:
            if event == _ADD:
                if order_id in line:
                    raise ValueError(f"order {order_id} is added and was open already")
                self._join(order_id, sign, price + moved, lots)
            elif event == _DELETE:
                order = line.pop(order_id, None)
                if order is not None and order.leaves_qty:
                    (self._bids if order.key < 0 else self._asks).leave(order)
            elif event == _EXECUTE:
                self._execute((event, sign, price + moved, lots, order_id), out, now_ns)
            elif event == _REDUCE:
                order = line.get(order_id)
                if order is not None:
                    self._cut(order, order.order_qty - lots, order_id)
            elif event == _MODIFY:
                self._modify(price + moved, lots, order_id)
            elif event == _CLEAR:
                self._clear()
            else:
                self._on_print(sign, price + moved, lots, out, now_ns)
        return out

    def check(self) -> None:
        """Walk every invariant, also that strangers are the open orders of the recording.

        Raises:
            InvariantError: Naming the rule that is broken, and where.
        """
        super().check()
        there = [o for side in (self._bids, self._asks) for o in side.living() if not o.cl_ord_id]
        left = [order for order in self._line.values() if order.leaves_qty]
        if {id(order) for order in there} != {id(order) for order in left}:
            raise InvariantError(f"{len(there)} strangers rest, {len(left)} are recorded as open")
        for order_id, order in self._line.items():
            if not 0 <= order.leaves_qty <= order.order_qty or not order.order_qty:
                raise InvariantError(f"stranger {order_id}: {order}")

    # ------------------------------------------------------------ rows

    def _join(self, order_id: int, sign: int, price: int, lots: int, taken: int = 0) -> None:
        """Let an order come to rest; ``taken`` of its lots are ours already."""
        side = self._bids if sign > 0 else self._asks
        if price < 1:  # noqa: PLR1730 - our own trades moved it down to nothing; max() costs a call
            price = 1
        self._line[order_id] = order = self._stranger(side, -price if sign > 0 else price, lots)
        if taken:
            order.leaves_qty = max(0, lots - taken)
            if not order.leaves_qty:
                return
        side.join(order)

    def _cut(self, order: RestingOrder, lots: int, order_id: int) -> None:
        """The recording has ``lots`` of an order left, where it stands."""
        side = self._bids if order.key < 0 else self._asks
        if lots <= 0:
            del self._line[order_id]
            if order.leaves_qty:
                side.leave(order)
            return
        order.order_qty = lots
        if order.leaves_qty > lots:
            side.shrink(order, order.leaves_qty - lots)

    def _modify(self, price: int, lots: int, order_id: int) -> None:
        order = self._line.get(order_id)
        if order is None:
            return
        key = -price if order.key < 0 else price
        if not lots or (key == order.key and lots <= order.order_qty):
            self._cut(order, lots, order_id)
            return
        taken = order.order_qty - order.leaves_qty
        if order.leaves_qty:
            (self._bids if order.key < 0 else self._asks).leave(order)
        self._join(order_id, 1 if order.key < 0 else -1, price, lots, taken)

    def _execute(self, row: OrderRow, out: list[VenueReport], now_ns: int) -> None:
        _, sign, price, lots, order_id = row
        order = self._line.get(order_id)
        if order is None:
            self._on_print(-sign, price, lots, out, now_ns)
            return
        left = lots
        if self._orders:
            side = self._bids if order.key < 0 else self._asks
            before = [
                one
                for one in self._ours(side, order.key)
                if one.key < order.key or (order.leaves_qty and one.rank < order.rank)
            ]
            left = self._hit(side, before, lots, now_ns, out)
        if left:
            self._print(price, left, _SELL if order.key < 0 else _BUY)
        self._cut(order, order.order_qty - lots, order_id)

    def _on_print(
        self, sign: int, price: int, lots: int, out: list[VenueReport], now_ns: int
    ) -> None:
        """A trade of no displayed order; ``sign`` 1: a buyer took, so our offers are hit."""
        left = lots
        if self._orders and sign:
            side, key = (self._asks, price) if sign > 0 else (self._bids, -price)
            left = self._hit(side, self._first(side, key), lots, now_ns, out)
        if left:
            self._print(price, left, _BUY if sign > 0 else _SELL)

    def _first(self, side: BookSide, key: int) -> list[RestingOrder]:
        """Ours at better keys than this one, and those of ours that lead the line at it."""
        found = [one for one in self._ours(side, key) if one.key < key]
        level = side.level_at.get(key)
        for order in () if level is None else level.queue.values():
            if not order.cl_ord_id:
                break
            found.append(order)
        return found

    def _displace(self, ticks: int) -> None:
        step, self._moved = ticks - self._moved, ticks
        for side in (self._bids, self._asks):
            strangers = [one for one in side.living() if not one.cl_ord_id]
            for order in strangers:
                side.leave(order)
            for order in strangers:
                price = max(1, abs(order.key) + step)
                self._serial = serial = self._serial + 1
                order.key, order.rank, order.order_id = side.sign * price, serial, serial
                side.join(order)

    def _clear(self) -> None:
        for order in self._line.values():
            if order.leaves_qty:
                (self._bids if order.key < 0 else self._asks).leave(order)
        self._line.clear()
