"""``sorsim run``."""

import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli.options import (
    CONTEXT,
    INTERRUPTED,
    NAMED_FOLDER,
    NAMED_PATH,
    allow_code_option,
    json_option,
    there,
)

if TYPE_CHECKING:
    from sim.cli.besides import Besides
    from sim.kernel.lag import LagReport
    from sim.scenario.load import LoadedScenario
    from sim.study.comparison import Comparison
    from sim.world import RunResult

STORY_RECORDS_MAX = 100_000
"""A longer log is not read again only to show its first decisions."""


@click.command(context_settings=CONTEXT)
@click.argument("scenario")
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="PATH=VALUE",
    help="Override a value of the scenario, as often as needed: "
    "'venues[NYSE].latency.order.delay=20ms'.",
)
@click.option("--seed", type=int, help="Replace the scenario's seed.")
@click.option(
    "--data",
    type=NAMED_FOLDER,
    metavar="DIR",
    help="Folder of the data files that the scenario names.  [default: the scenario's own]",
)
@click.option(
    "--out",
    type=NAMED_PATH,
    help="Folder for the run's files; it must not hold a run.  [default: a new one in logs/]",
)
@click.option(
    "--clock",
    type=click.Choice(["virtual", "wall"]),
    default="virtual",
    show_default=True,
    help="Virtual time is exactly repeatable and fast; wall time runs as the clock does.",
)
@click.option(
    "--speed",
    type=float,
    metavar="X",
    help="With --clock wall: simulated seconds per second of the wall.  [default: 1]",
)
@click.option(
    "--report", "with_report", is_flag=True, help="Write report.html into the run's folder, too."
)
@click.option(
    "--tables", "with_tables", is_flag=True, help="Write its tables as Parquet, too; see query."
)
@allow_code_option
@json_option
@click.option("--quiet", is_flag=True, help="No table and no progress; errors still show.")
def run(
    *,
    scenario: str,
    sets: tuple[str, ...],
    seed: int | None,
    data: Path | None,
    out: Path | None,
    clock: str,
    speed: float | None,
    with_report: bool,
    with_tables: bool,
    allow_code: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run SCENARIO, a file or the name of a shipped one, and show what came of it.

    Exit code 1 says that the run is incomplete or that an expectation was not met. A scenario with
    a `comparison` then compares its strategies on equal chance, on all cores.
    """
    from sim.cli.besides import Besides
    from sim.manifest import given_run_folder, new_run_folder
    from sim.scenario.load import load_scenario

    _check_speed(clock, speed)
    if data is not None:
        there(data, "--data")
    loaded = load_scenario(scenario, sets=sets, seed=seed, data=data, allow_code=allow_code)
    source = None
    if loaded.scenario.comparison is not None:
        from sim.study.comparison import check_comparison
        from sim.study.runs import Source

        source = Source(scenario, sets, data, allow_code)
        check_comparison(source)  # before there is a folder, or anything has run
    name = loaded.scenario.name
    besides = Besides(report=with_report, tables=with_tables)
    folder = new_run_folder(Path("logs"), name) if out is None else given_run_folder(out)
    besides.check(folder)
    result = _run(
        loaded, folder, clock, 1.0 if speed is None else speed, besides=besides, quiet=quiet
    )
    compared = None
    if source is not None and result.exit_code != INTERRUPTED:
        from sim.cli.comparing import run_comparison

        compared = run_comparison(source, loaded, folder, result.exit_code, quiet=quiet)
    if as_json:
        import msgspec

        document = {**result.summary, "folder": str(folder)}
        document |= besides.named()
        if compared is not None:
            document["comparison"] = msgspec.to_builtins(compared)
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    elif not quiet:
        _show(result.summary, folder, result.records, compared)
        for line in besides.lines():
            click.echo(line)
    for line in _reasons(result.summary, folder):
        click.echo(f"sorsim: {line}", err=True)
    if result.lag is not None and not quiet:
        click.echo(f"sorsim: {_lag_words(result.lag)}", err=True)
    return result.exit_code


def _run(
    loaded: "LoadedScenario",
    folder: Path,
    clock: str,
    speed: float,
    *,
    besides: "Besides",
    quiet: bool,
) -> "RunResult":
    """Run into a folder, with what is wanted besides, and write the manifest, also on failure."""
    from sim.cli.errors import classify, say
    from sim.cli.output import progress_bar
    from sim.manifest import (
        FolderError,
        clock_facts,
        command_line,
        discard_if_empty,
        now,
        write_manifest,
    )
    from sim.world import run_world

    started = now()
    try:
        with progress_bar(loaded.scenario.name, quiet=quiet) as on_progress:
            result = run_world(
                loaded,
                folder=folder,
                clock=clock,
                speed=speed,
                on_progress=on_progress,
                watch=besides.watch,
            )
        besides.write(result.summary["audit_head"])
    except BaseException as error:
        discard_if_empty(folder)
        if folder.exists():
            code, _ = classify(error)
            with suppress(FolderError):  # on a full disk the first error tells more
                write_manifest(
                    folder,
                    started=started,
                    exit_code=code,
                    argv=command_line(),
                    clock=clock_facts(clock),
                )
            say(f"sorsim: what was written of the run lies in {folder}")
        raise
    write_manifest(
        folder,
        started=started,
        exit_code=result.exit_code,
        argv=command_line(),
        clock=clock_facts(clock, result.lag),
    )
    return result


def _show(
    summary: dict[str, Any], folder: Path, records: int, compared: "Comparison | None"
) -> None:
    from sim.audit.read import read_records
    from sim.cli.output import console
    from sim.cli.tables import DECISIONS_MAX, decisions_table, instrument_units, summary_tables
    from sim.report.decisions import decision_rows

    out = console()
    out.print(summary_tables(summary, out.width))
    if records <= STORY_RECORDS_MAX:
        log = (record for _, record in read_records(folder / "audit.jsonl"))
        rows, count = decision_rows(log, DECISIONS_MAX)
        out.print()
        out.print(decisions_table(rows, count, instrument_units(summary), out.width))
    if compared is not None:
        from sim.cli.study_tables import comparison_tables

        out.print()
        out.print(comparison_tables(compared, out.width))
    # Not through rich: lines that are to be copied must not be broken.
    click.echo()
    click.echo(f"audit log  {folder / 'audit.jsonl'} ({records:,} records)")
    click.echo(f"verify it  {_command()} verify {folder} --expect-head {summary['audit_head']}")


def _check_speed(clock: str, speed: float | None) -> None:
    from sim.kernel.clock import check_speed

    if speed is None:
        return
    if clock != "wall":
        raise click.UsageError("--speed is for --clock wall: virtual time runs as fast as it can")
    try:
        check_speed(speed)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--speed") from error


def _lag_words(lag: "LagReport") -> str:
    from sim.cli.output import short_duration

    late = (
        f"{short_duration(lag.p50_ns)} at the median, {short_duration(lag.p99_ns)} at 99 %, "
        f"{short_duration(lag.max_ns)} at most"
    )
    left_out = f"; {lag.conflated:,} quotes conflated" if lag.conflated else ""
    return f"real time at speed {lag.speed:g}: {lag.events:,} events were late by {late}{left_out}"


def _command() -> str:
    """How the user can call us again: by name if it is on the path, else as it was called."""
    return "sorsim" if shutil.which("sorsim") else sys.argv[0]


def _reasons(summary: dict[str, Any], folder: Path) -> list[str]:
    """Why the exit code is not 0, one line each."""
    if summary["outcome"] == "aborted":
        return [f"interrupted; what was done until then lies in {folder}, marked aborted"]
    reasons = []
    if summary["outcome"] == "incomplete":
        open_parents = [
            parent["parent_id"]
            for parent in summary["parents"]
            if parent["end_reason"] in {None, "run_ended"}
        ]
        which = f": {', '.join(open_parents[:10])}" if open_parents else ""
        reasons.append(f"incomplete: the run's duration was over before every parent was{which}")
    reasons += [
        f"expectation not met: {row['metric']} {row['threshold']}, "
        f"was {'undefined' if row['value'] is None else row['value']}"
        for row in summary["expect"]
        if not row["met"]
    ]
    return reasons
