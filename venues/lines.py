"""Where our resting orders stand in the lines of a venue, told to the audit log as it changes.

Apart from ``venues.task``, which calls it only while such orders rest. Only where the core is a
displayed book whose lines are those of ``LitCore``: dark venues tell nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sim.audit.records import QueuePosition, Record
from sim.protocol.market_data import RecordedGroup, RecordedRows
from venues.core.api import VenueCore
from venues.core.around import CoreAround
from venues.core.book import RestingOrder
from venues.core.lit import LitCore
from venues.core.replaying import ReplayingCore


@dataclass(slots=True)
class _Place:
    """An order and what was told of it last."""

    order: RestingOrder
    rank: int
    cum_qty: int
    ahead: int
    level_qty: int


class Lines:
    """The places of some orders of one venue.

    Attributes:
        orders: By name as it was sent, None before it is known whether it rests. Empty means that
            there is nothing to look at.
    """

    def __init__(
        self, venue_id: str, core: VenueCore, emit: Callable[[Record], None] | None
    ) -> None:
        inner = core.book if isinstance(core, CoreAround) else core
        self.orders: dict[str, _Place | None] = {}
        self._venue_id = venue_id
        self._core = core
        self._book = inner if isinstance(inner, LitCore) else None
        self._model = inner.place if isinstance(inner, ReplayingCore) else "exact"
        self._emit = emit

    def expect(self, name: str) -> None:
        """An order of this name is about to be handled."""
        if self._book is not None and self._emit is not None:
            self.orders[name] = None

    def look(self, msg: Any, now_ns: int) -> None:
        """Tell what a message, which has been handled, has changed."""
        for name, place in list(self.orders.items()):
            if place is None:
                self._start(name, now_ns)
            elif not self._follow(name, place, msg, now_ns):
                del self.orders[name]

    def _start(self, name: str, now_ns: int) -> None:
        assert self._book is not None
        order = self._book.open_order(name)
        ahead = None if order is None else self._book.lots_ahead(name)
        if order is None or ahead is None:  # it does not rest, or not in a line
            del self.orders[name]
            return
        place = _Place(order, order.rank, order.cum_qty, ahead, self._level_qty(order))
        self.orders[name] = place
        self._tell(name, place, "joined", now_ns)

    def _follow(self, name: str, place: _Place, msg: Any, now_ns: int) -> bool:
        """Tell what is new of an order; False if it has left the book."""
        assert self._book is not None
        order = place.order
        rests = self._book.open_order(order.cl_ord_id) is order
        if order.cum_qty > place.cum_qty:
            # Not always from the front: who trades through its price passes those ahead by.
            place.cum_qty, place.level_qty = order.cum_qty, self._level_qty(order)
            place.ahead = (self._book.lots_ahead(order.cl_ord_id) or 0) if rests else 0
            self._tell(name, place, "filled", now_ns)
            if rests and order.rank != place.rank:  # replaced to where it takes, and rests there
                place.rank = order.rank
                self._tell(name, place, "joined", now_ns)
            return rests
        if not rests:
            return False
        level_qty = self._level_qty(order)
        # A single message cannot take lots from ahead and leave as many as there were.
        if level_qty == place.level_qty and order.rank == place.rank and not _is_many(msg):
            return True
        place.level_qty = level_qty
        ahead = self._book.lots_ahead(order.cl_ord_id)
        if ahead is None:
            return False
        if order.rank != place.rank:
            place.rank, place.ahead = order.rank, ahead
            self._tell(name, place, "joined", now_ns)
        elif ahead != place.ahead:
            place.ahead = ahead
            traded = any(trade.price == abs(order.key) for trade in self._core.trades)
            self._tell(name, place, "traded" if traded else "canceled", now_ns)
        return True

    def _level_qty(self, order: RestingOrder) -> int:
        assert self._book is not None
        return self._book.qty_at(order.side, abs(order.key))

    def _tell(self, name: str, place: _Place, reason: str, now_ns: int) -> None:
        assert self._emit is not None
        self._emit(
            QueuePosition(
                t_ns=now_ns,
                cl_ord_id=name,
                venue_id=self._venue_id,
                price=abs(place.order.key),
                ahead_qty=place.ahead,
                leaves_qty=place.order.leaves_qty,
                level_qty=place.level_qty,
                reason=reason,
                model=self._model,
            )
        )


def _is_many(msg: Any) -> bool:
    """Whether a message holds more than one change."""
    if type(msg) is RecordedRows:
        return len(msg.rows) > 1
    return type(msg) is RecordedGroup
