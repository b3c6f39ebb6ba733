"""What every converter to neutral events shares: its common options, and the writing itself.

A converter makes a reader and a list of troubles from its inputs and options, and leaves the rest
to ``write_events``: the window of time, the format of the output, and the report.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from sim.data.conversion import ConversionError, ConversionReport, Option, Options
from sim.data.events import EventBlock, EventReader
from sim.data.inspection import Problems, empty_words
from sim.data.window import WindowedEvents, problem_words, read_window, write_window
from sim.protocol.errors import DataFormatError
from sim.protocol.units import parse_duration

OFFSET: Final = Option(
    "offset", "added to each time, such as 1270ms or -300min; shows with clock=source", "0ns"
)


def read_yes(text: str) -> bool:
    """``yes`` or ``no``.

    Raises:
        ValueError: If it is another text.
    """
    if text not in {"yes", "no"}:
        raise ValueError(f"must be yes or no, was {text[:40]!a}")
    return text == "yes"


def signed_duration(text: str) -> int:
    """Nanoseconds of a duration that may have a minus.

    Raises:
        ValueError: If it is none.
    """
    return -parse_duration(text[1:]) if text.startswith("-") else parse_duration(text)


def only_input(inputs: Sequence[Path]) -> Path:
    """The one input.

    Raises:
        ConversionError: If there are more.
    """
    if len(inputs) != 1:
        raise ConversionError(f"needs exactly one input, got {len(inputs)}")
    return inputs[0]


def write_events(
    converter: str,
    reader: EventReader,
    out: Path,
    given: Options,
    *,
    problems: Sequence[Problems],
    statistics: Mapping[str, Any] | None = None,
) -> ConversionReport:
    """Write the window of a reader's events that the options ask for to ``out``.

    Args:
        converter: Name of the converter, for the report.
        reader: Gives the events, in order of time.
        out: The file; its name says which of our formats it is.
        given: The options, those of ``WINDOW_OPTIONS`` among them.
        problems: Troubles of each input, complete when the reader has been read.
        statistics: Of the format's own.

    Raises:
        DataFormatError: If an input is wrong, or no event came of it.
        ConversionError: If an option is wrong, the window is empty, or ``out`` has a wrong name or
            cannot be written.
    """
    window = read_window(given)
    found = _Filled(reader, problems)
    others = problems[1:]
    report = write_window(converter, WindowedEvents(found, window), out, window, problems)
    left_out = sum(one.left_out for one in problems)
    counts = {one.path.name: one.counts for one in problems if one.counts}
    words = [word for one in others for word in problem_words(one)]
    return replace(
        report,
        statistics={
            **(statistics or {}),
            **report.statistics,
            "left_out": left_out,
            "problem_counts": counts,
        },
        problems=(*report.problems, *words),
    )


class _Filled:
    """A reader whose blocks all have rows."""

    def __init__(self, reader: EventReader, problems: Sequence[Problems]) -> None:
        self._reader = reader
        self._problems = problems

    @property
    def venues(self) -> tuple[str, ...]:
        return self._reader.venues

    def blocks(self) -> Iterator[EventBlock]:
        rows = 0
        for block in self._reader.blocks():
            if len(block):
                rows += len(block)
                yield block
        if not rows:
            names, what = empty_words(self._problems, "holds no event")
            raise DataFormatError(names, 0, what)
