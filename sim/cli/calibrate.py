"""``sorsim calibrate``."""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import click

from sim.cli.echo import print_json, say
from sim.cli.options import CONTEXT, FINE, NAMED_PATH, json_option

if TYPE_CHECKING:
    from sim.study.calibration import Calibration

KINDS: Final = ("cont_stoikov_talreja", "zero_intelligence", "hawkes", "poisson")
SCALE: Final = 10**9


@click.command(context_settings=CONTEXT)
@click.argument("paths", metavar="DATA...", nargs=-1, required=True, type=NAMED_PATH)
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default=KINDS[0],
    show_default=True,
    help="The flow whose parameters are fitted.",
)
@click.option("--venue", metavar="NAME", help="Whose events, if DATA holds several venues.")
@click.option(
    "--tick",
    metavar="STEP",
    help="Price step.  [default: the largest that all prices are multiples of]",
)
@click.option(
    "--lot",
    metavar="STEP",
    help="Quantity step.  [default: the largest that all quantities are multiples of]",
)
@click.option(
    "--levels",
    type=click.IntRange(1, 1000),
    default=30,
    show_default=True,
    help="Distances from the opposite best price that are told apart.",
)
@click.option("--length", metavar="T", help="Only so much of DATA from its begin, such as 60min.")
@click.option("--simulate", metavar="T", help="Length of the simulation.  [default: as DATA]")
@click.option("--seed", type=int, default=1, show_default=True, help="Chance of the simulation.")
@click.option(
    "--figure",
    type=NAMED_PATH,
    metavar="FILE",
    help="Write a figure (PNG) that must not be there yet; needs the extra 'report'.",
)
@click.option(
    "-o",
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of the conversion, where DATA is not of our own format.",
)
@json_option
def calibrate(
    *,
    paths: tuple[Path, ...],
    kind: str,
    venue: str | None,
    tick: str | None,
    lot: str | None,
    levels: int,
    length: str | None,
    simulate: str | None,
    seed: int,
    figure: Path | None,
    options: tuple[str, ...],
    as_json: bool,
) -> int:
    """Fit a flow to DATA, say how well, and print the part of a scenario.

    DATA is a file of neutral events, or the inputs of a conversion to them (`sorsim convert`): the
    format is told by the content of the first file, and rows that cannot be read are left out. The
    fitted flow is simulated and compared with DATA in spread, depth, trade size, cancellation and
    inter-arrival times.
    """
    from sim.data.neutral import is_events_name
    from sim.study.calibrate import CalibrationError
    from sim.study.calibration import calibrate as run

    if figure is not None and os.path.lexists(figure):
        raise click.BadParameter(f"{figure} is there already: name another.", param_hint="--figure")
    with TemporaryDirectory(prefix="sorsim-") as folder:
        if len(paths) == 1 and is_events_name(paths[0]):
            if options:
                raise click.UsageError("-o is for DATA that has to be converted first.")
            events = paths[0]
        else:
            events = _converted(paths, options, Path(folder))
        try:
            result, real, simulated = run(
                events,
                kind,
                venue=venue,
                tick=_step(tick, "--tick"),
                lot=_step(lot, "--lot"),
                levels=levels,
                length_ns=_time(length, "--length"),
                simulate_ns=_time(simulate, "--simulate"),
                seed=seed,
            )
        except CalibrationError as error:
            raise click.UsageError(f"{paths[0]}: {error}") from error
    if figure is not None:
        from sim.study.calibration_figure import draw

        draw(result, real, simulated, int(_nano(result.lot_size)), figure)
    _show(result, paths, as_json=as_json)
    return FINE


def _converted(paths: Sequence[Path], options: Sequence[str], folder: Path) -> Path:
    """The events of data in another format."""
    from sim.data import CONVERTERS, converter, converter_options, detect_format

    name = detect_format(paths[0])
    if name not in CONVERTERS:
        raise click.UsageError(f"{paths[0]} is of the format {name}, which has no events.")
    texts = dict(one.partition("=")[::2] for one in options)
    if any("=" not in one for one in options) or len(texts) < len(options):
        raise click.BadParameter("each must be NAME=VALUE, each name once.", param_hint="--option")
    if "skip_bad" in {option.name for option in converter_options(name)}:
        texts.setdefault("skip_bad", "yes")
    out = folder / "data.events.csv"
    converter(name)(paths, out, texts)
    return out


def _show(result: "Calibration", paths: Sequence[Path], *, as_json: bool) -> None:
    if as_json:
        import msgspec

        named = msgspec.structs.replace(result, data=str(paths[0]))
        print_json(named)
        return
    click.echo(result.scenario_text, nl=False)
    say(f"\n{'parameter':<24}{'value':>14}{'std. error':>14}  unit")
    for one in result.fit.parameters:
        error = "" if one.se is None else f"{one.se:.4g}"
        say(f"{one.name:<24}{one.value:>14.6g}{error:>14}  {one.unit}")
    say(f"\n{'figure':<26}{'data':>14}{'simulation':>14}{'ratio':>9}")
    for row in result.comparison:
        ratio = f"{row.simulated / row.real:.2f}" if row.real else ""
        say(f"{row.name:<26}{row.real:>14.6g}{row.simulated:>14.6g}{ratio:>9}")
    for note in result.fit.notes:
        say(f"sorsim: note: {note}")
    if result.unknown_orders:
        say(f"sorsim: note: {result.unknown_orders} events of unknown orders were not counted")


def _step(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    value = _nano(text)
    if value <= 0 or value != int(value):
        raise click.BadParameter(f"{text} must be > 0, with at most 9 decimals.", param_hint=name)
    return int(value)


def _nano(text: str) -> float | int:
    from sim.protocol.units import UnitError, parse_decimal

    try:
        scaled = parse_decimal(text) * SCALE
    except UnitError as error:
        raise click.BadParameter(f"{error}.") from error
    return int(scaled) if scaled == int(scaled) else float(scaled)


def _time(text: str | None, name: str) -> int | None:
    from sim.protocol.units import UnitError, parse_duration

    if text is None:
        return None
    try:
        found = int(parse_duration(text))
    except UnitError as error:
        raise click.BadParameter(f"{error}.", param_hint=name) from error
    if found == 0:
        raise click.BadParameter("must be > 0.", param_hint=name)
    return found
