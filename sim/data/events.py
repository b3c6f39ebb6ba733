"""Neutral venue events: what every data format becomes, as blocks of numpy columns.

A reader yields ``EventBlock``s and names its venues in a tuple that may grow as it reads. Rows are
in the order of the source. Times are on the source's clock: since 1970 (UTC) where the source has a
date, else since its midnight; our own files count from their start. Must not know any format, nor
who plays the events.

Source: own convention; the events are those that order-by-order feeds of exchanges have in common.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import IntEnum, unique
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS: Final = 1 << 16
SCALE: Final = 10**9
"""Prices and quantities are whole numbers of 1 / ``SCALE``."""

BID: Final = 1
ASK: Final = -1
NO_SIDE: Final = 0


@unique
class Event(IntEnum):
    """What happened at the venue. ``order_id`` is needed from ADD to EXECUTE, else it is 0.

    A trade's side is its aggressor's (0: not known); all other sides are those of the book.
    """

    ADD = 1
    """An order rests at ``price`` with open quantity ``qty``, last in its line."""
    MODIFY = 2
    """An order now has ``price`` and open quantity ``qty``. It keeps its place at the same price
    and a quantity that is not larger; else it goes to the end of the line."""
    REDUCE = 3
    """``qty`` of an order was canceled; the rest keeps its place."""
    DELETE = 4
    """The rest of an order was canceled."""
    EXECUTE = 5
    """``qty`` of a resting order traded at ``price``; nothing left: it is gone."""
    TRADE = 6
    """A print that changes no displayed order: hidden, off-book, or told beside level data."""
    LEVEL = 7
    """A price level now shows ``qty``; 0: it is gone. For sources that have no orders."""
    CLEAR = 8
    """The book is emptied."""
    HALT = 9
    """Trading stops; the book stays."""
    RESUME = 10
    """Trading goes on."""


EVENT_WORDS: Final = {event: event.name.lower() for event in Event}
"""Event -> its word in files."""

ORDER_EVENTS: Final = (Event.ADD, Event.MODIFY, Event.REDUCE, Event.DELETE, Event.EXECUTE)
"""Events that name an order."""

COLUMNS: Final[dict[str, np.dtype[Any]]] = {
    "t_ns": np.dtype(np.int64),
    "venue": np.dtype(np.int16),
    "event": np.dtype(np.uint8),
    "side": np.dtype(np.int8),
    "price": np.dtype(np.int64),
    "qty": np.dtype(np.int64),
    "order_id": np.dtype(np.uint64),
    "line": np.dtype(np.int64),
}
"""The columns of a block and their types."""


@dataclass(frozen=True, slots=True, eq=False)
class EventBlock:
    """Consecutive events as columns of equal length, at most about ``BLOCK_ROWS`` rows.

    ``venue`` indexes the reader's venue names; ``price`` and ``qty`` are in 1 / ``SCALE`` (0:
    none); ``line`` is the line or record of the source, for messages.
    """

    t_ns: NDArray[np.int64]
    venue: NDArray[np.int16]
    event: NDArray[np.uint8]
    side: NDArray[np.int8]
    price: NDArray[np.int64]
    qty: NDArray[np.int64]
    order_id: NDArray[np.uint64]
    line: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.t_ns)

    def take(self, which: Any) -> "EventBlock":
        """The rows that a mask, slice or array of indices picks."""
        return EventBlock(*(getattr(self, field.name)[which] for field in fields(self)))


class EventReader(Protocol):
    """What every reader of events offers."""

    @property
    def venues(self) -> tuple[str, ...]:
        """Names of the venues met so far; only grows."""
        ...

    def blocks(self) -> Iterator[EventBlock]:
        """The events from the first on.

        Raises:
            DataFormatError: At the first row that is wrong, unless bad rows are left out.
        """
        ...


def make_block(count: int, **columns: Any) -> EventBlock:
    """A block of ``count`` rows from the columns given; a missing column is 0 in every row.

    Args:
        count: Number of rows.
        columns: Names of ``COLUMNS`` with arrays of that length, or one value for all rows.
    """
    made = {}
    for name, dtype in COLUMNS.items():
        given: Any = columns.pop(name, 0)
        column = np.asarray(given, dtype)
        made[name] = np.ascontiguousarray(np.broadcast_to(column, (count,)))
    if columns:
        raise ValueError(f"unknown columns {sorted(columns)}; known are {list(COLUMNS)}")
    return EventBlock(**made)


def join_blocks(blocks: list[EventBlock]) -> EventBlock:
    """All rows of the blocks as one block."""
    return EventBlock(
        *(
            np.concatenate([getattr(b, name) for b in blocks]) if blocks else np.zeros(0, dtype)
            for name, dtype in COLUMNS.items()
        )
    )
