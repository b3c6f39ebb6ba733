"""Tunings as tables for people."""

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from sim.cli.output import UNDEFINED, number_column, short_duration
from sim.cli.tables import Column, make_table
from sim.study.tune import BEST, Interval, Row, Tuning

POINTS_MAX: Final = 10


def tune_tables(result: Tuning, width: int) -> RenderableType:
    """The best point against the baselines, then the points by cost.

    Args:
        result: What was found.
        width: Columns that there are to fill.
    """
    seeds = f"seed {result.seeds[0]}"
    if len(result.seeds) > 1:
        seeds = f"{len(result.seeds)} seeds from {result.seeds[0]}"
    head = Text.assemble(
        (result.scenario, "bold"),
        f"  {result.side} {result.order_qty:,} lots of {result.lot_size}  "
        f"{len(result.points)} points, {seeds}",
    )
    parts: list[RenderableType] = [head, ""]
    if result.best_parameters is not None:
        parts += ["Best parameters"]
        parts += [Text(f"  {path} = {value}") for path, value in result.best_parameters.items()]
        parts.append("")
    rows = [*([result.best] if result.best is not None else []), *result.baselines]
    parts += [make_table(_against(rows, result), width)]
    ranked = [row for row in result.points if row.total_cash is not None]
    ranked.sort(key=lambda row: float(row.total_cash or 0), reverse=result.side == "sell")
    if len(ranked) > 1 and not result.nothing_matters:
        parts += ["", make_table(_points(ranked[:POINTS_MAX], result), width)]
    if len(ranked) > POINTS_MAX and not result.nothing_matters:
        parts.append(f"and {len(ranked) - POINTS_MAX} more points, all in the file")
    return Group(*parts)


def _against(rows: Sequence[Row], result: Tuning) -> list[Column]:
    names = [BEST if row is result.best else row.name for row in rows]
    savings = [result.savings_vs_baselines_bps.get(row.name) for row in rows]
    columns = [
        Column("", names, "left"),
        *_figures(rows),
        Column("Saved by\nbest, bps", [_mean(one) for one in savings]),
    ]
    if len(result.seeds) > 1:
        columns.append(Column("95 %\ninterval", [_ends(one) for one in savings], "left"))
    why = [row.why_unranked or "" for row in rows]
    if any(why):
        columns.append(Column("Not compared", why, "left"))
    return columns


def _points(rows: Sequence[Row], result: Tuning) -> list[Column]:
    marks = []
    for row in rows:
        near = result.within_noise is not None and row.parameters in result.within_noise
        same = row.parameters in result.ties or row.parameters == result.best_parameters
        marks.append("best" if same else "within noise" if near else "")
    return [
        Column("Point", [row.name for row in rows], "left"),
        *_figures(rows),
        Column("", marks, "left"),
    ]


def _figures(rows: Sequence[Row]) -> list[Column]:
    return [
        Column("Cash", number_column([row.total_cash for row in rows], 2, 2)),
        Column("Average\nprice", number_column([row.avg_px for row in rows], 2, 4)),
        Column("Cost\nbps", number_column([row.cost_bps for row in rows], 2, 3)),
        Column("Last\nfill", [short_duration(row.last_fill_ns) for row in rows], rank=2),
    ]


def _mean(one: Interval | None) -> str:
    return UNDEFINED if one is None else f"{float(one.mean):+.3f}"


def _ends(one: Interval | None) -> str:
    if one is None or one.low is None or one.high is None:
        return ""
    return f"{float(one.low):+.3f} to {float(one.high):+.3f}"
