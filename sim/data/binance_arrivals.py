"""How long messages took from the exchange to the recorder, by the clocks of both.

The difference is negative where the recorder's clock is behind the exchange's: that is real, and no
reason to refuse a file. What can be said without a common clock is the delay above the smallest one
of a stream, and which offset of the recorder's clock would make no delay negative.
"""

from typing import Any, Final

MS: Final = 1_000_000
_US: Final = 1000


class Arrivals:
    """Counts messages per stream, and their receive time less exchange time by microseconds."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        self.negative = 0
        """Messages that were received before they were sent, by the two clocks."""
        self._least: dict[str, int] = {}
        self._counts: dict[str, dict[int, int]] = {}

    def take(self, stream: str, recv_ns: int, exchange_ms: int | None) -> None:
        """One more message; streams without an exchange time are counted only."""
        self.rows[stream] = self.rows.get(stream, 0) + 1
        self.first_ns = recv_ns if self.first_ns is None else self.first_ns
        self.last_ns = recv_ns
        if exchange_ms is not None:
            delay = recv_ns - exchange_ms * MS
            self.negative += delay < 0
            self._least[stream] = min(delay, self._least.get(stream, delay))
            counts = self._counts.setdefault(stream, {})
            counts[delay // _US] = counts.get(delay // _US, 0) + 1

    @property
    def offset_ns(self) -> int:
        """What to add to the recorder's clock so that no delay is negative; 0 where none is."""
        return max([0, *(-least for least in self._least.values())])

    def statistics(self) -> dict[str, dict[str, Any]]:
        """Per stream, milliseconds: the least delay, and median, p99 and largest above it."""
        found = {}
        for stream, counts in sorted(self._counts.items()):
            least = self._least[stream]
            above = {
                name: round((_at(counts, percent) * _US - least // _US * _US) / MS, 3)
                for name, percent in (("p50", 50), ("p99", 99), ("largest", 100))
            }
            found[stream] = {"least_ms": round(least / MS, 3), "above_least_ms": above}
        return found


def _at(counts: dict[int, int], percent: int) -> int:
    """The value at the lower of the two ranks of a percentile."""
    rank, passed = (sum(counts.values()) - 1) * percent // 100, 0
    value = 0
    for value in sorted(counts):
        passed += counts[value]
        if passed > rank:
            break
    return value
