"""Minimises a smooth function of the limits, not necessarily convex, within simple bounds.

Steps go against the slopes with the step length of Barzilai and Borwein, are brought back into the
bounds, and are accepted when the worst of the last few costs falls.

Source: Birgin, Martinez and Raydan, "Nonmonotone spectral projected gradient methods on convex
sets", SIAM Journal on Optimization 10(4), 2000.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol, TypeVar

_MEMORY: Final = 4
_ENOUGH: Final = 1e-4
_CUTS: Final = 12
_HALVINGS: Final = 40


class Point(Protocol):
    """What a function says of one place: its value, and how it changes with each coordinate."""

    @property
    def cost(self) -> float:
        """The value."""
        ...

    @property
    def slopes(self) -> list[float]:
        """Its gradient."""
        ...


class Bounds(NamedTuple):
    """Each coordinate from 0 to ``most``, their sum on one side of ``edge``.

    On the edge itself the cost has a kink, and the best place of it is known beforehand.
    """

    most: float
    edge: float
    above: bool

    def nearest(self, place: list[float]) -> list[float]:
        """The place within the bounds that is nearest to this one."""
        found = [min(max(x, 0.0), self.most) for x in place]
        total = sum(found)
        if (total < self.edge) is self.above and total != self.edge:
            return self._shifted(place, self.edge)
        return found

    def on_edge(self, place: list[float]) -> bool:
        """Whether a place is on the edge."""
        return abs(sum(place) - self.edge) <= 1e-9 * self.edge

    def _shifted(self, place: list[float], total: float) -> list[float]:
        """All coordinates moved alike until those within the box come to ``total``."""
        low, high = -max(place) - self.most, self.most - min(place)
        for _ in range(_HALVINGS):
            shift = (low + high) / 2
            if sum(min(max(x + shift, 0.0), self.most) for x in place) < total:
                low = shift
            else:
                high = shift
        return [min(max(x + high, 0.0), self.most) for x in place]


P = TypeVar("P", bound=Point)


def descend(
    function: Callable[[list[float]], P],
    start: list[float],
    bounds: Bounds,
    *,
    enough: float,
    steps: int,
) -> tuple[list[float], P]:
    """Where going down from ``start`` ends, and what the function says there.

    That is where it is flat, or where the way down would follow the edge.

    Args:
        function: What to minimise.
        start: Where to begin; brought into the bounds first.
        bounds: Where to stay.
        enough: A step that promises to lower the cost by less than this is the last, not taken.
        steps: How many to take at most.
    """
    place = bounds.nearest(start)
    here = function(place)
    best = place, here
    recent = [here.cost]
    steepest = max(abs(slope) for slope in here.slopes)
    length = bounds.most / 8 / steepest if steepest else 0.0
    for _ in range(steps):
        aim = bounds.nearest(
            [x - length * slope for x, slope in zip(place, here.slopes, strict=True)]
        )
        if bounds.on_edge(place) and bounds.on_edge(aim):
            break
        way = [b - a for a, b in zip(place, aim, strict=True)]
        promised = sum(slope * one for slope, one in zip(here.slopes, way, strict=True))
        if -promised < enough:
            break
        part, ceiling = 1.0, max(recent)
        for _ in range(_CUTS):
            target = [x + part * one for x, one in zip(place, way, strict=True)]
            there = function(target)
            if there.cost <= ceiling + _ENOUGH * part * promised:
                break
            # The lowest point of the parabola through what is known, within reason.
            rise = there.cost - here.cost - part * promised
            ideal = -promised * part**2 / (2 * rise) if rise > 0 else part / 2
            part = min(max(ideal, 0.1 * part), 0.6 * part)
        else:
            break
        moved = [part * one for one in way]
        turned = [b - a for a, b in zip(here.slopes, there.slopes, strict=True)]
        bend = sum(a * b for a, b in zip(moved, turned, strict=True))
        length = (
            sum(one * one for one in moved) / bend
            if bend > 0
            else bounds.most / max(abs(slope) for slope in there.slopes)
        )
        place, here = target, there
        if here.cost < best[1].cost:
            best = place, here
        recent = [*recent[1 - _MEMORY :], here.cost]
    return best
