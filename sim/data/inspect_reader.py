"""The data-quality report of any format that has a reader of events.

The events are played into books, so that what does not fit a book is found alike in every format.
"""

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sim.data.events import EVENT_WORDS, Event, EventReader
from sim.data.inspection import Inspection, Problems, Span
from sim.data.order_books import BookChecks


class CountingReader(EventReader, Protocol):
    """A reader that knows how many rows of the source it has read, and facts of its own."""

    rows: int

    def facts(self) -> dict[str, Any]:
        """Counts of the format's own, complete after the last block."""
        ...


def inspect_reader(
    name: str,
    path: Path,
    reader: CountingReader,
    problems: Problems,
    *,
    agreement: dict[str, float] | None = None,
    notes: tuple[str, ...] = (),
) -> Inspection:
    """Read all events of a lenient reader, and say what was found.

    Raises:
        DataFormatError: If the file cannot be read at all.
    """
    books = BookChecks(problems)
    counts = np.zeros(len(Event) + 1, np.int64)
    span = Span()
    for block in reader.blocks():
        counts += np.bincount(block.event, minlength=len(counts))
        span.take(block.t_ns)
        books.play(block, reader.venues)
    books.close(reader.venues)
    problems.note_no_rows(span.rows)
    events = {EVENT_WORDS[event]: int(counts[event]) for event in Event if counts[event]}
    return Inspection(
        format=name,
        file=str(path),
        rows=reader.rows,
        venues=reader.venues,
        first_ns=span.first_ns,
        last_ns=span.last_ns,
        problems=problems.listed(),
        problem_counts=problems.counts,
        left_out=problems.left_out,
        agreement=agreement or {},
        notes=notes,
        facts={"events": events, **reader.facts()},
    )
