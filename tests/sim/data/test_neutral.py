"""Neutral events: written and read again, and every rule of a row."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.data import converter
from sim.data.conversion import ConversionError
from sim.data.events import COLUMNS, EVENT_WORDS, Event, EventBlock, join_blocks, make_block
from sim.data.inspection import Problems
from sim.data.neutral import HEADER, decimal_text, event_writer, read_events
from sim.protocol.errors import DataFormatError, MissingExtraError

ENDINGS = ["csv", "csv.gz", "csv.zst", "parquet"]
ROWS = """\
0,X,clear,,,,
0,X,add,bid,9.99,100,1
5,Y,add,ask,10.01,5.5,18446744073709551615
5,X,modify,bid,9.98,70,1
6,X,reduce,,,20,1
6,Y,reduce,ask,10.01,1,18446744073709551615
7,X,execute,bid,9.98,50,1
8,Y,delete,,,,18446744073709551615
8,X,trade,buy,10.005,3,
8,X,trade,,10.005,3,
9,Z,level,ask,10.02,0,
9,Z,level,bid,0.000000001,1000000000,
10,X,halt,,,,
1700000000000000000,X,resume,,,,
"""


def write(path: Path, text: str) -> Path:
    path.write_text(f"{HEADER}\n{text}")
    return path


def read(path: Path, problems: Problems | None = None) -> tuple[EventBlock, tuple[str, ...]]:
    reader = read_events(path, problems)
    block = join_blocks(list(reader.blocks()))
    return block, reader.venues


def same(one: EventBlock, other: EventBlock) -> bool:
    names = [name for name in COLUMNS if name != "line"]
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_event_is_written_and_read_again(tmp_path: Path, ending: str) -> None:
    block, venues = read(write(tmp_path / "in.events.csv", ROWS))
    assert venues == ("X", "Y", "Z")
    assert block.line.tolist() == list(range(2, 16))
    assert block.price.tolist()[1:3] == [9_990_000_000, 10_010_000_000]
    assert block.qty.tolist()[2] == 5_500_000_000
    assert block.side.tolist()[:4] == [0, 1, -1, 1]
    out = tmp_path / f"out.events.{ending}"
    with event_writer(out) as writer:
        writer.write(block.take(slice(0, 5)), venues[:2])
        writer.write(block.take(slice(5, None)), venues)
    assert writer.rows == 14
    again, names = read(out)
    assert same(block, again)
    assert names == venues
    if ending == "csv":
        assert out.read_text() == f"{HEADER}\n{ROWS}"


@pytest.mark.parametrize("ending", ENDINGS)
def test_equal_events_give_equal_bytes(tmp_path: Path, ending: str) -> None:
    block, venues = read(write(tmp_path / "in.events.csv", ROWS))
    for name in ("a", "b"):
        with event_writer(tmp_path / f"{name}.events.{ending}") as writer:
            writer.write(block, venues)
    first, second = sorted(tmp_path.glob(f"[ab].events.{ending}"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("x,X,clear,,,,", "t_ns must be a whole number"),
        ("-1,X,clear,,,,", "t_ns must be a whole number"),
        ("1.5,X,clear,,,,", "t_ns must be a whole number"),
        ("9,X Y,clear,,,,", "venue must be a name"),
        ("9,,clear,,,,", "venue must be a name"),
        ("9,X,bang,,,,", "event must be one of add, modify"),
        ("9,X,add,buy,1,1,1", "side must be bid or ask"),
        ("9,X,add,,1,1,1", "side must be bid or ask"),
        ("9,X,add,bid,,1,1", "price must be > 0"),
        ("9,X,add,bid,0,1,1", "price must be > 0"),
        ("9,X,add,bid,-1,1,1", "price must be > 0"),
        ("9,X,add,bid,1,0,1", "qty must be > 0"),
        ("9,X,add,bid,1,,1", "qty must be > 0"),
        ("9,X,add,bid,1,-5,1", "qty must be > 0"),
        ("9,X,add,bid,1,1,", "order_id must be given"),
        ("9,X,add,bid,1,1,18446744073709551616", "order_id must be a whole number"),
        ("9,X,reduce,,,,1", "qty must be > 0"),
        ("9,X,reduce,buy,,1,1", "side must be bid, ask or empty"),
        ("9,X,execute,,1,1,1", "side must be bid or ask"),
        ("9,X,trade,bid,1,1,", "side of trade must be buy, sell or empty"),
        ("9,X,trade,buy,1,1,7", "order_id must be empty"),
        ("9,X,level,bid,1,,", "qty of level must be given"),
        ("9,X,level,,1,1,", "side must be bid or ask"),
        ("9,X,clear,bid,,,", "must be empty for this event"),
        ("9,X,halt,,1,,", "must be empty for this event"),
        ("9,X,add,bid,1e3,1,1", "price must be a plain decimal"),
        ("9,X,add,bid,1,NaN,1", "qty must be a plain decimal"),
        ("9,X,add,bid,1.0000000001,1,1", "price must be a plain decimal"),
        ("9,X,add,bid,99999999999,1,1", "price must be a plain decimal"),
        ("3,X,clear,,,,", "t_ns must not go back, was 3 after 5"),
        ("9,X,clear,,,", "a row must have 7 fields"),
        ("9,X,clear,,,,,", "a row must have 7 fields"),
        ("9,X,add,bid,1,1,1\x00", "order_id must be a whole number"),
        ('9,"X",clear,,,,', None),
        ("=cmd(),X,clear,,,,", "t_ns must be a whole number"),
        ("", "a row must have 7 fields"),
    ],
)
def test_C01_D04_a_row_that_is_wrong_is_an_error_with_its_line_or_left_out(
    tmp_path: Path, row: str, what: str | None
) -> None:
    path = write(tmp_path / "f.events.csv", f"5,X,clear,,,,\n{row}\n9,X,halt,,,,\n")
    problems = Problems(path, strict=False)
    if what is None:  # a quote is a character like any other
        assert read(path)[1] == ("X", '"X"')
        return
    with pytest.raises(DataFormatError) as caught:
        read(path)
    assert caught.value.line == 3
    assert what in caught.value.message
    block, _ = read(path, problems)
    assert block.line.tolist() == [2, 4]
    assert problems.left_out == 1
    assert [one.line for one in problems.listed()] == [3]


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ({"event": 0}, "event must be a known one"),
        ({"event": 99}, "event must be a known one"),
        ({"venue": 2}, "venue must index one of 2 names"),
        ({"venue": -1}, "venue must index one of 2 names"),
        ({"price": 0}, "price must be > 0"),
        ({"order_id": 0}, "order_id must be given"),
        ({"t_ns": -1}, "t_ns must not go back"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_writer_refuses_what_no_reader_would_take(
    tmp_path: Path, ending: str, columns: dict[str, Any], what: str
) -> None:
    good = {"event": Event.ADD, "side": 1, "price": 1, "qty": 1, "order_id": 1, "t_ns": 3}
    out = tmp_path / f"o.events.{ending}"
    with pytest.raises(ValueError, match=what), event_writer(out) as writer:
        writer.write(make_block(1, **(good | columns)), ("X", "Y"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a b", "", "x" * 65, "a,b", 'a"b', "ä"])
def test_the_writer_refuses_names_that_no_reader_would_take(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(ValueError, match="venue's name"),
        event_writer(tmp_path / "o.events.csv") as writer,
    ):
        writer.write(make_block(1, event=Event.CLEAR), (name,))


def test_a_name_that_tells_no_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in one of .events.csv"):
        event_writer(tmp_path / "o.csv")


@given(st.integers(-(2**63), 2**63 - 1))
def test_decimal_text_is_exact(value: int) -> None:
    whole, _, rest = decimal_text(value).partition(".")
    assert int(whole + rest.ljust(9, "0")) == value or whole == "-0"
    assert not rest.endswith("0")


def test_parquet_of_other_columns_or_types_is_refused(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    path = tmp_path / "f.events.parquet"
    polars.DataFrame({"t_ns": [1]}).write_parquet(path)
    with pytest.raises(DataFormatError, match="must have the columns t_ns Int64, venue String"):
        read(path)
    path.write_bytes(b"PAR1 nonsense PAR1")
    with pytest.raises(DataFormatError, match="cannot be read as Parquet"):
        read(path)
    with pytest.raises(DataFormatError, match="cannot be read"):
        read(tmp_path / "gone.events.parquet")


def test_C01_bad_parquet_rows_are_refused_by_their_number(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    path = tmp_path / "f.events.parquet"
    columns: dict[str, list[Any]] = {
        "t_ns": [1, 2, 1, 4, None],
        "venue": ["X", "X", "X", "Y Z"[:1], "X"],
        "event": ["add", "bang", "clear", "add", "clear"],
        "side": ["bid", "", "", "buy", ""],
        "price": [10**9, 0, 0, 10**9, 0],
        "qty": [10**9, 0, 0, 10**9, 0],
        "order_id": [1, 0, 0, 2, 0],
    }
    kinds = {"t_ns": polars.Int64, "price": polars.Int64, "qty": polars.Int64}
    schema = {name: kinds.get(name, polars.String) for name in columns}
    polars.DataFrame(columns, schema=schema | {"order_id": polars.UInt64}).write_parquet(path)
    problems = Problems(path, strict=False)
    block, _ = read(path, problems)
    assert block.line.tolist() == [1, 3]
    assert [one.line for one in problems.listed()] == [2, 4, 5]


def test_parquet_without_its_library_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(module: str) -> None:
        raise ImportError(module)

    monkeypatch.setattr("sim.kernel.extras.import_module", gone)
    with pytest.raises(MissingExtraError, match="analysis"):
        event_writer(tmp_path / "o.events.parquet")
    with pytest.raises(MissingExtraError, match="analysis"):
        read(tmp_path / "o.events.parquet")


def test_every_event_has_its_word() -> None:
    assert len(set(EVENT_WORDS.values())) == len(Event)


def test_a_block_of_unknown_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown columns"):
        make_block(1, nonsense=1)


def test_the_converter_cuts_windows_renames_and_packs_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "in.events.csv", ROWS.rsplit("17", 1)[0])
    out = tmp_path / "out.events.parquet"
    options = {"start": "6ns", "venue": "X:XNAS,Y:ARCX", "clock": "source"}
    report = converter("events")([path], out, options)
    assert report.venues == ("XNAS", "ARCX", "Z")
    block, venues = read(out)
    assert venues == ("XNAS", "ARCX", "Z")
    assert block.t_ns.tolist()[:7] == [6] * 7
    words = [EVENT_WORDS[Event(one)] for one in block.event.tolist()]
    # What rests at the begin of the window comes first, then the window itself.
    assert words[:6] == ["clear", "add", "clear", "add", "clear", "reduce"]
    assert block.price.tolist()[1] == 9_980_000_000
    with pytest.raises(ConversionError, match="two venues would get the same name"):
        converter("events")([path], tmp_path / "b.events.csv", {"venue": "X:A,Y:A"})
    with pytest.raises(ConversionError, match="the file has 3 venues"):
        converter("events")([path], tmp_path / "b.events.csv", {"venue": "A"})


def test_level_events_of_one_venue_become_a_recording(tmp_path: Path) -> None:
    rows = "0,Z,clear,,,,\n0,Z,level,ask,10.02,5,\n9,Z,trade,,10.02,2,\n9,Z,trade,,10.01,2,\n"
    path = write(tmp_path / "in.events.csv", rows + "9,Z,level,ask,10.02,3,\n")
    out = tmp_path / "out.l2.csv"
    report = converter("events")([path], out, {})
    assert out.read_text().splitlines()[1:] == [
        "0,clear,,,", "0,level,ask,10.02,5", "9,trade,buy,10.02,2", "9,level,ask,10.02,3",
    ]  # fmt: skip
    assert "1 trades without a side, or off tick or lot" in report.problems[0]
    with pytest.raises(ConversionError, match=r"is no whole number of ticks of 0\.05"):
        converter("events")([path], tmp_path / "b.l2.csv", {"tick": "0.05"})
    with pytest.raises(ConversionError, match="tick must be a whole multiple of 1e-9"):
        converter("events")([path], tmp_path / "b.l2.csv", {"tick": "0.0000000001"})
    write(path, rows + "10,Z,halt,,,,\n")
    with pytest.raises(ConversionError, match="have no event halt"):
        converter("events")([path], tmp_path / "b.l2.csv", {})
    write(path, rows + "10,Y,level,bid,1,1,\n")
    with pytest.raises(ConversionError, match="hold one venue, not Z, Y"):
        converter("events")([path], tmp_path / "b.l2.csv", {})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.events.csv", "out.l2.csv"]
