"""What no single model of a scenario can check: ids, grids, and names that must exist.

Each check looks only at parts that are valid by themselves, so that a file's mistakes all come out
at once and none is reported for something that another one caused.
"""

from collections.abc import Callable, Iterator
from pathlib import Path as FilePath

from pydantic import TypeAdapter

from router.config import RouterConfig
from sim.flow.base import FlowGrid, off_grid
from sim.kernel.latency import LatencyConfig
from sim.protocol.config import Duration
from sim.protocol.errors import DataFormatError, Problem
from sim.protocol.units import Units
from sim.report.expect import METRICS, parse_threshold
from sim.scenario.document import Document
from sim.scenario.hearing import LINK, TAPE, hearing_problems
from sim.scenario.locate import members, part
from sim.scenario.model import VENUE_ADAPTER, InstrumentConfig, ParentConfig, VenueEntry
from sim.scenario.nodes import Path
from sim.scenario.wording import did_you_mean

Found = Iterator[tuple[Path, str]]
Resolve = Callable[[str], FilePath]

_INSTRUMENT = TypeAdapter(InstrumentConfig)
_PARENT = TypeAdapter(ParentConfig)
_ROUTER = TypeAdapter(RouterConfig)
_DURATION = TypeAdapter(Duration)
_EXPECT = TypeAdapter(dict[str, str])


def cross_checks(document: Document, resolve: Resolve) -> list[Problem]:
    """Every problem between the parts of a scenario, with its place."""
    venues = members(document, ("venues",), VENUE_ADAPTER)
    parents = members(document, ("parents",), _PARENT)
    instrument = part(document, ("instrument",), _INSTRUMENT)
    found = [
        *_twice("venues", {n: venue.id for n, venue in venues.items()}),
        *_twice("parents", {n: parent.id for n, parent in parents.items()}),
        *_times(document, parents),
        *_router(document, venues),
        *_expect(document),
        *_files(document, venues, resolve),
        *hearing_problems(document, venues),
    ]
    if instrument is not None:
        units = Units(instrument.tick_size, instrument.lot_size)
        found += _grids(venues, parents, units)
    return [document.problem(path, message) for path, message in found]


def _twice(key: str, ids: dict[int, str]) -> Found:
    first: dict[str, int] = {}
    for n, name in ids.items():
        if name in first:
            yield (key, n, "id"), f"{name} is the id of {key}[{first[name]}] already"
        else:
            first[name] = n


def _times(document: Document, parents: dict[int, ParentConfig]) -> Found:
    duration = part(document, ("duration",), _DURATION)
    for n, parent in parents.items():
        if duration is not None and parent.at > duration:
            yield ("parents", n, "at"), "must not be later than the run's duration"
        if parent.deadline is not None and parent.deadline <= parent.at:
            yield ("parents", n, "deadline"), "must be later than at: both count from the start"


def _router(document: Document, venues: dict[int, VenueEntry]) -> Found:
    router = part(document, ("router",), _ROUTER)
    wanted = getattr(router.strategy, "venue", None) if router is not None else None
    ids = [venue.id for venue in venues.values()]
    if wanted is not None and ids and wanted not in ids:
        yield (
            ("router", "strategy", "venue"),
            f"no venue has the id {wanted}{did_you_mean(wanted, ids)}; venues: {', '.join(ids)}",
        )


def _expect(document: Document) -> Found:
    for metric, text in (part(document, ("expect",), _EXPECT) or {}).items():
        if metric not in METRICS:
            allowed = ", ".join(sorted(METRICS))
            message = f"unknown metric; allowed: {allowed}{did_you_mean(metric, list(METRICS))}"
            yield ("expect", metric), message
            continue
        try:
            parse_threshold(text)
        except ValueError as error:
            yield ("expect", metric), str(error)


def _files(document: Document, venues: dict[int, VenueEntry], resolve: Resolve) -> Found:
    for path, name in _named_files(document, venues):
        try:
            resolve(name)
        except DataFormatError as error:
            yield path, error.message


def _named_files(document: Document, venues: dict[int, VenueEntry]) -> Found:
    """The files that the scenario names, each at its key."""
    for n, venue in venues.items():
        for leg in ("order", "report", "feed"):
            yield from _file_of(("venues", n, "latency", leg), getattr(venue.latency, leg))
        if venue.processing is not None:
            yield from _file_of(("venues", n, "processing", "time"), venue.processing.time)
        if (file := getattr(venue, "file", None)) is not None:
            yield ("venues", n, "file"), file
    for n, link in members(document, ("links",), LINK).items():
        yield from _file_of(("links", n, "latency"), link.latency)
    if (tape := part(document, ("tape",), TAPE)) is not None:
        yield from _file_of(("tape", "inbound"), tape.inbound)
        yield from _file_of(("tape", "outbound"), tape.outbound)


def _file_of(at: Path, model: LatencyConfig) -> Iterator[tuple[Path, str]]:
    """The file that a latency model reads, if any, at its key."""
    base = getattr(model, "base", None)
    if base is not None:
        yield from _file_of((*at, "base"), base)
    else:
        yield from (((*at, "file"), name) for name in model.files())


def _grids(venues: dict[int, VenueEntry], parents: dict[int, ParentConfig], units: Units) -> Found:
    for n, venue in venues.items():
        at: Path = ("venues", n)
        own = venue.problems(units)
        yield from (((*at, *path), message) for path, message in own)
        if any(path in {("tick_size",), ("lot_size",)} for path, _ in own):
            continue  # no grid to hold the flow against
        steps = venue.grid(units)
        grid = FlowGrid(units, steps.tick, steps.lot)
        for k, flow in enumerate(venue.flow):
            for path, message in flow.problems(grid):
                yield (*at, "flow", k, *path), message
            if flow.rests and not venue.takes_resting:
                message = f"has orders that may rest, which a {venue.kind} venue refuses"
                yield (*at, "flow", k), message
    for n, parent in parents.items():
        yield from off_grid(("parents", n, "qty"), units.qty_to_lots, parent.qty)
        if parent.limit is not None:
            yield from off_grid(("parents", n, "limit"), units.price_to_ticks, parent.limit)
