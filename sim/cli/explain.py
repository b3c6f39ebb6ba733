"""``sorsim explain``."""

import textwrap
from pathlib import Path
from typing import Any, Final

import click

from sim.cli.echo import print_json, say
from sim.cli.options import CONTEXT, FINE, NAMED_PATH, json_option

WIDTH_MAX: Final = 96
"""Longer lines of prose are hard to read."""


@click.command(context_settings=CONTEXT)
@click.argument("log", type=NAMED_PATH)
@click.argument("name", metavar="CHILD|DECISION")
@json_option
def explain(*, log: Path, name: str, as_json: bool) -> int:
    """Tell one child order's life, or one decision, in words.

    LOG is a run's folder or its audit.jsonl. CHILD is the id of a child order, such as P1.NYSE.1;
    DECISION a number, such as D3 or 3. `sorsim replay` lists both.
    """
    from sim.audit.read import log_file
    from sim.report.explain import explain as tell

    told = tell(log_file(log), name)
    if as_json:
        print_json(told)
    else:
        click.echo("\n".join(_lines(told)))
    if told["fault"]:
        say(f"sorsim: {told['fault']}")
    return FINE


def _lines(told: dict[str, Any]) -> list[str]:
    from sim.cli.output import console

    width = min(WIDTH_MAX, console().width)
    lines = [told["title"]]
    for section in told["sections"]:
        lines += ["", section["heading"]]
        prose: list[str] = []
        for sentence in [*section["says"], "  "]:
            if not sentence.startswith("  "):
                prose.append(sentence)
                continue
            if prose:
                lines.append(textwrap.fill(" ".join(prose), width, break_on_hyphens=False))
                prose = []
            if sentence.strip():
                lines.append(
                    textwrap.fill(
                        sentence.strip(),
                        width,
                        initial_indent="  ",
                        subsequent_indent="      ",
                        break_on_hyphens=False,
                    )
                )
    return lines
