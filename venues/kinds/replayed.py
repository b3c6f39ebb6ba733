"""Kind ``replayed``: recorded data drives the book, and our orders stand in its lines.

The file is recorded level data in our own format (``.l2.csv``), or neutral events of single orders
or of price levels (``.events.csv``, ``.events.parquet``). Its state at the start of the run is the
opening book; what comes later arrives as the run goes on, and after its end the book stays as it
is. Orders trade with what is displayed, by the rule "what we took stays taken", and what they leave
rests: ``venues.core.replaying`` states the rules.
"""

from collections.abc import Iterator
from itertools import dropwhile
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from sim.data.recorded import read_recorded
from sim.kernel.latency import Resolve
from sim.kernel.streams import Keyed
from sim.protocol.errors import DataFormatError
from sim.protocol.market_data import RecordedGroup, RecordedRows
from sim.protocol.units import TimeNs, Units
from venues.config import Grid, VenueConfig, Visibility
from venues.core.api import VenueCore
from venues.core.impact import ImpactCore
from venues.core.queue_models import risk_averse
from venues.core.recorded_book import RecordedBook
from venues.core.recorded_orders import RecordedOrderBook
from venues.core.replaying import ReplayingCore
from venues.impact import PriceImpact
from venues.queue import QueueEstimate
from venues.rules import Found

EVENT_FILES: Final = (".events.csv", ".events.csv.gz", ".events.csv.zst", ".events.parquet")


class ReplayedVenue(VenueConfig):
    """A displayed book that follows a recording.

    Source: own convention: what we took stays taken, and we wait our turn; see
    ``venues.core.replaying``.
    """

    visibility: ClassVar[Visibility] = "lit"

    kind: Literal["replayed"]
    file: Annotated[str, Field(min_length=1)]
    """Level data (.l2.csv) or neutral events (.events.csv, .events.parquet); .gz and .zst too."""
    source_venue: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Whose events to play, where a file of events holds several venues."""
    starts_at_ns: Annotated[int, Field(ge=0)] | None = None
    """The file's time at which the run starts, ns: what is before makes the opening book. By
    default that of the first row of a file of events, and 0 for level data in our own format."""
    queue: QueueEstimate | None = None
    """For level data: whose lots of a line were canceled; by default risk_averse."""
    price_impact: PriceImpact | None = None
    """What our own trades do to what is recorded; by default nothing."""

    def core(self, units: Units, resolve: Resolve, chance: Keyed | None) -> VenueCore:
        """The book as recorded at the start of the run."""
        book = self._book(units, resolve)
        if self.price_impact is None:
            return book
        law, step_ns = self.price_impact.build(units), self.price_impact.step
        tick = self.grid(units).tick
        return ImpactCore(book, self.price_impact.model, law, tick=tick, step_ns=step_ns)

    def _book(self, units: Units, resolve: Resolve) -> ReplayingCore:
        grid = self.grid(units)
        core: ReplayingCore
        if self._has_levels(units, resolve):
            model = risk_averse if self.queue is None else self.queue.build()
            core = RecordedBook(grid.tick, grid.lot, model=model)
            core.place = "risk_averse" if self.queue is None else self.queue.model
        else:
            core = RecordedOrderBook(grid.tick, grid.lot)
        start = 0 if self._has_events else self.starts_at_ns or 0
        for t_ns, message in self._messages(units, resolve):
            if t_ns:
                break
            core.handle(message, TimeNs(0))
            if message.t_ns >= start:
                break  # what is wrong with later rows is for the run to say
        return core

    def source(self, units: Units, resolve: Resolve) -> Iterator[tuple[int, Any]]:
        """The messages after the start of the run."""
        return dropwhile(_is_at_start, self._messages(units, resolve))

    def check_file(self, path: Path, units: Units) -> None:
        """Read every row of the file, on the venue's own grid.

        Raises:
            DataFormatError: At the first row that is wrong, or off the venue's tick or lot, or if
                nothing is left behind ``starts_at_ns``.
        """
        own = Units(self.tick_size or units.tick_size, self.lot_size or units.lot_size)
        resolve = _always(path)
        if self.queue is not None and not self._has_levels(own, resolve):
            raise DataFormatError(
                str(path), 1, "holds single orders, whose places are known: queue must be left out"
            )
        if self.source_venue is not None and not self._has_events:
            raise DataFormatError(str(path), 1, "holds one venue: source_venue must be left out")
        last_ns = max((t_ns for t_ns, _ in self._messages(own, resolve)), default=0)
        if self.starts_at_ns and not last_ns:
            raise DataFormatError(
                str(path),
                0,
                f"has nothing after starts_at_ns, {self.starts_at_ns}: no market moves",
            )

    def problems_on(self, grid: Grid) -> list[Found]:
        """A currency where single orders are read, whose prices are not converted."""
        if self.currency is not None and self._has_events:
            return [(("currency",), "is not for files of single orders")]
        return []

    def files(self) -> tuple[str, ...]:
        """Names of the files that this venue reads, as the scenario writes them."""
        return (*super().files(), self.file)

    @property
    def _has_events(self) -> bool:
        return self.file.endswith(EVENT_FILES)

    def _has_levels(self, units: Units, resolve: Resolve) -> bool:
        return not self._has_events or self._events(units, resolve).has_levels()

    def _events(self, units: Units, resolve: Resolve) -> Any:
        # Its arrays need a library that a run over level data does without.
        from sim.data.replay_rows import ReplayFile

        return ReplayFile(resolve(self.file), units, self.source_venue, self.starts_at_ns)

    def _messages(
        self, units: Units, resolve: Resolve
    ) -> Iterator[tuple[int, RecordedGroup | RecordedRows]]:
        if self._has_events:
            yield from self._events(units, resolve).messages()
            return
        start = self.starts_at_ns or 0
        for group in read_recorded(resolve(self.file), units):
            yield max(0, group.t_ns - start), group


def _is_at_start(message: tuple[int, Any]) -> bool:
    return not message[0]


def _always(path: Path) -> Resolve:
    return lambda _name: path
