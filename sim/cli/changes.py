"""What ``whatif`` and ``compare`` print: what differs first, why, and what it costs."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sim.audit.read import printable
from sim.cli.diff import SHOWN_MAX, divergence, listed

if TYPE_CHECKING:
    from sim.study.compare_runs import RunChange
    from sim.study.cost_change import CostBps

NOT_AVAILABLE: Final = "not available"
_WIDTH: Final = 16
_NAMES_MAX: Final = 10


def change_lines(found: "RunChange", sides: tuple[str, str], none: str) -> list[str]:
    """Lines for people.

    Args:
        found: What differs.
        sides: What the runs are called, the base first.
        none: What to say where no record differs.
    """
    lines = ["Settings that differ", *listed(found.settings), ""]
    if found.first is None:
        lines.append(none)
    else:
        lines.append(f"{found.differences:,} differences")
        lines += ["", *divergence("First difference", found.first, sides)]
        if found.result is not None:
            lines += ["", *divergence("First difference in a result", found.result, sides)]
        lines += ["", "In the end", *listed(found.outcome)]
    return [*lines, "", *cost_lines(found, sides)]


def cost_lines(found: "RunChange", sides: tuple[str, str]) -> list[str]:
    """The table of costs, or why there is none; then each parent, where there are several."""
    costs = found.cost_bps
    lines = ["Implementation shortfall, in bps of what was ordered at the mid as it arrived"]
    if costs.total is not None:
        lines += _table(costs, sides)
    if costs.why_not_available:
        lines.append(f"  {NOT_AVAILABLE}: {costs.why_not_available}")
    if costs.total is not None and found.left_out:
        lines.append(f"  without {_names(found.left_out)}, whose cost is {NOT_AVAILABLE}")
    rows = found.parents
    if len(rows) > 1:
        lines += ["", _row("By order", (*sides, "difference")).removeprefix("  ")]
        lines += [_parent_line(row.parent_id, row.cost_bps) for row in rows[:SHOWN_MAX]]
        if len(rows) > SHOWN_MAX:
            lines.append(f"  and {len(rows) - SHOWN_MAX} more, all in --json")
    notes = list(dict.fromkeys(note for row in rows for note in row.notes))
    return [*lines, *(f"  note: {note}" for note in notes[:SHOWN_MAX])]


def overview(runs: list[str], found: "list[RunChange]") -> list[str]:
    """One line for each run: its cost, what that is more than the base's, and its differences."""
    lines = [_row("Runs", ("bps", "difference", "differences")).removeprefix("  ")]
    base = [one.cost_bps.old["total"] for one in found]
    if len(set(base)) == 1:
        lines.append(f"{_row('', (_cell(base[0]), '', ''))}  {runs[0]}")
    for run, one in zip(runs[1:], found, strict=True):
        costs = one.cost_bps
        cells = (_cell(costs.new["total"]), _cell(costs.total), f"{one.differences:,}")
        lines.append(f"{_row('', cells)}  {run}")
    return lines


def _table(costs: "CostBps", sides: tuple[str, str]) -> list[str]:
    lines = [_row("", (*sides, "difference"))]
    for name, change in [("total", costs.total), *costs.parts.items()]:
        values = (costs.old[name], costs.new[name], change)
        lines.append(_row(name, tuple(map(_cell, values))))
    return lines


def _parent_line(name: str, costs: "CostBps") -> str:
    shown = printable(name)
    if costs.total is None:
        return f"  {shown:{_WIDTH}}  {NOT_AVAILABLE}: {costs.why_not_available}"
    return _row(shown, tuple(map(_cell, (costs.old["total"], costs.new["total"], costs.total))))


def _row(name: str, cells: tuple[str, ...]) -> str:
    return f"  {name:{_WIDTH}}" + "".join(f"{cell:>{_WIDTH}}" for cell in cells)


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES_MAX} more" if len(names) > _NAMES_MAX else ""
    return ", ".join(map(printable, names[:_NAMES_MAX])) + more


def _cell(text: str | None) -> str:
    """Four digits are enough to read; ``--json`` has six."""
    return NOT_AVAILABLE if text is None else f"{Decimal(text):,.4f}"


def document(found: "RunChange") -> dict[str, Any]:
    """Plain data, as ``--json`` prints it."""
    plain: dict[str, Any] = msgspec.to_builtins(found)
    return plain
