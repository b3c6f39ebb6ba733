"""The optimum of the whole problem on exact laws of the outflows: an exact solver.

For given limits the cost is convex in M, whose best value is a quantile of what the limits bring;
in the limits it is not convex. So the search starts from several points, on either side of
``sum L = S`` where the cost has a kink, and the corner without overbooking is solved apart and
exactly (``without_overbooking``). An optimum at a corner is as good as any: ``M = 0``,
``M + sum L = S`` and ``L_k = S - M`` are never refused.

With laws of a handful of points the cost has many kinks, and the best of them may be missed by some
percent; the corner is exact for them as well.

The search runs on a coarse lattice, its result is refined on a finer one. What is returned is the
better of the refined point and of the corner.

Source: own, after the model of Cont and Kukanov, arXiv 1210.1625v4.
"""

from math import ceil
from typing import TYPE_CHECKING, Final, NamedTuple

from router.allocate.placement.closed_form import closed_form
from router.allocate.placement.descent import Bounds, descend
from router.allocate.placement.laws import Discrete
from router.allocate.placement.model import Placement, Problem
from router.allocate.placement.outflows import Outflows
from router.allocate.placement.without_overbooking import (
    cost_without_overbooking,
    without_overbooking,
)

if TYPE_CHECKING:
    from router.allocate.placement.lattice import Lattice

_ROUGHLY: Final = 5e-5
"""Of what all shares missed would cost: gains below it do not count in the first search."""

_COARSE: Final = 3_000
_FINE: Final = 20_000
_MOST_CELLS: Final = 8_192
"""Lattice points of all venues and common parts together, and of one venue."""

_CHECKED: Final = 4_096
"""Steps at least where limits lie between those of the outflows: a sum off the lattice is put on
two of its points, which makes a shortfall that hardly happens look likely."""

_MOST_KINKS: Final = 400

_THIN: Final = 1.2
_LESS_THIN: Final = 0.8
"""How coarsely the common part is summed; with the second a smooth law's sum is right to 1e-6."""


_FEW: Final = 3
"""Venues with a common part up to which the cost is taken on one more lattice, right to some 1e-6
of a share's spread; with more it would take as long as the search, and is right to some 1e-5."""


class Optimum(NamedTuple):
    """A placement and its expected cost for the whole order."""

    placement: Placement
    cost: float


def solve(problem: Problem, outflows: Outflows) -> Optimum:
    """The placement of the least expected cost, overbooked or not.

    Raises:
        ValueError: If an assumption of the model fails.
    """
    problem.check()
    laws = [outflows.marginal(k) for k in range(problem.venues)]
    if problem.venues == 1:
        found = closed_form(problem, laws[0])
        return Optimum(found.placement, found.cost)
    placement = without_overbooking(problem, laws)
    corner = Optimum(placement, cost_without_overbooking(problem, placement, laws))
    overbooked = _overbooked(problem, outflows, list(placement.limits))
    return corner if overbooked is None or corner.cost <= overbooked.cost else overbooked


def expected_cost(problem: Problem, outflows: Outflows, placement: Placement) -> float:
    """E v of a placement, on the whole law; money for the whole order.

    Exact without overbooking, and where outflows and limits are on one lattice.
    """
    if placement.total <= problem.order_qty:
        laws = [outflows.marginal(k) for k in range(problem.venues)]
        return cost_without_overbooking(problem, placement, laws)
    unit, lattice = outflows.unit, whole_lattice(problem, outflows)
    if unit is not None and not all(_is_step(one, unit) for one in placement.limits):
        from router.allocate.placement.lattice import Lattice

        own = problem.order_qty / unit
        parts = 10 * ceil(_CHECKED / own / 10)  # tenths of a step are then on the lattice
        if _is_step(problem.order_qty, unit) and own * parts <= _MOST_CELLS:
            lattice = Lattice(problem, outflows, round(own) * parts)
    return lattice.sums(list(placement.limits)).cost(problem.order_qty - placement.market)


def near_cost(problem: Problem, outflows: Outflows, placement: Placement) -> float:
    """The same to about 1e-5 of a share's spread, in a hundredth of the time.

    The common part is thinned and what the step costs is taken off by comparing two lattices.
    """
    if placement.total <= problem.order_qty:
        return expected_cost(problem, outflows, placement)
    from router.allocate.placement.lattice import Lattice

    cells = _cells(_FINE, outflows, problem.venues)
    gap = problem.order_qty - placement.market
    half, whole = [
        Lattice(problem, outflows, n, _LESS_THIN).sums(list(placement.limits)).cost(gap)
        for n in (cells, 2 * cells)
    ]
    return whole + (whole - half) / 3


def whole_lattice(problem: Problem, outflows: Outflows) -> "Lattice":
    """The problem with the whole common part, on the outflows' own steps where they have some."""
    from router.allocate.placement.lattice import Lattice

    unit = outflows.unit
    own = unit is not None and problem.order_qty / unit <= _MOST_CELLS
    return Lattice(problem, outflows, None if own else _MOST_CELLS)


def _overbooked(problem: Problem, outflows: Outflows, corner: list[float]) -> Optimum | None:
    """The best that going down finds on both sides of ``sum L = S``; None: the corner is it."""
    from router.allocate.placement.lattice import Lattice

    size, venues = problem.order_qty, problem.venues
    coarse = Lattice(problem, outflows, _cells(_COARSE, outflows, venues), _THIN)
    over, under = Bounds(size, size, above=True), Bounds(size, size, above=False)
    starts = [(over, corner), (over, [1.3 * size / venues] * venues)]
    if sum(corner) < 0.98 * size:
        starts.append((under, [1.02 * limit for limit in corner]))
    scale = size * (problem.lambda_under + problem.lambda_over + problem.theta)
    roughly = _ROUGHLY * scale
    kinks = [(coarse.evaluate(limits).cost, limits) for limits in _kinks(problem, outflows)]
    if kinks:
        _, kink = min(kinks)
        starts.append((over if sum(kink) > size else under, kink))
    least, best = coarse.evaluate(corner).cost, (over, corner)
    for bounds, start in starts:
        end, there = descend(coarse.evaluate, start, bounds, enough=roughly, steps=30)
        if there.cost < least - roughly and not bounds.on_edge(end):
            least, best = there.cost, (bounds, end)
    bounds, place = best
    if place is corner:
        return None
    cells = _cells(_FINE, outflows, venues) // 2
    middle, fine = [Lattice(problem, outflows, n, _LESS_THIN) for n in (cells, 2 * cells)]
    place, _ = descend(middle.evaluate, place, bounds, enough=1e-6 * scale, steps=15)
    # A step costs as many transforms as there are common points; without them many are cheap.
    shared = outflows.common is not None
    steps = 1 if shared else 20 if venues == 2 else 6
    place, known = descend(fine.evaluate, place, bounds, enough=1e-13 * scale, steps=steps)
    gap = size - known.market
    half, whole = middle.sums(place).cost(gap), known.cost
    if shared and venues <= _FEW:
        finer = Lattice(problem, outflows, 4 * cells, _LESS_THIN)
        half, whole = whole, finer.sums(place).cost(gap)
    # The error falls with the square of the step: what remains of it is taken off.
    return Optimum(Placement(known.market, tuple(place)), whole + (whole - half) / 3)


def _is_step(qty: float, unit: float) -> bool:
    """Whether a quantity is on the lattice of this step."""
    return abs(qty / unit - round(qty / unit)) < 1e-9


def _kinks(problem: Problem, outflows: Outflows) -> list[list[float]]:
    """Limits that some outcomes just fill, of laws of few points: slopes say little between them.

    All combinations at all venues; none where they would be too many, or a law is not of that kind.
    """
    if outflows.common is not None:
        return []
    found: list[list[float]] = [[]]
    for law, queue in zip(outflows.own, problem.queues, strict=True):
        if not isinstance(law, Discrete) or len(law.points) * len(found) > _MOST_KINKS:
            return []
        past = [outflows.own_weight * point - queue for point in law.points]
        places = {0.0, *(min(one, problem.order_qty) for one in past if one > 0)}
        found = [[*before, place] for before in found for place in sorted(places)]
    return found


def _cells(points: int, outflows: Outflows, venues: int) -> int:
    """Steps of a lattice with about so many points in all."""
    # Without a common part the sum is as long as all venues together, and each is transformed.
    many = 20 if outflows.common is not None else max(1, venues // 2)
    return min(_MOST_CELLS, max(32, points // (many * venues)))
