"""The audit log of a run, for tests: its records so far, typed, and the log's own bytes."""

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final, TypeVar, overload

import msgspec

from sim.audit.read import printable
from sim.audit.records import RECORD_TYPES, AnyRecord, Record
from sim.audit.state import LogState
from sim.audit.verify import VerifyResult, verify_stream
from sim.report.words import instant
from sim.world import RunResult

R = TypeVar("R", bound=Record)

_BY_TAG: Final[dict[str, type[Record]]] = {
    str(kind.__struct_config__.tag): kind for kind in RECORD_TYPES
}
_LINE_MAX: Final = 160


class AuditTrail(Sequence[Record]):
    """What a run has written down so far, oldest first.

    It grows as the run goes on: ask again rather than keep what was answered.
    """

    def __init__(self, records: list[Record], log: Callable[[], bytes]) -> None:
        self._records = records
        self._log = log

    @classmethod
    def of(cls, result: RunResult) -> "AuditTrail":
        """The log of a run that has ended.

        Raises:
            OSError: If it stands in a file that cannot be read.
        """
        data = result.log
        if data is None:
            assert result.folder is not None  # a run keeps its log in memory or in a folder
            data = (result.folder / "audit.jsonl").read_bytes()
        decode = msgspec.json.Decoder(AnyRecord).decode
        return cls([decode(_body(line)) for line in data.splitlines()], lambda: data)

    @property
    def log(self) -> bytes:
        """The bytes of the log so far; each line is one record."""
        return self._log()

    @property
    def records(self) -> list[Record]:
        """All records so far."""
        return list(self._records)

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        return self._records[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    @overload
    def filter(self, kind: type[R], **fields: Any) -> list[R]: ...

    @overload
    def filter(self, kind: str, **fields: Any) -> list[Any]: ...

    def filter(self, kind: str | type[Record], **fields: Any) -> list[Any]:
        """All records of a kind whose fields have these values.

        Args:
            kind: The kind as the log writes it, such as ``fill``, or the record's class.
            fields: What must be equal, such as ``venue_id="NYSE"``.

        Raises:
            ValueError: If there is no such kind, or it has no such field.
        """
        wanted = _kind(kind)
        unknown = sorted(set(fields) - set(wanted.__struct_fields__))
        if unknown:
            raise ValueError(
                f"{wanted.__struct_config__.tag} has no field {unknown[0]!r}; "
                f"it has {', '.join(wanted.__struct_fields__)}"
            )
        return [
            record
            for record in self._records
            if type(record) is wanted
            and all(getattr(record, name) == value for name, value in fields.items())
        ]

    @overload
    def find(self, kind: type[R], **fields: Any) -> R: ...

    @overload
    def find(self, kind: str, **fields: Any) -> Any: ...

    def find(self, kind: str | type[Record], **fields: Any) -> Any:
        """The first record of a kind whose fields have these values.

        Raises:
            LookupError: If there is none; it says what there is.
            ValueError: As ``filter`` does.
        """
        found = self.filter(_kind(kind), **fields)
        if found:
            return found[0]
        name = _kind(kind).__struct_config__.tag
        such = ", ".join(f"{key}={value!r}" for key, value in fields.items())
        others = len(self.filter(_kind(kind)))
        kinds = sorted({str(type(one).__struct_config__.tag) for one in self._records})
        there = f"{others} with other values" if others else f"there are {', '.join(kinds)}"
        raise LookupError(f"no {name} record{f' with {such}' if such else ''}; {there}")

    def count(self, kind: str | type[Record], **fields: Any) -> int:
        """How many records of a kind have these values. Raises as ``filter`` does."""
        return len(self.filter(_kind(kind), **fields))

    @property
    def state(self) -> LogState:
        """Orders and market as the records so far tell them.

        Raises:
            AuditFormatError: If a record contradicts those before it.
        """
        state = LogState()
        state.take(self._records)
        return state

    def verify(self) -> VerifyResult:
        """Check the bytes of the log: form, order and chain."""
        data = self.log
        return verify_stream(BytesIO(data), len(data))

    def last(self, count: int = 50) -> list[str]:
        """The last records, a line each: number, time, kind and fields, safe for a terminal."""
        first = max(0, len(self) - count)
        return [line_of(first + n, one) for n, one in enumerate(self._records[first:])]

    def save(self, path: str | Path) -> Path:
        """Write the log to a file, for `sorsim verify` and its siblings."""
        file = Path(path)
        file.write_bytes(self.log)
        return file

    def __repr__(self) -> str:
        return f"AuditTrail({len(self)} records)"


def line_of(seq: int, record: Record) -> str:
    """A record as one line of printable ASCII, cut where it is long."""
    body = msgspec.to_builtins(record)
    kind, t_ns = body.pop("kind"), body.pop("t_ns")
    parts = " ".join(f"{key}={_value(value)}" for key, value in body.items() if value is not None)
    text = f"{seq:>5}  {instant(t_ns):>12}  {kind}  {parts}"
    shown = "".join(printable(text[n : n + 100]) for n in range(0, _LINE_MAX, 100))[:_LINE_MAX]
    return shown if len(text) <= _LINE_MAX else f"{shown}..."


def _value(value: Any) -> str:
    return value if isinstance(value, str) and value else msgspec.json.encode(value).decode()


def _kind(kind: str | type[Record]) -> type[Record]:
    if not isinstance(kind, str):
        if kind not in RECORD_TYPES:
            raise ValueError(f"{kind.__name__} is no kind of audit record")
        return kind
    if kind not in _BY_TAG:
        raise ValueError(f"no audit record is a {kind!r}; there are {', '.join(sorted(_BY_TAG))}")
    return _BY_TAG[kind]


def _body(line: bytes) -> bytes:
    """A line as the record alone: without its number, its link and its seal."""
    start, end = line.index(b",") + 1, line.rindex(b',"prev":"')
    return b"{" + line[start:end] + b"}"
