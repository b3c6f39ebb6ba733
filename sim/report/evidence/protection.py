"""Order protection: executions of ours at a worse price than another venue displayed, and why.

What is looked at is each execution in which our order took: the party that takes is the one that
passes a quote by. Protected are the best displayed quotes of lit venues other than the one that
executed, as they stood then, before our own orders changed them. Prices count without fees.

Each such pair of execution and venue gets one reason, by what the log says the router knew, and
the exceptions of the public rule that it has in kind.

Source: Regulation NMS, rule 611 and rule 600(b)(38) in kind; own convention for the reasons. No
legal claim.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any, Final

from sim.audit.records import Decision, KnownQuote
from sim.protocol.units import NS_PER_UNIT, plain
from sim.report.evidence.receipts import Touches, best_prices, received_ns
from sim.report.trail.build import Trail
from sim.report.trail.market import NO_PX
from sim.report.trail.orders import Child, Execution

FLICKER_NS: Final = NS_PER_UNIT["s"]
"""A quote that was no better within this time before is a flickering one."""

APPROXIMATIONS: Final = (
    "Only executions in which our order took are looked at.",
    "Protected quotes are the true best displayed ones of lit venues as they stood at the "
    "execution, before our own orders changed them; fees do not count.",
    "Exceptions are those of the public rule in kind: an intermarket sweep is a child of the same "
    "decision for all that was displayed; flickering looks at the second before.",
    "There is one reason for each passed quote: the first that applies, in the order in which they "
    "are listed.",
)


@unique
class Reason(Enum):
    """Why a better displayed quote elsewhere was passed by, in the order of asking."""

    SWEPT_AT_ONCE = "swept_at_once"
    SWEPT_IN_PART = "swept_in_part"
    OWN_ORDER_ON_ITS_WAY = "own_order_on_its_way"
    NOT_RECORDED = "not_recorded"
    VENUE_LEFT_OUT = "venue_left_out"
    NOT_KNOWN_YET = "not_known_yet"
    HELD_TO_BE_GONE = "held_to_be_gone"
    FEES = "fees"
    STRATEGY = "strategy"


MEANINGS: Final = {
    Reason.SWEPT_AT_ONCE: "the same decision sent an order there for all that was displayed",
    Reason.SWEPT_IN_PART: "the same decision sent an order there for less than was displayed",
    Reason.OWN_ORDER_ON_ITS_WAY: "an order of another decision of ours was on its way there",
    Reason.NOT_RECORDED: "the log has no decision for the child",
    Reason.VENUE_LEFT_OUT: "the decision could not, or would not, use that venue, and says why",
    Reason.NOT_KNOWN_YET: "the quote is newer than what the router had heard as it decided",
    Reason.HELD_TO_BE_GONE: "the router knew the quote, but took its lots for gone: own orders had "
    "taken them, or might still",
    Reason.FEES: "with fees the passed quote was no better",
    Reason.STRATEGY: "the router knew it as better, could have used it, and split otherwise",
}


@dataclass(frozen=True, slots=True)
class TradeThrough:
    """One execution that passed one venue's better quote by; prices are ticks."""

    execution: Execution
    venue_id: str
    """Where the better quote was."""
    price: int
    qty: int
    """Displayed at it."""
    reason: Reason
    detail: str
    """What the decision said of the venue, for ``venue_left_out``; else empty."""
    exceptions: tuple[str, ...]
    """Of ``self_help``, ``crossed_market``, ``intermarket_sweep`` and ``flickering``."""


class ProtectionCheck:
    """Looks at a run's executions.

    Args:
        trail: The run.
        touches: Its venues' quotes.
    """

    def __init__(self, trail: Trail, touches: Touches) -> None:
        self._trail = trail
        self._touches = touches
        self._siblings: dict[int, list[Child]] = {}
        for child in trail.children.values():
            self._siblings.setdefault(child.sent.decision_id, []).append(child)
        self._under_way: dict[str, tuple[list[int], list[int]]] = {}

    def found(self) -> Iterator[TradeThrough]:
        """All trade-throughs, child by child in the order in which they left."""
        for child in self._trail.children.values():
            for one in child.executions:
                if not one.is_maker and one.qty:
                    yield from self._passed(child, one)

    def _passed(self, child: Child, one: Execution) -> Iterator[TradeThrough]:
        sign, t_ns = child.sign, one.done_ns
        if not self._may_pass(one, sign):
            return
        _, bid, ask = best_prices(self._trail, t_ns)
        for venue_id in self._trail.venues:
            if venue_id == child.venue_id or venue_id not in self._trail.lit:
                continue
            shown = self._touches.side(venue_id, t_ns, sign)
            if shown is None or sign * (one.px - shown[0]) <= 0:
                continue
            price, qty, row = shown
            reason, detail = self._reason(child, one, venue_id, shown)
            exceptions = []
            if reason is Reason.VENUE_LEFT_OUT and detail in _SELF_HELP:
                exceptions.append("self_help")
            if bid is not None and ask is not None and bid > ask:
                exceptions.append("crossed_market")
            if reason is Reason.SWEPT_AT_ONCE:
                exceptions.append("intermarket_sweep")
            if self._flickers(venue_id, t_ns, sign, one.px, row):
                exceptions.append("flickering")
            yield TradeThrough(one, venue_id, price, qty, reason, detail, tuple(exceptions))

    def _may_pass(self, one: Execution, sign: int) -> bool:
        """Whether any displayed price may have been better: a quick look at the best of all.

        What single venues showed stood before the instant or after it, so one of these two bounds
        it.
        """
        nbbo, t_ns = self._trail.market.nbbo, one.done_ns
        before, after = nbbo.before(t_ns), nbbo.at(t_ns)
        if before < 0:
            return after >= 0
        prices = nbbo.ask if sign > 0 else nbbo.bid
        best = [prices[row] for row in (before, after) if prices[row] != NO_PX]
        return any(sign * (one.px - price) > 0 for price in best)

    def _reason(
        self, child: Child, one: Execution, venue_id: str, shown: tuple[int, int, int]
    ) -> tuple[Reason, str]:
        sign = child.sign
        price, qty, row = shown
        swept = sum(
            sibling.sent.order_qty
            for sibling in self._siblings[child.sent.decision_id]
            if sibling.venue_id == venue_id and sign * (sibling.sent.price - price) >= 0
        )
        if swept:
            return (Reason.SWEPT_AT_ONCE if swept >= qty else Reason.SWEPT_IN_PART), ""
        if self._on_its_way(venue_id, one.done_ns):
            return Reason.OWN_ORDER_ON_ITS_WAY, ""
        decision = child.decision
        if decision is None:
            return Reason.NOT_RECORDED, ""
        heard = self._trail.market.quotes[venue_id].seq[row]
        known = _known(decision, venue_id)
        refused = next((one for one in decision.refused if one.venue_id == venue_id), None)
        if refused is not None and refused.reason != "ranked_behind":
            if refused.reason not in _NOTHING_THERE:
                return Reason.VENUE_LEFT_OUT, refused.reason
            seq = refused.venue_seq if known is None else known.venue_seq
            late = seq is None or seq < heard
            return (Reason.NOT_KNOWN_YET if late else Reason.HELD_TO_BE_GONE), ""
        if known is None or known.venue_seq < heard:
            return Reason.NOT_KNOWN_YET, ""
        return _why_not_chosen(child, decision, known, price), ""

    def _on_its_way(self, venue_id: str, t_ns: int) -> bool:
        """Whether any order of ours was between leaving and meeting that venue's book."""
        found = self._under_way.get(venue_id)
        if found is None:
            steps: list[tuple[int, int]] = []
            for child in self._trail.children.values():
                came_ns = received_ns(child)
                if child.venue_id == venue_id and came_ns is not None:
                    steps += [(child.sent.t_ns, 1), (came_ns, -1)]
            steps.sort()
            times, counts, open_now = [], [], 0
            for at_ns, step in steps:
                open_now += step
                times.append(at_ns)
                counts.append(open_now)
            found = self._under_way[venue_id] = times, counts
        times, counts = found
        place = bisect_right(times, t_ns) - 1
        return place >= 0 and counts[place] > 0

    def _flickers(self, venue_id: str, t_ns: int, sign: int, px: int, row: int) -> bool:
        """Whether the quote was once no better than ``px`` in the time before."""
        quotes = self._trail.market.quotes[venue_id]
        prices = quotes.ask if sign > 0 else quotes.bid
        since_ns = t_ns - FLICKER_NS
        while row >= 0:
            if prices[row] == NO_PX or sign * (px - prices[row]) <= 0:
                return True
            if quotes.t_ns[row] <= since_ns:
                return False
            row -= 1
        return False


_SELF_HELP: Final = frozenset({"no_answer", "on_hold", "stopped", "quarantine", "stale"})
"""Why a venue is left out that has not answered as it should, or whose quotes do not come."""


_NOTHING_THERE: Final = frozenset({"no_quote", "nothing_available", "filled_short"})
"""Why a venue is left out that, for all that the router knew, had nothing to take."""


@dataclass(slots=True)
class _Worse:
    """What an execution that passed better quotes by would have cost less at the best of them.

    In tick-lots: over all of them, and over those that were not swept.
    """

    qty: int
    saved: int = 0
    not_swept: int = 0


def protection_section(trail: Trail, touches: Touches, most: int) -> dict[str, Any]:
    """Trade-throughs, counted by reason, the first ``most`` of them one by one.

    ``executed_qty`` and ``executions`` are those looked at; ``passed_qty`` are the lots of theirs
    that passed any better quote by, ``cost`` how much less the passed quotes would have cost,
    for no more lots than each displayed: for each execution the best of them. ``cost_not_swept``
    leaves out quotes that the same decision went for with an order for all that they displayed.
    """
    looked_at = [
        one
        for child in trail.children.values()
        for one in child.executions
        if one.qty and not one.is_maker
    ]
    reasons, lots = Counter[str](), Counter[str]()
    rows: list[dict[str, Any]] = []
    passed: dict[int, _Worse] = {}
    count = 0
    for one in ProtectionCheck(trail, touches).found():
        count += 1
        reasons[one.reason.value] += 1
        qty = min(one.execution.qty, one.qty)
        lots[one.reason.value] += qty
        saved = abs(one.execution.px - one.price) * qty
        worse = passed.setdefault(id(one.execution), _Worse(one.execution.qty))
        worse.saved = max(saved, worse.saved)
        if one.reason is not Reason.SWEPT_AT_ONCE:
            worse.not_swept = max(saved, worse.not_swept)
        if len(rows) < most:
            rows.append(_row(one, trail))

    def money(tick_lots: int) -> str:
        return plain(trail.units.notional(tick_lots))

    return {
        "executions": len(looked_at),
        "executed_qty": sum(one.qty for one in looked_at),
        "passed_executions": len(passed),
        "passed_qty": sum(worse.qty for worse in passed.values()),
        "cost": money(sum(worse.saved for worse in passed.values())),
        "cost_not_swept": money(sum(worse.not_swept for worse in passed.values())),
        "count": count,
        "by_reason": [
            {"reason": reason.value, "count": reasons[reason.value], "qty": lots[reason.value]}
            for reason in Reason
            if reasons[reason.value]
        ],
        "rows": rows,
    }


def _row(one: TradeThrough, trail: Trail) -> dict[str, Any]:
    execution, units = one.execution, trail.units
    return {
        "t_ns": execution.done_ns,
        "cl_ord_id": execution.child.cl_ord_id,
        "decision_id": execution.child.sent.decision_id,
        "venue_id": execution.child.venue_id,
        "px": units.price_text(execution.px),
        "qty": execution.qty,
        "passed_venue_id": one.venue_id,
        "passed_px": units.price_text(one.price),
        "passed_qty": one.qty,
        "reason": one.reason.value,
        "detail": one.detail,
        "exceptions": list(one.exceptions),
    }


def _known(decision: Decision, venue_id: str) -> KnownQuote | None:
    return next((quote for quote in decision.quotes if quote.venue_id == venue_id), None)


def _why_not_chosen(child: Child, decision: Decision, known: KnownQuote, price: int) -> Reason:
    """The router had heard of the quote and could use the venue."""
    if not decision.split:  # what it sent was to rest, and the quotes are those of the own side
        return Reason.STRATEGY
    sign, mine = child.sign, child.known
    if not known.levels or sign * (known.levels[0][0] - price) > 0:
        return Reason.HELD_TO_BE_GONE
    if mine is not None:
        here = mine.slope * child.sent.price + mine.intercept
        there = known.slope * price + known.intercept
        if sign * (there - here) >= 0:
            return Reason.FEES
    return Reason.STRATEGY
