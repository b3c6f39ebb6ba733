"""A venue as a script: what it does with orders is drawn, what it says of that is true but unruly.

Its answers may come late, in any order and twice, or not at all. It knows what is truly open and
filled of each order, which is more than it says. A venue with a session numbers its reports, loses
some on the way, and sends them again or says what became of an order when it is asked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from router.core.events import ACCOUNT
from router.core.profile import VenueProfile
from sim.kernel.streams import Stream
from sim.protocol.enums import (
    CxlRejReason,
    CxlRejResponseTo,
    ExecType,
    OrdStatus,
    RejectReason,
    Side,
    TimeInForce,
)
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderMessage,
)
from sim.protocol.session import (
    FromVenue,
    OrderStatusRequest,
    ResendRequest,
    SessionMessage,
    ToVenue,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs

_MS: Final = 1_000_000
_REJECTS: Final = (
    RejectReason.THROTTLED,
    RejectReason.EXCHANGE_CLOSED,
    RejectReason.INCORRECT_QUANTITY,
)


@dataclass(slots=True)
class _Order:
    """One order as the venue has it; ``lost``: it never came, and nobody will say so."""

    msg: NewOrderSingle
    name: str
    qty: int
    price: int
    cum: int = 0
    over: bool = False
    lost: bool = False
    reject: RejectReason | None = None

    @property
    def leaves(self) -> int:
        return 0 if self.over else self.qty - self.cum


class VenueScript:
    """One venue of the contract of a router.

    Args:
        profile: What the router knows of it.
        chance: Draws what it does.
        say: Lets a message reach the router after a delay.
        tally: Counts.
    """

    def __init__(
        self,
        profile: VenueProfile,
        chance: Stream,
        say: Callable[[int, Any], None],
        tally: Any,
    ) -> None:
        self.profile = profile
        self.seen: set[str] = set()
        self._chance = chance
        self._say = say
        self._tally = tally
        self._orders: dict[str, _Order] = {}
        self._seq = 0
        self._execs = 0
        self._volume = 0
        self._kept: list[FromVenue] = []

    def out_of(self, parent_id: str) -> int:
        """Lots of a parent that are filled or may yet be, those of lost orders too."""
        return sum(
            order.cum + order.leaves
            for name, order in self._orders.items()
            if name.split(".")[0] == parent_id
        )

    def quote(self, now_ns: int) -> BookSnapshot | None:
        """A new book; None for a venue that shows nothing."""
        if self.profile.silent:
            return None
        self._seq += 1
        tick, lot = self.profile.tick, self.profile.lot
        mid = 1_000 + tick * (self._draw(5) - 2)
        asks = [(mid + tick * (1 + n), lot * (1 + self._draw(6))) for n in range(self._draw(4))]
        bids = [(mid - tick * (1 + n), lot * (1 + self._draw(6))) for n in range(self._draw(4))]
        traded = lot * self._draw(20)
        self._volume += traded
        return BookSnapshot(
            self.profile.venue_id,
            self._seq,
            TimeNs(now_ns),
            tuple(bids),
            tuple(asks),
            PriceTicks(mid) if self._volume else None,
            QtyLots(traded),
            QtyLots(self._volume),
        )

    # What comes

    def on_sent(self, msg: ToVenue) -> None:
        """A message is on its way."""
        if isinstance(msg, SessionMessage):
            return
        self.seen.add(msg.cl_ord_id)
        if isinstance(msg, NewOrderSingle):
            assert msg.price is not None
            self._orders[msg.cl_ord_id] = _Order(msg, msg.cl_ord_id, msg.order_qty, msg.price)

    def take(self, msg: ToVenue, now_ns: int) -> None:
        """A message arrives, or is lost."""
        if isinstance(msg, NewOrderSingle):
            self._on_order(self._orders[msg.cl_ord_id], now_ns)
        elif self._draw(12) == 0:
            self._tally.lost += 1
        elif isinstance(msg, ResendRequest):
            self._say_again(msg)
        elif isinstance(msg, OrderStatusRequest):
            self._on_question(msg, now_ns)
        else:
            self._on_request(msg, now_ns)

    def _on_order(self, order: _Order, now_ns: int) -> None:
        fate = self._draw(12)
        if fate == 0:
            order.lost = True
            self._tally.lost += 1
        elif fate == 1:
            order.over = True
            self._tally.rejects += 1
            reason = order.reject = _REJECTS[self._draw(len(_REJECTS))]
            self._report(order, ExecType.REJECTED, now_ns, reject=reason)
        else:
            if self._draw(6):
                self._report(order, ExecType.NEW, now_ns)
            for _ in range(self._draw(4)):
                self._fill(order, now_ns)
            if order.leaves and order.msg.time_in_force is TimeInForce.IOC:
                order.over = True
                self._report(order, ExecType.CANCELED, now_ns)

    def _on_request(self, msg: OrderMessage, now_ns: int) -> None:
        assert not isinstance(msg, NewOrderSingle)
        found = [one for one in self._orders.values() if one.name == msg.orig_cl_ord_id]
        order = found[0] if found else None
        if order is not None and not order.over and not order.lost and self._draw(4) == 0:
            self._fill(order, now_ns)
        if order is None or order.lost:
            if order is not None:
                order.over = True
            self._refuse(msg, CxlRejReason.UNKNOWN_ORDER, now_ns)
        elif not order.leaves:
            self._refuse(msg, CxlRejReason.TOO_LATE, now_ns)
        elif isinstance(msg, OrderCancelReplaceRequest):
            self._on_replace(order, msg, now_ns)
        else:
            order.over = True
            self._report(order, ExecType.CANCELED, now_ns, of=msg)

    def _on_replace(self, order: _Order, msg: OrderCancelReplaceRequest, now_ns: int) -> None:
        assert msg.price is not None
        order.name, order.price = msg.cl_ord_id, msg.price
        order.qty = max(order.cum, msg.order_qty)
        self._report(order, ExecType.REPLACED, now_ns, of=msg)

    def _on_question(self, msg: OrderStatusRequest, now_ns: int) -> None:
        found = [one for one in self._orders.values() if one.name == msg.cl_ord_id]
        order = found[0] if found else None
        known = order is not None and not order.lost
        if order is not None and order.lost:
            order.over = True
        self._tally.questions += 1
        self._tell(
            ExecutionReport(
                ExecType.ORDER_STATUS,
                _status(order) if order is not None and known else OrdStatus.REJECTED,
                msg.cl_ord_id,
                ACCOUNT,
                0,
                0,
                Side.BUY if order is None else order.msg.side,
                QtyLots(order.qty if order is not None and known else 0),
                QtyLots(order.cum if order is not None and known else 0),
                QtyLots(order.leaves if order is not None and known else 0),
                TimeNs(now_ns),
                self._seq,
                reject_reason=order.reject
                if order is not None and known
                else RejectReason.UNKNOWN_ORDER,
            )
        )

    def _say_again(self, msg: ResendRequest) -> None:
        last = msg.end_seq or len(self._kept)
        for again in self._kept[msg.begin_seq - 1 : last]:
            self._tally.resent += 1
            self._say((1 + self._draw(6)) * _MS, again)

    # What it says

    def _fill(self, order: _Order, now_ns: int) -> None:
        lot = self.profile.lot
        if not order.leaves:
            return
        qty = min(order.leaves, lot * (1 + self._draw(1 + order.leaves // lot)))
        order.cum += qty
        self._tally.fills += 1
        self._seq += 1
        better = -1 if order.msg.side is Side.BUY else 1
        price = order.price + better * self._draw(2)
        self._report(order, ExecType.TRADE, now_ns, last=(qty, price))

    def _report(
        self,
        order: _Order,
        kind: ExecType,
        now_ns: int,
        *,
        last: tuple[int, int] | None = None,
        of: OrderMessage | None = None,
        reject: RejectReason | None = None,
    ) -> None:
        self._execs += 1
        report = ExecutionReport(
            kind,
            OrdStatus.NEW,
            order.name if of is None else of.cl_ord_id,
            ACCOUNT,
            1,
            self._execs,
            order.msg.side,
            QtyLots(order.qty),
            QtyLots(order.cum),
            QtyLots(order.leaves),
            TimeNs(now_ns),
            self._seq,
            None if last is None else PriceTicks(last[1]),
            QtyLots(0 if last is None else last[0]),
            reject_reason=reject,
            orig_cl_ord_id=None if of is None else order.msg.cl_ord_id,
        )
        self._tell(report)

    def _refuse(self, msg: Any, reason: CxlRejReason, now_ns: int) -> None:
        replaces = isinstance(msg, OrderCancelReplaceRequest)
        self._tell(
            OrderCancelReject(
                msg.cl_ord_id,
                msg.orig_cl_ord_id,
                ACCOUNT,
                OrdStatus.NEW,
                reason,
                TimeNs(now_ns),
                self._seq,
                response_to=CxlRejResponseTo.REPLACE if replaces else CxlRejResponseTo.CANCEL,
            )
        )

    def _tell(self, report: Any) -> None:
        delay = (1 + self._draw(6)) * _MS
        msg = FromVenue(self.profile.venue_id, report)
        if self.profile.has_session:
            msg = FromVenue(self.profile.venue_id, report, len(self._kept) + 1, 1)
            self._kept.append(msg)
            if self._draw(10) == 0:  # F06
                self._tally.lost += 1
                return
        self._say(delay, msg)
        if self._draw(12) == 0:  # F07
            self._say(delay + _MS, msg)

    def _draw(self, bound: int) -> int:
        return int(self._chance.uniform() * bound)


def _status(order: _Order) -> OrdStatus:
    if order.reject is not None:
        return OrdStatus.REJECTED
    if order.leaves:
        return OrdStatus.PARTIALLY_FILLED if order.cum else OrdStatus.NEW
    return OrdStatus.FILLED if order.cum == order.qty else OrdStatus.CANCELED
