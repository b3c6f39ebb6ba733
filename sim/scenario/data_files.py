"""The files that a scenario names: each must be there, and every row of it must be right.

A file is read to its end, one instant of it at a time, before anything runs: else a run would stop
in its middle at a row that could have been known to be wrong. That doubles the reading, which is a
small part of a run over the same rows.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path as FilePath
from typing import Protocol, runtime_checkable

from pydantic import BaseModel

from sim.protocol.errors import DataFormatError
from sim.protocol.units import Units
from sim.scenario.nodes import Path
from sim.scenario.scalars import shown

Resolve = Callable[[str], FilePath]


@runtime_checkable
class NamesFile(Protocol):
    """A config whose key ``file`` names a file in the scenario's folder."""

    file: str

    def check_file(self, path: FilePath, units: Units) -> None:
        """Read the whole file.

        Args:
            path: Where ``file`` lies.
            units: Tick and lot of the instrument.

        Raises:
            DataFormatError: At the first row that is wrong.
        """


def file_problems(
    parts: Iterable[tuple[Path, object]], resolve: Resolve, units: Units | None
) -> Iterator[tuple[Path, str]]:
    """What is wrong with the files that valid parts of a scenario name, at their keys.

    Args:
        parts: Valid values with their paths.
        resolve: Finds a file by its name.
        units: Tick and lot of the instrument; None if they are wrong, then rows are not looked at.
    """
    for at, value in parts:
        for path, config in _naming(value, at):
            try:
                found = resolve(config.file)
            except DataFormatError as error:
                yield path, error.message
                continue
            try:
                if units is not None:
                    config.check_file(found, units)
            except DataFormatError as error:
                row = f" line {error.line}" if error.line else ""
                yield path, f"the file {shown(config.file)}{row}: {error.message}"


def _naming(value: object, at: Path) -> Iterator[tuple[Path, NamesFile]]:
    """Every config below a value that names a file, with the path of its key."""
    if isinstance(value, tuple):
        for n, member in enumerate(value):
            yield from _naming(member, (*at, n))
    elif isinstance(value, BaseModel):
        if isinstance(value, NamesFile):
            yield (*at, "file"), value
        for name, member in vars(value).items():
            yield from _naming(member, (*at, name))
