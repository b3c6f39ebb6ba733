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
_CRASH: Final = object()
_COME_BACK: Final = object()
"""What a fault of the scenario tells it: to lose all it knows, and to begin again."""
Again = Callable[[int], tuple[RouterCore, Sequence[Outcome]]]
"""Makes the core that comes back at a time, ns, and what it does first."""


class RouterShell:
    """Runs a router core on a clock.

    Args:
        core: The router.
        inbox: Where quotes, reports, parents and wake-ups arrive, as events.
        links: Per venue, what sends an order message there.
        clock: Time and scheduling.
        emit: Takes each audit record, before the message that it is about leaves.
        again: Makes the core that comes back after a crash; None: it never crashes.
    """

    def __init__(
        self,
        core: RouterCore,
        inbox: Inbox[Event],
        *,
        links: Mapping[str, Callable[[ToVenue], None]],
        clock: Clock,
        emit: Callable[[Record], None],
        again: Again | None = None,
    ) -> None:
        self.core = core
        self._inbox = inbox
        self._links = links
        self._clock = clock
        self._emit = emit
        self._again = again
        self._lives = 0
        self._wake = self._alarms()

    def submit(self, order: ParentOrder, t_ns: int) -> None:
        """Let a client's order arrive at ``t_ns``."""
        self._clock.schedule(t_ns, Priority.TIMER, self._inbox.deliver, order)

    def stop(self) -> None:
        """Have no further child sent and every open one canceled, and wait for no more parents."""
        self._clock.schedule(self._clock.now_ns, Priority.TIMER, self._inbox.deliver, _STOP)

    def crash(self) -> None:
        """Lose all that it knows, at this instant: until it comes back it hears nothing."""
        self._clock.schedule(self._clock.now_ns, Priority.FAULT, self._inbox.deliver, _CRASH)

    def come_back(self) -> None:
        """Begin again, at this instant, with what its own records say."""
        self._clock.schedule(self._clock.now_ns, Priority.FAULT, self._inbox.deliver, _COME_BACK)

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
                        elif msg is _CRASH:
                            outcomes = await self._away()
                            core, on_quote = self.core, self.core.on_quote
                            self.apply(outcomes)
                            continue
                        outcomes = self._answer(event, msg)
                    if outcomes:
                        self.apply(outcomes)

    async def _away(self) -> Sequence[Outcome]:
        """Hear nothing until it is time to come back; clients' orders wait for that.

        Returns:
            What the core that came back does first.
        """
        assert self._again is not None  # who else could crash?
        self._lives += 1
        self._wake = self._alarms()
        inbox, kept = self._inbox, list[Event]()
        while True:
            await inbox
            while inbox.items:
                event = inbox.items.popleft()
                if event.msg is _COME_BACK:
                    inbox.items.extendleft(reversed(kept))
                    self.core, outcomes = self._again(self._clock.now_ns)
                    return outcomes
                if event.msg is _STOP or type(event.msg) is ParentOrder:
                    kept.append(event)

    def _alarms(self) -> Callable[[Event], object]:
        """What delivers wake-ups: those that a core before this one has asked for are void."""
        if self._again is None:
            return self._inbox.deliver
        life = self._lives

        def deliver(event: Event) -> None:
            if life == self._lives:
                self._inbox.deliver(event)

        return deliver

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
                self._clock.schedule(outcome.t_ns, Priority.TIMER, self._wake, outcome.token)
            else:
                self._emit(outcome)
