"""Each decision's ranked venue table: what was there, at which price, what went where, and why.

All figures are those of the decision's own record, so that they are what the router knew and not
what was true; beside them stands what became of the children that it sent. Quantities are lots,
prices decimal text.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from sim.audit.records import Decision, KnownQuote
from sim.protocol.units import plain, quotient_text
from sim.report.evidence.averages import percent
from sim.report.telling import refusal, rests
from sim.report.trail.build import Trail
from sim.report.trail.orders import Child, Parent
from sim.report.words import duration

LEVELS_MAX: Final = 10
"""Levels of a known book that a row lists."""
_STEP: Final = Decimal("0.00000001")
_TERMS: Final = ("price", "fees", "impact", "latency", "fill_risk", "total")


def decision_rows(trail: Trail, most: int | None = None) -> list[dict[str, Any]]:
    """A row per decision, in their order, each with its ``venues`` as they were ranked.

    Args:
        trail: The run.
        most: How many decisions at most, the first ones; None: all.
    """
    return list(islice(iter_decision_rows(trail), most))


def iter_decision_rows(
    trail: Trail, whole: Callable[[Decision], bool] | None = None
) -> Iterator[dict[str, Any]]:
    """The rows of ``decision_rows`` one after the other: a long run has many.

    Args:
        trail: The run.
        whole: Which decisions get ``venues`` and what is available there; None: all.
    """
    children: dict[int, dict[str, list[Child]]] = {}
    for child in trail.children.values():
        children.setdefault(child.sent.decision_id, {}).setdefault(child.venue_id, []).append(child)
    texts = _Texts(trail)
    back = {name: _CameBack(parent) for name, parent in trail.parents.items()}
    for decision in trail.decisions.values():
        came_back = back[decision.parent_id].until(decision.t_ns)
        sent = children.get(decision.decision_id, {})
        table = _Table(trail, texts, decision, sent)
        venues = table.venues() if whole is None or whole(decision) else None
        yield table.row(came_back, venues)


class _Texts:
    """Prices as text: few of them stand behind many rows."""

    def __init__(self, trail: Trail) -> None:
        self._units = trail.units
        self._prices: dict[int, str] = {}
        self._effective: dict[tuple[int, int], str] = {}
        self._money: dict[int, str] = {}
        self._durations: dict[int, str] = {}

    def price(self, ticks: int) -> str:
        found = self._prices.get(ticks)
        if found is None:
            found = self._prices[ticks] = self._units.price_text(ticks)
        return found

    def quotient(self, ticks: int, parts: int) -> str:
        """A price of ``ticks / parts``, with 8 decimals."""
        found = self._effective.get((ticks, parts))
        if found is None:
            found = quotient_text(self._units.tick_size * ticks, Decimal(parts), _STEP)
            self._effective[ticks, parts] = found
        return found

    def money(self, amount: int, parts: int) -> str:
        """``amount / parts`` in tick-lots as money, without zeros at its end."""
        whole, rest = divmod(amount, parts)
        if rest:
            notional = self._units.notional(amount)
            return plain(Decimal(quotient_text(notional, Decimal(parts), _STEP)))
        found = self._money.get(whole)
        if found is None:
            found = self._money[whole] = plain(self._units.notional(whole))
        return found

    def average(self, tick_lots: int, lots: int) -> str | None:
        """An average price; None of nothing."""
        if not lots:
            return None
        whole, rest = divmod(tick_lots, lots)
        return self._units.avg_px_text(tick_lots, lots) if rest else self.quotient(whole, 1)

    def percent(self, part: int, whole: int) -> str | None:
        """A part of a whole: most are nothing or all of it."""
        if whole and part in {0, whole}:
            return "100.00" if part else "0.00"
        return percent(part, whole)

    def duration(self, ns: int) -> str:
        """A duration in words, which have three significant digits: few of them differ."""
        if ns >= 10_000:
            step = 10 ** (len(str(ns)) - 3)
            ns, rest = divmod(ns, step)
            ns = (ns + (2 * rest + (ns & 1) > step)) * step  # half-even
        found = self._durations.get(ns)
        if found is None:
            found = self._durations[ns] = duration(ns)
        return found


class _CameBack:
    """What became free of a parent's children, by venue, since its decision before."""

    def __init__(self, parent: Parent) -> None:
        found: list[tuple[int, str, int]] = []
        for child in parent.children:
            total = child.sent.order_qty
            for change in child.replaced:
                found.append((change.t_ns, child.venue_id, total - change.order_qty))
                total = change.order_qty
            if child.rejected is not None:
                found.append((child.rejected.t_ns, child.venue_id, total))
            if child.canceled is not None:
                found.append((child.canceled.t_ns, child.venue_id, child.canceled.canceled_qty))
            if child.written_off is not None:
                lots = child.written_off.written_off_qty
                found.append((child.written_off.t_ns, child.venue_id, lots))
        found.sort(key=lambda event: event[0])
        self._found = found
        self._next = 0

    def until(self, t_ns: int) -> dict[str, int]:
        back: dict[str, int] = {}
        while self._next < len(self._found) and self._found[self._next][0] <= t_ns:
            _, venue_id, lots = self._found[self._next]
            self._next += 1
            if lots > 0:
                back[venue_id] = back.get(venue_id, 0) + lots
        return back


class _Table:
    """One decision and the children that it sent, by venue."""

    def __init__(
        self, trail: Trail, texts: _Texts, decision: Decision, children: dict[str, list[Child]]
    ) -> None:
        self._trail = trail
        self._texts = texts
        self._decision = decision
        self._children = children
        parts: dict[str, list[tuple[int, int]]] = {}
        for part in (*decision.split, *decision.posts):
            parts.setdefault(part.venue_id, []).append((part.price, part.qty))
        self._parts = parts
        self._placed = sum(qty for venue in parts.values() for _, qty in venue)

    def venues(self) -> list[dict[str, Any]]:
        """A row for each venue that the decision looked at, the best first."""
        decision = self._decision
        known = {quote.venue_id: quote for quote in decision.quotes}
        refused = {one.venue_id: one for one in decision.refused}
        blind = [one.venue_id for one in decision.blind]
        queues = [one.venue_id for one in decision.queues]
        order = dict.fromkeys([*decision.ranking, *known, *blind, *queues, *self._parts, *refused])
        ranks = {venue_id: rank for rank, venue_id in enumerate(decision.ranking, 1)}
        venues = []
        for venue_id in order:
            row = self._venue(venue_id, known.get(venue_id), ranks.get(venue_id))
            why = refused.get(venue_id)
            says = [*self._said_of(known.get(venue_id)), *self._said_else(venue_id)]
            if why is not None:
                row["why"] = why.reason
                says.append(refusal(why.reason))
                if row["quote_seq"] is None:
                    row["quote_seq"], row["age_ns"] = why.venue_seq, why.age_ns
            row["evidence"] = "; ".join(says)
            venues.append(row)
        return venues

    def row(self, came_back: dict[str, int], venues: list[dict[str, Any]] | None) -> dict[str, Any]:
        """The decision with these venues; None: without any."""
        decision = self._decision
        children = [child for sent in self._children.values() for child in sent]
        return {
            "decision_id": decision.decision_id,
            "t_ns": decision.t_ns,
            "parent_id": decision.parent_id,
            "side": self._trail.parents[decision.parent_id].received.side.value,
            "reason": decision.reason.value,
            "rule": decision.rule,
            "strategy": decision.strategy,
            "depth": decision.depth,
            "unreserved_qty": decision.unreserved_qty,
            "available_qty": None
            if venues is None
            else sum(one["available_qty"] or 0 for one in venues),
            "allocated_qty": self._placed,
            "sent_qty": sum(child.requested_qty for child in children),
            "came_back": came_back,
            "children": [child.cl_ord_id for child in children],
            "venues": venues or [],
            "notes": [{"name": note.name, "value": note.value} for note in decision.notes],
        }

    def _venue(self, venue_id: str, known: KnownQuote | None, rank: int | None) -> dict[str, Any]:
        texts = self._texts
        parts = self._parts.get(venue_id, ())
        allocated = sum(qty for _, qty in parts)
        levels = () if known is None else known.levels
        # For an order that is to rest the levels are those of its own side: nothing to take.
        takes = known is not None and not rests(self._decision)
        sent = self._children.get(venue_id, ())
        filled = sum(child.filled_qty for child in sent)
        return {
            "venue_id": venue_id,
            "kind": self._trail.kinds.get(venue_id, ""),
            "rank": rank,
            "available_qty": sum(qty for _, qty in levels) if takes else None,
            "price": texts.price(levels[0][0]) if levels else None,
            "effective_price": self._effective(known),
            "levels": [[texts.price(px), qty] for px, qty in levels[:LEVELS_MAX]],
            "quote_seq": None if known is None else known.venue_seq,
            "age_ns": None if known is None else known.age_ns,
            "latency_ns": None if known is None else known.latency_ns,
            "fill_risk": None if known is None else known.fill_risk,
            "allocated_qty": allocated,
            "allocated_pct": texts.percent(allocated, self._placed),
            "allocated_px": texts.average(sum(px * qty for px, qty in parts), allocated),
            "cost": self._cost(venue_id),
            "sent_qty": sum(child.requested_qty for child in sent),
            "filled_qty": filled,
            "avg_px": texts.average(sum(child.tick_lots for child in sent), filled),
            "why": "",
        }

    def _said_of(self, known: KnownQuote | None) -> Iterator[str]:
        """What speaks for the figures of a venue that was known, in words."""
        if known is None:
            return
        texts = self._texts
        age = f"{texts.duration(known.age_ns)} old" if known.age_ns else "just out"
        yield f"quote {known.venue_seq}, {age}"
        yield f"an order takes about {texts.duration(known.latency_ns)}"
        scale = self._decision.effective_scale
        if known.levels and (known.slope != scale or known.intercept):
            yield f"with its fee the best is {plain(Decimal(self._effective(known) or 0))}"
        if known.fill_risk is not None:
            yield f"risk not to fill {known.fill_risk}"

    def _said_else(self, venue_id: str) -> Iterator[str]:
        """What there was to go by at a venue where no offer was looked at."""
        price = self._texts.price
        for blind in self._decision.blind:
            if blind.venue_id == venue_id:
                limit = price(blind.limit_px)
                whose = (
                    "the parent's limit"
                    if blind.best_px is None
                    else f"the best lit price {price(blind.best_px)}"
                )
                yield f"it shows nothing: no quote stands behind this; limit {limit} from {whose}"
        for queue in self._decision.queues:
            if queue.venue_id == venue_id:
                yield f"{queue.queue_qty:,} lots queue at {price(queue.price)} or better"

    def _effective(self, known: KnownQuote | None) -> str | None:
        """The best level with the venue's fee."""
        scale = self._decision.effective_scale
        if known is None or not known.levels or not scale:
            return None
        return self._texts.quotient(known.slope * known.levels[0][0] + known.intercept, scale)

    def _cost(self, venue_id: str) -> dict[str, str] | None:
        """What the split was to cost there: money by term, those of nothing left out.

        A seller's price is less than nothing, so that lower is better for both sides.
        """
        scale = self._decision.effective_scale
        for cost in self._decision.costs:
            if cost.venue_id == venue_id and scale:
                amounts = {name: getattr(cost, name) for name in _TERMS}
                return {
                    name: self._texts.money(amount, scale)
                    for name, amount in amounts.items()
                    if amount
                }
        return None
