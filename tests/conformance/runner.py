"""Reads conformance cases and runs them through the public matching core.

A case is a list of order messages with what must come of each, and the book at the end; the format
is described in ``README.md`` beside this file. Whatever the core cannot do is named, never passed
over; whatever the file says in a way that the format does not know is an error.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec

from sim.protocol.enums import (
    ExecType,
    OrdStatus,
    OrdType,
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
    OrderMessage,
    OrderReduceRequest,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.matching import MatchingCore
from venues.core.pool import PoolCore

Status = Literal["open", "partial", "filled", "canceled", "rejected", "parked"]
State = tuple[int, int, str]
"""Filled lots, open lots, status."""

SIDES = {"bids": Side.BUY, "asks": Side.SELL}
STATUS = {
    OrdStatus.NEW: "open",
    OrdStatus.PARTIALLY_FILLED: "partial",
    OrdStatus.FILLED: "filled",
    OrdStatus.CANCELED: "canceled",
    OrdStatus.REJECTED: "rejected",
}


class CaseFormatError(Exception):
    """The file of cases is not one: says the file, the line and what is wrong there."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Part of a case that must not say more than we look at."""


class Expect(Strict, frozen=True):
    """What must come of one step; what is absent is not stated."""

    trades: list[tuple[str, str, int, int]] | None = None
    status: Status | None = None
    cum: int | None = None
    leaves: int | None = None
    also_canceled: list[str] = []


class New(Strict, frozen=True, tag="new", tag_field="op"):
    """A new order."""

    id: str
    side: Literal["buy", "sell"]
    qty: int
    type: Literal["limit", "market", "mtl", "stop", "stop_limit", "midpoint"]
    expect: Expect
    price: int | None = None
    tif: Literal["DAY", "GTC", "IOC", "FOK"] = "GTC"
    account: str = ""
    post_only: bool = False
    stp: Literal["none", "cancel_resting", "cancel_incoming", "cancel_both", "decrement"] = "none"
    aon: bool = False
    hidden: bool = False
    display: int | None = None
    min_visible: int | None = None
    min_qty: int | None = None
    stop: int | None = None
    peg: dict[str, Any] | None = None
    basis: str = ""


class Cancel(Strict, frozen=True, tag="cancel", tag_field="op"):
    """A request to cancel an order; without an account the owner asks."""

    id: str
    expect: Expect
    account: str | None = None
    basis: str = ""


class Replace(Strict, frozen=True, tag="replace", tag_field="op"):
    """A request for a new price and a new open quantity."""

    id: str
    price: int
    qty: int
    expect: Expect
    account: str | None = None
    min_qty: int | None = None
    stop: int | None = None
    basis: str = ""


class Reduce(Strict, frozen=True, tag="reduce", tag_field="op"):
    """A request to take lots off an order."""

    id: str
    by: int
    expect: Expect
    account: str | None = None
    basis: str = ""


class Last(Strict, frozen=True, tag="last", tag_field="op"):
    """Sets the reference price."""

    price: int
    basis: str = ""


class Quote(Strict, frozen=True, tag="quote", tag_field="op"):
    """Sets the external quote of a midpoint book."""

    bid: int
    ask: int
    basis: str = ""


class CheckQueue(Strict, frozen=True, tag="check_queue", tag_field="op"):
    """Order ids with their open lots, in order of priority, for the sides given."""

    queue: dict[Literal["bids", "asks"], list[tuple[str, int]]]
    basis: str = ""


Order = New | Cancel | Replace | Reduce
Step = Order | Last | Quote | CheckQueue


class Profile(Strict, frozen=True):
    """Settings of the venue, with the format's defaults."""

    tick: int = 1
    lot: int = 1
    last: int | None = None
    market_remainder: str = "cancel"
    stop_on_entry: str = "trigger"
    stop_election: str = "fifo"
    iceberg_residual: str = "full_peak"
    iceberg_sweep: str = "slices"
    iceberg_size_up: str = "loses_priority"
    peg_without_reference: str = "park"
    hidden_improvement: int | None = None
    hidden_min_remainder: int = 0
    book: str = "lit"


class FinalOrder(Strict, frozen=True):
    """State of an order at the end."""

    cum: int
    leaves: int
    status: Status


class FinalBook(Strict, frozen=True):
    """Levels at the end, best first: price, displayed lots, number of orders."""

    bids: list[tuple[int | Literal["MKT"], int, int]]
    asks: list[tuple[int | Literal["MKT"], int, int]]


class Final(Strict, frozen=True):
    """The end of a case."""

    book: FinalBook
    orders: dict[str, FinalOrder]
    basis: str = ""


class Case(msgspec.Struct, frozen=True):
    """One case; of its source and remarks only what a reader of a failure needs."""

    id: str
    level: Literal["core", "optional", "dialect"]
    features: list[str]
    profile: Profile
    steps: list[Step]
    final: Final


def read_cases(path: Path) -> list[Case]:
    """The cases of a file, one JSON object per line.

    Raises:
        CaseFormatError: If the file cannot be read, a line is not a case, an id comes twice, or
            there is no case at all.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CaseFormatError(f"{path}: cannot be read: {error}") from error
    cases: dict[str, Case] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            case = msgspec.json.decode(line, type=Case)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise CaseFormatError(f"{path}:{number}: {error}") from error
        if case.id in cases:
            raise CaseFormatError(f"{path}:{number}: a second case with the id {case.id}")
        cases[case.id] = case
    if not cases:
        raise CaseFormatError(f"{path}: holds no case")
    return list(cases.values())


def missing_feature(case: Case) -> str | None:
    """What the case needs and the core does not have; None if it can be run."""
    midpoint = case.profile.book == "midpoint"
    defaults = Profile(
        tick=case.profile.tick,
        lot=case.profile.lot,
        last=case.profile.last,
        book="midpoint" if midpoint else "lit",
    )
    for name in Profile.__struct_fields__:
        setting = getattr(case.profile, name)
        if setting != getattr(defaults, name):
            return f"profile {name}={setting!r}"
    for step in case.steps:
        match step:
            case Last():
                return "step last"
            case Quote() if not midpoint:
                return "step quote"
            case New(type="midpoint", price=None):
                return "midpoint order without a limit"
            case New(type=kind) if kind not in {"limit", "market", midpoint and "midpoint"}:
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


def core_for(case: Case) -> Callable[..., MatchingCore]:
    """What makes a core that has all that the case needs."""
    if case.profile.book == "midpoint":
        return partial(PoolCore, midpoint=True)
    min_qty = any(isinstance(step, New) and step.min_qty for step in case.steps)
    return PoolCore if min_qty else MatchingCore


def differences(case: Case, make_core: Callable[..., MatchingCore] | None = None) -> list[str]:
    """Where the core does something else than the case says; empty if nowhere."""
    make_core = make_core or core_for(case)
    return list(_Run(case, make_core(tick=case.profile.tick, lot=case.profile.lot)).differences())


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
        self.exec_id = 0

    def differences(self) -> Iterator[str]:
        for number, step in enumerate(self.case.steps):
            where = f"step {number} ({type(step).__name__.lower()} {getattr(step, 'id', '')})"
            match step:
                case CheckQueue():
                    found = self._queues_unlike(step)
                case Quote():
                    found = self._take_quote(step)
                case New() | Cancel() | Replace() | Reduce():
                    found = self._take_step(step, f"request {number} of {self.case.id}")
                case _:
                    raise AssertionError(f"{where}: the core has no such step")
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
        return found + _unlike(step.expect, trades, also, self.states[step.id])

    def _take_quote(self, step: Quote) -> list[str]:
        book = BookSnapshot("REF", 0, TimeNs(0), ((step.bid, 1),), ((step.ask, 1),))
        assert isinstance(self.core, PoolCore)
        reports = self.core.handle(book, TimeNs(0))
        self._apply([report for report in reports if isinstance(report, ExecutionReport)], "")
        return []

    def _message(self, step: Order, request: str) -> OrderMessage:
        name = self.names.get(step.id, step.id)
        match step:
            case New():
                market = step.type == "market"
                return NewOrderSingle(
                    step.id,
                    Side(step.side),
                    QtyLots(step.qty),
                    None if market or step.price is None else PriceTicks(step.price),
                    OrdType.MARKET if market else OrdType.LIMIT,
                    TimeInForce(step.tif),
                    step.account,
                    step.post_only,
                    SelfTrade(step.stp),
                    QtyLots(step.min_qty or 0),
                )
            case Cancel():
                return OrderCancelRequest(request, name, self._sender(step))
            case Replace():
                # The message asks for a new total. What is no quantity is passed on as it is:
                # added to what is filled, it could become one.
                filled = self.states.get(step.id, (0, 0, ""))[0]
                total = filled + step.qty if step.qty > 0 else step.qty
                return OrderCancelReplaceRequest(
                    request, name, QtyLots(total), PriceTicks(step.price), self._sender(step)
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
            name: [(order.cl_ord_id, order.key, order.leaves_qty) for order in core_side]
            for name, core_side in ((n, self.core.resting(side)) for n, side in SIDES.items())
        }

    def _queues_unlike(self, step: CheckQueue) -> list[str]:
        found = []
        for name, wanted in step.queue.items():
            resting = self.core.resting(SIDES[name])
            queue = [(self.ids[order.cl_ord_id], order.leaves_qty) for order in resting]
            if queue != wanted:
                found.append(f"{name} queue {queue}, wanted {wanted}")
        return found

    def _final_unlike(self) -> Iterator[str]:
        for name, side in SIDES.items():
            wanted = getattr(self.case.final.book, name)
            levels = self.core.levels(side, len(wanted) + 1)
            book = [(price, lots, self.core.count_at(side, price)) for price, lots in levels]
            if book != wanted:
                yield f"final {name} {book}, wanted {wanted}"
        for order_id, final in self.case.final.orders.items():
            state = self.states.get(order_id)
            if state != (final.cum, final.leaves, final.status):
                yield f"final order {order_id} (cum, leaves, status) {state}, wanted {final}"
        open_ids = {order_id for order_id, state in self.states.items() if state[1]}
        resting = [order for side in SIDES.values() for order in self.core.resting(side)]
        if open_ids != {self.ids[order.cl_ord_id] for order in resting}:
            yield f"open by their reports: {sorted(open_ids)}, resting: {resting}"


def _unlike(
    expect: Expect, trades: list[tuple[str, str, int, int]], also: list[str], state: State
) -> list[str]:
    """Where the outcome of one step is not the one expected."""
    cum, leaves, status = state
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
