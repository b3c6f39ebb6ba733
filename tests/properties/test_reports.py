"""On any world the report made beside a run is the one made from its log, and its sums agree.

So it is for every log that is cut off somewhere: what is there is reported, and nothing raises.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.report.document.build import report_document
from sim.report.document.markdown import markdown
from sim.report.page.render import render
from sim.report.trail.build import TrailBuilder, read_trail
from sim.scenario.load import LoadedScenario
from sim.world import run_world

Data = dict[str, Any]

# What the worlds of other tests leave out: trades taken back, and orders given up that fill later.
busts = st.sampled_from(
    [None, None, *({"random": {"share": share, "after": "40ms"}} for share in ("0.3", "1"))]
)
resends = st.sampled_from([0, 1, 1_000])


@pytest.fixture(scope="module")
def both(
    load_data: Callable[..., LoadedScenario], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Data], tuple[Data, Data, Data, Path]]:
    """The document made beside a world's run, the one from its log, its summary, and the log."""
    folder = tmp_path_factory.mktemp("worlds")

    def make(world: Data) -> tuple[Data, Data, Data, Path]:
        for name, text in world["recordings"].items():
            Path(folder, name).write_text(text, encoding="utf-8")
        builder = TrailBuilder()
        result = run_world(load_data(world["scenario"], beside=folder), watch=[builder])
        assert result.log is not None
        log = folder / "audit.jsonl"
        log.write_bytes(result.log)
        live = report_document(builder.trail(result.summary["audit_head"]))
        return live, report_document(read_trail(log)), result.summary, log

    return make


@pytest.mark.parametrize("examples", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_the_report_made_at_run_time_is_the_one_from_the_log(
    any_world: st.SearchStrategy[Data],
    both: Callable[[Data], tuple[Data, Data, Data, Path]],
    examples: int,
) -> None:
    @settings(max_examples=examples)
    @given(any_world, st.sampled_from(["full", "touch", "none"]), busts, resends)
    def check(world: Data, market_data: str, taken_back: Data | None, asked: int) -> None:
        scenario = world["scenario"]
        scenario["audit"] = {"market_data": market_data}
        scenario["router"]["cancel_resends"] = asked
        for venue in scenario["venues"]:
            venue["busts"] = taken_back
        live, later, summary, _ = both(world)
        assert msgspec.json.encode(live) == msgspec.json.encode(later)
        check_sums(later, summary)

    check()


@pytest.mark.slow
def test_any_log_that_is_cut_off_is_reported_in_every_form(
    any_world: st.SearchStrategy[Data], both: Callable[[Data], tuple[Data, Data, Data, Path]]
) -> None:
    @settings(max_examples=25)
    @given(any_world, st.data())
    def check(world: Data, data: st.DataObject) -> None:
        log = both(world)[-1]
        lines = log.read_bytes().splitlines(keepends=True)
        count = data.draw(st.integers(1, len(lines) - 1))
        log.write_bytes(b"".join(lines[:count]))
        document = report_document(read_trail(log))
        assert document["records"] == count
        assert document["missing"][0].startswith("The log could not be read to its end")
        assert "NaN" not in msgspec.json.encode(document).decode()
        assert markdown(document).startswith("# ")
        assert "</html>" in render(document)

    check()


def check_sums(document: Data, summary: Data) -> None:
    """What several parts of the document say must be the same thing."""
    children = document["children"]
    by_parent = {row["parent_id"]: row for row in summary["parents"]}
    for parent in document["parents"]:
        expected = by_parent[parent["parent_id"]]
        for key in ("filled_qty", "canceled_qty", "leaves_qty", "avg_px", "fees", "reallocations"):
            assert parent[key] == expected[key]
        mine = [one for one in children if one["parent_id"] == parent["parent_id"]]
        assert parent["filled_qty"] == sum(one["filled_qty"] for one in mine)
        assert parent["short_shares"] == sum(one["short_qty"] for one in mine)
        assert parent["short_shares"] == sum(parent["causes"].values())
        shortfall = parent["shortfall"]
        if shortfall["total"] is not None and None not in shortfall["parts"].values():
            parts = sum((Decimal(one) for one in shortfall["parts"].values()), Decimal(0))
            assert parts == Decimal(shortfall["total"])
    for child in children:
        assert sum(child["short"]["causes"].values()) == child["short_qty"]
    for venue in document["venues"]:
        mine = [one for one in children if one["venue_id"] == venue["venue_id"]]
        assert venue["filled_qty"] == sum(one["filled_qty"] for one in mine)
        assert sum(venue["causes"].values()) == venue["short_qty"]
        assert venue["fees"] == summary["venues"][venue["venue_id"]]["fees"]
    for leg in document["latencies"]:
        if leg["leg"] in {"order", "report"}:
            known = summary["venues"][leg["venue_id"]]
            assert leg["mean_ns"] == known[f"{leg['leg']}_latency_ns_mean"]
            assert leg["percentiles_ns"][-1] == known[f"{leg['leg']}_latency_ns_max"]
    sent = {one["cl_ord_id"] for one in children}
    named = [name for one in document["decisions"] for name in one["children"]]
    assert sorted(named) == sorted(sent)
