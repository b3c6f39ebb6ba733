"""Kind ``dark``: a hidden order book, which may indicate what it holds, truly or not.

Prices and quantities are the venue's own hidden levels; orders of participants may rest there too,
as hidden, and trade by the same rules. Nothing shows but prints, unless ``indications`` are on.
``venues.core.pool`` has the rules of minimum quantities, fill models and midpoint prices.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from sim.kernel.latency import Resolve
from sim.kernel.streams import Keyed
from sim.protocol.config import DecimalText, PositiveDecimal, ScenarioModel, Seq
from sim.protocol.units import UnitError, Units, plain
from venues.conditional import ConditionalConfig
from venues.config import BookConfig, Grid, VenueConfig, Visibility, side_problems
from venues.core.conditional import ConditionalPool
from venues.core.dark import DarkCore
from venues.core.pool import Supply
from venues.rules import Found, at

_UNIT: Final = 2**53
"""A draw lies on the odd multiples of one in this many."""


class FullFill(ScenarioModel):
    """All of the book is there.

    Source: own convention: a book is what it says.
    """

    model: Literal["full"]

    def supply(self, chance: Keyed | None) -> Supply | None:
        """Every order may have all."""
        return None


ScriptedLevel = Annotated[
    tuple[PositiveDecimal, Annotated[DecimalText, Field(ge=0)]], Field(strict=False)
]
"""``[price, quantity]`` of what is really there; the quantity may be 0."""


class ScriptedFill(ScenarioModel):
    """At some prices less is there than the book says.

    The first order that reaches such a price finds it out; from then on indications are true there.

    Source: the partial fill of the customer's document.
    """

    model: Literal["scripted"]
    at: Annotated[Seq[ScriptedLevel], Field(min_length=1)]
    """[price, quantity]: at this price of the book, this much is really there."""

    def supply(self, chance: Keyed | None) -> Supply | None:
        """Every order may have all that is there."""
        return None


Share = Annotated[DecimalText, Field(ge=0, le=1)]


class FractionFill(ScenarioModel):
    """An order can have this share of the venue's own lots at each price, and no more of them.

    The rest stays for later orders, which have the same share of it. Rounded down to the venue's
    lot.

    Source: own convention: a fixed part of what is there.
    """

    model: Literal["fraction"]
    share: Share
    """Of the lots that are there as the order comes, from 0 to 1."""

    def supply(self, chance: Keyed | None) -> Supply | None:
        """The same for every order."""
        share = Fraction(self.share)
        return lambda account, name: share


class RandomFill(ScenarioModel):
    """Like ``fraction`` with a share of its own for each order, uniform between two bounds.

    A share belongs to the order, by its account and name: it is the same whatever else happens.

    Source: own convention: the part is drawn for each order.
    """

    model: Literal["random"]
    low: Share = Decimal(0)
    """The smallest share."""
    high: Share = Decimal(1)
    """The largest share."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low must be at most high, was {plain(self.low)}")
        return self

    def supply(self, chance: Keyed | None) -> Supply | None:
        """A draw per order.

        Raises:
            ValueError: If no chance is given.
        """
        if chance is None:
            raise ValueError("the fill model random needs chance, was None")
        draw, low = chance.uniform, Fraction(self.low)
        width = Fraction(self.high) - low

        def share(account: str, name: str) -> Fraction:
            # Exact: a draw is a whole multiple of 1 / _UNIT, and no float becomes a quantity.
            return low + width * Fraction(int(draw("fill", account, name) * _UNIT), _UNIT)

        return share


class DarkVenue(VenueConfig):
    """A hidden price-time order book.

    Source: price-time priority among hidden orders; that it may indicate more than it fills is
    the example of the customer's document. Minimum quantities and midpoint prices after the design
    notes on dark fills: a minimum is tested against the single counter-order, a middle is that of
    the reference as the venue has received it.
    """

    visibility: ClassVar[Visibility] = "dark"
    takes_min_qty: ClassVar[bool] = True

    kind: Literal["dark"]
    book: BookConfig = BookConfig()
    """The venue's own hidden levels at the start."""
    indications: bool = False
    """Whether the feed carries indications of the hidden levels."""
    indication_factor: PositiveDecimal = Decimal(1)
    """Indicated quantity per true quantity; the product is rounded down to the venue's lot."""
    fill: Annotated[
        FullFill | ScriptedFill | FractionFill | RandomFill, Field(discriminator="model")
    ] = FullFill(model="full")
    """How much of the book is really there, or is to be had by one order."""
    min_qty: PositiveDecimal | None = None
    """Fewest that an order, and an execution against a single counter-order, may have."""
    pricing: Literal["limit", "midpoint"] = "limit"
    """Trades at the price of the order that rested, or at the middle of the reference that
    ``links`` or the ``tape`` bring; the prices of the book are limits then."""
    conditional: ConditionalConfig | None = None
    """Conditional orders of others, which resting orders invite."""

    @property
    def uses_reference(self) -> bool:
        """Midpoint prices need the quotes of others."""
        return self.pricing == "midpoint"

    @property
    def silent(self) -> bool:
        """Without indications its feed shows nothing."""
        return not self.indications

    def core(
        self, units: Units, resolve: Resolve, chance: Keyed | None
    ) -> DarkCore | ConditionalPool:
        """The book with what is really there, and with what is only indicated beside it."""
        grid = self.grid(units)
        core = DarkCore(
            grid.tick,
            grid.lot,
            Fraction(self.indication_factor) if self.indications else None,
            min_qty=0 if self.min_qty is None else grid.qty(self.min_qty),
            supply=self.fill.supply(chance),
            midpoint=self.pricing == "midpoint",
        )
        there: dict[int, int] = {grid.price(price): grid.qty(qty) for price, qty in self._script()}
        for side, price, qty in self.book.levels(grid):
            true = min(qty, there.get(price, qty))
            if true:
                core.seed(side, price, true)
            if true < qty:
                core.pretend(side, price, qty - true)
        return core if self.conditional is None else self.conditional.around(core, grid, chance)

    def problems_on(self, grid: Grid) -> list[Found]:
        """What is wrong with the opening levels, the minimum and the script."""
        found = at(("book",), self.book.problems(grid))
        if self.short_sale is not None and self.pricing == "midpoint":
            message = "must not stand beside midpoint prices, which are above the best bid"
            found.append((("short_sale",), message))
        if self.min_qty is not None:
            try:
                grid.qty(self.min_qty)
            except UnitError as error:
                found.append((("min_qty",), str(error)))
        if self.conditional is not None:
            found += at(("conditional",), self.conditional.problems(grid))
        script = self._script()
        if script and self.pricing == "midpoint":
            message = "must not be scripted with midpoint prices: a script is by price"
            found.append((("fill", "model"), message))
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
