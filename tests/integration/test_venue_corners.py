"""Corners of venues in whole runs: dark pools that give little or nothing, makers, throttles."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.audit.records import (
    BookAtArrival,
    ChildRejected,
    ChildSent,
    Decision,
    Fill,
    Quote,
    VenueEvent,
)
from sim.protocol.enums import EndReason, Outcome, RejectReason
from sim.scenario.load import load_scenario
from sim.world import run_world

MS = 1_000_000

Run = Callable[..., Any]
Market = Callable[..., dict[str, Any]]
Lit = Callable[..., dict[str, Any]]


def dark(venue_id: str, asks: list[list[Any]], *, ms: int = 5, **more: Any) -> dict[str, Any]:
    leg = {"model": "fixed", "delay": f"{ms}ms"}
    latency = {"order": leg, "report": leg, "feed": leg}
    book = {"asks": asks}
    return {
        "id": venue_id,
        "kind": "dark",
        "latency": latency,
        "indications": True,
        "book": book,
        **more,
    }


# ---------------------------------------------------------------- dark pools


def test_F26_pool_that_never_fills_ends_with_the_parents_deadline(
    run_data: Run, market: Market
) -> None:
    pool = dark("D", [["100.00", 500]], fill={"model": "fraction", "share": 0})
    ran = run_data(market([pool], qty=100, deadline="200ms"))
    assert ran.of(Fill) == []
    assert ran.parent["end_reason"] == EndReason.DEADLINE.value
    assert ran.result.outcome is Outcome.COMPLETE


def test_F26_minimum_that_our_orders_do_not_have_leaves_no_venue_for_the_parent(
    run_data: Run, market: Market
) -> None:
    pool = dark("D", [["100.00", 500]], min_qty=200)
    ran = run_data(market([pool], qty=100, deadline="200ms"))
    assert {r.reason for r in ran.of(ChildRejected)} == {RejectReason.INCORRECT_QUANTITY}
    assert ran.parent["end_reason"] == EndReason.NO_VENUE.value


def test_share_of_a_pool_belongs_to_the_order_and_not_to_what_others_do(
    run_data: Run, market: Market, lit: Lit
) -> None:
    """Common random numbers: another venue, and a slower one, change no draw of this pool."""
    pool = dark("D", [["100.00", 500]], fill={"model": "random", "low": "0.1", "high": "0.9"})

    def first_fill(*others: dict[str, Any], seed: int = 1) -> Any:
        ran = run_data(market([*others, pool], qty=400, seed=seed, deadline="300ms"))
        return next(fill.last_qty for fill in ran.of(Fill) if fill.venue_id == "D")

    alone = first_fill()
    assert 50 <= alone <= 450
    assert first_fill(lit("L", [["100.10", 1_000]], ms=3)) == alone
    assert first_fill(lit("L", [["100.10", 1_000]], ms=40)) == alone
    assert len({first_fill(seed=seed) for seed in range(2, 8)}) > 1


def test_arrival_at_a_pool_with_shares_tells_what_the_child_could_have(
    run_data: Run, market: Market
) -> None:
    pool = dark("D", [["100.00", 500]], fill={"model": "random"})
    ran = run_data(market([pool], qty=500, deadline="300ms"))
    for arrival in ran.of(BookAtArrival):
        filled = [f.last_qty for f in ran.of(Fill) if f.cl_ord_id == arrival.cl_ord_id]
        assert sum(filled) == sum(lots for _, lots in arrival.levels)


# ---------------------------------------------------------------- arrivals


def test_arrival_holds_all_that_the_child_could_reach_not_only_what_is_published(
    run_data: Run, market: Market, lit: Lit
) -> None:
    """Cheaper offers come in front of the five levels that were published as the child left."""
    venue = lit("L", [[f"100.{n:02}", 10] for n in range(12)], depth=5)
    better = [
        {"at": "1ms", "id": f"S{n}", "side": "sell", "qty": 1, "price": f"99.9{n}"}
        for n in range(6)
    ]
    venue["flow"] = [{"kind": "scripted", "orders": better}]
    ran = run_data(market([venue], qty=50))
    (arrival,) = ran.of(BookAtArrival)
    assert [price for price, _ in arrival.levels] == [*range(9_990, 9_996), *range(10_000, 10_005)]


# ---------------------------------------------------------------- makers and throttles


def test_maker_that_quotes_anew_fills_a_parent_in_portions(run_data: Run, market: Market) -> None:
    leg = {"model": "fixed", "delay": "1ms"}
    maker = {
        "id": "M",
        "kind": "maker",
        "latency": {"order": leg, "report": leg, "feed": leg},
        "quote": {"ask": ["100.00", 40]},
        "refresh": {"delay": "10ms", "shift": "0.01"},
    }
    ran = run_data(market([maker], qty=100))
    assert [(f.last_px, f.last_qty) for f in ran.of(Fill)] == [
        (10_000, 40),
        (10_001, 40),
        (10_002, 20),
    ]
    assert [r.t_ns // MS for r in ran.of(Quote)] == [0, 1, 11, 13, 23, 25]
    assert ran.result.outcome is Outcome.COMPLETE


def test_throttled_child_is_refused_and_says_so(run_data: Run, market: Market, lit: Lit) -> None:
    venue = lit("L", [["100.00", 500]], throttle={"messages": 1, "per": "1s"})
    data = market([venue], deadline="500ms", qty=10)
    data["parents"].append({"id": "Q", "side": "buy", "qty": 10, "at": "1ms", "deadline": "500ms"})
    ran = run_data(data)
    assert {r.reason for r in ran.of(ChildRejected)} == {RejectReason.THROTTLED}
    assert [f.parent_id for f in ran.of(Fill)] == ["P"]


# ---------------------------------------------------------------- the shipped lesson


@pytest.mark.parametrize(("delay", "paid"), [("40ms", [10_000, 10_010]), ("1ms", [10_010] * 2)])
def test_midpoint_pool_trades_at_the_middle_that_it_has_heard_of(
    read_records: Callable[[bytes], tuple[Any, ...]], delay: str, paid: list[int]
) -> None:
    result = run_world(load_scenario("midpoint", sets=[f"links[0].latency.delay={delay}"]))
    assert result.log is not None
    records = read_records(result.log)
    fills = [r for r in records if isinstance(r, Fill)]
    assert [(f.parent_id, f.last_px) for f in fills] == list(
        zip(["FAST", "LATE"], paid, strict=True)
    )
    assert result.exit_code == (0 if delay == "40ms" else 1)
    lit_quotes = [r for r in records if isinstance(r, Quote) and r.venue_id == "LIT"]
    assert [(q.bid_px, q.ask_px) for q in lit_quotes][-1] == (10_008, 10_012)
    assert all(c.venue_id == "POOL" for c in records if isinstance(c, ChildSent))


# ---------------------------------------------------------------- hours and halts


def halted(venue: dict[str, Any], at: str = "20ms", until: str = "120ms") -> dict[str, Any]:
    return {**venue, "trading": {"halts": [{"at": at, "until": until}]}}


def test_F19_shipped_halt_refuses_the_child_in_flight_and_is_used_again_after_it(
    read_records: Callable[[bytes], tuple[Any, ...]],
) -> None:
    result = run_world(load_scenario("halt"))
    assert result.log is not None
    records = read_records(result.log)
    assert result.exit_code == 0
    (rejected,) = [r for r in records if isinstance(r, ChildRejected)]
    assert (rejected.venue_id, rejected.reason) == ("A", RejectReason.EXCHANGE_CLOSED)
    events = [(r.t_ns // MS, r.event) for r in records if isinstance(r, VenueEvent)]
    assert events == [(20, "halted"), (120, "resumed")]
    sent = [(r.t_ns // MS, r.venue_id, r.order_qty) for r in records if isinstance(r, ChildSent)]
    assert sent == [(18, "A", 20_000), (28, "B", 15_000), (125, "A", 5_000), (125, "A", 5_000)]
    refused = {
        (r.t_ns // MS, one.venue_id, one.reason)
        for r in records
        if isinstance(r, Decision)
        for one in r.refused
    }
    assert (60, "A", "halted") in refused


def test_F19_halt_that_cancels_leaves_an_empty_book() -> None:
    result = run_world(load_scenario("halt", sets=["venues[A].trading.on_halt=cancel"]))
    assert result.outcome is Outcome.INCOMPLETE
    assert [row["leaves_qty"] for row in result.summary["parents"]] == [5_000, 5_000]


@pytest.mark.parametrize("silent", [False, True])
def test_F19_dark_pool_is_used_again_after_its_halt(
    run_data: Run, market: Market, silent: bool
) -> None:
    pool = halted(dark("D", [["100.00", 500]], indications=not silent))
    data = market([pool], qty=100, at="50ms", limit="100.00")
    if silent:
        data["router"]["blind"] = {"fraction": 1}
    ran = run_data(data)
    assert [f.last_qty for f in ran.of(Fill)] == [100]
    assert ran.of(Fill)[0].processed_ns >= 120 * MS
    assert ran.of(ChildRejected) == []


@pytest.mark.parametrize("indications", [False, True])
def test_venue_that_opens_later_is_known_to_be_shut_from_the_start(
    run_data: Run, market: Market, indications: bool
) -> None:
    pool = dark("D", [["100.00", 500]], indications=indications, trading={"open": "30ms"})
    data = market([pool], qty=100, limit="100.00", deadline="500ms")
    if not indications:
        data["router"]["blind"] = {"fraction": 1}
    ran = run_data(data)
    assert ran.of(ChildRejected) == []
    refused = [one.reason for one in ran.of(Decision)[0].refused]
    assert refused == ["pre_open"]
    assert ran.of(Fill)[0].processed_ns >= 30 * MS


def test_midpoint_pool_forgets_the_quotes_of_a_halted_venue(
    run_data: Run, market: Market, lit: Lit
) -> None:
    """The lit venue shows nothing in its halt, so that there is no middle."""
    venue = lit("L", [["100.02", 100]])
    venue["book"]["bids"] = [["99.98", 100]]
    pool = dark("D", [["99.00", 500]], pricing="midpoint")
    link = {"from": "L", "to": "D", "latency": {"model": "fixed", "delay": "1ms"}}
    data = market([halted(venue), pool], qty=10, at="50ms", limit="100.00", links=[link])
    ran = run_data(data)
    (fill,) = ran.of(Fill)
    assert (fill.venue_id, fill.last_px) == ("D", 10_000)
    assert fill.processed_ns >= 121 * MS
