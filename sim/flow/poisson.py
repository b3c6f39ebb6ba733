"""``poisson``: others add, cancel and take at random, independent of each other and of us.

Gaps between messages are exponential. Each message is a taker (IOC) with probability ``take``, a
cancel of a random own order with probability ``cancel``, else a limit order at a random level on
its own side of a fixed centre price. It is background activity, not a market model: the centre
does not move.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from math import log
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from sim.flow.base import FlowConfig, FlowGrid, Problems, off_grid
from sim.kernel.streams import Stream
from sim.protocol.config import PositiveDecimal
from sim.protocol.enums import OrdType, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest, OrderMessage

Probability = Annotated[float, Field(ge=0, le=1)]

# Most messages of a run come from here. Looking an Enum's member up, or a NewType, costs as much as
# making the message.
BUY: Final = Side.BUY
SELL: Final = Side.SELL
LIMIT: Final = OrdType.LIMIT
IOC: Final = TimeInForce.IOC
GTC: Final = TimeInForce.GTC
new_order: Final[Callable[..., NewOrderSingle]] = NewOrderSingle


class PoissonFlow(FlowConfig):
    """Random limit orders, cancels and takers around a fixed centre price.

    Source: Poisson arrivals after the zero-intelligence models (Smith, Farmer, Gillemot and
    Krishnamurthy 2003); own convention: the centre stays, and sizes are uniform.
    """

    kind: Literal["poisson"]
    rate: Annotated[float, Field(gt=0, le=10_000_000)]
    """Messages per second."""
    centre: PositiveDecimal
    """Bids rest below it, asks above it."""
    levels: Annotated[int, Field(ge=1, le=1000)] = 10
    """Limit orders stand 1 to this many of the venue's ticks from the centre."""
    lots: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """Largest order, in the venue's lots; sizes are uniform from 1 lot."""
    take: Probability = 0.1
    """Share of messages that take."""
    cancel: Probability = 0.4
    """Share of messages that cancel."""

    @model_validator(mode="after")
    def _shares(self) -> "PoissonFlow":
        if self.take + self.cancel > 1:
            raise ValueError(f"take + cancel must be <= 1, was {self.take + self.cancel}")
        return self

    def problems(self, grid: FlowGrid) -> Problems:
        """See the base."""
        found = off_grid(("centre",), grid.price, self.centre)
        if not found and grid.price(self.centre) <= self.levels * grid.tick:
            found.append((("levels",), "must leave the lowest bid above zero"))
        return found

    @property
    def rests(self) -> bool:
        """See the base."""
        return self.take < 1

    def messages(
        self, grid: FlowGrid, stream: Stream, account: str, end_ns: int
    ) -> Iterator[tuple[int, OrderMessage]]:
        """See the base."""
        mean_gap_ns = -1e9 / self.rate
        centre, levels, lots = int(grid.price(self.centre)), self.levels, self.lots
        tick, lot = grid.tick, grid.lot
        reach = levels * tick
        take, cancel = self.take, self.take + self.cancel
        prefix = f"{account}."
        resting: list[str] = []
        t_ns = 0
        # Five draws for each message, used or not: the n-th message has the same chance whatever
        # the shares of its kinds are.
        draws = chain.from_iterable(_blocks(stream))
        fives = zip(draws, draws, draws, draws, draws, strict=False)
        for n, (gap, kind, which, size, away) in enumerate(fives, 1):
            t_ns += int(log(gap) * mean_gap_ns) + 1
            if t_ns > end_ns:
                return
            cl_ord_id = f"{prefix}{n}"
            if kind < take:
                qty = lot * (1 + int(size * lots))
                side, price = (BUY, centre + reach) if which < 0.5 else (SELL, centre - reach)
                yield t_ns, new_order(cl_ord_id, side, qty, price, LIMIT, IOC, account)
            elif kind < cancel and resting:
                # The last one takes the free place: a cancel costs the same with many orders.
                at = int(which * len(resting))
                target, resting[at] = resting[at], resting[-1]
                resting.pop()
                yield t_ns, OrderCancelRequest(cl_ord_id, target, account)
            else:
                qty = lot * (1 + int(size * lots))
                steps = tick * (1 + int(away * levels))
                side, price = (BUY, centre - steps) if which < 0.5 else (SELL, centre + steps)
                resting.append(cl_ord_id)
                yield t_ns, new_order(cl_ord_id, side, qty, price, LIMIT, GTC, account)


def _blocks(stream: Stream) -> Iterator[list[float]]:
    while True:
        yield stream.block().tolist()
