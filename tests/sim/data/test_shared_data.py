"""The converters on whole real recordings, where the shared data folder is there."""

import gzip
from bisect import bisect_right
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from sim.data import converter
from sim.data.binance import BookUpdate, Market, MarketStream, Quote, identify
from sim.data.binance_session import Session
from sim.data.books import LevelBook
from sim.data.reanchor import (
    median_basis,
    shares_at_each_update,
    shares_at_own_updates,
    shares_with_fixed_shifts,
)
from sim.kernel.latency.round_trips import read_round_trips
from sim.protocol.enums import Side
from sim.protocol.errors import DataFormatError
from sim.protocol.market_data import Level
from sim.protocol.units import MAX_NS, Units

pytestmark = [pytest.mark.shared, pytest.mark.slow]

UNITS = Units(Decimal("0.01"), Decimal("0.00001"))
RAW = {
    Market.SPOT: "binance-spot_btcusdt_20240808.jsonl.gz",
    Market.USDM: "binance-usdm-perp_btcusdt_20240808.jsonl.gz",
    Market.COINM: "binance-coinm-perp_btcusd_perp_20240808.jsonl.gz",
}
LATER = {
    Market.SPOT: "binance-spot_btcusdt_20240809.jsonl.gz",
    Market.COINM: "binance-coinm-perp_btcusd_perp_20240809.jsonl.gz",
}
LOGS = {
    "binance_tokyo": "binance/test_1_continents/binance_aws_1_Tokyo_latency_check.csv",
    "binance_singapore": "binance/test_1_continents/binance_aws_2_Singapore_latency_check.csv",
    "gate_io_tokyo": "gate_io/test_1_asia/gate_io_aws_1_Tokyo_latency_check.csv",
}


@pytest.fixture
def raw(shared_dir: Path) -> Path:
    return shared_dir / "data" / "crypto_l2_raw"


def tops_and_quotes(*paths: Path) -> tuple[list[tuple[int, Level, Level]], list[Quote]]:
    """Best levels of the rebuilt book after each update, and all published quotes."""
    book, tops, quotes = LevelBook(), [], []
    for event in MarketStream([identify(path) for path in paths], UNITS).events():
        if isinstance(event, BookUpdate):
            put = book.replace if event.fresh else book.apply
            put(Side.BUY, event.bids)
            put(Side.SELL, event.asks)
            best = book.best()
            assert best is not None
            assert best[0] < best[1]
            bid, ask = best
            tops.append((event.last_id, (bid, book.bids[bid]), (ask, book.asks[ask])))
        elif isinstance(event, Quote):
            quotes.append(event)
    return tops, quotes


@pytest.mark.parametrize(
    ("market", "compared"), [(Market.SPOT, 3449), (Market.USDM, 6546), (Market.COINM, 26823)]
)
def test_the_rebuilt_book_agrees_with_every_published_quote(
    raw: Path, market: Market, compared: int
) -> None:
    """Price and size, against the quote with the same or the last earlier update id."""
    tops, quotes = tops_and_quotes(raw / RAW[market])
    ids = [quote.last_id for quote in quotes]
    assert ids == sorted(ids)
    pairs = [
        ((bid, ask), quotes[place - 1])
        for last_id, bid, ask in tops
        if (place := bisect_right(ids, last_id))
    ]
    assert len(pairs) == compared
    assert [top for top, quote in pairs if top != (quote.bid, quote.ask)] == []


@pytest.mark.parametrize("market", LATER)
def test_the_files_of_two_days_join(raw: Path, market: Market) -> None:
    tops, _ = tops_and_quotes(raw / RAW[market], raw / LATER[market])
    alone, _ = tops_and_quotes(raw / RAW[market])
    assert len(tops) > len(alone)


@pytest.mark.parametrize("market", LATER)
def test_the_second_day_alone_has_no_snapshot(raw: Path, market: Market) -> None:
    with pytest.raises(DataFormatError, match="no depth snapshot"):
        tops_and_quotes(raw / LATER[market])


def test_the_shipped_books_are_what_the_converter_makes(
    raw: Path, tmp_path: Path, project_root: Path
) -> None:
    """Byte for byte when unpacked; packed bytes may differ between versions of zlib."""
    shipped = project_root / "scenarios" / "data" / "binance_btc_20240808"
    options = {"start": "90s", "length": "100s"}
    report = converter("binance_l2")([raw / name for name in RAW.values()], tmp_path, options)
    assert (tmp_path / "report.json").read_bytes() == (shipped / "report.json").read_bytes()
    for name in report.files:
        made = gzip.decompress((tmp_path / name).read_bytes())
        assert made == gzip.decompress((shipped / name).read_bytes())
    assert len(report.files) == 3


def test_re_anchored_at_each_update_the_whole_recording_is_never_crossed(raw: Path) -> None:
    files = {market: [identify(raw / RAW[market])] for market in (Market.SPOT, Market.USDM)}
    session = Session(files, UNITS)
    tops = [
        top
        for step in session.steps(MAX_NS * 10)
        if isinstance(step.event, BookUpdate) and (top := session.top(step.market)) is not None
    ]
    each = shares_at_each_update(tops, 2, 0)
    assert (each.updates, each.crossed, each.locked) == (9983, 0, 0)
    own = shares_at_own_updates(tops, 2, 0)
    assert own.crossed / own.updates == pytest.approx(0.024, abs=0.001)
    fixed = shares_with_fixed_shifts(tops, median_basis(tops, 2, 0))
    assert fixed.crossed / fixed.updates > 0.97


@pytest.mark.parametrize("name", LOGS)
def test_the_shipped_round_trips_are_what_the_converter_makes(
    shared_file: Callable[[str], Path], tmp_path: Path, project_root: Path, name: str
) -> None:
    path = LOGS[name]
    source = f"supervik/crypto-exchanges-latencies-test @113a24add627 data/{path} (MIT)"
    log = shared_file(f"order_latency/{path}.gz")
    converter("order_latency")([log], tmp_path / "trips.csv", {"source": source})
    shipped = project_root / "scenarios" / "data" / "order_latency" / f"{name}.csv"
    assert (tmp_path / "trips.csv").read_bytes() == shipped.read_bytes()


def test_every_log_converts_and_its_flaws_are_listed(
    shared_dir: Path, shared_file: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = shared_dir / "data"
    paths = sorted((folder / "order_latency").rglob("*.csv.gz"))
    logs = [shared_file(str(path.relative_to(folder))) for path in paths]
    assert logs
    for log in logs:
        out = tmp_path / f"{log.name}.csv"
        report = converter("order_latency")([log], out, {})
        kinds = [len(read_round_trips(out, kind)) for kind in ("create", "cancel")]
        assert sum(kinds) == report.rows
    known = {
        "kucoin_hft_latency_check.csv.gz": {"cancel never answered": 5, "time goes back": 3},
        "kucoin_ordinary_latency_check.csv.gz": {
            "create never answered": 25,
            "cancel never answered": 4,
            "time goes back": 2,
        },
    }
    for log in logs:
        if log.name in known:
            problems = converter("order_latency")([log], tmp_path / "again", {}).problems
            found = {text: sum(text in p for p in problems) for text in known[log.name]}
            assert found == known[log.name]
            assert len(problems) == sum(found.values())
