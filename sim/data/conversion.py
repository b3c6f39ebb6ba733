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


class Option(msgspec.Struct, frozen=True):
    """An option of a converter. ``default`` is its text if it is not given; None: it must be."""

    name: str
    about: str
    default: str | None = None


class Options:
    """The options of one conversion, given as ``name=text``.

    Args:
        texts: What was given.
        known: What the converter has, its ``OPTIONS``.

    Raises:
        ConversionError: If a name is unknown.
    """

    def __init__(self, texts: Mapping[str, str], known: Sequence[Option]) -> None:
        self._known = {option.name: option for option in known}
        unknown = sorted(texts.keys() - self._known.keys())
        if unknown:
            allowed = ", ".join(self._known)
            raise ConversionError(
                f"unknown option {ascii(unknown[0][:40])[1:-1]}; known are: {allowed}"
            )
        self._texts = dict(texts)

    def take(self, name: str, read: Callable[[str], _Value]) -> _Value:
        """Read one option with ``read``, which raises ValueError for a text it does not allow.

        Raises:
            ConversionError: If it is missing, or refused.
        """
        text = self._texts.get(name, self._known[name].default)
        if text is None:
            raise ConversionError(f"option {name} is missing: {self._known[name].about}")
        try:
            return read(text)
        except ValueError as error:
            raise ConversionError(f"option {name}: {error}") from error
