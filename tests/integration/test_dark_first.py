"""What the shipped scenario ``dark_first`` teaches, and ``min_risk`` over the customer's venues."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import BookAtArrival, ChildSent, Decision, Fill, Quote, Record
from sim.protocol.enums import DecisionReason
from sim.scenario.load import load_scenario
from sim.world import run_world

if TYPE_CHECKING:
    from tests.conftest import Ran

RunShipped = Callable[..., "Ran"]

NO_PLAN_B = "router.reroute.prefer=strategy"
ONLY_SHOWN = ("router.blind=null", "router.strategy.kind=greedy")
EMPTY_POOLS = ("venues[DARK_A].book={}", "venues[DARK_B].book={}")


@pytest.fixture
def run_shipped(read_records: Callable[[bytes], tuple[Record, ...]]) -> RunShipped:
    """``run_shipped(name, *sets)``: run a shipped scenario in memory."""
    from tests.conftest import Ran

    def run(name: str, *sets: str) -> Ran:
        result = run_world(load_scenario(name, sets=sets))
        assert result.log is not None
        return Ran(result, read_records(result.log))

    return run


def splits(ran: "Ran") -> list[dict[str, int]]:
    """Lots per venue of each decision."""
    found = []
    for decision in ran.of(Decision):
        lots: dict[str, int] = {}
        for part in decision.split:
            lots[part.venue_id] = lots.get(part.venue_id, 0) + part.qty
        found.append(lots)
    return found


def test_dark_first_asks_pool_after_pool_and_then_upgrades_to_lit(run_shipped: RunShipped) -> None:
    ran = run_shipped("dark_first")
    assert ran.result.exit_code == 0
    assert splits(ran) == [
        {"DARK_A": 100_000},
        {"DARK_B": 70_000},
        {"DARK_C": 10_000, "NASDAQ": 10_000, "NYSE": 30_000},
    ]
    decisions = ran.of(Decision)
    assert [d.t_ns for d in decisions] == [0, 40_000_000, 130_000_000]
    assert [d.reason for d in decisions[1:]] == [DecisionReason.PARTIAL_FILL] * 2
    assert [d.strategy for d in decisions] == ["min_impact", "dark_then_lit", "dark_then_lit"]
    assert ran.parent["avg_px"] == "100.00700000"
    assert "MM" not in ran.parent["venues"], "lit before the maker"


def test_what_is_sent_blind_is_recorded_without_a_quote(run_shipped: RunShipped) -> None:
    ran = run_shipped("dark_first")
    first, second, third = ran.of(Decision)
    for decision, pool in ((first, "DARK_A"), (second, "DARK_B")):
        (blind,) = decision.blind
        assert (blind.venue_id, blind.best_px, blind.limit_px) == (pool, 10_001, 10_001)
        assert pool not in {quote.venue_id for quote in decision.quotes}
    assert third.blind == ()
    for child in ran.of(ChildSent):
        silent = child.venue_id in {"DARK_A", "DARK_B"}
        assert (child.shown_px is None) is silent, "nothing was shown, so nothing is said"
    assert {f.last_px for f in ran.of(Fill) if f.venue_id == "DARK_A"} == {10_000}, "better"


def test_silent_pools_show_nothing_before_and_after_they_trade(run_shipped: RunShipped) -> None:
    ran = run_shipped("dark_first")
    showing = {q.venue_id for q in ran.of(Quote) if (q.bid_px, q.ask_px) != (None, None)}
    assert showing == {"NYSE", "NASDAQ", "DARK_C", "MM"}
    met = {record.venue_id: record.levels for record in ran.of(BookAtArrival)}
    assert met["DARK_A"] == ((10_000, 30_000),), "what the child came upon"


def test_looking_in_the_dark_pays_if_something_is_there_and_costs_if_not(
    run_shipped: RunShipped,
) -> None:
    cases = {
        "dark first": (),
        "only what is shown": ONLY_SHOWN,
        "by visibility alone": (NO_PLAN_B,),
        "pools are empty": EMPTY_POOLS,
    }
    paid = {name: run_shipped("dark_first", *sets).parent["avg_px"] for name, sets in cases.items()}
    assert paid == {
        "dark first": "100.00700000",
        "only what is shown": "100.01600000",
        "by visibility alone": "100.01600000",
        "pools are empty": "100.01900000",
    }


def test_a_stated_fraction_is_sent_to_each_pool_at_once(run_shipped: RunShipped) -> None:
    ran = run_shipped("dark_first", 'router.blind={fraction: "0.25"}')
    assert splits(ran)[0] == {"DARK_A": 25_000, "DARK_B": 18_750, "DARK_C": 30_000, "MM": 26_250}
    assert len(ran.of(Decision)[0].blind) == 2


# ------------------------------------------------------------ min_risk

RISKS = {"NYSE": "0.001", "NASDAQ": "0.002", "MM": "0.01", "DARK_A": "0.10", "DARK_B": "0.10"}
SETS = [f'venues[{venue_id}].fill_risk="{risk}"' for venue_id, risk in RISKS.items()]


@pytest.mark.parametrize(
    ("strategy", "expected", "avg_px"),
    [
        (
            "{kind: min_risk, depth: top}",
            {"NYSE": 40_000, "NASDAQ": 25_000, "MM": 35_000},
            "100.02550000",
        ),
        ("{kind: min_risk}", {"NYSE": 90_000, "NASDAQ": 10_000}, "100.02500000"),
    ],
)
def test_min_risk_over_the_customers_venues(
    run_shipped: RunShipped, strategy: str, expected: dict[str, int], avg_px: str
) -> None:
    """The customer's figures, with no impact: ``sorsim run fragmented --set ...``."""
    ran = run_shipped("fragmented", f"router.strategy={strategy}", *SETS)
    assert ran.result.exit_code == 0
    assert splits(ran) == [expected]
    assert ran.parent["avg_px"] == avg_px
    venues: Any = ran.parent["venues"]
    assert {v: row["filled_qty"] for v, row in venues.items() if row["filled_qty"]} == expected
    (decision,) = ran.of(Decision)
    assert {quote.venue_id: (quote.impact, quote.fill_risk) for quote in decision.quotes} == {
        "NYSE": (0, "0.001"),
        "NASDAQ": (0, "0.002"),
        "DARK_A": (0, "0.1"),
        "DARK_B": (0, "0.1"),
        "MM": (0, "0.01"),
    }


def test_an_own_impact_is_a_price_and_may_be_finer_than_a_tick(run_shipped: RunShipped) -> None:
    """Two and a half ticks move the cheapest venue between two others."""
    sets = ("router.strategy.kind=min_risk", 'venues[DARK_B].impact="0.025"')
    ran = run_shipped("fragmented", *sets)
    (decision,) = ran.of(Decision)
    terms = {quote.venue_id: (quote.slope, quote.impact) for quote in decision.quotes}
    assert decision.effective_scale == 2
    assert terms["DARK_B"] == (2, 5)
    assert terms["NYSE"] == (2, 0)
    assert decision.ranking == ("NASDAQ", "DARK_A", "DARK_B", "NYSE", "MM")
