"""Where lots were sent, and what came of them: ribbons from the order over venues to the outcome.

Drawn as SVG, without the chart library and without a script, so that it is there on paper too. Two
panels to one scale: what was sent first, and what was sent again after it had come back. A lot that
is sent three times counts three times there; the page says so.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from sim.report.page.form import Child, Decision
from sim.report.page.plots.base import Marks, short_name
from sim.report.page.text import Figures

CAME_BACK: Final = frozenset({"partial_fill", "reject", "timeout", "bust"})
"""Reasons of decisions that send what came back."""
VENUES_MAX: Final = 10

WIDTH: Final = 520
_TOP: Final = 34
_BAR: Final = 12
_GAP: Final = 18
_SCALE: Final = 240
"""Height of all that the larger panel sends."""
_LEFT, _MIDDLE, _RIGHT = 0, 214, WIDTH - 128


class Bar(msgspec.Struct, frozen=True):
    """An upright bar with its words; ``style`` names its colour."""

    x: float
    y: float
    height: float
    style: str
    title: str
    detail: str
    text_x: float
    text_y: float


class Ribbon(msgspec.Struct, frozen=True):
    """A band from one bar to another, as the path of an SVG."""

    path: str
    style: str
    says: str


class Panel(msgspec.Struct, frozen=True):
    """One picture."""

    heading: str
    says: str
    height: int
    bars: list[Bar]
    ribbons: list[Ribbon]


class Totals(msgspec.Struct):
    """Lots of one venue in one panel."""

    sent: int = 0
    filled: int = 0


def flow(
    children: Sequence[Child],
    decisions: Sequence[Decision],
    figures: Figures,
    marks: Marks,
) -> list[Panel]:
    """The panels that have something to show: none, the first, or both.

    Args:
        children: All of them.
        decisions: All of them: their reasons say what was sent again.
        figures: Says quantities.
        marks: Colours of venues.
    """
    again = {one.decision_id for one in decisions if one.reason in CAME_BACK}
    first = _by_venue([one for one in children if one.decision_id not in again])
    second = _by_venue([one for one in children if one.decision_id in again])
    most = max(_sent(first), _sent(second))
    panels = []
    for heading, totals in (("Sent first", first), ("Sent again", second)):
        if _sent(totals):
            panels.append(_panel(heading, totals, _SCALE / most, figures, marks))
    return panels


def _sent(totals: dict[str, Totals]) -> int:
    return sum(one.sent for one in totals.values())


def _by_venue(children: Sequence[Child]) -> dict[str, Totals]:
    """Totals by venue; beyond the largest few they are one row without a name."""
    found: dict[str, Totals] = {}
    for child in children:
        total = found.setdefault(child.venue_id, Totals())
        total.sent += max(child.requested_qty, child.order_qty)
        total.filled += child.filled_qty
    order = sorted(found, key=lambda venue_id: -found[venue_id].sent)
    kept = {venue_id: found[venue_id] for venue_id in order[:VENUES_MAX]}
    rest = [found[venue_id] for venue_id in order[VENUES_MAX:]]
    if rest:
        kept[""] = Totals(sum(one.sent for one in rest), sum(one.filled for one in rest))
    return kept


def _panel(
    heading: str, totals: dict[str, Totals], scale: float, figures: Figures, marks: Marks
) -> Panel:
    sent = _sent(totals)
    filled = sum(one.filled for one in totals.values())
    short = sent - filled
    bars: list[Bar] = []
    ribbons: list[Ribbon] = []
    least = 30.0  # two lines of text need so much
    tall = sum(max(one.sent * scale, least) + _GAP for one in totals.values()) - _GAP
    source = _TOP + max(0.0, (tall - sent * scale) / 2)
    bars.append(_bar((_LEFT, source, sent * scale), "ink", figures.about(sent), "sent"))
    ends = _outcomes(filled, short, scale, tall)
    at, out = _TOP * 1.0, source
    into = {name: y for name, (y, _) in ends.items()}
    for venue_id, one in totals.items():
        height = one.sent * scale
        name = venue_id or "other venues"
        style = marks.style(venue_id) if venue_id else "soft"
        ribbons.append(
            _ribbon(
                (_LEFT, out), (_MIDDLE, at), height, style, f"{figures.about(one.sent)} to {name}"
            )
        )
        out += height
        bars.append(_bar((_MIDDLE, at, height), style, short_name(name), figures.about(one.sent)))
        start = at
        for outcome, lots in (("filled", one.filled), ("not filled", one.sent - one.filled)):
            if not lots:
                continue
            size = lots * scale
            look = style if outcome == "filled" else "loss"
            says = f"{figures.about(lots)} {outcome} at {name}"
            ribbons.append(_ribbon((_MIDDLE, start), (_RIGHT, into[outcome]), size, look, says))
            start += size
            into[outcome] += size
        at += max(height, least) + _GAP
    for outcome, (y, lots) in ends.items():
        look = "ink" if outcome == "filled" else "loss"
        bars.append(_bar((_RIGHT, y, lots * scale), look, outcome, figures.about(lots)))
    lowest = max(bar.y + max(bar.height, least) for bar in bars)
    says = f"{heading}: {figures.about(sent)}, of which {figures.about(filled)} filled"
    return Panel(heading, says, int(lowest) + 12, bars, ribbons)


def _outcomes(filled: int, short: int, scale: float, tall: float) -> dict[str, tuple[float, int]]:
    """Where the bars of the outcomes begin, and how many lots they are."""
    ends: dict[str, tuple[float, int]] = {}
    need = (filled + short) * scale + (_GAP * 2 if filled and short else 0)
    y = _TOP + max(0.0, (tall - need) / 2)
    if filled:
        ends["filled"] = (y, filled)
        y += max(filled * scale, 30.0) + _GAP
    if short:
        ends["not filled"] = (y, short)
    return ends


def _bar(at: tuple[float, float, float], style: str, title: str, detail: str) -> Bar:
    """A bar with its words; ``at`` is left, top and height."""
    x, y, height = at
    text_y = y + max(height, 1.0) / 2
    tall = max(round(height, 2), 1.0)
    return Bar(x, round(y, 2), tall, style, title, detail, x + _BAR + 8, round(text_y, 2))


def _ribbon(
    start: tuple[float, float], end: tuple[float, float], height: float, style: str, says: str
) -> Ribbon:
    """A band of one height from the right of a bar to the left of another; ends are left, top."""
    x, y, to_x, to_y = start[0] + _BAR, start[1], end[0], end[1]
    bend = (to_x - x) / 2
    low, to_low = y + height, to_y + height
    path = (
        f"M{x:g} {y:.2f}C{x + bend:g} {y:.2f} {to_x - bend:g} {to_y:.2f} {to_x:g} {to_y:.2f}"
        f"V{to_low:.2f}C{to_x - bend:g} {to_low:.2f} {x + bend:g} {low:.2f} {x:g} {low:.2f}Z"
    )
    return Ribbon(path, style, says)
