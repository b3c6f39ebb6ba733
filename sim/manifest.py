"""A run's folder and its ``manifest.json``: the one file with wall time and machine facts.

All other files of a run are a function of scenario, seed and version. Who runs, where and when is
written here and nowhere else, together with the hashes of the other files. Knows nothing of what
those files mean.
"""

import hashlib
import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from sim.kernel.lag import LagReport
from sim.protocol.errors import SorsimError
from sim.protocol.version import __version__

SCHEMA: Final = "sorsim-manifest/1"
NAME: Final = "manifest.json"
RUN_FILES: Final = (NAME, "audit.jsonl", "scenario.yaml", "resolved.yaml", "summary.json")
REPORT: Final = "report.html"
"""The report of a run, where it was made."""
PACKAGES: Final = (
    "numpy", "sortedcontainers", "structlog", "uvloop", "msgspec", "pydantic", "pydantic-core",
    "pyyaml",
)  # fmt: skip
"""What the bytes of a run may depend on."""

_PROBE: Final = ".sorsim-probe"
_NEW: Final = f"{NAME}.new"
_CHUNK_BYTES: Final = 1 << 20


class FolderError(SorsimError):
    """A run's folder cannot be used; nothing was run."""


def new_run_folder(root: Path, scenario_name: str) -> Path:
    """Make a fresh folder ``<UTC date>-<time>-<scenario>`` below ``root``, which is made if absent.

    A name that is taken gets a number behind it, also if another process takes it meanwhile.

    Raises:
        FolderError: If it cannot be made or written.
    """
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", scenario_name)[:64]
    stem = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{stem}"
    number = 1
    try:
        root.mkdir(parents=True, exist_ok=True)
        while True:
            folder = root / (stem if number == 1 else f"{stem}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                number += 1
                continue
            break
    except OSError as error:
        raise _unusable(root, error) from error
    _check_writable(folder)
    return folder


def given_run_folder(folder: Path) -> Path:
    """Make ``folder`` ready for a run: make it if it is absent, refuse it if it holds a run.

    Other files in it are left alone.

    Raises:
        FolderError: If it holds any of ``RUN_FILES``, or cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A link counts too, wherever it leads: writing would go through it.
        held = [name for name in RUN_FILES if os.path.lexists(folder / name)]
    except OSError as error:
        raise _unusable(folder, error) from error
    if held:
        raise FolderError(
            f"{folder}: holds a run already ({', '.join(held)}); runs are never overwritten: "
            "name another folder or remove this one"
        )
    _check_writable(folder)
    return folder


def discard_if_empty(folder: Path) -> None:
    """Remove the folder of a run that never began; one with anything in it stays."""
    try:
        folder.rmdir()
    except OSError:
        return


def discard_unbegun(folder: Path) -> None:
    """Remove the folder of a run that wrote nothing but the manifest of its beginning."""
    try:
        if [file.name for file in folder.iterdir()] == [NAME]:
            (folder / NAME).unlink()
    except OSError:
        return
    discard_if_empty(folder)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is made from a run, unless other content is there already.

    The same content again is no change, and fine.

    Raises:
        FolderError: If a file with other content is there, or it cannot be written; nothing is
            left half written.
    """
    made = False
    try:
        with path.open("xb") as file:
            made = True
            file.write(content)
    except FileExistsError:
        if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
            return
        raise FolderError(
            f"{path}: is there already, with other content; nothing is overwritten: name another "
            "with --out or remove it"
        ) from None
    except OSError as error:
        if made:
            with suppress(OSError):
                path.unlink()
        raise FolderError(f"{path}: cannot be written: {error.strerror or error}") from error


def begin_manifest(
    folder: Path, *, started: datetime, argv: Sequence[str], clock: Mapping[str, Any]
) -> None:
    """Say what is run here, before it is: a run that is killed leaves no other word of it.

    Its ``exit_code`` is null until ``write_manifest`` takes its place.

    Raises:
        FolderError: If it cannot be written.
    """
    content = _beginning(started, argv, clock) | {"exit_code": None}
    try:
        _replace(folder, content)
    except OSError as error:
        raise _unusable(folder, error) from error


def write_manifest(
    folder: Path,
    *,
    started: datetime,
    exit_code: int,
    argv: Sequence[str],
    clock: Mapping[str, Any] | None = None,
    resumed_from: Mapping[str, Any] | None = None,
) -> Path:
    """Write the manifest of a run that has just ended, replacing an earlier one.

    Args:
        folder: The run's folder, with all its other files.
        started: When the run began, with its time zone.
        exit_code: What the process will exit with.
        argv: The command line, or what stands for it.
        clock: Its ``kind`` and how real time went (``clock_facts``); None for virtual time.
        resumed_from: Of a run that completed a log that was cut short: which, where the cut is and
            what came of the comparison.

    Raises:
        FolderError: If a file cannot be read or the manifest not be written; an earlier one is
            left as it is.
    """
    try:
        content = _content(folder, started, exit_code, argv, clock)
        if resumed_from is not None:
            content["resumed_from"] = resumed_from
        _replace(folder, content)
    except OSError as error:
        raise _unusable(folder, error) from error
    return folder / NAME


def _replace(folder: Path, content: Mapping[str, Any]) -> None:
    """Put a manifest in place at once: half of one says less than none."""
    new = folder / _NEW
    new.unlink(missing_ok=True)  # of a run that was killed here; or a link that leads elsewhere
    try:
        new.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
        new.replace(folder / NAME)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise


def now() -> datetime:
    """Wall time in UTC, for ``write_manifest``'s ``started``."""
    return datetime.now(UTC)


def clock_facts(kind: str, lag: LagReport | None = None) -> dict[str, Any]:
    """What the manifest says of a run's clock, ``virtual`` or ``wall``, and of its lag."""
    return {"kind": kind} if lag is None else {"kind": kind, **msgspec.structs.asdict(lag)}


def command_line() -> list[str]:
    """The arguments of this process, the program's name first."""
    return [Path(sys.argv[0]).name, *sys.argv[1:]]


def _content(
    folder: Path,
    started: datetime,
    exit_code: int,
    argv: Sequence[str],
    clock: Mapping[str, Any] | None,
) -> dict[str, Any]:
    ended = datetime.now(UTC)
    return {
        **_beginning(started, argv, clock_facts("virtual") if clock is None else clock),
        "ended": ended.isoformat(),
        "wall_seconds": (ended - started).total_seconds(),
        "exit_code": exit_code,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "hash_seed": os.environ.get("PYTHONHASHSEED", "random"),
        "packages": _versions(),
        "files": {
            _encodable(file.name): _fingerprint(file)
            for file in sorted(folder.iterdir())
            if file.is_file() and file.name not in {NAME, _NEW}
        },
    }


def _beginning(started: datetime, argv: Sequence[str], clock: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a run before it runs."""
    return {
        "schema": SCHEMA,
        "sorsim": __version__,
        "argv": list(map(_encodable, argv)),
        "started": started.astimezone(UTC).isoformat(),
        "clock": clock,
    }


def _versions() -> Mapping[str, str | None]:
    from importlib.metadata import PackageNotFoundError, version  # takes its time to load

    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None  # uvloop is absent on some platforms
    return found


def _encodable(text: str) -> str:
    """The text itself, unless it holds bytes that were no UTF-8: these are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def _fingerprint(file: Path) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _check_writable(folder: Path) -> None:
    """Write and remove a file: permission bits do not tell of read-only or full disks."""
    probe = folder / _PROBE
    try:
        probe.write_bytes(b"sorsim")
        probe.unlink()
    except OSError as error:
        raise _unusable(folder, error) from error


def _unusable(folder: Path, error: OSError) -> FolderError:
    where = error.filename or folder
    return FolderError(f"{where}: cannot hold a run: {error.strerror or error}")
