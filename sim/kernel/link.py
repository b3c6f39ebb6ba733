"""One-way delivery of messages with a latency model: FIFO, and both parts of each delay kept apart.

``drawn_ns`` is what the model drew; ``held_ns`` is what was added because a message never
overtakes the one before it. Laws are tested on the drawn part.
"""

from collections.abc import Callable
from heapq import heappush
from typing import Any

from sim.kernel.clock import Clock
from sim.kernel.latency.base import LatencySampler
from sim.kernel.latency.by_message import ByMessageSampler
from sim.kernel.loop import Event, SimLoop
from sim.kernel.shuffle import one_source


class Link:
    """Messages from one sender to one receiver.

    Args:
        clock: Time and scheduling.
        latency: Draws the delay of each message.
        deliver: Called with the ``Event`` on arrival: usually ``Inbox.deliver``.
        priority: Rank among events of one instant (``Priority``).
    """

    __slots__ = ("_clock", "_deliver", "_last_ns", "_latency", "_pop", "_priority")

    def __init__(
        self,
        clock: Clock,
        latency: LatencySampler,
        deliver: Callable[[Event], object],
        priority: int,
    ) -> None:
        self._clock = clock
        self._latency = latency
        self._deliver = deliver
        self._priority = int(priority)
        self._pop = latency.buffer.pop
        self._last_ns = 0

    def send(self, msg: Any) -> None:
        """Let ``msg`` arrive after its drawn delay, but not before anything sent earlier."""
        now_ns = self._clock.now_ns
        try:
            drawn_ns = self._pop()
        except IndexError:
            self._latency.refill()
            drawn_ns = self._pop()
        t_ns = now_ns + drawn_ns
        if t_ns < self._last_ns:
            t_ns = self._last_ns
        else:
            self._last_ns = t_ns
        self._clock.schedule(t_ns, self._priority, self._deliver, msg, now_ns, drawn_ns)

    def send_in(self, msg: Any, delay_ns: int) -> None:
        """Let ``msg`` arrive after a delay that is given: no draw is used, the order is kept."""
        now_ns = self._clock.now_ns
        self._last_ns = t_ns = max(self._last_ns, now_ns + delay_ns)
        self._clock.schedule(t_ns, self._priority, self._deliver, msg, now_ns, delay_ns)


class VirtualLink(Link):
    """A link on ``SimLoop``: the same in fewer calls, since every message of a run passes here."""

    __slots__ = ()
    _clock: SimLoop

    def send(self, msg: Any) -> None:
        """Let ``msg`` arrive after its drawn delay, but not before anything sent earlier."""
        loop = self._clock
        now_ns = loop.now_ns
        pop = self._pop  # called as a method it would be looked up on the class first
        try:
            drawn_ns = pop()
        except IndexError:
            self._latency.refill()
            drawn_ns = pop()
        t_ns = now_ns + drawn_ns
        if t_ns < self._last_ns:
            t_ns = self._last_ns
        else:
            self._last_ns = t_ns
        loop.seq = seq = loop.seq + 1
        heappush(loop.heap, Event(t_ns, self._priority, seq, self._deliver, msg, now_ns, drawn_ns))


class BumpedLink(Link):
    """A link whose receiver holds back every message for the same time, as a speed bump does.

    The constant counts as held, not as drawn: the drawn part follows the latency model's law.
    """

    __slots__ = ("bump_ns",)
    bump_ns: int

    def send(self, msg: Any) -> None:
        """Let ``msg`` arrive after its drawn delay and the bump, in the order of sending."""
        now_ns = self._clock.now_ns
        drawn_ns = self._latency.draw()
        self._last_ns = t_ns = max(self._last_ns, now_ns + drawn_ns + self.bump_ns)
        self._clock.schedule(t_ns, self._priority, self._deliver, msg, now_ns, drawn_ns)


class ByMessageLink(Link):
    """A link whose delays depend on the kind of message; with a speed bump, which may be 0."""

    __slots__ = ("bump_ns", "by_message")
    by_message: ByMessageSampler
    bump_ns: int

    def send(self, msg: Any) -> None:
        """Let ``msg`` arrive after the delay of its kind and the bump, in the order of sending."""
        now_ns = self._clock.now_ns
        drawn_ns = self.by_message.draw_for(msg)
        self._last_ns = t_ns = max(self._last_ns, now_ns + drawn_ns + self.bump_ns)
        self._clock.schedule(t_ns, self._priority, self._deliver, msg, now_ns, drawn_ns)


def make_link(
    clock: Clock,
    latency: LatencySampler,
    deliver: Callable[[Event], object],
    priority: int,
    bump_ns: int = 0,
) -> Link:
    """The link that suits the latency and the clock, with a speed bump or without."""
    clock = one_source(clock)
    if isinstance(latency, ByMessageSampler):
        by_message = ByMessageLink(clock, latency, deliver, priority)
        by_message.by_message, by_message.bump_ns = latency, bump_ns
        return by_message
    if bump_ns:
        bumped = BumpedLink(clock, latency, deliver, priority)
        bumped.bump_ns = bump_ns
        return bumped
    kind = VirtualLink if isinstance(clock, SimLoop) else Link  # a source of shuffled ties is none
    return kind(clock, latency, deliver, priority)
