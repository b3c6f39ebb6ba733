"""The report as Markdown."""

import re
from typing import Any

import pytest

from sim.report.document.build import report_document
from sim.report.document.markdown import ROWS_MAX, escaped, markdown
from sim.report.trail.build import TrailBuilder
from sim.scenario.load import load_scenario
from sim.world import run_world


def document_of(name: str, *sets: str) -> dict[str, Any]:
    builder = TrailBuilder()
    summary = run_world(load_scenario(name, sets=sets), watch=[builder]).summary
    return report_document(builder.trail(summary["audit_head"]))


@pytest.mark.parametrize("name", ["fragmented", "two_parents", "rejects_and_timeouts", "controls"])
def test_tables_are_whole(name: str) -> None:
    text = markdown(document_of(name))
    lines = text.splitlines()
    assert lines[0] == f"# {name}: report of a run"
    columns = 0
    for line in lines:
        if not line.startswith("|"):
            columns = 0
            continue
        count = len(re.findall(r"(?<!\\)\|", line))
        assert columns in {0, count}
        columns = count
    assert "None" not in text
    assert "\n\n\n" not in text


def test_what_is_not_nought_never_reads_as_nought() -> None:
    document = document_of("two_parents")
    document["parents"][0]["benchmarks"][0] |= {"cost": "-0.0043", "cost_bps": "0.000031"}
    document["parents"][0]["arrival_mid"] = "61765.985"
    text = markdown(document)
    assert "| -0.004 | 0.00003 |" in text
    assert "| 61,765.985 |" in text


def test_what_matters_stands_there() -> None:
    text = markdown(document_of("two_parents"))
    assert "| FIRST | 0.00 | 200.00 | 300.00 | 0.00 | 0.00 | 0.00 | 500.00 | 1.25 |" in text
    assert "## Assumptions" in text
    assert "| LIT | lit |" in text or "lit |" in text


def test_names_cannot_make_markup_or_obey_a_terminal() -> None:
    document = document_of("fragmented")
    evil = "x|y<script>\x1b[31m\n# z`*"
    document["scenario"] = document["venues"][0]["venue_id"] = evil
    document["headline"] = [evil]
    text = markdown(document)
    assert "\x1b" not in text
    assert "<script>" not in text
    assert "\n# z" not in text
    assert escaped(evil) in text


def test_long_tables_say_of_how_much_they_are() -> None:
    document = document_of("fragmented")
    document["children"] = document["children"] * 30
    document["latencies"] = document["latencies"] * 20
    text = markdown(document)
    assert "80 more rows are in the JSON form." in text
    assert f"{len(document['latencies']) - ROWS_MAX} more rows are in the JSON form." in text


def test_sections_of_analyses_are_shown_as_they_are() -> None:
    document = document_of("fragmented")
    table = {
        "title": "By venue",
        "columns": [["venue_id", "venue"], ["age_ns", "age"], ["ok", "kept"], ["px", "price"]],
        "rows": [{"venue_id": "A|B", "age_ns": 5_000_000, "ok": True, "px": None}],
    }
    section = {
        "title": "Routing",
        "text": ["Said."],
        "approximate": ["By hand."],
        "tables": [table],
    }
    document["evidence"] = {"rule_606": section}
    document["study"] = [{"title": "Place", "text": ["Better than 80 %."], "tables": []}]
    text = markdown(document)
    assert "## Routing\n\n- Said.\n- Approximate: By hand.\n\n**By venue**\n" in text
    assert "| A\\|B | 5 ms | yes | n/a |" in text
    assert "## Place\n\n- Better than 80 %." in text


def test_what_filled_worse_than_shown_has_a_table_with_its_causes() -> None:
    text = markdown(document_of("slow_venue"))
    section = text.split("## Filled worse than the quote acted upon")[1].split("##")[0]
    assert "| order | taken by others | in all | cost |" in section
    assert "| P1 | 100 | 100 | 2 |" in section
    assert "## Filled worse" not in markdown(document_of("fragmented")), "nothing did"
