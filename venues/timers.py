"""What the shell does for a core that acts at certain times: wake-ups, and what to tell of it.

Apart from ``venues.task``, and wrapped around a core's ``handle`` only where a core asks for it, so
that it costs others nothing.
"""

from collections.abc import Callable
from typing import Any

from sim.audit.records import DealerAnswer, Record, VenueEvent
from sim.kernel.clock import Clock
from sim.kernel.inbox import Inbox
from sim.kernel.loop import Event
from sim.protocol.market_data import FeedMessage, TradingStatus
from sim.protocol.orders import VenueReport
from sim.protocol.units import TimeNs
from venues.core.api import DealerNote, Note, TellingCore, TimedCore, TradingChange, VenueCore

Handle = Callable[[Any, TimeNs], list[VenueReport]]


def handler(
    venue_id: str,
    core: VenueCore,
    inbox: Inbox[Event],
    *,
    emit: Callable[[Record], None] | None,
    feed: Callable[[FeedMessage], None] | None,
    clock: Clock,
) -> Handle:
    """The core's ``handle``, with all that it asks for besides reports done before it returns.

    Wake-ups are set, and what the core tells is recorded; a change of trading is told on the feed
    as well.
    """
    handle = core.handle
    if not isinstance(core, TimedCore):
        return handle
    wakes, changes = core.wakes, core.changes
    notes: list[Note] = core.notes if isinstance(core, TellingCore) else []

    def serve(now_ns: int) -> None:
        # By the wall's clock time goes on meanwhile: all that is told of one step has its time.
        for wake in wakes:
            # Who was kept from its work may ask for a time that is past.
            t_ns = max(wake.t_ns, clock.now_ns)
            clock.schedule(t_ns, wake.rank, inbox.deliver, wake.msg, clock.now_ns)
        wakes.clear()
        for change in changes:
            event = VenueEvent(
                t_ns=now_ns, venue_id=venue_id, event=change.event, detail=change.detail
            )
            if emit is not None:
                emit(event)
            if feed is not None and isinstance(change, TradingChange):
                feed(TradingStatus(venue_id, TimeNs(now_ns), change.state))
        changes.clear()
        if emit is not None:
            for note in notes:
                emit(_told(venue_id, note, now_ns))
        notes.clear()

    def handle_and_serve(msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        reports = handle(msg, now_ns)
        if wakes or changes or notes:
            serve(now_ns)
        return reports

    serve(clock.now_ns)
    return handle_and_serve


def _told(venue_id: str, note: Note, now_ns: int) -> Record:
    if not isinstance(note, DealerNote):
        return VenueEvent(t_ns=now_ns, venue_id=venue_id, event=note.event, detail=note.detail)
    return DealerAnswer(
        t_ns=now_ns,
        venue_id=venue_id,
        cl_ord_id=note.cl_ord_id,
        side=note.side,
        order_qty=note.order_qty,
        quote_px=note.quote_px,
        asked_ns=note.asked_ns,
        moved_half_ticks=note.moved_half_ticks,
        outcome=note.outcome,
    )
