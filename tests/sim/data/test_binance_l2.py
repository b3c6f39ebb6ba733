"""Three raw recordings become three recorded files around one mid."""

import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sim.data import converter
from sim.data.conversion import ConversionError, ConversionReport
from sim.data.recorded import read_recorded
from sim.protocol.enums import Side
from sim.protocol.errors import DataFormatError
from sim.protocol.market_data import AnchorShift, BookClear, LevelChange
from sim.protocol.units import Units

Raw = Callable[..., Any]
UNITS = Units(Decimal("0.01"), Decimal("0.001"))
S = 1_000_000_000
OPTIONS = {"start": "2s", "length": "6s", "levels": "2", "lot": "0.001"}


def spot(raw: Raw) -> Any:
    lines = raw("spot")
    lines.depth(10 * S, 0, 1)
    lines.snapshot(
        11 * S,
        1,
        [("100.00", "2"), ("99.98", "1"), ("99.97", "1"), ("90.00", "5")],
        [("100.02", "3"), ("100.03", "1"), ("100.09", "1"), ("110.00", "5")],
    )
    lines.depth(13 * S, 1, 2, bids=[("100.01", "1"), ("90.00", "6")])  # mid 100.01 -> 100.015
    lines.trade(14 * S, "100.02", "0.5", maker=False)
    lines.depth(15 * S, 2, 3, bids=[("100.01", "1")])  # says nothing new
    lines.depth(16 * S, 3, 4, bids=[("100.01", "0"), ("100.00", "0")])  # mid 100.00
    lines.depth(17 * S, 4, 5, bids=[("100.00", "4")])
    lines.depth(30 * S, 5, 6)
    return lines


def usdm(raw: Raw) -> Any:
    lines = raw("usdm")
    lines.snapshot(11 * S, 1, [("90.00", "2"), ("89.90", "1")], [("90.10", "3"), ("90.20", "1")])
    lines.depth(12 * S, 1, 2, bids=[("90.00", "1.5")])  # at the start itself: in the opening book
    lines.depth(13 * S + 5, 2, 3, asks=[("90.10", "0")])  # mid 90.05 -> 90.10
    lines.depth(30 * S, 3, 4)
    return lines


def coinm(raw: Raw) -> Any:
    lines = raw("coinm")
    lines.snapshot(11 * S, 1, [("95.0", "7"), ("94.9", "1")], [("95.1", "2"), ("95.2", "1")])
    lines.depth(12 * S + 1, 1, 2, asks=[("95.1", "3")])
    lines.trade(14 * S, "95.1", "1", maker=True, how="MARKET")
    lines.depth(30 * S, 2, 3)
    return lines


MAKERS = {"spot": spot, "usdm": usdm, "coinm": coinm}


@pytest.fixture
def inputs(raw: Raw, tmp_path: Path) -> list[Path]:
    return [make(raw).save(tmp_path / f"{name}.gz") for name, make in reversed(MAKERS.items())]


def convert(inputs: list[Path], out: Path, **options: str) -> ConversionReport:
    return converter("binance_l2")(inputs, out, OPTIONS | options)


def rows(out: Path, market: str) -> list[str]:
    text = gzip.decompress((out / f"{market}.l2.csv.gz").read_bytes()).decode()
    return text.splitlines()[1:]


def test_the_reference_keeps_its_prices(inputs: list[Path], tmp_path: Path) -> None:
    """Bids from 99.97 (the second best at 16 s) up; asks up to 100.03; 90.00 is out of the band."""
    convert(inputs, tmp_path / "out")
    assert rows(tmp_path / "out", "spot") == [
        "0,clear,,,",
        "0,shift,bid,0.00,",
        "0,shift,ask,0.00,",
        "0,level,bid,100.00,2.000",
        "0,level,bid,99.98,1.000",
        "0,level,bid,99.97,1.000",
        "0,level,ask,100.02,3.000",
        "0,level,ask,100.03,1.000",
        "1000000000,level,bid,100.01,1.000",
        "2000000000,trade,buy,100.02,0.500",
        "4000000000,level,bid,100.01,0.000",
        "4000000000,level,bid,100.00,0.000",
        "5000000000,level,bid,100.00,4.000",
    ]


def test_the_others_follow_every_move_of_either_mid(inputs: list[Path], tmp_path: Path) -> None:
    """Half a tick is rounded down for bids and up for asks, at the instant of the move."""
    convert(inputs, tmp_path / "out")
    assert rows(tmp_path / "out", "usdm") == [
        "0,clear,,,",
        "0,shift,bid,9.96,",
        "0,shift,ask,9.96,",
        "0,level,bid,90.00,1.500",
        "0,level,bid,89.90,1.000",
        "0,level,ask,90.10,3.000",
        "0,level,ask,90.20,1.000",
        "1000000000,shift,ask,9.97,",
        "1000000005,level,ask,90.10,0.000",
        "1000000005,shift,bid,9.91,",
        "1000000005,shift,ask,9.92,",
        "4000000000,shift,bid,9.90,",
        "4000000000,shift,ask,9.90,",
        "5000000000,shift,bid,9.91,",
        "5000000000,shift,ask,9.91,",
    ]


def test_contracts_become_base_quantity(inputs: list[Path], tmp_path: Path) -> None:
    report = convert(inputs, tmp_path / "out")
    found = rows(tmp_path / "out", "coinm")
    assert "0,level,bid,95.00,7.368" in found  # 7 * 100 / 95 = 7.36842...
    assert "1,level,ask,95.10,3.154" in found  # 3 * 100 / 95.1 = 3.15457...
    assert "2000000000,trade,sell,95.10,1.051" in found
    rounding = report.statistics["markets"]["coinm"]["sizes_rounded_down"]
    assert rounding["sizes"] == rounding["rounded"] == 6
    assert any("coinm: 6 sizes were no whole number of lots" in p for p in report.problems)


def replay(path: Path) -> list[tuple[int, int, int]]:
    """Time, best bid and best ask after each group, as a venue would show them."""
    books: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
    shifts = {Side.BUY: 0, Side.SELL: 0}
    tops: list[tuple[int, int, int]] = []
    for group in read_recorded(path, UNITS):
        for event in group.events:
            if isinstance(event, LevelChange):
                books[event.side][event.price] = event.qty
            elif isinstance(event, AnchorShift):
                shifts[event.side] = event.shift
        best = [
            pick(price for price, qty in books[side].items() if qty) + shifts[side]
            for side, pick in ((Side.BUY, max), (Side.SELL, min))
        ]
        tops.append((group.t_ns, best[0], best[1]))
    return tops


def test_all_mids_agree_within_half_a_tick(inputs: list[Path], tmp_path: Path) -> None:
    convert(inputs, tmp_path / "out")
    last: dict[str, tuple[int, int]] = {}
    timeline = sorted(
        (t, name, bid, ask)
        for name in MAKERS
        for t, bid, ask in replay(tmp_path / "out" / f"{name}.l2.csv.gz")
    )
    for n, (t, name, bid, ask) in enumerate(timeline):
        last[name] = (bid, ask)
        if n + 1 == len(timeline) or timeline[n + 1][0] > t:
            mids_x2 = [sum(top) for top in last.values()]
            assert max(mids_x2) - min(mids_x2) <= 1
            assert max(top[0] for top in last.values()) < min(top[1] for top in last.values())


def test_the_report_states_rule_window_sources_and_crossing(
    inputs: list[Path], tmp_path: Path
) -> None:
    report = convert(inputs, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "report.json").read_bytes()) == json.loads(
        report.to_json()
    )
    assert report.venues == ("spot", "usdm", "coinm")
    assert report.rows == sum(len(rows(tmp_path / "out", name)) for name in MAKERS)
    assert (report.first_ns, report.last_ns) == (0, 5 * S)
    stated = report.statistics
    assert "rounded outward" in stated["rule"]
    assert (stated["start"], stated["length"], stated["start_receive_ns"]) == ("2s", "6s", 12 * S)
    assert [source["market"] for source in stated["inputs"]] == list(MAKERS)
    crossing = stated["consolidated_book"]
    assert crossing["re_anchored_at_each_update"]["crossed_share"] == 0
    assert crossing["raw_prices"]["crossed_share"] == 1


def test_equal_inputs_give_equal_bytes_in_any_order(inputs: list[Path], tmp_path: Path) -> None:
    convert(inputs, tmp_path / "one")
    convert(inputs[::-1], tmp_path / "two")
    for name in ("spot.l2.csv.gz", "usdm.l2.csv.gz", "coinm.l2.csv.gz", "report.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_session_may_be_split_into_files(raw: Raw, tmp_path: Path, inputs: list[Path]) -> None:
    convert(inputs, tmp_path / "one")
    whole, early, late = spot(raw), raw("spot"), raw("spot")
    early.lines, late.lines = whole.lines[:3], whole.lines[3:]
    parts = [late.save(tmp_path / "09"), early.save(tmp_path / "08")]
    convert([*inputs[:2], *parts], tmp_path / "two")
    for name in MAKERS:
        assert rows(tmp_path / "one", name) == rows(tmp_path / "two", name)


def test_a_fresh_snapshot_inside_the_window_changes_only_what_changed(
    raw: Raw, tmp_path: Path, inputs: list[Path]
) -> None:
    """A level that is in both books keeps its identity: nothing is cleared."""
    lines = usdm(raw)
    lines.lines.pop()
    lines.snapshot(14 * S, 9, [("90.00", "1.5"), ("89.80", "1")], [("90.20", "1"), ("90.3", "1")])
    lines.depth(31 * S, 9, 12)
    path = lines.save(tmp_path / "again")
    with pytest.raises(DataFormatError, match="gap"):
        convert([inputs[0], inputs[2], path], tmp_path / "out")
    lines.lines.pop()
    lines.depth(31 * S, 3, 12)
    convert([inputs[0], inputs[2], lines.save(path)], tmp_path / "out")
    assert [row for row in rows(tmp_path / "out", "usdm") if row.startswith("2000000000,")] == [
        "2000000000,level,bid,89.90,0.000",
        "2000000000,level,bid,89.80,1.000",
        "2000000000,level,ask,90.30,1.000",
    ]


def test_levels_that_the_snapshot_did_not_reach_are_reported(
    raw: Raw, tmp_path: Path, inputs: list[Path]
) -> None:
    lines = usdm(raw)
    lines.lines.pop()
    lines.depth(14 * S, 3, 4, bids=[("90.00", "0"), ("89.90", "0"), ("89.00", "1")])
    lines.depth(30 * S, 4, 5)
    assert not [text for text in convert(inputs, tmp_path / "out").problems if "beyond" in text]
    report = convert([inputs[0], inputs[2], lines.save(tmp_path / "far")], tmp_path / "out")
    (found,) = [text for text in report.problems if "reaches beyond" in text]
    assert found.startswith("usdm: the 89.00 to 90.20 that the file keeps reaches beyond")


def test_an_empty_side_has_no_mid_and_the_last_shift_holds(
    raw: Raw, tmp_path: Path, inputs: list[Path]
) -> None:
    lines = usdm(raw)
    lines.lines.pop()
    lines.depth(14 * S, 3, 4, bids=[("90.00", "0"), ("89.90", "0")])
    lines.depth(30 * S, 4, 5)
    convert([inputs[0], inputs[2], lines.save(tmp_path / "thin")], tmp_path / "out")
    found = rows(tmp_path / "out", "usdm")
    assert [row for row in found if row.startswith("2000000000,")] == [
        "2000000000,level,bid,90.00,0.000",
        "2000000000,level,bid,89.90,0.000",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "500ms"}, "no book of spot, usdm, coinm .* earliest start is 1.000 s"),
        ({"start": "0s", "length": "100ms"}, "is known within the window"),
        ({"length": "19s"}, "the recording of spot ends 20.000 s after the first line"),
        ({"start": "1m"}, "option start: must be a duration"),
        ({"length": "0s"}, "length, tick, lot and unit must be > 0"),
        ({"lot": "0"}, "length, tick, lot and unit must be > 0"),
        ({"tick": "abc"}, "option tick: must be a plain decimal"),
        ({"levels": "0"}, "option levels: must be a whole number from 1"),
        ({"levels": "x"}, "option levels: must be a whole number"),
        ({"leves": "3"}, "unknown option leves; known are: start, length, levels, tick, lot"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_written(
    inputs: list[Path], tmp_path: Path, options: dict[str, str], message: str
) -> None:
    with pytest.raises(ConversionError, match=message):
        convert(inputs, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_start_and_length_are_needed(inputs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="option start is missing"):
        converter("binance_l2")(inputs, tmp_path / "out", {})


@pytest.mark.parametrize("keep", [slice(0, 0), slice(0, 2), slice(2, 3)])
def test_the_reference_and_another_market_are_needed(
    inputs: list[Path], tmp_path: Path, keep: slice
) -> None:
    with pytest.raises(ConversionError, match="needs raw files of spot"):
        convert(inputs[keep], tmp_path / "out")


def test_a_price_off_the_tick_is_refused_at_its_line(inputs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match=r"multiple of the tick size 0\.1") as caught:
        convert(inputs, tmp_path / "out", tick="0.1")
    assert caught.value.line == 2


def test_an_output_that_cannot_be_written_is_said(inputs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ConversionError, match="cannot write to"):
        convert(inputs, tmp_path / "out")


def test_opening_group_holds_the_whole_visible_book(inputs: list[Path], tmp_path: Path) -> None:
    convert(inputs, tmp_path / "out")
    for name in MAKERS:
        first = next(read_recorded(tmp_path / "out" / f"{name}.l2.csv.gz", UNITS))
        assert first.t_ns == 0
        assert [type(event) for event in first.events[:4]] == [
            BookClear,
            AnchorShift,
            AnchorShift,
            LevelChange,
        ]
