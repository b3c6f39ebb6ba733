"""Writes the audit log: one canonical JSON line per record, hash-chained and buffered.

A line is ``{"seq":N,`` + the record as msgspec writes it, without its braces + ``,"prev":"H"}`` and
a newline. ``N`` counts from 0; ``H`` is the SHA-256 in hex of the previous line's bytes without
their newline, 64 zeros in the first line. The line of ``run_finished`` ends in
``,"seal":"S"}`` instead, where ``S`` is the SHA-256 in hex of all the line's bytes before
``,"seal":``. The head of the log is the SHA-256 of its last line. Fields stand in the order of
their struct, and the keys of the scenario in the order in which it holds them, for that may mean
something to who runs it again.

`AuditLog` is a structlog wrapper class around a `ChainSink`. Records are complete structs, so no
processor runs and nothing is bound: `emit` *is* the sink's `write`. structlog's global
configuration is neither read nor changed. What verifies a log (`sim.audit.verify`) shares no code
with this module.
"""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, NoReturn, Self, TypeVar

import msgspec
import structlog

from sim.audit.records import LINE_BYTES_MAX, Record, RunFinished, RunStarted
from sim.audit.target import FileTarget, MemoryTarget, Target
from sim.protocol.enums import Outcome
from sim.protocol.errors import AuditWriteError

Sync = Literal["end", "interval", "each"]
IfExists = Literal["refuse", "replace"]

# Bytes of whole lines that may wait in memory. `end` and `interval` write when it is reached, and
# `interval` also has the disk confirm; counted in bytes, never in wall time, so that two runs make
# the same calls. `each` writes and confirms every record.
FLUSH_BYTES: Final[dict[str, int]] = {"end": 8 << 20, "interval": 1 << 20, "each": 0}

_fresh_hash: Final = hashlib.sha256().copy
"""A new hash, as a copy of an empty one: OpenSSL looks the algorithm up whenever one is made."""
_FIRST_PREV: Final = b"0" * 64
_TAIL_BYTES: Final = 1 << 20
"""As far back as an error's last lines are looked for."""
_LINE: Final = b'{"seq":%d,%b,"prev":"%b"}'
_SEALED_LINE: Final = b'%b,"seal":"%b"}'
# What msgspec raises for values that JSON cannot hold: wrong types, lone surrogates, deep nesting.
_UNWRITABLE: Final = (TypeError, ValueError, OverflowError, RecursionError)

R = TypeVar("R", bound=Record)


def open_audit_log(
    path: Path | None, sync: Sync = "interval", *, if_exists: IfExists = "refuse"
) -> "AuditLog":
    """Open a log for one run and lock it against any other writer.

    Args:
        path: The file; its folder must exist. None keeps the log in memory, where `AuditLog.data`
            shows it and a bound (`sim.audit.target.MEMORY_BYTES_MAX`) stops it. ``/dev/null``
            keeps nothing.
        sync: ``end``: written as memory fills, confirmed by the disk when the log is closed.
            ``interval``: written and confirmed by the disk in steps of stated size. ``each``:
            written and confirmed before `emit` returns.
        if_exists: What to do with a file that is there already and not empty. ``replace`` empties
            it once the lock is ours.

    Raises:
        AuditWriteError: If the file cannot be made or written, or another run writes it.
    """
    if sync not in FLUSH_BYTES:
        raise ValueError(f"sync must be one of {', '.join(FLUSH_BYTES)}, was {sync!r}")
    target = MemoryTarget() if path is None else FileTarget(path, replace=if_exists == "replace")
    log = structlog.wrap_logger(
        ChainSink(target, sync), processors=(), wrapper_class=AuditLog, context_class=dict
    ).bind()
    assert isinstance(log, AuditLog)
    return log


class ChainSink:
    """Encodes, chains and buffers records for one target. Its buffer holds whole lines only."""

    __slots__ = (
        "_buffer",
        "_confirm",
        "_encode",
        "_flush_bytes",
        "_flushed",
        "_observers",
        "_prev",
        "_seq",
        "_stopped",
        "_target",
        "failed",
        "sync",
    )

    def __init__(self, target: Target, sync: Sync) -> None:
        self.sync: Final = sync
        self.failed: AuditWriteError | None = None
        self._target = target
        self._confirm = sync != "end"
        self._flush_bytes = FLUSH_BYTES[sync]
        self._encode = msgspec.json.Encoder().encode
        self._buffer = bytearray()
        self._flushed = 0
        self._prev = _FIRST_PREV
        self._seq = 0
        self._stopped = ""
        self._observers: dict[type[Record], tuple[Callable[[Any], None], ...]] = {}

    @property
    def head(self) -> str:
        """Hash of the last line; 64 zeros before the first."""
        return self._prev.decode("ascii")

    @property
    def records(self) -> int:
        """Lines so far."""
        return self._seq

    @property
    def data(self) -> bytes:
        """The whole log, if it is kept in memory."""
        return self._target.data() + bytes(self._buffer)

    def tail(self, count: int) -> tuple[str, ...]:
        """The last lines, oldest first, without their newlines; fewer where they are out of reach.

        That is so of lines that a device has taken, and behind a line of many megabytes.
        """
        data = bytes(self._buffer[-_TAIL_BYTES:])
        if data.count(b"\n") <= count and self._flushed:
            data = self._target.last(self._flushed, _TAIL_BYTES) + data
        lines = data.split(b"\n")[:-1]
        whole = lines if len(data) < _TAIL_BYTES else lines[1:]  # the first may be cut
        return tuple([line.decode() for line in whole[-count:]])

    def observe(self, kind: type[R], call: Callable[[R], None]) -> None:
        """Call ``call`` with every record of exactly this type, after it is in the buffer."""
        self._observers[kind] = (*self._observers.get(kind, ()), call)

    def write(self, record: Record) -> None:
        """Append a record; it is in the buffer, or on the disk if so asked, when this returns.

        Raises:
            AuditWriteError: If the record cannot be written as JSON (the log goes on without it),
                if the disk refused (now or before), or if the log is finished or closed.
        """
        if self._stopped:
            raise AuditWriteError(self._stopped)
        encode = self._encode  # called as a method it would be looked up on the class first
        try:
            body = encode(record)
        except _UNWRITABLE as error:
            raise _unwritable(record, str(error)) from error
        cls = type(record)
        if cls in _SPECIAL or len(body) > _BODY_BYTES_MAX:
            self._check_special(record, len(body))
        line = _LINE % (self._seq, body[1:-1], self._prev)
        if cls is RunFinished:
            line = _SEALED_LINE % (line[:-1], _hash(line[:-1]))
            self._stopped = "the audit log is finished: nothing may follow run_finished"
        digest = _fresh_hash()
        digest.update(line)
        head = digest.hexdigest().encode()
        # No call between these: an interrupt (Ctrl-C) strikes at calls, and must not part them.
        buffer = self._buffer
        buffer += line
        buffer += b"\n"
        self._prev = head
        self._seq += 1
        if len(buffer) > self._flush_bytes:
            self.flush()
        if cls in self._observers:
            for call in self._observers[cls]:
                call(record)

    def flush(self) -> None:
        """Hand the buffer to the target in one call, and have it confirmed unless sync is ``end``.

        Raises:
            AuditWriteError: If that fails now or failed before. The log takes no more: what a
                failed write or fsync left on the disk is unknown, so there is no second try.
        """
        if self.failed is not None:
            raise self.failed
        fresh, size = bytearray(), len(self._buffer)
        try:
            if size:
                self._target.write(self._flushed, self._buffer)
                # No call between these two. An interrupt before them leaves the buffer as it was,
                # and the next flush writes the same bytes at the same place.
                self._flushed += size
                self._buffer = fresh
                if self._confirm:
                    self._target.confirm()
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """Write what is left, have the disk confirm it, and give up the lock. Twice is fine.

        Raises:
            AuditWriteError: If that fails, or if an earlier write failed.
        """
        if self._stopped == _CLOSED:
            return
        try:
            self.flush()
            self._target.confirm()
        except OSError as error:
            self._fail(error)
        finally:
            self._stopped = _CLOSED
            self._target.close()

    def _fail(self, error: OSError) -> NoReturn:
        self._stopped = (
            f"{self._target.name}: the audit log cannot be written "
            f"({error.strerror or error}): the run must stop, "
            "since no decision may go unrecorded"
        )
        self.failed = AuditWriteError(self._stopped)
        raise self.failed from error

    def _check_special(self, record: Record, size: int) -> None:
        if size > _BODY_BYTES_MAX:
            raise _unwritable(record, f"it has {size} bytes, more than {_BODY_BYTES_MAX}")
        if isinstance(record, RunStarted):
            _check_plain(record, record.scenario, "scenario")
        if isinstance(record, RunFinished) and record.records != self._seq + 1:
            raise _unwritable(record, f"its records must be {self._seq + 1}, was {record.records}")


class AuditLog(structlog.BoundLoggerBase):
    """The structlog logger of one run's audit log; `open_audit_log` makes it.

    ``emit(record)`` appends a record. It is the sink's `ChainSink.write` itself: one more call per
    record would cost a tenth of the time that a record takes. Usable as a context manager.
    """

    emit: Callable[[Record], None]
    _logger: ChainSink

    def __init__(self, logger: ChainSink, processors: Any, context: Any) -> None:
        super().__init__(logger, processors, context)
        self.emit = logger.write

    def bind(self, **new_values: Any) -> Self:
        """Itself. A record holds all its fields, so there is nothing to bind."""
        if new_values:
            raise TypeError(
                f"an audit record holds all its fields: cannot bind {sorted(new_values)}"
            )
        return self

    @property
    def head(self) -> str:
        """Hash of the last line in hex; 64 zeros before the first."""
        return self._logger.head

    @property
    def records(self) -> int:
        """Lines so far."""
        return self._logger.records

    @property
    def sync(self) -> Sync:
        """The flush policy in force."""
        return self._logger.sync

    @property
    def data(self) -> bytes:
        """The log's bytes, if it is kept in memory.

        Raises:
            ValueError: If it is kept in a file.
        """
        return self._logger.data

    def tail(self, count: int) -> tuple[str, ...]:
        """The last lines, oldest first, as far as they are at hand: for who reports an error."""
        return self._logger.tail(count)

    def observe(self, kind: type[R], call: Callable[[R], None]) -> None:
        """Call ``call`` with every record of exactly this type, after it is in the buffer."""
        self._logger.observe(kind, call)

    def finish(self, t_ns: int, outcome: Outcome) -> None:
        """Emit ``run_finished`` with the right count; the log takes no record after it."""
        self.emit(RunFinished(t_ns=t_ns, records=self.records + 1, outcome=outcome))

    def flush(self) -> None:
        """Write what waits in the buffer. Raises AuditWriteError as `emit` does."""
        self._logger.flush()

    def close(self) -> None:
        """Write the rest, have the disk confirm it, give up the lock.

        Without `finish` before it the log is a valid prefix, which verifies as such.

        Raises:
            AuditWriteError: If that fails, or if an earlier write failed.
        """
        self._logger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except AuditWriteError:
            if error is None:
                raise  # else the error that is on its way already tells more

    # structlog compares loggers by context, of which an audit log has none.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


_CLOSED: Final = "the audit log is closed"
_SPECIAL: Final = frozenset((RunStarted, RunFinished))
# Room for seq, prev and seal beside the body.
_BODY_BYTES_MAX: Final = LINE_BYTES_MAX - 256


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def _unwritable(record: Record, why: str) -> AuditWriteError:
    kind = record.__struct_config__.tag
    return AuditWriteError(f"a {kind} record cannot be written to the audit log: {why}")


def _check_plain(record: Record, value: Any, place: str) -> None:
    """Refuse what would not read back as it was: msgspec writes NaN as null, and sets unordered."""
    match value:
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    raise _unwritable(record, f"{place} has the key {key!r}, which is no text")
                _check_plain(record, item, f"{place}.{key}")
        case list() | tuple():
            for index, item in enumerate(value):
                _check_plain(record, item, f"{place}[{index}]")
        case float() if not math.isfinite(value):
            raise _unwritable(record, f"{place} is {value}, which JSON has no number for")
        case None | bool() | int() | float() | str():
            pass
        case _:
            raise _unwritable(record, f"{place} is of type {type(value).__name__}")
