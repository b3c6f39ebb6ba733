"""How children are sent, in whole runs: together on arrival, one by one, sweeping, with minimums.

Statistics are over the seeds that stand here, on equal chance; what is asserted is an interval of
95 % confidence, or four standard errors of the mean difference.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from sim.audit.records import (
    BookAtArrival,
    ChildDropped,
    ChildRejected,
    ChildSent,
    Decision,
    Fill,
    ParentDone,
    Record,
)
from sim.protocol.enums import EndReason, RejectReason
from sim.scenario.load import load_scenario
from sim.study.paired import Paired, mean_shortfall_bps, paired
from sim.world import run_world

Make = Callable[..., dict[str, Any]]
SEEDS = range(1, 13)
VENUES = ("NEAR", "MIDWAY", "FAR")
FADE = tuple(f"participants[{name}].fade=none" for name in ("QUICK", "BRISK", "SLOW"))
ONE = ("parents=[{id: P1, side: buy, qty: 10000, at: 1s}]", "duration=2s")
PARALLEL = "router.sending.mode=parallel"


def of(ran: Any, kind: type[Record]) -> list[Any]:
    return [record for record in ran.records if isinstance(record, kind)]


# ------------------------------------------------------------ what it brings, and when


@cache
def saved(sigma: float, *sets: str) -> tuple[list[float], list[float]]:
    """Mean shortfall by seed, sent in parallel and equalised, with orders that jitter by this."""
    jitter = tuple(f"venues[{venue}].latency.order.sigma={sigma}" for venue in VENUES)
    figures = []
    for mode in (PARALLEL, "router.sending.mode=latency_equalised"):
        runs = [
            run_world(load_scenario("equalised", sets=(*jitter, *sets, mode), seed=seed))
            for seed in SEEDS
        ]
        figures.append([mean_shortfall_bps(run.summary) for run in runs])
    return figures[0], figures[1]


def difference(sigma: float, *sets: str) -> Paired:
    """What equalised sending costs more than parallel sending, over the seeds."""
    return paired(f"equalised less parallel, sigma {sigma}", *saved(sigma, *sets))


@pytest.mark.slow
def test_arriving_together_saves_where_others_react() -> None:
    found = difference(0.005)
    assert found.mean < -4 * found.stderr, found


@pytest.mark.slow
def test_arriving_together_saves_nothing_where_nobody_reacts() -> None:
    """The mid jumps five times a second, so that waiting is no longer free of any effect."""
    found = difference(0.005, *FADE, "fundamental.rate=5.0")
    assert found.stderr > 0, "nothing moved: the test would say nothing"
    assert abs(found.mean) <= 4 * found.stderr, found


@pytest.mark.slow
def test_what_arriving_together_saves_is_lost_as_jitter_grows() -> None:
    gains = []
    for sigma in (0.005, 0.05, 1.0):
        parallel, equalised = saved(sigma)
        gains.append([first - second for first, second in zip(parallel, equalised, strict=True)])
    calm, some, much = gains
    for less, more in ((some, calm), (much, calm)):
        found = paired("gain with less jitter less gain with more", less, more)
        assert found.low > 0, found
    rest = difference(1.0)
    assert rest.high > 0, f"nothing is left that could be told from chance: {rest}"


def test_who_sees_the_first_child_meets_the_others_too_late() -> None:
    """The quick form of the above: one order, with what each child found on its arrival."""
    together = run_world(load_scenario("equalised", sets=ONE)).summary["parents"][0]
    warned = run_world(load_scenario("equalised", sets=(*ONE, PARALLEL))).summary["parents"][0]
    assert (together["children"], together["avg_px"]) == (3, "100.00000000")
    assert warned["children"] > 3, "some of what was shown had been taken back"
    assert warned["avg_px"] > together["avg_px"]
    unmoved = run_world(load_scenario("equalised", sets=(*ONE, *FADE, PARALLEL)))
    assert unmoved.summary["parents"][0]["avg_px"] == together["avg_px"], "nobody reacts"


# ------------------------------------------------------------ through real venues


@pytest.fixture
def two(lit: Make, market: Make, run_data: Callable[..., Any]) -> Callable[..., Any]:
    """Run one parent over A, 5 ms away, and B, 20 ms away, each with 50 at 100.00."""

    def run(sending: dict[str, Any], *sets: str, **more: Any) -> Any:
        venues = [
            lit("A", [["100.00", 50], ["100.04", 500]]),
            lit("B", [["100.00", 50], ["100.02", 500]], ms=20),
        ]
        router = {"strategy": {"kind": "greedy"}, "sending": sending, "ack_timeout": "200ms"}
        router |= more.pop("router", {})
        return run_data(market(venues, router=router, qty=80, **more), *sets)

    return run


EQUALISED = {"mode": "latency_equalised"}


def test_children_meet_their_books_at_one_instant(two: Callable[..., Any]) -> None:
    ran = two(EQUALISED)
    assert [one.t_ns for one in of(ran, BookAtArrival)] == [20_000_000] * 2
    (decision,) = of(ran, Decision)
    assert [(one.venue_id, one.wait_ns) for one in decision.leaves] == [("A", 15_000_000), ("B", 0)]


def test_sequential_children_go_out_one_at_a_time(two: Callable[..., Any]) -> None:
    ran = two({"mode": "sequential"})
    assert [(one.venue_id, one.t_ns) for one in of(ran, ChildSent)] == [("A", 0), ("B", 10_000_000)]
    assert ran.result.summary["parents"][0]["filled_qty"] == 80


def test_F19_a_venue_that_halts_while_a_child_waits_gets_none(two: Callable[..., Any]) -> None:
    ran = two(EQUALISED, "venues[A].trading={halts: [{at: 5ms, until: 8s}]}")
    assert [(one.venue_id, one.reason) for one in of(ran, ChildDropped)] == [("A", "halted")]
    assert [one.venue_id for one in of(ran, ChildSent)] == ["B", "B"]
    assert ran.result.summary["parents"][0]["filled_qty"] == 80


def test_a_deadline_before_the_child_could_leave_has_it_leave_at_once(
    two: Callable[..., Any],
) -> None:
    ran = two(EQUALISED, deadline="10ms")
    assert [(one.venue_id, one.t_ns) for one in of(ran, ChildSent)] == [("A", 0), ("B", 0)]
    (done,) = of(ran, ParentDone)
    assert done.end_reason is EndReason.FILLED


def test_the_run_may_end_while_a_child_waits(two: Callable[..., Any]) -> None:
    ran = two(EQUALISED, "duration=10ms")
    assert [one.reason for one in of(ran, ChildDropped)] == ["run_ended"]
    assert ran.result.summary["outcome"] == "incomplete"
    assert ran.result.summary["parents"][0]["filled_qty"] == 0


def test_estimates_follow_what_reports_say(two: Callable[..., Any]) -> None:
    """Of a law with a long tail the mean is expected at first, then what orders really took."""
    parents = [{"id": f"P{n}", "side": "buy", "qty": 80, "at": f"{n}s"} for n in range(2)]
    law = "venues[A].latency.order={model: lognormal, median: 5ms, sigma: 0.8}"
    books = [f"venues[{v}].book.asks=[['100.00', 50], ['100.01', 500]]" for v in "AB"]
    ran = two(EQUALISED, law, *books, parents=parents)
    first, second = [one for one in of(ran, Decision) if one.leaves][:2]
    expected, learnt = ({one.venue_id: one.delay_ns for one in d.leaves} for d in (first, second))
    sent = {one.cl_ord_id: one.t_ns for one in of(ran, ChildSent)}
    took = {one.cl_ord_id: one.t_ns - sent[one.cl_ord_id] for one in of(ran, BookAtArrival)}
    assert round(expected["A"] / 1e6, 2) == 6.89
    assert learnt["A"] == took["P0.A.1"] != expected["A"]


def test_a_sweep_protects_the_better_quote(two: Callable[..., Any]) -> None:
    """B charges so little that its dearer lots are cheaper with fees than A's best."""
    fees = "venues[A].fees={taker: '0.05', maker: 0, unit: per_share}"
    kept = two({"protect": True}, fees)
    passed = two({}, fees)
    assert [one.venue_id for one in of(passed, ChildSent)] == ["B"]
    assert sorted((one.venue_id, one.order_qty) for one in of(kept, ChildSent)) == [
        ("A", 30),
        ("B", 50),
    ]
    assert sum(one.last_qty for one in of(kept, Fill)) == 80


def test_a_minimum_quantity_keeps_small_counter_orders_away(two: Callable[..., Any]) -> None:
    """A's best is 20 and 30 of two owners; only lots of at least 30 at a time will do."""
    book = "venues[A].book.asks=[['100.00', 20], ['100.01', 30]]"
    ran = two({"min_qty": {"venues": [{"venue": "A", "qty": 30}]}}, book)
    assert of(ran, ChildSent)[0].min_qty == 30
    assert [one.last_qty for one in of(ran, Fill) if one.venue_id == "A"] == [30]
    assert ran.result.summary["parents"][0]["filled_qty"] == 80


def test_F17_a_venue_that_takes_no_minimum_quantities_rejects_them(
    lit: Make, market: Make, run_data: Callable[..., Any]
) -> None:
    maker = lit("M")
    maker |= {"kind": "maker", "quote": {"bid": ["99.90", 50], "ask": ["100.00", 50]}}
    del maker["book"]
    sending = {"min_qty": {"maker": 10}}
    router = {"strategy": {"kind": "greedy"}, "sending": sending}
    ran = run_data(market([maker, lit("B", [["100.02", 500]])], router=router, qty=80))
    rejects = [(one.venue_id, one.reason) for one in of(ran, ChildRejected)]
    assert rejects == [("M", RejectReason.UNSUPPORTED_ORDER)]
    assert ran.result.summary["parents"][0]["filled_qty"] == 80
    assert [one.venue_id for one in of(ran, ChildSent)] == ["M", "B", "B"]
