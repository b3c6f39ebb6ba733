"""Reads audit logs as a stream: whole lines within a bound, and typed records for everyone else.

`read_records` trusts the hash chain to `sim.audit.verify`, but reads strictly: each line must be
one known record with the sequence number that is due.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from sim.audit.records import LINE_BYTES_MAX, SCHEMA, AnyRecord, Record
from sim.kernel.files import open_regular
from sim.protocol.errors import AuditFormatError

_CHUNK_BYTES: Final = 256 << 10
_TEXT_MAX: Final = 200

# A line's parts: seq, the record without its braces, prev, seal (only in run_finished).
LINE_FORM: Final = re.compile(
    rb'\{"seq":(0|[1-9][0-9]{0,17}),(.*),"prev":"([0-9a-f]{64})"(?:,"seal":"([0-9a-f]{64})")?\}',
    re.DOTALL,
)
_TAIL: Final = len(b',"prev":"%b"}' % (b"0" * 64))
_TAILS: Final = re.compile(rb'(?:,"prev":"[0-9a-f]{64}"\})*')
_Decoder = msgspec.json.Decoder[AnyRecord]
# What msgspec raises for bytes that are no such record: no JSON, other types, bad UTF-8, too deep.
UNREADABLE: Final = (ValueError, OverflowError, RecursionError)


class LineTooLong(Exception):
    """A line is longer than any writer makes."""


class LineReader:
    """The whole lines of an open file in batches, without their newlines, in bounded memory.

    ``tail`` is, once all batches are read, what stood after the last newline, and ``torn`` its
    length; ``bytes_read`` counts along.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.tail = b""
        self.torn = 0
        self.bytes_read = 0

    def batches(self) -> Iterator[list[bytes]]:
        """Yield non-empty lists of lines.

        Raises:
            LineTooLong: After the lines before it, when a line exceeds ``LINE_BYTES_MAX``.
            OSError: If the file cannot be read.
        """
        begun: list[bytes] = []  # of a line whose end has not come: joined once, however long
        size = 0
        while chunk := self._file.read(_CHUNK_BYTES):
            self.bytes_read += len(chunk)
            if b"\n" in chunk:
                lines = b"".join([*begun, chunk]).split(b"\n")
                rest = lines.pop()
                # Only a line that began in an earlier chunk can be that long.
                if len(lines[0]) > LINE_BYTES_MAX:
                    raise LineTooLong
                yield lines
                begun, size = [rest], len(rest)
            else:
                begun.append(chunk)
                size += len(chunk)
            if size > LINE_BYTES_MAX:
                raise LineTooLong
        self.tail = b"".join(begun)
        self.torn = size


def read_records(path: str | Path) -> Iterator[tuple[int, Record]]:
    """Yield ``(seq, record)`` from the first line on, one after the other.

    Raises:
        AuditFormatError: At the first line that is no record, is out of sequence or torn, or when
            the file cannot be read or is of another version. All records before it have been
            yielded.
    """
    seq = 0
    for records in read_batches(path):
        for record in records:
            yield seq, record
            seq += 1


def read_batches(path: str | Path) -> Iterator[list[AnyRecord]]:
    """Yield the records of a log in lists of some hundreds: `read_records` for who is in a hurry.

    Raises:
        AuditFormatError: As ``read_records`` does, after all records before the bad line.
    """
    decoder = msgspec.json.Decoder(AnyRecord)
    path = Path(path)
    seq = 0
    try:
        with open_regular(path) as file:
            lines = LineReader(file)
            for batch in lines.batches():
                for alike in _alike(batch, seq):
                    records = _plain_records(decoder, alike, seq)
                    if records is not None:
                        yield records
                    else:
                        yield from _careful_records(decoder, alike, seq, path)
                    seq += len(alike)
            if lines.torn:
                raise _broken(path, seq, "the line is torn: it has no newline")
    except LineTooLong:
        raise _broken(path, seq, f"the line is longer than {LINE_BYTES_MAX} bytes") from None
    except OSError as error:
        raise cannot_read(path, error) from error


class LogPrefix:
    """The records of a log as far as it can be read.

    ``fault`` is empty until ``batches`` has come to an end before the log did: then it says where
    and why, in one line of printable text.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.fault = ""

    def batches(self) -> Iterator[list[AnyRecord]]:
        """Yield the records in lists, up to the first line that is none.

        Raises:
            AuditFormatError: If not even the first line is a record of this version.
        """
        begun = False
        try:
            for records in read_batches(self.path):
                begun = True
                yield records
        except AuditFormatError as error:
            if not begun:
                raise
            self.fault = str(error)
        if not begun:
            raise AuditFormatError(f"{self.path}: holds no record")


def log_file(log: str | Path) -> Path:
    """The audit log that is meant: the file itself, or the one in a run's folder."""
    path = Path(log)
    return path / "audit.jsonl" if path.is_dir() else path


def cannot_read(path: Path, error: OSError) -> AuditFormatError:
    """The error for a file that the system does not let us read."""
    return AuditFormatError(f"{path}: cannot read the audit log: {error.strerror or error}")


def other_version(line: bytes) -> str:
    """Say which version wrote this first line, if it was another; else nothing.

    Looks at ``schema`` alone: the other fields of another version may be anything.
    """
    try:
        header = msgspec.json.decode(line, type=_Header)
    except UNREADABLE:
        return ""
    if header.kind != "run_started" or header.schema == SCHEMA:
        return ""
    return f"the log has schema {printable(header.schema)}, this version of sorsim reads {SCHEMA}"


def printable(text: str) -> str:
    """Foreign text made safe for a terminal: ASCII, no control codes, of bounded length."""
    shown = text[:_TEXT_MAX].encode("unicode_escape").decode("ascii")
    return shown if len(text) <= _TEXT_MAX else f"{shown}..."


def printable_json(text: str) -> str:
    """JSON that says the same without a character that no terminal or page should get as it is."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join([one if one.isprintable() or one == "\n" else _units(one) for one in text])


def _units(char: str) -> str:
    r"""``\u202e``; a character beyond 16 bits as the two that JSON has for it."""
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join([f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)])


class _Header(msgspec.Struct):
    kind: str
    schema: str


def _alike(lines: list[bytes], seq: int) -> Iterator[list[bytes]]:
    """The lines in lists whose sequence numbers have equally many digits; the first line alone."""
    at = 0
    while at < len(lines):
        first = seq + at
        until = 1 if first == 0 else 10 ** len(str(first))
        count = min(len(lines) - at, until - first)
        yield lines[at : at + count]
        at += count


def _plain_records(decoder: _Decoder, lines: list[bytes], seq: int) -> list[AnyRecord] | None:
    """The records of these lines at once if all are ordinary; None if any needs a closer look.

    This is `_record` for the great many: it takes nothing that `_record` would not. What frames
    the records is compared for all lines together.
    """
    count = len(lines)
    start = len(b'{"seq":%d,' % seq)
    if seq == 0 or len(b'{"seq":%d,' % (seq + count - 1)) != start:
        return None
    numbers = ',{"seq":'.join(map(str, range(seq, seq + count)))
    if b"".join([line[:start] for line in lines]) != b'{"seq":%b,' % numbers.encode():
        return None
    tails = b"".join([line[-_TAIL:] for line in lines])
    if _TAILS.fullmatch(tails) is None or len(tails) != count * _TAIL:
        return None
    try:
        records = decoder.decode_lines(
            b"{%b}\n" % b"}\n{".join([line[start:-_TAIL] for line in lines])
        )
    except UNREADABLE:
        return None
    return records if len(records) == count else None


def _careful_records(
    decoder: _Decoder, lines: list[bytes], seq: int, path: Path
) -> Iterator[list[AnyRecord]]:
    """The records of these lines, one by one until one is wrong."""
    records: list[AnyRecord] = []
    for line in lines:
        try:
            records.append(_record(decoder.decode, line, seq + len(records), path))
        except AuditFormatError:
            if records:
                yield records
            raise
    yield records


def _record(decode: Callable[[bytes], AnyRecord], line: bytes, seq: int, path: Path) -> AnyRecord:
    if seq == 0 and (reason := other_version(line)):
        raise AuditFormatError(f"{path}: {reason}")
    parts = LINE_FORM.fullmatch(line)
    if parts is None:
        raise _broken(path, seq, "it does not have the form of a record")
    if int(parts[1]) != seq:
        raise _broken(path, seq, f"its seq must be {seq}, was {int(parts[1])}")
    try:
        return decode(b"{%b}" % parts[2])
    except UNREADABLE as error:
        raise _broken(path, seq, printable(str(error))) from error


def _broken(path: Path, seq: int, reason: str) -> AuditFormatError:
    return AuditFormatError(f"{path}:{seq + 1}: record {seq}: {reason}")
