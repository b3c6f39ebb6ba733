"""Neutral venue events in Parquet, by polars (extra ``analysis``), in bounded memory.

The columns are those of the CSV. What does not apply is empty text or 0.

Source: own convention (see ``sim.data.neutral``).
"""

import errno
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from sim.data.columns import Rows
from sim.data.events import BLOCK_ROWS, EVENT_WORDS, EventBlock
from sim.data.inspection import Problems
from sim.data.neutral import (
    MAX_VENUES,
    NAMES,
    SIDE_VALUES,
    SIDES,
    OrderCheck,
    check_rules,
    cut,
    side_words,
)
from sim.kernel.extras import load_extra
from sim.kernel.files import open_regular
from sim.protocol.errors import DataFormatError

_PART_ROWS: Final = 1 << 18
_EVENTS: Final = {word: int(event) for event, word in EVENT_WORDS.items()}


class ParquetEvents:
    """Reads neutral events from Parquet."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self._path = path
        self._problems = problems
        self._venues: list[str] = []

    @property
    def venues(self) -> tuple[str, ...]:
        """Names of the venues met so far."""
        return tuple(self._venues)

    def blocks(self) -> Iterator[EventBlock]:
        """The events from the first on; a row's line is its number from 1.

        Raises:
            DataFormatError: If it is no such Parquet file, or at the first bad row if the problems
                are strict.
        """
        polars = load_extra("polars", "analysis", "reading Parquet")
        self._venues = []
        try:
            open_regular(self._path).close()
            scan = self._checked(polars, polars.scan_parquet(self._path))
            rows = int(scan.select(polars.len()).collect().item())
            last_ns = 0
            for start in range(0, rows, BLOCK_ROWS):
                block = self._block(polars, scan.slice(start, BLOCK_ROWS).collect(), start, last_ns)
                if len(block):
                    last_ns = int(block.t_ns[-1])
                    yield from cut(block)
        except polars.exceptions.PolarsError as error:
            message = f"cannot be read as Parquet: {str(error)[:200]}"
            raise DataFormatError(str(self._path), 0, message) from error
        except OSError as error:
            message = f"cannot be read: {error.strerror or str(error)[:200]}"
            raise DataFormatError(str(self._path), 0, message) from error

    def _checked(self, polars: Any, scan: Any) -> Any:
        """The columns that must be there, in their types."""
        types = _types(polars)
        schema = dict(scan.collect_schema())
        if schema != types:
            wanted = ", ".join(f"{name} {kind}" for name, kind in types.items())
            found = ", ".join(f"{name} {kind}" for name, kind in schema.items())
            message = f"must have the columns {wanted}; has {found[:200]}"
            raise DataFormatError(str(self._path), 0, message)
        return scan

    def _block(self, polars: Any, frame: Any, start: int, last_ns: int) -> EventBlock:
        line = np.arange(start + 1, start + 1 + len(frame))
        rows = Rows(line, self._problems)
        nulls = np.zeros(len(frame), np.bool_)
        for name in NAMES:
            nulls |= frame[name].is_null().to_numpy()
        rows.refuse(nulls, "no field may be null")
        fill = {name: "" if frame[name].dtype == polars.String else 0 for name in NAMES}
        frame = frame.with_columns(*(polars.col(n).fill_null(v) for n, v in fill.items()))
        columns = {name: frame[name].to_numpy() for name in ("t_ns", "price", "qty", "order_id")}
        event = _numbers(polars, frame["event"], _EVENTS)
        word = _numbers(polars, frame["side"], SIDES)
        rows.refuse(event < 0, "event must be one of " + ", ".join(_EVENTS))
        rows.refuse(word < 0, "side must be bid, ask, buy, sell or empty")
        rows.refuse(columns["t_ns"] < 0, "t_ns must be >= 0")
        venue = self._venue_numbers(polars, frame["venue"], rows)
        numbers = {name: columns[name] for name in ("price", "qty", "order_id")}
        check_rules(rows, event, word, **numbers)
        rows.refuse_back(columns["t_ns"], last_ns)
        block = EventBlock(
            columns["t_ns"],
            venue.astype(np.int16),
            event.astype(np.uint8),
            SIDE_VALUES[word],
            columns["price"],
            columns["qty"],
            columns["order_id"],
            line,
        )
        good = rows.finish()
        return block if good.all() else block.take(good)

    def _venue_numbers(self, polars: Any, column: Any, rows: Rows) -> Any:
        for name in column.unique(maintain_order=True).to_list():
            if name not in self._venues and name.isascii() and name.isprintable() and name:
                self._venues.append(name)
        if len(self._venues) > MAX_VENUES:
            raise DataFormatError(str(self._path), 0, f"more than {MAX_VENUES} venues")
        found = _numbers(polars, column, {name: n for n, name in enumerate(self._venues)})
        rows.refuse(found < 0, "venue must be a name of printable ASCII characters")
        return np.maximum(found, 0)


class ParquetWriter:
    """Writes neutral events as Parquet: parts first, then all of them as one file."""

    def __init__(self, path: Path) -> None:
        if path.exists() and not path.is_file():
            raise FileExistsError(errno.EEXIST, "is there already, and no regular file", str(path))
        self.rows = 0
        self._polars = load_extra("polars", "analysis", "writing Parquet")
        self._path = path
        self._order = OrderCheck()
        self._frames: list[Any] = []
        self._held = 0
        self._parts: list[Path] = []
        self._folder = path.with_name(path.name + ".parts")
        self._folder.mkdir()

    def write(self, block: EventBlock, venues: Sequence[str]) -> None:
        """Add the rows of a block; ``venues`` are the names that it indexes.

        Raises:
            ValueError: If a row is none that the reader would take.
        """
        self._order.check(block, venues)
        polars = self._polars
        words: dict[str, tuple[Any, list[str]]] = {
            "venue": (block.venue, list(venues)),
            "event": (block.event, ["", *_EVENTS]),
            "side": (side_words(block), list(SIDES)),
        }
        columns: dict[str, Any] = {}
        for name in NAMES:
            if name in words:
                numbers, texts = words[name]
                series = polars.Series(texts, dtype=polars.String)
                columns[name] = series.gather(numbers.astype(np.int64))
            else:
                columns[name] = getattr(block, name)
        self._frames.append(polars.DataFrame(columns, schema=_types(polars)))
        self._held += len(block)
        self.rows += len(block)
        if self._held >= _PART_ROWS:
            self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._flush()
                part = self._folder / "whole"
                self._polars.scan_parquet(self._parts).sink_parquet(part, row_group_size=_PART_ROWS)
                part.replace(self._path)
        finally:
            shutil.rmtree(self._folder)

    def _flush(self) -> None:
        polars = self._polars
        frame = (
            polars.concat(self._frames) if self._frames else polars.DataFrame(schema=_types(polars))
        )
        part = self._folder / f"{len(self._parts):06d}"
        frame.write_parquet(part)
        self._parts.append(part)
        self._frames, self._held = [], 0


def _types(polars: Any) -> dict[str, Any]:
    kinds = {"t_ns": polars.Int64, "price": polars.Int64, "qty": polars.Int64}
    return {name: kinds.get(name, polars.String) for name in NAMES} | {"order_id": polars.UInt64}


def _numbers(polars: Any, column: Any, words: dict[str, int]) -> Any:
    """Each text's number; -1 if it has none."""
    old, new = list(words), list(words.values())
    found = column.replace_strict(old, new, default=-1, return_dtype=polars.Int64)
    return found.to_numpy()
