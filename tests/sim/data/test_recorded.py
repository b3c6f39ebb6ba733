"""Our recorded format: what is written is read, and whatever else stands in a file is refused."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.data import recorded
from sim.data.recorded import HEADER, RecordedWriter, read_recorded, write_recorded
from sim.protocol.enums import Side
from sim.protocol.errors import DataFormatError
from sim.protocol.market_data import (
    AnchorShift,
    BookClear,
    LevelChange,
    RecordedEvent,
    RecordedGroup,
    Trade,
)
from sim.protocol.units import MAX_LOTS, MAX_NS, MAX_TICKS, PriceTicks, QtyLots, TimeNs, Units

UNITS = Units(Decimal("0.01"), Decimal("0.00001"))

SIDES = st.sampled_from([Side.BUY, Side.SELL])
PRICES = st.integers(1, MAX_TICKS).map(PriceTicks)
QTYS = st.integers(0, MAX_LOTS).map(QtyLots)
EVENTS: st.SearchStrategy[RecordedEvent] = st.one_of(
    st.builds(LevelChange, SIDES, PRICES, QTYS),
    st.builds(AnchorShift, SIDES, st.integers(-MAX_TICKS, MAX_TICKS).map(PriceTicks)),
    st.builds(Trade, PRICES, st.integers(1, MAX_LOTS).map(QtyLots), SIDES),
    st.just(BookClear()),
)
GROUPS = st.lists(
    st.tuples(st.integers(0, MAX_NS), st.lists(EVENTS, min_size=1, max_size=5)),
    max_size=8,
    unique_by=lambda item: item[0],
).map(lambda items: [RecordedGroup(TimeNs(t), tuple(e)) for t, e in sorted(items, key=_time)])


def _time(item: tuple[int, list[RecordedEvent]]) -> int:
    return item[0]


def read_text(tmp_path: Path, *rows: str, header: str = HEADER) -> list[RecordedGroup]:
    path = tmp_path / "f.l2.csv"
    path.write_text("".join(row + "\n" for row in (header, *rows)), encoding="utf-8")
    return list(read_recorded(path, UNITS))


@settings(max_examples=20)  # each example is a file
@given(GROUPS, st.sampled_from(["f.l2.csv.gz", "f.csv"]))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, groups: list[RecordedGroup], name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    rows = write_recorded(path, groups, UNITS)
    assert rows == sum(len(group.events) for group in groups)
    assert list(read_recorded(path, UNITS)) == groups


def test_each_event_has_its_row(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    events = (
        BookClear(),
        AnchorShift(Side.BUY, PriceTicks(-125)),
        LevelChange(Side.BUY, PriceTicks(6183763), QtyLots(154698)),
        LevelChange(Side.SELL, PriceTicks(6183764), QtyLots(0)),
        Trade(PriceTicks(6183764), QtyLots(1), Side.BUY),
        Trade(PriceTicks(6183763), QtyLots(2), Side.SELL),
    )
    write_recorded(path, [RecordedGroup(TimeNs(7), events)], UNITS)
    assert path.read_text().splitlines() == [
        HEADER,
        "7,clear,,,",
        "7,shift,bid,-1.25,",
        "7,level,bid,61837.63,1.54698",
        "7,level,ask,61837.64,0.00000",
        "7,trade,buy,61837.64,0.00001",
        "7,trade,sell,61837.63,0.00002",
    ]


def test_rows_of_one_time_are_one_group(tmp_path: Path) -> None:
    groups = read_text(tmp_path, "0,clear,,,", "0,level,bid,1,1", "5,level,bid,1,2")
    assert [(group.t_ns, len(group.events)) for group in groups] == [(0, 2), (5, 1)]


def test_a_group_may_span_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.data.packed.BLOCK_BYTES", 16)
    groups = read_text(tmp_path, "3,clear,,,", "3,level,bid,1,1", "3,level,ask,2,1")
    assert [len(group.events) for group in groups] == [3]


def test_a_file_of_only_a_header_has_no_groups(tmp_path: Path) -> None:
    assert read_text(tmp_path) == []


def test_other_line_ends_and_fewer_digits_are_read(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(f"{HEADER}\r\n0,level,bid,5,1.5\r\n".encode())
    (group,) = read_recorded(path, UNITS)
    assert group.events == (LevelChange(Side.BUY, PriceTicks(500), QtyLots(150000)),)


GOOD = "5,level,bid,1.00,1.00000"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("4,level,bid,1.00,1", "t_ns must not go back, was 4 after 5"),
        ("-1,level,bid,1.00,1", "t_ns must be a whole number"),
        ("1.5,level,bid,1.00,1", "t_ns must be a whole number"),
        ("\uff15,level,bid,1.00,1", "t_ns must be a whole number"),
        (",level,bid,1.00,1", "t_ns must be a whole number"),
        ("05,level,bid,1.00,1", "no leading zero"),
        (f"{MAX_NS + 1},level,bid,1.00,1", "at most"),
        ("9" * 20 + ",level,bid,1.00,1", "t_ns must be a whole number"),
        ("6,level,bid,1.005,1", "whole multiple of the tick size"),
        ("6,level,bid,-1.00,1", "price must be > 0"),
        ("6,level,bid,0.00,1", "price must be > 0"),
        ("6,level,bid,nan,1", "plain decimal"),
        ("6,level,bid,1e3,1", "plain decimal"),
        ("6,level,bid,\uff11.00,1", "plain decimal"),
        ("6,level,bid,,1", "plain decimal"),
        ("6,level,bid,1.00,-1", "qty must be >= 0"),
        ("6,level,bid,1.00,0.000001", "whole multiple of the lot size"),
        ("6,level,bid,1.00,NaN", "plain decimal"),
        ("6,level,bid,1.00,", "plain decimal"),
        ("6,level,bid,1.00,1" + "0" * 30, "at most"),
        ("6,level,buy,1.00,1", "side of level must be bid or ask, was 'buy'"),
        ("6,level,,1.00,1", "side of level must be bid or ask"),
        ("6,trade,bid,1.00,1", "side of trade must be buy or sell, was 'bid'"),
        ("6,trade,buy,1.00,0", "qty of a trade must be > 0"),
        ("6,shift,buy,1.00,", "side of shift must be bid or ask"),
        ("6,shift,bid,1.00,1", "qty must be empty"),
        ("6,shift,bid,0.001,", "whole multiple of the tick size"),
        ("6,clear,bid,,", "must be empty"),
        ("6,Clear,,,", "event must be one of clear, level, shift, trade, was 'Clear'"),
        ("6,level,bid,1.00", "must have 5 fields"),
        ("6,level,bid,1.00,1,", "must have 5 fields"),
        ("", "must have 5 fields"),
        ("# note", "must have 5 fields"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(DataFormatError, match=message) as caught:
        read_text(tmp_path, GOOD, row)
    assert caught.value.line == 3
    assert caught.value.file.endswith("f.l2.csv")


def test_groups_before_a_wrong_row_are_read(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"{HEADER}\n{GOOD}\n6,clear,,,\n6,x,,,\n")
    groups = read_recorded(path, UNITS)
    assert next(groups).t_ns == 5
    with pytest.raises(DataFormatError):
        next(groups)


@pytest.mark.parametrize("header", ["t_ns,event", "", "\ufeff" + HEADER, GOOD])
def test_a_wrong_header_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(DataFormatError, match="the first line must be") as caught:
        read_text(tmp_path, GOOD, header=header)
    assert caught.value.line == 1


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(b"")
    with pytest.raises(DataFormatError, match="is empty"):
        list(read_recorded(path, UNITS))


def test_a_line_of_hostile_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match="at most 4096 bytes"):
        read_text(tmp_path, "x" * 2_000_000)


def test_a_group_of_hostile_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "MAX_GROUP_EVENTS", 10)
    with pytest.raises(DataFormatError, match="more than 10 rows have t_ns 5"):
        read_text(tmp_path, *[GOOD] * 11)


BAD_GROUPS = {
    "empty": RecordedGroup(TimeNs(1), ()),
    "price": RecordedGroup(TimeNs(1), (LevelChange(Side.BUY, PriceTicks(0), QtyLots(1)),)),
    "qty": RecordedGroup(TimeNs(1), (LevelChange(Side.BUY, PriceTicks(1), QtyLots(-1)),)),
    "trade": RecordedGroup(TimeNs(1), (Trade(PriceTicks(1), QtyLots(0), Side.BUY),)),
    "huge price": RecordedGroup(
        TimeNs(1), (LevelChange(Side.BUY, PriceTicks(MAX_TICKS + 1), QtyLots(1)),)
    ),
    "huge shift": RecordedGroup(TimeNs(1), (AnchorShift(Side.BUY, PriceTicks(-MAX_TICKS - 1)),)),
    "huge qty": RecordedGroup(
        TimeNs(1), (LevelChange(Side.BUY, PriceTicks(1), QtyLots(MAX_LOTS + 1)),)
    ),
    "time": RecordedGroup(TimeNs(-1), (BookClear(),)),
}


@pytest.mark.parametrize("name", BAD_GROUPS)
def test_the_writer_refuses_what_the_reader_would(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="must"):
        write_recorded(tmp_path / "f.csv", [BAD_GROUPS[name]], UNITS)
    assert list(tmp_path.iterdir()) == []


def test_the_writer_wants_rising_times(tmp_path: Path) -> None:
    group = RecordedGroup(TimeNs(3), (BookClear(),))
    with RecordedWriter(tmp_path / "f.csv", UNITS) as writer:
        writer.write(group)
        with pytest.raises(ValueError, match="t_ns must be > 3"):
            writer.write(group)
