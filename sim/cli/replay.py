"""``sorsim replay``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli.echo import print_json, say
from sim.cli.options import (
    ANSWER_IS_NO,
    CONTEXT,
    FINE,
    NAMED_FOLDER,
    NAMED_PATH,
    allow_code_option,
    json_option,
    there,
)

if TYPE_CHECKING:
    from sim.report.rebuild import Rebuilt
    from sim.study.check import Difference


@click.command(context_settings=CONTEXT)
@click.argument("log", type=NAMED_PATH)
@click.option(
    "--until",
    metavar="T",
    help="Show the state at this time of the run, such as 90ms: every record up to and at it "
    "counts.  [default: the whole log]",
)
@click.option(
    "--timeline",
    type=click.IntRange(0, 1_000_000),
    help="How many events to list, the newest ones.  [default: 40]",
)
@click.option(
    "--check",
    is_flag=True,
    help="Run the scenario inside the log again and compare byte by byte; exit code 1 says that "
    "the log differs, or ends too early.",
)
@click.option(
    "--data",
    multiple=True,
    type=NAMED_FOLDER,
    metavar="DIR",
    help="With --check: a folder to find the scenario's data files in, before the log's own folder "
    "and that of the shipped scenarios. The log knows each file's SHA-256.",
)
@allow_code_option
@json_option
def replay(
    *,
    log: Path,
    until: str | None,
    timeline: int | None,
    check: bool,
    data: tuple[Path, ...],
    allow_code: bool,
    as_json: bool,
) -> int:
    """Rebuild the state of a run from LOG alone: a run's folder or its audit.jsonl.

    Shows the order blotter (parents and their children), the last quote and trade of each venue and
    the timeline. Exit code 1 says that the log ends too early, or that a record contradicts those
    before it; the state is then that of the records before. The hash chain is not looked at:
    `sorsim verify` does that.
    """
    from sim.audit.read import log_file

    path = log_file(log)
    if check:
        if until is not None or timeline is not None:
            raise click.UsageError("--check compares the whole log: no --until, no --timeline")
        for folder in data:
            there(folder, "--data")
        return _check(path, data, allow_code=allow_code, as_json=as_json)
    if allow_code:
        raise click.UsageError("--allow-code goes with --check: a state needs the log alone")
    if data:
        raise click.UsageError("--data goes with --check: a state needs the log alone")
    return _state(path, until, timeline, as_json=as_json)


def _state(path: Path, until: str | None, timeline: int | None, *, as_json: bool) -> int:
    from sim.report.rebuild import TIMELINE_MAX, rebuild, state_document

    until_ns = _instant(until)
    events = TIMELINE_MAX if timeline is None else timeline
    rebuilt = rebuild(path, until_ns, timeline_max=events)
    if as_json:
        print_json(state_document(rebuilt, until_ns))
    else:
        _show(rebuilt)
    if rebuilt.fault:
        say(f"sorsim: {rebuilt.fault}")
    return ANSWER_IS_NO if rebuilt.fault else FINE


def _check(path: Path, data: tuple[Path, ...], *, allow_code: bool, as_json: bool) -> int:
    from sim.cli.output import progress_bar
    from sim.manifest import NAME
    from sim.study.check import check
    from sim.study.header import paced_by_wall

    paced = path.with_name(NAME) if paced_by_wall(path) else None
    with progress_bar("again", quiet=as_json) as on_progress:
        result = check(path, data, allow_code=allow_code, on_progress=on_progress)
    if paced and result.verdict == "differs":
        import msgspec

        note = f"{paced}: the run was paced by the wall clock, which no other run repeats"
        notes = [one for one in (result.note, note) if one]
        result = msgspec.structs.replace(result, note="; ".join(notes))
    if result.note:
        say(f"sorsim: {result.note}")
    if result.error and not result.ok:
        say(f"sorsim: the new run ended with {result.error}")
    if as_json:
        import msgspec

        document = {"log": str(path), "ok": result.ok, **msgspec.structs.asdict(result)}
        print_json(document)
    else:
        click.echo(result.message)
        if result.first is not None:
            for line in difference_lines(result.first):
                click.echo(line)
    return FINE if result.ok else ANSWER_IS_NO


def difference_lines(first: "Difference") -> list[str]:
    """A record that differs, with both versions, for people."""
    missing = "nothing, it has ended"
    lines = [
        f"  in the log  {first.logged or missing}",
        f"  run again   {first.again or missing}",
    ]
    if first.fields:
        lines += ["  where they differ, log -> run again:", *(f"    {one}" for one in first.fields)]
    return lines


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
