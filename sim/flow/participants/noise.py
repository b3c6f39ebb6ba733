"""``noise``: trades at random, for reasons of its own.

At exponential intervals it picks one of its venues and a side by chance. With probability ``take``
it takes at the best price that it knows there (IOC), else it rests an order at or behind the best
price of its own side and cancels it after a while. It knows nothing, and learns nothing.
"""

from collections.abc import Mapping
from math import log
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sim.flow.base import FlowGrid, Problems
from sim.flow.participants.base import (
    Action,
    Actions,
    ParticipantConfig,
    ParticipantCore,
    Setting,
    WakeAt,
    on_every_grid,
)
from sim.flow.participants.orders import OwnOrders
from sim.flow.poisson import Probability
from sim.protocol.config import Duration, PositiveDecimal
from sim.protocol.enums import Side, TimeInForce
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import VenueReport
from sim.protocol.units import MAX_NS

_NEXT = "next"


class NoiseParticipant(ParticipantConfig):
    """Takes and rests at random over its venues, around the prices that it has heard of.

    Source: noise traders after Kyle (1985) and Black (1986); own convention: Poisson arrivals,
    uniform sizes.
    """

    rests: ClassVar[bool] = True

    kind: Literal["noise"]
    rate: Annotated[float, Field(gt=0, le=1_000_000)]
    """Orders per second, on average."""
    qty: PositiveDecimal
    """Largest order; sizes are uniform from one lot of the venue."""
    take: Probability = 0.5
    """Share of orders that take."""
    levels: Annotated[int, Field(ge=1, le=1000)] = 3
    """Resting orders stand 0 to this many of the venue's ticks, less one, behind the best price."""
    lifetime: Annotated[Duration, Field(gt=0, json_schema_extra={"default": "1s"})] = 10**9
    """After this time a resting order is canceled."""

    def problems(self, grids: Mapping[str, FlowGrid]) -> Problems:
        """See the base."""
        return on_every_grid(grids, ("qty",), "qty", self.qty)

    def build(self, setting: Setting) -> "NoiseCore":
        """See the base."""
        return NoiseCore(self, setting)


class NoiseCore(ParticipantCore):
    """Draws five uniforms for each order, used or not, so that orders do not shift each other."""

    def __init__(self, config: NoiseParticipant, setting: Setting) -> None:
        super().__init__(setting)
        self._config = config
        self._stream = setting.stream
        self._venues = list(setting.grids)
        self._orders = OwnOrders(setting.account)

    def on_start(self, now_ns: int) -> Actions:
        """See the base."""
        return [self._next(now_ns)]

    def on_quote(self, book: BookSnapshot, before: BookSnapshot | None, now_ns: int) -> Actions:
        """It looks at the market only when its own time has come."""
        return ()

    def on_report(self, venue_id: str, report: VenueReport, now_ns: int) -> Actions:
        """See the base."""
        self._orders.on_report(report)
        return ()

    def on_timer(self, tag: str, now_ns: int) -> Actions:
        """See the base."""
        if tag != _NEXT:
            return self._orders.cancel(tag)
        uniform = self._stream.uniform
        where, side, kind, size, away = uniform(), uniform(), uniform(), uniform(), uniform()
        venue_id = self._venues[int(where * len(self._venues))]
        actions: list[Action] = [self._next(now_ns)]
        book = self.view.get(venue_id)
        if book is None or not self.is_open(venue_id):
            return actions
        grid = self.grids[venue_id]
        lots = grid.lot * (1 + int(size * (grid.qty(self._config.qty) // grid.lot)))
        buys = side < 0.5
        if kind < self._config.take:
            there = book.asks if buys else book.bids
            if there:
                actions.append(self._orders.take(venue_id, _side(buys=buys), lots, there[0][0]))
            return actions
        own = book.bids if buys else book.asks
        if own:
            behind = int(away * self._config.levels) * grid.tick
            price = own[0][0] - behind if buys else own[0][0] + behind
            if price > 0:
                order = self._orders.limit(venue_id, _side(buys=buys), lots, price, TimeInForce.GTC)
                until = now_ns + self._config.lifetime
                actions += [order, WakeAt(until, order.msg.cl_ord_id)]
        return actions

    def _next(self, now_ns: int) -> WakeAt:
        """The wake-up for the next order, at least a nanosecond away."""
        gap = -log(self._stream.uniform()) * 1e9 / self._config.rate
        return WakeAt(now_ns + 1 + int(min(gap, MAX_NS)), _NEXT)


def _side(*, buys: bool) -> Side:
    return Side.BUY if buys else Side.SELL
