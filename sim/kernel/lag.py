"""How late things ran in real time: a histogram of bounded size, whatever the length of a run."""

from typing import Final

import msgspec

_DIGITS: Final = 4
"""Binary digits that are kept of a figure: an eighth of it at most is lost."""


class LagReport(msgspec.Struct, frozen=True):
    """How far real time was from the time that events were due, in wall nanoseconds.

    ``p50_ns`` and ``p99_ns`` are rounded up, by an eighth at most; all are 0 without events.
    ``conflated`` counts quotes that a newer one of the same venue had overtaken before anybody
    could read them. ``limit_ns`` is the delay that was allowed, None for any; ``exceeded`` says
    that an event was later, which stopped the run.
    """

    speed: float
    events: int
    p50_ns: int
    p99_ns: int
    max_ns: int
    conflated: int
    limit_ns: int | None = None
    exceeded: bool = False


class LagMeter:
    """Counts delays.

    Attributes:
        conflated: Quotes that were left out, counted by the links.
    """

    __slots__ = ("_counts", "_events", "_max_ns", "conflated")

    def __init__(self) -> None:
        self.conflated = 0
        self._counts: dict[tuple[int, int], int] = {}
        self._events = 0
        self._max_ns = 0

    def add(self, ns: int) -> None:
        """Count one delay; what is early counts as in time."""
        ns = max(ns, 0)
        shift = max(0, ns.bit_length() - _DIGITS)
        key = shift, ns >> shift
        self._counts[key] = self._counts.get(key, 0) + 1
        self._events += 1
        self._max_ns = max(self._max_ns, ns)

    def quantile(self, share: float) -> int:
        """The delay that this share of all does not exceed, rounded up; 0 without any."""
        needed, seen = share * self._events, 0
        for (shift, head), count in sorted(self._counts.items()):
            seen += count
            if seen >= needed:
                return min(((head + 1) << shift) - 1, self._max_ns)
        return 0

    def report(
        self, speed: float, limit_ns: int | None = None, *, exceeded: bool = False
    ) -> LagReport:
        """The figures so far, of delays in nanoseconds of a run at this speed."""

        def wall(ns: int) -> int:
            return round(ns / speed)

        return LagReport(
            speed,
            self._events,
            wall(self.quantile(0.5)),
            wall(self.quantile(0.99)),
            wall(self._max_ns),
            self.conflated,
            limit_ns,
            exceeded,
        )
