"""Trades that venues take back or correct, and requests that take time, in whole runs."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import (
    Bust,
    ChildReplaced,
    ChildSent,
    Correction,
    Decision,
    Fill,
    ParentDone,
    RequestPending,
    VenueEvent,
)
from sim.audit.state import LogState
from sim.protocol.enums import DecisionReason, EndReason, Outcome
from sim.protocol.errors import ScenarioError
from sim.report.rebuild import replay
from sim.study.check import check

if TYPE_CHECKING:
    from tests.conftest import Ran

RunData = Callable[..., "Ran"]
Market = Callable[..., dict[str, Any]]
Lit = Callable[..., dict[str, Any]]

FEES = {"taker": "0.0030", "maker": "-0.0020"}


def listed(*busts: dict[str, Any]) -> dict[str, Any]:
    return {"listed": list(busts)}


def state_of(ran: "Ran") -> LogState:
    state = LogState()
    state.take(ran.records)  # I1 to I3 are checked as it goes
    return state


def bust_of_the_second_fill(lit: Lit, market: Market, **more: Any) -> dict[str, Any]:
    venue = lit(
        "A",
        [["100.00", 60], ["100.01", 40]],
        fees=FEES,
        busts=listed({"at": "50ms", "order": "P.A.1", "fill": 2}),
    )
    return market([venue], duration="100ms", **more)


def test_I1_I2_a_bust_after_the_end_moves_lots_from_filled_to_busted(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    ran = run_data(bust_of_the_second_fill(lit, market))
    (bust,) = ran.of(Bust)
    first, second = ran.of(Fill)
    assert (bust.exec_ref_id, bust.was_px, bust.was_qty) == (second.exec_id, 10_001, 40)
    assert (bust.cum_qty, bust.leaves_qty, bust.reopened_qty) == (60, 0, 0)
    assert (bust.t_ns, bust.processed_ns) == (55_000_000, 50_000_000)
    row = ran.parent
    assert (row["filled_qty"], row["busted_qty"], row["canceled_qty"]) == (60, 40, 40)
    assert row["order_qty"] == row["filled_qty"] + row["leaves_qty"] + row["canceled_qty"]
    assert ran.of(ParentDone)[0].end_reason is EndReason.FILLED  # so it was, when it ended
    assert ran.result.outcome is Outcome.COMPLETE
    assert first.exec_id != bust.exec_ref_id


def test_I5_cost_and_fees_are_exact_again_after_a_bust(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    row = run_data(bust_of_the_second_fill(lit, market)).parent
    assert (row["avg_px"], row["notional"], row["fees"]) == ("100.00000000", "6000", "0.18")
    assert row["venues"]["A"] == {
        "routed_qty": 100,
        "filled_qty": 60,
        "avg_px": "100.00000000",
        "fees": "0.18",
    }


def test_I13_the_log_alone_says_what_a_bust_left(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    ran = run_data(bust_of_the_second_fill(lit, market))
    state = state_of(ran)
    parent, child = state.parents["P"], state.children["P.A.1"]
    assert (parent.filled_qty, parent.canceled_qty, parent.leaves_qty) == (60, 40, 0)
    assert (parent.busted_qty, child.busted_qty, child.cum_qty) == (40, 40, 60)
    assert parent.fees == child.fees == Decimal("0.18")
    assert parent.tick_lots == child.tick_lots == 600_000


def test_I12_a_run_with_busts_repeats_and_its_log_is_explained(
    run_data: RunData, lit: Lit, market: Market, tmp_path: Path
) -> None:
    scenario = bust_of_the_second_fill(lit, market)
    first, again = run_data(scenario), run_data(scenario)
    assert first.result.log == again.result.log
    log = tmp_path / "audit.jsonl"
    assert first.result.log is not None
    log.write_bytes(first.result.log)
    says = [event["says"] for event in replay(log)["timeline"]]
    assert "P.A.1 busted: 40 at 100.01 taken back" in says
    assert check(log).ok


def test_busted_lots_are_sent_anew_only_if_the_router_is_told_to(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    venues = [
        lit("A", [["100.00", 60]], busts=listed({"at": "20ms", "order": "P.A.1"})),
        lit("B", [["100.05", 40]], ms=30),
    ]
    router = {"strategy": {"kind": "greedy"}, "reroute": {"busted": True}}
    scenario = market(venues, duration="200ms", router=router, limit="100.05")
    scenario["venues"][1]["book"]["asks"] = [["100.05", 100]]
    ran = run_data(scenario)
    reasons = [decision.reason for decision in ran.of(Decision)]
    assert DecisionReason.BUST in reasons
    anew = [child for child in ran.of(ChildSent) if child.cl_ord_id == "P.B.2"]
    assert [child.order_qty for child in anew] == [60]
    row = ran.parent
    assert (row["filled_qty"], row["busted_qty"], row["canceled_qty"]) == (100, 60, 0)
    assert row["reallocations"] == 1
    left_alone = run_data(scenario, "router.reroute.busted=false").parent
    assert (left_alone["filled_qty"], left_alone["canceled_qty"]) == (40, 60)
    assert left_alone["end_reason"] == "busted"
    state_of(ran)


def resting(lit: Lit, market: Market, **settings: Any) -> dict[str, Any]:
    """A parent of 100 that rests at 99.99, of which 30 are taken at 20 ms."""
    seller = {"at": "20ms", "id": "S", "side": "sell", "qty": 30, "price": "99.99", "tif": "IOC"}
    later = {"at": "60ms", "id": "T", "side": "sell", "qty": 90, "price": "99.99", "tif": "IOC"}
    venue = lit("A", flow=[{"kind": "scripted", "orders": [seller, later]}], **settings)
    venue["book"]["bids"] = [["99.99", 5]]
    return market(
        [venue],
        limit="99.99",
        duration="200ms",
        router={"strategy": {"kind": "greedy"}, "rest": {}},
        deadline="100ms",
    )


def test_I1_a_bust_of_a_working_order_opens_its_lots_again(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    ran = run_data(resting(lit, market, busts=listed({"at": "40ms", "order": "P.A.1"})))
    (bust,) = ran.of(Bust)
    assert (bust.was_qty, bust.reopened_qty, bust.cum_qty, bust.leaves_qty) == (25, 25, 0, 100)
    fills = [(fill.last_qty, fill.leaves_qty) for fill in ran.of(Fill)]
    assert fills == [(25, 75), (90, 10)]
    row = ran.parent
    assert (row["filled_qty"], row["busted_qty"], row["canceled_qty"]) == (90, 0, 10)
    state_of(ran)


def test_a_bust_of_lots_that_no_parent_had_gives_no_fee_back(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    """The fill comes when the router has given the order up: its fee was never the parent's."""
    busts = listed({"at": "100ms", "order": "P.A.1"})
    router = {"strategy": {"kind": "greedy"}, "ack_timeout": "4ms", "cancel_resends": 0}
    venue = lit("A", [["100.00", 60]], ms=30, fees=FEES, busts=busts)
    ran = run_data(market([venue], duration="200ms", deadline="10ms", router=router))
    assert not ran.of(Fill)
    (bust,) = ran.of(Bust)
    assert (bust.was_qty, bust.excess_qty, bust.fee) == (0, 60, "0")
    assert (ran.parent["filled_qty"], ran.parent["fees"]) == (0, "0")


def test_a_correction_of_a_working_order_changes_price_quantity_and_fee(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    change = {"at": "40ms", "order": "P.A.1", "qty": 10, "price": "99.98"}
    ran = run_data(resting(lit, market, busts=listed(change), fees=FEES))
    (correction,) = ran.of(Correction)
    assert (correction.was_px, correction.was_qty) == (9_999, 25)
    assert (correction.last_px, correction.last_qty) == (9_998, 10)
    assert (correction.reopened_qty, correction.leaves_qty) == (15, 90)
    assert correction.fee == "0.03"  # 15 lots less of a rebate of 0.0020
    row = ran.parent
    lots = row["filled_qty"]
    assert row["fees"] == format(Decimal("-0.0020") * lots, "f").rstrip("0").rstrip(".")
    assert Decimal(row["notional"]) == Decimal("99.98") * 10 + Decimal("99.99") * (lots - 10)
    state_of(ran)


def test_a_bust_of_a_fill_that_is_not_there_is_told(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    venue = lit("A", [["100.00", 100]], busts=listed({"at": "1ms", "order": "P.A.1"}))
    ran = run_data(market([venue], duration="50ms"))
    events = [(event.event, event.detail) for event in ran.of(VenueEvent)]
    assert events == [("trade_change_missed", "fill 1 of P.A.1: 0 fills by then")]


def test_random_busts_belong_to_their_trades(run_data: RunData, lit: Lit, market: Market) -> None:
    """The same trades are taken back whatever happens elsewhere."""
    asks = [[f"100.{n:02}", 1] for n in range(40)]
    random = {"random": {"share": "0.5", "after": "5ms"}}
    scenario = market([lit("A", asks, busts=random, depth=40)], qty=40, duration="50ms")
    ran = run_data(scenario)
    busted = [bust.was_px for bust in ran.of(Bust)]
    assert 8 <= len(busted) <= 32
    assert ran.parent["filled_qty"] == 40 - len(busted)
    slower = run_data(scenario, "venues[A].latency.order.delay=9ms")
    assert [bust.was_px for bust in slower.of(Bust)] == busted
    state_of(ran)


@pytest.mark.parametrize("kind", ["dark", "maker"])
def test_busts_at_other_kinds(run_data: RunData, lit: Lit, market: Market, kind: str) -> None:
    venue = lit("A", [["100.00", 60]], busts=listed({"at": "50ms", "order": "P.A.1"}))
    venue["kind"] = kind
    if kind == "maker":
        venue["quote"] = {"ask": ["100.00", 60]}
        del venue["book"]
    else:
        venue["indications"] = True
    ran = run_data(market([venue], duration="100ms", qty=60))
    assert (ran.parent["filled_qty"], ran.parent["busted_qty"]) == (0, 60)
    assert ran.parent["fees"] == "0"
    state_of(ran)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"qty": "0.5"}, "listed[0].qty"),
        ({"price": "99.995"}, "listed[0].price"),
        ({"order": "no spaces"}, "listed[0].order"),
        ({"fill": 0}, "listed[0].fill"),
    ],
)
def test_bad_busts_are_refused_with_their_place(
    run_data: RunData, lit: Lit, market: Market, change: dict[str, Any], place: str
) -> None:
    venue = lit("A", [["100.00", 100]], busts=listed({"at": "1ms", "order": "P.A.1", **change}))
    with pytest.raises(ScenarioError, match=place.replace("[", r"\[")):
        run_data(market([venue]))


# ------------------------------------------------------------ requests that take time


def test_F13_fills_cross_a_cancel_that_is_pending(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    """The cancel of 100 ms waits for 30 ms at the venue, and a fill comes at 110 ms."""
    requests = {"decision": "30ms"}
    scenario = resting(lit, market, requests=requests)
    scenario["venues"][0]["flow"][0]["orders"][1]["at"] = "110ms"
    scenario["venues"][0]["flow"][0]["orders"][1]["qty"] = 50
    ran = run_data(scenario)
    (pending,) = ran.of(RequestPending)
    assert (pending.cl_ord_id, pending.orig_cl_ord_id) == ("P.A.1.C1", "P.A.1")
    assert pending.t_ns == 110_000_000
    row = ran.parent
    assert (row["filled_qty"], row["canceled_qty"]) == (75, 25)
    assert ran.of(ParentDone)[0].t_ns == 140_000_000
    state_of(ran)


def test_F15_a_venue_that_says_pending_has_as_long_again(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    """Else the router would ask again before the venue has decided."""
    scenario = resting(lit, market, requests={"decision": "30ms"})
    scenario["router"]["ack_timeout"] = "35ms"
    scenario["venues"][0]["flow"][0]["orders"][1]["qty"] = 50
    ran = run_data(scenario)
    assert len(ran.of(RequestPending)) == 1
    assert ran.parent["end_reason"] == "deadline"
    silent = run_data(scenario, "venues[A].requests.report_pending=false")
    reasons = [
        record.reason
        for record in silent.records
        if hasattr(record, "orig_cl_ord_id") and hasattr(record, "reason")
    ]
    assert "no_answer" in reasons
    assert silent.parent["canceled_qty"] == ran.parent["canceled_qty"]
    state_of(silent)


def test_F16_a_replace_is_decided_after_the_fills_that_crossed_it(
    run_data: RunData, lit: Lit, market: Market
) -> None:
    """The replace to 100.00 comes at 40 ms and is decided at 60; 10 lots trade at the old price."""
    scenario = resting(lit, market, requests={"decision": "20ms"})
    orders = scenario["venues"][0]["flow"][0]["orders"]
    bid = {"at": "30ms", "id": "B", "side": "buy", "qty": 5, "price": "100.00", "tif": "GTC"}
    orders[1:] = [bid, {**orders[1], "at": "50ms", "qty": 15}]
    scenario["parents"][0]["limit"] = "100.00"
    ran = run_data(scenario)
    assert [(fill.last_px, fill.last_qty) for fill in ran.of(Fill)] == [(9_999, 25), (9_999, 10)]
    (replaced,) = ran.of(ChildReplaced)
    assert (replaced.processed_ns, replaced.price) == (60_000_000, 10_000)
    assert (replaced.order_qty, replaced.cum_qty, replaced.leaves_qty) == (100, 35, 65)
    assert [one.cl_ord_id for one in ran.of(RequestPending)] == ["P.A.1.R1", "P.A.1.C1"]
    state_of(ran)
