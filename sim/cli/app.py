"""The command ``sorsim`` itself: its commands by name, and what becomes of their errors.

A command is imported when it is called; ``--help`` needs the table alone. That keeps it short: the
core packages take half a second to import.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from sim.cli import clashes
from sim.cli.echo import say
from sim.cli.options import CONTEXT, USER
from sim.kernel.interrupt import interrupted, stop_if_interrupted
from sim.protocol.version import __version__

COMMANDS: Final = {
    "run": ("sim.cli.run:run", "Run a scenario and show what came of it."),
    "validate": ("sim.cli.validate:validate", "Check scenario files; say every problem."),
    "liquidity": ("sim.cli.liquidity:liquidity", "Say what venues offer, before trading."),
    "verify": ("sim.cli.verify:verify", "Check that an audit log is whole and untouched."),
    "replay": ("sim.cli.replay:replay", "Rebuild the state of a run from its audit log."),
    "explain": ("sim.cli.explain:explain", "Tell one child order or decision in words."),
    "query": ("sim.cli.query:query", "Ask a run in SQL."),
    "report": ("sim.cli.report:report", "Say what a run's orders cost, and why."),
    "diff": ("sim.cli.diff:diff", "Say how two runs differ, and why."),
    "whatif": ("sim.cli.whatif:whatif", "Run a log again with one change; say what differs."),
    "compare": ("sim.cli.compare:compare", "Say how runs differ from the first, and in cost."),
    "sweep": ("sim.cli.sweep:sweep", "Run many points and seeds; say what differs."),
    "tune": ("sim.cli.tune:tune", "Find the parameters that cost least."),
    "torture": ("sim.cli.torture:torture", "Check every rule in random worlds under faults."),
    "list": ("sim.cli.listing:list_kinds", "List scenarios, venue kinds, strategies and more."),
    "schema": ("sim.cli.schema:schema", "Print the JSON Schema of the scenario file."),
    "inspect": ("sim.cli.inspect:inspect", "Say what is in market data files, and what is wrong."),
    "convert": ("sim.cli.convert:convert", "Turn market data of other formats into ours."),
    "calibrate": ("sim.cli.calibrate:calibrate", "Fit a flow to market data; say how well."),
    "generate": ("sim.cli.generate:generate", "Write a scenario's market as venue events."),
    "bench": ("sim.cli.bench:bench", "Measure speed, peers side by side."),
    "doctor": ("sim.cli.doctor:doctor", "Look whether machine and Python are fit."),
}
"""Command -> where its function lies, and its line in the help."""


class _Lazy(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), function)
        stop_if_interrupted()  # imports are what swallows an interrupt
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])


@click.group(
    cls=_Lazy,
    context_settings=CONTEXT,
    epilog="Exit codes: 0 fine; 1 ran, and the answer is no; 2 usage or file wrong; 3 a plug-in "
    "failed; 4 our fault; 130 interrupted.",
)
@click.version_option(__version__, message="sorsim %(version)s")
def sorsim() -> None:
    """Simulate trading venues and a smart order router, exactly repeatable.

    Try: sorsim run fragmented
    """


def run_command_line(args: Sequence[str] | None) -> int:
    """Run one command line; whatever happens, say it and return the exit code."""
    given = list(sys.argv[1:] if args is None else args)
    _open_closed_streams()
    try:
        _name_clashes(given)
        code = _invoke(given.copy())  # parsing consumes its list
        sys.stdout.flush()  # a full disk behind a redirection shows here, not after us
    except BrokenPipeError:
        # The reader left, as in `sorsim list venues | head -1`; no further word can reach it.
        _give_up_stdout()
        return 128 + 13  # what a shell reports for a program that SIGPIPE ended
    except (Exception, KeyboardInterrupt) as raised:
        error: BaseException = raised
        if interrupted() and isinstance(raised, Exception):
            error = KeyboardInterrupt()  # it struck in what made an error of its own of it
        words = clashes.environment_words(error)
        if words is not None:  # not through our modules: they may be what cannot be imported
            return _refuse(words, as_json="--json" in given)
        from sim.cli.errors import report

        if isinstance(error, OSError) and error.filename is None:
            _give_up_stdout()
        return report(error, as_json="--json" in given)
    return code


def _name_clashes(given: Sequence[str]) -> None:
    """Say what has the name of one of our packages.

    Raises:
        ClashError: If it stands in for ours; only the doctor goes on then.
    """
    if given[:1] == ["doctor"]:
        return
    clashes.refuse_stand_ins()
    with suppress(OSError):  # a current folder that is gone, or that we may not look into
        note = clashes.note(Path.cwd())
        if note is not None and "--quiet" not in given:
            say(f"sorsim: {note}")


def _refuse(words: str, *, as_json: bool) -> int:
    """Say that the environment is wrong, with nothing but what is loaded already."""
    say(f"sorsim: {words}")
    if as_json:
        import json

        error = {"kind": "environment", "message": words, "exit_code": USER}
        click.echo(json.dumps({"error": error}))
    return USER


def _open_closed_streams() -> None:
    """Python has None for a stream that was closed before it began (``>&-``): say it to nobody."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for as long as we live
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - for as long as we live


def _give_up_stdout() -> None:
    """Let what stdout still holds go nowhere: Python would try once more as it exits."""
    with suppress(OSError):  # tests stand in for it without a descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _invoke(args: list[str]) -> int:
    """Parse and run; what a command returns is its exit code."""
    try:
        with sorsim.make_context("sorsim", args) as ctx:
            code = sorsim.invoke(ctx)
    except click.exceptions.Exit as done:  # --help and --version end so
        return done.exit_code
    assert isinstance(code, int)
    return code
