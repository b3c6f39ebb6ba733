"""The cores of venues whose book is what it shows: ``lit``, and ``maker`` on top of it.

A lit book takes every order; a maker's quote is taken from and never joined.
"""

from collections.abc import Collection
from typing import ClassVar

from sim.protocol.enums import OrdType, RejectReason, TimeInForce
from sim.protocol.market_data import Levels
from sim.protocol.orders import NewOrderSingle
from venues.core.special import SpecialCore


class LitCore(SpecialCore):
    """A price-time book that shows its best levels."""

    def report_to(self, accounts: Collection[str]) -> None:
        """From now on leave out acknowledgements and cancels of all other accounts' orders.

        They are not remembered either once they are finished. Trades, refusals and replaces are
        reported always.
        """
        self._heard_by = frozenset(accounts)

    def published(self, depth: int) -> tuple[Levels, Levels]:
        """Bids and asks, at most ``depth`` levels each."""
        self.unseen = False
        return self._bids.view(depth), self._asks.view(depth)

    def reachable_by(self, msg: NewOrderSingle, depth: int) -> Levels:
        """What this order could take now, in the ``depth`` best levels, hidden lots included."""
        if self._special == self._least_special:
            return self.reachable(msg.side, msg.price, depth)
        return self.reachable_at(msg.side, msg.price, msg.min_qty, depth)


class MakerCore(LitCore):
    """One party's quote: orders take from it at once or not at all, and nothing ever rests."""

    takes_special: ClassVar[bool] = False

    def _refusal(self, msg: NewOrderSingle) -> RejectReason | None:
        reason = super()._refusal(msg)
        if reason is None and may_rest(msg):
            return RejectReason.UNSUPPORTED_ORDER
        return reason


def may_rest(msg: NewOrderSingle) -> bool:
    """Whether what an order leaves unfilled would stay in the book."""
    return msg.ord_type is OrdType.LIMIT and msg.time_in_force not in {
        TimeInForce.IOC,
        TimeInForce.FOK,
    }
