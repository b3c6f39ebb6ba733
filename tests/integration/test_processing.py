"""A venue that takes its time: orders of others stand before ours in its queue."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import (
    BookAtArrival,
    CancelRejected,
    ChildRejected,
    Decision,
    Fill,
    Overfill,
)
from sim.protocol.enums import CxlRejReason, RejectReason
from sim.protocol.errors import ScenarioError
from sim.scenario.load import LoadedScenario

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Make = Callable[..., Data]
Load = Callable[..., LoadedScenario]
RunData = Callable[..., "Ran"]
MS = 1_000_000


def bid(n: int, at: str) -> Data:
    return {"at": at, "id": f"o{n}", "side": "buy", "qty": 1, "price": "99.00"}


@pytest.fixture
def busy(market: Make, lit: Make) -> Data:
    """Ours arrives at 5 ms, just behind two of others; each takes 2 ms."""
    flow = [{"kind": "scripted", "orders": [bid(1, "5ms"), bid(2, "5ms")]}]
    work = {"time": {"model": "fixed", "delay": "2ms"}}
    return market([lit("A", [["100.00", 100]], flow=flow, processing=work)])


def test_an_order_waits_for_those_before_it_and_then_takes_its_time(
    busy: Data, run_data: RunData
) -> None:
    ran = run_data(busy)
    (arrival,), (fill,) = ran.of(BookAtArrival), ran.of(Fill)
    assert (arrival.sent_ns, arrival.drawn_ns, arrival.held_ns) == (0, 5 * MS, 0)
    assert (arrival.queued_ns, arrival.processing_ns, arrival.t_ns) == (4 * MS, 2 * MS, 11 * MS)
    assert (fill.processed_ns, fill.sent_ns, fill.t_ns) == (11 * MS, 11 * MS, 16 * MS)
    assert ran.of(Decision)[0].quotes[0].latency_ns == 7 * MS


def test_what_meets_a_full_queue_is_refused_as_throttled_at_its_arrival(
    busy: Data, run_data: RunData
) -> None:
    busy["venues"][0]["processing"]["queue"] = 1
    ran = run_data(busy, "duration=20ms")
    (rejected,) = ran.of(ChildRejected)
    assert (rejected.reason, rejected.processed_ns) == (RejectReason.THROTTLED, 5 * MS)
    assert ran.of(BookAtArrival) == []  # it never met the book


def test_a_cancel_that_finds_no_room_says_nothing_of_an_order_in_the_queue(
    market: Make, lit: Make, run_data: RunData
) -> None:
    """The order is being worked on as its cancel is turned away: its lots stay reserved."""
    work = {"time": {"model": "fixed", "delay": "30ms"}, "queue": 0}
    venues = [lit("A", [["100.00", 100]], processing=work), lit("B", [["100.01", 100]])]
    ran = run_data(market(venues), "router.ack_timeout=15ms")
    (refused,) = ran.of(CancelRejected)
    assert (refused.reason, refused.processed_ns) == (CxlRejReason.THROTTLED, 20 * MS)
    assert ran.of(Overfill) == []
    assert [(fill.venue_id, fill.last_qty) for fill in ran.of(Fill)] == [("A", 100)]


def test_without_processing_nothing_waits(busy: Data, run_data: RunData) -> None:
    del busy["venues"][0]["processing"]
    (arrival,) = run_data(busy).of(BookAtArrival)
    assert (arrival.queued_ns, arrival.processing_ns, arrival.t_ns) == (0, 0, 5 * MS)


def test_the_work_of_one_venue_changes_no_other_draw(
    market: Make, lit: Make, run_data: RunData
) -> None:
    law = {"model": "lognormal", "median": "5ms", "sigma": 0.5}
    leg = {"latency": {"order": law, "report": law, "feed": law}}
    venues = [{**lit(name, [["100.00", 50]]), **leg} for name in "AB"]
    data = market(venues)
    usual = {fill.venue_id: fill.drawn_ns for fill in run_data(data).of(Fill)}
    venues[0]["processing"] = {"time": law}
    slower = {fill.venue_id: fill.drawn_ns for fill in run_data(data).of(Fill)}
    assert usual == slower


@pytest.mark.parametrize(
    "work",
    [
        {},
        {"time": {"model": "fixed", "delay": "-1ms"}},
        {"time": {"model": "fixed", "delay": "1ms"}, "queue": -1},
        {"time": {"model": "fixed", "delay": "1ms"}, "queue": 1.5},
        {"time": {"model": "fixed", "delay": "1ms"}, "servers": 2},
        {"time": {"model": "empirical", "file": "none.csv", "fraction": 1}},
    ],
    ids=str,
)
def test_D11_bad_processing_is_refused(busy: Data, load_data: Load, work: Data) -> None:
    busy["venues"][0]["processing"] = work
    with pytest.raises(ScenarioError, match=r"venues\[A\]\.processing"):
        load_data(busy)
