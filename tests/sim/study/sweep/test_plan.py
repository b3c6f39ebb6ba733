"""What a sweep runs, and what is wrong with it before anything has run."""

from pathlib import Path
from typing import Any

import pytest

from sim.protocol.errors import ScenarioError
from sim.study.grid import grid_of, parse_axis
from sim.study.runs import Source
from sim.study.sweep.plan import Plan, number_of, plan_of

MARKET = """
schema_version: 1
name: two_venues
seed: 3
duration: 1s
instrument: {symbol: ACME, tick_size: "0.01", lot_size: 1}
venues:
  - id: A
    kind: lit
    latency:
      order: {model: fixed, delay: 1ms}
      report: {model: fixed, delay: 1ms}
      feed: {model: fixed, delay: 1ms}
    book: {asks: [["100.01", 500]], bids: [["99.99", 500]]}
  - id: B
    kind: lit
    latency:
      order: {model: fixed, delay: 1ms}
      report: {model: fixed, delay: 1ms}
      feed: {model: fixed, delay: 1ms}
    book: {asks: [["100.02", 500]], bids: [["99.98", 500]]}
router: {strategy: {kind: greedy}}
parents: [{id: P, side: buy, qty: 800}]
"""
ALONG = """
    along:
      label: latency
      values: [1ms, 5ms]
      lines:
        - {name: A, paths: ["venues[A].latency.order.delay"], venues: [A]}
        - {name: both, paths: ["venues[A].latency.order.delay", "venues[B].latency.order.delay"]}
"""
VARIANTS = """
    variants:
      - {name: router}
      - {name: single, baseline: single_exchange}
"""


def plan(folder: Path, study: str = "", *axes: str, seeds: int | None = None) -> Plan:
    path = folder / "it.yaml"
    path.write_text(MARKET + (f"study:\n  sweep:{study}" if study else ""), encoding="utf-8")
    return plan_of(Source(str(path)), grid_of([parse_axis(axis) for axis in axes]), seeds)


def test_all_combinations_are_points_variants_outermost(tmp_path: Path) -> None:
    grid = "\n    grid: {router.max_attempts: [5, 6]}"
    made = plan(tmp_path, VARIANTS + ALONG + grid)
    assert made.axes == {
        "variant": ["router", "single"],
        "line": ["A", "both"],
        "along": ["1ms", "5ms"],
        "router.max_attempts": ["5", "6"],
    }
    assert len(made.points) == 16
    assert [point.name for point in made.points[:3]] == [
        "router A 1ms max_attempts=5",
        "router A 1ms max_attempts=6",
        "router A 5ms max_attempts=5",
    ]
    assert made.points[-1].sets[-3:] == (
        "venues[A].latency.order.delay=5ms",
        "venues[B].latency.order.delay=5ms",
        "router.max_attempts=6",
    )
    assert made.seeds == list(range(3, 23))


def test_a_line_is_compared_with_its_start_a_variant_with_the_reference(tmp_path: Path) -> None:
    lines = plan(tmp_path, VARIANTS + ALONG)
    assert [point.reference for point in lines.points] == [0, 0, 2, 2, 4, 4, 6, 6]
    variants = plan(tmp_path, VARIANTS + "    reference: single\n    grid: {duration: [1s, 2s]}")
    assert [point.reference for point in variants.points] == [2, 3, 2, 3]
    grid = plan(tmp_path, "", "router.max_attempts=5,6,7")
    assert [point.reference for point in grid.points] == [0, 0, 0]


def test_points_that_are_one_scenario_share_their_runs(tmp_path: Path) -> None:
    made = plan(tmp_path, ALONG, seeds=2)
    jobs, rows = made.jobs()
    assert rows == [[0, 1], [2, 3], [0, 1], [4, 5]]
    assert [job.seed for job in jobs] == [3, 4, 3, 4, 3, 4]
    assert str(jobs[2]) == "A 5ms with seed 3"


def test_a_grid_of_the_command_line_takes_the_place_of_the_scenarios(tmp_path: Path) -> None:
    made = plan(tmp_path, VARIANTS + "    seeds: 7", "router.max_attempts=5,6")
    assert made.axes == {"router.max_attempts": ["5", "6"]}
    assert len(made.seeds) == 7


def test_paths_that_end_alike_are_told_apart(tmp_path: Path) -> None:
    first, second = "venues[A].latency.order.delay", "venues[B].latency.order.delay"
    made = plan(tmp_path, "", f"{first}=1ms,2ms", f"{second}=1ms")
    assert made.points[1].name == f"{first}=2ms {second}=1ms"


def test_what_travels_is_the_scenario_without_its_study(tmp_path: Path) -> None:
    with_study, without = plan(tmp_path, VARIANTS, seeds=1), plan(tmp_path, "", "duration=1s")
    assert with_study.points[0].parcel == without.points[0].parcel


@pytest.mark.parametrize(
    ("study", "axes", "says"),
    [
        ("", (), "study.sweep: must be there to know what to sweep, or --grid given"),
        (VARIANTS, ("seed=1,2",), "--grid seed=1: seed: changes the seed"),
        (VARIANTS, ("parents[P].qty=800,900",), "--grid parents[P].qty=900: parents: changes what"),
        (VARIANTS, ("router.nonsense=1",), "router.nonsense: unknown key"),
        (
            "\n    variants: [{name: x, baseline: dark_pool_only}]",
            (),
            "study.sweep.variants: variant x: the scenario has no venue for it; it needs a dark",
        ),
        (
            "\n    variants: [{name: x, sets: {router.max_attempts: 0}}]",
            (),
            "variant x router.max_attempts=0: router.max_attempts:",
        ),
        (ALONG.replace("venues: [A]", "venues: [C]"), (), "lines[A].venues: found no venue C"),
        (ALONG.replace("5ms", "soon"), (), "line A venues[A].latency.order.delay=soon"),
        ("\n    variants: [{name: x}, {name: x}]", (), "must have names of their own: x twice"),
        ("\n    reference: x", (), "reference must be one of there are no variants, was x"),
    ],
)
def test_what_is_wrong_is_told_before_anything_runs(
    tmp_path: Path, study: str, axes: tuple[str, ...], says: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        plan(tmp_path, study, *axes)
    assert says in str(caught.value)


def test_too_many_points_or_runs_are_refused(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("sim.study.sweep.plan.MAX_POINTS", 3)
    with pytest.raises(ScenarioError, match="spans 4 points; allowed: at most 3"):
        plan(tmp_path, ALONG)
    monkeypatch.setattr("sim.study.sweep.plan.RUNS_MAX", 5)
    with pytest.raises(ScenarioError, match="spans 6 runs; allowed: at most 5"):
        plan(tmp_path, VARIANTS, seeds=3)


@pytest.mark.parametrize(
    ("value", "place"), [("5ms", 0.005), ("0.5", 0.5), ("12", 12.0), ("none", None), ("1e3", None)]
)
def test_numbers_and_durations_stand_on_a_scale(value: str, place: float | None) -> None:
    assert number_of(value) == place
