"""The best bid and offer over several venues, as one observer has received them.

Each observer (the router, a dark pool with a midpoint, a consolidated tape) feeds an ``Nbbo`` of
its own with the touches as they reach it. It may be crossed or locked: that is what an observer of
delayed quotes sees.
"""


class Nbbo:
    """Best prices over the venues of one observer.

    Attributes:
        bid: Highest bid in ticks; None while no venue bids.
        ask: Lowest offer in ticks; None while no venue offers.
    """

    __slots__ = ("_asks", "_bids", "ask", "bid")

    def __init__(self) -> None:
        self.bid: int | None = None
        self.ask: int | None = None
        self._bids: dict[str, int] = {}
        self._asks: dict[str, int] = {}

    def on_touch(self, venue_id: str, bid_px: int | None, ask_px: int | None) -> None:
        """A venue now shows these best prices, in ticks; None: that side is empty."""
        bids, asks = self._bids, self._asks
        if bid_px is None:
            bids.pop(venue_id, None)
        else:
            bids[venue_id] = bid_px
        if ask_px is None:
            asks.pop(venue_id, None)
        else:
            asks[venue_id] = ask_px
        self.bid = max(bids.values(), default=None)
        self.ask = min(asks.values(), default=None)

    @property
    def mid_half_ticks(self) -> int | None:
        """The mid in half ticks, ``bid + ask``; None while a side is empty."""
        bid, ask = self.bid, self.ask
        return None if bid is None or ask is None else bid + ask
