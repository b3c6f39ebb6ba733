"""Attribution of a run: for each child and parent why lots were not filled, or filled worse.

Everything is computed from a trail. The lots by cause add up exactly to the shortfall: requested
less filled, summed over the children.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from sim.protocol.units import Units, plain
from sim.report.attribution.causes import Causes, Loss, added, as_text, by_cause
from sim.report.attribution.ends import losses_of
from sim.report.attribution.surroundings import Surroundings, takes
from sim.report.attribution.worse import Worse, worse_of
from sim.report.trail.build import Trail
from sim.report.trail.orders import Child

_NOTHING_WORSE: Final = Worse()
LEVELS_MAX: Final = 10
"""Levels that a row shows of a quote or of a book."""


class ChildShort(msgspec.Struct, frozen=True):
    """One child: the quote acted upon, what it met, and one cause for every lot it did not get.

    ``losses`` add up to ``short_qty`` lots.
    """

    child: Child
    units: Units
    short_qty: int
    losses: list[Loss]
    worse: Worse

    @property
    def causes(self) -> Causes:
        """Lots by cause; they add up to ``short_qty``."""
        return by_cause(self.losses)

    @property
    def age_ns(self) -> int | None:
        """Age of the quote as the child was decided; None without a quote."""
        return None if self.child.known is None else self.child.known.age_ns

    @property
    def age_on_arrival_ns(self) -> int | None:
        """Age of the quote as the child met the book; None without either."""
        known, decision, arrival = self.child.known, self.child.decision, self.child.arrival
        if known is None or decision is None or arrival is None:
            return None
        return arrival.t_ns - decision.t_ns + known.age_ns

    def row(self) -> dict[str, Any]:
        """As plain data: prices as decimal text, quantities in lots, times in ns."""
        child, sent, arrival = self.child, self.child.sent, self.child.arrival
        return {
            "cl_ord_id": sent.cl_ord_id,
            "parent_id": sent.parent_id,
            "venue_id": sent.venue_id,
            "decision_id": sent.decision_id,
            "side": sent.side.value,
            "how": self._how(),
            "limit": self.units.price_text(sent.price),
            "requested_qty": child.requested_qty,
            "filled_qty": child.filled_qty,
            "short_shares": self.short_qty,
            "sent_ns": sent.t_ns,
            "quote": self._quote(),
            "arrival": None
            if arrival is None
            else {
                "t_ns": arrival.t_ns,
                "venue_seq": arrival.venue_seq,
                "quote_age_ns": self.age_on_arrival_ns,
                "reachable_qty": sum(qty for _, qty in arrival.levels),
                "levels": self._levels(arrival.levels),
            },
            "reject_reason": None if child.rejected is None else child.rejected.reason.value,
            "causes": as_text(self.causes),
            "losses": [
                {
                    "cause": one.cause.value,
                    "qty": one.qty,
                    "t_ns": one.t_ns,
                    "who": one.who or None,
                }
                for one in self.losses
            ],
            "worse": worse_row(self.worse, self.units),
        }

    def _how(self) -> str:
        if not takes(self.child):
            return "rests"
        return "takes" if self.child.known is not None else "blind"

    def _quote(self) -> dict[str, Any] | None:
        known = self.child.known
        if known is None:
            return None
        limit = self.child.sign * self.child.sent.price
        is_within = [one for one in known.levels if self.child.sign * one[0] <= limit]
        return {
            "venue_seq": known.venue_seq,
            "age_ns": known.age_ns,
            "shown_px": self.units.price_text(known.levels[0][0]) if known.levels else None,
            "within_limit_qty": sum(qty for _, qty in is_within),
            "levels": self._levels(known.levels),
        }

    def _levels(self, levels: Iterable[tuple[int, int]]) -> list[list[Any]]:
        return [[self.units.price_text(px), qty] for px, qty in list(levels)[:LEVELS_MAX]]


class ParentShort(msgspec.Struct, frozen=True):
    """One parent: the sum over its children."""

    parent_id: str
    units: Units
    short_qty: int
    causes: Causes
    worse: Worse

    def row(self) -> dict[str, Any]:
        """``short_shares``, ``causes`` (lots by name) and ``worse``, as plain data."""
        return {
            "short_shares": self.short_qty,
            "causes": as_text(self.causes),
            "worse": worse_row(self.worse, self.units),
        }


class Attribution(msgspec.Struct, frozen=True):
    """All parents and children of a run, in the order of the trail."""

    parents: dict[str, ParentShort]
    children: dict[str, ChildShort]


def attribute(trail: Trail) -> Attribution:
    """Say of every lot that a child asked for and did not get why that was."""
    around = Surroundings(trail)
    children = {name: _child(child, around) for name, child in trail.children.items()}
    parents = {
        name: _parent(name, [children[one.sent.cl_ord_id] for one in parent.children], trail.units)
        for name, parent in trail.parents.items()
    }
    return Attribution(parents, children)


def worse_row(worse: Worse, units: Units) -> dict[str, Any]:
    """What filled worse, as plain data: quantities in lots, ``cost`` is money as decimal text."""
    return {
        "qty": worse.qty,
        "cost": plain(units.notional(worse.tick_lots)),
        "unquoted_qty": worse.unquoted_qty,
        "causes": as_text(worse.causes),
    }


def _child(child: Child, around: Surroundings) -> ChildShort:
    filled = child.filled_qty
    short = max(0, child.requested_qty - filled)
    losses = losses_of(child, around, short) if short else []
    worse = worse_of(child, around, filled) if filled else _NOTHING_WORSE
    return ChildShort(child, around.trail.units, short, losses, worse)


def _parent(name: str, children: list[ChildShort], units: Units) -> ParentShort:
    short = qty = tick_lots = unquoted = 0
    for child in children:
        worse = child.worse
        short += child.short_qty
        qty += worse.qty
        tick_lots += worse.tick_lots
        unquoted += worse.unquoted_qty
    summed = _NOTHING_WORSE
    if qty or unquoted:
        why = added([one.worse.causes for one in children if one.worse.qty])
        summed = Worse(qty, tick_lots, unquoted, why)
    causes = added([one.causes for one in children if one.short_qty]) if short else {}
    return ParentShort(name, units, short, causes, summed)
