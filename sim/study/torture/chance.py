"""The chance of one case: drawn one after the other, from its seed alone."""

from collections.abc import Sequence
from math import exp, log
from typing import TypeVar

from sim.kernel.streams import Streams
from sim.protocol.units import format_duration

T = TypeVar("T")


class Chance:
    """Draws for one case.

    Args:
        seed: The case's seed.
        name: Tells independent sequences of one seed apart.
    """

    def __init__(self, seed: int, *name: str) -> None:
        self._stream = Streams(seed).get("torture", *name)

    def happens(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self._stream.uniform() < probability

    def one_of(self, things: Sequence[T]) -> T:
        """One of these, each as likely as the others."""
        return things[int(self._stream.uniform() * len(things))]

    def whole(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, small ones more often where they start low."""
        if low > 0 and high > 16 * low:
            return min(high, int(low * (high / low) ** self._stream.uniform()))
        return low + int(self._stream.uniform() * (high - low + 1))

    def between(self, low: float, high: float) -> float:
        """A number between two bounds, even on a scale of powers; to three digits."""
        drawn = exp(log(low) + self._stream.uniform() * (log(high) - log(low)))
        return min(high, max(low, float(f"{drawn:.3g}")))

    def duration(self, low_ns: int, high_ns: int) -> str:
        """A duration as a scenario writes it; as often around a microsecond as around a second."""
        ns = self.between(max(1, low_ns), max(2, high_ns))
        return format_duration(min(high_ns, max(low_ns, int(ns))))

    def time(self, end_ns: int) -> str:
        """An instant before ``end_ns``: mostly early, when the orders are on their way."""
        if self.happens(0.3):
            return format_duration(int(self._stream.uniform() * end_ns))
        return self.duration(1, max(end_ns, 2))
