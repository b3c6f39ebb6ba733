"""Inspects LOBSTER files: messages and the order book, as a pair or each by itself."""

from pathlib import Path
from typing import Any

import numpy as np

from sim.data.inspection import Inspection, InspectOptions, Problems, Span
from sim.data.lobster import (
    CANCEL,
    DELETE,
    EXECUTE,
    NEW,
    TYPES,
    BookRows,
    Messages,
    first_line,
    is_book_line,
    is_message_line,
    paired,
    read_book,
    read_messages,
)
from sim.data.lobster_events import VENUE
from sim.data.lobster_steps import steps
from sim.protocol.errors import DataFormatError


def detect(path: Path, first_bytes: bytes) -> bool:
    """By the looks of the first line: neither file has a header."""
    line = first_bytes.partition(b"\n")[0].rstrip(b"\r").decode("utf-8", "replace")
    if is_message_line(line):
        return True
    return is_book_line(line) and ("orderbook" in path.name or line.count(",") >= 7)


def inspect(path: Path, options: InspectOptions) -> Inspection:
    """Read a message file, against its order book if that is named, or an order book.

    Raises:
        DataFormatError: If a file cannot be read at all, or the two are no pair.
    """
    messages, book = path, options.against
    if not is_message_line(first_line(path)):
        if book is None:
            return _book_alone(path)
        messages, book = book, path
    if book is not None and not is_book_line(first_line(book)):
        raise DataFormatError(str(book), 1, "is no LOBSTER order book (4 whole numbers per level)")
    if not is_message_line(first_line(messages)):
        raise DataFormatError(str(messages), 1, f"is no LOBSTER message file for {path.name}")
    return _Look(path, messages, book).inspection()


class _Look:
    """Goes over the messages once, with the book beside them if there is one."""

    def __init__(self, path: Path, messages: Path, book: Path | None) -> None:
        self._path = path
        self._messages = messages
        self._book = book
        self._problems = Problems(messages, strict=False)
        self._book_problems = Problems(book or messages, strict=False)
        self._span = Span()
        self._types = np.zeros(len(TYPES) + 1, np.int64)
        self._known: set[int] = set()
        self._unknown = {CANCEL: 0, DELETE: 0, EXECUTE: 0}
        self._repeated = self._compared = self._agreed = self._revealed = 0
        self._last: BookRows | None = None
        self._depth = 0

    def inspection(self) -> Inspection:
        """Read all, and report."""
        if self._book is None:
            for messages in read_messages(self._messages, self._problems):
                self._count(messages)
        else:
            pairs = paired(
                read_messages(self._messages, self._problems),
                read_book(self._book, self._book_problems),
                self._problems,
            )
            for messages, books in pairs:
                self._count(messages)
                self._compare(messages, books)
        problems, other = self._problems, self._book_problems
        problems.absorb(other)
        problems.note_no_rows(self._span.rows)
        share = {"one_step": self._agreed / self._compared} if self._compared else {}
        return Inspection(
            format="lobster",
            file=str(self._path),
            rows=self._span.rows,
            venues=(VENUE,),
            first_ns=self._span.first_ns,
            last_ns=self._span.last_ns,
            problems=problems.listed(),
            problem_counts=problems.counts,
            left_out=problems.left_out,
            agreement=share,
            notes=self._notes(),
            facts=self._facts(),
        )

    def _count(self, messages: Messages) -> None:
        self._span.take(messages.t_ns)
        self._types += np.bincount(messages.type, minlength=len(self._types))
        self._repeated += int(np.count_nonzero(np.diff(messages.t_ns) == 0))
        known, unknown = self._known, self._unknown
        order = messages.type <= EXECUTE
        ids, kinds = messages.order_id[order].tolist(), messages.type[order].tolist()
        for order_id, kind in zip(ids, kinds, strict=True):
            if kind == NEW:
                known.add(order_id)
            elif order_id not in known:
                unknown[kind] += 1
            elif kind == DELETE:
                known.discard(order_id)

    def _compare(self, messages: Messages, books: BookRows) -> None:
        step = steps(messages, books, self._last)
        self._last = books.take(slice(-1, None))
        self._depth = books.levels.shape[1]
        self._compared += int(np.count_nonzero(step.compared))
        self._agreed += int(np.count_nonzero(step.agrees))
        self._revealed += int(np.count_nonzero(step.revealed))
        for row in np.flatnonzero(step.compared & ~step.agrees).tolist():
            what = "the book after this row is not what the message makes of the row before"
            self._problems.note(int(messages.line[row]), what, "one step that does not agree")

    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {
            name: int(self._types[kind]) for kind, name in TYPES.items() if self._types[kind]
        }
        for kind, count in self._unknown.items():
            if count:
                share = count / int(self._types[kind])
                facts[f"{TYPES[kind]} of orders older than the file"] = f"{count:,} ({share:.1%})"
        facts["repeated times"] = self._repeated
        if self._depth:
            facts |= {"levels": self._depth, "rows compared": self._compared}
            facts["levels revealed"] = self._revealed
        return facts

    def _notes(self) -> tuple[str, ...]:
        if self._book is not None:
            return ()
        name = self._messages.name.replace("message", "orderbook")
        return (
            f"only the messages were read; --against {name} compares them with their order book",
        )


def _book_alone(path: Path) -> Inspection:
    problems = Problems(path, strict=False)
    rows = depth = 0
    for books in read_book(path, problems):
        rows += len(books)
        depth = books.levels.shape[1]
    problems.note_no_rows(rows)
    return Inspection(
        format="lobster_orderbook",
        file=str(path),
        rows=rows,
        venues=(VENUE,),
        first_ns=None,
        last_ns=None,
        problems=problems.listed(),
        problem_counts=problems.counts,
        left_out=problems.left_out,
        notes=("an order book has no times; name the message file, and this with --against",),
        facts={"levels": depth},
    )
