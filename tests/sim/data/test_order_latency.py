"""A log of order states becomes measured round trips; what is unclear is listed, not repaired."""

from pathlib import Path

import pytest

from sim.data import converter
from sim.data.conversion import ConversionError, ConversionReport
from sim.data.order_latency import HEADER
from sim.kernel.latency.round_trips import read_round_trips
from sim.protocol.errors import DataFormatError

MS = 1_000_000
LOG = """\
1000,A,PENDING_CREATE
1044,A,CREATED
2000,A,PENDING_CANCEL
2030,A,CANCELED
3000,B,PENDING_CREATE
3000,B,CREATED
4000,M,PENDING_EXECUTE
4080,M,EXECUTED
4081,M,CREATED
"""


def convert(tmp_path: Path, log: str, **options: str) -> ConversionReport:
    path = tmp_path / "log.csv"
    path.write_text(f"{HEADER}\n{log}", encoding="utf-8")
    return converter("order_latency")([path], tmp_path / "out" / "trips.csv", options)


def test_round_trips_of_both_kinds(tmp_path: Path) -> None:
    report = convert(tmp_path, LOG, source="a repository (MIT)")
    out = tmp_path / "out" / "trips.csv"
    head, digest, *rows = out.read_text().splitlines()
    assert head == "# source: a repository (MIT)"
    assert digest.startswith("# sha256 of its content: ")
    assert rows == ["kind,round_trip_ms", "create,44", "cancel,30", "create,0"]
    assert read_round_trips(out, "create") == [44 * MS, 0]
    assert read_round_trips(out, "cancel") == [30 * MS]
    assert (report.rows, report.files, report.problems) == (3, ("trips.csv",), ())
    assert (report.first_ns, report.last_ns) == (1000 * MS, 3000 * MS)
    assert report.statistics["orders"] == 3
    assert report.statistics["market_orders"] == 1
    assert report.statistics["round_trips_ms"]["create"] == {
        "count": 2, "least": 0, "p5": 2, "p50": 22, "p95": 42, "p99": 44, "largest": 44
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("5000,C,PENDING_CREATE", "log.csv:11: create never answered, order C"),
        ("5000,C,PENDING_CANCEL", "log.csv:11: cancel never answered, order C"),
        ("5000,C,CREATED", "log.csv:11: create answered but never asked for, order C"),
        ("5000,C,CANCELED", "log.csv:11: cancel answered but never asked for, order C"),
        (
            "5000,C,PENDING_CREATE\n5001,C,CREATED\n5002,C,CREATED",
            "log.csv:11: create with 1 requests and 2 answers, order C",
        ),
        (
            "5000,C,PENDING_CREATE\n5000,C,PENDING_CREATE\n5002,C,CREATED",
            "log.csv:11: create with 2 requests and 1 answers, order C",
        ),
        ("5000,A,CREATED", "log.csv:2: create with 1 requests and 2 answers, order A"),
        (
            "5000,C,CREATED\n5003,C,PENDING_CREATE",
            "log.csv:12: create answered 3 ms before it was asked for, order C",
        ),
        ("500,X,EXECUTED", "log.csv:11: time goes back, from 4081 to 500 ms"),
    ],
)
def test_what_is_unclear_is_left_out_and_listed(tmp_path: Path, rows: str, problem: str) -> None:
    report = convert(tmp_path, f"{LOG}{rows}\n")
    assert report.problems == (problem,)
    assert report.rows == (2 if "order A" in problem else 3)


def test_round_trips_stand_in_the_order_of_their_requests(tmp_path: Path) -> None:
    log = "9,B,PENDING_CREATE\n9,B,CREATED\n1,A,PENDING_CREATE\n8,A,CREATED\n"
    report = convert(tmp_path, log)
    assert read_round_trips(tmp_path / "out" / "trips.csv", "create") == [7 * MS, 0]
    assert len(report.problems) == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,A", "must have 3 fields"),
        ("1,A,CREATED,x", "must have 3 fields"),
        ("1,,CREATED", "must have 3 fields"),
        ("", "must have 3 fields"),
        ("-1,A,CREATED", "whole milliseconds"),
        ("1.5,A,CREATED", "whole milliseconds"),
        ("\uff11,A,CREATED", "whole milliseconds"),
        ("9" * 15 + ",A,CREATED", "whole milliseconds"),
        ("1,A,created", "Status must be one of CANCELED, CREATED"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(DataFormatError, match=message) as caught:
        convert(tmp_path, f"{LOG}{row}\n")
    assert caught.value.line == 11
    assert not (tmp_path / "out").exists()


def test_a_wrong_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text(LOG)
    with pytest.raises(DataFormatError, match="the first line must be") as caught:
        converter("order_latency")([path], tmp_path / "o", {})
    assert caught.value.line == 1
    path.write_text("")
    with pytest.raises(DataFormatError, match="is empty"):
        converter("order_latency")([path], tmp_path / "o", {})


def test_a_log_without_round_trips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match="holds no order with a request and its answer"):
        convert(tmp_path, "1,A,CREATED\n")


@pytest.mark.parametrize("count", [0, 2])
def test_exactly_one_input_is_needed(tmp_path: Path, count: int) -> None:
    with pytest.raises(ConversionError, match=f"exactly one input, got {count}"):
        converter("order_latency")([tmp_path / "f"] * count, tmp_path / "o", {})


@pytest.mark.parametrize("source", ["two\nlines", "ü", "x" * 301])
def test_the_source_is_one_plain_line(tmp_path: Path, source: str) -> None:
    with pytest.raises(ConversionError, match="option source: must be one line"):
        convert(tmp_path, LOG, source=source)


def test_an_unknown_option_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="unknown option start; known are: source"):
        convert(tmp_path, LOG, start="1s")


def test_an_output_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ConversionError, match="cannot write"):
        convert(tmp_path, LOG)
