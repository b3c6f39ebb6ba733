"""Why lots were not filled, as it stands in the document's rows of children and venues."""

from typing import Any

from sim.report.attribution.attribute import Attribution, ChildShort
from sim.report.attribution.causes import as_text, in_order


def short_row(short: ChildShort) -> dict[str, Any]:
    """What a child's row says of it: the quote acted upon, the book met, causes, worse fills."""
    row = short.row()
    arrival = row["arrival"]
    return {
        "how": row["how"],
        "quote": None if row["quote"] is None else row["quote"]["levels"],
        "age_ns": short.age_ns,
        "age_on_arrival_ns": short.age_on_arrival_ns,
        "reachable_qty": None if arrival is None else arrival["reachable_qty"],
        "causes": row["causes"],
        "losses": row["losses"],
        "worse": row["worse"],
    }


def venue_causes(found: Attribution) -> dict[str, dict[str, int]]:
    """Lots by cause at each venue, over all children."""
    sums: dict[str, dict[Any, int]] = {}
    for short in found.children.values():
        of_venue = sums.setdefault(short.child.venue_id, {})
        for cause, lots in short.causes.items():
            of_venue[cause] = of_venue.get(cause, 0) + lots
    return {name: as_text(in_order(causes)) for name, causes in sums.items()}
