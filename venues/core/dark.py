"""The core of a dark venue: a pool of which nothing shows, or only indications of it.

An indication may be untrue in two ways. A factor may stretch or shrink every level, and a level may
be scripted: it indicates more than is there. What is not there never enters the book, so whoever
trades meets the truth; it is only added to what is indicated, until an order has come to that
price and found out. At midpoint prices an indication says what is to be had at the present middle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import msgspec

from sim.protocol.enums import OrdStatus, Side
from sim.protocol.market_data import BookSnapshot, Level, Levels
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderMessage,
    VenueReport,
)
from sim.protocol.units import TimeNs
from venues.core.api import Heard
from venues.core.pool import PoolCore, Supply

_DARK: Final[tuple[Levels, Levels]] = ((), ())


@dataclass(slots=True)
class _Indicated:
    """What one side indicates, and the view of the book that it was made from."""

    true: Levels | None = None
    depth: int = 0
    shown: Levels = ()


class DarkCore(PoolCore):
    """A hidden pool. Orders may rest in it, unseen, and trade like all others.

    Args:
        tick: Price step of this venue, in ticks of the instrument, > 0.
        lot: Quantity step of this venue, in lots of the instrument, > 0.
        indication: Indicated lots per true lot, > 0, rounded down to the venue's lot; None: no
            indications.
        min_qty: Fewest lots of any order and of any execution here; 0: no limit.
        supply: Which share of the pool's own lots an order may have; None: all.
        midpoint: Whether trades are at the middle of the reference, not at the resting limit.
    """

    def __init__(
        self,
        tick: int = 1,
        lot: int = 1,
        indication: Fraction | None = None,
        *,
        min_qty: int = 0,
        supply: Supply | None = None,
        midpoint: bool = False,
    ) -> None:
        super().__init__(tick, lot, min_qty=min_qty, supply=supply, midpoint=midpoint)
        self._factor = indication
        self._absent: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        self._indicated = {Side.BUY: _Indicated(), Side.SELL: _Indicated()}

    def pretend(self, side: Side, price: int, qty: int) -> None:
        """Count ``qty`` lots as there in indications until an order reaches that price.

        An order has reached it when it trades there, or when its limit allows it and it is not
        filled without it.
        """
        self._absent[side][price] = qty
        self._indicated[side].true = None

    def handle(self, msg: OrderMessage | BookSnapshot | Heard, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message and return every report that it causes, to whomever."""
        seq = self.venue_seq
        reports = super().handle(msg, now_ns)
        pretending = self._absent[Side.BUY] or self._absent[Side.SELL]
        if pretending and self._find_out(msg, reports) and self.venue_seq == seq:
            # Found out without a trade: quotes numbered up to ``seq`` do not know it yet.
            self.venue_seq = seq + 1
            reports[:] = [msgspec.structs.replace(r, venue_seq=seq + 1) for r in reports]
        return reports

    def published(self, depth: int) -> tuple[Levels, Levels]:
        """Indications if there are any, else nothing."""
        if self._factor is None:
            return _DARK
        return self._indication(Side.BUY, depth), self._indication(Side.SELL, depth)

    def _find_out(self, msg: object, reports: Sequence[VenueReport]) -> bool:
        """Forget the absent lots that this message came upon; True if there were any."""
        if not isinstance(msg, NewOrderSingle | OrderCancelReplaceRequest):
            return False
        answer = reports[0]
        if not isinstance(answer, ExecutionReport) or answer.reject_reason is not None:
            return False
        contra = Side.SELL if answer.side is Side.BUY else Side.BUY
        absent = self._absent[contra]
        fills = [r for r in reports if isinstance(r, ExecutionReport) and r.last_px is not None]
        filled = any(
            r.ord_status is OrdStatus.FILLED and r.order_id == answer.order_id for r in fills
        )
        traded_at = {r.last_px for r in fills}
        reached = [
            price
            for price in absent
            if price in traded_at or (not filled and _allows(answer.side, msg.price, price))
        ]
        for price in reached:
            del absent[price]
        if reached:
            self._indicated[contra].true = None
        return bool(reached)

    def _indication(self, side: Side, depth: int) -> Levels:
        true = self._true(side, depth)
        indicated = self._indicated[side]
        if indicated.true is not true or indicated.depth != depth:
            indicated.true = true
            indicated.depth = depth
            shown = self._stretched(true, side, depth)
            if shown != indicated.shown:
                indicated.shown = shown
        return indicated.shown

    def _true(self, side: Side, depth: int) -> Levels:
        """What a side has: its levels, or what of it may trade at the present middle."""
        book = self._bids if side is Side.BUY else self._asks
        mid = self.mid_half_ticks
        if self.reference is None:
            return book.view(depth)
        if mid is None:
            return ()
        lots = 0
        for key in book.keys:
            if 2 * key > book.sign * mid:
                break
            lots += book.level_at[key].qty
        # As in a trade, a middle between two ticks is against whoever comes to take.
        price = mid // 2 if side is Side.BUY else -(-mid // 2)
        return ((price, lots),) if lots else ()

    def _stretched(self, true: Levels, side: Side, depth: int) -> Levels:
        factor = self._factor
        assert factor is not None
        claimed = dict(true)
        for price, qty in self._absent[side].items():
            claimed[price] = claimed.get(price, 0) + qty
        step = factor.denominator * self._lot
        levels: list[Level] = [
            (price, lots)
            for price, qty in claimed.items()
            if (lots := qty * factor.numerator // step * self._lot)
        ]
        levels.sort(reverse=side is Side.BUY)
        return tuple(levels[:depth])


def _allows(side: Side, limit: int | None, price: int) -> bool:
    """Whether an order on ``side`` with this limit may trade at ``price``."""
    if limit is None:
        return True
    return price <= limit if side is Side.BUY else price >= limit
