"""The report's section of what went wrong, in the document and in its forms."""

import json
from dataclasses import replace

import pytest

from sim.report.document.build import page_document, report_document
from sim.report.document.markdown import markdown
from sim.report.document.wrong import TITLE
from sim.report.page.render import render
from sim.report.trail.build import Trail, TrailBuilder
from sim.report.trouble import trouble
from sim.scenario.load import load_scenario
from sim.world import run_world


def trail_of(*sets: str) -> Trail:
    built = TrailBuilder()
    run_world(load_scenario("faulty_day", sets=sets), watch=[built])
    return built.trail()


@pytest.fixture(scope="module")
def bad() -> Trail:
    return trail_of()


def test_it_has_every_figure_of_the_account(bad: Trail) -> None:
    section, account = report_document(bad)["wrong"], trouble(bad).document()
    faults, venues = (table["rows"] for table in section["tables"])
    for shown, rows in ((faults, account["faults"]), (venues, account["venues"])):
        assert [{k: v for k, v in one.items() if k != "followed"} for one in shown] == rows
        assert all(one["followed"] for one in shown)
    for table in section["tables"]:
        assert all(key in row for key, _ in table["columns"] for row in table["rows"])
    json.dumps(section, allow_nan=False)


def test_markdown_has_a_row_for_each_fault(bad: Trail) -> None:
    text = markdown(report_document(bad))
    section = text.partition(f"## {TITLE}\n")[2].partition("\n## ")[0]
    assert "58 messages were struck" in section
    cells = ("outage", "disconnect", "BATS", "n/a", "800 ms", "860 ms", "2", "1", "asked about 1")
    assert f"| {' | '.join(cells)} order;" in section
    assert "| doubled | message duplication | BATS | report |" in section
    assert section.count("\n| ") == 2 + 9 + 3  # two heads, the faults, the venues


def test_the_page_has_the_section_and_its_place_in_the_list(bad: Trail) -> None:
    page = render(page_document(bad))
    assert '<a href="#wrong">Faults</a>' in page
    assert f"<h2>{TITLE}</h2>" in page
    assert "<td>lost_order</td>" in page  # an id as the scenario has it
    assert "<td>message loss</td>" in page


@pytest.mark.slow
def test_without_faults_no_form_says_a_word_of_them() -> None:
    calm = trail_of("faults=[]")
    document = report_document(calm)
    assert "wrong" not in document
    assert "went wrong" not in markdown(document)
    assert 'id="wrong"' not in render(page_document(calm))


def test_a_fault_that_does_not_come_is_told_so() -> None:
    never = "[{kind: message_loss, venue: NYSE, leg: order, messages: cancel, at: 0s}]"
    section = report_document(trail_of(f"faults={never}", "parents=[{id: P, side: buy, qty: 1}]"))
    (row,) = section["wrong"]["tables"][0]["rows"]
    assert (row["fault_id"], row["followed"]) == ("fault0", "did not come")
    assert section["wrong"]["text"][-1] == "Nothing broke between the router and its venues."


def test_F01_sessions_that_break_without_faults_are_told_too(bad: Trail) -> None:
    """As where a venue dies of a defect of its own."""
    alone = replace(bad, scenario={**bad.scenario, "faults": []}, faults=[])
    section = report_document(alone)["wrong"]
    faults, venues = (table["rows"] for table in section["tables"])
    assert (faults, [one["venue_id"] for one in venues]) == ([], ["NYSE", "NASDAQ", "BATS"])
    assert section["text"] == ["The scenario has no faults: what broke did so of itself."]
    assert "**By venue**" in markdown(report_document(alone))
    assert '<a href="#wrong">Faults</a>' in render(page_document(alone))
