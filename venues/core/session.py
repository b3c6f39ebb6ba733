"""Trading hours and halts around any core.

While a venue is not open it shows nothing, nothing trades, and new orders and changes of orders are
refused as "exchange closed". Cancels are taken at any time. Recorded data goes on moving a replayed
book, without its prints; what a venue hears of other venues, and what it was to trade meanwhile,
waits until it trades again.
When trading starts or goes on there is no auction: what rests simply meets what comes.

The core is told its changes by the timetable that it is given: it asks to be woken for each, before
everything else of that instant.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from sim.protocol.enums import (
    CxlRejReason,
    ExecType,
    OrdStatus,
    Priority,
    RejectReason,
    Side,
    TimeInForce,
    TradingState,
)
from sim.protocol.market_data import BookSnapshot, Levels, RecordedGroup, RecordedRows
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderReduceRequest,
    VenueReport,
)
from sim.protocol.units import TimeNs
from venues.core.api import Heard, ResumingCore, TradeLater, TradingChange, VenueCore, WakeAt
from venues.core.around import CoreAround
from venues.core.book import KEY_MAX

OnHalt = Literal["keep", "cancel"]
OnClose = Literal["expire_day", "expire_all", "done_for_day"]

_NOTHING: Final[tuple[Levels, Levels]] = ((), ())
_SPARE: Final = 64
"""Names of finished DAY orders that may be kept beyond the number of the others."""


class SessionCore(CoreAround):
    """A core that trades at certain hours only.

    Args:
        inner: The core that trades.
        state: State of trading at the start.
        timetable: Changes of that state, in order of time.
        on_halt: Whether resting orders stay in the book or are canceled as a halt begins.
        on_close: Whether DAY orders or all orders expire as the venue closes, or DAY orders are
            done for the day.
        last_entry: From this instant on no new order is taken, ns; None: until the close.
    """

    def __init__(
        self,
        inner: VenueCore,
        state: TradingState,
        timetable: Sequence[TradingChange],
        *,
        on_halt: OnHalt = "keep",
        on_close: OnClose = "expire_day",
        last_entry: int | None = None,
    ) -> None:
        super().__init__(inner)
        self._state = state
        self._to_come = list(reversed(timetable))
        self._on_halt = on_halt
        self._on_close = on_close
        self._last_entry = KEY_MAX if last_entry is None else last_entry
        self._day: dict[str, str] = {}  # accounts of DAY orders by name
        self._open_day = 0  # how many of them were open when that was last counted
        self._closed: dict[str, OrdStatus] = {}  # what the close has ended, and how
        self._heard: dict[str, BookSnapshot] = {}  # latest of each venue while not open
        self._due: list[TradeLater] = []  # what was to trade while not open
        book: object = self.book
        self._resumes = book if isinstance(book, ResumingCore) else None
        if self._resumes is not None and state is not TradingState.OPEN:
            self._resumes.suspend()
        self._ask()

    @property
    def state(self) -> TradingState:
        """Whether it trades now."""
        return self._state

    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message, or the change of state that is due."""
        if isinstance(msg, TradingChange):
            return self._change(msg, now_ns)
        if self._state is TradingState.OPEN:
            if now_ns >= self._last_entry and isinstance(msg, NewOrderSingle):
                return [self.refuse_new(msg, RejectReason.TOO_LATE_TO_ENTER, now_ns)]
            reports = self._inner.handle(msg, now_ns)
            if isinstance(msg, NewOrderSingle | OrderCancelReplaceRequest):
                self._note_day(msg, reports[0] if reports else None)
            return reports
        return self._while_shut(msg, now_ns)

    def _while_shut(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply a message while there is no trading."""
        if isinstance(msg, NewOrderSingle):
            return [self.refuse_new(msg, RejectReason.EXCHANGE_CLOSED, now_ns)]
        if isinstance(msg, OrderCancelReplaceRequest | OrderReduceRequest):
            report = self.refuse_change(msg, CxlRejReason.EXCHANGE_CLOSED, now_ns)
            return [self._late(report)]
        if isinstance(msg, OrderCancelRequest):
            return [self._late(report) for report in self._inner.handle(msg, now_ns)]
        if isinstance(msg, BookSnapshot):
            self._heard[msg.venue_id] = msg
            return []
        if isinstance(msg, TradeLater):
            self._due.append(msg)
            return []
        if isinstance(msg, RecordedGroup | RecordedRows):
            msg = msg.silent()
        return self._inner.handle(msg, now_ns)

    def published(self, depth: int) -> tuple[Levels, Levels]:
        """The book while the venue is open, else nothing: no lot in it can be had."""
        return self._inner.published(depth) if self._state is TradingState.OPEN else _NOTHING

    def reachable_by(self, msg: NewOrderSingle, depth: int) -> Levels:
        """What this order could take now: nothing unless the venue is open."""
        return self._inner.reachable_by(msg, depth) if self._state is TradingState.OPEN else ()

    # ------------------------------------------------------------ changes of state

    def _ask(self) -> None:
        if self._to_come:
            change = self._to_come.pop()
            self.wakes.append(WakeAt(change.t_ns, Priority.FAULT, change))

    def _change(self, change: TradingChange, now_ns: TimeNs) -> list[VenueReport]:
        self._state = change.state
        self.changes.append(change)
        self._ask()
        reports: list[VenueReport] = []
        if self._resumes is not None and change.state is not TradingState.OPEN:
            self._resumes.suspend()
        if change.state is TradingState.HALTED and self._on_halt == "cancel":
            reports = self._end_all(ExecType.CANCELED, OrdStatus.CANCELED, now_ns)
        elif change.state is TradingState.CLOSED and self._on_close == "expire_all":
            reports = self._end_all(ExecType.EXPIRED, OrdStatus.EXPIRED, now_ns)
        elif change.state is TradingState.CLOSED:
            reports = self._end_day(now_ns)
        elif change.state is TradingState.OPEN:
            heard, self._heard = self._heard, {}
            if heard:
                reports = self._inner.handle(Heard(tuple(heard.values())), now_ns)
            if self._resumes is not None:
                reports = reports + self._resumes.resume(now_ns)
            # One by one: each message's trades are published by themselves.
            self.wakes.extend([WakeAt(now_ns, Priority.FLOW, due) for due in self._due])
            self._due.clear()
        self.venue_seq += 1  # what is published is another state, whatever has become of the book
        return reports

    def _end_all(self, exec_type: ExecType, status: OrdStatus, now_ns: TimeNs) -> list[VenueReport]:
        book = self.book
        if book is None:
            return []
        orders = [*book.resting(Side.BUY), *book.resting(Side.SELL)]
        orders = [order for order in orders if order.cl_ord_id]  # not a recording's
        orders.sort(key=lambda order: order.order_id)
        return [
            self._end(order.cl_ord_id, order.account, exec_type, status, now_ns) for order in orders
        ]

    def _end_day(self, now_ns: TimeNs) -> list[VenueReport]:
        day, self._day = self._day, {}
        how = (ExecType.EXPIRED, OrdStatus.EXPIRED)
        if self._on_close == "done_for_day":
            how = (ExecType.DONE_FOR_DAY, OrdStatus.DONE_FOR_DAY)
        return [
            self._end(name, account, *how, now_ns)
            for name, account in day.items()
            if self._is_open(name)
        ]

    def _end(
        self, name: str, account: str, exec_type: ExecType, status: OrdStatus, now_ns: TimeNs
    ) -> VenueReport:
        """Take an order off the book; its owner asked for nothing, and is told so."""
        (report,) = self._inner.handle(OrderCancelRequest(name, name, account), now_ns)
        if status is not OrdStatus.CANCELED:
            self._closed[name] = status
        return msgspec.structs.replace(
            report, exec_type=exec_type, ord_status=status, orig_cl_ord_id=None
        )

    def _late(self, report: VenueReport) -> VenueReport:
        """The report; a refusal that comes too late says how the close has ended the order."""
        if isinstance(report, OrderCancelReject) and report.reason is CxlRejReason.TOO_LATE:
            status = self._closed.get(report.orig_cl_ord_id)
            if status is not None:
                return msgspec.structs.replace(report, ord_status=status)
        return report

    # ------------------------------------------------------------ DAY orders

    def _note_day(
        self, msg: NewOrderSingle | OrderCancelReplaceRequest, answer: VenueReport | None
    ) -> None:
        """Remember which open orders end with the day.

        Where an order that does not rest is open still, its answer waits; it ends with the day too.
        """
        if isinstance(answer, OrderCancelReject) or (answer and answer.reject_reason is not None):
            return
        if isinstance(msg, NewOrderSingle):
            is_day = msg.time_in_force is not TimeInForce.GTC
        else:
            is_day = self._day.pop(msg.orig_cl_ord_id, None) is not None
        if is_day and self._is_open(msg.cl_ord_id):
            self._day[msg.cl_ord_id] = msg.account
            if len(self._day) > 2 * self._open_day + _SPARE:
                self._day = {name: who for name, who in self._day.items() if self._is_open(name)}
                self._open_day = len(self._day)
        else:
            self._day.pop(msg.cl_ord_id, None)  # a name may be used again

    def _is_open(self, name: str) -> bool:
        return self.book is not None and self.book.open_order(name) is not None
