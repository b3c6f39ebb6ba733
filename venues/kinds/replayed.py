"""Kind ``replayed``: recorded level-2 data drives the book.

The file is in our own recorded format. Its state at time 0 is the opening book; what comes later
arrives as the run goes on, and after its end the book stays as it is. IOC, FOK and market orders
trade with what is displayed, by the rule "what we took stays taken", which
``venues.core.recorded_book`` states; orders that could rest are refused as unsupported.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sim.data.recorded import read_recorded
from sim.kernel.latency import Resolve
from sim.kernel.streams import Keyed
from sim.protocol.market_data import RecordedGroup
from sim.protocol.units import Units
from venues.config import VenueConfig, Visibility
from venues.core.recorded_book import RecordedBook


class ReplayedVenue(VenueConfig):
    """A displayed book that follows a recording.

    Source: own convention: what we took stays taken, see ``venues.core.recorded_book``.
    """

    visibility: ClassVar[Visibility] = "lit"
    takes_resting: ClassVar[bool] = False
    holds_orders: ClassVar[bool] = False

    kind: Literal["replayed"]
    file: Annotated[str, Field(min_length=1)]
    """Recorded level-2 file (.l2.csv or .l2.csv.gz)."""

    def core(self, units: Units, resolve: Resolve, chance: Keyed | None) -> RecordedBook:
        """The book as recorded at time 0."""
        grid = self.grid(units)
        core = RecordedBook(grid.tick, grid.lot)
        first = next(read_recorded(resolve(self.file), units), None)
        if first is not None and first.t_ns == 0:
            core.handle(first, first.t_ns)
        return core

    def source(self, units: Units, resolve: Resolve) -> Iterator[tuple[int, RecordedGroup]]:
        """The groups after time 0."""
        groups = read_recorded(resolve(self.file), units)
        return ((group.t_ns, group) for group in groups if group.t_ns)

    def check_file(self, path: Path, units: Units) -> None:
        """Read every row of the file, on the venue's own grid.

        Raises:
            DataFormatError: At the first row that is wrong, or off the venue's tick or lot.
        """
        own = Units(self.tick_size or units.tick_size, self.lot_size or units.lot_size)
        for _ in read_recorded(path, own):
            pass

    def files(self) -> tuple[str, ...]:
        """Names of the files that this venue reads, as the scenario writes them."""
        return (*super().files(), self.file)
