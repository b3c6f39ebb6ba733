"""What no single fault can check: ids, the venues that faults name, and the run's duration.

Nothing is accepted that would do nothing: a fault that comes after the end of the run, or one of
quotes at a venue that never shows any.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pydantic import TypeAdapter

from router.config import StrategyChoice
from router.schedule import AnySchedule, ScheduleConfig
from router.schedule.base import SlicedConfig
from router.settings.own import OwnConfig
from sim.faults.base import FaultConfig, MessageFault
from sim.faults.message_duplication import MessageDuplication
from sim.faults.quotes import QuoteFault
from sim.faults.repeated_fills import DuplicateExecId, DuplicateFill
from sim.faults.router_crash import RouterCrash
from sim.faults.uncalled_fills import FillAfterCancel, OrphanFill
from sim.protocol.config import Duration
from sim.protocol.units import format_duration
from sim.scenario.document import Document
from sim.scenario.locate import members, part
from sim.scenario.model import FAULT_ADAPTER, VenueEntry
from sim.scenario.nodes import Path
from sim.scenario.wording import did_you_mean

_SCHEDULE: TypeAdapter[AnySchedule] = TypeAdapter(ScheduleConfig)
_STRATEGY: TypeAdapter[object] = TypeAdapter(StrategyChoice)
_DURATION: TypeAdapter[int] = TypeAdapter(Duration)

_DOUBLING: Final = (
    MessageDuplication,
    DuplicateExecId,
    DuplicateFill,
    FillAfterCancel,
    OrphanFill,
)
"""What makes two messages of one, each of which the next fault of that leg may strike."""
DOUBLING_MAX: Final = 8
"""So many of them on one leg of a venue: each doubles what the others make of one message."""

Found = Iterator[tuple[Path, str]]


def fault_problems(
    document: Document, venues: Sequence[str], entries: Mapping[int, VenueEntry]
) -> Found:
    """Every problem of ``faults:`` with the rest, and its place.

    Args:
        document: The scenario.
        venues: The ids of its venues; empty if one of them is wrong.
        entries: Its valid venues by their index.
    """
    end_ns = part(document, ("duration",), _DURATION)
    silent = {venue.id: venue.kind for venue in entries.values() if venue.silent}
    taken: dict[str, int] = {}
    doubling: Counter[tuple[str, str]] = Counter()
    for n, fault in members(document, ("faults",), FAULT_ADAPTER).items():
        at: Path = ("faults", n)
        name = fault.id or f"fault{n}"
        if name in taken:
            yield (*at, "id"), f"{name} is the name of faults[{taken[name]}] already"
        taken.setdefault(name, n)
        for key, wanted in fault.named():
            if venues and wanted not in venues:
                hint = did_you_mean(wanted, venues)
                known = ", ".join(venues)
                yield (*at, *key), f"no venue has the id {wanted}{hint}; venues: {known}"
        if isinstance(fault, QuoteFault) and fault.venue in silent:
            message = f"{fault.venue} is a {silent[fault.venue]} venue that never shows a quote"
            yield (*at, "venue"), message
        if isinstance(fault, MessageFault) and isinstance(fault, _DOUBLING):
            leg = fault.venue, fault.on_leg
            doubling[leg] += 1
            if doubling[leg] > DOUBLING_MAX:
                yield (*at, "kind"), f"only {DOUBLING_MAX} faults may double messages of one leg"
        if isinstance(fault, RouterCrash):
            yield from _cannot_come_back((*at, "kind"), document)
        if end_ns is not None:
            yield from _too_late(at, fault, end_ns)


def _too_late(at: Path, fault: FaultConfig, end_ns: int) -> Found:
    """What comes when the run is over does nothing."""
    for key in ("at", "start"):
        value = getattr(fault, key)
        if value is not None and value >= end_ns:
            end = format_duration(end_ns)
            yield (
                (*at, key),
                f"must be before the end of the run ({end}), was {format_duration(value)}",
            )


def _cannot_come_back(at: Path, document: Document) -> Found:
    """What no record holds, so that a router could not come back from its records."""
    strategy = part(document, ("router", "strategy"), _STRATEGY)
    if isinstance(strategy, OwnConfig):
        yield at, "must not be router_crash with strategy own: what your code knew is in no record"
    places: list[Path] = [("router", "schedule")]
    places += [("parents", n, "schedule") for n in range(document.count(("parents",)))]
    for place in places:
        schedule = part(document, place, _SCHEDULE)
        if isinstance(schedule, SlicedConfig) and schedule.follows_market:
            name = ".".join(str(step) for step in place)
            message = f"the {schedule.kind} of {name} follows the market, which is in no record"
            yield at, f"must not be router_crash here: {message} of the router's"
