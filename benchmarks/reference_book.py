"""A bare order book: what matching costs when it does nothing but match.

The same ingredients as ours, ``SortedDict`` levels and queues, and the same messages; but no
refusals, accounts, time stamps or totals, and no reports but fills. A canceled order stays in its
queue until somebody comes by, and an emptied level until it is the best.
"""

from collections import deque
from typing import Any

from sortedcontainers import SortedDict

from sim.protocol.enums import Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest

Fill = tuple[str, str, int, int]
"""Taker, maker, price, lots."""

_BUY = Side.BUY
_IOC = TimeInForce.IOC


class ReferenceBook:
    """Limit orders, IOC and cancels. An order is ``[name, open lots]``; bids have negated keys."""

    def __init__(self) -> None:
        self.bids: SortedDict[int, deque[list[Any]]] = SortedDict()
        self.asks: SortedDict[int, deque[list[Any]]] = SortedDict()
        self.orders: dict[str, list[Any]] = {}

    def add(self, msg: NewOrderSingle) -> list[Fill]:
        """Trade a limit order, then rest what is left unless it is an IOC."""
        name, lots, fills = msg.cl_ord_id, int(msg.order_qty), []
        limit = int(msg.price or 0)
        own, contra = self.bids, self.asks
        if msg.side is not _BUY:
            limit, own, contra = -limit, contra, own
        while lots and contra:
            key, queue = contra.peekitem(0)
            if key > limit:
                break
            while lots and queue:
                maker = queue[0]
                traded = min(lots, maker[1])
                if traded:
                    lots -= traded
                    maker[1] -= traded
                    fills.append((name, maker[0], abs(key), traded))
                if not maker[1]:
                    queue.popleft()
                    self.orders.pop(maker[0], None)
            if not queue:
                del contra[key]
        if lots and msg.time_in_force is not _IOC:
            self.orders[name] = order = [name, lots]
            if -limit in own:
                own[-limit].append(order)
            else:
                own[-limit] = deque((order,))
        return fills

    def cancel(self, msg: OrderCancelRequest) -> bool:
        """Leave the order in its queue without lots; False if there is none of that name."""
        order = self.orders.pop(msg.orig_cl_ord_id, None)
        if order is not None:
            order[1] = 0
        return order is not None
