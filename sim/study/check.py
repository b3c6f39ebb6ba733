"""Runs the scenario inside a log again and compares, byte by byte.

The run goes to a temporary file and the two files are read side by side, so that memory does not
grow with them. The first line that differs is told with both versions.
"""

import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import msgspec

from router.outside.book import STRATEGY
from sim.audit.read import LINE_FORM, UNREADABLE, LineReader, LineTooLong, cannot_read
from sim.audit.records import AnyRecord, CancelSent, ParentDone, Record, RunFinished
from sim.protocol.enums import EndReason, Outcome
from sim.protocol.errors import AuditFormatError
from sim.study.fields import FieldChange, changes
from sim.study.header import version_note
from sim.study.rerun import OnProgress, ended_early, load_again, run_again

Verdict = Literal["equal", "equal_until_interrupted", "cut", "differs"]

_LINE_SHOWN_MAX: Final = 2_000
_OUTSIDE: Final = b'"strategy":"%b"' % STRATEGY.encode()


class Difference(msgspec.Struct, frozen=True):
    """One record that differs: ``logged`` in the log, ``again`` in the new run; None if missing.

    ``fields`` are the places of the record that differ; ``old`` is the log's.
    """

    seq: int
    line: int
    logged: str | None
    again: str | None
    fields: list[FieldChange]


class CheckResult(msgspec.Struct, frozen=True):
    """What came of it.

    ``verdict`` is ``equal``; ``equal_until_interrupted`` if all is equal up to where the log's run
    was stopped from outside; ``cut`` if all is equal but the log ends too early; or ``differs``.
    ``records`` counts the equal ones. ``note`` says that another version wrote the log, ``error``
    what ended the new run, if anything did. ``message`` is one line for people.
    """

    verdict: Verdict
    records: int
    first: Difference | None
    note: str
    error: str
    message: str

    @property
    def ok(self) -> bool:
        """Whether the log holds what the run must hold, as far as that can be known."""
        return self.verdict in {"equal", "equal_until_interrupted"}


def check(
    log: str | Path,
    data: Sequence[str | Path] = (),
    *,
    allow_code: bool = False,
    on_progress: OnProgress | None = None,
) -> CheckResult:
    """Run a log's scenario again, in virtual time, and compare.

    Args:
        log: The log, or the folder of a run.
        data: Folders where its data files may lie, beside its own and the shipped scenarios'.
        allow_code: Whether code that its scenario names in ``plugins`` may run.
        on_progress: Called now and then with the time of the run and its longest duration, ns.

    Raises:
        AuditFormatError: If the log's first record cannot be read, or is of another version.
        ScenarioError: If this version does not take its scenario.
        DataFormatError: If a data file is missing or another one.
        AuditWriteError: If there is no room for the new run.
        KeyboardInterrupt: If the new run was interrupted.
    """
    again = load_again(log, data=data, allow_code=allow_code)
    error = ""
    with tempfile.TemporaryDirectory(prefix="sorsim-") as folder:
        try:
            run_again(again.loaded, folder=Path(folder), on_progress=on_progress)
        except Exception as caught:
            error = ended_early(caught)
        result = compare_logs(again.log, Path(folder, "audit.jsonl"))
    note = version_note(again.started)
    if not result.ok and _is_outside(again.log):
        note = "the router of this log was not ours: only the test that wrote it runs it again"
    return msgspec.structs.replace(result, note=note, error=error)


def compare_logs(log: Path, again: Path) -> CheckResult:
    """Compare a log, which may be cut or hostile, with that of the same scenario run again.

    Raises:
        AuditFormatError: If the log cannot be read.
    """
    try:
        with log.open("rb") as old, again.open("rb") as new:
            return _Comparison(log, old, new).run()
    except OSError as error:
        raise cannot_read(log, error) from error


def _is_outside(log: Path) -> bool:
    """Whether decisions in a log are those of a router under test, which no scenario names."""
    try:
        with log.open("rb") as file:
            lines = (line for batch in LineReader(file).batches() for line in batch)
            return any(b'"kind":"decision"' in one and _OUTSIDE in one for one in lines)
    except (OSError, LineTooLong):
        return False


class _Comparison:
    """Two logs side by side, the old one perhaps torn, cut or hostile."""

    def __init__(self, path: Path, old: BinaryIO, new: BinaryIO) -> None:
        self._path = path
        self._old_reader = LineReader(old)
        self._old, self._new = self._lines(self._old_reader), self._lines(LineReader(new))
        self._equal = 0

    def run(self) -> CheckResult:
        """Compare until a line differs or an end is reached."""
        while True:
            old, new = next(self._old, None), next(self._new, None)
            if old is None or old != new:
                break
            self._equal += 1
        if old is None and new is None and not self._old_reader.torn:
            return self._result("equal", None, f"equal: {self._equal:,} records, byte by byte")
        if old is None:
            return self._ended(new)
        first = _difference(self._equal, old, new)
        if new is not None and self._stopped_from_outside(old):
            where = f"equal up to record {self._equal - 1}, where the run was interrupted"
            return self._result("equal_until_interrupted", None, where)
        what = "is the first that differs" if new is not None else "is in the log only"
        return self._result("differs", first, f"DIFFERS: record {self._equal} {self._place} {what}")

    @property
    def _place(self) -> str:
        return f"(line {self._equal + 1})"

    def _ended(self, new: bytes | None) -> CheckResult:
        tail, torn = self._old_reader.tail or None, self._old_reader.torn
        first = _difference(self._equal, tail, new)
        # What the disk had no time for before a power cut, it may show as zeros.
        if new is None or (tail is not None and not new.startswith(tail.rstrip(b"\0"))):
            why = f"{torn} bytes without a newline at line {self._equal + 1} are not the run's"
            return self._result("differs", first, f"DIFFERS: {why}")
        why = f"a torn tail of {torn} bytes" if torn else "no run_finished"
        message = f"CUT: equal up to record {self._equal - 1}, then the log ends: {why}"
        return self._result("cut", first, message)

    def _stopped_from_outside(self, line: bytes) -> bool:
        """Whether the old log goes on as one does whose run was interrupted here.

        Then its router only gives up what is open, and its last record says ``aborted``: this part
        depends on the moment of the interrupt, which no scenario holds.
        """
        if not _gives_up(_record(line)):
            return False
        record = _record(next(iter(deque(self._old, maxlen=1)), line))
        return (
            isinstance(record, RunFinished)
            and record.outcome is Outcome.ABORTED
            and not self._old_reader.torn
        )

    def _lines(self, reader: LineReader) -> Iterator[bytes]:
        try:
            for batch in reader.batches():
                yield from batch
        except LineTooLong:
            raise AuditFormatError(
                f"{self._path}: a line after record {self._equal} is too long"
            ) from None

    def _result(self, verdict: Verdict, first: Difference | None, message: str) -> CheckResult:
        return CheckResult(verdict, self._equal, first, "", "", f"{self._path}: {message}")


def _gives_up(record: Record | None) -> bool:
    match record:
        case RunFinished():
            return record.outcome is Outcome.ABORTED
        case ParentDone():
            return record.end_reason is EndReason.ABORTED
        case CancelSent():
            return record.reason in {"parent_stopped", "aborted"}
        case _:
            return False


def _difference(seq: int, old: bytes | None, new: bytes | None) -> Difference:
    return Difference(
        seq=seq,
        line=seq + 1,
        logged=None if old is None else shown_line(old),
        again=None if new is None else shown_line(new),
        fields=[] if old is None or new is None else line_changes(old, new),
    )


def line_changes(old: bytes, new: bytes) -> list[FieldChange]:
    """The fields in which two lines differ; none where one of them is no JSON."""
    both: list[Any] = []
    for line in (old, new):
        try:
            both.append(msgspec.json.decode(line))
        except UNREADABLE:
            return []
    found = changes(*both)
    # The seal follows from what else differs.
    return [one for one in found if one.path != "seal"] or found


def shown_line(line: bytes) -> str:
    """A line for people: escaped, of bounded length, without its hash of the line before."""
    parts = LINE_FORM.fullmatch(line)
    text = (parts[2] if parts is not None else line).decode("utf-8", "backslashreplace")
    shown = "".join(map(_escaped, text[:_LINE_SHOWN_MAX]))
    return shown if len(text) <= _LINE_SHOWN_MAX else f"{shown}..."


def _escaped(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()


def _record(line: bytes) -> Record | None:
    parts = LINE_FORM.fullmatch(line)
    if parts is None:
        return None
    try:
        return msgspec.json.decode(b"{%b}" % parts[2], type=AnyRecord)  # type: ignore[no-any-return]
    except UNREADABLE:
        return None
