"""Which quotes the router doubts: old ones, impossible ones, and those that meet each other.

Ages are by the router's own clock. A venue's own times are labels of a clock that may be wrong, so
nothing here asks for them; what counts is when a quote came that brought a new book state. A quote
that repeats an old state brings nothing new, and neither does one that is not believed.

A crossed or locked market is data, not an error: it is noted, and used or not as the scenario says.
"""

from fractions import Fraction
from typing import Final

from router.core.profile import VenueProfile
from router.core.view import MarketView
from router.settings.market import MarketConfig
from sim.audit.records import Doubt
from sim.protocol.enums import Side
from sim.protocol.market_data import BookSnapshot, Levels

CROSSED: Final = "crossed"
LOCKED: Final = "locked"
STALE: Final = "stale"
JUMPED: Final = "jumped"

_Best = tuple[int | None, int | None]


class Doubts:
    """What is doubted of the quotes of all venues.

    Args:
        view: The market as the router knows it.
        profiles: The venues.
        config: What may be doubted, and what follows.

    Attributes:
        out: By ``buys``, the venues that one who trades on that side does not use, and why; as of
            the last ``look``.
    """

    def __init__(
        self, view: MarketView, profiles: tuple[VenueProfile, ...], config: MarketConfig
    ) -> None:
        self._venues = view.venues
        self._lit = [p.venue_id for p in profiles if p.visibility == "lit"]
        self._skips = config.crossed == "skip"
        own = config.age_limits()
        # Who never shows anything says nothing new by design.
        limits = {p.venue_id: own.get(p.venue_id, config.max_age) for p in profiles if not p.silent}
        self._limits = {name: limit for name, limit in limits.items() if limit is not None}
        self._jump = None if config.max_jump is None else Fraction(config.max_jump)
        self._news: dict[str, tuple[int, int]] = {}  # by venue: book state, and when it was new
        self._good: dict[str, _Best] = {}  # the last good prices of each side
        self._mad: dict[str, _Best] = {}  # those of a newer quote that is not believed
        self._silent_ns: dict[str, int] = {}
        self._meeting: tuple[str, int, int] | None = None
        self.out: dict[bool, dict[str, str]] = {True: {}, False: {}}

    def believes(self, quote: BookSnapshot, now_ns: int) -> bool:
        """Whether a quote that has just come may be used; what it brings is noted."""
        venue_id = quote.venue_id
        if self._jump is not None and not self._is_sane(quote, self._jump):
            return False
        known = self._news.get(venue_id)
        if known is None or quote.venue_seq > known[0]:
            self._news[venue_id] = quote.venue_seq, now_ns
        return True

    def look(self, now_ns: int) -> bool:
        """Find out what is to be doubted now; whether a venue may be used that was out before."""
        before = self.out
        stale: dict[str, str] = {}
        self._silent_ns.clear()
        for venue_id, limit in self._limits.items():
            silent_ns = now_ns - self._news.get(venue_id, (0, 0))[1]
            if silent_ns > limit:
                stale[venue_id] = STALE
                self._silent_ns[venue_id] = silent_ns
        self.out = {True: stale, False: dict(stale)}
        self._meet(stale)
        return any(not before[buys].keys() <= self.out[buys].keys() for buys in (True, False))

    def told(self) -> tuple[Doubt, ...]:
        """What is doubted now, for the record: stale quotes, jumps, then who meets whom."""
        found = [Doubt(name, STALE, silent_ns=ns) for name, ns in self._silent_ns.items()]
        found += [Doubt(name, JUMPED, *px) for name, px in sorted(self._mad.items())]
        if self._meeting is None:
            return tuple(found)
        how, bid, ask = self._meeting
        for name in self._lit:
            bids, asks = self._shown(name)
            meets_bid = bids[0][0] if bids and bids[0][0] >= ask else None
            meets_ask = asks[0][0] if asks and asks[0][0] <= bid else None
            if name not in self._silent_ns and (meets_bid is not None or meets_ask is not None):
                found.append(Doubt(name, how, meets_bid, meets_ask))
        return tuple(found)

    def _is_sane(self, quote: BookSnapshot, most: Fraction) -> bool:
        """Whether its prices are near enough to the last good ones; those are kept by side."""
        venue_id = quote.venue_id
        new = _top(quote.bids), _top(quote.asks)
        good = self._good.get(venue_id)
        if good is None:
            known = self._venues[venue_id].quote
            good = (None, None) if known is None else (_top(known.bids), _top(known.asks))
        if any(_jumps(px, last, most) for px, last in zip(new, good, strict=True)):
            self._mad[venue_id] = new
            return False
        self._mad.pop(venue_id, None)
        bid, ask = new
        self._good[venue_id] = (good[0] if bid is None else bid, good[1] if ask is None else ask)
        return True

    def _meet(self, stale: dict[str, str]) -> None:
        """Whether displayed lit quotes meet, and who is left out for it."""
        self._meeting = None
        bid: int | None = None
        ask: int | None = None
        for name in self._lit:
            if name in stale:
                continue
            bids, asks = self._shown(name)
            if bids and (bid is None or bids[0][0] > bid):
                bid = bids[0][0]
            if asks and (ask is None or asks[0][0] < ask):
                ask = asks[0][0]
        if bid is None or ask is None or bid < ask:
            return
        how = LOCKED if bid == ask else CROSSED
        self._meeting = how, bid, ask
        if not self._skips:
            return
        for name in self._lit:
            bids, asks = self._shown(name)
            if asks and asks[0][0] <= bid:
                self.out[True].setdefault(name, how)
            if bids and bids[0][0] >= ask:
                self.out[False].setdefault(name, how)

    def _shown(self, venue_id: str) -> tuple[Levels, Levels]:
        quote = self._venues[venue_id].quote
        return ((), ()) if quote is None else (quote.bids, quote.asks)

    def why(self, side: Side, venue_id: str) -> str | None:
        """Why a venue is not used for orders of ``side``; None if it may be."""
        return self.out[side is Side.BUY].get(venue_id)


def _top(levels: Levels) -> int | None:
    return levels[0][0] if levels else None


def _jumps(price: int | None, last: int | None, most: Fraction) -> bool:
    """Whether a price is more than ``most`` times another, or less than that part of it."""
    if price is None or last is None:
        return False
    high, low = max(price, last), min(price, last)
    return high * most.denominator > low * most.numerator
