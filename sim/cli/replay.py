"""``sorsim replay``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli.options import ANSWER_IS_NO, CONTEXT, FINE, json_option

if TYPE_CHECKING:
    from sim.report.rebuild import Rebuilt


@click.command(context_settings=CONTEXT)
@click.argument("log", type=click.Path(path_type=Path))
@click.option(
    "--until",
    metavar="T",
    help="Show the state at this time of the run, such as 90ms: every record up to and at it "
    "counts.  [default: the whole log]",
)
@click.option(
    "--timeline",
    type=click.IntRange(0, 1_000_000),
    default=40,
    show_default=True,
    help="How many events to list, the newest ones.",
)
@json_option
def replay(*, log: Path, until: str | None, timeline: int, as_json: bool) -> int:
    """Rebuild the state of a run from LOG alone: a run's folder or its audit.jsonl.

    Shows the order blotter (parents and their children), the last quote and trade of each venue and
    the timeline. Exit code 1 says that the log ends too early, or that a record contradicts those
    before it; the state is then that of the records before. The hash chain is not looked at:
    `sorsim verify` does that.
    """
    from sim.cli.logs import log_path
    from sim.report.rebuild import rebuild, state_document

    until_ns = _instant(until)
    rebuilt = rebuild(log_path(log), until_ns, timeline_max=timeline)
    if as_json:
        import msgspec

        document = msgspec.json.encode(state_document(rebuilt, until_ns))
        click.echo(msgspec.json.format(document, indent=2).decode())
    else:
        _show(rebuilt)
    if rebuilt.fault:
        click.echo(f"sorsim: {rebuilt.fault}", err=True)
    return ANSWER_IS_NO if rebuilt.fault else FINE


def _instant(until: str | None) -> int | None:
    from sim.protocol.units import UnitError, parse_duration

    if until is None:
        return None
    try:
        return parse_duration(until)
    except UnitError as error:
        raise click.BadParameter(str(error), param_hint="--until") from error


def _show(rebuilt: "Rebuilt") -> None:
    from sim.cli.output import console
    from sim.cli.state_tables import state_tables

    out = console()
    out.print(state_tables(rebuilt, out.width))
