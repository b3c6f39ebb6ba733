"""The market of a run as venues published it: touches, prints, and the best displayed lit prices.

Series are parallel columns in the order of the log, whose times never go back. Prices are ticks,
quantities lots, times nanoseconds; ``NO_PX`` stands for an empty side.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Container
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from sim.audit.records import Decision, Depth, NbboChange, ParentReceived, Quote, TradePrint
from sim.protocol.enums import Side
from sim.protocol.nbbo import Nbbo

NO_PX: Final = -(1 << 62)
"""No price: below all that a log may hold."""


def _column() -> "array[int]":
    return array("q")


@dataclass(slots=True)
class Quotes:
    """A venue's true best bids and offers, one row for each time that it published."""

    t_ns: "array[int]" = field(default_factory=_column)
    seq: "array[int]" = field(default_factory=_column)
    """Its own numbers of what it published."""
    bid: "array[int]" = field(default_factory=_column)
    bid_qty: "array[int]" = field(default_factory=_column)
    ask: "array[int]" = field(default_factory=_column)
    ask_qty: "array[int]" = field(default_factory=_column)

    def __len__(self) -> int:
        return len(self.t_ns)

    def at(self, t_ns: int) -> int:
        """The row that held after all of an instant; -1: none yet."""
        return bisect_right(self.t_ns, t_ns) - 1

    def before(self, t_ns: int) -> int:
        """The row that held until an instant; -1: none yet."""
        return bisect_left(self.t_ns, t_ns) - 1


@dataclass(slots=True)
class Prints:
    """The trades at a venue, ours and others'."""

    t_ns: "array[int]" = field(default_factory=_column)
    seq: "array[int]" = field(default_factory=_column)
    price: "array[int]" = field(default_factory=_column)
    qty: "array[int]" = field(default_factory=_column)
    aggressor: "array[int]" = field(default_factory=_column)
    """+1: a buyer took, -1: a seller did."""

    def __len__(self) -> int:
        return len(self.t_ns)


@dataclass(slots=True)
class NbboSeries:
    """The true best displayed lit prices over all venues: a row for each change of a price.

    A change is ``own`` if the venue that published it acted on a message of ours at that instant:
    took our order, traded it as the taker, or canceled or replaced it. What else the venue did at
    the very same nanosecond counts as ours too, but for what it published first of all.
    """

    t_ns: "array[int]" = field(default_factory=_column)
    bid: "array[int]" = field(default_factory=_column)
    ask: "array[int]" = field(default_factory=_column)
    venue: "array[int]" = field(default_factory=_column)
    """Which venue's quote made it: its place in the trail's ``venues``."""
    opening: "array[int]" = field(default_factory=lambda: array("b"))
    """1 for what a venue published first of all, else 0."""
    own: "array[int]" = field(default_factory=lambda: array("b"))
    """1 for a change of our making, else 0."""
    own_mid_x2: "array[int]" = field(default_factory=_column)
    """By how much the mid has moved in all through changes of our making, in half ticks.

    A change from or to a side that is empty moves no mid by itself; once both sides are back, the
    way from the last mid to the new one is of our making if the change that brings them back is.
    """

    def __len__(self) -> int:
        return len(self.t_ns)

    def at(self, t_ns: int) -> int:
        """The row that held after all of an instant; -1: none yet."""
        return bisect_right(self.t_ns, t_ns) - 1

    def before(self, t_ns: int) -> int:
        """The row that held until an instant; -1: none yet."""
        return bisect_left(self.t_ns, t_ns) - 1

    def before_own(self, t_ns: int) -> int:
        """The row that held at an instant before the first change of our making at it; -1: none."""
        row = bisect_left(self.t_ns, t_ns)
        end = len(self.t_ns)
        while row < end and self.t_ns[row] == t_ns and not self.own[row]:
            row += 1
        return row - 1

    def mid_x2(self, row: int) -> int | None:
        """Bid plus offer of a row in half ticks; None while a side is empty, and for row -1."""
        if row < 0:
            return None
        bid, ask = self.bid[row], self.ask[row]
        return None if NO_PX in (bid, ask) else bid + ask

    def known_mid_row(self, row: int) -> int:
        """The last row not after this one that has both sides; -1: none has."""
        while row >= 0 and self.mid_x2(row) is None:
            row -= 1
        return row

    def mark_own(self, acted: Container[tuple[int, int]]) -> None:
        """Fill the two columns about ourselves.

        Args:
            acted: ``(place of the venue, t_ns)`` of every instant at which a venue acted on ours.
        """
        rows = zip(self.venue, self.t_ns, self.opening, strict=True)
        own = [not opens and (venue, t) in acted for venue, t, opens in rows]
        self.own = array("b", own)
        moves, last = [], None
        for row, ours in enumerate(own):
            mid = self.mid_x2(row)
            moves.append(mid - last if ours and mid is not None and last is not None else 0)
            last = last if mid is None else mid
        self.own_mid_x2 = array("q", accumulate(moves))


@dataclass(slots=True)
class Market:
    """All that the log holds of the market.

    Attributes:
        quotes: True touches by venue, in the order of first appearance.
        prints: Trades by venue.
        nbbo: Best displayed lit prices.
        observed: What observers took for the best prices, where they may differ.
        depths: By decision the newest whole book of each venue (``market_data: full``).
        arrivals: The same by parent, as it came.
    """

    quotes: dict[str, Quotes] = field(default_factory=dict)
    prints: dict[str, Prints] = field(default_factory=dict)
    nbbo: NbboSeries = field(default_factory=NbboSeries)
    observed: dict[str, list[NbboChange]] = field(default_factory=dict)
    depths: dict[int, dict[str, Depth]] = field(default_factory=dict)
    arrivals: dict[str, dict[str, Depth]] = field(default_factory=dict)


class MarketBuilder:
    """Folds market data records into a ``Market``.

    Args:
        places: The place of each venue that has a place.
        lit: Venues whose quotes are displayed.
    """

    def __init__(self, places: dict[str, int], lit: frozenset[str]) -> None:
        self.market = Market()
        self._places = places
        self._lit = lit
        self._nbbo = Nbbo()
        self._last: tuple[int | None, int | None] = (None, None)
        self._books: dict[str, Depth] = {}

    def on_quote(self, record: Quote) -> None:
        """Take a touch."""
        bid, ask = record.bid_px, record.ask_px
        self._touch(record, bid, record.bid_qty, ask, record.ask_qty)

    def on_depth(self, record: Depth) -> None:
        """Take a whole book."""
        bid, bid_qty = record.bids[0] if record.bids else (None, 0)
        ask, ask_qty = record.asks[0] if record.asks else (None, 0)
        self._books[record.venue_id] = record
        self._touch(record, bid, bid_qty, ask, ask_qty)

    def on_print(self, record: TradePrint) -> None:
        """Take a trade."""
        prints = self.market.prints.get(record.venue_id)
        if prints is None:
            prints = self.market.prints[record.venue_id] = Prints()
        prints.t_ns.append(record.t_ns)
        prints.seq.append(record.venue_seq)
        prints.price.append(record.price)
        prints.qty.append(record.qty)
        prints.aggressor.append(1 if record.aggressor is Side.BUY else -1)

    def on_nbbo(self, record: NbboChange) -> None:
        """Take what an observer saw."""
        self.market.observed.setdefault(record.observer, []).append(record)

    def on_parent(self, record: ParentReceived) -> None:
        """Keep the books as they were then."""
        if self._books:
            self.market.arrivals[record.parent_id] = dict(self._books)

    def on_decision(self, record: Decision) -> None:
        """Keep the books as they were then."""
        if self._books:
            self.market.depths[record.decision_id] = dict(self._books)

    def _touch(
        self,
        record: Quote | Depth,
        bid: int | None,
        bid_qty: int,
        ask: int | None,
        ask_qty: int,
    ) -> None:
        venue_id, t_ns = record.venue_id, record.t_ns
        quotes = self.market.quotes.get(venue_id)
        if quotes is None:
            quotes = self.market.quotes[venue_id] = Quotes()
        bid_px = NO_PX if bid is None else bid
        ask_px = NO_PX if ask is None else ask
        opens = not quotes.t_ns
        is_news = opens or quotes.bid[-1] != bid_px or quotes.ask[-1] != ask_px
        quotes.t_ns.append(t_ns)
        quotes.seq.append(record.venue_seq)
        quotes.bid.append(bid_px)
        quotes.bid_qty.append(bid_qty)
        quotes.ask.append(ask_px)
        quotes.ask_qty.append(ask_qty)
        if is_news and venue_id in self._lit:
            nbbo = self._nbbo
            nbbo.on_touch(record.venue_id, bid, ask)
            best = nbbo.bid, nbbo.ask
            if best != self._last:
                self._last = best
                series = self.market.nbbo
                series.t_ns.append(record.t_ns)
                series.bid.append(NO_PX if nbbo.bid is None else nbbo.bid)
                series.ask.append(NO_PX if nbbo.ask is None else nbbo.ask)
                series.venue.append(self._places[record.venue_id])
                series.opening.append(opens)
