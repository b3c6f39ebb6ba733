"""All figures of a report by the names of their files."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sim.report.figures.base import figure_bytes
from sim.report.figures.costs import draw_causes, draw_latencies, draw_shortfall
from sim.report.figures.panels import NAME, StudiedCost, draw_panels
from sim.report.figures.timeline import draw_prices, draw_timeline, lanes_of

_LANE_INCHES: Final = 0.75
_BAR_INCHES: Final = 0.42


def draw_figures(
    document: Mapping[str, Any], studied: Sequence[StudiedCost] = ()
) -> dict[str, bytes]:
    """PNG by name of file: the four panels first.

    Args:
        document: The report.
        studied: Costs over many runs of the same scenario, for the panels that need them.

    Raises:
        MissingExtraError: If matplotlib is not installed.
    """
    lanes = len(lanes_of(document))
    bars = sum(1 for one in document["venues"] if one["filled_qty"] + one["short_qty"])
    plans: dict[str, tuple[Callable[[Any, Mapping[str, Any]], None], tuple[float, float]]] = {
        NAME: (lambda figure, held: draw_panels(figure, held, studied), (14, 10)),
        "timeline.png": (draw_timeline, (11, min(12, max(3.2, 1.8 + _LANE_INCHES * lanes)))),
        "prices.png": (draw_prices, (11, 5)),
        "shortfall.png": (draw_shortfall, (9, 4)),
        "causes.png": (draw_causes, (10, min(9, max(2.6, 1.4 + _BAR_INCHES * bars)))),
        "latencies.png": (draw_latencies, (12, 4.2)),
    }
    return {
        name: figure_bytes(lambda figure, one=one: one(figure, document), size)  # type: ignore[misc]
        for name, (one, size) in plans.items()
    }
