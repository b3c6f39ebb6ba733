"""What no single model of a scenario can check: ids, grids, and names that must exist.

Each check looks only at parts that are valid by themselves, so that a file's mistakes all come out
at once and none is reported for something that another one caused. A mistake in one key of a venue
or of a parent order hides no mistake in its other keys.
"""

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Annotated

from pydantic import Strict, TypeAdapter

from router.config import BlindConfig, RouterConfig, StrategyChoice
from router.settings.sending import MinQtyConfig, SendingConfig
from sim.flow import Flow
from sim.flow.base import FlowEntry, FlowGrid, off_grid
from sim.flow.book_flow import BookFlow
from sim.protocol.config import Duration, Ident, PositiveDecimal
from sim.protocol.errors import Problem
from sim.protocol.units import UnitError, Units, plain
from sim.report.expect import METRICS, parse_threshold
from sim.scenario.data_files import Resolve, file_problems
from sim.scenario.document import Document
from sim.scenario.going_wrong import fault_problems
from sim.scenario.hearing import LINK, TAPE, hearing_problems
from sim.scenario.locate import known, members, part
from sim.scenario.model import (
    VENUE_ADAPTER,
    VENUE_ENTRIES,
    InstrumentConfig,
    ParentConfig,
    VenueEntry,
)
from sim.scenario.nodes import Path
from sim.scenario.plugin_names import PluginRef, plugin_problems
from sim.scenario.schedules import schedule_problems
from sim.scenario.taking_part import PARTICIPANT, participant_problems
from sim.scenario.wording import did_you_mean

Found = Iterator[tuple[Path, str]]
Parts = Iterator[tuple[Path, object]]

_INSTRUMENT = TypeAdapter(InstrumentConfig)
_PARENT = TypeAdapter(ParentConfig)
_STRATEGY: TypeAdapter[object] = TypeAdapter(StrategyChoice)
_BLIND = TypeAdapter(BlindConfig)
_SENDING = TypeAdapter(SendingConfig)
_ROUTER = TypeAdapter(RouterConfig)
_PLUGINS: TypeAdapter[tuple[str, ...]] = TypeAdapter(
    Annotated[tuple[PluginRef, ...], Strict(False)]
)
_DURATION = TypeAdapter(Duration)
_MIN_QTY = TypeAdapter(MinQtyConfig)
_EXPECT = TypeAdapter(dict[str, str])
_IDENT = TypeAdapter(Ident)
_TEXT = TypeAdapter(str)
_SIZE: TypeAdapter[Decimal] = TypeAdapter(PositiveDecimal)
_FLOW: TypeAdapter[FlowEntry] = TypeAdapter(Flow)


def cross_checks(
    document: Document, resolve: Resolve, *, allow_code: bool = False
) -> list[Problem]:
    """Every problem between the parts of a scenario, with its place."""
    venues = members(document, ("venues",), VENUE_ADAPTER)
    partial = _partial_venues(document, venues)
    parents = members(document, ("parents",), _PARENT)
    for n in range(document.count(("parents",))):
        if n not in parents and (parent := known(document, ("parents", n), ParentConfig)):
            parents[n] = parent
    instrument = part(document, ("instrument",), _INSTRUMENT)
    units = None if instrument is None else Units(instrument.tick_size, instrument.lot_size)
    found = [
        *_twice("venues", _ids(document, "venues")),
        *_twice("parents", _ids(document, "parents")),
        *_times(document, parents),
        *_router(document),
        *plugin_problems(
            part(document, ("plugins",), _PLUGINS) or (),
            part(document, ("router", "strategy"), _STRATEGY),
            part(document, ("router",), _ROUTER),
            resolve,
            allow_code=allow_code,
        ),
        *_rest(document, venues),
        *_pools(document),
        *_outflow(document),
        *_min_qty(document, units),
        *_of_single_venues(document, ("router", "backoff", "venues")),
        *_of_single_venues(document, ("router", "market", "venues")),
        *_controls(document, units),
        *schedule_problems(document, parents, units),
        *_expect(document),
        *_comparison(document, units),
        *hearing_problems(document, venues, list(_ids(document, "participants").values())),
        *_twice("participants", _ids(document, "participants")),
        *participant_problems(document, venues, units),
        *fault_problems(document, _every_id(document), venues),
        *file_problems(_with_files(document, venues), resolve, units),
    ]
    for n, venue in partial.items():
        with suppress(AttributeError):  # what the check needs is wrong itself
            found += [*file_problems([(("venues", n), venue)], resolve, units)]
    if units is not None:
        for n, venue in venues.items():
            found += _venue_grid(n, venue, dict(enumerate(venue.flow)), units)
        for n, venue in partial.items():
            flows = members(document, ("venues", n, "flow"), _FLOW)
            found += _partial_grid(n, venue, flows, units)
        found += _parent_grids(parents, units)
    return [document.problem(path, message) for path, message in found]


def _partial_venues(document: Document, whole: dict[int, VenueEntry]) -> dict[int, VenueEntry]:
    """What is valid of the venues that are not, for those whose kind is known."""
    found = {}
    for n in range(document.count(("venues",))):
        kind = None if n in whole else part(document, ("venues", n, "kind"), _TEXT)
        if kind in VENUE_ENTRIES:
            venue = known(document, ("venues", n), VENUE_ENTRIES[kind])
            if venue is not None:
                found[n] = venue
    return found


def _ids(document: Document, key: str) -> dict[int, str]:
    """The valid ids of a list's members by their index."""
    found = {n: part(document, (key, n, "id"), _IDENT) for n in range(document.count((key,)))}
    return {n: name for n, name in found.items() if name is not None}


def _every_id(document: Document) -> list[str]:
    """The ids of all venues; none if one of them is wrong, for it may be the one that is meant."""
    ids = list(_ids(document, "venues").values())
    return ids if len(ids) == document.count(("venues",)) else []


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
        at, deadline = getattr(parent, "at", None), getattr(parent, "deadline", None)
        if at is None:
            continue
        if duration is not None and at > duration:
            yield ("parents", n, "at"), "must not be later than the run's duration"
        repeat = getattr(parent, "repeat", None)
        last = at if repeat is None else at + (repeat.count - 1) * repeat.every
        if duration is not None and at <= duration < last:
            message = "must not have its last order come later than the run's duration"
            yield ("parents", n, "repeat"), message
        if deadline is not None and deadline <= at:
            yield ("parents", n, "deadline"), "must be later than at: both count from the start"


def _router(document: Document) -> Found:
    strategy = part(document, ("router", "strategy"), _STRATEGY)
    named: list[tuple[Path, str | None]] = [
        (("router", "strategy", "venue"), getattr(strategy, "venue", None)),
        (("router", "rest", "venue"), part(document, ("router", "rest", "venue"), _IDENT)),
    ]
    for n in range(document.count(("router", "blind", "venues"))):
        path: Path = ("router", "blind", "venues", n)
        named.append((path, part(document, path, _IDENT)))
    ids = list(_ids(document, "venues").values())
    if len(ids) < document.count(("venues",)):
        return  # the venue may be one of those whose id is wrong
    for path, wanted in named:
        if wanted is not None and ids and wanted not in ids:
            hint = did_you_mean(wanted, ids)
            yield path, f"no venue has the id {wanted}{hint}; venues: {', '.join(ids)}"


def _pools(document: Document) -> Found:
    """A strategy that tries silent pools leaves no other way to try them."""
    strategy = part(document, ("router", "strategy"), _STRATEGY)
    if not getattr(strategy, "uses_pools", False):
        return
    name = getattr(strategy, "kind", "")
    if part(document, ("router", "blind"), _BLIND) is not None:
        yield ("router", "blind"), f"must not stand beside {name}, which tries silent pools itself"
    sending = part(document, ("router", "sending"), _SENDING)
    if sending is not None and sending.mode == "sequential":
        message = f"must not be sequential with {name}, which asks pools together, in rounds"
        yield ("router", "sending", "mode"), message
    ids = list(_ids(document, "venues").values())
    if len(ids) < document.count(("venues",)):
        return
    at: Path = ("router", "strategy")
    worth, venues = getattr(strategy, "worth", ()), getattr(strategy, "venues", ())
    named: list[tuple[Path, str]] = [((*at, "worth", n, 0), one[0]) for n, one in enumerate(worth)]
    named += [((*at, "venues", n), one) for n, one in enumerate(venues)]
    for path, wanted in named:
        if wanted not in ids:
            hint = did_you_mean(wanted, ids)
            yield path, f"no venue has the id {wanted}{hint}; venues: {', '.join(ids)}"


def _outflow(document: Document) -> Found:
    """Outflows are stated for venues that there are, each once."""
    strategy = part(document, ("router", "strategy"), _STRATEGY)
    ids = list(_ids(document, "venues").values())
    if len(ids) < document.count(("venues",)):
        return  # the venue may be one of those whose id is wrong
    seen: set[str] = set()
    for n, (wanted, _) in enumerate(getattr(getattr(strategy, "outflow", None), "venues", ())):
        path = ("router", "strategy", "outflow", "venues", n, 0)
        if wanted not in ids:
            hint = did_you_mean(wanted, ids)
            yield path, f"no venue has the id {wanted}{hint}; venues: {', '.join(ids)}"
        elif wanted in seen:
            yield path, f"{wanted} stands there twice"
        seen.add(wanted)


def _rest(document: Document, venues: dict[int, VenueEntry]) -> Found:
    """Where lots shall rest there must be a venue that lets them."""
    wanted = part(document, ("router", "rest", "venue"), _IDENT)
    if wanted is None:
        return
    for venue in venues.values():
        if venue.id == wanted and not venue.takes_resting:
            message = f"{wanted} is a {venue.kind} venue, which refuses orders that may rest"
            yield ("router", "rest", "venue"), message


def _min_qty(document: Document, units: Units | None) -> Found:
    """Minimum quantities are whole lots, and each venue has one at most."""
    rule = part(document, ("router", "sending", "min_qty"), _MIN_QTY)
    if rule is None:
        return
    at: Path = ("router", "sending", "min_qty")
    ids = list(_ids(document, "venues").values())
    complete = len(ids) == document.count(("venues",))
    first: dict[str, int] = {}
    quantities: list[tuple[Path, Decimal | None]] = [
        ((*at, "dark"), rule.dark),
        ((*at, "maker"), rule.maker),
        ((*at, "lit"), rule.lit),
    ]
    for n, one in enumerate(rule.venues):
        path: Path = (*at, "venues", n, "venue")
        quantities.append(((*at, "venues", n, "qty"), one.qty))
        if complete and ids and one.venue not in ids:
            hint = did_you_mean(one.venue, ids)
            yield path, f"no venue has the id {one.venue}{hint}; venues: {', '.join(ids)}"
        elif one.venue in first:
            yield path, f"{one.venue} has a minimum in venues[{first[one.venue]}] already"
        else:
            first[one.venue] = n
    for where, qty in quantities:
        if units is not None and qty is not None:
            yield from off_grid(where, units.qty_to_lots, qty)


def _of_single_venues(document: Document, at: Path) -> Found:
    """Each venue that is treated otherwise exists, and is named once."""
    ids = list(_ids(document, "venues").values())
    complete = len(ids) == document.count(("venues",))
    first: dict[str, int] = {}
    for n in range(document.count(at)):
        path: Path = (*at, n, "venue")
        name = part(document, path, _IDENT)
        if name is None:
            continue
        if complete and ids and name not in ids:
            hint = did_you_mean(name, ids)
            yield path, f"no venue has the id {name}{hint}; venues: {', '.join(ids)}"
        elif name in first:
            yield path, f"{name} stands in venues[{first[name]}] already"
        else:
            first[name] = n


def _controls(document: Document, units: Units | None) -> Found:
    """A most that is less than one lot would let nothing leave at all."""
    at: Path = ("router", "controls")
    for way in (("max_order_qty",), ("max_open", "qty"), ("max_total", "qty"), ("kill", "qty")):
        qty = part(document, (*at, *way), _SIZE)
        if units is not None and qty is not None and qty < units.lot_size:
            yield (
                (*at, *way),
                f"must be at least one lot, {plain(units.lot_size)}, was {plain(qty)}",
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


def _comparison(document: Document, units: Units | None) -> Found:
    """Sizes are those of one parent, in whole lots."""
    count = document.count(("comparison", "sizes"))
    if count and document.count(("parents",)) != 1:
        yield ("comparison", "sizes"), "is for scenarios with one parent"
    for n in range(count):
        path: Path = ("comparison", "sizes", n)
        size = part(document, path, _SIZE)
        if units is not None and size is not None:
            yield from off_grid(path, units.qty_to_lots, size)


def _with_files(document: Document, venues: dict[int, VenueEntry]) -> Parts:
    """The valid parts that may name files."""
    yield from ((("venues", n), venue) for n, venue in venues.items())
    yield from ((("links", n), link) for n, link in members(document, ("links",), LINK).items())
    everyone = members(document, ("participants",), PARTICIPANT)
    yield from ((("participants", n), one) for n, one in everyone.items())
    if (tape := part(document, ("tape",), TAPE)) is not None:
        yield ("tape",), tape


def _venue_grid(n: int, venue: VenueEntry, flows: dict[int, FlowEntry], units: Units) -> Found:
    at: Path = ("venues", n)
    own = venue.problems(units)
    yield from (((*at, *path), message) for path, message in own)
    no_grid = {("tick_size",), ("lot_size",), ("tick_table",), ("currency",)}
    if any(path in no_grid for path, _ in own):
        return  # no grid to hold the flow against
    yield from _flows(at, venue, flows, units)


def _partial_grid(n: int, venue: VenueEntry, flows: dict[int, FlowEntry], units: Units) -> Found:
    """As for a whole venue, as far as its wrong keys let us judge the others."""
    with suppress(AttributeError):
        yield from [*_venue_grid(n, venue, {}, units)]
    with suppress(AttributeError, UnitError):
        yield from [*_flows(("venues", n), venue, flows, units)]


def _flows(at: Path, venue: VenueEntry, flows: dict[int, FlowEntry], units: Units) -> Found:
    units = venue.own_units(units)
    steps = venue.grid(units)
    grid = FlowGrid(units, steps.tick, steps.lot)
    for k, flow in flows.items():
        for path, message in flow.problems(grid):
            yield (*at, "flow", k, *path), message
        if flow.rests and not venue.takes_resting:
            message = f"has orders that may rest, which a {venue.kind} venue refuses"
            yield (*at, "flow", k), message
        if isinstance(flow, BookFlow) and not venue.takes_book_flow:
            message = f"looks at the book, which flow cannot do at a {venue.kind} venue"
            yield (*at, "flow", k), message
        if isinstance(flow, BookFlow) and venue.processing is not None:
            message = "looks at the book at once: the venue must not have a processing time"
            yield (*at, "flow", k), message
        if flow.states_min_qty and not venue.takes_min_qty:
            message = f"states minimum quantities, which a {venue.kind} venue refuses"
            yield (*at, "flow", k), message
        if flow.special and not venue.takes_special:
            message = f"has orders of types that a {venue.kind} venue refuses"
            yield (*at, "flow", k), message


def _parent_grids(parents: dict[int, ParentConfig], units: Units) -> Found:
    for n, parent in parents.items():
        qty, limit = getattr(parent, "qty", None), getattr(parent, "limit", None)
        if qty is not None:
            yield from off_grid(("parents", n, "qty"), units.qty_to_lots, qty)
        if limit is not None:
            yield from off_grid(("parents", n, "limit"), units.price_to_ticks, limit)
