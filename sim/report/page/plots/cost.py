"""The parts of the cost as steps from nothing to the whole, and how the price went on."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

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
    layout = frame(margin={"l": 8, "r": 8, "t": 28, "b": 40}, bargap=0.38)
    layout["grid"] = {"rows": 1, "columns": len(shown), "pattern": "independent", "xgap": 0.12}
    layout["annotations"] = []
    for place, parent in enumerate(shown, start=1):
        _steps_of(parent, names, place, data, layout)
        if len(shown) > 1:
            layout["annotations"].append(
                label(
                    parent.parent_id,
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


def _steps_of(
    parent: Parent, names: list[str], place: int, data: list[Trace], layout: Layout
) -> None:
    """Add one parent's bars, each beginning where the one before ended, the whole below."""
    parts = parent.shortfall.parts_bps or {}
    amounts = parent.shortfall.parts or {}
    at = Decimal(0)
    rows: list[str] = []
    starts: list[float] = []
    sizes: list[float] = []
    colours: list[str] = []
    texts: list[str] = []
    hovers: list[str] = []
    ends: list[float] = [0.0]
    for name in names:
        value = Decimal(parts.get(name) or 0)
        title, what = part(name)
        rows.append(title)
        starts.append(float(at))
        sizes.append(float(value))
        colours.append(LOSS if value > 0 else GAIN)
        texts.append(bps(parts.get(name)))
        hovers.append(
            f"<b>{title}</b> {bps(parts.get(name))} bps, {money(amounts.get(name))}<br>{what}"
        )
        at += value
        ends.append(float(at))
    total = float(Decimal(parent.shortfall.total_bps or 0))
    rows.append("Whole")
    starts.append(0.0)
    sizes.append(total)
    colours.append(INK)
    texts.append(bps(parent.shortfall.total_bps))
    whole = f"<b>Whole</b> {bps(parent.shortfall.total_bps)} bps, {money(parent.shortfall.total)}"
    hovers.append(whole)
    ends.append(total)
    data.append(
        {
            "type": "bar",
            "orientation": "h",
            "y": rows,
            "x": sizes,
            "base": starts,
            "marker": {"color": colours},
            "text": texts,
            "textposition": "outside",
            "textfont": {"color": INK, "size": 12},
            "cliponaxis": False,
            "hovertext": hovers,
            "hoverinfo": "text",
            "xaxis": _ref("x", place),
            "yaxis": _ref("y", place),
        }
    )
    low, high = min(ends), max(ends)
    columns = layout["grid"]["columns"]
    room = (high - low or 1.0) * (0.06 + 0.08 * columns)  # for the words at the bars' ends
    layout[f"xaxis{place if place > 1 else ''}"] = axis(
        "basis points, a cost to the right",
        range=[low - room if low < 0 else 0, high + room],
        zeroline=True,
        zerolinecolor=SOFT,
        zerolinewidth=1,
        nticks=6,
    )
    layout[f"yaxis{place if place > 1 else ''}"] = axis(
        autorange="reversed",
        showgrid=False,
        fixedrange=True,
        showticklabels=place == 1,
        ticklabelstandoff=10,
        tickfont={"size": 13, "color": INK},
    )


def markouts(parents: Sequence[Parent], venues: Sequence[Venue], marks: Marks) -> Plot | None:
    """Lines over the horizons: the parents together in ink, venues in their colours."""
    lines: list[tuple[str, str, str, list[Markout]]] = []
    if len(parents) == 1:
        lines.append((parents[0].parent_id, INK, "circle", parents[0].markouts))
    lines += [
        (one.venue_id, marks.colour(one.venue_id), marks.shape(one.venue_id), one.markouts)
        for one in venues
    ]
    lines = [one for one in lines if any(point.bps is not None for point in one[3])]
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
                name,
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
