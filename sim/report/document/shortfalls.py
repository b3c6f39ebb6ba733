"""Why lots were not filled, as it stands in the document's rows of children and venues."""

from collections.abc import Iterator
from typing import Any

from sim.report.attribution.attribute import Attribution, ChildShort
from sim.report.attribution.causes import as_text, in_order


def short_rows(found: Attribution, most: int | None) -> Iterator[dict[str, Any]]:
    """``short`` of each child: the quote acted upon, the book met, causes, worse fills.

    Args:
        found: All children.
        most: After so many, only children that fell short have it; None: all have.
    """
    for place, short in enumerate(found.children.values()):
        if most is None or place < most or short.short_qty:
            yield {"short": _short(short)}
        else:
            yield {}


def _short(short: ChildShort) -> dict[str, Any]:
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
