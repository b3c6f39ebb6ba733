"""A run as tables: frames, Parquet in its folder, and answers to SQL."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl
import pytest

import sim
from sim.audit.records import Fill, Quote, TradePrint
from sim.protocol.errors import AuditFormatError, MissingExtraError, QueryError, TableFileError
from sim.protocol.units import Units
from sim.report.tables.content import TABLES
from sim.report.tables.folder import ensure_tables, table_files
from sim.report.tables.frames import LogFrames
from sim.report.tables.query import ask
from sim.report.trail.build import read_trail
from sim.report.trouble import FaultRow

SCENARIOS = ("fragmented", "partial_fill", "rejects_and_timeouts", "queue_position", "venue_kinds")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One run of each scenario."""
    root = tmp_path_factory.mktemp("runs")
    for name in SCENARIOS:
        sim.run(name, out=root / name)
    return {name: root / name for name in SCENARIOS}


@pytest.mark.parametrize("name", SCENARIOS)
def test_frames_hold_what_the_summary_says(folders: dict[str, Path], name: str) -> None:
    result, frames = sim.run(name), sim.read_log(folders[name])
    assert frames.fault == ""
    for row in result.summary["parents"]:
        mine = frames.fills.filter(pl.col("parent_id") == row["parent_id"])
        assert mine["qty"].sum() == row["filled_qty"]
        assert sum(mine["notional"], Decimal(0)) == Decimal(row["notional"])
        assert sum(mine["fee"], Decimal(0)) == Decimal(row["fees"])
        parent = frames.parents.row(
            by_predicate=pl.col("parent_id") == row["parent_id"], named=True
        )
        assert parent["filled_qty"] == row["filled_qty"]
        assert parent["notional"] == Decimal(row["notional"])
        assert parent["children"] == row["children"]
    short = frames.children["requested_qty"] - frames.children["filled_qty"]
    assert frames.children["short_qty"].to_list() == short.to_list()


def test_faults_are_a_table_and_can_be_asked_for(tmp_path: Path) -> None:
    sim.run("faulty_day", out=tmp_path / "bad")
    frame = sim.read_log(tmp_path / "bad").faults
    assert frame.columns == list(FaultRow._fields)
    files, _ = ensure_tables(tmp_path / "bad", tmp_path / "bad")
    asked = "SELECT fault_id, kind, struck FROM faults WHERE quarantine OR settled_qty > 0"
    assert ask(files, asked).rows == [
        ("outage", "disconnect", 2),
        ("two_stories", "duplicate_exec_id", 1),
    ]
    assert frame["struck"].sum() == 58


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_run_without_faults_has_an_empty_table_of_them(
    folders: dict[str, Path], name: str
) -> None:
    frame = sim.read_log(folders[name]).faults
    assert (frame.height, frame.width) == (0, len(FaultRow._fields))


@pytest.mark.parametrize("name", SCENARIOS)
def test_frames_hold_every_record_of_the_market(folders: dict[str, Path], name: str) -> None:
    records = [record for _, record in sim.read_records(folders[name] / "audit.jsonl")]
    frames = sim.read_log(folders[name])
    assert frames.quotes.height == sum(isinstance(one, Quote) for one in records)
    assert frames.trades.height == sum(isinstance(one, TradePrint) for one in records)
    assert frames.fills.height == sum(isinstance(one, Fill) for one in records)
    assert frames.quotes["t_ns"].is_sorted()


def test_prices_are_exact_and_empty_sides_are_null(folders: dict[str, Path]) -> None:
    frames = sim.read_log(folders["fragmented"])
    assert frames.quotes["bid_px"].null_count() == frames.quotes.height
    assert frames.quotes.schema["ask_px"] == pl.Decimal(38, 2)
    prices = frames.fills.sort("executed_ns", "exec_id")["price"].to_list()
    assert prices[:3] == [Decimal("100.02"), Decimal("100.00"), Decimal("100.01")]


def test_a_tick_with_other_digits_stays_exact(folders: dict[str, Path]) -> None:
    trail = read_trail(folders["fragmented"])
    for tick in ("0.0025", "5", "0.00000001"):
        units = Units(Decimal(tick), Decimal("0.001"))
        frames = LogFrames(replace(trail, units=units))
        ticks = [one.px for one in trail.parents["P1"].executions]
        assert sorted(frames.fills["price"]) == sorted(px * Decimal(tick) for px in ticks)
        whole = units.notional(trail.parents["P1"].tick_lots)
        assert frames.parents["notional"].to_list() == [whole]


def test_files_are_made_once_and_are_equal_bytes(folders: dict[str, Path], tmp_path: Path) -> None:
    log = folders["partial_fill"]
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir()
    b.mkdir()
    files, fault = ensure_tables(log, a)
    assert (list(files), fault) == ([table.name for table in TABLES], "")
    ensure_tables(log, b)
    others = table_files(b)
    assert all(path.read_bytes() == others[name].read_bytes() for name, path in files.items())
    before = {name: path.stat().st_ino for name, path in files.items()}
    files["fills"].rename(tmp_path / "away")
    ensure_tables(log, a)
    after = {name: path.stat().st_ino for name, path in files.items()}
    assert [name for name in before if before[name] != after[name]] == ["fills"]
    assert {path.suffix for path in a.iterdir()} == {".parquet"}


def test_files_of_another_log_are_not_taken_for_ours(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    ensure_tables(folders["partial_fill"], tmp_path)
    with pytest.raises(TableFileError, match=r"parents.parquet: was made from another log"):
        ensure_tables(folders["fragmented"], tmp_path)
    (tmp_path / "parents.parquet").write_text("mine")
    with pytest.raises(TableFileError, match="is no table of a run; move it away"):
        ensure_tables(folders["partial_fill"], tmp_path)
    assert (tmp_path / "parents.parquet").read_text() == "mine"


def test_questions_are_answered(folders: dict[str, Path], tmp_path: Path) -> None:
    files, _ = ensure_tables(folders["partial_fill"], tmp_path)
    answer = ask(files, "SELECT sum(qty), sum(notional) FROM fills;")
    assert answer.rows == [(100_000, Decimal("10000900.00"))]
    sent = ask(files, "SELECT sum(sent_qty) FROM alternatives WHERE decision_id = 1").rows
    assert sent == ask(files, "SELECT taken_qty FROM decisions WHERE decision_id = 1").rows
    asof = """SELECT f.cl_ord_id, q.ask_px FROM fills f ASOF JOIN quotes q
        ON f.venue_id = q.venue_id AND f.executed_ns > q.t_ns ORDER BY f.heard_ns, f.exec_id"""
    assert ask(files, asof).rows[0] == ("P1.NYSE.1", Decimal("100.02"))


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT nothing FROM fills", "nothing"),
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELEC", "syntax error"),
        ("SELECT 1; SELECT 2", "found 2 statements; allowed: one"),
        ("", "found 0 statements; allowed: one"),
    ],
)
def test_wrong_questions_are_refused(
    folders: dict[str, Path], tmp_path: Path, sql: str, says: str
) -> None:
    files, _ = ensure_tables(folders["partial_fill"], tmp_path)
    with pytest.raises(QueryError, match=says):
        ask(files, sql)


def test_a_cut_log_gives_the_tables_of_what_is_there(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    lines = (folders["partial_fill"] / "audit.jsonl").read_bytes().splitlines(keepends=True)
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join(lines[:12]))
    frames = sim.read_log(cut)
    for text in (frames.fault, repr(frames), frames._repr_html_()):
        assert "without run_finished" in text
    _, fault = ensure_tables(cut, tmp_path)
    assert "without run_finished" in fault


def test_frames_show_themselves(folders: dict[str, Path]) -> None:
    frames = sim.read_log(folders["partial_fill"])
    assert repr(frames).startswith("run of partial_fill, seed ")
    assert "children 5" in repr(frames)
    assert "<td><code>children</code></td><td>5</td>" in frames._repr_html_()
    assert set(frames) == {table.name for table in TABLES}
    assert len(frames) == len(TABLES)
    assert "fills" in dir(frames)
    assert frames["fills"] is frames.fills
    with pytest.raises(KeyError, match="there are parents, children"):
        frames["nothing"]
    with pytest.raises(AttributeError):
        _ = frames.nothing


def test_a_result_shows_itself() -> None:
    result = sim.run("partial_fill")
    assert repr(result) == "RunResult(partial_fill, seed 1, complete, 42 records)"
    html = result._repr_html_()
    assert "<td>100,000</td>" in html
    assert "NASDAQ" in html


def test_names_are_escaped_in_notebooks() -> None:
    result = sim.run("partial_fill")
    summary = {**result.summary, "scenario": "<script>x</script>"}
    html = msgspec.structs.replace(result, summary=summary)._repr_html_()
    assert "<script>" not in html


def test_a_file_that_is_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("{}\n")
    for name in ("x", "nowhere"):
        with pytest.raises(AuditFormatError):
            sim.read_log(tmp_path / name)


def test_without_polars_the_extra_is_named(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(module: str) -> None:
        raise ImportError(module)

    monkeypatch.setattr("sim.kernel.extras.import_module", gone)
    with pytest.raises(MissingExtraError, match=r"sorsim\[analysis\]"):
        sim.read_log(folders["partial_fill"])
