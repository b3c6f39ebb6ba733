"""Records of what others do on their own account: the participants of a scenario.

Units and stamps as in ``sim.audit.records``, where all records are named.
"""

from sim.audit.record import Record, Whole
from sim.protocol.enums import Side


class ParticipantEvent(
    Record, frozen=True, kw_only=True, tag="participant_event", omit_defaults=True
):
    """A participant did something that matters for who trades at what price.

    Not every order: those are in the venues' quotes and prints. What is left out of the line does
    not belong to the event.
    """

    participant_id: str
    """The participant, by its `id` in the scenario."""
    event: str
    """``traded_ahead`` (an informed one takes before a move), ``took_stale`` (an arbitrageur takes
    a quote that another venue has left behind), ``faded`` (a maker gives way after a fill),
    ``detected``, ``ran_ahead`` and ``sold_back`` (a predator), or ``failed`` (its task ended with
    an error, and the run goes on without it)."""
    detail: str
    """What there is to say about it; for ``failed`` the error."""
    venue_id: str | None = None
    """Where it learned of it, or acts."""
    side: Side | None = None
    """What it does, or what it takes the other to be doing."""
    qty: Whole | None = None
    """How much."""
    price: Whole | None = None
    """At which price."""
