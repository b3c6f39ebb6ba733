"""``predator``: looks for someone large, trades ahead of them, and sells back to them.

It does not know who trades. Of every quantity that becomes visible to it, a print or lots that are
newly displayed at a best price, it concludes with probability ``1 - exp(-alpha * quantity)`` that
there is more to come on that side. Then it takes what is cheap on that side, offers what it got at
a mark-up, and after ``hold`` gets rid of what nobody took. It may be wrong, and pay for it.
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
from sim.flow.participants.orders import OwnOrders, SendNew
from sim.flow.participants.prints import aggressor_of, printed_qty
from sim.flow.participants.taking import sweep
from sim.protocol.config import Duration, PositiveDecimal
from sim.protocol.detection import detect_prob
from sim.protocol.enums import Side, TimeInForce
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.orders import VenueReport
from sim.protocol.units import plain


class PredatorParticipant(ParticipantConfig):
    """Notices large quantities by chance, trades ahead of whoever is behind them, and sells back.

    Source: detection as in the customer's document; order anticipation as in Brunnermeier and
    Pedersen (2005); own convention: one hunt at a time, a fixed mark-up and a fixed hold.
    """

    rests: ClassVar[bool] = True

    kind: Literal["predator"]
    alpha: Annotated[float, Field(ge=0, le=1_000_000)]
    """Detectability per share: it notices ``q`` shares with probability ``1 - exp(-alpha * q)``."""
    watches: Literal["prints", "displayed", "both"] = "prints"
    """What it looks at: trades, lots newly displayed at a best price, or both."""
    qty: PositiveDecimal
    """Most that it takes in one hunt, over all its venues."""
    reach: PositiveDecimal
    """How far beyond the best price it goes, when it takes and when it gets rid of the rest."""
    markup: PositiveDecimal
    """How much more than it paid it asks for."""
    hold: Annotated[Duration, Field(gt=0)]
    """How long it waits for its price."""

    def problems(self, grids: Mapping[str, FlowGrid]) -> Problems:
        """See the base."""
        return [
            *on_every_grid(grids, ("qty",), "qty", self.qty),
            *on_every_grid(grids, ("reach",), "price", self.reach),
            *on_every_grid(grids, ("markup",), "price", self.markup),
        ]

    def build(self, setting: Setting) -> "PredatorCore":
        """See the base."""
        return PredatorCore(self, setting)


class PredatorCore(ParticipantCore):
    """Waits, hunts, and gets rid of the rest; one hunt at a time."""

    def __init__(self, config: PredatorParticipant, setting: Setting) -> None:
        super().__init__(setting)
        self._units = units = next(iter(setting.grids.values())).units
        self._config = config
        self._qty = units.qty_to_lots(config.qty)
        self._reach = units.price_to_ticks(config.reach)
        self._markup = units.price_to_ticks(config.markup)
        self._lot = float(units.lot_size)
        self._keyed = setting.keyed
        self._orders = OwnOrders(setting.account)
        self._seen: dict[str, int] = {}
        self._side: Side | None = None  # of the hunt; None: it waits
        self._leaving = False
        self._cash = 0  # ticks times lots of the hunt so far
        self._got = 0  # lots taken in it
        self._hunts = 0

    def on_start(self, now_ns: int) -> Actions:
        """See the base."""
        return ()

    def on_quote(self, book: BookSnapshot, before: BookSnapshot | None, now_ns: int) -> Actions:
        """See the base."""
        if self._side is not None or before is None:
            return ()
        watches = self._config.watches
        if watches != "displayed" and (qty := printed_qty(book, before)):
            number = self._count(book.venue_id)
            if self._notices(book.venue_id, number, qty):
                side = aggressor_of(book, before, self._mid()) or self._guess(book.venue_id, number)
                return self._hunt(side, book.venue_id, qty, now_ns)
        if watches != "prints":
            for side, levels, old in (
                (Side.BUY, book.bids, before.bids),
                (Side.SELL, book.asks, before.asks),
            ):
                qty = _newly_shown(side, levels, old)
                if qty and self._notices(book.venue_id, self._count(book.venue_id), qty):
                    return self._hunt(side, book.venue_id, qty, now_ns)
        return ()

    def on_report(self, venue_id: str, report: VenueReport, now_ns: int) -> Actions:
        """See the base."""
        fill = self._orders.on_report(report)
        actions: list[Action] = []
        if fill is not None:
            sign = 1 if fill.order.side is Side.SELL else -1
            self._cash += sign * fill.price * fill.qty
            if fill.order.side is self._side and not self._leaving:
                self._got += fill.qty
                actions.append(self._offer(venue_id, fill.price, fill.qty))
        if self._side is not None and not self._orders.open:
            actions += self._finish_or_leave(now_ns)
        return actions

    def on_timer(self, tag: str, now_ns: int) -> Actions:
        """The hold is over, or it tries again to get rid of the rest."""
        if self._side is None or tag != self._over:
            return ()  # of a hunt that is over already
        self._leaving = True
        if self._orders.open:
            return [one for name in list(self._orders.open) for one in self._orders.cancel(name)]
        return self._finish_or_leave(now_ns)

    @property
    def _over(self) -> str:
        """The tag of this hunt's wake-ups."""
        return f"over {self._hunts}"

    def _count(self, venue_id: str) -> int:
        """The how manieth observation at a venue this is."""
        number = self._seen[venue_id] = self._seen.get(venue_id, 0) + 1
        return number

    def _notices(self, venue_id: str, number: int, lots: int) -> bool:
        chance = detect_prob(lots * self._lot, self._config.alpha)
        return self._keyed.uniform("seen", venue_id, number) < chance

    def _guess(self, venue_id: str, number: int) -> Side:
        """A print in the middle says nothing of the side: half the time it is wrong."""
        buys = self._keyed.uniform("side", venue_id, number) < 0.5
        return Side.BUY if buys else Side.SELL

    def _hunt(self, side: Side, venue_id: str, qty: int, now_ns: int) -> list[Action]:
        chance = detect_prob(qty * self._lot, self._config.alpha)
        actions: list[Action] = [Tell("detected", venue_id, f"chance {chance:.4f}", side, qty)]
        best = self._best(side)
        if best is None:
            return actions
        worst = best + self._reach if side is Side.BUY else best - self._reach
        orders = self._sweep(side, worst, self._qty)
        if not orders:
            return actions
        self._side, self._leaving, self._cash, self._got = side, False, 0, 0
        self._hunts += 1
        lots = sum(order.msg.order_qty for order in orders)
        actions.append(Tell("ran_ahead", None, "", side, lots, worst))
        return [*actions, *orders, WakeAt(now_ns + self._config.hold, self._over)]

    def _offer(self, venue_id: str, paid: int, qty: int) -> SendNew:
        """Rest what was got where it was got, at a mark-up."""
        if self._side is Side.BUY:
            side, price = Side.SELL, paid + self._markup
        else:
            side, price = Side.BUY, max(self.grids[venue_id].tick, paid - self._markup)
        return self._orders.limit(venue_id, side, qty, price, TimeInForce.GTC)

    def _finish_or_leave(self, now_ns: int) -> list[Action]:
        """Nothing is open: either it is rid of all, or it takes what it gets for the rest."""
        position = self._orders.position
        if not position:
            made = plain(self._units.notional(self._cash))
            side = Side.SELL if self._side is Side.BUY else Side.BUY
            self._side = None
            return [Tell("sold_back", None, f"made {made}", side, self._got)]
        if not self._leaving:
            return []
        side = Side.SELL if position > 0 else Side.BUY
        best = self._best(side)
        again = WakeAt(now_ns + self._config.hold, self._over)
        if best is None:
            return [again]
        worst = best + self._reach if side is Side.BUY else max(1, best - self._reach)
        return [*self._sweep(side, worst, abs(position)), again]

    def _sweep(self, side: Side, worst: int, qty: int) -> list[SendNew]:
        where = [venue_id for venue_id in self.grids if self.is_open(venue_id)]
        taken = sweep(self.view, where, side, worst=worst, qty=qty, grids=self.grids)
        return [self._orders.take(venue_id, side, lots, price) for venue_id, lots, price in taken]

    def _best(self, side: Side) -> int | None:
        """The best price that one who takes on ``side`` sees at the venues where it trades."""
        books = [self.view[venue_id] for venue_id in self.grids if venue_id in self.view]
        if side is Side.BUY:
            return min((book.asks[0][0] for book in books if book.asks), default=None)
        return max((book.bids[0][0] for book in books if book.bids), default=None)

    def _mid(self) -> int | None:
        bid, ask = self._best(Side.SELL), self._best(Side.BUY)
        return None if bid is None or ask is None else bid + ask


def _newly_shown(side: Side, levels: Levels, old: Levels) -> int:
    """Lots that a side's best price shows more than before; all of them at a better price.

    A side that was empty before tells nothing: who fills it is the market itself.
    """
    if not levels or not old:
        return 0
    price, lots = levels[0]
    if old[0][0] == price:
        return max(0, lots - old[0][1])
    if (price < old[0][0]) == (side is Side.BUY):
        return 0  # the best price is worse than before: nothing new stands there
    return lots
