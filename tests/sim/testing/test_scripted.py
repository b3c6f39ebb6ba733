"""Venues that answer as a script says, and sessions that a fault cuts."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sim.kernel.loop import SimLoop
from sim.protocol.enums import ExecType, RejectReason
from sim.protocol.orders import ExecutionReport
from sim.testing import (
    SILENT,
    Answer,
    Market,
    MarketError,
    ack,
    assert_log_valid,
    expire,
    fill,
    make_order,
    make_report,
    on_cancel,
    reject,
    repeat,
    scenario,
    venue,
    wait,
)

Make = Callable[..., Market]
MS = 1_000_000


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Market] = []

    def open_one(*script: list[Answer], **more: Any) -> Market:
        loaded = scenario(venue("NYSE", asks=[("100.02", 400)]), venue("LSE"), **more)
        made.append(Market(loaded, SimLoop()))
        if script:
            made[-1].script("NYSE", *script)
        return made[-1]

    yield open_one
    for one in made:
        one.close()
        one.loop.close()


def told(market: Market) -> list[tuple[str, int]]:
    """What NYSE has said: kind and lots."""
    return [
        (one.exec_type.value, one.last_qty)
        if isinstance(one, ExecutionReport)
        else (one.reason.value, 0)
        for one in market.connect("NYSE").received
    ]


def test_each_order_is_answered_by_its_own_list(make: Make) -> None:
    market = make([ack(), fill(40), expire()], [reject("price_exceeds_band")])
    for _ in range(3):
        market.buy("NYSE", 100, "100.02")
    market.clock.idle()
    assert told(market) == [
        ("new", 0),
        ("trade", 40),
        ("canceled", 0),
        ("rejected", 0),
        ("rejected", 0),
    ]
    assert market.audit.find("child_rejected").reason is RejectReason.PRICE_EXCEEDS_BAND
    assert market.audit.state.children["O1"].canceled_qty == 60
    book = market.book("NYSE")
    assert book is not None
    assert book.asks == ((10_002, 400),)  # the book that it shows is its own
    assert_log_valid(market)


def test_answers_come_as_late_as_the_script_says(make: Make) -> None:
    market = make([wait("3ms"), ack(), wait("2ms"), fill()])
    market.buy("NYSE", 100, "100.02")
    market.clock.idle()
    market.clock.advance("10ms")
    ways = [(one.processed_ns, one.t_ns) for one in market.audit.filter("child_acked")]
    assert ways == [(4 * MS, 5 * MS)]
    assert market.audit.find("fill").processed_ns == 6 * MS


def test_idle_waits_for_what_a_script_will_still_say(make: Make) -> None:
    """Else a test would look before the late fill is there, and pass."""
    market = make([ack(), wait("20ms"), fill(), wait("5ms"), repeat()])
    market.buy("NYSE", 100, "100.02", "DAY")
    market.clock.idle()
    assert told(market) == [("new", 0), ("trade", 100), ("trade", 100)]


def test_a_fill_that_comes_twice_is_heard_twice_and_booked_once(make: Make) -> None:
    market = make([ack(), fill(60), repeat()])
    market.buy("NYSE", 100, "100.02")
    market.clock.idle()
    assert told(market) == [("new", 0), ("trade", 60), ("trade", 60)]
    assert market.audit.count("fill") == 1
    assert market.audit.find("report_ignored").reason == "duplicate"


def test_a_fill_of_more_than_is_open_goes_apart(make: Make) -> None:
    market = make([ack(), fill(150)])
    market.buy("NYSE", 100, "100.02")
    market.clock.idle()
    found = market.audit.find("overfill")
    assert (found.booked_qty, found.excess_qty, found.reason) == (100, 50, "too_much")
    assert market.audit.find("fill").last_qty == 100


def test_a_fill_past_the_limit_goes_apart(make: Make) -> None:
    market = make([ack(), fill(50, "100.03")])
    market.buy("NYSE", 100, "100.02")
    market.clock.idle()
    found = market.audit.find("overfill")
    assert (found.booked_qty, found.reason) == (0, "outside_limit")
    assert market.audit.count("fill") == 0


def test_a_silent_venue_answers_no_cancel_either(make: Make) -> None:
    market = make(SILENT)
    nyse = market.connect("NYSE")
    order = market.buy("NYSE", 100, "100.02")
    nyse.send_now(nyse.cancel(order))
    market.clock.advance("1s")
    assert nyse.received == []
    assert market.audit.count("cancel_sent") == 1


def test_a_cancel_is_answered_by_what_the_script_has_made_of_the_order(make: Make) -> None:
    market = make([ack(), fill(30)], [ack(), fill()])
    nyse = market.connect("NYSE")
    first, second = [market.buy("NYSE", 100, "100.02", "DAY") for _ in range(2)]
    for order in (first, second):
        nyse.send_now(nyse.cancel(order))
    market.clock.idle()
    assert told(market)[-2:] == [("canceled", 0), ("too_late", 0)]
    assert market.audit.find("child_canceled").canceled_qty == 70


def test_F13_a_fill_may_cross_the_cancel(make: Make) -> None:
    market = make([ack(), on_cancel(fill(), repeat())])
    nyse = market.connect("NYSE")
    nyse.send_now(nyse.cancel(market.buy("NYSE", 100, "100.02", "DAY")))
    market.clock.idle()
    assert told(market) == [("new", 0), ("trade", 100), ("trade", 100)]


def test_a_replace_changes_what_is_open(make: Make) -> None:
    market = make([ack(), fill(30)])
    nyse = market.connect("NYSE")
    order = market.buy("NYSE", 100, "100.02", "DAY")
    nyse.send_now(nyse.replace(order, 80, "100.01"))
    market.clock.idle()
    found = market.audit.find("child_replaced")
    assert (found.order_qty, found.leaves_qty, found.price) == (80, 50, 10_001)
    assert_log_valid(market)


def test_a_script_comes_before_the_run(make: Make) -> None:
    market = make()
    market.begin()
    with pytest.raises(MarketError, match="the run has begun"):
        market.script("NYSE", [ack()])


def test_a_wrong_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="no_such"):
        reject("no_such")


def test_F03_a_cut_session_is_heard_of_and_what_was_lost_can_be_asked_for(make: Make) -> None:
    fault = {"kind": "disconnect", "venue": "NYSE", "at": "1500us", "lasts": "10ms"}
    market = make(faults=[fault])
    nyse = market.connect("NYSE")
    order = market.buy("NYSE", 100, "100.02")  # handled at 1 ms; its answers are lost
    market.clock.advance("5ms")
    assert (nyse.is_up, told(market)) == (False, [])
    market.clock.advance("20ms")
    assert nyse.is_up
    nyse.send_now(nyse.status(order))
    nyse.send_now(nyse.resend())
    market.clock.idle()
    assert told(market) == [("order_status", 0), ("new", 0), ("trade", 100), ("order_status", 0)]
    assert market.audit.find("status_reported").cum_qty == 100
    assert [one.event for one in market.audit.filter("session")] == ["down", "up", "gap"]
    assert market.audit.find("fill").last_qty == 100
    assert_log_valid(market)


def test_messages_can_be_made_without_a_market() -> None:
    order = make_order(qty=100, price=10_002, side="sell")
    part = make_report(order, qty=40)
    assert (part.exec_type, part.cum_qty, part.leaves_qty) == (ExecType.TRADE, 40, 60)
    done = make_report(order, "canceled", cum_qty=40, exec_id=2)
    assert (done.leaves_qty, done.cum_qty, done.last_px) == (0, 40, None)
    with pytest.raises(ValueError, match="kind must be one of new, trade"):
        make_report(order, "filled")


def test_F01_a_crash_of_the_venue_is_heard_of(make: Make) -> None:
    fault = {"kind": "venue_crash", "venue": "NYSE", "at": "500us", "lasts": "5ms"}
    market = make(faults=[fault])
    market.buy("NYSE", 100, "100.02")
    market.clock.advance("20ms")
    assert [one.event for one in market.audit.filter("venue_event")] == ["down", "up"]
    assert market.audit.count("fill") == 0
    assert market.connect("NYSE").is_up
    market.buy("NYSE", 100, "100.02")
    market.clock.advance("20ms")
    assert market.audit.count("fill") == 1
    assert_log_valid(market)


def test_the_routers_own_crash_is_the_tests_affair(make: Make) -> None:
    fault = {"kind": "router_crash", "at": "5ms", "lasts": "1ms"}
    with pytest.raises(MarketError, match="the router is the test's own"):
        make(faults=[fault])
