"""Children of which the router does not know what became: asked about, waited for, given up.

A venue that says nothing of a child, not even to cancels, is asked about it by the id that it
knows. While the session with a venue is down its children are *unknown*: nothing is sent there, and
their lots stay reserved. As it is up again each is asked about. A venue that stays away longer than
is waited for counts as silent: its children are unanswered, as ``reroute.reserve_unanswered`` says.
``answers`` sees to what venues say.
"""

from typing import TYPE_CHECKING

from router.core.events import ACCOUNT, Beat, DownOver, Outcome, SendTo, WakeAt
from router.core.orders import Child
from router.core.requests import CHASE, HELD, RETRY
from router.core.states import FINAL
from router.settings.recovery import RecoveryConfig
from sim.protocol.enums import DecisionReason
from sim.protocol.orders import OrderCancelReplaceRequest, OrderCancelRequest
from sim.protocol.session import ResendRequest

if TYPE_CHECKING:
    from router.core.desk import Desk
    from router.core.sessions import Line


class Recovery:
    """Asks at a desk for what is unknown.

    Args:
        desk: The router's desk.
        config: The settings.
        most_resends: How often one cancel is sent again.

    Attributes:
        lines: The sessions by venue; ``sessions`` puts them here.
        down: Venues whose session is down at present, with the number of the outage.
        asked: By child, how often it was asked about since its venue was last back.
    """

    def __init__(self, desk: "Desk", config: RecoveryConfig, most_resends: int) -> None:
        self.lines: dict[str, Line] = {}
        self.down: dict[str, int] = {}
        self.asked: dict[str, int] = {}
        self._desk = desk
        self._config = config
        self._most_resends = most_resends
        self._outages = 0
        self._lost: set[str] = set()  # venues that are down and not waited for any longer
        self._beats: set[str] = set()

    def ask(
        self,
        child: Child,
        reason: str,
        now_ns: int,
        out: list[Outcome],
        *,
        name: str | None = None,
    ) -> bool:
        """Ask a venue what became of a child; False where that is no use or was done enough.

        Args:
            child: The child.
            reason: For the record.
            now_ns: Now.
            out: Where record and message go.
            name: The id to ask for, where that is not the last that the venue confirmed.
        """
        desk, venue_id = self._desk, child.venue_id
        if child.status in FINAL or child.parent.end_reason is not None:
            return False
        if not desk.view.venues[venue_id].profile.has_session or venue_id in self.down:
            return False
        count = self.asked.get(child.cl_ord_id, 0)
        if count >= self._config.queries or self.lines[venue_id].is_refused:
            return False
        self.asked[child.cl_ord_id] = count + 1
        self._forget(child)
        desk.requests.ask(child, name or child.name, reason, now_ns, out)
        return True

    def ask_all(self, venue_id: str, reason: str, now_ns: int, out: list[Outcome]) -> None:
        """Ask a venue about all that is open there, but for what it was just asked about."""
        for child in self._open_at(venue_id):
            if child.cl_ord_id not in self._desk.requests.status:
                self.ask(child, reason, now_ns, out)

    def over(self, child: Child) -> None:
        """A child has ended."""
        if self.asked:
            self.asked.pop(child.cl_ord_id, None)

    # Venues that are silent while orders rest

    def rests(self, venue_id: str, now_ns: int, out: list[Outcome]) -> None:
        """An order leaves to rest: from now on somebody listens whether its venue lives."""
        length = self._config.heartbeat
        if length is None or venue_id in self._beats:
            return
        if self._desk.view.venues[venue_id].profile.has_session:
            self._beats.add(venue_id)
            out.append(WakeAt(now_ns + length, Beat(venue_id, self.lines[venue_id].expected)))

    def on_beat(self, token: Beat, now_ns: int, out: list[Outcome]) -> None:
        """Nothing was said since the last beat: ask for whatever was lost, if anything was."""
        venue_id = token.venue_id
        self._beats.discard(venue_id)
        if not any(child.rests for child in self._open_at(venue_id)):
            return
        line = self.lines[venue_id]
        silent = line.expected == token.expected and not line.is_refused
        if silent and line.is_up and not line.held:
            out.append(SendTo(venue_id, ResendRequest(line.expected, 0, ACCOUNT)))
        self.rests(venue_id, now_ns, out)

    # Answers that are late

    def look(self, now_ns: int, out: list[Outcome]) -> None:
        """See to the children whose venue has not answered in time."""
        desk = self._desk
        requests = desk.requests
        for child, what in requests.overdue(now_ns, out):
            if child.venue_id in self.down:
                # Heard of late; or it has ended, and the answer to a cancel went with the line.
                if child.venue_id in self._lost or child.status in FINAL:
                    self.give_up(child, now_ns, out)
                continue  # else it is seen to as the session is up again, or is lost
            if what in {HELD, CHASE} or what == requests.status.get(child.cl_ord_id):
                self._at_a_loss(child, now_ns, out)
            elif what == RETRY:
                if child.resends < self._most_resends:
                    child.resends += 1
                    requests.cancel(child, "no_answer", now_ns, out)
                else:
                    self._at_a_loss(child, now_ns, out)
            elif what == child.cl_ord_id:
                desk.experience.on_silence(child.venue_id)
                desk.strike(child, "ack_timeout", now_ns, out)
                requests.cancel(child, "ack_timeout", now_ns, out, then=DecisionReason.TIMEOUT)
            elif isinstance(child.request, OrderCancelReplaceRequest):
                requests.forget(child)
                if child.status in FINAL:
                    continue
                child.cancel_wanted = False
                requests.cancel(child, "ack_timeout", now_ns, out)
            elif not requests.resend(child, now_ns, out):
                self._at_a_loss(child, now_ns, out)

    def _at_a_loss(self, child: Child, now_ns: int, out: list[Outcome]) -> None:
        """No request was any use: ask what became of the child, or give it up."""
        if not self.ask(child, "no_answer", now_ns, out):
            self.give_up(child, now_ns, out)

    def give_up(self, child: Child, now_ns: int, out: list[Outcome]) -> None:
        """Stop asking: the child's lots stay reserved, and nothing more goes to its venue."""
        desk = self._desk
        desk.requests.forget(child)
        desk.requests.status.pop(child.cl_ord_id, None)
        ended = child.status in FINAL or child.parent.end_reason is not None
        if ended or child.unanswered:
            return
        child.unanswered = True
        child.parent.unanswered_qty += child.leaves_qty
        desk.on_silent(child.venue_id, now_ns, out)
        desk.go_on_without(child, now_ns, out)
        desk.returns.watch(child, now_ns, out)
        desk.settle(child.parent, now_ns, out)

    # Sessions

    def on_down(self, venue_id: str, now_ns: int, out: list[Outcome]) -> None:
        """The session with a venue is down: nothing leaves for it, and what it showed is void."""
        desk = self._desk
        self._outages += 1
        self.down[venue_id] = self._outages
        desk.requests.down.add(venue_id)
        desk.standing.on_session(venue_id, is_up=False)
        desk.view.venues[venue_id].drop_quote()
        for child in self._open_at(venue_id):
            self._forget(child)
        desk.departures.drop(desk.departures.at(venue_id), "session_down", now_ns, out)
        due_ns = now_ns + self._config.patience
        out.append(WakeAt(due_ns, DownOver(venue_id, self._outages)))

    def on_down_over(self, token: DownOver, now_ns: int, out: list[Outcome]) -> None:
        """A venue has been away for too long: it counts as silent until it says something."""
        venue_id = token.venue_id
        if self.down.get(venue_id) != token.outage:
            return
        self._lost.add(venue_id)
        self._desk.on_silent(venue_id, now_ns, out)
        for child in self._open_at(venue_id):
            self.give_up(child, now_ns, out)

    def on_up(self, venue_id: str, now_ns: int, out: list[Outcome]) -> None:
        """The session with a venue is up: whatever is unknown there is asked about."""
        desk = self._desk
        self.down.pop(venue_id, None)
        self._lost.discard(venue_id)
        desk.requests.down.discard(venue_id)
        desk.standing.on_session(venue_id, is_up=True)
        desk.on_answered(venue_id, now_ns, out)
        for child in self._open_at(venue_id):
            self._forget(child)
            self.asked.pop(child.cl_ord_id, None)
            if child.rests:
                self.rests(venue_id, now_ns, out)
            if not self.ask(child, "reconnected", now_ns, out):
                desk.requests.cancel(
                    child, "no_answer", now_ns, out, then=child.cancel_reason or _LOST
                )
        desk.on_venue_back(now_ns, out)

    def _open_at(self, venue_id: str) -> list[Child]:
        """What may still fill at a venue, of parents that have not ended, in their order."""
        there = self._desk.view.venues[venue_id].flying.values()
        return [
            child
            for child in there
            if child.cl_ord_id in child.parent.open and child.parent.end_reason is None
        ]

    def _forget(self, child: Child) -> None:
        """No answer is expected any more to what was asked of a child; a cancel is still wanted."""
        requests = self._desk.requests
        requests.status.pop(child.cl_ord_id, None)
        if isinstance(child.request, OrderCancelRequest):
            child.cancel_wanted = True
        requests.forget(child)


_LOST = DecisionReason.TIMEOUT
