"""``summary.json``: what a run came to, computed from the audit records alone.

A ``SummaryBuilder`` is fed with the records, while they are written (``observers``) or read back
from a log (``observe``); both give the same summary. Quantities are lots, prices and money decimal
text, latencies whole nanoseconds; what is undefined is None. Knows no file, no clock and no table
layout.

A *reallocation* is a decision that sends at least one child because shares came back: after a
partial fill, a reject, a timeout or a bust. Sending more as new quotes come is none.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from typing import Any, Final

from sim.audit.order_records import taken_back
from sim.audit.records import (
    BookAtArrival,
    Bust,
    CancelRejected,
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    ChildReplaced,
    ChildSent,
    ControlBreach,
    Correction,
    Decision,
    Exposure,
    Fill,
    Overfill,
    ParentDone,
    ParentReceived,
    Record,
    RequestPending,
    RunFinished,
    RunStarted,
    VenueEvent,
)
from sim.protocol.enums import Control, DecisionReason, Outcome, Side
from sim.protocol.units import Units, parse_decimal, plain, quotient_text
from sim.report.expect import judge

CAME_BACK: Final = (
    DecisionReason.PARTIAL_FILL,
    DecisionReason.REJECT,
    DecisionReason.TIMEOUT,
    DecisionReason.BUST,
)

SCHEMA: Final = "sorsim-summary/1"

# A sum of fees that needed rounding would raise.
_EXACT: Final = Context(prec=80, traps=[Inexact])


@dataclass(slots=True)
class _Traded:
    """What was sent and filled of one parent at one venue."""

    routed_qty: int = 0
    filled_qty: int = 0
    tick_lots: int = 0
    fees: Decimal = Decimal(0)

    def add(self, other: "_Traded") -> None:
        self.routed_qty += other.routed_qty
        self.filled_qty += other.filled_qty
        self.tick_lots += other.tick_lots
        self.fees = _EXACT.add(self.fees, other.fees)


@dataclass(slots=True)
class _Parent:
    """One parent order so far; ``mid_x2`` is bid plus ask at its arrival, in ticks.

    ``busted_after_qty`` are the lots that venues took back after its end.
    """

    received: ParentReceived
    mid_x2: int | None
    venues: dict[str, _Traded] = field(default_factory=dict)
    children: int = 0
    reallocations: int = 0
    busted_qty: int = 0
    busted_after_qty: int = 0
    done: ParentDone | None = None
    leakage: Exposure | None = None


@dataclass(slots=True)
class _Leg:
    """Travel times of the messages one way: drawn and held part together, in ns."""

    count: int = 0
    sum_ns: int = 0
    max_ns: int = 0

    def add(self, ns: int) -> None:
        self.count += 1
        self.sum_ns += ns
        self.max_ns = max(self.max_ns, ns)

    def figures(self, name: str) -> dict[str, int | None]:
        """Mean (rounded half-even to whole ns) and maximum; None if no message went this way."""
        mean = round(Fraction(self.sum_ns, self.count)) if self.count else None
        return {f"{name}_ns_mean": mean, f"{name}_ns_max": self.max_ns if self.count else None}


@dataclass(slots=True)
class _Venue:
    """What happened at one venue over all parents."""

    children: int = 0
    fills: int = 0
    rejects: int = 0
    busts: int = 0
    order: _Leg = field(default_factory=_Leg)
    report: _Leg = field(default_factory=_Leg)


_Report = (
    Bust
    | Correction
    | ChildAcked
    | ChildRejected
    | Fill
    | ChildCanceled
    | ChildReplaced
    | Overfill
    | CancelRejected
    | RequestPending
)


class SummaryBuilder:
    """Builds one run's summary from its records, in their order, the first being ``RunStarted``."""

    def __init__(self) -> None:
        self._started: RunStarted | None = None
        self._outcome = Outcome.ABORTED  # until the log says otherwise
        self._parents: dict[str, _Parent] = {}
        self._venues: dict[str, _Venue] = {}
        self._breaches: dict[Control, int] = {}
        self._down: list[dict[str, Any]] = []
        self._observers: dict[type[Record], Callable[[Any], None]] = {
            RunStarted: self._on_started,
            ParentReceived: self._on_parent,
            Decision: self._on_decision,
            ChildSent: self._on_child,
            BookAtArrival: self._on_arrival,
            ChildAcked: self._on_report,
            ChildRejected: self._on_reject,
            Fill: self._on_fill,
            Bust: self._on_taken_back,
            Correction: self._on_taken_back,
            ChildCanceled: self._on_report,
            ChildReplaced: self._on_report,
            Overfill: self._on_overfill,
            CancelRejected: self._on_report,
            RequestPending: self._on_report,
            ControlBreach: self._on_breach,
            VenueEvent: self._on_venue_event,
            ParentDone: self._on_done,
            RunFinished: self._on_finished,
        }

    def observers(self) -> dict[type[Record], Callable[[Any], None]]:
        """What to call with each record of these types; the others do not matter here."""
        return dict(self._observers)

    def observe(self, record: Record) -> None:
        """Take one record of any type."""
        observer = self._observers.get(type(record))
        if observer is not None:
            observer(record)

    def summary(self, audit_head: str) -> dict[str, Any]:
        """The summary of what was seen so far.

        Without a ``RunFinished`` its outcome is ``aborted``.

        Args:
            audit_head: SHA-256 (hex) of the log's last line.

        Raises:
            ValueError: If no ``RunStarted`` was seen.
        """
        if self._started is None:
            raise ValueError("records must begin with run_started, found none")
        scenario = self._started.scenario
        instrument = scenario["instrument"]
        units = Units(
            parse_decimal(str(instrument["tick_size"])), parse_decimal(str(instrument["lot_size"]))
        )
        # Venues in the order of the scenario, wherever they are listed.
        order = list(dict.fromkeys([*(venue["id"] for venue in scenario["venues"]), *self._venues]))
        summary: dict[str, Any] = {
            "schema": SCHEMA,
            "scenario": scenario["name"],
            "seed": self._started.seed,
            "outcome": self._outcome.value,
            "audit_head": audit_head,
            "instrument": {
                "symbol": instrument["symbol"],
                "tick_size": plain(units.tick_size),
                "lot_size": plain(units.lot_size),
            },
            "parents": [_parent_row(parent, units, order) for parent in self._parents.values()],
            "venues": {venue_id: self._venue_row(venue_id, units, scenario) for venue_id in order},
        }
        if self._breaches:
            summary["controls"] = {
                control.value: self._breaches[control]
                for control in Control
                if control in self._breaches
            }
        if self._down:
            summary["down"] = self._down
        summary["expect"] = judge(scenario.get("expect") or {}, summary)
        return summary

    # One method per type of record.

    def _on_started(self, record: RunStarted) -> None:
        self._started = record

    def _on_parent(self, record: ParentReceived) -> None:
        bid, ask = record.bid_px, record.ask_px
        mid_x2 = None if bid is None or ask is None else bid + ask
        self._parents[record.parent_id] = _Parent(record, mid_x2)

    def _on_decision(self, record: Decision) -> None:
        if record.leakage is not None:
            self._parents[record.parent_id].leakage = record.leakage
        if not (record.split or record.posts):
            return
        parent = self._parents[record.parent_id]
        if record.reason in CAME_BACK:
            parent.reallocations += 1

    def _on_child(self, record: ChildSent) -> None:
        parent = self._parents[record.parent_id]
        parent.children += 1
        traded = parent.venues.get(record.venue_id)
        if traded is None:
            traded = parent.venues[record.venue_id] = _Traded()
        traded.routed_qty += record.order_qty
        self._venue(record.venue_id).children += 1

    def _on_arrival(self, record: BookAtArrival) -> None:
        self._venue(record.venue_id).order.add(record.drawn_ns + record.held_ns)

    def _on_report(self, record: _Report) -> None:
        self._venue(record.venue_id).report.add(record.drawn_ns + record.held_ns)

    def _on_reject(self, record: ChildRejected) -> None:
        self._venue(record.venue_id).rejects += 1
        self._on_report(record)

    def _on_fill(self, record: Fill) -> None:
        traded = self._parents[record.parent_id].venues[record.venue_id]
        traded.filled_qty += record.last_qty
        traded.tick_lots += record.last_px * record.last_qty
        traded.fees = _EXACT.add(traded.fees, Decimal(record.fee))
        self._venue(record.venue_id).fills += 1
        self._on_report(record)

    def _on_overfill(self, record: Overfill) -> None:
        if not record.booked_qty:  # else the fill that follows is of the same report
            self._on_report(record)

    def _on_taken_back(self, record: Bust | Correction) -> None:
        parent = self._parents[record.parent_id]
        traded = parent.venues[record.venue_id]
        lots, tick_lots = taken_back(record)
        traded.filled_qty -= lots
        traded.tick_lots -= tick_lots
        traded.fees = _EXACT.add(traded.fees, Decimal(record.fee))
        busted = lots - record.reopened_qty
        parent.busted_qty += busted
        if parent.done is not None:
            parent.busted_after_qty += busted
        self._venue(record.venue_id).busts += 1
        self._on_report(record)

    def _on_breach(self, record: ControlBreach) -> None:
        self._breaches[record.control] = self._breaches.get(record.control, 0) + 1

    def _on_venue_event(self, record: VenueEvent) -> None:
        """Note when a venue was down, and of what; ``until_ns`` is None while it is."""
        if record.event == "down":
            row = {"venue_id": record.venue_id, "from_ns": record.t_ns, "until_ns": None}
            self._down.append({**row, "error": record.detail})
        elif record.event == "up":
            for row in self._down:
                if row["venue_id"] == record.venue_id and row["until_ns"] is None:
                    row["until_ns"] = record.t_ns

    def _on_done(self, record: ParentDone) -> None:
        self._parents[record.parent_id].done = record

    def _on_finished(self, record: RunFinished) -> None:
        self._outcome = record.outcome

    def _venue(self, venue_id: str) -> _Venue:
        venue = self._venues.get(venue_id)
        if venue is None:
            venue = self._venues[venue_id] = _Venue()
        return venue

    def _venue_row(
        self, venue_id: str, units: Units, scenario: Mapping[str, Any]
    ) -> dict[str, Any]:
        total = _total(
            parent.venues[venue_id]
            for parent in self._parents.values()
            if venue_id in parent.venues
        )
        venue = self._venues.get(venue_id, _Venue())
        return {
            **_traded_row(total, units),
            "children": venue.children,
            "fills": venue.fills,
            "rejects": venue.rejects,
            "busts": venue.busts,
            **venue.order.figures("order_latency"),
            **venue.report.figures("report_latency"),
            **_in_own_currency(scenario, venue_id, total, units),
        }


def _parent_row(parent: _Parent, units: Units, order: list[str]) -> dict[str, Any]:
    received, done = parent.received, parent.done
    total = _total(parent.venues.values())
    canceled_qty = done.canceled_qty + parent.busted_after_qty if done else 0
    return {
        "parent_id": received.parent_id,
        "side": received.side.value,
        "order_qty": received.order_qty,
        "filled_qty": total.filled_qty,
        "leaves_qty": received.order_qty - total.filled_qty - canceled_qty,
        "canceled_qty": canceled_qty,
        "busted_qty": parent.busted_qty,
        "avg_px": units.avg_px_text(total.tick_lots, total.filled_qty),
        "notional": plain(units.notional(total.tick_lots)),
        "fees": plain(total.fees),
        "arrival_mid": units.mid_text(parent.mid_x2),
        "shortfall_bps": _shortfall_text(parent, total),
        "children": parent.children,
        "reallocations": parent.reallocations,
        "end_reason": done.end_reason.value if done else None,
        **_leakage_row(parent.leakage),
        "venues": {
            venue_id: _traded_row(parent.venues[venue_id], units)
            for venue_id in order
            if venue_id in parent.venues
        },
    }


def _leakage_row(last: Exposure | None) -> dict[str, Any]:
    """How likely a parent was to be noticed; nothing where the scenario does not ask."""
    if last is None:
        return {}
    row = {
        "visible_qty": last.visible_qty,
        "detect_prob": last.detect_prob,
        "reduction": last.reduction,
        "detect_prob_max": last.detect_prob_max,
    }
    return {"leakage": row}


def _in_own_currency(
    scenario: Mapping[str, Any], venue_id: str, total: _Traded, units: Units
) -> dict[str, Any]:
    """The average price as the venue knows it, for one that has a currency of its own."""
    for venue in scenario["venues"]:
        currency = venue.get("currency") if venue["id"] == venue_id else None
        if currency is not None:
            rate = parse_decimal(str(currency["rate"]))
            lots, paid = total.filled_qty, units.tick_size * total.tick_lots
            own = quotient_text(paid, rate * lots, Decimal("0.00000001")) if lots else None
            row = {"code": currency["code"], "rate": plain(rate), "avg_px": own}
            return {"currency": row}
    return {}


def _traded_row(traded: _Traded, units: Units) -> dict[str, Any]:
    return {
        "routed_qty": traded.routed_qty,
        "filled_qty": traded.filled_qty,
        "avg_px": units.avg_px_text(traded.tick_lots, traded.filled_qty),
        "fees": plain(traded.fees),
    }


def _total(parts: Iterable[_Traded]) -> _Traded:
    total = _Traded()
    for part in parts:
        total.add(part)
    return total


def _shortfall_text(parent: _Parent, total: _Traded) -> str | None:
    """``s * 1e4 * (avg_px - mid) / mid`` in lots and ticks, so that it is rounded once only."""
    if not parent.mid_x2 or not total.filled_qty:
        return None
    sign = 1 if parent.received.side is Side.BUY else -1
    at_mid_x2 = parent.mid_x2 * total.filled_qty
    cost_x2 = sign * (2 * total.tick_lots - at_mid_x2)
    return quotient_text(Decimal(10_000 * cost_x2), Decimal(at_mid_x2))
