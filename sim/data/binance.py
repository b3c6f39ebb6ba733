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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from sim.data.numbers import PriceTable, QtyTable
from sim.data.text_files import line_blocks
from sim.protocol.enums import Side
from sim.protocol.errors import DataFormatError
from sim.protocol.market_data import Level, Trade
from sim.protocol.units import MAX_LOTS, PriceTicks, QtyLots, UnitError, Units, parse_decimal

MAX_LINE_BYTES: Final = 1 << 24
MAX_KEPT_UPDATES: Final = 10_000
"""Depth updates that are kept while no snapshot has come."""

BTC_CONTRACT_USD: Final = 100
OTHER_CONTRACT_USD: Final = 10
"""What one coin-margined contract is worth (exchange's contract specifications)."""


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


class _Trade(msgspec.Struct, frozen=True, gc=False):
    p: str
    q: str
    m: bool
    X: str = "MARKET"


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_DEPTH: Final = msgspec.json.Decoder(_Depth)
_TICKER: Final = msgspec.json.Decoder(_Ticker)
_TRADE: Final = msgspec.json.Decoder(_Trade)
_REFUSED: Final = (ValueError, msgspec.MsgspecError, RecursionError)


def identify(path: Path) -> RawFile:
    """Say what a file records, from its lines up to the first depth update.

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
        except _REFUSED as error:
            raise DataFormatError(str(path), line, str(error)) from error
    raise DataFormatError(str(path), 0, "holds no depthUpdate message, so its market is unknown")


class MarketStream:
    """The recording of one market, over all its files in order.

    Args:
        files: The market's files, earliest first.
        units: Tick and lot of the instrument that all markets are read in.
    """

    def __init__(self, files: Sequence[RawFile], units: Units) -> None:
        self.market = files[0].market
        self.symbol = files[0].symbol
        self._files = files
        self._prices = PriceTable(units)
        usd = BTC_CONTRACT_USD if self.symbol.startswith("BTC") else OTHER_CONTRACT_USD
        self.sizes: BaseSizes | ContractSizes = (
            ContractSizes(units, usd) if self.market is Market.COINM else BaseSizes(units)
        )

    def events(self) -> Iterator[MarketEvent]:
        """Yield book updates, quotes and trades in the order of their receive times.

        The first book update is a fresh book. Messages of other streams, and prints that are no
        market trades (liquidations settled by the exchange), are passed over.

        Raises:
            DataFormatError: At the first line that is wrong: no such message, a number off tick or
                lot, a receive time that goes back, a gap in the update ids, a file of another
                market; or when no snapshot comes.
        """
        ids = _IdChain()
        last_ns = -1
        for file in self._files:
            for line, text in _lines(file.path):
                try:
                    recv_ns, envelope = _split(text)
                    if recv_ns < last_ns:
                        raise UnitError(f"receive time goes back, from {last_ns} to {recv_ns}")
                    last_ns = recv_ns
                    event = self._event(recv_ns, envelope, ids)
                except _REFUSED as error:
                    raise DataFormatError(str(file.path), line, str(error)) from error
                if event is not None:
                    yield event
        if ids.book_id is None:
            message = "holds no depth snapshot (lastUpdateId, bids, asks), so no book can be built"
            raise DataFormatError(str(self._files[-1].path), 0, message)

    def _event(self, recv_ns: int, envelope: _Envelope, ids: "_IdChain") -> MarketEvent | None:
        match _kind(envelope):
            case "depth":
                depth = _DEPTH.decode(envelope.data)
                self._check_origin(depth)
                if not ids.joins(depth):
                    return None
                return BookUpdate(recv_ns, depth.u, self._levels(depth.b), self._levels(depth.a))
            case "snapshot":
                return self._fresh(recv_ns, envelope, ids)
            case "bookTicker":
                ticker = _TICKER.decode(envelope.data)
                bid = self._level(ticker.b, ticker.B)
                return Quote(recv_ns, ticker.u, bid, self._level(ticker.a, ticker.A))
            case "trade":
                trade = _TRADE.decode(envelope.data)
                if trade.X != "MARKET":
                    return None
                price, qty = self._level(trade.p, trade.q)
                aggressor = Side.SELL if trade.m else Side.BUY
                return Print(recv_ns, Trade(PriceTicks(price), QtyLots(qty), aggressor))
            case _:
                return None

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


@dataclass(slots=True)
class Rounding:
    """What rounding sizes down to whole lots has taken from one market so far.

    ``rounded`` counts the sizes that were no whole number of lots, ``lots`` sums all sizes after
    rounding, and ``lost_micro_lots`` what was taken, in millionths of a lot.
    """

    sizes: int = 0
    rounded: int = 0
    lots: int = 0
    lost_micro_lots: int = 0


class BaseSizes:
    """Sizes that already are base quantity.

    The exchange now and then shows a size that is finer than its own lot (25.426189 at a lot of
    0.00001); it is rounded down like a contract's, so that a venue never shows more than was there.
    """

    def __init__(self, units: Units) -> None:
        self.rounding = Rounding()
        self._qtys = QtyTable(units)
        self._lot_size = units.lot_size

    def lots(self, text: str, price: PriceTicks) -> QtyLots:
        """Lots of a quantity, rounded down; the price plays no part.

        Raises:
            UnitError: If the text is no decimal >= 0, or out of bounds.
        """
        rounding = self.rounding
        try:
            lots = self._qtys[text]
        except UnitError:
            value = parse_decimal(text)
            if not 0 <= value <= self._lot_size * MAX_LOTS:
                raise
            lots = QtyLots(int(value // self._lot_size))
            rounding.rounded += 1
            rounding.lost_micro_lots += int(value % self._lot_size * 1_000_000 / self._lot_size)
        rounding.sizes += lots > 0
        rounding.lots += lots
        return lots


class ContractSizes:
    """Sizes in inverse contracts of ``usd`` each."""

    def __init__(self, units: Units, usd: int) -> None:
        self.rounding = Rounding()
        per_lot = Fraction(units.tick_size) * Fraction(units.lot_size)
        self._num = usd * per_lot.denominator
        self._den = per_lot.numerator

    def lots(self, text: str, price: PriceTicks) -> QtyLots:
        """Lots that ``text`` contracts are worth at ``price``, rounded down.

        Raises:
            UnitError: If the text is no whole number >= 0, or the quantity is out of bounds.
        """
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            raise UnitError(f"must be a whole number of contracts, was {text[:40]!a}")
        below = price * self._den
        lots, rest = divmod(int(text) * self._num, below)
        if lots > MAX_LOTS:
            raise UnitError(f"must be at most {MAX_LOTS} lots, was {text} contracts")
        rounding = self.rounding
        rounding.sizes += lots > 0
        rounding.rounded += rest > 0
        rounding.lots += lots
        rounding.lost_micro_lots += rest * 1_000_000 // below
        return QtyLots(lots)


class _IdChain:
    """Where a book stands in the numbering of its updates.

    ``last_id`` is the last id covered by an update that was read; ``book_id`` the last id that the
    book contains, None before the first snapshot.
    """

    def __init__(self) -> None:
        self.last_id = -1
        self.book_id: int | None = None
        self._kept: list[_Depth] = []

    def joins(self, depth: _Depth) -> bool:
        """Take the next update; True if it is to be applied to the book now.

        Raises:
            UnitError: If the update does not join the one before, or the book.
        """
        if depth.u < depth.prev_id:
            raise UnitError(f"update ids go back, from {depth.prev_id} to {depth.u}")
        if self.last_id >= 0 and depth.prev_id != self.last_id:
            raise UnitError(
                f"gap in the update ids: expected the update after {self.last_id}, "
                f"found the one after {depth.prev_id}"
            )
        self.last_id = depth.u
        if self.book_id is None:
            self._keep(depth)
            return False
        if depth.u <= self.book_id:
            return False
        if depth.prev_id > self.book_id:
            raise UnitError(
                f"gap between the book at id {self.book_id} and the update after {depth.prev_id}"
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
            raise UnitError(
                f"gap between the snapshot at id {snapshot_id} and the update after "
                f"{missed[0].prev_id}"
            )
        self._kept = []
        self.book_id = missed[-1].u if missed else snapshot_id
        return missed

    def _keep(self, depth: _Depth) -> None:
        if len(self._kept) >= MAX_KEPT_UPDATES:
            raise UnitError(f"no depth snapshot within {MAX_KEPT_UPDATES} depth updates")
        self._kept.append(depth)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    return enumerate(chain.from_iterable(line_blocks(path, MAX_LINE_BYTES)), start=1)


def _split(text: str) -> tuple[int, _Envelope]:
    time, blank, message = text.partition(" ")
    if not (blank and time.isascii() and time.isdigit() and len(time) <= 19):
        raise UnitError(f"a line must be a receive time in ns, a blank and JSON, was {text[:60]!a}")
    return int(time), _ENVELOPE.decode(message)


def _kind(envelope: _Envelope) -> str:
    """``depth``, ``bookTicker``, ``trade``, ``snapshot`` or another stream's name."""
    if envelope.stream:
        return envelope.stream.partition("@")[2].partition("@")[0]
    if envelope.last_update_id is None:
        raise UnitError("neither a stream's message nor a depth snapshot")
    return "snapshot"
