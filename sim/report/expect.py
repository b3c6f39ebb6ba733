"""What a scenario expects of its run: thresholds on metrics, judged on the summary alone.

A metric is one number over all parents of a run, computed from ``summary.json``; a threshold is an
operator and a plain decimal. Prices and basis points are judged as printed (8 and 6 decimals), so
that what a person reads is what was judged. Knows no scenario and no log.
"""

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, Inexact, localcontext
from typing import Any, Final, NamedTuple

from sim.protocol.units import UnitError, parse_decimal, plain, quotient_text

Summary = Mapping[str, Any]

OPERATORS: Final[dict[str, Callable[[Decimal, Decimal], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_THRESHOLD: Final = re.compile(r"(==|!=|<=|>=|<|>) ?(\S+)")
# Finer than one lot of the largest order, so that 1 means filled to the last lot.
_RATE_STEP: Final = Decimal("1e-18")
_PRICE_STEP: Final = Decimal("1e-8")
# Sums of money are exact: one that needed rounding would raise.
_EXACT: Final = Context(prec=80, traps=[Inexact])


class Threshold(NamedTuple):
    """An operator of ``OPERATORS`` and the number on its right."""

    operator: str
    bound: Decimal

    def met_by(self, value: Decimal | None) -> bool:
        """Whether ``value`` lies as asked; an undefined value (None) meets nothing."""
        return value is not None and OPERATORS[self.operator](value, self.bound)


def parse_threshold(text: str) -> Threshold:
    """Read ``>= 0.95``, with at most one space between operator and number.

    Raises:
        UnitError: If the text has any other form.
    """
    match = _THRESHOLD.fullmatch(text) if len(text) <= 60 else None
    if match is None:
        raise UnitError(
            f"must be one of {' '.join(OPERATORS)} and a number, such as '>= 0.95', "
            f"was {text[:60]!a}"
        )
    return Threshold(match[1], parse_decimal(match[2]))


def judge(expect: Mapping[str, str], summary: Summary) -> list[dict[str, Any]]:
    """One row ``{"metric", "threshold", "value", "met"}`` per expectation, in the order given.

    Args:
        expect: Metric -> threshold, as the scenario has them.
        summary: ``summary.json`` without its ``expect``.

    Raises:
        ValueError: If a metric is unknown or a threshold cannot be read.
    """
    rows = []
    for name, text in expect.items():
        value = measure(name, summary)
        met = parse_threshold(text).met_by(value)
        shown = None if value is None else plain(value)
        rows.append({"metric": name, "threshold": text, "value": shown, "met": met})
    return rows


def measure(name: str, summary: Summary) -> Decimal | None:
    """The value of one metric of ``METRICS``; None where it is undefined.

    Raises:
        ValueError: If there is no such metric.
    """
    if name not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, was {name!r}")
    with localcontext(_EXACT):
        return METRICS[name](summary)


# The metrics, to be called through ``measure``. A docstring is what `sorsim list metrics` says.


def fill_rate(summary: Summary) -> Decimal | None:
    """Filled part of what was ordered, 0 to 1; undefined without a parent.

    Source: own convention: CumQty over OrderQty of FIX.
    """
    ordered = _sum(summary, "order_qty")
    return _quotient(_sum(summary, "filled_qty"), ordered, _RATE_STEP) if ordered else None


def order_qty(summary: Summary) -> Decimal:
    """Lots ordered.

    Source: FIX OrderQty (38).
    """
    return _sum(summary, "order_qty")


def filled_qty(summary: Summary) -> Decimal:
    """Lots filled.

    Source: FIX CumQty (14).
    """
    return _sum(summary, "filled_qty")


def canceled_qty(summary: Summary) -> Decimal:
    """Lots given up when their parents ended.

    Source: own convention: OrderQty less CumQty and LeavesQty of FIX.
    """
    return _sum(summary, "canceled_qty")


def leaves_qty(summary: Summary) -> Decimal:
    """Lots still open at the end, because the run stopped before their parents did.

    Source: FIX LeavesQty (151).
    """
    return _sum(summary, "leaves_qty")


def notional(summary: Summary) -> Decimal:
    """Money traded, price times quantity, without fees.

    Source: own convention: exact, without rounding.
    """
    return _sum(summary, "notional")


def fees(summary: Summary) -> Decimal:
    """Fees paid, in money; rebates count negative.

    Source: FIX Commission (12), the fee schedules of the venues.
    """
    return _sum(summary, "fees")


def avg_px(summary: Summary) -> Decimal | None:
    """Average price of all fills, weighted by quantity; undefined without a fill.

    Source: FIX AvgPx (6).
    """
    qty = _sum(summary, "filled_qty") * Decimal(summary["instrument"]["lot_size"])
    return _quotient(_sum(summary, "notional"), qty, _PRICE_STEP) if qty else None


def shortfall_bps(summary: Summary) -> Decimal | None:
    """Cost against the mids at arrival, without fees, in basis points of what was filled there.

    Positive is a loss on either side. Undefined without a fill, or if a filled parent has no
    arrival mid.

    Source: Perold, The Implementation Shortfall: Paper versus Reality (1988), its price part
    for what was filled.
    """
    lot_size = Decimal(summary["instrument"]["lot_size"])
    cost, base = Decimal(0), Decimal(0)
    for parent in summary["parents"]:
        if parent["filled_qty"] == 0:
            continue
        if parent["shortfall_bps"] is None:
            return None
        at_arrival = Decimal(parent["arrival_mid"]) * parent["filled_qty"] * lot_size
        sign = 1 if parent["side"] == "buy" else -1
        cost += sign * (Decimal(parent["notional"]) - at_arrival)
        base += at_arrival
    return Decimal(quotient_text(cost * 10_000, base)) if base else None


def children(summary: Summary) -> Decimal:
    """Child orders sent.

    Source: own convention: a count of the audit log.
    """
    return _sum(summary, "children")


def reallocations(summary: Summary) -> Decimal:
    """Decisions that sent shares anew which had come back unfilled.

    Source: own convention: a count of the audit log.
    """
    return _sum(summary, "reallocations")


def fills(summary: Summary) -> Decimal:
    """Fills received.

    Source: own convention: a count of the audit log.
    """
    return Decimal(sum(venue["fills"] for venue in summary["venues"].values()))


def rejects(summary: Summary) -> Decimal:
    """Child orders that venues refused.

    Source: own convention: a count of the audit log, FIX ExecType Rejected.
    """
    return Decimal(sum(venue["rejects"] for venue in summary["venues"].values()))


def breaches(summary: Summary) -> Decimal:
    """Breaches of the controls between router and venues, the kill switch with them.

    Source: own convention: a count of the audit log.
    """
    return Decimal(sum(summary.get("controls", {}).values()))


METRICS: Final[dict[str, Callable[[Summary], Decimal | None]]] = {
    metric.__name__: metric
    for metric in (
        fill_rate,
        order_qty,
        filled_qty,
        canceled_qty,
        leaves_qty,
        avg_px,
        notional,
        fees,
        shortfall_bps,
        children,
        fills,
        rejects,
        breaches,
        reallocations,
    )
}
"""Metric name -> function of the summary; None where the metric is undefined."""


def _sum(summary: Summary, name: str) -> Decimal:
    return sum((Decimal(parent[name]) for parent in summary["parents"]), Decimal(0))


def _quotient(numerator: Decimal, denominator: Decimal, step: Decimal) -> Decimal:
    return Decimal(quotient_text(numerator, denominator, step))
