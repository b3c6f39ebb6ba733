"""The asyncio shell of a participant: messages in, the core's actions out. It decides nothing."""

from collections.abc import Callable, Mapping
from typing import NoReturn

import msgspec

from sim.audit.records import ParticipantEvent, Record
from sim.flow.participants.base import Actions, ParticipantCore, ReportFrom, SendTo, WakeAt
from sim.kernel.clock import Clock
from sim.kernel.inbox import Inbox
from sim.kernel.loop import Event
from sim.protocol.enums import Priority
from sim.protocol.orders import OrderMessage


class Wake(msgspec.Struct, frozen=True, gc=False):
    """A wake-up in the inbox."""

    tag: str


async def run_participant(
    participant_id: str,
    core: ParticipantCore,
    inbox: Inbox[Event],
    *,
    links: Mapping[str, Callable[[OrderMessage], None]],
    clock: Clock,
    emit: Callable[[Record], None],
) -> NoReturn:
    """Serve a participant until canceled: a run does not wait for it.

    Args:
        participant_id: Name in records.
        core: What it decides.
        inbox: Where quotes, reports and wake-ups arrive, as events.
        links: Per venue, what sends an order message there.
        clock: Time and scheduling.
        emit: Takes each audit record, before the messages that follow it leave.
    """

    def apply(actions: Actions) -> None:
        for action in actions:
            if isinstance(action, SendTo):
                links[action.venue_id](action.msg)
            elif isinstance(action, WakeAt):
                at_ns = max(action.t_ns, clock.now_ns)
                clock.schedule(at_ns, Priority.TIMER, inbox.deliver, Wake(action.tag))
            else:
                emit(
                    ParticipantEvent(
                        t_ns=clock.now_ns,
                        participant_id=participant_id,
                        event=action.event,
                        venue_id=action.venue_id,
                        detail=action.detail,
                        side=action.side,
                        qty=action.qty,
                        price=action.price,
                    )
                )

    apply(core.on_start(clock.now_ns))
    items = inbox.items
    while True:
        await inbox
        while items:
            msg, now_ns = items.popleft().msg, clock.now_ns
            if type(msg) is ReportFrom:
                actions = core.on_report(msg.venue_id, msg.report, now_ns)
            elif type(msg) is Wake:
                actions = core.on_timer(msg.tag, now_ns)
            else:
                actions = core.on_market_data(msg.venue_id, msg, now_ns)
            if actions:
                apply(actions)
