"""Kind ``lit``: an order book that shows its levels and takes every order."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sim.kernel.latency import Resolve
from sim.kernel.streams import Keyed
from sim.protocol.config import DecimalText, PositiveDecimal, ScenarioModel
from sim.protocol.units import UnitError, Units
from venues.config import BookConfig, Grid, VenueConfig, Visibility
from venues.core.lit import LitCore
from venues.core.matching_rules import (
    IcebergResidual,
    IcebergSizeUp,
    IcebergSweep,
    MarketRemainder,
    MatchingRules,
    PegWithoutReference,
    StopElection,
    StopOnEntry,
)
from venues.rules import Found, at


class MatchingConfig(ScenarioModel):
    """What a venue does with special orders where venues differ."""

    market_remainder: MarketRemainder = "cancel"
    """What is left of a market order is canceled, or rests before all limit orders and trades at
    the best for those who come of the last price, the best limit beside it and their own limit."""
    reference_price: PositiveDecimal | None = None
    """The last price until the first trade; without it there is none until then."""
    stop_on_entry: StopOnEntry = "trigger"
    """A stop whose price is reached as it comes is elected at once, or refused."""
    stop_election: StopElection = "fifo"
    """Stops that are elected together enter by age, or those furthest from the last price first."""
    iceberg_residual: IcebergResidual = "full_peak"
    """An iceberg that has traded as it came shows a full peak, or what is left of the slice that it
    was trading."""
    iceberg_sweep: IcebergSweep = "slices"
    """An order larger than what a level shows meets the next slices behind the level's other
    orders, or takes of all that its icebergs keep back a share of each."""
    iceberg_size_up: IcebergSizeUp = "loses_priority"
    """What becomes of the place of an iceberg that is replaced with more lots at its price."""
    peg_without_reference: PegWithoutReference = "park"
    """A pegged order without a reference price waits for one, or is canceled; `reject` refuses it
    as it comes, and cancels it later."""
    hidden_improvement: Annotated[DecimalText, Field(ge=0)] | None = None
    """A hidden order beyond the best displayed price of the other side trades this much inside it,
    as a price; without it, at its own limit."""
    hidden_min_remainder: Annotated[DecimalText, Field(ge=0)] = Decimal(0)
    """A hidden order that has traded and has less than this left is canceled."""

    def rules(self, grid: Grid) -> MatchingRules:
        """The settings in ticks and lots.

        Raises:
            UnitError: If a number is off the grid.
        """
        reference, inside = self.reference_price, self.hidden_improvement
        return MatchingRules(
            self.market_remainder,
            None if reference is None else grid.price(reference),
            self.stop_on_entry,
            self.stop_election,
            self.iceberg_residual,
            self.iceberg_sweep,
            self.iceberg_size_up,
            self.peg_without_reference,
            None if inside is None else grid.price(inside) if inside else 0,
            grid.qty(self.hidden_min_remainder) if self.hidden_min_remainder else 0,
        )

    def problems(self, grid: Grid) -> list[Found]:
        """Numbers off the venue's grid."""
        found: list[Found] = []
        for name, value, convert in (
            ("reference_price", self.reference_price, grid.price),
            ("hidden_improvement", self.hidden_improvement, grid.price),
            ("hidden_min_remainder", self.hidden_min_remainder, grid.qty),
        ):
            try:
                if value:
                    convert(value)
            except UnitError as error:
                found.append(((name,), str(error)))
        return found


class LitVenue(VenueConfig):
    """A displayed price-time order book.

    Source: price-time priority, as in the rule books of order-driven exchanges.
    """

    visibility: ClassVar[Visibility] = "lit"
    takes_book_flow: ClassVar[bool] = True
    takes_min_qty: ClassVar[bool] = True
    takes_special: ClassVar[bool] = True

    kind: Literal["lit"]
    book: BookConfig = BookConfig()
    """Displayed levels at the start."""
    matching: MatchingConfig = MatchingConfig()
    """What it does with special orders where venues differ."""

    def core(self, units: Units, resolve: Resolve, chance: Keyed | None) -> LitCore:
        """The book with its opening levels."""
        grid = self.grid(units)
        core = LitCore(grid.tick, grid.lot, rules=self.matching.rules(grid))
        for side, price, qty in self.book.levels(grid):
            core.seed(side, price, qty)
        return core

    def problems_on(self, grid: Grid) -> list[Found]:
        """What is wrong with the opening levels and with the settings."""
        found = at(("book",), self.book.problems(grid))
        return found + at(("matching",), self.matching.problems(grid))
