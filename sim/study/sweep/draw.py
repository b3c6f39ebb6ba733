"""The figure of a sweep, as PNG. Needs the extra `report`.

With an axis `along`: shortfall and fill rate against its values, a panel per variant and a line per
line of the sweep, with bands. Without: what each point cost over its runs, and its difference from
the reference. Bands and bars are Student's t intervals; what they are is written below.
"""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any, Final

from sim.kernel.extras import load_extra
from sim.study.sweep.notes import ALONG, NOISE
from sim.study.sweep.plan import LINE, VARIANT, number_of
from sim.study.sweep.result import PointRow, Sweep
from sim.study.sweep.statistics import Spread

_PURPOSE: Final = "drawing a figure"
PANELS_MAX: Final = 4
ROWS_MAX: Final = 30
_TITLE_CHARS: Final = 60
_NAME_CHARS: Final = 44
_COLOURS: Final = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#8c564b",
)  # fmt: skip
"""Told apart with any eyes (Okabe and Ito), the last two aside."""
_ALL: Final = "#000000"
_MARKS: Final = "osD^vP*X"


def draw(found: Sweep, path: Path) -> None:
    """Write the figure.

    Args:
        found: The sweep.
        path: Where it goes.

    Raises:
        MissingExtraError: If matplotlib is not installed.
        OSError: If the file cannot be written.
    """
    matplotlib = load_extra("matplotlib", "report", _PURPOSE)
    matplotlib.use("Agg")
    plots = load_extra("matplotlib.figure", "report", _PURPOSE)
    with matplotlib.rc_context({"text.parse_math": False}):  # a $ in a name is a $
        if ALONG in found.axes:
            figure = _along_figure(plots, found)
        else:
            figure = _points_figure(plots, found)
        figure.savefig(path, dpi=110, format="png", metadata={"Software": None})


# Along an axis


def _along_figure(plots: Any, found: Sweep) -> Any:
    panels = _panels(found)
    shown = panels[:PANELS_MAX]
    width = max(7.0, 5.2 * len(shown))
    figure = plots.Figure(figsize=(width, 8.4), layout="constrained")
    grid = figure.subplots(
        2, len(shown), sharex=True, sharey="row", squeeze=False, height_ratios=(3, 2)
    )
    spots, is_scale = _spots(found.axes[ALONG])
    has_cost = any(row.shortfall_bps is not None for row in found.points)
    for column, (title, rows) in enumerate(shown):
        above, below = grid[0][column], grid[1][column]
        above.set_title(title, fontsize=10)
        _say_noise(above, found, rows)
        for n, line in enumerate(found.axes[LINE]):
            own = [row for row in rows if row.levels[LINE] == line]
            style = {"label": _words(line), **_line_style(n, len(found.axes[LINE]))}
            _line(above, spots, [row.shortfall_bps for row in own], style)
            _line(below, spots, [row.fill_rate for row in own], style, 100)
        for axis in (above, below):
            _scale(axis, found, spots, is_scale=is_scale)
            axis.grid(alpha=0.3)
        below.set_xlabel(found.along or "")
        if not has_cost:
            above.text(0.5, 0.5, "no mids: no shortfall", ha="center", transform=above.transAxes)
    grid[0][0].set_ylabel("shortfall of the orders, bps")
    grid[1][0].set_ylabel("fill rate of child orders there, %")
    grid[0][0].legend(fontsize=9, title="what gets slower" if is_scale else None, loc="upper left")
    figure.suptitle(f"{found.scenario}: shortfall and fill rate against {found.along}", fontsize=13)
    left_out = len(panels) - len(shown)
    more = f" {left_out} more panels are in the table only." if left_out else ""
    figure.supxlabel(
        f"Mean over {_seeds(found)}; bands: 95 % intervals of each mean by itself (Student's t). "
        f"Differences are paired by seed and surer: see the table.{more}",
        fontsize=8,
    )
    return figure


def _panels(found: Sweep) -> list[tuple[str, list[PointRow]]]:
    """Points by all their levels but the line and the value, in the order of the sweep."""
    panels: dict[tuple[str, ...], list[PointRow]] = {}
    for row in found.points:
        others = [level for axis, level in row.levels.items() if axis not in {LINE, ALONG}]
        panels.setdefault(tuple(others), []).append(row)
    return [(_title(found, key), rows) for key, rows in panels.items()]


def _title(found: Sweep, levels: Sequence[str]) -> str:
    about = found.about.get(levels[0], "") if VARIANT in found.axes and levels else ""
    head = _words(", ".join(levels))
    return f"{head}\n{fill(about, _TITLE_CHARS)}" if about else head


def _say_noise(axis: Any, found: Sweep, rows: Sequence[PointRow]) -> None:
    """Say aloud where a panel's lines are told apart from flat nowhere."""
    verdicts = {row.difference_bps.verdict for row in rows if row.difference_bps is not None}
    if verdicts and verdicts <= {"the same", NOISE}:
        words = f"all differences from {found.axes[ALONG][0]} are {NOISE}"
        axis.text(0.5, 0.5, words, ha="center", fontsize=10, transform=axis.transAxes)


def _spots(values: Sequence[str]) -> tuple[list[float], bool]:
    """Where values stand on the axis, and whether that is to scale."""
    numbers = [number_of(value) for value in values]
    known = [number for number in numbers if number is not None]
    if len(known) == len(values):
        return known, True
    return [float(n) for n in range(len(values))], False


def _scale(axis: Any, found: Sweep, spots: Sequence[float], *, is_scale: bool) -> None:
    if is_scale and found.scale == "log" and min(spots) > 0:
        axis.set_xscale("log")
        axis.minorticks_off()
    axis.set_xticks(spots, found.axes[ALONG])


def _line_style(n: int, lines: int) -> dict[str, Any]:
    """The last of several lines is the one for all: black and thick."""
    is_all = lines > 1 and n == lines - 1
    return {
        "color": _ALL if is_all else _COLOURS[n % len(_COLOURS)],
        "linewidth": 2.6 if is_all else 1.4,
        "marker": _MARKS[n % len(_MARKS)],
        "markersize": 5,
        "zorder": 4 if is_all else 3,
    }


def _line(
    axis: Any,
    spots: Sequence[float],
    spreads: Sequence[Spread | None],
    style: dict[str, Any],
    scale: float = 1,
) -> None:
    """Means as a line with its band; a point without figures leaves a gap."""
    nan = float("nan")
    means = [nan if one is None else scale * float(one.mean) for one in spreads]
    lows = [nan if one is None else scale * float(one.low or one.mean) for one in spreads]
    highs = [nan if one is None else scale * float(one.high or one.mean) for one in spreads]
    axis.fill_between(spots, lows, highs, color=style["color"], alpha=0.15, linewidth=0)
    axis.plot(spots, means, **style)


# Points side by side


def _points_figure(plots: Any, found: Sweep) -> Any:
    has_mids = any(row.cost_bps is not None for row in found.points)
    rows = sorted(found.points, key=lambda row: _place(_drawn(row, has_mids=has_mids)))
    shown = rows[:ROWS_MAX]
    height = 2.6 + 0.42 * len(shown)
    figure = plots.Figure(figsize=(12, height), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for place, row in enumerate(shown):
        _box(left, place, row, _drawn(row, has_mids=has_mids))
        _difference(right, place, row)
    left.set_yticks(range(len(shown)), [_cut(row.name) for row in shown])
    left.set_ylim(len(shown) - 0.4, -0.6)
    if has_mids:
        left.set_xlabel("cost with fees against the mid at arrival, bps")
    else:
        left.set_xlabel("average price without fees (no mid at arrival: no cost against it)")
        left.ticklabel_format(axis="x", useOffset=False)
    left.set_title("cost over the runs", fontsize=11)
    reference = next((row.reference for row in found.points if row.reference), None)
    right.set_title(f"less {_cut(reference or 'the reference', 28)}, paired", fontsize=11)
    right.set_xlabel("difference of cost, bps")
    right.axvline(0, color="#555555", linewidth=1)
    for axis in (left, right):
        axis.grid(alpha=0.3, axis="x")
        axis.use_sticky_edges = False  # a box without width would stand on the frame
        axis.margins(x=0.05)
        axis.locator_params(axis="x", nbins=6)
    figure.suptitle(f"{found.scenario}: {len(found.points)} points, {_seeds(found)}", fontsize=13)
    more = (
        f" {len(rows) - len(shown)} more points are in the table only." if rows[ROWS_MAX:] else ""
    )
    figure.supxlabel(
        "Left: line from the 5 % to the 95 % quantile, box the middle half, dot the mean with its "
        "95 % interval. Right: Student's t over pairs,\nall comparisons together at 95 %; grey: "
        f"within the noise.{more}",
        fontsize=8,
    )
    return figure


def _drawn(row: PointRow, *, has_mids: bool) -> Spread | None:
    return row.cost_bps if has_mids else row.avg_px


def _place(one: Spread | None) -> float:
    return float("inf") if one is None else float(one.mean)


def _box(axis: Any, place: int, row: PointRow, one: Spread | None) -> None:
    if one is None:
        why = row.why_unranked or "no mid at arrival"
        axis.text(0.01, place, why, va="center", fontsize=8, transform=axis.get_yaxis_transform())
        return
    colour = _COLOURS[0] if row.why_unranked is None else "#999999"
    p05, p25, p75, p95 = (float(value) for value in (one.p05, one.p25, one.p75, one.p95))
    axis.plot([p05, p95], [place, place], color=colour, linewidth=1.2)
    axis.barh(place, p75 - p25, left=p25, height=0.5, color=colour, alpha=0.25)
    low, high = float(one.low or one.mean), float(one.high or one.mean)
    axis.plot([low, high], [place, place], color=colour, linewidth=4)
    axis.plot([float(one.mean)], [place], marker="o", color="white", markeredgecolor=colour)
    if row.why_unranked is not None:
        axis.text(p95, place - 0.3, f"  {row.why_unranked}", fontsize=7, va="center")


def _difference(axis: Any, place: int, row: PointRow) -> None:
    one = row.difference_bps
    if one is None:
        words = "the reference" if row.reference is None else "not compared"
        axis.text(0.5, place, words, va="center", fontsize=8, transform=axis.get_yaxis_transform())
        return
    clear = one.verdict in {"lower", "higher"}
    colour = (_COLOURS[2] if one.verdict == "lower" else _COLOURS[1]) if clear else "#999999"
    axis.plot([float(one.low), float(one.high)], [place, place], color=colour, linewidth=3)
    axis.plot([float(one.mean)], [place], marker="o", color=colour)


def _words(name: str) -> str:
    """A name as prose; what holds values of a grid is left as it stands."""
    return name if "=" in name else name.replace("_", " ")


def _cut(name: str, chars: int = _NAME_CHARS) -> str:
    words = _words(name)
    return words if len(words) <= chars else f"{words[: chars - 1]}\u2026"


def _seeds(found: Sweep) -> str:
    count = len(found.seeds)
    return f"seed {found.seeds[0]}" if count == 1 else f"{count:,} seeds from {found.seeds[0]}"
