"""A router core and a venue of few words whose reports are numbered, for tests of sessions."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from heapq import heappop, heappush
from itertools import count
from typing import Any

from router.config import RouterConfig
from router.core.events import ACCOUNT, Outcome, ParentOrder, SendTo, Stamps, WakeAt
from router.core.orders import Child
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from sim.audit.records import Fill, ParentDone, Record, ReportIgnored, RouteHold, SessionEvent
from sim.audit.state import LogState
from sim.protocol.enums import (
    CxlRejReason,
    EndReason,
    ExecType,
    OrdStatus,
    RejectReason,
    Side,
)
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import ExecutionReport, OrderCancelReject, VenueReport
from sim.protocol.session import FromVenue, OrderStatusRequest, ResendRequest, SessionStatus
from sim.protocol.units import PriceTicks, QtyLots, TimeNs

FREE = (Fraction(1), Fraction(0))
TIMEOUT = 50
STATES = {
    ExecType.NEW: OrdStatus.NEW,
    ExecType.TRADE: OrdStatus.PARTIALLY_FILLED,
    ExecType.CANCELED: OrdStatus.CANCELED,
    ExecType.REJECTED: OrdStatus.REJECTED,
    ExecType.EXPIRED: OrdStatus.EXPIRED,
}


class Bench:
    """A core, its time, and all that came out of it.

    Every venue shows 1,000 lots at 100 and has a session, numbered per venue from 1. ``say`` makes
    a report under the next number and keeps it; nothing arrives before ``arrive``.
    """

    def __init__(self, venues: str = "A", **settings: Any) -> None:
        profiles = tuple(
            [
                VenueProfile(v, "lit", n, 1, 1, FREE, FREE, takes_resting=True, has_session=True)
                for n, v in enumerate(venues)
            ]
        )
        config = {"strategy": {"kind": "greedy"}, "ack_timeout": f"{TIMEOUT}ns", **settings}
        recovery = {"resend_timeout": "20ns", "patience": "500ns", **config.pop("recovery", {})}
        self._made = profiles, RouterConfig.model_validate({**config, "recovery": recovery})
        self.core = RouterCore(*self._made)
        self.now = 0
        self.records: list[Record] = []
        self.sent: list[tuple[str, Any]] = []
        self.log = LogState()
        self.numbers = dict.fromkeys(venues, 0)
        self.kept: dict[str, list[FromVenue]] = {venue_id: [] for venue_id in venues}
        self.sessions = dict.fromkeys(venues, 1)
        self.answer: Callable[[str, Any], None] = lambda venue_id, msg: None
        self._wakes: list[tuple[int, int, Any]] = []
        self._ids, self._tie = count(1), count()
        for venue_id in venues:
            self.shows(venue_id, 1)

    def shows(self, venue_id: str, seq: int, lots: int = 1_000) -> None:
        """A venue shows lots at 100."""
        book = BookSnapshot(venue_id, seq, TimeNs(self.now), (), ((100, lots),))
        self.take(self.core.on_quote(book, self.now))

    def buy(self, qty: int = 100, name: str = "P", **more: Any) -> None:
        """A parent arrives, and is decided."""
        self.take(self.core.on_parent(ParentOrder(name, Side.BUY, qty, **more), self.now))
        self.later(0)

    def later(self, ns: int) -> None:
        """Let time pass, with all wake-ups that are due."""
        end = self.now + ns
        while self._wakes and self._wakes[0][0] <= end:
            t_ns, _, token = heappop(self._wakes)
            self.now = max(self.now, t_ns)
            self.take(self.core.on_wake(token, self.now))
        self.now = end

    def crash(self) -> None:
        """The router dies, comes back at once from its records, and all sessions are up again."""
        self.core = RouterCore(*self._made)
        self._wakes.clear()
        self.take(self.core.restore(tuple(self.records), lambda name: None, self.now))
        for venue_id, session in self.sessions.items():
            self.take(self.core.on_session(SessionStatus(venue_id, session, is_up=True), self.now))

    # What the venue says

    def report(
        self, kind: ExecType, cl_ord_id: str, *, cum: int = 0, total: int = 100, **more: Any
    ) -> ExecutionReport:
        """A report about an order to buy ``total`` lots of which ``cum`` are filled now."""
        ended = kind in {ExecType.CANCELED, ExecType.REJECTED, ExecType.EXPIRED}
        status = more.pop("status", STATES.get(kind, OrdStatus.NEW))
        px, qty = more.pop("px", None), more.pop("qty", 0)
        return ExecutionReport(
            kind,
            status,
            cl_ord_id,
            ACCOUNT,
            1,
            more.pop("exec_id", None) or next(self._ids),
            more.pop("side", Side.BUY),
            QtyLots(total),
            QtyLots(cum),
            QtyLots(more.pop("leaves", 0 if ended else max(0, total - cum))),
            TimeNs(0),
            2,
            None if px is None else PriceTicks(px),
            QtyLots(qty),
            **more,
        )

    def fill(self, name: str, qty: int, cum: int, fee: str = "0", **more: Any) -> ExecutionReport:
        """TRADE at 100."""
        known = {"px": 100, "qty": qty, "commission": Decimal(fee), **more}
        return self.report(ExecType.TRADE, name, cum=cum, **known)

    def status(self, name: str, state: OrdStatus, cum: int = 0, **more: Any) -> ExecutionReport:
        """The answer to a question."""
        known = {"status": state, "exec_id": 0, **more}
        if state in {OrdStatus.CANCELED, OrdStatus.FILLED, OrdStatus.REJECTED}:
            known.setdefault("leaves", 0)
        return self.report(ExecType.ORDER_STATUS, name, cum=cum, **known)

    def unknown(self, name: str) -> ExecutionReport:
        """The answer of a venue that knows no such order."""
        return self.status(name, OrdStatus.REJECTED, reject_reason=RejectReason.UNKNOWN_ORDER)

    def refused(
        self, request: str, order: str, reason: CxlRejReason = CxlRejReason.TOO_LATE
    ) -> OrderCancelReject:
        """The refusal of a request."""
        return OrderCancelReject(request, order, ACCOUNT, OrdStatus.REJECTED, reason, TimeNs(0), 2)

    def say(self, report: VenueReport, venue_id: str = "A") -> FromVenue:
        """Number a report and keep it; it does not arrive by that."""
        self.numbers[venue_id] += 1
        msg = FromVenue(venue_id, report, self.numbers[venue_id], self.sessions[venue_id])
        self.kept[venue_id].append(msg)
        return msg

    def arrive(self, *messages: FromVenue) -> None:
        """Numbered reports arrive, in this order."""
        for msg in messages:
            stamps = Stamps(self.now, 0, 0)
            if msg.seq:
                self.take(self.core.on_numbered(msg, stamps, self.now))
            else:
                self.take(self.core.on_report(msg.venue_id, msg.report, stamps, self.now))
        self.later(0)

    def tell(self, report: VenueReport, venue_id: str = "A") -> None:
        """The next report arrives."""
        self.arrive(self.say(report, venue_id))

    def again(self, ask: ResendRequest, venue_id: str = "A") -> list[FromVenue]:
        """What a venue sends that is asked for these numbers."""
        last = ask.end_seq or self.numbers[venue_id]
        return [msg for msg in self.kept[venue_id] if ask.begin_seq <= msg.seq <= last]

    def session(self, is_up: bool, venue_id: str = "A", *, new: bool = False) -> None:
        """The session with a venue ends or begins."""
        if new:
            self.sessions[venue_id] += 1
            self.numbers[venue_id] = 0
            self.kept[venue_id].clear()
        status = SessionStatus(venue_id, self.sessions[venue_id], is_up)
        self.take(self.core.on_session(status, self.now))
        self.later(0)

    # What came out

    def take(self, outcomes: Any) -> None:
        """Take what the core gave."""
        out: list[Outcome] = list(outcomes)
        for outcome in out:
            if isinstance(outcome, WakeAt):
                heappush(self._wakes, (outcome.t_ns, next(self._tie), outcome.token))
            elif isinstance(outcome, SendTo):
                self.sent.append((outcome.venue_id, outcome.msg))
            else:
                self.records.append(outcome)
                self.log.take([outcome])
        for parent in self.core.parents.values():
            parent.check()
            assert parent.filled_qty + parent.reserved_qty <= parent.order_qty, "I2"
        for outcome in out:
            if isinstance(outcome, SendTo):
                self.answer(outcome.venue_id, outcome.msg)

    def of(self, kind: type[Any]) -> list[Any]:
        """The records of one type, in their order."""
        return [record for record in self.records if isinstance(record, kind)]

    def child(self, name: str = "P.A.1") -> Child:
        """A child by its name."""
        return self.core.children[name]

    def events(self) -> list[tuple[str, int]]:
        """What happened to sessions, each with the number that was expected."""
        return [(e.event, e.expected_seq) for e in self.of(SessionEvent)]

    def asked(self, kind: type[Any]) -> list[Any]:
        """Messages of one type that were sent."""
        return [msg for _, msg in self.sent if isinstance(msg, kind)]

    def resends(self) -> list[tuple[int, int]]:
        """Numbers that were asked for again."""
        return [(m.begin_seq, m.end_seq) for m in self.asked(ResendRequest)]

    def questions(self) -> list[str]:
        """Orders that were asked about."""
        return [m.cl_ord_id for m in self.asked(OrderStatusRequest)]

    def fills(self) -> list[tuple[int, int]]:
        """Booked fills as (execution, lots)."""
        return [(f.exec_id, f.last_qty) for f in self.of(Fill)]

    def ignored(self) -> list[str]:
        """Why reports were ignored."""
        return [record.reason for record in self.of(ReportIgnored)]

    def holds(self) -> list[tuple[str, str]]:
        """Holds of venues and their reasons."""
        return [(record.venue_id, record.reason) for record in self.of(RouteHold)]

    def end(self) -> tuple[EndReason, int, int]:
        """How the only parent ended: reason, lots filled, lots canceled."""
        (record,) = self.of(ParentDone)
        return record.end_reason, record.filled_qty, record.canceled_qty
