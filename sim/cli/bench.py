"""``sorsim bench``."""

from pathlib import Path
from typing import Any

import click

from sim.cli.options import ANSWER_IS_NO, CONTEXT, FINE, json_option


@click.command(context_settings=CONTEXT)
@click.option("--quick", is_flag=True, help="Fewer repeats: for a look, not for a claim.")
@click.option("--write", is_flag=True, help="Make these the figures to compare later runs with.")
@json_option
def bench(*, quick: bool, write: bool, as_json: bool) -> int:
    """Measure speed in CPU time, with packages that do the same work side by side.

    A full run is compared with the last committed figures. Exit code 1 says that a target was
    missed, or that a ratio to a peer has fallen by more than 15 %.
    """
    import json
    import sys

    if quick and write:
        raise click.UsageError("--quick measures too little to be written with --write.")
    root = Path(__file__).resolve().parents[2]
    if not (root / "benchmarks" / "run.py").is_file():
        raise click.UsageError(
            "The benchmarks are not part of the installed package; run `make bench` in a checkout."
        )
    if str(root) not in sys.path:
        sys.path.append(str(root))
    try:
        from benchmarks.gate import losses, read_figures, write_figures
        from benchmarks.run import collect

        result = collect(quick)
    except ModuleNotFoundError as error:
        raise click.UsageError(
            f"The package {error.name} is missing: `pip install -e '.[bench]'` brings all peers."
        ) from error
    rows = result["bench"]
    if write:
        write_figures(rows)
    # A quick run has other counts, and its ratios are others too.
    committed = [] if quick else read_figures()
    if not committed:
        click.echo("Compared with nothing: no committed figures of such a run.", err=True)
    lost = losses(rows, committed)
    if as_json:
        click.echo(json.dumps({**result, "losses": lost}, indent=2))
    else:
        _show(rows, lost)
    return FINE if all(row["met"] for row in rows) and not lost else ANSWER_IS_NO


def _show(rows: list[dict[str, Any]], lost: list[dict[str, Any]]) -> None:
    from sim.cli.output import console
    from sim.cli.tables import bench_table

    out = console()
    out.print(bench_table(rows, out.width))
    for loss in lost:
        now = "is not measured any more" if loss["now"] is None else f"is now {loss['now']:g}"
        out.print(
            f"{loss['name']}: the ratio to {loss['peer']} was {loss['was']:g} and {now}",
            markup=False,
        )
