"""``crossed_quote`` and ``locked_quote``: quotes whose two sides meet, or pass each other."""

from typing import Annotated, Any, Literal

from pydantic import Field

from sim.faults.base import Struck, Tools
from sim.faults.quotes import BookSide, QuoteFault, moved, showing
from sim.kernel.loop import Event
from sim.protocol.market_data import BookSnapshot


class _Meeting(QuoteFault):
    """One side is moved as a whole until it meets the other, or passes it."""

    side: BookSide = "asks"
    """Which side is moved to the other one."""

    @property
    def _beyond(self) -> int:
        """Ticks by which the best price of this side passes that of the other."""
        return 0

    def may_strike(self, msg: Any, tools: Tools) -> bool:
        """See the base; it takes two sides."""
        if type(msg) is not BookSnapshot or not msg.bids or not msg.asks:
            return False
        return self.side == "bids" or msg.bids[0][0] > self._beyond

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        quote: BookSnapshot = event.msg
        bid, ask = quote.bids[0][0], quote.asks[0][0]
        if self.side == "asks":
            px = bid - self._beyond
            asks = moved(quote.asks, px - ask)
            return showing(event, f"offers at {px} ticks in place of {ask}", asks=asks)
        px = ask + self._beyond
        bids = moved(quote.bids, px - bid)
        return showing(event, f"bids at {px} ticks in place of {bid}", bids=bids)


class CrossedQuote(_Meeting):
    """Quotes show a best bid above the best offer.

    Source: own convention; a crossed market as Regulation NMS, rule 600, has it, in one quote.
    """

    kind: Literal["crossed_quote"]
    ticks: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """By how many ticks the sides pass each other."""

    @property
    def _beyond(self) -> int:
        return self.ticks


class LockedQuote(_Meeting):
    """Quotes show a best bid at the price of the best offer.

    Source: own convention; a locked market as Regulation NMS, rule 600, has it, in one quote.
    """

    kind: Literal["locked_quote"]
