"""Virtual and real time behind one interface: the only place that knows the difference.

In virtual time the clock is the ``SimLoop`` itself. In real time a ``WallClock`` schedules the
same callbacks on uvloop, or on the stock loop where uvloop is missing; ties at one instant then
fall as they fall, and exact repeatability is not promised.
"""

import asyncio
import time
from collections.abc import Callable
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
    """Nanoseconds of the monotonic clock since this object was made, on a running asyncio loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._start_ns = time.monotonic_ns()
        self._seq = 0

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
        delay_ns = t_ns - self.now_ns
        if delay_ns > 0:
            self._loop.call_later(delay_ns / 1e9, callback, event)
        else:
            self._loop.call_soon(callback, event)


def clock_of(loop: asyncio.AbstractEventLoop) -> Clock:
    """The clock that belongs to a loop: the loop itself in virtual time."""
    return loop if isinstance(loop, SimLoop) else WallClock(loop)


def new_loop(kind: str) -> asyncio.AbstractEventLoop:
    """A fresh loop for ``virtual`` or ``wall`` time."""
    if kind == "virtual":
        return SimLoop()
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
