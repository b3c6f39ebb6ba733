"""When each child order left, arrived, filled and ended, by venue; and prices with our fills."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sim.report.figures.base import (
    BAD,
    DARK,
    GREY,
    LIGHT,
    TimeUnit,
    name_of,
    price_axis,
    say_instead,
    thousands,
    time_unit,
    venue_colours,
)

CHILDREN_MAX: Final = 400
"""Children that a timeline can show one by one."""
LANES_MAX: Final = 16
ROWS_MAX: Final = 6
"""Rows within a venue's lane for children that are out at the same time."""
PARENTS_MAX: Final = 4
"""Parents whose arrival price gets a line."""

_ROOMY: Final = 35
"""Children that a row of a lane has room for with marks of full size."""
_SMALLEST: Final = 0.3
_MARKER_MIN, _MARKER_SPAN = 18.0, 130.0


def draw_timeline(figure: Any, document: Mapping[str, Any]) -> None:
    """A lane for each venue, a line for each child: from its leaving to its known end."""
    axis = figure.subplots()
    children = document["children"][:CHILDREN_MAX]
    if not children:
        axis.set_title("Child orders by venue")
        say_instead(axis, "No child order was sent.")
        return
    start = _start(document)
    last = max(_end(child, document) for child in children)
    unit = time_unit(last - start)
    lanes = lanes_of(document)
    largest = max((fill["qty"] for child in children for fill in child["executions"]), default=1)
    colours = venue_colours(document)
    for place, venue_id in enumerate(lanes):
        mine = [child for child in children if child["venue_id"] == venue_id]
        _lane(axis, mine, -place, colours[venue_id], _Scale(unit, start, largest, document))
    axis.set_yticks([-n for n in range(len(lanes))], [name_of(one) for one in lanes])
    axis.set_ylim(-len(lanes) + 0.4, 0.6)
    axis.grid(axis="y", visible=False)
    for n in range(1, len(lanes)):
        axis.axhline(0.5 - n, color=LIGHT, linewidth=0.8)
    axis.set_xlabel(f"time since the first order came ({unit.name})")
    thousands(axis.xaxis)
    axis.set_title(_title(document, len(children)))
    _legend(figure, axis)


def lanes_of(document: Mapping[str, Any]) -> list[str]:
    """Venues that the timeline shows, the first on top."""
    used = {child["venue_id"] for child in document["children"][:CHILDREN_MAX]}
    return [one["venue_id"] for one in document["venues"] if one["venue_id"] in used][:LANES_MAX]


def draw_prices(figure: Any, document: Mapping[str, Any]) -> None:
    """Best displayed lit prices as they were, and what we traded at."""
    axis = figure.subplots()
    axis.set_title("Prices and fills")
    fills = [
        (fill, child["venue_id"]) for child in document["children"] for fill in child["executions"]
    ]
    market = document["market"]
    nbbo = market.get("nbbo")
    if not fills and nbbo is None:
        say_instead(axis, "Nothing was filled, and the log holds no market data.")
        return
    start = _start(document)
    first, last = market["window_ns"]
    unit = time_unit(last - first)
    if nbbo is not None:
        times = [unit.of(max(t, first) - start) for t in nbbo["t_ns"]]
        times.append(unit.of(last - start))
        for side, name in (("ask", "best displayed offer"), ("bid", "best displayed bid")):
            path = [float("nan") if px is None else float(px) for px in nbbo[side]]
            if any(px is not None for px in nbbo[side]):
                style = {"color": GREY if side == "ask" else DARK, "linewidth": 1.2}
                axis.step(times, [*path, path[-1]], where="post", label=name, **style)
    _arrival_lines(axis, document, unit, start)
    colours = venue_colours(document)
    largest = max((fill["qty"] for fill, _ in fills), default=1)
    for venue_id, colour in colours.items():
        mine = [fill for fill, where in fills if where == venue_id]
        mine.sort(key=lambda fill: -fill["qty"])  # small ones on top of large ones
        if mine:
            axis.scatter(
                [unit.of(fill["done_ns"] - start) for fill in mine],
                [float(fill["px"]) for fill in mine],
                s=[_area(fill["qty"], largest) for fill in mine],
                color=colour,
                alpha=0.75,
                edgecolor="white",
                linewidth=0.6,
                zorder=3,
                label=f"{name_of(venue_id)}: {len(mine):,} fill{'s' if len(mine) > 1 else ''}",
            )
    axis.set_xlabel(f"time since the first order came ({unit.name})")
    thousands(axis.xaxis)
    if nbbo is None:
        axis.set_title("Prices and fills (the log holds no true best prices)")
    axis.margins(x=0.02, y=0.12)
    price_axis(axis, document)
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), markerscale=0.7, fontsize=9)


class _Scale:
    """Times and sizes of one timeline."""

    def __init__(
        self, unit: TimeUnit, start: int, largest: int, document: Mapping[str, Any]
    ) -> None:
        self._unit = unit
        self._start = start
        self._largest = largest
        self._document = document

    def time(self, ns: int) -> float:
        return self._unit.of(ns - self._start)

    def end(self, child: Mapping[str, Any]) -> float:
        return self.time(_end(child, self._document))

    def area(self, qty: int) -> float:
        return _area(qty, self._largest)


class _Marks:
    """Places of one kind of mark in a lane."""

    def __init__(self) -> None:
        self.x: list[float] = []
        self.y: list[float] = []
        self.area: list[float] = []

    def add(self, x: float, y: float, area: float = 1.0) -> None:
        self.x.append(x)
        self.y.append(y)
        self.area.append(area)


def _lane(
    axis: Any, children: Sequence[Mapping[str, Any]], place: int, colour: str, scale: _Scale
) -> None:
    """One venue: all marks of a kind are drawn at once, smaller where there are many."""
    rows = _rows(children, scale)
    used = min(ROWS_MAX, max(rows) + 1)
    lines, sent, met, fills, lost = _Marks(), _Marks(), _Marks(), _Marks(), _Marks()
    for child, row in zip(children, rows, strict=True):
        y = place if used == 1 else place + 0.34 - 0.68 * (row % used) / (used - 1)
        lines.add(scale.time(child["sent_ns"]), y, scale.end(child))
        sent.add(scale.time(child["sent_ns"]), y)
        if child["arrived_ns"] is not None:
            met.add(scale.time(child["arrived_ns"]), y)
        for fill in child["executions"]:
            fills.add(scale.time(fill["heard_ns"]), y, scale.area(fill["qty"]))
        if child["end"] in {"canceled", "rejected", "written_off"}:
            lost.add(scale.end(child), y)
    size = max(_SMALLEST, min(1.0, _ROOMY * used / len(children)))
    areas = [area * size for area in fills.area]
    axis.hlines(lines.y, lines.x, lines.area, color=colour, linewidth=1.6, alpha=0.55, zorder=2)
    axis.scatter(sent.x, sent.y, marker="|", s=60 * size, color=colour, zorder=3)
    axis.scatter(
        fills.x,
        fills.y,
        s=areas,
        color=colour,
        alpha=0.8,
        edgecolor="white",
        linewidth=0.5 * size,
        zorder=3,
    )
    axis.scatter(
        met.x,
        met.y,
        marker="o",
        s=26 * size,
        facecolor="white",
        edgecolor=colour,
        linewidth=1.2 * size,
        zorder=4,
    )
    axis.scatter(lost.x, lost.y, marker="x", s=42 * size, color=BAD, linewidth=1.6 * size, zorder=5)


def _rows(children: Sequence[Mapping[str, Any]], scale: _Scale) -> list[int]:
    """A row for each child: those that are out at the same time do not lie on each other."""
    busy: list[float] = []
    rows = []
    for child in children:
        sent, end = scale.time(child["sent_ns"]), scale.end(child)
        row = next((n for n, until in enumerate(busy) if until <= sent), len(busy))
        if row == len(busy):
            busy.append(end)
        busy[row] = end
        rows.append(row)
    return rows


def _legend(figure: Any, axis: Any) -> None:
    """What the marks mean, in grey: colours are the venues'."""
    scatter = axis.scatter
    handles = [
        scatter([], [], marker="|", s=60, color="#444444", label="sent"),
        scatter([], [], s=26, facecolor="white", edgecolor="#444444", label="met the book"),
        scatter([], [], s=60, color="#444444", label="fill known (area: lots)"),
        scatter([], [], marker="x", s=42, color=BAD, label="canceled or rejected"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=9)


def _title(document: Mapping[str, Any], shown: int) -> str:
    count = len(document["children"])
    if count > shown:
        return f"Child orders by venue: the first {shown:,} of {count:,}"
    return "Child orders by venue"


def _arrival_lines(axis: Any, document: Mapping[str, Any], unit: TimeUnit, start: int) -> None:
    parents = [one for one in document["parents"] if one["arrival_mid"] is not None]
    for one in parents[:PARENTS_MAX] if len(parents) <= PARENTS_MAX else ():
        since = unit.of(one["received_ns"] - start)
        end = one["done_ns"] if one["done_ns"] is not None else document["end_ns"]
        axis.plot(
            [since, max(since, unit.of(end - start))],
            [float(one["arrival_mid"])] * 2,
            color="#222222",
            linestyle=":",
            linewidth=1.4,
            label=f"mid as {name_of(one['parent_id'])} arrived",
        )


def _start(document: Mapping[str, Any]) -> int:
    return min((one["received_ns"] for one in document["parents"]), default=0)


def _end(child: Mapping[str, Any], document: Mapping[str, Any]) -> int:
    ended: int | None = child["ended_ns"]
    return int(document["end_ns"]) if ended is None else ended


def _area(qty: int, largest: int) -> float:
    """The area of a marker grows with the lots that it stands for."""
    return _MARKER_MIN + _MARKER_SPAN * qty / largest
