"""From an exception to an exit code and to words: one table for all commands.

Words go to stderr; with ``--json`` a document ``{"error": ...}`` goes to stdout as well.
"""

import os
import sys
import traceback
from io import StringIO
from typing import Any, Final

import click
import msgspec

from sim.cli.echo import json_text, say
from sim.cli.options import INTERRUPTED, OURS, PLUGIN, USER
from sim.data.conversion import ConversionError
from sim.manifest import FolderError
from sim.protocol.errors import (
    AuditFormatError,
    AuditWriteError,
    ClusterError,
    DataFormatError,
    JournalError,
    MissingExtraError,
    PluginError,
    QueryError,
    ScenarioError,
    SorsimError,
    TableFileError,
    WorkerLostError,
)

_TABLE: Final[tuple[tuple[type[BaseException], int, str], ...]] = (
    (click.ClickException, USER, "usage"),
    (click.Abort, INTERRUPTED, "interrupted"),
    (KeyboardInterrupt, INTERRUPTED, "interrupted"),
    (ScenarioError, USER, "scenario"),
    (DataFormatError, USER, "data_format"),
    (MissingExtraError, USER, "missing_extra"),
    (AuditFormatError, USER, "audit_format"),
    (AuditWriteError, USER, "audit_write"),
    (ConversionError, USER, "conversion"),
    (TableFileError, USER, "table_file"),
    (QueryError, USER, "query"),
    (FolderError, USER, "folder"),
    (ClusterError, USER, "cluster"),
    (JournalError, USER, "journal"),
    (WorkerLostError, USER, "worker_lost"),
    (PluginError, PLUGIN, "plugin"),
    (OSError, USER, "file"),
    (MemoryError, USER, "memory"),
)
_OUR_FAULT: Final = (
    "This is a fault of sorsim, not yours. CONTRIBUTING.md says how to report it: attach the\n"
    "run's audit.jsonl if there is one, and what the same command shows with SORSIM_DEBUG=1."
)


def classify(error: BaseException) -> tuple[int, str]:
    """Exit code and kind of an error; what nobody expected is our fault."""
    for kind, code, name in _TABLE:
        if isinstance(error, kind):
            return code, name
    if getattr(error, "is_of_a_job", False) and error.__cause__ is not None:
        return classify(error.__cause__)  # it failed as one run of many, for the same reason
    return OURS, "internal"


def report(error: BaseException, *, as_json: bool) -> int:
    """Say what went wrong and return the exit code."""
    code, _ = classify(error)
    text = _words(error, code)
    if isinstance(error, click.ClickException):
        shown = StringIO()
        error.show(shown)
        say(shown.getvalue().removesuffix("\n"))
    else:
        if os.environ.get("SORSIM_DEBUG"):
            traceback.print_exception(error, file=sys.stderr)
        say(text if isinstance(error, ScenarioError) else f"sorsim: {text}")
        if code == OURS:
            say(_OUR_FAULT)
    if as_json:
        click.echo(json_text(error_document(error), indent=0))
    return code


def error_document(error: BaseException) -> dict[str, Any]:
    """What ``--json`` prints of an error; of a scenario with every problem."""
    code, kind = classify(error)
    document: dict[str, Any] = {"kind": kind, "message": _words(error, code), "exit_code": code}
    if isinstance(error, ScenarioError):
        document["problems"] = [msgspec.structs.asdict(problem) for problem in error.problems]
    return {"error": document}


def _words(error: BaseException, code: int) -> str:
    if isinstance(error, click.ClickException):
        return error.format_message()
    if code == INTERRUPTED:
        return str(getattr(error, "says", "interrupted"))
    if isinstance(error, MemoryError):
        return "out of memory: this run needs more than this process may have"
    if isinstance(error, OSError):
        # Without a name it is a stream of this process, such as a redirected stdout.
        return f"{error.filename or 'cannot read or write'}: {error.strerror or error}"
    if code == OURS and not isinstance(error, SorsimError):
        text = f"internal error: {type(error).__name__}: {error}"
        return "\n".join([text, *getattr(error, "__notes__", ())])
    return str(error)
