"""Messages with their times, handed to a receiver one after the other.

The way of background flow and recorded data into a venue: no link and no task, one heap entry at a
time, so that a day's file needs no more memory than its next event.
"""

from collections.abc import Callable, Iterator
from typing import Any

from sim.kernel.clock import Clock
from sim.kernel.loop import Event


class Source:
    """Delivers ``(t_ns, msg)`` pairs, whose times never go back, from an iterator.

    Args:
        clock: Time and scheduling.
        messages: The pairs; taken one ahead.
        deliver: Called with the ``Event`` at its time: usually ``Inbox.deliver``.
        priority: Rank among events of one instant (``Priority``).
    """

    __slots__ = ("_clock", "_deliver", "_messages", "_priority")

    def __init__(
        self,
        clock: Clock,
        messages: Iterator[tuple[int, Any]],
        deliver: Callable[[Event], object],
        priority: int,
    ) -> None:
        self._clock = clock
        self._messages = messages
        self._deliver = deliver
        self._priority = int(priority)

    def start(self) -> None:
        """Schedule the first message."""
        for t_ns, msg in self._messages:
            self._clock.schedule(t_ns, self._priority, self._fire, msg, t_ns)
            break

    def _fire(self, event: Event) -> None:
        # The next one first: at one instant our messages stay together and in order.
        for t_ns, msg in self._messages:
            self._clock.schedule(t_ns, self._priority, self._fire, msg, t_ns)
            break
        self._deliver(event)
