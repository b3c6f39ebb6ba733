"""The dealers: a maker that quotes on request and may look again, a wholesaler, a broker.

``venues.core.dealer`` has what they share, ``venues.core.pricing`` the laws of their prices.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final, NamedTuple

from sim.protocol.enums import RejectReason, Side
from sim.protocol.market_data import Levels
from sim.protocol.orders import NewOrderSingle, VenueReport
from sim.protocol.units import TimeNs
from venues.core.book import RestingOrder
from venues.core.dealer import DealerCore, Work, suits, whole
from venues.core.pricing import SpreadLaw, improved, ladder
from venues.core.reports import rejection


class LastLook(NamedTuple):
    """How long a maker holds an order, and when it does not stand by its quote then.

    ``tolerance`` is in half ticks: a move of its middle by more than that, against the maker, or
    with ``symmetric`` in either direction, and it refuses.
    """

    hold_ns: int = 0
    tolerance: int = 0
    symmetric: bool = False


NO_LAST_LOOK: Final = LastLook()


class QuotingCore(DealerCore):
    """Answers each order with a quote for its size around the middle of what it has received.

    An order whose limit does not allow the quote is canceled at once. Any other one is a deal at
    the quote, after the hold time if there is one, unless the maker refuses it by then. While it
    holds an order it says nothing: the acknowledgement comes with the fill.

    Args:
        tick: Step of limits and prices here, in ticks of the instrument, > 0.
        lot: Quantity step, in lots of the instrument, > 0.
        law: Its spread by size.
        sizes: Sizes that it shows prices of, rising, no more of them than any feed has levels; it
            quotes for no more than the last.
        look: Its last look.
        shown: Whether it shows these prices.
    """

    def __init__(
        self,
        tick: int,
        lot: int,
        *,
        law: SpreadLaw,
        sizes: Sequence[int],
        look: LastLook = NO_LAST_LOOK,
        shown: bool = True,
    ) -> None:
        super().__init__(tick, lot)
        self._law = law
        self._sizes = tuple(sizes)
        self._look = look
        self._shown = shown
        self._ladders: dict[Side, Levels] = {Side.BUY: (), Side.SELL: ()}

    def published(self, depth: int) -> tuple[Levels, Levels]:
        """Its prices for the sizes that it shows, as levels: see ``pricing.ladder``."""
        if not self._shown:
            return (), ()
        return self._ladders[Side.SELL], self._ladders[Side.BUY]

    def reachable_by(self, msg: NewOrderSingle, depth: int) -> Levels:
        """All of the order at the quote for its size, if there is one and its limit allows it."""
        middle = self._middle()
        if middle is None or not 0 < msg.order_qty <= self._sizes[-1]:
            return ()
        price = self._law.price(middle, msg.side, msg.order_qty, self._tick)
        return whole(msg, price if price > 0 else None)

    def _unpriced(self, msg: NewOrderSingle) -> RejectReason | None:
        if msg.order_qty > self._sizes[-1]:
            return RejectReason.ORDER_EXCEEDS_LIMIT
        middle = self._middle()
        if middle is None or self._law.price(middle, msg.side, msg.order_qty, self._tick) <= 0:
            return RejectReason.NO_REFERENCE
        return None

    def _moved(self) -> bool:
        middle = self._middle()
        moved = False
        for side in (Side.BUY, Side.SELL):
            levels: Levels = ()
            if middle is not None:
                prices = [(q, self._law.price(middle, side, q, self._tick)) for q in self._sizes]
                levels = ladder(prices, side, self._tick)
            if levels != self._ladders[side]:
                self._ladders[side] = levels
                moved = True
        return moved

    def _answer(
        self, msg: NewOrderSingle, order: RestingOrder, now_ns: TimeNs
    ) -> list[VenueReport]:
        middle = self._middle()
        assert middle is not None  # or there would be no price
        price = self._law.price(middle, order.side, order.order_qty, self._tick)
        if not suits(order, price):
            return self._pass(order, now_ns)
        work = Work(msg, price, middle, now_ns)
        if self._look.hold_ns:
            self._work_on(order, work, now_ns + self._look.hold_ns)
            return []
        self._note(order, price, work, "filled")
        return self._deal(order, price, now_ns)

    def _on_due(self, order: RestingOrder, now_ns: TimeNs) -> list[VenueReport]:
        work = self._let_go(order)
        middle, price = self._middle(), work.price
        assert price is not None
        assert work.middle is not None
        if middle is not None and not self._refuses(order.side, middle - work.middle):
            self._note(order, price, work, "filled")
            return self._deal(order, price, now_ns)
        self._note(order, price, work, "rejected")
        self._serial = exec_id = self._serial + 1
        reason = RejectReason.NO_REFERENCE if middle is None else RejectReason.LAST_LOOK
        return [rejection(work.msg, reason, exec_id, now_ns, self.venue_seq)]

    def _refuses(self, side: Side, moved: int) -> bool:
        """Whether the maker refuses a client on ``side`` after a move of its middle."""
        against = moved if side is Side.BUY else -moved
        return (abs(moved) if self._look.symmetric else against) > self._look.tolerance


class WholesaleCore(DealerCore):
    """Fills each order whole at the best bid or offer that it has received, or better.

    Args:
        tick: Step of limits here, in ticks of the instrument, > 0.
        lot: Quantity step, in lots of the instrument, > 0.
        share: Of the spread, from 0 to 1/2, by which it improves on the far side.
        step: Improvements are whole multiples of this many ticks.
    """

    def __init__(self, tick: int, lot: int, *, share: Fraction, step: int = 1) -> None:
        super().__init__(tick, lot)
        self._share = share
        self._step = step

    def reachable_by(self, msg: NewOrderSingle, depth: int) -> Levels:
        """All of the order at the dealer's price, if its limit allows that."""
        return whole(msg, None if self._far(msg.side) is None else self._price(msg.side))

    def _far(self, side: Side) -> int | None:
        return self.reference.ask if side is Side.BUY else self.reference.bid

    def _price(self, side: Side) -> int:
        return improved(side, self.reference.bid, self.reference.ask, self._share, self._step)

    def _unpriced(self, msg: NewOrderSingle) -> RejectReason | None:
        return RejectReason.NO_REFERENCE if self._far(msg.side) is None else None

    def _answer(
        self, msg: NewOrderSingle, order: RestingOrder, now_ns: TimeNs
    ) -> list[VenueReport]:
        price = self._price(order.side)
        if not suits(order, price):
            return self._pass(order, now_ns)
        return self._deal(order, price, now_ns)


class BrokerCore(DealerCore):
    """Takes an order, works on it for a time, and fills it whole at one price with its spread in.

    The price is the middle of what it has received *by then*, less favourable by its spread. If the
    order's limit does not allow that, or there is no middle, the order is canceled whole.

    Args:
        tick: Step of limits and prices here, in ticks of the instrument, > 0.
        lot: Quantity step, in lots of the instrument, > 0.
        law: Its spread by size.
        delay_ns: How long it works on an order, >= 0.
    """

    def __init__(self, tick: int, lot: int, *, law: SpreadLaw, delay_ns: int) -> None:
        super().__init__(tick, lot)
        self._law = law
        self._delay_ns = delay_ns

    def reachable_by(self, msg: NewOrderSingle, depth: int) -> Levels:
        """All of the order at the price of now, if its limit allows that."""
        return whole(msg, self._price(msg.side, msg.order_qty))

    def _price(self, side: Side, qty: int) -> int | None:
        middle = self._middle()
        price = 0 if middle is None else self._law.price(middle, side, qty, self._tick)
        return price if price > 0 else None

    def _unpriced(self, msg: NewOrderSingle) -> RejectReason | None:
        price = self._price(msg.side, msg.order_qty)
        return RejectReason.NO_REFERENCE if price is None else None

    def _answer(
        self, msg: NewOrderSingle, order: RestingOrder, now_ns: TimeNs
    ) -> list[VenueReport]:
        work = Work(msg, None, self._middle(), now_ns)
        if self._delay_ns:
            self._work_on(order, work, now_ns + self._delay_ns)
            return [self._acknowledge(order, now_ns)]
        return [self._acknowledge(order, now_ns), *self._end(order, work, now_ns)]

    def _on_due(self, order: RestingOrder, now_ns: TimeNs) -> list[VenueReport]:
        return self._end(order, self._let_go(order), now_ns)

    def _end(self, order: RestingOrder, work: Work, now_ns: TimeNs) -> list[VenueReport]:
        price = self._price(order.side, order.order_qty)
        if price is None or not suits(order, price):
            self._note(order, price, work, "canceled")
            return [self._give_up(order, now_ns)]
        self._note(order, price, work, "filled")
        return self._fill(order, price, now_ns)
