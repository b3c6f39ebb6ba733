"""``poisson``: others add, cancel and take at random, independent of each other and of us.

Gaps between messages are exponential. Each message is a taker (IOC) with probability ``take``, a
cancel of a random own order with probability ``cancel``, else a limit order at a random level on
its own side of a fixed centre price. It is background activity, not a market model: the centre
does not move.
"""

from collections.abc import Callable, Iterator
from itertools import accumulate, count, islice, takewhile
from math import log
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
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
_AT_ONCE: Final = 64
_TAKE: Final = 0
_CANCEL: Final = 1
_ADD: Final = 2
_INT64_MAX: Final = 2**63 - 1
_NEVER: Final = 2.0**62
"""Nanoseconds; no run lasts as long."""

Columns = NDArray[np.float64]
"""Shape (5, messages): gap, kind, place, size, distance; uniform in (0, 1)."""

Row = tuple[int, int, float, Side, int, int]
"""Time, kind, place among the resting orders, side, lots, price. A cancel has them all as well:
while nothing rests it becomes a new order."""

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
        prefix = f"{account}."
        resting: list[str] = []
        take, cancel = _TAKE, _CANCEL
        numbers = count(1)
        for rows in self._rows(grid, stream, end_ns):
            # A few at a time: the processor does the same work again and again at its quickest.
            while True:
                made: list[tuple[int, OrderMessage]] = []
                for t_ns, kind, which, side, qty, price in islice(rows, _AT_ONCE):
                    cl_ord_id = f"{prefix}{next(numbers)}"
                    if kind == cancel and resting:
                        # The last one takes the free place: as cheap with many as with few.
                        target = resting.pop()
                        at = int(which * (len(resting) + 1))
                        if at < len(resting):
                            target, resting[at] = resting[at], target
                        made.append((t_ns, OrderCancelRequest(cl_ord_id, target, account)))
                    else:
                        tif = GTC
                        if kind == take:
                            tif = IOC
                        else:
                            resting.append(cl_ord_id)
                        made.append(
                            (t_ns, new_order(cl_ord_id, side, qty, price, LIMIT, tif, account))
                        )
                if not made:
                    break
                yield from made

    def _rows(self, grid: FlowGrid, stream: Stream, end_ns: int) -> Iterator[Iterator[Row]]:
        """Block by block what was drawn for each message, up to the last one by ``end_ns``."""
        centre, tick = int(grid.price(self.centre)), grid.tick
        reach, lots = self.levels * tick, self.lots
        most = max(centre + reach, grid.lot * lots)
        whole = np.int64 if most <= _INT64_MAX else object
        t_ns = 0
        for gap, kind, which, size, away in _fives(stream):
            times = list(accumulate(self._gaps(gap), initial=t_ns))
            t_ns = times[-1]
            takes = kind < self.take
            kinds = np.where(takes, _TAKE, np.where(kind < self.take + self.cancel, _CANCEL, _ADD))
            buys = which < 0.5
            qty = grid.lot * (1 + _floor(size * lots).astype(whole))
            steps = tick * (1 + _floor(away * self.levels).astype(whole))
            # A buyer stands below the centre, or takes all that stands above it.
            ahead = np.where(takes, reach, -steps)
            price = centre + np.where(buys, ahead, -ahead)
            rows = zip(
                islice(times, 1, None),
                kinds.tolist(),
                which.tolist(),
                [BUY if buy else SELL for buy in buys.tolist()],
                qty.tolist(),
                price.tolist(),
                strict=True,
            )
            if t_ns > end_ns:
                yield takewhile(lambda row: row[0] <= end_ns, rows)
                return
            yield rows

    def _gaps(self, uniforms: NDArray[np.float64]) -> list[int]:
        """Whole nanoseconds between messages, at least one each."""
        # The logarithm is scalar: numpy's differs between processors in the last bit.
        logs = np.fromiter(map(log, uniforms.tolist()), float, len(uniforms))
        gaps: list[int] = (1 + _floor(np.minimum(logs * (-1e9 / self.rate), _NEVER))).tolist()
        return gaps


def _fives(stream: Stream) -> Iterator[Columns]:
    """The stream's draws, five for each message, used or not, as columns of whole messages.

    So the n-th message has the same chance whatever the shares of its kinds are.
    """
    rest = np.empty(0)
    while True:
        draws = np.concatenate((rest, stream.block()))
        messages = len(draws) // 5
        rest = draws[5 * messages :]
        yield draws[: 5 * messages].reshape(messages, 5).T


def _floor(positive: NDArray[np.float64]) -> NDArray[np.int64]:
    return positive.astype(np.int64)  # towards zero, as int() does
