"""The asyncio shell of the router: messages in, the core's outcomes out. It decides nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from router.core.events import FromVenue, Outcome, ParentOrder, SendTo, Stamps, WakeAt
from router.core.router import RouterCore
from sim.audit.records import Record
from sim.kernel.clock import Clock
from sim.kernel.inbox import Inbox
from sim.kernel.loop import Event
from sim.protocol.enums import Priority
from sim.protocol.market_data import BookSnapshot, TradingStatus
from sim.protocol.orders import OrderMessage

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
        links: Mapping[str, Callable[[OrderMessage], None]],
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

    async def run(self, parents: int) -> None:
        """Work until ``parents`` client orders have come and ended, or ``stop`` is carried out."""
        core, inbox, clock = self.core, self._inbox, self._clock
        items = inbox.items
        while not (core.done and len(core.parents) >= parents):
            await inbox
            while items:
                event = items.popleft()
                msg = event.msg
                if type(msg) is BookSnapshot:
                    outcomes: Sequence[Outcome] = core.on_quote(msg, clock.now_ns)
                elif type(msg) is FromVenue:
                    stamps = Stamps(event.sent_ns, event.drawn_ns, event.held_ns)
                    outcomes = core.on_report(msg.venue_id, msg.report, stamps, clock.now_ns)
                elif type(msg) is TradingStatus:
                    outcomes = core.on_status(msg, clock.now_ns)
                elif type(msg) is ParentOrder:
                    outcomes = core.on_parent(msg, clock.now_ns)
                elif msg is _STOP:
                    parents = 0
                    outcomes = core.stop_all(clock.now_ns)
                else:
                    outcomes = core.on_wake(msg, clock.now_ns)
                if outcomes:
                    self.apply(outcomes)

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
