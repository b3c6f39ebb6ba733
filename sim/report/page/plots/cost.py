"""The parts of the cost as steps from nothing to the whole, and how the price went on."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from sim.report.page.form import Markout, Parent, Venue
from sim.report.page.plots.base import (
    GAIN,
    INK,
    LOSS,
    RULE,
    SOFT,
    Layout,
    Marks,
    Plot,
    Trace,
    axis,
    frame,
    label,
    plain_text,
    short_name,
)
from sim.report.page.text import bps, money, part, parts_in_order
from sim.report.words import duration

HEIGHT: Final = 300
_LINE: Final = 14
"""Height of a line of small text."""
STEPS_MAX: Final = 3
"""Parents whose cost is drawn; more would be unreadable side by side."""


def cost_steps(parents: Sequence[Parent]) -> Plot | None:
    """Steps of the first parents that have a cost; None if none has."""
    shown = [
        one
        for one in parents
        if one.shortfall.total_bps is not None
        and any(value is not None for value in (one.shortfall.parts_bps or {}).values())
    ]
    costliest = sorted(shown, key=lambda one: -abs(Decimal(one.shortfall.total or 0)))[:STEPS_MAX]
    shown = [one for one in shown if one in costliest]
    if not shown:
        return None
    names = parts_in_order(name for one in shown for name in one.shortfall.parts_bps or ())
    names = list(dict.fromkeys(names))
    data: list[Trace] = []
    layout = frame(margin={"l": 8, "r": 28, "t": 28, "b": 44}, bargap=0.38)
    layout["grid"] = {"rows": 1, "columns": len(shown), "pattern": "independent", "xgap": 0.12}
    what = "basis points, a cost to the right"  # once: on a narrow screen three would meet
    layout["annotations"] = [label(what, 0.5, 0, xref="paper", yref="paper", yshift=-38)]
    for place, parent in enumerate(shown, start=1):
        _steps_of(parent, names, place, data, layout)
        if len(shown) > 1:
            layout["annotations"].append(
                label(
                    short_name(parent.parent_id),
                    0,
                    1,
                    xref=_ref("x", place, " domain"),
                    yref=_ref("y", place, " domain"),
                    xanchor="left",
                    yanchor="bottom",
                    font={"size": 13, "color": INK},
                )
            )
    says = "; ".join(
        f"{one.parent_id}: {bps(one.shortfall.total_bps)} basis points in all" for one in shown
    )
    return Plot("plot-cost", says, 34 * (len(names) + 1) + 76, data, layout)


def _ref(letter: str, place: int, more: str = "") -> str:
    return f"{letter}{place if place > 1 else ''}{more}"


class _Step(NamedTuple):
    """One bar: where it begins, how far it goes, and its words."""

    row: str
    start: float
    size: float
    colour: str
    text: str
    says: str


def _steps(parent: Parent, names: list[str]) -> list[_Step]:
    """The bars of one parent, each beginning where the one before ended, and the whole."""
    in_bps, in_money = parent.shortfall.parts_bps or {}, parent.shortfall.parts or {}
    at = Decimal(0)
    steps: list[_Step] = []
    for name in names:
        value = Decimal(in_bps.get(name) or 0)
        title, what = part(name)
        text = bps(in_bps.get(name))
        says = f"<b>{title}</b> {text} bps, {money(in_money.get(name))}<br>{what}"
        colour = LOSS if value > 0 else GAIN
        steps.append(_Step(title, float(at), float(value), colour, text, says))
        at += value
    text = bps(parent.shortfall.total_bps)
    says = f"<b>Whole</b> {text} bps, {money(parent.shortfall.total)}"
    whole = float(Decimal(parent.shortfall.total_bps or 0))
    return [*steps, _Step("Whole", 0.0, whole, INK, text, says)]


def _steps_of(
    parent: Parent, names: list[str], place: int, data: list[Trace], layout: Layout
) -> None:
    """Add one parent's bars and their axes."""
    steps = _steps(parent, names)
    data.append(
        {
            "type": "bar",
            "orientation": "h",
            "y": [step.row for step in steps],
            "x": [step.size for step in steps],
            "base": [step.start for step in steps],
            "marker": {"color": [step.colour for step in steps]},
            "text": [step.text for step in steps],
            "textposition": "outside",
            "textfont": {"color": INK, "size": 12},
            "cliponaxis": False,
            "hovertext": [step.says for step in steps],
            "hoverinfo": "text",
            "xaxis": _ref("x", place),
            "yaxis": _ref("y", place),
        }
    )
    ends = [0.0, *(step.start + step.size for step in steps)]
    low, high = min(ends), max(ends)
    columns = layout["grid"]["columns"]
    room = (high - low or 1.0) * (0.18 + 0.08 * columns)  # for the words at the bars' ends
    number = place if place > 1 else ""
    layout[f"xaxis{number}"] = axis(
        range=[low - room if low < 0 else 0, high + room],
        zeroline=True,
        zerolinecolor=SOFT,
        zerolinewidth=1,
        nticks=6 if columns == 1 else 4,
    )
    layout[f"yaxis{number}"] = axis(
        autorange="reversed",
        showgrid=False,
        fixedrange=True,
        showticklabels=place == 1,
        ticklabelstandoff=10,
        tickfont={"size": 13, "color": INK},
    )


def markouts(parents: Sequence[Parent], venues: Sequence[Venue], marks: Marks) -> Plot | None:
    """Lines over the horizons: the parents together in ink, venues in their colours."""
    lines = _lines(parents, venues, marks)
    if not lines:
        return None
    horizons = sorted(
        {point.horizon_ns for *_, points in lines for point in points if point.bps is not None}
    )
    place = {horizon: number for number, horizon in enumerate(horizons)}
    data: list[Trace] = []
    ends = []
    for name, colour, shape, points in lines:
        known = [(place[point.horizon_ns], point) for point in points if point.bps is not None]
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": [at for at, _ in known],
                "y": [float(point.bps or 0) for _, point in known],
                "line": {"color": colour, "width": 3 if colour == INK else 1.75},
                "marker": {"color": colour, "symbol": shape, "size": 7},
                "hovertext": [
                    f"<b>{plain_text(name)}</b> {bps(point.bps)} bps "
                    f"after {duration(point.horizon_ns)}"
                    for _, point in known
                ],
                "hoverinfo": "text",
            }
        )
        at, last = known[-1]
        ends.append((float(last.bps or 0), at, name, colour))
    drawn = [value for trace in data for value in trace["y"]]
    places = apart([value for value, *_ in ends], max(drawn) - min(drawn))
    layout = frame(
        margin={"l": 8, "r": 110, "t": 8, "b": 40},
        xaxis=axis(
            "time after the fill",
            tickvals=list(range(len(horizons))),
            ticktext=[duration(horizon) for horizon in horizons],
            range=[-0.2, len(horizons) - 0.8],
            showgrid=False,
        ),
        yaxis=axis("basis points, in our favour up", zeroline=True, zerolinecolor=SOFT),
        annotations=[
            label(
                short_name(name),
                at,
                value,
                xanchor="left",
                xshift=9,
                yshift=shift,
                font={"size": 12, "color": colour},
            )
            for (value, at, name, colour), shift in zip(ends, places, strict=True)
        ],
    )
    layout["yaxis"]["gridcolor"] = RULE
    says = "How the mid price moved after the fills, by venue and in all"
    return Plot("plot-markouts", says, HEIGHT, data, layout)


_Line = tuple[str, str, str, list[Markout]]
"""Name, colour, shape and points."""


def _lines(parents: Sequence[Parent], venues: Sequence[Venue], marks: Marks) -> list[_Line]:
    """The lines that have a point: a lone parent's, and the venues'."""
    lines: list[_Line] = []
    if len(parents) == 1:
        lines.append((parents[0].parent_id, INK, "circle", parents[0].markouts))
    lines += [
        (one.venue_id, marks.colour(one.venue_id), marks.shape(one.venue_id), one.markouts)
        for one in venues
    ]
    return [one for one in lines if any(point.bps is not None for point in one[3])]


def apart(values: Sequence[float], span: float) -> list[float]:
    """By how many pixels to move labels at these values up, so that none covers another.

    Args:
        values: Where they belong.
        span: From the lowest to the highest value of the chart.
    """
    scale = (HEIGHT - 60) / (span * 1.1 or 1.0)
    order = sorted(range(len(values)), key=lambda place: (values[place], place))
    shifts = [0.0] * len(values)
    below = float("-inf")
    for place in order:
        at = values[place] * scale
        shifts[place] = max(0.0, below + _LINE - at)
        below = at + shifts[place]
    return [round(shift, 1) for shift in shifts]
