"""Kind ``auction``: a periodic (frequent batch) auction; ``venues.core.auction`` has the rules."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sim.kernel.latency import Resolve
from sim.kernel.streams import Keyed
from sim.protocol.config import Duration
from sim.protocol.units import Units
from venues.config import BookConfig, Grid, VenueConfig, Visibility
from venues.core.auction import AuctionCore, Margin
from venues.rules import Found, at


class AuctionVenue(VenueConfig):
    """A periodic auction: orders collect, and at fixed instants trade at one price.

    Source: frequent batch auctions (Budish, Cramton & Shim 2015) with the usual order of price
    rules of call auctions: volume, surplus, reference. What ties leave open is our own convention.
    """

    visibility: ClassVar[Visibility] = "dark"

    kind: Literal["auction"]
    every: Annotated[Duration, Field(gt=0)]
    """From one auction to the next."""
    first: Duration = Field(0, ge=0, json_schema_extra={"default": "0ns"})
    """When the first one is, since the start of the run."""
    book: BookConfig = BookConfig()
    """The venue's own levels at the start."""
    allocation: Margin = "time"
    """Who trades at the last price that does, where there are fewer lots than wanted: the oldest
    orders, or all in proportion to their size."""
    indicative: bool = False
    """Whether its feed shows at what price it would trade now, and what buys and sells there."""
    reference: Literal["last", "market"] = "last"
    """What the price is near to, where the book leaves a choice: the price of the auction before,
    or the middle of the quotes that ``links`` or the ``tape`` bring."""

    @property
    def uses_reference(self) -> bool:
        """Whether it looks at the quotes of others."""
        return self.reference == "market"

    @property
    def silent(self) -> bool:
        """Whether its feed shows nothing but prints."""
        return not self.indicative

    def core(self, units: Units, resolve: Resolve, chance: Keyed | None) -> AuctionCore:
        """The book with its opening levels."""
        grid = self.grid(units)
        core = AuctionCore(
            grid.tick,
            grid.lot,
            every_ns=self.every,
            first_ns=self.first,
            margin=self.allocation,
            indicative=self.indicative,
            market=self.reference == "market",
        )
        for side, price, qty in self.book.levels(grid):
            core.seed(side, price, qty)
        return core

    def problems_on(self, grid: Grid) -> list[Found]:
        """What is wrong with the opening levels."""
        return at(("book",), self.book.problems(grid))
