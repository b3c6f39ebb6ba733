"""Tardis CSV in its four layouts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sim.data import converter, detect_format, inspect_format
from sim.data.inspection import Inspection, InspectOptions
from sim.protocol.errors import DataFormatError

C = "exchange,symbol,timestamp,local_timestamp"
BOOK = f"""\
{C},is_snapshot,side,price,amount
bitmex,XBTUSD,1000,1010,true,bid,100,5
bitmex,XBTUSD,1000,1010,true,ask,101,6
bitmex,XBTUSD,2000,2010,false,bid,100.5,7
bitmex,XBTUSD,2000,2010,false,bid,100,0
bitmex,XBTUSD,3000,3010,true,bid,99,1
"""
TRADES = f"""\
{C},id,side,price,amount
bitmex,XBTUSD,1500,1490,a-1,buy,101,2
bitmex,XBTUSD,1600,1610,,unknown,101,0.5
"""
QUOTES = f"""\
{C},ask_amount,ask_price,bid_price,bid_amount
bitmex,XBTUSD,1000,1010,6,101,100,5
bitmex,XBTUSD,2000,2010,6,101,100.5,7
"""
SNAPSHOTS = f"""\
{C},asks[0].price,asks[0].amount,bids[0].price,bids[0].amount,\
asks[1].price,asks[1].amount,bids[1].price,bids[1].amount
bitmex,XBTUSD,1000,1010,101,6,100,5,102,1,,
bitmex,XBTUSD,2000,2010,101,4,100.5,7,103,1,100,5
"""


def save(tmp_path: Path, text: str, name: str = "q.csv") -> Path:
    (tmp_path / name).write_text(text, encoding="ascii")
    return tmp_path / name


def inspected(path: Path) -> Inspection:
    assert detect_format(path) == "tardis"
    return inspect_format("tardis").inspect(path, InspectOptions())


def converted(tmp_path: Path, *paths: Path, **options: str) -> list[str]:
    out = tmp_path / "o.events.csv"
    out.unlink(missing_ok=True)
    converter("tardis")(paths, out, {"clock": "source"} | options)
    return out.read_text().splitlines()[1:]


def test_an_incremental_book_begins_anew_with_each_snapshot(tmp_path: Path) -> None:
    assert converted(tmp_path, save(tmp_path, BOOK)) == [
        "1010000,bitmex,clear,,,,",
        "1010000,bitmex,level,bid,100,5,",
        "1010000,bitmex,level,ask,101,6,",
        "2010000,bitmex,level,bid,100.5,7,",
        "2010000,bitmex,level,bid,100,0,",
        "3010000,bitmex,clear,,,,",
        "3010000,bitmex,level,bid,99,1,",
    ]


def test_trades_and_books_of_one_exchange_are_one_venue(tmp_path: Path) -> None:
    paths = save(tmp_path, BOOK), save(tmp_path, TRADES, "t.csv")
    lines = converted(tmp_path, *paths, time="exchange", offset="1us")
    assert [line for line in lines if "trade" in line] == [
        "1501000,bitmex,trade,buy,101,2,",
        "1601000,bitmex,trade,,101,0.5,",
    ]
    assert lines[0] == "1001000,bitmex,clear,,,,"


def test_quotes_are_one_level_per_side(tmp_path: Path) -> None:
    assert converted(tmp_path, save(tmp_path, QUOTES)) == [
        "1010000,bitmex,level,bid,100,5,",
        "1010000,bitmex,level,ask,101,6,",
        "2010000,bitmex,level,bid,100,0,",
        "2010000,bitmex,level,bid,100.5,7,",
    ]


def test_of_snapshots_what_changed(tmp_path: Path) -> None:
    assert converted(tmp_path, save(tmp_path, SNAPSHOTS)) == [
        "1010000,bitmex,level,ask,101,6,",
        "1010000,bitmex,level,ask,102,1,",
        "1010000,bitmex,level,bid,100,5,",
        "2010000,bitmex,level,ask,102,0,",
        "2010000,bitmex,level,ask,101,4,",
        "2010000,bitmex,level,ask,103,1,",
        "2010000,bitmex,level,bid,100.5,7,",
    ]


def test_inspect_says_layout_symbol_and_negative_latency(tmp_path: Path) -> None:
    found = inspected(save(tmp_path, TRADES))
    assert (found.rows, found.venues, found.problems) == (2, ("bitmex",), ())
    assert found.facts == {
        "events": {"trade": 2}, "layout": "trades", "symbol": "XBTUSD", "negative_latency": 1
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("bitmex,XBTUSD,4000,3000,false,bid,1,1", "time must not go back"),
        ("bitmex,ETHUSD,4000,4010,false,bid,1,1", "a file may hold one symbol, XBTUSD"),
        ("bitmex,XBTUSD,4000,4010,maybe,bid,1,1", "is_snapshot must be one of false, true"),
        ("bitmex,XBTUSD,4000,4010,false,buy,1,1", "side must be one of bid, ask"),
        ("bitmex,XBTUSD,4000,4010,false,bid,0,1", "price must be > 0 and amount >= 0"),
        ("bitmex,XBTUSD,4000,4010,false,bid,1,-1", "price must be > 0 and amount >= 0"),
        ("bitmex,XBTUSD,4000,4010,false,bid,1e5,1", "price must be a plain decimal"),
        ("bitmex,XBTUSD,-4000,4010,false,bid,1,1", "timestamp must be a whole number"),
        ("bitmex,XBTUSD,4000,4010,false,bid,1", "a row must have 8 fields"),
    ],
)
def test_C01_C02_D04_D05_a_bad_row_has_its_line(tmp_path: Path, row: str, what: str) -> None:
    path = save(tmp_path, BOOK + row + "\n")
    with pytest.raises(DataFormatError, match=rf"q\.csv:7: {what}"):
        converted(tmp_path, path)
    assert len(converted(tmp_path, path, skip_bad="yes")) == 7
    assert inspected(path).problems[0].line == 7


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "rows", "layout"),
    [
        ("binance-futures_book_snapshot_25_BTCUSDT.csv", 10, "book_snapshot_25"),
        ("binance-futures_book_snapshot_5_BTCUSDT.csv", 10, "book_snapshot_5"),
        ("deribit_incremental_book_L2_BTC-PERPETUAL.csv", 15, "incremental_book_L2"),
    ],
)
def test_real_layouts(
    shared_file: Callable[[str], Path], name: str, rows: int, layout: str
) -> None:
    found = inspected(shared_file(f"tardis_csv_examples/{name}"))
    assert (found.rows, found.facts["layout"], found.problem_counts) == (rows, layout, {})
