"""``min_risk``: buyers' levels by ``(p + delta) / (1 - lambda)``, sellers' by its mirror."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from router.allocate.base import USUAL_TIE, Allocation, AllocationRequest, Depth, Offer
from router.allocate.min_risk import MinRisk, risk_weighted
from sim.protocol.enums import Side
from venues.config import VenueConfig
from venues.kinds.lit import LitVenue


def offer(
    venue_id: str,
    *levels: tuple[int, int],
    risk: str = "0",
    impact: int = 0,
    line: tuple[int, int] = (1, 0),
) -> Offer:
    return Offer(venue_id, "lit", 1, 1, levels, *line, impact, Fraction(risk))


def split(qty: int, *offers: Offer, side: Side = Side.BUY, depth: Depth = "full") -> Allocation:
    return MinRisk(depth).allocate(AllocationRequest(side, qty, offers, depth, USUAL_TIE))


CUSTOMERS = (
    offer("NYSE", (10002, 40000), (10003, 30000), (10004, 20000), risk=".001"),
    offer("NASDAQ", (10000, 25000), (10001, 20000), risk=".002"),
    offer("DARK_A", (10001, 20000), (10002, 15000), risk=".10"),
    offer("DARK_B", (9999, 15000), (10000, 10000), risk=".10"),
    offer("MM", (10005, 50000), risk=".01"),
)


def test_the_customers_venues_by_best_levels() -> None:
    found = split(100_000, *CUSTOMERS, depth="top")
    assert found.slices == (
        ("NYSE", 10002, 40000),
        ("NASDAQ", 10000, 25000),
        ("MM", 10005, 35000),
    )
    assert sum(px * qty for _, px, qty in found.slices) == 1_000_255_000, "100.0255 each"


def test_the_customers_venues_by_full_depth() -> None:
    found = split(100_000, *CUSTOMERS)
    assert found.slices == (
        ("NYSE", 10002, 40000),
        ("NYSE", 10003, 30000),
        ("NYSE", 10004, 20000),
        ("NASDAQ", 10000, 10000),
    )
    assert sum(px * qty for _, px, qty in found.slices) == 1_000_250_000, "100.0250 each"
    assert found.ranking == ("NYSE", "NASDAQ", "MM", "DARK_B", "DARK_A")


def test_a_seller_takes_from_the_top_what_is_left_after_the_risk() -> None:
    """The mirror: 100.05 at a risk of a tenth is worth less than 99.95 at none."""
    safe, risky = offer("SAFE", (9995, 10), (9990, 10)), offer("RISKY", (10005, 10), risk=".1")
    found = split(25, safe, risky, side=Side.SELL)
    assert found.slices == (("SAFE", 9995, 10), ("SAFE", 9990, 10), ("RISKY", 10005, 5))
    certain = offer("RISKY", (10005, 10))
    assert split(25, safe, certain, side=Side.SELL).ranking == ("RISKY", "SAFE")


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_own_impact_makes_a_venue_worse_by_that_much(side: Side) -> None:
    sign = 1 if side is Side.BUY else -1
    moved = offer("A", (1000, 5), impact=3)
    for away, ranking in ((2, ("B", "A")), (4, ("A", "B"))):
        still = offer("B", (1000 + sign * away, 5))
        assert split(10, moved, still, side=side).ranking == ranking


def test_fees_are_part_of_the_price_that_risk_weighs() -> None:
    """100 + 20 of fee at a risk of .1 is 133.3, 132 without a fee is less, 134 is more."""
    dear = offer("DEAR", (100, 1), line=(1, 20), risk=".1")
    assert split(2, dear, offer("PLAIN", (133, 1))).ranking == ("PLAIN", "DEAR")
    assert split(2, dear, offer("PLAIN", (134, 1))).ranking == ("DEAR", "PLAIN")


def test_equal_risk_weighted_prices_are_told_apart_by_the_tie_rules() -> None:
    """90 at a risk of .1 is exactly 100: no rounding decides, the name does."""
    found = split(2, offer("B", (90, 1), risk=".1"), offer("A", (100, 1)))
    assert found.ranking == ("A", "B")
    third = offer("A", (2, 1), risk="1/3")
    assert split(2, third, offer("B", (3, 1))).ranking == ("A", "B")


@pytest.mark.parametrize("risk", ["-0.01", "1", "1.5"])
def test_D11_a_risk_that_is_no_probability_below_one_is_refused(risk: str) -> None:
    with pytest.raises(ValueError, match="fill_risk must be >= 0 and < 1"):
        risk_weighted((offer("A", (1, 1), risk=risk),), Side.BUY)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fill_risk", "-0.01"),
        ("fill_risk", "1"),
        ("fill_risk", "nan"),
        ("fill_risk", "0.123456789"),
        ("fill_risk", 0.1),
        ("impact", "-0.01"),
        ("impact", "inf"),
    ],
)
def test_D11_a_venue_with_such_a_risk_or_impact_is_refused(key: str, value: Any) -> None:
    leg = {"model": "fixed", "delay": "1ms"}
    data = {"id": "A", "kind": "lit", "latency": dict.fromkeys(("order", "report", "feed"), leg)}
    assert LitVenue.model_validate(data).fill_risk == 0
    with pytest.raises(ValidationError) as caught:
        LitVenue.model_validate({**data, key: value})
    assert [error["loc"] for error in caught.value.errors()] == [(key,)]


# ------------------------------------------------------------ properties

prices = st.integers(50, 150)
risks = st.integers(0, 999).map(lambda n: Fraction(n, 1000))
impacts = st.integers(0, 30)
lines = st.tuples(st.integers(900, 1100), st.integers(-3000, 3000))
sides = st.sampled_from([Side.BUY, Side.SELL])
offer_terms = st.tuples(prices, risks, impacts, lines)


def from_terms(venue_id: str, terms: Any) -> Offer:
    price, risk, impact, line = terms
    return Offer(venue_id, "lit", 1, 1, ((price, 1),), line[0], line[1], impact, risk)


@given(st.lists(offer_terms, min_size=1, max_size=5), sides)
def test_the_order_is_that_of_the_formula(drawn: list[Any], side: Side) -> None:
    """The customer's formula as it is written, in exact fractions."""
    offers = [from_terms("ABCDE"[n], terms) for n, terms in enumerate(drawn)]

    def key(one: Offer) -> tuple[Fraction, str]:
        price = Fraction(one.slope * one.levels[0][0] + one.intercept)
        if side is Side.BUY:
            return (price + one.impact) / (1 - one.fill_risk), one.venue_id
        return -(price - one.impact) * (1 - one.fill_risk), one.venue_id

    expected = tuple([one.venue_id for one in sorted(offers, key=key)])
    assert split(len(offers), *offers, side=side).ranking == expected


@given(offer_terms, st.lists(offer_terms, max_size=4), risks, impacts, sides)
def test_more_risk_or_more_impact_never_ranks_a_venue_better(
    own: Any, others: list[Any], more_risk: Fraction, more_impact: int, side: Side
) -> None:
    price, risk, impact, line = own
    rest = [from_terms("BCDE"[n], terms) for n, terms in enumerate(others)]
    worse = price, max(risk, more_risk), impact + more_impact, line
    before = split(5, from_terms("A", own), *rest, side=side).ranking.index("A")
    after = split(5, from_terms("A", worse), *rest, side=side).ranking.index("A")
    assert after >= before


@given(st.lists(offer_terms, min_size=2, max_size=5), risks, sides)
def test_the_same_risk_everywhere_changes_no_order(
    drawn: list[Any], risk: Fraction, side: Side
) -> None:
    ranking = {
        level: split(
            9,
            *[
                from_terms("ABCDE"[n], (px, level, impact, line))
                for n, (px, _, impact, line) in enumerate(drawn)
            ],
            side=side,
        ).ranking
        for level in (Fraction(0), risk)
    }
    assert ranking[Fraction(0)] == ranking[risk]


def test_every_kind_of_venue_has_risk_and_impact_of_nothing_by_default() -> None:
    for key in ("fill_risk", "impact"):
        assert VenueConfig.model_fields[key].default == 0
