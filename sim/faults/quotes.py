"""The base of faults of a venue's quotes, and what they make quotes from."""

from typing import Any, Literal

import msgspec

from sim.faults.base import Leg, MessageFault, Struck, Tools, changed
from sim.kernel.loop import Event
from sim.protocol.market_data import BookSnapshot, Levels

BookSide = Literal["bids", "asks"]


class QuoteFault(MessageFault):
    """A fault of the quotes that reach the router; the venue's book is as it is."""

    @property
    def on_leg(self) -> Leg:
        """See the base."""
        return "feed"

    def may_strike(self, msg: Any, tools: Tools) -> bool:
        """See the base."""
        return type(msg) is BookSnapshot


def showing(event: Event, detail: str, **fields: Any) -> Struck:
    """The quote arrives, but shows something else."""
    wrong = changed(event, msgspec.structs.replace(event.msg, **fields))
    return Struck(detail, ((event.t_ns, wrong),))


def moved(levels: Levels, ticks: int) -> Levels:
    """All levels at prices so many ticks higher; those that would not be above zero are left out.

    Raises:
        ValueError: If none is left.
    """
    found = tuple([(price + ticks, qty) for price, qty in levels if price + ticks > 0])
    if not found:
        raise ValueError(f"ticks must leave a price above 0, was {ticks}")
    return found
