"""``sorsim tune``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    from sim.scenario.load import LoadedScenario
    from sim.study.grid import Axis
    from sim.study.tune import Curve, Tuning

DOCUMENT = "tune.json"
FIGURE = "results.png"
NO_BASELINE = "none"


@click.command(context_settings=CONTEXT)
@click.argument("scenario")
@click.option(
    "--grid",
    "grid",
    multiple=True,
    metavar="PATH=a,b,...",
    help="A parameter and its values, as often as there are parameters; all combinations are run. "
    " [default: study.tune.grid of the scenario]",
)
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    metavar="NAME",
    help="What the best point is compared with, as often as needed; 'none' for nothing.  "
    "[default: study.tune.baselines of the scenario]",
)
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="PATH=VALUE",
    help="Override a value of the scenario for all runs, as often as needed.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 10_000),
    metavar="N",
    default=1,
    show_default=True,
    help="Run each point with N seeds, from the scenario's own on.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 1_000),
    metavar="N",
    help="Processes at work; the result is the same with any number.  [default: all cores]",
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
    help="Folder for tune.json and results.png.  [default: a new one in logs/]",
)
@allow_code_option
@json_option
@click.option("--quiet", is_flag=True, help="No table and no progress; errors still show.")
def tune(
    *,
    scenario: str,
    grid: tuple[str, ...],
    baselines: tuple[str, ...],
    sets: tuple[str, ...],
    seeds: int,
    jobs: int | None,
    data: Path | None,
    out: Path | None,
    allow_code: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Find the parameters that work SCENARIO's orders at the least cost.

    Every combination of the grid's values and every baseline runs on the same market with the same
    chance. Only runs that filled all orders are compared; ties, parameters that change nothing, and
    what is within noise are named. Exit code 1 says that no combination filled all orders.
    """
    from sim.cli.output import count_bar
    from sim.manifest import now
    from sim.study.pool import cores
    from sim.study.runs import Source
    from sim.study.tune import tune as run

    if data is not None:
        there(data, "--data")
    source = Source(scenario, sets, data, allow_code)
    loaded = source.load()
    axes = _axes(grid, loaded)
    names = _baselines(baselines, loaded)
    folder = _folder(out, loaded.scenario.name)
    started = now()
    try:
        with count_bar("tune", quiet=quiet) as on_done:
            result, curves = run(
                source, axes, names, seeds_n=seeds, jobs_n=jobs or cores(), on_done=on_done
            )
    except BaseException:
        _discard(folder)
        raise
    _write(folder, result)
    code = FINE if result.best is not None else ANSWER_IS_NO
    drawn = _draw(folder, result, curves)
    _manifest(folder, started, code)
    _show(result, folder, as_json=as_json, quiet=quiet)
    if not quiet and drawn is not None:
        say(f"sorsim: note: no figure: {drawn}")
    return code


def _axes(texts: tuple[str, ...], loaded: "LoadedScenario") -> "tuple[Axis, ...]":
    """The grid of the command line; without one the scenario's own."""
    from sim.study.grid import GridError, axis_of, grid_of, parse_axis

    own = loaded.scenario.study.tune
    if not texts and own is None:
        raise click.UsageError(
            "Missing option '--grid': the scenario has no study.tune.grid of its own."
        )
    try:
        if texts:
            return grid_of([parse_axis(text) for text in texts])
        assert own is not None  # refused above
        return grid_of([axis_of(path, values) for path, values in own.grid.items()])
    except GridError as error:
        raise click.BadParameter(f"{error}.", param_hint="--grid") from error


def _baselines(names: tuple[str, ...], loaded: "LoadedScenario") -> list[str]:
    """The baselines of the command line; without any the scenario's own, else the usual ones."""
    from sim.study.baselines import BaselineError, baseline_sets, usual

    if names == (NO_BASELINE,):
        return []
    own = loaded.scenario.study.tune
    if names:
        wanted = list(dict.fromkeys(names))
    else:
        wanted = usual(loaded.scenario) if own is None else list(own.baselines)
    for name in wanted:
        try:
            baseline_sets(name, loaded.scenario)
        except BaselineError as error:
            raise click.BadParameter(f"{error}.", param_hint="--baseline") from error
    return wanted


def _folder(out: Path | None, name: str) -> Path:
    import os

    from sim.manifest import FolderError, given_run_folder, new_run_folder

    if out is None:
        return new_run_folder(Path("logs"), f"tune-{name}")
    folder = given_run_folder(out)
    held = [one for one in (DOCUMENT, FIGURE) if os.path.lexists(folder / one)]
    if held:
        raise FolderError(f"{folder}: holds a tuning already ({', '.join(held)}): name another")
    return folder


def _discard(folder: Path) -> None:
    from sim.manifest import discard_if_empty

    discard_if_empty(folder)


def _write(folder: Path, result: "Tuning") -> None:
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"
    (folder / DOCUMENT).write_bytes(text)


def _draw(folder: Path, result: "Tuning", curves: "list[Curve]") -> str | None:
    """Draw the figure; why there is none, if there is none."""
    from sim.protocol.errors import MissingExtraError
    from sim.study.tune_figure import draw

    try:
        draw(result, curves, folder / FIGURE)
    except MissingExtraError as error:
        return str(error)
    return None


def _manifest(folder: Path, started: Any, code: int) -> None:
    from sim.manifest import command_line, write_manifest

    write_manifest(folder, started=started, exit_code=code, argv=command_line())


def _show(result: "Tuning", folder: Path, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        import msgspec

        document = {**msgspec.to_builtins(result), "folder": str(folder)}
        print_json(document)
    elif not quiet:
        from sim.cli.output import console
        from sim.cli.study_tables import tune_tables

        out = console()
        out.print(tune_tables(result, out.width))
        click.echo()
        for note in result.notes:
            tell(f"Note: {note}")
        tell(f"tuning  {folder / DOCUMENT}")
        if (folder / FIGURE).exists():
            tell(f"figure  {folder / FIGURE}")
