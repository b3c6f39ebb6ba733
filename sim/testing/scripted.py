"""A venue that answers as a script says, whatever that breaks: for tests of routers.

    market.script("NYSE", [ack(), fill(40), wait("3ms"), fill(60)], [reject("throttled")])

A script is a list of answers per order of ours: the first list for the first one. The book that
the venue shows, and others' orders, are its own. Cancels and replaces of ours are answered rightly
by what the script has made of the order, unless it says ``on_cancel``.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from router.core.events import ACCOUNT
from sim.protocol.enums import (
    CxlRejReason,
    CxlRejResponseTo,
    ExecType,
    OrdStatus,
    Priority,
    RejectReason,
)
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs, Units
from sim.testing.clock import ns_of
from sim.testing.messages import Number, lots_of, ticks_of
from venues.core.api import VenueCore, WakeAt
from venues.core.around import CoreAround

_FIRST_ID: Final = 1_000_000_000
"""Order ids of a scripted venue: far above those that its own book gives."""


class Answer(msgspec.Struct, frozen=True):
    """One step of a script; made by ``ack``, ``fill``, ``reject`` and their siblings."""

    kind: str
    qty: Number | None = None
    price: Number | None = None
    reason: RejectReason | None = None
    wait_ns: int = 0
    steps: tuple["Answer", ...] = ()


def ack() -> Answer:
    """The order is accepted."""
    return Answer("ack")


def fill(qty: Number | None = None, price: Number | None = None) -> Answer:
    """The order trades: what is open, or ``qty`` be it more; at its limit, or ``price``."""
    return Answer("fill", qty, price)


def reject(reason: str | RejectReason = RejectReason.THROTTLED) -> Answer:
    """The order is refused.

    Raises:
        ValueError: If there is no such reason.
    """
    return Answer("reject", reason=RejectReason(reason))


def expire() -> Answer:
    """What is open is canceled by the venue, as the rest of an IOC is."""
    return Answer("expire")


def repeat() -> Answer:
    """The last report comes a second time, with the same number."""
    return Answer("repeat")


def wait(time: str | int) -> Answer:
    """What follows comes so much later."""
    return Answer("wait", wait_ns=ns_of(time))


def on_cancel(*steps: Answer) -> Answer:
    """What the venue does as a cancel of this order comes; with no steps it says nothing."""
    return Answer("on_cancel", steps=steps)


SILENT: Final[list[Answer]] = []
"""A venue that never answers, cancels neither: ``market.script("NYSE", SILENT)``."""


class _Order:
    """One of our orders as the script has left it."""

    def __init__(self, msg: NewOrderSingle, number: int, steps: Sequence[Answer]) -> None:
        self.msg = msg
        self.name = msg.cl_ord_id
        self.order_id = _FIRST_ID + number
        self.order_qty: int = msg.order_qty
        self.price: int = msg.price or 0
        self.cum_qty = 0
        self.ended = False
        self.last: ExecutionReport | None = None
        self.silent = not steps
        asked = [one for one in steps if one.kind == "on_cancel"]
        self.on_cancel = asked[0].steps if asked else None

    @property
    def leaves_qty(self) -> int:
        return 0 if self.ended else max(0, self.order_qty - self.cum_qty)


class Later(msgspec.Struct, frozen=True):
    """The rest of a script, for when its time has come."""

    order: _Order
    steps: tuple[Answer, ...]


class ScriptedCore(CoreAround):
    """Answers our orders by a script, and leaves all else to the core within.

    Args:
        inner: The venue's own core.
        script: A list of answers for each order; the last one for every later order too.
        units: Of the instrument.
    """

    def __init__(self, inner: VenueCore, script: Sequence[Sequence[Answer]], units: Units) -> None:
        super().__init__(inner)
        self._script = [tuple(steps) for steps in script]
        self._units = units
        self._orders: dict[str, _Order] = {}
        self._count = 0

    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message and return every report that it causes."""
        if isinstance(msg, Later):
            return self._play(msg.order, msg.steps, now_ns)
        if getattr(msg, "account", None) != ACCOUNT:
            return self._inner.handle(msg, now_ns)
        if isinstance(msg, NewOrderSingle):
            steps = self._script[min(self._count, len(self._script) - 1)]
            self._count += 1
            order = self._orders[msg.cl_ord_id] = _Order(msg, self._count, steps)
            return self._play(order, steps, now_ns)
        if isinstance(msg, OrderCancelRequest | OrderCancelReplaceRequest):
            return self._on_request(msg, now_ns)
        return []

    def _play(self, order: _Order, steps: Sequence[Answer], now_ns: TimeNs) -> list[VenueReport]:
        """Carry out steps up to the next wait."""
        reports: list[VenueReport] = []
        for n, step in enumerate(steps):
            if step.kind == "wait":
                later = Later(order, tuple(steps[n + 1 :]))
                self.wakes.append(WakeAt(now_ns + step.wait_ns, Priority.TIMER, later))
                break
            if step.kind == "repeat":
                reports += [] if order.last is None else [order.last]
            elif step.kind != "on_cancel":
                order.last = self._report(order, step, now_ns)
                reports.append(order.last)
        return reports

    def _report(self, order: _Order, step: Answer, now_ns: TimeNs) -> ExecutionReport:
        units = self._units
        if step.kind == "fill":
            lots = order.leaves_qty if step.qty is None else lots_of(units, step.qty, "fill")
            price = order.price if step.price is None else ticks_of(units, step.price, "fill")
            order.cum_qty += lots
            order.ended = order.ended or order.cum_qty >= order.order_qty
            status = OrdStatus.FILLED if order.ended else OrdStatus.PARTIALLY_FILLED
            return self._made(order, (ExecType.TRADE, status), now_ns, (price, lots))
        if step.kind == "reject":
            order.ended = True
            made = self._made(order, (ExecType.REJECTED, OrdStatus.REJECTED), now_ns)
            return msgspec.structs.replace(made, reject_reason=step.reason)
        if step.kind == "expire":
            order.ended = True
            return self._made(order, (ExecType.CANCELED, OrdStatus.CANCELED), now_ns)
        return self._made(order, (ExecType.NEW, OrdStatus.NEW), now_ns)

    def _on_request(
        self, msg: OrderCancelRequest | OrderCancelReplaceRequest, now_ns: TimeNs
    ) -> list[VenueReport]:
        order = self._orders.get(msg.orig_cl_ord_id)
        if order is None:
            return [self._refusal(msg, CxlRejReason.UNKNOWN_ORDER, OrdStatus.REJECTED, 0, now_ns)]
        if isinstance(msg, OrderCancelRequest) and order.on_cancel is not None:
            return self._play(order, order.on_cancel, now_ns)
        if order.silent:
            return []
        if order.ended:
            status = order.last.ord_status if order.last is not None else OrdStatus.CANCELED
            late = CxlRejReason.TOO_LATE
            return [self._refusal(msg, late, status, order.order_id, now_ns)]
        if isinstance(msg, OrderCancelRequest):
            order.ended = True
            kinds = ExecType.CANCELED, OrdStatus.CANCELED
        else:
            order.order_qty, order.price = msg.order_qty, msg.price or order.price
            order.ended = order.order_qty <= order.cum_qty
            order.name = msg.cl_ord_id
            self._orders[msg.cl_ord_id] = order
            kinds = ExecType.REPLACED, OrdStatus.FILLED if order.ended else OrdStatus.NEW
        made = self._made(order, kinds, now_ns)
        order.last = msgspec.structs.replace(
            made, cl_ord_id=msg.cl_ord_id, orig_cl_ord_id=msg.orig_cl_ord_id
        )
        return [order.last]

    def _made(
        self,
        order: _Order,
        kinds: tuple[ExecType, OrdStatus],
        now_ns: TimeNs,
        traded: tuple[int, int] | None = None,
    ) -> ExecutionReport:
        return ExecutionReport(
            *kinds,
            order.name,
            ACCOUNT,
            order.order_id,
            self.next_exec_id(),
            order.msg.side,
            QtyLots(order.order_qty),
            QtyLots(order.cum_qty),
            QtyLots(order.leaves_qty),
            now_ns,
            self.venue_seq,
            last_px=None if traded is None else PriceTicks(traded[0]),
            last_qty=QtyLots(0 if traded is None else traded[1]),
        )

    def _refusal(
        self,
        msg: OrderCancelRequest | OrderCancelReplaceRequest,
        reason: CxlRejReason,
        status: OrdStatus,
        order_id: int,
        now_ns: TimeNs,
    ) -> OrderCancelReject:
        to = CxlRejResponseTo
        return OrderCancelReject(
            msg.cl_ord_id,
            msg.orig_cl_ord_id,
            ACCOUNT,
            status,
            reason,
            now_ns,
            self.venue_seq,
            order_id,
            to.CANCEL if isinstance(msg, OrderCancelRequest) else to.REPLACE,
        )
