"""Tardis CSV: incremental level-2 books, book snapshots, quotes and trades, as events.

Each file has a header; times are whole microseconds since 1970 (UTC), ``timestamp`` the exchange's
and ``local_timestamp`` that of arrival, which is the one that never goes back. A file may hold one
symbol; its venue is named by the exchange.

- ``incremental_book_L2``: an amount of 0 removes the level; the first row of a run with
  ``is_snapshot`` true empties the book.
- ``book_snapshot_N``: N levels per side; what changed from row to row becomes level events.
- ``quotes``: the best of each side.
- ``trades``: ``side`` is the aggressor's, ``unknown`` where the exchange does not tell.

Source: the vendor's public documentation of its downloadable CSV files.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from re import compile as pattern
from typing import Any, Final

import numpy as np

from sim.data.columns import Ints, Sheet, sheets
from sim.data.conversion import ConversionReport, Option, Options
from sim.data.event_rows import EventRows, Merged
from sim.data.events import ASK, BID, Event, EventBlock, make_block
from sim.data.inspect_reader import inspect_reader
from sim.data.inspection import Inspection, InspectOptions, Problems
from sim.data.numbers import MAX_TIME_NS
from sim.data.packed import first_bytes as head_of
from sim.data.quote_levels import QuoteLevels, two_sided
from sim.data.to_events import OFFSET, read_yes, signed_duration, write_events
from sim.data.window import WINDOW_OPTIONS
from sim.protocol.errors import DataFormatError

NAME: Final = "tardis"
_COMMON: Final = ("exchange", "symbol", "timestamp", "local_timestamp")
LAYOUTS: Final = {
    "incremental_book_L2": (*_COMMON, "is_snapshot", "side", "price", "amount"),
    "trades": (*_COMMON, "id", "side", "price", "amount"),
    "quotes": (*_COMMON, "ask_amount", "ask_price", "bid_price", "bid_amount"),
}
OPTIONS: Final = (
    Option("time", "local: times of arrival; exchange: its own, which may go back", "local"),
    OFFSET,
    *WINDOW_OPTIONS,
)
_US: Final = 1000
_MAX_US: Final = MAX_TIME_NS // _US
_SNAPSHOT: Final = pattern(
    r"exchange,symbol,timestamp,local_timestamp"
    r"((?:,asks\[\d+\]\.price,asks\[\d+\]\.amount,bids\[\d+\]\.price,bids\[\d+\]\.amount)+)"
)


def detect(path: Path, first_bytes: bytes) -> bool:
    """By the header."""
    return bool(layout(first_bytes))


def layout(first_bytes: bytes) -> str:
    """``incremental_book_L2``, ``book_snapshot_N``, ``quotes`` or ``trades``; empty if none."""
    header = first_bytes.partition(b"\n")[0].rstrip(b"\r").decode("utf-8", "replace")
    for name, names in LAYOUTS.items():
        if header == ",".join(names):
            return name
    match = _SNAPSHOT.fullmatch(header)
    if match is None:
        return ""
    depth = match[1].count(",asks[") // 2
    return f"book_snapshot_{depth}" if header == ",".join(_snapshot_names(depth)) else ""


def _snapshot_names(depth: int) -> tuple[str, ...]:
    cells = [
        f"{side}[{level}].{what}"
        for level in range(depth)
        for side in ("asks", "bids")
        for what in ("price", "amount")
    ]
    return (*_COMMON, *cells)


def inspect(path: Path, options: InspectOptions) -> Inspection:
    """Read all rows, and play them into a book.

    Raises:
        DataFormatError: If the file cannot be read, or a partner is named.
    """
    if options.against is not None:
        raise DataFormatError(str(path), 0, "this format has no partner file")
    problems = Problems(path, strict=False)
    return inspect_reader(NAME, path, TardisEvents(path, problems=problems), problems)


def convert(inputs: Sequence[Path], out: Path, options: Mapping[str, str]) -> ConversionReport:
    """Write one or several files, of different kinds or exchanges, to one file of events.

    Raises:
        DataFormatError: If an input is wrong.
        ConversionError: If an option is.
    """
    given = Options(options, OPTIONS)
    clock = given.take("time", _clock)
    offset_ns = given.take("offset", signed_duration)
    strict = not given.take("skip_bad", read_yes)
    problems = [Problems(path, strict=strict) for path in inputs]
    readers = [
        TardisEvents(path, problems=found, clock=clock, offset_ns=offset_ns)
        for path, found in zip(inputs, problems, strict=True)
    ]
    return write_events(NAME, Merged(readers), out, given, problems=problems)


class TardisEvents:
    """Reads one file.

    Args:
        path: The file.
        problems: Where bad rows go; without it a bad row is an error.
        clock: ``local`` or ``exchange``.
        offset_ns: Added to each time.
    """

    def __init__(
        self,
        path: Path,
        *,
        problems: Problems | None = None,
        clock: str = "local",
        offset_ns: int = 0,
    ) -> None:
        self.rows = 0
        self._path = path
        self._problems = Problems(path) if problems is None else problems
        self._layout = layout(head_of(path))
        if not self._layout:
            raise DataFormatError(str(path), 1, "has no header of a known layout")
        self._time_column = 3 if clock == "local" else 2
        self._offset_ns = offset_ns
        self._venues: list[str] = []
        self._symbols: list[str] = []
        self._last_ns = 0
        self._negative = 0
        self._levels = QuoteLevels()
        self._in_snapshot = False
        self._shown: dict[int, dict[int, int]] = {BID: {}, ASK: {}}

    @property
    def venues(self) -> tuple[str, ...]:
        """The exchanges met so far."""
        return tuple(self._venues)

    def facts(self) -> dict[str, Any]:
        """Layout, symbol, and how often arrival was before the exchange's own time."""
        symbol = self._symbols[0] if self._symbols else ""
        return {"layout": self._layout, "symbol": symbol, "negative_latency": self._negative}

    def blocks(self) -> Iterator[EventBlock]:
        """The events from the first on.

        Raises:
            DataFormatError: At the first bad row, if the problems are strict.
        """
        kind, _, depth = self._layout.partition("snapshot_")
        names = _snapshot_names(int(depth)) if depth else LAYOUTS[kind]
        read = {
            "incremental_book_L2": self._incremental,
            "trades": self._trades,
            "quotes": self._quotes,
        }.get(kind, self._snapshots)
        for sheet in sheets(self._path, ",".join(names), names, self._problems):
            self.rows += sheet.lines_read
            yield from read(sheet)

    def _common(self, sheet: Sheet) -> tuple[Ints, Ints]:
        """Times and venues."""
        venue = sheet.name(0, self._venues)
        symbol = sheet.name(1, self._symbols)
        only = self._symbols[0] if self._symbols else ""
        sheet.refuse(symbol > 0, f"a file may hold one symbol, {only}, found another")
        both = [sheet.unsigned(n, bound=_MAX_US).astype(np.int64) for n in (2, 3)]
        self._negative += int((both[1] < both[0]).sum())
        return both[self._time_column - 2] * _US + self._offset_ns, venue

    def _good(self, sheet: Sheet, t_ns: Ints) -> Any:
        sheet.refuse_back(t_ns, self._last_ns, "time")
        good = sheet.finish()
        if good.any():
            self._last_ns = int(t_ns[good][-1])
        return good

    def _incremental(self, sheet: Sheet) -> Iterator[EventBlock]:
        t_ns, venue = self._common(sheet)
        snapshot = sheet.choice(4, {"false": 0, "true": 1})
        side = np.where(sheet.choice(5, {"bid": 0, "ask": 1}) == 0, BID, ASK)
        price, qty = sheet.decimal(6), sheet.decimal(7)
        sheet.refuse((price <= 0) | (qty < 0), "price must be > 0 and amount >= 0")
        good = self._good(sheet, t_ns)
        columns = {"t_ns": t_ns, "venue": venue, "side": side, "price": price, "qty": qty}
        columns = {name: column[good] for name, column in columns.items()} | {
            "line": sheet.line[good]
        }
        whole = snapshot[good] == 1
        if not len(whole):
            return
        begins = whole & ~np.concatenate([[self._in_snapshot], whole[:-1]])
        self._in_snapshot = bool(whole[-1])
        places = np.flatnonzero(begins)
        cuts = sorted({0, *places.tolist(), len(whole)})
        for start, end in pairwise(cuts):
            if start in places:
                first = {name: columns[name][start] for name in ("t_ns", "venue", "line")}
                yield make_block(1, event=int(Event.CLEAR), **first)
            part = {name: column[start:end] for name, column in columns.items()}
            if end > start:
                yield make_block(end - start, event=int(Event.LEVEL), **part)

    def _trades(self, sheet: Sheet) -> Iterator[EventBlock]:
        t_ns, venue = self._common(sheet)
        sides = np.array([0, BID, ASK])
        side = sides[sheet.choice(5, {"unknown": 0, "buy": 1, "sell": 2})]
        price, qty = sheet.decimal(6), sheet.decimal(7)
        sheet.refuse((price <= 0) | (qty <= 0), "price and amount must be > 0")
        good = self._good(sheet, t_ns)
        columns = {"t_ns": t_ns, "venue": venue, "side": side, "price": price, "qty": qty}
        yield make_block(
            int(good.sum()),
            event=int(Event.TRADE),
            line=sheet.line[good],
            **{name: column[good] for name, column in columns.items()},
        )

    def _quotes(self, sheet: Sheet) -> Iterator[EventBlock]:
        t_ns, venue = self._common(sheet)
        ask_qty, ask, bid, bid_qty = (
            sheet.decimal(column, blank=sheet.empty(column)) for column in range(4, 8)
        )
        sheet.refuse((ask < 0) | (bid < 0) | (ask_qty < 0) | (bid_qty < 0), "must not be negative")
        good = self._good(sheet, t_ns)
        bids, asks = (bid[good], bid_qty[good]), (ask[good], ask_qty[good])
        yield self._levels.take(two_sided(t_ns[good], venue[good], bids, asks, sheet.line[good]))

    def _snapshots(self, sheet: Sheet) -> Iterator[EventBlock]:
        t_ns, venue = self._common(sheet)
        cells = [
            sheet.decimal(column, blank=sheet.empty(column))
            for column in range(4, 4 + 4 * int(self._layout.rpartition("_")[2]))
        ]
        for cell in cells:
            sheet.refuse(cell < 0, "prices and amounts must not be negative")
        good = self._good(sheet, t_ns)
        rows = EventRows()
        table = np.column_stack(cells)[good].tolist()
        whole = zip(
            t_ns[good].tolist(), venue[good].tolist(), sheet.line[good].tolist(), table, strict=True
        )
        for t, number, line, row in whole:
            for side, start in ((ASK, 0), (BID, 2)):
                new = {p: q for p, q in zip(row[start::4], row[start + 1 :: 4], strict=True) if p}
                old = self._shown[side]
                for price in [one for one in old if one not in new]:
                    rows.add((t, number, Event.LEVEL, side, price, 0, 0, line))
                for price, qty in new.items():
                    if old.get(price) != qty:
                        rows.add((t, number, Event.LEVEL, side, price, qty, 0, line))
                self._shown[side] = new
            yield from rows.full()
        yield from rows.rest()


def _clock(text: str) -> str:
    if text not in {"local", "exchange"}:
        raise ValueError(f"must be local or exchange, was {text[:40]!a}")
    return text
