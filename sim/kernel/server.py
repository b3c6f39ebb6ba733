"""A queue with one server: messages are handled one after the other, and each takes its time.

A message that finds the server busy waits; how long it waits follows from the messages before it
alone (the Lindley recursion): ``wait = max(0, wait_before + service_before - gap)``.
"""

from collections import deque
from collections.abc import Callable

from sim.kernel.clock import Clock
from sim.kernel.latency.base import LatencySampler
from sim.kernel.loop import Event
from sim.kernel.shuffle import one_source


class Served(Event, order=True, gc=False):
    """A message that has been through a queue: the event of its link, with what the queue added.

    ``t_ns`` is when it was done. It is the envelope only: it never lies in a heap itself.
    """

    queued_ns: int = 0
    processing_ns: int = 0

    @property
    def held_ns(self) -> int:
        """How long its link held the message back beyond its drawn delay."""
        arrived_ns = self.t_ns - self.queued_ns - self.processing_ns
        return arrived_ns - self.sent_ns - self.drawn_ns


class Server:
    """First in, first out, one at a time.

    Args:
        clock: Time and scheduling.
        service: Draws the time that each message takes. A message that is turned away has a draw
            as well, so that the n-th arrival has the n-th draw whatever the room is.
        room: Messages that may wait, beside the one that is served.
        deliver: Called with a ``Served`` as each message is done.
        turn_away: Called with the event, at its arrival, for which there is no room.
        priority: Rank of being done among the events of one instant.
    """

    __slots__ = (
        "_clock",
        "_deliver",
        "_free_ns",
        "_priority",
        "_room",
        "_service",
        "_starts",
        "_turn_away",
    )

    def __init__(
        self,
        clock: Clock,
        service: LatencySampler,
        room: int,
        deliver: Callable[[Event], object],
        turn_away: Callable[[Event], object],
        *,
        priority: int,
    ) -> None:
        self._clock = one_source(clock)
        self._service = service
        self._room = room
        self._deliver = deliver
        self._turn_away = turn_away
        self._priority = int(priority)
        self._free_ns = 0
        self._starts: deque[int] = deque()  # of those that wait

    def deliver(self, event: Event) -> None:
        """A message arrives: usually what its link or source delivers to."""
        now_ns = self._clock.now_ns
        service_ns = self._service.draw()
        starts = self._starts
        while starts and starts[0] <= now_ns:
            starts.popleft()
        start_ns = max(now_ns, self._free_ns)
        if start_ns > now_ns:
            if len(starts) >= self._room:
                self._turn_away(event)
                return
            starts.append(start_ns)
        self._free_ns = done_ns = start_ns + service_ns
        served = Served(
            done_ns,
            event.priority,
            event.seq,
            event.callback,
            event.msg,
            event.sent_ns,
            event.drawn_ns,
            start_ns - now_ns,
            service_ns,
        )
        # One rank for all, so that what is done at one instant stays in the order of arrival.
        self._clock.schedule(done_ns, self._priority, self._done, served)

    def in_turn(self, event: Event, deliver: Callable[[Event], object]) -> None:
        """Hand an event over when all that came before it is done: it takes no time and no room."""
        t_ns = max(self._clock.now_ns, self._free_ns)
        # The same rank as all others, so that it comes behind those that are done at this instant.
        self._clock.schedule(
            t_ns, self._priority, deliver, event.msg, event.sent_ns, event.drawn_ns
        )

    def _done(self, event: Event) -> None:
        self._deliver(event.msg)
