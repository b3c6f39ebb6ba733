"""A user's own router at one venue: what it sends there and what the venue answers."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sim.protocol.enums import Side, TimeInForce
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    VenueReport,
)
from sim.protocol.session import OrderStatusRequest, ResendRequest, SessionStatus, ToVenue
from sim.protocol.units import QtyLots
from sim.testing.messages import Number
from sim.testing.streams import Arrivals

if TYPE_CHECKING:
    from sim.testing.market import Market
    from sim.testing.parents import MarketParent


class Session:
    """The line to one venue: ``await session.send(order)``, ``async for report in session``.

    Messages take the scenario's own delays, each way. ``buy``, ``sell``, ``cancel``,
    ``replace``, ``status`` and ``resend`` only make messages; nothing leaves before it is sent.

    Attributes:
        venue_id: The venue.
        received: All its reports so far, read or not.
        is_up: Whether the session is, as far as the router has learnt.
        changes: News of the session itself: it has ended, or begun.
    """

    def __init__(self, market: "Market", venue_id: str) -> None:
        self.venue_id = venue_id
        self.received: list[VenueReport] = []
        self.is_up = True
        self.changes: Arrivals[SessionStatus] = Arrivals(f"the session with {venue_id}")
        self._market = market
        self._inbox: Arrivals[VenueReport] = Arrivals(f"the session with {venue_id}")
        self._readers: list[Arrivals[VenueReport]] = []

    async def send(self, message: ToVenue, parent: "MarketParent | str | None" = None) -> None:
        """Send a message; see ``send_now``, which is the same for code that is not async."""
        self.send_now(message, parent)

    def send_now(self, message: ToVenue, parent: "MarketParent | str | None" = None) -> None:
        """Send a message. It leaves at this instant.

        Args:
            message: An order, a cancel or a replace of ``sim.protocol.orders``, or a question of
                ``sim.protocol.session``.
            parent: Whose order it is. Without one, an order belongs to the only parent of its side
                that has not ended; where there is none, it is an order by itself.

        Raises:
            MarketError: If it cannot be sent: the run is over, an id was used before, no such
                order, or several parents might be meant.
        """
        self._market.send(self.venue_id, message, parent)

    def buy(
        self, qty: Number, price: Number, tif: str | TimeInForce = "IOC", **more: Any
    ) -> NewOrderSingle:
        """An order to buy, with the next free id; ``qty`` and ``price`` as people write them."""
        return self._market.order(Side.BUY, qty, price, tif, **more)

    def sell(
        self, qty: Number, price: Number, tif: str | TimeInForce = "IOC", **more: Any
    ) -> NewOrderSingle:
        """An order to sell, with the next free id."""
        return self._market.order(Side.SELL, qty, price, tif, **more)

    def cancel(self, order: NewOrderSingle | str) -> OrderCancelRequest:
        """A request to cancel what is open of an order."""
        return OrderCancelRequest(self._market.next_id("C"), _id(order))

    def replace(
        self, order: NewOrderSingle | str, qty: Number, price: Number
    ) -> OrderCancelReplaceRequest:
        """A request for another total and limit; the total counts what is filled already."""
        market = self._market
        lots, ticks = market.lots(qty), market.ticks(price)
        return OrderCancelReplaceRequest(market.next_id("R"), _id(order), QtyLots(lots), ticks)

    def status(self, order: NewOrderSingle | str) -> OrderStatusRequest:
        """A question what became of an order: a report of ``ExecType.ORDER_STATUS`` answers it."""
        return OrderStatusRequest(_id(order), self._market.next_id("Q"))

    def resend(self, begin_seq: int = 1, end_seq: int = 0) -> ResendRequest:
        """A question for the reports of this session from one number on; 0: to the last."""
        return ResendRequest(begin_seq, end_seq)

    async def next_report(self) -> VenueReport:
        """The venue's next report, waiting for it.

        Raises:
            MarketError: If the run is over and nothing is left to read.
        """
        return await self._inbox.next()

    def reports(self) -> Arrivals[VenueReport]:
        """A reader of its own that gets every report from now on."""
        reader: Arrivals[VenueReport] = Arrivals(f"the session with {self.venue_id}")
        if self._market.over:
            reader.end()
        self._readers.append(reader)
        return reader

    def __aiter__(self) -> Arrivals[VenueReport]:
        return self._inbox

    # For the market

    def take(self, report: VenueReport) -> None:
        """A report has come."""
        self.received.append(report)
        for reader in self._all():
            reader.put(report)

    def change(self, status: SessionStatus) -> None:
        """The session has ended or begun."""
        self.is_up = status.is_up
        self.changes.put(status)

    def end(self) -> None:
        """Nothing comes any more."""
        self.changes.end()
        for reader in self._all():
            reader.end()

    def _all(self) -> Iterable[Arrivals[VenueReport]]:
        return [self._inbox, *self._readers]


def _id(order: NewOrderSingle | str) -> str:
    return order if isinstance(order, str) else order.cl_ord_id
