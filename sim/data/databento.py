"""Databento's order-by-order (MBO) and level (MBP) records as columns, and what they mean.

CSV and DBN hold the same records; ``databento_csv`` and ``databento_dbn`` read them into these
columns. Here they become neutral events. ``publisher_id`` is the venue. Rules:

* T (trade) and F (fill) change no book; the C or M that follows for the filled order does. So that
  a replayed line advances by trades, the filled part of a C or M becomes ``execute``, the rest of a
  C ``reduce``, an M stays. Where a fill took all that the order showed and an M follows, the order
  shows new quantity: that is an ``add``, last in line.
* F that names the aggressor's own order (the order of the T before) is no resting order's fill.
* A T becomes ``trade`` with what no fill of a resting order accounts for: hidden liquidity.
* R becomes ``clear``; M of an order that is not known adds it; other actions are passed over.
* Level records become ``level`` for every level of the view that changed, and ``trade`` of T.
* The time is the venue's (``ts_event``). Where it goes back - records of several publishers are in
  the order of receipt - it is raised to the time before; that is counted.

Source: the vendor's public documentation of its schemas and normalisation.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.data.columns import Ints, Mask, Rows
from sim.data.events import ASK, BID, SCALE, Event, EventBlock, join_blocks, make_block

UNDEF_PRICE: Final = (1 << 63) - 1
F_SNAPSHOT: Final = 32
F_LAST: Final = 128
F_NO_ORDER: Final = 64 | 16
"""Flags of an MBO record that tells of a level, not of an order."""
MBO, MBP1, MBP10 = 160, 1, 10
"""Record types."""

SCHEMAS: Final = {MBO: "databento_mbo", MBP1: "databento_mbp1", MBP10: "databento_mbp10"}
DEPTHS: Final = {MBO: 0, MBP1: 1, MBP10: 10}

A, C, F, M, N, R, T = b"ACFMNRT"
B: Final = ord("B")
ACTIONS: Final = {chr(code): code for code in (A, C, F, M, N, R, T)}
SIDES: Final = {chr(code): code for code in (A, B, N)}
_SIDE_VALUE: Final = {B: BID, A: ASK}


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Consecutive records as columns of equal length; prices in 1e-9, undefined ones 0.

    ``levels`` is (rows, depth, 6): bid price, ask price, bid size, ask size, bid orders, ask
    orders; depth is 0 for MBO. ``order_id`` is 0 where there is none.
    """

    ts_event: Ints
    ts_recv: Ints
    publisher: Ints
    instrument: Ints
    action: NDArray[np.uint8]
    side: NDArray[np.uint8]
    price: Ints
    size: Ints
    order_id: NDArray[np.uint64]
    flags: NDArray[np.uint8]
    sequence: Ints
    levels: Ints
    line: Ints

    def __len__(self) -> int:
        return len(self.line)

    def take(self, which: Any) -> "Records":
        """The rows that a mask, slice or array of indices picks."""
        return Records(*(getattr(self, field.name)[which] for field in fields(self)))


def join_records(parts: list[Records]) -> Records:
    """All rows of the parts."""
    return Records(
        *(np.concatenate([getattr(one, field.name) for one in parts]) for field in fields(Records))
    )


_Key = tuple[int, int]
"""Publisher and order id."""


class _Extra(NamedTuple):
    """An event that belongs before a row: what kind, price and size."""

    row: int
    event: int
    price: int
    size: int


class RecordReader(Protocol):
    """Reads records of one schema from a file."""

    @property
    def schema(self) -> int:
        """Record type of the file's records."""
        ...

    @property
    def facts(self) -> dict[str, Any]:
        """What the file says of itself."""
        ...

    def records(self) -> Iterator[Records]:
        """The records from the first on.

        Raises:
            DataFormatError: At the first bad row, if the problems are strict.
        """
        ...


def check_mbo(rows: Rows, found: Records) -> None:
    """Refuse MBO records that tell nothing that can be used."""
    order = _any(found.action, A, C, M)
    known = order | _any(found.action, T, F, R, N)
    rows.refuse(~known, "action must be one of A C F M N R T")
    no_order = (found.flags & F_NO_ORDER) != 0
    rows.refuse(order & no_order, "flags say that this record tells of a level, not of an order")
    rows.refuse(order & (found.order_id == 0), "order_id must be > 0 for action A, C or M")
    resting = _any(found.action, A, M)
    rows.refuse(resting & ~_any(found.side, A, B), "side must be A or B for action A or M")
    priced = resting | _any(found.action, T, F)
    rows.refuse(priced & (found.price <= 0), "price must be > 0 for action A, M, T or F")
    sized = priced | (found.action == C)
    rows.refuse(sized & (found.size <= 0), "size must be > 0 for action A, C, M, T or F")


def check_mbp(rows: Rows, found: Records) -> None:
    """Refuse level records whose levels cannot be: size without price, or out of order."""
    rows.refuse(
        (found.action == T) & ((found.price <= 0) | (found.size <= 0)),
        "price and size must be > 0 for action T",
    )
    for side, name, worse in ((0, "bid", -1), (1, "ask", 1)):
        price, size = found.levels[:, :, side], found.levels[:, :, 2 + side]
        there = price > 0
        _refuse_any(rows, (price < 0) | (size < 0), f"{name} levels must not be negative")
        _refuse_any(rows, there & (size == 0), f"{name} levels with a price need a size > 0")
        _refuse_any(rows, ~there & (size > 0), f"{name} levels with a size need a price > 0")
        gap = ~there[:, :-1] & there[:, 1:]
        wrong = there[:, 1:] & ((price[:, 1:] - price[:, :-1]) * worse <= 0)
        _refuse_any(rows, gap | wrong, f"{name} levels must be ordered, best first")


class MboEvents:
    """Turns checked MBO records into neutral events.

    It keeps the open quantity of every order, to know whether a fill took all that an order showed.
    ``unused_fills`` counts the fills that nothing carried out. ``odd`` lists, by line, records that
    do not fit the orders that are open: they become what does fit.
    """

    def __init__(self) -> None:
        self.unused_fills = 0
        self.odd: list[tuple[int, str]] = []
        self._open: dict[_Key, int] = {}

    def events(self, found: Records, venue: Ints, t_ns: Ints) -> EventBlock:
        """The events of the next records.

        Args:
            found: The records; one instant's records must not be split over two calls.
            venue: Each record's venue number.
            t_ns: Each record's time.
        """
        event = np.zeros(len(found), np.uint8)
        for action, code in _PLAIN.items():
            event[found.action == action] = code
        bare, print_ = event == Event.CLEAR, event == Event.TRADE
        qty = np.where(bare, 0, found.size * SCALE)
        extra = self._follow(found, event, qty)
        block = make_block(
            len(found),
            t_ns=t_ns,
            venue=venue,
            line=found.line,
            event=event,
            side=np.where(bare, 0, book_sides(found.side)),
            price=np.where(bare, 0, found.price),
            qty=qty,
            order_id=np.where(bare | print_, 0, found.order_id),
        )
        kept = np.flatnonzero(event != 0)
        if not extra:
            return block if len(kept) == len(block) else block.take(kept)
        at = np.array([one.row for one in extra])
        more = _extra_block(block.take(at), extra)
        place = np.concatenate([kept * 2 + 1, at * 2])
        joined = join_blocks([block.take(kept), more])
        return joined.take(np.argsort(place, kind="stable"))

    def _follow(self, found: Records, event: NDArray[np.uint8], qty: Ints) -> list[_Extra]:
        """Keep open quantities, and tie trades to fills and fills to what carries them out.

        Takes what is accounted for off ``qty`` of T and C rows, and unsets ``event`` where nothing
        is left. Returns the events to put before rows.
        """
        extra: list[_Extra] = []
        pending: dict[_Key, list[tuple[int, int]]] = {}
        left = self._open
        trade, own = -1, (0, 0)
        rows = zip(
            found.publisher.tolist(),
            found.order_id.tolist(),
            found.action.tolist(),
            found.size.tolist(),
            strict=True,
        )
        for row, (publisher, order_id, action, size) in enumerate(rows):
            key = (publisher, order_id)
            if action == A:
                if key in left:
                    what = f"add of order {order_id}, which is open already"
                    self.odd.append((int(found.line[row]), what))
                    event[row] = Event.MODIFY
                left[key] = size
            elif action in {C, M}:
                fills = pending.pop(key, None) if pending else None
                shown = before = left.get(key, 0)
                rest = size
                if fills is not None:
                    before -= _carry_out(row, fills, shown, extra)
                    rest -= sum(filled for _, filled in fills)
                after = size if action == M else shown - size
                if action == C:
                    if rest > before or not shown:
                        what = _too_much(order_id, rest, shown)
                        self.odd.append((int(found.line[row]), what))
                    qty[row] = max(0, min(rest, before)) * SCALE
                    event[row] *= qty[row] > 0
                elif fills is not None and before <= 0:
                    event[row] = Event.ADD
                if after > 0:
                    left[key] = after
                else:
                    left.pop(key, None)
            elif action == T:
                trade, own = row, key
            elif action == F and (key != own or not order_id):
                pending.setdefault(key, []).append((int(found.price[row]), size))
                if trade >= 0 and found.ts_event[trade] == found.ts_event[row]:
                    qty[trade] = max(0, qty[trade] - size * SCALE)
                    event[trade] *= qty[trade] > 0
            elif action == R:
                left = {one: size for one, size in left.items() if one[0] != publisher}
        self._open = left
        self.unused_fills += sum(map(len, pending.values()))
        return extra


def _too_much(order_id: int, size: int, shown: int) -> str:
    if not shown:
        return f"cancel of unknown order {order_id}"
    return f"cancel of {size} of order {order_id}, which has {shown}"


def _carry_out(row: int, fills: list[tuple[int, int]], shown: int, extra: list[_Extra]) -> int:
    """Executions of an order's fills, up to what it showed; a trade for what it had hidden."""
    done = 0
    for price, size in fills:
        visible = min(size, shown - done)
        if visible:
            extra.append(_Extra(row, int(Event.EXECUTE), price, visible))
        if visible < size:
            extra.append(_Extra(row, int(Event.TRADE), price, size - visible))
        done += visible
    return done


def _extra_block(at: EventBlock, extra: list[_Extra]) -> EventBlock:
    """The extra events; ``at`` are the rows that they belong to."""
    event = np.array([one.event for one in extra], np.uint8)
    hidden = event == Event.TRADE
    return make_block(
        len(extra),
        t_ns=at.t_ns,
        venue=at.venue,
        line=at.line,
        event=event,
        side=np.where(hidden, -at.side, at.side),
        price=[one.price for one in extra],
        qty=[one.size * SCALE for one in extra],
        order_id=np.where(hidden, 0, at.order_id),
    )


def book_sides(side: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Sides of the book, or of who took; 0 where there is none."""
    return np.where(side == B, BID, np.where(side == A, ASK, 0)).astype(np.int8)


class LevelViews:
    """Turns level records into ``level`` events for what changed in the view, and ``trade``."""

    def __init__(self) -> None:
        self._last: dict[int, Ints] = {}

    def events(self, found: Records, venue: Ints, t_ns: Ints) -> EventBlock:
        """The events of the next records; a level that leaves the view is gone.

        Args:
            found: The records, checked.
            venue: Each record's venue number.
            t_ns: Each record's time.
        """
        changed: list[tuple[int, int, int, int, int]] = []
        for row, view in enumerate(found.levels):
            number = int(venue[row])
            last = self._last.get(number)
            if found.action[row] == T:
                side = int(_SIDE_VALUE.get(int(found.side[row]), 0))
                size = int(found.size[row]) * SCALE
                changed.append((row, int(Event.TRADE), side, int(found.price[row]), size))
            if last is None or not np.array_equal(last, view):
                changed += _changes(row, last, view)
                self._last[number] = view
        if not changed:
            return make_block(0)
        at, event, sides, price, qty = (np.array(c, np.int64) for c in zip(*changed, strict=True))
        return make_block(
            len(at),
            t_ns=t_ns[at],
            venue=venue[at],
            line=found.line[at],
            event=event,
            side=sides,
            price=price,
            qty=qty,
        )


def _changes(row: int, last: Ints | None, view: Ints) -> list[tuple[int, int, int, int, int]]:
    found = []
    for column, side in ((0, BID), (1, ASK)):
        new = dict(zip(view[:, column].tolist(), view[:, column + 2].tolist(), strict=True))
        old: dict[int, int] = {}
        if last is not None:
            old = dict(zip(last[:, column].tolist(), last[:, column + 2].tolist(), strict=True))
        changes = [(price, 0) for price in old if price not in new]
        changes += [(price, size) for price, size in new.items() if old.get(price) != size]
        found += [
            (row, int(Event.LEVEL), side, price, size * SCALE) for price, size in changes if price
        ]
    return found


def _refuse_any(rows: Rows, bad: NDArray[np.bool_], rule: str) -> None:
    """Refuse rows in which any level is bad."""
    some: Mask = np.logical_or.reduce(bad, axis=1)
    rows.refuse(some, rule)


def _any(column: NDArray[Any], *codes: int) -> Mask:
    found: Mask = column == codes[0]
    for code in codes[1:]:
        found = found | (column == code)
    return found


_PLAIN: Final = {
    A: Event.ADD,
    M: Event.MODIFY,
    C: Event.REDUCE,
    R: Event.CLEAR,
    T: Event.TRADE,
}
