"""``cont_kukanov`` as a strategy: from the market of the moment to slices, posts and notes."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.allocate.base import (
    USUAL_TIE,
    Allocation,
    AllocationRequest,
    ChildOutcome,
    Join,
    Offer,
)
from router.allocate.cont_kukanov import ContKukanov, ContKukanovConfig
from router.allocate.cont_kukanov_outflow import counted, part_of
from router.allocate.greedy import Greedy
from router.allocate.placement.closed_form import closed_form
from router.allocate.placement.laws import poisson
from router.allocate.placement.model import Problem
from router.allocate.trial_static import DEGENERATE, TrialStaticConfig
from sim.protocol.enums import Side
from sim.protocol.units import Units

CENT = Units(Decimal("0.01"), Decimal(1))
SOLVERS = ("exact", "closed_form", "stochastic", "samples")


def made(outflow: dict[str, Any] | None = None, **more: Any) -> ContKukanov:
    config = {
        "kind": "cont_kukanov",
        "horizon": "1s",
        "outflow": outflow or {"law": "poisson", "mean": 80},
        "lambda_under": "0.05",
        "lambda_over": "0.05",
        **more,
    }
    strategy = ContKukanovConfig.model_validate(config).build()
    strategy.units = CENT
    return strategy


def offer(
    venue_id: str,
    price: int,
    qty: int = 1_000,
    *,
    fee: int = 0,
    more: tuple[int, int] | None = None,
) -> Offer:
    levels = ((price, qty),) if more is None else ((price, qty), more)
    return Offer(venue_id, "lit", 1, 1, levels, 1, fee)


def join(venue_id: str, price: int = 9_999, queue: int = 60, **more: Any) -> Join:
    return Join(venue_id, price, queue, more.pop("lot", 1), 1, **more)


def request(*joins: Join, offers: tuple[Offer, ...] = (), **more: Any) -> AllocationRequest:
    told: dict[str, Any] = {"side": Side.BUY, "qty": 100, "depth": "full", "mid2": 20_000}
    return AllocationRequest(
        **{
            **told,
            "tie": USUAL_TIE,
            "offers": offers or (offer("A", 10_001), offer("B", 10_001)),
            "joins": joins,
            "parent_id": "P",
            **more,
        }
    )


def posted(found: Allocation) -> dict[str, int]:
    return {venue_id: n for venue_id, _, n in found.posts}


def notes(found: Allocation) -> dict[str, str]:
    return dict(found.notes)


def problem_alone() -> Problem:
    """Of ``request(join("A"))``, in ticks and lots."""
    return Problem(
        order_qty=100.0,
        half_spread=1.0,
        taker_fee=0.0,
        rebates=(0.0,),
        queues=(60.0,),
        theta=0.0,
        lambda_under=5.0,
        lambda_over=5.0,
    )


@pytest.mark.parametrize("solver", ["exact", "closed_form"])
def test_with_one_venue_it_is_the_closed_form(solver: str) -> None:
    found = made(solver=solver).allocate(request(join("A")))
    best = closed_form(problem_alone(), poisson(80.0))
    assert posted(found) == {"A": best.placement.limits[0]}
    assert sum(part[2] for part in found.slices) == best.placement.market
    # In ticks and lots inside, in money outside.
    assert float(notes(found)["expected cost"]) == pytest.approx(best.cost / 100, abs=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
def test_market_and_limits_are_the_order_and_never_more(solver: str) -> None:
    strategy = made(solver=solver, iterations=200)
    found = strategy.allocate(request(join("A"), join("B", queue=75), join("C", queue=200)))
    assert sum(part[2] for part in found.slices) + sum(posted(found).values()) == 100
    assert notes(found)["solver"] == solver.replace("_", " ")
    assert posted(found)


def test_a_seller_mirrors_the_sides_and_not_the_signs() -> None:
    strategy = made()
    bought = strategy.allocate(request(join("A", rebate=Fraction(1, 5))))
    sold = strategy.allocate(
        request(
            join("A", 10_001, rebate=Fraction(1, 5)),
            offers=(offer("A", 9_999), offer("B", 9_999)),
            side=Side.SELL,
        )
    )
    assert posted(bought) == posted(sold)
    assert bought.notes == sold.notes
    assert sold.posts[0][1] == 10_001


def test_fees_and_rebates_move_lots_to_where_they_pay() -> None:
    strategy = made()
    alike = posted(strategy.allocate(request(join("A"), join("B"))))
    assert alike["A"] == pytest.approx(alike["B"], abs=1)
    paid = request(join("A"), join("B", rebate=Fraction(1, 2)))
    better = posted(strategy.allocate(paid))
    assert better["B"] > better["A"]
    dear = tuple([msgspec.structs.replace(one, intercept=2) for one in paid.offers])
    taxed = posted(strategy.allocate(msgspec.structs.replace(paid, offers=dear)))
    assert sum(taxed.values()) > sum(better.values())


def test_a_further_level_at_market_is_weighed_at_its_own_price() -> None:
    """So less is taken of a book that is dear behind its best level."""
    flat = made().allocate(request(join("A"), offers=(offer("A", 10_001),)))
    steep = made().allocate(
        request(join("A"), offers=(offer("A", 10_001, 50, more=(10_004, 1_000)),))
    )
    assert sum(posted(steep).values()) > sum(posted(flat).values())


def test_a_long_queue_is_joined_less_the_more_queue_risk_costs() -> None:
    places = request(join("A", queue=50), join("B", queue=70, rebate=Fraction(1, 2)))
    lots = [posted(made(theta_queue=theta).allocate(places)) for theta in ("0", "0.0001", "0.0004")]
    shares = [one.get("B", 0) for one in lots]
    assert shares[0] > shares[1] > shares[2]


def test_less_time_means_less_outflow_and_less_posted() -> None:
    strategy = made()
    whole = posted(strategy.allocate(request(join("A", queue=20))))
    half = posted(strategy.allocate(request(join("A", queue=20), left_ns=500_000_000)))
    tenth = posted(strategy.allocate(request(join("A", queue=20), post_left_ns=100_000_000)))
    assert whole["A"] > half["A"]
    assert not tenth
    assert part_of(100, 1, None) == 0.01
    assert part_of(100, 250, None) == 1.0
    assert part_of(100, -5) == 0.01


def test_lots_of_venues_are_kept() -> None:
    found = made().allocate(request(join("A", lot=10), join("B", lot=7)))
    assert posted(found)["A"] % 10 == 0
    assert posted(found)["B"] % 7 == 0
    assert sum(part[2] for part in found.slices) + sum(posted(found).values()) == 100


@pytest.mark.parametrize(
    "told", [{"joins": ()}, {"mid2": None}], ids=["nowhere_to_post", "no_middle"]
)
def test_where_it_cannot_post_it_takes_as_greedy_does(told: dict[str, Any]) -> None:
    asked = msgspec.structs.replace(request(join("A")), **told)
    assert made().allocate(asked) == Greedy("greedy", "full").allocate(asked)


def test_a_market_that_breaks_an_assumption_is_named_in_the_notes() -> None:
    wide = request(join("A", 9_990), offers=(offer("A", 10_010),))
    found = made(solver="stochastic", lambda_over=1).allocate(wide)
    assert "lambda_under must be > half_spread" in notes(found)["assumption"]
    assert notes(found)["solver"] == "exact"
    assert posted(found) == {"A": 100}
    # A fee that takes more than a fill is worth: nothing is posted at all.
    fee = request(join("A", rebate=Fraction(-7)))
    found = made().allocate(fee)
    assert not found.posts
    assert "must be > 0" in notes(found)["assumption"]
    assert sum(part[2] for part in found.slices) == 100


# Learning


def ended(venue_id: str, lots: int, filled: int, **more: Any) -> ChildOutcome:
    told: dict[str, Any] = {"posted": True, "rejected": False, "ended_ns": 1_000_000_000}
    return ChildOutcome(
        "P", venue_id, "lit", Side.BUY, 9_999, lots, filled, sent_ns=0, **{**told, **more}
    )


def outflow_after(filled: float, **more: Any) -> float:
    """The outflow that is believed once a post has filled this part of itself."""
    strategy = made({"law": "poisson", "mean": 80, "learn": True})
    lots = posted(strategy.allocate(request(join("A"))))["A"]
    strategy.learn(ended("A", lots, round(filled * lots), **more))
    return float(notes(strategy.allocate(request(join("A"))))["outflow A"])


def test_posts_that_fill_move_the_outflow_up_and_others_down() -> None:
    assert outflow_after(0.0) < 80 < outflow_after(1.0)


@pytest.mark.parametrize(
    "more", [{"rejected": True}, {"ended_ns": 100_000_000}, {"posted": False}, {"price": 1}]
)
def test_what_says_nothing_of_the_outflow_teaches_nothing(more: dict[str, Any]) -> None:
    if "price" in more:
        strategy = made({"law": "poisson", "mean": 80, "learn": True})
        strategy.allocate(request(join("A")))
        strategy.learn(msgspec.structs.replace(ended("A", 20, 0), **more))
        assert notes(strategy.allocate(request(join("A"))))["outflow A"] == "80"
    else:
        assert outflow_after(0.0, **more) == 80


def test_without_learn_the_outflow_stays_and_the_queue_cost_moves() -> None:
    strategy = made(theta_queue="0.0001")
    before = notes(strategy.allocate(request(join("A"))))
    lots = int(before["limit A"])
    strategy.learn(ended("A", lots, 0))
    after = notes(strategy.allocate(request(join("A"))))
    assert after["outflow A"] == before["outflow A"] == "80"
    assert float(after["queue cost A"]) > float(before["queue cost A"])


def test_the_outflow_settles_where_fills_are_as_expected() -> None:
    """Told twice what leaves, it comes near the truth by its own fills."""
    strategy = made({"law": "poisson", "mean": 80, "learn": True}, lambda_under="0.02")
    law, found = poisson(40.0), strategy.allocate(request(join("B")))
    for n in range(400):
        found = strategy.allocate(request(join("A", queue=20)))
        lots = posted(found).get("A", 0)
        assert lots, "it gave up posting, and learns no more"
        left = law.quantile(((n * 0.6180339887498949) % 1) or 0.5)
        strategy.learn(ended("A", lots, int(min(max(left - 20, 0), lots))))
    assert float(notes(found)["outflow A"]) == pytest.approx(40, rel=0.1)


# Settings


def test_laws_are_stated_in_quantities_and_by_venue() -> None:
    strategy = made({"law": "poisson", "mean": 8_000, "unit": 100, "venues": [["B", 16_000]]})
    strategy.units = Units(Decimal("0.01"), Decimal(10))
    found = notes(strategy.allocate(request(join("A"), join("B"))))
    assert (found["outflow A"], found["outflow B"]) == ("8000", "16000")
    assert counted(80.0, 10.0).deviation == pytest.approx(10 * poisson(80.0).deviation)
    recorded = made({"law": "recorded", "samples": [70, 90], "venues": [["B", [10]]]})
    found = notes(recorded.allocate(request(join("A"), join("B"))))
    assert (found["outflow A"], found["outflow B"]) == ("80", "10")
    tail = made({"law": "exponential", "mean": 80})
    assert notes(tail.allocate(request(join("A"))))["outflow A"] == "80"


def test_more_units_than_can_be_counted_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 100000 units"):
        made({"law": "poisson", "mean": 100_001})


# Properties


@given(
    queues=st.lists(st.integers(0, 200), min_size=1, max_size=4),
    qty=st.integers(1, 500),
    solver=st.sampled_from(SOLVERS),
    mean=st.integers(1, 150),
)
def test_a_split_is_exact_and_does_not_depend_on_the_order_of_venues(
    queues: list[int], qty: int, solver: str, mean: int
) -> None:
    strategy = made({"law": "poisson", "mean": mean}, solver=solver, iterations=50)
    joins = [join(f"V{n}", queue=queue) for n, queue in enumerate(queues)]
    found = strategy.allocate(request(*joins, qty=qty))
    assert all(n > 0 for _, _, n in (*found.slices, *found.posts))
    assert sum(part[2] for part in found.slices) + sum(posted(found).values()) == qty
    assert strategy.allocate(request(*joins[::-1], qty=qty)) == found


# The degenerate baseline


def trial(offers: tuple[Offer, ...], qty: int = 300, **more: Any) -> Allocation:
    config = TrialStaticConfig.model_validate({"kind": "trial_static", **more})
    return config.build().allocate(request(offers=offers, qty=qty))


def test_trial_static_says_that_its_parameters_are_idle() -> None:
    found = trial((offer("A", 10_001, 200), offer("B", 10_002, 500)))
    assert [(v, n) for v, _, n in found.slices] == [("A", 200), ("B", 100)]
    assert found.notes == DEGENERATE
    other = trial((offer("A", 10_001, 200), offer("B", 10_002, 500)), lambda_under=99, theta=7)
    assert other == found


@pytest.mark.parametrize(("shown", "qty"), [((150, 100), 300), ((250, 50), 300), ((900, 900), 250)])
def test_trial_static_sends_nothing_where_no_whole_split_comes_to_the_order(
    shown: tuple[int, int], qty: int
) -> None:
    found = trial((offer("A", 10_001, shown[0]), offer("B", 10_002, shown[1])), qty)
    assert found.slices == ()
    assert dict(found.refused) == {"A": "no_whole_split", "B": "no_whole_split"}
    assert found.notes == DEGENERATE
