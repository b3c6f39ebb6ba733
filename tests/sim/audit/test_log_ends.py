"""How a log stops, what it says then, and its last lines."""

import errno
import json
import os
from pathlib import Path

import msgspec
import pytest

import sim.audit.log
from sim.audit.log import AuditLog, Sync, open_audit_log
from sim.audit.records import LINE_BYTES_MAX, Quote, RunFinished, VenueEvent
from sim.protocol.enums import Outcome
from sim.protocol.errors import AuditWriteError

SYNCS: tuple[Sync, ...] = ("end", "interval", "each")


def quote(t_ns: int = 0) -> Quote:
    return Quote(t_ns=t_ns, venue_id="A", venue_seq=1, bid_px=1, bid_qty=1, ask_px=2, ask_qty=1)


def event(detail: str = "") -> VenueEvent:
    return VenueEvent(t_ns=0, venue_id="A", event="halt", detail=detail)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def fail(log: AuditLog) -> None:
    """Swallow the error of a target that takes nothing."""

    def refuse(offset: int, lines: bytearray) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    log._logger._target.write = refuse  # type: ignore[method-assign]
    log.emit(quote())
    with pytest.raises(AuditWriteError):
        log.flush()


def test_a_record_that_no_reader_would_take_is_refused_and_the_log_goes_on() -> None:
    with open_audit_log(None) as log:
        log.emit(quote())
        before = log.head
        room = LINE_BYTES_MAX - 256 - len(msgspec.json.encode(event()))
        with pytest.raises(AuditWriteError, match=f"has {LINE_BYTES_MAX - 255} bytes, more than"):
            log.emit(event("x" * (room + 1)))
        assert (log.records, log.head) == (1, before)
        log.emit(event("x" * room))
        assert log.records == 2


def test_the_last_record_may_be_as_long_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    last = RunFinished(t_ns=0, records=1, outcome=Outcome.COMPLETE)
    size = len(msgspec.json.encode(last))
    with open_audit_log(None) as log:
        monkeypatch.setattr(sim.audit.log, "_BODY_BYTES_MAX", size - 1)
        with pytest.raises(AuditWriteError, match=f"has {size} bytes, more than {size - 1}"):
            log.emit(last)
        monkeypatch.setattr(sim.audit.log, "_BODY_BYTES_MAX", size)
        log.emit(last)
        assert log.records == 1


@pytest.mark.parametrize("count", [0, 1, 3])
def test_run_finished_counts_itself_and_all_before(count: int) -> None:
    with open_audit_log(None) as log:
        log.emit(quote())
        with pytest.raises(AuditWriteError, match=rf"its records must be 2, was {count}$"):
            log.emit(RunFinished(t_ns=0, records=count, outcome=Outcome.COMPLETE))
        log.emit(RunFinished(t_ns=0, records=2, outcome=Outcome.COMPLETE))


def test_P03_a_log_that_cannot_be_closed_says_so_to_who_leaves_it() -> None:
    def run() -> None:
        with open_audit_log(None) as log:
            fail(log)

    with pytest.raises(AuditWriteError, match="cannot be written"):
        run()


def test_P04_a_disk_that_confirms_nothing_at_the_end_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_audit_log(path, "end")
    log.emit(quote())

    def refuse(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(AuditWriteError, match="Input/output error"):
        log.close()
    monkeypatch.undo()
    log.close()
    with open_audit_log(path, if_exists="replace") as again:  # its lock is free
        assert again.records == 0


def test_P05_a_file_that_cannot_be_emptied_is_refused_and_let_go(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int, size: int) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "ftruncate", refuse)
    with pytest.raises(AuditWriteError, match="cannot open the audit log: Read-only file system"):
        open_audit_log(path)
    monkeypatch.undo()
    open_audit_log(path).close()


class TestTail:
    """The last lines, wherever they are: for the report of an error."""

    @pytest.mark.parametrize("sync", SYNCS)
    @pytest.mark.parametrize("count", [1, 3, 7, 50])
    def test_is_the_end_of_the_log(self, path: Path, sync: Sync, count: int) -> None:
        with open_audit_log(path, sync) as log:
            assert log.tail(count) == ()
            for n in range(5):
                log.emit(quote(t_ns=n))
            log.flush()
            assert log.tail(count) == tuple(path.read_text().splitlines()[-count:])
            for n in range(5, 7):
                log.emit(quote(t_ns=n))
            before = log.tail(count)
        assert before == tuple(path.read_text().splitlines()[-count:])

    def test_in_memory_is_the_same(self) -> None:
        log = open_audit_log(None)
        for n in range(6):
            log.emit(quote(t_ns=n))
            if n == 3:
                log.flush()
        assert log.tail(4) == tuple(log.data.decode().splitlines()[-4:])
        assert log.tail(6) == tuple(log.data.decode().splitlines())

    def test_holds_no_part_of_a_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither where the lines at hand begin in the middle of one, nor with the rest flushed."""
        log = open_audit_log(None)
        for n in range(9):
            log.emit(quote(t_ns=n))
        lines = tuple(log.data.decode().splitlines())
        size = len(lines[0]) + 1
        for reach, whole in ((2 * size, 1), (2 * size + 1, 2), (3 * size - 1, 2), (9 * size, 8)):
            monkeypatch.setattr(sim.audit.log, "_TAIL_BYTES", reach)
            assert log.tail(9) == lines[-whole:]
        monkeypatch.setattr(sim.audit.log, "_TAIL_BYTES", 9 * size + 1)
        assert log.tail(9) == lines
        log.flush()
        assert log.tail(9) == lines
        monkeypatch.setattr(sim.audit.log, "_TAIL_BYTES", 3 * size - 1)
        assert log.tail(9) == lines[-2:]
        log.emit(quote(t_ns=9))
        last = log.data.decode().splitlines()
        assert log.tail(1) == (last[-1],)
        assert log.tail(3) == tuple(last[-3:])


def test_what_stops_a_log_is_said_in_full(path: Path) -> None:
    log = open_audit_log(None)
    log.emit(quote())
    log.finish(0, Outcome.COMPLETE)
    with pytest.raises(AuditWriteError) as finished:
        log.emit(quote())
    why = "the audit log is finished: nothing may follow run_finished"
    assert str(finished.value) == why
    log.close()
    with pytest.raises(AuditWriteError) as closed:
        log.emit(quote())
    assert str(closed.value) == "the audit log is closed"
    full = open_audit_log(None)
    fail(full)
    with pytest.raises(AuditWriteError) as failed:
        full.emit(quote())
    assert str(failed.value) == (
        "memory: the audit log cannot be written (No space left on device): the run must stop, "
        "since no decision may go unrecorded"
    )


def test_a_logger_of_structlog_has_the_context_it_was_given() -> None:
    assert open_audit_log(None)._context == {}


def test_the_tail_of_what_cannot_be_read_back_is_what_waits(path: Path) -> None:
    """A device has taken its lines; a file may be gone while it is written."""
    if not Path("/dev/null").exists():
        pytest.skip("no /dev/null here")
    nowhere = open_audit_log(Path("/dev/null"))
    nowhere.emit(quote(t_ns=1))
    nowhere.flush()
    nowhere.emit(quote(t_ns=2))
    assert [json.loads(line)["t_ns"] for line in nowhere.tail(5)] == [2]
    nowhere.close()
    with open_audit_log(path) as log:
        log.emit(quote(t_ns=1))
        log.flush()
        path.unlink()
        log.emit(quote(t_ns=2))
        assert [json.loads(line)["t_ns"] for line in log.tail(5)] == [2]
