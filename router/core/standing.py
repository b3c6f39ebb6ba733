"""How each venue stands with the router: trading or not, on hold, stopped, silent, quarantined.

A refusal for the time being or a silence is a strike. Strikes in a row hold the venue for a time
that grows with each, and at last for good. What was sent before a hold began adds no strike, so
that a burst of refusals counts once. Knows no parent, no order and no message.
"""

from dataclasses import dataclass
from typing import Final

from router.settings.backoff import BackoffConfig
from sim.protocol.enums import RejectReason, TradingState

_R = RejectReason

FOR_NOW: Final = frozenset(
    {
        _R.EXCHANGE_CLOSED,
        _R.THROTTLED,
        _R.TOO_LATE_TO_ENTER,
        _R.NO_REFERENCE,
        _R.LAST_LOOK,
    }
)
"""Refusals that say nothing about the order: it may be accepted later. All others would be repeated
for the same order, so the venue is left out for that parent."""


@dataclass(slots=True)
class Hold:
    """Send nothing to a venue until ``until_ns``; None: for good, or until it answers."""

    venue_id: str
    until_ns: int | None
    strikes: int
    reason: str


@dataclass(slots=True)
class _Venue:
    state: TradingState = TradingState.OPEN
    strikes: int = 0
    since_ns: int = -1  # when the last hold began
    until_ns: int = -1
    paused_ns: int = -1  # until when our own message throttle keeps off it
    reason: str = ""  # of the last hold
    gone: str | None = None
    is_up: bool = True  # the session with it


class Standing:
    """The standing of all venues.

    Attributes:
        out: Venues that get no orders at present, and why; the decider reads it.
        gone: Those of them that will not come back by themselves.
    """

    def __init__(self, venue_ids: tuple[str, ...], backoff: BackoffConfig) -> None:
        self.out: dict[str, str] = {}
        self.gone: dict[str, str] = {}
        self._venues = {venue_id: _Venue() for venue_id in venue_ids}
        self._rules = {venue_id: backoff.of(venue_id) for venue_id in venue_ids}

    def strike(self, venue_id: str, reason: str, sent_ns: int, now_ns: int) -> Hold | None:
        """A venue refused for the time being, or was silent; the hold that this begins.

        Args:
            venue_id: The venue.
            reason: Why, as the record shall say it.
            sent_ns: When the order left that this is about.
            now_ns: Now.
        """
        venue, rule = self._venues[venue_id], self._rules[venue_id]
        if venue.gone is not None or sent_ns <= venue.since_ns:
            return None
        venue.strikes += 1
        if venue.strikes >= rule.stop_after:
            return self._leave(venue_id, "stopped", reason)
        if venue.strikes < rule.after:
            return None
        length = rule.first
        for _ in range(venue.strikes - rule.after):
            length *= rule.factor
            if length >= rule.max:
                break
        venue.since_ns, venue.until_ns = now_ns, now_ns + min(length, rule.max)
        venue.reason = reason
        self._note(venue_id)
        return Hold(venue_id, venue.until_ns, venue.strikes, reason)

    def accepted(self, venue_id: str) -> None:
        """A venue took an order: its strikes are over. A hold that runs, runs out."""
        self._venues[venue_id].strikes = 0

    def over(self, venue_id: str, now_ns: int) -> bool:
        """Whether a hold or a pause of the venue is over now; then it may be used again."""
        venue = self._venues[venue_id]
        held, paused = 0 <= venue.until_ns <= now_ns, 0 <= venue.paused_ns <= now_ns
        if held:
            venue.until_ns = -1
        if paused:
            venue.paused_ns = -1
        if held or paused:
            self._note(venue_id)
        return held or paused

    def pause(self, venue_id: str, until_ns: int) -> bool:
        """Our own throttle lets nothing leave for a venue before; whether that is news."""
        venue = self._venues[venue_id]
        if until_ns <= venue.paused_ns:
            return False
        venue.paused_ns = until_ns
        self._note(venue_id)
        return True

    def silent(self, venue_id: str) -> Hold | None:
        """A venue answers neither orders nor cancels: it gets nothing until it answers again."""
        if self._venues[venue_id].gone is not None:
            return None
        return self._leave(venue_id, "no_answer", "no_answer")

    def answered(self, venue_id: str, now_ns: int) -> Hold | None:
        """A venue answers; that ends its being silent."""
        venue = self._venues[venue_id]
        if venue.gone != "no_answer":
            return None
        venue.gone, venue.until_ns, venue.strikes = None, -1, 0
        self._note(venue_id)
        return Hold(venue_id, now_ns, 0, "answered")

    def quarantine(self, venue_id: str, reason: str) -> Hold | None:
        """A venue reported what cannot be: it gets no more orders in this run."""
        if self._venues[venue_id].gone == "quarantine":
            return None
        return self._leave(venue_id, "quarantine", reason)

    def leave(self, venue_id: str, reason: str, strikes: int) -> None:
        """A venue was stopped for good before the router came back."""
        self._venues[venue_id].strikes = strikes
        self._leave(venue_id, "stopped", reason)

    def hold_on(self, hold: Hold, since_ns: int) -> None:
        """A venue was held before the router came back, and still is.

        Args:
            hold: The hold, which has an end.
            since_ns: When it began.
        """
        venue = self._venues[hold.venue_id]
        assert hold.until_ns is not None
        venue.strikes, venue.reason = hold.strikes, hold.reason
        venue.since_ns, venue.until_ns = since_ns, hold.until_ns
        self._note(hold.venue_id)

    def on_session(self, venue_id: str, *, is_up: bool) -> None:
        """The session with a venue has ended or begun."""
        self._venues[venue_id].is_up = is_up
        self._note(venue_id)

    def on_state(self, venue_id: str, state: TradingState) -> bool:
        """A venue's feed says whether it trades; whether that is news."""
        venue = self._venues[venue_id]
        if state is venue.state:
            return False
        venue.state = state
        if state is TradingState.OPEN and venue.reason == f"rejected_{_R.EXCHANGE_CLOSED.value}":
            venue.until_ns, venue.strikes = -1, 0  # what it was held for is over
        self._note(venue_id)
        return True

    def _leave(self, venue_id: str, why: str, reason: str) -> Hold:
        venue = self._venues[venue_id]
        venue.gone = why
        self._note(venue_id)
        return Hold(venue_id, None, venue.strikes, reason)

    def _note(self, venue_id: str) -> None:
        venue = self._venues[venue_id]
        self.out.pop(venue_id, None)
        self.gone.pop(venue_id, None)
        if venue.gone is not None:
            self.out[venue_id] = self.gone[venue_id] = venue.gone
        elif not venue.is_up:
            self.out[venue_id] = "session_down"
        elif venue.state is not TradingState.OPEN:
            self.out[venue_id] = venue.state.value
        elif venue.until_ns >= 0:
            self.out[venue_id] = "on_hold"
        elif venue.paused_ns >= 0:
            self.out[venue_id] = "message_throttle"
