"""What every converter to neutral events shares: its common options, and the writing itself.

A converter makes a reader and a list of troubles from its inputs and options, and leaves the rest
to ``write_events``. Bad rows are errors unless ``skip_bad`` is ``yes`` (the flag ``--skip-bad``):
then they are left out, counted and listed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sim.data.conversion import ConversionError, ConversionReport, Option
from sim.data.events import EventReader
from sim.data.inspection import Problems, Span
from sim.data.neutral import event_writer
from sim.protocol.errors import DataFormatError
from sim.protocol.units import parse_duration

SKIP_BAD: Final = Option("skip_bad", "yes: leave bad rows out, count and list them", "no")
OFFSET: Final = Option("offset", "added to each time, such as 1270ms or -300min", "0ns")
LISTED: Final = 100
"""So many troubles a report lists in words; all are counted."""


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
    *,
    problems: Sequence[Problems],
    statistics: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
) -> ConversionReport:
    """Write all events of a reader to ``out``, CSV or Parquet by its name.

    Args:
        converter: Name of the converter, for the report.
        reader: Gives the events, in order of time.
        out: The file; its name ends as those of neutral events do.
        problems: Troubles of each input, complete when the reader has been read.
        statistics: Put into the report after reading, so it may fill as the reader reads.
        warnings: Put at the head of the report's problems; may fill as well.

    Raises:
        DataFormatError: If an input is wrong, or no event came of it.
        ConversionError: If ``out`` has another name, or cannot be written.
    """
    span = Span()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with event_writer(out) as sink:
            for block in reader.blocks():
                sink.write(block, reader.venues)
                span.take(block.t_ns)
            if not span.rows:
                raise DataFormatError(str(problems[0].path), 0, "holds no event")
    except ValueError as error:
        raise ConversionError(str(error)) from error
    except OSError as error:
        raise ConversionError(f"cannot write {out}: {error.strerror}") from error
    assert span.first_ns is not None
    assert span.last_ns is not None
    counts = {one.path.name: one.counts for one in problems if one.counts}
    left_out = sum(one.left_out for one in problems)
    return ConversionReport(
        converter=converter,
        files=(out.name,),
        venues=reader.venues,
        rows=span.rows,
        first_ns=span.first_ns,
        last_ns=span.last_ns,
        statistics={**(statistics or {}), "left_out": left_out, "problem_counts": counts},
        problems=(*warnings, *_listed(problems)),
    )


def _listed(problems: Sequence[Problems]) -> list[str]:
    found = []
    for one in problems:
        listed = one.listed()
        found += [f"{one.path.name}:{problem.line}: {problem.what}" for problem in listed[:LISTED]]
        if one.total > min(LISTED, len(listed)):
            found.append(f"{one.path.name}: {one.total - LISTED} more; inspect lists them")
    return found
