"""``sorsim run --resume-from``: what it says, what it leaves and what it refuses (P02, L01)."""

import json
from pathlib import Path
from typing import Any

import pytest

Invoke = Any  # see conftest


@pytest.fixture
def cut(tmp_path: Path, invoke: Invoke) -> Path:
    """The log of a run in folder ``a``, cut in the middle of a line."""
    assert invoke("run", "fragmented", "--out", "a", "--quiet").code == 0
    log = tmp_path / "cut.jsonl"
    log.write_bytes((tmp_path / "a" / "audit.jsonl").read_bytes()[:9_000])
    return log


def test_P02_the_cut_is_stated_and_the_new_run_is_the_uninterrupted_one(
    invoke: Invoke, tmp_path: Path, cut: Path
) -> None:
    done = invoke("run", "--resume-from", "cut.jsonl", "--out", "b")
    assert (done.code, done.err) == (0, "")
    left = cut.read_bytes()
    whole, torn = left.count(b"\n"), len(left) - left.rindex(b"\n") - 1
    assert f"resumed    cut.jsonl: {whole} whole records" in done.out
    assert f"{torn:,} torn bytes behind them: the new log begins with them" in done.out
    for name in ("audit.jsonl", "summary.json", "resolved.yaml"):
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "a" / name).read_bytes()
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_bytes())
    assert manifest["exit_code"] == 0
    facts = manifest["resumed_from"]
    assert (facts["log"], facts["verdict"]) == ("cut.jsonl", "completed")
    assert (facts["records"], facts["equal"], facts["torn_bytes"]) == (whole, whole, torn)
    assert facts["whole_bytes"] == len(left) - torn
    document = json.loads(invoke("run", "--resume-from", "cut.jsonl", "--json").out)
    assert document["resumed_from"] == facts
    assert document["outcome"] == "complete"


def test_P02_a_difference_is_named_and_the_folder_holds_a_run_of_its_own(
    invoke: Invoke, tmp_path: Path, cut: Path
) -> None:
    lines = cut.read_bytes().splitlines(keepends=True)
    cut.write_bytes(b"".join(lines[:7]) + b'{"seq":7,"kind":"fill\x1b[31m')
    done = invoke("run", "--resume-from", "cut.jsonl", "--out", "b")
    assert done.code == 1
    assert "DIFFERS: record 7 (line 8)" in done.out
    assert '  in the log  {"seq":7,"kind":"fill\\x1b[31m' in done.out
    assert "  run again   " in done.out
    assert (done.out + done.err).replace("\n", "").isprintable()
    assert "cut.jsonl DIFFERS at record 7; b holds the run again in whole" in done.err
    assert invoke("verify", "b").code == 0
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_bytes())
    assert (manifest["exit_code"], manifest["resumed_from"]["verdict"]) == (1, "differs")
    done = invoke("run", "--resume-from", "cut.jsonl", "--json")
    assert done.code == 1
    assert json.loads(done.out)["resumed_from"]["first"]["seq"] == 7


def test_P02_a_resumed_run_can_be_resumed_from(invoke: Invoke, tmp_path: Path, cut: Path) -> None:
    """Its command line names the log before it, and that one's the folder of the data."""
    assert invoke("run", "--resume-from", "cut.jsonl", "--out", "b", "--quiet").code == 0
    log = tmp_path / "b" / "audit.jsonl"
    log.write_bytes(log.read_bytes()[:9_000])
    assert invoke("run", "--resume-from", "b", "--out", "c", "--quiet").code == 0
    again = (tmp_path / "c" / "audit.jsonl").read_bytes()
    assert again == (tmp_path / "a" / "audit.jsonl").read_bytes()


def test_P02_data_files_are_found_where_the_runs_command_line_had_them(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*args: str) -> int:
        monkeypatch.setattr("sys.argv", ["sorsim", "run", *args])
        return int(invoke("run", *args, "--quiet").code)

    leg = {"model": "fixed", "delay": "1ms"}
    latency = dict.fromkeys(("order", "report", "feed"), leg)
    venue = {"id": "A", "kind": "replayed", "file": "a.l2.csv", "latency": latency}
    scenario = {
        "schema_version": 1,
        "name": "own",
        "seed": 1,
        "duration": "1s",
        "instrument": {"symbol": "X", "tick_size": "0.01", "lot_size": 1},
        "venues": [venue],
        "router": {"strategy": {"kind": "greedy"}},
        "parents": [{"id": "P", "side": "buy", "qty": 3, "at": "10ms"}],
    }
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "s.yaml").write_text(json.dumps(scenario))
    rows = "t_ns,event,side,price,qty\n0,level,ask,100.00,5\n1000,level,ask,100.01,5\n"
    (tmp_path / "own" / "a.l2.csv").write_text(rows)
    assert run("own/s.yaml", "--out", "d") == 0
    whole = (tmp_path / "d" / "audit.jsonl").read_bytes()
    for folder, out in (("d", "e"), ("e", "f")):
        log = tmp_path / folder / "audit.jsonl"
        log.write_bytes(whole[: len(whole) // 2])
        assert run("--resume-from", folder, "--out", out) == 0
        assert (tmp_path / out / "audit.jsonl").read_bytes() == whole


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["fragmented"], "SCENARIO: not with --resume-from"),
        (["--set", "seed=2"], "--set: not with --resume-from"),
        (["--seed", "0"], "--seed: not with --resume-from"),
        (["--clock", "virtual"], "--clock: not with --resume-from"),
        (["--clock", "wall", "--speed", "2"], "--clock, --speed: not with --resume-from"),
        (["--data", "nowhere"], "folder 'nowhere' does not exist"),
        (["--out", "a"], "holds a run already"),
    ],
)
def test_what_would_change_the_run_is_refused(
    invoke: Invoke, tmp_path: Path, cut: Path, more: list[str], why: str
) -> None:
    before = sorted(tmp_path.iterdir())
    for last in ([], ["--json"]):
        done = invoke("run", "--resume-from", "cut.jsonl", *more, *last)
        assert done.code == 2
        assert why in done.err
    assert sorted(tmp_path.iterdir()) == before


def test_a_log_that_cannot_be_resumed_from_leaves_nothing(
    invoke: Invoke, tmp_path: Path, cut: Path
) -> None:
    cut.write_bytes(b"")
    before = sorted(tmp_path.iterdir())
    for log in ("cut.jsonl", "a", "nowhere", "", "/dev/zero"):
        assert invoke("run", "--resume-from", log, "--out", "b").code == 2
    assert sorted(tmp_path.iterdir()) == before


def test_a_run_that_is_killed_leaves_the_manifest_of_its_beginning(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def look(*args: object, folder: Path, **options: object) -> None:
        seen.update(json.loads((folder / "manifest.json").read_bytes()))
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.world.run_world", look)
    assert invoke("run", "fragmented", "--clock", "wall", "--out", "a").code == 130
    assert (seen["exit_code"], seen["clock"]) == (None, {"kind": "wall"})
    assert not (tmp_path / "a").exists()  # nothing was run


def test_P05_a_disk_that_takes_no_manifest_costs_no_run_and_keeps_no_folder(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("sim.manifest._check_writable", lambda folder: None)
    monkeypatch.setattr(Path, "write_bytes", full)
    done = invoke("run", "fragmented", "--out", "a")
    assert done.code == 2
    assert "manifest.json.new: cannot hold a run: No space left on device" in done.err
    assert list(tmp_path.iterdir()) == []


def test_P02_F01_a_run_that_failed_is_completed_to_its_failure(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from venues.core.matching import MatchingCore

    def fail(self: object, *args: object) -> None:
        raise ZeroDivisionError("broken book")

    monkeypatch.setattr(MatchingCore, "handle", fail)
    assert invoke("run", "fragmented", "--out", "a").code == 4
    whole = (tmp_path / "a" / "audit.jsonl").read_bytes()
    (tmp_path / "cut").write_bytes(whole[:8_000])
    done = invoke("run", "--resume-from", "cut", "--out", "b")
    assert done.code == 4
    assert "the new log begins with them, byte for byte" in done.err
    assert (tmp_path / "b" / "audit.jsonl").read_bytes() == whole
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_bytes())
    assert (manifest["exit_code"], manifest["resumed_from"]["verdict"]) == (4, "completed")


def test_P02_another_order_of_ties_goes_along(invoke: Invoke, tmp_path: Path) -> None:
    """The log does not hold it, so who had one names it again."""
    ties = ("--ties", "3", "--quiet")
    assert invoke("run", "fragmented", *ties, "--out", "a").code == 0
    whole = (tmp_path / "a" / "audit.jsonl").read_bytes()
    (tmp_path / "cut").write_bytes(whole[:12_000])
    assert invoke("run", "--resume-from", "cut", *ties, "--out", "b").code == 0
    assert (tmp_path / "b" / "audit.jsonl").read_bytes() == whole
