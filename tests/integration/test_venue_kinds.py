"""Auctions and dealers in whole runs: the router copes with each through its usual messages."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import (
    CancelRejected,
    CancelSent,
    ChildCanceled,
    ChildRejected,
    ChildSent,
    DealerAnswer,
    Fill,
    Record,
    RouteHold,
    VenueEvent,
)
from sim.protocol.enums import EndReason, RejectReason
from sim.scenario.load import load_scenario
from sim.world import run_world

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Make = Callable[..., Data]
Run = Callable[..., "Ran"]

LEG = {"model": "fixed", "delay": "1ms"}
SPREAD = {"half": "0.01"}
RFQ = {"kind": "rfq", "spread": SPREAD, "sizes": [100]}
MOVES = [
    {
        "kind": "scripted",
        "orders": [{"at": "3ms", "id": "T", "side": "buy", "qty": 500, "price": "100.02"}],
    }
]


@pytest.fixture
def beside_lit(market: Make, lit: Make) -> Callable[..., Data]:
    """``beside_lit(kind=..., ...)``: venue V beside a lit one whose quotes reach it after 1 ms."""

    def make(venue: Data, **more: Any) -> Data:
        book = {"asks": [["100.02", 500], ["100.10", 5000]], "bids": [["99.98", 500]]}
        flow = more.pop("flow", [])
        own = {**lit("V", ms=1), **venue}
        if venue["kind"] != "auction":
            own.pop("book")
        links = [{"from": "L", "to": "V", "latency": LEG}]
        if venue["kind"] == "auction" and venue.get("reference") != "market":
            links = []
        venues = [{**lit("L", ms=1), "book": book, "flow": flow}, own]
        return market(venues, links=links, **more)

    return make


def test_last_look_costs_time_and_the_lots_go_elsewhere(
    run_data: Run, beside_lit: Callable[..., Data]
) -> None:
    look = {"last_look": {"hold": "20ms"}}
    ran = run_data(beside_lit(RFQ | look, flow=MOVES))
    (answer,) = ran.of(DealerAnswer)
    assert (answer.asked_ns, answer.t_ns) == (1_000_000, 21_000_000)
    assert (answer.quote_px, answer.moved_half_ticks, answer.outcome) == (10_001, 8, "rejected")
    (rejected,) = ran.of(ChildRejected)
    assert (rejected.reason, rejected.t_ns) == (RejectReason.LAST_LOOK, 22_000_000)
    assert [fill.venue_id for fill in ran.of(Fill)] == ["L"]
    assert ran.parent["avg_px"] == "100.10000000"
    # It is left alone for a while, not for good: it will quote again.
    assert [hold.reason for hold in ran.of(RouteHold)] == ["rejected_last_look"]
    kept = run_data(beside_lit(RFQ, flow=MOVES))
    assert kept.parent["avg_px"] == "100.01000000"


def test_router_that_waits_less_than_the_hold_time_withdraws_its_order(
    run_data: Run, beside_lit: Callable[..., Data]
) -> None:
    look = {"last_look": {"hold": "50ms"}}
    router = {"strategy": {"kind": "greedy"}, "ack_timeout": "10ms"}
    ran = run_data(beside_lit(RFQ | look, router=router))
    assert [cancel.reason for cancel in ran.of(CancelSent)] == ["ack_timeout"]
    (ended,) = ran.of(ChildCanceled)
    assert (ended.venue_id, ended.canceled_qty) == ("V", 100)
    assert [answer.outcome for answer in ran.of(DealerAnswer)] == ["canceled"]
    assert ran.parent["filled_qty"] == 100


def test_cancel_that_crosses_the_fill_of_a_dealer_is_refused_and_nothing_is_bought_twice(
    run_data: Run, beside_lit: Callable[..., Data]
) -> None:
    """F13: the cancel leaves at 10 ms and meets an order that was filled at 10.5 ms."""
    broker = {"kind": "broker", "spread": SPREAD, "delay": "9500us"}
    router = {"strategy": {"kind": "greedy"}, "ack_timeout": "10ms", "blind": {"fraction": 1}}
    ran = run_data(beside_lit(broker, router=router))
    assert len(ran.of(CancelRejected)) == 1
    assert [(fill.venue_id, fill.last_qty) for fill in ran.of(Fill)] == [("V", 100)]


@pytest.mark.parametrize(
    ("venue", "price"),
    [
        ({"kind": "wholesaler", "improvement": "0.5"}, "100.00000000"),
        ({"kind": "broker", "spread": SPREAD, "delay": "5ms"}, "100.01000000"),
        (RFQ | {"shown": False}, "100.01000000"),
    ],
)
def test_silent_dealer_gets_blind_orders_and_fills_them_whole(
    run_data: Run, beside_lit: Callable[..., Data], venue: Data, price: str
) -> None:
    router = {"strategy": {"kind": "greedy"}, "blind": {"fraction": 1}}
    ran = run_data(beside_lit(venue, router=router))
    assert [(fill.venue_id, fill.last_qty) for fill in ran.of(Fill)] == [("V", 100)]
    assert ran.parent["avg_px"] == price


def test_wholesaler_refuses_what_is_too_large_and_the_lots_go_elsewhere(
    run_data: Run, beside_lit: Callable[..., Data]
) -> None:
    router = {"strategy": {"kind": "greedy"}, "blind": {"fraction": 1}}
    ran = run_data(beside_lit({"kind": "wholesaler", "max_order_qty": 99}, router=router))
    (rejected,) = ran.of(ChildRejected)
    assert rejected.reason is RejectReason.ORDER_EXCEEDS_LIMIT
    assert [(fill.venue_id, fill.last_qty) for fill in ran.of(Fill)] == [("L", 100)]


def test_auction_answers_at_its_instant_and_sends_back_what_it_did_not_fill(
    run_data: Run, beside_lit: Callable[..., Data]
) -> None:
    call = {"kind": "auction", "every": "30ms", "book": {"asks": [["99.99", 40]]}}
    router = {"strategy": {"kind": "greedy"}, "blind": {"fraction": 1}}
    ran = run_data(beside_lit(call, router=router))
    assert [(f.venue_id, f.last_qty, f.processed_ns // 1_000_000) for f in ran.of(Fill)] == [
        ("V", 40, 30),
        ("L", 60, 32),
    ]


def test_router_may_rest_an_order_in_an_auction(
    run_data: Run, beside_lit: Callable[..., Data]
) -> None:
    sells = {"at": "35ms", "id": "S", "side": "sell", "qty": 70, "price": "99.90", "tif": "GTC"}
    call = {
        "kind": "auction",
        "every": "30ms",
        "reference": "market",
        "flow": [{"kind": "scripted", "orders": [sells]}],
    }
    router = {"strategy": {"kind": "greedy"}, "rest": {"venue": "V", "price": "limit"}}
    ran = run_data(beside_lit(call, router=router, limit="100.00", deadline="100ms"))
    (sent,) = ran.of(ChildSent)
    assert (sent.venue_id, sent.price) == ("V", 10_000)
    # The market's middle is 100.00, the seller's limit 99.90: the middle it is.
    assert [(f.last_px, f.last_qty, f.processed_ns) for f in ran.of(Fill)] == [
        (10_000, 70, 60_000_000)
    ]
    assert ran.parent["end_reason"] == EndReason.DEADLINE.value


def test_indicative_auction_is_used_as_any_indication(
    run_data: Run, beside_lit: Callable[..., Data]
) -> None:
    both = [
        {"at": "1ms", "id": "S", "side": "sell", "qty": 100, "price": "99.99"},
        {"at": "2ms", "id": "B", "side": "buy", "qty": 30, "price": "100.01"},
    ]
    call = {
        "kind": "auction",
        "every": "30ms",
        "reference": "market",
        "indicative": True,
        "flow": [{"kind": "scripted", "orders": both}],
    }
    ran = run_data(beside_lit(call, at="10ms"))
    fills = [(fill.venue_id, fill.last_px, fill.last_qty) for fill in ran.of(Fill)]
    assert fills == [("V", 10_000, 70), ("L", 10_002, 30)]


def test_shipped_scenario_shows_each_kind_at_its_own_time_and_price(
    read_records: Callable[[bytes], tuple[Record, ...]],
) -> None:
    result = run_world(load_scenario("venue_kinds"))
    assert result.log is not None
    rows = result.summary["venues"]
    found = {name: (row["filled_qty"], row["avg_px"]) for name, row in rows.items()}
    assert found == {
        "LIT": (11_000, "100.03000000"),
        "WHOLE": (20_000, "100.01000000"),
        "CALL": (4_000, "100.00500000"),
        "BROKER": (5_000, "100.01700000"),
        "RFQ": (0, None),
    }
    answers = [r.outcome for r in read_records(result.log) if isinstance(r, DealerAnswer)]
    assert answers == ["rejected", "filled"]


def test_symmetric_bump_delays_orders_in_and_reports_and_quotes_out(
    run_data: Run, market: Make, lit: Make
) -> None:
    """350 us each way, as on a venue whose coil is in front of everything."""
    offer = {"at": "10ms", "id": "o", "side": "sell", "qty": 40, "price": "99.90"}
    bump = {"order": "350us", "report": "350us", "feed": "350us"}
    flow = [{"kind": "scripted", "orders": [offer]}]
    ran = run_data(market([lit("A", [["100.00", 60]], ms=1, flow=flow, speed_bump=bump)]))
    first, second = ran.of(Fill)
    assert (first.processed_ns, first.t_ns) == (1_350_000, 2_700_000)
    # The new offer is published at 10 ms and known at 11.35; the order for it arrives at 12.7.
    assert (second.processed_ns, second.t_ns) == (12_700_000, 14_050_000)


def test_order_that_rests_in_a_pool_invites_a_conditional_order_and_is_filled(
    run_data: Run, market: Make, lit: Make
) -> None:
    pool = {
        **lit("POOL", ms=1),
        "kind": "dark",
        "pricing": "midpoint",
        "conditional": {
            "orders": [{"id": "BLOCK", "side": "sell", "qty": 5000, "price": "99.90"}],
            "within": "20ms",
            "after": "6ms",
        },
    }
    book = {"asks": [["100.02", 500]], "bids": [["99.98", 500]]}
    router = {"strategy": {"kind": "greedy"}, "rest": {"venue": "POOL", "price": "limit"}}
    ran = run_data(
        market(
            [{**lit("L", ms=1), "book": book}, pool],
            links=[{"from": "L", "to": "POOL", "latency": LEG}],
            router=router,
            qty=3000,
            limit="100.01",
        )
    )
    happened = [(r.t_ns // 1_000_000, r.event) for r in ran.of(VenueEvent)]
    assert happened == [(1, "invited"), (7, "firmed_up")]
    (fill,) = ran.of(Fill)
    assert (fill.last_px, fill.last_qty, fill.is_maker, fill.t_ns) == (
        10_000,
        3000,
        True,
        8_000_000,
    )
