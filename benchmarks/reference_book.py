"""A bare order book: what matching costs when it does nothing but match.

The same ingredients as ours, ``SortedDict`` levels and queues, and the same messages; but no
refusals, accounts, time stamps or totals, and no reports but fills. An emptied level stays until it
is the best. Of the ways to cancel, looking the order up in its deque was the fastest on this tape.
"""

from collections import deque
from typing import Any

from sortedcontainers import SortedDict

from sim.protocol.enums import Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest

Fill = tuple[str, str, int, int]
"""Taker, maker, key of the price, lots."""

_BUY = Side.BUY
_IOC = TimeInForce.IOC


class ReferenceBook:
    """Limit orders, IOC and cancels.

    An order is ``[name, open lots, key, side]``; the key is the price, for bids negated.
    """

    def __init__(self) -> None:
        self.bids: SortedDict[int, deque[list[Any]]] = SortedDict()
        self.asks: SortedDict[int, deque[list[Any]]] = SortedDict()
        self.orders: dict[str, list[Any]] = {}

    def add(self, msg: NewOrderSingle) -> list[Fill]:
        """Trade a limit order, then rest what is left unless it is an IOC."""
        name, lots, limit, fills = msg.cl_ord_id, int(msg.order_qty), int(msg.price or 0), []
        own, contra = self.bids, self.asks
        if msg.side is not _BUY:
            limit, own, contra = -limit, contra, own
        while lots and contra:
            key, queue = contra.peekitem(0)
            if key > limit:
                break
            while lots and queue:
                maker = queue[0]
                given = maker[1]
                traded = lots if lots < given else given
                lots -= traded
                maker[1] = given - traded
                fills.append((name, maker[0], key, traded))
                if given == traded:
                    queue.popleft()
                    del self.orders[maker[0]]
            if not queue:
                del contra[key]
        if lots and msg.time_in_force is not _IOC:
            self.orders[name] = order = [name, lots, -limit, own]
            resting = own.get(-limit)
            if resting is not None:
                resting.append(order)
            else:
                own[-limit] = deque((order,))
        return fills

    def cancel(self, msg: OrderCancelRequest) -> bool:
        """Take the order out of its queue; False if there is none of that name."""
        order = self.orders.pop(msg.orig_cl_ord_id, None)
        if order is not None:
            order[3][order[2]].remove(order)
        return order is not None
