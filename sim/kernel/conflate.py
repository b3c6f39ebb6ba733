"""A feed in real time, where a reader may be slow: the newest quote wins.

In virtual time nobody is slow, and every quote is read. On the wall a machine that lags finds
several quotes of one feed due at once; only the newest says what the venue shows. Older ones are
left out, so that quotes never stand in the way of fills. Nothing else is ever left out.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from sim.kernel.clock import WallClock
from sim.kernel.latency.base import LatencySampler
from sim.kernel.link import BumpedLink
from sim.kernel.loop import Event


class ConflatingLink(BumpedLink):
    """A link that leaves out a message that a newer one, due as well, makes worthless.

    Args:
        clock: Real time; its meter counts what is left out.
        latency: Draws the delay of each message.
        deliver: Called with the ``Event`` on arrival.
        priority: Rank among events of one instant.
        kind: Messages of this type replace each other; others are always delivered.
    """

    __slots__ = ("_flying", "_kind", "_lag", "_receive")

    def __init__(
        self,
        clock: WallClock,
        latency: LatencySampler,
        deliver: Callable[[Event], object],
        priority: int,
        kind: type,
    ) -> None:
        super().__init__(clock, latency, self._arrived, priority)
        self.bump_ns = 0
        self._kind = kind
        self._lag = clock.lag
        self._receive = deliver
        self._flying: deque[tuple[int, bool]] = deque()  # arrival, and whether of the kind

    def send(self, msg: Any) -> None:
        """Let ``msg`` arrive after its drawn delay and the bump, in the order of sending."""
        super().send(msg)
        self._flying.append((self._last_ns, type(msg) is self._kind))

    def _arrived(self, event: Event) -> None:
        flying = self._flying
        _, replaceable = flying.popleft()
        if replaceable and flying:
            next_ns, replaces = flying[0]
            if replaces and next_ns <= self._clock.now_ns:
                self._lag.conflated += 1
                return
        self._receive(event)
