"""What ``inspect`` says of a data file, and how readers note the rows they leave out.

A format's module in ``sim.data.FORMATS`` has ``detect(path, first_bytes) -> bool`` and
``inspect(path, options) -> Inspection``. The readers note troubles in ``Problems``: a reader that
is strict raises at the first bad row, one that is not leaves it out, counts and lists it.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from sim.protocol.errors import DataFormatError

KEPT_PROBLEMS: Final = 100_000
"""So many problems are listed; all are counted."""

UNREADABLE: Final = (ValueError, msgspec.MsgspecError, RecursionError)
"""What a bad row of JSON raises, and its numbers; the last is for what is nested too deeply."""


class DataProblem(msgspec.Struct, frozen=True, order=True, gc=False):
    """One thing wrong at a line or record of a data file; 0 is the file as a whole."""

    line: int
    what: str


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """The data-quality report of one file.

    ``first_ns`` and ``last_ns`` are on the source's clock, None without rows. ``agreement`` holds
    fractions, only those that apply. ``problem_counts`` counts all problems by kind, also those
    that ``problems`` has no room for; ``left_out`` are rows that could not be read. ``notes`` say
    what is no fault but should be known. ``facts`` are counts of the format's own.
    """

    format: str
    rows: int
    venues: tuple[str, ...]
    first_ns: int | None
    last_ns: int | None
    problems: tuple[DataProblem, ...] = ()
    agreement: dict[str, float] = {}
    file: str = ""
    problem_counts: dict[str, int] = {}
    left_out: int = 0
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = {}


class InspectOptions(msgspec.Struct, frozen=True):
    """``against`` is the file's partner, where the format knows one."""

    against: Path | None = None


class InspectFormat(Protocol):
    """The two functions of a format's module."""

    def detect(self, path: Path, first_bytes: bytes) -> bool:
        """True if the file's name and the first bytes of its unpacked content look like this."""
        ...

    def inspect(self, path: Path, options: InspectOptions) -> Inspection:
        """Read the whole file; what is wrong with rows is a listed problem.

        Raises:
            DataFormatError: If the file cannot be read at all.
        """
        ...


class Problems:
    """The troubles of one file: counted by kind, the first ``KEPT_PROBLEMS`` listed.

    Args:
        path: The file, for messages.
        strict: Whether a row that cannot be read is an error at once.
    """

    def __init__(self, path: Path, *, strict: bool = True) -> None:
        self.path = path
        self.strict = strict
        self.counts: dict[str, int] = {}
        self.left_out = 0
        self._listed: list[DataProblem] = []

    def refuse(self, line: int, what: str, kind: str = "row left out") -> None:
        """A row cannot be used: it is left out.

        Raises:
            DataFormatError: If strict.
        """
        if self.strict:
            raise DataFormatError(str(self.path), line, what)
        self.left_out += 1
        self.note(line, what, kind)

    def note(self, line: int, what: str, kind: str) -> None:
        """Something is odd, but can be used."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if len(self._listed) < KEPT_PROBLEMS:
            self._listed.append(DataProblem(line, what))

    def note_all(self, found: Iterable[tuple[int, str]], kind: str) -> None:
        """Several of one kind."""
        for line, what in found:
            self.note(line, what, kind)

    def note_no_rows(self, rows: int) -> None:
        """A file without rows is no sound file; other troubles that were noted say why."""
        if not rows and not self.counts:
            self.note(0, "holds no rows", "no rows")

    def absorb(self, other: "Problems") -> None:
        """Take over the problems of a partner file, under its name."""
        self.left_out += other.left_out
        for kind, count in other.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
        room = KEPT_PROBLEMS - len(self._listed)
        name = other.path.name
        self._listed += [
            DataProblem(one.line, f"{name}: {one.what}") for one in other.listed()[:room]
        ]

    @property
    def total(self) -> int:
        """All problems, listed or not."""
        return sum(self.counts.values())

    def listed(self) -> tuple[DataProblem, ...]:
        """What is listed, by line."""
        return tuple(sorted(self._listed))


def empty_words(problems: Sequence[Problems], what: str) -> tuple[str, str]:
    """The files of which nothing came, and ``what`` with their first trouble, which may be why."""
    names = ", ".join(str(one.path) for one in problems)
    found = [(one.path.name, first) for one in problems for first in one.listed()[:1]]
    if not found:
        return names, what
    name, first = found[0]
    place = f"{name}:{first.line}" if first.line else name
    return names, f"{what}; {place}: {first.what}"


class Span:
    """How many rows there are, and the earliest and latest time."""

    def __init__(self) -> None:
        self.rows = 0
        self.first_ns: int | None = None
        self.last_ns: int | None = None

    def take(self, t_ns: NDArray[np.int64]) -> None:
        """Count the next rows."""
        if len(t_ns):
            low, high = int(t_ns.min()), int(t_ns.max())
            self.first_ns = low if self.first_ns is None else min(self.first_ns, low)
            self.last_ns = high if self.last_ns is None else max(self.last_ns, high)
            self.rows += len(t_ns)
