"""Best quotes as level events: a book of one level per side and venue, kept from row to row.

A row sets one side of one venue. The level that stood there before goes, the new one comes; a row
that repeats what stands makes no event. With an age limit a quote that nobody renewed for longer
is taken off at the instant at which it is too old. Must not know any format.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.data.events import ASK, BID, Event, EventBlock, make_block

Ints = NDArray[np.int64]

_EXPIRES, _GOES, _COMES = range(3)
_NO_ASK = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Rows that each set one side of a venue's quote; price or qty 0: the side is empty.

    Rows with one ``line`` are one row of the source: all of it holds at once.
    """

    t_ns: Ints
    venue: Ints
    side: Ints
    price: Ints
    qty: Ints
    line: Ints

    def __len__(self) -> int:
        return len(self.t_ns)


def two_sided(
    t_ns: Ints, venue: Ints, bid: tuple[Ints, Ints], ask: tuple[Ints, Ints], line: Ints
) -> Sides:
    """Rows that set both sides at once, as twice as many rows; ``bid`` is (price, qty)."""
    count = len(t_ns)
    return Sides(
        np.repeat(t_ns, 2),
        np.repeat(venue, 2),
        np.tile(np.array([BID, ASK], np.int64), count),
        np.column_stack([bid[0], ask[0]]).ravel(),
        np.column_stack([bid[1], ask[1]]).ravel(),
        np.repeat(line, 2),
    )


class QuoteLevels:
    """Turns quotes into level events, over any number of blocks.

    Attributes:
        repeats: Rows so far that said what stood already.
        expired: Quotes so far that became too old.

    Args:
        max_age_ns: How long a quote stands that is not renewed; None: for ever.
    """

    def __init__(self, max_age_ns: int | None = None) -> None:
        self.repeats = 0
        self.expired = 0
        self._max_age_ns = max_age_ns
        self._price = np.zeros(0, np.int64)
        self._qty = np.zeros(0, np.int64)
        self._t_ns = np.zeros(0, np.int64)

    def take(self, rows: Sides) -> EventBlock:
        """The events of the next rows, whose times must not go back."""
        count = len(rows)
        if count == 0:
            return make_block(0)
        key = rows.venue * 2 + (rows.side == ASK)
        self._grow(int(key.max()) + 1)
        order = np.argsort(key, kind="stable")
        k = key[order]
        there = (rows.price[order] > 0) & (rows.qty[order] > 0)
        price, qty = np.where(there, rows.price[order], 0), np.where(there, rows.qty[order], 0)
        t_ns, line = rows.t_ns[order], rows.line[order]
        first = np.concatenate([[True], k[1:] != k[:-1]])
        old_price = _before(price, self._price[k], first)
        old_qty = _before(qty, self._qty[k], first)
        old_t = _before(t_ns, self._t_ns[k], first)
        side = np.where(k % 2 == 0, BID, ASK)
        venue = k // 2
        place = order.astype(np.int64)
        # Rows of one source row get its first place, so that what goes goes before what comes.
        place = _first_of_line(rows.line)[place]
        parts = []
        if self._max_age_ns is not None:
            old = (old_price > 0) & (t_ns - old_t > self._max_age_ns)
            parts.append(
                _Part(
                    _EXPIRES, old_t[old] + self._max_age_ns, place[old], venue[old], side[old],
                    old_price[old], np.zeros(int(old.sum()), np.int64), line[old],
                )
            )  # fmt: skip
            old_price, old_qty = np.where(old, 0, old_price), np.where(old, 0, old_qty)
        goes = (old_price > 0) & (old_price != price)
        comes = (price > 0) & ((old_price != price) | (old_qty != qty))
        self.repeats += int(count - (goes | comes).sum())
        for kind, mask in ((_GOES, goes), (_COMES, comes)):
            parts.append(
                _Part(
                    kind, t_ns[mask], place[mask], venue[mask], side[mask],
                    (old_price if kind == _GOES else price)[mask],
                    np.where(kind == _GOES, 0, qty[mask]), line[mask],
                )
            )  # fmt: skip
        last = np.concatenate([k[1:] != k[:-1], [True]])
        self._price[k[last]], self._qty[k[last]] = price[last], qty[last]
        self._t_ns[k[last]] = t_ns[last]
        if self._max_age_ns is not None:
            parts.append(self._expire(int(rows.t_ns[-1]), int(rows.line[-1]), count))
            self.expired += len(parts[0].t_ns) + len(parts[-1].t_ns)
        return _in_order(parts)

    def _expire(self, now_ns: int, line: int, place: int) -> "_Part":
        """Quotes of sides that had no newer row by ``now_ns``, and are too old by then."""
        assert self._max_age_ns is not None
        old = np.flatnonzero((self._price > 0) & (now_ns - self._t_ns > self._max_age_ns))
        part = _Part(
            _EXPIRES, self._t_ns[old] + self._max_age_ns, np.full(len(old), place), old // 2,
            np.where(old % 2 == 0, BID, ASK), self._price[old], np.zeros(len(old), np.int64),
            np.full(len(old), line),
        )  # fmt: skip
        self._price[old] = self._qty[old] = 0
        return part

    def _grow(self, size: int) -> None:
        missing = size - len(self._price)
        if missing > 0:
            empty = np.zeros(missing, np.int64)
            self._price = np.concatenate([self._price, empty])
            self._qty = np.concatenate([self._qty, empty])
            self._t_ns = np.concatenate([self._t_ns, empty])


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Level events of one kind."""

    kind: int
    t_ns: Ints
    place: Ints
    venue: Ints
    side: Ints
    price: Ints
    qty: Ints
    line: Ints


def _before(values: Ints, carried: Ints, first: NDArray[np.bool_]) -> Ints:
    """What the row before had, or what is carried where a group begins."""
    before: Ints = np.where(first, carried, np.concatenate([[0], values[:-1]]))
    return before


def _first_of_line(line: Ints) -> Ints:
    """Place of the first row of each run of equal lines."""
    fresh = np.concatenate([[True], line[1:] != line[:-1]])
    places: Ints = np.maximum.accumulate(np.where(fresh, np.arange(len(line)), 0))
    return places


def _in_order(parts: list[_Part]) -> EventBlock:
    def joined(name: str) -> Ints:
        column: Ints = np.concatenate([getattr(part, name) for part in parts])
        return column

    t_ns = joined("t_ns")
    kind = np.concatenate([np.full(len(part.t_ns), part.kind) for part in parts])
    order = np.lexsort((kind, joined("place"), t_ns))
    names = ("venue", "side", "price", "qty", "line")
    return make_block(
        len(order),
        t_ns=t_ns[order],
        event=int(Event.LEVEL),
        **{name: joined(name)[order] for name in names},
    )


class Crossing:
    """How often the best bid over all venues is above, or at, the best ask over all venues.

    Looked at after each row, and at the end of each instant; rows before both sides are known do
    not count.

    Args:
        venues: Number of venues; rows of venue n set a side of the n-th.
    """

    def __init__(self, venues: int = 1) -> None:
        self.rows = self.crossed_rows = self.instants = 0
        self.crossed_instants = self.locked_instants = 0
        self._bid = np.zeros(venues, np.int64)
        self._ask = np.full(venues, _NO_ASK)

    def take(self, rows: Sides) -> None:
        """Look at the next rows; the last instant of a block may be looked at twice."""
        if not len(rows):
            return
        self._grow(int(rows.venue.max()) + 1)
        best_bid = np.zeros(len(rows), np.int64)
        best_ask = np.full(len(rows), _NO_ASK)
        for venue in range(len(self._bid)):
            own = rows.venue == venue
            bid, self._bid[venue] = _filled(rows.price, own & (rows.side == BID), self._bid[venue])
            ask = np.where(rows.price > 0, rows.price, _NO_ASK)
            ask, self._ask[venue] = _filled(ask, own & (rows.side == ASK), self._ask[venue])
            np.maximum(best_bid, bid, out=best_bid)
            np.minimum(best_ask, ask, out=best_ask)
        known = (best_bid > 0) & (best_ask < _NO_ASK)
        crossed = known & (best_bid > best_ask)
        self.rows += int(known.sum())
        self.crossed_rows += int(crossed.sum())
        ends = np.concatenate([rows.t_ns[1:] != rows.t_ns[:-1], [True]])
        self.instants += int((known & ends).sum())
        self.crossed_instants += int((crossed & ends).sum())
        self.locked_instants += int((known & ends & (best_bid == best_ask)).sum())

    def shares(self) -> dict[str, float]:
        """Crossed rows, crossed instants and locked instants as shares."""
        rows, instants = max(self.rows, 1), max(self.instants, 1)
        return {
            "crossed_rows": round(self.crossed_rows / rows, 6),
            "crossed_instants": round(self.crossed_instants / instants, 6),
            "locked_instants": round(self.locked_instants / instants, 6),
        }

    def _grow(self, venues: int) -> None:
        missing = venues - len(self._bid)
        if missing > 0:
            self._bid = np.concatenate([self._bid, np.zeros(missing, np.int64)])
            self._ask = np.concatenate([self._ask, np.full(missing, _NO_ASK)])


def _filled(values: Ints, own: NDArray[np.bool_], carried: np.int64) -> tuple[Ints, np.int64]:
    """The last own value up to each row, and that of the last row."""
    place = np.maximum.accumulate(np.where(own, np.arange(len(values)), -1))
    filled: Ints = np.where(place < 0, carried, values[place])
    return filled, filled[-1]
