"""``sorsim replay``."""

import json
from pathlib import Path
from typing import Any


def test_replay_shows_orders_market_and_timeline(invoke: Any) -> None:
    assert invoke("run", "partial_fill", "--out", "r", "--quiet").code == 0
    shown = invoke("replay", "r", "--until", "90ms")
    assert (shown.code, shown.err) == (0, "")
    assert "33 records to 90 ms  still running" in shown.out
    assert "P1.DARK_B.2     90 ms      5,000   100.00        0    5,000   pending new" in shown.out
    assert "P1.DARK_B.1 canceled: 5,000 unfilled" in shown.out
    end = json.loads(invoke("replay", "r/audit.jsonl", "--json").out)
    summary = json.loads(Path("r/summary.json").read_bytes())
    assert end["outcome"] == "complete"
    assert end["parents"][0]["avg_px"] == summary["parents"][0]["avg_px"]
    assert end["venues"]["MM"]["trade"] is None


def test_L01_replay_of_a_torn_log_shows_what_there_is(invoke: Any) -> None:
    invoke("run", "fragmented", "--out", "r", "--quiet")
    Path("torn").write_bytes(Path("r/audit.jsonl").read_bytes()[:-9])
    shown = invoke("replay", "torn")
    assert shown.code == 1
    assert "still running" in shown.out
    assert "the line is torn" in shown.err
    assert json.loads(invoke("replay", "torn", "--json").out)["fault"]


def test_check_says_equal_and_shows_the_first_record_that_differs(invoke: Any) -> None:
    invoke("run", "partial_fill", "--out", "r", "--quiet")
    equal = invoke("replay", "r", "--check")
    assert (equal.code, equal.err) == (0, "")
    assert equal.out == "r/audit.jsonl: equal: 42 records, byte by byte\n"
    text = Path("r/audit.jsonl").read_text().replace('"last_px":9999', '"last_px":9998')
    Path("x").write_text(text)
    differs = invoke("replay", "x", "--check")
    assert differs.code == 1
    assert "DIFFERS: record 29 (line 30) is the first that differs" in differs.out
    assert "    last_px: 9998 -> 9999" in differs.out
    found = json.loads(invoke("replay", "x", "--check", "--json").out)
    assert (found["ok"], found["verdict"], found["first"]["seq"]) == (False, "differs", 29)


def test_L05_check_refuses_another_version(invoke: Any) -> None:
    invoke("run", "fragmented", "--out", "r", "--quiet")
    text = Path("r/audit.jsonl").read_text()
    Path("x").write_text(text.replace("sorsim-audit/1", "sorsim-audit/0", 1))
    refused = invoke("replay", "x", "--check")
    assert refused.code == 2
    assert "the log has schema sorsim-audit/0, this version of sorsim reads" in refused.err


def test_options_that_do_not_go_together_are_refused(invoke: Any) -> None:
    assert invoke("replay", "r", "--check", "--until", "1s").code == 2
    assert invoke("replay", "r", "--data", ".").code == 2


def test_a_data_folder_that_is_not_there_is_refused(invoke: Any) -> None:
    """It would be passed over, and the files of another folder taken."""
    invoke("run", "fragmented", "--out", "r", "--quiet")
    for args in (("replay", "r", "--check"), ("run", "fragmented", "--out", "s")):
        refused = invoke(*args, "--data", "nowhere")
        assert refused.code == 2, args
        assert "'nowhere' does not exist" in refused.err
    assert not Path("s").exists()


def test_check_says_that_a_run_in_real_time_cannot_be_repeated(invoke: Any) -> None:
    invoke("run", "partial_fill", "--out", "r", "--quiet")
    text = Path("r/audit.jsonl").read_text().replace('"last_px":9999', '"last_px":9998')
    Path("r/audit.jsonl").write_text(text)
    assert invoke("replay", "r", "--check").err == ""
    manifest = json.loads(Path("r/manifest.json").read_bytes())
    manifest["clock"] = {"kind": "wall"}
    Path("r/manifest.json").write_text(json.dumps(manifest))
    said = "r/manifest.json: the run was paced by the wall clock, which no other run repeats"
    assert said in invoke("replay", "r", "--check").err
    assert json.loads(invoke("replay", "r", "--check", "--json").out)["note"] == said
    for broken in ("[", "[]", '{"clock": 1}'):
        Path("r/manifest.json").write_text(broken)
        assert invoke("replay", "r", "--check").err == ""


def test_replay_of_what_is_no_log(invoke: Any, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\x00\n")
    for args in (("nowhere",), ("x",), ("x", "--until", "9")):
        found = invoke("replay", *args)
        assert found.code == 2, args
        assert found.err
