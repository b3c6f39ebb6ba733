"""What can be done to a venue from outside its own rules: halts, refusals, cancels, a crash.

The core around a venue's own exists only where a scenario's faults want it. What is done comes as a
message in the venue's inbox, in its turn. A halt is that of a timetable (``venues.core.session``),
on top of one that the venue may have: while it lasts the timetable's openings wait.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from sim.protocol.enums import CxlRejReason, ExecType, RejectReason, Side, TradingState
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    VenueReport,
)
from sim.protocol.units import TimeNs
from venues.core.api import TradingChange, VenueCore
from venues.core.book import RestingOrder
from venues.core.order_book import OrderBook
from venues.core.session import OnHalt, SessionCore

CHANGE_REASON: Final = {
    RejectReason.THROTTLED: CxlRejReason.THROTTLED,
    RejectReason.EXCHANGE_CLOSED: CxlRejReason.EXCHANGE_CLOSED,
    RejectReason.ORDER_EXCEEDS_LIMIT: CxlRejReason.ORDER_EXCEEDS_LIMIT,
    RejectReason.PRICE_EXCEEDS_BAND: CxlRejReason.PRICE_EXCEEDS_BAND,
}
"""Why a replace is refused where a new order would be for the key."""


class Halt(msgspec.Struct, frozen=True):
    """Trading stops. A quiet halt is told to nobody: the venue is not there to tell it."""

    on_halt: OnHalt = "keep"
    detail: str = ""
    quiet: bool = False


class Resume(msgspec.Struct, frozen=True):
    """Trading goes on, where the venue's own hours allow it."""

    detail: str = ""
    quiet: bool = False


class Refuse(msgspec.Struct, frozen=True):
    """From now on new orders and replaces of an account are refused, cancels never.

    ``which`` says by its id whether one is.
    """

    account: str
    reason: RejectReason
    which: Callable[[str], bool]


class Accept(msgspec.Struct, frozen=True):
    """Nothing is refused any more."""


class CancelAll(msgspec.Struct, frozen=True):
    """All open orders of an account are canceled, which it is told."""

    account: str


class Forget(msgspec.Struct, frozen=True):
    """All open orders are gone, and the venue knows of none that it ever had.

    The answer holds the cancels that their owners should have been told.
    """


class Crash(msgspec.Struct, frozen=True):
    """The task that handles this dies of an error."""

    error: Exception


class OperatedCore(SessionCore):
    """Does what faults want done around a core; else it is not there."""

    def __init__(self, inner: VenueCore) -> None:
        super().__init__(inner, TradingState.OPEN, ())
        self._refuse: Refuse | None = None
        self._opening: list[TradingChange] = []  # of the timetable within, held back by a halt

    @property
    def state(self) -> TradingState:
        """Whether it trades now: by its own hours, and not halted."""
        own = self._own_state()
        return self._state if own is TradingState.OPEN else own

    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message, or do what is wanted."""
        do = self._DO.get(type(msg))
        if do is not None:
            return do(self, msg, now_ns)
        refuse = self._refuse
        if refuse is not None and isinstance(msg, NewOrderSingle | OrderCancelReplaceRequest):
            refused = self._refused(msg, refuse, now_ns)
            if refused is not None:
                return [refused]
        if self._state is TradingState.OPEN:
            return self._inner.handle(msg, now_ns)
        if isinstance(msg, TradingChange):
            if msg.state is TradingState.OPEN:
                self._opening.append(msg)
                return []
            return self._inner.handle(msg, now_ns)
        return self._while_shut(msg, now_ns)

    def _own_state(self) -> TradingState:
        state: TradingState = getattr(self._inner, "state", TradingState.OPEN)
        return state

    # Halts

    def _halt(self, msg: Halt, now_ns: TimeNs) -> list[VenueReport]:
        if self._state is not TradingState.OPEN:
            return []
        told = len(self.changes)
        change = TradingChange(now_ns, TradingState.HALTED, "halted", msg.detail)
        reports = self._change(change, now_ns)
        if msg.on_halt == "cancel":
            reports = reports + self._take_off(self._open(), now_ns)
        if msg.quiet or self._own_state() is not TradingState.OPEN:
            del self.changes[told:]  # it is shut already
        return reports

    def _resume(self, msg: Resume, now_ns: TimeNs) -> list[VenueReport]:
        if self._state is TradingState.OPEN:
            return []
        opening, self._opening = self._opening, []
        told = len(self.changes)
        if self._own_state() is TradingState.OPEN:
            reports = self._change(
                TradingChange(now_ns, TradingState.OPEN, "resumed", msg.detail), now_ns
            )
            if msg.quiet:
                del self.changes[told:]
            return reports
        self._state = TradingState.OPEN
        self.venue_seq += 1
        reports = []
        heard, self._heard = self._heard, {}
        for late in (*heard.values(), *self._due, *opening):  # as if they came now
            reports += self._inner.handle(late, now_ns)
        self._due.clear()
        return reports

    # Refusals

    def _begin_refusing(self, msg: Refuse, now_ns: TimeNs) -> list[VenueReport]:
        self._refuse = msg
        return []

    def _end_refusing(self, msg: Accept, now_ns: TimeNs) -> list[VenueReport]:
        self._refuse = None
        return []

    def _refused(
        self, msg: NewOrderSingle | OrderCancelReplaceRequest, refuse: Refuse, now_ns: TimeNs
    ) -> VenueReport | None:
        if msg.account != refuse.account or not refuse.which(msg.cl_ord_id):
            return None
        if isinstance(msg, NewOrderSingle):
            return self.refuse_new(msg, refuse.reason, now_ns)
        return self.refuse_change(msg, CHANGE_REASON[refuse.reason], now_ns)

    # Orders that end without a request

    def _cancel_all(self, msg: CancelAll, now_ns: TimeNs) -> list[VenueReport]:
        return self._take_off([one for one in self._open() if one.account == msg.account], now_ns)

    def _forget(self, msg: Forget, now_ns: TimeNs) -> list[VenueReport]:
        reports = self._take_off(self._open(), now_ns)
        if isinstance(self.book, OrderBook):
            self.book.forget()
        return reports

    def _open(self) -> list[RestingOrder]:
        """All open orders but a recording's, the oldest first."""
        book = self.book
        if book is None:
            return []
        found = [*book.resting(Side.BUY), *book.resting(Side.SELL)]
        return sorted((one for one in found if one.cl_ord_id), key=lambda one: one.order_id)

    def _take_off(self, orders: Iterable[RestingOrder], now_ns: TimeNs) -> list[VenueReport]:
        reports: list[VenueReport] = []
        for order in orders:
            name, account = order.cl_ord_id, order.account
            reports += [
                msgspec.structs.replace(report, orig_cl_ord_id=None)
                if isinstance(report, ExecutionReport)
                and report.exec_type is ExecType.CANCELED
                and report.orig_cl_ord_id == name
                else report
                for report in self._inner.handle(OrderCancelRequest(name, name, account), now_ns)
            ]
        return reports

    # The end

    def _crash(self, msg: Crash, now_ns: TimeNs) -> list[VenueReport]:
        raise msg.error

    _DO: Final[dict[type, Callable[..., list[VenueReport]]]] = {
        Halt: _halt,
        Resume: _resume,
        Refuse: _begin_refusing,
        Accept: _end_refusing,
        CancelAll: _cancel_all,
        Forget: _forget,
        Crash: _crash,
    }
