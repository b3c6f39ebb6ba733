"""What all background flow has in common.

A flow is a sequence of order messages to one venue, each with the instant at which it reaches the
venue. It stands in the venue's entry of the scenario and has no links of its own: its times are
those of arrival. ``FlowConfig`` is a flow whose messages depend on nothing that happens; one that
looks at the venue's book is a ``BookFlow`` (``sim.flow.book_flow``).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from sim.kernel.streams import Stream
from sim.protocol.config import ScenarioModel
from sim.protocol.orders import OrderMessage
from sim.protocol.units import PriceTicks, QtyLots, UnitError, Units, plain


class FlowGrid(NamedTuple):
    """The steps of the flow's venue: its tick and lot, in ticks and lots of the instrument."""

    units: Units
    tick: int = 1
    lot: int = 1

    def price(self, value: Decimal) -> PriceTicks:
        """Ticks of a price on the venue's grid.

        Raises:
            UnitError: If the venue would refuse the price.
        """
        return PriceTicks(self._whole(self.units.price_to_ticks(value), self.tick, "tick"))

    def qty(self, value: Decimal) -> QtyLots:
        """Lots of a quantity on the venue's grid.

        Raises:
            UnitError: If the venue would refuse the quantity.
        """
        return QtyLots(self._whole(self.units.qty_to_lots(value), self.lot, "lot"))

    def _whole(self, steps: int, own: int, name: str) -> int:
        if steps % own:
            size = (self.units.tick_size if name == "tick" else self.units.lot_size) * own
            raise UnitError(f"must be a whole multiple of the venue's {name} size {plain(size)}")
        return steps


Problems = list[tuple[tuple[str | int, ...], str]]


class FlowEntry(ScenarioModel, ABC):
    """Base of all flows' configs; each adds its tag, ``kind: Literal[...]``."""

    @abstractmethod
    def problems(self, grid: FlowGrid) -> Problems:
        """What the venue's grid does not allow, with its path inside this flow's entry."""

    @property
    @abstractmethod
    def rests(self) -> bool:
        """Whether some of its orders may rest in a book, which not every venue takes."""

    @property
    def states_min_qty(self) -> bool:
        """Whether some of its orders state a minimum quantity, which not every venue takes."""
        return False

    @property
    def special(self) -> bool:
        """Whether some of its orders are more than limit and market orders."""
        return False


class FlowConfig(FlowEntry):
    """Base of the flows that look at nothing: their messages can be told beforehand."""

    @abstractmethod
    def messages(
        self, grid: FlowGrid, stream: Stream, account: str, end_ns: int
    ) -> Iterator[tuple[int, OrderMessage]]:
        """Messages in order of time, none after ``end_ns``.

        Args:
            grid: Tick and lot of the venue.
            stream: Chance of this flow alone.
            account: Owner of the flow's orders; also the prefix of their ids.
            end_ns: The run's duration.
        """


def off_grid(path: tuple[str | int, ...], convert: Any, value: Any) -> Problems:
    """The problem of one value that ``convert`` refuses, if any."""
    try:
        convert(value)
    except UnitError as error:
        return [(path, str(error))]
    return []
