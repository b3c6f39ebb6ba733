"""``sorsim list``: what there is of one kind, said by its docstring, and where it comes from.

The first sentence of a docstring is the line about a thing, its paragraph ``Source:`` names the
paper, the rule or our own convention that it follows. A scenario says both in the comment on top.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Final, NamedTuple, get_args

import click

from sim.cli.options import CONTEXT, FINE, json_option

_MARK: Final = "Source:"
_WIDTH: Final = 100


class Entry(NamedTuple):
    """One thing: a line about it, and where it comes from."""

    name: str
    about: str
    source: str


def _scenarios() -> Iterator[Entry]:
    from sim.scenario.shipped import shipped_folder, shipped_names

    for name in shipped_names():
        with (shipped_folder() / f"{name}.yaml").open(encoding="utf-8") as file:
            comment = inspect.cleandoc("".join(line.removeprefix("#") for line in _on_top(file)))
        yield Entry(name, comment.split("\n")[0].strip(), source_of(comment))


def _on_top(file: Iterable[str]) -> Iterator[str]:
    """The comment that a shipped scenario opens with."""
    for line in file:
        if not line.startswith("#"):
            return
        yield line


def _venues() -> Iterator[Entry]:
    from venues.kinds import VENUE_KINDS

    return _configs(VENUE_KINDS, "kind")


def _strategies() -> Iterator[Entry]:
    from router.allocate import STRATEGIES
    from router.settings.own import OWN

    return _configs((*STRATEGIES, *OWN), "kind")


def _schedules() -> Iterator[Entry]:
    from router.schedule import SCHEDULES

    return _configs(SCHEDULES, "kind")


def _latency() -> Iterator[Entry]:
    from sim.kernel.latency import LATENCY_MODELS

    return _configs(LATENCY_MODELS.values(), "model")


def _faults() -> Iterator[Entry]:
    from sim.faults import FAULTS

    return _configs(FAULTS, "kind")


def _fill_models() -> Iterator[Entry]:
    from venues.kinds.dark import DarkVenue

    return _configs(get_args(DarkVenue.model_fields["fill"].annotation), "model")


def _flows() -> Iterator[Entry]:
    from sim.flow import FLOWS

    return _configs(FLOWS, "kind")


def _participants() -> Iterator[Entry]:
    from sim.flow.participants import PARTICIPANTS

    return _configs(PARTICIPANTS, "kind")


def _formats() -> Iterator[Entry]:
    from sys import modules

    from sim.data import CONVERTERS, converter

    for name in CONVERTERS:
        doc = inspect.getdoc(modules[converter(name).__module__]) or ""
        about = first_sentence(doc).rpartition(f"Converter {name}: ")[2]
        yield Entry(name, about, source_of(doc))


def _baselines() -> Iterator[Entry]:
    from sim.study.baselines import BASELINES

    return (Entry(name, one.about, one.source) for name, one in BASELINES.items())


def _metrics() -> Iterator[Entry]:
    from sim.report.expect import METRICS

    return (_entry(name, metric) for name, metric in METRICS.items())


def _rejects() -> Iterator[Entry]:
    from sim.protocol.enums import FIX_ORD_REJ_REASON, RejectReason

    return _vocabulary(RejectReason, FIX_ORD_REJ_REASON, "FIX OrdRejReason (103)")


def _cancel_rejects() -> Iterator[Entry]:
    from sim.protocol.enums import FIX_CXL_REJ_REASON, CxlRejReason

    return _vocabulary(CxlRejReason, FIX_CXL_REJ_REASON, "FIX CxlRejReason (102)")


def _controls() -> Iterator[Entry]:
    from sim.protocol.enums import FIX_CONTROL_REJ_REASON, Control

    return _vocabulary(Control, FIX_CONTROL_REJ_REASON, "FIX OrdRejReason (103)")


KINDS: Final[dict[str, Callable[[], Iterator[Entry]]]] = {
    "scenarios": _scenarios,
    "venues": _venues,
    "strategies": _strategies,
    "schedules": _schedules,
    "latency": _latency,
    "flows": _flows,
    "participants": _participants,
    "faults": _faults,
    "fill_models": _fill_models,
    "formats": _formats,
    "baselines": _baselines,
    "metrics": _metrics,
    "rejects": _rejects,
    "cancel_rejects": _cancel_rejects,
    "controls": _controls,
}


@click.command(name="list", context_settings=CONTEXT)
@click.argument("kind", type=click.Choice(list(KINDS)))
@json_option
def list_kinds(*, kind: str, as_json: bool) -> int:
    """List what there is of one KIND: a line about each, and where it comes from.

    Scenarios run by their names; the others are names that a scenario file uses, formats those that
    `sorsim convert` reads, baselines those of `sorsim tune`, metrics those of `expect:`, rejects
    and controls what the audit log gives as reason.
    """
    entries = list(KINDS[kind]())
    if as_json:
        import json

        click.echo(json.dumps({kind: [entry._asdict() for entry in entries]}, indent=2))
    else:
        column = max(len(entry.name) for entry in entries) + 2
        for entry in entries:
            click.echo(_lines(entry, column))
    return FINE


def first_sentence(doc: str) -> str:
    """The first paragraph of a docstring up to its first full stop, as plain text."""
    paragraph = " ".join(doc.strip().split("\n\n")[0].split())
    sentence, stop, _ = paragraph.partition(". ")
    return (sentence + stop).strip().replace("``", "")


def source(thing: Any) -> str:
    """What the docstring of a class or function names as its source, else its module's."""
    own = source_of(inspect.getdoc(thing) or "")
    return own or source_of(inspect.getdoc(inspect.getmodule(thing)) or "")


def source_of(doc: str) -> str:
    """The paragraph ``Source:`` of a docstring, as plain text; empty without one."""
    for paragraph in doc.split("\n\n"):
        if paragraph.startswith(_MARK):
            text = " ".join(paragraph.removeprefix(_MARK).split()).replace("``", "")
            return text[:1].upper() + text[1:]
    return ""


def _lines(entry: Entry, column: int) -> str:
    """The name, and beside it what there is to say."""
    blank = " " * column
    about = textwrap.fill(
        entry.about, _WIDTH, initial_indent=entry.name.ljust(column), subsequent_indent=blank
    )
    source = textwrap.fill(
        f"{_MARK} {entry.source}", _WIDTH, initial_indent=blank, subsequent_indent=blank
    )
    return f"{about}\n{source}"


def _configs(kinds: Iterable[type[Any]], tag: str) -> Iterator[Entry]:
    """Config models that say their name in the field ``tag``."""
    for kind in kinds:
        for name in get_args(kind.model_fields[tag].annotation):
            yield _entry(name, kind)


def _vocabulary(kind: type[Enum], numbers: Mapping[Any, int], field: str) -> Iterator[Entry]:
    """Values of an enum with FIX's number for each."""
    from sim.protocol.field_docs import field_docs

    docs = field_docs(kind)
    for one in kind:
        about = " ".join(docs.get(one.name, "").split()).replace("``", "")
        yield Entry(one.value, about, f"{field} {numbers[one]}.")


def _entry(name: str, thing: Any) -> Entry:
    return Entry(name, first_sentence(inspect.getdoc(thing) or ""), source(thing))
