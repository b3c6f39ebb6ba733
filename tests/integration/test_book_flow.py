"""Flow that looks at the book, in whole runs: the opening book, trades with us, repeatability."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import ChildSent, Decision, Fill, Quote, TradePrint
from sim.audit.verify import verify
from sim.protocol.enums import Outcome
from sim.world import run_world

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Run = Callable[..., "Ran"]

RATES: Data = {
    "kind": "cont_stoikov_talreja",
    "per": "100ms",
    "centre": "100.00",
    "limits": [1.85, 1.51, 1.09, 0.88, 0.77],
    "cancels": [0.71, 0.81, 0.68, 0.56, 0.47],
    "market_per_side": 0.94,
    "size": {"law": "geometric", "mean": 20},
    "warm_up": "1s",
}
TABLE: Data = {"limit": [3.0, 2.0, 1.0], "cancel": [0.0, 0.5, 1.0, 1.5], "market": [0.5]}
FLOWS: dict[str, Data] = {
    "cont_stoikov_talreja": RATES,
    "zero_intelligence": {
        "kind": "zero_intelligence",
        "per": "100ms",
        "centre": "100.00",
        "limit": 1.0,
        "market": 2.0,
        "cancel": 0.5,
        "levels": 20,
        "warm_up": "1s",
    },
    "queue_reactive": {
        "kind": "queue_reactive",
        "per": "20ms",
        "centre": "100.00",
        "levels": [TABLE, TABLE, TABLE],
        "move": 0.7,
        "redraw": 0.3,
        "size": {"law": "fixed", "lots": 10},
        "unit": 10,
    },
    "hawkes": {
        "kind": "hawkes",
        "per": "100ms",
        "centre": "100.00",
        "base": 3.0,
        "alpha": 4.0,
        "beta": 8.0,
        "distance": {"law": "power", "exponent": 1.0, "levels": 20},
        "size": {"law": "lognormal", "median": 20, "sigma": 1.0},
        "life": {"law": "exponential", "mean": "300ms"},
        "warm_up": "1s",
    },
}


@pytest.mark.parametrize("kind", FLOWS)
def test_an_order_is_worked_in_a_market_of_each_kind(
    kind: str, run_data: Run, market: Any, lit: Any
) -> None:
    data = market([lit("A", ms=5, flow=[FLOWS[kind]])], qty=30, at="100ms", duration="20s")
    ran = run_data(data)
    assert ran.result.outcome is Outcome.COMPLETE
    assert ran.parent["filled_qty"] == 30
    assert len(ran.of(Quote)) > 2
    again = run_data(data)
    assert again.result.log == ran.result.log


def test_the_opening_book_is_known_before_the_run(run_data: Run, market: Any, lit: Any) -> None:
    opening = {"bids": [["99.99", 3]], "asks": [["100.01", 2], ["100.02", 4]]}
    flow = RATES | {"opening": opening, "warm_up": "0s", "size": {"law": "fixed", "lots": 7}}
    ran = run_data(market([lit("A", ms=5, flow=[flow])], qty=14, duration="5s"))
    decision = ran.of(Decision)[0]
    assert decision.t_ns == 0
    assert [(part.price, part.qty) for part in decision.split] == [(10_001, 14)]


def test_what_traded_before_the_run_is_none_of_it(run_data: Run, market: Any, lit: Any) -> None:
    ran = run_data(market([lit("A", ms=5, flow=[RATES])], qty=1, duration="5s"))
    assert ran.of(Quote)[0].t_ns == 0
    assert all(trade.t_ns > 0 for trade in ran.of(TradePrint))


def test_ours_waits_in_the_line_and_is_never_canceled(run_data: Run, market: Any, lit: Any) -> None:
    """An order far below the market rests among the flow's until sellers come down to it."""
    data = market(
        [lit("A", ms=1, flow=[RATES | {"market_per_side": 2.0}])],
        qty=50,
        limit="99.00",
        at="10ms",
        duration="3s",
        router={"strategy": {"kind": "greedy"}, "rest": {"venue": "A"}},
    )
    ran = run_data(data)
    fills = ran.of(Fill)
    assert fills
    assert {fill.last_px for fill in fills} == {9_900}
    assert fills[0].t_ns > 100_000_000
    assert len(ran.of(ChildSent)) == 1
    assert ran.parent["canceled_qty"] == 0


def test_a_further_venue_changes_no_trade_of_another(
    load_data: Any, market: Any, lit: Any, read_records: Any
) -> None:
    def prints(*venues: Data) -> list[tuple[int, int, int]]:
        data = market(
            list(venues), qty=1, at="1900ms", duration="2s", audit={"market_data": "full"}
        )
        result = run_world(load_data(data))
        return [
            (one.t_ns, one.price, one.qty)
            for one in read_records(result.log)
            if isinstance(one, TradePrint) and one.venue_id == "A" and one.t_ns < 1_900_000_000
        ]

    here, there = lit("A", ms=1, flow=[RATES]), lit("B", ms=1, flow=[RATES])
    alone = prints(here)
    assert len(alone) > 10
    assert prints(there, here) == alone


def test_the_log_of_such_a_run_is_whole(
    run_data: Run, market: Any, lit: Any, tmp_path: Any
) -> None:
    data = market([lit("A", ms=5, flow=[RATES, FLOWS["hawkes"]])], qty=30, duration="5s")
    ran = run_data(data)
    path = tmp_path / "audit.jsonl"
    path.write_bytes(ran.result.log or b"")
    assert verify(path).ok


@pytest.mark.slow
def test_real_time_takes_such_flow_as_well(load_data: Any, market: Any, lit: Any) -> None:
    data = market([lit("A", ms=1, flow=[RATES])], qty=20, at="10ms", duration="2s")
    result = run_world(load_data(data), clock="wall", speed=10.0)
    assert result.outcome is Outcome.COMPLETE
