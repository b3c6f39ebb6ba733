"""The line between our router and one venue, where a fault may cut it.

What is on its way as the line is cut is lost, and so is what is sent until it is there again. Both
ends learn of it at once or with the delay of the report leg; news of the session itself always
arrive. It exists only where a fault wants it.
"""

from collections.abc import Callable
from typing import Literal

from sim.kernel.clock import Clock
from sim.kernel.loop import Event
from sim.protocol.session import SessionStatus

Leg = Literal["order", "report", "feed"]
Deliver = Callable[[Event], object]


class Line:
    """The legs of one line.

    Args:
        clock: Time.

    Attributes:
        lost: Told of each message that is lost, with its leg.
    """

    def __init__(self, clock: Clock) -> None:
        self.lost: Callable[[Leg, Event], object] = _drop
        self._clock = clock
        self._cut: frozenset[Leg] = frozenset()
        self._since_ns: dict[Leg, int] = {}

    def through(self, leg: Leg, deliver: Deliver) -> Deliver:
        """What a leg delivers to: nothing while it is cut."""

        def arrive(event: Event) -> None:
            is_lost = leg in self._cut or event.sent_ns < self._since_ns.get(leg, 0)
            if is_lost and type(event.msg) is not SessionStatus:
                self.lost(leg, event)
            else:
                deliver(event)

        return arrive

    def cut(self, *legs: Leg) -> None:
        """These legs are gone."""
        self._cut |= frozenset(legs)

    def mend(self) -> None:
        """All legs are there again, for what is sent from now on."""
        for leg in self._cut:
            self._since_ns[leg] = self._clock.now_ns
        self._cut = frozenset()


def _drop(leg: Leg, event: Event) -> None:
    """Nobody wants to know."""
