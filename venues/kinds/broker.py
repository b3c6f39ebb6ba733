"""Kind ``broker``: one price for the whole order, its own spread inside, after its own time.

The rules are in ``venues.core.dealers``. Its largest order is ``max_order_qty``, as for all kinds.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sim.kernel.latency import Resolve
from sim.kernel.streams import Keyed
from sim.protocol.config import Duration
from sim.protocol.units import Units
from venues.config import Grid, VenueConfig, Visibility
from venues.core.dealers import BrokerCore
from venues.kinds.rfq import SpreadConfig
from venues.rules import Found


class BrokerVenue(VenueConfig):
    """A broker: works on an order for a time, then fills it whole at one net price, or not at all.

    Source: own convention: the middle of the market that it has received by then, and its spread.
    """

    visibility: ClassVar[Visibility] = "dark"
    takes_resting: ClassVar[bool] = False

    kind: Literal["broker"]
    spread: SpreadConfig
    """What it asks more than the middle of the market that ``links`` or the ``tape`` bring."""
    delay: Annotated[Duration, Field(ge=0)]
    """From the arrival of an order to its fill."""

    @property
    def uses_reference(self) -> bool:
        """It prices by the quotes of others."""
        return True

    @property
    def silent(self) -> bool:
        """Its feed shows nothing but prints."""
        return True

    def core(self, units: Units, resolve: Resolve, chance: Keyed | None) -> BrokerCore:
        """The broker, which has heard nothing yet."""
        grid = self.grid(units)
        return BrokerCore(grid.tick, grid.lot, law=self.spread.build(units), delay_ns=self.delay)

    def problems_on(self, grid: Grid) -> list[Found]:
        """What is wrong with the spread."""
        return self.spread.problems(grid)
