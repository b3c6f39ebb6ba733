"""Neutral events one at a time, for sources whose rows have to be read one by one.

``EventRows`` gathers rows and gives them as blocks; ``merged`` brings the blocks of several readers
into one order of time. Must not know any format.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from sim.data.events import BLOCK_ROWS, COLUMNS, EventBlock, EventReader, make_block

Row = tuple[int, int, int, int, int, int, int, int]
"""t_ns, venue, event, side, price, qty, order_id, line."""


class EventRows:
    """Rows on their way into blocks."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self.add: Final[Callable[[Row], None]] = self._rows.append

    def __len__(self) -> int:
        return len(self._rows)

    def full(self) -> Iterator[EventBlock]:
        """The rows so far as a block, once they are enough for one."""
        if len(self._rows) >= BLOCK_ROWS:
            yield from self.rest()

    def rest(self) -> Iterator[EventBlock]:
        """The rows so far as a block, if there are any."""
        if self._rows:
            columns = zip(*self._rows, strict=True)
            yield make_block(len(self._rows), **dict(zip(COLUMNS, columns, strict=True)))
            self._rows.clear()


class Merged:
    """Several readers as one, in order of time; venues are those of all, each name once.

    Rows of one reader keep their order. Of equal times the earlier reader's come first, as far as
    the blocks at hand tell.
    """

    def __init__(self, readers: Sequence[EventReader]) -> None:
        self._readers = readers
        self._names: list[str] = []

    @property
    def venues(self) -> tuple[str, ...]:
        """Names of the venues met so far."""
        return tuple(self._names)

    def blocks(self) -> Iterator[EventBlock]:
        """The events of all readers.

        Raises:
            DataFormatError: If a reader does.
        """
        sources = [self._renamed(reader) for reader in self._readers]
        held = [next(source, None) for source in sources]
        while any(block is not None for block in held):
            safe = min(int(block.t_ns[-1]) for block in held if block is not None)
            parts = []
            for n, block in enumerate(held):
                if block is None:
                    continue
                cut = int(np.searchsorted(block.t_ns, safe, side="right"))
                if cut:
                    parts.append(block.take(slice(0, cut)))
                rest = block.take(slice(cut, None))
                held[n] = rest if len(rest) else next(sources[n], None)
            yield from _sorted(parts)

    def _renamed(self, reader: EventReader) -> Iterator[EventBlock]:
        for block in reader.blocks():
            for name in reader.venues:
                if name not in self._names:
                    self._names.append(name)
            numbers = np.array([self._names.index(name) for name in reader.venues], np.int16)
            if len(block):
                columns = {name: getattr(block, name) for name in COLUMNS}
                columns["venue"] = numbers[block.venue]
                yield make_block(len(block), **columns)


def _sorted(parts: Sequence[EventBlock]) -> Iterator[EventBlock]:
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    order = np.argsort(columns["t_ns"], kind="stable")
    for start in range(0, len(order), BLOCK_ROWS):
        which = order[start : start + BLOCK_ROWS]
        yield make_block(len(which), **{name: made[which] for name, made in columns.items()})
