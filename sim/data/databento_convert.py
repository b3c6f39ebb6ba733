"""Converter databento: Databento MBO, MBP-1 or MBP-10, CSV or DBN -> neutral events.

Which of them a file is shows in its content. Orders become order events, level data level events;
the latter may also be written as recorded level data (``.l2.csv``). A venue is named by its
``publisher_id`` unless the option ``venue`` renames it.

Source: the vendor's public documentation of its schemas; rules in ``sim.data.databento``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from sim.data.conversion import ConversionReport, Option, Options
from sim.data.databento_events import DatabentoEvents
from sim.data.inspect_databento import publisher_notes
from sim.data.window import (
    WINDOW_OPTIONS,
    WindowedEvents,
    one_input,
    read_problems,
    read_window,
    write_window,
)

OPTIONS: Final = (
    *WINDOW_OPTIONS,
    Option(
        "time", "event: time of the venue (ts_event); receipt: of the recorder (ts_recv)", "event"
    ),
    Option("instrument", "instrument_id to read where a file has several; 0: the only one", "0"),
)


def convert(inputs: Sequence[Path], out: Path, options: Mapping[str, str]) -> ConversionReport:
    """Write the events of one file to ``out``.

    Raises:
        DataFormatError: If the input is wrong.
        ConversionError: If an option is, or the window holds nothing.
    """
    given = Options(options, OPTIONS)
    window = read_window(given)
    receipt, instrument = given.take("time", _receipt), given.take("instrument", _number)
    path = one_input(inputs, "a Databento file")
    problems = read_problems(given, path)
    reader = DatabentoEvents(path, problems, receipt=receipt, instrument=instrument)
    report = write_window("databento", WindowedEvents(reader, window), out, window, [problems])
    notes = publisher_notes({int(name) for name in reader.venues})
    if reader.unused_fills:
        notes.append(f"{reader.unused_fills} fills had no cancel or modify that carried them out")
    return msgspec.structs.replace(report, problems=(*notes, *report.problems))


def _receipt(text: str) -> bool:
    if text not in {"event", "receipt"}:
        raise ValueError(f"must be event or receipt, was {text[:40]!a}")
    return text == "receipt"


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise ValueError(f"must be a whole number, was {text[:40]!a}")
    return int(text)
