"""What explanations say of an order that was lost from sight: questions, answers, and what follows.

Units as in ``sim.report.words``.
"""

from collections.abc import Iterable
from typing import Final

from sim.audit.read import printable
from sim.audit.records import (
    CancelRejected,
    Record,
    SessionEvent,
    StatusReported,
    StatusRequested,
)
from sim.protocol.enums import CxlRejReason, OrdStatus
from sim.report.words import Words, instant, words

_SESSION: Final = {
    "gap": "reports of {0} were missing, so the router asked for them again",
    "filled": "no report of {0} was missing any more",
    "given_up": "the missing reports of {0} were given up",
    "down": "the session with {0} was down: its lots stayed reserved",
    "up": "the session with {0} was up again",
    "reset": "{0} numbered its reports anew without a new session: none of them counted any more",
}
_ASKED: Final = {
    "no_answer": "still no answer, so the router asked what had become of it",
    "reconnected": "the router asked what had become of it while they had no session",
    "gap": "reports were lost for good, so the router asked what had become of it",
    "router_restarted": "the router had restarted, so it asked what had become of it",
}


def is_unknown(events: Iterable[Record]) -> bool:
    """Whether its venue has said, of these events, that it knows no such order."""
    return any(
        (isinstance(one, StatusReported) and one.ord_status is OrdStatus.REJECTED)
        or (isinstance(one, CancelRejected) and one.reason is CxlRejReason.UNKNOWN_ORDER)
        for one in events
    )


def says(event: Record, w: Words) -> str | None:
    """What a question, an answer to one, or news of the session says; None of any other record."""
    if isinstance(event, StatusRequested):
        return _ASKED.get(event.reason, "the router asked what had become of it")
    if isinstance(event, SessionEvent) and event.event in _SESSION:
        return _SESSION[event.event].format(printable(event.venue_id))
    if not isinstance(event, StatusReported):
        return None
    if event.ord_status is OrdStatus.REJECTED:
        return "the venue has no such order"
    state = words(event.ord_status.value)
    return f"the venue said: {state}, {w.qty(event.cum_qty)} filled, {w.qty(event.leaves_qty)} open"


def left(processed_ns: int, sent_ns: int) -> str:
    """When a report left that its venue has sent again; nothing of one that left as it was made."""
    return f"left at {instant(sent_ns)} and " if sent_ns > processed_ns else ""
