"""The excerpt in ``scenarios/data``: readable, complete at the start, never crossed."""

import json
from collections.abc import Iterator
from decimal import Decimal
from heapq import merge
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from sortedcontainers import SortedDict

from sim.data.recorded import read_recorded
from sim.kernel.latency.round_trips import read_round_trips
from sim.protocol.enums import Side
from sim.protocol.market_data import AnchorShift, BookClear, LevelChange, RecordedGroup
from sim.protocol.units import Units

UNITS = Units(Decimal("0.01"), Decimal("0.00001"))
MARKETS = ("spot", "usdm", "coinm")
LENGTH_NS = 100_000_000_000


@pytest.fixture(scope="module")
def folder(project_root: Path) -> Path:
    return project_root / "scenarios" / "data"


@pytest.fixture(scope="module")
def report(folder: Path) -> Any:
    return json.loads((folder / "binance_btc_20240808" / "report.json").read_bytes())


def groups(folder: Path, market: str) -> Iterator[RecordedGroup]:
    return read_recorded(folder / "binance_btc_20240808" / f"{market}.l2.csv.gz", UNITS)


class Shown:
    """What a venue would show: recorded levels, moved by the shifts."""

    def __init__(self, market: str) -> None:
        self.market = market
        self.books: dict[Side, SortedDict[int, int]] = {
            side: SortedDict() for side in (Side.BUY, Side.SELL)
        }
        self.shifts = {Side.BUY: 0, Side.SELL: 0}

    def apply(self, group: RecordedGroup) -> None:
        for event in group.events:
            if isinstance(event, LevelChange):
                book = self.books[event.side]
                if event.qty:
                    book[event.price] = event.qty
                else:
                    del book[event.price]  # a KeyError if it was never there
            elif isinstance(event, AnchorShift):
                self.shifts[event.side] = event.shift

    def bid(self) -> int:
        return int(self.books[Side.BUY].keys()[-1]) + self.shifts[Side.BUY]

    def ask(self) -> int:
        return int(self.books[Side.SELL].keys()[0]) + self.shifts[Side.SELL]


@pytest.mark.parametrize("market", MARKETS)
def test_the_first_group_is_the_whole_book(folder: Path, market: str) -> None:
    first = next(groups(folder, market))
    assert first.t_ns == 0
    assert isinstance(first.events[0], BookClear)
    shown = Shown(market)
    shown.apply(first)
    assert min(len(book) for book in shown.books.values()) >= 20
    assert shown.bid() < shown.ask()


@pytest.mark.slow
def test_the_books_keep_their_depth_and_are_never_crossed(folder: Path, report: Any) -> None:
    shown = {market: Shown(market) for market in MARKETS}
    rows = dict.fromkeys(MARKETS, 0)
    count = 0
    streams = [[(group, market) for group in groups(folder, market)] for market in MARKETS]
    last_ns = 0
    for group, market in merge(*streams, key=lambda item: item[0].t_ns):
        if group.t_ns > last_ns:
            _check_consolidated(list(shown.values()))
        last_ns = group.t_ns
        shown[market].apply(group)
        rows[market] += len(group.events)
        count += 1
    _check_consolidated(list(shown.values()))
    assert last_ns < LENGTH_NS
    assert count < 60_000
    assert rows == {market: report["statistics"]["markets"][market]["rows"] for market in MARKETS}
    assert sum(rows.values()) == report["rows"]


def _check_consolidated(shown: list[Shown]) -> None:
    if not shown[-1].books[Side.BUY]:
        return
    mids_x2 = [venue.bid() + venue.ask() for venue in shown]
    assert max(mids_x2) - min(mids_x2) <= 1
    assert max(venue.bid() for venue in shown) < min(venue.ask() for venue in shown)
    for venue in shown:
        assert min(map(len, venue.books.values())) >= 20


@pytest.mark.parametrize(
    ("name", "median_ms"), [("binance_tokyo", 71), ("binance_singapore", 96), ("gate_io_tokyo", 40)]
)
def test_round_trips(folder: Path, name: str, median_ms: int) -> None:
    path = folder / "order_latency" / f"{name}.csv"
    create = sorted(read_round_trips(path, "create"))
    assert create[(len(create) - 1) // 2] == median_ms * 1_000_000
    assert len(read_round_trips(path, "cancel")) == len(create)


def test_the_readme_states_what_the_report_measured(folder: Path, report: Any) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    stated = report["statistics"]
    for market in MARKETS:
        assert f"| {stated['markets'][market]['rows']:,} |" in text
    crossing = stated["consolidated_book"]
    assert f"{crossing['re_anchored_at_each_update']['updates']:,} book updates" in text
    shares = [crossing[rule]["crossed_share"] for rule in crossing]
    assert shares == [0.0, 0.01607, 1.0, 1.0]
    assert "These are three different instruments" in text
    for holder in ("nkaz001", "supervik"):
        assert f"Copyright (c) {holder}" in text


def test_the_files_stay_small(folder: Path) -> None:
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert sum(map(attrgetter("st_size"), (file.stat() for file in files))) < 3_500_000


@pytest.mark.parametrize("market", MARKETS)
def test_the_books_in_thousandths_begin_whole_and_are_those_of_the_exchange(
    folder: Path, market: str
) -> None:
    units = Units(Decimal("0.00001"), Decimal(1))
    long = folder / "binance_mbtc_20240808" / f"{market}.l2.csv.gz"
    first = next(read_recorded(long, units))
    short = next(groups(folder, market))
    assert (first.t_ns, type(first.events[0])) == (0, BookClear)
    levels = {
        (one.side, one.price): one.qty for one in first.events if isinstance(one, LevelChange)
    }
    fine = [one for one in short.events if isinstance(one, LevelChange)]
    same = [levels[one.side, one.price] for one in fine if (one.side, one.price) in levels]
    assert same == [one.qty // 100 for one in fine if (one.side, one.price) in levels]
    assert len(same) >= 40
