"""Where orders were routed and what came of it: tables after Rule 606 and RTS 28, in kind.

A fee counts as paid, a rebate as received; payments are net, in the instrument's currency. A
position between the quotes is that of the execution among the best displayed lit prices that held
as it happened, before our own orders changed them.

Source: the design notes, section "tables after public rules"; the layouts follow public rules,
of which the one behind RTS 28 is no longer practised, and are no legal claim.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from sim.protocol.units import plain, quotient_text
from sim.report.evidence.averages import Durations, percent
from sim.report.evidence.receipts import OrderType, Receipt, best_prices
from sim.report.trail.build import Trail
from sim.report.trail.orders import EXACT, Execution

TOP_VENUES: Final = 5
"""Venues that the RTS 28-like table names."""
_PER_QTY: Final = 100
_STEP: Final = Decimal("0.00000001")

_KINDS: Final = {
    OrderType.MARKETABLE_IOC.value: "marketable_limit",
    OrderType.MARKETABLE.value: "marketable_limit",
    OrderType.NO_QUOTE.value: "other",
}
ORDER_KINDS: Final = ("market", "marketable_limit", "not_marketable_limit", "other")
POSITIONS: Final = (
    "near_or_better",
    "near_to_mid",
    "mid",
    "mid_to_far",
    "far",
    "beyond_far",
    "no_quote",
)

APPROXIMATIONS_606: Final = (
    "An order is a child order; the router alone chooses venues, so all count as not directed.",
    "The router sends limit orders only, so the kind market is always empty.",
    "Whether a limit is marketable is judged by the true displayed lit quotes at the venue's "
    "receipt; other: there was none to judge by.",
    "Payments are the fees and rebates of the scenario; there is no other payment for order flow.",
)
APPROXIMATIONS_RTS_28: Final = (
    "One instrument makes one class; percentages are of what all venues executed in this run.",
    "Passive and aggressive are parts of what was executed, by whether the order rested or took.",
    "The router alone chooses venues: no order is directed.",
    "The layout is no longer practised in the European Union.",
)


@dataclass(slots=True)
class _Routed:
    """What went to one venue, or to one venue by one kind of order."""

    orders: int = 0
    filled_orders: int = 0
    order_qty: int = 0
    executed_qty: int = 0
    executions: int = 0
    made_qty: int = 0
    tick_lots: int = 0
    fees: Decimal = Decimal(0)
    maker_fees: Decimal = Decimal(0)
    positions: Counter[str] = field(default_factory=Counter)
    rested: Durations = field(default_factory=Durations)

    def merge(self, other: "_Routed") -> None:
        """Count what another one has counted."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.fees = EXACT.add(self.fees, other.fees)
        self.maker_fees = EXACT.add(self.maker_fees, other.maker_fees)
        self.positions += other.positions
        self.rested.merge(other.rested)


_COUNTS: Final = (
    "orders",
    "filled_orders",
    "order_qty",
    "executed_qty",
    "executions",
    "made_qty",
    "tick_lots",
)


class RouteTables:
    """Gathers receipts, and gives both tables."""

    def __init__(self, trail: Trail) -> None:
        self._trail = trail
        self._kinds: dict[tuple[str, str], _Routed] = {}

    def add(self, receipts: Iterable[Receipt]) -> None:
        """Take orders; those that their venue refused count as routed."""
        for receipt in receipts:
            child = receipt.child
            kind = _KINDS.get(receipt.order_type.value, "not_marketable_limit")
            cell = self._kinds.get((child.venue_id, kind))
            if cell is None:
                cell = self._kinds[child.venue_id, kind] = _Routed()
            cell.orders += 1
            cell.order_qty += child.requested_qty
            cell.filled_orders += bool(child.executions)
            for one in child.executions:
                _take(cell, one, self._position(one), receipt.t_ns)

    def rule_606(self) -> dict[str, list[dict[str, Any]]]:
        """``routes``: a row per venue and order kind; ``venues``: a row per venue with more."""
        totals = Counter[str]()
        for (_, kind), every in self._kinds.items():
            totals[kind] += every.orders
        all_orders = totals.total()
        routes = [
            {
                "venue_id": venue_id,
                "order_kind": kind,
                "orders": cell.orders,
                "orders_pct_of_kind": percent(cell.orders, totals[kind]),
                "orders_pct_of_all": percent(cell.orders, all_orders),
                **self._payment(cell),
            }
            for venue_id in self._venues()
            for kind in ORDER_KINDS
            if (cell := self._kinds.get((venue_id, kind)))
        ]
        venues = [self._venue_row(name, cell) for name, cell in self._venues().items()]
        return {"routes": routes, "venues": venues}

    def rts_28(self) -> list[dict[str, Any]]:
        """The venues with the largest executed volume, largest first."""
        venues = self._venues()
        volume = sum(cell.tick_lots for cell in venues.values())
        orders = sum(cell.filled_orders for cell in venues.values())
        used = [name for name, cell in venues.items() if cell.executed_qty]
        used.sort(key=lambda name: -venues[name].tick_lots)  # stable: then as in the scenario
        rows = []
        for rank, venue_id in enumerate(used[:TOP_VENUES], 1):
            cell = venues[venue_id]
            lots = cell.executed_qty
            row = {
                "rank": rank,
                "venue_id": venue_id,
                "executed_qty": lots,
                "volume": plain(self._trail.units.notional(cell.tick_lots)),
                "volume_pct": percent(cell.tick_lots, volume),
                "orders": cell.filled_orders,
                "orders_pct": percent(cell.filled_orders, orders),
                "passive_pct": percent(cell.made_qty, lots),
                "aggressive_pct": percent(lots - cell.made_qty, lots),
                "directed_pct": percent(0, lots),
            }
            rows.append(row)
        return rows

    def _venues(self) -> dict[str, _Routed]:
        """Venues that got orders, as the scenario has them."""
        found: dict[str, _Routed] = {}
        places = {name: place for place, name in enumerate(self._trail.venues)}
        for venue_id, _ in sorted(self._kinds, key=lambda key: places.get(key[0], len(places))):
            found.setdefault(venue_id, _Routed())
        for (venue_id, _), cell in self._kinds.items():
            found[venue_id].merge(cell)
        return found

    def _venue_row(self, venue_id: str, cell: _Routed) -> dict[str, Any]:
        taken_fees = EXACT.subtract(cell.fees, cell.maker_fees)
        lots, made = cell.executed_qty, cell.made_qty
        return {
            "venue_id": venue_id,
            "kind": self._trail.kinds.get(venue_id),
            "orders": cell.orders,
            "routed_qty": cell.order_qty,
            "executed_qty": lots,
            "fill_rate_pct": percent(lots, cell.order_qty),
            "avg_fill": _quotient(
                EXACT.multiply(self._trail.units.lot_size, Decimal(lots)), cell.executions
            ),
            **self._payment(cell),
            "made_qty": made,
            "made_pct": percent(made, lots),
            "made_fee_per_100": self._per_100(cell.maker_fees, made),
            "made_avg_rest_ns": cell.rested.average_ns(),
            "taken_qty": lots - made,
            "taken_pct": percent(lots - made, lots),
            "taken_fee_per_100": self._per_100(taken_fees, lots - made),
            "positions_qty": {name: cell.positions[name] for name in POSITIONS},
        }

    def _payment(self, cell: _Routed) -> dict[str, str | None]:
        """Received net of fees: less than nothing where fees were paid."""
        received = EXACT.minus(cell.fees) if cell.fees else Decimal(0)
        return {
            "net_payment": plain(received),
            "net_payment_per_100": self._per_100(received, cell.executed_qty),
        }

    def _per_100(self, money: Decimal, lots: int) -> str | None:
        """Money per 100 units of quantity, which are shares for a stock."""
        quantity = EXACT.multiply(self._trail.units.lot_size, Decimal(lots))
        return _quotient(EXACT.multiply(money, Decimal(_PER_QTY)), quantity)

    def _position(self, one: Execution) -> str:
        """Where an execution lies between the best prices of both sides."""
        _, bid, ask = best_prices(self._trail, one.done_ns)
        if bid is None or ask is None or bid >= ask:
            return "no_quote"
        return position(one.child.sign, one.px, bid, ask)


def position(sign: int, px: int, bid: int, ask: int) -> str:
    """Where a price lies from the near side (cheapest) to the far side; ticks, ``bid < ask``."""
    near, far = (bid, ask) if sign > 0 else (ask, bid)
    if sign * (px - near) <= 0:
        return "near_or_better"
    if sign * (px - far) >= 0:
        return "far" if px == far else "beyond_far"
    past_mid = sign * (2 * px - bid - ask)
    return "mid" if not past_mid else "near_to_mid" if past_mid < 0 else "mid_to_far"


def _take(cell: _Routed, one: Execution, where: str, received_ns: int | None) -> None:
    cell.executions += bool(one.qty)  # one that was taken back may have left a fee
    cell.executed_qty += one.qty
    cell.tick_lots += one.px * one.qty
    cell.fees = EXACT.add(cell.fees, one.fee)
    cell.positions[where] += one.qty
    if one.is_maker:
        cell.made_qty += one.qty
        cell.maker_fees = EXACT.add(cell.maker_fees, one.fee)
        if received_ns is not None:
            cell.rested.add(one.done_ns - received_ns, one.qty)


def _quotient(numerator: Decimal, denominator: int | Decimal) -> str | None:
    """A quotient with 8 decimals, half-even; None of nothing."""
    return quotient_text(numerator, Decimal(denominator), _STEP) if denominator else None
