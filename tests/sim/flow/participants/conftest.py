"""A setting for pure cores, and short ways to write what reaches them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeAlias

import pytest

from sim.flow.base import FlowGrid
from sim.flow.participants.base import SendTo, Setting, Tell, WakeAt
from sim.flow.participants.fundamental import Fundamental
from sim.kernel.streams import Streams
from sim.protocol.enums import ExecType, OrdStatus
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.orders import ExecutionReport, NewOrderSingle, OrderCancelRequest
from sim.protocol.units import PriceTicks, QtyLots, TimeNs, Units

Settings: TypeAlias = Callable[..., Setting]
Books: TypeAlias = Callable[..., BookSnapshot]
Sent: TypeAlias = Callable[[Any], list[tuple[Any, ...]]]
Answer: TypeAlias = Callable[..., ExecutionReport]


@pytest.fixture
def setting() -> Settings:
    """``setting(venues, path)``: of an account X; ``path`` holds the fundamental's jumps."""

    def make(
        venues: str = "AB", path: Fundamental | None = None, lot: int = 1, seed: int = 1
    ) -> Setting:
        units = Units(Decimal("0.01"), Decimal(1))
        streams = Streams(seed)
        return Setting(
            account="X",
            grids={name: FlowGrid(units, 1, lot) for name in venues},
            stream=streams.get("participant", "X"),
            keyed=streams.keyed("participant", "X"),
            fundamental=path,
            end_ns=10**9,
        )

    return make


@pytest.fixture
def path() -> Fundamental:
    """A fundamental that jumps by 5 ticks, about ten times a second."""
    return Fundamental(10_000, 5, 10.0, Streams(1).get("fundamental"))


@pytest.fixture
def book() -> Books:
    """``book(venue, bids, asks, last=(price, volume))``."""
    seqs: dict[str, int] = {}

    def make(
        venue: str, bids: Levels = (), asks: Levels = (), last: tuple[int, int] | None = None
    ) -> BookSnapshot:
        seqs[venue] = seqs.get(venue, 0) + 1
        px, volume = last or (None, 0)
        return BookSnapshot(
            venue,
            seqs[venue],
            TimeNs(0),
            bids,
            asks,
            None if px is None else PriceTicks(px),
            QtyLots(0),
            QtyLots(volume),
        )

    return make


@pytest.fixture
def sent() -> Sent:
    """Actions as tuples: what is sent where, what is told, and when to wake."""

    def read(actions: Any) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for one in actions:
            if isinstance(one, WakeAt):
                found.append(("wake", one.t_ns))
            elif isinstance(one, Tell):
                found.append((one.event, one.venue_id, one.side, one.qty))
            elif isinstance(one, SendTo):
                msg = one.msg
                if isinstance(msg, NewOrderSingle):
                    found.append((one.venue_id, msg.side.value, msg.order_qty, msg.price))
                else:
                    assert isinstance(msg, OrderCancelRequest)
                    found.append((one.venue_id, "cancel", msg.orig_cl_ord_id))
        return found

    return read


@pytest.fixture
def answer() -> Answer:
    """``answer(send, kind, qty, px, seq)``: a report on a new order that was sent."""
    filled: dict[str, int] = {}

    def make(
        send: SendTo,
        kind: ExecType = ExecType.NEW,
        qty: int = 0,
        px: int | None = None,
        seq: int = 0,
    ) -> ExecutionReport:
        msg = send.msg
        assert isinstance(msg, NewOrderSingle)
        cum = filled[msg.cl_ord_id] = filled.get(msg.cl_ord_id, 0) + qty
        ended = kind in {ExecType.CANCELED, ExecType.REJECTED}
        return ExecutionReport(
            kind,
            OrdStatus.NEW,
            msg.cl_ord_id,
            "X",
            1,
            1,
            msg.side,
            msg.order_qty,
            QtyLots(cum),
            QtyLots(0 if ended else msg.order_qty - cum),
            TimeNs(0),
            seq,
            None if px is None else PriceTicks(px),
            QtyLots(qty),
        )

    return make
