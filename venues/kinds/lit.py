"""Kind ``lit``: an order book that shows its levels and takes every order."""

from typing import ClassVar, Literal

from sim.kernel.latency import Resolve
from sim.kernel.streams import Keyed
from sim.protocol.units import Units
from venues.config import BookConfig, Grid, VenueConfig, Visibility
from venues.core.lit import LitCore
from venues.rules import Found, at


class LitVenue(VenueConfig):
    """A displayed price-time order book.

    Source: price-time priority, as in the rule books of order-driven exchanges.
    """

    visibility: ClassVar[Visibility] = "lit"
    takes_book_flow: ClassVar[bool] = True

    kind: Literal["lit"]
    book: BookConfig = BookConfig()
    """Displayed levels at the start."""

    def core(self, units: Units, resolve: Resolve, chance: Keyed | None) -> LitCore:
        """The book with its opening levels."""
        grid = self.grid(units)
        core = LitCore(grid.tick, grid.lot)
        for side, price, qty in self.book.levels(grid):
            core.seed(side, price, qty)
        return core

    def problems_on(self, grid: Grid) -> list[Found]:
        """What is wrong with the opening levels."""
        return at(("book",), self.book.problems(grid))
