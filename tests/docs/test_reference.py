"""The tables of the docs name what the code has: keys, metrics, records, states."""

import re
from typing import Any

import pytest

from router.core.states import TRANSITIONS
from sim.audit.records import RECORD_TYPES
from sim.protocol.units import format_duration
from sim.report.expect import METRICS
from sim.scenario.model import Scenario
from venues.kinds import VENUE_KINDS

MARKED = re.compile(r"((?:<!-- keys: [^\n]+ -->\n)+)((?:\|[^\n]*\n)+)")
MARK = re.compile(r"<!-- keys: (.+) -->")
NAME = re.compile(r"`([A-Za-z0-9_]+)`")
KINDS = [kind.__name__ for kind in VENUE_KINDS]


def rows(table: str) -> list[list[str]]:
    """Cells of each row below the header of a Markdown table."""
    lines = [line.removeprefix("|").removesuffix("|") for line in table.splitlines()]
    return [[cell.strip() for cell in line.split("|")] for line in lines[2:]]


def section(text: str, heading: str) -> str:
    """The text between a heading and the next one."""
    return re.split(r"^#+ ", text.split(f"# {heading}\n")[1], flags=re.MULTILINE)[0]


def table_of(text: str) -> list[list[str]]:
    """Rows of the first table in a text."""
    found = re.search(r"(?:^\|[^\n]*\n)+", text, re.MULTILINE)
    assert found is not None
    return rows(found[0])


@pytest.fixture(scope="module")
def models() -> dict[str, dict[str, Any]]:
    """Keys of every model of the scenario file, by its name; common keys of venues apart."""
    schema = Scenario.model_json_schema()
    found = {"Scenario": schema, **schema["$defs"]}
    keys = {name: dict(model["properties"]) for name, model in found.items()}
    for name, model in found.items():
        for key in model.get("required", []):
            keys[name][key] = {"required": True}
    common = set.intersection(*(set(keys[kind]) for kind in KINDS))
    for kind in KINDS:
        own = {key: value for key, value in keys[kind].items() if key not in common}
        keys[f"{kind} only"] = own
    keys[" & ".join(sorted(KINDS))] = {key: keys[KINDS[0]][key] for key in common}
    for kind in KINDS:
        del keys[kind]
    return keys


def default_text(key: dict[str, Any]) -> str:
    """How a default is written in the tables."""
    if "required" in key:
        return "required"
    value = key.get("default", {})
    if isinstance(value, int) and "(ns|us|ms|s|min)" in key.get("pattern", ""):
        value = format_duration(value)
    return flow(value)


def flow(value: Any) -> str:
    """A value in YAML's flow form."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case list():
            return f"[{', '.join(map(flow, value))}]"
        case dict():
            return f"{{{', '.join(f'{name}: {flow(one)}' for name, one in value.items())}}}"
    return str(value)


def test_scenario_page_has_every_key_with_its_default(
    pages: Any, models: dict[str, dict[str, Any]]
) -> None:
    described: set[str] = set()
    for marks, table in MARKED.findall(pages["docs/scenario.md"].text):
        for name in MARK.findall(marks):
            described.add(name)
            shown = {NAME.findall(row[0])[0]: row[2].strip("`") for row in rows(table)}
            keys = models[name]
            assert list(shown) == list(keys) or set(shown) == set(keys), name
            for key, text in shown.items():
                assert text in {default_text(keys[key]), "see below"}, f"{name}.{key}"
    assert described == set(models)


def test_scenario_page_has_every_metric(pages: Any) -> None:
    table = table_of(section(pages["docs/scenario.md"].text, "Expectations"))
    assert {name for row in table for name in NAME.findall(row[0])} == set(METRICS)


def test_audit_page_has_every_record_with_its_fields_in_order(pages: Any) -> None:
    table = table_of(section(pages["docs/audit_log.md"].text, "Records"))
    shown = {NAME.findall(row[0])[0]: NAME.findall(row[1]) for row in table}
    expected = {
        str(kind.__struct_config__.tag): [name for name in kind.__struct_fields__ if name != "t_ns"]
        for kind in RECORD_TYPES
    }
    assert shown == expected


def test_table_of_order_states_is_that_of_the_router(pages: Any) -> None:
    text = pages["docs/how_it_works.md"].text
    table = rows(text[text.index("| state |") :].split("\n\n")[0])
    assert table == [
        [
            f"`{state.value}`",
            ", ".join(f"{event.value} → `{after.value}`" for event, after in events.items()),
        ]
        for state, events in TRANSITIONS.items()
    ]
