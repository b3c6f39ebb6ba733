"""``sorsim generate``."""

from pathlib import Path

import click

from sim.cli.echo import print_json, say, tell
from sim.cli.options import CONTEXT, FINE, NAMED_FOLDER, NAMED_PATH, json_option, there


@click.command(context_settings=CONTEXT)
@click.argument("scenario")
@click.argument("out", metavar="OUT", type=NAMED_PATH)
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="PATH=VALUE",
    help="Override a value of the scenario, as often as needed: duration=390min.",
)
@click.option("--seed", type=int, help="Replace the scenario's seed.")
@click.option(
    "--data",
    type=NAMED_FOLDER,
    metavar="DIR",
    help="Folder of the data files that the scenario names.  [default: the scenario's own]",
)
@json_option
def generate(
    *,
    scenario: str,
    out: Path,
    sets: tuple[str, ...],
    seed: int | None,
    data: Path | None,
    as_json: bool,
) -> int:
    """Run the market of SCENARIO without its router and write what happened to OUT.

    OUT is a file of neutral venue events: *.events.csv, also .gz or .zst, or *.events.parquet. It
    must not be there yet. Lit venues are told order by order, so that a replay rebuilds their
    books; other venues by their levels and prints.
    """
    from sim.data.neutral import CSV_ENDINGS, PARQUET_ENDING, is_events_name
    from sim.scenario.load import load_scenario
    from sim.study.generate import TooFineError, generate_market

    if not is_events_name(out):
        endings = ", ".join((*CSV_ENDINGS, PARQUET_ENDING))
        raise click.BadParameter(f"{out.name!r} must end in one of {endings}.", param_hint="OUT")
    if out.exists():
        raise click.BadParameter(f"'{out}' is there already.", param_hint="OUT")
    if data is not None:
        there(data, "--data")
    # No code of the scenario's runs: its router is left out.
    loaded = load_scenario(scenario, sets=sets, seed=seed, data=data, allow_code=True)
    try:
        made = generate_market(loaded, out)
    except TooFineError as error:
        raise click.UsageError(f"{scenario}: {error}.") from error
    if as_json:
        print_json(made)
        return FINE
    for name, rows in made.venues.items():
        tell(f"{name}: {rows:,} events")
    say(f"sorsim: {made.rows:,} events in {out}")
    return FINE
