"""The four panels that customers ask for: venue depth, allocation, strategies, and costs by chance.

The first two are of the run. Strategies and the distribution of costs need many runs: they come
from a study of the same scenario that is handed in; without one the panels say what they need.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sim.report.figures.base import (
    BAD,
    COLOURS,
    DARK,
    GREY,
    LIGHT,
    TITLE_MAX,
    lots_label,
    name_of,
    price_axis,
    say_instead,
    thousands,
    venue_colours,
)

NAME: Final = "smart_order_routing_analysis.png"
VENUES_MAX: Final = 12
ROWS_MAX: Final = 12
"""Strategies or points of a sweep that fit."""


class StudiedCost(NamedTuple):
    """What one strategy, or one point of a sweep, costs over many runs, in basis points.

    ``low`` and ``high`` bound the mean; the quantiles are of single runs, None where the study
    kept none.
    """

    name: str
    runs: int
    mean: float
    low: float | None
    high: float | None
    quantiles: tuple[float, float, float, float, float] | None
    """5th, 25th, 50th, 75th and 95th percentile."""
    least: float | None = None
    most: float | None = None


def draw_panels(
    figure: Any, document: Mapping[str, Any], studied: Sequence[StudiedCost] = ()
) -> None:
    """All four."""
    (depth, split), (compared, spread) = figure.subplots(2, 2)
    _depth(depth, document)
    _allocation(split, document)
    shown = list(studied[:ROWS_MAX])
    _strategies(compared, shown, len(studied))
    _spread(spread, shown)
    figure.suptitle(
        f"Smart order routing: {name_of(document['scenario'], TITLE_MAX)}, seed {document['seed']}",
        fontsize=13,
        fontweight="bold",
    )


def _depth(axis: Any, document: Mapping[str, Any]) -> None:
    """What could be had at each venue up to a price, as the first decision knew it."""
    axis.set_title("Venue depth")
    found = _first_levels(document)
    if not found:
        say_instead(axis, "No decision knew of anything to trade with.")
        return
    what, books = found
    colours = venue_colours(document)
    for venue_id, levels in list(books.items())[:VENUES_MAX]:
        so_far, xs, ys = 0, [0.0], [float(levels[0][0])]
        for px, qty in levels:
            xs += [so_far, so_far + qty]
            ys += [float(px), float(px)]
            so_far += qty
        axis.plot(
            xs[1:], ys[1:], color=colours[venue_id], linewidth=2, label=name_of(venue_id), alpha=0.9
        )
        axis.plot([xs[-1]], [ys[-1]], marker="o", markersize=4, color=colours[venue_id])
    axis.set_xlim(left=0)
    axis.set_xlabel(f"{lots_label(document)}, added up from the best price")
    thousands(axis.xaxis, 6)
    axis.margins(y=0.12)
    price_axis(axis, document)
    axis.set_title(what, fontsize=9, fontweight="normal", loc="right", color="#555555")
    axis.legend(fontsize=8, ncols=1 if len(books) < 6 else 2)


def _first_levels(
    document: Mapping[str, Any],
) -> tuple[str, dict[str, list[tuple[str, int]]]] | None:
    for decision in document["decisions"]:
        books = {row["venue_id"]: row["levels"] for row in decision["venues"] if row.get("levels")}
        if books:
            return f"as decision D{decision['decision_id']} knew it", books
    met: dict[str, list[tuple[str, int]]] = {}
    for child in document["children"]:
        if child["arrival"] and child["venue_id"] not in met:
            met[child["venue_id"]] = child["arrival"]
    return ("as the first child orders met it", met) if met else None


def _allocation(axis: Any, document: Mapping[str, Any]) -> None:
    """What was sent to each venue and what it filled."""
    axis.set_title("Allocation")
    venues = [one for one in document["venues"] if one["routed_qty"]]
    if not venues:
        say_instead(axis, "Nothing was sent to any venue.")
        return
    venues = sorted(venues, key=lambda one: -one["filled_qty"])[:VENUES_MAX]  # stable
    colours = venue_colours(document)
    places = [-n for n in range(len(venues))]
    axis.barh(places, [one["routed_qty"] for one in venues], height=0.66, color=LIGHT, label="sent")
    axis.barh(
        places,
        [one["filled_qty"] for one in venues],
        height=0.42,
        color=[colours[one["venue_id"]] for one in venues],
        label="filled",
    )
    filled = max(1, sum(one["filled_qty"] for one in document["venues"]))
    for place, one in zip(places, venues, strict=True):
        axis.annotate(
            f"{one['filled_qty']:,} ({one['filled_qty'] / filled:.0%})",
            (max(one["routed_qty"], one["filled_qty"]), place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axis.set_yticks(places, [name_of(one["venue_id"]) for one in venues])
    axis.grid(axis="y", visible=False)
    axis.margins(x=0.24)
    axis.set_xlim(left=0)
    axis.set_xlabel(f"{lots_label(document)}: sent (grey), filled (colour, share of all fills)")
    thousands(axis.xaxis, 6)


def _strategies(axis: Any, studied: Sequence[StudiedCost], of: int) -> None:
    """Mean costs with their intervals."""
    axis.set_title("Strategy comparison")
    if not studied:
        say_instead(
            axis,
            "Needs the result of a sweep or a comparison of this\nscenario that has costs in bps: "
            "sorsim report RUN\n--format png --study sweep.json (or comparison.json)",
        )
        return
    places = [-n for n in range(len(studied))]
    for n, (place, one) in enumerate(zip(places, studied, strict=True)):
        axis.barh(place, one.mean, height=0.6, color=COLOURS[n % len(COLOURS)], alpha=0.85)
        if one.low is not None and one.high is not None:
            axis.plot([one.low, one.high], [place, place], color="#222222", linewidth=1.4)
            axis.plot(
                [one.low, one.high], [place, place], linestyle="", marker="|", color="#222222"
            )
        edge = max(one.mean, 0.0 if one.high is None else one.high, 0.0)
        axis.annotate(
            f"{one.mean:.2f}",
            (edge, place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axis.axvline(0, color="#222222", linewidth=0.9)
    axis.set_yticks(places, [name_of(one.name) for one in studied])
    axis.grid(axis="y", visible=False)
    axis.margins(x=0.15)
    more = f"; {of - len(studied)} more are not shown" if of > len(studied) else ""
    axis.set_xlabel(f"mean cost in bps, with the interval of each mean alone{more}")


def _spread(axis: Any, studied: Sequence[StudiedCost]) -> None:
    """How costs of single runs spread: boxes of the middle half, whiskers from 5 to 95 %."""
    axis.set_title("Cost distribution")
    known = [one for one in studied if one.quantiles is not None]
    if not known:
        say_instead(
            axis,
            "Needs the costs of single runs in bps, which a sweep\nkeeps where there are any: "
            "sorsim sweep SCENARIO,\nthen sorsim report RUN --format png --study sweep.json",
        )
        return
    for n, one in enumerate(studied):
        if one.quantiles is None:
            continue
        low, first, middle, third, high = one.quantiles
        place, colour = -n, COLOURS[n % len(COLOURS)]
        axis.plot([low, high], [place, place], color=DARK, linewidth=1.2)
        axis.barh(
            place, third - first, left=first, height=0.5, color=colour, alpha=0.75, edgecolor=DARK
        )
        axis.plot([middle, middle], [place - 0.25, place + 0.25], color="#111111", linewidth=1.8)
        ends = [value for value in (one.least, one.most) if value is not None]
        axis.plot(ends, [place] * len(ends), linestyle="", marker=".", markersize=5, color=GREY)
        axis.plot([one.mean], [place], marker="D", markersize=4, color=BAD)
    axis.set_yticks([-n for n in range(len(studied))], [name_of(one.name) for one in studied])
    axis.grid(axis="y", visible=False)
    runs = f"{min(one.runs for one in known):,} runs or more each" if known else ""
    axis.set_xlabel(
        f"cost of single runs in bps: middle half, 5 to 95 %, extremes; mean in red\n({runs})"
    )
