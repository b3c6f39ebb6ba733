"""The market as the router knows it: per venue the last quote received, less what it took itself.

A quote shows the venue's book as it was when published. What our own orders take meanwhile is
subtracted until a quote that already holds it arrives; reports carry the number of the book state
that they belong to (``venue_seq``), so it is known which quotes do:

- open children may still take their open lots from the best levels within their limits, those with
  the tightest limits first, which leaves least;
- a fill is subtracted from quotes older than its book state;
- an order that ended short shows that nothing was left within its limit, whatever the quote says;
  its venue's levels there are not used again before a newer quote.

So the same displayed lots are never sent for twice, and a wrong quote is not hit again.
"""

from router.core.orders import Child
from router.core.profile import VenueProfile
from sim.protocol.enums import Side
from sim.protocol.market_data import BookSnapshot, Level, Levels
from sim.protocol.nbbo import Nbbo


class VenueView:
    """What the router knows of one venue.

    Args:
        profile: The venue.
        changed: Where the view notes itself, once, when its quote has changed; None: nobody looks.

    ``less`` says whether ``available`` may be less than what is shown: something of ours is open
    there, or has taken what the quote still shows.
    """

    __slots__ = (
        "_changed",
        "_exhausted",
        "_fills",
        "_heard_qty",
        "_open",
        "_own_qty",
        "_rest",
        "_rest_of",
        "flying",
        "less",
        "noted",
        "profile",
        "quote",
    )

    def __init__(self, profile: VenueProfile, changed: "list[VenueView] | None" = None) -> None:
        self.profile = profile
        self._changed = changed
        self.noted = changed is None  # noted already, or never to be
        self.quote: BookSnapshot | None = None
        self.flying: dict[str, Child] = {}
        self.less = False
        self._open: dict[tuple[bool, int], int] = {}  # (buys, limit) -> open lots of children
        self._own_qty = 0  # what our own orders have filled here
        self._heard_qty = 0  # the volume in the last quote that was dropped
        self._fills: list[tuple[int, bool, int, int]] = []  # venue_seq, buys, price, lots
        self._exhausted: list[tuple[int, bool, int]] = []  # venue_seq, buys, limit
        # What `available` gave for the quote `_rest_of`, by buys; until something of ours changes.
        self._rest: dict[bool, Levels] = {}
        self._rest_of: BookSnapshot | None = None

    def on_quote(self, quote: BookSnapshot) -> bool:
        """Take a newer quote; False if it is older than the one at hand."""
        known = self.quote
        if known is not None and quote.venue_seq < known.venue_seq:
            return False
        self.quote = quote
        if not self.noted:
            self._note()
        if self._fills or self._exhausted:
            self._fills = [fill for fill in self._fills if fill[0] > quote.venue_seq]
            self._exhausted = [mark for mark in self._exhausted if mark[0] >= quote.venue_seq]
            self._weigh()
        return True

    def drop_quote(self) -> None:
        """Forget the quote: it says nothing any more, and a newer one will come."""
        if self.quote is not None:
            self._heard_qty = self.quote.volume
        self.quote = None
        if not self.noted:
            self._note()

    def on_sent(self, child: Child) -> None:
        """Note a child that leaves for this venue."""
        self._rest.clear()
        self.flying[child.cl_ord_id] = child
        key = (child.side is Side.BUY, child.price)
        self._open[key] = self._open.get(key, 0) + child.leaves_qty
        self.less = True

    def on_less(self, child: Child, lots: int) -> None:
        """Note that ``lots`` of a child are open no more; it is done when none is left of it."""
        self._rest.clear()
        key = (child.side is Side.BUY, child.price)
        self._open[key] -= lots
        if not self._open[key]:
            del self._open[key]
            self._weigh()
        if not child.leaves_qty:
            del self.flying[child.cl_ord_id]

    def on_fill(self, side: Side, price: int, lots: int, venue_seq: int) -> None:
        """Note lots taken at ``price``, held by book states from ``venue_seq`` on."""
        self._own_qty += lots
        if self.quote is None or venue_seq > self.quote.venue_seq:
            self._rest.clear()
            self._fills.append((venue_seq, side is Side.BUY, price, lots))
            self.less = True

    def on_short(self, side: Side, limit: int, venue_seq: int) -> None:
        """Note that an order with ``limit`` found nothing more at book state ``venue_seq``."""
        if self.quote is None or venue_seq >= self.quote.venue_seq:
            self._rest.clear()
            self._exhausted.append((venue_seq, side is Side.BUY, limit))
            self.less = True

    def others_volume(self) -> int:
        """Lots that others have traded here since the run began, as far as heard.

        Our own fills that the volume heard holds are not in it; nor are, as if they had filled,
        lots on their way that are to take: of those nobody knows yet.
        """
        heard = self._heard_qty if self.quote is None else self.quote.volume
        known = self._own_qty - sum(fill[3] for fill in self._fills)
        flying = sum(child.leaves_qty for child in self.flying.values() if not child.rests)
        return max(0, heard - known - flying)

    def shown(self, side: Side) -> Levels:
        """The side that an order of ``side`` trades against, as quoted."""
        if self.quote is None:
            return ()
        return self.quote.asks if side is Side.BUY else self.quote.bids

    def available(self, side: Side) -> Levels:
        """What is shown, less what our own orders took or may still take."""
        quote = self.quote
        if quote is None:
            return ()
        buys = side is Side.BUY
        shown = quote.asks if buys else quote.bids
        if not self.less or not shown:
            return shown
        if self._rest_of is not quote:
            self._rest_of = quote
            self._rest.clear()
        levels = self._rest.get(buys)
        if levels is None:
            levels = self._rest[buys] = self._less_own(shown, buys)
        return levels

    def _less_own(self, shown: Levels, buys: bool) -> Levels:
        gone: dict[int, int] = {}
        for _, fill_buys, price, lots in self._fills:
            if fill_buys is buys:
                gone[price] = gone.get(price, 0) + lots
        levels = [(price, qty - gone.get(price, 0)) for price, qty in shown]
        limits = [limit for _, mark_buys, limit in self._exhausted if mark_buys is buys]
        if limits:
            widest = max(limits) if buys else min(limits)
            levels = [level for level in levels if _beyond(level[0], widest, buys)]
        tightest_first = sorted([key[1] for key in self._open if key[0] is buys], reverse=not buys)
        for limit in tightest_first:
            levels = _less(levels, self._open[buys, limit], limit, buys)
        return tuple([level for level in levels if level[1] > 0])

    def _weigh(self) -> None:
        self.less = bool(self._open or self._fills or self._exhausted)

    def _note(self) -> None:
        if self._changed is not None:
            self.noted = True
            self._changed.append(self)


def _beyond(price: int, limit: int, buys: bool) -> bool:
    return price > limit if buys else price < limit


def _less(levels: list[Level], lots: int, limit: int, buys: bool) -> list[Level]:
    """Levels after an order took up to ``lots``, best first, within its limit."""
    rest: list[Level] = []
    for price, qty in levels:
        taken = 0 if _beyond(price, limit, buys) else min(max(qty, 0), lots)
        lots -= taken
        rest.append((price, qty - taken))
    return rest


class MarketView:
    """All venues as the router knows them, and the best displayed lit prices over them.

    Quotes are far more frequent than questions for the best prices. So a quote only notes its
    venue, and a question first brings the noted venues up to date.
    """

    __slots__ = ("_changed", "_nbbo", "venues")

    def __init__(self, profiles: tuple[VenueProfile, ...]) -> None:
        self._nbbo = Nbbo()
        self._changed: list[VenueView] = []
        self.venues = {
            profile.venue_id: VenueView(
                profile, self._changed if profile.visibility == "lit" else None
            )
            for profile in profiles
        }

    def best_bid(self) -> int | None:
        """Highest displayed lit bid received, None without one."""
        if self._changed:
            self._catch_up()
        return self._nbbo.bid

    def best_ask(self) -> int | None:
        """Lowest displayed lit offer received, None without one."""
        if self._changed:
            self._catch_up()
        return self._nbbo.ask

    def best_against(self, side: Side) -> int | None:
        """The best displayed lit price that an order of ``side`` could trade at."""
        return self.best_ask() if side is Side.BUY else self.best_bid()

    def _catch_up(self) -> None:
        touches: list[tuple[str, int | None, int | None]] = []
        for venue in self._changed:
            venue.noted = False
            quote = venue.quote
            if quote is None:
                touches.append((venue.profile.venue_id, None, None))
                continue
            bids, asks = quote.bids, quote.asks
            touches.append(
                (quote.venue_id, bids[0][0] if bids else None, asks[0][0] if asks else None)
            )
        self._changed.clear()
        if len(touches) == 1:
            self._nbbo.on_touch(*touches[0])
        else:
            self._nbbo.on_touches(touches)
