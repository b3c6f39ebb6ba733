"""Feeds that go wrong and clocks that do, in whole runs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, get_args

import pytest

from router.allocate import STRATEGIES
from sim.audit.records import (
    ChildSent,
    Decision,
    Doubt,
    Fault,
    Fill,
    Record,
    Refused,
)
from sim.protocol.enums import EndReason
from sim.protocol.errors import ScenarioError

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Make = Callable[..., Data]
RunData = Callable[..., "Ran"]
MS = 1_000_000
DAY_NS = 86_400_000 * MS


@pytest.fixture
def two(market: Make, lit: Make) -> Callable[..., Data]:
    """A and B, whose books change at 10, 20 and 30 ms; the order comes at 40 ms."""

    def make(*faults: Data, doubts: Data | None = None, **more: Any) -> Data:
        def venue(name: str, bid: str, ask: str) -> Data:
            orders = [
                {"at": f"{ms}ms", "id": f"{name}{ms}", "side": "buy", "qty": 5, "price": "99.00"}
                for ms in (10, 20, 30)
            ]
            book = {"asks": [[ask, 60], ["100.20", 500]], "bids": [[bid, 60]]}
            return lit(name, flow=[{"kind": "scripted", "orders": orders}]) | {"book": book}

        venues = [venue("A", "99.98", "100.00"), venue("B", "99.97", "100.01")]
        data = market(venues, at="40ms", faults=list(faults), **more)
        if doubts is not None:
            data["router"] = {**data["router"], "market": doubts}
        return data

    return make


def wrong(kind: str, **more: Any) -> Data:
    return {"kind": kind, "venue": "A", "at": "5ms", "lasts": "100ms", **more}


def first(ran: "Ran") -> Decision:
    return ran.of(Decision)[0]


@pytest.mark.parametrize(
    ("kind", "how"), [("crossed_quote", "crossed"), ("locked_quote", "locked")]
)
@pytest.mark.parametrize("policy", ["take", "skip"])
def test_D01_crossed_and_locked_quotes_are_data_and_the_policy_says_whether_to_take_them(
    kind: str, how: str, policy: str, two: Make, run_data: RunData
) -> None:
    """A is said to offer at 99.97 (99.98), where it bids 99.98; it truly offers at 100.00."""
    ran = run_data(two(wrong(kind), doubts={"crossed": policy}))
    decision = first(ran)
    assert how in {one.reason for one in decision.doubts if one.venue_id == "A"}
    if policy == "take":
        assert {part.venue_id for part in decision.split} >= {"A"}
    else:
        assert {part.venue_id for part in decision.split} == {"B"}
        assert how in {one.reason for one in decision.refused if one.venue_id == "A"}
    assert ran.parent["end_reason"] in {"filled", "run_ended"}


def test_D01_without_the_setting_crossed_quotes_are_used_and_nothing_is_noted(
    two: Make, run_data: RunData
) -> None:
    decision = first(run_data(two(wrong("crossed_quote"))))
    assert decision.doubts == ()
    assert decision.split[0].venue_id == "A"


STRATEGY_NAMES: Final = [
    str(name) for one in STRATEGIES for name in get_args(one.model_fields["kind"].annotation)
]
STRATEGY_NEEDS: Final[dict[str, Data]] = {
    "single_venue": {"venue": "A"},
    "cont_kukanov": {
        "horizon": "50ms",
        "outflow": {"law": "poisson", "mean": 80},
        "lambda_under": "0.053",
        "lambda_over": "0.053",
    },
}


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("name", STRATEGY_NAMES)
def test_D01_no_strategy_stumbles_over_a_spread_below_zero(
    name: str, side: str, two: Make, run_data: RunData
) -> None:
    data = two(wrong("crossed_quote", ticks=40), side=side, deadline="200ms")
    data["router"]["strategy"] = {"kind": name, **STRATEGY_NEEDS.get(name, {})}
    ran = run_data(data)
    assert ran.parent["filled_qty"] <= 100


@pytest.mark.parametrize(
    "fault",
    [
        wrong("feed_gap"),
        wrong("stale_quote", at="12ms"),
        wrong("latency_burst", leg="feed", by="60ms"),
    ],
    ids=["feed_gap", "stale_quote", "latency_burst"],
)
def test_D02_who_has_said_nothing_new_for_too_long_is_not_used_and_that_is_logged(
    fault: Data, two: Make, run_data: RunData
) -> None:
    ran = run_data(two(fault, doubts={"max_age": "15ms"}, qty=50))
    decision = first(ran)
    assert [part.venue_id for part in decision.split] == ["B"]
    refused = {one.venue_id: one for one in decision.refused}
    assert isinstance(refused["A"], Refused)
    assert refused["A"].reason == "stale"
    (doubt,) = decision.doubts
    assert (doubt.venue_id, doubt.reason) == ("A", "stale")
    assert doubt.silent_ns > 15 * MS


def test_D02_a_venue_is_used_again_as_soon_as_it_says_something_new(
    two: Make, run_data: RunData
) -> None:
    """The gap is over at 28 ms, so A's book of 30 ms comes at 35 ms."""
    gap = wrong("feed_gap", lasts="23ms")
    assert first(run_data(two(gap, doubts={"max_age": "15ms"}))).doubts == ()


def test_D02_one_who_waits_for_a_venue_gets_a_turn_as_it_comes_back(
    two: Make, run_data: RunData
) -> None:
    """At 26 ms A is silent for too long, and B is not there; A's book of 30 ms comes at 35 ms."""
    data = two(wrong("feed_gap", lasts="23ms"), doubts={"max_age": "15ms"}, qty=50)
    data["venues"] = data["venues"][:1]
    data["parents"][0]["at"] = "26ms"
    ran = run_data(data)
    decisions = [(one.t_ns // MS, len(one.split)) for one in ran.of(Decision)]
    assert decisions == [(26, 0), (35, 1)]
    assert ran.parent["end_reason"] == EndReason.FILLED.value


@pytest.mark.parametrize("times", ["1000", "0.001"])
def test_D08_a_quote_that_jumps_is_not_believed_and_routing_goes_on_with_the_last_good_one(
    times: str, two: Make, run_data: RunData
) -> None:
    plain = first(run_data(two(doubts={"max_jump": "10"})))
    mad = wrong("mad_quote", price_times=times)
    ran = run_data(two(mad, doubts={"max_jump": "10"}))
    decision = first(ran)
    assert decision.split == plain.split
    assert [(one.venue_id, one.reason) for one in decision.doubts] == [("A", "jumped")]
    assert isinstance(decision.doubts[0], Doubt)
    assert ran.parent["end_reason"] == "filled"


def test_D08_without_the_setting_a_mad_quote_is_believed_and_hurts_nobody(
    two: Make, run_data: RunData
) -> None:
    """Offered at a tenth of a cent, A gets an order that cannot fill, and the rest goes on."""
    ran = run_data(two(wrong("mad_quote", price_times="0.001", lasts="30ms"), deadline="400ms"))
    assert ran.of(Fault)
    assert all(fill.last_px >= 10_000 for fill in ran.of(Fill))
    assert ran.parent["filled_qty"] <= 100


def test_D03_a_quote_with_one_side_has_no_middle(two: Make, run_data: RunData) -> None:
    gone = [wrong("one_sided_quote", side="asks"), wrong("one_sided_quote", side="asks")]
    gone[1] |= {"venue": "B", "id": "other"}
    ran = run_data(two(*gone, duration="200ms"))
    assert ran.parent["arrival_mid"] is None
    assert not ran.of(ChildSent)


@pytest.mark.parametrize("clock", ["behind", "ahead", "still"])
@pytest.mark.parametrize("leg", ["report", "feed"])
@pytest.mark.parametrize("strategy", ["greedy", "min_risk"])
def test_D09_a_venues_clock_changes_no_decision(
    clock: str, leg: str, strategy: str, two: Make, run_data: RunData
) -> None:
    """Labels are wrong by a day, or stand still; what is sent, when and where stays as it is."""

    def run(*faults: Data) -> "Ran":
        data = two(*faults, doubts={"max_age": "50ms"}, qty=300)
        data["router"]["strategy"] = {"kind": strategy}
        data["router"]["sending"] = {"mode": "latency_equalised"}
        return run_data(data)

    plain, off = run(), run(wrong("clock_fault", leg=leg, clock=clock, at="0s", lasts="1s"))
    assert off.of(Fault)
    assert _sent(off) == _sent(plain)
    assert off.parent == plain.parent
    times = [record.t_ns for record in off.records]
    assert times == sorted(times)


def _sent(ran: "Ran") -> list[tuple[int, str, int, int]]:
    return [(one.t_ns, one.cl_ord_id, one.order_qty, one.price) for one in ran.of(ChildSent)]


def test_D09_a_clock_that_is_a_day_behind_says_so_in_the_log(two: Make, run_data: RunData) -> None:
    off = wrong("clock_fault", leg="report", clock="behind", at="0s")
    stamps = [one.processed_ns for one in run_data(two(off)).of(Fill) if one.venue_id == "A"]
    assert stamps[0] < -DAY_NS + 1_000 * MS


def test_D10_a_fault_comes_before_all_else_of_its_nanosecond(two: Make, run_data: RunData) -> None:
    """A's book of 10 ms arrives at 15 ms: a gap from then on takes it, one until then does not."""
    early, late = wrong("feed_gap", at="15ms"), wrong("feed_gap", at="5ms", lasts="10ms")
    assert _struck(run_data(two(early)))[0].t_ns == 15 * MS
    assert 15 * MS not in {one.t_ns for one in _struck(run_data(two(late)))}


def _struck(ran: "Ran") -> list[Fault]:
    return [one for one in ran.of(Fault) if one.phase == "struck"]


def test_D10_two_faults_of_one_nanosecond_come_in_the_order_of_the_file(
    two: Make, run_data: RunData
) -> None:
    ran = run_data(two(wrong("feed_gap", id="x"), wrong("crossed_quote", id="y")))
    began = [one.fault_id for one in ran.of(Fault) if one.phase == "began"]
    assert began == ["x", "y"]
    # What the first has taken never comes to the second.
    assert {one.fault_id for one in _struck(ran)} == {"x"}


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ({"venues": [{"venue": "C", "max_age": "1ms"}]}, "no venue has the id C"),
        ({"max_jump": "1"}, "max_jump"),
        ({"crossed": "never"}, "crossed"),
    ],
)
def test_wrong_settings_are_refused_with_their_place(
    sets: Data, said: str, two: Make, run_data: RunData
) -> None:
    with pytest.raises(ScenarioError) as caught:
        run_data(two(doubts=sets))
    (problem,) = caught.value.problems
    assert said in str(problem)
    assert problem.path.startswith("router.market")


def test_without_the_key_the_log_does_not_know_of_it(two: Make, run_data: RunData) -> None:
    records: tuple[Record, ...] = run_data(two()).records
    assert "market" not in records[0].scenario["router"]  # type: ignore[attr-defined]
