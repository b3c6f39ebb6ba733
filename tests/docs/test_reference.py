"""The tables of the docs name what the code has: keys, metrics, records, states."""

import re
from pathlib import Path
from typing import Any

import pytest

from docs.generate.blocks import PAGES, DocsError, render, stale_pages
from docs.generate.records import field_rows
from router.core.states import TRANSITIONS
from sim.audit.records import RECORD_TYPES, Record
from sim.report.expect import METRICS
from sim.scenario.model import Scenario

NAME = re.compile(r"`([A-Za-z0-9_]+)`")


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


def test_generated_references_say_what_the_code_says(project_root: Path) -> None:
    stale = stale_pages(project_root)
    assert stale == [], "run `python -m docs.generate` (or `make docs`) and commit what it wrote"


def test_a_changed_block_is_stale_and_written_back(pages: Any) -> None:
    """A row that somebody lost, or wrote by hand, does not survive."""
    for name in PAGES:
        text = pages[name].text
        broken = re.sub(r"^\| `venue_id`.*\n|^\| `ack_timeout`.*\n", "", text, flags=re.MULTILINE)
        assert broken != text
        assert render(broken, name) == text


def test_every_key_of_the_scenario_file_is_on_its_page(pages: Any) -> None:
    """Counted apart from the generator, over the JSON Schema that users get."""
    schema = Scenario.model_json_schema()
    text = pages["docs/scenario.md"].text
    for model in (schema, *schema["$defs"].values()):
        for key, facts in model.get("properties", {}).items():
            assert f"| `{key}` |" in text or "const" in facts, f"{model['title']}.{key}"


def test_every_record_and_field_is_on_the_audit_page(pages: Any) -> None:
    text = pages["docs/audit_log.md"].text
    for kind in RECORD_TYPES:
        part = section(text, f"`{kind.__struct_config__.tag}`")
        fields = [name for name in kind.__struct_fields__ if name != "t_ns"]
        shown = [NAME.findall(row[0])[0] for row in table_of(part)]
        assert shown == fields


def test_a_field_without_words_is_an_error_that_names_it() -> None:
    class Mute(Record, frozen=True, kw_only=True, tag="mute"):
        """Says nothing of its field."""

        strikes: int

    with pytest.raises(DocsError, match=r"Mute\.strikes has no docstring"):
        list(field_rows(Mute))


def test_scenario_page_has_every_metric(pages: Any) -> None:
    table = table_of(section(pages["docs/scenario.md"].text, "Expectations"))
    assert {name for row in table for name in NAME.findall(row[0])} == set(METRICS)


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
