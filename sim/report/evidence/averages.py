"""Share-weighted averages, quantiles and shares of a whole, exact until they are written as text.

Values are ticks or nanoseconds, weights lots. What has no weight has no average: None.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from sim.protocol.units import Units, quotient_text

_PERCENT_STEP: Final = Decimal("0.01")


class Mean:
    """An average price difference over lots: a sum of ``ticks * lots`` and the lots."""

    __slots__ = ("lots", "tick_lots")

    def __init__(self) -> None:
        self.lots = 0
        self.tick_lots = 0

    def add(self, ticks: int, lots: int) -> None:
        """Count ``lots`` at this value."""
        self.lots += lots
        self.tick_lots += ticks * lots

    def merge(self, other: "Mean") -> None:
        """Count what another one has counted."""
        self.lots += other.lots
        self.tick_lots += other.tick_lots

    def text(self, units: Units) -> str | None:
        """The average as price text with 8 decimals; None without lots."""
        return units.avg_px_text(self.tick_lots, self.lots)


class Durations:
    """Times in nanoseconds, each for so many lots."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: list[tuple[int, int]] = []

    def add(self, ns: int, lots: int) -> None:
        """Count ``lots`` with this time."""
        self._found.append((ns, lots))

    def merge(self, other: "Durations") -> None:
        """Count what another one has counted."""
        self._found += other._found

    def average_ns(self) -> int | None:
        """The average, half-even to whole ns; None without lots."""
        lots = sum(qty for _, qty in self._found)
        total = sum(ns * qty for ns, qty in self._found)
        return round(Fraction(total, lots)) if lots else None

    def row(self, edges_ns: tuple[int, ...]) -> dict[str, Any]:
        """Average (half-even to whole ns), median, 99th percentile, and lots between the edges.

        A quantile is the shortest time within which at least that part of the lots came. Of a
        bucket ``from_ns`` belongs to it, ``below_ns`` not any more (None: no end).
        """
        found = sorted(self._found)
        lots = sum(qty for _, qty in found)
        bounds = list(zip((0, *edges_ns), (*edges_ns, None), strict=True))
        buckets = [{"from_ns": low, "below_ns": high, "qty": 0} for low, high in bounds]
        place = 0
        for ns, qty in found:
            while place < len(edges_ns) and ns >= edges_ns[place]:
                place += 1
            buckets[place]["qty"] = (buckets[place]["qty"] or 0) + qty
        return {
            "avg_ns": self.average_ns(),
            "median_ns": _quantile(found, lots, 50),
            "p99_ns": _quantile(found, lots, 99),
            "buckets": buckets,
        }


def percent(part: int | Decimal, whole: int | Decimal) -> str | None:
    """``part`` of ``whole`` in percent with 2 decimals, half-even; None of nothing."""
    return quotient_text(Decimal(part) * 100, Decimal(whole), _PERCENT_STEP) if whole else None


def _quantile(found: list[tuple[int, int]], lots: int, percentage: int) -> int | None:
    so_far = 0
    for ns, qty in found:
        so_far += qty
        if 100 * so_far >= percentage * lots:
            return ns
    return None
