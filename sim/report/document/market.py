"""The market of a run as series for charts: best prices, touches, trades and what venues did.

Series cover the time in which orders were worked, with a margin, and begin with what held then.
They are thinned to what a chart can show; ``of`` says how many points there were. Prices are
decimal text, quantities lots, times nanoseconds.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sim.protocol.units import Units
from sim.report.thinning import kept_points
from sim.report.trail.build import Trail
from sim.report.trail.market import NO_PX, NbboSeries, Prints, Quotes

POINTS_MAX: Final = 1_500
"""Points of one series."""
EVENTS_MAX: Final = 200
VENUES_MAX: Final = 24
"""Venues whose own quotes and trades are given: of more only those that we sent to, the first."""

_MARGIN: Final = 10
"""The margin before and behind is this part of the time between."""


def market_rows(trail: Trail) -> dict[str, Any]:
    """All series that the log has data for; empty where it has none."""
    first, last = _window(trail)
    units, market = trail.units, trail.market
    shown = _shown_venues(trail)
    rows: dict[str, Any] = {
        "window_ns": [first, last],
        "nbbo": _nbbo(market.nbbo, first, last, units) if len(market.nbbo) else None,
        "quotes": {
            venue_id: _quotes(market.quotes[venue_id], first, last, units)
            for venue_id in shown
            if venue_id in market.quotes
        },
        "prints": {
            venue_id: _prints(market.prints[venue_id], first, last, units)
            for venue_id in shown
            if venue_id in market.prints
        },
        "events": [
            {
                "t_ns": one.t_ns,
                "venue_id": one.venue_id,
                "event": one.event,
                "detail": one.detail,
            }
            for one in trail.venue_events[:EVENTS_MAX]
        ],
    }
    return rows


def _window(trail: Trail) -> tuple[int, int]:
    """When orders were worked, and a margin; the whole run where there were none."""
    if not trail.parents:
        return 0, trail.end_ns
    first = min(parent.received.t_ns for parent in trail.parents.values())
    ends = [child.ended_ns for child in trail.children.values() if child.ended_ns is not None]
    ends += [parent.done.t_ns for parent in trail.parents.values() if parent.done is not None]
    still_open = any(parent.done is None for parent in trail.parents.values())
    last = trail.end_ns if still_open else max(ends, default=trail.end_ns)
    margin = (last - first) // _MARGIN
    return max(0, first - margin), min(trail.end_ns, last + margin)


def _shown_venues(trail: Trail) -> list[str]:
    """Those whose series are given, in the order of the scenario."""
    if len(trail.venues) <= VENUES_MAX:
        return list(trail.venues)
    used = {child.venue_id for child in trail.children.values()}
    return [venue_id for venue_id in trail.venues if venue_id in used][:VENUES_MAX]


def _nbbo(nbbo: NbboSeries, first: int, last: int, units: Units) -> dict[str, Any]:
    columns = {"bid": nbbo.bid, "ask": nbbo.ask}
    return _state_series(nbbo.t_ns, columns, (first, last), units, ())


def _quotes(quotes: Quotes, first: int, last: int, units: Units) -> dict[str, Any]:
    columns = {
        "bid": quotes.bid,
        "bid_qty": quotes.bid_qty,
        "ask": quotes.ask,
        "ask_qty": quotes.ask_qty,
    }
    return _state_series(quotes.t_ns, columns, (first, last), units, ("bid_qty", "ask_qty"))


def _state_series(
    times: Sequence[int],
    columns: Mapping[str, Sequence[int]],
    window: tuple[int, int],
    units: Units,
    lots: tuple[str, ...],
) -> dict[str, Any]:
    """A series that holds from point to point: it begins with the last point before the window.

    Of several points at one instant the last one counts.
    """
    start = max(0, bisect_right(times, window[0]) - 1)
    stop = bisect_right(times, window[1])
    rows = [n for n in range(start, stop) if n + 1 == stop or times[n + 1] != times[n]]
    values = {
        name: [None if column[n] == NO_PX else column[n] for n in rows]
        for name, column in columns.items()
    }
    prices = [values[name] for name in columns if name not in lots]
    kept = kept_points(prices, POINTS_MAX)
    text = _Texts(units)
    series: dict[str, Any] = {"t_ns": [times[rows[n]] for n in kept]}
    for name, column in values.items():
        picked = [column[n] for n in kept]
        series[name] = picked if name in lots else [text(px) for px in picked]
    series["of"] = len(rows)
    return series


def _prints(prints: Prints, first: int, last: int, units: Units) -> dict[str, Any]:
    start, stop = bisect_left(prints.t_ns, first), bisect_right(prints.t_ns, last)
    kept = [start + n for n in kept_points([prints.price[start:stop]], POINTS_MAX)]
    text = _Texts(units)
    return {
        "t_ns": [prints.t_ns[n] for n in kept],
        "price": [text(prints.price[n]) for n in kept],
        "qty": [prints.qty[n] for n in kept],
        "aggressor": ["buy" if prints.aggressor[n] > 0 else "sell" for n in kept],
        "of": stop - start,
    }


class _Texts:
    """Prices as text: few of them stand behind many points."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._known: dict[int, str] = {}

    def __call__(self, ticks: int | None) -> str | None:
        if ticks is None:
            return None
        found = self._known.get(ticks)
        if found is None:
            found = self._known[ticks] = self._units.price_text(ticks)
        return found
