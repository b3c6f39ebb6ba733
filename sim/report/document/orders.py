"""Parents and children of a trail as plain rows of the report.

Quantities are lots, prices and money decimal text, times nanoseconds since the start of the run;
what is undefined is None. Knows no file and no layout.
"""

from decimal import Decimal
from typing import Any, Final

from sim.protocol.units import Units, plain
from sim.report.summary import CAME_BACK
from sim.report.trail.build import Trail
from sim.report.trail.orders import EXACT, Child, Execution, Parent

LEVELS_MAX: Final = 10
"""Levels of the book on arrival that a row lists."""


def parent_row(parent: Parent, units: Units) -> dict[str, Any]:
    """One parent, without what analyses add."""
    received, done = parent.received, parent.done
    filled, tick_lots = parent.filled_qty, parent.tick_lots
    canceled = 0
    if done is not None:
        # What venues took back after the parent's end counts as canceled.
        canceled = done.canceled_qty + max(0, done.filled_qty - filled)
    return {
        "parent_id": received.parent_id,
        "side": received.side.value,
        "order_qty": received.order_qty,
        "filled_qty": filled,
        "canceled_qty": canceled,
        "leaves_qty": received.order_qty - filled - canceled,
        "avg_px": units.avg_px_text(tick_lots, filled),
        "notional": plain(units.notional(tick_lots)),
        "fees": plain(parent.fees),
        "arrival_mid": half_ticks_text(parent.arrival_mid_x2, units),
        "limit_px": price_text(received.limit_px, units),
        "received_ns": received.t_ns,
        "deadline_ns": received.deadline_ns,
        "done_ns": None if done is None else done.t_ns,
        "end_reason": None if done is None else done.end_reason.value,
        "children": len(parent.children),
        "decisions": len(parent.decisions),
        "reallocations": sum(
            1 for one in parent.decisions if one.reason in CAME_BACK and (one.split or one.posts)
        ),
    }


def child_rows(trail: Trail) -> list[dict[str, Any]]:
    """All children in the order in which they left."""
    texts = _Texts(trail.units)
    return [_child_row(child, texts) for child in trail.children.values()]


def end_of(child: Child) -> str:
    """How a child ended, in one word."""
    if child.rejected is not None:
        return "rejected"
    if child.canceled is not None:
        return "canceled"
    if child.written_off is not None:
        return "written_off"
    return "open" if child.ended_ns is None else "filled"


def half_ticks_text(half_ticks: int | None, units: Units) -> str | None:
    """Decimal text of a price in half ticks."""
    if half_ticks is None:
        return None
    return plain(EXACT.divide(EXACT.multiply(units.tick_size, Decimal(half_ticks)), Decimal(2)))


def price_text(ticks: int | None, units: Units) -> str | None:
    """Decimal text of a price."""
    return None if ticks is None else units.price_text(ticks)


class _Texts:
    """Numbers as text: few prices, averages and fees stand behind many rows."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._prices: dict[int | None, str | None] = {None: None}
        self._averages: dict[int, str | None] = {}
        self._fees: dict[Decimal, str] = {}

    def price(self, ticks: int | None) -> str | None:
        found = self._prices.get(ticks)
        if found is None and ticks is not None:
            found = self._prices[ticks] = self._units.price_text(ticks)
        return found

    def average(self, tick_lots: int, lots: int) -> str | None:
        if not lots:
            return None
        ticks, rest = divmod(tick_lots, lots)
        if rest:
            return self._units.avg_px_text(tick_lots, lots)
        found = self._averages.get(ticks)
        if found is None:
            found = self._averages[ticks] = self._units.avg_px_text(ticks, 1)
        return found

    def fee(self, fee: Decimal) -> str:
        found = self._fees.get(fee)
        if found is None:
            found = self._fees[fee] = plain(fee)
        return found


def _child_row(child: Child, texts: _Texts) -> dict[str, Any]:
    sent, arrival = child.sent, child.arrival
    price = texts.price
    filled = tick_lots = 0
    fees = Decimal(0)
    executions = []
    for one in child.executions:
        filled += one.qty
        tick_lots += one.px * one.qty
        fees = EXACT.add(fees, one.fee)
        executions.append(_execution_row(one, texts))
    return {
        "cl_ord_id": sent.cl_ord_id,
        "parent_id": sent.parent_id,
        "decision_id": sent.decision_id,
        "venue_id": sent.venue_id,
        "side": sent.side.value,
        "order_qty": sent.order_qty,
        "requested_qty": child.requested_qty,
        "price": price(sent.price),
        "time_in_force": sent.time_in_force.value,
        "min_qty": sent.min_qty,
        "shown_px": price(sent.shown_px),
        "quote_age_ns": None if child.known is None else child.known.age_ns,
        "sent_ns": sent.t_ns,
        "arrived_ns": None if arrival is None else arrival.t_ns,
        "ended_ns": child.ended_ns,
        "end": end_of(child),
        "reject_reason": None if child.rejected is None else child.rejected.reason.value,
        "filled_qty": filled,
        "short_qty": child.requested_qty - filled,
        "avg_px": texts.average(tick_lots, filled),
        "fees": texts.fee(fees),
        "executions": executions,
        "arrival": None
        if arrival is None
        else [[price(px), qty] for px, qty in arrival.levels[:LEVELS_MAX]],
    }


def _execution_row(one: Execution, texts: _Texts) -> dict[str, Any]:
    return {
        "px": texts.price(one.px),
        "qty": one.qty,
        "fee": texts.fee(one.fee),
        "is_maker": one.is_maker,
        "best_px": texts.price(one.best_px),
        "done_ns": one.done_ns,
        "heard_ns": one.heard_ns,
    }
