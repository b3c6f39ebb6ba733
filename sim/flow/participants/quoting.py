"""Resting quotes of a participant: one order per place, moved by a cancel and a new order.

Both messages leave together. A link is first in, first out, so the venue cancels before it takes
the new order; a fill that comes in between simply stands, and the new order rests beside it.
"""

from typing import NamedTuple

from sim.flow.participants.base import SendTo
from sim.flow.participants.orders import OwnOrders
from sim.protocol.enums import Side, TimeInForce


class Place(NamedTuple):
    """Where one order of a participant's quotes stands; ``level`` 0 is its best."""

    venue_id: str
    side: Side
    level: int


class Quotes:
    """Steers quotes to where their owner wants them.

    Args:
        orders: All orders of the participant, in which those of the quotes are kept as well.
        post_only: Whether the venue shall refuse a quote that would take.
    """

    def __init__(self, orders: OwnOrders, *, post_only: bool) -> None:
        self._orders = orders
        self._post_only = post_only
        self._at: dict[Place, str] = {}

    def want(self, place: Place, price: int, qty: int, *, full: bool = False) -> list[SendTo]:
        """Have ``qty`` lots at ``price``; an order that stands there already stays.

        Args:
            place: Which of the quotes.
            price: Ticks.
            qty: Lots of a new order.
            full: Whether an order at that price that has been filled in part makes way as well.
        """
        if self.stands_at(place, price, qty if full else None):
            return []
        messages = self.drop(place)
        order = self._orders.limit(
            place.venue_id, place.side, qty, price, TimeInForce.GTC, post_only=self._post_only
        )
        self._at[place] = order.msg.cl_ord_id
        return [*messages, order]

    def drop(self, place: Place) -> list[SendTo]:
        """Have nothing there."""
        return self._orders.cancel(self._at.pop(place, ""))

    def stands(self, place: Place) -> bool:
        """Whether an order is there, as far as is known."""
        return self._at.get(place, "") in self._orders.open

    def stands_at(self, place: Place, price: int, qty: int | None = None) -> bool:
        """Whether an order is there at a price, with ``qty`` lots open unless that is None."""
        live = self._orders.open.get(self._at.get(place, ""))
        if live is None or live.asked_to_cancel or live.price != price:
            return False
        return qty is None or live.leaves_qty == qty
