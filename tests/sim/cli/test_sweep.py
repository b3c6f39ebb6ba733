"""``sorsim sweep``: its files, what it refuses, and going on after an interruption."""

import errno
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.study.journal import Journal
from sim.study.spread import Stopped
from sim.study.sweep.figures import RunFigures
from sim.world import run_world

Invoke = Callable[..., Any]  # see conftest

GRID = ("--grid", "router.strategy.kind=greedy,top_of_book", "--seeds", "2", "--jobs", "1")


@pytest.fixture(autouse=True)
def no_figure(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures and tables load large libraries; the slow tests write them."""
    if request.node.get_closest_marker("slow") is None:
        monkeypatch.setattr("sim.study.sweep.draw.draw", lambda found, path: path.touch())
        monkeypatch.setattr("sim.study.sweep.table.write_table", lambda path, *args: path.touch())


@pytest.mark.slow
def test_the_folder_holds_document_table_and_figure(invoke: Invoke, tmp_path: Path) -> None:
    import polars

    done = invoke("sweep", "fragmented", *GRID, "--out", "s", "--json")
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    assert document.pop("folder") == "s"
    assert document == json.loads((tmp_path / "s" / "sweep.json").read_bytes())
    assert (tmp_path / "s" / "sweep.png").read_bytes().startswith(b"\x89PNG")
    table = polars.read_parquet(tmp_path / "s" / "runs.parquet")
    assert table.height == 4
    assert table["point"].to_list() == ["kind=greedy"] * 2 + ["kind=top_of_book"] * 2
    assert table["loss"].to_list()[:2] == ["10000450", "10000450"]
    assert table["seed"].to_list() == [1, 2, 1, 2]
    assert table["cost_bps"].null_count() == 4
    assert table["NYSE.filled_qty"].to_list()[0] == 10_000
    held = json.loads((tmp_path / "s" / "manifest.json").read_bytes())["files"]
    assert sorted(held) == ["journal.jsonl", "runs.parquet", "sweep.json", "sweep.png"]
    before = {file: file.read_bytes() for file in (tmp_path / "s").iterdir()}
    again = invoke("sweep", "fragmented", *GRID, "--out", "s")
    assert (again.code, "s: holds a run already" in again.err) == (2, True)
    assert {file: file.read_bytes() for file in (tmp_path / "s").iterdir()} == before


@pytest.mark.slow
def test_all_files_are_the_same_with_any_number_of_processes(
    invoke: Invoke, tmp_path: Path
) -> None:
    for jobs in ("1", "2"):
        args = ("--seeds", "2", "--jobs", jobs, "--out", f"s{jobs}", "--quiet")
        assert invoke("sweep", "monte_carlo", *args).code == 0
    for name in ("sweep.json", "runs.parquet", "journal.jsonl", "sweep.png"):
        assert (tmp_path / "s1" / name).read_bytes() == (tmp_path / "s2" / name).read_bytes(), name


def test_the_tables_say_what_is_cheaper(invoke: Invoke) -> None:
    done = invoke("sweep", "fragmented", *GRID)
    assert done.code == 0
    assert "kind=top_of_book   -0.400" in done.out
    assert "dearer" in done.out
    assert "Note: chance plays no part" in done.out
    assert max(map(len, done.out.splitlines()[:-6])) <= 80


def test_along_an_axis_its_values_stand_side_by_side(invoke: Invoke) -> None:
    values = 'study.sweep.along.values=["50us", "10ms"]'
    args = ("--set", values, "--set", "study.sweep.variants=[]", "--set", "duration=1s")
    one = "parents=[{id: P, side: buy, qty: 9000, at: 300ms}]"
    done = invoke("sweep", "latency_study", *args, "--set", one, "--seeds", "2", "--jobs", "1")
    assert done.code == 0, done.err
    assert "Shortfall," in done.out
    assert "Fill rate" in done.out
    assert "Note: all_venues: 10ms " in done.out


def test_no_label_is_broken_to_make_room_for_values(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    name = "everybody_reacts_at_once"
    line = f"{{name: {name}, paths: ['venues[NYSE].latency.order.delay']}}"
    values = [f"{n}ms" for n in range(1, 9)]
    along = f"{{label: delay, values: {values}, lines: [{line}]}}"
    study = f"study.sweep={{seeds: 2, along: {along}}}"
    done = invoke("sweep", "two_parents", "--set", study, "--jobs", "1")
    assert done.code == 0, done.err
    tables = done.out.partition("Across:")[0].splitlines()
    assert max(map(len, tables)) <= 80
    rows = [line.split() for line in tables if line.startswith(name)]
    assert len(rows) >= 2, "one of each table"
    found = [word for line in tables for word in line.split() if word in values]
    assert found == [*values, *values]


def test_brackets_in_names_are_printed_as_they_are(invoke: Invoke) -> None:
    """They are no mark-up: neither in a label nor in a value of a grid."""
    line = "{name: A, paths: ['venues[NYSE].latency.order']}"
    legs = "['{model: fixed, delay: 1ms}', '{model: fixed, delay: 5ms}']"
    along = f"{{label: '[/x] [red]', values: {legs}, lines: [{line}]}}"
    study = f"study.sweep={{seeds: 1, along: {along}}}"
    done = invoke("sweep", "fragmented", "--set", study, "--jobs", "1")
    assert done.code == 0, done.err
    assert "Across: [/x] [red]; lines:" in done.out
    levels = "router.reroute={levels: all},{levels: top, fresh_quote: true}"
    again = invoke("sweep", "slow_venue", "--grid", levels, "--seeds", "1", "--jobs", "1")
    assert (again.code, "reroute={levels: all}" in again.out) == (0, True)


def test_exit_1_where_no_run_fills_the_order(invoke: Invoke) -> None:
    point = "router.strategy={kind: single_venue, venue: NYSE}"
    done = invoke("sweep", "fragmented", "--grid", point, "--seeds", "2", "--jobs", "1")
    assert done.code == 1
    assert "not ranked by cost: 2 of 2 runs did not fill all, the worst 90,000" in done.out


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "study.sweep: must be there to know what to sweep, or --grid given"),
        (["--grid", "x"], "Invalid value for --grid: 'x': found no = after the path"),
        (["--grid", "a=1", "--grid", "a=2"], "'a': found the path twice; allowed: each once"),
        ([*GRID, "--seeds", "0"], "Invalid value for '--seeds'"),
        ([*GRID, "--cluster", "tcp://127.0.0.1:1"], "--jobs and --cluster are two places to run"),
        ([*GRID, "--resume"], "--resume needs --out"),
        ([*GRID, "--resume", "--out", "nowhere"], "nowhere: holds no unfinished sweep"),
        ([*GRID, "--data", "nowhere"], "folder 'nowhere' does not exist"),
    ],
)
def test_exit_2_and_no_folder(invoke: Invoke, tmp_path: Path, args: list[str], says: str) -> None:
    done = invoke("sweep", "fragmented", *args)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert not list(tmp_path.iterdir())


def test_what_was_interrupted_goes_on_where_it_was(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = invoke("sweep", "fragmented", *GRID, "--out", "whole", "--json")
    calls: list[Any] = []

    def stop_at_the_third(*args: Any, **options: Any) -> Any:
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run_world(*args, **options)

    monkeypatch.setattr("sim.study.sweep.figures.run_world", stop_at_the_third)
    done = invoke("sweep", "fragmented", *GRID, "--out", "s")
    assert (done.code, done.out) == (130, "")
    assert "interrupted: 2 of 4 runs were done and are kept in s/journal.jsonl; go on with: " in (
        done.err
    )
    command = done.err.partition("go on with: sorsim ")[2].strip()
    assert command == (
        "sweep fragmented --grid router.strategy.kind=greedy,top_of_book --seeds 2 --jobs 1 "
        "--out s --resume"
    )
    assert [file.name for file in (tmp_path / "s").iterdir()] == ["journal.jsonl"]
    refused = invoke("sweep", "fragmented", *GRID, "--out", "s")
    assert (refused.code, "s: holds an unfinished sweep" in refused.err) == (2, True)
    again = invoke(*command.split(), "--json")
    assert again.code == 0, again.err
    assert len(calls) == 3 + 2
    documents = [json.loads(one.out) for one in (whole, again)]
    assert [one.pop("folder") for one in documents] == ["whole", "s"]
    assert documents[0] == documents[1]
    journals = [(tmp_path / name / "journal.jsonl").read_bytes() for name in ("whole", "s")]
    assert journals[0] == journals[1]
    finished = invoke(*command.split())
    assert (finished.code, "there is nothing to resume" in finished.err) == (2, True)


def test_what_was_stopped_before_anything_was_done_leaves_nothing(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*args: Any, **options: Any) -> Any:
        raise Stopped(0, 4, None)

    monkeypatch.setattr("sim.study.sweep.run.spread", stop)
    done = invoke("sweep", "fragmented", *GRID, "--out", "s")
    assert (done.code, "go on with" in done.err) == (130, False)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_cluster_that_is_not_there_leaves_nothing(invoke: Invoke, tmp_path: Path) -> None:
    args = ("--grid", "router.max_attempts=5,6", "--cluster", "tcp://127.0.0.1:9", "--out", "s")
    done = invoke("sweep", "fragmented", *args, "--json")
    assert done.code == 2
    assert json.loads(done.out)["error"]["kind"] == "cluster"
    assert not list(tmp_path.iterdir())


def test_a_journal_that_is_another_ones_is_left_alone(invoke: Invoke, tmp_path: Path) -> None:
    """In use by another process that has only begun, or changed: nobody is told to go on."""
    (tmp_path / "s").mkdir()
    path = tmp_path / "s" / "journal.jsonl"
    with Journal(path, RunFigures):
        done = invoke("sweep", "fragmented", *GRID, "--out", "s", "--resume")
    assert (done.code, done.err) == (2, "sorsim: s/journal.jsonl: is in use by another process\n")
    content = path.read_bytes() + b"{}\n"
    path.write_bytes(content)
    done = invoke("sweep", "fragmented", *GRID, "--out", "s", "--resume")
    assert done.code == 2
    assert done.err.startswith("sorsim: s/journal.jsonl:2: found no result of this study")
    assert "go on" not in done.err
    assert path.read_bytes() == content


def test_a_journal_of_another_sweep_is_left_alone(invoke: Invoke, tmp_path: Path) -> None:
    """A wrong command line must not take the place of what is done."""
    assert invoke("sweep", "fragmented", *GRID, "--out", "s", "--quiet").code == 0
    (tmp_path / "s" / "sweep.json").unlink()
    before = (tmp_path / "s" / "journal.jsonl").read_bytes()
    other = ("--grid", "router.max_attempts=5,6", "--seeds", "2", "--jobs", "1")
    done = invoke("sweep", "fragmented", *other, "--out", "s", "--resume")
    assert (done.code, "go on" in done.err) == (2, False)
    assert "s/journal.jsonl: found 4 results of other runs, none of those asked for" in done.err
    assert (tmp_path / "s" / "journal.jsonl").read_bytes() == before


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_cannot_be_written_to_its_end_is_not_there_and_can_be_gone_on_with(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    whole = Path.write_bytes

    def half(path: Path, content: bytes) -> int:
        if path.name.startswith("sweep.json"):
            whole(path, content[: len(content) // 2])
            raise error
        return whole(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", half)
        done = invoke("sweep", "fragmented", *GRID, "--out", "s")
    code = 2 if isinstance(error, OSError) else 130
    assert (done.code, "sorsim: what is done is kept; go on with: sorsim" in done.err) == (code, 1)
    assert ("s/sweep.json: cannot be written: No space left on device" in done.err) == (code == 2)
    held = sorted(file.name for file in (tmp_path / "s").iterdir())
    assert held == ["journal.jsonl", "runs.parquet", "sweep.png"]
    again = invoke("sweep", "fragmented", *GRID, "--out", "s", "--resume", "--quiet")
    assert again.code == 0, again.err
    assert json.loads((tmp_path / "s" / "sweep.json").read_bytes())["seeds"] == [1, 2]


@pytest.mark.slow
def test_a_table_on_a_full_disk_is_an_error_of_the_system(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    out = tmp_path / "s"
    code = (
        "import resource, sys\n"
        "from sim.study.sweep import table\n"
        "from sim.study.sweep.plan import plan_of\n"
        "from sim.study.sweep.run import run_plan\n"
        "from sim.study.grid import parse_axis\n"
        "from sim.study.runs import Source\n"
        "from pathlib import Path\n"
        "plan = plan_of(Source('fragmented'), [parse_axis('router.max_attempts=5,6')], 1)\n"
        "runs = run_plan(plan).runs\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    table.write_table(Path(sys.argv[1]), plan, runs)\n"
        "except OSError as error:\n"
        "    print(error.errno)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(out)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"{errno.EFBIG}\n"), done.stderr
