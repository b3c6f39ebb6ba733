"""``sorsim convert`` of order data: bad rows, options, and what it says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HEADER = "ts_event,publisher_id,action,side,price,size,sequence,order_id\n"
ROWS = [f"2025-07-17T07:05:09.{n:03d}Z,2,A,B,9.{n:03d},5,{n},{n}\n" for n in range(1, 101)]


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "mbo.csv"
    path.write_text(HEADER + "".join(ROWS[:3]) + ROWS[3].replace(",9.", ",9 .") + ROWS[4])
    return path


def test_C01_a_bad_row_stops_the_conversion_and_leaves_nothing(
    invoke: Callable[..., Any], bad: Path
) -> None:
    done = invoke("convert", "databento", "mbo.csv", "o.events.csv")
    assert done.code == 2
    assert "mbo.csv:5: price must be a plain decimal number" in done.err
    assert [file.name for file in bad.parent.iterdir()] == ["mbo.csv"]


@pytest.mark.parametrize("how", [["--skip-bad"], ["-o", "skip_bad=yes"]])
def test_C01_with_skip_bad_it_is_left_out_counted_and_listed(
    invoke: Callable[..., Any], bad: Path, how: list[str]
) -> None:
    done = invoke("convert", "databento", "mbo.csv", "o.events.csv", *how)
    assert done.code == 0
    assert "4 rows to o.events.csv" in done.out
    assert "mbo.csv: 1 x row left out" in done.err
    assert "mbo.csv:5: price must be" in done.err
    assert "one publisher (2)" in done.err
    done = invoke("convert", "databento", "mbo.csv", "p.events.csv", *how, "--json")
    assert json.loads(done.out)["statistics"]["left_out"] == 1
    assert invoke("convert", "databento", "mbo.csv", "o.events.csv", *how).code == 2


def test_C01_a_long_list_of_bad_rows_is_cut_for_people(
    invoke: Callable[..., Any], bad: Path
) -> None:
    bad.write_text(HEADER + ROWS[0] + "".join(row.replace(",9.", ",9 .") for row in ROWS[1:]))
    done = invoke("convert", "databento", "mbo.csv", "o.events.csv", "--skip-bad")
    assert done.code == 0
    assert "99 x row left out" in done.err
    assert "more lines (--json has them all)" in done.err


def test_a_format_that_leaves_nothing_out_says_so(invoke: Callable[..., Any], bad: Path) -> None:
    done = invoke("convert", "binance_l2", "mbo.csv", "o", "--skip-bad")
    assert done.code == 2
    assert "never leaves rows out" in done.err


def test_every_format_is_listed_with_its_source(invoke: Callable[..., Any]) -> None:
    entries = json.loads(invoke("list", "formats", "--json").out)["formats"]
    found = {entry["name"]: entry for entry in entries}
    for name in ("databento", "events", "lobster"):
        assert found[name]["about"]
        assert found[name]["source"]
