"""What the instrument is worth: a martingale that some participants know something of.

It is no price at any venue. It starts at a price of the scenario and jumps at random instants, up
or down with equal chance, so that its best forecast is always its present value.
"""

from bisect import bisect_right
from collections.abc import Iterator
from math import log
from typing import Annotated, Final

from pydantic import Field

from sim.kernel.streams import Stream
from sim.protocol.config import PositiveDecimal, ScenarioModel
from sim.protocol.units import MAX_NS, MAX_TICKS, UnitError, Units

_NEVER: Final = float(MAX_NS)


class FundamentalConfig(ScenarioModel):
    """A price that jumps up or down with equal chance, at exponential intervals."""

    start: PositiveDecimal
    """What it is as the run begins."""
    rate: Annotated[float, Field(gt=0, le=1_000_000)]
    """Jumps per second, on average."""
    jump: PositiveDecimal
    """How far each jump goes."""

    def problems(self, units: Units) -> list[tuple[tuple[str | int, ...], str]]:
        """What the instrument's tick does not allow."""
        found: list[tuple[tuple[str | int, ...], str]] = []
        for name, value in (("start", self.start), ("jump", self.jump)):
            try:
                units.price_to_ticks(value)
            except UnitError as error:
                found.append(((name,), str(error)))
        return found


class Fundamental:
    """The path of one run, made as far as somebody asks for it.

    A jump that would lead to zero or below, or beyond the range of prices, does not happen, nor
    does any after it: a martingale may stop, but not turn back. Each jump takes two draws of the
    stream, so the path is the same whoever asks, and however often.

    Args:
        start: Ticks at the start, > 0.
        jump: Ticks of each jump, > 0.
        rate: Jumps per second, > 0.
        stream: Its chance.
    """

    def __init__(self, start: int, jump: int, rate: float, stream: Stream) -> None:
        self._times = [0]
        self._values = [start]
        self._jump = jump
        self._mean_ns = 1e9 / rate
        self._stream = stream
        self._stopped = False

    def value(self, t_ns: int) -> int:
        """Ticks at an instant, a jump of that instant included; before the start: the first."""
        self._reach(t_ns)
        return self._values[max(0, bisect_right(self._times, t_ns) - 1)]

    def jump(self, n: int, end_ns: int) -> tuple[int, int] | None:
        """Instant of the ``n``-th jump, counted from 1, and ticks after it; None: not by the end.

        Raises:
            ValueError: If ``n`` is below 1.
        """
        if n < 1:
            raise ValueError(f"n must be >= 1, was {n}")
        while len(self._times) <= n and not self._stopped and self._times[-1] <= end_ns:
            self._draw()
        if n >= len(self._times) or self._times[n] > end_ns:
            return None
        return self._times[n], self._values[n]

    def jumps(self, end_ns: int) -> Iterator[tuple[int, int]]:
        """All jumps up to an instant."""
        n = 1
        while (found := self.jump(n, end_ns)) is not None:
            yield found
            n += 1

    def _reach(self, t_ns: int) -> None:
        while self._times[-1] <= t_ns and not self._stopped:
            self._draw()

    def _draw(self) -> None:
        gap = 1 + int(min(-log(self._stream.uniform()) * self._mean_ns, _NEVER))
        step = self._jump if self._stream.uniform() < 0.5 else -self._jump
        value = self._values[-1] + step
        if not 0 < value <= MAX_TICKS:
            self._stopped = True
            return
        self._times.append(self._times[-1] + gap)
        self._values.append(value)
