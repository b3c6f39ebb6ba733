"""Databento files, CSV and DBN: records, books and events, on small files made here."""

import gzip
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import zstandard

from sim.data import converter, detect_format, inspect_format
from sim.data.conversion import ConversionError
from sim.data.databento import ACTIONS, SIDES
from sim.data.databento_events import DatabentoEvents
from sim.data.events import EVENT_WORDS, Event, join_blocks
from sim.data.inspection import Inspection, InspectOptions, Problems
from sim.protocol.errors import DataFormatError, MissingExtraError

T0 = 1_752_735_909_000_000_000


def inspect(path: Path, against: Path | None = None) -> Inspection:
    name = detect_format(path)
    assert name == "databento"
    return inspect_format(name).inspect(path, InspectOptions(against=against))


def told(path: Path, **how: Any) -> list[tuple[Any, ...]]:
    """Events as (time after T0, word, side, price, quantity, order id)."""
    reader = DatabentoEvents(path, Problems(path), **how)
    block = join_blocks(list(reader.blocks()))
    return [
        (t - T0, EVENT_WORDS[Event(e)], side, price / 10**9, qty / 10**9, order_id)
        for t, e, side, price, qty, order_id in zip(
            block.t_ns.tolist(), block.event.tolist(), block.side.tolist(), block.price.tolist(),
            block.qty.tolist(), block.order_id.tolist(), strict=True,
        )
    ]  # fmt: skip


EVENTS = [
    (0, "clear", 0, 0, 0, 0),
    (10, "add", 1, 9.98, 300, 1),
    (10, "add", 1, 9.98, 200, 2),
    (20, "add", -1, 10.02, 100, 3),
    (30, "add", -1, 10.02, 50, 4),
    (40, "reduce", 1, 9.98, 100, 1),
    (50, "execute", -1, 10.02, 100, 3),
    (50, "execute", -1, 10.02, 20, 4),
    (60, "trade", 0, 10.0, 7, 0),
    (70, "modify", 1, 9.97, 200, 1),
]


def test_fills_become_executions_and_hidden_trades_stay_trades(vendor: Any, tmp_path: Path) -> None:
    assert told(vendor.csv_file(tmp_path / "a.csv")) == EVENTS


@pytest.mark.parametrize("ts_out", [False, True])
@pytest.mark.parametrize("frames", [0, 1, 3])
def test_dbn_says_the_same_as_csv_also_in_several_frames(
    vendor: Any, tmp_path: Path, frames: int, *, ts_out: bool
) -> None:
    path = tmp_path / "a.dbn.zst"
    data = vendor.dbn_bytes(ts_out=ts_out)
    pack = zstandard.ZstdCompressor().compress
    cuts = [len(data) * n // frames for n in range(frames + 1)] if frames else []
    parts = [pack(data[a:b]) for a, b in pairwise(cuts)]
    path.write_bytes(b"".join(parts) if frames else data)
    assert told(path) == EVENTS
    assert inspect(path).rows == len(vendor.rows)
    assert inspect(path).facts["dataset"] == "XNAS.ITCH"


def test_inspect_says_rows_venue_times_and_the_single_publisher(
    vendor: Any, tmp_path: Path
) -> None:
    found = inspect(vendor.csv_file(tmp_path / "a.csv"))
    assert (found.format, found.rows, found.venues) == ("databento_mbo", len(vendor.rows), ("2",))
    assert (found.first_ns, found.last_ns) == (T0, T0 + 70)
    assert found.problems == ()
    assert found.agreement == {}
    assert found.facts["action F"] == 2
    assert found.facts["orders open at the end"] == 3
    assert "one publisher (2)" in found.notes[0]


def test_several_publishers_are_several_venues_without_a_warning(
    vendor: Any, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    rows = "".join(vendor.csv_rows(vendor.rows[:4], publisher) for publisher in (2, 43))
    path.write_text(f"{vendor.header}\n{rows}")
    found = inspect(path)
    assert found.venues == ("2", "43")
    assert found.notes == ()
    reader = DatabentoEvents(path, Problems(path))
    block = join_blocks(list(reader.blocks()))
    assert reader.venues == ("2", "43")
    assert block.venue.tolist() == [0] * 4 + [1] * 4


def test_a_fill_of_the_aggressors_own_order_is_no_execution(vendor: Any, tmp_path: Path) -> None:
    """An order is moved to a price at which it trades: F names it too, and C takes it away."""
    rows: list[Any] = [
        (0, "A", "B", 9.98, 5, 1),
        (0, "A", "A", 10.0, 5, 2),
        (9, "T", "B", 10.0, 5, 1),
        (9, "F", "B", 10.0, 5, 1),
        (9, "F", "A", 10.0, 5, 2),
        (9, "C", "B", 9.98, 5, 1),
        (9, "C", "A", 10.0, 5, 2),
    ]
    assert told(vendor.csv_file(tmp_path / "a.csv", rows))[2:] == [
        (9, "reduce", 1, 9.98, 5, 1),
        (9, "execute", -1, 10.0, 5, 2),
    ]


def test_a_fill_and_a_modify_are_an_execution_and_what_the_order_shows_then(
    vendor: Any, tmp_path: Path
) -> None:
    rows: list[Any] = [
        (0, "A", "B", 9.98, 5, 1),
        (9, "T", "A", 9.98, 2, 0),
        (9, "F", "B", 9.98, 2, 1),
        (9, "M", "B", 9.98, 3, 1),
        # All that it shows trades and 4 more that it had hidden; it shows 5 again, last in line.
        (10, "T", "A", 9.98, 7, 0),
        (10, "F", "B", 9.98, 7, 1),
        (10, "M", "B", 9.98, 5, 1),
    ]
    assert told(vendor.csv_file(tmp_path / "a.csv", rows))[1:] == [
        (9, "execute", 1, 9.98, 2, 1),
        (9, "modify", 1, 9.98, 3, 1),
        (10, "execute", 1, 9.98, 3, 1),
        (10, "trade", -1, 9.98, 4, 0),
        (10, "add", 1, 9.98, 5, 1),
    ]


def test_D04_records_that_fit_no_open_order_are_listed_and_make_no_event_that_fits_none(
    vendor: Any, tmp_path: Path
) -> None:
    rows: list[Any] = [
        (0, "C", "B", 9.98, 5, 7),  # an order from before the file
        (1, "A", "B", 9.98, 5, 1),
        (2, "A", "B", 9.99, 4, 1),
        (3, "C", "B", 9.99, 9, 1),
        (9, "T", "A", 9.98, 2, 0),
        (9, "F", "B", 9.98, 2, 8),  # another one
        (9, "C", "B", 9.98, 2, 8),
    ]
    path = vendor.csv_file(tmp_path / "a.csv", rows)
    assert told(path) == [
        (1, "add", 1, 9.98, 5, 1),
        (2, "modify", 1, 9.99, 4, 1),
        (3, "reduce", 1, 9.99, 4, 1),
        (9, "trade", -1, 9.98, 2, 0),
    ]
    problems = Problems(path)
    assert list(DatabentoEvents(path, problems).blocks())
    assert [(problem.line, problem.what) for problem in problems.listed()] == [
        (2, "cancel of unknown order 7"),
        (4, "add of order 1, which is open already"),
        (5, "cancel of 9 of order 1, which has 4"),
        (8, "cancel of unknown order 8"),
    ]


def test_C02_times_that_go_back_are_raised_counted_and_listed(vendor: Any, tmp_path: Path) -> None:
    path = vendor.csv_file(
        tmp_path / "a.csv", [*vendor.rows, (5, "A", "B", 9.9, 1, 9), (80, "A", "B", 9.9, 1, 8)]
    )
    problems = Problems(path)
    reader = DatabentoEvents(path, problems)
    times = join_blocks(list(reader.blocks())).t_ns - T0
    assert times.tolist()[-3:] == [70, 70, 80]
    assert reader.raised == 1
    assert problems.counts == {"time goes back": 1}
    assert inspect(path).problem_counts == {"time goes back": 1}


BAD = [
    ("A,B,9.98", "A,B,0.00", "price must be > 0"),
    ("A,B,9.98", "A,B,-9.98", "price must be > 0"),
    ("A,B,9.98", "A,B,9 .98", "price must be a plain decimal"),
    ("A,B,9.98", "A,N,9.98", "side must be A or B"),
    ("A,B,9.98", "Z,B,9.98", "action must be one of"),
    ("A,B,9.98", "A,,9.98", "side must be one of"),
    (",300,0,1,", ",0,0,1,", "size must be > 0"),
    (",300,0,1,", ",4294967296,0,1,", "size must be a whole number"),
    (",300,0,1,", ",300,0,0,", "order_id must be > 0"),
    (",300,0,1,130", ",300,0,1,64", "tells of a level"),
    (",300,0,1,", ",300,0,", "a row must have 15 fields"),
    ("160,2,7,A,B,9.98", "10,2,7,A,B,9.98", "rtype must be 160"),
    ("09.000000010Z,160", "09.000000010,160", "ts_event must be a UTC time"),
]


@pytest.mark.parametrize(("old", "new", "what"), BAD)
def test_C01_D04_a_bad_row_is_an_error_with_its_line_or_left_out_and_listed(
    vendor: Any, tmp_path: Path, old: str, new: str, what: str
) -> None:
    path = vendor.csv_file(tmp_path / "a.csv")
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DataFormatError) as caught:
        told(path)
    assert caught.value.line == 3
    assert what in caught.value.message
    found = inspect(path)
    assert (found.rows, found.left_out) == (len(vendor.rows) - 1, 1)
    assert found.problems[0].line == 3
    assert what in found.problems[0].what
    out = tmp_path / "o.events.csv"
    report = converter("databento")([path], out, {"skip_bad": "yes"})
    assert report.statistics["left_out"] == 1
    assert any(f"a.csv:3: {caught.value.message}" == one for one in report.problems)


@pytest.mark.parametrize("cut", [1, 30, 56 * 3 + 20])
def test_C01_a_cut_dbn_file_names_the_record(vendor: Any, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.dbn"
    path.write_bytes(vendor.dbn_bytes()[:-cut])
    whole = len(vendor.rows) - 1 - cut // 56
    with pytest.raises(DataFormatError, match=f":{whole + 1}: record {whole + 1}: .* cut off"):
        told(path)
    found = inspect(path)
    assert found.rows == whole
    assert found.problem_counts == {"file cut off or damaged": 1}


def test_C01_dbn_that_is_none_is_refused(vendor: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.dbn"
    for data in (b"DBN", b"DBN\x03\xff\xff\xff\xff", vendor.dbn_bytes()[:50]):
        path.write_bytes(data)
        with pytest.raises(DataFormatError, match="is no DBN file, or ends within its head"):
            inspect(path)
    good = vendor.dbn_bytes()
    head = len(good) - 56 * len(vendor.rows)
    path.write_bytes(good[:head] + bytes([0]) + good[head + 1 :])
    with pytest.raises(DataFormatError, match="record 1 is damaged"):
        told(path)


def test_other_records_of_a_dbn_file_are_passed_over(vendor: Any, tmp_path: Path) -> None:
    good = vendor.dbn_bytes()
    head = len(good) - 56 * len(vendor.rows)
    other = bytes([10, 22]) + bytes(38)
    path = tmp_path / "a.dbn"
    path.write_bytes(good[: head + 56 * 3] + other + good[head + 56 * 3 :] + other)
    assert told(path) == EVENTS


def test_without_the_extra_a_dbn_file_says_what_to_install(
    vendor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.dbn"
    path.write_bytes(vendor.dbn_bytes())

    def gone(module: str) -> None:
        raise ImportError(module)

    monkeypatch.setattr("sim.kernel.extras.import_module", gone)
    with pytest.raises(MissingExtraError, match=r"databento_dbn.*pip install 'sorsim\[data\]'"):
        told(path)


def test_C01_header_only_empty_and_missing_columns(vendor: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(vendor.header + "\n")
    found = inspect(path)
    assert found.rows == 0
    assert found.problem_counts == {"no rows": 1}
    assert found.problems[0].what == "holds no rows"
    with pytest.raises(ConversionError, match=r"a\.csv: holds no event$"):
        converter("databento")([path], tmp_path / "o.events.csv", {})
    path.write_text("")
    with pytest.raises(DataFormatError, match="is empty"):
        detect_format(path)
    path.write_text(vendor.header.replace(",order_id", "") + "\n")
    with pytest.raises(DataFormatError, match="of no known format"):
        detect_format(path)


def test_raw_prices_and_times_are_read_as_well(vendor: Any, tmp_path: Path) -> None:
    path = vendor.csv_file(tmp_path / "a.csv")
    text = path.read_text()
    for price in {f"{row[3]:.9f}" for row in vendor.rows if row[3]}:
        text = text.replace(price, price.replace(".", "").lstrip("0"))
    for t in {row[0] for row in vendor.rows}:
        text = text.replace(f"2025-07-17T07:05:09.{t:09d}Z", str(T0 + t))
    path.write_text(text.replace(",N,,0,", f",N,{2**63 - 1},0,"))
    assert told(path) == EVENTS


def test_two_instruments_must_be_told_apart(vendor: Any, tmp_path: Path) -> None:
    path = vendor.csv_file(tmp_path / "a.csv")
    path.write_text(path.read_text() + vendor.csv_rows(vendor.rows[1:3]).replace(",2,7,", ",2,8,"))
    with pytest.raises(DataFormatError, match=r":15: has instrument_id 8 after 7"):
        told(path)
    assert told(path, instrument=7) == EVENTS
    assert len(told(path, instrument=8)) == 2


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("by_order", [False, True])
def test_every_row_of_the_level_file_is_rebuilt(
    vendor: Any, tmp_path: Path, *, by_order: bool, late: bool
) -> None:
    """Also where a trade is shown with the book after the cancels that belong to it."""
    mbo = vendor.one_sequence(tmp_path / "mbo.csv")
    found = inspect(mbo, vendor.mbp_file(tmp_path / "mbp.csv", by_order=by_order, late=late))
    assert found.agreement == {"mbp10_rows": 1.0}
    assert found.facts["level rows"] == 11
    assert found.facts["agree one event later"] == int(late)
    assert found.problems == ()


def test_a_level_row_that_differs_is_counted_and_named(vendor: Any, tmp_path: Path) -> None:
    mbo = vendor.one_sequence(tmp_path / "mbo.csv")
    found = inspect(mbo, vendor.mbp_file(tmp_path / "mbp.csv", by_order=True, wrong=True))
    assert found.agreement["mbp10_rows"] == pytest.approx(10 / 11)
    assert found.problem_counts == {"level row that does not agree": 1}
    assert found.problems[0].line == 3
    assert found.problems[0].what.startswith("mbp.csv: this row does not agree")


def test_level_rows_that_nothing_belongs_to_do_not_agree(vendor: Any, tmp_path: Path) -> None:
    mbo = vendor.csv_file(tmp_path / "mbo.csv", vendor.rows[:4])
    found = inspect(mbo, vendor.mbp_file(tmp_path / "mbp.csv", by_order=True))
    assert found.agreement["mbp10_rows"] == pytest.approx(4 / 11)
    assert "no MBO record belongs to it" in found.problems[0].what
    assert [one.line for one in found.problems] == [6, 7, 8, 9, 10, 11, 12]


def test_the_partner_must_be_a_level_file(vendor: Any, tmp_path: Path) -> None:
    mbo = vendor.csv_file(tmp_path / "mbo.csv")
    with pytest.raises(DataFormatError, match="must be an MBP-10 or MBP-1 file"):
        inspect(mbo, mbo)
    mbp = vendor.mbp_file(tmp_path / "mbp.csv", by_order=True)
    with pytest.raises(DataFormatError, match="name the MBO first"):
        inspect(mbp, mbo)


def test_level_data_become_levels_and_trades_also_as_recorded_data(
    vendor: Any, tmp_path: Path
) -> None:
    mbp = vendor.mbp_file(tmp_path / "mbp.csv", by_order=False)
    assert told(mbp)[:3] == [
        (10, "level", 1, 9.98, 300, 0),
        (10, "level", 1, 9.98, 500, 0),
        (20, "level", -1, 10.02, 100, 0),
    ]
    assert (50, "trade", 1, 10.02, 120, 0) in told(mbp)
    out = tmp_path / "o.l2.csv"
    report = converter("databento")([mbp], out, {})
    assert out.read_text().splitlines()[:3] == [
        "t_ns,event,side,price,qty",
        "0,level,bid,9.98,300",
        "0,level,bid,9.98,500",
    ]
    assert "50,trade,buy,10.02,120" not in out.read_text()  # times begin with the first event
    assert "40,trade,buy,10.02,120" in out.read_text()
    assert "1 trades without a side" in report.problems[1]


def test_C01_a_blank_inside_a_number_of_a_level_file(vendor: Any, tmp_path: Path) -> None:
    mbp = vendor.mbp_file(tmp_path / "mbp.csv", by_order=False)
    lines = mbp.read_text().splitlines()
    lines[4] = lines[4].replace("9.98,10.02", "9.98,10 .02", 1)
    mbp.write_bytes(gzip.compress("\n".join(lines).encode()))
    found = inspect(mbp)
    assert found.left_out == 1
    assert found.problems[0].line == 5
    assert "ask_px_00 must be a plain decimal" in found.problems[0].what
    with pytest.raises(DataFormatError, match=":5: ask_px_00 must be"):
        told(mbp)


def test_crossed_and_disordered_level_rows(vendor: Any, tmp_path: Path) -> None:
    mbp = vendor.mbp_file(tmp_path / "mbp.csv", by_order=False)
    text = mbp.read_text()
    mbp.write_text(text.replace("10.02,500,100", "9.97,500,100"))
    assert inspect(mbp).problem_counts == {"crossed book": 1}
    mbp.write_text(text.replace("10.02,500,100", "10.02,500,0"))
    assert "ask levels with a price need a size > 0" in inspect(mbp).problems[0].what


def test_windows_open_with_the_book_as_it_is(vendor: Any, tmp_path: Path) -> None:
    path = vendor.csv_file(tmp_path / "a.csv")
    out = tmp_path / "o.events.csv"
    options = {"start": "45ns", "length": "20ns", "venue": "XNAS"}
    report = converter("databento")([path], out, options)
    assert report.venues == ("XNAS",)
    assert report.statistics["source_begin_ns"] == T0 + 45
    assert out.read_text().splitlines()[1:] == [
        "0,XNAS,clear,,,,",
        "0,XNAS,add,bid,9.98,200,1",
        "0,XNAS,add,bid,9.98,200,2",
        "0,XNAS,add,ask,10.02,100,3",
        "0,XNAS,add,ask,10.02,50,4",
        "5,XNAS,execute,ask,10.02,100,3",
        "5,XNAS,execute,ask,10.02,20,4",
        "15,XNAS,trade,,10,7,",
    ]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"start": "1"}, "option start: must be a duration"),
        ({"length": "0s"}, "option length must be > 0"),
        ({"start": "9s"}, "the window holds no event"),
        ({"clock": "noon"}, "option clock: must be start or source"),
        ({"venue": "a:b,c"}, "option venue: must be NAME"),
        ({"time": "x"}, "option time: must be event or receipt"),
        ({"instrument": "x"}, "option instrument: must be a whole number"),
        ({"skip_bad": "maybe"}, "option skip_bad: must be yes or no"),
        ({"tick": "0"}, "options tick and lot must be > 0"),
        ({"nonsense": "1"}, "unknown option nonsense"),
    ],
)
def test_wrong_options_are_refused(
    vendor: Any, tmp_path: Path, options: dict[str, str], what: str
) -> None:
    path = vendor.csv_file(tmp_path / "a.csv")
    with pytest.raises(ConversionError, match=what):
        converter("databento")([path], tmp_path / "o.events.csv", options)
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]


def test_outputs_that_cannot_be_are_refused(vendor: Any, tmp_path: Path) -> None:
    path = vendor.csv_file(tmp_path / "a.csv")
    for name, what in (("o.csv", "must end in .events.csv"), ("o.l2.csv", "have no event add")):
        with pytest.raises(ConversionError, match=what):
            converter("databento")([path], tmp_path / name, {})
    with pytest.raises(ConversionError, match="needs exactly one input"):
        converter("databento")([path, path], tmp_path / "o.events.csv", {})
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]


def test_codes_are_those_of_the_records() -> None:
    assert "".join(ACTIONS) == "ACFMNRT"
    assert set(SIDES) == {"A", "B", "N"}
