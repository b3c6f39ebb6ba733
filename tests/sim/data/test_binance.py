"""Raw Binance streams: the book joins at the snapshot, gaps and broken lines are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.data import binance
from sim.data.binance import (
    BookUpdate,
    Market,
    MarketEvent,
    MarketStream,
    Print,
    Quote,
    identify,
)
from sim.data.binance_sizes import BaseSizes, ContractSizes
from sim.protocol.enums import Side
from sim.protocol.errors import DataFormatError
from sim.protocol.units import PriceTicks, QtyLots, UnitError, Units

Raw = Callable[..., Any]
BIDS = [("100.00", "2"), ("99.99", "1")]
ASKS = [("100.02", "3"), ("100.03", "1")]
LOT = 100_000


def events(units: Units, *paths: Path) -> list[MarketEvent]:
    files = [identify(path) for path in paths]
    return list(MarketStream(files, units).events())


def joined(raw: Raw, market: str = "spot") -> Any:
    """A file whose snapshot at id 20 lies between the updates."""
    lines = raw(market)
    lines.depth(1, 10, 20, bids=[("99.00", "7")])
    lines.depth(2, 20, 30, bids=[("100.00", "0")])
    lines.snapshot(3, 20, BIDS, ASKS)
    lines.depth(4, 30, 40, asks=[("100.01", "5")])
    return lines


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_updates_from_before_the_snapshot_are_applied_after_it(
    raw: Raw, tmp_path: Path, units: Units, market: str
) -> None:
    """The update of ids 21 to 30 arrived first, but the snapshot does not hold it yet."""
    found = events(units, joined(raw, market).save(tmp_path / "f"))
    assert found == [
        BookUpdate(
            3,
            30,
            ((9999, LOT),),
            ((10002, 3 * LOT), (10003, LOT)),
            fresh=True,
            span=(9999, 10003),
        ),
        BookUpdate(4, 40, (), ((10001, 5 * LOT),)),
    ]


def test_updates_inside_the_snapshot_are_passed_over(
    raw: Raw, tmp_path: Path, units: Units
) -> None:
    lines = raw("spot")
    lines.snapshot(1, 25, BIDS, ASKS)
    lines.depth(2, 10, 20, bids=[("1.00", "1")])
    lines.depth(3, 20, 30, bids=[("100.00", "9")])
    found = events(units, lines.save(tmp_path / "f"))
    assert [event.last_id for event in found if isinstance(event, BookUpdate)] == [25, 30]


def test_a_snapshot_without_earlier_updates_opens_the_book(
    raw: Raw, tmp_path: Path, units: Units
) -> None:
    lines = raw("spot")
    lines.snapshot(1, 10, BIDS, ASKS)
    lines.depth(2, 10, 20)
    first = events(units, lines.save(tmp_path / "f"))[0]
    assert isinstance(first, BookUpdate)
    assert (first.last_id, first.bids) == (10, ((10000, 2 * LOT), (9999, LOT)))


def test_a_later_snapshot_that_is_no_news_is_passed_over(
    raw: Raw, tmp_path: Path, units: Units
) -> None:
    lines = joined(raw)
    lines.snapshot(5, 35, [("1.00", "1")], [("2.00", "1")])
    lines.depth(6, 40, 50)
    found = events(units, lines.save(tmp_path / "f"))
    assert [event.last_id for event in found if isinstance(event, BookUpdate)] == [30, 40, 50]


def test_quotes_and_trades(raw: Raw, tmp_path: Path, units: Units) -> None:
    lines = joined(raw, "usdm")
    lines.ticker(5, 41, ("100.00", "1.5"), ("100.10", "0.00001"))
    lines.trade(6, "100.10", "0.5", maker=False, how="MARKET")
    lines.trade(7, "100.00", "0.25", maker=True, how="MARKET")
    lines.trade(8, "0", "0", maker=True, how="INSURANCE_FUND")
    quote, buy, sell = events(units, lines.save(tmp_path / "f.gz"))[2:]
    assert quote == Quote(5, 41, (10000, 150_000), (10010, 1))
    assert isinstance(buy, Print)
    assert (buy.trade.aggressor, buy.trade.price, buy.trade.qty) == (Side.BUY, 10010, 50_000)
    assert isinstance(sell, Print)
    assert (sell.trade.aggressor, sell.trade.qty) == (Side.SELL, 25_000)


def test_streams_of_other_kinds_are_passed_over(raw: Raw, tmp_path: Path, units: Units) -> None:
    lines = joined(raw)
    lines.raw('5 {"stream":"btcusdt@markPrice@1s","data":{"p":7}}')
    assert len(events(units, lines.save(tmp_path / "f"))) == 2


@pytest.mark.parametrize("market", list(Market))
def test_markets_are_told_apart_by_their_content(raw: Raw, tmp_path: Path, market: Market) -> None:
    lines = raw(market.value)
    lines.ticker(7, 1, ("1", "1"), ("2", "1"))
    lines.depth(8, 1, 2)
    file = identify(lines.save(tmp_path / "f"))
    assert (file.market, file.symbol, file.first_ns) == (market, lines.symbol, 7)


def test_files_of_one_session_continue_each_other(raw: Raw, tmp_path: Path, units: Units) -> None:
    after = raw("spot")
    after.depth(5, 40, 50, bids=[("99.98", "1")])
    paths = joined(raw).save(tmp_path / "08"), after.save(tmp_path / "09")
    assert [type(event).__name__ for event in events(units, *paths)] == ["BookUpdate"] * 3


def refused(units: Units, path: Path, message: str, line: int) -> None:
    with pytest.raises(DataFormatError, match=message) as caught:
        events(units, path)
    assert (caught.value.file, caught.value.line) == (str(path), line)


@pytest.mark.parametrize("market", ["spot", "usdm", "coinm"])
def test_a_gap_between_updates_is_refused(
    raw: Raw, tmp_path: Path, units: Units, market: str
) -> None:
    lines = raw(market)
    lines.depth(1, 10, 20)
    lines.depth(2, 21, 30)
    refused(units, lines.save(tmp_path / "f"), "expected the update after 20, found .* 21", 2)


def test_a_gap_before_the_first_kept_update_is_refused(
    raw: Raw, tmp_path: Path, units: Units
) -> None:
    lines = raw("spot")
    lines.depth(1, 10, 20)
    lines.snapshot(2, 9, BIDS, ASKS)
    refused(units, lines.save(tmp_path / "f"), "gap between the snapshot at id 9", 2)


def test_a_gap_after_the_snapshot_is_refused(raw: Raw, tmp_path: Path, units: Units) -> None:
    lines = raw("spot")
    lines.snapshot(1, 9, BIDS, ASKS)
    lines.depth(2, 10, 20)
    refused(units, lines.save(tmp_path / "f"), "gap between the book at id 9", 2)


def test_a_file_without_snapshot_is_refused(raw: Raw, tmp_path: Path, units: Units) -> None:
    lines = raw("spot")
    lines.depth(1, 10, 20)
    refused(units, lines.save(tmp_path / "f"), "no depth snapshot", 0)


def test_updates_without_snapshot_are_not_kept_for_ever(
    raw: Raw, tmp_path: Path, units: Units, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binance, "MAX_KEPT_UPDATES", 3)
    lines = raw("spot")
    for n in range(5):
        lines.depth(n, n, n + 1)
    refused(units, lines.save(tmp_path / "f"), "no depth snapshot within 3", 4)


def test_a_file_of_another_market_is_refused(raw: Raw, tmp_path: Path, units: Units) -> None:
    lines = joined(raw)
    other = raw("spot", "ETHUSDT")
    other.depth(5, 40, 50)
    lines.lines += other.lines
    message = "must be a depth update of spot BTCUSDT, was one of spot ETHUSDT"
    refused(units, lines.save(tmp_path / "f"), message, 5)


DEPTH = '{"stream":"b@depth","data":{"s":"BTCUSDT","U":41,"u":50,"b":[%s],"a":[]}}'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("3 {}", "receive time goes back, from 4 to 3"),
        ("9 {}", "neither a stream's message nor a depth snapshot"),
        ("", "a line must be a receive time"),
        ("9", "a line must be a receive time"),
        ("x {}", "a line must be a receive time"),
        ("\uff19 {}", "a line must be a receive time"),
        ("9 {", "truncated"),
        ("9 []", "Expected `object`"),
        ('9 {"stream":"b@depth","data":{}}', "missing required field"),
        ('9 {"stream":"b@depth"}', "JSON|truncated|malformed"),
        ('9 {"stream":7,"data":{}}', "Expected `str`"),
        ('9 {"lastUpdateId":"7"}', "Expected `int"),
        ('9 {"lastUpdateId":99,"bids":[],"asks":[]}', "must have bids and asks"),
        ("9 " + DEPTH % '["1.00"]', "Expected `array` of length 2"),
        ("9 " + DEPTH % '[1.0,"1"]', "Expected `str`"),
        ("9 " + DEPTH % '["NaN","1"]', "plain decimal"),
        ("9 " + DEPTH % '["-1","1"]', "price must be > 0"),
        ("9 " + DEPTH % '["1.001","1"]', "multiple of the tick size"),
        ("9 " + DEPTH % '["1.00","-1"]', "qty must be >= 0"),
        ("9 " + DEPTH % '["1.00","1e9"]', "plain decimal"),
        ("9 " + DEPTH % '["1.00","99999999999999999999"]', "at most"),
        ('9 {"stream":"b@depth","data":' + "[" * 100_000, "recursion|truncated|JSON"),
        ("9 \udcff", "malformed|JSON|surrogates"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number(
    raw: Raw, tmp_path: Path, units: Units, line: str, message: str
) -> None:
    lines = joined(raw)
    path = tmp_path / "f"
    text = "".join(f"{row}\n" for row in (*lines.lines, line))
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    refused(units, path, message, 5)


@pytest.mark.parametrize("content", ["", "1 {}\n", "hello\n"])
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "f"
    path.write_text(content)
    with pytest.raises(DataFormatError):
        identify(path)


def test_a_file_without_depth_updates_is_refused(raw: Raw, tmp_path: Path) -> None:
    lines = raw("spot")
    lines.ticker(1, 1, ("1", "1"), ("2", "1"))
    with pytest.raises(DataFormatError, match="holds no depthUpdate"):
        identify(lines.save(tmp_path / "f"))


def test_sizes_finer_than_the_lot_are_rounded_down_and_counted(units: Units) -> None:
    sizes = BaseSizes(units)
    assert sizes.lots("25.426189", PriceTicks(1)) == 2_542_618
    assert sizes.lots("1.5", PriceTicks(1)) == 150_000
    assert sizes.lots("0.000009", PriceTicks(1)) == 0
    rounding = sizes.rounding
    assert (rounding.sizes, rounding.rounded) == (2, 2)
    assert rounding.lots == 2_692_618
    assert rounding.lost_micro_lots == 900_000 + 900_000


def test_contracts_become_base_quantity_at_their_price(units: Units) -> None:
    sizes = ContractSizes(units, 100)
    assert sizes.lots("1", PriceTicks(6_180_000)) == 161  # 100 / 61800 = 0.0016181...
    assert sizes.lots("1000", PriceTicks(6_180_000)) == 161_812
    assert sizes.lots("0", PriceTicks(6_180_000)) == 0
    assert sizes.lots("3", PriceTicks(3_000_000)) == 1000
    assert (sizes.rounding.sizes, sizes.rounding.rounded) == (3, 2)
    assert sizes.rounding.lots == 161 + 161_812 + 1000
    assert sizes.rounding.lost_micro_lots == 812_297 + 297_734


@pytest.mark.parametrize("text", ["1.5", "-1", "", "\uff11", "nan", "9" * 16])
def test_what_is_no_number_of_contracts(units: Units, text: str) -> None:
    with pytest.raises(UnitError, match="whole number of contracts"):
        ContractSizes(units, 100).lots(text, PriceTicks(100))


def test_too_many_contracts_are_refused(units: Units) -> None:
    with pytest.raises(UnitError, match="at most"):
        ContractSizes(units, 100).lots("9" * 15, PriceTicks(1))


@pytest.mark.parametrize(("symbol", "usd"), [("BTCUSD_PERP", 100), ("ETHUSD_PERP", 10)])
def test_a_contract_is_worth_what_its_symbol_says(
    raw: Raw, tmp_path: Path, units: Units, symbol: str, usd: int
) -> None:
    lines = raw("coinm", symbol)
    lines.depth(1, 10, 20)
    stream = MarketStream([identify(lines.save(tmp_path / "f"))], units)
    assert stream.sizes.lots("1", PriceTicks(100)) == QtyLots(usd * LOT)
