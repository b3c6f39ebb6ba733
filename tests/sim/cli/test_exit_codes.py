"""Exit codes by class, for every command, with and without ``--json``."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sim.cli.app import COMMANDS
from sim.protocol.errors import (
    AuditWriteError,
    ClusterError,
    InvariantError,
    JournalError,
    PluginError,
    WorkerLostError,
)
from sim.scenario.shipped import shipped_scenario

Invoke = Any  # see conftest

READS_A_LOG = {
    "verify": ["verify", "{}"],
    "replay": ["replay", "{}"],
    "diff": ["diff", "{}", "a"],
    "whatif": ["whatif", "{}"],
    "compare": ["compare", "{}", "a"],
    "explain": ["explain", "{}", "P1.NYSE.1"],
    "query": ["query", "{}", "select 1"],
    "report": ["report", "{}"],
}
READS_A_SCENARIO = {
    "run": ["run", "{}", "--out", "new"],
    "validate": ["validate", "{}"],
    "liquidity": ["liquidity", "{}", "--side", "buy", "--qty", "10"],
}
WITHOUT_JSON = frozenset({"schema"})


@pytest.fixture
def folder(tmp_path: Path, invoke: Invoke) -> Path:
    """A folder with a run, and with files that are wrong in all ways."""
    assert invoke("run", "fragmented", "--quiet", "--out", "a").code == 0
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "rubbish.yaml").write_bytes(b"\xff\xfe\x00[")
    (tmp_path / "rubbish").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "deep").write_bytes(b"[" * 100_000)
    (tmp_path / "sub").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "in.csv").write_text("Timestamp,Order_ID,Status\n")
    return tmp_path


def check_error(invoke: Invoke, args: list[str], code: int) -> str:
    """What a failing command says; without and with ``--json`` alike."""
    done = invoke(*args)
    assert (done.code, done.out) == (code, ""), args
    assert done.err.strip()
    assert "Traceback" not in done.err
    assert all(line.isprintable() for line in done.err.splitlines())
    again = invoke(*args, "--json")
    assert again.code == code
    document = json.loads(again.out)
    assert document["error"]["exit_code"] == code
    assert document["error"]["message"]
    return str(done.err)


NO_FILES = ["nowhere", "empty", "rubbish", "deep", "pipe", "loop", "x" * 5_000, "", "\x1b[31m"]


@pytest.mark.parametrize("name", [*NO_FILES, "/dev/zero", "/dev/null", "sub"])
@pytest.mark.parametrize("command", READS_A_SCENARIO)
def test_S06_exit_2_for_a_scenario_that_is_none(
    invoke: Invoke, folder: Path, command: str, name: str
) -> None:
    args = [arg.format(name) for arg in READS_A_SCENARIO[command]]
    check_error(invoke, args, 2)
    assert not (folder / "new").exists()


@pytest.mark.parametrize("name", ["nowhere", "pipe", "loop", "x" * 5_000, "", "/dev/zero", "sub"])
@pytest.mark.parametrize("command", READS_A_LOG)
def test_S06_exit_2_for_a_log_that_cannot_be_read(
    invoke: Invoke, folder: Path, command: str, name: str
) -> None:
    check_error(invoke, [arg.format(name) for arg in READS_A_LOG[command]], 2)


@pytest.mark.parametrize("name", ["empty", "rubbish", "deep", "in.csv"])
@pytest.mark.parametrize("command", READS_A_LOG)
def test_L06_exit_1_or_2_for_a_log_that_is_none(
    invoke: Invoke, folder: Path, command: str, name: str
) -> None:
    done = invoke(*[arg.format(name) for arg in READS_A_LOG[command]])
    assert done.code == (1 if command == "verify" else done.code)
    assert done.code in {1, 2}
    assert (done.out + done.err).replace("\n", "").isprintable()


@pytest.mark.parametrize("command", READS_A_LOG)
def test_L05_a_log_of_another_version_is_refused_by_name(
    invoke: Invoke, folder: Path, command: str
) -> None:
    log = folder / "other.jsonl"
    data = (folder / "a" / "audit.jsonl").read_bytes()
    log.write_bytes(data.replace(b'"schema":"sorsim-audit/', b'"schema":"sorsim-audit/99', 1))
    done = invoke(*[arg.format("other.jsonl") for arg in READS_A_LOG[command]])
    assert done.code == (1 if command == "verify" else 2)
    said = done.out + done.err
    assert "the log has schema sorsim-audit/99" in said
    assert "this version of sorsim reads sorsim-audit/" in said


def test_L05_a_log_of_another_version_is_not_run_again(invoke: Invoke, folder: Path) -> None:
    log = folder / "a" / "audit.jsonl"
    data = log.read_bytes()
    log.write_bytes(data.replace(b'"schema":"sorsim-audit/', b'"schema":"sorsim-audit/99', 1))
    assert "sorsim-audit/99" in check_error(invoke, ["replay", "--check", "a"], 2)


def test_L03_L04_only_the_head_kept_elsewhere_finds_another_log(
    invoke: Invoke, folder: Path
) -> None:
    """Cut at a line border and ended anew, or written anew: both chains are right."""
    head = json.loads((folder / "a" / "summary.json").read_bytes())["audit_head"]
    assert invoke("verify", "a", "--expect-head", head).code == 0
    assert invoke("run", "fragmented", "--quiet", "--seed", "2", "--out", "b").code == 0
    (folder / "a" / "audit.jsonl").write_bytes((folder / "b" / "audit.jsonl").read_bytes())
    assert invoke("verify", "a").code == 0
    done = invoke("verify", "a", "--expect-head", head)
    assert done.code == 1
    assert f"the head, must be {head}" in done.out


def test_L07_two_runs_into_one_folder_do_not_meet(invoke: Invoke, folder: Path) -> None:
    before = {file: file.read_bytes() for file in (folder / "a").iterdir()}
    assert "holds a run already" in check_error(invoke, ["run", "fragmented", "--out", "a"], 2)
    assert {file: file.read_bytes() for file in (folder / "a").iterdir()} == before
    for _ in range(3):
        assert invoke("run", "fragmented", "--quiet").code == 0
    assert len(list((folder / "logs").iterdir())) == 3


USAGE = [
    [],
    ["nonsense"],
    *([name, "--nonsense"] for name in COMMANDS),
    ["run"],
    ["run", "fragmented", "--seed", "x"],
    ["run", "fragmented", "--clock", "lunar"],
    ["run", "fragmented", "--out", ""],
    ["run", "fragmented", "extra"],
    ["validate"],
    ["verify"],
    ["verify", ""],
    ["verify", "a", "--expect-head", "0" * 63],
    ["verify", "a", "--expect-head", "\uff10" * 64],
    ["replay", ""],
    ["replay", "a", "--until", "5"],
    ["replay", "a", "--until", "-1ms"],
    ["diff", "a", ""],
    ["compare"],
    ["compare", "a"],
    ["compare", "a", ""],
    ["whatif", ""],
    ["whatif", "a", "--set", "venues[NOWHERE].fees.taker=1", "--out", "new"],
    ["whatif", "a", "--set", "nothing", "--out", "new"],
    ["whatif", "a", "--out", "a"],
    ["whatif", "a", "--data", "nowhere"],
    ["list"],
    ["list", "nonsense"],
    ["liquidity", "fragmented", "--side", "buy", "--qty", "0"],
    ["liquidity", "fragmented", "--side", "buy", "--qty", "NaN"],
    ["liquidity", "fragmented", "--side", "buy", "--qty", "1e3"],
    ["liquidity", "fragmented", "--side", "buy", "--qty", "1" * 30],
    ["liquidity", "fragmented", "--side", "up", "--qty", "1"],
    ["liquidity", "fragmented", "--side", "buy", "--qty", "1", "--at", "-1s"],
    ["convert", "nonsense", "in.csv", "new"],
    ["convert", "order_latency", "in.csv"],
    ["convert", "order_latency", "in.csv", ""],
    ["convert", "order_latency", "in.csv", "new", "-o", "x=1"],
]


@pytest.mark.parametrize("args", USAGE, ids=lambda args: " ".join(args)[:60] or "nothing")
def test_exit_2_for_wrong_usage(invoke: Invoke, folder: Path, args: list[str]) -> None:
    before = sorted(folder.iterdir())
    if args and args[0] in WITHOUT_JSON:
        assert invoke(*args).code == 2
    else:
        check_error(invoke, args, 2)
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("out", ["in.csv", "pipe", "in.csv/sub", "loop", "x" * 5_000, "pipe/sub"])
def test_S06_P05_exit_2_for_a_folder_that_cannot_hold_a_run(
    invoke: Invoke, folder: Path, out: str
) -> None:
    check_error(invoke, ["run", "fragmented", "--out", out], 2)


def test_S06_a_link_in_the_runs_folder_is_not_written_through(invoke: Invoke, folder: Path) -> None:
    for name in ("audit.jsonl", "summary.json", "manifest.json", "scenario.yaml", "resolved.yaml"):
        link = folder / "sub" / name
        link.symlink_to(folder / "victim")
        assert "holds a run already" in check_error(
            invoke, ["run", "fragmented", "--out", "sub"], 2
        )
        link.unlink()
    assert not (folder / "victim").exists()


@pytest.mark.parametrize("name", ["../up", "/tmp/x", "a/b", "CON\0", "..", "-"])
def test_S06_no_scenarios_name_leads_out_of_the_logs_folder(
    invoke: Invoke, folder: Path, name: str
) -> None:
    (folder / "named.yaml").write_text(
        (shipped_scenario("fragmented") or Path()).read_text().replace("name: fragmented", "")
        + f"\nname: {json.dumps(name)}\n"
    )
    assert ": name: " in check_error(invoke, ["run", "named.yaml"], 2)
    assert not (folder / "logs").exists()


@pytest.mark.parametrize("out", ["pipe", "in.csv", "loop", "link", "x" * 5_000])
def test_S06_exit_2_for_an_output_of_convert_that_cannot_be(
    invoke: Invoke, folder: Path, out: str
) -> None:
    log = "Timestamp,Order_ID,Status\n1000,1,PENDING_CREATE\n1012,1,CREATED\n"
    (folder / "good.csv").write_text(log)
    (folder / "link").symlink_to("victim")
    before = {path: path.lstat().st_mode for path in folder.iterdir()}
    check_error(invoke, ["convert", "order_latency", "good.csv", out], 2)
    assert {path: path.lstat().st_mode for path in folder.iterdir()} == before


def test_exit_1_says_that_the_answer_is_no(invoke: Invoke, folder: Path) -> None:
    assert invoke("run", "fragmented", "--quiet", "--set", 'expect.fill_rate="== 0"').code == 1
    assert invoke("run", "fragmented", "--quiet", "--set", "duration=1ms").code == 1
    log = folder / "a" / "audit.jsonl"
    log.write_bytes(log.read_bytes()[:-2])
    assert invoke("verify", "a").code == 1
    assert invoke("replay", "a").code == 1
    for command in ("verify", "replay"):
        assert json.loads(invoke(command, "a", "--json").out)


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (PluginError("strategy failed"), 3, "plugin"),
        (InvariantError("I7: sizes"), 4, "internal"),
        (RuntimeError("surprise"), 4, "internal"),
        (MemoryError(), 2, "memory"),
        (RecursionError(), 4, "internal"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (AuditWriteError("disk full"), 2, "audit_write"),
        (ClusterError("no scheduler there"), 2, "cluster"),
        (JournalError("changed"), 2, "journal"),
        (WorkerLostError("three times"), 2, "worker_lost"),
        (OSError(24, "Too many open files", "x"), 2, "file"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_P10_exit_codes_of_what_a_run_may_raise(
    invoke: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    kind: str,
) -> None:
    def fails(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("sim.world.run_world", fails)
    check_error(invoke, ["run", "fragmented"], code)
    document = json.loads(invoke("run", "fragmented", "--json").out)
    assert document["error"]["kind"] == kind


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"bench", "doctor"}))
def test_exit_0_and_one_document_for_what_is_right(
    invoke: Invoke, folder: Path, command: str
) -> None:
    log = "Timestamp,Order_ID,Status\n1000,1,PENDING_CREATE\n1012,1,CREATED\n"
    (folder / "good.csv").write_text(log)
    events = "t_ns,venue,event,side,price,qty,order_id\n0,A,add,bid,9.99,100,1\n"
    (folder / "good.events.csv").write_text(events)
    head = "t_ns,venue,event,side,price,qty,order_id\n0,A,add,bid,9.99,900,1\n"
    asks = [f"{n},A,add,ask,10.01,1,{n}\n{n},A,execute,ask,10.01,1,{n}\n" for n in range(3, 99)]
    market = [head, "0,A,add,ask,10.01,900,2\n", *asks, "99,A,delete,,,,1\n"]
    (folder / "market.events.csv").write_text("".join(market))
    right: dict[str, list[str]] = {
        **{name: [arg.format("a") for arg in args] for name, args in READS_A_LOG.items()},
        **{name: [a.format("fragmented") for a in args] for name, args in READS_A_SCENARIO.items()},
        "list": ["list", "venues"],
        "schema": ["schema"],
        "convert": ["convert", "order_latency", "good.csv", "made.csv"],
        "inspect": ["inspect", "good.events.csv"],
        "calibrate": ["calibrate", "market.events.csv", "--simulate", "20us"],
        "generate": ["generate", "fragmented", "made.events.csv"],
        "sweep": ["sweep", "fragmented", "--grid", "router.max_attempts=5,6", "--seeds", "1"],
        "torture": ["torture", "halt", "--seeds", "1", "--jobs", "1"],
        "tune": ["tune", "fragmented", "--grid", "router.max_attempts=5,6", "--jobs", "1"],
    }
    args = right[command]
    done = invoke(*args, *([] if command in WITHOUT_JSON else ["--json"]))
    assert done.code == 0, done.err
    json.loads(done.out)


def test_validate_says_every_problem_in_the_same_form_as_other_commands(
    invoke: Invoke, folder: Path
) -> None:
    (folder / "bad.yaml").write_text("schema_version: 1\nnmae: x\n")
    document = json.loads(invoke("validate", "fragmented", "bad.yaml", "gone.yaml", "--json").out)
    assert [row["ok"] for row in document["scenarios"]] == [True, False, False]
    error = document["error"]
    assert (error["kind"], error["exit_code"]) == ("scenario", 2)
    assert {problem["file"] for problem in error["problems"]} == {"bad.yaml", "gone.yaml"}
    alone = json.loads(invoke("run", "bad.yaml", "--json").out)["error"]
    assert alone["problems"] == [one for one in error["problems"] if one["file"] == "bad.yaml"]


def test_names_of_files_are_printed_escaped(invoke: Invoke, folder: Path) -> None:
    name = "a\x1b[31m\u202eb.yaml"
    (folder / name).write_text("x: 1\n")
    for args in (["validate", name], ["run", name], ["verify", name], ["run", "x", "--out", name]):
        done = invoke(*args)
        assert done.code in {1, 2}
        assert (done.out + done.err).replace("\n", "").isprintable()


def test_a_missing_argument_is_told_without_escapes(invoke: Invoke) -> None:
    done = invoke("list")
    assert done.code == 2
    assert "\\t" not in done.err
    assert "\n  scenarios,\n" in done.err


def test_a_bad_row_of_a_recording_is_told_before_the_run_and_leaves_nothing(
    invoke: Invoke, folder: Path
) -> None:
    text = (shipped_scenario("fragmented") or Path()).read_text()
    at = text.index("  - id: NYSE")
    leg = "{model: fixed, delay: 5ms}"
    venue = (
        f"  - id: REC\n    kind: replayed\n    file: rec.csv\n"
        f"    latency: {{order: {leg}, report: {leg}, feed: {leg}}}\n"
    )
    (folder / "rec.yaml").write_text(text[:at] + venue + text[at:])
    rows = ["t_ns,event,side,price,qty", "0,level,ask,100.02,10", "5000000000000,level,ask,NaN,1"]
    (folder / "rec.csv").write_text("\n".join(rows) + "\n")
    line = (text[:at] + venue).split("file: rec.csv")[0].count("\n") + 1
    for command in (["validate"], ["run"], ["liquidity", "--side=buy", "--qty=1"]):
        said = check_error(invoke, [*command, "rec.yaml"], 2) if command != ["validate"] else ""
        said = said or invoke(*command, "rec.yaml").err
        assert f"rec.yaml:{line}:11: venues[REC].file: the file 'rec.csv' line 3: " in said
    assert not (folder / "logs").exists()
