"""Inspects neutral events: rows, venues, times, and orders that do not add up."""

from pathlib import Path
from typing import Final

import numpy as np

from sim.data.events import EVENT_WORDS, Event
from sim.data.inspection import Inspection, InspectOptions, Problems, Span
from sim.data.neutral import HEADER, PARQUET_ENDING, read_events
from sim.data.order_books import BookChecks
from sim.protocol.errors import DataFormatError

_PARQUET_MAGIC: Final = b"PAR1"


def detect(path: Path, first_bytes: bytes) -> bool:
    """By the header, or the name of a Parquet file."""
    if first_bytes.startswith(_PARQUET_MAGIC):
        return path.name.endswith(PARQUET_ENDING)
    return first_bytes.partition(b"\n")[0].rstrip(b"\r").decode("utf-8-sig", "replace") == HEADER


def inspect(path: Path, options: InspectOptions) -> Inspection:
    """Read all events, and play their orders into books.

    Raises:
        DataFormatError: If the file cannot be read at all.
    """
    if options.against is not None:
        raise DataFormatError(str(path), 0, "events have no partner file")
    problems = Problems(path, strict=False)
    reader = read_events(path, problems)
    books = BookChecks(problems)
    counts = np.zeros(len(Event) + 1, np.int64)
    span = Span()
    for block in reader.blocks():
        counts += np.bincount(block.event, minlength=len(counts))
        span.take(block.t_ns)
        books.play(block, reader.venues)
    books.close(reader.venues)
    problems.note_no_rows(span.rows)
    return Inspection(
        format="events",
        file=str(path),
        rows=span.rows,
        venues=reader.venues,
        first_ns=span.first_ns,
        last_ns=span.last_ns,
        problems=problems.listed(),
        problem_counts=problems.counts,
        left_out=problems.left_out,
        facts={EVENT_WORDS[event]: int(counts[event]) for event in Event if counts[event]},
    )
