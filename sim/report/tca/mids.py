"""The true mid over time, and how far our own executions have moved it.

Mids count half ticks (bid plus ask), so that they are whole. The true market is the best displayed
price over all lit venues as they published it, whoever had heard of it. Where a side is empty there
is no mid; then the last one counts, and callers are told.
"""

from typing import NamedTuple

from sim.report.trail.market import NO_PX, NbboSeries


class Average(NamedTuple):
    """A sum over time: ``area / known_ns`` is the mean, undefined where nothing was known."""

    area: int
    """Half ticks times ns."""
    known_ns: int
    """Time for which there was a mid."""


class Mids:
    """What is asked of a market by rows of its series; row -1 is what was before the first.

    Args:
        series: Best displayed prices, with what is of our own making marked.
    """

    __slots__ = ("_areas", "_filled", "_known_ns", "_series")

    def __init__(self, series: NbboSeries) -> None:
        self._series = series
        self._filled: list[int | None] = []
        self._areas: list[int] = []
        self._known_ns: list[int] = []
        last: int | None = None
        area = known_ns = since = 0
        is_known = False
        for t, bid, ask in zip(series.t_ns, series.bid, series.ask, strict=True):
            if is_known and last is not None:
                area += last * (t - since)
                known_ns += t - since
            since = t
            is_known = NO_PX not in (bid, ask)
            if is_known:
                last = bid + ask
            self._filled.append(last)
            self._areas.append(area)
            self._known_ns.append(known_ns)

    @property
    def is_empty(self) -> bool:
        """Whether there was no mid at any time."""
        return not self._filled or self._filled[-1] is None

    def at(self, t_ns: int) -> int:
        """The row after all that was published up to an instant, it included."""
        return self._series.at(t_ns)

    def before_own(self, t_ns: int) -> int:
        """The row at an instant before what is of our own making at it.

        What others published at the instant before that is in it.
        """
        return self._series.before_own(t_ns)

    def mid_x2(self, row: int) -> int | None:
        """The last mid up to a row, in half ticks; None where there was none yet."""
        return None if row < 0 else self._filled[row]

    def is_known(self, row: int) -> bool:
        """Whether the row itself has a mid."""
        return self._series.mid_x2(row) is not None

    def own_x2(self, row: int) -> int:
        """Half ticks that we have moved the mid by ourselves, up to a row."""
        return 0 if row < 0 else self._series.own_mid_x2[row]

    def best(self, row: int, *, ask: bool) -> int | None:
        """Best price of a side, in ticks; None where it is empty."""
        if row < 0:
            return None
        price = self._series.ask[row] if ask else self._series.bid[row]
        return None if price == NO_PX else price

    def average(self, from_ns: int, until_ns: int) -> Average:
        """The mid over time, without the time for which there was none."""
        start, end = self._sums(from_ns), self._sums(until_ns)
        return Average(end.area - start.area, end.known_ns - start.known_ns)

    def _sums(self, t_ns: int) -> Average:
        """From the first row to an instant."""
        row = self.at(t_ns)
        if row < 0:
            return Average(0, 0)
        area, known_ns = self._areas[row], self._known_ns[row]
        mid = self._series.mid_x2(row)
        if mid is None:
            return Average(area, known_ns)
        more = t_ns - self._series.t_ns[row]
        return Average(area + mid * more, known_ns + more)
