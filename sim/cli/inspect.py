"""``sorsim inspect``."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sim.cli.echo import escaped, print_json, say, tell
from sim.cli.options import ANSWER_IS_NO, CONTEXT, FINE, NAMED_PATH, json_option

if TYPE_CHECKING:
    from sim.data.inspection import Inspection

SHOWN_PROBLEMS: Final = 20
_WIDTH: Final = 12


@click.command(context_settings=CONTEXT)
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=NAMED_PATH)
@click.option(
    "--against",
    type=NAMED_PATH,
    metavar="FILE",
    help="The partner that the one FILE is compared with: of LOBSTER messages their order book, "
    "of MBO data the MBP-10 data of the same time.",
)
@click.option(
    "--skip-bad",
    is_flag=True,
    help="Judge the rest: rows that cannot be read are counted and listed, but do not make the "
    "answer no.",
)
@json_option
def inspect(*, paths: tuple[Path, ...], against: Path | None, skip_bad: bool, as_json: bool) -> int:
    """Say what is in market data files, and what is wrong with them.

    The format is told by the content. Exit code 0: nothing is wrong; 1: problems were found; 2: a
    file cannot be read at all. With --json one FILE gives one object, several give a list.
    """
    from sim.data import detect_format, inspect_format
    from sim.data.inspection import InspectOptions

    if against is not None and len(paths) != 1:
        raise click.UsageError("--against goes with one FILE.")
    options = InspectOptions(against=against)
    found = [inspect_format(detect_format(path)).inspect(path, options) for path in paths]
    for one in found:
        for note in one.notes:
            say(f"sorsim: {one.file}: {note}")
    if as_json:
        document = found[0] if len(found) == 1 else found
        print_json(document)
    else:
        for number, inspection in enumerate(found):
            if number:
                click.echo()
            _show(inspection)
    return ANSWER_IS_NO if any(_unsound(one, skip_bad=skip_bad) for one in found) else FINE


def _unsound(inspection: "Inspection", *, skip_bad: bool) -> bool:
    problems = sum(inspection.problem_counts.values())
    return problems > (inspection.left_out if skip_bad else 0)


def _show(inspection: "Inspection") -> None:
    _row("file", escaped(inspection.file))
    _row("format", inspection.format)
    _row("rows", f"{inspection.rows:,}")
    if inspection.left_out:
        _row("left out", f"{inspection.left_out:,} rows could not be read")
    if inspection.venues:
        _row("venues", escaped(", ".join(inspection.venues)))
    if inspection.first_ns is not None and inspection.last_ns is not None:
        _row("first", clock_text(inspection.first_ns))
        _row("last", clock_text(inspection.last_ns))
    for name, count in inspection.facts.items():
        _row(name, f"{count:,}" if isinstance(count, int) else escaped(str(count)))
    for name, fraction in inspection.agreement.items():
        _row(name, f"{fraction:.4%} agree")
    _show_problems(inspection)


def _show_problems(inspection: "Inspection") -> None:
    total = sum(inspection.problem_counts.values())
    if not total:
        _row("problems", "none")
        return
    _row("problems", f"{total:,}")
    for kind, count in Counter(inspection.problem_counts).most_common():
        tell(f"  {count:>10,}  {kind}")
    for problem in inspection.problems[:SHOWN_PROBLEMS]:
        place = f"line {problem.line}: " if problem.line else ""
        tell(f"  {place}{problem.what}")
    if total > SHOWN_PROBLEMS:
        click.echo(f"  ... {total - SHOWN_PROBLEMS:,} more (--json lists them)")


def _row(name: str, text: str) -> None:
    click.echo(f"{name.ljust(_WIDTH)}  {text}")


def clock_text(ns: int) -> str:
    """A time of the source's clock for people: a date, or the time since its begin."""
    from datetime import UTC, datetime

    seconds, rest = divmod(ns, 10**9)
    if seconds >= 365 * 86_400:
        day = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
        return f"{day}.{rest:09d} UTC"
    hours, left = divmod(seconds, 3600)
    return f"{hours:02d}:{left // 60:02d}:{left % 60:02d}.{rest:09d}"
