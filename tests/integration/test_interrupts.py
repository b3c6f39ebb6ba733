"""What an interrupted run still does, and for how long (row P01)."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import sim.scenario.load
import sim.world
from sim.audit.log import AuditLog
from sim.audit.records import (
    CancelSent,
    ChildSent,
    Decision,
    Fill,
    ParentDone,
    ParentReceived,
    Record,
    RunFinished,
)
from sim.audit.target import FileTarget
from sim.audit.verify import verify
from sim.cli import main
from sim.kernel.interrupt import always_heard
from sim.protocol.enums import EndReason, Outcome
from sim.scenario.load import LoadedScenario
from sim.study.pool import run_many
from sim.world import DRAIN_S, RunResult, World, run_world

Data = dict[str, Any]
Make = Callable[..., Data]
Load = Callable[..., LoadedScenario]
MS = 1_000_000
STEP_NS = 50 * MS  # a run of 10 s shows its progress 200 times
SCRIPT = Path(sys.executable).with_name("sorsim")


@pytest.fixture
def interrupted(
    load_data: Load, read_records: Callable[[bytes], tuple[Record, ...]]
) -> Callable[..., tuple[RunResult, tuple[Record, ...]]]:
    """``interrupted(data)``: run it in virtual time, with one signal at 50 ms."""

    def run(data: Data) -> tuple[RunResult, tuple[Record, ...]]:
        def interrupt(now_ns: int, end_ns: int) -> None:
            if now_ns == STEP_NS:
                os.kill(os.getpid(), signal.SIGINT)

        result = run_world(load_data(data), on_progress=interrupt)
        assert (result.outcome, result.exit_code) == (Outcome.ABORTED, 130)
        assert result.log is not None
        return result, read_records(result.log)

    return run


def test_P01_open_orders_are_canceled_and_their_answers_awaited(
    market: Make, lit: Make, interrupted: Any
) -> None:
    """Ours is 80 ms away as the signal comes. It fills before its cancel arrives: that counts."""
    late = {"id": "LATE", "side": "buy", "qty": 5, "at": "60ms"}
    data = market([lit("A", [["100.00", 60]], ms=80)], qty=100)
    data["parents"].append(late)
    _, records = interrupted(data)
    (cancel,) = (r for r in records if isinstance(r, CancelSent))
    (fill,) = (r for r in records if isinstance(r, Fill))
    done = [r for r in records if isinstance(r, ParentDone)]
    assert cancel.t_ns == STEP_NS
    assert (fill.t_ns, fill.last_qty) == (160 * MS, 60)
    assert [(r.parent_id, r.end_reason, r.filled_qty) for r in done] == [
        ("P", EndReason.ABORTED, 60)
    ]
    assert all(r.t_ns < STEP_NS for r in records if isinstance(r, ChildSent | Decision))
    assert [r.parent_id for r in records if isinstance(r, ParentReceived)] == ["P"]
    assert isinstance(records[-1], RunFinished)
    assert records[-1].t_ns == 210 * MS  # as the answer to the cancel comes


def test_P01_a_run_with_nothing_open_ends_at_once(
    market: Make, lit: Make, interrupted: Any
) -> None:
    _, records = interrupted(market([lit("A", [["100.00", 60]])], at="1s"))
    assert records[-1].t_ns == STEP_NS


def test_P01_answers_that_never_come_are_not_awaited_for_ever(
    market: Make, lit: Make, interrupted: Any
) -> None:
    data = market([lit("A", [["100.00", 60]], ms=60_000)], duration="10s")
    _, records = interrupted(data)
    (done,) = (r for r in records if isinstance(r, ParentDone))
    assert (done.end_reason, done.filled_qty) == (EndReason.ABORTED, 0)
    assert records[-1].t_ns == STEP_NS + DRAIN_S * 1_000 * MS


@pytest.mark.slow
@pytest.mark.parametrize("clock", ["virtual", "wall"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_P01_a_second_signal_leaves_at_once_and_the_log_is_a_valid_prefix(
    market: Make, lit: Make, tmp_path: Path, clock: str, number: int
) -> None:
    """Its order is a minute away, so without the second signal it would wait for its answer."""
    flow = [{"kind": "poisson", "rate": 20_000, "centre": "100.00"}]
    data = market(
        [lit("A", [["100.20", 60]], ms=60_000), lit("B", flow=flow)], duration="60min", qty=60
    )
    data["router"] = {"strategy": {"kind": "single_venue", "venue": "A"}}
    (tmp_path / "s.yaml").write_text(json.dumps(data))
    process = subprocess.Popen(
        [SCRIPT, "run", "s.yaml", "--clock", clock, "--out", "a"],
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 30
    while not (tmp_path / "a" / "resolved.yaml").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.5)
    process.send_signal(number)
    time.sleep(0.1)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "what was written of the run lies in a" in err
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_bytes())
    assert (manifest["exit_code"], manifest["clock"]) == (130, {"kind": clock})
    found = verify(tmp_path / "a" / "audit.jsonl")
    assert (found.ok, found.complete) == (False, False)
    assert found.first_bad is not None
    assert found.first_bad.seq == found.records > 0


# ------------------------------------------------------------ before and after there is a loop


def strike_before(
    monkeypatch: pytest.MonkeyPatch, where: Any, name: str, number: int = signal.SIGINT
) -> None:
    """Let a signal come as a function is called."""
    call = getattr(where, name)

    def struck(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(where, name, call)  # once
        os.kill(os.getpid(), number)
        return call(*args, **options)

    monkeypatch.setattr(where, name, struck)


both_signals = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@both_signals
def test_P01_a_signal_while_the_scenario_is_read_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    monkeypatch.chdir(tmp_path)
    strike_before(monkeypatch, sim.scenario.load, "load_scenario", number)
    assert main(["run", "fragmented", "--out", "a"]) == 130
    assert capsys.readouterr().err == "sorsim: interrupted\n"
    assert list(tmp_path.iterdir()) == []


@both_signals
def test_P01_a_signal_that_something_made_an_error_of_its_own_of_is_an_interrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    """As pydantic does while it builds what a scenario is checked with."""

    def load(*args: object, **options: object) -> None:
        try:
            os.kill(os.getpid(), number)
        except KeyboardInterrupt as struck:
            raise ValueError("Error building `literal` serializer") from struck

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sim.scenario.load, "load_scenario", load)
    assert main(["run", "fragmented", "--out", "a"]) == 130
    assert capsys.readouterr().err == "sorsim: interrupted\n"


@both_signals
@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_P01_a_signal_while_the_run_is_made_ends_it_at_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: str, number: int
) -> None:
    monkeypatch.chdir(tmp_path)
    strike_before(monkeypatch, World, "__init__", number)
    assert main(["run", "fragmented", "--out", "a", "--clock", clock, "--quiet"]) == 130
    found = verify(tmp_path / "a" / "audit.jsonl")
    assert (found.ok, found.outcome) == (True, Outcome.ABORTED)
    assert json.loads((tmp_path / "a" / "summary.json").read_bytes())["outcome"] == "aborted"


@both_signals
@pytest.mark.parametrize(
    ("where", "name", "outcome"),
    [
        (AuditLog, "finish", Outcome.COMPLETE),
        (FileTarget, "confirm", Outcome.COMPLETE),
        (sim.world, "write_file", Outcome.ABORTED),
    ],
    ids=["finish", "confirm", "write_file"],
)
def test_P01_a_signal_while_the_files_are_written_lets_them_be_whole_and_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: Any,
    name: str,
    outcome: Outcome,
    number: int,
) -> None:
    """``write_file`` is called before the run as well: then the run ends at its beginning."""
    monkeypatch.chdir(tmp_path)
    sync = ["--set", "audit.sync=end"]
    strike_before(monkeypatch, where, name, number)
    assert main(["run", "fragmented", *sync, "--out", "a", "--quiet"]) == 130
    found = verify(tmp_path / "a" / "audit.jsonl")
    assert (found.ok, found.outcome) == (True, outcome)
    assert (tmp_path / "a" / "summary.json").exists()
    assert json.loads((tmp_path / "a" / "manifest.json").read_bytes())["exit_code"] == 130


def test_P01_a_signal_in_the_last_moment_of_one_run_ends_the_whole_sweep(
    market: Make, lit: Make, load_data: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop of that run hears nothing any more."""
    loaded = load_data(market([lit("A", [["100.00", 60]])]))
    done: list[int] = []

    def work(job: int) -> int:
        if job == 1:
            strike_before(monkeypatch, World, "result")
        run_world(loaded)
        done.append(job)
        return job

    with pytest.raises(KeyboardInterrupt):
        run_many(range(5), work, jobs_n=1)
    assert done == [0]


def test_P01_a_signal_that_something_swallowed_ends_a_sweep_before_its_next_run() -> None:
    done: list[int] = []

    def work(job: int) -> int:
        done.append(job)
        with suppress(BaseException):
            os.kill(os.getpid(), signal.SIGINT)
        return job

    with always_heard(), pytest.raises(KeyboardInterrupt):
        run_many(range(5), work, jobs_n=1)
    assert done == [0]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["run", "sweep"])
def test_P01_a_signal_in_the_first_moments_of_a_command_ends_it(
    tmp_path: Path, command: str
) -> None:
    """Python itself is struck before it is ours; from then on it is exit code 130, never 0."""
    args = {
        "run": ["run", "fragmented", "--set", "duration=60min", "--set", "parents[0].at=59min"],
        "sweep": [
            "sweep",
            "fragmented",
            "--grid",
            "router.max_attempts=5,6",
            "--seeds",
            "2000",
            "--jobs",
            "2",
        ],
    }[command]
    for n in range(12):
        process = subprocess.Popen(
            [SCRIPT, *args, "--out", f"r{n}"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=hears_signals,  # noqa: PLW1509 - we have no threads
        )
        time.sleep(0.1 + 0.06 * n)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode in {130, -signal.SIGINT}, (n, err)
        log = tmp_path / f"r{n}" / "audit.jsonl"
        if log.exists() and log.stat().st_size:
            found = verify(log)
            assert found.state == "cut" or found.outcome is Outcome.ABORTED


def hears_signals() -> None:
    """In the child: a shell has what it runs in the background ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
