"""All markets of a raw Binance session side by side: their books, driven in one order of time.

Two events with one receive time keep the order of ``Market``. Knows the recordings and the books;
nothing of windows, anchors or files to write.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter

import msgspec

from sim.data.binance import BookUpdate, Market, MarketEvent, MarketStream, RawFile
from sim.data.books import LevelBook
from sim.data.reanchor import Top
from sim.protocol.enums import Side
from sim.protocol.market_data import LevelChange
from sim.protocol.units import Units


class Step(msgspec.Struct, frozen=True, gc=False):
    """One event of the market with this number, already applied, and the levels it changed."""

    recv_ns: int
    market: int
    event: MarketEvent
    changes: list[LevelChange]


class Session:
    """The books of all markets, driven through their recordings in one order of time."""

    def __init__(self, files: Mapping[Market, Sequence[RawFile]], units: Units) -> None:
        self.streams = [MarketStream(found, units) for found in files.values()]
        self.books = [LevelBook() for _ in self.streams]
        self.spans: list[tuple[int, int] | None] = [None for _ in self.streams]
        self.ended_ns: dict[int, int] = {}
        self._events = heapq.merge(
            *(self._numbered(number) for number in range(len(self.streams))), key=itemgetter(0)
        )
        self._next = next(self._events, None)

    def steps(self, end_ns: int) -> Iterator[Step]:
        """Apply and yield all events received before ``end_ns`` that have not been yielded yet."""
        while self._next is not None and self._next[0] < end_ns:
            recv_ns, market, event = self._next
            changes = self._apply(market, event) if isinstance(event, BookUpdate) else []
            self._next = next(self._events, None)
            yield Step(recv_ns, market, event, changes)

    def top(self, market: int) -> Top | None:
        """Best bid and ask now; None while a side is empty."""
        best = self.books[market].best()
        return None if best is None else Top(market, *best)

    def _apply(self, market: int, update: BookUpdate) -> list[LevelChange]:
        book = self.books[market]
        if update.fresh:
            self.spans[market] = update.span
            bids = book.replace(Side.BUY, update.bids)
            return bids + book.replace(Side.SELL, update.asks)
        return book.apply(Side.BUY, update.bids) + book.apply(Side.SELL, update.asks)

    def _numbered(self, market: int) -> Iterator[tuple[int, int, MarketEvent]]:
        recv_ns = -1
        for event in self.streams[market].events():
            recv_ns = event.recv_ns
            yield recv_ns, market, event
        self.ended_ns[market] = recv_ns
