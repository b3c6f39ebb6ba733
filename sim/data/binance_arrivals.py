"""How long messages took from the exchange to the recorder, by the clocks of both.

The difference is negative where the recorder's clock is behind the exchange's: that is real, and no
reason to refuse a file. What can be said without a common clock is the delay above the smallest one
of a stream, and which offset of the recorder's clock would make no delay negative.
"""

from array import array
from typing import Any, Final

import numpy as np

MS: Final = 1_000_000


class Arrivals:
    """Counts messages per stream and keeps their receive time less exchange time."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        self._delays: dict[str, array[int]] = {}

    def take(self, stream: str, recv_ns: int, exchange_ms: int | None) -> None:
        """One more message; streams without an exchange time are counted only."""
        self.rows[stream] = self.rows.get(stream, 0) + 1
        self.first_ns = recv_ns if self.first_ns is None else self.first_ns
        self.last_ns = recv_ns
        if exchange_ms is not None:
            self._delays.setdefault(stream, array("q")).append(recv_ns - exchange_ms * MS)

    @property
    def negative(self) -> int:
        """Messages that were received before they were sent, by the two clocks."""
        return sum(int((np.asarray(delays) < 0).sum()) for delays in self._delays.values())

    @property
    def offset_ns(self) -> int:
        """What to add to the recorder's clock so that no delay is negative; 0 where none is."""
        return max([0, *(-min(delays) for delays in self._delays.values())])

    def statistics(self) -> dict[str, dict[str, Any]]:
        """Per stream, milliseconds: the least delay, and median, p99 and largest above it."""
        found = {}
        for stream, kept in sorted(self._delays.items()):
            delays = np.sort(np.asarray(kept, np.int64))
            least, last = int(delays[0]), len(delays) - 1
            above = {
                name: round((int(delays[last * percent // 100]) - least) / MS, 3)
                for name, percent in (("p50", 50), ("p99", 99), ("largest", 100))
            }
            found[stream] = {"least_ms": round(least / MS, 3), "above_least_ms": above}
        return found
