"""Raw Binance recordings: inspected, and read as neutral level events.

Rows are the lines of the recording. Times are the recorder's own, moved by an offset where its
clock was off; prices and sizes are exact, sizes of coin-margined contracts converted to the base
currency at their level's price (rounded down to 1e-9). What a line is: ``sim.data.binance``.

``agreement.best_quote`` compares the book after each depth update with the exchange's own best
quote (``bookTicker``) of the same or the last earlier update id: the share of updates in which
price and size of both sides are equal.

Source: the exchange's public documentation of its market streams.
"""

import heapq
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from re import compile as pattern
from typing import Final

from sim.data.binance import BookUpdate, Market, MarketEvent, MarketStream, Print, Quote, RawFile
from sim.data.binance import identify as identify_file
from sim.data.binance_arrivals import Arrivals
from sim.data.books import LevelBook
from sim.data.conversion import ConversionReport, Option, Options
from sim.data.event_rows import EventRows
from sim.data.events import ASK, BID, Event, EventBlock
from sim.data.inspection import Inspection, InspectOptions, Problems
from sim.data.to_events import read_yes, signed_duration, write_events
from sim.data.window import WINDOW_OPTIONS
from sim.protocol.enums import Side
from sim.protocol.market_data import Level

NAME: Final = "binance_raw"
OPTIONS: Final = (
    Option(
        "offset",
        "added to each receive time, such as 1270ms; auto: so much that no message is received "
        "before it was sent",
        "0ns",
    ),
    *WINDOW_OPTIONS,
)
_FIRST: Final = pattern(rb'\d{1,19} \{ ?"(stream|lastUpdateId)"')
_SHOWN_MS: Final = 1_000_000


def detect(path: Path, first_bytes: bytes) -> bool:
    """By the first line: a time, a blank and a message of a combined stream, or a snapshot."""
    return _FIRST.match(first_bytes) is not None


def inspect(path: Path, options: InspectOptions) -> Inspection:
    """Read all lines, rebuild the book and compare it with the published best quotes.

    Raises:
        DataFormatError: If the file cannot be read, or holds no depth update.
    """
    problems = Problems(path, strict=False)
    arrivals = Arrivals()
    stream = MarketStream(
        [identify_file(path, problems)], None, problems={path: problems}, arrivals=arrivals
    )
    quotes = QuoteCheck()
    crossed = 0
    for event in stream.events():
        crossed += quotes.take(event)
    quotes.finish()
    if crossed:
        problems.note(0, f"bid >= ask after {crossed} depth updates", "crossed book")
    notes = []
    if arrivals.negative:
        offset_ms = -(-arrivals.offset_ns // _SHOWN_MS)
        what = (
            f"{arrivals.negative} messages were received before the exchange sent them, by the "
            f"two clocks: the recorder's clock was behind; convert with -o offset={offset_ms}ms "
            "(or -o offset=auto) to move it"
        )
        problems.note(0, what, "negative receive latency")
    if stream.market is Market.COINM:
        notes.append("sizes are contracts; they are converted to the base currency by the price")
    return Inspection(
        format=NAME,
        file=str(path),
        rows=stream.rows,
        venues=(stream.market.value,),
        first_ns=arrivals.first_ns,
        last_ns=arrivals.last_ns,
        problems=problems.listed(),
        problem_counts=problems.counts,
        left_out=problems.left_out,
        agreement=quotes.agreement(),
        notes=tuple(notes),
        facts={
            "symbol": stream.symbol,
            "rows_per_stream": arrivals.rows,
            "receive_latency": arrivals.statistics(),
            "negative_receive_latency": arrivals.negative,
            "suggested_offset_ns": arrivals.offset_ns,
            **quotes.facts(),
        },
    )


class QuoteCheck:
    """Compares a book with the exchange's own best quotes.

    A quote counts by its update id, not by its arrival: streams overtake each other. So a top of
    the book waits until a quote with a later id has come, and quotes wait for tops.
    """

    def __init__(self) -> None:
        self.compared = self.equal = self.equal_in_price = 0
        self._book = LevelBook()
        self._tops: deque[tuple[int, Level, Level]] = deque()
        self._quotes: deque[Quote] = deque()
        self._standing: Quote | None = None

    def take(self, event: MarketEvent) -> bool:
        """Take the next event; True if it is an update that leaves the book crossed or locked."""
        if isinstance(event, Quote):
            self._quotes.append(event)
            self._settle(event.last_id)
        elif isinstance(event, BookUpdate):
            book = self._book
            put = book.replace if event.fresh else book.apply
            put(Side.BUY, event.bids)
            put(Side.SELL, event.asks)
            best = book.best()
            if best is None:
                return False
            bid, ask = best
            if not event.fresh:
                self._tops.append((event.last_id, (bid, book.bids[bid]), (ask, book.asks[ask])))
                if self._quotes:
                    self._settle(self._quotes[-1].last_id)
            return bid >= ask
        return False

    def finish(self) -> None:
        """Compare what still waits for a later quote, which will not come."""
        if self._tops:
            self._settle(self._tops[-1][0] + 1)

    def agreement(self) -> dict[str, float]:
        """``best_quote``, where both streams are there."""
        return {"best_quote": self.equal / self.compared} if self.compared else {}

    def facts(self) -> dict[str, int]:
        """How many updates were compared, and in how many price, and price and size, agreed."""
        return {
            "quotes_compared": self.compared,
            "quotes_equal_in_price": self.equal_in_price,
            "quotes_equal": self.equal,
        }

    def _settle(self, before_id: int) -> None:
        """Compare the tops with smaller ids than this: no earlier quote is still to come."""
        tops, quotes = self._tops, self._quotes
        while tops and tops[0][0] < before_id:
            last_id, bid, ask = tops.popleft()
            while quotes and quotes[0].last_id <= last_id:
                self._standing = quotes.popleft()
            quote = self._standing
            if quote is not None:
                self.compared += 1
                self.equal_in_price += bid[0] == quote.bid[0] and ask[0] == quote.ask[0]
                self.equal += bid == quote.bid and ask == quote.ask


class RawEvents:
    """Reads the recordings of one or several markets as level events; each market is a venue.

    Args:
        files: Files of each market, earliest first.
        offset_ns: Added to each receive time.
        problems: Where bad lines of each file go; without it a bad line is an error.
    """

    def __init__(
        self,
        files: Mapping[Market, Sequence[RawFile]],
        offset_ns: int,
        problems: Mapping[Path, Problems] | None = None,
    ) -> None:
        self.venues = tuple(market.value for market in files)
        self._streams = [MarketStream(found, None, problems=problems) for found in files.values()]
        self._offset_ns = offset_ns

    def blocks(self) -> Iterator[EventBlock]:
        """The events of all markets in order of receive time.

        Raises:
            DataFormatError: At the first bad line, unless they are left out.
        """
        rows = EventRows()
        numbered = (self._numbered(number) for number in range(len(self._streams)))
        for _, number, event in heapq.merge(*numbered, key=itemgetter(0)):
            t_ns = event.recv_ns + self._offset_ns
            if isinstance(event, BookUpdate):
                if event.fresh:
                    rows.add((t_ns, number, Event.CLEAR, 0, 0, 0, 0, 0))
                for side, levels in ((BID, event.bids), (ASK, event.asks)):
                    for price, qty in levels:
                        rows.add((t_ns, number, Event.LEVEL, side, price, qty, 0, 0))
            elif isinstance(event, Print):
                trade = event.trade
                side = BID if trade.aggressor is Side.BUY else ASK
                rows.add((t_ns, number, Event.TRADE, side, trade.price, trade.qty, 0, 0))
            yield from rows.full()
        yield from rows.rest()

    def _numbered(self, number: int) -> Iterator[tuple[int, int, MarketEvent]]:
        for event in self._streams[number].events():
            yield event.recv_ns, number, event


def sorted_files(inputs: Sequence[Path], problems: Problems) -> dict[Market, list[RawFile]]:
    """Files by market in the order of ``Market``, each market's earliest first."""
    found = [identify_file(path, problems) for path in inputs]
    files = {
        market: sorted((file for file in found if file.market is market), key=_first_ns)
        for market in Market
    }
    return {market: some for market, some in files.items() if some}


def _first_ns(file: RawFile) -> int:
    return file.first_ns


def convert(inputs: Sequence[Path], out: Path, options: Mapping[str, str]) -> ConversionReport:
    """Write the recordings of one or several markets to one file, each market a venue.

    Raises:
        DataFormatError: If an input is wrong.
        ConversionError: If an option is.
    """
    given = Options(options, OPTIONS)
    offset = given.take("offset", lambda text: None if text == "auto" else signed_duration(text))
    strict = not given.take("skip_bad", read_yes)
    problems = [Problems(path, strict=strict) for path in inputs]
    by_market = sorted_files(inputs, problems[0])
    arrivals = Arrivals()
    if offset is None:
        for files in by_market.values():
            lenient = {file.path: Problems(file.path, strict=False) for file in files}
            for _ in MarketStream(files, None, problems=lenient, arrivals=arrivals).events():
                pass
        offset = arrivals.offset_ns
    of_path = {found.path: found for found in problems}
    reader = RawEvents(by_market, offset, of_path)
    statistics = {
        "offset_ns": offset,
        "symbols": {market.value: files[0].symbol for market, files in by_market.items()},
    }
    return write_events(NAME, reader, out, given, problems=problems, statistics=statistics)
