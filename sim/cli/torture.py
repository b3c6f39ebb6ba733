"""``sorsim torture``."""

from typing import Any

import click

from sim.cli.echo import print_json, tell
from sim.cli.options import ANSWER_IS_NO, CONTEXT, FINE, json_option


@click.command(context_settings=CONTEXT)
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO...")
@click.option(
    "--seeds",
    type=click.IntRange(1, 10_000_000),
    required=True,
    metavar="N",
    help="How many cases to try.",
)
@click.option(
    "--seed",
    "base",
    type=click.IntRange(0, 2**62),
    default=0,
    show_default=True,
    metavar="BASE",
    help="The seed of the first; the others follow it.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 1_000),
    metavar="N",
    help="Processes at work; the result is the same with any number.  [default: all cores]",
)
@json_option
@click.option("--quiet", is_flag=True, help="No progress; what was found still shows.")
def torture(
    *,
    scenarios: tuple[str, ...],
    seeds: int,
    base: int,
    jobs: int | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Draw random worlds and random faults, and check every rule in each of them.

    Each seed starts from one of the SCENARIOs, changes strategy, times, delays and sides, and adds
    faults of some kinds. What fails is made as small as it will go, and shown with the command that
    runs it. Exit code 1 says that something failed.
    """
    from sim.cli.output import count_bar
    from sim.study.pool import cores
    from sim.study.torture.run import torture as run

    with count_bar("torture", quiet=quiet) as on_done:
        found = run(scenarios, seeds=seeds, base=base, jobs_n=jobs or cores(), on_done=on_done)
    if as_json:
        print_json(found.document())
    else:
        _show(found.document())
    return ANSWER_IS_NO if found.failures else FINE


def _show(found: dict[str, Any]) -> None:
    from rich.table import Column, Table

    from sim.cli.output import console

    table = Table("fault", Column("struck", justify="right"), box=None, pad_edge=False)
    for kind, count in found["faults"].items():
        table.add_row(kind, f"{count:,}")
    screen = console()
    if found["faults"]:
        screen.print(table)
    failures = found["failures"]
    seeds, events = found["seeds"], found["events"]
    many = "seed" if seeds == 1 else "seeds"
    verdict = f"{len(failures):,} failed" if failures else "none failed"
    tell(f"{seeds:,} {many}, {events:,} events: {verdict}")
    for failed in failures:
        tell(f"\nseed {failed['seed']}: {failed['rule']}: {failed['message']}")
        tell(f"  {failed['command']}")
        tell(f"  {failed['again']}")
