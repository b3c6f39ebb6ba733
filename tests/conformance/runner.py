"""Reads conformance cases and runs them through the public matching core.

A case is a list of order messages with what must come of each, and the book at the end; the format
is described in ``README.md`` beside this file. Whatever the core cannot do is named, never passed
over; whatever the file says in a way that the format does not know is an error.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, assert_never

import msgspec

from sim.protocol.enums import (
    ExecType,
    OrdStatus,
    OrdType,
    PegReference,
    SelfTrade,
    Side,
    TimeInForce,
)
from sim.protocol.errors import InvariantError
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderInstructions,
    OrderMessage,
    OrderReduceRequest,
    Peg,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.book import KEY_MAX
from venues.core.lit import LitCore
from venues.core.matching import MatchingCore
from venues.core.pool import PoolCore

if TYPE_CHECKING:
    from tests.conformance.cases import (
        Cancel,
        Case,
        CaseFormatError,
        CheckQueue,
        Expect,
        Last,
        New,
        Order,
        Profile,
        Quote,
        Reduce,
        Replace,
        Step,
        read_cases,
    )
else:
    # Tests cannot import each other: ``conftest.py`` has loaded it from its file.
    from sorsim_conformance_cases import (
        Cancel,
        Case,
        CaseFormatError,
        CheckQueue,
        Expect,
        Last,
        New,
        Order,
        Profile,
        Quote,
        Reduce,
        Replace,
        Step,
        read_cases,
    )

State = tuple[int, int, str]
"""Filled lots, open lots, status."""

__all__ = ["Case", "CaseFormatError", "core_for", "differences", "lacking", "read_cases"]

SLOWING = "a stop that nothing elects"
SIDES = {"bids": Side.BUY, "asks": Side.SELL}
STATUS = {
    OrdStatus.NEW: "open",
    OrdStatus.PARTIALLY_FILLED: "partial",
    OrdStatus.FILLED: "filled",
    OrdStatus.CANCELED: "canceled",
    OrdStatus.REJECTED: "rejected",
}


def lacking(case: Case) -> str | None:
    """What the case needs and its book does not have; None if it can be run.

    A lit book has all; a midpoint book has neither a last price nor orders that rest in the dark.
    """
    if case.profile.book == "lit":
        return next((f"step {op_of(s)}" for s in case.steps if isinstance(s, Quote)), None)
    if case.profile != Profile(tick=case.profile.tick, lot=case.profile.lot, book="midpoint"):
        return "settings for lit books"
    return lacking_in_a_pool(case)


def lacking_in_a_pool(case: Case) -> str | None:
    """What the case needs and a pool does not have; None if it can be run there."""
    midpoint = case.profile.book == "midpoint"
    tick, lot = case.profile.tick, case.profile.lot
    if msgspec.structs.replace(case.profile, book="lit") != Profile(tick=tick, lot=lot):
        return "settings for lit books"
    types = {"limit", "market", "midpoint"} if midpoint else {"limit", "market"}
    for step in case.steps:
        match step:
            case Last():
                return "step last"
            case Quote() if not midpoint:
                return "step quote"
            case New(type=kind) if kind not in types:
                return f"order type {kind}"
            case Replace(min_qty=int()):
                return "replaced min_qty"
            case New() | Replace():
                for name in ("aon", "hidden", "display", "min_visible", "stop", "peg"):
                    value = getattr(step, name, None)
                    if value is not None and value is not False:
                        return name
            case _:
                pass
    return None


def op_of(step: Step) -> str:
    """What the step is called in a file."""
    return type(step).__name__.lower()


def core_for(case: Case) -> MatchingCore:
    """A core that has all that the case needs."""
    profile = case.profile
    if profile.book == "midpoint":
        return PoolCore(profile.tick, profile.lot, midpoint=True)
    return LitCore(profile.tick, profile.lot, rules=profile.rules())


def slow_core_for(case: Case) -> MatchingCore:
    """The same, a lit book with an order in it that keeps it from handling plain ones fast."""
    if case.profile.book == "midpoint":
        return core_for(case)
    core = LitCore(case.profile.tick, case.profile.lot, rules=case.profile.rules())
    never = OrderInstructions(stop_px=PriceTicks(KEY_MAX - KEY_MAX % case.profile.tick))
    stop = NewOrderSingle(
        SLOWING, Side.BUY, QtyLots(case.profile.lot), None, OrdType.STOP, instructions=never
    )
    core.handle(stop, TimeNs(0))
    return core


def pool_for(case: Case) -> MatchingCore:
    """A dark pool with the case's steps."""
    midpoint = case.profile.book == "midpoint"
    return PoolCore(case.profile.tick, case.profile.lot, midpoint=midpoint)


def differences(case: Case, make_core: Callable[[Case], MatchingCore] | None = None) -> list[str]:
    """Where the core does something else than the case says; empty if nowhere."""
    return list(_Run(case, (make_core or core_for)(case)).differences())


class _Run:
    """One case on its way through one core.

    What is compared comes from the reports alone, as an owner would know it, and from what the book
    shows; each is also held against the other.
    """

    def __init__(self, case: Case, core: MatchingCore) -> None:
        self.case = case
        self.core = core
        self.states: dict[str, State] = {}
        self.accounts: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self.unpriced: set[str] = set()
        self.exec_id = max((order.order_id for order in core.open_orders.values()), default=0)

    def differences(self) -> Iterator[str]:
        for number, step in enumerate(self.case.steps):
            where = f"step {number} ({op_of(step)} {getattr(step, 'id', '')})"
            match step:
                case CheckQueue():
                    found = self._queues_unlike(step)
                case Quote():
                    found = self._take_quote(step)
                case Last():
                    found = self._take_last(step)
                case New() | Cancel() | Replace() | Reduce():
                    found = self._take_step(step, f"request {number} of {self.case.id}")
                case _:
                    assert_never(step)
            try:
                self.core.check()
            except InvariantError as error:
                found = [*found, f"broken rule {error}"]
            for what in found:
                yield f"{where}: {what}"
        yield from self._final_unlike()

    def _take_step(self, step: Order, request: str) -> list[str]:
        before = self._book()
        seq = self.core.venue_seq
        message = self._message(step, request)
        reports = self.core.handle(message, TimeNs(0))
        answer = reports[0]
        refused = isinstance(answer, OrderCancelReject) or answer.exec_type is ExecType.REJECTED
        if refused:
            if isinstance(step, New):
                self.states.setdefault(step.id, (0, 0, "rejected"))
        elif isinstance(step, New):
            self.accounts[step.id] = step.account
            self.names[step.id] = step.id
            self.ids[step.id] = step.id
            self.unpriced |= {step.id} if step.type in {"market", "stop"} else set()
        elif isinstance(step, Replace):
            self.names[step.id] = message.cl_ord_id
            self.ids[message.cl_ord_id] = step.id
        fills = [report for report in reports if isinstance(report, ExecutionReport)]
        found = self._reports_wrong(fills, seq, changed=self._book() != before)
        if refused:
            found += ["refused, yet the book changed"] if self._book() != before else []
            found += ["refused, yet more was reported"] if len(reports) > 1 else []
            return found + _unlike(step.expect, [], [], (0, 0, "rejected"))
        trades, also = self._apply(fills, step.id)
        return found + _unlike(step.expect, trades, also, self._state(step.id))

    def _take_quote(self, step: Quote) -> list[str]:
        book = BookSnapshot("REF", 0, TimeNs(0), ((step.bid, 1),), ((step.ask, 1),))
        assert isinstance(self.core, PoolCore)
        reports = self.core.handle(book, TimeNs(0))
        self._apply([report for report in reports if isinstance(report, ExecutionReport)], "")
        return []

    def _take_last(self, step: Last) -> list[str]:
        assert isinstance(self.core, LitCore)
        reports = self.core.set_reference(step.price, TimeNs(0))
        self._apply([report for report in reports if isinstance(report, ExecutionReport)], "")
        return []

    def _state(self, order_id: str) -> State | None:
        """What the reports say of an order, and the core of whether it waits."""
        state = self.states.get(order_id)
        core = self.core
        if state is None or not state[1] or not isinstance(core, LitCore):
            return state
        return (*state[:2], "parked") if core.is_waiting(self.names[order_id]) else state

    def _message(self, step: Order, request: str) -> OrderMessage:
        name = self.names.get(step.id, step.id)
        match step:
            case New():
                return _new_order(step)
            case Cancel():
                return OrderCancelRequest(request, name, self._sender(step))
            case Replace():
                # The message asks for a new total. What is no quantity is passed on as it is:
                # added to what is filled, it could become one.
                filled = self.states.get(step.id, (0, 0, ""))[0]
                total = filled + step.qty if step.qty > 0 else step.qty
                unpriced = step.price is None or step.id in self.unpriced
                return OrderCancelReplaceRequest(
                    request,
                    name,
                    QtyLots(total),
                    None if unpriced else PriceTicks(step.price or 0),
                    self._sender(step),
                    None if step.min_qty is None else QtyLots(step.min_qty),
                    None if step.stop is None else PriceTicks(step.stop),
                )
            case Reduce():
                return OrderReduceRequest(request, name, QtyLots(step.by), self._sender(step))

    def _sender(self, step: Cancel | Replace | Reduce) -> str:
        """Who asks: as the step says, else the owner."""
        return self.accounts.get(step.id, "") if step.account is None else step.account

    def _apply(
        self, reports: list[ExecutionReport], step_id: str
    ) -> tuple[list[tuple[str, str, int, int]], list[str]]:
        """Trades, neighbours merged, and other orders canceled; states are brought up to date."""
        trades: list[tuple[str, str, int, int]] = []
        also = []
        taker = ""
        for report in reports:
            order_id = self.ids[report.orig_cl_ord_id or report.cl_ord_id]
            status = STATUS[report.ord_status]
            self.states[order_id] = (report.cum_qty, report.leaves_qty, status)
            if report.exec_type is ExecType.CANCELED and order_id != step_id:
                also.append(order_id)
            if report.last_px is None:
                continue
            if not report.is_maker:
                taker = order_id
                continue
            trade = (taker, order_id, int(report.last_px), int(report.last_qty))
            if trades and trades[-1][:3] == trade[:3]:
                trade = (*trade[:3], trades.pop()[3] + trade[3])
            trades.append(trade)
        return trades, also

    def _reports_wrong(
        self, reports: list[ExecutionReport], seq: int, *, changed: bool
    ) -> list[str]:
        """What no case states and every report must keep."""
        found = []
        for report in reports:
            is_open = report.ord_status in {OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED}
            leaves = report.order_qty - report.cum_qty if is_open else 0
            if report.leaves_qty != leaves:
                found.append(f"cum and leaves do not add up in {report}")
            if report.exec_id <= self.exec_id:
                found.append(f"exec_id does not go up in {report}")
            if report.venue_seq != self.core.venue_seq:
                found.append(f"not of the state {self.core.venue_seq}: {report}")
            self.exec_id = report.exec_id
        if changed and self.core.venue_seq != seq + 1:
            found.append(f"the book changed, venue_seq went from {seq} to {self.core.venue_seq}")
        return found

    def _book(self) -> dict[str, list[tuple[str, int, int]]]:
        return {
            name: [(o.cl_ord_id, o.key, o.open_qty) for o in self.core.resting(side)]
            for name, side in SIDES.items()
        }

    def _queues_unlike(self, step: CheckQueue) -> list[str]:
        found = []
        for name, wanted in step.queue.items():
            core, side = self.core, SIDES[name]
            shown = core.displayed(side) if isinstance(core, LitCore) else core.resting(side)
            queue = [(self.ids[order.cl_ord_id], order.leaves_qty) for order in shown]
            if queue != wanted:
                found.append(f"{name} queue {queue}, wanted {wanted}")
        return found

    def _final_unlike(self) -> Iterator[str]:
        for name, side in SIDES.items():
            wanted = getattr(self.case.final.book, name)
            levels = self.core.levels(side, len(wanted) + 1)
            book: list[tuple[int | str, int, int]] = [
                (price, lots, self.core.count_at(side, price)) for price, lots in levels
            ]
            at_any = {self.case.profile.tick, KEY_MAX - KEY_MAX % self.case.profile.tick}
            if self.case.profile.book == "midpoint":
                book = [("MKT" if row[0] in at_any else row[0], *row[1:]) for row in book]
            if isinstance(self.core, LitCore):
                unpriced = [order.open_qty for order in self.core.resting_market(side)]
                book[:0] = [("MKT", sum(unpriced), len(unpriced))] if unpriced else []
            if book != wanted:
                yield f"final {name} {book}, wanted {wanted}"
        for order_id, final in self.case.final.orders.items():
            state = self._state(order_id)
            if state != (final.cum, final.leaves, final.status):
                yield f"final order {order_id} (cum, leaves, status) {state}, wanted {final}"
        open_ids = {order_id for order_id, state in self.states.items() if state[1]}
        held = [o for o in self.core.open_orders.values() if o.cl_ord_id != SLOWING]
        if open_ids != {self.ids[order.cl_ord_id] for order in held}:
            yield f"open by their reports: {sorted(open_ids)}, held: {held}"


TYPES = {
    "limit": OrdType.LIMIT,
    "market": OrdType.MARKET,
    "mtl": OrdType.MARKET_TO_LIMIT,
    "stop": OrdType.STOP,
    "stop_limit": OrdType.STOP_LIMIT,
    "midpoint": OrdType.PEGGED,
}


def _peg(step: New) -> Peg | None:
    if step.peg is None:
        return Peg(PegReference.MID) if step.type == "midpoint" else None
    return Peg(PegReference(step.peg.ref), step.peg.offset)


def _new_order(step: New) -> NewOrderSingle:
    """The message; what is special about it is left out if nothing is."""
    asked = OrderInstructions(
        None if step.display is None else QtyLots(step.display),
        QtyLots(step.min_visible or 0),
        step.hidden,
        step.aon,
        None if step.stop is None else PriceTicks(step.stop),
        _peg(step),
    )
    price = step.price
    if step.peg is not None:
        price = step.peg.cap if step.price is None else step.price
    elif step.type in {"market", "mtl", "stop"}:
        price = None
    return NewOrderSingle(
        step.id,
        Side(step.side),
        QtyLots(step.qty),
        None if price is None else PriceTicks(price),
        TYPES[step.type] if step.peg is None else OrdType.PEGGED,
        TimeInForce(step.tif),
        step.account,
        step.post_only,
        SelfTrade(step.stp),
        QtyLots(step.min_qty or 0),
        None if asked == OrderInstructions() else asked,
    )


def _unlike(
    expect: Expect, trades: list[tuple[str, str, int, int]], also: list[str], state: State | None
) -> list[str]:
    """Where the outcome of one step is not the one expected."""
    cum, leaves, status = state or (0, 0, "unknown")
    stated: Mapping[str, tuple[Any, Any]] = {
        "trades": (trades, expect.trades),
        "status": (status, expect.status),
        "cum": (cum, expect.cum),
        "leaves": (leaves, expect.leaves),
        "also_canceled": (also, expect.also_canceled),
    }
    return [
        f"{what} {is_!r}, wanted {wanted!r}"
        for what, (is_, wanted) in stated.items()
        if wanted is not None and is_ != wanted
    ]
