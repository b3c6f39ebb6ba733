"""A participant's own orders: their names, and what is open of them as far as reports have told."""

from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from sim.flow.participants.base import SendTo
from sim.protocol.enums import ExecType, OrdType, Side, TimeInForce
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots


@dataclass(slots=True)
class OwnOrder:
    """One order; ``leaves_qty`` counts what is not known to be filled or gone."""

    cl_ord_id: str
    venue_id: str
    side: Side
    price: int | None
    leaves_qty: int
    acknowledged: bool = False
    asked_to_cancel: bool = False


class OwnFill(NamedTuple):
    """A fill of an own order; ``order`` is as it is after it."""

    order: OwnOrder
    price: int
    qty: int


class SendNew(SendTo, frozen=True, gc=False):
    """Send a new order."""

    msg: NewOrderSingle


class OwnOrders:
    """Makes the messages of one account and keeps what is open.

    Args:
        account: Owner of the orders and prefix of their names.

    Attributes:
        open: Orders that may still fill, by name, in the order in which they left.
        position: Lots bought less lots sold.
        venue_seq: Per venue the newest state of its book that a report was about.
    """

    def __init__(self, account: str) -> None:
        self.open: dict[str, OwnOrder] = {}
        self.position = 0
        self.venue_seq: dict[str, int] = {}
        self._account = account
        self._numbers = count(1)

    def limit(
        self,
        venue_id: str,
        side: Side,
        qty: int,
        price: int,
        time_in_force: TimeInForce,
        *,
        post_only: bool = False,
    ) -> "SendNew":
        """A limit order."""
        name = f"{self._account}.{next(self._numbers)}"
        self.open[name] = OwnOrder(name, venue_id, side, price, qty)
        order = NewOrderSingle(
            cl_ord_id=name,
            side=side,
            order_qty=QtyLots(qty),
            price=PriceTicks(price),
            ord_type=OrdType.LIMIT,
            time_in_force=time_in_force,
            account=self._account,
            post_only=post_only,
        )
        return SendNew(venue_id, order)

    def take(self, venue_id: str, side: Side, qty: int, price: int) -> "SendNew":
        """A limit order that fills at once or not at all (IOC)."""
        return self.limit(venue_id, side, qty, price, TimeInForce.IOC)

    def cancel(self, name: str) -> list[SendTo]:
        """A request to cancel an order; nothing if it has ended or was asked for already."""
        order = self.open.get(name)
        if order is None or order.asked_to_cancel:
            return []
        order.asked_to_cancel = True
        request = OrderCancelRequest(f"{self._account}.{next(self._numbers)}", name, self._account)
        return [SendTo(order.venue_id, request)]

    def on_report(self, report: VenueReport) -> OwnFill | None:
        """Take what a venue reports; the fill if it is one."""
        if not isinstance(report, ExecutionReport):
            # A refused cancel: either the order's last report is on its way, or it stays open.
            order = self.open.get(report.orig_cl_ord_id)
            if order is not None:
                order.asked_to_cancel = False
            return None
        # The answer to a request carries the request's own name, and the order's beside it.
        order = self.open.get(report.cl_ord_id) or self.open.get(report.orig_cl_ord_id or "")
        if order is None:
            return None
        order.acknowledged = True
        self.venue_seq[order.venue_id] = report.venue_seq
        order.leaves_qty = report.leaves_qty
        if not report.leaves_qty:
            del self.open[order.cl_ord_id]
        if report.exec_type is not ExecType.TRADE or report.last_px is None:
            return None
        sign = 1 if order.side is Side.BUY else -1
        self.position += sign * report.last_qty
        return OwnFill(order, report.last_px, report.last_qty)

    def is_settled(self, venue_id: str) -> bool:
        """Whether no message of its own is under way to a venue, nor the answer to one."""
        return all(
            order.acknowledged and not order.asked_to_cancel
            for order in self.open.values()
            if order.venue_id == venue_id
        )

    def lots_at(self, venue_id: str, side: Side, price: int) -> int:
        """Own lots that are open at a price of a venue's side."""
        return sum(
            order.leaves_qty
            for order in self.open.values()
            if order.venue_id == venue_id and order.side is side and order.price == price
        )
