"""Rules of books, of time, of bounds and of ends, on records made by hand."""

from typing import Any

import pytest

from router.core.memory import MEMORY as ROUTER_MEMORY
from router.outside.book import STRATEGY
from sim.audit.invariants import least_ns, liveness
from sim.audit.order_ledger import MEMORY
from sim.audit.order_rules import INSTANT_DECISIONS_MAX, OUTSIDE
from sim.audit.records import (
    ChildAcked,
    ChildCanceled,
    Depth,
    Fault,
    KnownQuote,
    ParentReceived,
    Quote,
    Record,
    TradePrint,
    VenueEvent,
)
from sim.protocol.enums import EndReason, Outcome, Side
from sim.protocol.errors import InvariantError
from tests.sim.audit.forge import STAMPS, Forge, broken

QUOTE: dict[str, Any] = {
    "venue_id": "A",
    "venue_seq": 1,
    "bid_px": None,
    "bid_qty": 0,
    "ask_px": 50,
    "ask_qty": 9,
}
PRINT: dict[str, Any] = {
    "venue_id": "A",
    "venue_seq": 2,
    "price": 50,
    "qty": 1,
    "aggressor": Side.BUY,
}


@pytest.fixture
def forge() -> Forge:
    return Forge().begin().parent()


# ------------------------------------------------------------ I7, I8 of whole books


@pytest.mark.parametrize(
    ("bids", "asks", "says"),
    [
        (((9, 0),), (), "I7: A has a bid of 0 at 9"),
        ((), ((0, 5),), "I7: A has a ask of 5 at 0"),
        (((10, 1),), ((10, 1),), "I8: A has a bid of 10 and an ask of 10"),
    ],
)
def test_I7_I8_of_a_published_book(forge: Forge, bids: Any, asks: Any, says: str) -> None:
    with broken(says):
        forge.take(Depth, venue_id="A", venue_seq=1, bids=bids, asks=asks)


def test_I7_a_breach_is_said_once(forge: Forge) -> None:
    """What comes after it is written and judged no more: the first error counts."""
    with broken("I7: A has a bid of 3 at None") as first:
        forge.take(Quote, **{**QUOTE, "bid_qty": 3})
    forge.take(Quote, **{**QUOTE, "bid_qty": 4})
    forge.take(TradePrint, **{**PRINT, "qty": 0})
    forge.t_ns = -1
    forge.take(Quote, **QUOTE)
    assert forge.rules.broken is first.value


# ------------------------------------------------------------ I11, I17, I18


@pytest.mark.parametrize("kind", [Quote, TradePrint, VenueEvent, ParentReceived, ChildAcked])
def test_I11_time_goes_back_in_no_kind_of_record(forge: Forge, kind: type[Record]) -> None:
    fields: dict[Any, dict[str, Any]] = {
        Quote: QUOTE,
        TradePrint: PRINT,
        VenueEvent: {"venue_id": "A", "event": "down", "detail": ""},
        ChildAcked: {"cl_ord_id": "P.A.1", "venue_id": "A", "order_id": 1, **STAMPS},
    }
    forge.t_ns = 5
    forge.send(60)
    forge.t_ns = 4
    with broken("I11: time goes back from 5 to 4 ns: "):
        forge.parent("Q") if kind is ParentReceived else forge.take(kind, **fields[kind])


@pytest.mark.parametrize(
    ("law", "least"),
    [
        ({"model": "fixed", "delay": "5ms"}, 7_000_000),
        ({"model": "shifted_exponential", "shift": "1ms", "mean": "9ms"}, 3_000_000),
        ({"model": "lognormal", "median": "1ms", "sigma": 1.0}, 2_000_000),
        ({"model": "fixed", "delay": "what"}, 0),
    ],
)
def test_I11_the_smallest_delay_of_a_leg(law: dict[str, Any], least: int) -> None:
    venue = {"latency": {"order": law}, "speed_bump": {"order": "2ms"}}
    assert least_ns(venue, "order") == least


def test_I14_a_feed_that_a_fault_has_struck_may_stamp_what_it_likes() -> None:
    """D09: a venue's clock stands a day behind; that is told, and misleads the router alone."""
    forge = Forge().begin().parent()
    told = {"fault_id": "f", "fault": "clock_fault", "phase": "struck"}
    old = KnownQuote("A", 1, 86_400_000_000_000, 0, ((50, 10),), 1, 0)
    forge.take(Fault, venue_id="A", leg="report", **told)
    forge.quotes = (old,)
    with broken("I14: decision 1 knows a quote of A that is 86400000000000 ns old"):
        forge.decide(unreserved=100)
    forge.rules.broken = None
    forge.take(Fault, venue_id="A", leg="feed", **told)
    forge.decide(unreserved=100)


def test_I17_a_cancel_is_sent_again_only_so_often(forge: Forge) -> None:
    forge.send(60)
    forge.cancel()
    forge.cancel()
    forge.cancel("P.A.1.C2")  # another request begins anew
    forge.cancel("P.A.1.C2")
    with broken("I17: P.A.1.C2 is sent again 2 times, allowed are 1"):
        forge.cancel("P.A.1.C2")


def test_I17_no_tight_loop_of_decisions(forge: Forge) -> None:
    for _ in range(INSTANT_DECISIONS_MAX):
        forge.decide(unreserved=100)
    forge.t_ns += 1
    for _ in range(INSTANT_DECISIONS_MAX):
        forge.decide(unreserved=100)
    with broken("I17: parent P is decided 1001 times at one instant"):
        forge.decide(unreserved=100)


def test_I17_what_has_ended_is_forgotten_later_than_the_router_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert MEMORY >= ROUTER_MEMORY
    monkeypatch.setattr("sim.audit.order_ledger.MEMORY", 8)
    forge = Forge(limit=None).begin().parent("P", 10**6)
    first = forge.send(1)
    ended = {"venue_id": "A", "canceled_qty": 1, "cum_qty": 0, **STAMPS}
    forge.take(ChildCanceled, cl_ord_id=first, **ended)
    forge.done(0, 10**6)
    forge.parent("Q", 10**6)
    known = []
    for _ in range(7 * 8):
        forge.t_ns += 1
        forge.take(ChildCanceled, cl_ord_id=forge.send(1, name="Q"), **ended)
        known.append(first in forge.rules.orders.children)
    assert known[3 * 8]
    assert not known[-1]
    forge.check()  # what is forgotten still counts


def test_I18_every_parent_ends_in_time_after_the_faults(forge: Forge) -> None:
    forge.t_ns = 500
    orders = forge.rules.orders
    liveness(orders, stopped_ns=100, within_ns=400, ended_ns=500)
    with broken("I18: parent P had until 499 ns, it was still open at 500 ns"):
        liveness(orders, stopped_ns=100, within_ns=399, ended_ns=500)
    forge.done(0, 100)
    with broken("I18: parent P had until 499 ns, it ended at 500 ns"):
        liveness(orders, stopped_ns=100, within_ns=399, ended_ns=900)
    liveness(orders, stopped_ns=100, within_ns=400, ended_ns=900)


def test_I18_the_time_counts_from_the_deadline() -> None:
    forge = Forge().begin().parent(deadline_ns=1_000)
    liveness(forge.rules.orders, stopped_ns=0, within_ns=10, ended_ns=1_010)
    with broken("I18: parent P had until 1010 ns"):
        liveness(forge.rules.orders, stopped_ns=0, within_ns=10, ended_ns=1_011)


# ------------------------------------------------------------ I16, and what follows a breach


def test_I16_a_run_is_not_complete_while_a_parent_is_open(forge: Forge) -> None:
    with broken("I16: the run ends without the end of parent P"):
        forge.rules.check_end(Outcome.COMPLETE)
    forge.done(0, 0, EndReason.RUN_ENDED)
    forge.rules.check_end(Outcome.INCOMPLETE)
    with broken("I16: the run is complete, parent P is run_ended"):
        forge.rules.check_end(Outcome.COMPLETE)


def test_after_a_breach_no_order_leaves_and_all_else_is_written(forge: Forge) -> None:
    told: list[InvariantError] = []
    forge.rules._on_breach = told.append
    forge.decide(("B", 50, 40))
    forge.send(60)
    with broken("I2: child") as first:
        forge.fill(61, 61, -1)
    forge.fill(60, 60, 0)  # nobody knows any more what is true
    forge.done(60, 40, EndReason.ABORTED)
    with broken("I2: child") as again:
        forge.send(1)
    assert again.value is first.value is forge.rules.broken
    assert told == [first.value]


def test_a_router_that_is_not_ours_may_do_what_its_tests_look_for() -> None:
    """It sends more than it has, past the limit, and asks again and again."""
    assert OUTSIDE == STRATEGY
    forge = Forge(strategy=OUTSIDE).begin(resends=0).parent()
    forge.send(90, price=60)
    forge.cancel()
    forge.cancel()
    forge.fill(90, 90, 0, px=60)
    forge.cancel()
    forge.send(90)
    forge.take(ChildAcked, cl_ord_id="P.A.2", venue_id="A", order_id=1, **STAMPS)
    forge.check()
    with broken("I3: report 1 of child P.A.1 is booked twice|I3: child P.A.1 is filled after"):
        forge.fill(90, 90, 0, px=60)
