"""The venue's side of its session with our account: its reports are numbered and can be had again.

It stands between the venue's shell and the two links. What it knows of an order is what it has
reported of it, so an answer to a question never runs ahead of the reports before it. Other accounts
and background flow have no session, and nothing of theirs passes here.

Memory: of the session's reports the newest ``KEPT`` to twice as many, and of each of our own orders
the last one: bounded by what we send. A report is kept as it is, not copied.

Source: FIX session layer (MsgSeqNum, ResendRequest) and FIX OrderStatusRequest; numbers, names and
reasons as there, logon and heartbeats left out.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from sim.kernel.loop import Event
from sim.protocol.enums import ExecType, OrdStatus, RejectReason, Side
from sim.protocol.orders import ExecutionReport, VenueReport
from sim.protocol.session import FromVenue, OrderStatusRequest, ResendRequest, SessionStatus
from sim.protocol.units import QtyLots, TimeNs
from venues.core.api import OrderHolder, VenueCore
from venues.core.around import CoreAround

KEPT: Final = 10_000
"""Reports that can be asked for again, at least, the newest ones."""

Deliver = Callable[[Event], object]
Question = OrderStatusRequest | ResendRequest
InTurn = Callable[[Event, Deliver], object]
"""Hands an event over when the venue has come to it: after all that arrived before."""


def at_once(event: Event, deliver: Deliver) -> None:
    """The turn of a message at a venue that handles each one as it arrives."""
    deliver(event)


class Gateway:
    """One session of one account with one venue.

    Args:
        venue_id: Name of the venue in messages.
        core: Its book: it knows orders that no report was about yet.
        send: Sends a report to the account, in its envelope.
        deliver: Takes the account's orders on their way to the core.
        in_turn: When a question is answered.
        tell: Sends news of the session itself.

    Attributes:
        session: Number of the present session, from 1.
        seq: Number of the last report in it; 0 before the first.
    """

    __slots__ = (
        "_answered",
        "_book",
        "_core",
        "_deliver",
        "_in_turn",
        "_indexed",
        "_kept",
        "_orders",
        "_send",
        "_tell",
        "_venue_id",
        "seq",
        "session",
    )

    def __init__(
        self,
        venue_id: str,
        core: VenueCore,
        *,
        send: Callable[[FromVenue], object],
        deliver: Deliver,
        in_turn: InTurn = at_once,
        tell: Callable[[SessionStatus], object] | None = None,
    ) -> None:
        inner = core.book if isinstance(core, CoreAround) else core
        self.session = 1
        self.seq = 0
        self._venue_id = venue_id
        self._core = core
        self._book = inner if isinstance(inner, OrderHolder) else None
        self._send = send
        self._deliver = deliver
        self._in_turn = in_turn
        self._tell = tell
        self._answered: Callable[[Question], object] | None = None
        self._kept: list[VenueReport] = []  # the last of them has the number ``seq``
        self._indexed = 0  # so many of these are in ``_orders``
        self._orders: dict[str, _Known] = {}

    # Reports

    def report(self, report: VenueReport) -> None:
        """Number a report, keep it and send it."""
        self.seq = seq = self.seq + 1
        kept = self._kept
        kept.append(report)
        self._send(FromVenue(self._venue_id, report, seq, self.session))
        if len(kept) >= 2 * KEPT:
            self._index()
            del kept[:KEPT]
            self._indexed = len(kept)

    # What the account sends

    def deliver(self, event: Event) -> None:
        """A message of the account arrives: orders go on, questions are answered in their turn."""
        kind = type(event.msg)
        if kind is OrderStatusRequest or kind is ResendRequest:
            self._in_turn(event, self.answer)
        else:
            self._deliver(event)

    def answer(self, event: Event) -> None:
        """Answer a question: all that arrived before it has been handled."""
        msg: Any = event.msg
        if type(msg) is ResendRequest:
            self._say_again(msg)
        else:
            self.report(self._status(msg, event.t_ns))
        if self._answered is not None:
            self._answered(msg)

    def _say_again(self, msg: ResendRequest) -> None:
        """Send reports once more under their old numbers, as far as they are kept."""
        first = self.seq - len(self._kept) + 1
        last = self.seq if msg.end_seq == 0 else min(msg.end_seq, self.seq)
        for seq in range(max(first, msg.begin_seq), last + 1):
            self._send(FromVenue(self._venue_id, self._kept[seq - first], seq, self.session))

    def _status(self, msg: OrderStatusRequest, now_ns: int) -> ExecutionReport:
        """What was reported last of an order; of one that was only accepted, that it is pending."""
        self._index()
        known = self._orders.get(msg.cl_ord_id)
        now, seq = TimeNs(now_ns), self._core.venue_seq
        if known is not None:
            return msgspec.structs.replace(
                known.last,
                exec_type=ExecType.ORDER_STATUS,
                cl_ord_id=msg.cl_ord_id,
                exec_id=0,
                transact_ns=now,
                venue_seq=seq,
                last_px=None,
                last_qty=QtyLots(0),
                contra_order_id=None,
                orig_cl_ord_id=None,
                commission=None,
                exec_ref_id=None,
            )
        order = None if self._book is None else self._book.open_order(msg.cl_ord_id)
        if order is None or order.account != msg.account:
            return ExecutionReport(
                ExecType.ORDER_STATUS,
                OrdStatus.REJECTED,
                msg.cl_ord_id,
                msg.account,
                0,
                0,
                Side.BUY,  # of nothing: who asks goes by the reason
                QtyLots(0),
                QtyLots(0),
                QtyLots(0),
                now,
                seq,
                reject_reason=RejectReason.UNKNOWN_ORDER,
            )
        return ExecutionReport(
            ExecType.ORDER_STATUS,
            OrdStatus.PENDING_NEW,
            msg.cl_ord_id,
            msg.account,
            order.order_id,
            0,
            order.side,
            QtyLots(order.order_qty),
            QtyLots(order.cum_qty),
            QtyLots(order.leaves_qty),
            now,
            seq,
        )

    def _index(self) -> None:
        """Note the last report of each order among those that have not been looked at yet."""
        orders = self._orders
        for report in self._kept[self._indexed :]:
            if type(report) is not ExecutionReport or report.exec_type is ExecType.ORDER_STATUS:
                continue
            known = orders.get(report.orig_cl_ord_id or report.cl_ord_id)
            if known is None:
                known = orders[report.orig_cl_ord_id or report.cl_ord_id] = _Known(report)
            elif report.exec_type is not ExecType.REJECTED:  # else an id was used twice
                if report.exec_type is ExecType.NEW and report.order_id != known.last.order_id:
                    # It was, and the first order had ended.
                    known.earlier[known.last.order_id] = known.last.cum_qty
                if report.order_id in known.earlier:  # a fill of it was taken back, or corrected
                    known.earlier[report.order_id] = report.cum_qty
                else:
                    known.last = report
            if report.exec_type is ExecType.REPLACED:
                orders[report.cl_ord_id] = known  # it answers to both names
        self._indexed = len(self._kept)

    def filled(self, cl_ord_id: str) -> int | None:
        """Lots that an order of the session has filled, as was reported last; None: not known.

        Where it arrived twice, the second time after its end, those of both.
        """
        self._index()
        known = self._orders.get(cl_ord_id)
        return None if known is None else sum(known.earlier.values()) + known.last.cum_qty

    # The session itself

    def begin_anew(self) -> None:
        """Lose all numbers, reports and orders: what comes belongs to another session."""
        self.session += 1
        self.seq = self._indexed = 0
        self._kept.clear()
        self._orders.clear()

    def watch(
        self, leaves: Callable[[FromVenue], object], answered: Callable[[Question], object]
    ) -> None:
        """Let somebody see what leaves, just before it does, and what has been answered."""
        send = self._send

        def seen(msg: FromVenue) -> None:
            leaves(msg)
            send(msg)

        self._send, self._answered = seen, answered

    def tell(self, *, is_up: bool) -> None:
        """Let the account learn that the session has ended or is there."""
        if self._tell is not None:
            self._tell(SessionStatus(self._venue_id, self.session, is_up))


class _Known:
    """An order under all its names."""

    __slots__ = ("earlier", "last")

    def __init__(self, last: ExecutionReport) -> None:
        self.last = last
        self.earlier: dict[int, int] = {}  # filled by earlier orders of this name, by their number
