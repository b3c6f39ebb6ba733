"""Events as taps write them down tell the book, order by order and level by level."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sim.data.events import BID, Event
from sim.protocol.enums import OrdType, SelfTrade, Side, TimeInForce
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderInstructions,
    OrderReduceRequest,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from sim.study.market_tap import LevelTap, OrderTap
from venues.core.lit import LitCore

Row = tuple[int, Event, int, int, int, int]
Lines = dict[tuple[int, int], list[tuple[int, int]]]
"""By side and price the orders in line, each with its id and open lots."""


class Replay:
    """The simplest reader of events: it follows them by the letter."""

    def __init__(self) -> None:
        self.lines: Lines = {}
        self._place: dict[int, tuple[int, int]] = {}
        self.rows: list[Row] = []

    def note(  # as the tap calls it
        self, t_ns: int, event: Event, side: int, price: int, qty: int, order_id: int
    ) -> None:
        self.rows.append((t_ns, event, side, price, qty, order_id))
        if event is Event.ADD:
            self._join((side, price), order_id, qty)
        elif event in {Event.EXECUTE, Event.REDUCE, Event.DELETE, Event.MODIFY}:
            at = self._place[order_id]
            line = self.lines[at]
            k = next(k for k, one in enumerate(line) if one[0] == order_id)
            left = line[k][1] - qty
            if event is Event.EXECUTE:
                assert (side, price) == at
                assert k == 0, "only the first in line trades"
                assert left >= 0
            if event is Event.MODIFY and ((side, price) != at or left < 0):
                self._leave(order_id)
                self._join((side, price), order_id, qty)
            elif event is Event.MODIFY:
                line[k] = (order_id, qty)
            elif event is Event.DELETE or not left:
                self._leave(order_id)
            else:
                line[k] = (order_id, left)

    def _join(self, at: tuple[int, int], order_id: int, qty: int) -> None:
        assert order_id not in self._place
        self._place[order_id] = at
        self.lines.setdefault(at, []).append((order_id, qty))

    def _leave(self, order_id: int) -> None:
        at = self._place.pop(order_id)
        self.lines[at] = [one for one in self.lines[at] if one[0] != order_id]
        if not self.lines[at]:
            del self.lines[at]


def lines_of(core: LitCore) -> Lines:
    lines: Lines = {}
    for side in (Side.BUY, Side.SELL):
        for order in core.resting(side):
            at = (BID if side is Side.BUY else -BID, abs(order.key))
            lines.setdefault(at, []).append((order.order_id, order.leaves_qty))
    return lines


@st.composite
def messages(draw: st.DrawFn) -> Sequence[Any]:
    made: list[Any] = []
    names = [f"o{n}" for n in range(12)]
    for n in range(draw(st.integers(1, 40))):
        kind = draw(st.integers(0, 9))
        target, qty = draw(st.sampled_from(names)), QtyLots(draw(st.integers(1, 9)))
        price = PriceTicks(draw(st.integers(95, 105)))
        if kind < 6:
            side = draw(st.sampled_from([Side.BUY, Side.SELL]))
            tif = draw(st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC]))
            mode = draw(st.sampled_from(list(SelfTrade)))
            made.append(
                NewOrderSingle(target, side, qty, price, OrdType.LIMIT, tif, "A", self_trade=mode)
            )
        elif kind == 6:
            made.append(OrderCancelRequest(f"c{n}", target, "A"))
        elif kind == 7:
            made.append(OrderReduceRequest(f"r{n}", target, qty, "A"))
        else:
            made.append(
                OrderCancelReplaceRequest(draw(st.sampled_from(names)), target, qty, price, "A")
            )
    return made


@given(sent=messages())
def test_order_events_rebuild_the_book_after_every_message(sent: Sequence[Any]) -> None:
    core, replay = LitCore(), Replay()
    core.seed(Side.BUY, 97, 5)
    core.seed(Side.SELL, 103, 5)
    tap = OrderTap(core, replay.note)
    tap.start()
    for n, msg in enumerate(sent):
        tap.handle(msg, TimeNs(n))
        assert replay.lines == lines_of(core)
    core.check()
    assert [row[0] for row in replay.rows] == sorted(row[0] for row in replay.rows)


@given(sent=messages())
def test_level_events_rebuild_what_is_published(sent: Sequence[Any]) -> None:
    core = LitCore()
    core.seed(Side.BUY, 97, 5)
    levels: dict[tuple[int, int], int] = {}
    traded = 0

    def note(t_ns: int, event: Event, side: int, price: int, qty: int, order_id: int) -> None:
        nonlocal traded
        assert not order_id
        if event is Event.TRADE:
            traded += qty
        else:
            levels[side, price] = qty
            if not qty:
                del levels[side, price]

    tap = LevelTap(core, note, 5)
    tap.start()
    for n, msg in enumerate(sent):
        tap.handle(msg, TimeNs(n))
        bids, asks = core.published(5)
        assert levels == {(1, px): qty for px, qty in bids} | {(-1, px): qty for px, qty in asks}
    assert traded == core.volume


def test_what_does_not_show_is_told_as_prints_alone() -> None:
    core, replay = LitCore(), Replay()
    tap = OrderTap(core, replay.note)
    hidden = OrderInstructions(hidden=True)
    tap.handle(
        NewOrderSingle("h", Side.SELL, QtyLots(5), PriceTicks(100), instructions=hidden), TimeNs(1)
    )
    tap.handle(NewOrderSingle("b", Side.BUY, QtyLots(2), PriceTicks(100)), TimeNs(2))
    assert replay.rows == [(2, Event.TRADE, 1, 100, 2, 0)]


def test_an_iceberg_shows_its_slices() -> None:
    core, replay = LitCore(), Replay()
    tap = OrderTap(core, replay.note)
    iceberg = OrderInstructions(display_qty=QtyLots(3))
    tap.handle(
        NewOrderSingle("i", Side.SELL, QtyLots(8), PriceTicks(100), instructions=iceberg),
        TimeNs(1),
    )
    tap.handle(NewOrderSingle("s", Side.SELL, QtyLots(4), PriceTicks(100)), TimeNs(2))
    tap.handle(NewOrderSingle("b", Side.BUY, QtyLots(3), PriceTicks(100)), TimeNs(3))
    assert replay.lines == lines_of(core)
    assert [row[1] for row in replay.rows] == [Event.ADD, Event.ADD, Event.EXECUTE, Event.ADD]
