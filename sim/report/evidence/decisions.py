"""Each decision's ranked venue table: what was there, at which price, what went where, and why.

All figures are those of the decision's own record, so that they are what the router knew and not
what was true; beside them stands what became of the children that it sent. Quantities are lots,
prices decimal text.
"""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Any, Final

from sim.audit.records import Decision, KnownQuote
from sim.protocol.units import Units, plain, quotient_text
from sim.report.evidence.averages import percent
from sim.report.telling import refusal, rests
from sim.report.trail.build import Trail
from sim.report.trail.orders import Child
from sim.report.words import duration

_STEP: Final = Decimal("0.00000001")


def decision_rows(trail: Trail, most: int | None = None) -> list[dict[str, Any]]:
    """A row per decision, in their order, each with its ``venues`` as they were ranked.

    Args:
        trail: The run.
        most: How many decisions at most, the first ones; None: all.
    """
    return list(islice(iter_decision_rows(trail), most))


def iter_decision_rows(trail: Trail) -> Iterator[dict[str, Any]]:
    """The rows of ``decision_rows`` one after the other: a long run has many."""
    children: dict[int, list[Child]] = {}
    for child in trail.children.values():
        children.setdefault(child.sent.decision_id, []).append(child)
    for decision in trail.decisions.values():
        yield _Table(trail, decision, children.get(decision.decision_id, [])).row()


class _Table:
    """One decision and the children that it sent."""

    def __init__(self, trail: Trail, decision: Decision, children: list[Child]) -> None:
        self._trail = trail
        self._units: Units = trail.units
        self._decision = decision
        self._children = children
        parts: dict[str, list[tuple[int, int]]] = {}
        for part in (*decision.split, *decision.posts):
            parts.setdefault(part.venue_id, []).append((part.price, part.qty))
        self._parts = parts
        self._placed = sum(qty for venue in parts.values() for _, qty in venue)

    def row(self) -> dict[str, Any]:
        decision, received = self._decision, self._trail.parents[self._decision.parent_id].received
        known = {quote.venue_id: quote for quote in decision.quotes}
        blind = {order.venue_id: order for order in decision.blind}
        refused = {one.venue_id: one for one in decision.refused}
        queues = {one.venue_id: one for one in decision.queues}
        order = dict.fromkeys([*decision.ranking, *known, *blind, *queues, *self._parts, *refused])
        venues = []
        for venue_id in order:
            row = self._venue(venue_id, known.get(venue_id))
            if venue_id in blind:
                best = self._px(blind[venue_id].best_px)
                row["evidence"].append(
                    "it shows nothing: no quote stands behind this; the limit "
                    f"{self._px(blind[venue_id].limit_px)} comes from "
                    + ("the parent's limit" if best is None else f"the best lit price {best}")
                )
            if venue_id in queues:
                queue = queues[venue_id]
                row["evidence"].append(
                    f"{queue.queue_qty} lots queue at {self._px(queue.price)} or better"
                )
            if venue_id in refused:
                row["refused"] = refused[venue_id].reason
                row["evidence"].append(refusal(refused[venue_id].reason))
                if row["quote_seq"] is None:
                    row["quote_seq"] = refused[venue_id].venue_seq
                    row["quote_age_ns"] = refused[venue_id].age_ns
            venues.append(row)
        return {
            "decision_id": decision.decision_id,
            "t_ns": decision.t_ns,
            "parent_id": decision.parent_id,
            "side": received.side.value,
            "reason": decision.reason.value,
            "rule": decision.rule or None,
            "strategy": decision.strategy,
            "depth": decision.depth,
            "unreserved_qty": decision.unreserved_qty,
            "available_qty": sum(one["available_qty"] or 0 for one in venues),
            "allocated_qty": self._placed,
            "notes": [{"name": note.name, "value": note.value} for note in decision.notes],
            "venues": venues,
        }

    def _venue(self, venue_id: str, known: KnownQuote | None) -> dict[str, Any]:
        decision, units = self._decision, self._units
        parts = self._parts.get(venue_id, [])
        allocated = sum(qty for _, qty in parts)
        ranking = decision.ranking
        levels = () if known is None else known.levels
        # For an order that is to rest the levels are those of its own side: nothing to take.
        takes = known is not None and not rests(decision)
        row: dict[str, Any] = {
            "venue_id": venue_id,
            "kind": self._trail.kinds.get(venue_id),
            "rank": ranking.index(venue_id) + 1 if venue_id in ranking else None,
            "available_qty": sum(qty for _, qty in levels) if takes else None,
            "price": units.price_text(levels[0][0]) if levels else None,
            "effective_px": self._effective(known),
            "allocated_qty": allocated,
            "allocated_pct": percent(allocated, self._placed),
            "allocated_px": units.avg_px_text(sum(px * qty for px, qty in parts), allocated),
            "quote_seq": None if known is None else known.venue_seq,
            "quote_age_ns": None if known is None else known.age_ns,
            "order_latency_ns": None if known is None else known.latency_ns,
            "fill_risk": None if known is None else known.fill_risk,
            "cost": self._cost(venue_id),
            "refused": None,
            "evidence": [] if known is None else list(self._evidence(known)),
        }
        return row | self._outcome(venue_id)

    def _outcome(self, venue_id: str) -> dict[str, Any]:
        """What became of the children that went there."""
        sent = [child for child in self._children if child.venue_id == venue_id]
        filled = sum(child.filled_qty for child in sent)
        return {
            "sent_qty": sum(child.requested_qty for child in sent),
            "filled_qty": filled,
            "avg_px": self._units.avg_px_text(sum(child.tick_lots for child in sent), filled),
            "children": [child.cl_ord_id for child in sent],
        }

    def _evidence(self, known: KnownQuote) -> Iterator[str]:
        """What speaks for the figures of a venue, in words."""
        age = f"{duration(known.age_ns)} old" if known.age_ns else "just out"
        yield f"quote {known.venue_seq}, {age}"
        yield f"an order takes about {duration(known.latency_ns)}"
        effective = self._effective(known)
        if (
            effective is not None
            and Decimal(effective) != self._units.tick_size * known.levels[0][0]
        ):
            yield f"with the fee its best is {plain(Decimal(effective))}"
        if known.fill_risk is not None:
            yield f"risk not to fill {known.fill_risk}"

    def _effective(self, known: KnownQuote | None) -> str | None:
        """The best level with the venue's fee."""
        scale = self._decision.effective_scale
        if known is None or not known.levels or not scale:
            return None
        ticks = Fraction(known.slope * known.levels[0][0] + known.intercept, scale)
        numerator = self._units.tick_size * ticks.numerator
        return quotient_text(numerator, Decimal(ticks.denominator), _STEP)

    def _cost(self, venue_id: str) -> dict[str, str] | None:
        """What the split was to cost there, term by term: money, a seller's price below zero."""
        scale = self._decision.effective_scale
        for cost in self._decision.costs:
            if cost.venue_id == venue_id and scale:
                terms = ("price", "fees", "impact", "latency", "fill_risk", "total")
                notional = self._units.notional
                return {
                    name: quotient_text(notional(getattr(cost, name)), Decimal(scale), _STEP)
                    for name in terms
                }
        return None

    def _px(self, ticks: int | None) -> str | None:
        return None if ticks is None else self._units.price_text(ticks)
