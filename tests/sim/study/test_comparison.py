"""Strategies compared on equal chance: what is compared, what is not, and the same bytes always."""

from pathlib import Path

import msgspec
import pytest

from sim.protocol.errors import ScenarioError
from sim.scenario.load import load_scenario
from sim.study.comparison import Compared, Comparison, compare
from sim.study.runs import Source

SMALL = ("comparison.seeds=3", "comparison.size_seeds=2", "comparison.sizes=[1000, 20000]")


@pytest.fixture(scope="module")
def found() -> Comparison:
    return compare(Source("strategies", SMALL))


def row(found: Comparison, name: str) -> Compared:
    return next(one for one in found.strategies if one.name == name)


@pytest.mark.slow
def test_every_strategy_has_its_words_and_its_figures(found: Comparison) -> None:
    config = load_scenario("strategies").scenario.comparison
    assert config is not None
    assert [one.name for one in found.strategies] == [one.name for one in config.strategies]
    assert set(row(found, "single_exchange").venues) == {"LIT1"}
    assert set(row(found, "dark_pool_only").venues) == {"POOL1", "POOL2"}
    assert set(row(found, "execution_broker").venues) == {"BROKER"}
    assert len(row(found, "smart_order_router").venues) == 5
    assert [one.filled_all for one in found.strategies if one.name != "dark_pool_only"] == [
        3 for one in found.strategies if one.name != "dark_pool_only"
    ]


@pytest.mark.slow
def test_what_never_shows_is_never_noticed_and_slices_are_less_often(found: Comparison) -> None:
    noticed = {
        one.name: float(one.detect_probability.mean)
        for one in found.strategies
        if one.detect_probability is not None
    }
    assert noticed["dark_pool_only"] == noticed["execution_broker"] == 0
    assert 0 < noticed["twap_algorithm"] < noticed["smart_order_router"]


@pytest.mark.slow
def test_a_partial_fill_is_not_compared_with_a_full_one(found: Comparison) -> None:
    dark = row(found, "dark_pool_only")
    assert float(dark.filled_share.mean) < 1
    assert (dark.cost_bps, dark.against_reference_bps) == (None, None)
    broker = row(found, "execution_broker")
    assert broker.against_reference_bps is not None
    assert broker.against_reference_bps.n == 3
    assert row(found, "smart_order_router").against_reference_bps is None


@pytest.mark.slow
def test_pairs_are_of_equal_seed(found: Comparison) -> None:
    """The mean of differences is the difference of means, over the same runs."""
    broker, router = row(found, "execution_broker"), row(found, "smart_order_router")
    assert broker.cost_bps is not None
    assert router.cost_bps is not None
    assert broker.against_reference_bps is not None
    difference = float(broker.cost_bps.mean) - float(router.cost_bps.mean)
    assert float(broker.against_reference_bps.mean) == pytest.approx(difference, abs=2e-6)


@pytest.mark.slow
def test_the_best_size_is_least_above_the_cheapest(found: Comparison) -> None:
    for one in found.strategies:
        above = {size.qty: size.above_cheapest_bps for size in one.sizes}
        known = {qty: float(bps) for qty, bps in above.items() if bps is not None}
        assert one.best_size == (max(known, key=lambda q: (-known[q], float(q))) if known else None)
    for n in range(2):
        gaps = [one.sizes[n].above_cheapest_bps for one in found.strategies]
        assert min(float(gap) for gap in gaps if gap is not None) == 0


@pytest.mark.slow
def test_the_number_of_workers_changes_no_byte(found: Comparison) -> None:
    again = compare(Source("strategies", SMALL), jobs_n=2)
    assert msgspec.json.encode(again) == msgspec.json.encode(found)


@pytest.mark.slow
def test_another_first_seed_is_another_market(found: Comparison) -> None:
    sets = (*SMALL, "comparison.sizes=[]", "comparison.seeds=2")
    other = compare(Source("strategies", sets), seed=2)
    again = compare(Source("strategies", (*sets, "seed=2")))
    assert other == again
    assert other.first_seed == 2
    assert row(other, "single_exchange").cost_bps != row(found, "single_exchange").cost_bps


def test_a_wrong_override_of_a_strategy_names_it() -> None:
    wrong = "{router.max_attempts: 0}"
    strategies = (
        "[{name: a, about: x, controls: x, regulatory: x}, "
        f"{{name: b, about: x, controls: x, regulatory: x, sets: {wrong}}}]"
    )
    sets = (f"comparison={{reference: a, strategies: {strategies}}}",)
    with pytest.raises(ScenarioError) as caught:
        compare(Source("fragmented", sets))
    assert caught.value.problems[0].file == "strategy b router.max_attempts=0"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("comparison.reference=nobody", "reference must be one of "),
        ("comparison.sizes=[5, 4]", "sizes must rise"),
        ('comparison.sizes=["0.5"]', "comparison.sizes[0]: must be a whole multiple"),
        ("comparison.seeds=1", "comparison.seeds: found number 1; allowed: >= 2"),
        (
            "parents=[{id: A, side: buy, qty: 1}, {id: B, side: buy, qty: 1}]",
            "comparison.sizes: is for scenarios with one parent",
        ),
    ],
)
def test_what_is_wrong_with_a_comparison_is_told_at_its_place(change: str, says: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario("strategies", sets=[change])
    assert says in str(caught.value)


def test_a_scenario_without_one_cannot_be_compared() -> None:
    with pytest.raises(ScenarioError, match="comparison: must be there to compare strategies"):
        compare(Source("fragmented"))


def test_a_comparison_leaves_the_run_itself_alone(tmp_path: Path) -> None:
    import sim

    plain = sim.run("strategies", sets=["comparison=null"])
    assert sim.run("strategies").summary["parents"] == plain.summary["parents"]
