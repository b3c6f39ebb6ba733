"""``sorsim report``, and ``sorsim run --report``."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

Invoke = Any  # see conftest


def ran(invoke: Invoke, name: str, *more: str) -> None:
    assert invoke("run", name, "--quiet", "--out", "a", *more).code in {0, 1}


def test_json_has_costs_causes_and_evidence(invoke: Invoke, tmp_path: Path) -> None:
    ran(invoke, "rejects_and_timeouts")
    done = invoke("report", "a", "--json")
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    parent = document["parents"][0]
    asked = sum(one["requested_qty"] for one in document["children"])
    assert parent["short_shares"] == asked - parent["filled_qty"] == 150_000
    assert sum(parent["causes"].values()) == parent["short_shares"]
    assert set(parent["shortfall"]) >= {"total", "parts", "why_not_available"}
    assert list(document["evidence"]) == [
        "rule_605", "rule_606", "rts_28", "order_protection", "clocks",
    ]  # fmt: skip
    assert invoke("report", "a/audit.jsonl", "--format", "json").out == done.out


@pytest.mark.slow
def test_the_page_lies_in_the_folder_and_is_never_overwritten(
    invoke: Invoke, tmp_path: Path
) -> None:
    ran(invoke, "fragmented")
    done = invoke("report", "a")
    assert (done.code, done.out) == (0, f"report  {Path('a') / 'report.html'}\n")
    page = (tmp_path / "a" / "report.html").read_bytes()
    assert page.startswith((b"<!DOCTYPE html>", b"<!doctype html>"))
    assert invoke("report", "a", "--quiet").out == ""  # the same again is no change
    (tmp_path / "a" / "report.html").write_text("mine")
    done = invoke("report", "a")
    assert done.code == 2
    assert "nothing is overwritten" in done.err
    assert (tmp_path / "a" / "report.html").read_text() == "mine"
    assert invoke("report", "a", "--out", "mine.html").code == 0
    assert (tmp_path / "mine.html").read_bytes() == page


@pytest.mark.slow
def test_run_writes_the_page_that_the_log_gives(invoke: Invoke, tmp_path: Path) -> None:
    assert invoke("run", "two_parents", "--out", "a", "--report").out.endswith(
        f"report     {Path('a') / 'report.html'}\n"
    )
    made = (tmp_path / "a" / "report.html").read_bytes()
    assert invoke("report", "a", "--out", "later.html").code == 0
    assert (tmp_path / "later.html").read_bytes() == made
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_bytes())
    assert "report.html" in manifest["files"]


@pytest.mark.slow
def test_run_says_in_json_where_the_page_is(invoke: Invoke) -> None:
    document = json.loads(invoke("run", "fragmented", "--out", "a", "--report", "--json").out)
    assert document["report"] == str(Path("a") / "report.html")


def test_run_with_a_report_refuses_a_folder_that_has_one(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "report.html").write_text("mine")
    done = invoke("run", "fragmented", "--out", "a", "--report")
    assert done.code == 2
    assert "report.html" in done.err
    assert not (tmp_path / "a" / "audit.jsonl").exists()


def test_markdown_goes_to_stdout_or_a_file(invoke: Invoke, tmp_path: Path) -> None:
    ran(invoke, "fragmented")
    done = invoke("report", "a", "--format", "md")
    assert done.out.startswith("# fragmented: report of a run\n")
    assert invoke("report", "a", "--format", "md", "--out", "r.md").code == 0
    assert (tmp_path / "r.md").read_text() == done.out


def test_cat_events_are_a_table(invoke: Invoke) -> None:
    ran(invoke, "fragmented")
    rows = list(csv.DictReader(invoke("report", "a", "--format", "cat").out.splitlines()))
    assert [row["eventType"] for row in rows[:2]] == ["MENO", "MEOR"]


@pytest.mark.slow
def test_figures_lie_in_a_folder_of_their_own(invoke: Invoke, tmp_path: Path) -> None:
    ran(invoke, "fragmented")
    done = invoke("report", "a", "--format", "png")
    assert done.code == 0
    assert (tmp_path / "a" / "figures" / "smart_order_routing_analysis.png").exists()
    assert done.out.count("figure  ") == 6
    assert invoke("report", "a", "--format", "png", "--out", "b", "--quiet").out == ""
    assert (tmp_path / "b" / "timeline.png").exists()


def test_a_study_of_the_scenario_is_shown_and_one_of_another_is_refused(
    invoke: Invoke, tmp_path: Path
) -> None:
    ran(invoke, "fragmented")
    spread = {"n": 9, "mean": "1.5", "low": "1.0", "high": "2.0"}
    study = {
        "schema": "sorsim-comparison/1",
        "scenario": "fragmented",
        "strategies": [{"name": "router", "cost_bps": spread}, {"name": "odd", "cost_bps": None}],
    }
    (tmp_path / "s.json").write_text(json.dumps(study))
    done = invoke("report", "a", "--json", "--study", "s.json")
    section = json.loads(done.out)["study"][0]
    assert section["title"] == "Comparison of strategies"
    assert section["tables"][0]["rows"][0]["mean_bps"] == "1.5"
    for wrong, said in (
        ({**study, "scenario": "halt"}, "is a study of 'halt'"),
        ({**study, "schema": "sorsim-summary/1"}, "has schema 'sorsim-summary/1'; allowed:"),
        ({"schema": "sorsim-comparison/1"}, "is no result of a study"),
    ):
        (tmp_path / "s.json").write_text(json.dumps(wrong))
        done = invoke("report", "a", "--study", "s.json")
        assert done.code == 2
        assert said in done.err
    assert "cannot be read" in invoke("report", "a", "--study", "nowhere.json").err


def test_a_log_that_is_cut_off_is_reported_with_a_note(invoke: Invoke, tmp_path: Path) -> None:
    ran(invoke, "fragmented")
    log = tmp_path / "a" / "audit.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:20]))
    done = invoke("report", "a", "--json")
    assert done.code == 0
    assert "without run_finished" in done.err
    document = json.loads(done.out)
    assert document["outcome"] is None
    assert document["missing"][0].startswith("The log could not be read to its end")
    assert invoke("report", "a").code == 0


def test_json_and_another_form_exclude_each_other(invoke: Invoke) -> None:
    ran(invoke, "fragmented")
    assert invoke("report", "a", "--json", "--format", "md").code == 2


def test_context_runs_the_scenario_again_and_says_what_came_of_it(invoke: Invoke) -> None:
    ran(invoke, "stale_quotes")
    asked = ("report", "a", "--context", "2", "--jobs", "1")
    document = json.loads(invoke(*asked, "--json").out)
    (section,) = document["study"]
    assert section["text"] == [
        "P1: latency cost 1,100.00, so much more than the same run on the same chance without it.",
        "P1: as dear as all of 2 runs with other seeds.",
    ]
    plain = json.loads(invoke("report", "a", "--json").out)
    assert {key: value for key, value in document.items() if key != "study"} == plain
    assert "latency cost 1,100.00" in invoke(*asked, "--format", "md").out


def test_context_of_a_cut_log_says_why_there_is_none(invoke: Invoke, tmp_path: Path) -> None:
    ran(invoke, "fragmented")
    log = tmp_path / "a" / "audit.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    (section,) = json.loads(invoke("report", "a", "--context", "3", "--json").out)["study"]
    assert section["text"] == ["The run did not come to its end, so no other run compares with it."]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--jobs", "2"), "--jobs, --data and --allow-code go with --context"),
        (("--context", "1", "--format", "cat"), "--context is told in words and tables"),
        (("--context", "-1"), "--context"),
        (("--context", "1", "--data", "nowhere"), "does not exist"),
    ],
)
def test_options_of_the_context_that_say_nothing_are_refused(
    invoke: Invoke, options: tuple[str, ...], says: str
) -> None:
    ran(invoke, "fragmented")
    done = invoke("report", "a", *options)
    assert done.code == 2
    assert says in done.err


def test_without_what_a_page_needs_nothing_has_run(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    done = invoke("run", "fragmented", "--out", "a", "--report")
    assert done.code == 2
    assert "jinja2" in done.err
    assert "sorsim[report]" in done.err
    assert not (tmp_path / "a").exists()


def test_without_what_figures_need_nothing_is_written(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(invoke, "fragmented")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = invoke("report", "a", "--format", "png")
    assert done.code == 2
    assert "sorsim[report]" in done.err
    assert not (tmp_path / "a" / "figures").exists()
