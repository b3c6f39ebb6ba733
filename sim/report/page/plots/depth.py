"""What the router saw of each venue's depth as it decided, and what its order met there."""

from collections.abc import Sequence
from typing import Any, Final

from sim.report.page.form import Child, Decision, Levels, Ranked
from sim.report.page.plots.base import (
    INK,
    NARROW_MAX,
    Marks,
    Plot,
    Trace,
    axis,
    frame,
    label,
    plain_text,
    short_name,
    sizes_format,
)
from sim.report.page.plots.marks import price_range
from sim.report.page.text import Figures

PANELS_MAX: Final = 6
COLUMNS: Final = 3
"""Venues side by side: more of them leave no room for their words on a narrow screen."""
_GAP: Final = 0.06
"""Between two panels, as a share of the width."""
_ROW_GAP: Final = 0.26
"""Between two rows, as a share of the height: words of the upper and of the lower one."""


def depth_profile(
    decision: Decision, children: Sequence[Child], figures: Figures, marks: Marks, name: str
) -> Plot | None:
    """Quantity at each price and better, venue by venue, in the order of rank.

    Args:
        decision: Whose knowledge is drawn.
        children: What it sent.
        figures: Says prices and quantities.
        marks: Colours of venues.
        name: Id of the chart's place.

    Returns:
        None if the decision knew no level anywhere and no child met one.
    """
    sent: dict[str, list[Child]] = {}
    for child in children:
        sent.setdefault(child.venue_id, []).append(child)
    shown = [one for one in decision.venues if one.levels or _arrival(sent.get(one.venue_id, []))][
        :PANELS_MAX
    ]
    if not shown:
        return None
    data: list[Trace] = []
    layout = frame(margin={"l": 8, "r": 14, "t": 40, "b": 44}, annotations=[])
    rows = (len(shown) + COLUMNS - 1) // COLUMNS
    heights = _heights(shown, children, figures)
    for row in range(rows):
        layout[f"yaxis{_suffix(row)}"] = {
            **price_range(*heights, figures, lines=6 if rows == 1 else 4),
            "domain": _span(rows - 1 - row, rows, _ROW_GAP),
            "anchor": f"x{_suffix(row * COLUMNS)}",
        }
    for place, venue in enumerate(shown):
        own = sent.get(venue.venue_id, [])
        x, y = f"x{_suffix(place)}", f"y{_suffix(place // COLUMNS)}"
        layout[f"xaxis{_suffix(place)}"] = axis(
            "",
            domain=_span(place % COLUMNS, min(len(shown), COLUMNS), _GAP),
            rangemode="tozero",
            nticks=3,
            tickangle=0,
            anchor=y,
            tickformat=sizes_format(_most(venue, own, figures), 1_000),
        )
        colour = marks.colour(venue.venue_id)
        data += _panel(venue, own, colour, (x, y), figures)
        layout["annotations"] += _heading(venue, own, colour, (x, y), figures)
    layout["annotations"].append(
        label("quantity at this price and better", 0.5, 0, xref="paper", yref="paper", yshift=-36)
    )
    says = "Depth that the router knew, and that its orders met, by venue"
    return Plot(name, says, 330 if rows == 1 else 500, data, layout)


def _suffix(place: int) -> str:
    """What plotly calls an axis by: nothing for the first one."""
    return "" if place == 0 else str(place + 1)


def _span(place: int, of: int, gap: float) -> list[float]:
    """From where to where the panel at a place goes, as shares of the whole."""
    size = (1 - gap * (of - 1)) / of
    return [place * (size + gap), place * (size + gap) + size]


def _heights(
    shown: Sequence[Ranked], children: Sequence[Child], figures: Figures
) -> tuple[float, float]:
    """Prices from the best to a little beyond the worst limit: deeper levels mattered to nobody."""
    known = [float(price) for one in shown for price, _ in one.levels]
    known += [float(price) for one in children for price, _ in one.arrival or []]
    limits = [float(child.price) for child in children]
    limits = limits or known
    sign = 1 if not children or children[0].side == "buy" else -1
    best, worst = sign * min(sign * px for px in known), sign * max(sign * px for px in limits)
    near = 2 * abs(worst - best) + 5 * figures.tick
    for one in shown:  # the best of a venue that was passed over, unless it is far away
        if one.levels and abs(float(one.levels[0][0]) - best) <= near:
            worst = sign * max(sign * worst, sign * float(one.levels[0][0]))
    room = max(abs(worst - best) * 0.35, 2 * figures.tick)
    low, high = sorted([best - sign * room / 4, worst + sign * room])
    return low, high


def _most(venue: Ranked, sent: Sequence[Child], figures: Figures) -> float:
    """The largest quantity in a panel."""
    known = sum(qty for _, qty in venue.levels)
    return figures.size(max(known, sum(qty for _, qty in _arrival(sent))))


def _arrival(sent: Sequence[Child]) -> Levels:
    """What was met; of several orders at one venue, by the one that could reach most."""
    met = [child.arrival for child in sent if child.arrival]
    return max(met, key=lambda levels: sum(qty for _, qty in levels), default=[])


def _panel(
    venue: Ranked, sent: Sequence[Child], colour: str, axes: tuple[str, str], figures: Figures
) -> list[Trace]:
    """Known depth as a filled step, what was met as a strong line above it."""
    name = plain_text(venue.venue_id)
    wash = {"width": 1, "shape": "vh", "color": f"{colour}-wash"}
    strong = {"width": 2.5, "shape": "vh", "color": colour}
    looks: list[tuple[Levels, str, dict[str, Any]]] = [
        (venue.levels, "known", {"fill": "tozerox", "fillcolor": f"{colour}-wash", "line": wash}),
        (_arrival(sent), "met", {"line": strong}),
    ]
    data: list[Trace] = []
    for levels, says, look in looks:
        if not levels:
            continue
        xs, ys = _steps(levels, figures)
        if "fill" in look:  # the last level gets a height, too
            falls = (len(ys) > 2 and ys[-1] < ys[0]) or any(one.side != "buy" for one in sent)
            xs.append(xs[-1])
            ys.append(ys[-1] + (-figures.tick if falls else figures.tick))
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": xs,
                "y": ys,
                "hovertemplate": f"{name}, {says}: %{{x:,}} to %{{y}}<extra></extra>",
                "xaxis": axes[0],
                "yaxis": axes[1],
                **look,
            }
        )
    return data


def _steps(levels: Levels, figures: Figures) -> tuple[list[float], list[float]]:
    """Corners of the cumulative depth: first nothing, at the best price."""
    xs, ys = [0.0], [float(levels[0][0])]
    so_far = 0
    for price, qty in levels:
        so_far += qty
        xs.append(figures.size(so_far))
        ys.append(float(price))
    return xs, ys


def _heading(
    venue: Ranked, sent: Sequence[Child], colour: str, axes: tuple[str, str], figures: Figures
) -> list[dict[str, Any]]:
    """The venue and what it was sent, above its panel."""
    lots = sum(child.order_qty for child in sent)
    words = f"{figures.about(lots)} sent" if sent else "nothing sent"
    return [
        label(
            text,
            0,
            1,
            xref=f"{axes[0]} domain",
            yref=f"{axes[1]} domain",
            xanchor="left",
            yanchor="bottom",
            yshift=shift,
            font=font,
        )
        for text, shift, font in (
            (
                short_name(venue.venue_id, NARROW_MAX),
                16,
                {"size": 13, "color": colour, "weight": 600},
            ),
            (words, 1, {"size": 12, "color": INK}),
        )
    ]
