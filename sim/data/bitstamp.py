"""Bitstamp's order-by-order stream, as a table of orders or as the raw log, as events.

The table has the header ``id,timestamp,exchange.timestamp,price,volume,action,direction``: local
times in ms since 1970, volumes in 1e-8. The raw log has a line ``<local ms> <kind> <JSON>`` per
message: the same order events, trades, and snapshots of the book (``order_book``) from a channel of
their own, which ``agreement.best_quote`` compares the best prices with.

The stream says what became of an order, not why; the rules here are: a smaller volume is a trade
at the order's price, so is a deletion with volume 0; any other deletion is a cancel; a larger
volume is a change of the order. What names an order from before the recording, or one that
is gone already (some deletions come twice), is refused. Orders
that are about to trade are reported as created first, and deletions come late, so the book that
the stream adds up to is crossed at times: ``inspect`` counts how often it becomes so, nothing is
repaired.

Source: the exchange's public documentation of its live order channel; own convention: the rules.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from sim.data.conversion import ConversionReport, Options
from sim.data.event_rows import EventRows
from sim.data.events import ASK, BID, SCALE, Event, EventBlock
from sim.data.inspect_reader import inspect_reader
from sim.data.inspection import UNREADABLE, Inspection, InspectOptions, Problems
from sim.data.numbers import NanoTable, clock_time
from sim.data.order_books import EventBook
from sim.data.packed import first_bytes as head_of
from sim.data.text_files import line_blocks
from sim.data.to_events import OFFSET, only_input, read_yes, signed_duration, write_events
from sim.data.window import WINDOW_OPTIONS
from sim.protocol.errors import DataFormatError
from sim.protocol.units import UnitError

NAME: Final = "bitstamp"
VENUE: Final = "Bitstamp"
HEADER: Final = "id,timestamp,exchange.timestamp,price,volume,action,direction"
OPTIONS: Final = (OFFSET, *WINDOW_OPTIONS)
MAX_LINE_BYTES: Final = 1 << 20
WARM_UP_NS: Final = 600 * SCALE
"""Before it the book lacks too many of the orders from before the recording to be compared."""
_MS: Final = 1_000_000
_VOLUME: Final = 10
_MOST: Final = (1 << 63) - 1
_ACTIONS: Final = ("created", "changed", "deleted")
_OLDER: Final = "order older than the file"
_CLOSED: Final = "order closed before"


class _NotOpenError(UnitError):
    """An event of an order that is not open; ``kind`` says why, for counting."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class _Order(msgspec.Struct, frozen=True, gc=False):
    """What the stream says of one order: its id, side, price, volume, and what happened."""

    order_id: int
    side: int
    price: int
    qty: int
    action: str


class _RawOrder(msgspec.Struct, frozen=True, gc=False):
    price: str
    amount: str
    id: int
    order_type: int


class _RawTrade(msgspec.Struct, frozen=True, gc=False):
    price: float
    amount: float


class _RawBook(msgspec.Struct, frozen=True, gc=False):
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


_ORDER: Final = msgspec.json.Decoder(_RawOrder)
_TRADE: Final = msgspec.json.Decoder(_RawTrade)
_BOOK: Final = msgspec.json.Decoder(_RawBook)
_KINDS: Final = ("order_created", "order_changed", "order_deleted", "order_book", "trade")


def detect(path: Path, first_bytes: bytes) -> bool:
    """By the header of the table, or the first message of the log."""
    first = first_bytes.partition(b"\n")[0].rstrip(b"\r")
    if first == HEADER.encode():
        return True
    time, _, rest = first.partition(b" ")
    kind, _, body = rest.partition(b" ")
    return time.isdigit() and kind.decode("ascii", "replace") in _KINDS and body.startswith(b"{")


def inspect(path: Path, options: InspectOptions) -> Inspection:
    """Read all events, play them into a book, and compare it with the snapshots of a raw log.

    Raises:
        DataFormatError: If the file cannot be read, or a partner is named.
    """
    if options.against is not None:
        raise DataFormatError(str(path), 0, "this format has no partner file")
    problems = Problems(path, strict=False)
    reader = BitstampEvents(path, problems=problems)
    found = inspect_reader(NAME, path, reader, problems)
    compared, equal = reader.compared, reader.equal
    return replace(found, agreement={"best_quote": equal / compared} if compared else {})


def convert(inputs: Sequence[Path], out: Path, options: Mapping[str, str]) -> ConversionReport:
    """Write the order events of one recording.

    Raises:
        DataFormatError: If the input is wrong.
        ConversionError: If an option is.
    """
    given = Options(options, OPTIONS)
    offset_ns = given.take("offset", signed_duration)
    path = only_input(inputs)
    problems = Problems(path, strict=not given.take("skip_bad", read_yes))
    reader = BitstampEvents(path, problems=problems, offset_ns=offset_ns)
    return write_events(NAME, reader, out, given, problems=[problems])


class BitstampEvents:
    """Reads one recording, of either form.

    Attributes:
        rows: Data rows or messages so far.
        compared: Snapshots of the book so far that were compared, after ``WARM_UP_NS``.
        equal: Those whose best prices are the rebuilt book's.

    Args:
        path: The file.
        problems: Where bad lines go; without it a bad line is an error.
        offset_ns: Added to each time.
    """

    venues = (VENUE,)

    def __init__(self, path: Path, *, problems: Problems | None = None, offset_ns: int = 0) -> None:
        self.rows = self.compared = self.equal = 0
        self._path = path
        self._problems = Problems(path) if problems is None else problems
        self._offset_ns = offset_ns
        self._table = head_of(path).startswith(HEADER.encode())
        self._prices = NanoTable()
        self._sizes = NanoTable(positive=False)
        self._counts: dict[str, int] = {}
        self._book = EventBook()
        self._seen: set[int] = set()  # what is not open any more, if it is not open

    def facts(self) -> dict[str, Any]:
        """Messages by kind, and what was compared."""
        return {
            "messages": dict(sorted(self._counts.items())),
            "orders_open_at_the_end": len(self._book.orders),
            "snapshots_compared": self.compared,
        }

    def blocks(self) -> Iterator[EventBlock]:
        """The events from the first on.

        Raises:
            DataFormatError: At the first bad line, if the problems are strict.
        """
        rows = EventRows()
        first_ns = last_ns = -1
        lines = chain.from_iterable(line_blocks(self._path, MAX_LINE_BYTES))
        for line, text in enumerate(lines, start=1):
            if line == 1 and self._table:
                continue
            self.rows += 1
            try:
                t_ns, what = self._table_row(text) if self._table else self._message(text)
                if t_ns < last_ns:
                    raise UnitError(f"time goes back, from {last_ns // _MS} to {t_ns // _MS} ms")
                first_ns, last_ns = (t_ns if first_ns < 0 else first_ns), t_ns
                if isinstance(what, _RawBook):
                    if t_ns - first_ns >= WARM_UP_NS:
                        self._compare(what)
                    continue
                event, side, price, qty, order_id = (
                    self._event(what) if isinstance(what, _Order) else what
                )
            except UNREADABLE as error:
                kind = error.kind if isinstance(error, _NotOpenError) else "row left out"
                self._problems.refuse(line, str(error), kind)
                continue
            if event:
                self._book.apply(event, side, price, qty, order_id)
                rows.add((t_ns + self._offset_ns, 0, event, side, price, qty, order_id, line))
            yield from rows.full()
        yield from rows.rest()

    def _table_row(self, text: str) -> tuple[int, _Order]:
        fields = text.split(",")
        if len(fields) != 7:
            raise UnitError(f"a row must have 7 fields ({HEADER}), was {text[:80]!a}")
        order_id, t_ms, _, price, volume, action, direction = fields
        if action not in _ACTIONS or direction not in {"bid", "ask"}:
            raise UnitError(
                "action must be created, changed or deleted and direction bid or ask, were "
                f"{action[:20]!a} and {direction[:20]!a}"
            )
        self._count(action)
        qty = _whole(volume, "volume") * _VOLUME
        if qty > _MOST:
            raise UnitError(f"volume must be at most {_MOST // _VOLUME}, was {volume}")
        side = BID if direction == "bid" else ASK
        order = _Order(_whole(order_id, "id"), side, self._prices[price], qty, action)
        return clock_time(_whole(t_ms, "timestamp") * _MS), order

    def _message(
        self, text: str
    ) -> tuple[int, "_Order | _RawBook | tuple[int, int, int, int, int]"]:
        time, _, rest = text.partition(" ")
        kind, _, body = rest.partition(" ")
        if kind not in _KINDS:
            raise UnitError(f"must be a time in ms, a kind and JSON, was {text[:60]!a}")
        self._count(kind)
        t_ns = clock_time(_whole(time, "time") * _MS)
        if kind == "order_book":
            return t_ns, _BOOK.decode(body)
        if kind == "trade":
            trade = _TRADE.decode(body)
            most = _MOST // SCALE
            if max(trade.price, trade.amount) > most:  # before rounding, which knows no infinity
                raise UnitError(f"price and amount of a trade must be at most {most}")
            price, qty = round(trade.price * SCALE), round(trade.amount * SCALE)
            if price <= 0 or qty <= 0:
                raise UnitError("price and amount of a trade must be > 0")
            return t_ns, (Event.TRADE, 0, price, qty, 0)
        raw = _ORDER.decode(body)
        if raw.order_type not in {0, 1}:
            raise UnitError(f"order_type must be 0 (buy) or 1 (sell), was {raw.order_type}")
        if not 0 <= raw.id < 1 << 63:
            raise UnitError(f"id must be a whole number from 0 to 2^63 - 1, was {raw.id}")
        side = BID if raw.order_type == 0 else ASK
        price, qty = self._prices[raw.price], self._sizes[raw.amount]
        return t_ns, _Order(raw.id, side, price, qty, kind.removeprefix("order_"))

    def _event(self, order: _Order) -> tuple[int, int, int, int, int]:
        """Event, side, price, quantity and order id; event 0 is none."""
        open_order = self._book.orders.get(order.order_id)
        if order.action == "created":
            if open_order is not None or order.qty <= 0:
                raise UnitError(f"order {order.order_id} is open already, or has no volume")
            self._seen.add(order.order_id)
            return Event.ADD, order.side, order.price, order.qty, order.order_id
        if open_order is None:
            name = f"order {order.order_id} is not open"
            if order.order_id in self._seen:
                raise _NotOpenError(f"{name} any more: it was deleted or filled before", _CLOSED)
            if order.action == "deleted":
                self._seen.add(order.order_id)
            raise _NotOpenError(f"{name}: it is older than the file", _OLDER)
        side, price, left = open_order
        if order.action == "deleted" and order.qty > 0:
            return Event.DELETE, side, price, left, order.order_id
        if order.qty < left:
            return Event.EXECUTE, side, price, left - order.qty, order.order_id
        return Event.MODIFY, side, order.price, order.qty, order.order_id

    def _compare(self, snapshot: _RawBook) -> None:
        book = self._book
        if not (snapshot.bids and snapshot.asks and book.bids and book.asks):
            return
        bid, ask = self._prices[snapshot.bids[0][0]], self._prices[snapshot.asks[0][0]]
        self.compared += 1
        self.equal += -book.bids.keys()[0] == bid and book.asks.keys()[0] == ask

    def _count(self, kind: str) -> None:
        self._counts[kind] = self._counts.get(kind, 0) + 1


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise UnitError(f"{name} must be a whole number of at most 18 digits, was {text[:40]!a}")
    return int(text)
