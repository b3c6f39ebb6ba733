"""The report's section of what went wrong: faults, and what broke between router and venues.

It has the form of ``sim.report.evidence.sections``. Quantities are lots, times nanoseconds since
the start of the run, as faults have them in a scenario.
"""

from typing import Any, Final

from sim.report.trail.build import Trail
from sim.report.trouble import FaultRow, had_trouble, trouble
from sim.report.trouble_words import HOW_COUNTED, NEVER, at_venue, what_followed, what_struck

TITLE: Final = "What went wrong, and what became of it"
_FAULTS: Final = (
    ("fault_id", "Fault"),
    ("kind", "Kind"),
    ("venue_id", "Venue"),
    ("leg", "Leg"),
    ("began_ns", "Began"),
    ("ended_ns", "Ended"),
    ("struck", "Messages"),
    ("orders", "Orders"),
    ("followed", "What followed"),
)
_VENUES: Final = (("venue_id", "Venue"), ("followed", "What broke, and what followed"))


def wrong_section(trail: Trail) -> dict[str, Any] | None:
    """The section; None where a run had no faults and every session held.

    Rows have every figure of ``FaultRow`` and ``VenueRow``; columns are what people read.
    """
    if not had_trouble(trail):
        return None
    found, units = trouble(trail), trail.units
    faults = [
        {**one._asdict(), "followed": "; ".join(what_followed(one, units)) or _nothing(one)}
        for one in found.faults
    ]
    venues = [
        {**one._asdict(), "followed": "; ".join(at_venue(one, units))} for one in found.venues
    ]
    text = what_struck(found)
    if faults:
        text += [HOW_COUNTED, "Times count from the start of the run."]
    if faults and not venues:
        text.append("Nothing broke between the router and its venues.")
    return {
        "title": TITLE,
        "text": text,
        "tables": [
            {"title": "Faults", "columns": list(map(list, _FAULTS)), "rows": faults},
            {"title": "By venue", "columns": list(map(list, _VENUES)), "rows": venues},
        ],
    }


def _nothing(row: FaultRow) -> str:
    return NEVER if row.began_ns is None else "nothing"
