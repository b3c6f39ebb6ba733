"""``latency_arbitrageur``: takes quotes that another venue's move has left behind.

Each book that reaches it is news of one venue. Where another venue still shows lots at a price that
the news makes good by more than ``edge``, it takes them there (IOC), and sells or buys as much back
where the news came from. What it takes for stale may have moved on long ago: it sees no more than
its own feeds have brought.
"""

from collections.abc import Mapping
from typing import Literal

from sim.flow.base import FlowGrid, Problems
from sim.flow.participants.base import (
    Action,
    Actions,
    ParticipantConfig,
    ParticipantCore,
    Setting,
    Tell,
    on_every_grid,
)
from sim.flow.participants.orders import OwnOrders
from sim.flow.participants.taking import sweep
from sim.protocol.config import PositiveDecimal
from sim.protocol.enums import Side
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import VenueReport


class LatencyArbitrageurParticipant(ParticipantConfig):
    """Takes what a venue still shows after another one has moved, and closes there.

    Source: stale-quote sniping as in Budish, Cramton and Shim (2015).
    """

    kind: Literal["latency_arbitrageur"]
    edge: PositiveDecimal
    """How much better than the news a price must be, per share."""
    qty: PositiveDecimal
    """Most that it takes on one piece of news, over all venues."""
    hedge: bool = True
    """Whether it trades as much the other way where the news came from."""

    def problems(self, grids: Mapping[str, FlowGrid]) -> Problems:
        """See the base."""
        found = on_every_grid(grids, ("edge",), "price", self.edge)
        found += on_every_grid(grids, ("qty",), "qty", self.qty)
        if len(self.venues) < 2:
            found.append((("venues",), "needs two venues: one moves, the other is left behind"))
        return found

    def build(self, setting: Setting) -> "LatencyArbitrageurCore":
        """See the base."""
        return LatencyArbitrageurCore(self, setting)


class LatencyArbitrageurCore(ParticipantCore):
    """Shoots once at each book of a venue and side: it does not know what became of the rest."""

    def __init__(self, config: LatencyArbitrageurParticipant, setting: Setting) -> None:
        super().__init__(setting)
        units = next(iter(setting.grids.values())).units
        self._edge = units.price_to_ticks(config.edge)
        self._qty = units.qty_to_lots(config.qty)
        self._hedge = config.hedge
        self._orders = OwnOrders(setting.account)
        self._shot_at: dict[tuple[str, Side], int] = {}
        self._closes_at: dict[str, tuple[str, int]] = {}

    def on_start(self, now_ns: int) -> Actions:
        """See the base."""
        return ()

    def on_quote(self, book: BookSnapshot, before: BookSnapshot | None, now_ns: int) -> Actions:
        """See the base."""
        if book.venue_id not in self.grids or not self.is_open(book.venue_id):
            return ()
        actions: list[Action] = []
        if book.bids:
            actions += self._shoot(Side.BUY, book.venue_id, book.bids[0][0])
        if book.asks:
            actions += self._shoot(Side.SELL, book.venue_id, book.asks[0][0])
        return actions

    def on_report(self, venue_id: str, report: VenueReport, now_ns: int) -> Actions:
        """See the base."""
        fill = self._orders.on_report(report)
        if fill is None:
            return ()
        name = fill.order.cl_ord_id
        closes_at = self._closes_at.get(name)
        if name not in self._orders.open:
            self._closes_at.pop(name, None)
        if closes_at is None:
            return ()
        where, price = closes_at
        lots = fill.qty // self.grids[where].lot * self.grids[where].lot
        side = Side.SELL if fill.order.side is Side.BUY else Side.BUY
        return [self._orders.take(where, side, lots, price)] if lots else ()

    def on_timer(self, tag: str, now_ns: int) -> Actions:
        """It asks for none."""
        return ()

    def _shoot(self, side: Side, news: str, price: int) -> list[Action]:
        """Take on ``side`` what the price at the venue with news makes good elsewhere."""
        worst = price - self._edge if side is Side.BUY else price + self._edge
        others = [
            name
            for name in self.grids
            if name != news
            and self.is_open(name)
            and name in self.view
            and self._shot_at.get((name, side)) != self.view[name].venue_seq
        ]
        actions: list[Action] = []
        for venue_id, qty, limit in sweep(
            self.view, others, side, worst=worst, qty=self._qty, grids=self.grids
        ):
            self._shot_at[venue_id, side] = self.view[venue_id].venue_seq
            order = self._orders.take(venue_id, side, qty, limit)
            if self._hedge:
                self._closes_at[order.msg.cl_ord_id] = (news, price)
            detail = f"{news} has moved"
            actions += [Tell("took_stale", venue_id, detail, side, qty, limit), order]
        return actions
