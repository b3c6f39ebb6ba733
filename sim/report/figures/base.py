"""What all figures share: colours, units of time, and how a figure becomes bytes.

A figure is drawn in memory and without any window. Names come from logs that may be anybody's: they
are made printable, cut, and never read as mathematics.
"""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, Final, NamedTuple

from sim.audit.read import printable
from sim.kernel.extras import load_extra

PURPOSE: Final = "drawing a figure"
COLOURS: Final = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#8c6d31",
    "#5b5b5b",
    "#7b4173",
    "#b5cf6b",
)
"""Told apart by people who do not see all colours. Source: Okabe and Ito, with four of our own."""
GREY: Final = "#8a8a8a"
DARK: Final = "#3b4754"
LIGHT: Final = "#d9dde3"
BAD: Final = "#c0392b"
GOOD: Final = "#1e8449"
NAME_MAX: Final = 18
TITLE_MAX: Final = 60
PRICES_MAX: Final = 8
"""Labels of a price axis."""
FEW_TICKS: Final = 4

_DPI: Final = 110
_UNITS: Final = (
    (10_000_000_000, 1_000_000_000, "s"),
    (2_000_000, 1_000_000, "ms"),
    (2_000, 1_000, "us"),
)
_STYLE: Final = {
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e7eb",
    "legend.frameon": False,
    "svg.hashsalt": "sorsim",
}


class TimeUnit(NamedTuple):
    """In which unit a time axis counts."""

    ns: int
    name: str

    def of(self, ns: float) -> float:
        """A time in it."""
        return ns / self.ns


def figure_bytes(draw: Callable[[Any], None], size: tuple[float, float]) -> bytes:
    """Draw on a new figure and return it as PNG.

    Args:
        draw: Gets the figure.
        size: Width and height in inches.

    Raises:
        MissingExtraError: If matplotlib is not installed.
    """
    matplotlib = load_extra("matplotlib", "report", PURPOSE)
    plots = load_extra("matplotlib.figure", "report", PURPOSE)
    with matplotlib.rc_context(_STYLE):
        figure = plots.Figure(figsize=size, layout="constrained")
        draw(figure)
        out = BytesIO()
        figure.savefig(out, dpi=_DPI, format="png", metadata={"Software": None})
    return out.getvalue()


def name_of(text: Any, most: int = NAME_MAX) -> str:
    """A name as it may stand in a figure."""
    shown = printable(str(text))
    return shown if len(shown) <= most else f"{shown[: most - 6]}..{shown[-4:]}"


def venue_colours(document: Mapping[str, Any]) -> dict[str, str]:
    """A colour for each venue, the same in every figure."""
    ids = [venue["venue_id"] for venue in document["venues"]]
    return {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(ids)}


def time_unit(span_ns: int) -> TimeUnit:
    """The unit that a span is read in."""
    for least, ns, name in _UNITS:
        if span_ns >= least:
            return TimeUnit(ns, name)
    return TimeUnit(1, "ns")


def say_instead(axis: Any, words: str) -> None:
    """Say why a panel is empty, in its place."""
    axis.set_axis_off()
    axis.text(
        0.5,
        0.5,
        words,
        ha="center",
        va="center",
        wrap=True,
        color="#555555",
        transform=axis.transAxes,
    )


def thousands(axis: Any, most: int | None = None) -> None:
    """Write the numbers of an axis with thousands apart and without an offset; so many at most."""
    ticker = load_extra("matplotlib.ticker", "report", PURPOSE)
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.12g}"))
    if most is not None:
        axis.set_major_locator(ticker.MaxNLocator(most))


def price_axis(axis: Any, document: Mapping[str, Any]) -> None:
    """Put an upright axis of prices on whole ticks, with the tick's digits; after all is drawn."""
    ticker = load_extra("matplotlib.ticker", "report", PURPOSE)
    tick = document["instrument"]["tick_size"]
    digits = len(tick.partition(".")[2])
    low, high = axis.dataLim.y0, axis.dataLim.y1
    if high - low < FEW_TICKS * float(tick):  # a flat line would be drawn over whole units
        middle, reach = (low + high) / 2, 0.7 * FEW_TICKS * float(tick)
        axis.set_ylim(middle - reach, middle + reach)
    low, high = axis.get_ylim()
    wanted = (high - low) / float(tick) / PRICES_MAX
    steps = (one * 10**power for power in range(15) for one in (1, 2, 5))
    step = next((one for one in steps if one >= wanted), None)
    if step is not None:
        axis.yaxis.set_major_locator(ticker.MultipleLocator(step * float(tick)))
    axis.yaxis.set_major_formatter(ticker.FuncFormatter(lambda px, _: f"{px:,.{digits}f}"))
    axis.set_ylabel("price")


def lots_label(document: Mapping[str, Any]) -> str:
    """What an axis of quantities counts."""
    lot = document["instrument"]["lot_size"]
    symbol = name_of(document["instrument"]["symbol"])
    return f"quantity ({symbol})" if lot == "1" else f"quantity (lots of {lot} {symbol})"
