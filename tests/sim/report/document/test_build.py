"""The report's document: equal from the log and from the run, and equal to the summary."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sim.report.document import build
from sim.report.document.build import SCHEMA, page_document, report_document
from sim.report.trail.build import TrailBuilder, read_trail
from sim.scenario.load import load_scenario
from sim.scenario.shipped import shipped_names
from sim.world import run_world

SCENARIOS = (
    "fragmented",
    "partial_fill",
    "two_parents",
    "rejects_and_timeouts",
    "queue_position",
    "halt",
    "controls",
    "venue_kinds",
)
SAME_AS_SUMMARY = (
    "parent_id",
    "side",
    "order_qty",
    "filled_qty",
    "leaves_qty",
    "canceled_qty",
    "avg_px",
    "notional",
    "fees",
    "arrival_mid",
    "children",
    "reallocations",
    "end_reason",
)


def both(name: str, tmp_path: Path, *sets: str) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """The document made beside the run, the one from its log, and the run's summary."""
    builder = TrailBuilder()
    folder = tmp_path / name
    folder.mkdir()
    summary = run_world(load_scenario(name, sets=sets), folder=folder, watch=[builder]).summary
    live = report_document(builder.trail(summary["audit_head"]))
    return live, report_document(read_trail(folder)), summary


@pytest.mark.parametrize(
    "name",
    [
        name if name in SCENARIOS else pytest.param(name, marks=pytest.mark.slow)
        for name in shipped_names()
    ],
)
def test_the_report_from_the_log_is_the_one_made_at_run_time(name: str, tmp_path: Path) -> None:
    live, later, _ = both(name, tmp_path)
    assert msgspec.json.encode(live) == msgspec.json.encode(later)
    assert live["schema"] == SCHEMA


@pytest.mark.parametrize("name", SCENARIOS)
def test_parents_are_those_of_the_summary(name: str, tmp_path: Path) -> None:
    _, document, summary = both(name, tmp_path)
    for row, expected in zip(document["parents"], summary["parents"], strict=True):
        assert {key: row[key] for key in SAME_AS_SUMMARY} == {
            key: expected[key] for key in SAME_AS_SUMMARY
        }
    assert document["audit_head"] == summary["audit_head"]
    assert document["outcome"] == summary["outcome"]


def test_busts_count_as_in_the_summary(tmp_path: Path) -> None:
    bust = "[{at: 30ms, order: P1.NASDAQ.1, qty: 5000}, {at: 900ms, order: P1.NYSE.1}]"
    _, document, summary = both(
        "fragmented", tmp_path, f"venues[NASDAQ].busts.listed={bust}", "duration=2s"
    )
    row, expected = document["parents"][0], summary["parents"][0]
    assert {key: row[key] for key in SAME_AS_SUMMARY} == {
        key: expected[key] for key in SAME_AS_SUMMARY
    }
    assert expected["busted_qty"] > 0


def test_venues_add_up_to_the_children(tmp_path: Path) -> None:
    _, document, summary = both("rejects_and_timeouts", tmp_path)
    for venue in document["venues"]:
        mine = [one for one in document["children"] if one["venue_id"] == venue["venue_id"]]
        assert venue["children"] == len(mine)
        assert venue["filled_qty"] == sum(one["filled_qty"] for one in mine)
        assert venue["short_qty"] == sum(one["short_qty"] for one in mine)
        expected = summary["venues"][venue["venue_id"]]
        for key in ("routed_qty", "filled_qty", "avg_px", "fees", "fills", "rejects", "busts"):
            assert venue[key] == expected[key]


def test_a_child_tells_what_it_asked_for_and_got(tmp_path: Path) -> None:
    _, document, _ = both("fragmented", tmp_path)
    child = next(one for one in document["children"] if one["venue_id"] == "NASDAQ")
    assert child["cl_ord_id"] == "P1.NASDAQ.1"
    assert (child["sent_ns"], child["arrived_ns"], child["ended_ns"]) == (0, 6_000_000, 12_000_000)
    assert child["end"] == "filled"
    assert child["arrival"] == [["100.00", 25_000], ["100.01", 20_000]]
    assert [one["qty"] for one in child["executions"]] == [25_000, 20_000]
    assert child["executions"][0]["heard_ns"] == 12_000_000


def test_the_document_is_plain_json(tmp_path: Path) -> None:
    live, _, _ = both("queue_position", tmp_path)
    text = json.dumps(live, allow_nan=False)
    assert json.loads(text) == live


def test_a_page_gets_the_same_document_of_a_run_that_is_not_long(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    run_world(load_scenario("two_parents"), folder=folder)
    trail = read_trail(folder)
    assert page_document(trail) == report_document(trail)


def test_a_page_of_a_long_run_lacks_details_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = TrailBuilder()
    run_world(load_scenario("controls"), watch=[builder])
    trail = builder.trail()
    whole = report_document(trail)
    monkeypatch.setattr(build, "PAGE", build.Detail(parents=1, children=2, decisions=1))
    brief = page_document(trail)
    largest = max(whole["parents"], key=lambda one: one["order_qty"])
    for parent, full in zip(brief["parents"], whole["parents"], strict=True):
        if full is largest:
            assert parent == full
        else:
            assert (parent.pop("benchmarks"), parent.pop("markouts")) == ([], [])
            assert parent.items() <= full.items()
    for place, (child, full) in enumerate(zip(brief["children"], whole["children"], strict=True)):
        assert ("short" in child) == (place < 2 or full["short_qty"] > 0)
        assert child.items() <= full.items()
    lost = {one["decision_id"] for one in whole["children"] if one["short_qty"]}
    lost.add(whole["decisions"][0]["decision_id"])
    assert brief.pop("decisions") == [
        one if one["decision_id"] in lost else {**one, "available_qty": None, "venues": []}
        for one in whole.pop("decisions")
    ]
    for name in ("parents", "children"):
        del brief[name], whole[name]
    assert brief == whole
