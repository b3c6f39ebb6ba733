"""``sorsim whatif``."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli.echo import print_json, say, tell
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
    from sim.study.compare_runs import RunChange


@click.command(context_settings=CONTEXT)
@click.argument("log", type=NAMED_PATH)
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change a value of the scenario, as often as needed: "
    "'venues[NYSE].latency.order.delay=20ms'.",
)
@click.option(
    "--data",
    multiple=True,
    type=NAMED_FOLDER,
    metavar="DIR",
    help="A folder to find the scenario's data files in, before the places that are known. The log "
    "knows each file's SHA-256.",
)
@click.option(
    "--out",
    type=NAMED_PATH,
    help="Keep the new run in this folder; it must not hold a run.  [default: nothing is kept]",
)
@allow_code_option
@json_option
def whatif(
    *,
    log: Path,
    sets: tuple[str, ...],
    data: tuple[Path, ...],
    out: Path | None,
    allow_code: bool,
    as_json: bool,
) -> int:
    """Run the scenario inside LOG again with one change, all other chance equal.

    LOG is a run's folder or its audit.jsonl. Prints the first event that differs, the chain of
    causes that leads to it, what differs in the end, and what it costs in basis points, by part.
    Exit code 1 says that nothing was changed and yet something differs.
    """
    for folder in data:
        there(folder, "--data")
    found = _run(log, sets, data, out, allow_code=allow_code, quiet=as_json)
    if as_json:
        from sim.cli.changes import document

        content = {"log": str(log), "folder": None if out is None else str(out), **document(found)}
        print_json(content)
    else:
        from sim.cli.changes import change_lines
        from sim.study.whatif import SIDES

        click.echo("\n".join(change_lines(found, SIDES, _none(sets))))
        if out is not None:
            tell(f"\nThe new run lies in {out}")
    for note in found.notes:
        say(f"sorsim: {note}")
    return ANSWER_IS_NO if found.differences and not sets else FINE


def _none(sets: tuple[str, ...]) -> str:
    if sets:
        return "0 differences: the change changed nothing that was recorded."
    return "0 differences: the run is the same again."


def _run(
    log: Path,
    sets: tuple[str, ...],
    data: tuple[Path, ...],
    out: Path | None,
    *,
    allow_code: bool,
    quiet: bool,
) -> "RunChange":
    from sim.cli.errors import classify
    from sim.cli.output import progress_bar
    from sim.manifest import (
        FolderError,
        command_line,
        discard_if_empty,
        given_run_folder,
        now,
        write_manifest,
    )
    from sim.study.rerun import load_again
    from sim.study.whatif import whatif_of

    again = load_again(log, sets, data=data, allow_code=allow_code)  # before there is a folder
    if out is not None:
        given_run_folder(out)
    started = now()
    try:
        with progress_bar("what if", quiet=quiet) as on_progress:
            found = whatif_of(again, out, on_progress, is_changed=bool(sets))
    except BaseException as error:
        if out is not None:
            discard_if_empty(out)
            if out.exists():
                code, _ = classify(error)
                with suppress(FolderError):  # on a full disk the first error tells more
                    write_manifest(out, started=started, exit_code=code, argv=command_line())
                say(f"sorsim: what was written of the new run lies in {out}")
        raise
    if out is not None:
        write_manifest(out, started=started, exit_code=FINE, argv=command_line())
    return found
