"""``poisson``: others add, cancel and take at random, independent of each other and of us.

Gaps between messages are exponential. Each message is a taker (IOC) with probability ``take``, a
cancel of a random own order with probability ``cancel``, else a limit order at a random level on
its own side of a fixed centre price. It is background activity, not a market model: the centre
does not move.
"""

from collections.abc import Iterator
from math import log
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.flow.base import FlowConfig, Problems, off_grid
from sim.kernel.streams import Stream
from sim.protocol.config import PositiveDecimal
from sim.protocol.enums import OrdType, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest, OrderMessage
from sim.protocol.units import PriceTicks, QtyLots, Units

Probability = Annotated[float, Field(ge=0, le=1)]


class PoissonFlow(FlowConfig):
    """Random limit orders, cancels and takers around a fixed centre price."""

    kind: Literal["poisson"]
    rate: Annotated[float, Field(gt=0, le=10_000_000)]
    """Messages per second."""
    centre: PositiveDecimal
    """Bids rest below it, asks above it."""
    levels: Annotated[int, Field(ge=1, le=1000)] = 10
    """Limit orders stand 1 to this many ticks from the centre."""
    lots: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """Largest order; sizes are uniform from 1 lot."""
    take: Probability = 0.1
    """Share of messages that take."""
    cancel: Probability = 0.4
    """Share of messages that cancel."""

    @model_validator(mode="after")
    def _shares(self) -> "PoissonFlow":
        if self.take + self.cancel > 1:
            raise ValueError(f"take + cancel must be <= 1, was {self.take + self.cancel}")
        return self

    def problems(self, units: Units) -> Problems:
        """See the base."""
        found = off_grid(("centre",), units.price_to_ticks, self.centre)
        if not found and units.price_to_ticks(self.centre) <= self.levels:
            found.append((("levels",), "must leave the lowest bid above zero"))
        return found

    def messages(
        self, units: Units, stream: Stream, account: str, end_ns: int
    ) -> Iterator[tuple[int, OrderMessage]]:
        """See the base."""
        uniform = stream.uniform
        mean_gap_ns = 1e9 / self.rate
        centre, levels, lots = units.price_to_ticks(self.centre), self.levels, self.lots
        take, cancel = self.take, self.take + self.cancel
        resting: list[str] = []
        t_ns, n = 0, 0
        while True:
            t_ns += int(-log(uniform()) * mean_gap_ns) + 1
            if t_ns > end_ns:
                return
            n += 1
            choice = uniform()
            if take <= choice < cancel and resting:
                # The last one takes the free place: a cancel costs the same with many orders.
                at = int(uniform() * len(resting))
                target, resting[at] = resting[at], resting[-1]
                resting.pop()
                yield t_ns, OrderCancelRequest(f"{account}.{n}", target, account)
                continue
            buys = uniform() < 0.5
            qty = QtyLots(1 + int(uniform() * lots))
            takes = choice < take
            away = -levels if takes else 1 + int(uniform() * levels)
            cl_ord_id = f"{account}.{n}"
            if not takes:
                resting.append(cl_ord_id)
            yield (
                t_ns,
                NewOrderSingle(
                    cl_ord_id,
                    Side.BUY if buys else Side.SELL,
                    qty,
                    PriceTicks(centre - away if buys else centre + away),
                    OrdType.LIMIT,
                    TimeInForce.IOC if takes else TimeInForce.GTC,
                    account,
                ),
            )
