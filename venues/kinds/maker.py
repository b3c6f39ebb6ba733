"""Kind ``maker``: a market maker's quote with size, to be taken at once or not at all.

IOC, FOK and market orders trade with the quote, which shrinks by what they take until the maker
quotes anew, if it does; an order that could rest is refused as unsupported.
"""

from decimal import Decimal
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from sim.kernel.latency import Resolve
from sim.kernel.streams import Keyed
from sim.protocol.config import DecimalText, Duration, PriceLevel, ScenarioModel, Seq
from sim.protocol.enums import Side
from sim.protocol.units import UnitError, Units, plain
from venues.config import Grid, VenueConfig, Visibility, below_ask
from venues.core.lit import MakerCore
from venues.core.refresh import RefreshingMaker
from venues.rules import Found, at

_SIDES: Final = (
    (Side.BUY, "bid", "more_bids", "below", -1),
    (Side.SELL, "ask", "more_asks", "above", 1),
)


class QuoteConfig(ScenarioModel):
    """A quote; one side may be missing, and either may go on in tiers."""

    bid: PriceLevel | None = None
    """[price, quantity] at which the maker buys."""
    ask: PriceLevel | None = None
    """[price, quantity] at which the maker sells."""
    more_bids: Seq[PriceLevel] = ()
    """Further tiers below the bid, each below the one before it."""
    more_asks: Seq[PriceLevel] = ()
    """Further tiers above the ask, each above the one before it."""

    @model_validator(mode="after")
    def _has_a_side(self) -> Self:
        if self.bid is None and self.ask is None:
            raise ValueError("must have a bid or an ask")
        for _, first, more, _, _ in _SIDES:
            if getattr(self, first) is None and getattr(self, more):
                raise ValueError(f"{more} needs the {first} in front of it")
        return self

    def tiers(self, side: Side) -> tuple[PriceLevel, ...]:
        """All levels of a side, best first."""
        first, more = (self.bid, self.more_bids) if side is Side.BUY else (self.ask, self.more_asks)
        return () if first is None else (first, *more)


class RefreshConfig(ScenarioModel):
    """How a maker quotes anew after its quote was taken from."""

    delay: Annotated[Duration, Field(gt=0)]
    """From the first take to the new quote, at full size on both sides."""
    shift: Annotated[DecimalText, Field(ge=0)] = Decimal(0)
    """How much higher the new quote lies after its offer was taken, lower after its bid was."""


class MakerVenue(VenueConfig):
    """A market maker's two-sided quote.

    Source: own convention: a quote with size, to be taken at once or not at all.
    """

    visibility: ClassVar[Visibility] = "maker"
    takes_resting: ClassVar[bool] = False

    kind: Literal["maker"]
    quote: QuoteConfig
    """A bid, an ask, or both, with further tiers."""
    refresh: RefreshConfig | None = None
    """When and how the maker quotes anew; without it what was taken stays gone."""

    def core(
        self, units: Units, resolve: Resolve, chance: Keyed | None
    ) -> MakerCore | RefreshingMaker:
        """The quote as a book, one level per tier."""
        grid = self.grid(units)
        core = MakerCore(grid.tick, grid.lot)
        quote = [
            (side, *grid.level(level))
            for side in (Side.BUY, Side.SELL)
            for level in self.quote.tiers(side)
        ]
        for tier in quote:
            core.seed(*tier)
        if self.refresh is None:
            return core
        shift = grid.price(self.refresh.shift)
        return RefreshingMaker(core, quote, self.refresh.delay, shift)

    def problems_on(self, grid: Grid) -> list[Found]:
        """A quote off the grid, whose bid reaches its ask, or whose tiers do not get worse."""
        found: list[Found] = []
        for side, first, more, way, sign in _SIDES:
            tiers = self.quote.tiers(side)
            for n, tier in enumerate(tiers):
                place = ("quote", more, n - 1) if n else ("quote", first)
                found += at(place, grid.level_problems(tier))
                before = tiers[n - 1][0]
                if n and sign * (tier[0] - before) <= 0:
                    message = f"must be {way} {plain(before)}, was {plain(tier[0])}"
                    found.append(((*place, 0), message))
        bid, ask = self.quote.bid, self.quote.ask
        if bid is not None and ask is not None and bid[0] >= ask[0]:
            found.append((("quote", "bid", 0), below_ask(bid[0], ask[0])))
        if self.refresh is not None:
            try:
                grid.price(self.refresh.shift)
            except UnitError as error:
                found.append((("refresh", "shift"), str(error)))
        return found
