"""Messages between router and venues: lost, doubled, late or out of order, in whole runs."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import (
    CancelSent,
    ChildAcked,
    ChildCanceled,
    ChildReplaced,
    ChildSent,
    Decision,
    Fault,
    Fill,
    Overfill,
    ReportIgnored,
    SessionEvent,
)

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Make = Callable[..., Data]
RunData = Callable[..., "Ran"]
MS = 1_000_000


def fault(kind: str, venue: str = "A", **more: Any) -> Data:
    return {"kind": kind, "venue": venue, **more}


def router(**more: Any) -> Data:
    return {"strategy": {"kind": "greedy"}, "ack_timeout": "50ms", **more}


def is_whole(ran: "Ran", qty: int = 100) -> None:
    """All of it was bought, once."""
    assert ran.parent["end_reason"] == "filled"
    assert sum(fill.last_qty for fill in ran.of(Fill)) == ran.parent["filled_qty"] == qty
    assert not ran.of(Overfill)


@pytest.fixture
def two(market: Make, lit: Make) -> Callable[..., Data]:
    """A has the best price, B the next, each 5 ms away; the router waits 50 ms for an answer."""

    def make(*faults: Data, **more: Any) -> Data:
        a = lit("A", [["100.00", 60], ["100.01", 60]])
        venues = more.pop("venues", [a, lit("B", [["100.05", 500]])])
        return market(venues, **{"router": router(), "faults": list(faults), **more})

    return make


def test_F04_an_order_that_is_lost_is_known_to_be_and_goes_out_again(
    two: Make, run_data: RunData
) -> None:
    ran = run_data(two(fault("message_loss", leg="order", messages="new", at="0s")))
    is_whole(ran)
    (struck,) = ran.of(Fault)
    assert (struck.phase, struck.leg, struck.cl_ord_id) == ("struck", "order", "P.A.1")
    ids = [child.cl_ord_id for child in ran.of(ChildSent)]
    assert ids.count("P.A.1") == 1, "an id is never sent as a new order again"
    assert len(ids) >= 2


def test_F05_a_fill_without_its_acknowledgement_is_one(two: Make, run_data: RunData) -> None:
    """Neither the acknowledgement nor what is sent again for it ever comes."""
    ran = run_data(two(fault("message_loss", leg="report", messages="ack", share=1.0)))
    is_whole(ran)
    assert "A" not in {one.venue_id for one in ran.of(ChildAcked)}
    assert {one.cl_ord_id for one in ran.of(Fill)} >= {"P.A.1"}


def test_F06_a_fill_that_is_lost_is_missed_and_asked_for_again(
    two: Make, run_data: RunData
) -> None:
    ran = run_data(two(fault("message_loss", leg="report", messages="fill", at="0s")))
    is_whole(ran)
    assert [one.phase for one in ran.of(Fault)] == ["struck"]
    assert [one.event for one in ran.of(SessionEvent)] == ["gap", "filled"]


def test_F06_fills_that_never_come_stay_reserved_and_are_not_bought_twice(
    two: Make, run_data: RunData
) -> None:
    lost = fault("message_loss", leg="report", messages="fill", share=1.0)
    ran = run_data(two(lost, deadline="2s", duration="4s"))
    sent = sum(one.order_qty for one in ran.of(ChildSent))
    came_back = sum(one.canceled_qty for one in ran.of(ChildCanceled))
    assert sent - came_back <= 100
    assert not ran.of(Overfill)


@pytest.mark.parametrize(
    "kind",
    [
        {"kind": "message_duplication", "leg": "report", "messages": "fill"},
        {"kind": "duplicate_exec_id"},
        {"kind": "duplicate_exec_id", "after": "2ms"},
    ],
)
def test_F07_a_fill_that_comes_twice_is_booked_once(
    kind: Data, two: Make, run_data: RunData
) -> None:
    ran = run_data(two({**kind, "venue": "A", "share": 1.0}))
    is_whole(ran)
    assert ran.of(Fault)


def test_F11_fill_and_acknowledgement_in_either_order_give_the_same_state(
    two: Make, run_data: RunData
) -> None:
    held = fault("message_reordering", leg="report", messages="ack", at="0s")
    plain, turned = run_data(two()), run_data(two(held))
    is_whole(turned)
    assert [one.event for one in turned.of(SessionEvent)][:1] == ["gap"]
    assert turned.parent == plain.parent


@pytest.mark.parametrize("behind", [1, 2, 3])
def test_F12_reports_out_of_order_are_booked_to_the_lot(
    behind: int, two: Make, run_data: RunData
) -> None:
    """120 of A's lots and its end: the first fill comes behind the second one, or the end."""
    held = fault("message_reordering", leg="report", messages="fill", at="0s", behind=behind)
    plain, turned = run_data(two(qty=300)), run_data(two(held, qty=300))
    is_whole(turned, 300)
    assert turned.parent["avg_px"] == plain.parent["avg_px"]


def test_F15_a_cancel_that_is_lost_is_sent_again_under_its_id(two: Make, run_data: RunData) -> None:
    """A limit below the market rests at A; its deadline cancels it."""
    lost = fault("message_loss", leg="order", messages="cancel", at="0s")
    rests = {"router": router(rest={"venue": "A"}), "limit": "99.00", "deadline": "100ms"}
    ran = run_data(two(lost, **rests))
    asked = [one.cl_ord_id for one in ran.of(CancelSent)]
    assert len(asked) == 2
    assert len(set(asked)) == 1
    assert ran.parent["end_reason"] == "deadline"
    assert ran.parent["canceled_qty"] == 100


def test_F15_cancels_that_are_all_lost_are_sent_a_bounded_number_of_times(
    two: Make, run_data: RunData
) -> None:
    lost = fault("message_loss", leg="order", messages="cancel", share=1.0)
    rests = {"router": router(rest={"venue": "A"}, cancel_resends=2), "limit": "99.00"}
    ran = run_data(two(lost, deadline="100ms", **rests))
    asked = Counter(one.cl_ord_id for one in ran.of(CancelSent))
    assert max(asked.values()) <= 3
    assert asked.total() <= 6
    assert ran.parent["filled_qty"] == 0
    # Nothing is known of what may be there still: it counts neither as filled nor as canceled.
    assert ran.parent["canceled_qty"] == 0


def test_F16_a_total_below_what_has_filled_meanwhile_closes_the_order_at_that(
    market: Make, lit: Make, run_data: RunData
) -> None:
    """60 of 100 that rest at A fill; the report is held up, and the router cuts the order to 20."""
    seller = {"at": "40ms", "id": "s", "side": "sell", "qty": 60, "price": "99.98", "tif": "IOC"}
    offer = {"at": "38ms", "id": "o", "side": "sell", "qty": 80, "price": "99.99"}
    bid = {"bids": [["99.97", 10]], "asks": [["100.10", 10]]}
    a = lit("A", flow=[{"kind": "scripted", "orders": [seller]}]) | {"book": bid}
    b = lit("B", flow=[{"kind": "scripted", "orders": [offer]}])
    late = fault("latency_spike", leg="report", messages="fill", at="0s", by="30ms")
    ran = run_data(
        market(
            [a, b],
            limit="99.99",
            deadline="400ms",
            router=router(rest={"venue": "A", "price": "limit", "move_after": "1ms"}),
            faults=[late],
        )
    )
    replaced = ran.of(ChildReplaced)
    assert [(one.order_qty, one.cum_qty, one.leaves_qty) for one in replaced] == [(60, 60, 0)]
    fills = {one.venue_id: one.last_qty for one in ran.of(Fill)}
    assert fills == {"A": 60, "B": 40}
    is_whole(ran)


def test_F22_what_comes_for_a_parent_that_has_ended_changes_nothing(
    two: Make, run_data: RunData
) -> None:
    """P2 keeps the run going; a second copy of the fill of P comes 40 ms after P has ended."""
    again = fault("message_duplication", leg="report", messages="fill", at="0s", after="40ms")
    parents = [
        {"id": "P", "side": "buy", "qty": 60, "at": "0s"},
        {"id": "P2", "side": "buy", "qty": 10, "at": "100ms"},
    ]
    ran = run_data(two(again, parents=parents))
    assert [row["filled_qty"] for row in ran.result.summary["parents"]] == [60, 10]
    assert not ran.of(Overfill)
    assert all(one.reason in {"duplicate", "parent_done"} for one in ran.of(ReportIgnored))


def test_F24_a_decision_rests_on_what_had_come_by_then_and_says_how_old_it_is(
    market: Make, lit: Make, run_data: RunData
) -> None:
    """A better offer at B is held up on its way: the decision at 40 ms does not know of it."""
    offer = {"at": "20ms", "id": "o", "side": "sell", "qty": 50, "price": "99.00"}
    b = lit("B", [["100.05", 500]], flow=[{"kind": "scripted", "orders": [offer]}])
    spike = fault("latency_spike", "B", leg="feed", messages="quote", at="10ms", by="30ms")
    data = market([lit("A", [["100.00", 60]]), b], at="40ms", qty=50)
    early = run_data(data).of(Decision)[0]
    late = run_data({**data, "faults": [spike]}).of(Decision)[0]
    seen = {quote.venue_id: (quote.levels[0][0], quote.age_ns) for quote in early.quotes}
    assert seen["B"] == (9_900, 20 * MS)
    seen = {quote.venue_id: (quote.levels[0][0], quote.age_ns) for quote in late.quotes}
    assert seen["B"] == (10_005, 40 * MS)


def test_F24_what_is_behind_a_message_that_is_held_up_waits_for_it(
    two: Make, run_data: RunData
) -> None:
    """The line keeps its order, and what it added counts as held."""
    spike = fault("latency_spike", leg="report", messages="ack", at="0s", by="7ms")
    ran = run_data(two(spike))
    (ack,) = [one for one in ran.of(ChildAcked) if one.venue_id == "A"]
    fills = [one for one in ran.of(Fill) if one.venue_id == "A"]
    assert {ack.held_ns, *(one.held_ns for one in fills)} == {7 * MS}
    assert [one.t_ns for one in fills] == [ack.t_ns] * 2
    assert ran.records.index(ack) < ran.records.index(fills[0])
