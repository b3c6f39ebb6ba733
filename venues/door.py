"""The inbox of a venue that faults may stop: what comes to it waits meanwhile, or is lost.

It stands in an inbox's place only where a fault may hang or crash the venue, so that others pay
nothing. A venue that hangs takes everything and comes to it later, in the order of arrival. One
that has crashed loses what it is sent; what drives it by itself (its own wake-ups, its recording,
the last book of each venue that it hears) waits until it is back.
"""

from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec

from sim.kernel.clock import Clock
from sim.kernel.inbox import Inbox
from sim.kernel.loop import Event
from sim.protocol.enums import Priority
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderReduceRequest,
)
from sim.protocol.session import OrderStatusRequest, ResendRequest
from venues.core.overflow import TurnedAway

SENT: Final = frozenset(
    {
        NewOrderSingle,
        OrderCancelRequest,
        OrderCancelReplaceRequest,
        OrderReduceRequest,
        OrderStatusRequest,
        ResendRequest,
        TurnedAway,
    }
)
"""Messages that somebody sent over a line, which ends as the venue does."""

_ASKS: Final = frozenset({OrderStatusRequest, ResendRequest})


class Door(Inbox[Event]):
    """An inbox that can be held or shut, and opened again.

    Args:
        loop: Where the venue's task runs.
        name: The venue.
        clock: Time.

    Attributes:
        answer: Takes questions to the gateway, in their turn.
        lost: Told of each message that is lost.
        is_down: Whether nobody is there.
    """

    def __init__(self, loop: AbstractEventLoop, name: str, clock: Clock) -> None:
        super().__init__(loop, name)
        self.answer: Callable[[Event], object] = _drop
        self.lost: Callable[[Event], object] = _drop
        self._clock = clock
        self._backlog: deque[Event] = deque()
        self._heard: dict[str, Event] = {}
        self._is_held = False
        self.is_down = False
        self._since_ns = 0  # what was sent before cannot arrive

    def deliver(self, item: Event) -> None:
        """A message arrives: it is handled, waits, or is lost."""
        msg = item.msg
        if type(msg) in SENT and (self.is_down or item.sent_ns < self._since_ns):
            self.lost(item)
        elif self.is_down and type(msg) is BookSnapshot:
            self._heard[msg.venue_id] = item
        elif self.is_down or self._is_held:
            self._backlog.append(item)
        elif type(msg) in _ASKS:
            self.answer(item)
        else:
            super().deliver(item)

    def hold(self) -> None:
        """Nobody looks at what comes until ``release``."""
        self._is_held = True

    def release(self) -> None:
        """What has come is handled now, in its order."""
        self._is_held = False
        if not self.is_down:
            self._catch_up()

    def kill(self, msg: Any) -> None:
        """Hand over a message before all others: the last one that is handled."""
        now_ns = self._clock.now_ns
        super().deliver(Event(now_ns, Priority.FAULT, 0, super().deliver, msg, now_ns))
        self.is_down = True

    def shut(self) -> None:
        """Nobody is there: what was sent and not handled is lost."""
        super().shut()
        self.is_down = True
        waiting, self._backlog = self._backlog, deque()
        for item in waiting:
            self.deliver(item)

    def open_anew(self) -> None:
        """Somebody reads here again; what is on its way from before is lost as it arrives."""
        self.items = deque()
        self.is_down = False
        self._since_ns = self._clock.now_ns

    def catch_up(self) -> None:
        """Hand over what has waited while nobody was there, the oldest first."""
        heard, self._heard = self._heard, {}
        self._backlog.extendleft(reversed(heard.values()))
        if not self._is_held:
            self._catch_up()

    def _catch_up(self) -> None:
        waiting, self._backlog = self._backlog, deque()
        now_ns = self._clock.now_ns
        while waiting:
            item = msgspec.structs.replace(waiting.popleft(), t_ns=now_ns)  # what it waited: held
            self.deliver(item)


def _drop(item: Event) -> None:
    """Nobody wants to know."""
