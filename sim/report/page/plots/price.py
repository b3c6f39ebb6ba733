"""The best displayed prices over time, and where our orders were filled on them."""

from collections.abc import Sequence

from sim.report.page.form import Child, Document
from sim.report.page.plots.base import (
    INK,
    RULE,
    SOFT,
    Clock,
    Layout,
    Marks,
    Plot,
    Trace,
    axis,
    frame,
    label,
    plain_text,
)
from sim.report.page.plots.marks import Sizes, price_axis, touches
from sim.report.page.plots.timeline import span
from sim.report.page.text import Figures


def price_path(
    document: Document, children: Sequence[Child], figures: Figures, marks: Marks
) -> Plot | None:
    """Bid and offer as steps, fills on top; None if there is neither.

    Args:
        document: For the prices and the span of time.
        children: Those whose fills are drawn.
        figures: Says prices and quantities.
        marks: Colours of venues.
    """
    clock = Clock(*span(document, children), document.origin_ns)
    data = [*_best(document, clock), *_fills(document, children, clock, figures, marks)]
    if not data:
        return None
    layout = frame(
        margin={"l": 8, "r": 104, "t": 24, "b": 44},
        xaxis=axis(clock.title, range=clock.range, showgrid=False),
        yaxis=price_axis(data, figures, 6),
        annotations=[],
        shapes=[],
    )
    if len(document.parents) == 1:
        _levels(document, figures, layout)
    _sides(document, layout, clock)
    says = "Best displayed prices over time with our fills"
    return Plot("plot-price", says, 360, data, layout)


def _best(document: Document, clock: Clock) -> list[Trace]:
    best = document.market.nbbo
    return [] if best is None else touches(best, clock, {"width": 1.5, "color": SOFT})


def _fills(
    document: Document,
    children: Sequence[Child],
    clock: Clock,
    figures: Figures,
    marks: Marks,
) -> list[Trace]:
    """One trace of marks by venue, areas in proportion to quantities over all venues."""
    sizes = Sizes([one.qty for child in children for one in child.executions])
    traces: list[Trace] = []
    for venue_id in [one.venue_id for one in document.venues]:
        found = [
            (child, one)
            for child in children
            if child.venue_id == venue_id
            for one in child.executions
        ]
        if not found:
            continue
        name = plain_text(venue_id)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [clock.at(one.done_ns) for _, one in found],
                "y": [float(one.px) for _, one in found],
                "marker": {
                    "symbol": marks.shape(venue_id),
                    "color": marks.colour(venue_id),
                    "size": [sizes.of(one.qty) for _, one in found],
                    "opacity": 0.85,
                    "line": {"width": 1, "color": "--paper"},
                },
                "hovertext": [
                    f"<b>{name}</b> {figures.about(one.qty)} at {figures.price(one.px)}"
                    for _, one in found
                ],
                "hoverinfo": "text",
                "customdata": [child.decision_id for child, _ in found],
                "cliponaxis": False,
            }
        )
    return traces


def _levels(document: Document, figures: Figures, layout: Layout) -> None:
    """The parent's mid at arrival and its average price, named at the right end."""
    parent = document.parents[0]
    found = [
        (float(text), f"{name}\n{figures.average(text)}", dash, colour)
        for name, text, dash, colour in (
            ("mid at arrival", parent.arrival_mid, "dot", SOFT),
            ("average", parent.avg_px, "dash", INK),
        )
        if text is not None
    ]
    for place, (level, text, dash, colour) in enumerate(sorted(found)):
        layout["shapes"].append(
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": level,
                "y1": level,
                "line": {"color": colour, "width": 1, "dash": dash},
                "layer": "below",
            }
        )
        layout["annotations"].append(
            label(
                text,
                1,
                level,
                xref="paper",
                xanchor="left",
                xshift=6,
                yanchor="bottom" if place else "top",
                align="left",
                font={"size": 12, "color": colour},
            )
        )


def _sides(document: Document, layout: Layout, clock: Clock) -> None:
    """Where parents arrived and ended, as faint upright lines (a few parents only)."""
    if len(document.parents) > 3:
        return
    for parent in document.parents:
        for t_ns in (parent.received_ns, parent.done_ns):
            if t_ns is None or not clock.range[0] <= clock.at(t_ns) <= clock.range[1]:
                continue
            layout["shapes"].append(
                {
                    "type": "line",
                    "yref": "paper",
                    "x0": clock.at(t_ns),
                    "x1": clock.at(t_ns),
                    "y0": 0,
                    "y1": 1,
                    "line": {"color": RULE, "width": 1},
                    "layer": "below",
                }
            )
