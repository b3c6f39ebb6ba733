"""``hawkes``: orders call forth orders; buyers and sellers excite themselves and each other.

Orders arrive as a Hawkes process with an exponential kernel: the intensity of all arrivals is
``base + sum(alpha * exp(-beta * (t - t_i)))`` over past arrivals ``t_i``. Each arrival buys or
sells; ``same_side`` of its excitation goes to its own side, the rest to the other. An arrival takes
at market or rests at a distance drawn by a law, for a life drawn by a law.

Gaps are exact, two draws each, without rejection (Dassios and Zhao, "Exact simulation of Hawkes
process with exponentially decaying intensity", Electronic Communications in Probability 18, 2013).
Source: Hawkes, "Spectra of some self-exciting and mutually exciting point processes", Biometrika
58, 1971.
"""

from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush
from itertools import pairwise
from math import exp, inf, log
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from sim.flow.book_flow import EMPTY, BookFlow, Moves, Place, references
from sim.flow.draws import columns
from sim.flow.laws import DistanceLaw, ForeverLife, LifeLaw
from sim.protocol.enums import OrdType, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest, OrderMessage

Share = Annotated[float, Field(ge=0, le=1)]
PositiveRate = Annotated[float, Field(gt=0, le=1e9)]
BURN_IN: Final = 10
"""Relaxation times, ``1 / (beta - alpha)``, before the start."""
BURN_IN_EVENTS: Final = 200_000
"""Arrivals that this may cost at most, in the mean."""

BUY: Final = Side.BUY
SELL: Final = Side.SELL
new_order: Final[Callable[..., NewOrderSingle]] = NewOrderSingle

Arrival = tuple[int, bool, float, float, float, float]
"""Time, whether it buys, and four draws: taking, distance, size, life."""


class HawkesFlow(BookFlow):
    """Self-exciting arrivals of market and limit orders; buyers and sellers excite each other.

    Source: Hawkes, Biometrika 58, 1971; sizes, distances and lives by laws of their own are our
    convention.
    """

    kind: Literal["hawkes"]
    base: PositiveRate
    """Arrivals per ``per`` that nothing excites, both sides together (mu)."""
    alpha: Annotated[float, Field(ge=0, le=1e9)]
    """By how much an arrival raises the intensity, per ``per`` and ``per``."""
    beta: PositiveRate
    """Rate per ``per`` at which that fades; ``alpha / beta`` must be below 1."""
    same_side: Share = 0.5
    """Share of the excitation that goes to the arrival's own side; 0.5: sides are independent."""
    take: Share = 0.1
    """Share of arrivals that take at market."""
    distance: DistanceLaw
    """Law of limit orders' distance from the opposite best price."""
    life: LifeLaw = ForeverLife(law="forever")
    """Law of the time after which a limit order is canceled."""

    @model_validator(mode="after")
    def _stationary(self) -> "HawkesFlow":
        if self.alpha >= self.beta:
            ratio = self.alpha / self.beta
            raise ValueError(f"alpha / beta must be < 1, or arrivals explode; was {ratio:g}")
        return self

    @property
    def mean_rate(self) -> float:
        """Arrivals per ``per`` in the long run."""
        return self.base / (1 - self.alpha / self.beta)

    def arrivals(self, place: Place) -> Iterator[Arrival]:
        """Arrivals from the start on, in a process that has run for long."""
        base, alpha, beta = self.base / self.per, self.alpha / self.per, self.beta / self.per
        own, other = alpha * self.same_side, alpha * (1 - self.same_side)
        mean = self.mean_rate / self.per
        burn_in = min(BURN_IN / (beta - alpha), BURN_IN_EVENTS / mean)
        t_ns = place.start_ns - int(burn_in)
        buys = sells = (mean - base) / 2  # excitation of each side, in the mean
        for block in columns(place.stream, 7):
            for u_fade, u_base, u_side, *rest in block.T.tolist():
                excited = buys + sells
                gap = -log(u_base) / base
                if excited > 0:
                    fading = 1 + beta * log(u_fade) / excited
                    gap = min(gap, -log(fading) / beta if fading > 0 else inf)
                faded = exp(-beta * gap)
                buys *= faded
                sells *= faded
                t_ns += 1 + int(gap)
                buyer = u_side * (base + buys + sells) < base / 2 + buys
                if buyer:
                    buys, sells = buys + own, sells + other
                else:
                    buys, sells = buys + other, sells + own
                if t_ns >= place.start_ns:
                    yield t_ns, buyer, rest[0], rest[1], rest[2], rest[3]

    def moves(self, place: Place) -> Moves:
        """See the base."""
        open_order = place.book.open_orders.get
        life, account = self.life.quantile(), place.account
        make = self._maker(place)
        ends: list[tuple[int, str]] = []
        if life is not None:
            ends = [(place.start_ns + life(place.stream.uniform()), name) for name in place.own]
            heapify(ends)
        msg: OrderMessage | None = None
        for number, (t_ns, buyer, u_take, u_distance, u_size, u_life) in enumerate(
            self.arrivals(place), 1
        ):
            while ends and ends[0][0] <= t_ns:
                end_ns, name = heappop(ends)
                yield end_ns, msg
                msg = None
                if open_order(name) is not None:
                    msg = OrderCancelRequest(f"{name}.c", name, account)
            yield t_ns, msg
            name = f"{account}.{number}"
            msg = make(name, buyer, u_take, u_distance, u_size)
            if life is not None and msg is not None and msg.price is not None:
                heappush(ends, (t_ns + life(u_life), name))

    def _maker(
        self, place: Place
    ) -> Callable[[str, bool, float, float, float], NewOrderSingle | None]:
        """What makes an arrival's order, given its name and draws and the book as it is."""
        (bids, asks), tick, lot = place.book.sides, place.grid.tick, place.grid.lot
        distance, size, take = self.distance.quantile(), self.size.quantile(), self.take
        bid, ask = references(place, self.centre)

        def make(
            name: str, buyer: bool, u_take: float, u_distance: float, u_size: float
        ) -> NewOrderSingle | None:
            nonlocal bid, ask
            bid = bid if bids.best == EMPTY else bids.best
            ask = ask if asks.best == EMPTY else asks.best
            side, qty = BUY if buyer else SELL, lot * size(u_size)
            if u_take < take:
                if (asks if buyer else bids).best == EMPTY:
                    return None
                return new_order(
                    name, side, qty, None, OrdType.MARKET, TimeInForce.IOC, place.account
                )
            away = tick * distance(u_distance)
            price = ask - away if buyer else away - bid
            if price <= 0:
                return None
            return new_order(name, side, qty, price, OrdType.LIMIT, TimeInForce.GTC, place.account)

        return make


def compensator(times: list[float], base: float, alpha: float, beta: float) -> Iterator[float]:
    """Integrated intensity between neighbours of ``times``: exponential with mean 1 if it fits.

    The first gap counts from the time before it; excitation older than ``times[0]`` is taken as
    that of the mean.

    Source: time change of point processes (Papangelou 1972; Ogata 1988).
    """
    excited = alpha * base / (beta - alpha) + alpha
    for before, after in pairwise(times):
        faded = exp(-beta * (after - before))
        yield base * (after - before) + excited * (1 - faded) / beta
        excited = excited * faded + alpha
