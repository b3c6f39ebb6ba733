"""``fresh_supply``: what others have at one price is drawn anew every so often.

Each time, what is left of the last order is canceled and an order of a drawn size takes its place,
or none with the probability ``empty``. In a dark pool that is hidden supply in the sense of the
learning literature: unknown, drawn for each period from one law, and told by fills alone. Two such
flows, one after the other, are a change of regime.
"""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sim.flow.base import FlowConfig, FlowGrid, Problems, off_grid
from sim.flow.laws import SizeLaw
from sim.kernel.streams import Stream
from sim.protocol.config import Duration, PositiveDecimal
from sim.protocol.enums import OrdType, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest, OrderMessage
from sim.protocol.units import QtyLots


class FreshSupply(FlowConfig):
    """One order at one price, of a size that is drawn anew every so often.

    Source: the supply of Ganchev, Kearns, Nevmyvaka and Wortman Vaughan (2009): nothing with some
    probability, else from a law of sizes, independent from period to period; own convention: what
    nobody took is gone at the end of its period.
    """

    kind: Literal["fresh_supply"]
    side: Literal["buy", "sell"]
    """Of the orders that rest."""
    price: PositiveDecimal
    """Their limit."""
    every: Annotated[Duration, Field(gt=0)]
    """Length of a period."""
    size: SizeLaw
    """Law of what is there in a period, in the venue's lots."""
    empty: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Probability that nothing is there in a period."""
    start: Duration = Field(0, json_schema_extra={"default": "0ns"})
    """When the first period begins."""
    stop: Duration | None = None
    """When the last order is canceled at the latest; later than ``start``."""

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        if self.stop is not None and self.stop <= self.start:
            raise ValueError("stop must be later than start: both count from the start of the run")
        return self

    @property
    def rests(self) -> bool:
        """See the base."""
        return True

    def problems(self, grid: FlowGrid) -> Problems:
        """See the base."""
        return off_grid(("price",), grid.price, self.price)

    def messages(
        self, grid: FlowGrid, stream: Stream, account: str, end_ns: int
    ) -> Iterator[tuple[int, OrderMessage]]:
        """See the base. Two draws a period, used or not: the n-th has the same in every run."""
        side, price, lot = Side(self.side), grid.price(self.price), grid.lot
        size, resting = self.size.quantile(), ""
        stop_ns = end_ns if self.stop is None else min(end_ns, self.stop)
        t_ns, n = self.start, 0
        while t_ns <= stop_ns:
            n += 1
            if resting:
                yield t_ns, OrderCancelRequest(f"{account}.{n}c", resting, account)
                resting = ""
            if t_ns == self.stop:
                return
            nothing, drawn = stream.uniform(), stream.uniform()
            if nothing >= self.empty:
                resting = f"{account}.{n}"
                qty = QtyLots(size(drawn) * lot)
                yield (
                    t_ns,
                    NewOrderSingle(
                        resting, side, qty, price, OrdType.LIMIT, TimeInForce.GTC, account
                    ),
                )
            t_ns += self.every
            if self.stop is not None:
                t_ns = min(t_ns, self.stop)
