"""What the cost analysis found, as it stands in the document's rows of parents and venues."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from sim.protocol.units import Units
from sim.report.tca.costs import ParentCost
from sim.report.tca.markouts import Gained


def cost_rows(costs: Iterable[ParentCost], most: int | None) -> Iterator[dict[str, Any]]:
    """``shortfall``, ``benchmarks`` and ``markouts`` of each parent.

    Args:
        costs: All parents.
        most: Of so many, the largest orders, all is told; of the others the shortfall alone.
            None: of all.
    """
    listed = list(costs)
    full = set(range(len(listed)))
    if most is not None and most < len(listed):
        by_size = sorted(full, key=lambda n: (-listed[n].parent.received.order_qty, n))
        full = set(by_size[:most])
    for place, cost in enumerate(listed):
        if place in full:
            yield _rows(cost)
        else:
            yield _rows(msgspec.structs.replace(cost, benchmarks=(), markouts=()))


def _rows(cost: ParentCost) -> dict[str, Any]:
    rows = cost.row()
    return {
        "shortfall": rows["shortfall"],
        "benchmarks": [_benchmark(one) for one in rows["benchmarks"]],
        "markouts": rows["markouts"],
    }


def venue_markouts(costs: Iterable[ParentCost], units: Units) -> dict[str, list[dict[str, Any]]]:
    """Markouts by venue over all parents, the shortest horizon first."""
    sums: dict[str, dict[tuple[str, int], Gained]] = {}
    for cost in costs:
        for markout in cost.markouts:
            for venue_id, gained in markout.venues.items():
                of_venue = sums.setdefault(venue_id, {})
                total = of_venue.setdefault((markout.name, markout.horizon_ns), Gained())
                total.lots += gained.lots
                total.tick_lots += gained.tick_lots
                total.half_tick_lots += gained.half_tick_lots
    return {
        venue_id: [
            {"horizon": name, "horizon_ns": horizon_ns, **gained.row(units)}
            for (name, horizon_ns), gained in of_venue.items()
        ]
        for venue_id, of_venue in sums.items()
    }


def _benchmark(row: dict[str, Any]) -> dict[str, Any]:
    """A benchmark with the average price held against it: a positive cost is dearer than it."""
    detail = row["detail"]
    return {
        "name": row["name"],
        "title": row["title"],
        "price": row["px"],
        "lots": row["lots"],
        "cost": row["cost"],
        "cost_bps": row["cost_bps"],
        "what": row["about"] if not detail else f"{row['about']} ({detail})",
        "approximate": row["approximate"],
        "why_not_available": row["why_not_available"],
    }
