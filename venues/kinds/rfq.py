"""Kind ``rfq``: a maker that answers each order with a quote for its size, and may look again.

The rules are in ``venues.core.dealers``, the law of its prices in ``venues.core.pricing``.
"""

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from sim.kernel.latency import Resolve
from sim.kernel.streams import Keyed
from sim.protocol.config import DecimalText, Duration, PositiveDecimal, ScenarioModel, Seq
from sim.protocol.units import UnitError, Units, plain
from venues.config import Grid, VenueConfig, Visibility
from venues.core.dealers import LastLook, QuotingCore
from venues.core.pricing import SpreadLaw
from venues.rules import Found

SIZES_MAX = 5
"""No feed carries fewer levels, so that all sizes always show."""


class SpreadConfig(ScenarioModel):
    """Half of a dealer's spread, by the size asked for: what it asks more than the middle.

    Prices are rounded to the venue's tick, away from the middle.
    """

    half: Annotated[DecimalText, Field(ge=0)]
    """For the smallest size, as a price."""
    widening: PositiveDecimal | None = None
    """What it adds for an order of ``size``, as a price; without it all sizes cost the same."""
    size: PositiveDecimal | None = None
    """The quantity that ``widening`` is for; needed where there is one."""
    law: Literal["linear", "square_root"] = "linear"
    """How it grows with the quantity: in proportion, or with its square root."""

    @model_validator(mode="after")
    def _has_a_size(self) -> Self:
        if (self.size is None) != (self.widening is None):
            raise ValueError("widening and size go together: both, or neither")
        return self

    def build(self, units: Units) -> SpreadLaw:
        """The law in ticks and lots.

        Raises:
            UnitError: If ``size`` is no whole number of lots.
        """
        return SpreadLaw(
            units.ticks_in(self.half),
            units.ticks_in(self.widening or Decimal(0)),
            1 if self.size is None else units.qty_to_lots(self.size),
            self.law == "square_root",
        )

    def problems(self, grid: Grid) -> list[Found]:
        """What is wrong with the size."""
        try:
            if self.size is not None:
                grid.qty(self.size)
        except UnitError as error:
            return [(("spread", "size"), str(error))]
        return []


class LastLookConfig(ScenarioModel):
    """The time for which a maker holds an order, and when it refuses it at the end of that time."""

    hold: Annotated[Duration, Field(gt=0)]
    """From the arrival of the order to the fill or the refusal."""
    tolerance: Annotated[DecimalText, Field(ge=0)] = Decimal(0)
    """It refuses if its middle has moved against it by more than this, as a price."""
    symmetric: bool = False
    """Whether it also refuses if its middle has moved as far in its own favour."""


class RfqVenue(VenueConfig):
    """A maker that answers each order with a quote for its size, with or without last look.

    Source: the design notes on last look: the maker may refuse within the hold time, the router's
    clock runs on, the refusal is a business message. Spread laws: own convention, exact.
    """

    visibility: ClassVar[Visibility] = "maker"
    takes_resting: ClassVar[bool] = False

    kind: Literal["rfq"]
    spread: SpreadConfig
    """What it asks more than the middle of the market that ``links`` or the ``tape`` bring."""
    sizes: Annotated[Seq[PositiveDecimal], Field(min_length=1, max_length=SIZES_MAX)]
    """Quantities that its feed shows prices of, each above the one before; it quotes for no more
    than the last."""
    last_look: LastLookConfig | None = None
    """Whether it holds orders and may refuse them; without it every quote stands."""
    shown: bool = True
    """Whether its feed shows these prices; if not, it shows nothing."""

    @property
    def uses_reference(self) -> bool:
        """It prices by the quotes of others."""
        return True

    @property
    def silent(self) -> bool:
        """Whether its feed shows nothing."""
        return not self.shown

    def core(self, units: Units, resolve: Resolve, chance: Keyed | None) -> QuotingCore:
        """The maker, which has heard nothing yet."""
        grid = self.grid(units)
        look = LastLook()
        if self.last_look is not None:
            # A move is counted in half ticks, so that what is beyond the tolerance is exact.
            tolerance = 2 * units.ticks_in(self.last_look.tolerance)
            look = LastLook(self.last_look.hold, int(tolerance), self.last_look.symmetric)
        return QuotingCore(
            grid.tick,
            grid.lot,
            law=self.spread.build(units),
            sizes=[grid.qty(size) for size in self.sizes],
            look=look,
            shown=self.shown,
        )

    def problems_on(self, grid: Grid) -> list[Found]:
        """Sizes off the grid, or not rising."""
        found = self.spread.problems(grid)
        for n, size in enumerate(self.sizes):
            try:
                grid.qty(size)
            except UnitError as error:
                found.append((("sizes", n), str(error)))
        for n, (before, size) in enumerate(pairwise(self.sizes)):
            if size <= before:
                found.append((("sizes", n + 1), f"must be above {plain(before)}"))
        return found
