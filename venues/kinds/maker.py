"""Kind ``maker``: a market maker's quote with size, to be taken at once or not at all.

IOC, FOK and market orders trade with the quote, which shrinks by what they take; an order that
could rest is refused as unsupported.
"""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from sim.kernel.latency import Resolve
from sim.protocol.config import PriceLevel, ScenarioModel
from sim.protocol.enums import Side
from sim.protocol.units import Units
from venues.config import Found, Grid, VenueConfig, Visibility, at, below_ask
from venues.core.lit import MakerCore


class QuoteConfig(ScenarioModel):
    """A quote; one side may be missing."""

    bid: PriceLevel | None = None
    """[price, quantity] at which the maker buys."""
    ask: PriceLevel | None = None
    """[price, quantity] at which the maker sells."""

    @model_validator(mode="after")
    def _has_a_side(self) -> Self:
        if self.bid is None and self.ask is None:
            raise ValueError("must have a bid or an ask")
        return self


class MakerVenue(VenueConfig):
    """A market maker's two-sided quote."""

    visibility: ClassVar[Visibility] = "maker"

    kind: Literal["maker"]
    quote: QuoteConfig

    def build(self, units: Units, resolve: Resolve) -> MakerCore:
        """The quote as a book of one level per side."""
        grid = self.grid(units)
        core = MakerCore(grid.tick, grid.lot)
        for side, level in ((Side.BUY, self.quote.bid), (Side.SELL, self.quote.ask)):
            if level is not None:
                core.seed(side, *grid.level(level))
        return core

    def problems_on(self, grid: Grid) -> list[Found]:
        """A quote off the grid, or whose bid reaches its ask."""
        bid, ask = self.quote.bid, self.quote.ask
        found: list[Found] = []
        for name, level in (("bid", bid), ("ask", ask)):
            if level is not None:
                found += at(("quote", name), grid.level_problems(level))
        if bid is not None and ask is not None and bid[0] >= ask[0]:
            found.append((("quote", "bid", 0), below_ask(bid[0], ask[0])))
        return found
