"""What is said of runs: exact sums, pairs of equal seed, and nothing that chance may have made."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sim.api import run
from sim.audit.records import Record, RunStarted
from sim.report.trail.build import Trail, TrailBuilder
from sim.scenario.load import LoadedScenario, load_scenario
from sim.study.grid import grid_of, parse_axis
from sim.study.paired import paired
from sim.study.runs import Source
from sim.study.sweep.api import sweep
from sim.study.sweep.figures import RunFigures, VenueFigures, figures_of, ordered_lots
from sim.study.sweep.plan import plan_of
from sim.study.sweep.result import PointRow, Sweep, result_of
from sim.world import run_world


def figures(seed: int, cost: str, filled: int = 100, outcome: str = "complete") -> RunFigures:
    """100 shares were ordered at a mid of 100; what they cost more is ``cost``."""
    at_mid = f"{filled * 100}"
    return RunFigures(
        seed=seed,
        outcome=outcome,
        records=10,
        ordered=100,
        filled=filled,
        loss=str(Fraction(at_mid) + Fraction(cost))
        if "." not in cost
        else f"{10000 + float(cost)}",
        traded=at_mid,
        fees="0",
        cost=cost,
        at_mid=at_mid,
        shortfall=cost,
        parts={"spread": cost, "fees": "0"},
        paper="10000",
        fill_ms=1.5,
        children=1,
        requested=200,
        short=200 - filled,
        causes={"queue": 200 - filled} if filled < 200 else {},
        venues={"A": VenueFigures(requested=200, filled=filled, cost=cost, at_mid=at_mid)},
    )


def found(*costs: list[RunFigures]) -> Sweep:
    """A sweep of so many variants with these runs."""
    names = ",".join(str(5 + n) for n in range(len(costs)))
    axes = grid_of([parse_axis(f"router.max_attempts={names}")])
    plan = plan_of(Source("fragmented"), axes, len(costs[0]))
    return result_of(plan, costs)


def row(result: Sweep, n: int) -> PointRow:
    return result.points[n]


def runs(*costs: str, **more: Any) -> list[RunFigures]:
    return [figures(seed, cost, **more) for seed, cost in enumerate(costs, start=1)]


def test_differences_are_those_of_pairs_in_bps_of_the_reference() -> None:
    """Costs 1, 2, 3 and 3, 4, 8 on 10,000: differences 2, 2, 5 in money and in bps."""
    result = found(runs("1", "2", "3"), runs("3", "4", "8"))
    first, second = result.points
    assert (first.reference, first.difference_bps) == (None, None)
    assert first.cost_bps is not None
    assert (first.cost_bps.mean, first.cost_bps.sd) == ("2.000000", "1.000000")
    one = second.difference_bps
    assert one is not None
    expected = paired("", [1.0, 2.0, 3.0], [3.0, 4.0, 8.0])
    assert float(one.mean) == pytest.approx(expected.mean)
    assert float(one.low) == pytest.approx(expected.low, abs=1e-6)
    assert (one.n, one.verdict, second.reference) == (3, "within the noise", "max_attempts=5")
    assert float(one.variance_ratio or 0) == pytest.approx(3 / (1 + 7))
    assert second.difference is not None
    assert second.difference.mean == "3.000000"


def test_several_comparisons_are_taken_together() -> None:
    result = found(runs("1", "2"), runs("3", "4"), runs("5", "6"), runs("7", "9"))
    levels = [one.difference_bps.confidence for one in result.points if one.difference_bps]
    assert levels == [pytest.approx(1 - 0.05 / 3)] * 3
    assert result.within_noise is not None
    assert all(near.difference_bps.confidence > 1 - 0.05 / 5 for near in result.within_noise)


def test_no_winner_is_named_within_the_noise() -> None:
    result = found(runs("1", "9", "3"), runs("2", "8", "6"))
    assert result.best == "max_attempts=5"
    assert [near.name for near in result.within_noise or []] == ["max_attempts=6"]
    assert any(
        note.startswith("no winner: max_attempts=5 is the cheapest here, but max_attempts=6 is ")
        and "more seeds would tell a difference of that size" in note
        for note in result.notes
    )


def test_a_winner_is_named_where_all_others_are_told_apart() -> None:
    result = found(runs("1", "2", "3"), runs("11", "12", "13.01"))
    assert result.within_noise == []
    assert row(result, 1).difference_bps is not None
    assert any(
        "max_attempts=5 is the cheapest, told apart from all others" in n for n in result.notes
    )


def test_what_did_not_fill_all_is_not_ranked_and_pairs_are_counted() -> None:
    partly = [figures(1, "-50", filled=50), figures(2, "5"), figures(3, "6"), figures(4, "7")]
    result = found(runs("1", "2", "3", "4"), partly)
    second = row(result, 1)
    assert second.why_unranked == "1 of 4 runs did not fill all, the worst 50 of 100 lots"
    assert (second.filled_all, second.filled_share.mean) == (3, "0.875000")
    assert second.cost_bps is not None
    assert (second.cost_bps.n, second.cost_bps.min) == (3, "5.000000")
    assert second.difference_bps is not None
    assert (second.difference_bps.n, second.difference_bps.mean) == (3, "3.000000")
    assert (result.best, result.within_noise) == (None, None)
    assert "max_attempts=6 is not ranked by cost: 1 of 4 runs did not fill all" in "".join(
        result.notes
    )


def test_few_comparisons_are_told_one_by_one_with_their_pairs() -> None:
    costs = [runs("1", "2", "3"), runs("11", "12", "13.5"), runs("1", "2", "3")]
    partly = [figures(1, "-50", filled=50), figures(2, "5"), figures(3, "6")]
    notes = found(*costs, partly).notes
    assert any(
        note.startswith("max_attempts=6 less max_attempts=5: +10.167 bps [") for note in notes
    )
    assert "max_attempts=7 costs exactly what max_attempts=5 costs" in notes
    assert any("(the 2 of 3 seeds in which both filled all): +3.000 bps" in note for note in notes)
    many = found(*[runs(str(n), str(n + 1)) for n in range(1, 8)]).notes
    assert not any("less max_attempts=5:" in note for note in many)


def test_a_point_that_never_fills_has_no_cost_and_no_difference() -> None:
    result = found(runs("1", "2"), runs("0", "0", filled=0))
    second = row(result, 1)
    assert (second.cost_bps, second.cost, second.difference_bps, second.avg_px) == (None,) * 4
    assert second.filled_share.mean == "0.000000"


def test_ties_and_what_matters_to_nothing_are_named() -> None:
    result = found(runs("1", "2"), runs("1", "2"))
    assert result.nothing_matters
    assert result.notes[0] == "nothing here matters: router.max_attempts changes no result"
    assert result.ties == ["max_attempts=6"]
    second = row(result, 1).difference_bps
    assert second is not None
    assert second.verdict == "the same"


def test_one_seed_has_no_interval_and_says_so() -> None:
    result = found(runs("1"), runs("2"))
    assert (result.within_noise, row(result, 1).difference_bps) == (None, None)
    assert result.notes[0].startswith("one seed: that is one market")


def test_runs_that_were_cut_off_are_counted() -> None:
    result = found(runs("1", "2"), runs("3", "4", outcome="incomplete"))
    assert "2 of 4 runs were over before their orders had ended" in result.notes


def test_chance_that_plays_no_part_is_named() -> None:
    result = found(runs("1", "1"), runs("3", "3"))
    assert "chance plays no part: every point came to the same with all seeds" in result.notes
    second = row(result, 1).difference_bps
    assert second is not None
    assert (second.verdict, second.variance_ratio) == ("higher", None)


def test_shares_by_cause_add_up_over_the_runs() -> None:
    result = found(runs("1", "2"), runs("3", "4", filled=40))
    for one in result.points:
        assert sum(one.causes.values()) == one.short_qty
    assert row(result, 1).causes == {"queue": 320}


def test_without_mids_money_is_compared_and_no_bps_of_a_mid() -> None:
    """Only asks stand in the books of `fragmented`: no mid, so no cost against one."""
    result = sweep(
        "fragmented", grid={"router.strategy.kind": ["greedy", "top_of_book"]}, seeds=2, jobs=1
    ).result
    first, second = result.points
    assert (first.cost_bps, first.shortfall_bps, first.cost) == (None, None, None)
    assert first.avg_px is not None
    assert first.avg_px.mean == "100.004500"
    assert second.difference is not None
    assert (second.difference.mean, second.difference.low) == ("400.000000", "400.000000")
    assert second.difference_bps is not None
    assert second.difference_bps.mean == "0.399982"
    assert result.best == "kind=greedy"


def test_both_sides_may_be_ordered() -> None:
    """Costs of buys and sells add up; exactly the money of the summary."""
    parents = "{id: B, side: buy, qty: 600, at: 10ms}, {id: S, side: sell, qty: 500, at: 15ms}"
    sets = (f"parents=[{parents}]",)
    swept = sweep("slow_venue", grid={"router.max_attempts": [5]}, sets=sets, seeds=1, jobs=1)
    summary = run("slow_venue", sets=sets).summary
    cost = Fraction(0)
    for parent in summary["parents"]:
        sign = 1 if parent["side"] == "buy" else -1
        at_mid = Fraction(parent["arrival_mid"]) * parent["filled_qty"]
        cost += sign * (Fraction(parent["notional"]) - at_mid) + Fraction(parent["fees"])
    (figures_,) = swept.runs[0]
    assert figures_.cost is not None
    assert Fraction(figures_.cost) == cost
    assert figures_.shortfall == figures_.cost
    known = [Fraction(part or 0) for part in figures_.parts.values()]
    assert sum(known) == cost
    assert sum(figures_.causes.values()) == figures_.short
    venues = [Fraction(one.cost or 0) for one in figures_.venues.values()]
    assert sum(venues) == cost


def test_an_order_that_came_too_late_to_fill_is_not_left_out() -> None:
    parents = "{id: P0, side: buy, qty: 300, at: 10ms}, {id: P1, side: buy, qty: 300, at: 1s}"
    sets = (f"parents=[{parents}]",)
    (point,) = sweep(
        "slow_venue", grid={"router.max_attempts": [5]}, sets=sets, seeds=2, jobs=1
    ).result.points
    assert point.why_unranked == "2 of 2 runs did not fill all, the worst 300 of 600 lots"
    assert (point.cost_bps, point.filled_all, point.filled_share.mean) == (None, 0, "0.500000")
    assert point.shortfall_bps is not None


def test_orders_that_never_came_are_ordered_all_the_same() -> None:
    """As where a run was stopped before their time."""
    builder = TrailBuilder()
    loaded = load_scenario("slow_venue")
    run_world(loaded, watch=[builder])
    assert ordered_lots(loaded.scenario) == 1_000
    for trail, ordered in ((builder.trail(), 1_500), (only_begun(loaded), 1_000)):
        one = figures_of(trail, 1, ordered)
        assert (one.ordered, one.is_whole) == (ordered, False)
        assert (one.shortfall, one.paper, set(one.parts.values())) == (None, None, {None})


def only_begun(loaded: LoadedScenario) -> Trail:
    """A trail that ends with its first record."""
    builder = TrailBuilder()

    class First:
        def observers(self) -> dict[type[Record], Callable[[Any], None]]:
            return {RunStarted: builder.observe}

    run_world(loaded, watch=[First()])
    return builder.trail()


@pytest.mark.slow
def test_workers_and_a_journal_change_no_byte(tmp_path: Path) -> None:
    made = []
    for jobs, journal in ((1, None), (2, None), (2, tmp_path / "j"), (1, tmp_path / "j")):
        swept = sweep("monte_carlo", seeds=3, jobs=jobs, journal=journal)
        made.append(msgspec.json.encode((swept.result, swept.runs)))
    assert len(set(made)) == 1
    assert (tmp_path / "j").read_bytes().count(b"\n") == 1 + 9


@pytest.mark.slow
def test_the_customers_monte_carlo_tells_its_three_strategies_apart() -> None:
    result = sweep("monte_carlo", seeds=30).result
    rows = {one.name: one for one in result.points}
    assert list(rows) == ["smart_order_router", "vwap", "single_exchange"]
    router = rows["smart_order_router"]
    assert router.reference == "single_exchange"
    assert router.difference_bps is not None
    assert router.difference_bps.verdict == "lower"
    assert float(router.difference_bps.variance_ratio or 9) < 1
    assert all(one.filled_all == 30 for one in rows.values())
    deviations = {name: float(one.cost_bps.sd or 0) for name, one in rows.items() if one.cost_bps}
    assert deviations["vwap"] > 3 * deviations["smart_order_router"]


@pytest.mark.slow
def test_latency_costs_where_others_react_and_is_noise_where_nobody_does() -> None:
    values = ('study.sweep.along.values=["50us", "10ms"]',)
    result = sweep("latency_study", sets=values, seeds=8).result
    last = [one for one in result.points if one.levels["along"] == "10ms"]
    verdicts = {(one.levels["variant"], one.levels["line"]): one.difference_bps for one in last}
    for (variant, line), one in verdicts.items():
        assert one is not None
        expected = {"higher"} if variant == "others_react" else {"the same", "within the noise"}
        assert one.verdict in expected, (variant, line)
    rates = {name: [] for name in ("others_react", "nobody_reacts")}  # type: dict[str, list[float]]
    for one_row in last:
        assert one_row.fill_rate is not None
        rates[one_row.levels["variant"]].append(float(one_row.fill_rate.mean))
    assert max(rates["others_react"]) < 0.9 < min(rates["nobody_reacts"])
