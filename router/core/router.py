"""The router itself, as a pure core: what it learns goes in, what it does comes out.

Each method takes one event and returns, in order, audit records, messages to venues and wake-ups.
A record always stands before the message it is about. Decisions wait for the end of the instant
(a wake-up at the same time), so that all that arrives at one instant is known to one decision.
"""

from collections.abc import Sequence
from typing import Final

from router.config import RouterConfig
from router.core.desk import Desk, within
from router.core.events import (
    AckTimeout,
    Deadline,
    Decide,
    Outcome,
    ParentOrder,
    Stamps,
    WakeAt,
    WakeToken,
)
from router.core.orders import Parent
from router.core.profile import VenueProfile
from router.core.reports import Reports
from sim.audit.records import (
    ParentReceived,
)
from sim.protocol.enums import DecisionReason, EndReason
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import (
    VenueReport,
)

_NOTHING: Final[tuple[Outcome, ...]] = ()


class RouterCore:
    """Splits parents over venues and re-routes what does not fill."""

    def __init__(self, profiles: tuple[VenueProfile, ...], config: RouterConfig) -> None:
        self._desk = desk = Desk(profiles, config)
        self._reports = Reports(desk)
        self.view = desk.view
        self.parents = desk.parents
        self.children = desk.children
        self._short = desk.short

    @property
    def done(self) -> bool:
        """Whether every parent that came has ended and no answer to a cancel is due."""
        return not self._desk.active and not self._desk.open_cancels

    def on_parent(self, order: ParentOrder, now_ns: int) -> list[Outcome]:
        """A client's order arrives."""
        parent = Parent(
            order.parent_id, order.side, order.order_qty, order.limit_px, order.deadline_ns
        )
        self.parents[parent.parent_id] = parent
        self._desk.active[parent.parent_id] = parent
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
        if parent.deadline_ns is not None:
            out.append(WakeAt(max(now_ns, parent.deadline_ns), Deadline(parent.parent_id)))
        self._desk.want(parent, DecisionReason.INITIAL, now_ns, out)
        self._desk.note_short(parent)
        return out

    def on_quote(self, quote: BookSnapshot, now_ns: int) -> Sequence[Outcome]:
        """A venue's book arrives; it matters at once only to a parent with lots to place."""
        venue = self.view.venues[quote.venue_id]
        if not venue.on_quote(quote) or not self._short:
            return _NOTHING
        out: list[Outcome] = []
        for parent in self._short.values():
            shown = venue.shown(parent.side)
            if shown and self._desk.uses_new_quotes(parent) and within(shown[0][0], parent):
                self._desk.want(parent, DecisionReason.QUOTE_CHANGE, now_ns, out)
        return out

    def on_report(
        self, venue_id: str, report: VenueReport, stamps: Stamps, now_ns: int
    ) -> list[Outcome]:
        """A venue's answer arrives."""
        return self._reports.on_report(venue_id, report, stamps, now_ns)

    def on_wake(self, token: WakeToken, now_ns: int) -> list[Outcome]:
        """A wake-up that was asked for."""
        out: list[Outcome] = []
        if isinstance(token, Decide):
            self._desk.decide_due(now_ns, out)
        elif isinstance(token, AckTimeout):
            self._desk.cancel_unanswered(now_ns, out)
        else:
            parent = self.parents[token.parent_id]
            if parent.end_reason is None:
                self._desk.stop(parent, EndReason.DEADLINE, now_ns, out)
        return out

    def finish(self, reason: EndReason, now_ns: int) -> list[Outcome]:
        """The run ends: what is still active ends with ``reason``, its open lots stay open."""
        out: list[Outcome] = []
        for parent in list(self._desk.active.values()):
            self._desk.end(parent, reason, now_ns, out)
        return out
