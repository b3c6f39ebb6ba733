"""A tuning compares what can be compared, and says what a ranking does not tell."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from sim.protocol.errors import ScenarioError
from sim.study.costs import cost_of, savings_bps
from sim.study.grid import grid_of, parse_axis
from sim.study.paired import paired
from sim.study.pool import JobError
from sim.study.runs import RunJob, Source, run_job
from sim.study.tune import Tuning, confidence_of_each, tune
from sim.world import run_world


def found(scenario: str, *axes: str, sets: tuple[str, ...] = (), **options: Any) -> Tuning:
    grid = grid_of([parse_axis(axis) for axis in axes])
    return tune(Source(scenario, sets), grid, options.pop("baselines", ["best_ask"]), **options)[0]


def test_the_cheapest_point_is_best_and_saves_what_the_cash_says() -> None:
    result = found("fragmented", "router.strategy.kind=top_of_book,greedy")
    assert result.best_parameters == {"router.strategy.kind": "greedy"}
    assert result.best is not None
    assert (result.best.total_cash, result.best.avg_px) == ("10000450.00000000", "100.00450000")
    assert [row.total_cash for row in result.points] == ["10000850.00000000", "10000450.00000000"]
    assert result.savings_vs_baselines_bps["best_ask"] == msgspec.convert(
        {"mean": "0.399966"}, type(result.savings_vs_baselines_bps["best_ask"])
    )
    assert (result.ties, result.idle, result.nothing_matters) == ([], [], False)
    assert result.notes == [
        "one seed: the ranking is that of one market, and no interval says how sure it is"
    ]


def test_a_sale_is_best_where_it_receives_most() -> None:
    sets = ("parents[BUY_3000].side=sell", "parents[BUY_3000].limit=null")
    result = found("generated_books", "router.reroute.levels=all,top", sets=sets)
    assert result.side == "sell"
    cash = {row.name: Fraction(row.total_cash or 0) for row in result.points}
    assert result.best is not None
    assert cash[result.best.name] == max(cash.values())


def test_parameters_that_change_nothing_are_named() -> None:
    result = found(
        "fragmented", "router.strategy.kind=greedy,top_of_book", "router.max_attempts=5,6,7"
    )
    assert result.idle == ["router.max_attempts"]
    assert [one["router.max_attempts"] for one in result.ties] == ["6", "7"]
    assert "router.max_attempts changes no result, whatever the others are" in result.notes
    assert "2 other points cost exactly what the best one costs" in result.notes


def test_a_grid_in_which_nothing_matters_is_called_that() -> None:
    result = found("fragmented", "router.max_attempts=5,6", "router.cancel_resends=1,2")
    assert result.nothing_matters
    assert len(result.ties) == 3
    assert result.notes[0] == (
        "nothing in this grid matters: router.max_attempts, router.cancel_resends change no result"
    )


def test_one_parameter_changes_nothing_in_the_singular() -> None:
    result = found("fragmented", "router.max_attempts=5,6")
    assert result.notes[0] == "nothing in this grid matters: router.max_attempts changes no result"


def test_what_filled_less_is_not_ranked_however_cheap() -> None:
    """One venue has 90,000 of the 100,000: cheaper in total, since it bought less."""
    point = "router.strategy={kind: single_venue, venue: NYSE},{kind: greedy}"
    result = found("fragmented", point)
    assert result.best_parameters == {"router.strategy": "{kind: greedy}"}
    partial = result.points[0]
    assert (partial.total_cash, partial.why_unranked) == (None, "filled 90,000 of 100,000 lots")
    assert "1 of 2 points did not fill all orders and are not ranked" in result.notes
    alone = found("fragmented", "router.strategy={kind: single_venue, venue: NYSE}")
    assert (alone.best, alone.best_parameters) == (None, None)
    assert alone.savings_vs_baselines_bps == {"best_ask": None}
    assert "no point filled all orders: nothing is ranked" in alone.notes


def test_several_seeds_have_intervals_and_say_what_is_within_noise() -> None:
    result = found("generated_books", "router.strategy.kind=greedy,top_of_book", seeds_n=4)
    assert result.seeds == [7, 8, 9, 10]
    saved = result.savings_vs_baselines_bps["best_ask"]
    assert saved is not None
    assert saved.low is not None
    assert saved.high is not None
    assert float(saved.low) <= float(saved.mean) <= float(saved.high)
    assert result.within_noise is not None
    assert len(result.within_noise) == 1
    flatters = "savings are measured with the seeds that chose the best point, which flatters it"
    assert flatters in result.notes


def test_points_that_differ_by_chance_alone_hardly_ever_pass_for_worse() -> None:
    """Of 27 equal points the best is the luckiest: its intervals must hold for all pairs."""
    assert confidence_of_each(2) == pytest.approx(0.95)
    assert confidence_of_each(27) == pytest.approx(1 - 0.05 / 351)
    chance, wrong = Random(27), {0.95: 0, confidence_of_each(27): 0}
    for _ in range(60):
        costs = [[chance.gauss(0, 1) for _ in range(10)] for _ in range(27)]
        best = min(costs, key=sum)
        for level in wrong:
            reach = [paired("", best, one, level).low for one in costs if one is not best]
            wrong[level] += max(reach) > 0
    assert wrong[confidence_of_each(27)] <= 6
    assert wrong[0.95] > 30, "one pair after the other would name some point worse nearly always"


@pytest.mark.slow
def test_the_number_of_workers_changes_no_byte() -> None:
    axes = ("router.strategy.kind=greedy,top_of_book", "router.reroute.levels=all,top")
    grid = grid_of([parse_axis(axis) for axis in axes])
    made = [
        tune(Source("generated_books"), grid, ["best_ask"], seeds_n=3, jobs_n=n) for n in (1, 2)
    ]
    assert msgspec.json.encode(made[0]) == msgspec.json.encode(made[1])


def test_a_bad_value_is_told_with_all_others_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sim.study.runs.run_world", pytest.fail)
    with pytest.raises(ScenarioError) as caught:
        found("fragmented", "router.strategy.kind=greedy,nonsense", "router.max_attempts=0,5")
    places = {(problem.file, problem.path) for problem in caught.value.problems}
    assert places == {
        ("--grid router.strategy.kind=nonsense", "router.strategy.kind"),
        ("--grid router.max_attempts=0", "router.max_attempts"),
    }


def test_decimals_of_a_grid_need_no_quotes_where_a_key_takes_them_exactly() -> None:
    result = found("fragmented", "venues[NYSE].fill_risk=0.001,0.5", "router.max_attempts=5,6")
    assert result.best_parameters == {
        "venues[NYSE].fill_risk": "0.001",
        "router.max_attempts": "5",
    }
    with pytest.raises(ScenarioError, match=r"fill_risk: found text '1.5'; allowed: < 1"):
        found("fragmented", "venues[NYSE].fill_risk=0.001,1.5")


def test_orders_of_both_sides_have_no_common_cost() -> None:
    two = '{id: P1, side: buy, qty: 10}, {id: P2, side: sell, qty: 10, limit: "90"}'
    with pytest.raises(ScenarioError, match="orders to buy and to sell have no common cost"):
        found("fragmented", "router.max_attempts=5,6", sets=(f"parents=[{two}]",))


def test_a_run_that_fails_names_its_point(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object, **options: object) -> None:
        raise RuntimeError("surprise")

    monkeypatch.setattr("sim.study.runs.run_world", fails)
    with pytest.raises(JobError) as caught:
        found("fragmented", "router.max_attempts=5,6")
    assert str(caught.value) == (
        "fragmented with seed 1, router.max_attempts=5: RuntimeError: surprise"
    )


def test_a_job_runs_what_the_command_line_would_run() -> None:
    source = Source("generated_books", ("router.reroute.levels=top",))
    got = run_job(RunJob(source, (("--grid", "router.max_attempts=7"),), 12, fills=True))
    loaded = source.load((("--grid", "router.max_attempts=7"),))
    again = run_world(replace(loaded, scenario=loaded.scenario.model_copy(update={"seed": 12})))
    assert got.summary == again.summary
    filled = sum(fill.qty for fill in got.fills)
    assert filled == got.summary["parents"][0]["filled_qty"] == 3000


def test_costs_count_fees_and_compare_equal_quantities_only(tmp_path: Path) -> None:
    parent = {
        "side": "buy",
        "order_qty": 100,
        "filled_qty": 100,
        "notional": "1001",
        "fees": "2",
        "arrival_mid": "10",
    }
    summary = {"instrument": {"lot_size": "1"}, "parents": [parent]}
    buy = cost_of(summary)
    assert [buy.cash, buy.bps, buy.avg_px] == [Fraction(1003), Fraction(30), Fraction(1003, 100)]
    sale = cost_of({**summary, "parents": [{**parent, "side": "sell"}]})
    assert [sale.cash, sale.bps] == [Fraction(999), Fraction(10)]
    dearer = cost_of({**summary, "parents": [{**parent, "fees": "12"}]})
    assert savings_bps(buy, dearer) == Fraction(10_000 * 10, 1013)
    with pytest.raises(ValueError, match="equal quantities compare"):
        savings_bps(buy, buy._replace(filled=99))
    with pytest.raises(ValueError, match="one side"):
        cost_of({**summary, "parents": [parent, {**parent, "side": "sell"}]})
    assert cost_of({**summary, "parents": [{**parent, "arrival_mid": None}]}).bps is None
