"""Completes a log that was cut short, by kill -9, a power cut or a full disk at any byte.

A run is a function of its scenario, so nothing needs to be picked up half-way: the log's scenario
runs again from its beginning into a new log, and what survived of the old one must be the beginning
of the new one, byte for byte. The old log is only read.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

import msgspec

from sim.audit.read import log_file, printable
from sim.audit.verify import VerifyResult, verify
from sim.kernel.files import open_regular
from sim.protocol.errors import AuditFormatError
from sim.protocol.version import __version__
from sim.scenario.load import LoadedScenario
from sim.study.check import Difference, compare_logs
from sim.study.header import paced_by_wall, read_header, scenario_of

Verdict = Literal["completed", "differs", "interrupted"]


class Cut(msgspec.Struct, frozen=True):
    """Where a log breaks off.

    Attributes:
        log: The log.
        records: The whole records that are left, which are the first of its run.
        whole_bytes: The bytes of these.
        torn_bytes: The bytes of a further record that was not written to its end.
        head: SHA-256 (hex) of the last whole record.
    """

    log: str
    records: int
    whole_bytes: int
    torn_bytes: int
    head: str

    def __str__(self) -> str:
        """In words, for people."""
        torn = f", {self.torn_bytes:,} torn bytes behind them" if self.torn_bytes else ""
        return f"{self.records:,} whole records, {self.whole_bytes:,} bytes{torn}"


class Resumed(msgspec.Struct, frozen=True):
    """What came of completing a log; ``message`` is for people, without the log's name.

    ``equal`` counts the records that were found equal; all of the cut log's where the verdict is
    ``completed``. A run again that was ``interrupted`` was not compared: then it is 0.
    """

    cut: Cut
    verdict: Verdict
    equal: int
    first: Difference | None
    message: str

    def facts(self) -> dict[str, Any]:
        """What the manifest and ``--json`` say of it."""
        return {
            **msgspec.structs.asdict(self.cut),
            "verdict": self.verdict,
            "equal": self.equal,
            "first": None if self.first is None else msgspec.to_builtins(self.first),
            "message": self.message,
        }


def load_cut(
    log: str | Path, data: Sequence[str | Path] = (), *, allow_code: bool = False
) -> tuple[Cut, LoadedScenario]:
    """Find where a log breaks off, and load the scenario in it.

    Args:
        log: The log, or the folder of a run.
        data: Folders where its data files may lie, beside the places that are known
            (`sim.study.header.scenario_of`).
        allow_code: Whether code that it names in ``plugins`` may run.

    Raises:
        AuditFormatError: If the log has its end, is being written, holds no whole record, is broken
            before it breaks off, is of another version, or of a run that real time paced.
        ScenarioError: If this version does not take its scenario.
        DataFormatError: If a data file is missing or another one.
    """
    path = log_file(log)
    _refuse_writers(path)
    started = read_header(path)
    if started.code_version != __version__:
        _refuse(
            path,
            f"it was written by sorsim {printable(started.code_version)}, this is {__version__}: "
            "the version is in its first record, so no log of this one continues it",
        )
    if paced_by_wall(path):
        _refuse(path, "real time paced its run (--clock wall), which no other run repeats")
    cut = _cut(path, verify(path))
    loaded = scenario_of(started, path, list(map(Path, data)), allow_code=allow_code)
    return cut, loaded


def compare_cut(cut: Cut, again: Path, *, interrupted: bool = False) -> Resumed:
    """Whether what is left of a log is the beginning of the new run's.

    Args:
        cut: The log, and where it breaks off.
        again: The log of the new run.
        interrupted: Whether that run was, so that its log has an end of its own.

    Raises:
        AuditFormatError: If a log cannot be read.
    """
    if interrupted:
        why = "the run again was interrupted before it could be compared"
        return Resumed(cut, "interrupted", 0, None, why)
    found = compare_logs(Path(cut.log), again)
    if found.verdict == "cut":
        message = f"{cut}: the new log begins with them, byte for byte, and completes them"
        return Resumed(cut, "completed", found.records, None, message)
    what = "the record" if found.records < cut.records else "what is left of the record"
    message = (
        f"DIFFERS: record {found.records} (line {found.records + 1}): {what} there is not that of "
        "the run again, so the new log does not complete it"
    )
    return Resumed(cut, "differs", found.records, found.first, message)


def _cut(path: Path, found: VerifyResult) -> Cut:
    if found.ok:
        end = "" if found.outcome is None else f" ({found.outcome.value})"
        _refuse(path, f"it has its end{end}: there is nothing to complete")
    if found.state == "broken":
        assert found.first_bad is not None
        _refuse(
            path,
            f"it is broken before it ends: {found.message}; what stands before may be resumed from "
            f"a copy that is cut there (head -n {found.first_bad.seq})",
        )
    return Cut(
        log=str(path),
        records=found.records,
        whole_bytes=path.stat().st_size - found.torn_bytes,
        torn_bytes=found.torn_bytes,
        head=found.head,
    )


def _refuse_writers(path: Path) -> None:
    """See that no run writes the log: it would not be cut, but not ended yet."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        with open_regular(path) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        _refuse(path, "a run is writing it: its end is still to come")
    except OSError:
        return  # no locks there, or no file: who reads it will say so


def _refuse(path: Path, why: str) -> NoReturn:
    raise AuditFormatError(f"{path}: cannot be resumed from: {why}")
