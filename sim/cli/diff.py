"""``sorsim diff``."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sim.cli.echo import print_json, say
from sim.cli.options import ANSWER_IS_NO, CONTEXT, FINE, NAMED_PATH, json_option

if TYPE_CHECKING:
    from sim.study.diff import DiffResult, Divergence
    from sim.study.fields import FieldChange

SHOWN_MAX: Final = 30
"""Lines of one list; ``--json`` has them all."""


@click.command(context_settings=CONTEXT)
@click.argument("old", metavar="LOG", type=NAMED_PATH)
@click.argument("new", metavar="LOG", type=NAMED_PATH)
@json_option
def diff(*, old: Path, new: Path, as_json: bool) -> int:
    """Say how two runs differ, each LOG being a run's folder or its audit.jsonl.

    Which settings of the scenario differ, by the paths that --set takes; the first record that
    differs, in both versions; the chain of causes that leads to it; and what differs in the end.
    Exit code 0: the same bytes. 1: different. 2: a log cannot be used.
    """
    from sim.audit.read import log_file
    from sim.study.diff import diff as compare

    paths = log_file(old), log_file(new)
    result = compare(*paths)
    if as_json:
        import msgspec

        document = {
            "logs": [str(path) for path in paths],
            "equal": result.equal,
            **msgspec.to_builtins(result),
        }
        print_json(document)
    else:
        click.echo("\n".join(_lines(result)))
        for note in result.notes:
            say(f"sorsim: {note}")
    return FINE if result.equal else ANSWER_IS_NO


def _lines(result: "DiffResult") -> list[str]:
    if result.equal:
        return ["equal: the same bytes"]
    lines = ["Settings that differ", *listed(result.settings)]
    if result.verdict == "settings_only":
        return [*lines, "", "No record but the first differs: these settings changed nothing."]
    if result.verdict == "bytes_only":
        return [*lines, "", "The records are the same, the bytes are not.", *_TAMPERED]
    if result.first is not None:
        lines += ["", *divergence("First difference", result.first)]
    if result.result is not None:
        lines += ["", *divergence("First difference in a result", result.result)]
    lines += ["", "In the end", *listed(result.outcome)]
    if not result.settings:
        lines += ["", "The settings are the same, the records are not.", *_TAMPERED]
    return lines


_TAMPERED: Final = (
    "One of the logs was changed, or written by another version, on another platform or under",
    "--clock wall: sorsim verify tells a log that was changed, sorsim replay --check a run that",
    "does not come out again.",
)


def listed(found: "list[FieldChange]") -> list[str]:
    """Lines of a list of bounded length."""
    if not found:
        return ["  none"]
    more = len(found) - SHOWN_MAX
    rest = [f"  and {more} more, all in --json"] if more > 0 else []
    return [*(f"  {one}" for one in found[:SHOWN_MAX]), *rest]


def divergence(
    title: str, found: "Divergence", sides: tuple[str, str] = ("first log", "second log")
) -> list[str]:
    """Lines that tell one difference, with its causes; ``sides`` are what the logs are called."""
    lines = [f"{title}: {found.what}"]
    for which, line, said in (
        (sides[0], found.old_line, found.old),
        (sides[1], found.new_line, found.new),
    ):
        place = f"line {line}" if line is not None else "nowhere"
        lines.append(f"  {which:10}  {place:>9}  {said or 'has no such record'}")
    lines += [f"    {one}" for one in found.fields[:SHOWN_MAX]]
    lines.append("  because")
    lines += [f"    {'<- ' if n else ''}{step}" for n, step in enumerate(found.chain.steps)]
    return lines
