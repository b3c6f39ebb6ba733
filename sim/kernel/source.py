"""Messages with their times, handed to a receiver one after the other.

The way of background flow and recorded data into a venue: no link and no task, one heap entry at a
time, so that a day's file needs no more memory than its next event.
"""

from collections.abc import Callable, Iterator
from heapq import heappush
from typing import Any

from sim.kernel.clock import Clock
from sim.kernel.loop import Event, SimLoop
from sim.kernel.shuffle import one_source


class Source:
    """Delivers ``(t_ns, msg)`` pairs, whose times never go back, from an iterator.

    Args:
        clock: Time and scheduling.
        messages: The pairs; taken one ahead.
        deliver: Called with the ``Event`` at its time: usually ``Inbox.deliver``.
        priority: Rank among events of one instant (``Priority``).
        on_error: Called with what the iterator raises, after which nothing more comes; without it
            the error is the loop's, which stops in virtual time and only logs it in real time.
    """

    __slots__ = ("_clock", "_deliver", "_messages", "_on_error", "_priority")

    def __init__(
        self,
        clock: Clock,
        messages: Iterator[tuple[int, Any]],
        deliver: Callable[[Event], object],
        priority: int,
        *,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self._clock = clock
        self._messages = messages
        self._deliver = deliver
        self._priority = int(priority)
        self._on_error = on_error

    def start(self) -> None:
        """Schedule the first message."""
        self._schedule_next()

    def stop(self) -> None:
        """Deliver no more, as if the messages were at their end."""
        self._messages = iter(())
        self._deliver = _drop

    def _schedule_next(self) -> None:
        try:
            for t_ns, msg in self._messages:
                self._clock.schedule(t_ns, self._priority, self._fire, msg, t_ns)
                break
        except Exception as error:
            if self._on_error is None:
                raise
            self._on_error(error)

    def _fire(self, event: Event) -> None:
        # The next one first: at one instant our messages stay together and in order.
        self._schedule_next()
        self._deliver(event)


class VirtualSource(Source):
    """A source on ``SimLoop``: the same in fewer calls, since most messages of a run pass here."""

    __slots__ = ()
    _clock: SimLoop

    def _fire(self, event: Event) -> None:
        try:
            for t_ns, msg in self._messages:
                if t_ns < event.t_ns:
                    raise ValueError(f"t_ns must be >= {event.t_ns} (now), was {t_ns}")
                loop = self._clock
                loop.seq = seq = loop.seq + 1
                # The callback of the event is this method, bound already.
                callback, priority = event.callback, event.priority
                heappush(loop.heap, Event(t_ns, priority, seq, callback, msg, t_ns))
                break
        except Exception as error:
            if self._on_error is None:
                raise
            self._on_error(error)
        # Called as a method it would be looked up on the class first.
        deliver = self._deliver
        deliver(event)


class MovingSource(Source):
    """A source that is asked for each message at its instant, not one ahead.

    For messages that depend on what they meet: each item ``(t_ns, msg)`` is the message of the
    instant at which it is taken, or None, and the instant at which to take the next one.

    Args:
        clock: Time and scheduling.
        first_ns: When to take the first item.
        moves: The items.
        deliver: Called with the ``Event`` at its time: usually ``Inbox.deliver``.
        priority: Rank among events of one instant (``Priority``).
        end_ns: Nothing is taken after it.
        on_error: As for every source.
    """

    __slots__ = ("_end_ns", "_first_ns")

    def __init__(
        self,
        clock: Clock,
        first_ns: int,
        moves: Iterator[tuple[int, Any]],
        deliver: Callable[[Event], object],
        priority: int,
        *,
        end_ns: int,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        super().__init__(clock, moves, deliver, priority, on_error=on_error)
        self._first_ns = first_ns
        self._end_ns = end_ns

    def start(self) -> None:
        """Schedule the first look."""
        self._schedule(self._first_ns)

    def _move(self) -> tuple[int, Any] | None:
        """The move of this instant; None after the last one, or if it failed."""
        try:
            return next(self._messages, None)
        except Exception as error:
            if self._on_error is None:
                raise
            self._on_error(error)
            return None

    def _schedule(self, t_ns: int) -> None:
        if t_ns <= self._end_ns:
            self._clock.schedule(t_ns, self._priority, self._fire, None, t_ns)

    def _fire(self, event: Event) -> None:
        move = self._move()
        if move is None:
            return
        t_ns, msg = move
        # The next look first: at one instant ours stay together.
        self._schedule(t_ns)
        if msg is not None:
            event.msg = msg
            self._deliver(event)


class VirtualMovingSource(MovingSource):
    """The same on ``SimLoop`` in fewer calls."""

    __slots__ = ()
    _clock: SimLoop

    def _fire(self, event: Event) -> None:
        move = self._move()
        if move is None:
            return
        t_ns, msg = move
        if t_ns <= self._end_ns:
            if t_ns < event.t_ns:
                raise ValueError(f"t_ns must be >= {event.t_ns} (now), was {t_ns}")
            loop = self._clock
            loop.seq = seq = loop.seq + 1
            heappush(loop.heap, Event(t_ns, event.priority, seq, event.callback, None, t_ns))
        if msg is not None:
            event.msg = msg
            # Called as a method it would be looked up on the class first.
            deliver = self._deliver
            deliver(event)


def make_moving_source(
    clock: Clock,
    first_ns: int,
    moves: Iterator[tuple[int, Any]],
    deliver: Callable[[Event], object],
    priority: int,
    *,
    end_ns: int,
    on_error: Callable[[Exception], None] | None = None,
) -> Source:
    """The source that suits the clock."""
    clock = one_source(clock)
    kind = VirtualMovingSource if isinstance(clock, SimLoop) else MovingSource
    return kind(clock, first_ns, moves, deliver, priority, end_ns=end_ns, on_error=on_error)


def make_source(
    clock: Clock,
    messages: Iterator[tuple[int, Any]],
    deliver: Callable[[Event], object],
    priority: int,
    *,
    on_error: Callable[[Exception], None] | None = None,
) -> Source:
    """The source that suits the clock."""
    clock = one_source(clock)
    kind = VirtualSource if isinstance(clock, SimLoop) else Source
    return kind(clock, messages, deliver, priority, on_error=on_error)


def _drop(event: Event) -> None:
    """What comes after ``stop`` goes nowhere."""
