"""The first record of a log: enough to run it again, if its data files are found.

A log names its data files by their SHA-256, so it is certain that the right ones were found,
wherever they lie.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

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
from sim.audit.records import LINE_BYTES_MAX, RunStarted
from sim.kernel.files import open_regular
from sim.manifest import NAME as MANIFEST
from sim.protocol.errors import AuditFormatError, DataFormatError, Problem, ScenarioError
from sim.protocol.version import __version__
from sim.scenario.load import LoadedScenario, resolve_file, scenario_from_data
from sim.scenario.shipped import shipped_folder

_MANIFEST_BYTES_MAX: Final = 1 << 20
_NAMED_MAX: Final = 1_000
_RESUMED_MAX: Final = 8


def read_header(path: Path) -> RunStarted:
    """The first record of a log.

    Raises:
        AuditFormatError: If it is no ``run_started`` of this version; a log of another one is told
            by its version.
    """
    try:
        with open_regular(path) as file:
            lines = next(LineReader(file).batches(), [])
    except LineTooLong:
        raise AuditFormatError(
            f"{path}:1: record 0: the line is longer than {LINE_BYTES_MAX} bytes"
        ) from None
    except OSError as error:
        raise cannot_read(path, error) from error
    if not lines:
        raise AuditFormatError(f"{path}: holds no whole record")
    return parse_header(lines[0], path)


def parse_header(line: bytes, path: Path) -> RunStarted:
    """The record of a log's first line. Raises as ``read_header`` does."""
    if reason := other_version(line):
        raise AuditFormatError(f"{path}: {reason}")
    parts = LINE_FORM.fullmatch(line)
    try:
        if parts is not None:
            return msgspec.json.decode(b"{%b}" % parts[2], type=RunStarted)
    except UNREADABLE as error:
        raise AuditFormatError(f"{path}:1: record 0: {printable(str(error))}") from error
    raise AuditFormatError(f"{path}:1: record 0: it does not have the form of a record")


def version_note(started: RunStarted) -> str:
    """What to say before a log is run again by another version than wrote it; else nothing."""
    if started.code_version == __version__:
        return ""
    written = printable(started.code_version)
    return f"the log was written by sorsim {written}, this is {__version__}: bytes may differ"


def scenario_of(
    started: RunStarted,
    log: Path,
    data: Sequence[Path] = (),
    *,
    sets: Sequence[str] = (),
    seed: int | None = None,
    allow_code: bool = False,
) -> LoadedScenario:
    """The scenario inside a log, ready to run.

    Args:
        started: The log's first record.
        log: The log; its data files are looked for beside it, then where its manifest's command
            line had them.
        data: Further folders to look in, before these and that of the shipped scenarios.
        sets: Overrides, ``PATH=VALUE`` each. A file that only they name must lie beside the others.
        seed: Replaces the seed.
        allow_code: Whether code that the scenario names in ``plugins`` may run.

    Raises:
        ScenarioError: If this version does not take the scenario, or an override is wrong.
        DataFormatError: If a data file is missing or is another one than was used; all such files
            are named, with the places that were searched.
    """
    folders = [*data, log.parent]
    if started.files:
        folders += _once_named(log)
    root = _data_root(started.files, list(dict.fromkeys([*folders, shipped_folder()])))
    source = f"scenario in {log}"
    loaded = scenario_from_data(
        started.scenario, source, root, sets=sets, seed=seed, allow_code=allow_code
    )
    if not sets and loaded.file_hashes() != started.files:
        raise ScenarioError(
            [Problem(str(log), 1, 0, "", "its data files are not those that its scenario names")]
        )
    return loaded


def manifest_beside(log: Path) -> dict[str, Any]:
    """What the manifest of a log's run says; empty where there is none that can be read."""
    try:
        with open_regular(log.with_name(MANIFEST)) as file:
            content = json.loads(file.read(_MANIFEST_BYTES_MAX))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def paced_by_wall(log: Path) -> bool:
    """Whether a log's manifest says that real time paced the run; the log cannot say."""
    clock = manifest_beside(log).get("clock")
    return isinstance(clock, dict) and clock.get("kind") == "wall"


def _once_named(log: Path, resumed_max: int = _RESUMED_MAX) -> list[Path]:
    """Folders that a run's command line named, and those of the files that it named.

    If that was another run, as where one was resumed, then also what its command line named. A
    guess that can do no harm: a file counts by its hash.
    """
    argv = manifest_beside(log).get("argv")
    named = (
        [Path(one) for one in argv[2:] if isinstance(one, str)] if isinstance(argv, list) else []
    )
    found: list[Path] = []
    for path in named[:_NAMED_MAX]:
        try:
            if path.is_dir():
                found.append(path)
            elif path.is_file():
                found.append(path.parent)
            if resumed_max and found and (found[-1] / MANIFEST).is_file():
                found += _once_named(found[-1] / MANIFEST, resumed_max - 1)
        except (OSError, ValueError):  # a text that can be no path
            continue
    return found


def _data_root(files: Mapping[str, str], folders: Sequence[Path]) -> Path:
    """The first folder that has all files with these hashes."""
    found: dict[str, list[str]] = {name: [] for name in files}
    for folder in folders:
        complete = True
        for name, digest in files.items():
            if fault := _fault(folder, name, digest):
                found[name].append(fault)
                complete = False
        if complete:
            return folder
    # Where each file lies somewhere, but not all in one place, all are named.
    missing = [name for name, faults in found.items() if len(faults) == len(folders)] or list(found)
    places = [f"{printable(name)}: {', '.join(found[name])}" for name in missing]
    raise DataFormatError(
        printable(missing[0]), 0, f"data that the run used was not found: {'; '.join(places)}"
    )


def _fault(folder: Path, name: str, digest: str) -> str:
    """Why ``folder`` does not have this file; empty if it has."""
    try:
        path = resolve_file(folder, name)
        with open_regular(path) as file:
            is_digest = hashlib.file_digest(file, "sha256").hexdigest()
    except DataFormatError:
        return f"not in {folder}"
    except OSError as error:
        return f"cannot be read in {folder} ({error.strerror})"
    if is_digest == digest:
        return ""
    return f"the one in {folder} is another (SHA-256 {is_digest[:12]}..., not {digest[:12]}...)"
