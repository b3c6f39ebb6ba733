"""The cost terms of whole decisions: where they come from, and what the record says of them."""

from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config import RouterConfig
from router.core.costing import Costing
from router.core.decide import Decider
from router.core.experience import Experience
from router.core.making import by_venue
from router.core.orders import Child, Parent
from router.core.profile import EffectivePrices, VenueProfile
from router.core.view import MarketView
from router.settings.cost import CostConfig
from sim.audit.records import Decision, VenueCost
from sim.protocol.enums import DecisionReason, OrdStatus, Side
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.units import TimeNs

MS = 1_000_000
FREE = (Fraction(1), Fraction(0))


def venue(venue_id: str, fee: str = "0", **more: Any) -> VenueProfile:
    one, cost = Fraction(1), Fraction(fee)
    return VenueProfile(venue_id, "lit", 4 * MS, 1, 1, (one, cost), (one, -cost), **more)


class Desk:
    def __init__(self, *profiles: VenueProfile, **config: Any) -> None:
        self.view = MarketView(profiles)
        self.learnt = Experience(profiles)
        settings = RouterConfig.model_validate_json(msgspec.json.encode(config))
        self.decider = Decider(self.view, profiles, settings, {}, self.learnt)

    def quote(self, venue_id: str, levels: Levels, at: int = 0) -> None:
        self.view.venues[venue_id].on_quote(BookSnapshot(venue_id, 1, TimeNs(at), levels, levels))

    def decide(self, qty: int, side: Side = Side.BUY, now: int = 0) -> Decision:
        decision = self.decider.decide(Parent("P", side, qty), DecisionReason.INITIAL, now)[0][0]
        assert isinstance(decision, Decision)
        return decision


def test_each_term_of_each_venue_is_in_the_record_of_any_strategy() -> None:
    risky = venue("A", "0.5", fill_risk=Fraction(1, 5), impact=Fraction(1, 4))
    desk = Desk(risky, venue("B"), strategy={"kind": "greedy"}, cost={"volatility_ticks": "100"})
    desk.quote("A", ((100, 4), (101, 2)), at=1 * MS)
    desk.quote("B", ((102, 9),), at=6 * MS)
    decision = desk.decide(10, now=6 * MS)
    assert decision.effective_scale == 4000
    # A: 9 ms since its quote until an order is there are sqrt(0.009) * 100 = 9.48683 ticks
    a = VenueCost("A", 6, 4000 * 602, 2000 * 6, total=0, impact=6000, latency=37_947 * 6)
    sure = a.price + a.fees + a.impact + a.latency
    risk = round(Fraction(sure, 4))  # 1 / (1 - 1/5) is a quarter more
    b = VenueCost("B", 4, 4000 * 408, 0, total=4000 * 408 + 25_298 * 4, latency=25_298 * 4)
    assert decision.costs == (msgspec.structs.replace(a, fill_risk=risk, total=sure + risk), b)
    assert [(q.impact, q.fill_risk, q.latency_cost) for q in decision.quotes] == [
        (1000, "0.2", 37_947),
        (0, "0", 25_298),
    ]


@pytest.mark.parametrize("kind", ["greedy", "min_impact", "min_risk", "pro_rata"])
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_without_the_key_the_terms_are_those_that_the_venues_state(kind: str, side: Side) -> None:
    sign = 1 if side is Side.BUY else -1
    desk = Desk(venue("A", "0.5"), strategy={"kind": kind})
    desk.quote("A", ((100, 4),))
    decision = desk.decide(4, side)
    assert decision.effective_scale == 2
    fees = 4  # half a tick a lot, to either side
    assert decision.costs == (VenueCost("A", 4, sign * 800, fees, total=sign * 800 + fees),)
    assert b"latency" not in msgspec.json.encode(decision.costs), "what is 0 takes no room"
    risky = Desk(venue("A", impact=Fraction(1, 4)), strategy={"kind": kind})
    risky.quote("A", ((100, 4),))
    assert risky.decide(4, side).costs[0].impact == 4, "in quarters of a tick"


@given(st.sampled_from(list(Side)[:2]), st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_the_short_way_to_price_and_fees_is_the_long_one(
    side: Side, wanted: list[tuple[int, int]]
) -> None:
    profiles = (venue("A", "0.5"), venue("B", "-0.25"))
    effective = EffectivePrices(profiles)
    costing = Costing(CostConfig(), profiles, effective, Experience(profiles))
    parts = tuple([("AB"[price % 2], price, qty) for price, qty in wanted])
    short = costing.costs(side, parts, (), by_venue(parts, side))
    costing._plain = False
    assert short == costing.costs(side, parts, (), by_venue(parts, side))


def test_a_decision_to_wait_costs_nothing() -> None:
    desk = Desk(venue("A"), strategy={"kind": "greedy"}, cost={})
    assert desk.decide(4).costs == ()


def test_a_blind_order_is_priced_at_its_limit() -> None:
    pool = VenueProfile(
        "POOL", "dark", 4 * MS, 1, 1, FREE, FREE, Fraction(1, 2), Fraction(0), silent=True
    )
    settings = {"strategy": {"kind": "greedy"}, "blind": {"fraction": "0.5"}, "cost": {}}
    desk = Desk(pool, venue("A"), **settings)
    desk.quote("A", ((100, 50),))
    decision = desk.decide(10)
    assert decision.costs == (
        VenueCost("POOL", 5, 500, 0, total=1000, fill_risk=500),
        VenueCost("A", 5, 500, 0, total=500),
    )


def short(venue_id: str) -> Child:
    made = Child("P.1", Parent("P", Side.BUY, 9), venue_id, Side.BUY, 9, 100, 1, 9)
    made.status = OrdStatus.CANCELED
    return made


def test_min_risk_shuns_a_venue_that_has_filled_nothing_if_it_may_learn() -> None:
    for risk, ranking in (("stated", ("A", "B")), ("learnt", ("B", "A"))):
        desk = Desk(venue("A"), venue("B"), strategy={"kind": "min_risk"}, cost={"risk": risk})
        desk.quote("A", ((100, 9),))
        desk.quote("B", ((101, 9),))
        assert desk.decide(1).ranking == ("A", "B")
        for _ in range(20):
            desk.learnt.on_over(short("A"))
        decision = desk.decide(1)
        assert decision.ranking == ranking
        texts = {quote.venue_id: quote.fill_risk for quote in decision.quotes}
        assert texts == {"A": "0.5" if risk == "learnt" else "0", "B": "0"}


def test_a_delay_that_costs_less_than_a_tick_is_not_for_nothing() -> None:
    """Two ticks a second are 0.13 ticks in 4 ms: whole ticks would lose all of it."""
    desk = Desk(venue("A"), strategy={"kind": "greedy"}, cost={"volatility_ticks": "2"})
    desk.quote("A", ((100, 9),))
    decision = desk.decide(3)
    assert decision.effective_scale == 1000
    assert decision.costs == (VenueCost("A", 3, 300_000, 0, total=300_378, latency=378),)


def test_what_is_learnt_of_a_delay_is_in_what_it_costs() -> None:
    cost = {"risk": "learnt", "volatility_ticks": "1000"}
    desk = Desk(venue("A"), strategy={"kind": "greedy"}, cost=cost)
    desk.quote("A", ((100, 9),))
    assert desk.decide(1).quotes[0].latency_cost == 63_245, "1000 * sqrt(0.004)"
    desk.learnt.on_first_report(short("A"), 16 * MS, 17 * MS)
    assert desk.decide(1).quotes[0].latency_cost == 126_491, "four times the delay, twice the cost"


def test_the_chase_is_recorded_with_what_it_costs_elsewhere() -> None:
    risky = venue("A", fill_risk=Fraction(1, 2))
    settings = {"strategy": {"kind": "min_risk"}, "cost": {"variant": "chase"}}
    desk = Desk(risky, venue("B"), **settings)
    desk.quote("A", ((100, 4), (108, 1)))
    desk.quote("B", ((104, 9),))
    decision = desk.decide(20)
    assert decision.ranking == ("A", "B")
    assert [(one.venue_id, one.price) for one in decision.split] == [
        ("A", 100),
        ("B", 104),
        ("A", 108),
    ]
    assert decision.refused == ()
    assert decision.costs == (
        VenueCost("A", 5, 508, 0, total=516, fill_risk=8),  # half of four lots at 4 ticks more
        VenueCost("B", 9, 936, 0, total=936),
    )
