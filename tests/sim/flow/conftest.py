"""A book and a place at it, and a flow that acts there without a loop around it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from sim.flow.base import FlowGrid
from sim.flow.book_flow import BookFlow, Moves, Place, start_flows
from sim.kernel.streams import Streams
from sim.protocol.orders import OrderMessage
from sim.protocol.units import Units
from venues.core.lit import LitCore

UNITS = Units(Decimal("0.01"), Decimal(1))


@dataclass
class Stand:
    """A flow at a book: ``step`` lets it act once and returns what it sent."""

    core: LitCore
    place: Place
    moves: Moves
    t_ns: int = 0
    """When it acts next."""
    sent: list[tuple[int, OrderMessage]] = field(default_factory=list)

    def step(self) -> OrderMessage | None:
        now_ns, (self.t_ns, msg) = self.t_ns, next(self.moves)
        if msg is not None:
            self.sent.append((now_ns, msg))
            self.core.handle(msg, now_ns)  # type: ignore[arg-type]
        return msg


@pytest.fixture
def stand() -> Callable[..., Stand]:
    """``stand(flow, seed=1, before=..., tick=1, lot=1)``; ``before`` gets the book first."""

    def make(
        flow: BookFlow,
        *,
        seed: int = 1,
        before: Callable[[LitCore], Any] = lambda core: None,
        tick: int = 1,
        lot: int = 1,
    ) -> Stand:
        core = LitCore(tick, lot)
        before(core)
        stream = Streams(seed).get("flow")
        place = Place(core, FlowGrid(UNITS, tick, lot), stream, "flow0")
        ((t_ns, moves),) = start_flows(
            [(flow, place)],
            lambda msg: core.handle(msg, 0),  # type: ignore[arg-type]
        )
        return Stand(core, place, moves, t_ns)

    return make
