"""What charts over time share: bid and offer as steps, sizes of marks, the axis of prices."""

import math
from collections.abc import Sequence
from typing import Any

from sim.report.page.form import Touches
from sim.report.page.plots.base import BAND, Clock, Layout, Trace, axis
from sim.report.page.text import Figures


def touches(series: Touches, clock: Clock, line: dict[str, Any]) -> list[Trace]:
    """Best bid and offer as steps, with a band between them where both are there."""
    if not series.t_ns:
        return []
    times = [clock.at(t_ns) for t_ns in series.t_ns]
    times.append(max(clock.range[1], times[-1]))  # the last one holds to the end
    columns = [
        [None if price is None else float(price) for price in (*prices, prices[-1])]
        for prices in (series.bid, series.ask)
    ]
    lines: list[Trace] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": times,
            "y": values,
            "line": {"shape": "hv", **line},
            "connectgaps": False,
            "hovertemplate": f"best {name} %{{y}}<extra></extra>",
        }
        for values, name in zip(columns, ("bid", "offer"), strict=True)
        if any(value is not None for value in values)
    ]
    if len(lines) < 2:
        return lines
    if any(None in values for values in columns):
        return [_band(times, *columns), *lines]
    lines[1] |= {"fill": "tonexty", "fillcolor": BAND}
    return lines


def _band(times: list[float], bids: list[float | None], asks: list[float | None]) -> Trace:
    """A band in pieces: one for each stretch of time in which there are both sides."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    there = [bid is not None and ask is not None for bid, ask in zip(bids, asks, strict=True)]
    place, last = 0, len(times) - 1
    while place < last:
        if not there[place]:
            place += 1
            continue
        start = place
        while place < last and there[place]:
            place += 1
        steps = range(start, place)
        corners = [(times[one + more], asks[one]) for one in steps for more in (0, 1)]
        corners += [(times[one + more], bids[one]) for one in reversed(steps) for more in (1, 0)]
        xs += [*(x for x, _ in corners), corners[0][0], None]
        ys += [*(y for _, y in corners), corners[0][1], None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": xs,
        "y": ys,
        "line": {"width": 0},
        "fill": "toself",
        "fillcolor": BAND,
        "hoverinfo": "skip",
    }


def price_axis(traces: Sequence[Trace], figures: Figures, lines: int, **more: Any) -> Layout:
    """An axis of prices with about ``lines`` lines, all on the tick, and a little room."""
    values = [value for trace in traces for value in trace["y"] if value is not None]
    low, high = min(values, default=0.0), max(values, default=0.0)
    room = max((high - low) * 0.08, figures.tick)
    return price_range(low - room, high + room, figures, lines=lines, **more)


def price_range(low: float, high: float, figures: Figures, *, lines: int, **more: Any) -> Layout:
    """An axis of prices from ``low`` to ``high`` with about ``lines`` lines, all on the tick."""
    least = max(math.ceil((high - low) / figures.tick / lines), 1)
    scale = 10 ** (len(str(least)) - 1)
    step = next(one * scale for one in (1, 2, 5, 10) if one * scale >= least)
    return axis(
        range=[low, high],
        tick0=0,
        dtick=step * figures.tick,
        tickformat=figures.axis_format,
        **more,
    )


class Sizes:
    """Diameters of marks whose areas go with quantities; the more marks there are, the smaller.

    Args:
        quantities: All that are drawn in one chart, in lots.
    """

    def __init__(self, quantities: Sequence[int]) -> None:
        self._most = max(quantities, default=1) or 1
        self.crowd = min(1.0, math.sqrt(80 / max(len(quantities), 1)))

    def of(self, qty: int) -> float:
        """Diameter for a quantity, never too small to see."""
        least, span = 3 + 3 * self.crowd, 14 * self.crowd
        return round(least + span * math.sqrt(qty / self._most), 1)
