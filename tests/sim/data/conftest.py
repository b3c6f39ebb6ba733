"""Builders of raw recordings: small hand-made sessions in the exchange's formats."""

import gzip
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

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
