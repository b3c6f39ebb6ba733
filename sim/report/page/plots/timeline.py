"""When child orders left, arrived, filled and ended, venue by venue, on the venue's own quotes."""

from collections.abc import Sequence
from typing import Any, Final

from sim.report.page.form import Child, Document
from sim.report.page.plots.base import (
    FAINT,
    INK,
    Clock,
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
from sim.report.page.plots.marks import Sizes, price_axis, touches
from sim.report.page.text import Figures, words
from sim.report.words import duration, instant

VENUES_MAX: Final = 8
ROW: Final = 128
"""Height of a venue's strip."""


def timeline(
    document: Document, children: Sequence[Child], figures: Figures, marks: Marks
) -> Plot | None:
    """Strips of the venues that got most children, in the scenario's order; None without children.

    Args:
        document: For the quotes and the span of time.
        children: Those to draw.
        figures: Says prices and quantities.
        marks: Colours of venues.
    """
    by_venue: dict[str, list[Child]] = {}
    for child in children:
        by_venue.setdefault(child.venue_id, []).append(child)
    order = [one.venue_id for one in document.venues if one.venue_id in by_venue]
    busiest = sorted(order, key=lambda venue_id: (-len(by_venue[venue_id]), order.index(venue_id)))
    shown = [venue_id for venue_id in order if venue_id in busiest[:VENUES_MAX]]
    if not shown:
        return None
    clock = Clock(*span(document, children), document.origin_ns)
    layout = frame(margin={"l": 8, "r": 16, "t": 22, "b": 44}, annotations=[])
    layout["xaxis"] = axis(clock.title, range=clock.range, showgrid=False, anchor=f"y{len(shown)}")
    if len(shown) == 1:
        layout["xaxis"]["anchor"] = "y"
    data: list[Trace] = []
    sizes = Sizes([child.order_qty for child in children])
    height = 1 / len(shown)
    for place, venue_id in enumerate(shown, start=1):
        top = 1 - (place - 1) * height
        name = "yaxis" if place == 1 else f"yaxis{place}"
        ref = "y" if place == 1 else f"y{place}"
        low, high = top - height * 0.80, top - height * 0.08
        layout["annotations"].append(
            label(
                short_name(venue_id),
                0,
                high,
                xref="paper",
                yref="paper",
                xanchor="left",
                yanchor="bottom",
                font={"size": 13, "color": marks.colour(venue_id), "weight": 600},
            )
        )
        quotes = document.market.quotes.get(venue_id)
        line = {"width": 1.25, "color": FAINT}
        strip = [] if quotes is None else touches(quotes, clock, line)
        strip += _orders(by_venue[venue_id], clock, figures, marks, sizes)
        strip = [{**trace, "yaxis": ref} for trace in strip]
        layout[name] = price_axis(strip, figures, 4, domain=[max(low, 0.0), high])
        data += strip
        _halts(document, venue_id, clock, ref, layout)
    says = f"{len(children)} child orders over time at {len(shown)} venues"
    return Plot("plot-timeline", says, ROW * len(shown) + 52, data, layout)


def span(document: Document, children: Sequence[Child]) -> tuple[int, int]:
    """The time that charts show: from the first order's arrival to the last of its children's end.

    Where a child never ended, or there is none, to the end of the document's window.
    """
    window = document.market.window_ns or (0, document.end_ns)
    sent = [child.sent_ns for child in children]
    ends = [window[1] if child.ended_ns is None else child.ended_ns for child in children]
    start = min(document.origin_ns, *sent) if sent else window[0]
    end = max(ends, default=window[1])
    margin = max((end - start) // 20, 1)
    return start - margin, end + margin


def _orders(
    children: Sequence[Child], clock: Clock, figures: Figures, marks: Marks, sizes: Sizes
) -> list[Trace]:
    colour = marks.colour(children[0].venue_id)
    shape = marks.shape(children[0].venue_id)
    small = 4 + 4 * sizes.crowd
    ways = [
        _lines([(c, c.sent_ns, c.arrived_ns) for c in children], clock, colour, "dot"),
        _lines([(c, c.arrived_ns, c.ended_ns) for c in children], clock, colour, "solid"),
    ]
    sent = _points(
        [(c, c.sent_ns, _level(c), _sent_words(c, figures)) for c in children],
        clock,
        {
            "symbol": "circle-open",
            "size": small,
            "color": colour,
            "line": {"width": 0.75 + 0.75 * sizes.crowd, "color": colour},
        },
    )
    filled = [
        (c, one.done_ns, one.px, _fill_words(c, one.qty, one.px, figures), one.qty)
        for c in children
        for one in c.executions
    ]
    fills = _points(
        [one[:4] for one in filled],
        clock,
        {
            "symbol": shape,
            "size": [sizes.of(one[4]) for one in filled],
            "color": colour,
            "opacity": 0.85,
            "line": {"width": 1, "color": "--paper"},
        },
    )
    missed = _points(
        [
            (
                c,
                c.ended_ns if c.arrived_ns is None else c.arrived_ns,
                _level(c),
                _miss_words(c, figures),
            )
            for c in children
            if c.short_qty and (c.arrived_ns is not None or c.ended_ns is not None)
        ],
        clock,
        {
            "symbol": "x-thin",
            "opacity": 0.3 + 0.7 * sizes.crowd,
            "size": small,
            "line": {"width": 0.75 + sizes.crowd, "color": INK},
        },
    )
    return [trace for trace in (*ways, sent, fills, missed) if trace["x"]]


def _level(child: Child) -> str:
    """Where a child is drawn: at the price it was sent for."""
    return child.price if child.shown_px is None else child.shown_px


def _lines(
    parts: list[tuple[Child, int | None, int | None]], clock: Clock, colour: str, dash: str
) -> Trace:
    """One trace of many short lines, with gaps between them."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for child, start, end in parts:
        if start is None or end is None:
            continue
        level = float(_level(child))
        xs += [clock.at(start), clock.at(end), None]
        ys += [level, level, None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": xs,
        "y": ys,
        "line": {"color": colour, "width": 1.25, "dash": dash},
        "opacity": 0.8 if dash == "dot" else 0.45,
        "hoverinfo": "skip",
    }


def _points(
    points: Sequence[tuple[Child, int | None, str, str]], clock: Clock, marker: dict[str, Any]
) -> Trace:
    """Marks that say something, and lead to the decision that sent the child."""
    known = [(c, t_ns, px, text) for c, t_ns, px, text in points if t_ns is not None]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [clock.at(t_ns) for _, t_ns, _, _ in known],
        "y": [float(px) for _, _, px, _ in known],
        "marker": marker,
        "hovertext": [text for *_, text in known],
        "hoverinfo": "text",
        "customdata": [child.decision_id for child, *_ in known],
        "cliponaxis": False,
    }


def _sent_words(child: Child, figures: Figures) -> str:
    way = (
        ""
        if child.arrived_ns is None
        else (f"<br>arrived {duration(child.arrived_ns - child.sent_ns)} later")
    )
    age = "" if child.quote_age_ns is None else f"<br>on a quote {duration(child.quote_age_ns)} old"
    return (
        f"<b>{plain_text(child.cl_ord_id)}</b> sent at {instant(child.sent_ns)}: "
        f"{child.side.replace('_', ' ')} {figures.about(child.order_qty)} "
        f"to {figures.price(child.price)}{age}{way}"
    )


def _fill_words(child: Child, qty: int, px: str, figures: Figures) -> str:
    return (
        f"<b>{plain_text(child.cl_ord_id)}</b> filled {figures.about(qty)} at {figures.price(px)}"
    )


def _miss_words(child: Child, figures: Figures) -> str:
    why = child.reject_reason or ", ".join(child.short.causes)
    return (
        f"<b>{plain_text(child.cl_ord_id)}</b> {figures.about(child.short_qty)} not filled"
        f"<br>{plain_text(words(why))}"
    )


def _halts(document: Document, venue_id: str, clock: Clock, ref: str, layout: Layout) -> None:
    """Lines where something happened to the venue, with its name."""
    for one in document.market.events:
        if one.venue_id != venue_id or not clock.range[0] <= clock.at(one.t_ns) <= clock.range[1]:
            continue
        if one.event not in {"halted", "resumed", "closed", "opened", "failed", "down", "up"}:
            continue
        line = {"type": "line", "xref": "x", "yref": f"{ref} domain", "y0": 0, "y1": 1}
        x = clock.at(one.t_ns)
        shapes = layout.setdefault("shapes", [])
        shapes.append(
            {**line, "x0": x, "x1": x, "line": {"color": INK, "width": 1, "dash": "dash"}}
        )
        layout["annotations"].append(
            label(
                one.event,
                x,
                1,
                yref=f"{ref} domain",
                xanchor="left",
                xshift=3,
                yanchor="top",
                font={"size": 11, "color": INK},
            )
        )
