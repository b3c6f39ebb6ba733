"""What the writer puts on the disk, and that it stops where it cannot."""

import errno
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from sim.audit.log import FLUSH_BYTES, AuditLog, ChainSink, Sync, open_audit_log
from sim.audit.records import LINE_BYTES_MAX, Quote, Record, RunStarted, VenueEvent
from sim.audit.target import MemoryTarget
from sim.audit.verify import verify
from sim.protocol.enums import Outcome
from sim.protocol.errors import AuditWriteError

SYNCS: tuple[Sync, ...] = ("end", "interval", "each")


def quote(t_ns: int = 0) -> Quote:
    return Quote(t_ns=t_ns, venue_id="A", venue_seq=1, bid_px=1, bid_qty=1, ask_px=2, ask_qty=1)


def event(detail: str = "") -> VenueEvent:
    return VenueEvent(t_ns=0, venue_id="A", event="halt", detail=detail)


def emit_many(log: AuditLog, record: Record) -> None:
    for _ in range(100):
        log.emit(record)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def test_line_is_seq_record_prev() -> None:
    """The bytes themselves: whoever changes them changes what earlier logs verify against."""
    with open_audit_log(None) as log:
        log.emit(quote(t_ns=7))
        log.finish(8, Outcome.ABORTED)
    first = (
        b'{"seq":0,"kind":"quote","t_ns":7,"venue_id":"A","venue_seq":1,"bid_px":1,"bid_qty":1,'
        b'"ask_px":2,"ask_qty":1,"prev":"%b"}' % (b"0" * 64)
    )
    last = (
        b'{"seq":1,"kind":"run_finished","t_ns":8,"records":2,"outcome":"aborted","prev":"%b"'
        % hashlib.sha256(first).hexdigest().encode()
    )
    last += b',"seal":"%b"}' % hashlib.sha256(last).hexdigest().encode()
    assert log.data == first + b"\n" + last + b"\n"
    assert log.head == hashlib.sha256(last).hexdigest()
    assert log.records == 2


def test_head_before_the_first_record_is_zeros() -> None:
    assert open_audit_log(None).head == "0" * 64


def test_records_are_plain_json(good_log: bytes, sample_records: list[Record]) -> None:
    rows = [json.loads(line) for line in good_log.splitlines()]
    assert [row["seq"] for row in rows] == list(range(len(rows)))
    assert [row["kind"] for row in rows[:-1]] == [
        record.__struct_config__.tag for record in sample_records
    ]


@pytest.mark.parametrize("sync", SYNCS)
def test_flush_policy_changes_no_byte(
    path: Path, sync: Sync, sample_records: list[Record], good_log: bytes
) -> None:
    with open_audit_log(path, sync) as log:
        assert log.sync == sync
        for record in sample_records:
            log.emit(record)
        log.finish(99, Outcome.COMPLETE)
    assert path.read_bytes() == good_log
    assert verify(path, log.head).ok


def test_unknown_flush_policy_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="one of end, interval, each, was 'often'"):
        open_audit_log(path, "often")  # type: ignore[arg-type]
    assert not path.exists()


@pytest.mark.parametrize("sync", SYNCS)
def test_flush_policy_decides_by_bytes_when_to_write_and_to_confirm(
    path: Path, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirmed: list[int] = []
    log = open_audit_log(path, sync)
    monkeypatch.setattr(os, "fsync", lambda fd: confirmed.append(os.fstat(fd).st_size))
    record = event("x" * 100_000)
    sizes = []
    for _ in range(100):
        log.emit(record)
        sizes.append(path.stat().st_size)
    waiting = [100_100 * n - size for n, size in enumerate(sizes, 1)]
    assert max(waiting) <= FLUSH_BYTES[sync] + 100_000
    assert len(set(sizes)) == {"end": 2, "interval": 10, "each": 100}[sync]
    assert confirmed == ([] if sync == "end" else sorted(set(sizes) - {0}))
    log.close()
    assert confirmed[-1] == path.stat().st_size


def test_log_without_run_finished_is_a_valid_prefix(
    path: Path, sample_records: list[Record]
) -> None:
    with open_audit_log(path) as log:
        for record in sample_records[:4]:
            log.emit(record)
    result = verify(path)
    assert (result.ok, result.complete, result.records) == (False, False, 4)
    assert "complete up to record 3" in result.message
    assert result.head == log.head


def test_nothing_follows_run_finished_or_close() -> None:
    log = open_audit_log(None)
    log.finish(0, Outcome.COMPLETE)
    with pytest.raises(AuditWriteError, match="nothing may follow run_finished"):
        log.emit(quote())
    log.close()
    log.close()
    with pytest.raises(AuditWriteError, match="closed"):
        log.emit(quote())


def test_observers_see_their_records_once_they_are_in_the_buffer() -> None:
    log = open_audit_log(None)
    seen: list[tuple[str, int, bool]] = []
    log.observe(Quote, lambda q: seen.append(("first", q.t_ns, b'"t_ns":5' in log.data)))
    log.observe(Quote, lambda q: seen.append(("second", q.t_ns, b'"t_ns":5' in log.data)))
    log.emit(event())
    log.emit(quote(t_ns=5))
    assert seen == [("first", 5, True), ("second", 5, True)]


@pytest.mark.parametrize(
    ("scenario", "why"),
    [
        ({"a": [1.0, {"b": float("nan")}]}, r"scenario\.a\[1\]\.b is nan"),
        ({"a": float("-inf")}, r"scenario\.a is -inf"),
        ({"a": {1: 2}}, r"scenario\.a has the key 1, which is no text"),
        ({"a": {"x", "y"}}, r"scenario\.a is of type set"),
        ({"a": b"bytes"}, r"scenario\.a is of type bytes"),
        ({"a": "\ud800"}, "surrogates not allowed"),
        ({"a": "x" * LINE_BYTES_MAX}, "bytes, more than"),
    ],
    ids=["nan", "inf", "key", "set", "bytes", "surrogate", "size"],
)
def test_L08_what_json_cannot_hold_is_refused_and_the_log_goes_on(
    scenario: dict[str, Any], why: str
) -> None:
    log = open_audit_log(None)
    started = RunStarted(
        t_ns=0,
        schema="s",
        code_version="1",
        seed=1,
        sync="end",
        market_data="none",
        files={},
        scenario=scenario,
    )
    with pytest.raises(AuditWriteError, match=f"run_started record cannot be written.*{why}"):
        log.emit(started)
    assert (log.records, log.data) == (0, b"")
    log.emit(quote())
    assert log.records == 1


def test_L08_text_of_any_script_is_kept_and_hashed_as_utf8() -> None:
    log = open_audit_log(None)
    log.emit(event("\u202e\x07 é € \U0001f600"))
    line = log.data.removesuffix(b"\n")
    assert json.loads(line)["detail"] == "\u202e\x07 é € \U0001f600"
    assert "é € \U0001f600".encode() in line
    assert log.head == hashlib.sha256(line).hexdigest()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("sync", SYNCS)
def test_P03_full_disk_stops_the_log_for_good(sync: Sync) -> None:
    log = open_audit_log(Path("/dev/full"), sync)
    refused = r"/dev/full: the audit log cannot be written \(No space left on device\)"
    with pytest.raises(AuditWriteError, match=refused):
        emit_many(log, event("x" * 100_000))
    with pytest.raises(AuditWriteError, match=refused):
        log.emit(quote())
    with pytest.raises(AuditWriteError, match=refused):
        log.flush()
    with pytest.raises(AuditWriteError, match=refused):
        log.close()
    log.close()


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_P03_half_written_line_is_cut_off_again(path: Path, sample_records: list[Record]) -> None:
    """The system takes a part of what it was given, then no more (a quota)."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = open_audit_log(path, "end")
    for record in (sample_records[0], event("x" * 10_000), event("y" * 10_000)):
        log.emit(record)
    resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, hard))
    try:
        with pytest.raises(AuditWriteError, match="File too large"):
            log.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes().endswith(b"}\n")
    assert "complete up to record 1, then the log ends: no run_finished" in verify(path).message


def test_P04_failed_fsync_stops_the_log_without_a_second_try(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def failing(fd: int) -> None:
        calls.append(fd)
        raise OSError(errno.EIO, "Input/output error")

    log = open_audit_log(path, "each")
    monkeypatch.setattr(os, "fsync", failing)
    for _ in range(3):
        with pytest.raises(AuditWriteError, match="Input/output error"):
            log.emit(quote())
    with pytest.raises(AuditWriteError, match="Input/output error"):
        log.close()
    assert len(calls) == 1


def test_P03_error_on_its_way_is_not_hidden_by_close() -> None:
    def run() -> None:
        with open_audit_log(None) as log:
            fail(log)
            raise KeyError

    with pytest.raises(KeyError):
        run()


def test_P03_failure_that_somebody_swallowed_shows_at_close() -> None:
    log = open_audit_log(None)
    fail(log)
    with pytest.raises(AuditWriteError, match="no decision may go unrecorded"):
        log.close()


def fail(log: AuditLog) -> None:
    """Swallow the error of a target that takes nothing."""

    def refuse(offset: int, lines: bytearray) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    log._logger._target.write = refuse  # type: ignore[method-assign]
    log.emit(quote())
    with pytest.raises(AuditWriteError):
        log.flush()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")
def test_P05_folder_where_no_file_can_be_made_fails_before_the_run() -> None:
    with pytest.raises(AuditWriteError, match=r"/proc/audit\.jsonl: cannot open the audit log"):
        open_audit_log(Path("/proc/audit.jsonl"))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("missing/audit.jsonl", "its folder does not exist"),
        ("file/audit.jsonl", "its folder does not exist"),
        ("", "Is a directory"),
        ("a\0b", "null byte"),
    ],
)
def test_P05_unusable_path_fails_before_the_run(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AuditWriteError, match=why):
        open_audit_log(tmp_path / name)


def test_earlier_log_is_only_replaced_on_demand(path: Path) -> None:
    path.write_text("an earlier log\n")
    with pytest.raises(AuditWriteError, match="it holds an earlier log"):
        open_audit_log(path)
    assert path.read_text() == "an earlier log\n"
    with open_audit_log(path, if_exists="replace") as log:
        log.emit(quote())
    assert path.read_bytes().startswith(b'{"seq":0,')
    assert path.read_bytes().count(b"\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no flock on Windows")
def test_L07_second_writer_is_refused_and_harms_nothing(path: Path) -> None:
    with open_audit_log(path, "each") as log:
        log.emit(quote())
        before = path.read_bytes()
        with pytest.raises(AuditWriteError, match="another run is writing it"):
            open_audit_log(path, if_exists="replace")
        assert path.read_bytes() == before
    open_audit_log(path, if_exists="replace").close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no flock on Windows")
def test_L07_second_process_is_refused(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sim.audit.log import open_audit_log\n"
        "try: open_audit_log(Path(sys.argv[1]))\n"
        "except Exception as error: print(error)"
    )
    with open_audit_log(path):
        done = subprocess.run(
            [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
        )
    assert "another run is writing it" in done.stdout


class InterruptedTarget(MemoryTarget):
    """Ctrl-C strikes once, just before or just after a write."""

    def __init__(self, *, before: bool) -> None:
        super().__init__()
        self._pending = True
        self._before = before

    def write(self, offset: int, lines: bytearray) -> None:
        if self._pending and self._before:
            self._pending = False
            raise KeyboardInterrupt
        super().write(offset, lines)
        if self._pending:
            self._pending = False
            raise KeyboardInterrupt


@pytest.mark.parametrize("before", [True, False])
def test_P13_interrupt_in_a_write_neither_loses_nor_doubles_a_line(
    path: Path, before: bool, sample_records: list[Record]
) -> None:
    sink = ChainSink(InterruptedTarget(before=before), "each")
    with pytest.raises(KeyboardInterrupt):
        sink.write(sample_records[0])
    log = AuditLog(sink, (), {})
    for record in sample_records[1:]:
        log.emit(record)
    log.finish(99, Outcome.ABORTED)
    log.close()
    path.write_bytes(log.data)
    assert verify(path, log.head).ok


@pytest.mark.parametrize("sync", SYNCS)
def test_P13_interrupt_at_any_call_of_emit_leaves_a_chain(
    path: Path, sync: Sync, sample_records: list[Record]
) -> None:
    """Ctrl-C strikes where Python calls or returns; strike at each such place in turn."""
    log = open_audit_log(path, sync)
    log.emit(sample_records[0])
    place = 0
    while strikes(log, place):
        place += 1
    log.finish(0, Outcome.ABORTED)
    log.close()
    assert place > 10
    assert verify(path, log.head).ok


def strikes(log: AuditLog, place: int) -> bool:
    """Emit, struck at the n-th call or return; False if there are not so many."""
    sys.setprofile(Strike(place))
    try:
        log.emit(event())
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False


class Strike:
    """A profiler that raises KeyboardInterrupt at the n-th call or return."""

    def __init__(self, place: int) -> None:
        self._left = place

    def __call__(self, frame: object, event: str, arg: object) -> None:
        self._left -= arg is not sys.setprofile
        if self._left < 0 and arg is not sys.setprofile:
            raise KeyboardInterrupt


def test_two_logs_in_one_process_do_not_notice_each_other(
    tmp_path: Path, sample_records: list[Record], good_log: bytes
) -> None:
    logs = [open_audit_log(tmp_path / name) for name in ("a", "b")]
    for record in sample_records:
        for log in logs:
            log.emit(record)
    for log in logs:
        log.finish(99, Outcome.COMPLETE)
        log.close()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == good_log


@pytest.fixture
def strange_structlog() -> Iterator[dict[str, Any]]:
    """A host program that has set structlog up in its own way."""

    def unexpected(*_: object) -> str:
        raise AssertionError("the audit log used the host's structlog settings")

    earlier = structlog.get_config()
    was_configured = structlog.is_configured()
    structlog.configure(
        processors=[unexpected],
        context_class=unexpected,  # type: ignore[arg-type]
        logger_factory=unexpected,
        cache_logger_on_first_use=True,
    )
    yield structlog.get_config()
    structlog.configure(**earlier)
    if not was_configured:
        structlog.reset_defaults()


def test_structlog_settings_are_neither_used_nor_changed(
    strange_structlog: dict[str, Any], log_of: Callable[[int], bytes], good_log: bytes
) -> None:
    assert log_of(1) == good_log
    assert structlog.get_config() == strange_structlog


def test_log_is_a_structlog_logger_without_context() -> None:
    log, other = open_audit_log(None), open_audit_log(None)
    assert isinstance(log, structlog.BoundLoggerBase)
    assert log.bind() is log
    with pytest.raises(TypeError, match=r"cannot bind \['venue'\]"):
        log.bind(venue="A")
    assert log != other
    assert len({log, other}) == 2


def test_log_in_a_file_has_no_data_in_memory(path: Path) -> None:
    with open_audit_log(path) as log, pytest.raises(ValueError, match="not in memory"):
        _ = log.data


def test_log_in_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.audit.target.MEMORY_BYTES_MAX", 1000)
    log = open_audit_log(None, "each")
    with pytest.raises(AuditWriteError, match="more than 1000 bytes in memory"):
        emit_many(log, quote())
    assert len(log.data) <= 1300


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="no /dev/null here")
def test_log_to_nowhere_still_has_a_head(sample_records: list[Record]) -> None:
    """Not locked either: many runs may throw their logs away at once."""
    heads = set()
    with open_audit_log(Path("/dev/null"), "each") as one, open_audit_log(Path("/dev/null")) as two:
        for log in (one, two):
            for record in sample_records:
                log.emit(record)
            heads.add(log.head)
    assert len(heads) == 1


@pytest.mark.slow
def test_I12_bytes_do_not_depend_on_the_hash_seed() -> None:
    code = (
        "from sim.audit.log import open_audit_log; from sim.audit.records import *\n"
        "log = open_audit_log(None)\n"
        "log.emit(RunStarted(t_ns=0, schema=SCHEMA, code_version='1', seed=1, sync='end',"
        " market_data='none', scenario={k: {k: 1} for k in 'zebra'}, files={}))\n"
        "print(log.head)"
    )
    heads = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "42")
    }
    assert len(heads) == 1
