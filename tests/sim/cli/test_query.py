"""``sorsim query``: tables beside the log, and answers in three forms."""

import errno
import json
import re
from pathlib import Path
from typing import Any

import pytest

Invoke = Any  # see conftest


@pytest.fixture
def run(tmp_path: Path, invoke: Invoke) -> Path:
    """A run's folder."""
    assert invoke("run", "partial_fill", "--quiet", "--out", "run").code == 0
    return tmp_path / "run"


def test_tables_are_listed_and_lie_beside_the_log(run: Path, invoke: Invoke) -> None:
    done = invoke("query", "run")
    assert done.code == 0
    assert "fills: what traded, as the router heard of it" in done.out
    assert "  heard_ns         when the router heard of it" in done.out
    assert (run / "children.parquet").is_file()
    tables = json.loads(invoke("query", "run", "--json").out)["tables"]
    assert [one["name"] for one in tables][:3] == ["parents", "children", "fills"]
    assert all(Path(one["file"]).is_file() for one in tables)


def test_answers_come_as_a_table_json_or_csv(run: Path, invoke: Invoke) -> None:
    sql = "select venue_id, sum(qty) as lots, min(price) as low from fills group by 1 order by 1"
    shown = invoke("query", "run", sql)
    assert shown.code == 0
    assert "NASDAQ     25,000   100.00" in shown.out
    document = json.loads(invoke("query", "run", sql, "--json").out)
    assert document["rows"][0] == {"venue_id": "DARK_A", "lots": 20_000, "low": "100.01"}
    assert document["columns"] == ["venue_id", "lots", "low"]
    lines = invoke("query", "run/audit.jsonl", sql, "--csv").out.splitlines()
    assert lines[:2] == ["venue_id,lots,low", "DARK_A,20000,100.01"]


def test_columns_of_one_name_are_told_apart_in_json(run: Path, invoke: Invoke) -> None:
    document = json.loads(invoke("query", "run", "select 1 a, 2 a", "--json").out)
    assert document["rows"] == [{"a": 1, "a_2": 2}]


def test_a_wide_answer_stands_in_blocks_on_a_terminal(
    run: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere it is one table, however wide: programs read it by columns."""
    sql = "select * from children order by 1"
    wide = invoke("query", "run", sql).out.splitlines()
    assert len(wide[0]) > 200
    for name, value in (("FORCE_COLOR", "1"), ("NO_COLOR", "1"), ("COLUMNS", "80")):
        monkeypatch.setenv(name, value)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", invoke("query", "run", sql).out).splitlines()
    assert max(map(len, lines)) <= 80
    heads = [line.split() for line in lines if line.startswith("cl_ord_id")]
    assert [heads[0][0], *(name for head in heads for name in head[1:])] == wide[0].split()


def test_a_long_answer_says_what_it_leaves_out(run: Path, invoke: Invoke) -> None:
    done = invoke("query", "run", "select * from range(300)")
    assert "... and 100 rows more" in done.out
    assert "no rows" in invoke("query", "run", "select * from fills where false").out


def test_a_log_that_is_cut_off_says_so(run: Path, tmp_path: Path, invoke: Invoke) -> None:
    lines = (run / "audit.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "cut.jsonl").write_bytes(b"".join(lines[:12]))
    done = invoke("query", "cut.jsonl", "select count(*) n from children", "--tables", "new")
    assert done.code == 0
    assert "without run_finished" in done.err
    assert (tmp_path / "new" / "fills.parquet").is_file()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["query", "run", "select x from fills"], "x"),
        (["query", "run", "select 1", "--csv", "--json"], "--csv and --json cannot both be"),
        (["query", "run", "--csv"], "--csv needs SQL"),
        (["query", "nowhere", "select 1"], "nowhere"),
    ],
)
def test_what_cannot_be_answered_is_said(
    run: Path, invoke: Invoke, args: list[str], says: str
) -> None:
    done = invoke(*args)
    assert done.code == 2
    assert says in done.err


def test_a_file_in_the_way_is_not_touched(run: Path, invoke: Invoke) -> None:
    (run / "fills.parquet").write_text("mine")
    done = invoke("query", "run", "select 1")
    assert done.code == 2
    assert "fills.parquet: is no table of a run" in done.err
    assert (run / "fills.parquet").read_text() == "mine"


def test_a_run_writes_its_tables_where_it_is_asked_to(tmp_path: Path, invoke: Invoke) -> None:
    assert invoke("run", "partial_fill", "--quiet", "--out", "later").code == 0
    assert invoke("query", "later").code == 0
    done = invoke("run", "partial_fill", "--tables", "--out", "run")
    assert done.code == 0
    assert "tables     run/*.parquet" in done.out
    files = sorted(path.name for path in (tmp_path / "run").glob("*.parquet"))
    assert "children.parquet" in files
    for name in files:
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "later" / name).read_bytes()
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert set(files) <= set(manifest["files"])
    document = json.loads(invoke("run", "partial_fill", "--tables", "--out", "again", "--json").out)
    assert document["tables"]["fills"] == "again/fills.parquet"


def test_a_run_does_not_write_over_tables(tmp_path: Path, invoke: Invoke) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "fills.parquet").write_text("mine")
    done = invoke("run", "partial_fill", "--tables", "--out", "new")
    assert done.code == 2
    assert "fills.parquet: is there already" in done.err
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["fills.parquet"]


def test_a_full_disk_leaves_no_half_table(
    run: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        whole(path, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_bytes", full)
        done = invoke("query", "run", "select 1")
    assert done.code == 2
    assert "No space left on device" in done.err
    assert not list(run.glob("*.parquet*"))
    assert invoke("query", "run", "select 1").code == 0
