"""What happened at each venue over all parents, and how long messages and quotes took there.

Quantities are lots, money decimal text, times nanoseconds. Percentiles are of the nearest rank, so
each is a time that was measured. Knows no file and no layout.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from sim.protocol.units import Units, plain, quotient_text
from sim.report.trail.build import Trail
from sim.report.trail.orders import EXACT, Child

LEGS: Final = ("order", "report", "in_venue", "quote_age")
"""Way to the venue; way of its answers back; waiting and work in it; age of quotes acted upon."""

_PERCENT: Final = 100


def venue_rows(trail: Trail) -> list[dict[str, Any]]:
    """All venues, in the order of the scenario, those that the log alone knows behind them."""
    counted = {venue_id: _Venue() for venue_id in trail.venues}
    for child in trail.children.values():
        counted.setdefault(child.venue_id, _Venue()).add(child)
    return [
        {
            "venue_id": venue_id,
            "kind": trail.kinds.get(venue_id),
            "lit": venue_id in trail.lit,
            **venue.row(trail.units),
        }
        for venue_id, venue in counted.items()
    ]


def latency_rows(trail: Trail) -> list[dict[str, Any]]:
    """Laws of delays as they were met, by venue and leg; a leg that nothing went is left out."""
    legs: dict[str, dict[str, _Leg]] = {
        venue_id: {leg: _Leg() for leg in LEGS} for venue_id in trail.venues
    }
    for child in trail.children.values():
        of_venue = legs.setdefault(child.venue_id, {leg: _Leg() for leg in LEGS})
        _measure(child, of_venue)
    for venue_id, ways in trail.reports.items():
        of_venue = legs.setdefault(venue_id, {leg: _Leg() for leg in LEGS})
        of_venue["report"] = _Leg(list(ways.times_ns), ways.held_ns_max)
    return [
        {"venue_id": venue_id, "leg": name, **leg.row()}
        for venue_id, of_venue in legs.items()
        for name, leg in of_venue.items()
        # A venue that handles all at once has nothing to tell of its own time.
        if leg.times and (name != "in_venue" or any(leg.times))
    ]


def percentiles(times: Sequence[int]) -> list[int]:
    """The 0th to the 100th percentile by nearest rank; of nothing none."""
    if not times:
        return []
    ordered = sorted(times)
    count = len(ordered)
    # The nearest rank of p is ceil(p/100 * n), counted from 1; the 0th is the least.
    return [ordered[max(0, -(-p * count // _PERCENT) - 1)] for p in range(_PERCENT + 1)]


@dataclass(slots=True)
class _Venue:
    children: int = 0
    routed_qty: int = 0
    filled_qty: int = 0
    tick_lots: int = 0
    fees: Decimal = Decimal(0)
    fills: int = 0
    rejects: int = 0
    busts: int = 0
    short_qty: int = 0

    def add(self, child: Child) -> None:
        self.children += 1
        self.routed_qty += child.sent.order_qty
        for one in child.executions:
            self.filled_qty += one.qty
            self.tick_lots += one.px * one.qty
            self.fees = EXACT.add(self.fees, one.fee)
        self.fills += len(child.executions)
        self.rejects += child.rejected is not None
        self.busts += len(child.taken_back)
        self.short_qty += child.short_qty

    def row(self, units: Units) -> dict[str, Any]:
        asked = self.filled_qty + self.short_qty
        return {
            "children": self.children,
            "routed_qty": self.routed_qty,
            "filled_qty": self.filled_qty,
            "fill_rate": quotient_text(Decimal(self.filled_qty), Decimal(asked)) if asked else None,
            "avg_px": units.avg_px_text(self.tick_lots, self.filled_qty),
            "fees": plain(self.fees),
            "fills": self.fills,
            "rejects": self.rejects,
            "busts": self.busts,
            "short_qty": self.short_qty,
        }


@dataclass(slots=True)
class _Leg:
    times: list[int] = field(default_factory=list)
    held_ns_max: int = 0

    def add(self, drawn_ns: int, held_ns: int) -> None:
        self.times.append(drawn_ns + held_ns)
        self.held_ns_max = max(self.held_ns_max, held_ns)

    def row(self) -> dict[str, Any]:
        return {
            "count": len(self.times),
            "mean_ns": round(Fraction(sum(self.times), len(self.times))),
            "held_ns_max": self.held_ns_max,
            "percentiles_ns": percentiles(self.times),
        }


def _measure(child: Child, legs: dict[str, _Leg]) -> None:
    """Book all that one child tells of delays."""
    arrival = child.arrival
    if arrival is not None:
        legs["order"].add(arrival.drawn_ns, arrival.held_ns)
        legs["in_venue"].times.append(arrival.queued_ns + arrival.processing_ns)
    if child.known is not None:
        legs["quote_age"].times.append(child.known.age_ns)
