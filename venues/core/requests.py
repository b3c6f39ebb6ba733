"""Cancels and replaces that take their time, around any core.

A request for an open order is *pending* until the venue has decided on it. The venue may say so at
once (PENDING_CANCEL, PENDING_REPLACE); from then on every report about the order has that status,
whatever happens to the order meanwhile, also when nothing of it is left. Fills in between carry the
name and the quantity that the order has, which are the old ones. When the time is over the request
is decided as if it came then: accepted, or refused, as too late where the order has ended.

One request for an order is pending at a time; another one is refused as "already pending", and one
whose id its account has used for something else as "duplicate id". Both rules, and the precedence
of the pending states over all others, are those of the FIX order state matrices.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from sim.protocol.enums import CxlRejReason, ExecType, OrdStatus, Priority
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderReduceRequest,
    VenueReport,
)
from sim.protocol.units import TimeNs
from venues.core.api import Request, VenueCore, WakeAt
from venues.core.around import CoreAround
from venues.core.book import RestingOrder
from venues.core.order_book import MEMORY
from venues.core.reports import make_report, refusal

DecisionTime = Callable[[Request], int]
"""How long the venue takes over a request, ns; with 0 it is decided at once and never pending."""

_REQUESTS: Final = (OrderCancelRequest, OrderCancelReplaceRequest, OrderReduceRequest)


class Decide(msgspec.Struct, frozen=True):
    """The wake-up at which a request is decided."""

    request: Request


@dataclass(slots=True)
class _Pending:
    """An order's undecided request, and the status that its reports have until then."""

    request: Request
    order_id: int
    status: OrdStatus


class RequestsCore(CoreAround):
    """A core whose venue decides on requests in its own time.

    Args:
        inner: The core that decides.
        decision_ns: How long the venue takes over a request.
        report_pending: Whether it reports a request as pending when it comes; if not, the reports
            in between have the status that they would have without a request.
        memory: So many ids of orders and requests are remembered at least, and twice as many at
            most, to tell whether one is used again.
    """

    def __init__(
        self,
        inner: VenueCore,
        decision_ns: DecisionTime,
        *,
        report_pending: bool = True,
        memory: int = MEMORY,
    ) -> None:
        super().__init__(inner)
        self._decision_ns = decision_ns
        self._report_pending = report_pending
        self._memory = memory
        self._by_name: dict[str, _Pending] = {}  # by name of the order and by id of the request
        self._by_order: dict[int, _Pending] = {}
        self._used: set[tuple[str, str]] = set()
        self._used_before: set[tuple[str, str]] = set()

    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message, or decide on a request whose time has come."""
        if isinstance(msg, Decide):
            return self._decide(msg.request, now_ns)
        if isinstance(msg, _REQUESTS):
            return self._on_request(msg, now_ns)
        reports = self._inner.handle(msg, now_ns)
        if isinstance(msg, NewOrderSingle):
            self._use(msg.account, msg.cl_ord_id)
        return self._marked(reports)

    def refuse_change(self, msg: Request, reason: CxlRejReason, now_ns: TimeNs) -> VenueReport:
        """Refuse a request; an order with a pending one is as it was, that is pending."""
        pending = self._by_name.get(msg.orig_cl_ord_id)
        report = self._inner.refuse_change(msg, reason, now_ns)
        if pending is None or pending.request.account != msg.account or not self._report_pending:
            return report
        return msgspec.structs.replace(report, ord_status=pending.status)

    def _on_request(self, msg: Request, now_ns: TimeNs) -> list[VenueReport]:
        name, account = msg.orig_cl_ord_id, msg.account
        pending = self._by_name.get(name)
        if pending is not None and pending.request.account == account:
            return [self._second(msg, pending, now_ns)]
        order = None if self.book is None else self.book.open_order(name)
        if order is None or order.account != account:
            return self._inner.handle(msg, now_ns)  # it is refused, for which no time is needed
        if self._is_used(account, msg.cl_ord_id):
            return [self._inner.refuse_change(msg, CxlRejReason.DUPLICATE_ID, now_ns)]
        self._use(account, msg.cl_ord_id)
        wait_ns = self._decision_ns(msg)
        if not wait_ns:
            return self._marked(self._inner.handle(msg, now_ns))
        is_cancel = isinstance(msg, OrderCancelRequest)
        status = OrdStatus.PENDING_CANCEL if is_cancel else OrdStatus.PENDING_REPLACE
        out: list[VenueReport] = []
        if self._report_pending:
            out.append(self._pending_report(msg, order, status, now_ns))
        pending = _Pending(msg, order.order_id, status)
        self._by_name[name] = self._by_name[msg.cl_ord_id] = pending
        self._by_order[order.order_id] = pending
        self.wakes.append(WakeAt(now_ns + wait_ns, Priority.ORDER, Decide(msg)))
        return out

    def _decide(self, msg: Request, now_ns: TimeNs) -> list[VenueReport]:
        pending = self._by_name.pop(msg.cl_ord_id)
        del self._by_name[msg.orig_cl_ord_id], self._by_order[pending.order_id]
        return self._marked(self._inner.handle(msg, now_ns))

    def _second(self, msg: Request, pending: _Pending, now_ns: TimeNs) -> VenueReport:
        """Refuse a request while another one for the same order is not decided."""
        reason = CxlRejReason.ALREADY_PENDING
        if msg.cl_ord_id == pending.request.cl_ord_id:
            reason = CxlRejReason.DUPLICATE_ID
        if self._report_pending:
            status, seq = pending.status, self.venue_seq
            return refusal(msg, status, reason, now_ns, seq, order_id=pending.order_id)
        # The request may name the pending one instead of the order.
        named = msgspec.structs.replace(msg, orig_cl_ord_id=pending.request.orig_cl_ord_id)
        report = self._inner.refuse_change(named, reason, now_ns)
        return msgspec.structs.replace(report, reason=reason, orig_cl_ord_id=msg.orig_cl_ord_id)

    def _pending_report(
        self, msg: Request, order: RestingOrder, status: OrdStatus, now_ns: TimeNs
    ) -> ExecutionReport:
        is_cancel = status is OrdStatus.PENDING_CANCEL
        # fmt: off
        return make_report(
            ExecType.PENDING_CANCEL if is_cancel else ExecType.PENDING_REPLACE, status,
            msg.cl_ord_id, order.account, order.order_id, self.next_exec_id(), order.side,
            order.order_qty, order.cum_qty, order.open_qty, now_ns, self.venue_seq,
            None, 0, None, False, None, msg.orig_cl_ord_id,
        )
        # fmt: on

    def _marked(self, reports: list[VenueReport]) -> list[VenueReport]:
        """The reports, those about orders with a pending request with that status."""
        if not self._by_order or not self._report_pending:
            return reports
        return [self._mark(report) for report in reports]

    def _mark(self, report: VenueReport) -> VenueReport:
        if isinstance(report, OrderCancelReject):
            return report
        pending = self._by_order.get(report.order_id)
        if pending is None:
            return report
        return msgspec.structs.replace(report, ord_status=pending.status)

    # ------------------------------------------------------------ ids

    def _is_used(self, account: str, cl_ord_id: str) -> bool:
        key = account, cl_ord_id
        return key in self._used or key in self._used_before

    def _use(self, account: str, cl_ord_id: str) -> None:
        self._used.add((account, cl_ord_id))
        if len(self._used) >= self._memory:
            self._used_before, self._used = self._used, set()
