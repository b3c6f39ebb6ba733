"""A run's summary as tables for people; reads the summary alone."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sim.cli.output import number_column, short_duration
from sim.protocol.units import Units
from sim.report.decisions import DecisionRow

PARENTS_MAX: Final = 20
DECISIONS_MAX: Final = 10
GAP: Final = 3
"""Blanks between two columns."""

_OUTCOME_STYLE: Final = {"complete": "green", "incomplete": "yellow", "aborted": "red"}

MET: Final = Text("met", "green")
NOT_MET: Final = Text("NOT MET", "bold red")


class Column(NamedTuple):
    """One column. ``rank`` 0 is always shown; the highest rank is left out first."""

    header: str
    cells: Sequence[str | Text]
    justify: Literal["left", "right"] = "right"
    rank: int = 0

    def width(self) -> int:
        """Characters of its longest line."""
        lines = [self.header, *(str(cell) for cell in self.cells)]
        return max(len(line) for text in lines for line in text.split("\n"))


def summary_tables(summary: dict[str, Any], width: int) -> RenderableType:
    """Parents, venues, reallocations and expectations of one run.

    Args:
        summary: The content of ``summary.json``.
        width: Columns that there are to fill.
    """
    instrument = summary["instrument"]
    units = instrument_units(summary)
    outcome = summary["outcome"]
    head = Text.assemble(
        (summary["scenario"], "bold"),
        f"  {instrument['symbol']}  seed {summary['seed']}  ",
        (outcome, _OUTCOME_STYLE[outcome]),
    )
    parents = summary["parents"]
    parts: list[RenderableType] = [head]
    if parents:
        parts += ["", make_table(_parent_columns(parents[:PARENTS_MAX], units), width)]
    if len(parents) > PARENTS_MAX:
        parts.append(f"and {len(parents) - PARENTS_MAX} more parents, all in summary.json")
    parts += ["", make_table(_venue_columns(summary["venues"], units), width)]
    parts += ["", _reallocations(parents)]
    if summary["expect"]:
        parts += ["", make_table(_expect_columns(summary["expect"]), width)]
    return Group(*parts)


def instrument_units(summary: dict[str, Any]) -> Units:
    """Tick and lot that a summary's numbers are in."""
    instrument = summary["instrument"]
    return Units(Decimal(instrument["tick_size"]), Decimal(instrument["lot_size"]))


def _parent_columns(parents: list[dict[str, Any]], units: Units) -> list[Column]:
    digits = _price_digits(units)
    return [
        Column("Parent", [parent["parent_id"] for parent in parents], "left"),
        Column("Side", [parent["side"].replace("_", " ") for parent in parents], "left"),
        Column("Ordered", _quantities(parents, "order_qty", units)),
        Column("Filled", _quantities(parents, "filled_qty", units)),
        Column("Average\nprice", _numbers(parents, "avg_px", digits, digits + 4)),
        Column("Mid at\narrival", _numbers(parents, "arrival_mid", digits, digits + 4), rank=2),
        Column("Shortfall\nbps", _numbers(parents, "shortfall_bps", 1, 3), rank=1),
        Column("Fees", _numbers(parents, "fees", 2, max(2, digits))),
        Column("Children", [f"{parent['children']:,}" for parent in parents], rank=3),
        Column("End reason", [_ended(parent) for parent in parents], "left"),
    ]


def _venue_columns(venues: dict[str, dict[str, Any]], units: Units) -> list[Column]:
    rows, digits = list(venues.values()), _price_digits(units)
    return [
        Column("Venue", list(venues), "left"),
        Column("Routed", _quantities(rows, "routed_qty", units)),
        Column("Filled", _quantities(rows, "filled_qty", units)),
        Column("Average\nprice", _numbers(rows, "avg_px", digits, digits + 4)),
        Column("Fees", _numbers(rows, "fees", 2, max(2, digits))),
        Column("Children", [f"{row['children']:,}" for row in rows], rank=1),
        Column("Fills", [f"{row['fills']:,}" for row in rows], rank=2),
        Column("Rejects", [f"{row['rejects']:,}" for row in rows], rank=3),
        Column("Order\nlatency", _durations(rows, "order_latency_ns_mean")),
        Column("Report\nlatency", _durations(rows, "report_latency_ns_mean")),
    ]


def decisions_table(rows: list[DecisionRow], count: int, units: Units, width: int) -> Group:
    """What the router decided, when, and why."""
    columns = [
        Column("At", [f"{row.t_ns / 1e9:.6f} s" for row in rows]),
        Column("Parent", [row.parent_id for row in rows], "left", rank=1),
        Column("Because", [row.reason.replace("_", " ") for row in rows], "left"),
        Column("Came back", [_split(row.came_back, units) or "-" for row in rows], "left"),
        Column("Sent", [_sent(row, units) or "nothing, waits" for row in rows], "left"),
    ]
    more = f"and {count - len(rows):,} more decisions, all in the audit log"
    return Group(
        "Decisions", "", make_table(columns, width, "top"), *([more] if count > len(rows) else [])
    )


def _sent(row: DecisionRow, units: Units) -> str:
    """What left; of what a control kept back it says so."""
    lines = []
    for venue, qty in row.split.items():
        kept = row.kept.get(venue, 0)
        back = f" ({_qty(kept, units)} kept back)" if kept else ""
        lines.append(f"{venue} {_qty(qty - kept, units)}{back}")
    return "\n".join(lines)


def _qty(lots: int, units: Units) -> str:
    return f"{Decimal(units.qty_text(lots)):,f}"


def _split(split: dict[str, int], units: Units) -> str:
    return "\n".join(f"{venue} {_qty(qty, units)}" for venue, qty in split.items())


def _expect_columns(rows: list[dict[str, Any]]) -> list[Column]:
    found = ["undefined" if row["value"] is None else row["value"] for row in rows]
    return [
        Column("Expected", [f"{row['metric']} {row['threshold']}" for row in rows], "left"),
        Column("Found", found, "left"),
        Column("", [MET if row["met"] else NOT_MET for row in rows], "left"),
    ]


def _reallocations(parents: list[dict[str, Any]]) -> str:
    moved = [one for one in parents if one["reallocations"]]
    total = sum(one["reallocations"] for one in moved)
    if not total:
        return "No reallocations"
    each = ", ".join(f"{one['parent_id']} {one['reallocations']}" for one in moved[:PARENTS_MAX])
    more = ", ..." if len(moved) > PARENTS_MAX else ""
    return f"Reallocations: {total} ({each}{more})"


def make_table(
    columns: Sequence[Column], width: int, vertical: Literal["top", "bottom"] = "bottom"
) -> Table:
    """A table of as many columns as fit, those of rank 0 always."""
    shown = list(columns)
    ranks = sorted({column.rank for column in columns} - {0}, reverse=True)
    for rank in ranks:
        if sum(column.width() for column in shown) + GAP * (len(shown) - 1) <= width:
            break
        shown = [column for column in shown if column.rank != rank]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in shown:
        # Where even that is too wide, names break: a broken number could be misread.
        table.add_column(
            column.header,
            justify=column.justify,
            vertical=vertical,
            no_wrap=column.justify == "right",
            overflow="fold",
        )
    for cells in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*cells)
    return table


def _ended(parent: dict[str, Any]) -> str:
    reason: str = parent["end_reason"] or "still open"
    return reason.replace("_", " ")


def _quantities(rows: Sequence[dict[str, Any]], name: str, units: Units) -> list[str]:
    return [f"{Decimal(units.qty_text(row[name])):,f}" for row in rows]


def _price_digits(units: Units) -> int:
    return len(units.price_text(0).partition(".")[2])


def _numbers(
    rows: Sequence[dict[str, Any]], name: str, digits_min: int, digits_max: int
) -> list[str]:
    return number_column([row[name] for row in rows], digits_min, digits_max)


def _durations(rows: Sequence[dict[str, Any]], name: str) -> list[str]:
    return [short_duration(row[name]) for row in rows]


def bench_table(rows: list[dict[str, Any]], width: int) -> Table:
    """Benchmarks: our value, the ratio to each peer, and whether the target was met."""
    columns = [
        Column("Benchmark", [row["name"] for row in rows], "left"),
        Column("Value", [f"{row['value']:,}" for row in rows]),
        Column("Unit", [row["unit"] for row in rows], "left"),
        Column("Ratio to peers", [_peers(row) for row in rows], "left"),
        Column("Target", [MET if row["met"] else NOT_MET for row in rows], "left"),
    ]
    return make_table(columns, width)


def _peers(row: dict[str, Any]) -> str:
    return "\n".join(f"{ratio:g} x {peer}" for peer, ratio in row["ratio"].items()) or "no peer"
