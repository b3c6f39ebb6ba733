"""What a sweep found: per point what its runs came to, and how it differs from its reference.

Cost is compared over pairs of equal seed in which both filled all of the order, since what is not
filled costs nothing; how many pairs that left is said. A point is ranked only if all its runs
filled all. A difference that its interval cannot tell from none is called "within the noise", and
no winner is named where any ranked point is within the noise of the cheapest.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from math import fsum
from typing import Final, NamedTuple

import msgspec

from sim.protocol.version import __version__
from sim.study.costs import BPS
from sim.study.grid import Axis, idle_axes
from sim.study.sweep.figures import RunFigures, VenueFigures
from sim.study.sweep.notes import notes_on
from sim.study.sweep.plan import ALONG, LINE, Plan, line_of
from sim.study.sweep.statistics import (
    CONFIDENCE,
    METHOD,
    Difference,
    Spread,
    confidence_of_each,
    difference,
    share_spread,
    spread,
    text,
)

SCHEMA: Final = "sorsim-sweep/1"


class VenueRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of a venue at a point, and had, over all its runs."""

    requested_qty: int
    filled_qty: int
    fill_rate: Spread | None
    """Filled of requested, over the runs that asked for anything."""
    cost_bps: Spread | None
    """Of what was filled there, against the mids at arrival, with fees."""


class PointRow(msgspec.Struct, frozen=True, kw_only=True):
    """One point: figures over its runs. Null where there is nothing to take a mean of."""

    name: str
    levels: dict[str, str]
    sets: list[str]
    """As ``--set`` takes them."""
    runs: int
    filled_all: int
    """Runs that filled all of the order; of these alone are costs."""
    filled_share: Spread
    """Of the order."""
    fill_rate: Spread | None
    """Of what child orders asked for, at the venues that the point's line names or at all."""
    cost_bps: Spread | None
    """Against the mids at arrival, with fees."""
    cost: Spread | None
    """The same in money."""
    fees_bps: Spread | None
    shortfall_bps: Spread | None
    """Of all runs, with what was not filled at the mids as the orders ended, in bps of all that was
    ordered."""
    parts_bps: dict[str, str | None]
    """Means of its parts over these runs; they add up to its mean, but for rounding."""
    avg_px: Spread | None
    """Money per unit of quantity without fees."""
    fill_ms: Spread | None
    """From an order's arrival to its average lot, as the router heard of it."""
    short_qty: int
    """Lots that child orders asked for and did not have, over all runs."""
    causes: dict[str, int]
    """Why, lots by cause; they add up to it."""
    venues: dict[str, VenueRow]
    reference: str | None
    """The point that it is compared with; null for that point itself."""
    difference_bps: Difference | None
    """Its cost less that of the reference, in bps of what the reference traded for; over pairs of
    equal seed in which both filled all, all comparisons of the sweep taken together."""
    difference: Difference | None
    """The same in money."""
    why_unranked: str | None


class Near(msgspec.Struct, frozen=True):
    """A ranked point that the cheapest one is not told apart from."""

    name: str
    difference_bps: Difference
    """Its cost less that of the cheapest; all pairs of ranked points taken together."""


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep found: the content of ``sweep.json``."""

    schema: str
    code_version: str
    scenario: str
    seeds: list[int]
    confidence: float
    intervals: str
    """How they were made."""
    axes: dict[str, list[str]]
    about: dict[str, str]
    """What variants are, where the scenario says so."""
    along: str | None
    """What the values of the axis ``along`` are."""
    scale: str | None
    """How they are drawn: ``linear`` or ``log``."""
    points: list[PointRow]
    best: str | None
    """The cheapest of the points that filled all in every run; null: none, or nothing is ranked."""
    ties: list[str]
    """Points that cost exactly what the best one costs, with every seed."""
    within_noise: list[Near] | None
    """Null: nothing is ranked, or with one seed only."""
    idle: list[str]
    """Axes whose level changes no result, whatever the others are."""
    nothing_matters: bool
    notes: list[str]
    """What a reader must know, in words."""


class _Ran(NamedTuple):
    """A point and its runs, seed by seed."""

    name: str
    runs: tuple[RunFigures, ...]

    @property
    def is_whole(self) -> bool:
        return all(run.is_whole for run in self.runs)

    def loss(self) -> Fraction:
        return sum((_fraction(run.loss) for run in self.runs), Fraction(0))


def result_of(plan: Plan, runs: Sequence[Sequence[RunFigures]]) -> Sweep:
    """What the runs of a plan come to.

    Args:
        plan: What was run.
        runs: By point, seed by seed.
    """
    ran = [_Ran(point.name, tuple(own)) for point, own in zip(plan.points, runs, strict=True)]
    compared = sum(n != point.reference for n, point in enumerate(plan.points))
    level = confidence_of_each(compared)
    rows = [_row(plan, n, ran, level) for n in range(len(ran))]
    ranked = [] if ALONG in plan.axes else [one for one in ran if one.is_whole]
    best = min(ranked, key=_Ran.loss) if len(ranked) > 1 else None
    results = [tuple([(run.filled, run.loss) for run in one.runs]) for one in ran]
    axes = [Axis(name, tuple(levels)) for name, levels in plan.axes.items()]
    found = Sweep(
        schema=SCHEMA,
        code_version=__version__,
        scenario=plan.loaded.scenario.name,
        seeds=plan.seeds,
        confidence=CONFIDENCE,
        intervals=METHOD,
        axes=plan.axes,
        about={one.name: one.about for one in plan.config.variants if one.about},
        along=None if plan.config.along is None else plan.config.along.label,
        scale=None if plan.config.along is None else plan.config.along.scale,
        points=rows,
        best=None if best is None else best.name,
        ties=[one.name for one in ranked if best and one is not best and _same(one, best)],
        within_noise=None if best is None or len(plan.seeds) < 2 else _near(best, ranked),
        idle=idle_axes(axes, [point.levels for point in plan.points], results),
        nothing_matters=len(ran) > 1 and len(set(results)) == 1,
        notes=[],
    )
    chance = len(plan.seeds) > 1 and all(len({run.loss for run in one.runs}) == 1 for one in ran)
    outcomes = [run.outcome for one in ran for run in one.runs]
    return msgspec.structs.replace(found, notes=notes_on(found, outcomes, seeds_matter=not chance))


def cost_bps(run: RunFigures) -> float | None:
    """Cost with fees against the mids at arrival; None if not all was filled, or without mids."""
    return _bps(run.cost, run.at_mid) if run.is_whole else None


def _row(plan: Plan, n: int, ran: Sequence[_Ran], level: float) -> PointRow:
    point, own = plan.points[n], ran[n].runs
    whole = [run for run in own if run.is_whole]
    filled = spread([run.filled / run.ordered for run in own])
    assert filled is not None  # a sweep has a seed at least
    lot = _fraction(str(plan.loaded.scenario.instrument.lot_size))
    is_reference = n == point.reference
    reference = ran[point.reference]
    pairs = [] if is_reference else _whole_pairs(reference.runs, own)
    least = min(own, key=lambda run: run.filled)
    return PointRow(
        name=point.name,
        levels=point.levels,
        sets=list(point.sets),
        runs=len(own),
        filled_all=len(whole),
        filled_share=share_spread([run.filled / run.ordered for run in own]) or filled,
        fill_rate=_line_rate(plan, point.levels, own),
        cost_bps=spread([bps for run in whole if (bps := cost_bps(run)) is not None]),
        cost=spread([float(run.cost) for run in whole if run.cost is not None]),
        fees_bps=spread([bps for run in whole if (bps := _fees_bps(run)) is not None]),
        shortfall_bps=spread([bps for run in own if (bps := shortfall_bps(run)) is not None]),
        parts_bps=_parts(own),
        avg_px=spread([float(_fraction(run.traded) / (run.filled * lot)) for run in whole]),
        fill_ms=spread([run.fill_ms for run in own if run.fill_ms is not None]),
        short_qty=sum(run.short for run in own),
        causes=_causes(own),
        venues=_venues(own),
        reference=None if is_reference else reference.name,
        difference_bps=_difference(pairs, level),
        difference=_money(pairs, level),
        why_unranked=None
        if len(whole) == len(own)
        else f"{len(own) - len(whole)} of {len(own)} runs did not fill all, the worst "
        f"{least.filled:,} of {least.ordered:,} lots",
    )


Pair = tuple[RunFigures, RunFigures]


def _whole_pairs(first: Sequence[RunFigures], second: Sequence[RunFigures]) -> list[Pair]:
    """Pairs of equal seed in which both filled all."""
    return [
        (a, b) for a, b in zip(first, second, strict=True) if a.is_whole and b.is_whole and a.filled
    ]


def _difference(pairs: Sequence[Pair], level: float) -> Difference | None:
    """Second less first in bps of what the first traded for.

    What two samples that share nothing would vary by is taken from the costs against the mids at
    arrival where all have one: the cash itself moves with the market, and nobody compares that.
    """
    bases = [_fraction(a.traded) for a, _ in pairs]
    found = [
        float(BPS * (_fraction(b.loss) - _fraction(a.loss)) / base)
        for (a, b), base in zip(pairs, bases, strict=True)
    ]
    alone = [(cost_bps(a), cost_bps(b)) for a, b in pairs]
    apart = [a for a, _ in alone if a is not None], [b for _, b in alone if b is not None]
    if len(apart[0]) < len(pairs) or len(apart[1]) < len(pairs):
        mean = sum(bases, Fraction(0)) / max(1, len(bases))
        apart = (
            [float(BPS * _fraction(a.loss) / mean) for a, _ in pairs],
            [float(BPS * _fraction(b.loss) / mean) for _, b in pairs],
        )
    return difference(found, apart, level)


def _money(pairs: Sequence[Pair], level: float) -> Difference | None:
    """Second less first in money."""
    found = [float(_fraction(b.loss) - _fraction(a.loss)) for a, b in pairs]
    apart = [a.cost or a.loss for a, _ in pairs], [b.cost or b.loss for _, b in pairs]
    return difference(found, ([*map(float, apart[0])], [*map(float, apart[1])]), level)


def _same(one: _Ran, other: _Ran) -> bool:
    return [run.loss for run in one.runs] == [run.loss for run in other.runs]


def _near(best: _Ran, ranked: Sequence[_Ran]) -> list[Near]:
    """The points that more seeds might turn out to be cheaper."""
    level = confidence_of_each(len(ranked) * (len(ranked) - 1) // 2)
    found = []
    for one in ranked:
        between = _difference(_whole_pairs(best.runs, one.runs), level)
        if one is not best and between is not None and between.verdict != "higher":
            found.append(Near(one.name, between))
    return [near for near in found if near.difference_bps.verdict != "the same"]


def _venues(runs: Sequence[RunFigures]) -> dict[str, VenueRow]:
    names = dict.fromkeys(name for run in runs for name in run.venues)
    return {
        name: _venue([run.venues[name] for run in runs if name in run.venues]) for name in names
    }


def _venue(figures: Sequence[VenueFigures]) -> VenueRow:
    asked = [one for one in figures if one.requested]
    costs = [bps for one in figures if (bps := _bps(one.cost, one.at_mid)) is not None]
    return VenueRow(
        requested_qty=sum(one.requested for one in figures),
        filled_qty=sum(one.filled for one in figures),
        fill_rate=share_spread([one.filled / one.requested for one in asked]),
        cost_bps=spread(costs),
    )


def _line_rate(plan: Plan, levels: Mapping[str, str], runs: Sequence[RunFigures]) -> Spread | None:
    """Filled of requested at the venues of the point's line, or at all."""
    along = plan.config.along
    venues = () if along is None else line_of(along, levels[LINE]).venues
    rates = []
    for run in runs:
        chosen = [run.venues[name] for name in venues or run.venues if name in run.venues]
        requested = sum(one.requested for one in chosen)
        if requested:
            rates.append(sum(one.filled for one in chosen) / requested)
    return share_spread(rates)


def shortfall_bps(run: RunFigures) -> float | None:
    """The whole shortfall of what was ordered; None where it is not known."""
    return _bps(run.shortfall, run.paper)


def _parts(runs: Sequence[RunFigures]) -> dict[str, str | None]:
    known = [run for run in runs if run.shortfall is not None]
    means: dict[str, str | None] = {}
    for name in known[0].parts if known else ():
        values = [bps for run in known if (bps := _bps(run.parts[name], run.paper)) is not None]
        means[name] = text(fsum(values) / len(values)) if len(values) == len(known) else None
    return means


def _causes(runs: Sequence[RunFigures]) -> dict[str, int]:
    names = dict.fromkeys(sorted(name for run in runs for name in run.causes))
    return {name: sum(run.causes.get(name, 0) for run in runs) for name in names}


def _bps(money: str | None, base: str | None) -> float | None:
    if money is None or base is None or not _fraction(base):
        return None
    return float(BPS * _fraction(money) / _fraction(base))


def _fees_bps(run: RunFigures) -> float | None:
    return _bps(run.fees, run.at_mid)


def _fraction(money: str) -> Fraction:
    return Fraction(Decimal(money))
