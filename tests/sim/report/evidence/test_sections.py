"""All evidence of a run: complete, exact, and honest about what the log lacks."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from sim.protocol.enums import TimeInForce
from sim.report.evidence.cat import cat_csv
from sim.report.evidence.decisions import decision_rows
from sim.report.evidence.sections import evidence
from sim.report.trail.build import Trail, TrailBuilder, read_trail
from sim.scenario.load import load_scenario
from sim.scenario.shipped import shipped_names
from sim.world import run_world

if TYPE_CHECKING:
    from tests.sim.report.evidence.conftest import Story

SCENARIOS = (
    "controls",
    "dark_first",
    "fragmented",
    "halt",
    "midpoint",
    "partial_fill",
    "queue_position",
    "rejects_and_timeouts",
    "stale_quotes",
    "two_parents",
    "venue_kinds",
)
OTHERS = sorted(set(shipped_names()) - set(SCENARIOS))
SECTIONS = ["rule_605", "rule_606", "rts_28", "order_protection", "clocks"]


def trail_of(name: str, *sets: str) -> Trail:
    builder = TrailBuilder()
    run_world(load_scenario(name, sets=sets), watch=[builder])
    return builder.trail()


def rows_of(section: dict[str, Any], title: str) -> list[dict[str, Any]]:
    """The rows of a table; a table without rows is left out."""
    for table in section["tables"]:
        if table["title"] == title:
            return list(table["rows"])
    return []


every_shipped = pytest.mark.parametrize(
    "name", [*SCENARIOS, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]
)


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from leaves(one)
    else:
        yield value


@every_shipped
def test_each_section_is_plain_and_exact(name: str) -> None:
    found = evidence(trail_of(name))
    assert list(found) == SECTIONS
    assert msgspec.json.decode(msgspec.json.encode(found)) == found
    assert not [value for value in leaves(found) if isinstance(value, float)]
    for section in found.values():
        assert section["title"]
        assert section["approximate"]
        for table in section["tables"]:
            keys = [key for key, _ in table["columns"]]
            assert len(set(keys)) == len(keys)
            assert table["rows"]
            for row in table["rows"]:
                assert list(row) == keys
                assert not [value for value in row.values() if isinstance(value, dict | list)]


@every_shipped
def test_sums_are_those_of_the_run(name: str) -> None:
    trail = trail_of(name)
    found = evidence(trail)
    children = list(trail.children.values())
    fills = rows_of(found["rule_605"], "Fill rates")
    every = [row for row in fills if row["venue_id"] == "all venues"]
    filled = sum(child.filled_qty for child in children)
    assert sum(row["executed_qty"] for row in every) == filled
    assert sum(row["orders"] + row["rejected_orders"] for row in every) == len(children)
    venues = rows_of(found["rule_606"], "Venues")
    assert sum(row["routed_qty"] for row in venues) == sum(c.requested_qty for c in children)
    routes = rows_of(found["rule_606"], "Routes by kind of order")
    assert sum(row["orders"] for row in routes) == len(children)
    lay = rows_of(found["rule_606"], "Where executions lay between the quotes")
    lots = [lots for row in lay for key, lots in row.items() if key != "venue_id"]
    assert sum(lots) == filled


def test_without_market_data_the_rest_is_done_and_it_is_said() -> None:
    found = evidence(trail_of("partial_fill", "audit.market_data=none"))
    for name in ("rule_605", "rule_606", "order_protection"):
        assert "no market data" in found[name]["text"][-1]
    rows = rows_of(found["rule_605"], "Fill rates")
    assert {row["order_type"] for row in rows} == {"no_quote"}
    assert sum(row["executed_qty"] for row in rows if row["venue_id"] == "all venues") > 0
    spreads = rows_of(found["rule_605"], "Spreads")
    assert all(row["effective_spread"] is None for row in spreads)
    times = rows_of(found["rule_605"], "Time to execution")
    assert all(row["avg_ns"] is None for row in times)
    assert rows_of(found["rts_28"], "By executed volume")


def test_a_run_of_nothing_says_so(story: Callable[..., "Story"]) -> None:
    found = evidence(story().trail())
    assert found["rule_605"]["text"][-2:] == [
        "No lit venue published a quote: there are no best displayed prices.",
        "No child order left.",
    ]
    for name in ("rule_605", "rule_606", "rts_28", "order_protection"):
        assert found[name]["tables"] == []
    assert "none can have passed" in found["order_protection"]["text"][0]


def test_orders_without_executions_say_so(story: Callable[..., "Story"]) -> None:
    run = story().quote(0, "A", 1, 2).parent().child("c", "A", 0, 2).arrives("c", 1)
    found = evidence(run.canceled("c", 1, 100).trail())
    assert found["rule_605"]["text"][-1] == "Nothing was executed."


def test_passed_quotes_are_told_in_words_and_rows() -> None:
    found = evidence(trail_of("fragmented"))["order_protection"]
    assert found["text"][0].startswith(
        "1 of 6 executions in which our order took, 10,000 of 100,000"
    )
    assert found["text"][1].startswith(
        "As far as the quantity displayed there went, it was better by 200 in all"
    )
    (reason,) = rows_of(found, "By reason")
    assert (reason["reason"], reason["count"]) == ("swept_at_once", 1)
    (row,) = rows_of(found, "One by one")
    assert (row["passed_px"], row["exceptions"]) == ("100.00", "intermarket_sweep")
    clean = evidence(trail_of("midpoint"))["order_protection"]
    assert clean["text"][0].startswith("None of ")


def test_what_was_said_of_a_venue_has_a_column_where_there_is_any() -> None:
    said = evidence(trail_of("rejects_and_timeouts"))["order_protection"]
    rows = rows_of(said, "One by one")
    assert "rejected_order_exceeds_limit" in {row["detail"] for row in rows}
    (row,) = rows_of(evidence(trail_of("fragmented"))["order_protection"], "One by one")
    assert "detail" not in row


def test_times_have_a_column_for_each_bucket() -> None:
    section = evidence(trail_of("fragmented"))["rule_605"]
    table = next(one for one in section["tables"] if one["title"] == "Time to execution")
    headings = [heading for key, heading in table["columns"] if key.startswith("bucket_")]
    assert headings[0] == "under 100 us"
    assert headings[-2:] == ["under 60 s", "from 60 s"]


def test_a_log_that_ends_early_gives_what_it_holds(story: Callable[..., "Story"]) -> None:
    run = story().quote(0, "A", 1, 2).parent().child("c", "A", 0, 2)
    builder = TrailBuilder()
    for record in run.records:
        builder.observe(record)
    found = evidence(builder.trail(fault="cut off"))
    row, _ = rows_of(found["rule_605"], "Fill rates")
    assert (row["orders"], row["open_qty"], row["canceled_qty"]) == (1, 100, 0)


@pytest.mark.parametrize("name", ["controls", "partial_fill", "rejects_and_timeouts"])
def test_a_log_cut_off_anywhere_gives_what_it_holds(name: str, tmp_path: Path) -> None:
    result = run_world(load_scenario(name))
    assert result.log is not None
    lines = result.log.splitlines(keepends=True)
    log = tmp_path / "audit.jsonl"
    for count in range(1, len(lines), 7):
        log.write_bytes(b"".join(lines[:count]))
        trail = read_trail(log)
        assert trail.fault
        found = evidence(trail)
        assert list(found) == SECTIONS
        children = rows_of(found["rule_606"], "Routes by kind of order")
        assert sum(row["orders"] for row in children) == len(trail.children)
        assert len(decision_rows(trail)) == len(trail.decisions)
        assert cat_csv(trail).count(",MEOR,") == len(trail.children)


def test_near_the_quote_is_in_whole_ticks(story: Callable[..., "Story"]) -> None:
    coarse = {"symbol": "X", "tick_size": "0.03", "lot_size": 1}
    run = story(instrument=coarse).quote(0, "A", 100, 110).parent()
    for name, price in (("near", 97), ("away", 96)):
        run.child(name, "A", 0, price, tif=TimeInForce.DAY).arrives(name, 1)
    rows = rows_of(evidence(run.trail())["rule_605"], "Fill rates")
    assert [row["order_type"] for row in rows if row["venue_id"] == "A"] == [
        "near_the_quote",
        "away_from_the_quote",
    ]
