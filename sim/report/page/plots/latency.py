"""How long messages took, by way and venue: the whole range, the middle half, and the median."""

from collections.abc import Sequence
from typing import Any, Final

from sim.report.page.form import Latency
from sim.report.page.plots.base import (
    INK,
    NARROW_MAX,
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
from sim.report.page.text import leg, whole
from sim.report.words import duration

_UNITS: Final = ((10**9, "s"), (10**6, "ms"), (10**3, "us"), (1, "ns"))


def latencies(rows: Sequence[Latency], marks: Marks) -> Plot | None:
    """Strips by way, side by side, a line for each venue; None if nothing was measured."""
    known = [row for row in rows if row.count and len(row.percentiles_ns) == 101]
    if not known:
        return None
    legs = list(dict.fromkeys(row.leg for row in known))
    venues = list(dict.fromkeys(row.venue_id for row in known))
    data: list[Trace] = []
    layout = frame(margin={"l": 8, "r": 16, "t": 26, "b": 40}, annotations=[])
    width = 1 / len(legs)
    for place, name in enumerate(legs, start=1):
        suffix = "" if place == 1 else str(place)
        mine = [row for row in known if row.leg == name]
        most = max(row.percentiles_ns[100] for row in mine)
        scale, unit = next(((ns, text) for ns, text in _UNITS if most >= ns), (1, "ns"))
        start = (place - 1) * width
        layout[f"xaxis{suffix}"] = axis(
            unit,
            domain=[start + (0.02 if place > 1 else 0), start + width - 0.02],
            rangemode="tozero",
            anchor="y",
            nticks=5,
            range=[0, most / scale * 1.06 or 1],
        )
        if not most:
            layout[f"xaxis{suffix}"] |= {"tickvals": [0], "ticktext": ["0"]}
        layout["annotations"].append(
            label(
                leg(name),
                0,
                1,
                xref=f"x{suffix} domain",
                yref="paper",
                xanchor="left",
                yanchor="bottom",
                yshift=4,
                font={"size": 13, "color": INK},
            )
        )
        for row in mine:
            data += _strip(row, scale, f"x{suffix}", marks)
    _venues(layout, venues)
    says = "; ".join(
        f"{row.venue_id}, {leg(row.leg)}: median {duration(row.percentiles_ns[50])}"
        for row in known
    )
    return Plot("plot-latencies", says, 30 * len(venues) + 84, data, layout)


def _venues(layout: Layout, venues: list[str]) -> None:
    layout["yaxis"] = axis(
        categoryorder="array",
        categoryarray=venues[::-1],
        tickvals=venues[::-1],
        ticktext=[plain_text(short_name(venue_id, NARROW_MAX)) for venue_id in venues[::-1]],
        showgrid=False,
        fixedrange=True,
        tickfont={"size": 13, "color": INK},
        range=[-0.6, len(venues) - 0.4],
    )


def _strip(row: Latency, scale: int, ref: str, marks: Marks) -> list[Trace]:
    colour = marks.colour(row.venue_id)
    at = [ns / scale for ns in row.percentiles_ns]
    name = plain_text(row.venue_id)
    says = (
        f"<b>{name}</b>, {whole(row.count)} messages"
        f"<br>median {duration(row.percentiles_ns[50])}"
        f"<br>middle half {duration(row.percentiles_ns[25])} to {duration(row.percentiles_ns[75])}"
        f"<br>99 of 100 within {duration(row.percentiles_ns[99])}"
        f"<br>longest {duration(row.percentiles_ns[100])}"
    )
    common: dict[str, Any] = {"type": "scatter", "xaxis": ref, "hoverinfo": "text"}
    line = {**common, "mode": "lines", "y": [row.venue_id, row.venue_id], "hovertext": says}
    return [
        {**line, "x": [at[0], at[100]], "line": {"color": colour, "width": 1.5}},
        {**line, "x": [at[25], at[75]], "line": {"color": colour, "width": 7}, "opacity": 0.55},
        {
            **common,
            "mode": "markers",
            "x": [at[50]],
            "y": [row.venue_id],
            "hovertext": [says],
            "cliponaxis": False,
            "marker": {
                "symbol": marks.shape(row.venue_id),
                "size": 10,
                "color": colour,
                "line": {"width": 1.5, "color": "--paper"},
            },
        },
    ]
