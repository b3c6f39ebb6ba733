"""``sorsim sweep``."""

import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

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
    from collections.abc import Callable

    from sim.study.grid import Axis
    from sim.study.spread import Where
    from sim.study.sweep.plan import Plan
    from sim.study.sweep.run import Swept

DOCUMENT: Final = "sweep.json"
TABLE: Final = "runs.parquet"
FIGURE: Final = "sweep.png"


@click.command(context_settings=CONTEXT)
@click.argument("scenario")
@click.option(
    "--grid",
    "grid",
    multiple=True,
    metavar="PATH=a,b,...",
    help="A parameter and its values, as often as there are parameters; all combinations are run, "
    "in place of what study.sweep of the scenario varies.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Run each point with N seeds, from the scenario's own on.  "
    "[default: study.sweep.seeds of the scenario, else 20]",
)
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="PATH=VALUE",
    help="Override a value of the scenario for all runs, as often as needed.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 1_000),
    metavar="N",
    help="Processes at work; the result is the same with any number.  [default: all cores]",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Run on the workers of a Dask scheduler, such as tcp://host:8786, and not here.",
)
@click.option(
    "--data",
    type=NAMED_FOLDER,
    metavar="DIR",
    help="Folder of the data files that the scenario names.  [default: the scenario's own]",
)
@click.option(
    "--out",
    type=NAMED_PATH,
    metavar="DIR",
    help="Folder for sweep.json, runs.parquet and sweep.png.  [default: a new one in logs/]",
)
@click.option("--resume", is_flag=True, help="Go on with the unfinished sweep in --out.")
@allow_code_option
@json_option
@click.option("--quiet", is_flag=True, help="No table and no progress; errors still show.")
def sweep(
    *,
    scenario: str,
    grid: tuple[str, ...],
    seeds: int | None,
    sets: tuple[str, ...],
    jobs: int | None,
    cluster: str | None,
    data: Path | None,
    out: Path | None,
    resume: bool,
    allow_code: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run SCENARIO at many points, each with the same seeds, and say what differs.

    What is varied stands under study.sweep of the scenario, or in --grid. Points are compared seed
    by seed on equal chance, costs only where both filled all orders; a difference that chance may
    have made is called "within the noise". Exit code 1 says that no run filled all orders.
    """
    from sim.study.pool import warm_up

    if jobs != 1 and cluster is None:
        warm_up("sim.study.sweep.figures")  # while we load what we need ourselves
    from sim.cli.output import count_bar
    from sim.manifest import now
    from sim.protocol.errors import JournalError
    from sim.study.runs import Source
    from sim.study.sweep.plan import plan_of
    from sim.study.sweep.run import JOURNAL, run_plan

    if data is not None:
        there(data, "--data")
    where = _where(jobs, cluster)
    plan = plan_of(Source(scenario, sets, data, allow_code), _axes(grid), seeds)
    folder = _resumed(out) if resume else _folder(out, plan.loaded.scenario.name)
    started = now()
    try:
        with count_bar("sweep", quiet=quiet) as on_done:
            swept = run_plan(plan, where=where, on_done=on_done, journal=folder / JOURNAL)
        missing = _write(folder, plan, swept)
    except BaseException as error:
        if resume and isinstance(error, JournalError):
            raise  # it is of other code, was changed, or is another process's: not for us to touch
        if _kept(folder):
            _tell_how_to_resume(error, click.get_current_context(), folder)
        raise
    code = FINE if any(row.filled_all for row in swept.result.points) else ANSWER_IS_NO
    _manifest(folder, started, code)
    _show(swept, folder, as_json=as_json, quiet=quiet)
    if not quiet:
        for words in missing:
            say(f"sorsim: note: {words}")
    return code


def _axes(texts: tuple[str, ...]) -> "tuple[Axis, ...]":
    from sim.study.grid import GridError, grid_of, parse_axis

    try:
        return grid_of([parse_axis(text) for text in texts])
    except GridError as error:
        raise click.BadParameter(f"{error}.", param_hint="--grid") from error


def _where(jobs: int | None, cluster: str | None) -> "Where":
    from sim.study.pool import cores
    from sim.study.spread import Cluster, Pool

    if cluster is None:
        return Pool(jobs or cores())
    if jobs is not None:
        raise click.UsageError("--jobs and --cluster are two places to run: name one of them.")
    return Cluster(cluster)


# The folder, before and after


def _folder(out: Path | None, name: str) -> Path:
    from sim.manifest import FolderError, given_run_folder, new_run_folder
    from sim.study.sweep.run import JOURNAL

    if out is None:
        return new_run_folder(Path("logs"), f"sweep-{name}")
    folder = given_run_folder(out)
    held = [one for one in (DOCUMENT, TABLE, FIGURE) if os.path.lexists(folder / one)]
    if held:
        raise FolderError(f"{folder}: holds a sweep already ({', '.join(held)}): name another")
    if os.path.lexists(folder / JOURNAL):
        raise FolderError(
            f"{folder}: holds an unfinished sweep ({JOURNAL}): go on with it (--resume), or name "
            "another"
        )
    return folder


def _resumed(out: Path | None) -> Path:
    """The folder of a sweep that was interrupted."""
    from sim.manifest import FolderError
    from sim.study.sweep.run import JOURNAL

    if out is None:
        raise click.UsageError("--resume needs --out: the folder of the sweep to go on with.")
    if os.path.lexists(out / DOCUMENT):
        raise FolderError(f"{out}: holds a finished sweep ({DOCUMENT}): there is nothing to resume")
    if not (out / JOURNAL).is_file():
        raise FolderError(f"{out}: holds no unfinished sweep (no {JOURNAL}): nothing to resume")
    return out


def _kept(folder: Path) -> bool:
    """Whether anything of a sweep that did not end is kept; a journal of nothing is removed."""
    from sim.manifest import discard_if_empty
    from sim.study.sweep.run import JOURNAL

    journal = folder / JOURNAL
    try:
        with journal.open("rb") as file:
            lines = sum(1 for _, _ in zip(range(2), file, strict=False))
    except OSError:
        lines = 0
    if lines > 1:
        return True
    journal.unlink(missing_ok=True)
    discard_if_empty(folder)
    return False


def _tell_how_to_resume(error: BaseException, context: click.Context, folder: Path) -> None:
    """Add the command line that goes on, as words of the error or on stderr."""
    given = context.params
    args = ["sorsim", "sweep", given["scenario"]]
    for option, name in (("--grid", "grid"), ("--set", "sets")):
        args += [part for text in given[name] for part in (option, text)]
    for option in ("seeds", "jobs", "cluster", "data"):
        if given[option] is not None:
            args += [f"--{option}", str(given[option])]
    args += ["--allow-code"] if given["allow_code"] else []
    words = f"go on with: {shlex.join([*args, '--out', str(folder), '--resume'])}"
    if isinstance(error, KeyboardInterrupt) and hasattr(error, "says"):
        error.says = f"{error.says}; {words}"
    else:
        say(f"sorsim: what is done is kept; {words}")


def _write(folder: Path, plan: "Plan", swept: "Swept") -> list[str]:
    """Write what was found; what could not be written for want of an extra."""
    import msgspec

    from sim.protocol.errors import MissingExtraError
    from sim.study.sweep.draw import draw
    from sim.study.sweep.table import write_table

    missing = []
    try:
        _whole(folder / TABLE, lambda part: write_table(part, plan, swept.runs))
    except MissingExtraError as error:
        missing.append(f"no table: {error}")
    try:
        _whole(folder / FIGURE, lambda part: draw(swept.result, part))
    except MissingExtraError as error:
        missing.append(f"no figure: {error}")
    text = msgspec.json.format(msgspec.json.encode(swept.result), indent=2) + b"\n"
    _whole(folder / DOCUMENT, lambda part: part.write_bytes(text))  # last: now it is finished
    return missing


def _whole(path: Path, write: "Callable[[Path], object]") -> None:
    """Write a file that is whole or not there: else half of one might say that all is finished."""
    from sim.manifest import FolderError

    part = path.with_name(f"{path.name}.part")
    try:
        write(part)
        part.replace(path)
    except OSError as error:
        raise FolderError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _manifest(folder: Path, started: Any, code: int) -> None:
    from sim.manifest import command_line, write_manifest

    write_manifest(folder, started=started, exit_code=code, argv=command_line())


def _show(swept: "Swept", folder: Path, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        import msgspec

        document = {**msgspec.to_builtins(swept.result), "folder": str(folder)}
        print_json(document)
    elif not quiet:
        from sim.cli.output import console
        from sim.cli.sweep_tables import sweep_tables

        out = console()
        out.print(sweep_tables(swept.result, out.width))
        click.echo()
        for note in swept.result.notes:
            tell(f"Note: {note}")
        for label, name in (("sweep", DOCUMENT), ("runs", TABLE), ("figure", FIGURE)):
            if (folder / name).exists():
                tell(f"{label:<7} {folder / name}")
