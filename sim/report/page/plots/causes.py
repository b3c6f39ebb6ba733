"""Why lots that were asked for were not filled: a bar for each cause, its parts by venue."""

from collections.abc import Sequence

from sim.report.page.form import Venue
from sim.report.page.plots.base import (
    INK,
    Marks,
    Plot,
    Trace,
    axis,
    frame,
    label,
    plain_text,
    sizes_format,
)
from sim.report.page.text import Figures, cause


def cause_bars(venues: Sequence[Venue], figures: Figures, marks: Marks) -> Plot | None:
    """Bars, the longest on top; None if all that was asked for was filled."""
    total: dict[str, int] = {}
    for venue in venues:
        for name, lots in venue.causes.items():
            total[name] = total.get(name, 0) + lots
    order = sorted((name for name in total if total[name]), key=lambda one: (-total[one], one))
    if not order:
        return None
    data: list[Trace] = []
    for venue in venues:
        found = [(name, venue.causes[name]) for name in order if venue.causes.get(name)]
        if not found:
            continue
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "y": [cause(name) for name, _ in found],
                "x": [figures.size(lots) for _, lots in found],
                "marker": {
                    "color": marks.colour(venue.venue_id),
                    "line": {"color": "--paper", "width": 1},
                },
                "hovertext": [
                    f"<b>{plain_text(venue.venue_id)}</b> {figures.about(lots)}: {cause(name)}"
                    for name, lots in found
                ],
                "hoverinfo": "text",
            }
        )
    most = figures.size(total[order[0]])
    layout = frame(
        barmode="stack",
        bargap=0.42,
        margin={"l": 8, "r": 8, "t": 4, "b": 40},
        xaxis=axis(
            "quantity not filled", range=[0, most * 1.25], tickformat=sizes_format(most), nticks=6
        ),
        yaxis=axis(
            categoryorder="array",
            categoryarray=[cause(name) for name in reversed(order)],
            showgrid=False,
            fixedrange=True,
            tickfont={"size": 13, "color": INK},
        ),
        annotations=[
            label(
                figures.about(total[name]),
                figures.size(total[name]),
                cause(name),
                xanchor="left",
                xshift=6,
                font={"size": 12, "color": INK},
            )
            for name in order
        ],
    )
    says = "; ".join(f"{cause(name)}: {figures.about(total[name])}" for name in order)
    return Plot("plot-causes", says, 36 * len(order) + 60, data, layout)
