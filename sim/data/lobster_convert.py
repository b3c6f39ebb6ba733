"""Converter lobster: a LOBSTER message file and its order book -> neutral events.

The inputs are the message file and the order book of the same depth, in any order. A replay of the
output shows the file's levels at every row. How orders that the file does not know are handled is
said in ``sim.data.lobster_orders``.

Source: the vendor's public description of its output; own convention: the rules of resync.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from sim.data.conversion import ConversionError, ConversionReport, Options
from sim.data.inspection import Problems
from sim.data.lobster import first_line, is_message_line
from sim.data.lobster_events import LobsterEvents
from sim.data.window import (
    WINDOW_OPTIONS,
    WindowedEvents,
    problem_words,
    read_problems,
    read_window,
    write_window,
)

OPTIONS: Final = WINDOW_OPTIONS


def convert(inputs: Sequence[Path], out: Path, options: Mapping[str, str]) -> ConversionReport:
    """Write the events of one pair to ``out``.

    Raises:
        DataFormatError: If an input is wrong.
        ConversionError: If the inputs are no pair, an option is wrong, or the window is empty.
    """
    given = Options(options, OPTIONS)
    window = read_window(given)
    if len(inputs) != 2:
        raise ConversionError(f"needs a message file and its order book, got {len(inputs)} files")
    messages, books = inputs
    if not is_message_line(first_line(messages)) and is_message_line(first_line(books)):
        messages, books = books, messages
    problems = read_problems(given, messages)
    book_problems = Problems(books, strict=problems.strict)
    reader = LobsterEvents(messages, books, problems, book_problems)
    both = (problems, book_problems)
    report = write_window("lobster", WindowedEvents(reader, window), out, window, both)
    share = reader.agreed / reader.compared if reader.compared else None
    steps = {
        "one_step": share,
        "revealed_levels": reader.revealed,
        "resynced_rows": reader.resynced,
        "messages_of_unknown_orders": sum(reader.orders.unknown.values()),
    }
    odd = reader.compared - reader.agreed
    notes = [f"one-step agreement {share:.4%} of {reader.compared} rows"] if share else []
    notes += [f"{odd} rows of the book are not what the message makes of the row before"] * bool(
        odd
    )
    return msgspec.structs.replace(
        report,
        statistics=report.statistics | steps,
        problems=(*notes, *report.problems, *problem_words(book_problems)),
    )
