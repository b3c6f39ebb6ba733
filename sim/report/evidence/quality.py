"""Execution quality per venue and order type: a table after Rule 605 of Regulation NMS, in kind.

With s = +1 for a buy and -1 for a sale, and best prices as at the venue's receipt:

    quoted = ask - bid          effective = s (2 px - bid - ask)
    improvement = s (far - px)  realised_h = s (2 px - (bid + ask) at execution + h)
    E/Q = sum(lots * effective) / sum(lots * quoted)      impact_h = effective - realised_h

Averages are weighted by lots. Sums are whole ticks times lots; only their quotients are rounded.

Source: the design notes, section "best-execution statistics"; the layout follows the public
rule's tables as amended in 2024 and is no legal claim.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sim.protocol.units import NS_PER_UNIT, Units
from sim.report.evidence.averages import Durations, Mean, percent
from sim.report.evidence.receipts import OrderType, Quoted, Receipt, Touches
from sim.report.trail.build import Trail
from sim.report.trail.market import NO_PX, NbboSeries
from sim.report.trail.orders import Execution

_MS: Final = NS_PER_UNIT["ms"]
_S: Final = NS_PER_UNIT["s"]

HORIZONS_NS: Final = (50 * _MS, _S, 15 * _S, 60 * _S, 300 * _S)
"""How long after an execution the mid is looked at for the realised spread."""
TIME_EDGES_NS: Final = (_MS // 10, _MS, 10 * _MS, 100 * _MS, _S, 10 * _S, 30 * _S, 60 * _S)
"""Where the buckets of the time to execution end."""

# Tuples: an enum is soon found in one by identity, while its hash is worked out anew each time.
_TAKES: Final = (OrderType.MARKETABLE_IOC, OrderType.MARKETABLE)
_AGAINST_FAR: Final = (*_TAKES, OrderType.PASSIVE_IOC)
"""Types whose executions are compared with the best price of the other side."""
_BEHIND: Final = (OrderType.NEAR, OrderType.AWAY)

APPROXIMATIONS: Final = (
    "An order is a child order as its venue received it; the client's order is not one.",
    "Best prices are the true displayed lit quotes at the venue's receipt, before our own orders "
    "changed them at that instant; nobody in the run need have seen them together.",
    "Receipt is the end of the order's way, after a speed bump and before the venue's queue; the "
    "time to execution counts from there, and leaves out the way back.",
    "An order that does not reach the other side is timed from when its limit was at or better "
    "than the best price of its own side.",
    "An order that was replaced counts once, by the limit that it came with.",
    "Buckets of time, the horizons and what is near the quote are settings of this report, not the "
    "rule's; there are no size classes.",
    "Executions are as they stand after busts and corrections.",
    "An immediate order that does not reach the other side is compared with it all the same: a "
    "dark venue may fill it inside the quote.",
    "Size improvement is what was executed at the best price or better beyond what lit venues "
    "displayed there at receipt.",
)


@dataclass(slots=True)
class _Horizon:
    """Realised spread and impact of the executions whose mid is known this long after them."""

    realised: Mean = field(default_factory=Mean)
    impact: Mean = field(default_factory=Mean)


@dataclass(slots=True)
class _Cell:
    """One row so far."""

    orders: int = 0
    order_qty: int = 0
    executed_qty: int = 0
    open_qty: int = 0
    rejected_orders: int = 0
    rejected_qty: int = 0
    executions: int = 0
    excluded: Counter[Quoted] = field(default_factory=Counter)
    quoted: Mean = field(default_factory=Mean)
    effective: Mean = field(default_factory=Mean)
    improvement: Mean = field(default_factory=Mean)
    improved: Mean = field(default_factory=Mean)
    outside: Mean = field(default_factory=Mean)
    displayed_qty: int = 0
    size_improved_qty: int = 0
    horizons: list[_Horizon] = field(default_factory=list)
    times: Durations = field(default_factory=Durations)

    def merge(self, other: "_Cell") -> None:
        """Count what another row has counted."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _MEANS:
            getattr(self, name).merge(getattr(other, name))
        self.excluded += other.excluded
        for mine, theirs in zip(self.horizons, other.horizons, strict=True):
            mine.realised.merge(theirs.realised)
            mine.impact.merge(theirs.impact)
        self.times.merge(other.times)


_COUNTS: Final = (
    "orders",
    "order_qty",
    "executed_qty",
    "open_qty",
    "rejected_orders",
    "rejected_qty",
    "executions",
    "displayed_qty",
    "size_improved_qty",
)
_MEANS: Final = ("quoted", "effective", "improvement", "improved", "outside")


class QualityTable:
    """Gathers receipts, and gives the table.

    Args:
        trail: The run.
        touches: Its venues' quotes.
        horizons_ns: Horizons of the realised spread, > 0.
        time_edges_ns: Ends of the buckets of the time to execution, rising.
    """

    def __init__(
        self,
        trail: Trail,
        touches: Touches,
        *,
        horizons_ns: tuple[int, ...] = HORIZONS_NS,
        time_edges_ns: tuple[int, ...] = TIME_EDGES_NS,
    ) -> None:
        self._trail = trail
        self._touches = touches
        self._horizons_ns = horizons_ns
        self._edges_ns = time_edges_ns
        self._cells: dict[tuple[str, str], _Cell] = {}

    def add(self, receipts: Iterable[Receipt]) -> None:
        """Take orders."""
        for receipt in receipts:
            key = receipt.child.sent.venue_id, receipt.order_type.value
            cell = self._cells.get(key)
            if cell is None:
                cell = self._cells[key] = self._empty()
            self._add_order(receipt, cell)
            start_ns = _executable_ns(receipt, self._trail.market.nbbo)
            for one in receipt.child.executions:
                cell.executions += bool(one.qty)  # one that was taken back may have left a fee
                if start_ns is not None:
                    cell.times.add(max(0, one.done_ns - start_ns), one.qty)
                self._compare(cell, receipt, one)

    def rows(self) -> list[dict[str, Any]]:
        """A row per venue and order type, in the scenario's order, then one per type for all.

        The latter's ``venue_id`` is None.
        """
        rows = [
            self._row(venue_id, kind, self._cells[venue_id, kind.value])
            for venue_id in self._trail.venues
            for kind in OrderType
            if (venue_id, kind.value) in self._cells
        ]
        for kind in OrderType:
            parts = [cell for (_, of_kind), cell in self._cells.items() if of_kind == kind.value]
            if parts:
                every = self._empty()
                for part in parts:
                    every.merge(part)
                rows.append(self._row(None, kind, every))
        return rows

    def _empty(self) -> _Cell:
        return _Cell(horizons=[_Horizon() for _ in self._horizons_ns])

    def _add_order(self, receipt: Receipt, cell: _Cell) -> None:
        child = receipt.child
        asked, filled = child.requested_qty, child.filled_qty
        if child.rejected is not None:
            cell.rejected_orders += 1
            cell.rejected_qty += asked
            return
        displayed = size_improved = 0
        far = receipt.far
        if receipt.order_type in _TAKES and far is not None and receipt.t_ns is not None:
            sign = receipt.sign
            shown = self._touches.displayed(receipt.t_ns, sign, far)
            displayed = min(shown, asked)
            good = sum(one.qty for one in child.executions if sign * (far - one.px) >= 0)
            size_improved = max(0, good - shown)
        cell.orders += 1
        cell.order_qty += asked
        cell.executed_qty += filled
        cell.open_qty += 0 if child.ended_ns is not None else child.leaves_qty
        cell.displayed_qty += displayed
        cell.size_improved_qty += size_improved

    def _compare(self, cell: _Cell, receipt: Receipt, one: Execution) -> None:
        """Count an execution against the market, as far as there was one."""
        sign, far, px, qty = receipt.sign, receipt.far, one.px, one.qty
        sound = receipt.quoted is Quoted.NORMAL
        known = sound or receipt.quoted is Quoted.ONE_SIDED
        if known and far is not None and receipt.order_type in _AGAINST_FAR:
            better = sign * (far - px)
            cell.improvement.add(better, qty)
            if better > 0:
                cell.improved.add(better, qty)
            elif better < 0:
                cell.outside.add(-better, qty)
        if not sound:
            cell.excluded[receipt.quoted] += qty
            return
        assert receipt.bid is not None
        assert receipt.ask is not None
        effective = sign * (2 * px - receipt.bid - receipt.ask)
        cell.quoted.add(receipt.ask - receipt.bid, qty)
        cell.effective.add(effective, qty)
        nbbo, left_ns = self._trail.market.nbbo, self._trail.end_ns - one.done_ns
        for horizon_ns, horizon in zip(self._horizons_ns, cell.horizons, strict=True):
            if horizon_ns > left_ns:
                continue
            later = nbbo.mid_x2(nbbo.at(one.done_ns + horizon_ns))
            if later is not None:
                realised = sign * (2 * px - later)
                horizon.realised.add(realised, qty)
                horizon.impact.add(effective - realised, qty)

    def _row(self, venue_id: str | None, kind: OrderType, cell: _Cell) -> dict[str, Any]:
        units = self._trail.units
        return {
            "venue_id": venue_id,
            "kind": None if venue_id is None else self._trail.kinds.get(venue_id),
            "order_type": kind.value,
            "orders": cell.orders,
            "order_qty": cell.order_qty,
            "executed_qty": cell.executed_qty,
            "canceled_qty": cell.order_qty - cell.executed_qty - cell.open_qty,
            "open_qty": cell.open_qty,
            "rejected_orders": cell.rejected_orders,
            "rejected_qty": cell.rejected_qty,
            "fill_rate_pct": percent(cell.executed_qty, cell.order_qty),
            "executions": cell.executions,
            **_spreads(cell, units),
            **_improvements(cell, units, kind),
            "realised": [
                {
                    "horizon_ns": horizon_ns,
                    "qty": horizon.realised.lots,
                    "spread": horizon.realised.text(units),
                    "impact": horizon.impact.text(units),
                }
                for horizon_ns, horizon in zip(self._horizons_ns, cell.horizons, strict=True)
            ],
            "time_to_execution": cell.times.row(self._edges_ns),
        }


def _executable_ns(receipt: Receipt, nbbo: NbboSeries) -> int | None:
    """From when an order's time counts; None where that is unknown or never came."""
    start_ns = receipt.t_ns
    child = receipt.child
    if start_ns is None or receipt.order_type not in _BEHIND or not child.executions:
        return start_ns
    last_ns = child.executions[-1].done_ns
    price, sign = child.sent.price, child.sign
    near = nbbo.bid if sign > 0 else nbbo.ask
    row, rows = receipt.row, len(nbbo)
    while row < rows and nbbo.t_ns[row] <= last_ns:
        best = near[row]
        if best == NO_PX or sign * (price - best) >= 0:  # on an empty side it is the best itself
            return max(start_ns, nbbo.t_ns[row])
        row += 1
    return last_ns


def _spreads(cell: _Cell, units: Units) -> dict[str, Any]:
    quoted = cell.quoted.tick_lots
    return {
        "measured_qty": cell.quoted.lots,
        "excluded_qty": {
            why.value: cell.excluded[why] for why in Quoted if why is not Quoted.NORMAL
        },
        "quoted_spread": cell.quoted.text(units),
        "effective_spread": cell.effective.text(units),
        "effective_over_quoted_pct": percent(cell.effective.tick_lots, quoted),
    }


def _improvements(cell: _Cell, units: Units, kind: OrderType) -> dict[str, Any]:
    """Against the best price of the other side; None for what is not compared with it."""
    improved, outside, every = cell.improved, cell.outside, cell.improvement
    compared, takes = kind in _AGAINST_FAR, kind in _TAKES
    return {
        "improved_qty": improved.lots if compared else None,
        "improved_avg": improved.text(units),
        "at_quote_qty": every.lots - improved.lots - outside.lots if compared else None,
        "outside_qty": outside.lots if compared else None,
        "outside_avg": outside.text(units),
        "improvement_avg": every.text(units),
        "displayed_qty": cell.displayed_qty if takes else None,
        "size_improved_qty": cell.size_improved_qty if takes else None,
    }
