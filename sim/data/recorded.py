"""Our own recorded level-2 format: its streaming reader and writer.

One file is one venue's displayed book over time: CSV, plain or gzip (``*.l2.csv.gz``), header
``t_ns,event,side,price,qty``. ``t_ns`` is nanoseconds since the start of the recording and never
goes back; rows of one ``t_ns`` apply together. Prices and quantities are decimal text.

======= ========= ================================== ===========================================
event   side      price                              qty
======= ========= ================================== ===========================================
clear   empty     empty                              empty: all levels are gone, shifts stay
level   bid, ask  the level's raw price              what it now shows; 0 takes the level away
shift   bid, ask  signed; added to each raw price    empty
                  of this side from now on, in place
                  of the shift before
trade   buy, sell raw price of the level that was    traded
        (who      hit: an aggressor that buys trades
        took)     at the ask side's shift
======= ========= ================================== ===========================================

A level keeps its raw price for life. That is what lets a venue remember what was taken there while
the shift moves the price that others see. The reader must not know who plays the recording, nor
how prices came about.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sim.data.numbers import PriceTable, QtyTable, ShiftTable
from sim.data.text_files import TextSink, line_blocks
from sim.protocol.enums import Side
from sim.protocol.errors import DataFormatError
from sim.protocol.market_data import (
    AnchorShift,
    BookClear,
    LevelChange,
    RecordedEvent,
    RecordedGroup,
    Trade,
)
from sim.protocol.units import (
    MAX_LOTS,
    MAX_NS,
    MAX_TICKS,
    PriceTicks,
    QtyLots,
    TimeNs,
    UnitError,
    Units,
)

HEADER: Final = "t_ns,event,side,price,qty"
EVENTS: Final = ("clear", "level", "shift", "trade")
MAX_LINE_BYTES: Final = 4096
MAX_GROUP_EVENTS: Final = 1_000_000
MAX_KEPT_EVENTS: Final = 5_000_000

_LEVEL_SIDE: Final = {"bid": Side.BUY, "ask": Side.SELL}
_TRADE_SIDE: Final = {"buy": Side.BUY, "sell": Side.SELL}
_KEPT: "_Memory | None" = None


def read_recorded(path: Path, units: Units) -> Iterator[RecordedGroup]:
    """Yield the groups of a recorded file in order, holding one group at a time.

    After ``keep_recordings`` a file that was read to its end once is not read again.

    Args:
        path: The file, plain or gzip.
        units: Tick and lot of the instrument that the file's decimals are read in.

    Raises:
        DataFormatError: At the first row that the format does not allow, with its line (header =
            1).
    """
    return _read(path, units) if _KEPT is None else _KEPT.groups(path, units)


def keep_recordings() -> None:
    """From now on keep in this process what is read, up to ``MAX_KEPT_EVENTS`` events.

    For processes that play the same files in run after run: the groups cannot be changed, so that
    runs share them without noticing. A file that changes is read anew.
    """
    global _KEPT  # noqa: PLW0603 - one memory per process, and none where nobody asks for it
    _KEPT = _KEPT or _Memory()


class _Memory:
    """Whole recordings that were read, by file as it was then and by units."""

    def __init__(self) -> None:
        self._held: dict[tuple[object, ...], list[RecordedGroup]] = {}
        self._events_left = MAX_KEPT_EVENTS

    def groups(self, path: Path, units: Units) -> Iterator[RecordedGroup]:
        try:
            stat = path.stat()
        except OSError:
            return _read(path, units)  # which says what is wrong
        key = (path, stat.st_mtime_ns, stat.st_size, units.tick_size, units.lot_size)
        held = self._held.get(key)
        return self._reading(key, path, units) if held is None else iter(held)

    def _reading(
        self, key: tuple[object, ...], path: Path, units: Units
    ) -> Iterator[RecordedGroup]:
        groups: list[RecordedGroup] = []
        events = 0
        for group in _read(path, units):
            events += len(group.events)
            if events <= self._events_left:
                groups.append(group)
            yield group
        if events <= self._events_left and key not in self._held:
            self._held[key] = groups
            self._events_left -= events


def _read(path: Path, units: Units) -> Iterator[RecordedGroup]:
    prices, shifts, qtys = PriceTable(units), ShiftTable(units), QtyTable(units)
    line, row = 0, ""
    t_text, t_ns = "", -1
    events: list[RecordedEvent] = []
    try:
        for rows in line_blocks(path, MAX_LINE_BYTES):
            if line == 0:
                line, row = 1, rows.pop(0)
                _check_header(row)
            for row in rows:
                line += 1
                time, event, side, price, qty = row.split(",")
                if time != t_text:
                    next_ns = _time(time, t_ns)
                    if events:
                        yield RecordedGroup(TimeNs(t_ns), tuple(events))
                        events = []
                    t_text, t_ns = time, next_ns
                if event == "level":
                    events.append(LevelChange(_LEVEL_SIDE[side], prices[price], qtys[qty]))
                elif event == "shift":
                    _blank("qty", qty)
                    events.append(AnchorShift(_LEVEL_SIDE[side], shifts[price]))
                elif event == "trade":
                    events.append(_trade(side, prices[price], qtys[qty]))
                else:
                    events.append(_clear(event, side + price + qty))
            if len(events) > MAX_GROUP_EVENTS:
                raise UnitError(f"more than {MAX_GROUP_EVENTS} rows have t_ns {t_ns}")
    except (ValueError, KeyError) as error:
        raise DataFormatError(str(path), line, _explain(row, error)) from error
    if line == 0:
        raise DataFormatError(str(path), 1, f"is empty; the first line must be {HEADER!r}")
    if events:
        yield RecordedGroup(TimeNs(t_ns), tuple(events))


class RecordedWriter:
    """Writes groups to a recorded file; equal groups give equal bytes.

    The file gets its name only when the ``with`` block ends without an error. ``rows`` counts what
    was written, without the header.
    """

    def __init__(self, path: Path, units: Units) -> None:
        self.rows = 0
        self._units = units
        self._last_ns = -1
        self._sink = TextSink(path)
        self._sink.write(HEADER + "\n")

    def write(self, group: RecordedGroup) -> None:
        """Add one group.

        Raises:
            ValueError: If the group is empty or not later than the one before, or an event holds a
                number that the reader would refuse.
        """
        if not self._last_ns < group.t_ns <= MAX_NS:
            raise ValueError(f"t_ns must be > {self._last_ns} and <= {MAX_NS}, was {group.t_ns}")
        if not group.events:
            raise ValueError(f"a group must have an event, the one at {group.t_ns} has none")
        rows = [f"{group.t_ns},{self._row(event)}\n" for event in group.events]
        self._sink.write("".join(rows))
        self._last_ns = group.t_ns
        self.rows += len(rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sink.__exit__(kind, error, trace)

    def _row(self, event: RecordedEvent) -> str:
        match event:
            case LevelChange(side=side, price=price, qty=qty):
                return f"level,{_book_side(side)},{self._price(price)},{self._qty(qty, 0)}"
            case AnchorShift(side=side, shift=shift):
                return f"shift,{_book_side(side)},{self._shift(shift)},"
            case Trade(price=price, qty=qty, aggressor=side):
                taker = "buy" if side is Side.BUY else "sell"
                return f"trade,{taker},{self._price(price)},{self._qty(qty, 1)}"
            case BookClear():
                return "clear,,,"

    def _price(self, ticks: int) -> str:
        if not 0 < ticks <= MAX_TICKS:
            raise ValueError(f"price must be > 0 and <= {MAX_TICKS} ticks, was {ticks}")
        return self._units.price_text(ticks)

    def _shift(self, ticks: int) -> str:
        if abs(ticks) > MAX_TICKS:
            raise ValueError(f"shift must be within +-{MAX_TICKS} ticks, was {ticks}")
        return self._units.price_text(ticks)

    def _qty(self, lots: int, least: int) -> str:
        if not least <= lots <= MAX_LOTS:
            raise ValueError(f"qty must be >= {least} and <= {MAX_LOTS} lots, was {lots}")
        return self._units.qty_text(lots)


def write_recorded(path: Path, groups: Iterable[RecordedGroup], units: Units) -> int:
    """Write all groups to ``path`` and return the number of rows.

    Raises:
        ValueError: See ``RecordedWriter.write``; then no file is left behind.
    """
    with RecordedWriter(path, units) as writer:
        for group in groups:
            writer.write(group)
        return writer.rows


def _trade(side: str, price: PriceTicks, qty: QtyLots) -> Trade:
    if qty == 0:
        raise UnitError("qty of a trade must be > 0, was 0")
    return Trade(price, qty, _TRADE_SIDE[side])


def _clear(event: str, rest: str) -> BookClear:
    if event != "clear":
        raise UnitError(f"event must be one of {', '.join(EVENTS)}, was {event[:40]!a}")
    _blank("side, price and qty", rest)
    return BookClear()


def _blank(name: str, text: str) -> None:
    if text:
        raise UnitError(f"{name} must be empty for this event, was {text[:40]!a}")


def _book_side(side: Side) -> str:
    return "bid" if side is Side.BUY else "ask"


def _check_header(row: str) -> None:
    if row != HEADER:
        raise UnitError(f"the first line must be {HEADER!r}, was {row[:80]!a}")


def _time(text: str, last_ns: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise UnitError(f"t_ns must be a whole number of nanoseconds >= 0, was {text[:40]!a}")
    t_ns = int(text)
    if str(t_ns) != text:
        raise UnitError(f"t_ns must have no leading zero, was {text!r}")
    if t_ns > MAX_NS:
        raise UnitError(f"t_ns must be at most {MAX_NS}, was {text}")
    if t_ns < last_ns:
        raise UnitError(f"t_ns must not go back, was {t_ns} after {last_ns}")
    return t_ns


def _explain(row: str, error: Exception) -> str:
    """Say what is wrong with a row; only called once a row was refused, so it may be slow."""
    if isinstance(error, UnitError):
        return f"{error}"
    fields = row.split(",")
    if len(fields) != 5:
        return f"a row must have 5 fields ({HEADER}), found {len(fields)} in {row[:80]!a}"
    allowed = _TRADE_SIDE if fields[1] == "trade" else _LEVEL_SIDE
    return f"side of {fields[1]} must be {' or '.join(allowed)}, was {fields[2][:40]!a}"
