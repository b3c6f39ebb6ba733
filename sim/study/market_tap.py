"""What a venue's core does, written down as neutral venue events.

A tap is a core around a venue's core: messages go through it unchanged, and what came of them
becomes rows. ``OrderTap`` names every displayed order, so that a replay rebuilds the book order by
order; ``LevelTap`` tells levels and prints, for venues whose books are not made of messages alone.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sim.data.events import ASK, BID, Event
from sim.protocol.enums import ExecType, Side, TradingState
from sim.protocol.market_data import Levels
from sim.protocol.orders import ExecutionReport, VenueReport
from sim.protocol.units import TimeNs
from venues.core.api import OrderHolder, TradingChange, VenueCore
from venues.core.around import CoreAround
from venues.core.book import RestingOrder
from venues.core.special_orders import Place, SpecialOrder

Note = Callable[[int, Event, int, int, int, int], None]
"""``note(t_ns, event, side, price, qty, order_id)``: prices in ticks, quantities in lots."""

ADD: Final = Event.ADD
EXECUTE: Final = Event.EXECUTE
DELETE: Final = Event.DELETE
MODIFY: Final = Event.MODIFY
TRADED: Final = ExecType.TRADE
_PLACED: Final = frozenset({ExecType.NEW, ExecType.REPLACED})


class _Tap(CoreAround):
    """What both taps do: changes of the state of trading."""

    def __init__(self, inner: VenueCore, note: Note) -> None:
        super().__init__(inner)
        self._note = note

    def start(self) -> None:
        """Note the book, and whether the venue is open, as the run starts."""
        if self.state is not TradingState.OPEN:
            self._note(0, Event.HALT, 0, 0, 0, 0)

    def _note_changes(self, now_ns: int) -> None:
        for change in self.changes:
            if not isinstance(change, TradingChange):
                continue
            resumes = change.state is TradingState.OPEN
            self._note(now_ns, Event.RESUME if resumes else Event.HALT, 0, 0, 0, 0)


class OrderTap(_Tap):
    """Notes every order that shows, from its entry to its end.

    Args:
        inner: The core, around an order book.
        note: Takes the events.
    """

    def __init__(self, inner: VenueCore, note: Note) -> None:
        super().__init__(inner, note)
        assert self.book is not None  # else there is nothing to tell order by order
        self._orders: OrderHolder = self.book
        # By order id: side, price, and displayed open lots, as the events so far tell them.
        self._shown: dict[int, tuple[int, int, int]] = {}
        self._special: dict[int, str] = {}

    def start(self) -> None:
        """Note the opening book, oldest orders first."""
        super().start()
        orders = [*self._orders.resting(Side.BUY), *self._orders.resting(Side.SELL)]
        for order in sorted(orders, key=lambda one: one.rank):
            self._compare(order.order_id, (order.cl_ord_id,), 0)

    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message, and note what came of it."""
        reports = self._inner.handle(msg, now_ns)
        touched: dict[int, tuple[str | None, ...]] = {}
        for report in reports:
            if not isinstance(report, ExecutionReport):
                continue
            kind, order_id = report.exec_type, report.order_id
            if kind is TRADED:
                if report.is_maker:
                    self._execute(report, now_ns)
                    touched[order_id] = (report.cl_ord_id,)
            elif kind in _PLACED or order_id in self._shown:
                # A replace renames the order, a reduction does not.
                touched[order_id] = (report.cl_ord_id, report.orig_cl_ord_id)
        for order_id, names in touched.items():
            self._compare(order_id, names, now_ns)
        for order_id, name in [*self._special.items()]:
            self._compare(order_id, (name,), now_ns)
        if self.changes:
            self._note_changes(now_ns)
        return reports

    def _execute(self, report: ExecutionReport, now_ns: int) -> None:
        """A resting order traded: what showed of it, and what did not."""
        side, price, open_lots = self._shown.get(report.order_id, (0, 0, 0))
        assert report.last_px is not None
        lots = min(report.last_qty, open_lots)
        if lots:
            self._note(now_ns, EXECUTE, side, report.last_px, lots, report.order_id)
            if lots < open_lots:
                self._shown[report.order_id] = (side, price, open_lots - lots)
            else:
                del self._shown[report.order_id]
        if lots < report.last_qty:
            taker = ASK if report.side is Side.BUY else BID
            self._note(now_ns, Event.TRADE, taker, report.last_px, report.last_qty - lots, 0)

    def _compare(self, order_id: int, names: Sequence[str | None], now_ns: int) -> None:
        """Note how an order now differs from what the events so far tell of it.

        It goes by one of these names if it is still open.
        """
        found = [self._orders.open_order(name) for name in names if name is not None]
        order = next((one for one in found if one is not None and one.order_id == order_id), None)
        if isinstance(order, SpecialOrder):
            self._special[order_id] = order.cl_ord_id
        elif order_id in self._special:
            del self._special[order_id]
        before = self._shown.get(order_id)
        if order is None or not _shows(order):
            if before is not None:
                self._note(now_ns, DELETE, before[0], before[1], before[2], order_id)
                del self._shown[order_id]
            return
        side = BID if order.key < 0 else ASK
        now = (side, abs(order.key), order.leaves_qty)
        if now != before:
            self._note(now_ns, ADD if before is None else MODIFY, *now, order_id)
            self._shown[order_id] = now


class LevelTap(_Tap):
    """Notes the levels that a venue publishes and its prints.

    Args:
        inner: The core.
        note: Takes the events.
        depth: Levels per side.
    """

    def __init__(self, inner: VenueCore, note: Note, depth: int) -> None:
        super().__init__(inner, note)
        self._depth = depth
        self._seq = -1
        self._volume = inner.volume
        self._shown: tuple[Levels, Levels] = ((), ())

    def start(self) -> None:
        """Note the levels of the opening book."""
        super().start()
        self._compare(0)

    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message, and note what came of it."""
        reports = self._inner.handle(msg, now_ns)
        if self._inner.venue_seq != self._seq:
            if self._inner.volume != self._volume:
                self._volume = self._inner.volume
                for trade in self._inner.trades:
                    side = BID if trade.aggressor is Side.BUY else ASK
                    self._note(now_ns, Event.TRADE, side, trade.price, trade.qty, 0)
            self._compare(now_ns)
        if self.changes:
            self._note_changes(now_ns)
        return reports

    def _compare(self, now_ns: int) -> None:
        """Note each level that is another than before; those beyond the depth are unknown."""
        self._seq = self._inner.venue_seq
        now = self._inner.published(self._depth)
        for side, before, after in zip((BID, ASK), self._shown, now, strict=True):
            if before is after:
                continue
            old, new = dict(before), dict(after)
            for price in [*old, *new]:
                if price in new and new[price] != old.get(price):
                    self._note(now_ns, Event.LEVEL, side, price, new[price], 0)
                    old[price] = new[price]
                elif price not in new:
                    self._note(now_ns, Event.LEVEL, side, price, 0, 0)
        self._shown = now


def _shows(order: RestingOrder) -> bool:
    return not isinstance(order, SpecialOrder) or order.place is Place.DISPLAYED
