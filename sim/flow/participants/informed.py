"""``informed``: knows what the instrument will be worth a while before it is, and trades on it.

It learns of each jump of the ``fundamental`` that is to come ``ahead`` of it, with probability
``chance``, and takes at once what it sees at prices that the new value makes good. So the lots that
are still there after it are those on the wrong side of the move.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sim.flow.base import FlowGrid, Problems
from sim.flow.participants.base import (
    Action,
    Actions,
    ParticipantConfig,
    ParticipantCore,
    Setting,
    Tell,
    WakeAt,
    on_every_grid,
)
from sim.flow.participants.orders import OwnOrders
from sim.flow.participants.taking import sweep
from sim.flow.poisson import Probability
from sim.protocol.config import Duration, PositiveDecimal
from sim.protocol.enums import Side
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import VenueReport
from sim.protocol.units import format_duration


class InformedParticipant(ParticipantConfig):
    """Takes what the fundamental's next jump will make worth more, before the jump.

    Source: informed traders after Glosten and Milgrom (1985); own convention: the value jumps, and
    who knows it knows it exactly.
    """

    needs_fundamental: ClassVar[bool] = True

    kind: Literal["informed"]
    ahead: Annotated[Duration, Field(gt=0)]
    """How long before a jump it knows of it."""
    qty: PositiveDecimal
    """Most that it takes before one jump, over all its venues."""
    edge: PositiveDecimal | None = None
    """Takes no price that is less than this better than the new value; without it any better."""
    chance: Probability = 1.0
    """Probability that it learns of a jump."""

    def problems(self, grids: Mapping[str, FlowGrid]) -> Problems:
        """See the base."""
        found = on_every_grid(grids, ("qty",), "qty", self.qty)
        return found + on_every_grid(grids, ("edge",), "price", self.edge)

    def build(self, setting: Setting) -> "InformedCore":
        """See the base."""
        return InformedCore(self, setting)


class InformedCore(ParticipantCore):
    """Wakes ahead of each jump; the tag of a wake-up is the number of the jump."""

    def __init__(self, config: InformedParticipant, setting: Setting) -> None:
        super().__init__(setting)
        assert setting.fundamental is not None
        grid = next(iter(setting.grids.values()))
        self._qty = grid.units.qty_to_lots(config.qty)
        self._edge = 1 if config.edge is None else grid.units.price_to_ticks(config.edge)
        self._ahead_ns = config.ahead
        self._chance = config.chance
        self._fundamental = setting.fundamental
        self._keyed = setting.keyed
        self._end_ns = setting.end_ns
        self._orders = OwnOrders(setting.account)

    def on_start(self, now_ns: int) -> Actions:
        """See the base."""
        return self._wait_for(1)

    def on_quote(self, book: BookSnapshot, before: BookSnapshot | None, now_ns: int) -> Actions:
        """What it knows comes from elsewhere; it looks at books when it trades."""
        return ()

    def on_report(self, venue_id: str, report: VenueReport, now_ns: int) -> Actions:
        """See the base."""
        self._orders.on_report(report)
        return ()

    def on_timer(self, tag: str, now_ns: int) -> Actions:
        """See the base."""
        n = int(tag)
        actions: list[Action] = list(self._wait_for(n + 1))
        jump = self._fundamental.jump(n, self._end_ns + self._ahead_ns)
        if jump is None or self._keyed.uniform("jump", n) > self._chance:
            return actions
        t_ns, value = jump
        rises = value > self._fundamental.value(t_ns - 1)
        side = Side.BUY if rises else Side.SELL
        worst = value - self._edge if rises else value + self._edge
        where = [venue_id for venue_id in self.grids if self.is_open(venue_id)]
        taken = sweep(self.view, where, side, worst=worst, qty=self._qty, grids=self.grids)
        for venue_id, qty, price in taken:
            detail = f"the value jumps in {format_duration(max(0, t_ns - now_ns))}"
            actions += [
                Tell("traded_ahead", venue_id, detail, side, qty, price),
                self._orders.take(venue_id, side, qty, price),
            ]
        return actions

    def _wait_for(self, n: int) -> list[WakeAt]:
        jump = self._fundamental.jump(n, self._end_ns + self._ahead_ns)
        return [] if jump is None else [WakeAt(jump[0] - self._ahead_ns, str(n))]
