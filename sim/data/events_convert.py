"""Converter events: neutral events -> neutral events of a window, with other names, packed anew.

Reads CSV and Parquet, and writes what the output's name tells: so it turns one into the other, cuts
a window out, renames venues, or writes level events of one venue as a recording (``.l2.csv``).

Source: own convention (see ``sim.data.neutral``).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sim.data.conversion import ConversionReport, Options
from sim.data.neutral import read_events
from sim.data.window import (
    WINDOW_OPTIONS,
    WindowedEvents,
    one_input,
    read_problems,
    read_window,
    write_window,
)

OPTIONS: Final = WINDOW_OPTIONS


def convert(inputs: Sequence[Path], out: Path, options: Mapping[str, str]) -> ConversionReport:
    """Write the events of one file to ``out``.

    Raises:
        DataFormatError: If the input is wrong.
        ConversionError: If an option is, or the window holds nothing.
    """
    given = Options(options, OPTIONS)
    window = read_window(given)
    path = one_input(inputs, "a file of neutral events")
    problems = read_problems(given, path)
    events = WindowedEvents(read_events(path, problems), window)
    return write_window("events", events, out, window, [problems])
