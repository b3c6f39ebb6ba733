"""Virtual and real time behind one interface: the only place that knows the difference.

In virtual time the clock is the ``SimLoop`` itself. In real time a ``WallClock`` keeps the same
heap of events on uvloop, or on the stock loop where uvloop is missing: what falls due together
goes in the same order, but what falls due together is up to the machine, so exact repeatability is
not promised.
"""

import asyncio
import math
import os
import time
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Final, Protocol

from sim.kernel.lag import LagMeter, LagReport
from sim.kernel.loop import Event, SimLoop

HANDLES: Final = 16
"""More than a loop of asyncio or uvloop opens."""
SPEED_MIN: Final = 1e-6
SPEED_MAX: Final = 1e6
LAG_NS_MAX: Final = 5_000_000_000
"""How late an event may be in real time, of the wall, where nobody says otherwise: a machine that
cannot keep up is that late after a while."""


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
    """Nanoseconds of a run in real time, ``speed`` of them in each of the monotonic clock's.

    It stands at 0 until ``start``. The loop's own timers would not do: an event that is due already
    would overtake an earlier one whose timer the loop has not looked at yet, and uvloop counts in
    milliseconds.

    What is due is handled in turns: all that is due as the turn begins, in the order of the heap,
    and what that schedules at the earliest in the next one. So who is far behind (a flow that sends
    more than the machine can do) gets one message in at each turn, and holds up no report.

    Attributes:
        lag: How late events ran, in nanoseconds of the run.
        speed: Nanoseconds of the run per nanosecond of the wall.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, speed: float = 1.0) -> None:
        self.loop = loop
        self.speed = speed
        self.lag = LagMeter()
        self._start_ns: int | None = None
        self._seq = 0
        self._heap: list[Event] = []
        self._timer: asyncio.TimerHandle | None = None
        self._in_turn = False
        self._late_ns_max: float = math.inf
        self._limit_ns: int | None = None
        self._too_late: Callable[[], object] | None = None

    def limit_lag(self, wall_ns: int, call: Callable[[], object]) -> None:
        """Call ``call()`` once, as the first event is later than this, of the wall."""
        self._limit_ns = wall_ns
        self._late_ns_max = wall_ns * self.speed
        self._too_late = call

    @property
    def lag_report(self) -> LagReport:
        """How late events ran so far."""
        exceeded = self._limit_ns is not None and self._too_late is None
        return self.lag.report(self.speed, self._limit_ns, exceeded=exceeded)

    def start(self) -> None:
        """Let time begin: the making of books and links is over and counts for nothing."""
        self._start_ns = time.monotonic_ns()

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the start of the run."""
        if self._start_ns is None:
            return 0
        elapsed_ns = time.monotonic_ns() - self._start_ns
        return elapsed_ns if self.speed == 1.0 else int(elapsed_ns * self.speed)

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
        if self._heap[0] is event and not self._in_turn:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay_ns = max(0, self._heap[0].t_ns - self.now_ns)
        self._timer = self.loop.call_later(delay_ns / 1e9 / self.speed, self._turn)

    def _turn(self) -> None:
        self._timer = None
        heap, now_ns = self._heap, self.now_ns
        due: deque[Event] = deque()
        while heap and heap[0].t_ns <= now_ns:
            due.append(heappop(heap))
        self._in_turn = True
        try:
            while due:
                event = due.popleft()
                late_ns = self.now_ns - event.t_ns
                self.lag.add(late_ns)
                if late_ns > self._late_ns_max:
                    self._exceed()
                event.callback(event)
        finally:
            self._in_turn = False
            for event in due:  # behind one that failed
                heappush(heap, event)
            if heap:
                self._set_timer()

    def _exceed(self) -> None:
        call, self._too_late = self._too_late, None
        self._late_ns_max = math.inf
        if call is not None:
            call()


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


def clock_of(loop: asyncio.AbstractEventLoop, speed: float = 1.0) -> Clock:
    """A clock on a loop that says 0 now; for a ``SimLoop`` that is at 0 it is the loop itself.

    ``speed`` is for real time alone, whose clock stands still until ``start_clock``.
    """
    if not isinstance(loop, SimLoop):
        return WallClock(loop, speed)
    return LaterClock(loop) if loop.now_ns else loop


def start_clock(clock: Clock) -> None:
    """Let real time begin now; virtual time needs no start."""
    if isinstance(clock, WallClock):
        clock.start()


def lag_of(clock: Clock | None) -> LagReport | None:
    """How late events have run so far; None in virtual time, where none ever is."""
    return clock.lag_report if isinstance(clock, WallClock) else None


def limit_lag(clock: Clock, wall_ns: int | None, call: Callable[[], object]) -> None:
    """Call ``call()`` once, as an event in real time is later; virtual time has no lag."""
    if wall_ns is not None and isinstance(clock, WallClock):
        clock.limit_lag(wall_ns, call)


def patience_ns(clock: Clock, seconds: int) -> int:
    """How long ``seconds`` are on this clock: of the wall in real time, else of the run."""
    speed = clock.speed if isinstance(clock, WallClock) else 1
    return int(seconds * 1_000_000_000 * speed)


def machine_ns() -> int:
    """The machine's own steady clock, for what waits on other processes; no run may ask for it."""
    return time.monotonic_ns()


def check_speed(speed: float) -> None:
    """Refuse a speed that no clock can run at.

    Raises:
        ValueError: If it is not from ``SPEED_MIN`` to ``SPEED_MAX``.
    """
    if not SPEED_MIN <= speed <= SPEED_MAX:
        raise ValueError(f"speed must be from {SPEED_MIN:g} to {SPEED_MAX:g}, was {speed:g}")


def check_pace(kind: str, speed: float, lag_ns_max: int | None) -> None:
    """Refuse a speed or a bound on lag that a clock of this kind cannot have.

    Raises:
        ValueError: If it is out of bounds, or a speed other than 1 for ``virtual`` time.
    """
    check_speed(speed)
    check_lag(lag_ns_max)
    if kind == "virtual" and speed != 1.0:
        raise ValueError(f"speed is for the wall clock: virtual time has none, was {speed:g}")


def check_lag(wall_ns: int | None) -> None:
    """Refuse a bound on lag that is none.

    Raises:
        ValueError: If it is not above 0.
    """
    if wall_ns is not None and wall_ns <= 0:
        raise ValueError(f"the bound on lag must be above 0 ns, was {wall_ns}")


def new_loop(kind: str) -> asyncio.AbstractEventLoop:
    """A fresh loop for ``virtual`` or ``wall`` time.

    Raises:
        OSError: If the process may not open as many files as real time needs.
    """
    if kind == "virtual":
        return SimLoop()
    _check_handles()
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _check_handles() -> None:
    """Fail as Python does where too few file handles are left: libuv would abort the process."""
    taken: list[int] = []
    try:
        for _ in range(HANDLES):
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        message = f"the event loop of real time needs {HANDLES} file handles: {error.strerror}"
        raise OSError(error.errno, message) from error
    finally:
        for handle in taken:
            os.close(handle)
