"""The figure of a tuning: cost as it adds up, and what is filled. Needs the extra ``report``."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from sim.kernel.extras import load_extra
from sim.study.tune import BEST, Curve, Tuning

_PURPOSE: Final = "drawing a figure"
_BEST_COLOUR: Final = "#d62728"
_COLOURS: Final = ("#1f77b4", "#2ca02c", "#9467bd", "#8c564b", "#7f7f7f", "#bcbd22", "#17becf")


def draw(result: Tuning, curves: Sequence[Curve], path: Path) -> None:
    """Write the figure as PNG.

    Above, the cost with fees adds up from fill to fill, against the mid as the first order arrived
    (without one: the cash itself); below is the filled quantity, on the same axis of time.

    Args:
        result: The tuning, for its words.
        curves: The best point and the baselines.
        path: Where it goes.

    Raises:
        MissingExtraError: If matplotlib is not installed.
        OSError: If the file cannot be written.
    """
    matplotlib = load_extra("matplotlib", "report", _PURPOSE)
    matplotlib.use("Agg")
    plots = load_extra("matplotlib.figure", "report", _PURPOSE)
    figure = plots.Figure(figsize=(10, 7), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.4))
    lot = float(Decimal(result.lot_size))
    sign = 1 if result.side == "buy" else -1
    last = max((fill.t_ns for curve in curves for fill in curve.fills), default=0)
    colours = iter(_COLOURS)
    for curve in curves:
        is_best = curve.name == BEST
        style: dict[str, Any] = {
            "color": _BEST_COLOUR if is_best else next(colours),
            "linewidth": 3 if is_best else 1.2,
            "zorder": 2 if is_best else 3,  # where two are one, both show
            "drawstyle": "steps-post",
        }
        times, cost, filled = _points(curve, lot, sign, result)
        end = last / 1e9 * 1.02
        final = f"{cost[-1]:,.2f}" if cost else "nothing filled"
        above.plot([*times, end], [*cost, cost[-1]], label=f"{curve.name}: {final}", **style)
        below.plot([*times, end], [*filled, filled[-1]], **style)
    against = (
        "cost against the mid at arrival" if all(one.arrival_mid for one in curves) else "cash"
    )
    above.set_ylabel(f"cumulative {against}, with fees")
    below.set_ylabel("filled shares" if lot == 1 else f"filled (lots of {result.lot_size})")
    below.set_xlabel("time (s)")
    below.set_ylim(0, result.order_qty * 1.05)
    below.axhline(result.order_qty, color="#999999", linewidth=0.8, linestyle=":")
    for axis in (above, below):
        axis.grid(alpha=0.3)
        axis.margins(x=0.01)
    above.legend(loc="best", fontsize=9)
    words = f"{result.scenario}: {result.side} {result.order_qty:,} lots, seed {result.seeds[0]}"
    figure.suptitle(words)
    if result.best is not None:
        above.set_title(f"best parameters: {result.best.name}", fontsize=10)
    figure.savefig(path, dpi=110, format="png", metadata={"Software": None})


def _points(
    curve: Curve, lot: float, sign: int, result: Tuning
) -> tuple[list[float], list[float], list[float]]:
    """Times in seconds, cost so far, lots so far; from nothing at the start."""
    tick = float(Decimal(result.tick_size))
    base = 0.0 if curve.arrival_mid is None else float(curve.arrival_mid)
    times, cost, filled = [0.0], [0.0], [0.0]
    for fill in curve.fills:
        paid = sign * (fill.px * tick - base) * fill.qty * lot
        times.append(fill.t_ns / 1e9)
        cost.append(cost[-1] + paid + float(fill.fee))
        filled.append(filled[-1] + fill.qty)
    return times, cost, filled
