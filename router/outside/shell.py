"""The end of all links of a router that is not ours. It stands where our router's shell stands.

Whoever works with it hears each message as it arrives, and sends with ``send``. Both directions are
written down before anyone hears of them. It decides nothing.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from router.core.events import ACCOUNT, Outcome, ParentOrder, Stamps
from router.core.orders import Parent
from router.core.profile import VenueProfile
from router.outside.answers import Answers
from router.outside.book import OutsideBook, OutsideError
from sim.audit.records import Record
from sim.kernel.clock import Clock
from sim.kernel.loop import Event
from sim.protocol.enums import Priority
from sim.protocol.market_data import BookSnapshot, TradingStatus
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
)
from sim.protocol.session import (
    FromVenue,
    OrderStatusRequest,
    ResendRequest,
    SessionStatus,
    ToVenue,
)

Hear = Callable[[Any], None]
"""Takes what has arrived: ``FromVenue``, ``SessionStatus``, ``BookSnapshot``, ``TradingStatus``, or
a ``ParentOrder`` of the scenario, which counts as received once it is handed to ``receive``."""

_SENDS: Final = (
    NewOrderSingle,
    OrderCancelRequest,
    OrderCancelReplaceRequest,
    OrderStatusRequest,
    ResendRequest,
)


_REPORTS: Final = FromVenue, SessionStatus


class Delay(Protocol):
    """How long a message waits at the router's own end of a link, on top of the link's delay."""

    def draw(self, venue_id: str, leg: str) -> int:
        """Nanoseconds of the next message; ``leg`` is ``order``, ``report`` or ``feed``."""
        ...


class OutsideShell:
    """A router that is not ours, as the run knows it.

    Args:
        hear: Gets each message after it was written down; called by the loop, and must not block.
        delay: Holds messages back at this end; in each leg of a venue none overtakes another.

    ``wire`` is called once, by the wiring of the run; nothing can be sent before.
    """

    core: OutsideBook

    def __init__(self, hear: Hear, delay: Delay | None = None) -> None:
        self._hear = hear
        self._delay = delay
        self._last_ns: dict[tuple[str, str], int] = {}
        self._doors: dict[str, _Door] = {}
        self._over: asyncio.Event = asyncio.Event()

    def wire(
        self,
        profiles: tuple[VenueProfile, ...],
        *,
        links: Mapping[str, Callable[[ToVenue], None]],
        clock: Clock,
        emit: Callable[[Record], None],
    ) -> None:
        """Connect it.

        Args:
            profiles: The venues.
            links: Per venue, what sends an order message there.
            clock: Time and scheduling.
            emit: Takes each audit record.
        """
        self.core = OutsideBook(profiles)
        self._answers = Answers(self.core)
        self._links = links
        self._clock = clock
        self._emit = emit

    # What it does

    def receive(self, order: ParentOrder) -> Parent:
        """A client's order has come.

        Raises:
            OutsideError: If one of that name has, or it has no lots.
        """
        self.apply(self.core.on_parent(order, self._clock.now_ns))
        return self.core.parents[order.parent_id]

    def close(self, parent: Parent) -> None:
        """No more is sent for a client's order."""
        self.apply(self.core.close(parent, self._clock.now_ns))

    def send(self, venue_id: str, msg: ToVenue, parent: Parent | None = None) -> None:
        """Send a message to a venue; an order without ``parent`` is a client's order by itself.

        Raises:
            OutsideError: If there is no such venue, or the message cannot be booked.
        """
        link, now_ns = self._links.get(venue_id), self._clock.now_ns
        if link is None:
            raise OutsideError(f"no venue {venue_id!r}; there are {', '.join(self._links)}")
        if not isinstance(msg, _SENDS):
            wanted = ", ".join(one.__name__ for one in _SENDS)
            raise OutsideError(f"must send one of {wanted}, was {type(msg).__name__}")
        if msg.account not in {"", ACCOUNT}:
            raise OutsideError(
                f"a message is for the account {msg.account!r}; leave it empty: it is {ACCOUNT!r}"
            )
        msg = msgspec.structs.replace(msg, account=ACCOUNT)
        if isinstance(msg, NewOrderSingle):
            self.apply(self.core.on_new(venue_id, msg, parent, now_ns))
        elif isinstance(msg, OrderStatusRequest | ResendRequest):
            self.apply(self.core.on_question(venue_id, msg, now_ns))
        else:
            self.apply(self.core.on_request(venue_id, msg, now_ns))
        wait_ns = self._held(venue_id, "order")
        if wait_ns:
            door = self._doors.setdefault(venue_id, _Door(link))
            self._clock.schedule(now_ns + wait_ns, Priority.ORDER, door.let_go, msg)
        else:
            link(msg)

    # What reaches it

    def deliver(self, event: Event) -> None:
        """Take what a link brings."""
        msg = event.msg
        if type(msg) is ParentOrder:
            self._take(event)
            return
        wait_ns = self._held(msg.venue_id, "report" if type(msg) in _REPORTS else "feed")
        if wait_ns:
            t_ns, how = event.t_ns + wait_ns, (event.sent_ns, event.drawn_ns)
            self._clock.schedule(t_ns, event.priority, self._take, msg, *how)
        else:
            self._take(event)

    def _held(self, venue_id: str, leg: str) -> int:
        """How long a message waits here, so that it overtakes none of its leg."""
        if self._delay is None:
            return 0
        now_ns, place = self._clock.now_ns, (venue_id, leg)
        t_ns = max(self._last_ns.get(place, 0), now_ns + self._delay.draw(venue_id, leg))
        self._last_ns[place] = t_ns
        return t_ns - now_ns

    def _take(self, event: Event) -> None:
        if self._over.is_set():
            return
        msg, now_ns = event.msg, self._clock.now_ns
        if type(msg) is FromVenue:
            stamps = Stamps(event.sent_ns, event.drawn_ns, event.held_ns)
            self.apply(self._answers.on_report(msg.venue_id, msg.report, stamps, now_ns))
        elif type(msg) is BookSnapshot:
            self.core.view.venues[msg.venue_id].on_quote(msg)
        elif type(msg) is TradingStatus:
            self.core.on_status(msg, now_ns)
        elif type(msg) is SessionStatus:
            self.apply(self.core.on_session(msg, now_ns))
        self._hear(msg)

    # For who runs it

    def apply(self, outcomes: Sequence[Outcome]) -> None:
        """Write down what has happened."""
        for outcome in outcomes:
            assert isinstance(outcome, Record)  # an outside router is asked nothing by its books
            self._emit(outcome)

    def stop(self) -> None:
        """Nothing is heard any more."""
        self._over.set()

    async def run(self, parents: int, *, listen_on: bool = False) -> None:
        """Listen until ``stop``: how many client orders come is not known here."""
        await self._over.wait()


class _Door:
    """This end of an order link: one for each venue, so that ties keep its messages in order."""

    def __init__(self, link: Callable[[Any], None]) -> None:
        self._link = link

    def let_go(self, event: Event) -> None:
        """A message that was held back leaves."""
        self._link(event.msg)
