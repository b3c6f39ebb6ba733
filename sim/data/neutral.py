"""Neutral venue events in files: CSV and Parquet, read and written as blocks of columns.

CSV (``*.events.csv``, ``.gz``, ``.zst``) has the header
``t_ns,venue,event,side,price,qty,order_id``; what does not apply is empty, prices and quantities
are plain decimals. Book events have side ``bid`` or ``ask``, trades ``buy``, ``sell`` (who took) or
nothing. Parquet (``*.events.parquet``) has the same columns: ``t_ns`` int64, ``venue``, ``event``
and ``side`` text, ``price`` and ``qty`` int64 in 1e-9, ``order_id`` uint64. Times never go back.

Source: own convention.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from sim.data.columns import MAX_NAMES, Ints, Rows, sheets
from sim.data.events import (
    ASK,
    BID,
    BLOCK_ROWS,
    EVENT_WORDS,
    NO_SIDE,
    SCALE,
    Event,
    EventBlock,
    EventReader,
)
from sim.data.inspection import Problems
from sim.data.text_files import TextSink

NAMES: Final = ("t_ns", "venue", "event", "side", "price", "qty", "order_id")
HEADER: Final = ",".join(NAMES)
CSV_ENDINGS: Final = (".events.csv", ".events.csv.gz", ".events.csv.zst")
PARQUET_ENDING: Final = ".events.parquet"
MAX_VENUES: Final = MAX_NAMES

_EVENTS: Final = {word: int(event) for event, word in EVENT_WORDS.items()}
SIDES: Final = {"": 0, "bid": 1, "ask": 2, "buy": 3, "sell": 4}
"""Side as text -> its number here: sides of the book, and who took."""
SIDE_VALUES: Final = np.array([NO_SIDE, BID, ASK, BID, ASK], np.int8)


def is_events_name(path: Path) -> bool:
    """True if a file of this name is one of neutral events."""
    return path.name.endswith((*CSV_ENDINGS, PARQUET_ENDING))


def read_events(path: Path, problems: Problems | None = None) -> EventReader:
    """The reader of a file of neutral events, CSV or Parquet by its name.

    Args:
        path: The file.
        problems: Where bad rows go; without it a bad row is an error.
    """
    found = Problems(path) if problems is None else problems
    if path.name.endswith(PARQUET_ENDING):
        from sim.data.neutral_parquet import ParquetEvents

        return ParquetEvents(path, found)
    return CsvEvents(path, found)


class CsvEvents:
    """Reads neutral events from CSV."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self._path = path
        self._problems = problems
        self._venues: list[str] = []

    @property
    def venues(self) -> tuple[str, ...]:
        """Names of the venues met so far."""
        return tuple(self._venues)

    def blocks(self) -> Iterator[EventBlock]:
        """The events from the first on.

        Raises:
            DataFormatError: At the first bad row, if the problems are strict.
        """
        self._venues = []
        last_ns = 0
        for sheet in sheets(self._path, HEADER, NAMES, self._problems):
            t_ns = sheet.unsigned(0).astype(np.int64)
            venue = sheet.name(1, self._venues)
            event = sheet.choice(2, _EVENTS)
            word = sheet.choice(3, SIDES)
            price = sheet.decimal(4, blank=sheet.empty(4))
            qty = sheet.decimal(5, blank=sheet.empty(5))
            order_id = sheet.unsigned(6, bound=(1 << 64) - 1, blank=sheet.empty(6))
            check_rules(sheet, event, word, price=price, qty=qty, order_id=order_id)
            sheet.refuse(
                (event == Event.LEVEL) & sheet.empty(5), "qty of level must be given (0: gone)"
            )
            sheet.refuse_back(t_ns, last_ns)
            good = sheet.finish()
            block = EventBlock(
                t_ns,
                venue.astype(np.int16),
                event.astype(np.uint8),
                SIDE_VALUES[word],
                price,
                qty,
                order_id,
                sheet.line,
            )
            if not good.all():
                block = block.take(good)
            if len(block):
                last_ns = int(block.t_ns[-1])
                yield from cut(block)


class EventWriter(Protocol):
    """Writes blocks to one file, which gets its name when the ``with`` block ends well."""

    rows: int

    def write(self, block: EventBlock, venues: Sequence[str]) -> None:
        """Add the rows of a block; ``venues`` are the names that it indexes.

        Raises:
            ValueError: If a row is none that the reader would take.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def event_writer(path: Path) -> EventWriter:
    """The writer for a file of this name, CSV or Parquet.

    Raises:
        ValueError: If the name is none of neutral events.
        MissingExtraError: If it is Parquet, or zstd, and its library is not installed.
    """
    if path.name.endswith(PARQUET_ENDING):
        from sim.data.neutral_parquet import ParquetWriter

        return ParquetWriter(path)
    if path.name.endswith(CSV_ENDINGS):
        return CsvWriter(path)
    endings = ", ".join((*CSV_ENDINGS, PARQUET_ENDING))
    raise ValueError(f"the name of a file of events must end in one of {endings}, was {path.name}")


class CsvWriter:
    """Writes neutral events as CSV; equal events give equal bytes."""

    def __init__(self, path: Path) -> None:
        self.rows = 0
        self._order = OrderCheck()
        self._decimals = _DecimalTexts()
        self._sink = TextSink(path)
        self._sink.write(HEADER + "\n")

    def write(self, block: EventBlock, venues: Sequence[str]) -> None:
        """Add the rows of a block; ``venues`` are the names that it indexes.

        Raises:
            ValueError: If a row is none that the reader would take.
        """
        self._order.check(block, venues)
        text = self._decimals
        level = int(Event.LEVEL)
        rows = zip(
            block.t_ns.tolist(),
            block.venue.tolist(),
            block.event.tolist(),
            side_words(block).tolist(),
            block.price.tolist(),
            block.qty.tolist(),
            block.order_id.tolist(),
            strict=True,
        )
        self._sink.write(
            "".join(
                [
                    f"{t_ns},{venues[venue]},{_WORDS[event]},{_SIDE_WORDS[side]},"
                    f"{text[price] if price else ''},"
                    f"{text[qty] if qty else '0' if event == level else ''},{order_id or ''}\n"
                    for t_ns, venue, event, side, price, qty, order_id in rows
                ]
            )
        )
        self.rows += len(block)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sink.__exit__(kind, error, trace)


class OrderCheck:
    """Refuses blocks that a reader would refuse; keeps the time of the last row."""

    def __init__(self) -> None:
        self._last_ns = 0

    def check(self, block: EventBlock, venues: Sequence[str]) -> None:
        """Check every row of the next block.

        Raises:
            ValueError: At the first row that is wrong.
        """
        for name in venues:
            if not (name.isascii() and name.isprintable() and 1 <= len(name) <= 64) or (
                set(name) & set(' ,"')
            ):
                raise ValueError(f"a venue's name must be 1 to 64 characters, was {name!a}")
        if len(block) and not 0 <= block.venue.min() <= block.venue.max() < len(venues):
            raise ValueError(f"venue must index one of {len(venues)} names")
        rows = Rows(block.line, _Refusal(Path("events")))
        event = block.event.astype(np.int64)
        rows.refuse((event < 1) | (event > len(Event)), "event must be a known one")
        word = side_words(block).astype(np.int64)
        check_rules(rows, event, word, price=block.price, qty=block.qty, order_id=block.order_id)
        rows.refuse_back(block.t_ns, self._last_ns)
        rows.finish()
        if len(block):
            self._last_ns = int(block.t_ns[-1])


def side_words(block: EventBlock) -> NDArray[np.int64]:
    """Numbers of ``SIDES`` that say each row's side."""
    taker = np.where(block.event == Event.TRADE, 2, 0)
    return np.where(block.side == BID, 1 + taker, np.where(block.side == ASK, 2 + taker, 0))


def check_rules(
    rows: Rows, event: Ints, word: Ints, *, price: Ints, qty: Ints, order_id: NDArray[np.uint64]
) -> None:
    """Refuse rows whose fields do not fit their event; ``word`` numbers ``SIDES``."""
    order = event <= Event.EXECUTE
    bare = event >= Event.CLEAR
    trade, level = event == Event.TRADE, event == Event.LEVEL
    loose = (event == Event.REDUCE) | (event == Event.DELETE)
    rows.refuse(order & (order_id == 0), "order_id must be given and > 0 for an event of an order")
    rows.refuse(~order & (order_id != 0), "order_id must be empty for an event of no order")
    book_side = (word == 1) | (word == 2)
    rows.refuse((order & ~loose | level) & ~book_side, "side must be bid or ask for this event")
    rows.refuse(trade & book_side, "side of trade must be buy, sell or empty")
    rows.refuse(loose & (word > 2), "side must be bid, ask or empty for this event")
    rows.refuse((order & ~loose | trade | level) & (price <= 0), "price must be > 0")
    rows.refuse(price < 0, "price must not be negative")
    rows.refuse(
        ((order & (event != Event.DELETE)) | trade) & (qty <= 0), "qty must be > 0 for this event"
    )
    rows.refuse(qty < 0, "qty must not be negative")
    rows.refuse(
        bare & ((word != 0) | (price != 0) | (qty != 0)),
        "side, price and qty must be empty for this event",
    )


def cut(block: EventBlock) -> Iterator[EventBlock]:
    """The block in pieces of at most ``BLOCK_ROWS`` rows."""
    if len(block) <= BLOCK_ROWS:
        yield block
        return
    for start in range(0, len(block), BLOCK_ROWS):
        yield block.take(slice(start, start + BLOCK_ROWS))


def decimal_text(value: int) -> str:
    """Decimal text of a whole number of 1e-9, without trailing zeros."""
    whole, rest = divmod(abs(value), SCALE)
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{rest:09d}".rstrip("0") if rest else f"{sign}{whole}"


class _Refusal(Problems):
    """Turns a refused row into the error of a wrong call."""

    def refuse(self, line: int, what: str, kind: str = "") -> None:
        raise ValueError(f"event of source line {line}: {what}")


class _DecimalTexts(dict[int, str]):
    """Number of 1e-9 -> text; remembers, since recorded numbers repeat."""

    def __missing__(self, value: int) -> str:
        if len(self) >= BLOCK_ROWS:
            self.clear()
        self[value] = text = decimal_text(value)
        return text


_WORDS: Final = ["", *EVENT_WORDS.values()]
_SIDE_WORDS: Final = list(SIDES)
