"""Virtual and real time behind one interface: the only place that knows the difference.

In virtual time the clock is the ``SimLoop`` itself. In real time a ``WallClock`` keeps the same
heap of events on uvloop, or on the stock loop where uvloop is missing: what falls due together
goes in the same order, but what falls due together is up to the machine, so exact repeatability is
not promised.
"""

import asyncio
import time
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Protocol

from sim.kernel.loop import Event, SimLoop


class Clock(Protocol):
    """What links, tasks and the world need to know about time."""

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the start of the run."""
        ...

    def schedule(  # noqa: PLR0917 - as SimLoop has it
        self,
        t_ns: int,
        priority: int,
        callback: Callable[[Event], object],
        msg: Any = None,
        sent_ns: int = 0,
        drawn_ns: int = 0,
    ) -> None:
        """Call ``callback(event)`` at ``t_ns``."""
        ...


class WallClock:
    """Nanoseconds of the monotonic clock since this object was made, on a running asyncio loop.

    The loop's own timers would not do: an event that is due already would overtake an earlier one
    whose timer the loop has not looked at yet, and uvloop counts in milliseconds.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._start_ns = time.monotonic_ns()
        self._seq = 0
        self._heap: list[Event] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the start of the run."""
        return time.monotonic_ns() - self._start_ns

    def schedule(  # noqa: PLR0917 - as SimLoop has it
        self,
        t_ns: int,
        priority: int,
        callback: Callable[[Event], object],
        msg: Any = None,
        sent_ns: int = 0,
        drawn_ns: int = 0,
    ) -> None:
        """Call ``callback(event)`` at ``t_ns``, or as soon as possible if that is past."""
        self._seq += 1
        event = Event(t_ns, priority, self._seq, callback, msg, sent_ns, drawn_ns)
        heappush(self._heap, event)
        if self._heap[0] is event:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay_ns = max(0, self._heap[0].t_ns - self.now_ns)
        self._timer = self.loop.call_later(delay_ns / 1e9, self._run_due)

    def _run_due(self) -> None:
        self._timer = None
        # Only what is due by now: callbacks that schedule at once must not starve the tasks.
        heap, now_ns, last_seq = self._heap, self.now_ns, self._seq
        try:
            while heap and heap[0].t_ns <= now_ns and heap[0].seq <= last_seq:
                event = heappop(heap)
                event.callback(event)
        finally:
            if heap:
                self._set_timer()


class LaterClock:
    """Virtual time of a run that starts when its loop is no longer at 0: nanoseconds since then."""

    def __init__(self, loop: SimLoop) -> None:
        self.loop = loop
        self._start_ns = loop.now_ns
        self._seq = 0

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the start of the run."""
        return self.loop.now_ns - self._start_ns

    def schedule(  # noqa: PLR0917 - as SimLoop has it
        self,
        t_ns: int,
        priority: int,
        callback: Callable[[Event], object],
        msg: Any = None,
        sent_ns: int = 0,
        drawn_ns: int = 0,
    ) -> None:
        """Call ``callback(event)`` at ``t_ns``.

        Raises:
            ValueError: If ``t_ns`` lies in the past.
        """
        self._seq += 1
        event = Event(t_ns, priority, self._seq, callback, msg, sent_ns, drawn_ns)
        self.loop.schedule(self._start_ns + t_ns, priority, _hand_over, event)


def _hand_over(outer: Event) -> None:
    event: Event = outer.msg
    event.callback(event)


def clock_of(loop: asyncio.AbstractEventLoop) -> Clock:
    """A clock on a loop that says 0 now; for a ``SimLoop`` that is at 0 it is the loop itself."""
    if not isinstance(loop, SimLoop):
        return WallClock(loop)
    return LaterClock(loop) if loop.now_ns else loop


def new_loop(kind: str) -> asyncio.AbstractEventLoop:
    """A fresh loop for ``virtual`` or ``wall`` time."""
    if kind == "virtual":
        return SimLoop()
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
