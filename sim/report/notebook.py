"""A run's summary as a small piece of HTML for notebooks; reads the summary alone."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

_PARENT: Final = (
    ("Parent", "parent_id"),
    ("Side", "side"),
    ("Ordered", "order_qty"),
    ("Filled", "filled_qty"),
    ("Average price", "avg_px"),
    ("Shortfall bps", "shortfall_bps"),
    ("Fees", "fees"),
    ("End reason", "end_reason"),
)
_VENUE: Final = (
    ("Venue", "venue_id"),
    ("Routed", "routed_qty"),
    ("Filled", "filled_qty"),
    ("Average price", "avg_px"),
    ("Fees", "fees"),
    ("Children", "children"),
)
_ROWS_MAX: Final = 50


def summary_html(summary: Mapping[str, Any]) -> str:
    """Parents and venues of a run as two tables; what is undefined is a dash."""
    head = f"{summary['scenario']}, seed {summary['seed']}: {summary['outcome']}"
    parents = summary["parents"]
    venues = [{"venue_id": name, **row} for name, row in summary["venues"].items()]
    parts = [f"<p><b>{escape(head)}</b></p>", _table(_PARENT, parents[:_ROWS_MAX])]
    if len(parents) > _ROWS_MAX:
        parts.append(f"<p>and {len(parents) - _ROWS_MAX:,} more</p>")
    return "".join([*parts, _table(_VENUE, venues)])


def _table(columns: tuple[tuple[str, str], ...], rows: Iterable[Mapping[str, Any]]) -> str:
    head = "".join(f"<th>{title}</th>" for title, _ in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{_cell(row[key])}</td>' for _, key in columns)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
