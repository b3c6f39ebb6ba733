"""Binance's raw public streams as their recorder wrote them, and the books that they add up to.

A line is ``<local receive time in ns> <JSON>``; the JSON is one message of a combined stream
(``depthUpdate``, ``bookTicker``, ``trade``) or the answer to a REST depth request (the snapshot).
Local receive times are the time base: spot ``bookTicker`` messages carry no exchange time, and the
recorder's clock may be off.

The book is the snapshot plus every depth update that reaches past it. Each update covers the ids
after ``prev_id`` up to ``last_id`` and must join the one before without a gap. Updates that
*arrived* before the snapshot may still reach past its id: they are kept and applied after it, else
the book lacks their changes for ever and is crossed minutes later.

Coin-margined contracts are inverse: a contract is a fixed number of USD, so its base quantity is
``contracts * USD / price``, at the level's own price, rounded down to the lot.

Source: the exchange's public documentation of its market streams and of keeping a local order book.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, unique
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from sim.data.binance_arrivals import Arrivals
from sim.data.binance_sizes import (
    BaseSizes,
    ContractSizes,
    NanoSizes,
    contract_usd,
)
from sim.data.inspection import UNREADABLE, Problems
from sim.data.numbers import NanoTable, PriceTable, clock_time
from sim.data.text_files import line_blocks
from sim.protocol.enums import Side
from sim.protocol.errors import DataFormatError
from sim.protocol.market_data import Level, Trade
from sim.protocol.units import PriceTicks, QtyLots, UnitError, Units

MAX_LINE_BYTES: Final = 1 << 24
MAX_KEPT_UPDATES: Final = 10_000
"""Depth updates that are kept while no snapshot has come."""


@unique
class Market(Enum):
    """The three markets whose raw streams differ; told apart by their depth updates."""

    SPOT = "spot"
    USDM = "usdm"
    COINM = "coinm"


class BookUpdate(msgspec.Struct, frozen=True, gc=False):
    """New sizes of levels, in lots (0: gone), each price at most once.

    ``fresh`` says that the lists are the whole book, best first. ``span`` is then the lowest bid
    and the highest ask of the snapshot: of levels beyond, only later changes are known.
    """

    recv_ns: int
    last_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    fresh: bool = False
    span: tuple[int, int] | None = None


class Quote(msgspec.Struct, frozen=True, gc=False):
    """The best bid and ask as the exchange published them, in force since update ``last_id``."""

    recv_ns: int
    last_id: int
    bid: Level
    ask: Level


class Print(msgspec.Struct, frozen=True, gc=False):
    """A public trade."""

    recv_ns: int
    trade: Trade


MarketEvent = BookUpdate | Quote | Print


class RawFile(msgspec.Struct, frozen=True):
    """One file, and what its first messages say of it."""

    path: Path
    market: Market
    symbol: str
    first_ns: int


class _Envelope(msgspec.Struct, frozen=True, gc=False):
    """Either a stream's message or a snapshot; the fields of the other kind are missing."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    last_update_id: int | None = msgspec.field(default=None, name="lastUpdateId")
    bids: list[tuple[str, str]] = []
    asks: list[tuple[str, str]] = []


class _Depth(msgspec.Struct, frozen=True, gc=False):
    s: str
    U: int
    u: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]
    pu: int | None = None
    ps: str | None = None
    E: int | None = None

    @property
    def prev_id(self) -> int:
        """Id up to which this update needs the book to be known."""
        return self.U - 1 if self.pu is None else self.pu

    @property
    def market(self) -> Market:
        if self.pu is None:
            return Market.SPOT
        return Market.USDM if self.ps is None else Market.COINM


class _Ticker(msgspec.Struct, frozen=True, gc=False):
    u: int
    b: str
    B: str
    a: str
    A: str
    E: int | None = None


class _Trade(msgspec.Struct, frozen=True, gc=False):
    p: str
    q: str
    m: bool
    X: str = "MARKET"
    E: int | None = None


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_DEPTH: Final = msgspec.json.Decoder(_Depth)
_TICKER: Final = msgspec.json.Decoder(_Ticker)
_TRADE: Final = msgspec.json.Decoder(_Trade)


def identify(path: Path, problems: Problems | None = None) -> RawFile:
    """Say what a file records, from its lines up to the first depth update.

    Args:
        path: The file.
        problems: If lenient, bad lines are passed over; whoever reads the file notes them.

    Raises:
        DataFormatError: If the file is none of this format, or holds no depth update.
    """
    first_ns = -1
    for line, text in _lines(path):
        try:
            recv_ns, envelope = _split(text)
            first_ns = recv_ns if first_ns < 0 else first_ns
            if _kind(envelope) == "depth":
                depth = _DEPTH.decode(envelope.data)
                return RawFile(path, depth.market, depth.s, first_ns)
        except UNREADABLE as error:
            if problems is None or problems.strict:
                raise DataFormatError(str(path), line, str(error)) from error
    raise DataFormatError(str(path), 0, "holds no depthUpdate message, so its market is unknown")


class MarketStream:
    """The recording of one market, over all its files in order.

    Args:
        files: The market's files, earliest first.
        units: Tick and lot of the instrument that all markets are read in; None: prices and sizes
            stay exact, in 1e-9.
        problems: Where bad lines of each file go; without it a bad line is an error.
        arrivals: Is told of each message's receive time, if given.
    """

    def __init__(
        self,
        files: Sequence[RawFile],
        units: Units | None,
        *,
        problems: Mapping[Path, Problems] | None = None,
        arrivals: Arrivals | None = None,
    ) -> None:
        self.market = files[0].market
        self.symbol = files[0].symbol
        self.rows = 0
        self._files = files
        self._problems = problems
        self._arrivals = arrivals
        usd = contract_usd(self.symbol)
        inverse = self.market is Market.COINM
        self._prices: PriceTable | NanoTable
        self.sizes: BaseSizes | ContractSizes | NanoSizes
        if units is None:
            self._prices, self.sizes = NanoTable(), NanoSizes(usd if inverse else None)
        else:
            self._prices = PriceTable(units)
            self.sizes = ContractSizes(units, usd) if inverse else BaseSizes(units)

    def events(self) -> Iterator[MarketEvent]:
        """Yield book updates, quotes and trades in the order of their receive times.

        The first book update is a fresh book. Messages of other streams, and prints that are no
        market trades (liquidations settled by the exchange), are passed over. Where bad lines are
        left out, a gap in the update ids empties the book (a fresh one without levels) until the
        next snapshot.

        Raises:
            DataFormatError: At the first line that is wrong: no such message, a number off tick or
                lot, a receive time that goes back, a gap in the update ids, a file of another
                market; or when no snapshot comes.
        """
        ids = _IdChain()
        last_ns = recv_ns = -1
        for file in self._files:
            for line, text in _lines(file.path):
                self.rows += 1
                try:
                    recv_ns, envelope = _split(text)
                    if recv_ns < last_ns:
                        raise UnitError(f"receive time goes back, from {last_ns} to {recv_ns}")
                    last_ns = recv_ns
                    event = self._event(recv_ns, envelope, ids)
                except UNREADABLE as error:
                    if self._problems is None:
                        raise DataFormatError(str(file.path), line, str(error)) from error
                    self._problems[file.path].refuse(line, str(error), _trouble(error))
                    if not isinstance(error, GapError):
                        continue
                    event = BookUpdate(recv_ns, ids.last_id, (), (), fresh=True)
                if event is not None:
                    yield event
        if ids.snapshots == 0:
            message = "holds no depth snapshot (lastUpdateId, bids, asks), so no book can be built"
            last = self._files[-1].path
            if self._problems is None or self._problems[last].strict:
                raise DataFormatError(str(last), 0, message)
            self._problems[last].note(0, message, "no snapshot")

    def _event(self, recv_ns: int, envelope: _Envelope, ids: "_IdChain") -> MarketEvent | None:
        match _kind(envelope):
            case "depth":
                depth = _DEPTH.decode(envelope.data)
                self._check_origin(depth)
                self._arrived("depthUpdate", recv_ns, depth.E)
                if not ids.joins(depth):
                    return None
                return BookUpdate(recv_ns, depth.u, self._levels(depth.b), self._levels(depth.a))
            case "snapshot":
                self._arrived("snapshot", recv_ns, None)
                return self._fresh(recv_ns, envelope, ids)
            case "bookTicker":
                ticker = _TICKER.decode(envelope.data)
                self._arrived("bookTicker", recv_ns, ticker.E)
                bid = self._level(ticker.b, ticker.B)
                return Quote(recv_ns, ticker.u, bid, self._level(ticker.a, ticker.A))
            case "trade":
                trade = _TRADE.decode(envelope.data)
                self._arrived("trade", recv_ns, trade.E)
                if trade.X != "MARKET":
                    return None
                price, qty = self._level(trade.p, trade.q)
                aggressor = Side.SELL if trade.m else Side.BUY
                return Print(recv_ns, Trade(PriceTicks(price), QtyLots(qty), aggressor))
            case other:
                self._arrived(other, recv_ns, None)
                return None

    def _arrived(self, stream: str, recv_ns: int, exchange_ms: int | None) -> None:
        if self._arrivals is not None:
            self._arrivals.take(stream, recv_ns, exchange_ms)

    def _fresh(self, recv_ns: int, envelope: _Envelope, ids: "_IdChain") -> BookUpdate | None:
        """The whole book: a snapshot and what arrived before it but reaches past it."""
        missed = ids.restart(envelope.last_update_id or 0)
        if missed is None:
            return None
        bids, asks = dict(self._levels(envelope.bids)), dict(self._levels(envelope.asks))
        if not bids or not asks:
            raise UnitError("a snapshot must have bids and asks")
        span = (min(bids), max(asks))
        for depth in missed:
            bids.update(self._levels(depth.b))
            asks.update(self._levels(depth.a))
        return BookUpdate(
            recv_ns,
            ids.book_id or 0,
            tuple(sorted(((p, q) for p, q in bids.items() if q), reverse=True)),
            tuple(sorted((p, q) for p, q in asks.items() if q)),
            fresh=True,
            span=span,
        )

    def _check_origin(self, depth: _Depth) -> None:
        if depth.s != self.symbol or depth.market is not self.market:
            raise UnitError(
                f"must be a depth update of {self.market.value} {self.symbol}, "
                f"was one of {depth.market.value} {depth.s}"
            )

    def _levels(self, texts: list[tuple[str, str]]) -> tuple[Level, ...]:
        # A dict first: should a price stand twice in one message, the later size holds.
        prices, lots = self._prices, self.sizes.lots
        levels = dict(texts)
        return tuple((ticks := prices[price], lots(qty, ticks)) for price, qty in levels.items())

    def _level(self, price: str, qty: str) -> Level:
        ticks = self._prices[price]
        return ticks, self.sizes.lots(qty, ticks)


class GapError(UnitError):
    """Updates are missing, so the book is unknown until the next snapshot."""


class _IdChain:
    """Where a book stands in the numbering of its updates.

    ``last_id`` is the last id covered by an update that was read; ``book_id`` the last id that the
    book contains, None before the first snapshot.
    """

    def __init__(self) -> None:
        self.last_id = -1
        self.book_id: int | None = None
        self.snapshots = 0
        self._kept: list[_Depth] = []

    def joins(self, depth: _Depth) -> bool:
        """Take the next update; True if it is to be applied to the book now.

        Raises:
            UnitError: If the update does not join the one before, or the book.
        """
        if depth.u < depth.prev_id:
            raise UnitError(f"update ids go back, from {depth.prev_id} to {depth.u}")
        if self.last_id >= 0 and depth.prev_id != self.last_id:
            expected, self.last_id = self.last_id, depth.u
            self.book_id, self._kept = None, [depth]
            raise GapError(
                f"gap in the update ids: expected the update after {expected}, "
                f"found the one after {depth.prev_id}"
            )
        self.last_id = depth.u
        if self.book_id is None:
            self._keep(depth)
            return False
        if depth.u <= self.book_id:
            return False
        if depth.prev_id > self.book_id:
            known, self.book_id, self._kept = self.book_id, None, [depth]
            raise GapError(
                f"gap between the book at id {known} and the update after {depth.prev_id}"
            )
        self.book_id = depth.u
        return True

    def restart(self, snapshot_id: int) -> list[_Depth] | None:
        """Take a snapshot; return the kept updates that reach past it, or None if it is not news.

        Raises:
            UnitError: If the kept updates begin after the snapshot's id.
        """
        if self.book_id is not None and snapshot_id <= self.book_id:
            return None
        missed = [depth for depth in self._kept if depth.u > snapshot_id]
        if missed and missed[0].prev_id > snapshot_id:
            raise GapError(
                f"gap between the snapshot at id {snapshot_id} and the update after "
                f"{missed[0].prev_id}"
            )
        self._kept = []
        self.snapshots += 1
        self.book_id = missed[-1].u if missed else snapshot_id
        return missed

    def _keep(self, depth: _Depth) -> None:
        if len(self._kept) >= MAX_KEPT_UPDATES:
            self._kept = []  # so that a reader who goes on is told once per so many
            raise UnitError(f"no depth snapshot within {MAX_KEPT_UPDATES} depth updates")
        self._kept.append(depth)


def _trouble(error: Exception) -> str:
    """The kind of a trouble, for counting."""
    if isinstance(error, GapError):
        return "gap in the update ids"
    return "receive time goes back" if "goes back" in str(error) else "row left out"


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    return enumerate(chain.from_iterable(line_blocks(path, MAX_LINE_BYTES)), start=1)


def _split(text: str) -> tuple[int, _Envelope]:
    time, blank, message = text.partition(" ")
    if not (blank and time.isascii() and time.isdigit() and len(time) <= 19):
        raise UnitError(f"a line must be a receive time in ns, a blank and JSON, was {text[:60]!a}")
    return clock_time(int(time)), _ENVELOPE.decode(message)


def _kind(envelope: _Envelope) -> str:
    """``depth``, ``bookTicker``, ``trade``, ``snapshot`` or another stream's name."""
    if envelope.stream:
        return envelope.stream.partition("@")[2].partition("@")[0]
    if envelope.last_update_id is None:
        raise UnitError("neither a stream's message nor a depth snapshot")
    return "snapshot"
