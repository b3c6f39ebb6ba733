"""What every venue's core offers to the shell around it, and what cores share.

A core is pure: messages in, reports out. It knows no event loop, clock, chance, file or log, no
latency and no fee; ``venues.task`` adds them.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from sim.protocol.enums import Side
from sim.protocol.market_data import Levels, Trade
from sim.protocol.orders import VenueReport
from sim.protocol.units import PriceTicks, QtyLots, TimeNs


class VenueCore(Protocol):
    """A venue's book and rules. Prices are ticks and quantities lots of the instrument."""

    @property
    def venue_seq(self) -> int:
        """Number of the present state; goes up whenever a book changes or something trades."""
        ...

    @property
    def last_px(self) -> PriceTicks | None:
        """Price of the last trade; None before the first."""
        ...

    @property
    def last_qty(self) -> QtyLots:
        """Lots of the last trade; 0 before the first."""
        ...

    @property
    def volume(self) -> QtyLots:
        """Lots traded since the start."""
        ...

    @property
    def trades(self) -> Sequence[Trade]:
        """The prints of the last ``handle`` call, in their order."""
        ...

    # Any: each core takes order messages and what its own source yields. A union over all kinds
    # would make every core answer messages that never come.
    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message and return every report that it causes, to whomever."""
        ...

    def published(self, depth: int) -> tuple[Levels, Levels]:
        """Bids and asks as the feed shows them, at most ``depth`` levels each.

        A side is the same tuple object as at the call before unless something in it has changed.
        """
        ...

    def reachable(self, side: Side, limit: int | None, depth: int) -> Levels:
        """What an order on ``side`` with this limit could take now, in the ``depth`` best levels.

        Of the true book, hidden lots included; a limit of None reaches all.
        """
        ...

    def check(self) -> None:
        """Walk every invariant.

        Raises:
            InvariantError: Naming the rule that is broken, and where.
        """
        ...


def within(levels: Levels, side: Side, limit: int | None) -> Levels:
    """The leading ``levels``, best first, that an order on ``side`` with this limit reaches."""
    if limit is None or not levels:
        return levels
    sign = 1 if side is Side.BUY else -1
    if sign * levels[-1][0] <= sign * limit:
        return levels
    return tuple([level for level in levels if sign * level[0] <= sign * limit])
