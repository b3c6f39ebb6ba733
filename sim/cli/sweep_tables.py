"""Sweeps as tables for people."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from sim.cli.output import UNDEFINED
from sim.cli.tables import GAP, Column, make_table
from sim.study.sweep.notes import ALONG
from sim.study.sweep.plan import LINE
from sim.study.sweep.result import PointRow, Sweep
from sim.study.sweep.statistics import Spread

ROWS_MAX: Final = 20


def sweep_tables(found: Sweep, width: int) -> RenderableType:
    """The points and how they differ; along an axis its values from left to right.

    Args:
        found: The sweep.
        width: Columns that there are to fill.
    """
    seeds = f"seed {found.seeds[0]}"
    if len(found.seeds) > 1:
        seeds = f"{len(found.seeds):,} seeds from {found.seeds[0]}"
    head = Text.assemble((found.scenario, "bold"), f"  {len(found.points):,} points, {seeds}")
    parts: list[RenderableType] = [head, ""]
    if ALONG in found.axes:
        return Group(*parts, *_along_tables(found, width))
    rows = sorted(found.points, key=_mean_cost)
    parts.append(make_table(_costs(rows[:ROWS_MAX]), width, "top"))
    if any(row.reference for row in rows):
        parts += ["", make_table(_differences(rows[:ROWS_MAX], found), width, "top")]
    if len(rows) > ROWS_MAX:
        parts.append(f"and {len(rows) - ROWS_MAX:,} more points, all in the file")
    return Group(*parts)


def _mean_cost(row: PointRow) -> tuple[bool, float]:
    """Ranked ones first; stable, so equal ones stay in order."""
    one = row.cost_bps or row.cost
    return row.why_unranked is not None, 0.0 if one is None else float(one.mean)


def _costs(rows: Sequence[PointRow]) -> list[Column]:
    costs = [row.cost_bps for row in rows]
    columns = [Column("", [row.name for row in rows], "left")]
    if any(costs):
        columns += [
            Column("Cost, bps\nmean", [_plus_minus(one) for one in costs]),
            Column("deviation", [_sd(one) for one in costs]),
            Column("min", [UNDEFINED if one is None else f"{float(one.min):.2f}" for one in costs]),
            Column("max", [UNDEFINED if one is None else f"{float(one.max):.2f}" for one in costs]),
        ]
    columns += [
        Column("Average\nprice", [_mean(row.avg_px, 4) for row in rows], rank=2),
        Column("Cost in\nmoney", [_mean(row.cost, 2) for row in rows], rank=1),
        Column("Filled", [f"{float(row.filled_share.mean):.1%}" for row in rows]),
        Column(
            "Runs that\nfilled all", [f"{row.filled_all:,}/{row.runs:,}" for row in rows], rank=2
        ),
    ]
    return columns


def _differences(rows: Sequence[PointRow], found: Sweep) -> list[Column]:
    """Savings: what the point costs less than its reference."""
    compared = [row for row in rows if row.reference is not None]
    found_all = [row.difference_bps for row in compared]
    names = dict.fromkeys(row.reference for row in compared)
    head = next(iter(names)) if len(names) == 1 else "the reference"
    return [
        Column(f"Saved against\n{head}", [row.name for row in compared], "left"),
        Column(
            "bps", [UNDEFINED if one is None else f"{_less(one.mean):+.3f}" for one in found_all]
        ),
        Column(
            f"{found.confidence:.0%} interval,\nall together",
            [
                "not compared"
                if one is None
                else f"{_less(one.high):+.3f} to {_less(one.low):+.3f}"
                for one in found_all
            ],
            "left",
        ),
        Column(
            "in money",
            [
                UNDEFINED if row.difference is None else f"{_less(row.difference.mean):+,.2f}"
                for row in compared
            ],
            rank=1,
        ),
        Column(
            "", [UNDEFINED if one is None else _verdict(one.verdict) for one in found_all], "left"
        ),
        Column("Pairs", ["0" if one is None else f"{one.n:,}" for one in found_all], rank=2),
        Column(
            "Variance\nratio",
            [
                UNDEFINED
                if one is None or one.variance_ratio is None
                else f"{float(one.variance_ratio):.2f}"
                for one in found_all
            ],
            rank=1,
        ),
        Column(
            "Seeds it\nstill takes",
            [
                UNDEFINED if one is None or one.further_seeds is None else f"{one.further_seeds:,}"
                for one in found_all
            ],
            rank=1,
        ),
    ]


def _verdict(verdict: str) -> str:
    return {"lower": "cheaper", "higher": "dearer"}.get(verdict, verdict)


def _less(text: str) -> float:
    return 0.0 - float(text)


def _along_tables(found: Sweep, width: int) -> list[RenderableType]:
    """Lines as rows and values as columns: shortfall, then fill rate."""
    lines: dict[tuple[str, ...], dict[str, PointRow]] = {}
    for row in found.points:
        key = tuple(level for axis, level in row.levels.items() if axis not in {LINE, ALONG})
        lines.setdefault((*key, row.levels[LINE]), {})[row.levels[ALONG]] = row
    names: list[str] = []
    rows: list[dict[str, PointRow] | None] = []
    group: tuple[str, ...] = ()
    for key, own in lines.items():
        if key[:-1] != group:
            group = key[:-1]
            names.append(", ".join(group))
            rows.append(None)
        names.append(f"  {key[-1]}" if group else key[-1])
        rows.append(own)
    values = found.axes[ALONG]
    shortfalls = [
        Column(
            value, ["" if own is None else _plus_minus(own[value].shortfall_bps) for own in rows]
        )
        for value in values
    ]
    rates = [
        Column(value, ["" if own is None else _percent(own[value].fill_rate) for own in rows])
        for value in values
    ]
    along = found.along or ALONG
    return [
        *_side_by_side(Column("Shortfall,\nbps", names, "left"), shortfalls, width),
        "",
        *_side_by_side(Column("Fill rate\nof children", names, "left"), rates, width),
        "",
        Text(
            f"Across: {along}; {LINE}s: what takes these values, all else as it stands. Means with "
            f"{found.confidence:.0%} intervals of each by itself (Student's t)."
        ),
    ]


def _side_by_side(labels: Column, values: Sequence[Column], width: int) -> Iterator[RenderableType]:
    """One table where it fits, closer together if need be; else several below each other.

    Rich would break the words of the labels to make room, and nobody could read them.
    """
    room = width - labels.width()
    if sum(one.width() + GAP for one in values) > room:
        close = [[str(cell).replace(" ± ", "±") for cell in one.cells] for one in values]
        values = [one._replace(cells=cells) for one, cells in zip(values, close, strict=True)]
    start = 0
    while start < len(values):
        taken, end = values[start].width() + GAP, start + 1
        while end < len(values) and taken + values[end].width() + GAP <= room:
            taken, end = taken + values[end].width() + GAP, end + 1
        if start:
            yield ""
        yield make_table([labels, *values[start:end]], width)
        start = end


def _plus_minus(one: Spread | None) -> str:
    if one is None:
        return UNDEFINED
    if one.low is None or one.high is None:
        return f"{float(one.mean):.2f}"
    half = (float(one.high) - float(one.low)) / 2
    return f"{float(one.mean):.2f} ± {half:.2f}"


def _percent(one: Spread | None) -> str:
    return UNDEFINED if one is None else f"{float(one.mean):.0%}"


def _sd(one: Spread | None) -> str:
    return UNDEFINED if one is None or one.sd is None else f"{float(one.sd):.2f}"


def _mean(one: Spread | None, digits: int) -> str:
    return UNDEFINED if one is None else f"{float(one.mean):,.{digits}f}"
