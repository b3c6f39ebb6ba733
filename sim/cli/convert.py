"""``sorsim convert``."""

import os
from pathlib import Path
from typing import Final

import click

from sim.cli.echo import print_json, say, tell
from sim.cli.options import CONTEXT, FINE, NAMED_PATH, json_option

_SHOWN_PROBLEMS: Final = 50


class _Convert(click.Command):
    """Its help tells the options of every format, which the formats themselves know."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from sim.data import CONVERTERS, converter_options

        for name in CONVERTERS:
            rows = [
                (
                    option.name,
                    f"{option.about}  "
                    + ("[required]" if option.default is None else f"[default: {option.default}]"),
                )
                for option in converter_options(name)
            ]
            with formatter.section(f"-o of {name}"):
                formatter.write_dl(rows)


@click.command(cls=_Convert, context_settings=CONTEXT)
@click.argument("format_name", metavar="FORMAT")
@click.argument("paths", metavar="IN... OUT", nargs=-1, type=NAMED_PATH)
@click.option(
    "-o",
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of the format, as often as needed: -o start=60s -o length=2min.",
)
@click.option(
    "--skip-bad",
    is_flag=True,
    help="Leave bad rows out, count and list them; the same as -o skip_bad=yes.",
)
@json_option
def convert(
    *,
    format_name: str,
    paths: tuple[Path, ...],
    options: tuple[str, ...],
    skip_bad: bool,
    as_json: bool,
) -> int:
    """Convert the files IN from FORMAT into our own format, at OUT.

    OUT must not be there yet. `sorsim list formats` says more about the formats.
    """
    from sim.data import CONVERTERS, converter, converter_options

    if format_name not in CONVERTERS:
        raise click.BadParameter(
            f"{format_name!r} is none of {', '.join(CONVERTERS)}.", param_hint="FORMAT"
        )
    if len(paths) < 2:
        raise click.UsageError("Name at least one input file, and the output last.")
    known = [option.name for option in converter_options(format_name)]
    if skip_bad and "skip_bad" not in known:
        raise click.UsageError(f"{format_name} never leaves rows out: --skip-bad has no use.")
    texts: dict[str, str] = {}
    for option in (*options, *(["skip_bad=yes"] if skip_bad else [])):
        name, equals, value = option.partition("=")
        if not equals or not name or name in texts:
            raise click.BadParameter(
                f"{option!r} must be NAME=VALUE, each name once.", param_hint="--option"
            )
        texts[name] = value
    *inputs, out = paths
    # Whatever it is: a pipe or a device would be replaced by the file, a link be followed.
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise click.BadParameter(f"{out} is there already: name another.", param_hint="OUT")
    report = converter(format_name)(inputs, out, texts)
    if as_json:
        print_json(report)
        return FINE
    tell(f"{report.rows:,} rows to {out}")
    for file in report.files:
        tell(f"  {file}")
    for problem in report.problems[:_SHOWN_PROBLEMS]:
        say(f"sorsim: {problem}")
    if len(report.problems) > _SHOWN_PROBLEMS:
        say(f"sorsim: {len(report.problems) - _SHOWN_PROBLEMS} more lines (--json has them all)")
    return FINE
