"""Raw Binance recordings as level events, and what `inspect` says of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sim.data import converter, detect_format, inspect_format
from sim.data.events import SCALE, Event
from sim.data.inspection import Inspection, InspectOptions
from sim.data.neutral import read_events
from sim.protocol.errors import DataFormatError

Raw = Callable[..., Any]
BIDS = [("100.00", "2"), ("99.99", "1")]
ASKS = [("100.02", "3")]
S = SCALE
SOURCE = {"clock": "source"}


def inspected(path: Path) -> Inspection:
    assert detect_format(path) == "binance_raw"
    return inspect_format("binance_raw").inspect(path, InspectOptions())


def events_of(path: Path) -> list[tuple[Any, ...]]:
    reader = read_events(path)
    return [
        (t, reader.venues[v], Event(e).name.lower(), s, p, q)
        for block in reader.blocks()
        for t, v, e, s, p, q in zip(
            block.t_ns.tolist(), block.venue.tolist(), block.event.tolist(),
            block.side.tolist(), block.price.tolist(), block.qty.tolist(), strict=True,
        )
    ]  # fmt: skip


def session(raw: Raw) -> Any:
    lines = raw("spot")
    lines.snapshot(10, 20, BIDS, ASKS)
    lines.ticker(11, 25, ("100.00", "5"), ("100.02", "3"))
    lines.depth(12, 20, 25, bids=[("100.00", "5")])
    lines.ticker(13, 30, ("100.01", "1"), ("100.02", "3"))
    lines.depth(14, 25, 30, bids=[("100.01", "2")])
    lines.trade(15, "100.02", "0.5", maker=False)
    return lines


def test_inspect_compares_the_book_with_the_published_quotes(raw: Raw, tmp_path: Path) -> None:
    """The second update has another size than the quote of its id says."""
    found = inspected(session(raw).save(tmp_path / "f.gz"))
    assert (found.rows, found.venues) == (6, ("spot",))
    assert (found.first_ns, found.last_ns) == (10, 15)
    assert found.agreement == {"best_quote": 0.5}
    assert found.facts["quotes_compared"] == 2
    assert found.facts["quotes_equal_in_price"] == 2
    assert found.facts["rows_per_stream"] == {
        "snapshot": 1, "bookTicker": 2, "depthUpdate": 2, "trade": 1
    }  # fmt: skip


def test_negative_receive_latency_is_reported_with_the_offset_that_mends_it(
    raw: Raw, tmp_path: Path
) -> None:
    lines = raw("spot")
    lines.snapshot(0, 20, BIDS, ASKS)
    for n in range(3):  # the exchange says 1 ms, we say 100, 200 and 300 us
        lines.depth((n + 1) * 100_000, 20 + n, 21 + n)
    found = inspected(lines.save(tmp_path / "f"))
    assert found.problem_counts == {"negative receive latency": 1}
    assert "-o offset=1ms" in found.problems[0].what
    assert found.facts["suggested_offset_ns"] == 900_000
    assert found.facts["receive_latency"]["depthUpdate"] == {
        "least_ms": -0.9, "above_least_ms": {"p50": 0.1, "p99": 0.1, "largest": 0.2}
    }  # fmt: skip


@pytest.mark.parametrize(("offset", "added"), [("0ns", 0), ("2us", 2000), ("-5ns", -5)])
def test_convert_writes_levels_and_prints(
    raw: Raw, tmp_path: Path, offset: str, added: int
) -> None:
    path, out = session(raw).save(tmp_path / "f"), tmp_path / "out.events.csv"
    report = converter("binance_raw")([path], out, SOURCE | {"offset": offset})
    assert events_of(out) == [
        (10 + added, "spot", "clear", 0, 0, 0),
        (10 + added, "spot", "level", 1, 100 * S, 2 * S),
        (10 + added, "spot", "level", 1, 9999 * S // 100, S),
        (10 + added, "spot", "level", -1, 10002 * S // 100, 3 * S),
        (12 + added, "spot", "level", 1, 100 * S, 5 * S),
        (14 + added, "spot", "level", 1, 10001 * S // 100, 2 * S),
        (15 + added, "spot", "trade", 1, 10002 * S // 100, S // 2),
    ]
    assert report.statistics["offset_ns"] == added


def test_offset_auto_makes_the_least_delay_zero(raw: Raw, tmp_path: Path) -> None:
    lines = raw("usdm")
    lines.snapshot(0, 20, BIDS, ASKS)
    lines.depth(400_000, 20, 25)
    path = lines.save(tmp_path / "f")
    report = converter("binance_raw")([path], tmp_path / "o.events.csv", {"offset": "auto"})
    assert report.statistics["offset_ns"] == 600_000


def test_contracts_become_base_quantity_at_their_price(raw: Raw, tmp_path: Path) -> None:
    """100 USD each: 2 at 100 are 2, 1 at 300 is a third, rounded down to 1e-9."""
    lines = raw("coinm")
    lines.snapshot(10, 20, [("100.00", "2")], [("300.00", "1")])
    lines.depth(11, 20, 25)
    path, out = lines.save(tmp_path / "f"), tmp_path / "o.events.csv"
    converter("binance_raw")([path], out, SOURCE)
    assert [row[3:] for row in events_of(out)[1:]] == [
        (1, 100 * S, 2 * S), (-1, 300 * S, 333_333_333)
    ]  # fmt: skip
    assert "contracts" in inspected(path).notes[0]


def test_a_gap_empties_the_book_until_the_next_snapshot(raw: Raw, tmp_path: Path) -> None:
    lines = session(raw)
    lines.depth(20, 35, 40, bids=[("100.00", "9")])
    lines.depth(21, 40, 45, bids=[("99.00", "9")])
    lines.snapshot(22, 42, BIDS, ASKS)
    path, out = lines.save(tmp_path / "f"), tmp_path / "o.events.csv"
    with pytest.raises(DataFormatError, match=r"f:7: gap in the update ids: expected .* after 30"):
        converter("binance_raw")([path], out, SOURCE)
    assert not out.exists()
    report = converter("binance_raw")([path], out, SOURCE | {"skip_bad": "yes"})
    assert report.statistics["left_out"] == 1
    assert report.problems[0] == "f: 1 x gap in the update ids"
    assert report.problems[1].startswith("f:7: gap in the update ids")
    tail = [row[2:] for row in events_of(out) if row[0] >= 20]
    assert tail == [
        ("clear", 0, 0, 0),
        ("clear", 0, 0, 0),
        ("level", 1, 100 * S, 2 * S),
        ("level", 1, 9999 * S // 100, S),
        ("level", 1, 99 * S, 9 * S),
        ("level", -1, 10002 * S // 100, 3 * S),
    ]
    assert inspected(path).problem_counts["gap in the update ids"] == 1


def test_C01_a_broken_line_is_listed_and_the_rest_is_read(raw: Raw, tmp_path: Path) -> None:
    lines = session(raw)
    lines.raw("16 {nonsense")
    found = inspected(lines.save(tmp_path / "f"))
    assert (found.rows, found.left_out) == (7, 1)
    assert found.problems[-1].line == 7


def test_C02_a_receive_time_that_goes_back_is_listed(raw: Raw, tmp_path: Path) -> None:
    lines = session(raw)
    lines.trade(14, "100.02", "1", maker=True)
    found = inspected(lines.save(tmp_path / "f"))
    assert found.problem_counts["receive time goes back"] == 1
    assert msgspec.json.encode(found)


README = {
    "binance-spot_btcusdt_20240808": (41_249, 3_448),
    "binance-coinm-perp_btcusd_perp_20240808": (48_270, 26_822),
    "binance-usdm-perp_btcusdt_20240808": (93_954, 6_545),
}


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("name", README)
def test_real_recordings_agree_with_their_best_quotes(
    shared_file: Callable[[str], Path], name: str
) -> None:
    """Also USD-M in all of them: the updates that overtook the snapshot are in the book."""
    found = inspected(shared_file(f"crypto_l2_raw/{name}.jsonl.gz"))
    assert (found.rows, found.facts["quotes_compared"]) == README[name]
    assert found.agreement == {"best_quote": 1.0}
    assert found.problem_counts == {"negative receive latency": 1}
    for stream in found.facts["receive_latency"].values():
        assert stream["least_ms"] == pytest.approx(-1273, abs=5)
        assert 2 <= stream["above_least_ms"]["p50"] <= 8
        assert stream["above_least_ms"]["largest"] <= 58


@pytest.mark.shared
@pytest.mark.slow
def test_the_second_day_joins_the_first_without_a_gap(
    shared_file: Callable[[str], Path], tmp_path: Path
) -> None:
    days = [shared_file(f"crypto_l2_raw/binance-spot_btcusdt_2024080{n}.jsonl.gz") for n in (8, 9)]
    report = converter("binance_raw")(days[::-1], tmp_path / "o.events.csv", {"offset": "auto"})
    assert report.statistics["offset_ns"] == pytest.approx(1_276_670_531)
    assert (report.problems, report.statistics["left_out"]) == ((), 0)
    assert inspected(days[1]).problem_counts["no snapshot"] == 1


def test_a_window_begins_with_the_book_as_it_is_and_counts_from_its_start(
    raw: Raw, tmp_path: Path
) -> None:
    """The form that a scenario replays; also as recorded level data."""
    path = session(raw).save(tmp_path / "f")
    out, recorded = tmp_path / "o.events.csv", tmp_path / "o.l2.csv"
    options = {"start": "3ns", "length": "2ns", "lot": "0.1"}
    converter("binance_raw")([path], out, options)
    assert [row[:1] + row[2:] for row in events_of(out)] == [
        (0, "clear", 0, 0, 0),
        (0, "level", 1, 100 * S, 5 * S),
        (0, "level", 1, 9999 * S // 100, S),
        (0, "level", -1, 10002 * S // 100, 3 * S),
        (1, "level", 1, 10001 * S // 100, 2 * S),
    ]
    converter("binance_raw")([path], recorded, options)
    assert "level" in recorded.read_text()
