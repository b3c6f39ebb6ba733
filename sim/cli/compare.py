"""``sorsim compare``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli.echo import print_json, say
from sim.cli.options import CONTEXT, FINE, NAMED_PATH, json_option

if TYPE_CHECKING:
    from sim.study.compare_runs import RunChange


@click.command(context_settings=CONTEXT)
@click.argument("runs", metavar="RUN RUN...", type=NAMED_PATH, nargs=-1, required=True)
@json_option
def compare(*, runs: tuple[Path, ...], as_json: bool) -> int:
    """Compare finished runs with the first RUN, each a run's folder or its audit.jsonl.

    For each of the others: the settings that differ, the first event that differs, the chain of
    causes that leads to it, what differs in the end, and what it costs in basis points, by part.
    Exit code 0: compared. 2: a log cannot be used. `sorsim diff` tells by its exit code whether two
    logs differ.
    """
    if len(runs) < 2:
        raise click.UsageError("there must be two runs or more: the first is what others differ to")
    from sim.study.compare_runs import compare as compare_runs

    found = compare_runs(runs)
    if as_json:
        content = _document(runs, found)
        print_json(content)
    else:
        click.echo("\n".join(_lines(runs, found)))
    notes = dict.fromkeys(note for one in found for note in one.notes)
    for note in notes:
        say(f"sorsim: {note}")
    return FINE


def _document(runs: tuple[Path, ...], found: "list[RunChange]") -> dict[str, Any]:
    from sim.cli.changes import document

    rows = [{"run": str(run), **document(one)} for run, one in zip(runs[1:], found, strict=True)]
    return {"base": str(runs[0]), "runs": rows}


def _lines(runs: tuple[Path, ...], found: "list[RunChange]") -> list[str]:
    from sim.audit.read import printable
    from sim.cli.changes import change_lines, overview
    from sim.study.compare_runs import SIDES

    names = [printable(str(run)) for run in runs]
    lines = overview(names, found)
    for name, one in zip(names[1:], found, strict=True):
        lines += ["", f"{name} against {names[0]}", ""]
        lines += change_lines(one, SIDES, "0 differences: the runs are the same, record by record.")
    return lines
