"""``feed_gap``, ``stale_quote``, ``mad_quote`` and ``one_sided_quote``: what a feed gets wrong."""

from decimal import ROUND_HALF_EVEN, Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sim.faults.base import Leg, MessageFault, Struck, Tools
from sim.faults.messages import FeedKind, matcher
from sim.faults.quotes import BookSide, QuoteFault, showing
from sim.kernel.loop import Event
from sim.protocol.config import DecimalText
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.units import MAX_LOTS, MAX_TICKS, plain

_Times = Annotated[DecimalText, Field(gt=0, le=1_000_000, decimal_places=8)]


class FeedGap(MessageFault):
    """Messages of a feed are missing: the next quote that comes is some book states further.

    Source: own convention; a gap in the numbers of a multicast feed.
    """

    kind: Literal["feed_gap"]
    messages: FeedKind = "any"
    """What is missing: quotes, news of the state of trading, or both."""

    @property
    def on_leg(self) -> Leg:
        """See the base."""
        return "feed"

    @cached_property
    def _matches(self) -> Any:
        return matcher(self.messages)

    def may_strike(self, msg: Any, tools: Tools) -> bool:
        """See the base."""
        return bool(self._matches(msg))

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        msg = event.msg
        if type(msg) is BookSnapshot:
            return Struck(f"quote of book state {msg.venue_seq} missing")
        return Struck("news of the state of trading missing")


class StaleQuote(QuoteFault):
    """An old quote is shown again in place of each new one.

    Source: own convention; a handler that hangs on a picture.
    """

    kind: Literal["stale_quote"]
    label: Literal["old", "new"] = "old"
    """Whether it has its own time and book state, or those of the quote that it stands for."""

    def may_strike(self, msg: Any, tools: Tools) -> bool:
        """See the base; there must be an old one."""
        return type(msg) is BookSnapshot and "last" in tools.memory

    def passed(self, msg: Any, tools: Tools) -> None:
        """See the base."""
        if type(msg) is BookSnapshot:
            tools.memory["last"] = msg

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        old, new = tools.memory["last"], event.msg
        detail = f"book state {old.venue_seq} in place of {new.venue_seq}"
        if self.label == "old":
            kept = {name: getattr(old, name) for name in old.__struct_fields__}
            return showing(event, detail, **kept)
        return showing(event, detail, bids=old.bids, asks=old.asks)


class MadQuote(QuoteFault):
    """Quotes show prices and sizes that are a multiple of the true ones.

    Prices are rounded to whole ticks and sizes to whole lots, half to even, and are at least one of
    each; levels that fall together are one.

    Source: own convention; a shifted decimal point, or the quote of another instrument.
    """

    kind: Literal["mad_quote"]
    price_times: _Times = Decimal(1000)
    """What prices are multiplied by."""
    qty_times: _Times = Decimal(1)
    """What sizes are multiplied by."""
    side: BookSide | None = None
    """Which side; without it both."""

    @model_validator(mode="after")
    def _mad_indeed(self) -> Self:
        if self.price_times == 1 == self.qty_times:
            raise ValueError("price_times or qty_times must not be 1: nothing would be wrong")
        return self

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        quote: BookSnapshot = event.msg
        bids, asks = quote.bids, quote.asks
        if self.side != "asks":
            bids = self._of(bids)
        if self.side != "bids":
            asks = self._of(asks)
        detail = f"prices times {plain(self.price_times)}, sizes times {plain(self.qty_times)}"
        return showing(event, detail, bids=bids, asks=asks)

    def _of(self, levels: Levels) -> Levels:
        found: dict[int, int] = {}  # best first, as the levels are
        for price, qty in levels:
            px = _whole(price * self.price_times, MAX_TICKS)
            found[px] = min(MAX_LOTS, found.get(px, 0) + _whole(qty * self.qty_times, MAX_LOTS))
        return tuple(found.items())


class OneSidedQuote(QuoteFault):
    """Quotes show one side alone.

    Source: own convention; a message of which one half was lost, or a book that has run dry.
    """

    kind: Literal["one_sided_quote"]
    side: BookSide = "asks"
    """The side that is missing."""

    def may_strike(self, msg: Any, tools: Tools) -> bool:
        """See the base."""
        return type(msg) is BookSnapshot and bool(getattr(msg, self.side))

    def strike(self, event: Event, tools: Tools) -> Struck:
        """See the base."""
        return showing(event, f"{self.side} missing", **{self.side: ()})


def _whole(value: Decimal, most: int) -> int:
    return max(1, min(most, int(value.to_integral_value(ROUND_HALF_EVEN))))
