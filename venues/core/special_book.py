"""A book with places for special orders; who trades with whom in it, others know.

Displayed orders, the shown parts of icebergs among them, are in the two sides that every book has.
Beside them stand, for each side, the hidden orders, the resting market orders, and the stops that
wait. ``_special`` counts the special orders wherever they are; while it is 0 the plain rules of
``venues.core.matching`` are all there is to do.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from sortedcontainers import SortedList

from sim.protocol.enums import PegReference, Side
from venues.core.book import KEY_MAX, BookSide, RestingOrder
from venues.core.matching import MatchingCore
from venues.core.matching_rules import MatchingRules
from venues.core.order_book import MEMORY
from venues.core.special_orders import (
    NO_LIMIT,
    Place,
    SpecialOrder,
    is_choosy,
)

_BUY: Final = Side.BUY


class SpecialPlaces:
    """What one side has beside its displayed orders."""

    __slots__ = ("choosy", "hidden", "market", "pegged_at", "stops")

    def __init__(self, hidden: BookSide) -> None:
        self.hidden = hidden
        self.market: dict[int, SpecialOrder] = {}
        """Resting orders without a limit, oldest first, by order id."""
        self.stops: SortedList[tuple[int, int, SpecialOrder]] = SortedList(key=lambda at: at[:2])
        """Waiting stops, those that are elected first at the front: ``(key, rank, order)``."""
        self.choosy: SortedList[tuple[int, int, RestingOrder]] = SortedList(key=lambda at: at[:2])
        """Orders in the book that may stand against others: ``(key, rank, order)``."""
        self.pegged_at: dict[int, int] = {}
        """How many of the displayed orders at a key are pegged."""


class Parts(NamedTuple):
    """What a book with special orders is made of, for checks."""

    sides: dict[str, BookSide]
    market: list[SpecialOrder]
    choosy: list[RestingOrder]
    stops: list[SpecialOrder]
    orders: Mapping[str, RestingOrder]
    special: int
    finished: tuple[Mapping[str, RestingOrder], Mapping[str, RestingOrder], int]


class SpecialBook(MatchingCore):
    """Keeps special orders in their places and finds who would trade with whom.

    Args:
        tick: Price step of this venue, in ticks of the instrument, > 0.
        lot: Quantity step of this venue, in lots of the instrument, > 0.
        memory: As for ``OrderBook``.
        rules: What this venue does where venues differ.
    """

    def __init__(
        self,
        tick: int = 1,
        lot: int = 1,
        memory: int = MEMORY,
        rules: MatchingRules | None = None,
    ) -> None:
        super().__init__(tick, lot, memory)
        self.rules = rules or MatchingRules()
        self._reference_px = self.rules.reference_px
        self._reference_volume = 0
        self._bid_places = SpecialPlaces(BookSide(-1, self))
        self._ask_places = SpecialPlaces(BookSide(1, self))
        self._pegs: dict[int, SpecialOrder] = {}
        self._changed = False
        self._suspended = False
        # Where market orders rest, every one of them is special.
        self._special = self._least_special = int(self.rules.market_remainder == "rest")

    # ------------------------------------------------------------ to read

    @property
    def reference_px(self) -> int | None:
        """The last price: of the last trade, or as it was set since."""
        if self.last_px is None or self.volume == self._reference_volume:
            return self.last_px if self._reference_px is None else self._reference_px
        return self.last_px

    def resting(self, side: Side) -> Iterator[RestingOrder]:
        """All open orders of a side, also those that no book shows; to read only."""
        yield from self.resting_market(side)
        yield from self.displayed(side)
        yield from self.hidden(side)
        for order in self._orders.values():
            same = (order.side is _BUY) == (side is _BUY)
            if isinstance(order, SpecialOrder) and order.waits and same:
                yield order

    def displayed(self, side: Side) -> Iterator[RestingOrder]:
        """Displayed orders of a side in the order in which they would trade; to read only."""
        return self._displayed(side).living()

    def hidden(self, side: Side) -> Iterator[RestingOrder]:
        """Hidden orders of a side by price and arrival; to read only."""
        return self._places(side).hidden.living()

    def resting_market(self, side: Side) -> Iterator[RestingOrder]:
        """Resting orders without a limit, oldest first; to read only."""
        yield from self._places(side).market.values()

    def is_waiting(self, name: str) -> bool:
        """Whether the open order of that name is a stop or a peg that is not in the market."""
        order = self._orders.get(name)
        return isinstance(order, SpecialOrder) and order.waits

    # ------------------------------------------------------------ to check

    @property
    def is_suspended(self) -> bool:
        """Whether what would follow from changes has to wait, since trading has stopped."""
        return self._suspended

    def parts(self) -> Parts:
        """All that there is, for checks."""
        bids, asks = self._bid_places, self._ask_places
        return Parts(
            {
                "bids": self._bids,
                "asks": self._asks,
                "hidden bids": bids.hidden,
                "hidden asks": asks.hidden,
            },
            [*bids.market.values(), *asks.market.values()],
            [order for places in (bids, asks) for _, _, order in places.choosy],
            [order for places in (bids, asks) for _, _, order in places.stops],
            self._orders,
            self._special - self._least_special,
            (self._finished, self._finished_before, self._memory),
        )

    def known_order(self, name: str) -> RestingOrder | None:
        """The order of that name, open or finished, if it is remembered."""
        return self._orders.get(name) or self._finished_order(name)

    def is_where_its_peg_is(self, order: SpecialOrder) -> bool:
        """Whether an open pegged order has the price that it should, or is parked without one."""
        price = self._peg_price(order, *self._touch_now())
        if price is None or order.place is Place.PARKED:
            return price is None and order.place is Place.PARKED
        return abs(order.key) == price

    # ------------------------------------------------------------ places

    def _places(self, side: Side) -> SpecialPlaces:
        return self._bid_places if side is _BUY else self._ask_places

    def _displayed(self, side: Side) -> BookSide:
        return self._bids if side is _BUY else self._asks

    def _home(self, order: RestingOrder) -> BookSide:
        """The side of the book that an order with a limit rests in."""
        if isinstance(order, SpecialOrder) and order.hidden:
            return self._places(order.side).hidden
        return self._displayed(order.side)

    def _rest(self, order: RestingOrder, taken: int = 0) -> None:
        """Put an order with open lots into the book, at the end of its queue.

        ``taken`` is what it has just taken from the other side.
        """
        self._changed = True
        self._orders[order.cl_ord_id] = order
        if not isinstance(order, SpecialOrder):
            self._displayed(order.side).join(order)
            return
        self._special += 1
        places = self._places(order.side)
        if order.key == NO_LIMIT:
            order.place = Place.MARKET
            places.market[order.order_id] = order
        elif order.hidden:
            order.place = Place.HIDDEN
            places.hidden.join(order)
        else:
            order.place = Place.DISPLAYED
            if order.display_qty:
                peak = order.display_qty
                left = peak - taken % peak
                whole = self.rules.iceberg_residual == "full_peak" or left < order.min_display_qty
                self._show(order, peak if whole else left)
            self._displayed(order.side).join(order)
            if order.peg is not None:
                places.pegged_at[order.key] = places.pegged_at.get(order.key, 0) + 1
        if is_choosy(order):
            places.choosy.add((order.key, order.rank, order))

    @staticmethod
    def _show(order: SpecialOrder, peak: int) -> None:
        """Divide the open lots of an iceberg that is in no queue into shown and kept back."""
        lots = order.open_qty
        order.leaves_qty = min(peak, lots)
        order.reserve = lots - order.leaves_qty

    def _lift(self, order: RestingOrder) -> None:
        """Take an open order from wherever it is; all its open lots are in ``leaves_qty`` then."""
        self._changed = True
        del self._orders[order.cl_ord_id]
        if not isinstance(order, SpecialOrder):
            self._displayed(order.side).leave(order)
            return
        self._special -= 1
        places = self._places(order.side)
        place, order.place = order.place, Place.NOWHERE
        if is_choosy(order) and not (place is Place.STOP or place is Place.PARKED):
            places.choosy.remove((order.key, order.rank, order))
        if place is Place.DISPLAYED:
            self._displayed(order.side).leave(order)
            if order.peg is not None:
                self._unpeg(places, order.key)
        elif place is Place.HIDDEN:
            places.hidden.leave(order)
        elif place is Place.MARKET:
            del places.market[order.order_id]
        elif place is Place.STOP:
            places.stops.remove((self._stop_key(order), order.rank, order))
        order.leaves_qty, order.reserve = order.open_qty, 0

    @staticmethod
    def _unpeg(places: SpecialPlaces, key: int) -> None:
        left = places.pegged_at[key] - 1
        if left:
            places.pegged_at[key] = left
        else:
            del places.pegged_at[key]

    def _wait(self, order: SpecialOrder, place: Place) -> None:
        """Keep an open order outside of the market until its time comes."""
        self._changed = True
        self._orders[order.cl_ord_id] = order
        self._special += 1
        order.place = place
        if place is Place.STOP:
            self._places(order.side).stops.add((self._stop_key(order), order.rank, order))

    @staticmethod
    def _stop_key(order: SpecialOrder) -> int:
        """Grows with the distance that the last price has to go."""
        assert order.stop_px is not None
        return order.stop_px if order.side is _BUY else -order.stop_px

    # ------------------------------------------------------------ references of pegged orders

    def _best_unpegged(self, side: Side) -> int | None:
        """The best displayed price of orders that are not pegged themselves."""
        book, pegged_at = self._displayed(side), self._places(side).pegged_at
        for key in book.keys:
            if len(book.level_at[key].queue) > pegged_at.get(key, 0):
                return abs(key)
        return None

    def _touch_now(self) -> tuple[int | None, int | None]:
        return self._best_unpegged(_BUY), self._best_unpegged(Side.SELL)

    def _peg_price(self, order: SpecialOrder, bid: int | None, ask: int | None) -> int | None:
        """The price that a pegged order has with these best prices; None: it has none."""
        peg, buys = order.peg, order.side is _BUY
        assert peg is not None
        twice: int | None
        if peg.reference is PegReference.MID:
            twice = None if bid is None or ask is None else bid + ask
        else:
            of_bid = peg.reference is PegReference.BID
            if peg.reference is PegReference.PRIMARY:
                of_bid = buys
            price = bid if of_bid else ask
            twice = None if price is None else 2 * price
        if twice is None:
            return None
        step = 2 * self._tick
        # A middle between two ticks is rounded away from the other side.
        if buys:
            price = (twice // step) * self._tick - peg.offset
            price = price if order.limit is None else min(price, order.limit)
        else:
            price = -(-twice // step) * self._tick + peg.offset
            price = price if order.limit is None else max(price, order.limit)
        return price if 0 < price <= KEY_MAX else None
