"""Who hears a venue's market data beside the router: other venues over links, and a tape.

Every observer (the router, a venue with a reference, the tape) sees the best displayed prices as
they have reached *it*. A ``Watcher`` in front of an observer keeps that best bid and offer and
records it as it changes. The tape is an observer that passes on what it hears: the touch of each
lit venue, late by its own delays.
"""

from collections.abc import Callable, Sequence

from sim.audit.records import NbboChange, Record
from sim.kernel.clock import Clock, WallClock
from sim.kernel.conflate import ConflatingLink
from sim.kernel.latency import LatencySampler
from sim.kernel.link import make_link
from sim.kernel.loop import Event
from sim.protocol.enums import Priority
from sim.protocol.market_data import BookSnapshot, FeedMessage, Levels
from sim.protocol.nbbo import Nbbo

Send = Callable[[FeedMessage], None]
Deliver = Callable[[Event], object]


class Watcher:
    """Keeps and records the best prices that one observer has received, and passes events on.

    Args:
        observer: Its name in the records.
        lit: Ids of the venues whose quotes count.
        deliver: Where the observer gets its events.
        clock: Time.
        emit: Takes the records; None: nothing is recorded.
    """

    __slots__ = ("_clock", "_deliver", "_emit", "_lit", "_nbbo", "_observer")

    def __init__(
        self,
        observer: str,
        lit: frozenset[str],
        deliver: Deliver,
        *,
        clock: Clock,
        emit: Callable[[Record], None] | None,
    ) -> None:
        self._observer = observer
        self._lit = lit
        self._deliver = deliver
        self._clock = clock
        self._emit = emit
        self._nbbo = Nbbo()

    def open(self, snapshots: Sequence[BookSnapshot]) -> None:
        """Take the opening books, which are older than the run, as one picture."""
        for snapshot in snapshots:
            self._take(snapshot)
        if self._nbbo.bid is not None or self._nbbo.ask is not None:
            self._record()

    def deliver(self, event: Event) -> None:
        """Take note of a quote, then let the observer have it."""
        msg = event.msg
        nbbo = self._nbbo
        if type(msg) is BookSnapshot:
            bid, ask = nbbo.bid, nbbo.ask
            self._take(msg)
            if nbbo.bid != bid or nbbo.ask != ask:
                self._record()
        self._deliver(event)

    def _take(self, snapshot: BookSnapshot) -> None:
        if snapshot.venue_id in self._lit:
            bids, asks = snapshot.bids, snapshot.asks
            self._nbbo.on_touch(
                snapshot.venue_id,
                bids[0][0] if bids else None,
                asks[0][0] if asks else None,
            )

    def _record(self) -> None:
        if self._emit is not None:
            self._emit(
                NbboChange(
                    t_ns=self._clock.now_ns,
                    observer=self._observer,
                    bid_px=self._nbbo.bid,
                    ask_px=self._nbbo.ask,
                )
            )


class Tape:
    """The consolidated feed: what reaches it of each lit venue goes on to every subscriber.

    It carries best levels and prints, no depth: a quote goes on if its venue's touch has changed
    or something traded there since the last one.

    Args:
        prices: To each subscriber of quotes.
        states: To each subscriber that is told of halts as well.
    """

    __slots__ = ("_prices", "_shown", "_states")

    def __init__(self, prices: Sequence[Send], states: Sequence[Send]) -> None:
        self._prices = tuple(prices)
        self._states = tuple(states)
        self._shown: dict[str, tuple[Levels, Levels, int]] = {}

    def open(self, snapshots: Sequence[BookSnapshot]) -> None:
        """Take the opening books, which who hears it knows as well."""
        for book in snapshots:
            self._shown[book.venue_id] = (book.bids[:1], book.asks[:1], book.volume)

    def deliver(self, event: Event) -> None:
        """Pass on what has arrived."""
        msg = event.msg
        if type(msg) is not BookSnapshot:
            for send in self._states:
                send(msg)
            return
        shown = (msg.bids[:1], msg.asks[:1], msg.volume)
        if shown == self._shown.get(msg.venue_id):
            return  # what changed lies below the best levels
        self._shown[msg.venue_id] = shown
        touch = touch_of(msg)
        for send in self._prices:
            send(touch)


def feed_link(clock: Clock, sampler: LatencySampler, deliver: Deliver, bump_ns: int) -> Send:
    """What sends market data to one subscriber: every quote, or in real time the newest due."""
    if not isinstance(clock, WallClock):
        return make_link(clock, sampler, deliver, Priority.FEED, bump_ns).send
    link = ConflatingLink(clock, sampler, deliver, Priority.FEED, BookSnapshot)
    link.bump_ns = bump_ns
    return link.send


def touch_of(book: BookSnapshot) -> BookSnapshot:
    """The same state of a book, best levels only."""
    return BookSnapshot(
        book.venue_id,
        book.venue_seq,
        book.published_ns,
        book.bids[:1],
        book.asks[:1],
        book.last_px,
        book.last_qty,
        book.volume,
    )


def fan_out(everything: Sequence[Send], prices: Sequence[Send]) -> Send | None:
    """One function that sends a venue's market data to all who hear it.

    Args:
        everything: To those who get quotes and changes of the state of trading.
        prices: To those who get quotes alone.

    Returns:
        The only subscriber itself where there is just one that gets everything.
    """
    if not prices:
        if not everything:
            return None
        if len(everything) == 1:
            return everything[0]

    def send_all(msg: FeedMessage) -> None:
        for send in everything:
            send(msg)
        if type(msg) is BookSnapshot:
            for send in prices:
                send(msg)

    return send_all
