"""Runs a scenario's market without the router and writes what happened as neutral venue events.

Venues, their flow and recordings, and participants act as in a run, on the same chance; the router
and its client orders stay away. Rows are written in blocks, so a day needs no more memory than an
hour. Prices and quantities are those of the scenario; times count from the start.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from sim.audit.records import Record
from sim.data.events import SCALE, Event, make_block
from sim.data.neutral import EventWriter, event_writer
from sim.kernel.clock import Clock, clock_of, new_loop
from sim.kernel.garbage import rare_collections
from sim.kernel.streams import Streams
from sim.protocol.enums import Priority
from sim.protocol.errors import DataFormatError
from sim.protocol.units import Units
from sim.scenario.load import LoadedScenario
from sim.scenario.model import Scenario, VenueEntry
from sim.study.market_tap import LevelTap, OrderTap
from sim.wiring import Wiring
from venues.core.api import VenueCore

ROWS_AT_ONCE: Final = 1 << 15
_LAST: Final = len(Priority)


class TooFineError(ValueError):
    """A tick or lot of the scenario needs more decimals than events have."""


class Generated(msgspec.Struct, frozen=True):
    """What was written: rows by venue and by event, in the order of the scenario and of events."""

    path: str
    rows: int
    duration_ns: int
    venues: dict[str, int]
    events: dict[str, int]


class _Rows:
    """Rows on their way to a file."""

    def __init__(self, writer: EventWriter, venues: tuple[str, ...], units: Units) -> None:
        self._writer = writer
        self._venues = venues
        self._price = _scaled(units.tick_size, "tick")
        self._qty = _scaled(units.lot_size, "lot")
        self._rows: list[tuple[int, int, int, int, int, int, int]] = []
        self.by_venue = [0] * len(venues)
        self.by_event = [0] * (len(Event) + 1)

    def note(self, venue: int) -> Callable[[int, Event, int, int, int, int], None]:
        """What takes the events of one venue, by its number."""
        rows, by_venue, by_event = self._rows, self.by_venue, self.by_event

        def note(  # noqa: PLR0917 - a row
            t_ns: int, event: Event, side: int, price: int, qty: int, order_id: int
        ) -> None:
            rows.append((t_ns, venue, event, side, price, qty, order_id))
            by_venue[venue] += 1
            by_event[event] += 1
            if len(rows) >= ROWS_AT_ONCE:
                self.flush()

        return note

    def flush(self) -> None:
        """Write what is held."""
        rows = self._rows
        if not rows:
            return
        t_ns, venue, event, side, price, qty, order_id = zip(*rows, strict=True)
        block = make_block(
            len(rows),
            t_ns=t_ns,
            venue=venue,
            event=event,
            side=side,
            price=[ticks * self._price for ticks in price],
            qty=[lots * self._qty for lots in qty],
            order_id=order_id,
            line=range(self._writer.rows + 2, self._writer.rows + 2 + len(rows)),
        )
        rows.clear()
        self._writer.write(block, self._venues)


def generate_market(loaded: LoadedScenario, path: Path) -> Generated:
    """Run the market of a scenario for its duration and write its events to ``path``.

    Args:
        loaded: The scenario; its seed decides all chance.
        path: CSV or Parquet by its name (``sim.data.neutral``).

    Raises:
        ValueError: If the name says no format.
        TooFineError: If a price or a quantity needs more than nine decimals.
        DataFormatError: If a file that drives a venue is wrong.
        OSError: If the file cannot be written.
    """
    scenario: Scenario = loaded.scenario
    units = Units(scenario.instrument.tick_size, scenario.instrument.lot_size)
    names = tuple([venue.id for venue in scenario.venues])
    loop = new_loop("virtual")
    try:
        with event_writer(path) as writer, rare_collections():
            rows = _Rows(writer, names, units)
            loop.run_until_complete(_play(loaded, rows, loop))
            rows.flush()
            total = writer.rows
    finally:
        loop.close()
    return Generated(
        path=str(path),
        rows=total,
        duration_ns=scenario.duration,
        venues=dict(zip(names, rows.by_venue, strict=True)),
        events={event.name.lower(): rows.by_event[event] for event in Event},
    )


async def _play(loaded: LoadedScenario, rows: _Rows, loop: asyncio.AbstractEventLoop) -> None:
    scenario: Scenario = loaded.scenario
    clock: Clock = clock_of(loop, 1.0)
    over: asyncio.Future[None] = loop.create_future()

    def fail(venue_id: str, error: Exception) -> None:
        if isinstance(error, DataFormatError):
            error = DataFormatError(error.file, error.line, f"{error.message} (venue {venue_id})")
        if not over.done():
            over.set_exception(error)

    def tap(number: int, venue: VenueEntry, core: VenueCore) -> VenueCore:
        note = rows.note(number)
        tapped: OrderTap | LevelTap
        if venue.takes_book_flow:
            tapped = OrderTap(core, note)
        else:
            tapped = LevelTap(core, note, venue.depth)
        tapped.start()
        return tapped

    wiring = Wiring(
        loaded,
        Streams(scenario.seed),
        loop,
        clock=clock,
        emit=_forget,
        on_error=fail,
        tap=tap,
        alone=True,
    )

    def end(event: Any) -> None:
        if not over.done():
            over.set_result(None)

    clock.schedule(scenario.duration, _LAST, end)
    tasks: list[asyncio.Task[Any]] = [
        loop.create_task(service, name=f"venue {name}") for name, service in wiring.services()
    ]
    tasks += [
        loop.create_task(service, name=f"participant {name}")
        for name, service in wiring.participants.services()
    ]
    for source in wiring.sources:
        source.start()
    waited: list[asyncio.Future[Any]] = [over, *tasks]
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    for source in wiring.sources:
        source.stop()
    try:
        if over.done():
            over.result()
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _forget(record: Record) -> None:
    """Nothing is audited: there is no order of ours whose story it could tell."""


def _scaled(step: Any, name: str) -> int:
    """A tick or lot as a whole number of 1e-9."""
    whole = step * SCALE
    if whole != int(whole):
        raise TooFineError(f"the {name} {step} has more than nine decimals, as events have")
    return int(whole)
