"""``mbo_book`` and ``l2_book``: recorded data into a book, a call of Python per event, no loop.

``mbo_book`` plays a made-up day of single orders (``benchmarks.order_tape``) row by row through the
core of a replayed venue, all levels deep, and calls a function after each row. ``l2_book`` plays
trades and level changes of that day one by one, while an order of ours rests at a distance, so that
all that a right fill needs is kept up: what was taken, lines, trades. Messages are made before the
clock starts; the file they would come from is another benchmark's.

There is no peer to install: the reference loop stands for the machine. The targets come from an
engine of compiled code measured elsewhere with a Python callback per event: twice its rate for
single orders, and the best rate for level changes.
"""

from collections.abc import Callable
from typing import Any, Final

from benchmarks.calibration import NAME, reference_rate
from benchmarks.measure import compare, rate
from benchmarks.order_tape import order_rows
from sim.protocol.enums import Side
from sim.protocol.market_data import LevelChange, OrderRow, RecordedGroup, RowEvent, Trade
from sim.protocol.orders import NewOrderSingle
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.recorded_book import RecordedBook
from venues.core.recorded_orders import RecordedOrderBook

COUNT: Final = 200_000
QUICK_COUNT: Final = 50_000
MBO_MIN: Final = 720_000
L2_MIN: Final = 1_000_000
SEED: Final = 11

Timed = tuple[int, tuple[OrderRow, ...]]


class Listener:
    """The callback: it counts what it is told of."""

    def __init__(self) -> None:
        self.events = 0

    def on_event(self, book: object) -> None:
        """Called after each event, when the book is up to date."""
        self.events += 1


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; ``quick`` takes fewer events and rounds."""
    rows = single_rows(QUICK_COUNT if quick else COUNT)
    changes = level_changes(rows)
    rounds = 3 if quick else 5
    return [
        _row("mbo_book", lambda: rate(len(rows), lambda: play_orders(rows)), MBO_MIN, rounds),
        _row("l2_book", lambda: rate(len(changes), lambda: play_levels(changes)), L2_MIN, rounds),
    ]


def _row(name: str, ours: Callable[[], float], least: float, rounds: int) -> dict[str, Any]:
    peers = {NAME: reference_rate}
    return compare(name, "events/s", ours, peers, rounds=rounds, value_min=least)


def single_rows(count: int) -> list[Timed]:
    """A made-up day, one row each."""
    made = order_rows(count, SEED)
    return [
        (t_ns, ((int(event), side, price, lots, order_id),))
        for t_ns, event, side, price, lots, order_id in made
    ]


def level_changes(rows: list[Timed]) -> list[RecordedGroup]:
    """What a feed of price levels says of the same day: the new size of each level, and trades.

    A row of an execution becomes a trade and then a change of its level.
    """
    sizes: dict[tuple[int, int], int] = {}
    found = []
    for t_ns, ((event, sign, price, lots, _),) in rows:
        side = Side.BUY if sign > 0 else Side.SELL
        events: list[LevelChange | Trade] = []
        if event in {RowEvent.TRADE, RowEvent.EXECUTE}:
            taker = side if event == RowEvent.TRADE else Side.SELL if sign > 0 else Side.BUY
            events.append(Trade(PriceTicks(price), QtyLots(lots), taker))
        if event != RowEvent.TRADE:
            sizes[sign, price] = left = sizes.get((sign, price), 0) + (
                lots if event == RowEvent.ADD else -lots
            )
            events.append(LevelChange(side, PriceTicks(price), QtyLots(left)))
        found += [RecordedGroup(TimeNs(t_ns), (one,)) for one in events]
    return found


def play_orders(rows: list[Timed], listener: Listener | None = None) -> RecordedOrderBook:
    """Single orders through a book, with a call per row."""
    book = RecordedOrderBook()
    play, on_event = book.play, (listener or Listener()).on_event
    for t_ns, row in rows:
        play(row, t_ns)
        on_event(book)
    return book


def play_levels(groups: list[RecordedGroup], listener: Listener | None = None) -> RecordedBook:
    """Level changes through a book in which an order of ours rests, with a call per event."""
    book = RecordedBook()
    book.handle(NewOrderSingle("ours", Side.BUY, QtyLots(1), PriceTicks(1)), TimeNs(0))
    handle, on_event = book.handle, (listener or Listener()).on_event
    for group in groups:
        handle(group, group.t_ns)
        on_event(book)
    return book
