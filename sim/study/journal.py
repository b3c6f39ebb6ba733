"""What is done of a list of jobs, on disk: a study that was stopped goes on where it was.

One line per job, written as it ends. A line holds the job's key, which is the hash of what the job
is, of the function that does it and of our code, so that what is found under a key is what the job
would come to again. A line that was cut as the process died is dropped; one that was changed is an
error. Results are JSON and are read as plain data of a known type: a journal of somebody else's
can run nothing.
"""

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path
from typing import Any, Final, Generic, Self, TypeVar

import msgspec

from sim.audit.read import UNREADABLE, printable
from sim.protocol.errors import JournalError
from sim.scenario.scalars import SHOWN_CHARS, shown
from sim.study.code import code_digest

SCHEMA: Final = "sorsim-journal/1"

_KEY: Final = re.compile(r"[0-9a-f]{64}")
_NEW: Final = ".new"

R = TypeVar("R")


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: str
    code: str


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One job that is done; ``sum`` is the SHA-256 of its other fields."""

    key: str
    job: str
    result: msgspec.Raw
    sum: str


class Journal(Generic[R]):
    """The results of jobs that are done, in memory and in a file that only one process writes.

    Args:
        path: The file; it is made if it is absent, else read.
        kind: The type of a result, as ``msgspec`` reads it from JSON.

    Raises:
        JournalError: If the file is no journal, was changed, comes from other code, is in use or
            cannot be written.
    """

    def __init__(self, path: Path, kind: type[R]) -> None:
        self.path = path
        self._decoder = msgspec.json.Decoder(kind)
        self._results: dict[str, R] = {}
        self._lines: dict[str, bytes] = {}
        self._wanted: dict[str, None] = {}
        try:
            if path.exists() and not path.is_file():
                raise JournalError(f"{path}: found no regular file; allowed: a journal")
            self._file = self._open()
        except OSError as error:
            raise self._unusable(error) from error
        try:
            self._lock()
            self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __len__(self) -> int:
        """How many jobs are done."""
        return len(self._results)

    def __contains__(self, key: str) -> bool:
        return key in self._results

    def __getitem__(self, key: str) -> R:
        return self._results[key]

    def add(self, key: str, name: str, result: R) -> R:
        """Write down that a job is done; the result as it will be read again.

        Args:
            key: As ``job_key`` gives it.
            name: What people call the job.
            result: What it came to.

        Raises:
            JournalError: If it cannot be written.
        """
        text = msgspec.json.encode(result)
        entry = _Entry(key, name, msgspec.Raw(text), _sum(key, name, text))
        line = msgspec.json.encode(entry) + b"\n"
        self._write(line)
        self._lines[key] = line
        self._results[key] = self._decoder.decode(text)
        return self._results[key]

    def expect(self, keys: Sequence[str]) -> None:
        """Say which jobs are wanted, and in which order; those of several calls follow.

        Raises:
            JournalError: If there are results, and none is of the jobs of the first call: they are
                of something else, and would be dropped.
        """
        if self._results and not self._wanted and not any(key in self._results for key in keys):
            many = "1 result" if len(self) == 1 else f"{len(self):,} results"
            raise JournalError(
                f"{self.path}: found {many} of other runs, none of those asked for; allowed: the "
                "same scenario, overrides, data and seeds; start anew in another folder"
            )
        self._wanted.update(dict.fromkeys(keys))

    def settle(self) -> None:
        """Write the file anew with the lines of the jobs that are wanted, in their order.

        Until then the order is that in which jobs ended, which is up to the machine.

        Raises:
            JournalError: If it cannot be written; the old one is still there then.
        """
        new = self.path.with_name(self.path.name + _NEW)
        lines = [self._lines[key] for key in self._wanted if key in self._lines]
        try:
            new.write_bytes(b"".join([_head(), *lines]))
            self._file.close()
            new.replace(self.path)
            self._file = self._open()
        except OSError as error:
            raise self._unusable(error) from error
        self._lock()

    def close(self) -> None:
        """Leave the file to others."""
        self._file.close()

    def _open(self) -> FileIO:
        return FileIO(self.path, "a+b")

    def _lock(self) -> None:
        """Two that write one journal would each do all the work."""
        try:
            import fcntl
        except ImportError:  # not on this platform: then nobody is kept out
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise JournalError(f"{self.path}: is in use by another process") from error

    def _read(self) -> None:
        try:
            self._file.seek(0)
            content = self._file.read()
        except OSError as error:
            raise self._unusable(error) from error
        whole, _, torn = content.rpartition(b"\n")
        lines = whole.split(b"\n") if whole else []
        if lines:
            self._check_head(lines[0])
        for number, line in enumerate(lines[1:], start=2):
            self._keep(number, line)
        if torn:
            self._file.truncate(len(content) - len(torn))
        if not lines:
            self._write(_head())

    def _check_head(self, line: bytes) -> None:
        try:
            head = msgspec.json.decode(line, type=_Head)
        except UNREADABLE as error:
            raise self._wrong(1, "no head of a journal", SCHEMA) from error
        if head.schema != SCHEMA:
            raise self._wrong(1, f"schema {shown(head.schema)}", SCHEMA)
        if head.code != code_digest():
            raise self._wrong(
                1,
                f"results of other code ({shown(head.code[:12])})",
                f"those of this sorsim ({code_digest()[:12]}); start anew in another folder",
            )

    def _keep(self, number: int, line: bytes) -> None:
        try:
            entry = msgspec.json.decode(line, type=_Entry)
            text = bytes(entry.result)
            result = self._decoder.decode(text)
        except UNREADABLE as error:
            why = printable(str(error)[:SHOWN_CHARS])
            raise self._wrong(number, f"no result of this study: {why}", "its lines") from error
        if not _KEY.fullmatch(entry.key) or entry.sum != _sum(entry.key, entry.job, text):
            raise self._wrong(number, "a line that was changed", "lines as they were written")
        self._results[entry.key] = result
        self._lines[entry.key] = line + b"\n"

    def _write(self, line: bytes) -> None:
        """Straight to the system, so that nothing is lost if this process is killed."""
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise self._unusable(error) from error

    def _wrong(self, line: int, found: str, allowed: str) -> JournalError:
        return JournalError(f"{self.path}:{line}: found {found}; allowed: {allowed}")

    def _unusable(self, error: OSError) -> JournalError:
        return JournalError(f"{self.path}: cannot hold a journal: {error.strerror or error}")


def job_key(worker: Callable[..., Any], what: object) -> str:
    """The key of a job: SHA-256 of what it is, of who does it and of our code.

    Args:
        worker: The function that does it, of a module.
        what: All that its result depends on, as data that ``msgspec`` writes as JSON; paths count
            by their text, so what stands in files must be part of it.

    Raises:
        TypeError: If there is no JSON for it.
    """
    who = f"{worker.__module__}:{worker.__qualname__}"
    text = msgspec.json.encode(
        (code_digest(), who, what), order="deterministic", enc_hook=_path_text
    )
    return hashlib.sha256(text).hexdigest()


def _path_text(value: object) -> str:
    if isinstance(value, os.PathLike):
        return str(value)
    raise TypeError(f"a job's key needs plain data, was {type(value).__name__}")


def _head() -> bytes:
    return msgspec.json.encode(_Head(SCHEMA, code_digest())) + b"\n"


def _sum(key: str, name: str, result: bytes) -> str:
    return hashlib.sha256(msgspec.json.encode((key, name, msgspec.Raw(result)))).hexdigest()
