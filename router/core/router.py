"""The router itself, as a pure core: what it learns goes in, what it does comes out.

Each method takes one event and returns, in order, audit records, messages to venues and wake-ups.
A record always stands before the message it is about. Decisions wait for the end of the instant
(a wake-up at the same time), so that all that arrives at one instant is known to one decision.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial
from typing import Final

from router.config import RouterConfig
from router.core.desk import Desk
from router.core.doubts import Doubts
from router.core.events import (
    AckTimeout,
    Beat,
    Cross,
    Deadline,
    Decide,
    DownOver,
    HoldOver,
    Kill,
    Leave,
    Moves,
    Outcome,
    ParentOrder,
    PostOver,
    Release,
    ResendOver,
    SliceDue,
    Stamps,
    WakeAt,
    WakeToken,
    WriteOff,
)
from router.core.leakage import cap_of
from router.core.orders import Parent
from router.core.profile import VenueProfile
from router.core.reports import Reports
from router.core.restore import Restorer, Schedules
from router.core.sessions import Sessions
from router.core.timetable import Timetable
from router.core.truth import Truth
from sim.audit.records import ParentReceived, Record
from sim.protocol.enums import DecisionReason, EndReason, Side, TradingState
from sim.protocol.market_data import BookSnapshot, TradingStatus
from sim.protocol.orders import (
    VenueReport,
)
from sim.protocol.session import FromVenue, SessionStatus
from sim.protocol.units import Units

OnQuote = Callable[[BookSnapshot, int], Sequence[Outcome]]

_NOTHING: Final[tuple[Outcome, ...]] = ()
SAME: Final = Units(Decimal(1), Decimal(1))
_ALL_OVER: Final = frozenset({EndReason.ABORTED, EndReason.KILL_SWITCH})


class RouterCore:
    """Splits parents over venues and re-routes what does not fill.

    Args:
        profiles: The venues.
        config: The settings.
        units: What quantities and money of the settings are in; by default lots and ticks.
        desk: What replaces the desk that these make.
    """

    def __init__(
        self,
        profiles: tuple[VenueProfile, ...],
        config: RouterConfig,
        units: Units = SAME,
        desk: Desk | None = None,
    ) -> None:
        self._desk = desk = Desk(profiles, config, units) if desk is None else desk
        self._brakes = desk.brakes
        self._reports = Reports(desk)
        self._sessions = Sessions(desk, config.recovery, self._report)
        self._reports.answers.ask_for_lost = self._sessions.ask_for_lost
        self._lines = self._sessions.lines
        self._timetable = Timetable(desk, cap_of(config.leakage, units.lot_size))
        self.view = desk.view
        self.parents = desk.parents
        self.children = desk.children
        self._short = desk.waiting.short
        self._resting = {} if desk.resting is None else desk.resting.children
        if desk.doubts is not None:
            # In front of what hears quotes, so that nobody pays for it who doubts nothing.
            self.on_quote = partial(self._on_doubted, desk.doubts, self.on_quote)  # type: ignore[method-assign]

    @property
    def done(self) -> bool:
        """Whether every parent that came has ended and no answer to a request is due."""
        return not self._desk.active and not self._desk.requests.open

    @property
    def overfilled(self) -> dict[tuple[str, Side], int]:
        """The account apart: per venue and side the lots that were filled and nobody ordered."""
        return dict(self._desk.overfilled)

    def tell(self, truth: Truth) -> None:
        """Let a strategy that is measured against know what is truly there; no other hears it."""
        self._desk.tell(truth)

    # What the router learns

    def on_parent(self, order: ParentOrder, now_ns: int) -> list[Outcome]:
        """A client's order arrives."""
        desk = self._desk
        parent = Parent(
            order.parent_id,
            order.side,
            order.order_qty,
            order.limit_px,
            order.deadline_ns,
            schedule=order.schedule,
            number=len(self.parents),
        )
        self.parents[parent.parent_id] = parent
        desk.active[parent.parent_id] = parent
        out: list[Outcome] = [
            ParentReceived(
                t_ns=now_ns,
                parent_id=parent.parent_id,
                side=parent.side,
                order_qty=parent.order_qty,
                limit_px=parent.limit_px,
                deadline_ns=parent.deadline_ns,
                bid_px=self.view.best_bid(),
                ask_px=self.view.best_ask(),
            )
        ]
        if self._brakes is not None:
            self._brakes.on_parent(now_ns, out)
            if parent.end_reason is not None:
                return out
        if desk.stopping is not None:
            desk.stop(parent, desk.stopping, now_ns, out)
            return out
        if parent.deadline_ns is not None:
            out.append(WakeAt(max(now_ns, parent.deadline_ns), Deadline(parent.parent_id)))
            if desk.policy.cross is not None:
                near_ns = max(now_ns, parent.deadline_ns - desk.policy.cross.before)
                out.append(WakeAt(near_ns, Cross(parent.parent_id)))
        if parent.schedule is not None:
            self._timetable.begin(parent, now_ns, out)
            return out
        desk.want(parent, DecisionReason.INITIAL, now_ns, out)
        desk.waiting.note(parent)
        return out

    def on_quote(self, quote: BookSnapshot, now_ns: int) -> Sequence[Outcome]:
        """A venue's book arrives; it matters at once only to a parent with lots to place."""
        venue = self.view.venues[quote.venue_id]
        if not venue.on_quote(quote):
            return _NOTHING
        barred = self._brakes is not None and self._brakes.barred
        if not (self._short or self._resting or barred):
            return _NOTHING
        out: list[Outcome] = []
        desk = self._desk
        if barred and self._brakes is not None:
            self._brakes.on_quote(now_ns, out)
        if self._short:
            # A price to rest at may have come, too.
            posts = desk.resting is not None and desk.waiting.on_price()
            if desk.waiting.on_quote(venue) or posts:
                desk.wake(now_ns, out)
        if self._resting:
            self._move(now_ns, out)
        return out

    def _on_doubted(
        self, doubts: Doubts, on_quote: OnQuote, quote: BookSnapshot, now_ns: int
    ) -> Sequence[Outcome]:
        """A quote that may be doubted arrives: if it is not believed the last good one stands."""
        if not doubts.believes(quote, now_ns):
            return _NOTHING
        out = on_quote(quote, now_ns)
        if not (doubts.look(now_ns) and self._short):
            return out
        more: list[Outcome] = []
        self._desk.on_venue_back(now_ns, more)  # another one, whose price it no longer meets
        return [*out, *more]

    def on_status(self, status: TradingStatus, now_ns: int) -> list[Outcome]:
        """A venue's feed says whether it trades.

        While it does not, it gets no orders. What it showed before is worth nothing any more, so
        it gets none either before its next quote.
        """
        out: list[Outcome] = []
        desk, venue_id = self._desk, status.venue_id
        if desk.standing.on_state(venue_id, status.state):
            if status.state is not TradingState.OPEN:
                self.view.venues[venue_id].drop_quote()
                desk.returns.halted(venue_id, now_ns, out)
            else:
                desk.on_venue_back(now_ns, out)
        return out

    def on_report(
        self, venue_id: str, report: VenueReport, stamps: Stamps, now_ns: int
    ) -> list[Outcome]:
        """A venue's answer arrives."""
        out = self._reports.on_report(venue_id, report, stamps, now_ns)
        if self._resting:
            self._move(now_ns, out)
        return out

    def on_numbered(self, msg: FromVenue, stamps: Stamps, now_ns: int) -> list[Outcome]:
        """A venue's answer arrives, with its number in the session."""
        line = self._lines[msg.venue_id]
        if msg.seq == line.expected and msg.session == line.session and not line.held:
            line.expected += 1
            return self.on_report(msg.venue_id, msg.report, stamps, now_ns)
        return self._sessions.on_odd(msg, stamps, now_ns)

    def on_session(self, status: SessionStatus, now_ns: int) -> Sequence[Outcome]:
        """The session with a venue has ended or begun."""
        return self._sessions.on_session(status, now_ns)

    def _report(
        self, venue_id: str, report: VenueReport, stamps: Stamps, now_ns: int
    ) -> list[Outcome]:
        return self.on_report(venue_id, report, stamps, now_ns)

    def on_wake(self, token: WakeToken, now_ns: int) -> list[Outcome]:
        """A wake-up that was asked for."""
        out: list[Outcome] = []
        desk = self._desk
        if isinstance(token, Decide):
            desk.decide_due(now_ns, out)
        elif isinstance(token, AckTimeout):
            desk.recovery.look(now_ns, out)
        elif isinstance(token, HoldOver):
            if desk.standing.over(token.venue_id, now_ns):
                desk.on_venue_back(now_ns, out)
                if self._brakes is not None:
                    self._move(now_ns, out)  # what our own throttle kept may leave now
        elif isinstance(token, Moves):
            self._move(now_ns, out)
        elif isinstance(token, PostOver):
            desk.returns.post_over(self.parents[token.parent_id], now_ns, out)
        elif isinstance(token, SliceDue):
            self._timetable.due(self.parents[token.parent_id], now_ns, out)
        elif isinstance(token, Leave):
            desk.departures.leave(token.cl_ord_id, now_ns, out)
        elif isinstance(token, Deadline):
            parent = self.parents[token.parent_id]
            if parent.end_reason is None and parent.stopped not in _ALL_OVER:
                desk.stop(parent, EndReason.DEADLINE, now_ns, out)
        elif isinstance(token, Cross):
            desk.returns.cross(self.parents[token.parent_id], now_ns, out)
        elif isinstance(token, WriteOff):
            desk.returns.write_off(token, now_ns, out)
        else:
            self._on_rare(token, now_ns, out)
        return out

    def _on_rare(self, token: WakeToken, now_ns: int, out: list[Outcome]) -> None:
        if isinstance(token, ResendOver):
            self._sessions.on_over(token, now_ns, out)
        elif isinstance(token, Beat):
            self._desk.recovery.on_beat(token, now_ns, out)
        elif isinstance(token, DownOver):
            self._desk.recovery.on_down_over(token, now_ns, out)
        elif isinstance(token, Release | Kill):
            self._on_brakes(token, now_ns, out)

    def _on_brakes(self, token: Release | Kill, now_ns: int, out: list[Outcome]) -> None:
        assert self._brakes is not None  # who else would have asked for it?
        if isinstance(token, Kill):
            self._brakes.on_kill(now_ns, out)
        else:
            self._brakes.on_release(token, now_ns, out)

    def _move(self, now_ns: int, out: list[Outcome]) -> None:
        if self._desk.resting is not None:
            self._desk.move_resting(self._desk.resting, now_ns, out)

    def restore(
        self, records: Iterable[Record], schedules: Schedules, now_ns: int
    ) -> list[Outcome]:
        """Come back after a crash, as a fresh core: with the records of the one before.

        The sessions count as down until they are up again.

        Args:
            records: Its records, and those of others, from the first of the run on.
            schedules: The schedule of each parent that has one, as it was when the parent came.
            now_ns: Now.
        """
        restorer = Restorer(self._desk, self._timetable, schedules)
        restorer.take(records)
        out: list[Outcome] = []
        restorer.go_on(now_ns, out)
        for venue_id, line in self._lines.items():
            line.session = restorer.sessions.get(venue_id, 1)
            out += self.on_session(SessionStatus(venue_id, line.session, is_up=False), now_ns)
        return out

    def has_heard(self, venue_id: str, session: int, seq: int) -> bool:
        """Whether every report of a session up to this number has come and counts."""
        line = self._lines[venue_id]
        return line.session == session and line.expected == seq + 1 and not line.skipped

    # The end of a run

    def stop_all(self, now_ns: int) -> list[Outcome]:
        """The run is interrupted: no new orders, cancels for what is open.

        Each parent ends ``aborted`` when its open children have ended, at once where none is open;
        a parent that arrives later ends as it comes. ``done`` says when all answers are there.
        """
        out: list[Outcome] = []
        self._desk.end_all(EndReason.ABORTED, now_ns, out)
        return out

    def finish(self, reason: EndReason, now_ns: int) -> list[Outcome]:
        """The run ends: what is still active ends with ``reason``, its open lots stay open."""
        out: list[Outcome] = []
        self._desk.break_off(reason, now_ns, out)
        return out
