"""C01: whatever a file holds, inspect answers or refuses it as a file; it never breaks.

Small sound samples of each format are edited at random, and a few known tricks are tried on each.
"""

from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.data import FORMATS, converter, converter_options, inspect_format
from sim.data.conversion import ConversionError
from sim.data.inspection import Inspection, InspectOptions
from sim.protocol.errors import DataFormatError, SorsimError

SAMPLES: Final = {
    "binance_raw": (
        '1 {"lastUpdateId":20,"bids":[["100.00","2"]],"asks":[["100.02","3"]]}\n'
        '2 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":0,"s":"BTCUSDT","U":21,'
        '"u":25,"b":[["100.00","5"]],"a":[]}}\n'
        '3 {"stream":"btcusdt@bookTicker","data":{"u":25,"b":"100.00","B":"5","a":"100.02",'
        '"A":"3"}}\n'
    ),
    "hyperliquid": (
        '1 {"channel":"l2Book","data":{"coin":"B","time":1,"levels":[[{"px":"9","sz":"1"}],[]]}}\n'
        '2 {"channel":"trades","data":[{"coin":"B","px":"9","sz":"1","side":"A","time":1}]}\n'
    ),
    "pitch": (
        "S28800011AAK27GA0000DTS000100SH    0000619200Y\n"
        "S28800012XAK27GA0000DT000040\nS28800013EAK27GA0000DT00006000007700004A\n"
    ),
    "bitstamp": (
        "id,timestamp,exchange.timestamp,price,volume,action,direction\n"
        "1,1000,1000,236.47,200000000,created,bid\n1,1002,1000,236.47,0,deleted,bid\n"
    ),
    "tardis": (
        "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
        "x,Y,1000,1010,true,bid,100,5\nx,Y,1001,1011,false,ask,101,0\n"
    ),
    "us_quotes": "34200000,1000000,100,0,0,N,1,0\n34200001,0,0,1000200,200,N,1,0\n",
    "fx_quotes": "17007,1.39147,1.39148\n17264,1.39147,1.39149\n",
    "order_latency": "Timestamp,Order_ID,Status\n1000,A,PENDING_CREATE\n1044,A,CREATED\n",
}
OPTIONS: Final = {
    "pitch": {"symbol": "SH"},
    "us_quotes": {"read_as": "venues"},
    "fx_quotes": {"size": "1", "venues": "A"},
}
JUNK: Final = (
    "", ",", ",,,,,,,,", "=cmd()", "\0", '"', '"a\nb"', "1,000", "1e999", "nan", "-0.0", "\ufeff",
    "\uff11", "99999999999999999999999", "-1", " ", "\r", "\x1b[31m", "{}", "[]", "null", "é",
    "9223372036854775808", "0.0000000001", "\t", ";", "S", "--1", "1.", ".5", "+1",
)  # fmt: skip


LONG_LINE: Final = "9" * 3_000_000
MBO_HEADER: Final = "ts_event,publisher_id,action,side,price,size,sequence,order_id,flags"
LINES: Final = {
    "lobster": ("34200.1,1,5,100,5850000,1", "34200.2,1,6,100,5850000,1"),
    "databento": (MBO_HEADER, "1752735909035627674,2,A,B,5.51,100,1,7,130"),
    "us_quotes": ("34200000,1000000,100,0,0,N,1,0", "34200001,0,0,1000200,200,N,1,0"),
}


@pytest.mark.parametrize("name", LINES)
def test_C01_an_endless_line_is_named_with_the_limit_and_what_is_before_it_counts(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "data.csv"
    path.write_text("\n".join([*LINES[name], LONG_LINE, LINES[name][-1]]) + "\n")
    found = inspect_format(name).inspect(path, InspectOptions())
    assert found.rows == len(LINES[name]) - (name == "databento")
    assert [one.line for one in found.problems] == [3]
    assert "a line may have at most 65536 bytes" in found.problems[0].what
    if name == "lobster":
        return  # a pair, which the window's own tests convert
    options, out = OPTIONS.get(name, {}), tmp_path / "data.events.csv"
    with pytest.raises(DataFormatError, match=r"data\.csv:3: a line may have at most 65536"):
        converter(name)([path], out, options)
    report = converter(name)([path], out, {**options, "skip_bad": "yes"})
    assert any("data.csv:3: a line may have" in one for one in report.problems)


def test_C01_a_file_of_which_nothing_is_left_says_which_and_why(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(f"{MBO_HEADER}\n{LONG_LINE}\n")
    with pytest.raises(ConversionError, match=r"data\.csv: holds no event; data\.csv:2: a line"):
        converter("databento")([path], tmp_path / "o.events.csv", {"skip_bad": "yes"})


@pytest.mark.parametrize("name", ["bitstamp", "tardis", "order_latency"])
def test_C01_a_header_without_rows_is_a_problem(tmp_path: Path, name: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(SAMPLES[name].partition("\n")[0] + "\n")
    found = inspect_format(name).inspect(path, InspectOptions())
    assert found.problem_counts == {"no rows": 1}


def looked_at(name: str, path: Path) -> Inspection | None:
    try:
        return inspect_format(name).inspect(path, InspectOptions())
    except DataFormatError:
        return None


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_sound(tmp_path: Path, name: str) -> None:
    path = tmp_path / "f"
    path.write_text(SAMPLES[name], encoding="utf-8")
    found = looked_at(name, path)
    assert found is not None
    assert found.problem_counts == {}
    assert set(SAMPLES) < set(FORMATS)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
@given(data=st.data())
def test_C01_any_edit_is_answered_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    text = SAMPLES[name]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + data.draw(st.sampled_from(JUNK)) + text[end:]
    folder = tmp_path_factory.mktemp("edited")
    path = folder / "f"
    path.write_text(text, encoding="utf-8", newline="")
    found = looked_at(name, path)
    assert found is None or found.left_out <= found.rows
    options = OPTIONS.get(name, {})
    if "skip_bad" in {option.name for option in converter_options(name)}:
        options = options | {"skip_bad": "yes"}
    try:
        converter(name)([path], folder / "o.events.csv", options)
    except SorsimError:
        assert not (folder / "o.events.csv").exists()


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("text", ["", "\n", "\0", "=cmd()\n", '"a\nb",c\n', "1;2;3\n"])
def test_C01_no_file_of_the_format_is_refused_by_convert(
    tmp_path: Path, name: str, text: str
) -> None:
    path = tmp_path / "f"
    path.write_text(text)
    with pytest.raises(SorsimError):
        converter(name)([path], tmp_path / "o.events.csv", OPTIONS.get(name, {}))


@pytest.mark.parametrize("name", sorted(set(SAMPLES) - {"order_latency"}))
def test_C01_a_header_or_first_row_alone_is_no_market(tmp_path: Path, name: str) -> None:
    path = tmp_path / "f"
    path.write_text(SAMPLES[name].partition("\n")[0] + "\n")
    found = looked_at(name, path)
    assert found is None or found.rows <= 1


@pytest.mark.parametrize("size", ["10000000000", "1e10", "9223372036854775808", "9" * 40])
def test_D06_a_size_beyond_the_range_has_its_line(tmp_path: Path, size: str) -> None:
    path = tmp_path / "f"
    path.write_text(SAMPLES["tardis"] + f"x,Y,1002,1012,false,bid,100,{size}\n")
    with pytest.raises(DataFormatError, match=r"f:4: amount must be"):
        converter("tardis")([path], tmp_path / "o.events.csv", {})
