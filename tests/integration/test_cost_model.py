"""The cost model in whole runs: what is learnt changes where orders go, and the log shows why."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sim.audit.records import Decision, Record
from sim.protocol.enums import DecisionReason
from sim.scenario.load import load_scenario
from sim.world import run_world

if TYPE_CHECKING:
    from tests.conftest import Ran

# A pool that is the cheapest by its indications and gives a tenth of them; small orders of others
# come there, so that it is heard of again after it fell short.
SHORT_POOL = (
    "venues[DARK_B].flow="
    "[{kind: poisson, rate: 20, centre: '99.97', levels: 1, lots: 1, take: 0.0}]",
    "venues[DARK_B].fill={model: fraction, share: '0.1'}",
    "router.strategy.kind=min_risk",
    "router.reroute.venues=others",
)


@pytest.fixture
def run_parents(read_records: Callable[[bytes], tuple[Record, ...]]) -> Callable[..., "Ran"]:
    """``run_parents(count, *sets)``: ``fragmented`` with this many parents, a second apart."""
    from tests.conftest import Ran

    def run(count: int, *sets: str) -> Ran:
        entries = [f"{{id: P{n}, side: buy, qty: 15000, at: {n}s}}" for n in range(1, count + 1)]
        parents = f"parents=[{', '.join(entries)}]"
        result = run_world(
            load_scenario("fragmented", sets=["duration=9s", parents, "expect={}", *sets])
        )
        assert result.log is not None
        return Ran(result, read_records(result.log))

    return run


def first_choices(ran: "Ran") -> list[str]:
    """Per parent the venue that its first decision ranks best."""
    firsts = [one for one in ran.of(Decision) if one.reason is DecisionReason.INITIAL]
    return [one.ranking[0] for one in firsts]


def test_a_pool_that_fills_short_is_no_longer_tried_first_once_that_is_learnt(
    run_parents: Callable[..., "Ran"],
) -> None:
    stated = run_parents(4, *SHORT_POOL, "router.cost={}")
    assert first_choices(stated) == ["DARK_B"] * 4
    learnt = run_parents(4, *SHORT_POOL, "router.cost={risk: learnt, prior_weight: 1}")
    choices = first_choices(learnt)
    assert choices[0] == "DARK_B", "nothing is known yet but what it states"
    assert "DARK_B" not in choices[1:]
    decisions = [one for one in learnt.of(Decision) if one.reason is DecisionReason.INITIAL]
    risks = [
        {quote.venue_id: float(quote.fill_risk or 0) for quote in one.quotes} for one in decisions
    ]
    assert risks[0]["DARK_B"] == 0
    assert risks[1]["DARK_B"] == pytest.approx(0.45, abs=0.01), "one as stated, one with a tenth"
    assert {risk["NASDAQ"] for risk in risks} == {0}


def test_the_terms_of_every_decision_add_up_and_cover_its_split(
    run_parents: Callable[..., "Ran"],
) -> None:
    """The record alone gives the cost again: price and fee from the quote, the rest per lot."""
    fees = "venues[NASDAQ].fees={taker: '0.003', maker: '0', unit: per_share}"
    cost = "router.cost={risk: learnt, volatility_ticks: '3', variant: chase}"
    ran = run_parents(4, *SHORT_POOL, fees, cost)
    decisions = [one for one in ran.of(Decision) if one.split]
    assert len(decisions) >= 4
    for decision in decisions:
        quotes = {quote.venue_id: quote for quote in decision.quotes}
        lots: dict[str, int] = {}
        for part in decision.split:
            lots[part.venue_id] = lots.get(part.venue_id, 0) + part.qty
        assert {one.venue_id: one.qty for one in decision.costs} == lots
        for one in decision.costs:
            parts = [part for part in decision.split if part.venue_id == one.venue_id]
            quote, scale = quotes[one.venue_id], decision.effective_scale
            price = sum(scale * part.price * part.qty for part in parts)
            fee = sum((quote.slope * p.price + quote.intercept) * p.qty for p in parts) - price
            assert (one.price, one.fees) == (price, fee)
            assert one.impact == (quote.impact or 0) * one.qty
            assert one.latency == (quote.latency_cost or 0) * one.qty
            assert one.latency > 0
            terms = (one.price, one.fees, one.impact, one.latency, one.fill_risk)
            assert sum(terms) == one.total
