"""The books that a contract keeps beside a venue: every order, by what was sent and reported alone.

Knows nothing of how a venue works. Invariants are numbered as in the design notes on faults.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sim.protocol.enums import CxlRejReason, ExecType, OrdStatus, OrdType, Side, TimeInForce
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMessage,
    OrderReduceRequest,
    VenueReport,
)

_ENDS: Final = {
    ExecType.CANCELED: OrdStatus.CANCELED,
    ExecType.EXPIRED: OrdStatus.EXPIRED,
    ExecType.REJECTED: OrdStatus.REJECTED,
}
_AT_ONCE: Final = frozenset({TimeInForce.IOC, TimeInForce.FOK})
_STOPS: Final = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})


class ContractError(AssertionError):
    """A kind does not keep its contract; says which rule, and what was sent and reported."""


def require(holds: bool, rule: str, *facts: object) -> None:
    """Raise unless ``holds``.

    Raises:
        ContractError: Naming the rule and the facts.
    """
    if not holds:
        raise ContractError("; ".join([rule, *map(str, facts)]))


@dataclass(slots=True)
class Entry:
    """One order as its owner knows it."""

    msg: NewOrderSingle
    name: str
    order_qty: int
    price: int | None
    cum: int = 0
    notional: int = 0
    order_id: int = 0
    answered: bool = False
    ended: ExecType | None = None

    @property
    def leaves(self) -> int:
        """Lots that may still fill."""
        return 0 if self.ended is not None else self.order_qty - self.cum

    @property
    def at_once(self) -> bool:
        """Whether nothing of it may stay at the venue for good; a stop may wait for its price."""
        msg = self.msg
        if msg.ord_type in _STOPS:
            return False
        return msg.ord_type is OrdType.MARKET or msg.time_in_force in _AT_ONCE


class Ledger:
    """Books what was sent to one venue and what it answered.

    Args:
        both_sides: Whether the other side of each trade is reported too.
    """

    def __init__(self, *, both_sides: bool = True) -> None:
        self.orders: dict[str, Entry] = {}  # by present name; a name may be used again once ended
        self.ended: dict[str, Entry] = {}
        self._both_sides = both_sides
        self._exec_ids: set[int] = set()

    def sent(self, msg: OrderMessage) -> None:
        """Note a new order; requests are judged by their answers."""
        if isinstance(msg, NewOrderSingle) and msg.cl_ord_id not in self.orders:
            entry = Entry(msg, msg.cl_ord_id, msg.order_qty, msg.price)
            self.orders[msg.cl_ord_id] = entry

    def came(self, msg: object, reports: Sequence[VenueReport]) -> None:
        """Check and book every report that one message caused.

        Raises:
            ContractError: At the first that breaks a rule.
        """
        duplicate = self._answers(msg, reports)
        for n, report in enumerate(reports):
            if isinstance(report, OrderCancelReject):
                require(n == 0, "a refusal answers a request, and stands alone", msg, reports)
                continue
            if duplicate and n == 0:
                self._number(report)
                continue
            self._book(report, msg, first=n == 0)
        if self._both_sides:
            self._trades(reports)

    def _answers(self, msg: object, reports: Sequence[VenueReport]) -> bool:
        """A request is answered at once and once; whether a new order was refused for its name."""
        requests = OrderCancelRequest | OrderCancelReplaceRequest | OrderReduceRequest
        if isinstance(msg, requests):
            require(bool(reports), "a request is answered at once", msg)
            first = reports[0]
            require(
                first.cl_ord_id == msg.cl_ord_id and first.account == msg.account,
                "the first report answers the request",
                msg,
                first,
            )
            self._answer(msg, first)
        elif isinstance(msg, NewOrderSingle) and reports:
            first = reports[0]
            require(first.cl_ord_id == msg.cl_ord_id, "the first report answers the order", first)
            entry = self.orders[msg.cl_ord_id]
            return entry.msg is not msg
        return False

    def _answer(
        self,
        msg: OrderCancelRequest | OrderCancelReplaceRequest | OrderReduceRequest,
        first: VenueReport,
    ) -> None:
        entry = self.orders.get(msg.orig_cl_ord_id)
        own = entry is not None and entry.msg.account == msg.account
        if isinstance(first, OrderCancelReject):
            if not own:
                known = self.ended.get(msg.orig_cl_ord_id)
                done = known is not None and known.msg.account == msg.account
                reasons = {CxlRejReason.UNKNOWN_ORDER}
                if done and entry is None:
                    reasons.add(CxlRejReason.TOO_LATE)
                require(first.reason in reasons, "I3: of no open order", msg, first)
            return
        require(own, "I3: a request for no open order of one's own is refused", msg, first)
        require(first.orig_cl_ord_id == msg.orig_cl_ord_id, "the answer names the order", first)

    # ------------------------------------------------------------ one report

    def _number(self, report: ExecutionReport) -> None:
        fresh = report.exec_id not in self._exec_ids
        require(fresh, "F08: no exec_id is used twice", report)
        self._exec_ids.add(report.exec_id)

    def _book(self, report: ExecutionReport, msg: object, *, first: bool) -> None:
        self._number(report)
        name = report.orig_cl_ord_id or report.cl_ord_id
        entry = self.orders.get(name)
        if entry is None:
            require(
                report.account == "" and name not in self.ended,
                "no report without an order, none after its end (I3)",
                report,
            )
            return
        owner = entry.msg
        require(report.account == owner.account, "a report goes to the owner", report)
        same_side = (report.side is Side.BUY) == (owner.side is Side.BUY)
        require(same_side, "a report is of the order's side", report)
        if report.order_id:
            ids = {0, report.order_id}
            require(entry.order_id in ids, "an order keeps its order_id", report)
            entry.order_id = report.order_id
        if report.exec_type is ExecType.TRADE:
            self._fill(entry, report)
        elif report.exec_type in _ENDS:
            self._end(entry, report)
        elif report.exec_type is ExecType.REPLACED:
            self._replace(entry, report, msg, first=first)
        elif report.exec_type is ExecType.NEW:
            require(not entry.answered, "an order is acknowledged once, before all else", report)
            self._whole(entry, report)
        entry.answered = True

    def _whole(self, entry: Entry, report: ExecutionReport) -> None:
        """I1, I2: what the report counts is what the ledger counts."""
        counted = (entry.order_qty, entry.cum, entry.leaves)
        told = (report.order_qty, report.cum_qty, report.leaves_qty)
        require(counted == told, f"I1, I2: order, cum and leaves are {counted}", report)

    def _fill(self, entry: Entry, report: ExecutionReport) -> None:
        px, qty = report.last_px, report.last_qty
        require(px is not None and qty > 0, "a fill has a price and lots", report)
        assert px is not None
        require(entry.answered, "a fill follows the acknowledgement", report)
        require(qty <= entry.leaves, f"I2: only {entry.leaves} lots were open", report)
        if entry.price is not None:
            buys = entry.msg.side is Side.BUY
            inside = px <= entry.price if buys else px >= entry.price
            require(inside, f"I6: the limit is {entry.price}", report)
        require(px > 0, "a price is above 0", report)
        entry.cum += qty
        entry.notional += px * qty
        if entry.leaves == 0:
            self._close(entry, ExecType.TRADE)
        self._whole_or_closed(entry, report)
        status = OrdStatus.FILLED if entry.ended else OrdStatus.PARTIALLY_FILLED
        require(report.ord_status is status, f"its status is {status.value}", report)

    def _whole_or_closed(self, entry: Entry, report: ExecutionReport) -> None:
        require(report.cum_qty == entry.cum, f"I2: cum is {entry.cum}", report)
        require(report.leaves_qty == entry.leaves, f"I1: leaves are {entry.leaves}", report)

    def _end(self, entry: Entry, report: ExecutionReport) -> None:
        status = _ENDS[report.exec_type]
        require(report.ord_status is status, f"its status is {status.value}", report)
        require(report.leaves_qty == 0, "I1: nothing is open of what has ended", report)
        require(report.cum_qty == entry.cum, f"I2: cum is {entry.cum}", report)
        if report.exec_type is ExecType.REJECTED:
            require(not entry.answered, "what was accepted is not rejected any more", report)
            require(report.reject_reason is not None, "a reject has a reason", report)
        if entry.msg.time_in_force is TimeInForce.FOK:
            require(entry.cum == 0, "FOK fills whole or not at all", report)
        self._close(entry, report.exec_type)

    def _replace(self, entry: Entry, report: ExecutionReport, msg: object, *, first: bool) -> None:
        require(report.cum_qty == entry.cum, f"I2: cum is {entry.cum}", report)
        entry.order_qty = report.order_qty
        if first and isinstance(msg, OrderCancelReplaceRequest):
            del self.orders[entry.name]
            entry.name = msg.cl_ord_id
            self.orders[entry.name] = entry
            if msg.price is not None:
                entry.price = msg.price
            require(report.order_qty in {msg.order_qty, entry.cum}, "I1: the new total", report)
        if entry.order_qty == entry.cum:
            self._close(entry, ExecType.TRADE)
        require(report.leaves_qty == entry.leaves, f"I1: leaves are {entry.leaves}", report)

    def _close(self, entry: Entry, how: ExecType) -> None:
        entry.ended = how
        del self.orders[entry.name]
        self.ended[entry.name] = entry

    # ------------------------------------------------------------ trades

    def _trades(self, reports: Sequence[VenueReport]) -> None:
        """I10: what is bought at a price is sold at that price, at the same instant."""
        balance: Counter[int] = Counter()
        for report in reports:
            if isinstance(report, ExecutionReport) and report.exec_type is ExecType.TRADE:
                px = report.last_px
                require(px is not None, "a fill has a price", report)
                assert px is not None
                bought = report.side is Side.BUY
                balance[px] += report.last_qty if bought else -report.last_qty
        wrong = {px: lots for px, lots in balance.items() if lots}
        require(not wrong, f"I10: bought less sold is {wrong} by price", reports)

    def is_unknown(self, msg: OrderMessage) -> bool:
        """Whether a request is for no order that is open and of the same account."""
        if isinstance(msg, NewOrderSingle):
            return False
        entry = self.orders.get(msg.orig_cl_ord_id)
        return entry is None or entry.msg.account != msg.account

    def open_at_once(self) -> list[Entry]:
        """Orders that are open although nothing of them may stay."""
        return [entry for entry in self.orders.values() if entry.at_once]
