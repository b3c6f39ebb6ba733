"""What a change costs: the difference of two runs' implementation shortfalls, in bps, by part.

Each run's cost is of its own orders at the mid as they arrived (`sim.report.tca`), so the parts of
a difference add up to the whole, but for their rounding. Money is exact.
"""

from collections.abc import Mapping
from decimal import Context, Decimal, Inexact
from typing import Final

import msgspec

from sim.audit.read import printable
from sim.protocol.enums import EndReason, Outcome
from sim.protocol.units import plain, quotient_text
from sim.report.tca.costs import PARTS, ParentCost, shortfalls
from sim.report.trail.build import Trail
from sim.report.trail.orders import EXACT

NAMES: Final = ("total", *PARTS)
_BPS: Final = Decimal(10_000)
_ZERO_BPS: Final = "0.000000"
_WIDE: Final = Context(prec=400, traps=[Inexact])
"""Products of two sums of money are exact in it."""


class CostBps(msgspec.Struct, frozen=True):
    """Decimal text; None: not available.

    ``total`` and ``parts`` are the second run's less the first's; ``old`` and ``new`` the same of
    each run, ``total`` among them. ``money`` is the difference in money, exactly.
    """

    total: str | None
    parts: dict[str, str | None]
    old: dict[str, str | None]
    new: dict[str, str | None]
    money: dict[str, str | None]
    why_not_available: str | None


class ParentChange(msgspec.Struct, frozen=True):
    """What a parent order cost in both runs. ``notes`` say what makes them differ by themselves."""

    parent_id: str
    cost_bps: CostBps
    notes: list[str]


class CostChange(msgspec.Struct, frozen=True):
    """All parents together, and each.

    ``left_out`` names the parents that have no cost in one of the runs: ``cost_bps`` is of the
    others together.
    """

    cost_bps: CostBps
    left_out: list[str]
    parents: list[ParentChange]


class _Both:
    """A parent in both runs: what it cost, or why that cannot be compared."""

    def __init__(
        self, old: "_Side", new: "_Side", name: str, costs: tuple[ParentCost | None, ...]
    ) -> None:
        self.name = name
        self.old, self.new = costs
        self.why = self._why(old, new)
        self.sums = (_Sum(), _Sum())
        if not self.why:
            for total, cost in zip(self.sums, costs, strict=True):
                assert cost is not None
                assert cost.paper is not None
                total.add({"total": cost.shortfall, **cost.parts}, cost.paper)

    def _why(self, old: "_Side", new: "_Side") -> str:
        """Why there is no difference of costs at all; empty: there is."""
        for side, cost, other in ((old, self.old, new), (new, self.new, old)):
            if cost is None:
                return f"the order is in the {other.called} only"
            if why := side.why_none(cost):
                return f"{side.called}: {why}"
        assert self.old is not None
        assert self.new is not None
        if self.old.parent.sign != self.new.parent.sign:
            return "one run buys, the other sells"
        return ""

    def why_in_part(self) -> str:
        """Why a part is not available, in one of the runs."""
        found = [cost.why for cost in (self.old, self.new) if cost is not None and cost.why]
        return found[0] if found else ""

    def notes(self) -> list[str]:
        if self.old is None or self.new is None:
            return []
        ordered = [cost.parent.received.order_qty for cost in (self.old, self.new)]
        differ = f"{ordered[0]:,} lots were ordered in one run, {ordered[1]:,} in the other"
        found = [differ] if ordered[0] != ordered[1] else []
        approximate = dict.fromkeys([*self.old.notes, *self.new.notes])
        return [*found, *approximate]


class _Side:
    """One run's trail, and what it is called."""

    def __init__(self, trail: Trail, called: str) -> None:
        self.called = called
        self.costs = shortfalls(trail)
        self._trail = trail

    def why_none(self, cost: ParentCost) -> str:
        """Why a parent's cost here says nothing; empty: it does."""
        done = cost.parent.done
        if done is None and (self._trail.fault or self._trail.outcome is None):
            return "the log ends before the order did"
        if done is not None and done.end_reason is EndReason.ABORTED:
            return "the order did not end by itself: the run was stopped"
        if done is None and self._trail.outcome is Outcome.ABORTED:
            return "the run was stopped before the order ended"
        if cost.shortfall is None:
            return cost.why or "its mid at the end is not known"
        if cost.paper is None or cost.paper <= 0:
            return "the mid at its arrival was not above zero, so nothing can be in bps of it"
        return ""


def cost_change(old: Trail, new: Trail, sides: tuple[str, str]) -> CostChange:
    """The difference in cost of two runs, parent by parent and together.

    Args:
        old: The first run.
        new: The second run.
        sides: What the runs are called, where something is not available.
    """
    first, second = _Side(old, sides[0]), _Side(new, sides[1])
    names = dict.fromkeys([*first.costs, *second.costs])
    pairs = [
        _Both(first, second, name, (first.costs.get(name), second.costs.get(name)))
        for name in names
    ]
    good = [one for one in pairs if not one.why]
    left_out = [one.name for one in pairs if one.why]
    why = "" if good else _none_of(pairs)
    return CostChange(
        _cost_bps(good, why),
        left_out if good else list(names),
        [ParentChange(one.name, _cost_bps([one], one.why), one.notes()) for one in pairs],
    )


def _none_of(pairs: list[_Both]) -> str:
    if not pairs:
        return "no order arrived in either run"
    rest = len({one.why for one in pairs}) - 1
    more = f" (and {rest} other reasons, by parent)" if rest else ""
    return f"{printable(pairs[0].name)}: {pairs[0].why}{more}"


def _cost_bps(pairs: list[_Both], why: str) -> CostBps:
    """The costs of these parents together; nothing at all where ``why`` says so."""
    if why:
        none: dict[str, str | None] = dict.fromkeys(NAMES)
        parts: dict[str, str | None] = dict.fromkeys(PARTS)
        return CostBps(None, parts, none, none, none, why)
    old, new = pairs[0].sums if len(pairs) == 1 else (_Sum(), _Sum())
    for one in pairs if len(pairs) > 1 else ():
        for total, its in zip((old, new), one.sums, strict=True):
            total.add(its.money, its.paper)
    change = {name: _difference_bps(old, new, name) for name in NAMES}
    missing = next((one.why_in_part() for one in pairs if None in change.values()), "")
    first = {name: _bps(old.money[name], old.paper) for name in NAMES}
    same = old.money == new.money and old.paper == new.paper
    return CostBps(
        total=change["total"],
        parts={name: change[name] for name in PARTS},
        old=first,
        new=first if same else {name: _bps(new.money[name], new.paper) for name in NAMES},
        money={name: _less(new.money[name], old.money[name]) for name in NAMES},
        why_not_available=missing or None,
    )


class _Sum:
    """Costs in money, added up; None as soon as one is not known."""

    def __init__(self) -> None:
        self.money: dict[str, Decimal | None] = dict.fromkeys(NAMES, Decimal(0))
        self.paper = Decimal(0)

    def add(self, money: Mapping[str, Decimal | None], paper: Decimal) -> None:
        """Add what was spent, by name, of an order that was worth ``paper``."""
        self.paper = EXACT.add(self.paper, paper)
        for name, more in money.items():
            so_far = self.money[name]
            self.money[name] = None if so_far is None or more is None else EXACT.add(so_far, more)


def _difference_bps(old: _Sum, new: _Sum, name: str) -> str | None:
    """The second run's less the first's, rounded once."""
    before, after = old.money[name], new.money[name]
    if before is None or after is None:
        return None
    if before == after and old.paper == new.paper:
        return _ZERO_BPS
    if old.paper == new.paper:
        return _bps(EXACT.subtract(after, before), old.paper)
    crossed = _WIDE.subtract(_WIDE.multiply(after, old.paper), _WIDE.multiply(before, new.paper))
    return _bps(crossed, _WIDE.multiply(old.paper, new.paper))


def _bps(money: Decimal | None, paper: Decimal) -> str | None:
    if money is None:
        return None
    if not money:
        return _ZERO_BPS
    text = quotient_text(_WIDE.multiply(_BPS, money), paper)
    return text if Decimal(text) else _ZERO_BPS  # and not with a sign


def _less(new: Decimal | None, old: Decimal | None) -> str | None:
    if new is None or old is None:
        return None
    return "0" if new == old else plain(EXACT.subtract(new, old))
