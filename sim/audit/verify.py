"""Checks an audit log, line by line, in bounded memory; written apart from the writer.

What a log must be stands at the top of `sim.audit.log`. Each line is decoded strictly, encoded
again and compared byte by byte, since a JSON reader forgives much: equal keys, other spellings of
a number, blanks. A chain finds edits, losses and swaps. It cannot find a cut at a line border
(hence ``run_finished``) or a whole log written anew; for these keep the head hash elsewhere and
pass it as ``expect_head``.

When record ``n`` names another predecessor than stands there, either of the two was changed. What
comes after tells which: the next line's ``prev``, or the line's own seal, vouches for one of them.
Where nothing does, the earlier one is named.
"""

import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec

from sim.audit.read import (
    LINE_FORM,
    UNREADABLE,
    LineReader,
    LineTooLong,
    cannot_read,
    other_version,
    printable,
)
from sim.audit.records import LINE_BYTES_MAX, AnyRecord, Record, RunFinished, RunStarted
from sim.kernel.files import open_regular
from sim.protocol.enums import Outcome

_ZEROS: Final = b"0" * 64
_TAIL: Final = len(b',"prev":"%b"}' % _ZEROS)
_HEAD_FORM: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_BROKEN_LINK: Final = "its prev is not the hash of the record before it"
# Records with rules of their own; all others are ordinary.
_ENDS: Final = frozenset({RunStarted, RunFinished})

State = Literal["whole", "cut", "broken"]


class FirstBad(msgspec.Struct, frozen=True):
    """The first record that is wrong; ``seq`` is the number due at line ``seq + 1`` of the file."""

    seq: int
    reason: str


class VerifyResult(msgspec.Struct, frozen=True):
    """What was found.

    ``ok`` is true for a whole and untouched log only, ``first_bad`` is None exactly then.
    ``records`` counts the good records from the start and ``head`` is the hash of the last of
    them; ``complete`` says whether ``run_finished`` is among them, with its ``outcome``. ``state``
    is ``cut`` for a log that is good as far as it goes and ends too early, with ``torn_bytes`` of
    a last line without its newline; ``broken`` is every other log that is not ok. ``message`` is
    for people: one line of printable ASCII.
    """

    ok: bool
    state: State
    records: int
    torn_bytes: int
    head: str
    complete: bool
    outcome: Outcome | None
    first_bad: FirstBad | None
    message: str


def verify(
    path: Path,
    expect_head: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> VerifyResult:
    """Check a log from its first byte to its last.

    Args:
        path: The log.
        expect_head: The head hash (64 lower-case hex digits) as it was noted when the run ended.
        on_progress: Called now and then with the bytes checked and the bytes in all.

    Raises:
        AuditFormatError: If the file cannot be opened or read. Its content raises nothing.
        ValueError: If ``expect_head`` is no such hash.
    """
    if expect_head is not None and not _HEAD_FORM.fullmatch(expect_head):
        found = printable(expect_head)
        raise ValueError(f"expect_head must be 64 lower-case hex digits, was '{found}'")
    try:
        with open_regular(path) as file:
            return _Verification(expect_head).run(file, path.stat().st_size, on_progress)
    except OSError as error:
        raise cannot_read(path, error) from error


def verify_stream(file: BinaryIO, size: int) -> VerifyResult:
    """Check a log that is open already, such as one in memory, to its end.

    Args:
        file: The log, at its first byte.
        size: Its length in bytes.

    Raises:
        OSError: If it cannot be read. Its content raises nothing.
    """
    return _Verification(None).run(file, size, None)


class _Verification:
    """One pass over one log. The fields speak of the good records so far."""

    def __init__(self, expect_head: str | None) -> None:
        self._expect_head = expect_head
        self._decoder = msgspec.json.Decoder(AnyRecord)
        self._encoder = msgspec.json.Encoder()
        self._seq = 0
        self._head = _ZEROS
        self._last_line = b""
        self._t_ns = 0
        self._outcome: Outcome | None = None

    def run(
        self, file: BinaryIO, size: int, on_progress: Callable[[int, int], None] | None
    ) -> VerifyResult:
        reader = LineReader(file)
        batches = reader.batches()
        try:
            for lines in batches:
                if not self._take_plain(lines):
                    for index, line in enumerate(lines):
                        fault = self._take(line)
                        if fault == _BROKEN_LINK:
                            return self._blame(line, _next_line(lines, index, batches))
                        if fault:
                            return self._bad(fault)
                if on_progress is not None:
                    on_progress(reader.bytes_read, size)
        except LineTooLong:
            return self._bad(f"it is longer than {LINE_BYTES_MAX} bytes")
        return self._end(reader.torn)

    def _take_plain(self, lines: list[bytes]) -> bool:
        """Take these lines at once if all are good and ordinary; else take none.

        This is `_take` for the great many: it takes nothing that `_take` would not. All parts of
        all lines are compared, but in a few long strings.
        """
        seq, count = self._seq, len(lines)
        start = len(b'{"seq":%d,' % seq)
        same_width = len(b'{"seq":%d,' % (seq + count - 1)) == start
        if seq == 0 or self._outcome is not None or not same_width:
            return False
        numbers = ',{"seq":'.join(map(str, range(seq, seq + count)))
        if b"".join([line[:start] for line in lines]) != b'{"seq":%b,' % numbers.encode():
            return False
        heads = [sha256(line).hexdigest() for line in lines]
        links = '"},"prev":"'.join([self._head.decode(), *heads[:-1]])
        if b"".join([line[-_TAIL:] for line in lines]) != b',"prev":"%b"}' % links.encode():
            return False
        bodies = b"{%b}\n" % b"}\n{".join([line[start:-_TAIL] for line in lines])
        try:
            records = self._decoder.decode_lines(bodies)
            if len(records) != count or self._encoder.encode_lines(records) != bodies:
                return False
        except UNREADABLE:
            return False
        times = [record.t_ns for record in records]
        if (
            times[0] < self._t_ns
            or times != sorted(times)
            or not _ENDS.isdisjoint(map(type, records))
        ):
            return False
        self._seq += count
        self._head = heads[-1].encode()
        self._last_line = lines[-1]
        self._t_ns = times[-1]
        return True

    def _take(self, line: bytes) -> str:
        """Take one line of any kind if it is good; else say what is wrong, and take nothing."""
        if self._seq == 0 and (version := other_version(line)):
            return version
        parts = LINE_FORM.fullmatch(line)
        if parts is None:
            return "it does not have the form of a record"
        if self._outcome is not None:
            return "it follows run_finished, which must be the last"
        body = b"{%b}" % parts[2]
        try:
            record = self._decoder.decode(body)
            canonical = self._encoder.encode(record) == body
        except UNREADABLE as error:
            return printable(str(error))
        if not canonical:
            return "its spelling is not the canonical one (blanks, equal keys, forms of a number)"
        fault = self._place_fault(record, int(parts[1]), parts[3])
        fault = fault or self._rule_fault(record) or _seal_fault(record, line, parts[4])
        if fault:
            return fault
        self._seq += 1
        self._head = _hash(line)
        self._last_line = line
        self._t_ns = record.t_ns
        if isinstance(record, RunFinished):
            self._outcome = record.outcome
        return ""

    def _place_fault(self, record: Record, seq: int, prev: bytes) -> str:
        if seq != self._seq:
            return f"its seq must be {self._seq}, was {seq}: a record is lost, added or moved"
        if prev != self._head:
            return _BROKEN_LINK if self._seq else "its prev must be 64 zeros"
        if isinstance(record, RunStarted) != (self._seq == 0):
            return "run_started must be the first record, and no other"
        return ""

    def _rule_fault(self, record: Record) -> str:
        if record.t_ns < self._t_ns:
            return f"its t_ns goes back from {self._t_ns} to {record.t_ns}"
        if isinstance(record, RunFinished) and record.records != self._seq + 1:
            return f"its count of records must be {self._seq + 1}, was {record.records}"
        return ""

    def _blame(self, line: bytes, following: bytes | None) -> VerifyResult:
        """``line`` names another predecessor than was taken last: say which of the two changed."""
        parts = LINE_FORM.fullmatch(line)
        assert parts is not None
        start, stop = parts.span(3)
        relinked = line[:start] + self._head + line[stop:]
        if parts[4] is not None:
            line_changed = parts[4] == _seal(relinked)
        elif following is not None:
            next_parts = LINE_FORM.fullmatch(following)
            line_changed = next_parts is not None and next_parts[3] == _hash(relinked)
        else:
            line_changed = self._expect_head == _hash(relinked).decode()
        if line_changed:
            return self._bad(_BROKEN_LINK)
        follower = self._seq
        before = LINE_FORM.fullmatch(self._last_line)
        assert before is not None
        self._seq, self._head = follower - 1, before[3]
        return self._bad(
            f"it is not the record whose hash record {follower} holds as prev: "
            "it was changed, or two logs were joined here"
        )

    def _end(self, torn: int) -> VerifyResult:
        if torn and self._outcome is not None:
            return self._bad(f"{torn} bytes follow run_finished, which must be the last")
        if torn or self._outcome is None:
            why = f"torn tail of {torn} bytes, without newline" if torn else "no run_finished"
            upto = f"complete up to record {self._seq - 1}" if self._seq else "no whole record"
            message = f"{upto}, then the log ends: {why}"
            return self._result(FirstBad(self._seq, why), message, "cut", torn)
        head = self._head.decode()
        if self._expect_head not in {None, head}:
            return self._bad(f"its hash, the head, must be {self._expect_head}, was {head}", 1)
        message = f"{self._seq} records, {self._outcome.value}, head {head}"
        return self._result(None, message, "whole")

    def _bad(self, reason: str, back: int = 0) -> VerifyResult:
        """Refuse the record that is due, or one that was taken ``back`` lines before."""
        seq = self._seq - back
        return self._result(FirstBad(seq, reason), f"record {seq} (line {seq + 1}): {reason}")

    def _result(
        self, first_bad: FirstBad | None, message: str, state: State = "broken", torn: int = 0
    ) -> VerifyResult:
        return VerifyResult(
            ok=first_bad is None,
            state=state,
            records=self._seq,
            torn_bytes=torn,
            head=self._head.decode(),
            complete=self._outcome is not None,
            outcome=self._outcome,
            first_bad=first_bad,
            message=message,
        )


def _seal_fault(record: Record, line: bytes, seal: bytes | None) -> str:
    if not isinstance(record, RunFinished):
        return "" if seal is None else "only run_finished has a seal"
    if seal is None:
        return "its seal is missing"
    return "" if seal == _seal(line) else "its seal is not the hash of what stands before it"


def _seal(line: bytes) -> bytes:
    """Hash of a sealed line's bytes before its seal."""
    return _hash(line[: line.rindex(b',"seal":"')])


def _next_line(lines: list[bytes], index: int, batches: Iterator[list[bytes]]) -> bytes | None:
    if index + 1 < len(lines):
        return lines[index + 1]
    try:
        return next(batches, [None])[0]
    except LineTooLong:
        return None


def _hash(data: bytes) -> bytes:
    return sha256(data).hexdigest().encode()
