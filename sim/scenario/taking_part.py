"""Checks of who takes part: the scenario's ``participants`` and its ``fundamental``.

A participant must be able to reach, and to hear, the venues that it trades at; nothing may happen
without any time passing, or a run could stay at one instant for ever.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

from pydantic import TypeAdapter

from router.core.events import ACCOUNT
from sim.flow.base import FlowGrid
from sim.flow.participants.base import LegsConfig, ParticipantConfig
from sim.flow.participants.fundamental import FundamentalConfig
from sim.kernel.streams import Streams
from sim.protocol.config import Ident
from sim.protocol.units import UnitError, Units
from sim.scenario.document import Document
from sim.scenario.locate import members, part
from sim.scenario.model import PARTICIPANT_ADAPTER, LinkConfig, VenueEntry
from sim.scenario.nodes import ListNode, Path, ScalarNode
from sim.scenario.wording import did_you_mean

Found = Iterator[tuple[Path, str]]

PARTICIPANT: Final = PARTICIPANT_ADAPTER
_FUNDAMENTAL = TypeAdapter(FundamentalConfig)
_IDENT = TypeAdapter(Ident)
_LINK = TypeAdapter(LinkConfig)
_FLOW_ACCOUNT: Final = re.compile(r"flow[0-9]+")


def participant_problems(
    document: Document, venues: Mapping[int, VenueEntry], units: Units | None
) -> Found:
    """Every problem of participants and of the fundamental, with its place.

    Args:
        document: The file.
        venues: Its valid venues by their index.
        units: Tick and lot of the instrument; None if they are wrong.
    """
    everyone = members(document, ("participants",), PARTICIPANT)
    by_id = {venue.id: venue for venue in venues.values()}
    all_venues = len(venues) == document.count(("venues",))
    links = members(document, ("links",), _LINK)
    for n in range(document.count(("participants",))):
        yield from _name(document, n, by_id)
    yield from _fundamental(document, everyone, units)
    for n, one in everyone.items():
        at: Path = ("participants", n)
        brought = {link.from_: k for k, link in links.items() if link.to == one.id}
        yield from _reach(at, one, by_id, brought, all_venues=all_venues)
        if units is not None:
            grids = _grids(one, by_id, units)
            yield from (((*at, *path), message) for path, message in one.problems(grids))


def _name(document: Document, n: int, by_id: Mapping[str, VenueEntry]) -> Found:
    """Its id is an account and may be a link's end: nobody else's."""
    path: Path = ("participants", n, "id")
    name = part(document, path, _IDENT)
    if name is None:
        return
    if name in by_id:
        yield path, f"{name} is the id of a venue already"
    elif name == ACCOUNT or _FLOW_ACCOUNT.fullmatch(name):
        yield path, f"{name} is the account of {'the router' if name == ACCOUNT else 'a flow'}"


def _reach(
    at: Path,
    one: ParticipantConfig,
    by_id: Mapping[str, VenueEntry],
    brought: Mapping[str, int],
    *,
    all_venues: bool,
) -> Found:
    """Each of its venues is there, once, and is reached and heard over delays that take time."""
    first: dict[str, int] = {}
    for k, access in enumerate(one.venues):
        here: Path = (*at, "venues", k)
        name = access.venue
        venue = by_id.get(name)
        if venue is None and all_venues and by_id:
            hint = did_you_mean(name, list(by_id))
            yield (*here, "venue"), f"no venue has the id {name}{hint}; venues: {', '.join(by_id)}"
        if first.setdefault(name, k) != k:
            yield (*here, "venue"), f"{name} is venues[{first[name]}] already"
        if venue is not None and one.rests and not venue.takes_resting:
            message = f"rests orders, which a {venue.kind} venue refuses: {name}"
            yield (*here, "venue"), message
        legs = access.latency or one.latency
        if legs is None:
            yield here, "has no latency: give it one here, or one to the participant for all venues"
            continue
        place: Path = (*here, "latency") if access.latency else (*at, "latency")
        if legs.feed is None and one.needs_feed and name not in brought:
            yield place, f"hears nothing of {name}: it needs a feed, or a link from there"
        if legs.feed is not None and name in brought:
            link = f"links[{brought[name]}]"
            yield (*place, "feed"), f"{link} brings the market data of {name} already"
        yield from _takes_time(place, legs)


def _takes_time(place: Path, legs: LegsConfig) -> Found:
    if not _always_zero(legs.order):
        return
    for name in ("report", "feed"):
        model = getattr(legs, name)
        if model is not None and _always_zero(model):
            message = f"order and {name} both take no time: one of them must, however little"
            yield (*place, "order"), message
            return


def _always_zero(model: Any) -> bool:
    """Whether every delay is 0, as far as it can be told without reading files."""
    if model.files():
        return False
    nominal: int = model.sampler(Streams(0).get("check"), _no_file).nominal_ns
    return nominal == 0


def _no_file(name: str) -> NoReturn:
    raise AssertionError(f"a model that names no files asked for {name}")


def _fundamental(
    document: Document, everyone: Mapping[int, ParticipantConfig], units: Units | None
) -> Found:
    """Who knows something of the fundamental needs one, and one that nobody knows does nothing."""
    config = part(document, ("fundamental",), _FUNDAMENTAL)
    if config is not None and units is not None:
        for path, message in config.problems(units):
            yield ("fundamental", *path), message
    written = document.node(("fundamental",))
    knowing = [n for n, one in everyone.items() if one.needs_fundamental]
    is_null = isinstance(written, ScalarNode) and written.value is None and not written.refused
    if written is None or is_null:
        for n in knowing:
            yield ("participants", n, "kind"), "knows the fundamental: the scenario must have one"
        return
    listed = document.node(("participants",))
    all_valid = listed is None or (
        isinstance(listed, ListNode) and len(everyone) == len(listed.items)
    )
    if config is not None and not knowing and all_valid:
        yield ("fundamental",), "no participant knows anything of it"


def _grids(
    one: ParticipantConfig, by_id: Mapping[str, VenueEntry], units: Units
) -> dict[str, FlowGrid]:
    """Tick and lot of those of its venues that have valid ones."""
    grids = {}
    for access in one.venues:
        venue = by_id.get(access.venue)
        if venue is None:
            continue
        try:
            steps = venue.grid(units)
        except UnitError:
            continue  # said at the venue
        grids[access.venue] = FlowGrid(units, steps.tick, steps.lot)
    return grids
