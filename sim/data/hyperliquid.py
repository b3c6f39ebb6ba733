"""Raw Hyperliquid recordings: a receive time in ns, a blank and a message of the public feed.

``l2Book`` messages hold 20 levels per side; what changed from one to the next becomes level
events. ``trades`` messages become trades; side ``B`` is a buyer who took, ``A`` a seller. A file
may hold one coin.

Source: the exchange's public documentation of its websocket subscriptions.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from re import compile as pattern
from typing import Any, Final

import msgspec

from sim.data.binance_arrivals import Arrivals
from sim.data.conversion import ConversionReport, Options
from sim.data.event_rows import EventRows
from sim.data.events import ASK, BID, Event, EventBlock
from sim.data.inspect_reader import inspect_reader
from sim.data.inspection import UNREADABLE, Inspection, InspectOptions, Problems
from sim.data.numbers import NanoTable, clock_time
from sim.data.text_files import line_blocks
from sim.data.to_events import OFFSET, only_input, read_yes, signed_duration, write_events
from sim.data.window import WINDOW_OPTIONS
from sim.protocol.errors import DataFormatError
from sim.protocol.units import UnitError

NAME: Final = "hyperliquid"
VENUE: Final = "Hyperliquid"
OPTIONS: Final = (OFFSET, *WINDOW_OPTIONS)
MAX_LINE_BYTES: Final = 1 << 20
_FIRST: Final = pattern(rb'\d{1,19} \{"channel":')


class _Level(msgspec.Struct, frozen=True, gc=False):
    px: str
    sz: str


class _Book(msgspec.Struct, frozen=True, gc=False):
    coin: str
    time: int
    levels: tuple[list[_Level], list[_Level]]


class _Trade(msgspec.Struct, frozen=True, gc=False):
    coin: str
    px: str
    sz: str
    side: str
    time: int


class _Message(msgspec.Struct, frozen=True, gc=False):
    channel: str
    data: msgspec.Raw = msgspec.Raw()


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_BOOK: Final = msgspec.json.Decoder(_Book)
_TRADES: Final = msgspec.json.Decoder(list[_Trade])


def detect(path: Path, first_bytes: bytes) -> bool:
    """By the first line."""
    return _FIRST.match(first_bytes) is not None


def inspect(path: Path, options: InspectOptions) -> Inspection:
    """Read all messages, and play them into a book.

    Raises:
        DataFormatError: If the file cannot be read, or a partner is named.
    """
    if options.against is not None:
        raise DataFormatError(str(path), 0, "this format has no partner file")
    problems = Problems(path, strict=False)
    return inspect_reader(NAME, path, HyperliquidEvents(path, problems=problems), problems)


def convert(inputs: Sequence[Path], out: Path, options: Mapping[str, str]) -> ConversionReport:
    """Write the levels and trades of one recording.

    Raises:
        DataFormatError: If the input is wrong.
        ConversionError: If an option is.
    """
    given = Options(options, OPTIONS)
    offset_ns = given.take("offset", signed_duration)
    path = only_input(inputs)
    problems = Problems(path, strict=not given.take("skip_bad", read_yes))
    reader = HyperliquidEvents(path, problems=problems, offset_ns=offset_ns)
    return write_events(NAME, reader, out, given, problems=[problems])


class HyperliquidEvents:
    """Reads one recording.

    Args:
        path: The file.
        problems: Where bad lines go; without it a bad line is an error.
        offset_ns: Added to each receive time.
    """

    venues = (VENUE,)

    def __init__(self, path: Path, *, problems: Problems | None = None, offset_ns: int = 0) -> None:
        self.rows = 0
        self._path = path
        self._problems = Problems(path) if problems is None else problems
        self._offset_ns = offset_ns
        self._prices = NanoTable()
        self._sizes = NanoTable()
        self._shown: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
        self._coin = ""
        self._arrivals = Arrivals()

    def facts(self) -> dict[str, Any]:
        """Coin, messages by channel and delays."""
        return {
            "coin": self._coin,
            "rows_per_stream": self._arrivals.rows,
            "receive_latency": self._arrivals.statistics(),
        }

    def blocks(self) -> Iterator[EventBlock]:
        """The events from the first on.

        Raises:
            DataFormatError: At the first bad line, if the problems are strict.
        """
        rows, last_ns = EventRows(), -1
        lines = chain.from_iterable(line_blocks(self._path, MAX_LINE_BYTES))
        for line, text in enumerate(lines, start=1):
            self.rows += 1
            time, _, body = text.partition(" ")
            try:
                if not (time.isascii() and time.isdigit() and len(time) <= 19):
                    raise UnitError(f"must be a time in ns, a blank and JSON, was {text[:60]!a}")
                t_ns = clock_time(int(time))
                if t_ns < last_ns:
                    raise UnitError(f"receive time goes back, from {last_ns} to {t_ns}")
                found = self._read(t_ns, body)
            except UNREADABLE as error:
                self._problems.refuse(line, str(error))
                continue
            last_ns = t_ns
            for event, side, price, qty in found:
                rows.add((t_ns + self._offset_ns, 0, event, side, price, qty, 0, line))
            yield from rows.full()
        yield from rows.rest()

    def _read(self, t_ns: int, body: str) -> list[tuple[int, int, int, int]]:
        message = _MESSAGE.decode(body)
        if message.channel == "l2Book":
            book = _BOOK.decode(message.data)
            self._take(book.coin, "l2Book", t_ns, book.time)
            return self._changes(BID, book.levels[0]) + self._changes(ASK, book.levels[1])
        if message.channel != "trades":
            return []
        found = []
        for trade in _TRADES.decode(message.data):
            if trade.side not in {"A", "B"}:
                raise UnitError(f"side must be A or B, was {trade.side[:20]!a}")
            self._take(trade.coin, "trades", t_ns, trade.time)
            side = BID if trade.side == "B" else ASK
            found.append((Event.TRADE, side, self._prices[trade.px], self._sizes[trade.sz]))
        return [(int(event), side, int(price), int(qty)) for event, side, price, qty in found]

    def _take(self, coin: str, channel: str, t_ns: int, exchange_ms: int) -> None:
        self._coin = self._coin or coin
        if coin != self._coin:
            raise UnitError(f"a file may hold one coin, {self._coin}, found {coin[:20]!a}")
        self._arrivals.take(channel, t_ns, exchange_ms)

    def _changes(self, side: int, levels: list[_Level]) -> list[tuple[int, int, int, int]]:
        new: dict[int, int] = {self._prices[one.px]: self._sizes[one.sz] for one in levels}
        old, self._shown[side] = self._shown[side], new
        gone = [(int(Event.LEVEL), side, price, 0) for price in old if price not in new]
        return gone + [
            (int(Event.LEVEL), side, price, qty)
            for price, qty in new.items()
            if old.get(price) != qty
        ]
