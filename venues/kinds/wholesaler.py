"""Kind ``wholesaler``: takes whole orders at the best bid or offer that it knows, or better.

The rules are in ``venues.core.dealers``. Its largest order is ``max_order_qty``, as for all kinds.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sim.kernel.latency import Resolve
from sim.kernel.streams import Keyed
from sim.protocol.config import DecimalText, PositiveDecimal
from sim.protocol.units import UnitError, Units
from venues.config import Grid, VenueConfig, Visibility
from venues.core.dealers import WholesaleCore
from venues.rules import Found


class WholesalerVenue(VenueConfig):
    """A wholesaler: fills each order whole at the best bid or offer that it knows, or better.

    Source: own convention: price improvement is a fixed share of the quoted spread, in steps that
    may be finer than the tick of lit venues. The best bid and offer are as it has received them.
    """

    visibility: ClassVar[Visibility] = "dark"
    takes_resting: ClassVar[bool] = False

    kind: Literal["wholesaler"]
    improvement: Annotated[DecimalText, Field(ge=0, le=Decimal("0.5"))] = Decimal(0)
    """The share of the spread by which the price is better than the far side; 0.5: the middle."""
    improvement_step: PositiveDecimal | None = None
    """Improvements are whole multiples of this, rounded down: a sub-penny grid where the
    instrument's tick, which is the default, is finer than the tick of the lit venues."""

    @property
    def uses_reference(self) -> bool:
        """It prices by the quotes of others."""
        return True

    @property
    def silent(self) -> bool:
        """Its feed shows nothing but prints."""
        return True

    def core(self, units: Units, resolve: Resolve, chance: Keyed | None) -> WholesaleCore:
        """The wholesaler, which has heard nothing yet."""
        grid = self.grid(units)
        step = self.improvement_step
        return WholesaleCore(
            grid.tick,
            grid.lot,
            share=Fraction(self.improvement),
            step=1 if step is None else units.price_to_ticks(step),
        )

    def problems_on(self, grid: Grid) -> list[Found]:
        """A step that is no whole number of the instrument's ticks."""
        if self.improvement_step is None:
            return []
        try:
            grid.step(self.improvement_step)
        except UnitError as error:
            return [(("improvement_step",), str(error))]
        return []
