"""A run's summary as tables for people; reads the summary alone."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, Literal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sim.cli.output import number_column, short_duration
from sim.protocol.units import Units

WIDE: Final = 100
"""Columns of a terminal from which on the tables show more."""
PARENTS_MAX: Final = 20

_OUTCOME_STYLE: Final = {"complete": "green", "incomplete": "yellow", "aborted": "red"}

MET: Final = Text("met", "green")
NOT_MET: Final = Text("NOT MET", "bold red")

Column = tuple[str, Literal["left", "right"], Sequence[RenderableType]]
"""Header, justification, cells."""


def summary_tables(summary: dict[str, Any], width: int) -> RenderableType:
    """Parents, venues, reallocations and expectations of one run.

    Args:
        summary: The content of ``summary.json``.
        width: Columns that there are to fill.
    """
    instrument = summary["instrument"]
    units = Units(Decimal(instrument["tick_size"]), Decimal(instrument["lot_size"]))
    outcome = summary["outcome"]
    head = Text.assemble(
        (summary["scenario"], "bold"),
        f"  {instrument['symbol']}  seed {summary['seed']}  ",
        (outcome, _OUTCOME_STYLE[outcome]),
    )
    parents = summary["parents"]
    parts: list[RenderableType] = [head]
    if parents:
        parts += ["", _parent_table(parents[:PARENTS_MAX], units, wide=width >= WIDE)]
    if len(parents) > PARENTS_MAX:
        parts.append(f"and {len(parents) - PARENTS_MAX} more parents, all in summary.json")
    parts += ["", _venue_table(summary["venues"], units, wide=width >= WIDE)]
    parts += ["", _reallocations(parents)]
    if summary["expect"]:
        parts += ["", _expect_table(summary["expect"])]
    return Group(*parts)


def _parent_table(parents: list[dict[str, Any]], units: Units, *, wide: bool) -> Table:
    columns: list[Column] = [
        ("Parent", "left", [parent["parent_id"] for parent in parents]),
        ("Side", "left", [parent["side"].replace("_", " ") for parent in parents]),
        ("Ordered", "right", _quantities(parents, "order_qty", units)),
        ("Filled", "right", _quantities(parents, "filled_qty", units)),
        ("Average\nprice", "right", _prices(parents, "avg_px", units)),
        ("Shortfall\nbps", "right", _column(parents, "shortfall_bps")),
        ("Fees", "right", _column(parents, "fees")),
        ("Ended by", "left", [_ended(parent) for parent in parents]),
    ]
    if wide:
        columns[5:5] = [("Mid at\narrival", "right", _prices(parents, "arrival_mid", units))]
        columns[-1:-1] = [("Children", "right", [f"{one['children']:,}" for one in parents])]
    return _table(columns)


def _venue_table(venues: dict[str, dict[str, Any]], units: Units, *, wide: bool) -> Table:
    rows = list(venues.values())
    columns: list[Column] = [
        ("Venue", "left", list(venues)),
        ("Routed", "right", _quantities(rows, "routed_qty", units)),
        ("Filled", "right", _quantities(rows, "filled_qty", units)),
        ("Average\nprice", "right", _prices(rows, "avg_px", units)),
        ("Fees", "right", _column(rows, "fees")),
        ("Order\nlatency", "right", _durations(rows, "order_latency_ns_mean")),
        ("Report\nlatency", "right", _durations(rows, "report_latency_ns_mean")),
    ]
    if wide:
        columns[5:5] = [
            (name.capitalize(), "right", [f"{row[name]:,}" for row in rows])
            for name in ("children", "fills", "rejects")
        ]
    return _table(columns)


def _expect_table(rows: list[dict[str, Any]]) -> Table:
    columns: list[Column] = [
        ("Expected", "left", [f"{row['metric']} {row['threshold']}" for row in rows]),
        ("Found", "left", ["undefined" if row["value"] is None else row["value"] for row in rows]),
        ("", "left", [MET if row["met"] else NOT_MET for row in rows]),
    ]
    return _table(columns)


def _reallocations(parents: list[dict[str, Any]]) -> str:
    moved = [one for one in parents if one["reallocations"]]
    total = sum(one["reallocations"] for one in moved)
    if not total:
        return "No reallocations"
    each = ", ".join(f"{one['parent_id']} {one['reallocations']}" for one in moved[:PARENTS_MAX])
    more = ", ..." if len(moved) > PARENTS_MAX else ""
    return f"Reallocations: {total} ({each}{more})"


def _table(columns: Sequence[Column]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for header, justify, _ in columns:
        # Numbers never break; names and reasons make room for them.
        numbers = justify == "right"
        table.add_column(
            header, justify=justify, vertical="bottom", no_wrap=numbers, overflow="fold"
        )
    for cells in zip(*(cells for _, _, cells in columns), strict=True):
        table.add_row(*cells)
    return table


def _ended(parent: dict[str, Any]) -> str:
    reason: str = parent["end_reason"] or "still open"
    return reason.replace("_", " ")


def _quantities(rows: Sequence[dict[str, Any]], name: str, units: Units) -> list[str]:
    return [f"{Decimal(units.qty_text(row[name])):,f}" for row in rows]


def _prices(rows: Sequence[dict[str, Any]], name: str, units: Units) -> list[str]:
    tick_digits = len(units.price_text(0).partition(".")[2])
    return number_column([row[name] for row in rows], tick_digits)


def _column(rows: Sequence[dict[str, Any]], name: str) -> list[str]:
    return number_column([row[name] for row in rows])


def _durations(rows: Sequence[dict[str, Any]], name: str) -> list[str]:
    return [short_duration(row[name]) for row in rows]


def bench_table(rows: list[dict[str, Any]]) -> Table:
    """Benchmarks: our value, each peer with its ratio, and whether the target was met."""
    columns: list[Column] = [
        ("Benchmark", "left", [row["name"] for row in rows]),
        ("Value", "right", [f"{row['value']:,}" for row in rows]),
        ("Unit", "left", [row["unit"] for row in rows]),
        ("Ratio to peers", "left", [_peers(row) for row in rows]),
        ("Target", "left", [MET if row["met"] else NOT_MET for row in rows]),
    ]
    return _table(columns)


def _peers(row: dict[str, Any]) -> str:
    return "\n".join(f"{ratio:g} x {peer}" for peer, ratio in row["ratio"].items()) or "no peer"
