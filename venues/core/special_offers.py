"""Who would trade with whom in a book with special orders; nothing trades here.

Priority, best first: market orders that rest; then better prices, and at one price what is
displayed before what is hidden; then arrival.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from sim.protocol.enums import SelfTrade, Side
from sim.protocol.market_data import Levels
from venues.core.book import EMPTY, KEY_MAX, BookSide, RestingOrder
from venues.core.special_book import SpecialBook
from venues.core.special_orders import NO_LIMIT, SpecialOrder, is_choosy, least_of, own_min

_BUY: Final = Side.BUY
_FEW: Final = 8


class Offer(NamedTuple):
    """Resting orders that may be traded with at one price, oldest first.

    ``side`` is where they are taken from; None for resting market orders.
    """

    price: int
    makers: Iterable[RestingOrder]
    side: BookSide | None
    displayed: bool


class SpecialOffers(SpecialBook):
    """Finds what an order meets, in the order of priority, and whether it would trade."""

    def reachable_at(self, side: Side, limit: int | None, least: int, depth: int) -> Levels:
        """What an order could take now, in the ``depth`` best prices: also what does not show.

        Args:
            side: Of the order.
            limit: Its limit; None: none.
            least: Its minimum quantity.
            depth: The most prices to return.
        """
        key = NO_LIMIT if limit is None else (-limit if side is _BUY else limit)
        found: dict[int, int] = {}
        for offer in self._offers(side, key):
            lots = 0
            for maker in offer.makers:
                if self._lots(KEY_MAX, least, maker):
                    lots += maker.open_qty
            if lots:
                if offer.price not in found and len(found) == depth:
                    break
                found[offer.price] = found.get(offer.price, 0) + lots
        return tuple(found.items())

    def could_trade(self, order: RestingOrder) -> bool:
        """Whether a resting order could trade with those on the other side.

        For one that is not choosy itself only others of that kind count: choosy ones look for
        themselves.
        """
        key = self._resting_key(order)
        if is_choosy(order):
            return self._would_trade(order, key)
        return any(
            not is_choosy(maker)
            for offer in self._offers(order.side, key)
            for maker in offer.makers
        )

    def _meets(self, side: Side, key: int) -> bool:
        """Whether anybody may be there for an order on ``side`` with this key; False is sure."""
        places = self._ask_places if side is _BUY else self._bid_places
        return self._against(side).best <= -key or places.hidden.best <= -key or bool(places.market)

    def _offers(self, side: Side, key: int) -> Iterator[Offer]:
        """What an order on ``side`` with this key meets, in the order of priority.

        Between two steps makers may trade or leave; an iceberg's next slice is then met again.
        """
        contra_side = Side.SELL if side is _BUY else _BUY
        contra, places = self._displayed(contra_side), self._places(contra_side)
        limit = -key
        if places.market:
            price = self._price_of_market(contra_side, key)
            if price is not None:
                yield Offer(price, list(places.market.values()), None, displayed=False)
        unseen = self._hidden_by_price(contra_side, limit)
        reached = -KEY_MAX
        while True:
            found = self._next_level(contra, reached, limit)
            while unseen and (found is None or unseen[-1][0] < found):
                at, _, maker = unseen.pop()
                yield Offer(abs(at), (maker,), places.hidden, displayed=False)
            if found is None:
                return
            reached = found
            yield Offer(abs(found), _queue(contra, found), contra, displayed=True)

    @staticmethod
    def _next_level(book: BookSide, reached: int, limit: int) -> int | None:
        """The next key beyond ``reached`` that has lots and is within the limit."""
        at = book.keys.bisect_right(reached)
        while at < len(book.keys):
            key = book.keys[at]
            if key > limit:
                return None
            if book.level_at[key].qty:
                return key
            at += 1
        return None

    def _hidden_by_price(self, side: Side, limit: int) -> list[tuple[int, int, RestingOrder]]:
        """Hidden orders of a side within a limit, the best last: ``(key, -rank, order)``."""
        book = self._places(side).hidden
        found = []
        for key in book.keys:
            if key > limit:
                break
            at = self._trading_key(side, key)
            if at <= limit:
                found += [(at, order.rank, order) for order in book.level_at[key].queue.values()]
        found.sort(key=lambda entry: entry[:2], reverse=True)
        return found

    def _trading_key(self, side: Side, key: int) -> int:
        """The key at which a hidden order with this one trades as it rests.

        With ``hidden_improvement``, an order beyond the displayed best of the other side trades
        that much inside it.
        """
        inside = self.rules.hidden_improvement
        if inside is None:
            return key
        other = self._asks if side is _BUY else self._bids
        if other.best == EMPTY or key >= -other.best:
            return key
        return inside - other.best

    def _price_of_market(self, side: Side, key: int) -> int | None:
        """At what resting market orders of ``side`` trade with one that has this key.

        The best for those who come of the last price, the best limit beside them, and their own.
        """
        book = self._displayed(side)
        prices = [] if self.reference_px is None else [self.reference_px]
        if book.best != EMPTY:
            prices.append(abs(book.best))
        if key != NO_LIMIT:
            prices.append(abs(key))
        if not prices:
            return None
        return max(prices) if side is _BUY else min(prices)

    def _resting_key(self, order: RestingOrder) -> int:
        """Up to where an order takes that has rested: a hidden one as far as it gives."""
        hidden = isinstance(order, SpecialOrder) and order.hidden
        return self._trading_key(order.side, order.key) if hidden else order.key

    def _against(self, side: Side) -> BookSide:
        """The displayed orders that an order on ``side`` takes from."""
        return self._asks if side is _BUY else self._bids

    @staticmethod
    def _lots(leaves: int, least: int, maker: RestingOrder) -> int:
        """Lots of one execution of an order with ``leaves`` and a minimum against ``maker``."""
        lots = min(leaves, maker.leaves_qty)
        return lots if lots >= max(min(least, leaves), least_of(maker)) else 0

    def _reaches(self, side: Side, price: int) -> bool:
        if self._special == self._least_special:
            return super()._reaches(side, price)
        return bool(self.reachable_at(side, price, 0, 1))

    def _would_fill(self, order: RestingOrder, key: int) -> bool:
        """Whether an order that is not in the book can trade whole at once.

        Own resting orders are no liquidity. Only CANCEL_RESTING gets past them.
        """
        need, least = order.open_qty, own_min(order)
        for offer in self._offers(order.side, key):
            kept_back = 0
            for maker in offer.makers:
                if keep_apart(order, maker):
                    if order.self_trade is not SelfTrade.CANCEL_RESTING:
                        return False
                    continue
                lots = self._lots(need, least, maker)
                need -= lots
                if need <= 0:
                    return True
                if lots:
                    kept_back += maker.open_qty - maker.leaves_qty
            need -= min(need, kept_back)
            if not need:
                return True
        return False

    def _would_trade(self, order: RestingOrder, key: int) -> bool:
        """Whether an order trades at all before self-trade prevention stops it."""
        if isinstance(order, SpecialOrder) and order.all_or_none:
            return self._would_fill(order, key)
        least = own_min(order)
        for offer in self._offers(order.side, key):
            for maker in offer.makers:
                if not keep_apart(order, maker):
                    if self._lots(order.open_qty, least, maker):
                        return True
                elif order.self_trade is not SelfTrade.CANCEL_RESTING:
                    return False
        return False


def _queue(side: BookSide, key: int) -> Iterator[RestingOrder]:
    """The orders of a level, oldest first, also those that join while it is walked."""
    if key == side.best:
        side.front()  # clears away the places of those that have left
    level = side.level_at[key]
    rank, count = -1, _FEW
    while some := list(islice((o for o in level.queue.values() if o.rank > rank), count)):
        rank, count = some[-1].rank, 4 * count
        yield from some


def keep_apart(taker: RestingOrder, maker: RestingOrder) -> bool:
    """Whether self-trade prevention keeps these two from trading."""
    same = bool(taker.account) and taker.account == maker.account
    return same and taker.self_trade is not SelfTrade.NONE
