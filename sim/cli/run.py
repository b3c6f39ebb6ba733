"""``sorsim run``."""

import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from sim.cli.echo import escaped, print_json, say, tell
from sim.cli.options import (
    ANSWER_IS_NO,
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
    from sim.report.trouble import Trouble
    from sim.scenario.load import LoadedScenario
    from sim.study.comparison import Comparison
    from sim.study.resume import Cut, Resumed
    from sim.study.runs import Source
    from sim.world import RunResult

STORY_RECORDS_MAX = 100_000
"""A longer log is not read again only to show its first decisions."""


@click.command(context_settings=CONTEXT)
@click.argument("scenario", required=False)
@click.option(
    "--resume-from",
    type=NAMED_PATH,
    metavar="LOG",
    help="In place of SCENARIO: run the one inside this log again, which was cut short (kill -9, "
    "power cut, full disk), and complete it into a new log. What is left of it must be the new "
    "one's beginning, byte for byte.",
)
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
    help="Folder of the data files that the scenario names.  [default: the scenario's own; with "
    "--resume-from also the log's, and those that the run's command line named]",
)
@click.option(
    "--out",
    type=NAMED_PATH,
    help="Folder for the run's files; it must not hold a run.  [default: a new one in logs/]",
)
@click.option(
    "--clock",
    type=click.Choice(["virtual", "wall"]),
    help="Virtual time is exactly repeatable and fast; wall time runs as the clock does.  "
    "[default: virtual]",
)
@click.option(
    "--speed",
    type=float,
    metavar="X",
    help="With --clock wall: simulated seconds per second of the wall.  [default: 1]",
)
@click.option(
    "--max-lag",
    metavar="T",
    help="With --clock wall: how late an event may be, of the wall, such as 200ms. If one is "
    "later, the run stops in good order, marked aborted, exit code 1; `none` allows any lag.  "
    "[default: 5s]",
)
@click.option(
    "--check-every",
    type=click.IntRange(min=1),
    metavar="N",
    help="Walk over all books after every N records and at the end, to find a fault of sorsim's "
    "own; what is written is the same.  [default: no walks]",
)
@click.option(
    "--ties",
    type=click.IntRange(min=0),
    metavar="SEED",
    help="Put what falls on one instant into another order, where nothing says which is first.",
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
    scenario: str | None,
    resume_from: Path | None,
    sets: tuple[str, ...],
    seed: int | None,
    data: Path | None,
    out: Path | None,
    clock: str | None,
    speed: float | None,
    max_lag: str | None,
    check_every: int | None,
    ties: int | None,
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
    from sim.manifest import given_run_folder

    pace = _pace(clock, speed, max_lag)._replace(check_every=check_every, ties=ties)
    if data is not None:
        there(data, "--data")
    if resume_from is None:
        plan = _of_scenario(scenario, sets, seed, data, allow_code=allow_code)
    else:
        given: dict[str, Any] = {"SCENARIO": scenario, "--set": sets, "--seed": seed}
        given |= {"--clock": clock, "--speed": speed, "--max-lag": max_lag}
        plan = _of_log(resume_from, given, data, allow_code=allow_code)
    has_faults = bool(plan.loaded.scenario.faults)
    besides = Besides(report=with_report, tables=with_tables, faults=has_faults)
    folder = _new_folder(plan) if out is None else given_run_folder(out)
    besides.check(folder)
    done = _run(plan, folder, pace, besides=besides, quiet=quiet)
    source, compared = plan.source(folder), None
    if source is not None and done.is_to_be_compared:
        from sim.cli.comparing import run_comparison

        compared = run_comparison(
            source, plan.loaded, folder, done.exit_code, done.facts, quiet=quiet
        )
    if as_json:
        print_json(_document(done, folder, compared, besides))
    elif not quiet:
        _show(done.result.summary, folder, done.result.records, compared, besides.trouble())
        for line in [*besides.lines(), *_resumed_lines(done.resumed)]:
            click.echo(line)
    for line in _reasons(done, folder, quiet=quiet):
        say(f"sorsim: {line}")
    return done.exit_code


def _document(
    done: "_Done", folder: Path, compared: "Comparison | None", besides: "Besides"
) -> dict[str, Any]:
    """What ``--json`` prints."""
    import msgspec

    document = {**done.result.summary, "folder": str(folder)} | besides.named()
    if done.resumed is not None:
        document["resumed_from"] = done.resumed.facts()
    if compared is not None:
        document["comparison"] = msgspec.to_builtins(compared)
    trouble = besides.trouble()
    if trouble is not None:
        document["trouble"] = trouble.document()
    return document


class _Pace(NamedTuple):
    """How time goes: ``virtual`` or ``wall``, at which speed, and how late it may be.

    ``check_every`` is how many records lie between two full walks, ``ties`` the seed of another
    order of what falls together.
    """

    clock: str
    speed: float
    lag_ns_max: int | None
    check_every: int | None = None
    ties: int | None = None


class _Plan(NamedTuple):
    """What shall run.

    Attributes:
        loaded: The scenario.
        cut: The log that it completes, if it does.
        named: The scenario as the command line named it, None for one out of a log.
    """

    loaded: "LoadedScenario"
    cut: "Cut | None" = None
    named: "Source | None" = None

    def source(self, folder: Path) -> "Source | None":
        """What a comparison runs, if the scenario has one, once its own run lies in ``folder``."""
        if self.loaded.scenario.comparison is None or self.named is not None:
            return self.named
        from sim.study.runs import Source

        return Source(str(folder / "resolved.yaml"), (), self.loaded.folder, self.loaded.allow_code)


class _Done(NamedTuple):
    """A run, and what its manifest says of it besides the exit code."""

    result: "RunResult"
    resumed: "Resumed | None"
    exit_code: int
    facts: dict[str, Any]

    @property
    def is_to_be_compared(self) -> bool:
        """Whether it came to its end, and is the run that was asked for."""
        is_it = self.resumed is None or self.resumed.verdict == "completed"
        return is_it and self.result.summary["outcome"] != "aborted"


def _of_scenario(
    scenario: str | None,
    sets: tuple[str, ...],
    seed: int | None,
    data: Path | None,
    *,
    allow_code: bool,
) -> _Plan:
    from sim.scenario.load import load_scenario

    if scenario is None:
        raise click.UsageError("Missing argument 'SCENARIO'.")
    loaded = load_scenario(scenario, sets=sets, seed=seed, data=data, allow_code=allow_code)
    if loaded.scenario.comparison is None:
        return _Plan(loaded)
    from sim.study.comparison import check_comparison
    from sim.study.runs import Source

    source = Source(scenario, sets, data, allow_code)
    check_comparison(source)  # before there is a folder, or anything has run
    return _Plan(loaded, named=source)


def _of_log(log: Path, given: dict[str, Any], data: Path | None, *, allow_code: bool) -> _Plan:
    from sim.study.resume import load_cut

    wrong = [option for option, value in given.items() if value not in {None, ()}]
    if wrong:
        raise click.UsageError(
            f"{', '.join(wrong)}: not with --resume-from, which completes the run of its log as it "
            "was; `sorsim whatif` runs a log with changes"
        )
    cut, loaded = load_cut(log, [] if data is None else [data], allow_code=allow_code)
    return _Plan(loaded, cut)


def _new_folder(plan: _Plan) -> Path:
    from sim.manifest import new_run_folder

    return new_run_folder(Path("logs"), plan.loaded.scenario.name)


def _run(plan: _Plan, folder: Path, pace: _Pace, *, besides: "Besides", quiet: bool) -> _Done:
    """Run into a folder, with what is wanted besides, and write the manifest, also on failure."""
    from sim.cli.errors import classify
    from sim.cli.output import progress_bar
    from sim.manifest import (
        FolderError,
        begin_manifest,
        clock_facts,
        command_line,
        discard_unbegun,
        now,
        write_manifest,
    )
    from sim.world import run_world

    loaded, started, argv = plan.loaded, now(), command_line()
    resumed = None
    try:
        begin_manifest(folder, started=started, argv=argv, clock=clock_facts(pace.clock))
        with progress_bar(loaded.scenario.name, quiet=quiet) as on_progress:
            result = run_world(
                loaded,
                folder=folder,
                clock=pace.clock,
                speed=pace.speed,
                lag_ns_max=pace.lag_ns_max,
                on_progress=on_progress,
                watch=besides.watch,
                check_every=pace.check_every,
                ties=pace.ties,
            )
        besides.write(result.summary["audit_head"])
        resumed = _compared(plan.cut, folder, interrupted=result.exit_code == INTERRUPTED)
    except BaseException as error:
        discard_unbegun(folder)
        if folder.exists():
            code, _ = classify(error)
            facts: dict[str, Any] = {"clock": clock_facts(pace.clock)}
            with suppress(FolderError):  # on a full disk the first error tells more
                facts |= _failed_facts(plan.cut, folder, error)
                write_manifest(folder, started=started, exit_code=code, argv=argv, **facts)
            say(f"sorsim: what was written of the run lies in {folder}")
        raise
    code = ANSWER_IS_NO if resumed and resumed.verdict == "differs" else result.exit_code
    facts = {"clock": clock_facts(pace.clock, result.lag)}
    if resumed is not None:
        facts["resumed_from"] = resumed.facts()
    write_manifest(folder, started=started, exit_code=code, argv=argv, **facts)
    return _Done(result, resumed, code, facts)


def _compared(cut: "Cut | None", folder: Path, *, interrupted: bool) -> "Resumed | None":
    """Whether the run in a folder completes the log that it was to complete."""
    if cut is None:
        return None
    from sim.study.resume import compare_cut

    return compare_cut(cut, folder / "audit.jsonl", interrupted=interrupted)


def _failed_facts(cut: "Cut | None", folder: Path, error: BaseException) -> dict[str, Any]:
    """What the manifest says of a run that failed as the first one would have: it has an end, too.

    Where the log could not be written there is nothing to compare.
    """
    from sim.protocol.errors import AuditFormatError, AuditWriteError

    if not isinstance(error, Exception) or isinstance(error, AuditWriteError):
        return {}
    try:
        resumed = _compared(cut, folder, interrupted=False)
    except AuditFormatError:
        return {}  # it had no log yet
    if resumed is None:
        return {}
    say(f"sorsim: {resumed.cut.log}: {resumed.message}")
    return {"resumed_from": resumed.facts()}


def _show(
    summary: dict[str, Any],
    folder: Path,
    records: int,
    compared: "Comparison | None",
    trouble: "Trouble | None",
) -> None:
    from sim.audit.read import read_records
    from sim.cli.output import console
    from sim.cli.tables import DECISIONS_MAX, decisions_table, instrument_units, summary_tables
    from sim.report.decisions import decision_rows

    out = console()
    out.print(summary_tables(summary, out.width))
    if trouble is not None:
        from sim.cli.trouble_tables import trouble_tables

        out.print()
        out.print(trouble_tables(trouble, instrument_units(summary), out.width))
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
    tell(f"audit log  {folder / 'audit.jsonl'} ({records:,} records)")
    tell(f"verify it  {_command()} verify {folder} --expect-head {summary['audit_head']}")


def _pace(clock: str | None, speed: float | None, max_lag: str | None) -> _Pace:
    from sim.kernel.clock import LAG_NS_MAX, check_speed

    if clock != "wall":
        if speed is not None:
            raise click.UsageError(
                "--speed is for --clock wall: virtual time runs as fast as it can"
            )
        if max_lag is not None:
            raise click.UsageError("--max-lag is for --clock wall: virtual time is never late")
    if speed is not None:
        try:
            check_speed(speed)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--speed") from error
    lag_ns_max = LAG_NS_MAX if max_lag is None else _lag(max_lag)
    return _Pace(clock or "virtual", 1.0 if speed is None else speed, lag_ns_max)


def _lag(text: str) -> int | None:
    from sim.kernel.clock import check_lag
    from sim.protocol.units import UnitError, parse_duration

    if text == "none":
        return None
    try:
        lag_ns = parse_duration(text)
        check_lag(lag_ns)
    except (UnitError, ValueError) as error:
        raise click.BadParameter(f"{error}; or none", param_hint="--max-lag") from error
    return lag_ns


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


def _reasons(done: _Done, folder: Path, *, quiet: bool) -> list[str]:
    """Why the exit code is not 0, and what else is to be said, one line each."""
    from sim.cli.output import short_duration

    summary, lag, reasons = done.result.summary, done.result.lag, []
    if done.resumed is not None and done.resumed.verdict == "differs":
        log = done.resumed.cut.log
        reasons.append(
            f"{log} DIFFERS at record {done.resumed.equal}; {folder} holds the run again in whole: "
            f"a run of its own, which completes nothing. `sorsim diff {log} {folder}` says more"
        )
    if done.result.exit_code == INTERRUPTED:
        reasons.append(f"interrupted; what was done until then lies in {folder}, marked aborted")
    elif lag is not None and lag.exceeded:
        reasons.append(
            f"stopped, since an event was late by {short_duration(lag.max_ns)}, more than "
            f"{short_duration(lag.limit_ns)} (--max-lag): the machine does not keep up, so a lower "
            f"--speed may help; what was done until then lies in {folder}, marked aborted"
        )
    elif summary["outcome"] == "incomplete":
        open_parents = [
            parent["parent_id"]
            for parent in summary["parents"]
            if parent["end_reason"] in {None, "run_ended"}
        ]
        which = f": {', '.join(open_parents[:10])}" if open_parents else ""
        reasons.append(f"incomplete: the run's duration was over before every parent was{which}")
    if summary["outcome"] != "aborted":
        reasons += [
            f"expectation not met: {row['metric']} {row['threshold']}, "
            f"was {'undefined' if row['value'] is None else row['value']}"
            for row in summary["expect"]
            if not row["met"]
        ]
    if lag is not None and not quiet:
        reasons.append(_lag_words(lag))
    return reasons


def _resumed_lines(resumed: "Resumed | None") -> list[str]:
    """What came of completing a log, for people."""
    from sim.cli.replay import difference_lines

    if resumed is None:
        return []
    lines = [f"resumed    {escaped(resumed.cut.log)}: {resumed.message}"]
    return lines if resumed.first is None else lines + difference_lines(resumed.first)
