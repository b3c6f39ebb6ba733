"""What an interrupted run still does, and for how long (row P01)."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
from sim.audit.verify import verify
from sim.protocol.enums import EndReason, Outcome
from sim.scenario.load import LoadedScenario
from sim.world import DRAIN_S, RunResult, run_world

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
