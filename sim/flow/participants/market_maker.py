"""``market_maker``: quotes both sides at several venues, and gives way where it learns of a fill.

It shows its whole size at every venue but does not want to trade it at all of them: once it learns
of a fill at one venue it cancels or shifts what it shows at the others. Who reaches them later than
its cancels finds less than was shown (phantom liquidity). Its view of the mid is the middle of the
best prices of *others* that have reached it; while it has none, the last one, at first ``start``.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

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
from sim.flow.participants.prints import aggressor_of
from sim.flow.participants.quoting import Place, Quotes
from sim.protocol.config import Duration, PositiveDecimal
from sim.protocol.enums import Side
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.orders import VenueReport

_AGAIN = "again"


class MarketMakerParticipant(ParticipantConfig):
    """Quotes both sides at several venues around its view of the mid, and fades after a fill.

    Source: fading quotes and phantom liquidity as in Budish, Cramton and Shim (2015); own
    convention: one size everywhere, and a fixed time until it quotes again.
    """

    rests: ClassVar[bool] = True

    kind: Literal["market_maker"]
    half_spread: PositiveDecimal
    """How far its best quotes stand from its view of the mid."""
    qty: PositiveDecimal
    """What it shows at each level of each side of each venue."""
    levels: Annotated[int, Field(ge=1, le=20)] = 1
    """Levels per side, a tick of the venue apart."""
    start: PositiveDecimal | None = None
    """Its view of the mid until others quote both sides; without it, it waits for them."""
    learns: Literal["fills", "trades"] = "fills"
    """From reports on its own fills alone, or also from every print in the feeds."""
    fade: Literal["none", "cancel", "shift"] = "cancel"
    """What it does when somebody has taken on one side: nothing but to leave out for ``hold`` what
    was filled; cancel that side everywhere; or move all quotes away by ``shift``."""
    shift: PositiveDecimal | None = None
    """How far ``fade: shift`` moves; only with it."""
    hold: Annotated[Duration, Field(gt=0, json_schema_extra={"default": "1s"})] = 10**9
    """How long it gives way."""

    @model_validator(mode="after")
    def _shift_goes_with_its_fade(self) -> "MarketMakerParticipant":
        if (self.fade == "shift") != (self.shift is not None):
            raise ValueError(
                "shift and fade: shift go together, one without the other says nothing"
            )
        return self

    def problems(self, grids: Mapping[str, FlowGrid]) -> Problems:
        """See the base."""
        return [
            *on_every_grid(grids, ("qty",), "qty", self.qty),
            *on_every_grid(grids, ("half_spread",), "price", self.half_spread),
            *on_every_grid(grids, ("start",), "price", self.start),
            *on_every_grid(grids, ("shift",), "price", self.shift),
        ]

    def build(self, setting: Setting) -> "MarketMakerCore":
        """See the base."""
        return MarketMakerCore(self, setting)


class MarketMakerCore(ParticipantCore):
    """Steers its quotes to where they belong after everything that it learns."""

    def __init__(self, config: MarketMakerParticipant, setting: Setting) -> None:
        super().__init__(setting)
        units = next(iter(setting.grids.values())).units
        self._qty = units.qty_to_lots(config.qty)
        self._half = units.price_to_ticks(config.half_spread)
        self._shift = 0 if config.shift is None else units.price_to_ticks(config.shift)
        self._levels = config.levels
        self._fade = config.fade
        self._reads_trades = config.learns == "trades"
        self._hold_ns = config.hold
        self._mid = None if config.start is None else 2 * units.price_to_ticks(config.start)
        self._orders = OwnOrders(setting.account)
        self._quotes = Quotes(self._orders, post_only=True)
        self._held: dict[Side, int] = {}  # by side of its quotes: gives way until then
        self._empty: dict[Place, int] = {}  # filled, and left out until then
        self._others: dict[str, tuple[int | None, int | None]] = {}

    def on_start(self, now_ns: int) -> Actions:
        """See the base."""
        for venue_id in self.view:
            self._look(venue_id)
        return self._requote(now_ns)

    def on_quote(self, book: BookSnapshot, before: BookSnapshot | None, now_ns: int) -> Actions:
        """See the base."""
        actions: list[Action] = []
        if self._reads_trades:
            taker = aggressor_of(book, before)
            if taker is not None and before is not None:
                qty = book.volume - before.volume
                actions += self._give_way(_contra(taker), book.venue_id, qty, now_ns)
        if self._look(book.venue_id) or actions:
            actions += self._requote(now_ns)
        return actions

    def on_status(self, venue_id: str, now_ns: int) -> Actions:
        """See the base."""
        return self._requote(now_ns)

    def on_report(self, venue_id: str, report: VenueReport, now_ns: int) -> Actions:
        """See the base."""
        fill = self._orders.on_report(report)
        moved = self._look(venue_id)
        if fill is None:
            return self._requote(now_ns) if moved else ()
        actions = self._give_way(fill.order.side, venue_id, fill.qty, now_ns)
        if self._fade == "none" and not fill.order.leaves_qty:
            for level in range(self._levels):
                place = Place(venue_id, fill.order.side, level)
                if not self._quotes.stands(place):
                    self._empty[place] = now_ns + self._hold_ns
            actions.append(WakeAt(now_ns + self._hold_ns, _AGAIN))
        return [*actions, *self._requote(now_ns)]

    def on_timer(self, tag: str, now_ns: int) -> Actions:
        """See the base."""
        return self._requote(now_ns)

    def _give_way(self, side: Side, venue_id: str, qty: int, now_ns: int) -> list[Action]:
        """Somebody has taken quotes of ``side``: let it hold for a while, if that is its way."""
        if self._fade == "none":
            return []
        fresh = self._held.get(side, 0) <= now_ns
        self._held[side] = now_ns + self._hold_ns
        actions: list[Action] = [WakeAt(now_ns + self._hold_ns, _AGAIN)]
        if fresh:
            done = "cancels its" if self._fade == "cancel" else "moves away from"
            quotes = "asks" if side is Side.SELL else "bids"
            actions.append(Tell("faded", venue_id, f"{done} {quotes} everywhere", side, qty))
        return actions

    def _requote(self, now_ns: int) -> list[Action]:
        if self._mid is None:
            return []
        mid = self._mid
        held = {side for side, until in self._held.items() if until > now_ns}
        if self._fade == "shift":
            mid += 2 * self._shift * ((Side.SELL in held) - (Side.BUY in held))
        actions: list[Action] = []
        for venue_id, grid in self.grids.items():
            for side in (Side.BUY, Side.SELL):
                gone = not self.is_open(venue_id) or (self._fade == "cancel" and side in held)
                best = _on_grid(mid, self._half, grid.tick, side)
                for level in range(self._levels):
                    place = Place(venue_id, side, level)
                    away = level * grid.tick
                    price = best - away if side is Side.BUY else best + away
                    if gone or price <= 0 or self._empty.get(place, 0) > now_ns:
                        actions += self._quotes.drop(place)
                    else:
                        actions += self._quotes.want(place, price, self._qty)
        return actions

    def _look(self, venue_id: str) -> bool:
        """Form a view of the mid from what others show; True if it has changed.

        While something of its own is under way to a venue it cannot tell its own lots there from
        those of others, and keeps what it knew: or it would chase itself.
        """
        book, orders = self.view.get(venue_id), self._orders
        if book is None or not orders.is_settled(venue_id):
            return False
        if book.venue_seq < orders.venue_seq.get(venue_id, 0):
            return False
        self._others[venue_id] = (
            self._best_of_others(venue_id, Side.BUY, book.bids),
            self._best_of_others(venue_id, Side.SELL, book.asks),
        )
        bid = max((one for one, _ in self._others.values() if one is not None), default=None)
        ask = min((one for _, one in self._others.values() if one is not None), default=None)
        if bid is None or ask is None or bid >= ask:
            return False  # crossed: some of it is older than the rest
        changed = self._mid != bid + ask
        self._mid = bid + ask
        return changed

    def _best_of_others(self, venue_id: str, side: Side, levels: Levels) -> int | None:
        for price, lots in levels:
            if lots > self._orders.lots_at(venue_id, side, price):
                return price
        return None


def _contra(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


def _on_grid(mid: int, half: int, tick: int, side: Side) -> int:
    """The best quote of a side around a mid in half ticks, rounded away from it."""
    if side is Side.BUY:
        return (mid - 2 * half) // (2 * tick) * tick
    return -((-mid - 2 * half) // (2 * tick)) * tick
