"""Decisions as the document has them: the ranked venue table, and what had come back before each.

The tables are those of the best-execution evidence, with the levels that the router knew beside
them. Quantities are lots, prices decimal text, times nanoseconds.
"""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from sim.audit.records import Decision
from sim.protocol.units import Units
from sim.report.evidence.decisions import iter_decision_rows
from sim.report.trail.build import Trail
from sim.report.trail.orders import Child, Parent

LEVELS_MAX: Final = 10
"""Levels of a quote that a row lists."""


def decision_rows(trail: Trail, most: int | None = None) -> list[dict[str, Any]]:
    """A row per decision in their order.

    Args:
        trail: The run.
        most: How many at most, the first ones; None: all.
    """
    returned = {
        (name, place): qty
        for name, parent in trail.parents.items()
        for place, qty in _came_back(parent).items()
    }
    places = {
        decision.decision_id: (name, place)
        for name, parent in trail.parents.items()
        for place, decision in enumerate(parent.decisions)
    }
    rows = []
    for row in islice(iter_decision_rows(trail), most):
        decision = trail.decisions[row["decision_id"]]
        back = returned.get(places.get(decision.decision_id, ("", -1)), {})
        rows.append(_row(row, decision, back, trail.units))
    return rows


def _row(
    row: dict[str, Any], decision: Decision, came_back: dict[str, int], units: Units
) -> dict[str, Any]:
    levels = {quote.venue_id: quote.levels[:LEVELS_MAX] for quote in decision.quotes}
    return {
        "decision_id": row["decision_id"],
        "parent_id": row["parent_id"],
        "t_ns": row["t_ns"],
        "reason": row["reason"],
        "rule": row["rule"] or "",
        "strategy": row["strategy"],
        "depth": row["depth"],
        "unreserved_qty": row["unreserved_qty"],
        "available_qty": row["available_qty"],
        "sent_qty": row["allocated_qty"],
        "came_back": came_back,
        "children": [name for venue in row["venues"] for name in venue["children"]],
        "venues": [
            _venue(venue, levels.get(venue["venue_id"], ()), units) for venue in row["venues"]
        ],
        "notes": row["notes"],
        "text": [],
    }


def _venue(
    venue: dict[str, Any], levels: tuple[tuple[int, int], ...], units: Units
) -> dict[str, Any]:
    return {
        "rank": venue["rank"],
        "venue_id": venue["venue_id"],
        "kind": venue["kind"] or "",
        "available_qty": venue["available_qty"],
        "price": venue["price"],
        "effective_price": venue["effective_px"],
        "levels": [[units.price_text(px), qty] for px, qty in levels],
        "quote_seq": venue["quote_seq"],
        "age_ns": venue["quote_age_ns"],
        "latency_ns": venue["order_latency_ns"],
        "fill_risk": venue["fill_risk"],
        "allocated_qty": venue["allocated_qty"],
        "allocated_pct": venue["allocated_pct"],
        "allocated_px": venue["allocated_px"],
        "filled_qty": venue["filled_qty"],
        "avg_px": venue["avg_px"],
        "cost": venue["cost"],
        "why": venue["refused"] or "",
        "evidence": "; ".join(venue["evidence"]),
    }


def _came_back(parent: Parent) -> dict[int, dict[str, int]]:
    """Lots that venues gave back since the decision before, by the place of the decision.

    What comes back at an instant goes into a decision at that instant. Lots count that were
    canceled, refused, or written off.
    """
    times = [decision.t_ns for decision in parent.decisions]
    found: dict[int, dict[str, int]] = {}
    for child in parent.children:
        for t_ns, lots in _given_back(child):
            place = bisect_left(times, t_ns)
            if lots and place < len(times):
                of_venue = found.setdefault(place, {})
                of_venue[child.venue_id] = of_venue.get(child.venue_id, 0) + lots
    return found


def _given_back(child: Child) -> Iterator[tuple[int, int]]:
    if child.canceled is not None:
        yield child.canceled.t_ns, child.canceled.canceled_qty
    if child.rejected is not None:
        yield child.rejected.t_ns, child.sent.order_qty
    if child.written_off is not None:
        yield child.written_off.t_ns, child.written_off.written_off_qty
