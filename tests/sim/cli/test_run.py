"""``sorsim run``: what it prints, leaves and returns."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import sim.world
from sim.protocol.errors import (
    AuditWriteError,
    DataFormatError,
    InvariantError,
    PluginError,
)
from sim.report.trail.build import read_trail
from sim.report.trouble import trouble

Invoke = Any  # see conftest

FILES = {"audit.jsonl", "manifest.json", "resolved.yaml", "scenario.yaml", "summary.json"}


def test_json_is_the_summary_and_the_folder(invoke: Invoke, tmp_path: Path) -> None:
    code, out, err = invoke("run", "fragmented", "--json")
    document = json.loads(out)
    folder = tmp_path / document.pop("folder")
    assert (code, err) == (0, "")
    assert document["parents"][0]["avg_px"] == "100.00450000"
    assert document["parents"][0]["filled_qty"] == 100_000
    assert document == json.loads((folder / "summary.json").read_bytes())
    assert folder.parent == tmp_path / "logs"
    assert {file.name for file in folder.iterdir()} == FILES


def test_table_says_where_the_log_lies_and_how_to_verify_it(invoke: Invoke) -> None:
    code, out, err = invoke("run", "fragmented")
    assert (code, err) == (0, "")
    assert "100.0045" in out
    assert "\x1b" not in out
    assert all(len(line) <= 80 for line in out.splitlines() if not line.startswith("verify"))
    command = out.splitlines()[-1].removeprefix("verify it  ").split()
    assert command[1] == "verify"
    assert invoke(*command[1:])[0] == 0


def test_quiet_says_nothing(invoke: Invoke) -> None:
    assert invoke("run", "fragmented", "--quiet") == (0, "", "")


def test_two_runs_leave_equal_bytes_but_for_the_manifest(invoke: Invoke, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert invoke("run", "fragmented", "--quiet", "--out", name)[0] == 0
    for name in FILES - {"manifest.json"}:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_manifest_has_the_hashes_of_the_other_files(invoke: Invoke, tmp_path: Path) -> None:
    invoke("run", "fragmented", "--quiet", "--out", "a")
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_bytes())
    assert manifest["exit_code"] == 0
    assert set(manifest["files"]) == FILES - {"manifest.json"}
    for name, stated in manifest["files"].items():
        content = (tmp_path / "a" / name).read_bytes()
        assert stated == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_overrides_and_seed_reach_the_run(invoke: Invoke) -> None:
    _, out, _ = invoke(
        "run", "fragmented", "--json", "--seed", "5", "--set", "router.strategy.kind=top_of_book"
    )
    assert json.loads(out)["seed"] == 5
    assert json.loads(out)["parents"][0]["avg_px"] == "100.00850000"


def test_unmet_expectation_is_exit_1_and_says_which(invoke: Invoke) -> None:
    code, out, err = invoke("run", "fragmented", "--set", 'expect.avg_px="< 100.0045"')
    assert code == 1
    assert "NOT MET" in out
    assert err == "sorsim: expectation not met: avg_px < 100.0045, was 100.0045\n"


def test_incomplete_run_is_exit_1_and_names_the_parent(invoke: Invoke, tmp_path: Path) -> None:
    code, _, err = invoke("run", "fragmented", "--set", "duration=20ms", "--quiet", "--out", "a")
    assert code == 1
    assert "before every parent was: P1" in err
    assert json.loads((tmp_path / "a" / "manifest.json").read_bytes())["exit_code"] == 1


@pytest.mark.parametrize("as_json", [False, True])
def test_wrong_scenario_is_exit_2_with_every_problem_and_nothing_written(
    invoke: Invoke, tmp_path: Path, as_json: bool
) -> None:
    sets = ("--set", "duration=9", "--set", "venues[NYS].id=X", *(["--json"] if as_json else []))
    code, out, err = invoke("run", "fragmented", *sets)
    assert code == 2
    assert len(err.splitlines()) == 2
    assert "did you mean 'NYSE'?" in err
    assert list(tmp_path.iterdir()) == []
    if as_json:
        error = json.loads(out)["error"]
        assert (error["kind"], error["exit_code"]) == ("scenario", 2)
        assert [problem["path"] for problem in error["problems"]] == ["duration", "venues"]
    else:
        assert out == ""


def test_folder_that_holds_a_run_is_refused_and_stays(invoke: Invoke, tmp_path: Path) -> None:
    invoke("run", "fragmented", "--quiet", "--out", "a")
    before = (tmp_path / "a" / "audit.jsonl").read_bytes()
    code, out, err = invoke("run", "partial_fill", "--out", "a")
    assert (code, out) == (2, "")
    assert "holds a run already" in err
    assert (tmp_path / "a" / "audit.jsonl").read_bytes() == before


def test_folder_that_cannot_be_made_is_exit_2_before_the_run(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(sim.world, "run_world", None)
    code, _, err = invoke("run", "fragmented", "--out", "file/run")
    assert code == 2
    assert err == "sorsim: file/run: cannot hold a run: Not a directory\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataFormatError("depth.csv", 3, "qty must be > 0"), 2),
        (AuditWriteError("disk full"), 2),
        (PluginError("their router"), 3),
        (InvariantError("over-filled"), 4),
        (ZeroDivisionError("x"), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_failure_leaves_what_was_written_with_its_exit_code(
    invoke: Invoke,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
) -> None:
    def fail(loaded: Any, *, folder: Path, **_: Any) -> None:
        (folder / "audit.jsonl").write_text("the first lines")
        raise error

    monkeypatch.setattr(sim.world, "run_world", fail)
    outcome = invoke("run", "fragmented", "--out", "a", "--json")
    assert outcome.code == code
    assert "lies in a" in outcome.err
    assert ("SORSIM_DEBUG=1" in outcome.err) is (code == 4)
    assert "Traceback" not in outcome.err
    assert json.loads(outcome.out)["error"]["exit_code"] == code
    assert json.loads((tmp_path / "a" / "manifest.json").read_bytes())["exit_code"] == code


def test_failure_before_anything_was_written_leaves_no_folder(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(loaded: Any, **_: Any) -> None:
        raise DataFormatError("depth.csv", 3, "qty must be > 0")

    monkeypatch.setattr(sim.world, "run_world", fail)
    assert invoke("run", "fragmented") == (2, "", "sorsim: depth.csv:3: qty must be > 0\n")
    assert list((tmp_path / "logs").iterdir()) == []


def test_debug_shows_the_traceback(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.world, "run_world", None)
    monkeypatch.setenv("SORSIM_DEBUG", "1")
    code, _, err = invoke("run", "fragmented")
    assert code == 4
    assert "Traceback" in err
    assert "'NoneType' object is not callable" in err


def test_real_time_is_paced_and_its_lag_is_told_and_kept(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("run", "slow_venue", "--clock", "wall", "--speed", "10", "--out", "a")
    assert result.code == 0, result.err
    assert "sorsim: real time at speed 10: " in result.err
    clock = json.loads((tmp_path / "a" / "manifest.json").read_bytes())["clock"]
    assert (clock["kind"], clock["speed"]) == ("wall", 10.0)
    assert 0 < clock["events"] < 100
    assert 0 <= clock["p50_ns"] <= clock["p99_ns"] <= clock["max_ns"]
    assert b"lag" not in (tmp_path / "a" / "audit.jsonl").read_bytes()


def test_virtual_time_has_no_lag(invoke: Invoke, tmp_path: Path) -> None:
    assert invoke("run", "slow_venue", "--out", "a", "--quiet").err == ""
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_bytes())
    assert manifest["clock"] == {"kind": "virtual"}


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "inf", "1e-7", "1e7", "fast"])
def test_D11_a_speed_that_is_none_is_refused(invoke: Invoke, speed: str) -> None:
    result = invoke("run", "slow_venue", "--clock", "wall", "--speed", speed)
    assert result.code == 2
    assert "--speed" in result.err


def test_a_speed_without_a_clock_is_refused(invoke: Invoke) -> None:
    result = invoke("run", "slow_venue", "--speed", "2")
    assert result.code == 2
    assert "--speed is for --clock wall" in result.err


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--max-lag", "1s"], "--max-lag is for --clock wall: virtual time is never late"),
        (["--clock", "virtual", "--max-lag", "1s"], "--max-lag is for --clock wall"),
        (["--clock", "wall", "--max-lag", "0s"], "must be above 0 ns, was 0; or none"),
        (["--clock", "wall", "--max-lag", "soon"], "--max-lag"),
        (["--clock", "wall", "--max-lag", "-1s"], "--max-lag"),
        (["--clock", "wall", "--max-lag", ""], "--max-lag"),
    ],
)
def test_a_bound_on_lag_that_is_none_is_refused(
    invoke: Invoke, tmp_path: Path, args: list[str], why: str
) -> None:
    done = invoke("run", "fragmented", *args, "--out", "a")
    assert done.code == 2
    assert why in done.err
    assert list(tmp_path.iterdir()) == []


def test_I17_a_run_that_is_too_late_says_so_and_is_marked(invoke: Invoke, tmp_path: Path) -> None:
    """No machine handles an event within a nanosecond."""
    done = invoke(
        "run", "fragmented", "--clock", "wall", "--max-lag", "1ns", "--out", "a", "--json"
    )
    assert done.code == 1
    assert json.loads(done.out)["outcome"] == "aborted"
    assert "sorsim: stopped, since an event was late by" in done.err
    assert "more than 1 ns (--max-lag)" in done.err
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_bytes())
    assert manifest["exit_code"] == 1
    assert (manifest["clock"]["limit_ns"], manifest["clock"]["exceeded"]) == (1, True)
    assert invoke("verify", "a").code == 0
    done = invoke("run", "fragmented", "--clock", "wall", "--max-lag", "none", "--out", "b")
    assert done.code == 0
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_bytes())
    assert (manifest["clock"]["limit_ns"], manifest["clock"]["exceeded"]) == (None, False)


@pytest.mark.parametrize("width", [80, 100])
def test_a_run_with_faults_shows_what_went_wrong(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    done = invoke("run", "faulty_day")
    assert done.code == 0
    lines = [line.rstrip() for line in done.out.splitlines()]
    assert max(len(line) for line in lines if not line.startswith(("audit", "verify"))) <= width
    block = lines[lines.index("Faults") : lines.index("Decisions")]
    (row,) = [n for n, line in enumerate(block) if line.startswith("outage ")]
    assert block[row].split()[:3] == ["outage", "BATS", "2"]
    assert block[row].endswith("asked about 1 order")
    assert block[row + 1].startswith("disconnect            800 ms to 860 ms")
    assert any(line.startswith("NYSE ") and "in quarantine from 804 ms" in line for line in block)
    assert ("touched" in "\n".join(block)) == (width == 100)


def test_json_has_the_account_of_faults_only_where_there_are_any(
    invoke: Invoke, tmp_path: Path
) -> None:
    found = json.loads(invoke("run", "faulty_day", "--json", "--out", "bad").out)["trouble"]
    told = trouble(read_trail(tmp_path / "bad"))
    assert found == told.document()
    assert [one["fault_id"] for one in found["faults"]][:2] == ["lost_order", "lost_fill"]
    calm = json.loads(invoke("run", "faulty_day", "--json", "--set", "faults=[]").out)
    assert "trouble" not in calm
    shown = invoke("run", "faulty_day", "--set", "faults=[]").out
    assert "Faults" not in shown
