"""Whole runs that do not go to plan: crashes, interrupts, full disks, time that runs out."""

import asyncio
import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import venues.task
from sim.audit.read import read_records
from sim.audit.records import (
    CancelRejected,
    CancelSent,
    ChildSent,
    Decision,
    ParentDone,
    Quote,
    Record,
    RunFinished,
    VenueEvent,
)
from sim.audit.target import FileTarget
from sim.audit.verify import verify
from sim.cli.errors import error_document
from sim.kernel.loop import SimLoop
from sim.protocol.enums import EndReason, Outcome
from sim.protocol.errors import AuditWriteError, DataFormatError, InvariantError
from sim.protocol.orders import NewOrderSingle
from sim.scenario.load import LoadedScenario
from sim.world import arun_world, run_world
from venues.core.lit import LitCore

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Make = Callable[..., Data]
Load = Callable[..., LoadedScenario]
RunData = Callable[..., "Ran"]

FLOW = {"kind": "poisson", "rate": 1000, "centre": "100.00", "lots": 20}


def logged(folder: Path) -> list[Record]:
    return [record for _, record in read_records(folder / "audit.jsonl")]


@pytest.fixture
def busy(market: Make, lit: Make) -> Data:
    """Two venues with flow, and an order that is never done within the run's 2 s."""
    return market([lit("A", flow=[FLOW]), lit("B", ms=9, flow=[FLOW])], qty=10**9, duration="2s")


# ------------------------------------------------------------ a venue fails


@pytest.fixture
def crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lit venues raise at the third order of ours that they get."""
    handle, ours = LitCore.handle, []

    def failing(self: LitCore, msg: Any, now_ns: Any) -> Any:
        if isinstance(msg, NewOrderSingle) and msg.account == "SOR":
            ours.append(msg)
            if len(ours) == 3:
                raise ZeroDivisionError("the venue's own fault")
        return handle(self, msg, now_ns)

    monkeypatch.setattr(LitCore, "handle", failing)


@pytest.mark.usefixtures("crash")
@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_F01_a_venue_that_fails_is_down_and_the_run_goes_on_to_its_error(
    busy: Data, load_data: Load, tmp_path: Path, clock: str
) -> None:
    """All files are written before the error comes out, so that it can be looked into."""
    with pytest.raises(ZeroDivisionError, match="the venue's own fault") as raised:
        run_world(load_data(busy, "duration=200ms"), folder=tmp_path, clock=clock)
    found = verify(tmp_path / "audit.jsonl")
    assert found.ok, found.message
    assert found.outcome is Outcome.INCOMPLETE
    records = logged(tmp_path)
    (down,) = [record for record in records if isinstance(record, VenueEvent)]
    (done,) = [record for record in records if isinstance(record, ParentDone)]
    assert (down.event, down.detail) == ("down", "ZeroDivisionError: the venue's own fault")
    assert done.end_reason is EndReason.RUN_ENDED
    assert done.t_ns >= 200_000_000
    document = error_document(raised.value)["error"]
    assert document["exit_code"] == 4
    assert f"venue {down.venue_id} died of it" in document["message"]
    (note,) = raised.value.__notes__
    assert note.startswith(f"venue {down.venue_id} died of it at {down.t_ns} ns")
    after = records[records.index(down) :]
    others = {record.venue_id for record in after if isinstance(record, Quote)}
    assert others == {"A", "B"} - {down.venue_id}
    summary = msgspec.json.decode((tmp_path / "summary.json").read_bytes())
    assert summary["outcome"] == "incomplete"
    assert summary["down"] == [
        {
            "venue_id": down.venue_id,
            "from_ns": down.t_ns,
            "until_ns": None,
            "error": "ZeroDivisionError: the venue's own fault",
        }
    ]


def test_F01_an_invariant_that_breaks_in_a_venue_stops_the_run_at_that_instant(
    busy: Data, load_data: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: LitCore, msg: Any, now_ns: Any) -> Any:
        raise InvariantError("I7: planted")

    monkeypatch.setattr(LitCore, "handle", broken)
    with pytest.raises(InvariantError, match="I7: planted"):
        run_world(load_data(busy), folder=tmp_path)
    assert verify(tmp_path / "audit.jsonl").outcome is Outcome.ABORTED
    records = logged(tmp_path)
    (failed,) = [record for record in records if isinstance(record, VenueEvent)]
    assert failed.event == "failed"
    assert records[-1].t_ns == failed.t_ns < 2_000_000_000


@pytest.mark.usefixtures("crash")
async def test_F01_its_error_comes_out_where_the_run_was_awaited(
    busy: Data, load_data: Load
) -> None:
    before = len(asyncio.all_tasks())
    with pytest.raises(ZeroDivisionError):
        await arun_world(load_data(busy))
    assert len(asyncio.all_tasks()) == before


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_a_recording_that_breaks_off_stops_the_run_and_names_its_line_and_its_venue(
    market: Make, lit: Make, load_data: Load, tmp_path: Path, clock: str
) -> None:
    """Loading reads it to its end, so it must have changed since."""
    rows = ["t_ns,event,side,price,qty", "0,level,ask,100.00,5", "1000,level,ask,100.01,5", ""]
    recording = tmp_path / "a.l2.csv"
    recording.write_text("\n".join(rows), encoding="utf-8")
    venue = {**lit("A"), "kind": "replayed", "file": "a.l2.csv"}
    del venue["book"]
    loaded = load_data(market([venue]), beside=tmp_path)
    recording.write_text("\n".join(rows) + "oops\n", encoding="utf-8")
    with pytest.raises(DataFormatError, match=r"a\.l2\.csv:4: .* \(venue A\)$"):
        run_world(loaded, folder=tmp_path, clock=clock)
    assert verify(tmp_path / "audit.jsonl").outcome is Outcome.ABORTED
    (failed,) = [record for record in logged(tmp_path) if isinstance(record, VenueEvent)]
    assert (failed.venue_id, failed.event) == ("A", "failed")
    assert "a.l2.csv:4:" in failed.detail


# ------------------------------------------------------------ interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_P01_an_interrupted_run_is_saved_and_says_that_it_was_aborted(
    busy: Data, load_data: Load, tmp_path: Path, number: int, clock: str
) -> None:
    ticks = []

    def interrupt(now_ns: int, end_ns: int) -> None:
        ticks.append(now_ns)
        if len(ticks) == 4:
            os.kill(os.getpid(), number)

    result = run_world(load_data(busy), folder=tmp_path, clock=clock, on_progress=interrupt)
    assert (result.outcome, result.exit_code) == (Outcome.ABORTED, 130)
    assert result.summary["outcome"] == "aborted"
    found = verify(tmp_path / "audit.jsonl", result.summary["audit_head"])
    assert (found.ok, found.outcome) == (True, Outcome.ABORTED)
    records = logged(tmp_path)
    (done,) = [record for record in records if isinstance(record, ParentDone)]
    assert done.end_reason is EndReason.ABORTED
    assert isinstance(records[-1], RunFinished)
    assert len(ticks) == 4


def test_P01_a_second_signal_leaves_at_once_and_the_log_is_a_valid_prefix(
    busy: Data, load_data: Load, tmp_path: Path
) -> None:
    def interrupt(now_ns: int, end_ns: int) -> None:
        if now_ns:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run_world(load_data(busy), folder=tmp_path, on_progress=interrupt)
    found = verify(tmp_path / "audit.jsonl")
    assert (found.ok, found.complete) == (False, False)
    assert found.first_bad is not None
    assert found.first_bad.seq == found.records > 10


async def test_a_canceled_run_ends_its_tasks_and_leaves_nothing_on_the_loop(
    busy: Data, load_data: Load, tmp_path: Path
) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    before = len(asyncio.all_tasks())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await arun_world(load_data(busy), folder=tmp_path)
    assert len(asyncio.all_tasks()) == before
    assert verify(tmp_path / "audit.jsonl").outcome is Outcome.ABORTED
    handled = loop.events_run
    await asyncio.sleep(60)
    assert loop.events_run - handled < 100  # what was under way, and no flow of another minute


# ------------------------------------------------------------ disks


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("sync", ["end", "interval", "each"])
def test_P03_a_full_disk_stops_the_run(
    busy: Data, load_data: Load, tmp_path: Path, sync: str
) -> None:
    (tmp_path / "audit.jsonl").symlink_to("/dev/full")
    with pytest.raises(AuditWriteError, match="No space left on device"):
        run_world(load_data(busy, f"audit.sync={sync}", "duration=200ms"), folder=tmp_path)
    assert not (tmp_path / "summary.json").exists()


@pytest.mark.parametrize("room", range(1_500, 9_000, 500))
def test_P03_I14_no_order_leaves_without_its_record_on_the_disk(
    busy: Data, load_data: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """The disk fills up in the middle of the run, at any record."""
    write, arrived = FileTarget.write, []
    arrival = venues.task.Publisher.arrival

    def filling(self: FileTarget, offset: int, lines: bytearray) -> None:
        if offset + len(lines) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, offset, lines)

    def spying(self: Any, event: Any, msg: NewOrderSingle, now_ns: int) -> None:
        arrived.append(msg.cl_ord_id)
        arrival(self, event, msg, now_ns)

    monkeypatch.setattr(FileTarget, "write", filling)
    monkeypatch.setattr(venues.task.Publisher, "arrival", spying)
    with pytest.raises(AuditWriteError, match="the run must stop"):
        run_world(load_data(busy, "audit.sync=each"), folder=tmp_path)
    records = logged(tmp_path)
    assert set(arrived) <= {r.cl_ord_id for r in records if isinstance(r, ChildSent)}
    found = verify(tmp_path / "audit.jsonl")
    assert found.records == len(records)
    assert not found.complete


def test_P05_a_folder_that_is_missing_fails_before_the_run(
    busy: Data, load_data: Load, tmp_path: Path
) -> None:
    with pytest.raises(AuditWriteError, match="its folder does not exist"):
        run_world(load_data(busy), folder=tmp_path / "nowhere")


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_a_folder_that_takes_no_further_file_gives_up_the_log(
    busy: Data, load_data: Load, tmp_path: Path, clock: str
) -> None:
    """And says which file: here a folder stands in the way of one."""
    (tmp_path / "resolved.yaml").mkdir()
    with pytest.raises(AuditWriteError, match=r"resolved\.yaml: cannot be written"):
        run_world(load_data(busy), folder=tmp_path, clock=clock)
    (tmp_path / "resolved.yaml").rmdir()
    short = load_data(busy, "duration=50ms")
    assert run_world(short, folder=tmp_path).outcome is Outcome.INCOMPLETE


# ------------------------------------------------------------ time and attempts run out


def test_I16_what_is_open_when_the_time_is_over_stays_open_and_the_run_is_incomplete(
    market: Make, lit: Make, run_data: RunData
) -> None:
    near, far = lit("NEAR", [["100.00", 40]], ms=1), lit("FAR", [["100.01", 30]], ms=600)
    ran = run_data(market([near, far], duration="1s"))
    row = ran.parent
    assert (ran.result.outcome, ran.result.exit_code) == (Outcome.INCOMPLETE, 1)
    assert (row["filled_qty"], row["canceled_qty"], row["leaves_qty"]) == (40, 0, 60)
    assert row["end_reason"] == "run_ended"
    assert ran.records[-1].t_ns == 1_000_000_000


def test_I16_a_parent_that_comes_with_the_last_instant_is_recorded(
    market: Make, lit: Make, run_data: RunData
) -> None:
    ran = run_data(market([lit("A", [["100.00", 100]])], at="1s", duration="1s"))
    assert (ran.result.outcome, ran.parent["end_reason"]) == (Outcome.INCOMPLETE, "run_ended")
    assert len(ran.of(ChildSent)) == 1


def test_I17_attempts_are_bounded_and_end_the_parent(
    market: Make, lit: Make, run_data: RunData
) -> None:
    """A pool that indicates a hundred times what it has is asked four times, not for ever."""
    pool = lit("D", [["100.00", 10]], indications=True, indication_factor=100) | {"kind": "dark"}
    refill = [
        {"at": f"{ms}ms", "id": f"o{ms}", "side": "sell", "qty": 1, "price": "100.00"}
        for ms in range(20, 400, 20)
    ]
    pool["flow"] = [{"kind": "scripted", "orders": refill}]
    ran = run_data(market([pool], router={"strategy": {"kind": "greedy"}, "max_attempts": 4}))
    assert ran.result.outcome is Outcome.COMPLETE
    assert ran.parent["end_reason"] == "attempts_exhausted"
    assert len([d for d in ran.of(Decision) if d.split]) == 4
    assert ran.parent["filled_qty"] + ran.parent["canceled_qty"] == 100


def test_F02_an_ack_that_takes_longer_than_the_timeout_fills_nothing_twice(
    market: Make, lit: Make, run_data: RunData
) -> None:
    slow, fast = lit("SLOW", [["100.00", 100]], ms=100), lit("FAST", [["100.01", 100]], ms=1)
    router = {"strategy": {"kind": "greedy"}, "ack_timeout": "150ms"}
    ran = run_data(market([slow, fast], router=router))
    assert ran.result.outcome is Outcome.COMPLETE
    assert ran.parent["venues"]["SLOW"]["filled_qty"] == 100
    assert [c.t_ns for c in ran.of(CancelSent)] == [150_000_000]
    assert [c.t_ns for c in ran.of(CancelRejected)] == [350_000_000]
    assert ran.records[-1].t_ns == 350_000_000


def test_a_deadline_cancels_waits_for_the_answers_and_ends_the_run(
    market: Make, lit: Make, run_data: RunData
) -> None:
    ran = run_data(market([lit("A", [["100.00", 40]], ms=100)], deadline="150ms"))
    assert ran.result.outcome is Outcome.COMPLETE
    row = ran.parent
    assert (row["end_reason"], row["filled_qty"], row["canceled_qty"]) == ("deadline", 40, 60)
    # The child's own end was on its way at the deadline: its cancel comes too late.
    assert [c.t_ns for c in ran.of(ParentDone)] == [200_000_000]
    assert ran.records[-1].t_ns == 350_000_000
