"""``sorsim bench``."""

from pathlib import Path
from typing import Any

import click

from sim.cli.options import ANSWER_IS_NO, CONTEXT, FINE, json_option


@click.command(context_settings=CONTEXT)
@click.option("--quick", is_flag=True, help="Fewer repeats: for a look, not for a claim.")
@json_option
def bench(*, quick: bool, as_json: bool) -> int:
    """Measure speed in CPU time, with packages that do the same work side by side.

    Exit code 1 says that a target was missed.
    """
    import json
    import sys

    root = Path(__file__).resolve().parents[2]
    if not (root / "benchmarks" / "run.py").is_file():
        raise click.UsageError(
            "The benchmarks are not part of the installed package; run `make bench` in a checkout."
        )
    if str(root) not in sys.path:
        sys.path.append(str(root))
    try:
        from benchmarks.run import collect

        result = collect(quick)
    except ModuleNotFoundError as error:
        raise click.UsageError(
            f"The package {error.name} is missing: `pip install -e '.[bench]'` brings all peers."
        ) from error
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        _show(result["bench"])
    return FINE if all(row["met"] for row in result["bench"]) else ANSWER_IS_NO


def _show(rows: list[dict[str, Any]]) -> None:
    from sim.cli.output import console
    from sim.cli.tables import bench_table

    out = console()
    out.print(bench_table(rows, out.width))
