"""``matching``: a tape of adds, cancels and IOC orders through one matching core.

The tape is drawn from a fixed seed. Of its messages 10 % are IOC orders of 1 to 150 lots on either
side with a limit just beyond the middle, and the rest adds of 1 to 100 lots and cancels of a random
open order, balanced so that about 1,000 orders are open at any time. An add is placed behind the
middle at an exponential distance (mean 40 ticks), which makes some 120 levels a side of about four
orders each; the middle itself walks one tick at a time. Every cancel finds its order open.

Ours turns each message into the reports it calls for, as structs: one for an add or a cancel, and
for an IOC its acknowledgement, two per trade and the cancel of what is left. The peers:

* ``reference_book``: the bare book beside this file. It takes the same messages and returns fills.
* ``lightmatchingengine`` from the package registry. It knows no IOC, so what is left of one is
  canceled. Its calls are made ready before the clock starts: no translation is counted against it.
  It looks through all levels for the best, so a book of fewer levels brings it closer.

All are run with the garbage collector on, as users run.
"""

from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any, Final

from benchmarks.measure import compare, rate
from benchmarks.reference_book import ReferenceBook
from sim.protocol.enums import Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.matching import MatchingCore

COUNT: Final = 1_000_000
QUICK_COUNT: Final = 100_000
OPEN_ORDERS: Final = 1_000
SEED: Final = 20_240_229

Message = NewOrderSingle | OrderCancelRequest
LightCall = tuple[int, int, int, bool]
"""Order: side (1, 2), price, lots, IOC or not. Cancel: side 0, the engine's order id, 0, False."""


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; ``quick`` takes fewer messages and rounds."""
    count = QUICK_COUNT if quick else COUNT
    tape = make_tape(count)
    peers: dict[str, Callable[[], float]] = {"reference_book": lambda: _reference_rate(tape)}
    ratio_min = {"reference_book": 0.4}
    engine = _light_engine()
    if engine is not None:
        calls = light_calls(tape)
        peers["lightmatchingengine"] = lambda: _light_rate(engine(), calls)
        ratio_min["lightmatchingengine"] = 1.5
    row = compare(
        "matching",
        "messages/s",
        lambda: _our_rate(tape),
        peers,
        rounds=3 if quick else 5,
        ratio_min=ratio_min,
        aim=900_000,
    )
    if engine is None:
        row["note"] = "lightmatchingengine is not installed: that target was not measured"
        row["met"] = False
    return [row]


def make_tape(count: int) -> list[Message]:
    """The first ``count`` messages; each one fits the book that those before it leave."""
    chance = Random(SEED)
    book, crowd = ReferenceBook(), _Crowd(chance)
    tape: list[Message] = []
    middle = 10_000
    for n in range(count):
        draw = chance.random()
        middle += chance.choice((-1, 1)) if draw < 0.01 else 0
        side = chance.choice((Side.BUY, Side.SELL))
        sign = 1 if side is Side.BUY else -1
        if draw < 0.1:
            lots, price = chance.randint(1, 150), middle + 3 * sign
            taker = NewOrderSingle(
                f"o{n}", side, QtyLots(lots), _shared(price), time_in_force=TimeInForce.IOC
            )
            for _, maker, _, _ in book.add(taker):
                if maker not in book.orders:
                    crowd.leave(maker)
            tape.append(taker)
        elif draw < 0.1 + 0.9 * (1 - len(crowd.names) / (2 * OPEN_ORDERS)):
            lots, away = chance.randint(1, 100), 1 + int(chance.expovariate(1 / 40))
            price = middle - away * sign
            best = book.asks if side is Side.BUY else book.bids
            if best:  # never crossing: the middle may have walked past old orders
                price = sign * min(sign * price, best.peekitem(0)[0] - 1)
            order = NewOrderSingle(f"o{n}", side, QtyLots(lots), _shared(price))
            book.add(order)
            crowd.join(order.cl_ord_id)
            tape.append(order)
        else:
            gone = OrderCancelRequest(f"c{n}", crowd.pick())
            book.cancel(gone)
            crowd.leave(gone.orig_cl_ord_id)
            tape.append(gone)
    return tape


class _Crowd:
    """Names of open orders, to pick one at random from."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._places: dict[str, int] = {}
        self.names: list[str] = []

    def join(self, name: str) -> None:
        self._places[name] = len(self.names)
        self.names.append(name)

    def leave(self, name: str) -> None:
        place, last = self._places.pop(name), self.names.pop()
        if last != name:
            self.names[place] = last
            self._places[last] = place

    def pick(self) -> str:
        return self._chance.choice(self.names)


@cache
def _shared(price: int) -> PriceTicks:
    """One object per price: a tape of a million should not be mostly integers."""
    return PriceTicks(price)


def _our_rate(tape: Sequence[Message]) -> float:
    """Messages per second of CPU time through ``MatchingCore``."""
    handle = MatchingCore().handle

    def work() -> None:
        now = TimeNs(0)
        for msg in tape:
            handle(msg, now)

    return rate(len(tape), work)


def _reference_rate(tape: Sequence[Message]) -> float:
    """Messages per second of CPU time through the bare book."""
    book = ReferenceBook()
    add, cancel = book.add, book.cancel

    def work() -> None:
        for msg in tape:
            if isinstance(msg, NewOrderSingle):
                add(msg)
            else:
                cancel(msg)

    return rate(len(tape), work)


def _light_engine() -> Callable[[], Any] | None:
    """The peer's class, or None where the peer is not installed."""
    try:
        from lightmatchingengine.lightmatchingengine import LightMatchingEngine
    except ImportError:
        return None
    engine: Callable[[], Any] = LightMatchingEngine
    return engine


def light_calls(tape: Sequence[Message]) -> list[LightCall]:
    """The tape as calls of the peer, which numbers orders in their order from 1."""
    ids: dict[str, int] = {}
    calls: list[LightCall] = []
    for msg in tape:
        if isinstance(msg, NewOrderSingle):
            ids[msg.cl_ord_id] = len(ids) + 1
            ioc = msg.time_in_force is TimeInForce.IOC
            side = 1 if msg.side is Side.BUY else 2
            calls.append((side, msg.price or 0, msg.order_qty, ioc))
        else:
            calls.append((0, ids[msg.orig_cl_ord_id], 0, False))
    return calls


def _light_rate(engine: Any, calls: Sequence[LightCall]) -> float:
    """Messages per second of CPU time through lightmatchingengine."""
    return rate(len(calls), lambda: play_light(engine, calls))


def play_light(engine: Any, calls: Sequence[LightCall]) -> None:
    """Make the calls."""
    add, cancel = engine.add_order, engine.cancel_order
    for side, price, lots, ioc in calls:
        if not side:
            cancel(price, "X")
            continue
        order, _ = add("X", price, lots, side)
        if ioc and order.leaves_qty:
            cancel(order.order_id, "X")
