"""Comma-separated text to columns: values, and the line of what is wrong."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.data.columns import Sheet, check_fields, sheets
from sim.data.inspection import Problems
from sim.protocol.errors import DataFormatError
from sim.protocol.units import parse_decimal


def sheet(text: str, *names: str, strict: bool = False) -> tuple[Sheet, Problems]:
    problems = Problems(Path("f.csv"), strict=strict)
    return Sheet(text.encode(), names or ("a",), 2, problems), problems


def listed(problems: Problems) -> list[tuple[int, str]]:
    return [(one.line, one.what) for one in problems.listed()]


@given(st.decimals(-999_999_999, 999_999_999, allow_nan=False, places=9))
def test_decimals_are_exact(value: object) -> None:
    text = format(value, "f")
    found, problems = sheet(f"{text}\n")
    assert found.decimal(0).tolist() == [int(parse_decimal(text) * 10**9)]
    assert found.finish().all()
    assert problems.total == 0


@pytest.mark.parametrize(
    "text",
    ["", "-", ".", "1.", ".5", "1e3", "+1", "1_0", "1 0", "nan", "inf", "0x1", "1.0000000001",
     "9" * 11, "1" * 19, "--1", "1.2.3", "\x00", "\u0661", '"1"', "1,5"[:1] + ";5"],
)  # fmt: skip
def test_D05_D06_what_is_no_decimal_is_refused_with_its_line(text: str) -> None:
    found, problems = sheet(f"1.5\n{text}\n2\n")
    found.decimal(0)
    assert found.finish().tolist() == [True, False, True]
    ((line, what),) = listed(problems)
    assert line == 3
    assert what.startswith("a must be a plain decimal number")


@given(st.integers(0, 2**64 - 1))
def test_whole_numbers_up_to_64_bits(value: int) -> None:
    found, _ = sheet(f"{value}\n")
    assert found.unsigned(0, bound=2**64 - 1).tolist() == [value]
    assert found.finish().all()


@pytest.mark.parametrize("text", ["18446744073709551616", "99999999999999999999", "1" * 21, "-1"])
def test_D06_whole_numbers_beyond_64_bits_are_refused(text: str) -> None:
    found, problems = sheet(f"{text}\n")
    found.unsigned(0, bound=2**64 - 1)
    assert not found.finish().any()
    assert problems.total == 1


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2025-07-17T07:05:09.035627674Z", 1_752_735_909_035_627_674),
        ("2024-02-29T23:59:59.5Z", 1_709_251_199_500_000_000),
        ("1752735909035627674", 1_752_735_909_035_627_674),
    ],
)
def test_utc_times(text: str, ns: int) -> None:
    found, _ = sheet(f"{text}\n")
    assert found.utc_time(0).tolist() == [ns]
    assert found.finish().all()


@pytest.mark.parametrize(
    "text",
    ["2025-07-17T07:05:09", "2025-07-17T07:05:09+02:00", "2025-07-17 07:05:09Z",
     "2025-02-29T00:00:00Z", "2025-13-01T00:00:00Z", "2025-07-17T24:00:00Z",
     "2025-07-17T07:05:60Z", "2025-07-17T07:05:09.Z", "2025-07-17T07:05:09.1234567890Z",
     "2025-07-17T07:05:09.12x4Z", "", "-5", "1" * 20, "1969-12-31T23:59:59Z",
     "2262-01-01T00:00:00Z"],
)  # fmt: skip
def test_C02_times_without_a_zone_or_date_are_refused(text: str) -> None:
    found, problems = sheet(f"{text}\n")
    found.utc_time(0)
    assert not found.finish().any()
    assert problems.total == 1


def test_C02_a_time_that_goes_back_is_refused_and_the_next_compared_with_the_good_one() -> None:
    found, problems = sheet("5\n3\n4\n5\n9\n")
    found.refuse_back(found.whole(0), 4)
    assert found.finish().tolist() == [True, False, False, True, True]
    assert listed(problems)[0] == (3, "t_ns must not go back, was 3 after 5")


def test_C01_ragged_rows_keep_their_lines() -> None:
    found, problems = sheet("1,2\n3\n4,5,6\n\n7,8\n9,x\n", "a", "b")
    assert found.line.tolist() == [2, 6, 7]
    assert found.whole(0).tolist() == [1, 7, 9]
    found.whole(1)
    assert found.finish().tolist() == [True, True, False]
    assert [line for line, _ in listed(problems)] == [3, 4, 5, 7]
    assert listed(problems)[0][1] == "a row must have 2 fields (a,b), found 1 in '3'"
    assert problems.left_out == 4


def test_C01_a_row_of_whole_rows_length_is_ragged_all_the_same() -> None:
    """Two rows of one and three fields have as many separators as two good ones."""
    found, problems = sheet("1\n2,3,4\n", "a", "b")
    assert len(found) == 0
    assert found.finish().tolist() == []
    assert problems.left_out == 2


def test_strict_problems_raise_at_the_first_line_whatever_the_column() -> None:
    found, _ = sheet("1,2\n1,x\ny,2\n", "a", "b", strict=True)
    found.whole(0)
    found.whole(1)
    with pytest.raises(DataFormatError, match=r"^f.csv:3: b must be a whole number"):
        found.finish()


def test_choice_and_names() -> None:
    found, problems = sheet("bid,X\nask,Y1\nbod,X\nbid,\nask,a b\n", "side", "venue")
    assert found.choice(0, {"bid": 1, "ask": 2}).tolist()[:2] == [1, 2]
    known = ["Y1"]
    assert found.name(1, known).tolist()[:2] == [1, 0]
    assert known == ["Y1", "X"]
    assert found.finish().tolist() == [True, True, False, False, False]
    assert [line for line, _ in listed(problems)] == [4, 5, 6]


@given(st.lists(st.integers(-(10**17), 10**17), min_size=1, max_size=30))
def test_whole_numbers_of_any_length_side_by_side(values: list[int]) -> None:
    found, _ = sheet("".join(f"{value}\n" for value in values))
    assert found.whole(0).tolist() == values
    assert found.finish().all()


def test_C01_empty_file_header_only_and_another_header(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    problems = Problems(path)
    path.write_bytes(b"")
    with pytest.raises(DataFormatError, match=r"f.csv:1: is empty; the first line must be 'a,b'"):
        list(sheets(path, "a,b", ("a", "b"), problems))
    path.write_bytes(b"a,c\n1,2\n")
    with pytest.raises(DataFormatError, match=r"f.csv:1: the first line must be 'a,b', was 'a,c'"):
        list(sheets(path, "a,b", ("a", "b"), problems))
    path.write_bytes(b"a,b\r\n")
    assert list(sheets(path, "a,b", ("a", "b"), problems)) == []
    path.write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n3,4")
    found = list(sheets(path, "a,b", ("a", "b"), problems))
    assert [one.whole(1).tolist() for one in found] == [[2], [4]]
    assert [one.line.tolist() for one in found] == [[2], [3]]


def test_C01_a_cut_file_is_read_up_to_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    text = "a\n" + "".join(f"{n}\n" for n in range(20_000))
    path.write_bytes(gzip.compress(text.encode())[:-3000])
    problems = Problems(path, strict=False)
    rows = [row for one in sheets(path, "a", ("a",), problems) for row in one.whole(0).tolist()]
    assert rows == list(range(len(rows)))
    assert 0 < len(rows) < 20_000
    ((line, what),) = listed(problems)
    assert line == len(rows) + 2
    assert "nothing from here on was read" in what
    with pytest.raises(DataFormatError, match=f":{line}: the gzip data is cut off"):
        list(sheets(path, "a", ("a",), Problems(path)))


def test_C01_missing_and_doubled_columns_are_named() -> None:
    with pytest.raises(DataFormatError, match="lacks the columns c, d"):
        check_fields(Path("f"), ["a", "b"], ["a", "c", "d"])
    with pytest.raises(DataFormatError, match="names 'a' twice"):
        check_fields(Path("f"), ["a", "a"], ["a"])
