"""A run in context: the same run without latency, and runs with other seeds."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.report.trail.build import read_trail
from sim.study.context import Context, Latency, context_of, no_latency_sets, order_costs
from sim.study.rerun import rerun
from sim.study.spread import Pool

Data = dict[str, Any]


@pytest.fixture
def moving(market: Callable[..., Data], lit: Callable[..., Data]) -> Data:
    """Two noisy venues, 20 ms away, so that what was seen is often gone."""
    flow = {
        "kind": "poisson",
        "rate": 200,
        "centre": "100",
        "levels": 4,
        "lots": 20,
        "take": 0.3,
        "cancel": 0.2,
    }
    venues = [lit(name, [["100.01", 60], ["100.02", 60]], ms=20, flow=[flow]) for name in "AB"]
    for venue in venues:
        venue["book"]["bids"] = [["99.99", 60]]
    return market(venues, qty=150, at="100ms", deadline="400ms", duration="1s")


@pytest.fixture
def ran(moving: Data, load_data: Callable[..., Any], tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    sim.run(load_data(moving), out=folder)
    return folder


def found(folder: Path, seeds: int, jobs_n: int = 1) -> Context:
    return context_of(folder, read_trail(folder), seeds=seeds, where=Pool(jobs_n))


def test_latency_cost_is_the_run_less_the_same_run_without_latency(ran: Path) -> None:
    (latency,) = found(ran, 0).latency
    fast = rerun(ran, no_latency_sets(read_trail(ran).scenario))
    row, paid = fast.summary["parents"][0], read_trail(ran)
    (own,) = order_costs(paid)
    assert row["filled_qty"] == own.filled == 150
    assert latency.cost is not None
    without = Decimal(row["notional"]) + Decimal(row["fees"])
    assert Decimal(latency.cost) == Decimal(own.loss) - without
    parts = [Decimal(part) for part in latency.parts.values() if part is not None]
    assert sum(parts) == Decimal(latency.cost)
    assert Decimal(latency.cost) != 0


def test_the_place_counts_runs_that_cost_more(ran: Path) -> None:
    (place,) = found(ran, 3).places
    assert place.unit == "bps"
    assert place.n == place.dearer + place.equal + place.cheaper == 3
    others = []
    for seed in range(2, 5):
        (row,) = rerun(ran, seed=seed).summary["parents"]
        assert row["filled_qty"] == row["order_qty"]
        others.append(Decimal(row["shortfall_bps"]))  # nobody charges fees here
    own = Decimal(place.own)
    assert place.dearer == sum(other > own for other in others)
    assert [Decimal(place.least), Decimal(place.most)] == [min(others), max(others)]


@pytest.mark.slow
def test_workers_make_no_difference(ran: Path) -> None:
    assert found(ran, 4, jobs_n=2) == found(ran, 4)


def test_several_orders_have_a_place_together_and_each(
    moving: Data, load_data: Callable[..., Any], tmp_path: Path
) -> None:
    moving["parents"].append({"id": "Q", "side": "sell", "qty": 10, "at": "150ms"})
    sim.run(load_data(moving), out=tmp_path / "run")
    context = found(tmp_path / "run", 2)
    assert [one.parent_id for one in context.latency] == ["", "P", "Q"]
    costs = [Decimal(one.cost or "NaN") for one in context.latency]
    assert costs[0] == costs[1] + costs[2]
    said = context.section()
    assert any(text.startswith("all orders: ") for text in said["text"])
    assert [row["order"] for row in said["tables"][0]["rows"]] == ["all orders", "P", "Q"]


def test_without_a_mid_equal_fills_compare_by_what_was_paid(tmp_path: Path) -> None:
    sim.run("stale_quotes", out=tmp_path / "run")
    context = found(tmp_path / "run", 2)
    (latency,), (place,) = context.latency, context.places
    assert latency.cost_bps is None, "basis points of what?"
    assert latency.cost is not None
    assert Decimal(latency.cost) > 0
    assert (place.unit, place.n, place.equal) == ("per_lot", 2, 2)
    assert "as dear as all of 2 runs with other seeds" in context.section()["text"][-1]


def test_words_round_and_name_what_is_too_small_to_round() -> None:
    parts: dict[str, str | None] = {}

    def said(cost: str, bps: str | None) -> str:
        (text,) = Context(1, 0, [Latency("P", cost, bps, parts, "")], [], []).section()["text"]
        return str(text)

    after = "than the same run on the same chance without it."
    assert said("1234.567", "1.234567") == (
        f"P: latency cost 1,234.57 (1.2346 bps), so much more {after}"
    )
    assert said("-0.001", None) == f"P: latency saved less than a cent, so much less {after}"
    assert said("0", "0") == "P: without any latency it would have cost the same."


def test_unfilled_lots_without_a_mid_have_no_cost_to_compare(
    market: Callable[..., Data],
    lit: Callable[..., Data],
    load_data: Callable[..., Any],
    tmp_path: Path,
) -> None:
    data = market([lit("A", [["100.00", 30]])], qty=50, deadline="1s")
    sim.run(load_data(data), out=tmp_path / "run")
    context = found(tmp_path / "run", 1)
    assert context.places == []
    assert context.latency[0].cost == "0", "both filled the same lots for the same money"
    assert "No order has a cost that other runs' compare with." in context.missing


def test_a_run_without_an_end_compares_with_none(ran: Path) -> None:
    log = ran / "audit.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:-1]))
    context = found(ran, 5)
    assert not context.latency
    assert not context.places
    assert context.section()["text"] == [
        "The run did not come to its end, so no other run compares with it."
    ]


def test_the_number_of_seeds_has_bounds(ran: Path) -> None:
    with pytest.raises(ValueError, match=r"seeds must be from 0 to 100,000, was -1"):
        found(ran, -1)
