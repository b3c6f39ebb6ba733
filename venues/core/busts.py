"""Trades that a venue takes back or corrects later, around any core.

A *bust* (TRADE_CANCEL) takes an execution back as if it had not been, a *correction*
(TRADE_CORRECT) gives it fewer lots or another price. Both sides of the trade are told, each with
the number that its execution had at first.

While an order is open, what it has filled and what is open of it make up its quantity. So lots that
are taken back from an order in a plain book are open again, at the end of the queue at its price,
where lots go that an order gains. Where lots cannot simply be put back (an order of a special type,
a pool, a recorded book) the order's quantity becomes less by them. After the end of an order only
its filled quantity changes: a closed order never reopens. What was printed stays printed, and the
volume stays what it was.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from sim.protocol.enums import ExecType, OrdStatus, Priority
from sim.protocol.orders import ExecutionReport, VenueReport
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.api import Notice, VenueCore, WakeAt
from venues.core.around import CoreAround
from venues.core.book import RestingOrder
from venues.core.order_book import OrderBook

Draw = Callable[[str, str, int], bool]
"""Whether a trade is taken back, by account and name of the order that took, and its lots filled
before."""

_TRADE: Final = ExecType.TRADE


class Listed(msgspec.Struct, frozen=True):
    """From ``t_ns`` on a fill, by its order and number from 1, is another one.

    Attributes:
        t_ns: When.
        order: The order's first ``cl_ord_id``.
        fill: Which of its fills.
        qty: Its lots from now on; None: as they are. With neither it is taken back.
        price: Its price from now on, ticks; None: as it is.
    """

    t_ns: int
    order: str
    fill: int = 1
    qty: int | None = None
    price: int | None = None


class _Due(msgspec.Struct, frozen=True):
    """The wake-up at which a trade that was drawn is taken back."""

    number: int


@dataclass(slots=True)
class _Trade:
    """A trade that may be changed: its reports, and what holds of it now."""

    sides: list[ExecutionReport]
    qty: int
    price: int
    gone: bool = False


@dataclass(slots=True)
class _Order:
    """An order with such trades: its last report, and its fills in their order."""

    last: ExecutionReport
    listed_as: str = ""
    uses: int = 0
    fills: list[_Trade] = field(default_factory=list)


class BustingCore(CoreAround):
    """A core whose venue changes trades afterwards.

    Args:
        inner: The core that trades.
        listed: Changes that are ordered, in any order.
        draw: Decides for each trade whether it is taken back; None: none is.
        after_ns: How long after the trade that happens.
    """

    def __init__(
        self,
        inner: VenueCore,
        listed: Sequence[Listed] = (),
        draw: Draw | None = None,
        after_ns: int = 0,
    ) -> None:
        super().__init__(inner)
        self._names = frozenset(change.order for change in listed)
        self._draw = draw
        self._after_ns = after_ns
        self._orders: dict[int, _Order] = {}
        self._by_name: dict[str, _Order] = {}
        self._drawn: dict[int, _Trade] = {}
        for change in sorted(listed, key=lambda change: change.t_ns):
            self.wakes.append(WakeAt(change.t_ns, Priority.FAULT, change))

    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message, or change a trade whose time has come."""
        if isinstance(msg, Listed):
            return self._on_listed(msg, now_ns)
        if isinstance(msg, _Due):
            trade = self._drawn.pop(msg.number)
            reports = [] if trade.gone else self._change(trade, 0, trade.price, now_ns)
            for side in trade.sides:
                self._release(side.order_id)
            return reports
        reports = self._inner.handle(msg, now_ns)
        self._note(reports, now_ns)
        return reports

    # ------------------------------------------------------------ what is remembered

    def _note(self, reports: Sequence[VenueReport], now_ns: TimeNs) -> None:
        latest: dict[int, ExecutionReport] = {}
        for report in reports:
            if not isinstance(report, ExecutionReport) or not report.order_id:
                continue
            latest[report.order_id] = last = _under_its_name(report)
            order = self._orders.get(report.order_id)
            if order is not None:
                order.last = last
            elif report.cl_ord_id in self._names and report.cl_ord_id not in self._by_name:
                order = self._keep(last)
                order.listed_as = report.cl_ord_id
                self._by_name[report.cl_ord_id] = order
        for sides in _trades(reports):
            self._on_trade(sides, latest, now_ns)

    def _on_trade(
        self,
        sides: list[ExecutionReport],
        latest: Mapping[int, ExecutionReport],
        now_ns: TimeNs,
    ) -> None:
        """Remember a trade if it may be changed; ``latest`` is where its message left orders."""
        first = sides[0]
        assert first.last_px is not None
        trade = _Trade(sides, first.last_qty, first.last_px)
        for side in sides:
            order = self._orders.get(side.order_id)
            if order is not None and order.listed_as:
                order.fills.append(trade)
                for other in sides:
                    self._keep(latest[other.order_id])
        before = first.cum_qty - first.last_qty
        if self._draw is not None and self._draw(first.account, first.cl_ord_id, before):
            for side in sides:
                self._keep(latest[side.order_id])
            number = first.exec_id
            self._drawn[number] = trade
            self.wakes.append(WakeAt(now_ns + self._after_ns, Priority.FAULT, _Due(number)))

    def _keep(self, report: ExecutionReport) -> _Order:
        """Follow an order from now on, once more."""
        order = self._orders.setdefault(report.order_id, _Order(report))
        order.uses += 1
        return order

    def _release(self, order_id: int) -> None:
        order = self._orders[order_id]
        order.uses -= 1
        if not order.uses:
            del self._orders[order_id]

    # ------------------------------------------------------------ changes

    def _on_listed(self, change: Listed, now_ns: TimeNs) -> list[VenueReport]:
        order = self._by_name.get(change.order)
        fills = [] if order is None else order.fills
        trade = fills[change.fill - 1] if len(fills) >= change.fill else None
        why = ""
        if trade is None:
            why = f"{len(fills)} fills by then"
        elif trade.gone:
            why = "it was taken back before"
        elif change.qty is not None and change.qty > trade.qty:
            why = f"it is of {trade.qty} lots only"
        if trade is None or why:
            what = f"fill {change.fill} of {change.order}: {why}"
            self.changes.append(Notice("trade_change_missed", what))
            return []
        qty, price = change.qty, change.price
        if qty is None:
            qty = 0 if price is None else trade.qty
        return self._change(trade, qty, trade.price if price is None else price, now_ns)

    def _change(self, trade: _Trade, qty: int, price: int, now_ns: TimeNs) -> list[VenueReport]:
        """Make a trade one of ``qty`` lots at ``price``; tell its sides."""
        lots, trade.qty, trade.price = trade.qty - qty, qty, price
        trade.gone = not qty
        changed = [self._take_back(side, lots) for side in trade.sides]
        seq = self.venue_seq
        kind = ExecType.TRADE_CORRECT if qty else ExecType.TRADE_CANCEL
        reports: list[VenueReport] = []
        for side, order in zip(trade.sides, changed, strict=True):
            report = msgspec.structs.replace(
                order.last,
                exec_type=kind,
                exec_id=self.next_exec_id(),
                transact_ns=now_ns,
                venue_seq=seq,
                last_px=PriceTicks(price) if qty else None,
                last_qty=QtyLots(qty),
                contra_order_id=side.contra_order_id,
                is_maker=side.is_maker,
                orig_cl_ord_id=None,
                exec_ref_id=side.exec_id,
            )
            order.last = report
            reports.append(report)
        return reports

    def _take_back(self, side: ExecutionReport, lots: int) -> _Order:
        """Take filled lots off one side's order, and say in its last report what it is now."""
        order = self._orders[side.order_id]
        last = order.last
        resting = None if self.book is None else self.book.open_order(last.cl_ord_id)
        if resting is None or resting.order_id != side.order_id:
            order.last = msgspec.structs.replace(last, cum_qty=QtyLots(last.cum_qty - lots))
            return order
        if lots and not (isinstance(self.book, OrderBook) and self.book.reopen(resting, lots)):
            resting.order_qty -= lots
        order.last = msgspec.structs.replace(
            last,
            ord_status=_status(resting),
            order_qty=QtyLots(resting.order_qty),
            cum_qty=QtyLots(resting.cum_qty),
            leaves_qty=QtyLots(resting.open_qty),
        )
        return order


def _under_its_name(report: ExecutionReport) -> ExecutionReport:
    """The report; a cancel that was asked for has the name of the request, the order its own."""
    if report.exec_type is ExecType.CANCELED and report.orig_cl_ord_id is not None:
        return msgspec.structs.replace(report, cl_ord_id=report.orig_cl_ord_id)
    return report


def _status(order: RestingOrder) -> OrdStatus:
    return OrdStatus.PARTIALLY_FILLED if order.cum_qty else OrdStatus.NEW


def _trades(reports: Sequence[VenueReport]) -> Iterator[list[ExecutionReport]]:
    """The trades among reports: the fills of two orders with each other, or the only one told."""
    before: ExecutionReport | None = None
    for report in reports:
        if not isinstance(report, ExecutionReport) or report.exec_type is not _TRADE:
            continue
        if before is not None and before.contra_order_id == report.order_id:
            yield [before, report]
            before = None
            continue
        if before is not None:
            yield [before]
        before = report
    if before is not None:
        yield [before]
