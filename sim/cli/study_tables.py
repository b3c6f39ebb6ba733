"""Tunings and comparisons as tables for people."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from sim.cli.output import UNDEFINED, number_column, short_duration
from sim.cli.tables import Column, make_table
from sim.study.comparison import Compared, Comparison, Estimate
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


# A comparison


def comparison_tables(found: Comparison, width: int) -> RenderableType:
    """What each strategy is, what it cost, and what it costs by the size of the order.

    Args:
        found: The comparison.
        width: Columns that there are to fill.
    """
    rows = found.strategies
    head = Text.assemble(
        ("Strategies compared", "bold"),
        f"  {found.side} {_quantity(found.order_qty)}, seeds {found.first_seed} to "
        f"{found.first_seed + found.seeds - 1}, means and {found.confidence:.0%} intervals",
    )
    parts: list[RenderableType] = [head, "", make_table(_worked(rows), width, "top")]
    parts += ["", make_table(_cost(rows, found), width, "top")]
    if any(row.sizes for row in rows):
        parts += ["", make_table(_by_size(rows), width)]
        parts.append(
            f"Cost with fees in bps by the size of the order, {found.size_seeds} seeds each; in "
            "brackets the share filled where not every run filled all. The best size is where a "
            "strategy is least above the cheapest."
        )
    parts += ["", make_table(_words(rows), width, "top")]
    return Group(*parts)


def _names(rows: Sequence[Compared]) -> Column:
    return Column("Strategy", [row.name.replace("_", " ") for row in rows], "left")


def _worked(rows: Sequence[Compared]) -> list[Column]:
    return [
        _names(rows),
        Column("Venues used\n(share of fills)", [_venues(row) for row in rows], "left"),
        Column("Coverage\n(filled)", [_percent(row.filled_share) for row in rows]),
        Column("Runs that\nfilled all", [f"{row.filled_all:,}" for row in rows], rank=2),
        Column("Speed: mean\nfill, ms", [_plus_minus(row.mean_fill_ms, 0) for row in rows]),
        Column("Last fill\nms", [_plus_minus(row.last_fill_ms, 0) for row in rows], rank=1),
        Column("Leakage:\nP(noticed)", [_plus_minus(row.detect_probability, 2) for row in rows]),
    ]


def _cost(rows: Sequence[Compared], found: Comparison) -> list[Column]:
    return [
        _names(rows),
        Column("Slippage\nbps", [_plus_minus(row.price_bps, 2) for row in rows]),
        Column("Fees\nbps", [_plus_minus(row.fees_bps, 2) for row in rows], rank=1),
        Column("Cost with\nfees, bps", [_plus_minus(row.cost_bps, 2) for row in rows]),
        Column(
            "More than the\nbase, bps",
            ["base" if row.name == found.reference else _against_words(row) for row in rows],
            "left",
        ),
        Column("Pairs", [_pairs(row, found) for row in rows], rank=2),
        Column("Best\nsize", [_quantity(row.best_size) for row in rows]),
    ]


def _by_size(rows: Sequence[Compared]) -> list[Column]:
    columns = [_names(rows)]
    for n, size in enumerate(rows[0].sizes):
        cells = []
        for row in rows:
            one = row.sizes[n]
            cost = UNDEFINED if one.cost_bps is None else f"{float(one.cost_bps.mean):.2f}"
            part = float(one.filled_share)
            cells.append(cost if part == 1 else f"{cost} ({part:.0%})")
        columns.append(Column(_quantity(size.qty), cells))
    return columns


def _words(rows: Sequence[Compared]) -> list[Column]:
    return [
        _names(rows),
        Column("What it does", [row.about for row in rows], "left"),
        Column("Who controls the venue", [row.controls for row in rows], "left"),
        Column("Regulatory status", [row.regulatory for row in rows], "left"),
    ]


def _venues(row: Compared) -> str:
    parts = [f"{venue} {float(share):.0%}" for venue, share in row.venues.items()]
    lines = [", ".join(parts[n : n + 2]) for n in range(0, len(parts), 2)]
    return "\n".join(lines) or UNDEFINED


def _percent(one: Estimate) -> str:
    half = (float(one.high) - float(one.low)) / 2
    return f"{float(one.mean):.0%}" + (f" ± {half:.0%}" if half >= 0.0005 else "")


def _plus_minus(one: Estimate | None, digits: int) -> str:
    if one is None:
        return UNDEFINED
    half = (float(one.high) - float(one.low)) / 2
    return f"{float(one.mean):.{digits}f} ± {half:.{digits}f}"


def _against_words(row: Compared) -> str:
    one = row.against_reference_bps
    if one is None:
        return "not compared"
    return f"{float(one.mean):+.2f} [{float(one.low):+.2f}, {float(one.high):+.2f}]"


def _pairs(row: Compared, found: Comparison) -> str:
    if row.name == found.reference:
        return ""
    return f"{0 if row.against_reference_bps is None else row.against_reference_bps.n:,}"


def _quantity(text: str | None) -> str:
    return UNDEFINED if text is None else f"{Decimal(text):,f}"
