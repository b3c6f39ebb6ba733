"""``sorsim list``."""

from collections.abc import Callable, Iterable
from typing import Any, Final, get_args

import click

from sim.cli.options import CONTEXT, FINE, json_option

Entries = list[tuple[str, str]]
"""Names with one line about each."""


def _scenarios() -> Entries:
    from sim.scenario.shipped import shipped_folder, shipped_names

    entries = []
    for name in shipped_names():
        with (shipped_folder() / f"{name}.yaml").open(encoding="utf-8") as file:
            first = file.readline()
        # A shipped scenario opens with a comment that says its lesson.
        entries.append((name, first.lstrip("# ").strip() if first.startswith("#") else ""))
    return entries


def _venues() -> Entries:
    from venues.kinds import VENUE_KINDS

    return _configs(VENUE_KINDS, "kind")


def _strategies() -> Entries:
    from router.allocate import STRATEGIES

    return _configs(STRATEGIES, "kind")


def _latency() -> Entries:
    from sim.kernel.latency import LATENCY_MODELS

    return _configs(LATENCY_MODELS.values(), "model")


def _flows() -> Entries:
    from sim.flow import FLOWS

    return _configs(FLOWS, "kind")


def _formats() -> Entries:
    from sys import modules

    from sim.data import CONVERTERS, converter

    entries = []
    for name in CONVERTERS:
        doc = first_sentence(modules[converter(name).__module__])
        entries.append((name, doc.rpartition(f"Converter {name}: ")[2]))
    return entries


def _metrics() -> Entries:
    from sim.report.expect import METRICS

    return [(name, first_sentence(metric)) for name, metric in METRICS.items()]


KINDS: Final[dict[str, Callable[[], Entries]]] = {
    "scenarios": _scenarios,
    "venues": _venues,
    "strategies": _strategies,
    "latency": _latency,
    "flows": _flows,
    "formats": _formats,
    "metrics": _metrics,
}


@click.command(name="list", context_settings=CONTEXT)
@click.argument("kind", type=click.Choice(list(KINDS)))
@json_option
def list_kinds(*, kind: str, as_json: bool) -> int:
    """List what there is of one KIND, with a line about each.

    Scenarios run by their names; the others are names that a scenario file uses, formats those that
    `sorsim convert` reads, metrics those of `expect:`.
    """
    entries = KINDS[kind]()
    if as_json:
        import json

        rows = [{"name": name, "about": about} for name, about in entries]
        click.echo(json.dumps({kind: rows}, indent=2))
    else:
        formatter = click.HelpFormatter(max_width=100)
        formatter.write_dl(entries)
        click.echo(formatter.getvalue(), nl=False)
    return FINE


def first_sentence(thing: Any) -> str:
    """The first paragraph of a docstring up to its first full stop, as plain text."""
    paragraph = " ".join((thing.__doc__ or "").strip().split("\n\n")[0].split())
    sentence, stop, _ = paragraph.partition(". ")
    return (sentence + stop).strip().replace("``", "")


def _configs(kinds: Iterable[type[Any]], tag: str) -> Entries:
    """Name and first sentence of config models that say their name in the field ``tag``."""
    return [
        (name, first_sentence(kind))
        for kind in kinds
        for name in get_args(kind.model_fields[tag].annotation)
    ]
