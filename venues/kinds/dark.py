"""Kind ``dark``: a hidden order book, which may indicate what it holds, truly or not.

Prices and quantities are the venue's own hidden levels; orders of participants may rest there too,
as hidden, and trade by the same price-time rules. Nothing shows but prints, unless ``indications``
are on. The fill model says how much of its own levels is really there.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sim.kernel.latency import Resolve
from sim.kernel.streams import Keyed
from sim.protocol.config import DecimalText, PositiveDecimal, ScenarioModel, Seq
from sim.protocol.units import Units, plain
from venues.config import BookConfig, Grid, VenueConfig, Visibility, side_problems
from venues.core.dark import DarkCore
from venues.rules import Found, at


class FullFill(ScenarioModel):
    """All of the book is there."""

    model: Literal["full"]


ScriptedLevel = Annotated[
    tuple[PositiveDecimal, Annotated[DecimalText, Field(ge=0)]], Field(strict=False)
]
"""``[price, quantity]`` of what is really there; the quantity may be 0."""


class ScriptedFill(ScenarioModel):
    """At some prices less is there than the book says.

    The first order that reaches such a price finds it out; from then on indications are true there.
    """

    model: Literal["scripted"]
    at: Annotated[Seq[ScriptedLevel], Field(min_length=1)]
    """[price, quantity]: at this price of the book, this much is really there."""


class DarkVenue(VenueConfig):
    """A hidden price-time order book.

    Source: price-time priority among hidden orders; that it may indicate more than it fills is
    the example of the customer's document.
    """

    visibility: ClassVar[Visibility] = "dark"

    kind: Literal["dark"]
    book: BookConfig = BookConfig()
    """The venue's own hidden levels at the start."""
    indications: bool = False
    """Whether the feed carries indications of the hidden levels."""
    indication_factor: PositiveDecimal = Decimal(1)
    """Indicated quantity per true quantity; the product is rounded down to the venue's lot."""
    fill: Annotated[FullFill | ScriptedFill, Field(discriminator="model")] = FullFill(model="full")
    """How much of the book is really there."""

    @property
    def silent(self) -> bool:
        """Without indications its feed shows nothing."""
        return not self.indications

    def core(self, units: Units, resolve: Resolve, chance: Keyed | None) -> DarkCore:
        """The book with what is really there, and with what is only indicated beside it."""
        grid = self.grid(units)
        factor = Fraction(self.indication_factor) if self.indications else None
        core = DarkCore(grid.tick, grid.lot, factor)
        there: dict[int, int] = {grid.price(price): grid.qty(qty) for price, qty in self._script()}
        for side, price, qty in self.book.levels(grid):
            true = min(qty, there.get(price, qty))
            if true:
                core.seed(side, price, true)
            if true < qty:
                core.pretend(side, price, qty - true)
        return core

    def problems_on(self, grid: Grid) -> list[Found]:
        """What is wrong with the opening levels and with the script."""
        found = at(("book",), self.book.problems(grid))
        script = self._script()
        found += at(("fill",), side_problems("at", script, grid))
        book = dict(self.book.asks + self.book.bids)
        for n, (price, qty) in enumerate(script):
            if price not in book:
                message = f"no level of this venue's book has the price {plain(price)}"
                found.append((("fill", "at", n, 0), message))
            elif qty > book[price]:
                message = f"must be at most {plain(book[price])}, the book's, was {plain(qty)}"
                found.append((("fill", "at", n, 1), message))
        return found

    def _script(self) -> tuple[tuple[Decimal, Decimal], ...]:
        return self.fill.at if isinstance(self.fill, ScriptedFill) else ()
