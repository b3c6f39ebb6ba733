"""``queue_reactive``: what happens at a level depends on how long its queue is.

The model of Huang, Lehalle and Rosenbaum, "Simulating and analyzing order book data: the
queue-reactive model", Journal of the American Statistical Association 110, 2015. Around a reference
price stand K levels per side; limit orders, cancels and market orders come at each level at
intensities that a table gives by the length of the queue there. When the mid price moves, the
reference price follows by one tick with some probability, and then the whole book is drawn anew
from the stationary law with another. The published tables exist as figures only, so the user
brings them.

Candidates come at a bound of all intensities and are accepted by the intensity that holds then
(uniformisation), so what others do to the book needs no redrawing.
"""

from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from math import ceil, log
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from sim.flow.base import FlowGrid, Problems
from sim.flow.book_flow import EMPTY, BookFlow, Moves, OpeningConfig, Place, Rate
from sim.flow.draws import columns
from sim.flow.laws import Lots, Quantile, drawn_from
from sim.protocol.config import PositiveDecimal, ScenarioModel, Seq
from sim.protocol.enums import OrdType, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest, OrderMessage

BUY: Final = Side.BUY
SELL: Final = Side.SELL
NEVER: Final = 1e-30
QUEUE_MAX: Final = 1_000
"""Orders at which the stationary law of a queue is cut."""

new_order: Final[Callable[..., NewOrderSingle]] = NewOrderSingle
Table = Annotated[Seq[Rate], Field(min_length=1, max_length=QUEUE_MAX)]
Share = Annotated[float, Field(ge=0, le=1)]


def at(table: Sequence[float], orders: int) -> float:
    """The intensity at a queue of so many orders; the last one holds beyond the table."""
    return table[orders if orders < len(table) else -1]


class LevelTables(ScenarioModel):
    """Intensities of one level, by the orders in its queue: 0, 1, 2, ...; the last holds beyond."""

    limit: Table
    """Limit orders per ``per``."""
    cancel: Table
    """Cancels per ``per`` of the whole queue."""
    market: Table = (0.0,)
    """Market orders per ``per`` while this is the best level."""

    @model_validator(mode="after")
    def _stable(self) -> "LevelTables":
        if self.limit[-1] >= self.cancel[-1]:
            raise ValueError(
                f"at the end of the tables cancel must be above limit, or queues grow without "
                f"bound; was {self.cancel[-1]:g} and {self.limit[-1]:g}"
            )
        return self

    def stationary(self, *, best: bool) -> list[float]:
        """Law of the queue's length if nothing else moved; as the best level, or behind it.

        Detailed balance: ``p(n)`` is in proportion to the product of ``limit(k) / death(k + 1)``
        for k < n, where the death rate has market orders in it at the best level.
        """
        weights = [1.0]
        for n in range(1, QUEUE_MAX + 1):
            death = at(self.cancel, n) + (at(self.market, n) if best else 0.0)
            weight = weights[-1] * at(self.limit, n - 1) / death if death else 0.0
            if not weight:
                break
            weights.append(weight)
        total = sum(weights)
        return [weight / total for weight in weights]


class QueueReactiveFlow(BookFlow):
    """Intensities by the length of each queue around a reference price that moves with the mid.

    Source: Huang, Lehalle and Rosenbaum, Journal of the American Statistical Association 110, 2015.
    """

    kind: Literal["queue_reactive"]
    centre: PositiveDecimal
    """Price of the first bid level at the start; the first ask level is one venue's tick above."""
    levels: Annotated[Seq[LevelTables], Field(min_length=1, max_length=50)]
    """Tables of the first, second, ... level of either side, from the reference price."""
    unit: Lots = 1
    """Lots of the venue that count as one order in the tables."""
    move: Share
    """Probability that the reference price follows a move of the mid price (theta)."""
    redraw: Share
    """Probability that the book is drawn anew when it does (theta_reinit)."""

    def problems(self, grid: FlowGrid) -> Problems:
        """See the base."""
        found = super().problems(grid)
        if not found and grid.price(self.centre) <= len(self.levels) * grid.tick:
            found.append((("levels",), "must leave the lowest bid above zero"))
        return found

    def laws(self) -> list[Quantile]:
        """Stationary law of each level's length: the first as the best one, those behind it not."""
        return [drawn_from(level.stationary(best=not n)) for n, level in enumerate(self.levels)]

    def opening_orders(self, place: Place) -> Iterator[NewOrderSingle]:
        """The orders of ``opening``, or without any a book drawn from the stationary law."""
        if self.opening != OpeningConfig():
            yield from super().opening_orders(place)
            return
        lots, tick = self.size.quantile(), place.grid.tick
        bid = place.grid.price(self.centre)
        for n, law in enumerate(self.laws()):
            for side, price in ((BUY, bid - n * tick), (SELL, bid + (n + 1) * tick)):
                for _ in range(law(place.stream.uniform())):
                    name = f"{place.account}.o{len(place.own) + 1}"
                    place.own.append(name)
                    qty = place.grid.lot * lots(place.stream.uniform())
                    yield _limit(name, side, qty, price, place.account)

    def moves(self, place: Place) -> Moves:
        """See the base."""
        return _Reaction(self, place).moves()


def _limit(name: str, side: Side, qty: int, price: int, account: str) -> NewOrderSingle:
    return new_order(name, side, qty, price, OrdType.LIMIT, TimeInForce.GTC, account)


class _Reaction:
    """The state of one flow: its reference price and its orders by price.

    ``ref`` is the price of the first bid level. Orders are kept by key, as in the book: the price,
    negated for bids.
    """

    def __init__(self, config: QueueReactiveFlow, place: Place) -> None:
        self._config = config
        self._place = place
        self._bids, self._asks = place.book.sides
        self._tick, self._lot = place.grid.tick, place.grid.lot
        self._unit = config.unit * place.grid.lot
        self._ref = int(place.grid.price(config.centre))
        self._laws = config.laws()
        self._size = config.size.quantile()
        self._number = 0
        self._orders: dict[int, list[str]] = {}
        for name in place.own:
            order = place.book.open_orders.get(name)
            if order is not None:
                self._orders.setdefault(order.key, []).append(name)
        most = [max(table) for level in config.levels for table in (level.limit, level.cancel)]
        self._most = [*most, *most]
        self._market_most = max(max(level.market) for level in config.levels)
        rates = [*most, *most, self._market_most, self._market_most]
        self._bounds = list(accumulate(rate / config.per for rate in rates))

    def moves(self) -> Moves:
        """See ``Moves``."""
        t_ns, config = self._place.start_ns, self._config
        total = self._bounds[-1] or NEVER
        mid = self._mid()
        for block in columns(self._place.stream, 6):
            for u_gap, u_kind, accept, which, u_move, u_redraw in block.T.tolist():
                t_ns += 1 + int(-log(u_gap) / total)
                yield t_ns, None
                msg = self._candidate(bisect(self._bounds, u_kind * total), accept, which)
                if msg is not None:
                    yield t_ns, msg  # and look at once at what has become of the book
                now = self._mid()
                if now != mid and u_move < config.move:
                    self._ref += self._tick if now > mid else -self._tick
                    everything = u_redraw < config.redraw
                    for msg in self._refresh(up=now > mid, everything=everything):
                        yield t_ns, msg
                    now = self._mid()
                mid = now

    def _mid(self) -> int:
        """Twice the mid price; an empty side counts as if it began behind the last level."""
        reach = len(self._config.levels) * self._tick
        bid, ask = -self._bids.best, self._asks.best
        if self._bids.best == EMPTY:
            bid = self._ref - reach
        if ask == EMPTY:
            ask = self._ref + self._tick + reach
        return bid + ask

    def _candidate(self, part: int, accept: float, which: float) -> OrderMessage | None:
        """The message of one candidate if it is accepted, given the book as it is."""
        levels = self._config.levels
        per_side = 2 * len(levels)
        if part >= 2 * per_side:
            return self._market(BUY if part == 2 * per_side else SELL, accept, which)
        on_bid = part < per_side
        n, what = divmod(part if on_bid else part - per_side, 2)
        price = self._ref - n * self._tick if on_bid else self._ref + (n + 1) * self._tick
        if price <= 0:
            return None
        side = BUY if on_bid else SELL
        table = levels[n].cancel if what else levels[n].limit
        if accept * self._most[part] >= at(table, self._length(side, price)):
            return None
        return self._cancel(side, price, which) if what else self._add(side, price, which)

    def _length(self, side: Side, price: int) -> int:
        """Orders in a queue, of whomever, as the tables count them."""
        return ceil(self._place.book.qty_at(side, price) / self._unit)

    def _market(self, side: Side, accept: float, which: float) -> OrderMessage | None:
        contra = self._asks if side is BUY else self._bids
        if contra.best == EMPTY:
            return None
        price = abs(contra.best)
        away = price - self._ref - self._tick if side is BUY else self._ref - price
        n = min(max(0, away // self._tick), len(self._config.levels) - 1)
        length = self._length(SELL if side is BUY else BUY, price)
        if accept * self._market_most >= at(self._config.levels[n].market, length):
            return None
        qty = self._lot * self._size(which)
        return new_order(
            self._name(), side, qty, None, OrdType.MARKET, TimeInForce.IOC, self._place.account
        )

    def _name(self) -> str:
        self._number += 1
        return f"{self._place.account}.{self._number}"

    def _add(self, side: Side, price: int, which: float) -> OrderMessage | None:
        key = -price if side is BUY else price
        if (self._asks if side is BUY else self._bids).best <= -key:
            return None  # somebody stands there on the other side
        name = self._name()
        self._orders.setdefault(key, []).append(name)
        return _limit(name, side, self._lot * self._size(which), price, self._place.account)

    def _cancel(self, side: Side, price: int, which: float) -> OrderMessage | None:
        key = -price if side is BUY else price
        is_open = self._place.book.open_orders
        names = [name for name in self._orders.pop(key, ()) if name in is_open]
        if not names:
            return None
        target = names.pop(int(which * len(names)))
        if names:
            self._orders[key] = names
        return OrderCancelRequest(self._name(), target, self._place.account)

    def _refresh(self, *, up: bool, everything: bool) -> Iterator[OrderMessage]:
        """After a move of the reference price: the levels that are new, or all of them."""
        kept = set()
        if not everything:
            away = range(0, len(self._laws) * self._tick, self._tick)
            kept = {n - self._ref for n in away} | {self._ref + self._tick + n for n in away}
        is_open = self._place.book.open_orders
        for key in [key for key in self._orders if key not in kept]:
            for name in self._orders.pop(key):
                if name in is_open:
                    yield OrderCancelRequest(self._name(), name, self._place.account)
        uniform, last = self._place.stream.uniform, len(self._laws) - 1
        for n, law in enumerate(self._laws):
            for side in (BUY, SELL):
                if not everything and (n != last or (side is SELL) is not up):
                    continue  # an old level, whose queue is as it was at this price
                price = self._ref - n * self._tick
                if side is SELL:
                    price = self._ref + (n + 1) * self._tick
                for _ in range(law(uniform()) if price > 0 else 0):
                    order = self._add(side, price, uniform())
                    if order is not None:
                        yield order
