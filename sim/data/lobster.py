"""Reads LOBSTER files: messages, and the order book after each of them, as numpy columns.

Neither file has a header. A message is time (seconds after midnight at the exchange, up to 9
decimals), type, order id, size, price (USD x 10,000) and direction (1: a buy order, -1: a sell
order; 0 may stand where there is none). A row of the book has ask price, ask size, bid price, bid
size per level, best first; an empty level has price 9999999999 or -9999999999 and size 0. Row k of
the book is the book after message k.

Source: the vendor's public description of its output.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from sim.data.columns import Ints, Mask, Sheet, readable_blocks, sheets
from sim.data.events import SCALE
from sim.data.inspection import Problems
from sim.data.packed import first_bytes
from sim.protocol.errors import DataFormatError

NEW, CANCEL, DELETE, EXECUTE, HIDDEN, CROSS, HALT = range(1, 8)
"""Types of messages."""

TYPES: Final = {
    NEW: "new orders",
    CANCEL: "partial cancels",
    DELETE: "deletes",
    EXECUTE: "executions",
    HIDDEN: "hidden executions",
    CROSS: "cross trades",
    HALT: "halts",
}
MESSAGE_NAMES: Final = ("time", "type", "order id", "size", "price", "direction")
PRICE_SCALE: Final = SCALE // 10_000
"""From the file's prices to 1e-9."""

NO_ASK: Final = 9_999_999_999
MAX_LEVELS: Final = 1000
_MAX_SIZE: Final = (1 << 63) // SCALE - 1
_PLAIN_BYTES: Final = b"0123456789,-\n"
_MAX_CHARS: Final = 18
_ASK_PX, _ASK_SZ, _BID_PX, _BID_SZ = range(4)


@dataclass(frozen=True, slots=True, eq=False)
class Messages:
    """Consecutive messages as columns; prices as in the file, times in nanoseconds."""

    t_ns: Ints
    type: Ints
    order_id: Ints
    size: Ints
    price: Ints
    direction: Ints
    line: Ints

    def __len__(self) -> int:
        return len(self.line)

    def take(self, which: Any) -> "Messages":
        """The rows that a mask, slice or array of indices picks."""
        return Messages(*(getattr(self, field.name)[which] for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class BookRows:
    """Consecutive rows of the book; ``levels`` is (rows, depth, 4), numbers as in the file.

    An empty level has price and size 0.
    """

    levels: Ints
    line: Ints

    def __len__(self) -> int:
        return len(self.line)

    def take(self, which: Any) -> "BookRows":
        """The rows that a mask, slice or array of indices picks."""
        return BookRows(self.levels[which], self.line[which])


def is_message_line(line: str) -> bool:
    """True if a line looks like a message."""
    parts = line.split(",")
    return (
        len(parts) == 6
        and parts[0].replace(".", "", 1).isdecimal()
        and parts[1] in {"1", "2", "3", "4", "5", "6", "7"}
        and all(part.removeprefix("-").isdecimal() for part in parts[2:])
        and parts[5] in {"1", "-1", "0"}
    )


def is_book_line(line: str) -> bool:
    """True if a line looks like a row of the book."""
    parts = line.split(",")
    return (
        len(parts) >= 4
        and len(parts) % 4 == 0
        and all(part.removeprefix("-").isdecimal() for part in parts)
    )


def first_line(path: Path) -> str:
    """The first line of a file.

    Raises:
        DataFormatError: If it cannot be read.
    """
    return first_bytes(path).partition(b"\n")[0].rstrip(b"\r").decode("utf-8", "replace")


def read_messages(path: Path, problems: Problems) -> Iterator[Messages]:
    """The messages of a file in order, without the bad ones.

    Raises:
        DataFormatError: At the first bad row, if the problems are strict.
    """
    last_ns = 0
    for sheet in sheets(path, None, MESSAGE_NAMES, problems):
        found = Messages(
            t_ns=sheet.decimal(0),
            type=sheet.digit(1, 1, 7),
            order_id=sheet.whole(2),
            size=sheet.whole(3),
            price=sheet.whole(4),
            direction=sheet.choice(5, {"1": 1, "-1": -1, "0": 0}),
            line=sheet.line,
        )
        _check_messages(sheet, found)
        sheet.refuse_back(found.t_ns, last_ns, "time")
        good = sheet.finish()
        if not good.all():
            found = found.take(good)
        if len(found):
            last_ns = int(found.t_ns[-1])
            yield found


def read_book(path: Path, problems: Problems) -> Iterator[BookRows]:
    """The rows of a book file in order, without the bad ones.

    Raises:
        DataFormatError: If the file is empty or has no levels, or at the first bad row if the
            problems are strict.
    """
    columns = first_line(path).count(",") + 1
    if columns % 4 or not 4 <= columns <= 4 * MAX_LEVELS:
        message = f"a row must have 4 fields per level, up to {MAX_LEVELS} levels, found {columns}"
        raise DataFormatError(str(path), 1, message)
    depth = columns // 4
    names = [
        f"{name} {level}"
        for level in range(1, depth + 1)
        for name in ("ask price", "ask size", "bid price", "bid size")
    ]
    line = 1
    for block in readable_blocks(path, problems):
        table = _plain_table(block, columns)
        levels = None if table is None else table.reshape(-1, depth, 4)
        if levels is None or not (_all_full(levels) or not _bad_levels(levels).any()):
            rows, line = _slow_rows(block, names, line, problems)
        else:
            lines = np.arange(line, line + len(levels))
            rows = BookRows(_emptied(levels), lines)
            line += len(levels)
        if len(rows):
            yield rows


def paired(
    messages: Iterator[Messages], books: Iterator[BookRows], problems: Problems
) -> Iterator[tuple[Messages, BookRows]]:
    """Messages with the rows of the book after them, joined by line.

    A row without its partner is left out.

    Raises:
        DataFormatError: If one file is longer than the other and the problems are strict.
    """
    message, book = next(messages, None), next(books, None)
    while message is not None and book is not None:
        last = min(int(message.line[-1]), int(book.line[-1]))
        cut_m, cut_b = (int(np.searchsorted(one.line, last, "right")) for one in (message, book))
        left, right = message.take(slice(0, cut_m)), book.take(slice(0, cut_b))
        if not np.array_equal(left.line, right.line):
            common = np.intersect1d(left.line, right.line, assume_unique=True)
            left = left.take(np.isin(left.line, common))
            right = right.take(np.isin(right.line, common))
        if len(left):
            yield left, right
        message = message.take(slice(cut_m, None)) if cut_m < len(message) else next(messages, None)
        book = book.take(slice(cut_b, None)) if cut_b < len(book) else next(books, None)
    for rest, other in ((message, "order book"), (book, "messages")):
        if rest is not None:
            what = f"from this line on the {other} have no row: the files have different lengths"
            problems.refuse(int(rest.line[0]), what, "files of different lengths")


def _check_messages(sheet: Sheet, found: Messages) -> None:
    halt = found.type == HALT
    sheet.refuse(found.t_ns < 0, "time must not be negative")
    sheet.refuse(~halt & (found.size <= 0), "size must be > 0")
    sheet.refuse(found.size > _MAX_SIZE, f"size must be at most {_MAX_SIZE}")
    sheet.refuse(~halt & (found.price <= 0), "price must be > 0")
    sheet.refuse(found.price > NO_ASK, f"price must be at most {NO_ASK}")
    sheet.refuse(halt & ~np.isin(found.price, (-1, 0, 1)), "price of a halt must be -1, 0 or 1")
    order = found.type <= EXECUTE
    sheet.refuse(order & (found.order_id <= 0), "order id must be > 0 for types 1 to 4")
    sided = found.type <= HIDDEN
    sheet.refuse(sided & (found.direction == 0), "direction must be 1 or -1 for types 1 to 5")


def _plain_table(block: bytes, columns: int) -> Ints | None:
    """All numbers of a block; None unless it is nothing but whole numbers in full rows."""
    if block.translate(None, _PLAIN_BYTES):
        return None
    data = np.frombuffer(block, np.uint8)
    marks = np.flatnonzero(data < ord("-"))  # of the characters that are left: comma and newline
    rows = len(marks) // columns
    lengths = np.diff(marks)
    if rows * columns != len(marks) or marks[0] == 0 or lengths.min(initial=2) < 2:
        return None
    if lengths.max(initial=0) > _MAX_CHARS or marks[0] > _MAX_CHARS:
        return None
    ends = data[marks[columns - 1 :: columns]] == ord("\n")
    if not ends.all() or block.count(b"\n") != rows:
        return None
    minus = np.flatnonzero(data == ord("-"))
    between = (data[minus - (minus > 0)] <= ord("-")) & (data[minus + 1] >= ord("0"))
    if not between.all():
        return None
    table: Ints = np.fromstring(block.replace(b"\n", b","), np.int64, sep=",")
    return table.reshape(rows, columns)


def _slow_rows(
    block: bytes, names: list[str], line: int, problems: Problems
) -> tuple[BookRows, int]:
    """The rows of a block in which something is wrong, and the line after it."""
    sheet = Sheet(block, names, line, problems)
    table = np.empty((len(sheet), len(names)), np.int64)
    for column in range(len(names)):
        table[:, column] = sheet.whole(column)
    levels = table.reshape(-1, len(names) // 4, 4)
    sheet.refuse(
        _bad_levels(levels),
        "levels must be ordered, best first, with sizes > 0, the best bid below the best ask",
    )
    good = sheet.finish()
    return BookRows(_emptied(levels[good]), sheet.line[good]), line + sheet.lines_read


def _all_full(levels: Ints) -> bool:
    """True if every row has all of its levels, and as they must be; the usual case, and quick."""
    asks, bids, sizes = levels[:, :, _ASK_PX], levels[:, :, _BID_PX], levels[:, :, 1::2]
    return bool(
        sizes.min() > 0
        and sizes.max() <= _MAX_SIZE
        and (asks[:, 1:] > asks[:, :-1]).all()
        and (bids[:, 1:] < bids[:, :-1]).all()
        and (bids[:, 0] < asks[:, 0]).all()
        and bids[:, -1].min() > 0
        and asks[:, -1].max() < NO_ASK
    )


def _bad_levels(levels: Ints) -> Mask:
    """Rows whose levels cannot be."""
    bad = np.zeros(len(levels), np.bool_)
    for price, size, empty, sign in (
        (_ASK_PX, _ASK_SZ, NO_ASK, 1),
        (_BID_PX, _BID_SZ, -NO_ASK, -1),
    ):
        prices, sizes = levels[:, :, price], levels[:, :, size]
        gone = prices == empty
        wrong = np.where(gone, sizes != 0, (sizes <= 0) | (prices <= 0) | (prices > NO_ASK))
        bad |= np.logical_or.reduce(wrong | (sizes > _MAX_SIZE), axis=1)
        # An empty price is further out than any other, so this holds for empty levels too.
        step = (prices[:, 1:] - prices[:, :-1]) * sign
        bad |= np.logical_or.reduce((step <= 0) & ~gone[:, 1:], axis=1)
        bad |= np.logical_or.reduce(gone[:, :-1] & ~gone[:, 1:], axis=1)
    best: Mask = levels[:, 0, _BID_PX] >= levels[:, 0, _ASK_PX]
    return bad | best


def _emptied(levels: Ints) -> Ints:
    """Prices of empty levels as 0."""
    if levels[:, -1, _ASK_PX].max(initial=0) == NO_ASK or levels[:, -1, _BID_PX].min(initial=0) < 0:
        prices = levels[:, :, (_ASK_PX, _BID_PX)]
        prices[np.abs(prices) == NO_ASK] = 0
        levels[:, :, (_ASK_PX, _BID_PX)] = prices
    return levels
