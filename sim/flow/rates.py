"""Order flow with constant rates by distance from the opposite best price.

The engine of ``zero_intelligence`` and ``cont_stoikov_talreja``: limit orders come at a rate for
each distance and side, market orders at a rate per side, and each resting order of the flow is
canceled at a rate that depends on its own distance now.

It draws *candidates* at a rate that bounds all of these at once (uniformisation): the largest
cancel rate for each order that may still be open, whatever its distance. A candidate cancel picks
one of the flow's orders and comes to nothing if that one has traded meanwhile, or by the chance
that its own rate falls short of the largest. So the law is exact whatever others do to the book,
and nothing is ever drawn anew: the next candidate depends on the flow's own messages alone.

Source: Cont, Stoikov and Talreja (2010) for the model; uniformisation after Jensen (1953).
"""

from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from sim.flow.book_flow import EMPTY, Moves, Place
from sim.flow.draws import columns, logarithms
from sim.flow.laws import AnySize
from sim.kernel.streams import Stream
from sim.protocol.enums import OrdType, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest, OrderMessage

# Looking an Enum's member up costs nearly as much as making a message.
BUY: Final = Side.BUY
SELL: Final = Side.SELL
LIMIT: Final = OrdType.LIMIT
MARKET: Final = OrdType.MARKET
GTC: Final = TimeInForce.GTC
IOC: Final = TimeInForce.IOC
new_order: Final[Callable[..., NewOrderSingle]] = NewOrderSingle
NEVER: Final = 1e-30
"""A rate per nanosecond that brings nothing in any run."""


class Rates(NamedTuple):
    """Rates per nanosecond; element ``i - 1`` of a sequence is for ``i`` ticks of the venue.

    ``limits`` is per side; ``cancels`` per order, its last element for all that lies beyond;
    ``market`` per side.
    """

    limits: Sequence[float]
    cancels: Sequence[float]
    market: float

    def thinning(self) -> tuple[float, list[float]]:
        """The largest cancel rate, and the share of it that holds at each distance."""
        most = max(self.cancels)
        return most, [rate / most if most else 0.0 for rate in self.cancels]


Row = tuple[float, float, float, float, int, int]
"""Logarithm for the gap; draws for kind, order and chance; lots if it rests, lots if it takes."""


def _rows(stream: Stream, size: AnySize, take_size: AnySize) -> Iterator[Iterator[Row]]:
    """Block by block what is drawn for each candidate."""
    for gap, what, which, extra in columns(stream, 4):
        sizes = size.block(extra)
        yield zip(
            logarithms(gap),
            what.tolist(),
            which.tolist(),
            extra.tolist(),
            sizes,
            sizes if take_size is size else take_size.block(extra),
            strict=True,
        )


def rate_moves(
    place: Place,
    rates: Rates,
    size: AnySize,
    take_size: AnySize,
    references: tuple[int, int],
) -> Moves:
    """Moves of a flow with these rates; ``references`` stand in for sides without any order."""
    (bids, asks), open_order = place.book.sides, place.book.open_orders.get
    tick, lot, account, own = place.grid.tick, place.grid.lot, place.account, place.own
    prefix, levels = f"{account}.", len(rates.limits)
    bounds = list(accumulate([*rates.limits, *rates.limits]))
    limits = bounds[-1]
    taken = limits + rates.market
    base = (taken + rates.market) or NEVER
    worst, share = rates.thinning()
    furthest = len(share) - 1
    t_ns, number, (bid, ask) = place.start_ns, 0, references
    msg: OrderMessage | None = None
    for rows in _rows(place.stream, size, take_size):
        for log_u, u_kind, u_which, u_extra, lots, taken_lots in rows:
            rate = base + worst * len(own)
            t_ns += 1 + int(-log_u / rate)
            yield t_ns, msg
            # From here on it is t_ns, and the book is what it is then.
            msg, number = None, number + 1
            if bids.best != EMPTY:
                bid = bids.best
            if asks.best != EMPTY:
                ask = asks.best
            at = u_kind * rate
            if at < limits:
                level = bisect(bounds, at)
                if level < levels:
                    side, price = BUY, ask - (level + 1) * tick
                else:
                    side, price = SELL, (level - levels + 1) * tick - bid
                if price > 0:
                    name = f"{prefix}{number}"
                    own.append(name)
                    msg = new_order(name, side, lot * lots, price, LIMIT, GTC, account)
            elif at < base:
                side = BUY if at < taken else SELL
                if (asks if side is BUY else bids).best != EMPTY:
                    name, qty = f"{prefix}{number}", lot * taken_lots
                    msg = new_order(name, side, qty, None, MARKET, IOC, account)
            elif own:
                k = int(u_which * len(own))
                order = open_order(own[k])
                if order is not None:
                    key = order.key
                    distance = ((ask if key < 0 else bid) + key) // tick - 1
                    if distance < 0:  # noqa: PLR1730 - max() costs a call
                        distance = 0  # beyond the price that stands in for an empty side
                    if u_extra >= share[distance if distance < furthest else furthest]:
                        continue
                    msg = OrderCancelRequest(f"{prefix}{number}", own[k], account)
                # Canceled now, or traded before: the last one takes its place.
                own[k] = own[-1]
                own.pop()
