"""Checks of who hears whom: the scenario's ``links`` and its ``tape``.

Nothing is accepted that would do nothing: a link to a venue that does not look at other venues, a
tape that nobody hears, or a venue with a reference that nobody brings.
"""

from collections.abc import Collection, Iterator, Mapping

from pydantic import TypeAdapter

from router.config import RouterConfig
from sim.scenario.document import Document
from sim.scenario.locate import known, members, part
from sim.scenario.model import LinkConfig, TapeConfig, VenueEntry
from sim.scenario.nodes import ListNode, Path, ScalarNode
from sim.scenario.wording import did_you_mean

Found = Iterator[tuple[Path, str]]

LINK = TypeAdapter(LinkConfig)
TAPE = TypeAdapter(TapeConfig)


def hearing_problems(
    document: Document, venues: Mapping[int, VenueEntry], participants: Collection[str]
) -> Found:
    """Every problem of links and tape, with its place.

    Args:
        document: The file.
        venues: Its valid venues by their index; nothing is said of a name that might be that of
            another one.
        participants: Ids of participants, to whom links may lead.
    """
    by_id = {venue.id: venue for venue in venues.values()}
    if len(venues) < document.count(("venues",)):
        by_id = _Partial(by_id)
    links = members(document, ("links",), LINK)
    to_venues = {n: link for n, link in links.items() if link.to not in participants}
    tape = part(document, ("tape",), TAPE)
    node = document.node(("tape",))
    has_no_tape = node is None or (
        isinstance(node, ScalarNode) and node.value is None and not node.refused
    )
    router = known(document, ("router",), RouterConfig)
    mode = getattr(router, "market_data", None)
    yield from _twice(links)
    yield from _links(to_venues, by_id, participants)
    for n, link in links.items():
        if link.to in participants:
            yield from _unknown(("links", n, "from"), link.from_, by_id)
    if tape is not None:
        yield from _tape(tape, mode, by_id)
    elif has_no_tape and mode == "tape":
        yield ("router", "market_data"), "this scenario has no tape"
    on_tape = set() if tape is None else set(tape.to)
    written = document.node(("links",))
    links_valid = written is None or (
        isinstance(written, ListNode) and len(links) == document.count(("links",))
    )
    # A name that is wrong may have been meant for the venue that seems to hear nothing.
    named = on_tape | {link.to for link in to_venues.values()}
    all_valid = links_valid and (tape is not None or has_no_tape) and named <= by_id.keys()
    yield from _references(to_venues, on_tape, venues, all_valid=all_valid)


class _Partial(dict[str, VenueEntry]):
    """Some of the venues: that a name is not among them says nothing."""


def _references(
    links: Mapping[int, LinkConfig],
    on_tape: set[str],
    venues: Mapping[int, VenueEntry],
    *,
    all_valid: bool,
) -> Found:
    """Who needs a reference has one, and not two."""
    linked = {link.to for link in links.values()}
    for n, venue in venues.items():
        if venue.uses_reference and all_valid and venue.id not in linked | on_tape:
            message = "uses the quotes of other venues: links or the tape must bring it some"
            yield ("venues", n), message
        if venue.id in linked & on_tape:
            k = min(k for k, link in links.items() if link.to == venue.id)
            message = f"{venue.id} hears the tape already; it must hear links or the tape, not both"
            yield ("links", k, "to"), message


def _twice(links: Mapping[int, LinkConfig]) -> Found:
    first: dict[tuple[str, str], int] = {}
    for n, link in links.items():
        before = first.setdefault((link.from_, link.to), n)
        if before != n:
            yield ("links", n), f"links[{before}] goes from {link.from_} to {link.to} already"


def _links(
    links: Mapping[int, LinkConfig], by_id: Mapping[str, VenueEntry], participants: Collection[str]
) -> Found:
    for n, link in links.items():
        at: Path = ("links", n)
        yield from _unknown((*at, "from"), link.from_, by_id)
        sender = by_id.get(link.from_)
        if link.from_ == link.to:
            yield (*at, "to"), f"must be another venue than from, was {link.to}"
        elif sender is not None and sender.visibility != "lit":
            message = (
                f"{link.from_} is a {sender.kind} venue: only displayed quotes of lit venues count"
            )
            yield (*at, "from"), message
        else:
            yield from _hearer((*at, "to"), link.to, by_id, participants)


def _tape(tape: TapeConfig, mode: str | None, by_id: Mapping[str, VenueEntry]) -> Found:
    first: dict[str, int] = {}
    for n, name in enumerate(tape.to):
        if first.setdefault(name, n) != n:
            yield ("tape", "to", n), f"{name} is to[{first[name]}] already"
        else:
            yield from _hearer(("tape", "to", n), name, by_id)
    if mode == "direct" and not tape.to:
        message = "nobody hears it: name venues in to, or set router.market_data to tape"
        yield ("tape",), message
    if not isinstance(by_id, _Partial) and not any(
        venue.visibility == "lit" for venue in by_id.values()
    ):
        yield ("tape",), "there is no lit venue whose quotes it could carry"


def _hearer(
    at: Path, name: str, by_id: Mapping[str, VenueEntry], participants: Collection[str] = ()
) -> Found:
    """Someone who is to hear of other venues must be there, and look at what it hears."""
    yield from _unknown(at, name, by_id, participants)
    venue = by_id.get(name)
    if venue is not None and not venue.hears_others:
        yield at, f"{name} does not use the quotes of other venues"


def _unknown(
    at: Path, name: str, by_id: Mapping[str, VenueEntry], participants: Collection[str] = ()
) -> Found:
    if name not in by_id and by_id and not isinstance(by_id, _Partial):
        ids = list(by_id)
        hint = did_you_mean(name, [*ids, *participants])
        who = "venue or participant" if participants else "venue"
        others = f"; participants: {', '.join(participants)}" if participants else ""
        yield at, f"no {who} has the id {name}{hint}; venues: {', '.join(ids)}{others}"
