"""A virtual-time loop that shuffles ties: what shows that no result leans on their order.

Events of one instant and one priority have no order of their own: the plain loop takes them as they
were scheduled. Here another number decides, drawn for each instant, priority and source from a
seed. Events of one source stay in their order, as links and inboxes promise, and so do the
priorities. A source is one link, one flow, one server; what is scheduled without one of these is
told apart by the object that is called, so one inbox's timers are one source, and all timers of
asyncio another. Tasks that are started one after the other begin in any order.

The plain loop knows nothing of this and pays nothing: links and flows take their fast paths on a
plain ``SimLoop`` only.
"""

import asyncio
from collections.abc import Callable, Coroutine
from heapq import heappush
from typing import Any, Final, TypeVar

from sim.kernel.clock import Clock
from sim.kernel.loop import Event, SimHandle, SimLoop

_T = TypeVar("_T")
_MASK: Final = (1 << 64) - 1


class ShuffledLoop(SimLoop):
    """A ``SimLoop`` on which ties are in an order of chance.

    Args:
        ties: Seed of that chance; the same one gives the same order.

    Raises:
        ValueError: If the seed is negative.
    """

    def __init__(self, ties: int) -> None:
        if ties < 0:
            raise ValueError(f"ties must be >= 0, was {ties}")
        super().__init__()
        self._ties = _mixed(ties)
        self._sources = 0
        self._source_of: dict[Any, int] = {}
        self._starts: list[SimHandle] = []

    def channel(self) -> "Channel":
        """A clock whose events are one source."""
        self._sources += 1
        return Channel(self, self._sources)

    def schedule(  # noqa: PLR0917 - as SimLoop has it
        self,
        t_ns: int,
        priority: int,
        callback: Callable[[Event], object],
        msg: Any = None,
        sent_ns: int = 0,
        drawn_ns: int = 0,
    ) -> None:
        """Call ``callback(event)`` at ``t_ns``; the source is whose method that is.

        Raises:
            ValueError: If ``t_ns`` lies in the past.
        """
        owner = getattr(callback, "__self__", callback)
        source = self._source_of.get(owner)
        if source is None:
            self._sources += 1
            source = self._source_of[owner] = self._sources
        self.push(source, t_ns, priority, callback, msg, sent_ns, drawn_ns)

    def push(  # noqa: PLR0917 - as SimLoop has it
        self,
        source: int,
        t_ns: int,
        priority: int,
        callback: Callable[[Event], object],
        msg: Any = None,
        sent_ns: int = 0,
        drawn_ns: int = 0,
    ) -> None:
        """Schedule an event of a source.

        Raises:
            ValueError: If ``t_ns`` lies in the past.
        """
        if t_ns < self.now_ns:
            raise ValueError(f"t_ns must be >= {self.now_ns} (now), was {t_ns}")
        self.seq = seq = self.seq + 1
        rank = _mixed(_mixed(_mixed(self._ties ^ t_ns) ^ priority) ^ source)
        event = Event(t_ns, priority, rank << 64 | seq, callback, msg, sent_ns, drawn_ns)
        heappush(self.heap, event)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, _T], **more: Any
    ) -> asyncio.Task[_T]:
        """A task, as ``SimLoop`` makes it, which begins before or after those made just before."""
        ready, starts = self._ready, self._starts
        count = len(ready)
        if not starts or not count or ready[-1] not in starts:
            starts.clear()  # something else is to come between
        task = super().create_task(coro, **more)
        if len(ready) == count + 1:
            handle = ready.pop()
            starts.append(handle)
            place = _mixed(self._ties ^ _mixed(self._task_count)) % len(starts)
            ready.insert(len(ready) - place, handle)
        return task


class Channel(Clock):
    """The clock of one source on a ``ShuffledLoop``."""

    def __init__(self, loop: ShuffledLoop, source: int) -> None:
        self._loop = loop
        self._source = source

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the start of the run."""
        return self._loop.now_ns

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
        self._loop.push(self._source, t_ns, priority, callback, msg, sent_ns, drawn_ns)


def shuffled_loop(kind: str, ties: int) -> ShuffledLoop:
    """A fresh loop for ``virtual`` time.

    Raises:
        ValueError: If the seed is negative, or the kind another: real time has its own order.
    """
    if kind != "virtual":
        raise ValueError(f"ties are for virtual time, the clock was {kind}")
    return ShuffledLoop(ties)


def one_source(clock: Clock) -> Clock:
    """A clock for one link, flow or server: what it schedules stays in its order."""
    return clock.channel() if isinstance(clock, ShuffledLoop) else clock


def _mixed(number: int) -> int:
    """64 bits from 64 bits, each of them depending on all.

    Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators (OOPSLA 2014).
    """
    number = (number + 0x9E3779B97F4A7C15) & _MASK
    number = ((number ^ number >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ number >> 27) * 0x94D049BB133111EB) & _MASK
    return number ^ number >> 31
