"""A figure of a calibration: data against simulation. Needs the extra ``report``."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from sim.kernel.extras import load_extra
from sim.study.calibration import Calibration
from sim.study.market_measure import Market

_PURPOSE = "drawing a figure"
_FEW_POINTS: Final = 30
_REAL, _SIMULATED = "#1f77b4", "#d62728"


def draw(result: Calibration, real: Market, simulated: Market, lot: int, path: Path) -> None:
    """Write the figure as PNG.

    Raises:
        MissingExtraError: If matplotlib is not installed.
        OSError: If the file cannot be written.
    """
    matplotlib = load_extra("matplotlib", "report", _PURPOSE)
    matplotlib.use("Agg")
    plots = load_extra("matplotlib.figure", "report", _PURPOSE)
    figure = plots.Figure(figsize=(12, 7.5), layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    both = ((real, "data", _REAL), (simulated, "simulation", _SIMULATED))
    for market, name, colour in both:
        style = {"label": name, "color": colour}
        _steps(axes[0], _shares(market.spread_ns), style)
        _profile(axes[1], _mean_depth(market, lot), style)
        _tail(axes[2], [(size / lot, n) for size, n in market.take_sizes.items()], style)
        _profile(axes[3], _per_second(market.limits, market), style)
        _profile(axes[4], _per_second(market.cancels, market, lot), style)
        _tail(axes[5], _gaps(market), style)
    labels = (
        ("spread (ticks)", "share of time"),
        ("distance from the opposite best (ticks)", "mean depth per side (lots)"),
        ("size of a market order (lots)", "share at least as large"),
        ("distance from the opposite best (ticks)", "limit orders per side (1/s)"),
        ("distance from the opposite best (ticks)", _cancel_label(real)),
        ("gap between arrivals (s)", "share at least as long"),
    )
    for axis, (x, y) in zip(axes, labels, strict=True):
        axis.set_xlabel(x)
        axis.set_ylabel(y)
        axis.grid(alpha=0.3)
    for axis in (axes[2], axes[5]):
        axis.set_xscale("log")
        axis.set_yscale("log")
    axes[0].legend()
    figure.suptitle(
        f"{result.fit.kind} fitted to {result.venue}: {result.events:,} events in "
        f"{result.seconds:,.0f} s, tick {result.tick_size}, lot {result.lot_size}"
    )
    figure.savefig(path, dpi=110, format="png", metadata={"Software": None})


def _cancel_label(market: Market) -> str:
    return f"{'canceled lots' if market.by_level else 'cancels'} per side (1/s)"


def _shares(weights: Mapping[int, int]) -> list[tuple[int, float]]:
    total = sum(weights.values()) or 1
    return [(value, weights[value] / total) for value in sorted(weights)]


def _mean_depth(market: Market, lot: int) -> list[float]:
    time = 2 * (market.open_ns or 1) * lot
    return [qty / time for qty in market.qty_ns]


def _per_second(counts: Sequence[float], market: Market, lot: int = 1) -> list[float]:
    per = lot if market.by_level and lot > 1 else 1
    return [count / per / 2 / (market.seconds or 1) for count in counts]


def _gaps(market: Market) -> list[tuple[float, int]]:
    found: dict[int, int] = {}
    for before, after in pairwise(market.arrivals):
        found[after - before] = found.get(after - before, 0) + 1
    return [(gap / 1e9, count) for gap, count in found.items() if gap > 0]


def _steps(axis: Any, points: Sequence[tuple[int, float]], style: Mapping[str, Any]) -> None:
    known, passed = [], 0.0
    for value, share in points:
        known.append((value, share))
        passed += share
        if passed > 0.995:
            break
    axis.step([x for x, _ in known], [y for _, y in known], where="mid", **style)


def _profile(axis: Any, values: Sequence[float], style: Mapping[str, Any]) -> None:
    axis.plot(range(1, len(values) + 1), values, marker=".", **style)


def _tail(axis: Any, points: Sequence[tuple[float, int]], style: Mapping[str, Any]) -> None:
    """Share of the weight at each value or above."""
    total = left = sum(count for _, count in points)
    xs, ys = [], []
    for value, count in sorted(points):
        xs.append(value)
        ys.append(left / total)
        left -= count
    marker = "o" if len(xs) <= _FEW_POINTS else ""
    axis.plot(xs, ys, marker=marker, drawstyle="steps-pre", **style)
