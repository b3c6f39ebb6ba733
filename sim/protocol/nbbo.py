"""The best bid and offer over several venues, as one observer has received them.

Each observer (the router, a dark pool with a midpoint, a consolidated tape) feeds an ``Nbbo`` of
its own with the touches as they reach it. It may be crossed or locked: that is what an observer of
delayed quotes sees.

A touch costs the same however many venues there are, unless the venue that holds a best price gives
it up: then all venues are looked at once. Any other venue at the same price may hold it instead, so
of n venues that are equally busy one in n touches can bring that about.
"""

from collections.abc import Iterable
from typing import Final

# What an empty side counts as: worse than any price, and equal to what nobody has shown yet.
_NO_BID: Final = -(1 << 200)
_NO_ASK: Final = 1 << 200


class Nbbo:
    """Best prices over the venues of one observer.

    Attributes:
        bid: Highest bid in ticks; None while no venue bids.
        ask: Lowest offer in ticks; None while no venue offers.
    """

    __slots__ = ("_ask_at", "_asks", "_best_ask", "_best_bid", "_bid_at", "_bids", "ask", "bid")

    def __init__(self) -> None:
        self.bid: int | None = None
        self.ask: int | None = None
        self._bids: dict[str, int] = {}
        self._asks: dict[str, int] = {}
        self._best_bid = _NO_BID
        self._best_ask = _NO_ASK
        self._bid_at = ""  # a venue that shows the best price; which of several does not matter
        self._ask_at = ""

    def on_touch(self, venue_id: str, bid_px: int | None, ask_px: int | None) -> None:
        """A venue now shows these best prices, in ticks; None: that side is empty."""
        price = _NO_BID if bid_px is None else bid_px
        self._bids[venue_id] = price
        best = self._best_bid
        if price > best:
            self._best_bid = price
            self.bid = bid_px
            self._bid_at = venue_id
        elif price < best and venue_id == self._bid_at:
            self._find_bid()
        price = _NO_ASK if ask_px is None else ask_px
        self._asks[venue_id] = price
        best = self._best_ask
        if price < best:
            self._best_ask = price
            self.ask = ask_px
            self._ask_at = venue_id
        elif price > best and venue_id == self._ask_at:
            self._find_ask()

    def on_touches(self, touches: Iterable[tuple[str, int | None, int | None]]) -> None:
        """Several venues, at least one, now show these best prices; each as in `on_touch`."""
        bids, asks = self._bids, self._asks
        for venue_id, bid_px, ask_px in touches:
            bids[venue_id] = _NO_BID if bid_px is None else bid_px
            asks[venue_id] = _NO_ASK if ask_px is None else ask_px
        self._find_bid()
        self._find_ask()

    @property
    def mid_half_ticks(self) -> int | None:
        """The mid in half ticks, ``bid + ask``; None while a side is empty."""
        bid, ask = self.bid, self.ask
        return None if bid is None or ask is None else bid + ask

    def _find_bid(self) -> None:
        bids = self._bids
        venue_id = self._bid_at = max(bids, key=bids.__getitem__)
        best = self._best_bid = bids[venue_id]
        self.bid = None if best == _NO_BID else best

    def _find_ask(self) -> None:
        asks = self._asks
        venue_id = self._ask_at = min(asks, key=asks.__getitem__)
        best = self._best_ask = asks[venue_id]
        self.ask = None if best == _NO_ASK else best
