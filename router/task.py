"""The asyncio shell of the router: messages in, the core's outcomes out. It decides nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from router.core.events import Outcome, ParentOrder, SendTo, Stamps, WakeAt
from router.core.router import RouterCore
from sim.audit.records import Record
from sim.kernel.clock import Clock
from sim.kernel.inbox import Inbox
from sim.kernel.loop import Event
from sim.protocol.enums import Priority
from sim.protocol.market_data import BookSnapshot, TradingStatus
from sim.protocol.session import FromVenue, SessionStatus, ToVenue

_STOP: Final = object()
"""The message to itself that ends a run early."""


class RouterShell:
    """Runs a router core on a clock.

    Args:
        core: The router.
        inbox: Where quotes, reports, parents and wake-ups arrive, as events.
        links: Per venue, what sends an order message there.
        clock: Time and scheduling.
        emit: Takes each audit record, before the message that it is about leaves.
    """

    def __init__(
        self,
        core: RouterCore,
        inbox: Inbox[Event],
        *,
        links: Mapping[str, Callable[[ToVenue], None]],
        clock: Clock,
        emit: Callable[[Record], None],
    ) -> None:
        self.core = core
        self._inbox = inbox
        self._links = links
        self._clock = clock
        self._emit = emit

    def submit(self, order: ParentOrder, t_ns: int) -> None:
        """Let a client's order arrive at ``t_ns``."""
        self._clock.schedule(t_ns, Priority.TIMER, self._inbox.deliver, order)

    def stop(self) -> None:
        """Have no further child sent and every open one canceled, and wait for no more parents."""
        self._clock.schedule(self._clock.now_ns, Priority.TIMER, self._inbox.deliver, _STOP)

    async def run(self, parents: int, *, listen_on: bool = False) -> None:
        """Work until ``parents`` client orders have come and ended, or ``stop`` is carried out.

        Args:
            parents: How many client orders will come.
            listen_on: Whether to go on after that, since venues may still change what they filled.
        """
        core, inbox, clock = self.core, self._inbox, self._clock
        items, on_quote = inbox.items, core.on_quote
        while listen_on or not (core.done and len(core.parents) >= parents):
            quotes_only = True  # most messages are quotes, which end no order
            while quotes_only:
                await inbox
                while items:
                    event = items.popleft()
                    msg = event.msg
                    if type(msg) is BookSnapshot:
                        outcomes = on_quote(msg, clock.now_ns)
                    else:
                        quotes_only = False
                        if msg is _STOP:
                            parents, listen_on = 0, False
                        outcomes = self._answer(event, msg)
                    if outcomes:
                        self.apply(outcomes)

    def _answer(self, event: Event, msg: Any) -> Sequence[Outcome]:
        """What follows from anything but a quote."""
        core, now_ns = self.core, self._clock.now_ns
        if type(msg) is FromVenue:
            stamps = Stamps(event.sent_ns, event.drawn_ns, event.held_ns)
            if msg.seq:
                return core.on_numbered(msg, stamps, now_ns)
            return core.on_report(msg.venue_id, msg.report, stamps, now_ns)
        if type(msg) is TradingStatus:
            return core.on_status(msg, now_ns)
        if type(msg) is SessionStatus:
            return core.on_session(msg, now_ns)
        if type(msg) is ParentOrder:
            return core.on_parent(msg, now_ns)
        if msg is _STOP:
            return core.stop_all(now_ns)
        return core.on_wake(msg, now_ns)

    def apply(self, outcomes: Sequence[Outcome]) -> None:
        """Carry out what the core asked for, in order."""
        for outcome in outcomes:
            if isinstance(outcome, SendTo):
                self._links[outcome.venue_id](outcome.msg)
            elif isinstance(outcome, WakeAt):
                self._clock.schedule(
                    outcome.t_ns, Priority.TIMER, self._inbox.deliver, outcome.token
                )
            else:
                self._emit(outcome)
