"""The placement model: assumptions, the closed form, solvers against searches, directions."""

from collections.abc import Sequence
from itertools import pairwise, product
from math import inf

import msgspec
import pytest

from router.allocate.placement.closed_form import closed_form
from router.allocate.placement.descent import Bounds, descend
from router.allocate.placement.exact import expected_cost, near_cost, solve
from router.allocate.placement.laws import Discrete, Exponential, Law, empirical, geometric, poisson
from router.allocate.placement.model import Placement, Problem, cost_of, fills
from router.allocate.placement.optimality import conditions, outcome
from router.allocate.placement.outflows import Outflows, even_outflows
from router.allocate.placement.samples import SampleAverage, solve_on_samples
from router.allocate.placement.stochastic import step_size, stochastic_approximation
from router.allocate.placement.without_overbooking import (
    cost_without_overbooking,
    without_overbooking,
)

ONE = Problem(
    order_qty=60,
    half_spread=1.0,
    taker_fee=0.3,
    rebates=(0.2,),
    queues=(30.0,),
    theta=0.02,
    lambda_under=3.0,
    lambda_over=2.7,
)
TWO = msgspec.structs.replace(ONE, rebates=(0.2, 0.1), queues=(30.0, 35.0))
# The problem of the golden tables, small enough to search: two venues alike, overbooked inside.
PAIR = Problem(
    order_qty=500.0,
    half_spread=2.0,
    taker_fee=0.3,
    rebates=(0.2, 0.2),
    queues=(2000.0, 2000.0),
    theta=0.05,
    lambda_under=5.0,
    lambda_over=5.0,
)
LAW = poisson(2200.0)


def pair_outflows(common: float = 0.6, mean: float = 2200.0) -> Outflows:
    law = poisson(mean)
    return Outflows([law, law], law, common, 1 - common)


# The model


def test_the_cost_of_an_outcome_is_the_formula_by_hand() -> None:
    placement = Placement(20.0, (30.0, 25.0))
    assert fills(TWO, placement.limits, (45.0, 100.0)) == [15.0, 25.0]
    # A = 20 + 15 + 25 = 60: neither short nor over.
    by_hand = 1.3 * 20 - 1.2 * 15 - 1.1 * 25 + 0.02 * 75
    assert cost_of(TWO, placement, (45.0, 100.0)) == pytest.approx(by_hand)
    # Ten short: they are bought at the end, so impact counts for them too.
    short = 1.3 * 20 - 1.2 * 5 - 1.1 * 25 + 0.02 * (75 + 10) + 3.0 * 10
    assert cost_of(TWO, placement, (35.0, 100.0)) == pytest.approx(short)
    over = 1.3 * 20 - 1.2 * 30 - 1.1 * 25 + 0.02 * 75 + 2.7 * 15
    assert cost_of(TWO, placement, (100.0, 100.0)) == pytest.approx(over)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rebates": (-1.0,)}, "min rebate"),
        ({"lambda_over": 1.2}, "half_spread \\+ max rebate"),
        ({"lambda_over": 1.25, "taker_fee": -2.3}, "taker_fee"),
        ({"lambda_under": 1.3}, "lambda_under must be > half_spread"),
        ({"order_qty": 0.0}, "order_qty"),
        ({"theta": -0.1}, "theta must be >= 0"),
        ({"half_spread": inf}, "half_spread must be finite"),
        ({"queues": (-1.0,)}, r"queues\[0\]"),
        ({"queues": ()}, "at least one venue"),
        ({"rebates": (0.1, 0.2)}, "one entry for each of 1 venues"),
        ({"queue_costs": (-0.1,)}, r"queue_costs\[0\]"),
    ],
)
def test_D11_an_assumption_that_fails_is_named(change: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        msgspec.structs.replace(ONE, **change).check()


# Laws


@pytest.mark.parametrize(
    "law",
    [poisson(50.0), Exponential(50.0), geometric(50.0), empirical([0.0, 10.0, 10.0, 80.0])],
    ids=["poisson", "exponential", "geometric", "empirical"],
)
def test_a_law_agrees_with_itself(law: Law) -> None:
    places = [0.0, 3.5, 10.0, 49.0, 80.0, 200.0]
    # The tail's integral, by a sum of many thin slices.
    for place in places:
        n = 4_000
        width = place / n
        slices = sum(law.tail(width * (i + 0.5)) for i in range(n)) * width
        assert law.tail_integral(place) == pytest.approx(slices, abs=0.05)
    assert law.tail_integral(1e9) == pytest.approx(law.mean)
    for p in (0.1, 0.5, 0.75, 0.99):
        x = law.quantile(p)
        assert law.cdf(x) >= p - 1e-12
        assert law.cdf(x - 1e-6) < p
    assert law.tail_integral(-2.0) == -2.0


def test_laws_refuse_what_is_none() -> None:
    for wrong in (0.0, -1.0, inf, float("nan")):
        with pytest.raises(ValueError, match="mean must be"):
            poisson(wrong)
    with pytest.raises(ValueError, match="samples"):
        empirical([])
    with pytest.raises(ValueError, match="rise"):
        Discrete([1.0, 1.0], [0.5, 0.5])
    with pytest.raises(ValueError, match="not all 0"):
        Discrete([1.0], [0.0])
    with pytest.raises(ValueError, match="own_weight"):
        Outflows([LAW], own_weight=0.0)
    with pytest.raises(ValueError, match="only discrete laws"):
        Outflows([Exponential(5.0)], LAW, 0.5, 0.5)


def test_a_mixture_has_the_mean_and_the_steps_of_its_parts() -> None:
    outflows = Outflows([poisson(20.0)], poisson(10.0), 0.6, 0.4)
    law = outflows.marginal(0)
    assert law.mean == pytest.approx(0.6 * 10 + 0.4 * 20)
    assert outflows.unit == pytest.approx(0.2)
    by_hand = sum(
        p * q * (0.6 * x + 0.4 * y < 12.1)
        for x, p in zip(poisson(10.0).points, poisson(10.0).probs, strict=True)
        for y, q in zip(poisson(20.0).points, poisson(20.0).probs, strict=True)
    )
    assert law.cdf(12.1) == pytest.approx(by_hand, abs=1e-9)


# One venue


def test_the_closed_form_is_the_best_of_all_whole_splits() -> None:
    law = poisson(50.0)
    for under in (1.4, 2.0, 3.0, 8.0):
        problem = msgspec.structs.replace(ONE, lambda_under=under)
        best = min(
            (cost_without_overbooking(problem, Placement(60 - n, (float(n),)), [law]), n)
            for n in range(61)
        )
        found = closed_form(problem, law)
        assert found.cost == pytest.approx(best[0])
        assert found.placement.limits[0] == best[1]


def test_a_queue_longer_than_any_outflow_is_not_joined() -> None:
    """F(Q) is 1 there; and where F(Q) is too small for a float nothing is divided by 0."""
    long = msgspec.structs.replace(ONE, queues=(1e9,))
    assert closed_form(long, poisson(50.0)).placement == Placement(60, (0.0,))
    short = msgspec.structs.replace(ONE, queues=(0.0,))
    found = closed_form(short, poisson(5_000.0))
    assert found.high == inf
    assert found.region == "all_limit"


def test_lambda_over_plays_no_part_with_one_venue() -> None:
    found = [
        closed_form(msgspec.structs.replace(ONE, lambda_over=over), poisson(50.0)).placement
        for over in (1.3, 2.7, 100.0)
    ]
    assert found[0] == found[1] == found[2]


# Several venues without overbooking


def test_without_overbooking_is_the_best_of_all_whole_splits() -> None:
    laws = [poisson(40.0), poisson(45.0)]
    problem = msgspec.structs.replace(TWO, order_qty=20.0, lambda_under=4.0)
    best = min(
        cost_without_overbooking(problem, Placement(20.0 - a - b, (float(a), float(b))), laws)
        for a, b in product(range(21), repeat=2)
        if a + b <= 20
    )
    found = without_overbooking(problem, laws)
    assert found.total == pytest.approx(20.0)
    assert cost_without_overbooking(problem, found, laws) == pytest.approx(best, abs=1e-9)


def test_without_overbooking_weighs_each_level_at_market_by_its_own_price() -> None:
    laws = [poisson(40.0)]
    levels = [(1.3, 10.0), (2.5, 50.0)]
    found = without_overbooking(ONE, laws, levels)

    def cost(limit: int) -> float:
        market = 60.0 - limit
        paid = 1.3 * min(market, 10.0) + 2.5 * max(market - 10.0, 0.0)
        return cost_without_overbooking(ONE, Placement(market, (float(limit),)), laws, paid)

    assert found.limits[0] == min(range(61), key=cost)
    nothing = without_overbooking(ONE, laws, [])
    assert nothing == Placement(0.0, (60.0,))


def test_an_overbooked_placement_has_no_cost_without_overbooking() -> None:
    with pytest.raises(ValueError, match="must not exceed the order"):
        cost_without_overbooking(TWO, Placement(40.0, (20.0, 20.0)), [LAW, LAW])


# The whole problem


def brute(problem: Problem, outflows: Outflows, step: int) -> float:
    """The least exact cost of all placements of two venues on a grid, overbooked ones too."""
    first, second = [law for law in outflows.own if isinstance(law, Discrete)]
    pairs = [
        ((x, y), p * q)
        for x, p in zip(first.points, first.probs, strict=True)
        for y, q in zip(second.points, second.probs, strict=True)
    ]
    size = int(problem.order_qty)
    best = inf
    for a, b in product(range(0, size + 1, step), repeat=2):
        for market in range(max(0, size - a - b), size - max(a, b) + 1, step):
            placement = Placement(float(market), (float(a), float(b)))
            cost = sum(p * cost_of(problem, placement, xi) for xi, p in pairs)
            best = min(best, cost)
    return best


@pytest.mark.slow
@pytest.mark.parametrize("over", [1.3, 2.7, 9.0])
def test_the_exact_solver_is_no_worse_than_a_search_over_a_grid(over: float) -> None:
    """Laws of few points, so that every outcome can be written out; kinks and corners included."""
    laws = [empirical([0.0, 6.0, 14.0]), empirical([2.0, 9.0, 20.0])]
    problem = msgspec.structs.replace(
        TWO, order_qty=12.0, queues=(2.0, 4.0), lambda_over=over, lambda_under=4.0
    )
    outflows = Outflows(laws)
    found = solve(problem, outflows)
    own = sum(cost_of(problem, found.placement, (x, y)) for x in (0, 6, 14) for y in (2, 9, 20)) / 9
    assert own == pytest.approx(found.cost, abs=0.02)
    assert own <= brute(problem, outflows, 1) + 0.02


def test_the_cost_of_limits_between_the_steps_of_the_outflows() -> None:
    """A small order that just fits: put on whole shares, its shortfall would look much likelier."""
    problem = msgspec.structs.replace(
        TWO, order_qty=74.0, queues=(262.0, 93.0), lambda_under=7.6, lambda_over=5.4
    )
    laws = (poisson(270.0), geometric(71.0))
    place = Placement(60.8, (13.2, 13.2))
    own = sum(
        p * q * cost_of(problem, place, (x, y))
        for x, p in zip(laws[0].points, laws[0].probs, strict=True)
        if p > 1e-12
        for y, q in zip(laws[1].points, laws[1].probs, strict=True)
        if y < 93 + 14 or y == laws[1].points[-1]
    )
    # All that is beyond the second limit fills it whole.
    beyond = sum(
        q
        for y, q in zip(laws[1].points, laws[1].probs, strict=True)
        if y >= 93 + 14 and y != laws[1].points[-1]
    )
    own += beyond * sum(
        p * cost_of(problem, place, (x, 1e9))
        for x, p in zip(laws[0].points, laws[0].probs, strict=True)
    )
    assert expected_cost(problem, Outflows(laws), place) == pytest.approx(own, abs=74 * 1e-4)


@pytest.mark.slow
def test_the_cost_that_the_exact_solver_names_is_that_of_its_placement() -> None:
    """Of a larger order than the tables have, inside, where the solver's steps are long."""
    problem = msgspec.structs.replace(PAIR, order_qty=800.0, half_spread=2.0, lambda_over=3.0)
    outflows = pair_outflows()
    found = solve(problem, outflows)
    whole = expected_cost(problem, outflows, found.placement)
    assert found.cost == pytest.approx(whole, abs=800 * 1e-5)


def test_an_optimum_is_at_least_as_good_as_the_fixed_placements() -> None:
    outflows = pair_outflows()
    found = solve(PAIR, outflows)
    for fixed in (
        Placement(500.0, (0.0, 0.0)),
        Placement(0.0, (500.0, 0.0)),
        Placement(500 / 3, (500 / 3, 500 / 3)),
        Placement(0.0, (250.0, 250.0)),
    ):
        assert found.cost < expected_cost(PAIR, outflows, fixed)


@pytest.mark.slow
def test_samples_meet_the_exact_optimum() -> None:
    outflows = pair_outflows()
    rows = even_outflows(outflows, 2_000)
    found, cost = solve_on_samples(PAIR, rows)
    assert SampleAverage(PAIR, rows).cost(found) == pytest.approx(cost)
    mean = sum(cost_of(PAIR, found, row) for row in rows) / len(rows)
    assert mean == pytest.approx(cost)
    exact = solve(PAIR, outflows)
    # The objective is flat near the optimum: judged by cost, in cents per share.
    assert expected_cost(PAIR, outflows, found) / 500 <= exact.cost / 500 + 0.01


@pytest.mark.slow
def test_the_quick_cost_is_near_the_whole_one() -> None:
    outflows = pair_outflows()
    for placement in (
        Placement(78.6, (212.2, 212.2)),
        Placement(0.0, (333.3, 250.1)),
        Placement(100.0, (200.0, 200.0)),
    ):
        whole = expected_cost(PAIR, outflows, placement)
        assert near_cost(PAIR, outflows, placement) == pytest.approx(whole, abs=500 * 2e-5)


def test_samples_that_do_not_fit_are_refused() -> None:
    for rows in ([], [[1.0]], [[1.0, 2.0, 3.0]]):
        with pytest.raises(ValueError, match="outflows must be rows of 2"):
            SampleAverage(PAIR, rows)


def test_the_stochastic_approximation_follows_the_paper_step_by_step() -> None:
    rows = [[2100.0, 1900.0]]
    g = step_size(PAIR, 1)
    assert g == pytest.approx(2**0.5 * 500 * (12.35**2 + 2 * 12.25**2) ** -0.5)
    found = stochastic_approximation(PAIR, rows, 1)
    # From 166.67 each: the first fills 100, the second nothing, so A < S; neither fills whole.
    market = min(500 / 3 - g * (2.35 - 5.05), 500.0)
    limit = min(500 / 3 - g * 0.05, 500 - market)
    assert found.market == pytest.approx(market)
    assert found.limits == pytest.approx((limit, limit))
    with pytest.raises(ValueError, match="must have 2 rows, had 1"):
        stochastic_approximation(PAIR, rows, 2)
    with pytest.raises(ValueError, match="iterations must be >= 1"):
        stochastic_approximation(PAIR, rows, 0)


@pytest.mark.slow
def test_conditions_hold_inside_up_to_one_atom() -> None:
    outflows = pair_outflows()
    holds = conditions(PAIR, outflows, solve(PAIR, outflows).placement)
    assert holds.p_under == pytest.approx(holds.p_under_wanted, abs=0.01)
    assert holds.p_under_if_full == pytest.approx(holds.p_under_if_full_wanted, abs=0.02)


def test_what_can_never_fill_whole_has_no_condition() -> None:
    with pytest.raises(ValueError, match="can never fill whole"):
        conditions(TWO, Outflows([empirical([40.0]), LAW]), Placement(0.0, (60.0, 60.0)))


@pytest.mark.slow
def test_an_outcome_adds_up() -> None:
    outflows, placement = pair_outflows(), Placement(100.0, (250.0, 250.0))
    came = outcome(PAIR, outflows, placement)
    gap = came.under - came.over
    assert gap == pytest.approx(500.0 - 100.0 - sum(came.filled))
    assert 0 < came.p_under < 1


# Which way the optimum goes as one input changes: two venues alike, by the exact solver


def optimum(common: float = 0.6, mean: float = 2200.0, **change: float) -> Placement:
    problem = msgspec.structs.replace(PAIR, **change)
    return solve(problem, pair_outflows(common, mean)).placement


def posted(placement: Placement) -> float:
    return sum(placement.limits)


def rises(values: Sequence[float]) -> bool:
    return all(b > a - 0.5 for a, b in pairwise(values)) and (values[-1] > values[0] + 1)


@pytest.mark.slow
def test_a_dearer_shortfall_means_more_at_market_and_less_posted() -> None:
    found = [optimum(lambda_under=value) for value in (3.0, 5.0, 8.0)]
    assert rises([one.market for one in found])
    assert rises([-posted(one) for one in found])


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        [{"half_spread": 1.5}, {"half_spread": 2.0}, {"half_spread": 2.5}],
        [{"taker_fee": 0.1}, {"taker_fee": 0.3}, {"taker_fee": 0.6}],
        [{"mean": 2180.0}, {"mean": 2200.0}, {"mean": 2220.0}],
    ],
    ids=["half_spread", "taker_fee", "mean_outflow"],
)
def test_dearer_markets_and_quicker_queues_mean_less_at_market_and_more_posted(
    changes: list[dict[str, float]],
) -> None:
    found = [optimum(**change) for change in changes]
    assert rises([-one.market for one in found])
    assert rises([posted(one) for one in found])


@pytest.mark.slow
def test_dearer_impact_and_more_in_common_shrink_the_overbooking() -> None:
    by_theta = [optimum(theta=value).total for value in (0.0, 0.05, 0.2)]
    assert rises([-total for total in by_theta])
    by_common = [optimum(common=value).total for value in (0.2, 0.4, 0.6)]
    assert rises([-total for total in by_common])


@pytest.mark.slow
def test_a_dearer_surplus_means_less_posted() -> None:
    found = [optimum(lambda_over=value) for value in (2.5, 5.0, 10.0)]
    assert rises([-posted(one) for one in found])


# Going down


class Bowl:
    """A slanted bowl with its bottom at ``bottom``."""

    def __init__(self, place: list[float], bottom: list[float]) -> None:
        weights = [1.0, 10.0, 0.1]
        away = [x - b for x, b in zip(place, bottom, strict=True)]
        self.cost = sum(w * one**2 for w, one in zip(weights, away, strict=True))
        self.slopes = [2 * w * one for w, one in zip(weights, away, strict=True)]


def test_descent_finds_the_bottom_inside_and_the_wall_where_it_is_outside() -> None:
    bounds = Bounds(10.0, 12.0, above=True)
    inside, _ = descend(
        lambda x: Bowl(x, [6.0, 5.0, 4.0]), [10.0, 10.0, 10.0], bounds, enough=1e-12, steps=200
    )
    assert inside == pytest.approx([6.0, 5.0, 4.0], abs=1e-3)
    wall, there = descend(
        lambda x: Bowl(x, [20.0, 5.0, 4.0]), [5.0, 5.0, 5.0], bounds, enough=1e-12, steps=200
    )
    assert wall == pytest.approx([10.0, 5.0, 4.0], abs=1e-3)
    assert there.cost == pytest.approx(100.0)


@pytest.mark.parametrize("above", [True, False])
def test_what_is_out_of_bounds_is_brought_back(above: bool) -> None:
    bounds = Bounds(10.0, 12.0, above=above)
    for place in ([-5.0, 3.0, 2.0], [30.0, 9.0, 8.0], [4.0, 4.0, 4.0]):
        near = bounds.nearest(place)
        assert all(0 <= x <= 10 for x in near)
        assert (sum(near) >= 12 - 1e-6) if above else (sum(near) <= 12 + 1e-6)
