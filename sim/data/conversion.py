"""What every converter shares: its report, its options as text, its way to refuse.

A converter is ``convert(inputs, out, options) -> ConversionReport``; ``sim.data.CONVERTERS`` names
them all.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from sim.protocol.errors import SorsimError

_Value = TypeVar("_Value")


class ConversionError(SorsimError):
    """The inputs are sound, but not for what was asked: a wrong option, a window without data."""


class ConversionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a converter made.

    ``files`` are names inside the output's folder, ``rows`` their data rows together. ``first_ns``
    and ``last_ns`` are the times of the first and last row: on the clock of the output or, where
    that has none, on the clock of the input. ``problems`` says in words what in the inputs was
    left out or rounded.
    """

    converter: str
    files: tuple[str, ...]
    venues: tuple[str, ...]
    rows: int
    first_ns: int
    last_ns: int
    statistics: dict[str, Any]
    problems: tuple[str, ...]

    def to_json(self) -> bytes:
        """Indented JSON with a final newline; equal reports give equal bytes."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


class Converter(Protocol):
    """The signature of every converter."""

    def __call__(
        self, inputs: Sequence[Path], out: Path, options: Mapping[str, str]
    ) -> ConversionReport:
        """Read ``inputs``, write to ``out``.

        Raises:
            DataFormatError: If an input is wrong.
            ConversionError: If an option is, or the inputs do not hold what it asks for.
        """
        ...


class Options:
    """Options given as ``name=text``, each to be taken once; what nobody took is an error.

    Raises:
        ConversionError: From ``take`` if a text cannot be read, from ``close`` if a name is
            unknown.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)
        self._known: list[str] = []

    def take(self, name: str, read: Callable[[str], _Value], default: str | None = None) -> _Value:
        """Read one option with ``read``, which raises ValueError for a text it does not allow."""
        self._known.append(name)
        text = self._texts.pop(name, default)
        if text is None:
            raise ConversionError(f"option {name} is missing")
        try:
            return read(text)
        except ValueError as error:
            raise ConversionError(f"option {name}: {error}") from error

    def close(self) -> None:
        """Refuse what is left over."""
        if self._texts:
            allowed = ", ".join(self._known) or "none"
            raise ConversionError(f"unknown option {min(self._texts)}; known are: {allowed}")
