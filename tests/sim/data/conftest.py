"""Builders of raw recordings: small hand-made sessions in the exchange's formats."""

import gzip
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import databento_dbn
import numpy as np
import pytest

from sim.protocol.units import Units

Levels = Sequence[tuple[str, str]]


class RawLines:
    """Writes the lines of one raw file; ids are numbered by the caller."""

    def __init__(self, market: str, symbol: str = "") -> None:
        self.market = market
        default = {"spot": "BTCUSDT", "usdm": "BTCUSDT", "coinm": "BTCUSD_PERP"}
        self.symbol = symbol or default[market]
        self.lines: list[str] = []

    def depth(self, t: int, prev: int, last: int, bids: Levels = (), asks: Levels = ()) -> None:
        data: dict[str, Any] = {"e": "depthUpdate", "E": 1, "s": self.symbol, "U": prev + 1}
        if self.market != "spot":
            data |= {"U": prev + 3, "pu": prev}
        if self.market == "coinm":
            data["ps"] = "BTCUSD"
        self._stream(t, "depth@0ms", data | {"u": last, "b": list(bids), "a": list(asks)})

    def snapshot(self, t: int, last: int, bids: Levels, asks: Levels) -> None:
        body = {"lastUpdateId": last, "bids": list(bids), "asks": list(asks)}
        self.raw(f"{t} {json.dumps(body)}")

    def ticker(self, t: int, last: int, bid: tuple[str, str], ask: tuple[str, str]) -> None:
        body = {"u": last, "s": self.symbol, "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}
        self._stream(t, "bookTicker", body)

    def trade(self, t: int, price: str, qty: str, *, maker: bool, how: str = "") -> None:
        body = {"e": "trade", "s": self.symbol, "p": price, "q": qty, "m": maker}
        self._stream(t, "trade", body | ({"X": how} if how else {}))

    def raw(self, line: str) -> None:
        self.lines.append(line)

    def save(self, path: Path) -> Path:
        data = "".join(line + "\n" for line in self.lines).encode()
        path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
        return path

    def _stream(self, t: int, name: str, data: dict[str, Any]) -> None:
        body = {"stream": f"{self.symbol.lower()}@{name}", "data": data}
        self.raw(f"{t} {json.dumps(body)}")


@pytest.fixture
def raw() -> Callable[..., RawLines]:
    """Maker of an empty raw file of a market."""
    return RawLines


@pytest.fixture
def units() -> Units:
    return Units(Decimal("0.01"), Decimal("0.00001"))


DATABENTO_T0 = 1_752_735_909_000_000_000
DATABENTO_HEADER = (
    "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,price,size,channel_id,order_id,"
    "flags,ts_in_delta,sequence,symbol"
)
DatabentoRow = tuple[int, str, str, float, int, int]
# Time after T0, action, side, price, size, order id.
DATABENTO_ROWS: list[DatabentoRow] = [
    (0, "R", "N", 0, 0, 0),
    (10, "A", "B", 9.98, 300, 1),
    (10, "A", "B", 9.98, 200, 2),
    (20, "A", "A", 10.02, 100, 3),
    (30, "A", "A", 10.02, 50, 4),
    (40, "C", "B", 9.98, 100, 1),
    # A buyer takes 120: all of order 3, and 20 of order 4.
    (50, "T", "B", 10.02, 120, 0),
    (50, "F", "A", 10.02, 100, 3),
    (50, "C", "A", 10.02, 100, 3),
    (50, "F", "A", 10.02, 20, 4),
    (50, "C", "A", 10.02, 20, 4),
    # A hidden order trades.
    (60, "T", "N", 10.0, 7, 0),
    # An order moves, and loses its place.
    (70, "M", "B", 9.97, 200, 1),
]


def csv_rows(rows: list[DatabentoRow], publisher: int = 2, first: int = 1) -> str:
    lines = []
    for n, (t, action, side, price, size, order_id) in enumerate(rows, first):
        text = f"{price:.9f}" if price else ""
        at = f"2025-07-17T07:05:09.{t:09d}Z"
        lines.append(
            f"{at},{at},160,{publisher},7,{action},{side},{text},{size},0,{order_id},130,0,{n},ABC"
        )
    return "".join(f"{line}\n" for line in lines)


def csv_file(path: Path, rows: list[DatabentoRow] = DATABENTO_ROWS, publisher: int = 2) -> Path:
    path.write_text(f"{DATABENTO_HEADER}\n{csv_rows(rows, publisher)}")
    return path


def dbn_bytes(rows: list[DatabentoRow] = DATABENTO_ROWS, *, ts_out: bool = False) -> bytes:
    library: Any = databento_dbn  # its types for mypy say less than it takes
    head = library.Metadata(
        dataset="XNAS.ITCH",
        start=DATABENTO_T0,
        stype_in=library.SType.RAW_SYMBOL,
        stype_out=library.SType.INSTRUMENT_ID,
        schema=library.Schema.MBO,
        symbols=["ABC"],
        ts_out=ts_out,
    )
    layout = np.dtype(library.MBOMsg._dtypes)
    if ts_out:
        layout = np.dtype([*layout.descr, ("ts_out", "<u8")])
    found = np.zeros(len(rows), layout)
    found["length"], found["rtype"] = layout.itemsize // 4, 160
    found["publisher_id"], found["instrument_id"], found["flags"] = 2, 7, 130
    for n, (t, action, side, price, size, order_id) in enumerate(rows):
        found[n]["ts_event"] = found[n]["ts_recv"] = DATABENTO_T0 + t
        found[n]["action"], found[n]["side"] = action.encode(), side.encode()
        found[n]["price"] = round(price * 10**9) if price else 2**63 - 1
        found[n]["size"], found[n]["order_id"], found[n]["sequence"] = size, order_id, n + 1
    return bytes(head.encode()) + found.tobytes()


def mbp_file(path: Path, *, by_order: bool, late: bool = False, wrong: bool = False) -> Path:
    """The level file of DATABENTO_ROWS: a row per change of the book and per trade."""
    names = [
        f"{name}_{level:02d}"
        for level in range(10)
        for name in ("bid_px", "ask_px", "bid_sz", "ask_sz", "bid_ct", "ask_ct")
    ]
    head = "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,"
    head += (
        "ts_in_delta,sequence," + ",".join(names) + ",symbol" + (",order_id" if by_order else "")
    )
    orders: dict[int, tuple[str, float, int]] = {}
    lines = [head]
    for n, (t, action, side, price, size, order_id) in enumerate(DATABENTO_ROWS, 1):
        if action in "AM":
            orders[order_id] = (side, price, size)
        elif action == "C":
            left = orders[order_id][2] - size
            orders[order_id] = (side, price, left)
            if not left:
                del orders[order_id]
        elif action == "F":
            continue
        shown = orders | ({4: ("A", 10.02, 30)} if late and action == "T" and t == 50 else {})
        if late and action == "T" and t == 50:
            shown.pop(3)
        cells = []
        books = []
        for one, sign in (("B", -1), ("A", 1)):
            levels: dict[float, list[int]] = {}
            for s, p, q in shown.values():
                if s == one:
                    levels.setdefault(sign * p, []).append(q)
            books.append([(sign * p, sum(q), len(q)) for p, q in sorted(levels.items())])
        for level in range(10):
            bid, ask = (
                side_levels[level] if level < len(side_levels) else ("", 0, 0)
                for side_levels in books
            )
            cells += [bid[0], ask[0], bid[1], ask[1], bid[2], ask[2]]
        at = f"2025-07-17T07:05:09.{t:09d}Z"
        sequence = 7 if t == 50 else n
        text = price or ""
        tail = f",{order_id}" if by_order else ""
        values = ",".join(map(str, cells))
        lines.append(
            f"{at},{at},10,2,7,{action},{side},0,{text},{size},130,0,{sequence},{values},ABC{tail}"
        )
    text = "\n".join(lines) + "\n"
    path.write_text(text.replace(",300,", ",299,", 2) if wrong else text)
    return path


def one_sequence(path: Path) -> Path:
    """DATABENTO_ROWS with one sequence for the whole trade."""
    csv_file(path)
    text = path.read_text()
    for n in (8, 9, 10, 11):
        text = text.replace(f"130,0,{n},ABC", "130,0,7,ABC")
    path.write_text(text)
    return path


@pytest.fixture
def vendor() -> SimpleNamespace:
    """Makers of Databento files, and the rows that they hold unless others are given."""
    return SimpleNamespace(
        rows=DATABENTO_ROWS,
        header=DATABENTO_HEADER,
        layout=databento_dbn.MBOMsg._dtypes,
        csv_file=csv_file,
        csv_rows=csv_rows,
        dbn_bytes=dbn_bytes,
        mbp_file=mbp_file,
        one_sequence=one_sequence,
    )
