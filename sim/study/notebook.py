"""What studies return as HTML for notebooks: tables, and what is to be said of them."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sim.study.compare_runs import RunChange
    from sim.study.sweep.result import Sweep

ROWS_MAX: Final = 50
UNDEFINED: Final = "-"


def sweep_html(found: "Sweep") -> str:
    """Each point with its cost and what it costs more than its reference; then the notes."""
    columns = (
        "Point",
        "Filled",
        "Cost, bps",
        "Shortfall, bps",
        "More than",
        "bps",
        f"{found.confidence:.0%} interval",
        "Verdict",
    )
    rows = []
    for row in found.points[:ROWS_MAX]:
        more = row.difference_bps
        rows.append(
            (
                row.name,
                f"{row.filled_all:,} of {row.runs:,} runs",
                None if row.cost_bps is None else row.cost_bps.mean,
                None if row.shortfall_bps is None else row.shortfall_bps.mean,
                row.reference,
                None if more is None else more.mean,
                None if more is None else f"{more.low} to {more.high}",
                None if more is None else more.verdict,
            )
        )
    seeds = "1 seed" if len(found.seeds) == 1 else f"{len(found.seeds):,} seeds"
    head = f"{found.scenario}: {len(found.points):,} points, {seeds}"
    left = len(found.points) - len(rows)
    notes = ([f"and {left:,} more points"] if left else []) + found.notes
    return f"{_head(head)}{_table(columns, rows)}{_list(notes)}"


def change_html(found: "RunChange") -> str:
    """How many records differ, the first with its causes, and the cost by part."""
    count = f"{found.differences:,} difference{'' if found.differences == 1 else 's'}"
    cost = found.cost_bps
    names = ["total", *(name for name in cost.parts if name != "total")]
    changes = {**cost.parts, "total": cost.total}
    rows = [(name, cost.old.get(name), cost.new.get(name), changes[name]) for name in names]
    why = [f"Not available: {cost.why_not_available}"] if cost.why_not_available else []
    settings = [f"{one.path}: {one.old} -> {one.new}" for one in found.settings]
    parts = [_head(count), _list(settings)]
    if found.causes:
        parts.append(f"<p>First difference, and why</p>{_list(found.causes)}")
    parts.append(_table(("Shortfall, bps", "Before", "After", "Difference"), rows))
    return "".join([*parts, _list([*why, *found.notes])])


def _head(text: str) -> str:
    return f"<p><b>{escape(text)}</b></p>"


def _list(texts: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in texts)}</ul>" if texts else ""


def _table(columns: Iterable[str], rows: Iterable[Sequence[str | None]]) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(UNDEFINED if c is None else c)}</td>' for c in row)}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
