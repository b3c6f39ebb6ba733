"""The cost model: each term by hand, that they add up, and what each of them changes."""

from fractions import Fraction
from math import sqrt
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.allocate.base import USUAL_TIE, Allocation, AllocationRequest, Offer
from router.allocate.min_risk import MinRisk, terms_of
from router.core.cost import (
    NS,
    Terms,
    Variant,
    chases,
    cost_of,
    latency_charge,
    lot_cost,
    millionths,
)
from sim.protocol.enums import Side

# ------------------------------------------------------------ by hand

DEAR = Terms(10, 3, impact=2, latency=5, fill_risk=Fraction(1, 5), best=100)
"""At 100: 1000 and a fee of 3, impact 2, latency 5: a sure lot is 1010 in tenths of a tick."""


def test_the_literal_formula_by_hand() -> None:
    """A buyer pays 1010 / 0.8 = 1262.5 a lot; 4 lots are 5050, of which 1010 are the risk."""
    cost = cost_of(DEAR, [(100, 4)], None, 10, buys=True)
    assert (cost.price, cost.fees, cost.impact, cost.latency) == (4000, 12, 8, 20)
    assert (cost.fill_risk, cost.total, cost.qty) == (1010, 5050, 4)


def test_a_sellers_costs_are_what_he_does_not_get() -> None:
    """1003 less 7 is 996 a lot, and 0.8 of that is 796.8; 4 lots bring 3187.2."""
    cost = cost_of(DEAR, [(100, 4)], None, 10, buys=False)
    assert (cost.price, cost.fees, cost.impact, cost.latency) == (-4000, -12, 8, 20)
    assert (cost.fill_risk, cost.total) == (797, -3187)


def test_a_chase_costs_what_the_best_other_venue_is_dearer() -> None:
    """A fifth of the lots is bought at 1060 in place of 1010: 10 a lot."""
    cost = cost_of(DEAR, [(100, 4)], 1060, 10, buys=True)
    assert (cost.fill_risk, cost.total) == (40, 4080)
    assert cost_of(DEAR, [(100, 4)], 1000, 10, buys=True).fill_risk == 0, "better ones cost nothing"


def test_a_seller_who_chases_gets_less_there() -> None:
    cost = cost_of(DEAR, [(100, 4)], 946, 10, buys=False)
    assert (cost.fill_risk, cost.total) == (40, -3944)


def test_levels_add_up() -> None:
    both = cost_of(DEAR, [(100, 4), (102, 1)], None, 10, buys=True)
    assert both.total == 5050 + round(Fraction(1030) / Fraction(4, 5))
    assert both.qty == 5


def test_each_venue_chases_at_the_best_of_the_others() -> None:
    terms = [Terms(1, 0, best=px) for px in (100, 99, 103)]
    assert chases(terms, "chase", buys=True) == [99, 100, 99]
    assert chases(terms, "chase", buys=False) == [103, 103, 100]
    assert chases(terms[:1], "chase", buys=True) == [100], "alone it tries again where it is"
    assert chases(terms, "literal", buys=True) == [None, None, None]
    blind = Terms(1, 0)
    assert chases([blind, *terms], "chase", buys=True)[0] == 99, "it shows nothing, others do"


@pytest.mark.parametrize(
    ("volatility", "ns", "scale", "charge"),
    [
        (Fraction(2), NS, 1, 2),
        (Fraction(2), 4 * NS, 10, 40),
        (Fraction(3, 2), NS // 4, 100, 75),
        (Fraction(1), 2 * NS, 1_000, 1_414),  # rounded down
        (Fraction(0), NS, 1_000, 0),
        (Fraction(2), 0, 1_000, 0),
    ],
)
def test_the_price_moves_with_the_root_of_time(
    volatility: Fraction, ns: int, scale: int, charge: int
) -> None:
    assert latency_charge(volatility, ns, scale) == charge


@given(st.fractions(0, 50), st.integers(0, 10**12), st.integers(1, 10**6))
def test_the_whole_number_root_is_the_root(volatility: Fraction, ns: int, scale: int) -> None:
    exact = float(volatility) * sqrt(ns / NS) * scale
    assert latency_charge(volatility, ns, scale) == pytest.approx(exact, rel=1e-9, abs=1)


def test_a_chance_in_millionths_stays_below_one() -> None:
    assert millionths(Fraction(1, 3)) == Fraction(333_333, 1_000_000)
    assert millionths(Fraction(10**9 - 1, 10**9)) == Fraction(999_999, 1_000_000)


# ------------------------------------------------------------ properties

variants = st.sampled_from(["literal", "chase"])
risks = st.integers(0, 999).map(lambda n: Fraction(n, 1000))
all_terms = st.builds(
    Terms,
    st.integers(900, 1100),
    st.integers(-3000, 3000),
    st.integers(0, 30),
    st.integers(0, 30),
    risks,
    st.integers(50, 150),
)
parts = st.lists(st.tuples(st.integers(50, 150), st.integers(1, 500)), min_size=1, max_size=4)


@given(all_terms, parts, st.one_of(st.none(), st.integers(40_000, 170_000)), st.booleans())
def test_the_terms_add_up_to_the_formula(
    terms: Terms, levels: Any, chase: int | None, buys: bool
) -> None:
    """To the formula in exact fractions; only the fill risk is rounded, to the nearest."""
    cost = cost_of(terms, levels, chase, 1000, buys=buys)
    parts_sum = cost.price + cost.fees + cost.impact + cost.latency + cost.fill_risk
    assert parts_sum == cost.total
    sign = 1 if buys else -1
    exact = sum(sign * lot_cost(terms, px, chase, buys=buys) * qty for px, qty in levels)
    assert abs(cost.total - exact) <= Fraction(1, 2)
    assert cost.fill_risk >= 0
    assert cost.price == sign * 1000 * sum(px * qty for px, qty in levels)


def offers_of(drawn: list[tuple[Terms, list[int]]], side: Side) -> tuple[Offer, ...]:
    found = []
    for n, (terms, prices) in enumerate(drawn):
        levels = tuple([(px, 1) for px in sorted(set(prices), reverse=side is not Side.BUY)])
        made = Offer("ABCDE"[n], "lit", 1, 1, levels, terms.slope, terms.intercept, terms.impact)
        more = {"fill_risk": terms.fill_risk, "latency_cost": terms.latency}
        found.append(msgspec.structs.replace(made, **more))
    return tuple(found)


def split(variant: Variant, side: Side, offers: tuple[Offer, ...], qty: int) -> Allocation:
    chosen = MinRisk("full")
    chosen.variant = variant
    return chosen.allocate(AllocationRequest(side, qty, offers, "full", USUAL_TIE))


@given(
    st.lists(
        st.tuples(all_terms, st.lists(st.integers(50, 150), min_size=1, max_size=4)),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([Side.BUY, Side.SELL]),
    variants,
)
def test_min_risk_takes_levels_in_the_order_of_their_cost(
    drawn: Any, side: Side, variant: Variant
) -> None:
    buys, offers = side is Side.BUY, offers_of(drawn, side)
    terms = [terms_of(offer) for offer in offers]
    elsewhere = dict(zip("ABCDE", chases(terms, variant, buys=buys), strict=False))
    by_id = dict(zip("ABCDE", terms, strict=False))

    def rank(level: tuple[str, int]) -> tuple[Fraction, str]:
        cost = lot_cost(by_id[level[0]], level[1], elsewhere[level[0]], buys=buys)
        return (cost if buys else -cost), level[0]

    shown = [(offer.venue_id, px) for offer in offers for px, _ in offer.levels]
    found = split(variant, side, offers, len(shown))
    assert [(venue_id, px) for venue_id, px, _ in found.slices] == sorted(shown, key=rank)
    assert sorted(found.ranking) == sorted({venue_id for venue_id, _ in shown})
    few = split(variant, side, offers, 1)
    assert {v for v, _ in few.refused} == set(few.ranking) - {few.slices[0][0]}


@given(all_terms, st.integers(50, 150), st.integers(0, 999))
def test_more_risk_never_costs_less(terms: Terms, price: int, other: int) -> None:
    low, high = sorted([terms.fill_risk, Fraction(other, 1000)])
    for buys, sign in ((True, 1), (False, -1)):
        for chase in (None, 100_000):
            made = [
                Terms(terms.slope, terms.intercept, terms.impact, terms.latency, risk)
                for risk in (low, high)
            ]
            less, more = [lot_cost(one, price, chase, buys=buys) for one in made]
            assert sign * less <= sign * more


def test_what_is_stale_or_far_ranks_behind() -> None:
    """At an equal price the venue whose price may have moved further goes last."""
    near = Offer("B", "lit", 1, 1, ((100, 5),), 1, 0, 0, Fraction(0), 1)
    far = Offer("A", "lit", 1, 1, ((100, 5),), 1, 0, 0, Fraction(0), 2)
    for side in (Side.BUY, Side.SELL):
        assert split("literal", side, (near, far), 10).ranking == ("B", "A")


def test_the_chase_does_not_shun_a_risky_venue_as_the_literal_formula_does() -> None:
    """99.99 at a risk of a tenth against 100.00 for sure: the formula sees 111.1, the chase 99.991.

    What is not had there costs one tick more elsewhere, with a chance of a tenth.
    """
    pool = Offer("POOL", "dark", 1, 1, ((9999, 5),), 1, 0, 0, Fraction(1, 10))
    lit = Offer("LIT", "lit", 1, 1, ((10000, 5),), 1, 0)
    assert split("literal", Side.BUY, (pool, lit), 5).ranking == ("LIT", "POOL")
    assert split("chase", Side.BUY, (pool, lit), 5).ranking == ("POOL", "LIT")
