"""What all charts share: names of colours, marks of venues, axes and frames.

A colour is the name of a custom property of the page's style, such as ``--ink``; the page's script
puts its value in, so that one chart serves light, dark and print. Venues differ in colour and in
the shape of their marks, so that nobody needs to see colours. Sizes are CSS pixels.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

INK: Final = "--ink"
SOFT: Final = "--soft"
FAINT: Final = "--faint"
RULE: Final = "--rule"
BAND: Final = "--band"
LOSS: Final = "--loss"
GAIN: Final = "--gain"

COLOURS: Final = 8
"""Colours of venues that the style has: ``--v0`` and on."""
_SHAPES: Final = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "triangle-down",
    "pentagon",
    "hexagon",
    "star",
)

Trace = dict[str, Any]
Layout = dict[str, Any]


NAME_MAX: Final = 20
"""Characters of a name in a chart; pointing at a mark tells all of it."""


NARROW_MAX: Final = 14
"""The same where three stand side by side."""


class Plot(msgspec.Struct, frozen=True):
    """One chart.

    Attributes:
        name: Id of its place on the page.
        says: What it shows, for readers who do not see it.
        height: Of the chart.
        data: Its traces.
        layout: Its axes and labels.
    """

    name: str
    says: str
    height: int
    data: list[Trace]
    layout: Layout


class Marks:
    """Colour and shape of each venue, the same in every chart.

    Args:
        venues: Ids in the scenario's order.
    """

    def __init__(self, venues: Sequence[str]) -> None:
        self._places = {venue_id: place for place, venue_id in enumerate(venues)}

    def style(self, venue_id: str) -> str:
        """Class of the venue's colour in the page's style."""
        return f"v{self._places.get(venue_id, 0) % COLOURS}"

    def colour(self, venue_id: str) -> str:
        """Name of the venue's colour."""
        return f"--{self.style(venue_id)}"

    def dot(self, venue_id: str) -> str:
        """Classes of the venue's mark in texts: colour and shape."""
        return f"{self.style(venue_id)} s{self._shape(venue_id)}"

    def shape(self, venue_id: str) -> str:
        """Shape of the venue's marks; another one where colours come round again."""
        return _SHAPES[self._shape(venue_id)]

    def _shape(self, venue_id: str) -> int:
        place = self._places.get(venue_id, 0)
        return (place + place // COLOURS) % len(_SHAPES)


class Clock:
    """Times since the first order's arrival, in a unit that suits a span.

    Args:
        start_ns: Start of what is shown, since the start of the run.
        end_ns: Its end.
        origin_ns: When the first order arrived.
    """

    def __init__(self, start_ns: int, end_ns: int, origin_ns: int) -> None:
        self._origin = origin_ns
        span = max(end_ns - start_ns, 1)
        units = ((2_000_000_000, "s", 10**9), (2_000_000, "ms", 10**6), (2_000, "us", 10**3))
        self.unit, self._ns = next(
            ((unit, ns) for least, unit, ns in units if span >= least), ("ns", 1)
        )
        self.range = [self.at(start_ns), self.at(end_ns)]
        self.title = f"{self.unit} since the first order arrived"

    def at(self, t_ns: int) -> float:
        """An instant on the axis."""
        return (t_ns - self._origin) / self._ns


def frame(**more: Any) -> Layout:
    """A layout without boxes and legends; ``more`` goes on top."""
    layout: Layout = {
        "margin": {"l": 8, "r": 16, "t": 8, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "--font", "size": 13, "color": SOFT},
        "hoverlabel": {
            "bgcolor": "--paper",
            "bordercolor": RULE,
            "font": {"family": "--font", "size": 13, "color": INK},
            "align": "left",
        },
        "hovermode": "closest",
        "showlegend": False,
        "dragmode": "zoom",
    }
    layout.update(more)
    return layout


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """An axis with faint lines and no frame."""
    found: dict[str, Any] = {
        "title": {"text": title, "font": {"size": 12, "color": SOFT}, "standoff": 8},
        "gridcolor": RULE,
        "zeroline": False,
        "showline": False,
        "automargin": True,
        "tickfont": {"size": 12, "color": SOFT},
        "exponentformat": "none",
        "fixedrange": False,
    }
    found.update(more)
    return found


def sizes_format(most: float, short_from: float = 10_000) -> str:
    """How an axis writes quantities: short from so many on, else as they are."""
    return "~s" if most >= short_from else ",~r"


def label(text: str, x: float | str, y: float | str, **more: Any) -> dict[str, Any]:
    """Words in a chart, without an arrow."""
    found: dict[str, Any] = {
        "text": plain_text(text),
        "x": x,
        "y": y,
        "showarrow": False,
        "font": {"size": 12, "color": SOFT},
    }
    found.update(more)
    return found


def short_name(name: str, most: int = NAME_MAX) -> str:
    """A name as it fits beside others in a chart: a long one loses its middle."""
    half = most // 2
    return name if len(name) <= most else f"{name[: half - 1]}\u2026{name[-half:]}"


def plain_text(text: str) -> str:
    """Text for plotly, which takes a few tags for itself: it must find none but line breaks."""
    text = "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("\n", "<br>")
