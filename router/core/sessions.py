"""The sessions with the venues: reports are numbered, and count in the order of their numbers.

A report beyond the expected number shows that others are missing: they are asked for again, and it
waits for them, with all that come behind it. What has not come after a bounded number of requests,
or with too many reports waiting, is given up, and the rest counts without it. A number that was
there before is a repetition where its report is known; another report under it means that the venue
counts anew without a new session, and then nothing of that session counts any more.

Knows no parent; what a report says is booked by ``reports``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from router.core.desk import Desk
from router.core.events import ACCOUNT, Outcome, ResendOver, SendTo, Stamps, WakeAt
from router.core.orders import Child
from router.core.told import Came, ignore, is_same
from router.settings.recovery import RecoveryConfig
from sim.audit.records import SessionEvent
from sim.protocol.enums import ExecType
from sim.protocol.orders import ExecutionReport, VenueReport
from sim.protocol.session import FromVenue, ResendRequest, SessionStatus

SKIPPED_MAX: Final = 16
"""Ranges of numbers per venue that were given up and would still be taken late."""

_REFUSED: Final = 0
"""Stands for the expected number where no number of the session counts any more."""

Apply = Callable[[str, VenueReport, Stamps, int], list[Outcome]]


@dataclass(slots=True)
class Line:
    """What the router knows of the session with one venue.

    ``expected`` is the number of the next report, ``held`` are the reports that wait for one before
    them, by number. ``asked`` counts how often the missing ones were asked for, 0 while none are
    missing; ``gap`` counts what was missing since the start. ``skipped`` are ranges of numbers that
    were given up. ``began_ns`` is when the router learnt of the session.
    """

    expected: int = 1
    session: int = 0
    is_up: bool = True
    began_ns: int = 0
    gap: int = 0
    asked: int = 0
    asked_all: bool = False
    held: dict[int, tuple[VenueReport, Stamps]] = field(default_factory=dict)
    skipped: list[tuple[int, int]] = field(default_factory=list)

    @property
    def is_refused(self) -> bool:
        """Whether nothing of the session counts any more."""
        return self.expected == _REFUSED


class Sessions:
    """The sessions of all venues.

    Args:
        desk: The router's desk.
        config: The settings.
        apply: Books one report.

    Attributes:
        lines: By venue.
    """

    def __init__(self, desk: Desk, config: RecoveryConfig, apply: Apply) -> None:
        self.lines = {venue_id: Line() for venue_id in desk.view.venues}
        self._desk = desk
        self._config = config
        self._apply = apply
        desk.recovery.lines = self.lines

    # Reports

    def on_odd(self, msg: FromVenue, stamps: Stamps, now_ns: int) -> list[Outcome]:
        """A report that is not just the next one of its session."""
        out: list[Outcome] = []
        venue_id, line, seq = msg.venue_id, self.lines[msg.venue_id], msg.seq
        if msg.session < line.session:  # late, from before: what it reports is known by its id
            return self._apply(venue_id, msg.report, stamps, now_ns)
        if msg.session > line.session:
            if line.session or line.expected != 1:
                self._tell(venue_id, "up", now_ns, out, session=msg.session)
            self._begin(venue_id, msg.session, now_ns, out)
        came = Came(stamps, now_ns, out)
        if line.is_refused:
            ignore(venue_id, msg.report, "refused", came)
        elif seq < line.expected:
            self._on_seen(msg, came)
        elif seq in line.held:
            ignore(venue_id, msg.report, "duplicate", came)
        elif seq == line.expected:
            line.expected += 1
            out += self._apply(venue_id, msg.report, stamps, now_ns)
            self._release(venue_id, now_ns, out)
        else:
            self._hold(msg, stamps, now_ns, out)
        return out

    def _on_seen(self, msg: FromVenue, came: Came) -> None:
        """A number that was there before."""
        venue_id, report, line = msg.venue_id, msg.report, self.lines[msg.venue_id]
        if any(first <= msg.seq <= last for first, last in line.skipped):
            came.out.extend(self._apply(venue_id, report, came.stamps, came.now_ns))
            return
        child = self._child(msg)
        known = None
        if child is not None and isinstance(report, ExecutionReport):
            known = child.seen.get(report.exec_id)
        if child is None or not isinstance(report, ExecutionReport) or not _has_id(child, report):
            ignore(venue_id, report, "duplicate", came)
        elif known is None:
            self._refuse(msg, child, came)
        elif is_same(known, report):
            ignore(venue_id, report, "duplicate", came)
        else:
            ignore(venue_id, report, "conflict", came)
            self._desk.quarantine(child, "conflict", came.now_ns, came.out)

    def _refuse(self, msg: FromVenue, child: Child, came: Came) -> None:
        """A known number with a report that nobody knows: the venue counts anew."""
        line = self.lines[msg.venue_id]
        detail = f"number {msg.seq} came again with another report"
        self._tell(msg.venue_id, "reset", came.now_ns, came.out, detail)
        ignore(msg.venue_id, msg.report, "refused", came)
        line.expected = _REFUSED
        line.held.clear()
        self._close_gap(line)
        self._desk.quarantine(child, "reset", came.now_ns, came.out)

    def _child(self, msg: FromVenue) -> Child | None:
        report = msg.report
        child = self._desk.requests.names.get(report.orig_cl_ord_id or report.cl_ord_id)
        return child if child is not None and child.venue_id == msg.venue_id else None

    # Numbers that are missing

    def _hold(self, msg: FromVenue, stamps: Stamps, now_ns: int, out: list[Outcome]) -> None:
        """Keep a report until those before it are there."""
        venue_id, line = msg.venue_id, self.lines[msg.venue_id]
        line.held[msg.seq] = msg.report, stamps
        if not line.asked:
            self._ask(venue_id, now_ns, out)
        while len(line.held) > self._config.hold_back:
            self._skip(venue_id, now_ns, out)

    def _ask(self, venue_id: str, now_ns: int, out: list[Outcome]) -> None:
        """Ask for the first missing reports again."""
        line = self.lines[venue_id]
        last = min(line.held) - 1
        line.asked += 1
        again = " once more" if line.asked > 1 else ""
        self._tell(venue_id, "gap", now_ns, out, f"{_numbers(line.expected, last)} missing{again}")
        if line.is_up:
            out.append(SendTo(venue_id, ResendRequest(line.expected, last, ACCOUNT)))
        due_ns = now_ns + self._config.resend_timeout
        out.append(WakeAt(due_ns, ResendOver(venue_id, line.gap)))

    def _release(self, venue_id: str, now_ns: int, out: list[Outcome]) -> None:
        """Book what has waited and is next now."""
        line = self.lines[venue_id]
        before = line.expected
        while (waited := line.held.pop(line.expected, None)) is not None:
            line.expected += 1
            out += self._apply(venue_id, *waited, now_ns)
        if not line.held:
            if line.asked:
                self._close_gap(line)
                self._tell(venue_id, "filled", now_ns, out)
        elif line.expected != before or not line.asked:  # further ones are missing behind those
            self._close_gap(line)
            self._ask(venue_id, now_ns, out)

    def _skip(self, venue_id: str, now_ns: int, out: list[Outcome]) -> None:
        """Give the first missing reports up, and go on with what is there."""
        line = self.lines[venue_id]
        first = min(line.held)
        self._tell(venue_id, "given_up", now_ns, out, _numbers(line.expected, first - 1))
        line.skipped.append((line.expected, first - 1))
        del line.skipped[:-SKIPPED_MAX]
        line.expected = first
        self._close_gap(line)
        self._release(venue_id, now_ns, out)
        self._desk.recovery.ask_all(venue_id, "gap", now_ns, out)

    @staticmethod
    def _close_gap(line: Line) -> None:
        line.gap += 1
        line.asked = 0

    def on_over(self, token: ResendOver, now_ns: int, out: list[Outcome]) -> None:
        """Missing reports should have come by now."""
        line = self.lines[token.venue_id]
        if token.gap != line.gap or not line.asked:
            return  # they have
        if line.asked <= self._config.resends:
            self._ask(token.venue_id, now_ns, out)
        else:
            self._skip(token.venue_id, now_ns, out)

    # Sessions that end and begin

    def on_session(self, status: SessionStatus, now_ns: int) -> Sequence[Outcome]:
        """A session has ended or begun."""
        out: list[Outcome] = []
        venue_id, line = status.venue_id, self.lines[status.venue_id]
        if status.session < line.session:
            return out
        if not status.is_up:
            if line.is_up:
                line.is_up, line.session = False, status.session
                self._tell(venue_id, "down", now_ns, out, session=status.session)
                self._desk.recovery.on_down(venue_id, now_ns, out)
            return out
        is_new = status.session != line.session
        if line.is_up and not (is_new and (line.session or line.expected != 1)):
            line.session = status.session  # as the run opens
            return out
        self._tell(venue_id, "up", now_ns, out, session=status.session)
        if is_new:
            self._begin(venue_id, status.session, now_ns, out)
        elif not line.is_refused:
            out.append(SendTo(venue_id, ResendRequest(line.expected, 0, ACCOUNT)))
        line.is_up = True
        self._desk.recovery.on_up(venue_id, now_ns, out)
        return out

    def _begin(self, venue_id: str, session: int, now_ns: int, out: list[Outcome]) -> None:
        """A new session counts from 1; what was missing of the old one comes no more."""
        line = self.lines[venue_id]
        if line.held:
            self._tell(venue_id, "given_up", now_ns, out, "a new session began")
            for _, (report, stamps) in sorted(line.held.items(), key=itemgetter(0)):
                out += self._apply(venue_id, report, stamps, now_ns)
            line.held.clear()
        if line.session or line.expected != 1:
            line.began_ns = now_ns
        line.session, line.expected, line.asked_all = session, 1, False
        line.skipped.clear()
        self._close_gap(line)

    def ask_for_lost(self, venue_id: str, out: list[Outcome]) -> None:
        """Ask for what was given up, once more; for everything, once a session, if nothing was."""
        line = self.lines[venue_id]
        if not line.is_up or line.is_refused:
            return
        for first, last in line.skipped:
            out.append(SendTo(venue_id, ResendRequest(first, last, ACCOUNT)))
        if not line.skipped and not line.asked_all:
            line.asked_all = True
            out.append(SendTo(venue_id, ResendRequest(1, 0, ACCOUNT)))

    def _tell(
        self,
        venue_id: str,
        event: str,
        now_ns: int,
        out: list[Outcome],
        detail: str = "",
        *,
        session: int | None = None,
    ) -> None:
        line = self.lines[venue_id]
        out.append(
            SessionEvent(
                t_ns=now_ns,
                venue_id=venue_id,
                event=event,
                session=line.session if session is None else session,
                expected_seq=line.expected,
                detail=detail,
            )
        )


def _numbers(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _has_id(child: Child, report: ExecutionReport) -> bool:
    """Whether a sound report like this is remembered by its number."""
    return report.exec_type is not ExecType.ORDER_STATUS and report.side is child.side
