"""Errors that users see, and the one that means we are wrong.

Each message says the file, the place in it, what was found and what is allowed. Business refusals
are messages with a reason, never exceptions.
"""

import re
from typing import Any, Final

import msgspec

_INVARIANT: Final = re.compile(r"(I[1-9][0-9]?)\b")
_SHOWN_MAX: Final = 240
"""Characters of a record that an error's text shows; its ``records`` hold all of them."""


class SorsimError(Exception):
    """Base of all our errors.

    They can be pickled whatever their constructor takes, since runs in other processes raise them.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, self.__dict__)


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong in a file. ``line`` and ``col`` count from 1; 0 means the file as a whole."""

    file: str
    line: int
    col: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.col}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class ScenarioError(SorsimError):
    """A scenario file or an override is wrong; carries every problem found, one line each."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class DataFormatError(SorsimError):
    """A data file is wrong at one place. ``line`` counts from 1; 0 means the file as a whole."""

    def __init__(self, file: str, line: int, message: str) -> None:
        self.file = file
        self.line = line
        self.message = message
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")


class MissingExtraError(SorsimError):
    """A library that only an extra of the distribution brings is not installed."""

    def __init__(self, module: str, extra: str, purpose: str) -> None:
        self.module = module
        super().__init__(
            f"{purpose} needs the library {module}, which the extra '{extra}' brings: "
            f"pip install 'sorsim[{extra}]'"
        )


class AuditFormatError(SorsimError):
    """An audit log cannot be read as one."""


class AuditWriteError(SorsimError):
    """The audit log could not be written: the run stops, since no decision may go unrecorded."""


class TableFileError(SorsimError):
    """A file has the name of a table of a run, and is not that."""


class QueryError(SorsimError):
    """A question that cannot be answered; the message is the engine's own."""


class PluginError(SorsimError):
    """A user's router, strategy or venue failed.

    ``plugin`` is its name as the scenario writes it; ``place`` the file, without its folder, the
    line and the function of the user's code; ``kind`` the class of the error in it. Empty where
    there is none.
    """

    def __init__(self, message: str, *, plugin: str = "", place: str = "", kind: str = "") -> None:
        self.plugin = plugin
        self.place = place
        self.kind = kind
        super().__init__(message)


class ClusterError(SorsimError):
    """A cluster cannot do the work: its address, what was found, what is allowed."""


class JournalError(SorsimError):
    """A study's journal cannot be used: file, line, what was found, what is allowed."""


class WorkerLostError(SorsimError):
    """A job's worker processes ended in the middle of it, as when memory is short."""


class InjectedFault(SorsimError):
    """A fault of the scenario ended a venue's task, as it should."""


class InvariantError(SorsimError):
    """A rule of our own is broken: a defect of sorsim, with all that is needed to find it.

    ``invariant`` is the number of the rule in the design notes, such as ``I6``; empty where it has
    none. Whoever runs a world adds the rest with ``add_run``: ``seed``, ``t_ns`` of the simulated
    time, ``records`` (the last lines of the audit log, oldest first) and ``command``, what repeats
    the run, or why no command can.
    """

    def __init__(self, message: str, *, invariant: str = "") -> None:
        found = _INVARIANT.match(message)
        self.invariant = invariant or (found[1] if found else "")
        self.what = message
        self.seed: int | None = None
        self.t_ns: int | None = None
        self.records: tuple[str, ...] = ()
        self.command = ""
        super().__init__(message)

    def add_run(self, *, seed: int, t_ns: int, records: tuple[str, ...], command: str) -> None:
        """Say in which run it was; the first to say so is right."""
        if self.seed is None:
            self.seed, self.t_ns, self.records, self.command = seed, t_ns, records, command

    def __str__(self) -> str:
        if self.seed is None:
            return self.what
        number = self.invariant
        named = self.what if not number or _INVARIANT.match(self.what) else f"{number}: {self.what}"
        lines = [
            f"an invariant is broken: {named}",
            f"at t={self.t_ns} ns of the run with seed {self.seed}; the last records:",
        ]
        lines += [
            f"  {line[:_SHOWN_MAX]}{'...' * (len(line) > _SHOWN_MAX)}" for line in self.records
        ]
        return "\n".join([*lines, f"to see it again: {self.command}"])


def _restored(
    kind: type[SorsimError], args: tuple[object, ...], state: dict[str, object]
) -> SorsimError:
    """An error from another process, as it was there."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error
