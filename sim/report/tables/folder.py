"""A run's tables as Parquet in its folder, made from its log; which log is noted in each file.

A file that is there and belongs to the log, by the hash of the log's last line and our version, is
taken as it is. One that does not is another's, or of another log, and is never overwritten.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Final

from sim.audit.read import log_file
from sim.kernel.extras import load_extra
from sim.protocol.errors import TableFileError
from sim.protocol.version import __version__
from sim.report.tables.content import TABLES, Table
from sim.report.tables.frames import frame_of
from sim.report.trail.build import Trail, log_head, read_trail

_HEAD: Final = "sorsim.audit_head"
_VERSION: Final = "sorsim.version"


def table_files(folder: Path) -> dict[str, Path]:
    """The file of each table in a folder, whether it is there or not."""
    return {table.name: folder / f"{table.name}.parquet" for table in TABLES}


def write_tables(trail: Trail, folder: Path, tables: Sequence[Table] = TABLES) -> dict[str, Path]:
    """Write tables of a run as Parquet, equal bytes for equal logs; files by table.

    Raises:
        TableFileError: If a file is there already.
        MissingExtraError: Without polars.
        OSError: If the folder refuses a file.
    """
    files = table_files(folder)
    note = {_HEAD: trail.head, _VERSION: __version__}
    for table in tables:
        path = files[table.name]
        if os.path.lexists(path):
            raise TableFileError(f"{path}: is there already; allowed: a name that is free")
        frame = frame_of(table, trail)
        content = BytesIO()  # a full disk is then the system's error, and none of the library's own
        frame.write_parquet(content, metadata=note)
        part = path.with_name(f"{path.name}.part")
        try:
            part.write_bytes(content.getbuffer())
            part.replace(path)  # whole or not at all: an interruption leaves nothing half-written
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
    return {table.name: files[table.name] for table in tables}


def ensure_tables(log: str | Path, folder: Path) -> tuple[dict[str, Path], str]:
    """The files of all tables of a log, those that are not there yet written now.

    Args:
        log: The log, or the folder of a run.
        folder: Where the files are, or shall be.

    Returns:
        Files by table, and why the log could not be read to its end: empty, if it could, or if no
        file had to be made.

    Raises:
        AuditFormatError: If the log cannot be read at all, or is of another version.
        TableFileError: If a file of that name is not of this log.
        MissingExtraError: Without polars.
        OSError: If the folder refuses a file.
    """
    path = log_file(log)
    head = log_head(path)
    files = table_files(folder)
    missing = [table for table in TABLES if not _belongs(files[table.name], head)]
    fault = ""
    if missing:
        trail = read_trail(path)
        write_tables(trail, folder, missing)
        fault = trail.fault
    return files, fault


def _belongs(path: Path, head: str) -> bool:
    """Whether a table is there; an error if something else is."""
    if not os.path.lexists(path):
        return False
    polars = load_extra("polars", "analysis", "tables of a run")
    try:
        note = polars.read_parquet_metadata(path)
    except (OSError, polars.exceptions.PolarsError) as error:
        raise TableFileError(f"{path}: is no table of a run; move it away ({error})") from None
    if note.get(_HEAD) != head or note.get(_VERSION) != __version__:
        raise TableFileError(
            f"{path}: was made from another log or by another version; "
            "remove it, and it is made anew"
        )
    return True
