"""``fundamental_flow``: the everyday market of several venues, around one fundamental.

At each of its venues it keeps a ladder of resting orders around the value of the ``fundamental``
as it was ``lag`` ago, and its takers come at exponential intervals. Both are split over the venues
by ``share``. So all venues move together, each with its own delay: without a lag their mids are the
same martingale; with different lags the slower ones show stale quotes after each jump.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import log
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from sim.flow.base import FlowGrid, Problems
from sim.flow.participants.base import (
    AccessConfig,
    Action,
    Actions,
    ParticipantConfig,
    ParticipantCore,
    Setting,
    WakeAt,
    on_every_grid,
)
from sim.flow.participants.orders import OwnOrders
from sim.flow.participants.quoting import Place, Quotes
from sim.protocol.config import Duration, PositiveDecimal, ScenarioModel, Seq
from sim.protocol.enums import Side
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import VenueReport
from sim.protocol.units import MAX_NS, plain

_TAKE = "take"
_JUMP = "jump"
_REFILL = "refill"


class SharedAccessConfig(AccessConfig):
    """A venue, its share of the flow, and how late the flow there follows the fundamental."""

    share: Annotated[PositiveDecimal, Field(le=1)]
    """Share of resting lots and of takers; all shares sum to 1."""
    lag: Duration = Field(0, json_schema_extra={"default": "0ns"})
    """How much later than the fundamental the ladder moves."""


class TakersConfig(ScenarioModel):
    """Orders that take, without looking."""

    rate: Annotated[float, Field(gt=0, le=1_000_000)]
    """Orders per second over all venues, on average."""
    qty: PositiveDecimal
    """Largest order; sizes are uniform from one lot of the venue."""


class FundamentalFlowParticipant(ParticipantConfig):
    """Resting orders and takers at several venues, around one fundamental with a lag at each.

    Source: own convention: a ladder of constant size that moves with the value, and Poisson takers.
    """

    needs_feed: ClassVar[bool] = False
    needs_fundamental: ClassVar[bool] = True
    rests: ClassVar[bool] = True

    kind: Literal["fundamental_flow"]
    venues: Annotated[Seq[SharedAccessConfig], Field(min_length=1, max_length=200)]
    """Where it trades, with its shares and lags."""
    half_spread: PositiveDecimal
    """How far the best resting orders stand from the value."""
    qty: PositiveDecimal
    """Resting at each level and side, over all venues."""
    levels: Annotated[int, Field(ge=1, le=100)] = 1
    """Levels per side, a tick of the venue apart."""
    refill: Annotated[Duration, Field(gt=0, json_schema_extra={"default": "100ms"})] = 10**8
    """How long after a fill the ladder is whole again."""
    takers: TakersConfig | None = None
    """Others who take; without it none."""

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> "FundamentalFlowParticipant":
        total = sum((access.share for access in self.venues), Decimal(0))
        if total != 1:
            raise ValueError(f"the shares of its venues must sum to 1, they sum to {plain(total)}")
        return self

    def problems(self, grids: Mapping[str, FlowGrid]) -> Problems:
        """See the base."""
        found = [
            *on_every_grid(grids, ("qty",), "qty", self.qty),
            *on_every_grid(grids, ("half_spread",), "price", self.half_spread),
        ]
        if self.takers is not None:
            found += on_every_grid(grids, ("takers", "qty"), "qty", self.takers.qty)
        if not found and len(grids) == len(self.venues):
            for n, (venue_id, lots) in enumerate(self.split(grids).items()):
                if not lots:
                    message = f"leaves {venue_id} no lot of the {plain(self.qty)} per level"
                    found.append((("venues", n, "share"), message))
        return found

    def split(self, grids: Mapping[str, FlowGrid]) -> dict[str, int]:
        """Lots per level and venue: by share, rounded to whole lots of the venue.

        Each venue gets the part of its share that is whole lots there, and what is left goes lot by
        lot to the largest remainder, the first of the list where two are equal.
        """
        total = next(iter(grids.values())).units.qty_to_lots(self.qty)
        wanted = {one.venue: Fraction(one.share) * total for one in self.venues}
        lots = {
            name: int(some // grids[name].lot) * grids[name].lot for name, some in wanted.items()
        }
        while True:
            left = total - sum(lots.values())
            behind = [(lots[name] - some, name) for name, some in wanted.items()]
            fitting = [(gap, name) for gap, name in behind if grids[name].lot <= left]
            if not fitting:
                return lots
            name = min(fitting, key=lambda one: one[0])[1]
            lots[name] += grids[name].lot

    def build(self, setting: Setting) -> "FundamentalFlowCore":
        """See the base."""
        return FundamentalFlowCore(self, setting)


class FundamentalFlowCore(ParticipantCore):
    """Moves the ladder of a venue a lag after each jump, and mends it after fills."""

    def __init__(self, config: FundamentalFlowParticipant, setting: Setting) -> None:
        super().__init__(setting)
        assert setting.fundamental is not None
        units = next(iter(setting.grids.values())).units
        self._fundamental = setting.fundamental
        self._stream = setting.stream
        self._end_ns = setting.end_ns
        self._half = units.price_to_ticks(config.half_spread)
        self._levels = config.levels
        self._refill_ns = config.refill
        self._lots = config.split(setting.grids)
        self._lag_ns = {access.venue: access.lag for access in config.venues}
        self._takers = config.takers
        self._take_lots = 0 if config.takers is None else units.qty_to_lots(config.takers.qty)
        ends, total = [], Fraction(0)
        for access in config.venues:
            total += Fraction(access.share)
            ends.append((float(total), access.venue))
        self._share_ends = ends
        self._orders = OwnOrders(setting.account)
        self._quotes = Quotes(self._orders, post_only=False)
        self._mending: set[str] = set()

    def on_start(self, now_ns: int) -> Actions:
        """See the base."""
        actions: list[Action] = []
        for venue_id in self.grids:
            actions += self._ladder(venue_id, now_ns)
            actions += self._wait_for_jump(venue_id, 1)
        if self._takers is not None:
            actions.append(self._next_taker(now_ns))
        return actions

    def on_quote(self, book: BookSnapshot, before: BookSnapshot | None, now_ns: int) -> Actions:
        """It follows the value alone."""
        return ()

    def on_report(self, venue_id: str, report: VenueReport, now_ns: int) -> Actions:
        """See the base."""
        fill = self._orders.on_report(report)
        if fill is None or venue_id in self._mending:
            return ()
        self._mending.add(venue_id)
        return [WakeAt(now_ns + self._refill_ns, f"{_REFILL} {venue_id}")]

    def on_timer(self, tag: str, now_ns: int) -> Actions:
        """See the base."""
        what, _, rest = tag.partition(" ")
        if what == _TAKE:
            return self._take(now_ns)
        if what == _REFILL:
            self._mending.discard(rest)
            return self._ladder(rest, now_ns)
        venue_id, _, n = rest.partition(" ")
        return [*self._ladder(venue_id, now_ns), *self._wait_for_jump(venue_id, int(n) + 1)]

    def _wait_for_jump(self, venue_id: str, n: int) -> list[WakeAt]:
        jump = self._fundamental.jump(n, self._end_ns)
        if jump is None:
            return []
        return [WakeAt(jump[0] + self._lag_ns[venue_id], f"{_JUMP} {venue_id} {n}")]

    def _value(self, venue_id: str, now_ns: int) -> int:
        return self._fundamental.value(now_ns - self._lag_ns[venue_id])

    def _ladder(self, venue_id: str, now_ns: int) -> list[Action]:
        """Have the whole ladder of a venue stand where it belongs now."""
        tick = self.grids[venue_id].tick
        value, lots = self._value(venue_id, now_ns), self._lots[venue_id]
        bid = (value - self._half) // tick * tick
        ask = -((-value - self._half) // tick) * tick
        actions: list[Action] = []
        wanted: list[tuple[Place, int]] = []
        for level in range(self._levels):
            wanted.append((Place(venue_id, Side.BUY, level), bid - level * tick))
            wanted.append((Place(venue_id, Side.SELL, level), ask + level * tick))
        # All that is to go goes first: else a new bid would meet an old ask of its own.
        for place, price in wanted:
            if price <= 0 or not self._quotes.stands_at(place, price, lots):
                actions += self._quotes.drop(place)
        for place, price in wanted:
            if price > 0:
                actions += self._quotes.want(place, price, lots, full=True)
        return actions

    def _next_taker(self, now_ns: int) -> WakeAt:
        assert self._takers is not None
        gap = -log(self._stream.uniform()) * 1e9 / self._takers.rate
        return WakeAt(now_ns + 1 + int(min(gap, MAX_NS)), _TAKE)

    def _take(self, now_ns: int) -> list[Action]:
        """One taker: three more draws, used or not."""
        uniform = self._stream.uniform
        where, side, size = uniform(), uniform(), uniform()
        venue_id = next(name for end, name in self._share_ends if where < end or end == 1)
        grid = self.grids[venue_id]
        lots = grid.lot * (1 + int(size * (self._take_lots // grid.lot)))
        value = self._value(venue_id, now_ns)
        reach = self._half + self._levels * grid.tick
        buys = side < 0.5
        limit = (value + reach) // grid.tick * grid.tick if buys else value - reach
        limit = max(grid.tick, -(-limit // grid.tick) * grid.tick)
        order = self._orders.take(venue_id, Side.BUY if buys else Side.SELL, lots, limit)
        return [self._next_taker(now_ns), order]
