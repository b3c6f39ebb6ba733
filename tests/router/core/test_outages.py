"""Venues whose session is down: what is unknown, reserved, asked about, and settled."""

from typing import Any

import pytest

from sim.audit.records import (
    ChildCanceled,
    ChildSent,
    Fill,
    StatusRequested,
    WrittenOff,
)
from sim.protocol.enums import EndReason, ExecType, OrdStatus
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest
from sim.protocol.units import plain
from tests.router.core.session_bench import TIMEOUT, Bench

ONE: dict[str, Any] = {"cancel_resends": 0, "backoff": {"first": "1ns"}}
"""No cancel is sent twice, so that questions come early."""
REST: dict[str, Any] = {"rest": {"price": "limit", "move_after": "0ns"}}


def test_F01_children_of_a_venue_that_is_gone_are_unknown_and_stay_reserved() -> None:
    bench = Bench("AB")
    bench.buy()
    bench.session(False)
    bench.later(8 * TIMEOUT)
    parent = bench.core.parents["P"]
    assert (parent.reserved_qty, parent.unanswered_qty, parent.free_qty) == (100, 0, 0)
    assert bench.of(ChildCanceled) == []
    assert parent.end_reason is None
    assert len(bench.sent) == 1, "nothing is sent to a venue that is gone"
    assert bench.core._desk.standing.out == {"A": "session_down"}
    assert bench.core.view.venues["A"].quote is None


def test_F01_F25_a_venue_that_stays_away_counts_as_silent_after_a_time() -> None:
    bench = Bench("AB")
    bench.buy()
    bench.session(False)
    bench.later(500)
    assert bench.holds() == [("A", "no_answer")]
    assert bench.end() == (EndReason.NO_ANSWER, 0, 0)


def test_F01_what_a_venue_keeps_that_stays_away_is_written_off_by_the_rule() -> None:
    bench = Bench("AB", reroute={"reserve_unanswered": "100ns"})
    bench.buy()
    bench.session(False)
    bench.later(600)
    assert [w.written_off_qty for w in bench.of(WrittenOff)] == [100]
    assert [(s.venue_id, s.order_qty) for s in bench.of(ChildSent)] == [("A", 100), ("B", 100)]


def test_F25_a_parent_that_no_venue_is_left_for_ends_with_a_reason() -> None:
    bench = Bench("AB")
    bench.session(False, "A")
    bench.session(False, "B")
    bench.buy()
    assert bench.of(ChildSent) == []
    bench.later(500)
    assert bench.end() == (EndReason.NO_VENUE, 0, 100)


def test_a_venue_that_comes_back_in_time_is_used_again_with_its_next_quote() -> None:
    bench = Bench("A")
    bench.session(False)
    bench.buy()
    bench.later(100)
    bench.session(True)
    assert bench.of(ChildSent) == [], "what it showed before is worth nothing"
    bench.shows("A", 9)
    bench.later(0)
    assert [s.order_qty for s in bench.of(ChildSent)] == [100]


def test_F03_as_the_session_is_up_again_missing_reports_and_open_orders_are_asked_for() -> None:
    bench = Bench("AB")
    bench.buy()
    bench.tell(bench.report(ExecType.NEW, "P.A.1"))
    lost = bench.say(bench.fill("P.A.1", 100, 100))
    bench.session(False)
    bench.later(100)
    bench.session(True)
    assert bench.resends() == [(2, 0)]
    assert [(r.cl_ord_id, r.reason) for r in bench.of(StatusRequested)] == [
        ("P.A.1", "reconnected")
    ]
    bench.arrive(lost)
    assert bench.end() == (EndReason.FILLED, 100, 0)


def test_F03_an_order_that_got_lost_with_the_session_is_free_after_the_answer_alone() -> None:
    bench = Bench("AB")
    bench.buy()
    bench.session(False)
    bench.session(True)
    assert len(bench.asked(NewOrderSingle)) == 1
    bench.tell(bench.unknown("P.A.1"))
    assert [(s.venue_id, s.order_qty) for s in bench.of(ChildSent)] == [("A", 100), ("B", 100)]


def test_F01_orders_that_a_new_session_does_not_know_are_free() -> None:
    """It had accepted the order: its books are lost."""
    bench = Bench("AB")
    bench.buy()
    bench.tell(bench.report(ExecType.NEW, "P.A.1"))
    bench.tell(bench.fill("P.A.1", 10, 10))
    bench.later(5)
    bench.session(False)
    bench.later(5)
    bench.session(True, new=True)
    bench.tell(bench.unknown("P.A.1"))
    assert [s.order_qty for s in bench.of(ChildSent)] == [100, 90]
    assert [(c.canceled_qty, c.cum_qty) for c in bench.of(ChildCanceled)] == [(90, 10)]


def test_F03_a_reconnected_venue_that_does_not_answer_is_given_up() -> None:
    bench = Bench("AB")
    bench.buy()
    bench.session(False)
    bench.session(True)
    bench.later(20 * TIMEOUT)
    assert len(bench.questions()) == 2
    assert bench.end() == (EndReason.NO_ANSWER, 0, 0)


def test_F03_without_questions_a_reconnected_venue_is_asked_to_cancel() -> None:
    bench = Bench("AB", recovery={"queries": 0})
    bench.buy()
    bench.session(False)
    bench.session(True)
    assert [m.cl_ord_id for m in bench.asked(OrderCancelRequest)] == ["P.A.1.C1"]
    bench.tell(bench.report(ExecType.CANCELED, "P.A.1.C1", orig_cl_ord_id="P.A.1"))
    assert len(bench.of(ChildSent)) == 2


def test_F13_a_cancel_that_went_down_with_the_session_is_wanted_still() -> None:
    bench = Bench("A", **REST)
    bench.shows("A", 2, 0)
    bench.buy(100, limit_px=100, deadline_ns=10)
    bench.tell(bench.report(ExecType.NEW, "P.A.1"))
    bench.session(False)
    bench.later(100)
    assert bench.asked(OrderCancelRequest) == [], "the deadline's cancel waits"
    bench.session(True)
    bench.tell(bench.status("P.A.1", OrdStatus.NEW))
    assert [m.cl_ord_id for m in bench.asked(OrderCancelRequest)] == ["P.A.1.C1"]
    bench.tell(bench.report(ExecType.CANCELED, "P.A.1.C1", orig_cl_ord_id="P.A.1"))
    assert bench.end() == (EndReason.DEADLINE, 0, 100)


def test_a_resting_order_goes_on_after_a_reconnection() -> None:
    bench = Bench("A", **REST)
    bench.shows("A", 2, 0)
    bench.buy(100, limit_px=100)
    bench.tell(bench.report(ExecType.NEW, "P.A.1"))
    bench.session(False)
    bench.later(100)
    bench.session(True)
    bench.tell(bench.status("P.A.1", OrdStatus.NEW))
    bench.later(20 * TIMEOUT)
    assert bench.asked(OrderCancelRequest) == []
    bench.tell(bench.fill("P.A.1", 100, 100, is_maker=True))
    assert bench.end() == (EndReason.FILLED, 100, 0)


def test_F12_reports_that_come_while_the_session_is_down_count() -> None:
    bench = Bench("AB")
    bench.buy()
    bench.session(False)
    bench.tell(bench.fill("P.A.1", 100, 100))
    assert bench.end() == (EndReason.FILLED, 100, 0)


def test_I18_a_deadline_passes_while_a_venue_is_gone() -> None:
    bench = Bench("A")
    bench.buy(100, deadline_ns=30)
    bench.session(False)
    bench.later(499)
    assert bench.core.parents["P"].end_reason is None
    bench.later(1)
    assert bench.end() == (EndReason.DEADLINE, 0, 0)
    assert bench.core.done


def test_I17_a_venue_that_comes_and_goes_is_asked_a_bounded_number_of_times_each() -> None:
    bench = Bench("AB")
    bench.buy()
    for _ in range(5):
        bench.session(False)
        bench.session(True)
    assert len(bench.questions()) == 5
    bench.later(50 * TIMEOUT)
    assert len(bench.questions()) == 6
    assert bench.core.done


# ------------------------------------------------------------ fees of fills that are not all ours


@pytest.mark.parametrize(
    ("fee", "lots", "paid"),
    [("1.50", 150, "1"), ("0.01", 300, "0.00333333"), ("-0.3", 200, "-0.15"), ("0", 150, "0")],
)
def test_F10_an_overfill_costs_the_parent_its_own_lots_alone(
    fee: str, lots: int, paid: str
) -> None:
    bench = Bench()
    bench.buy()
    bench.tell(bench.fill("P.A.1", lots, lots, fee, exec_id=7))
    (fill,) = bench.of(Fill)
    assert (fill.last_qty, fill.fee) == (100, paid)
    assert plain(bench.log.parents["P"].fees) == paid
    booked = bench.child().booked[7]
    assert (booked.qty, booked.excess) == (100, lots - 100)
    assert booked.fee is not None
    assert plain(booked.fee) == paid


def test_F10_a_bust_gives_back_what_the_parent_has_paid() -> None:
    bench = Bench()
    bench.buy()
    bench.tell(bench.fill("P.A.1", 60, 60, "0.6"))
    bench.tell(bench.fill("P.A.1", 120, 180, "1", exec_id=7))
    assert [f.fee for f in bench.of(Fill)] == ["0.6", "0.33333333"]
    bench.tell(bench.report(ExecType.TRADE_CANCEL, "P.A.1", exec_ref_id=7, leaves=0))
    assert plain(bench.log.parents["P"].fees) == "0.6"


# ------------------------------------------------------------ silence while orders rest


def test_F03_I18_what_went_with_the_line_after_an_order_had_ended_is_not_waited_for() -> None:
    """The refusal of a cancel that crossed the end of its order is of no use to anybody."""
    bench = Bench("A")
    bench.buy()
    bench.later(TIMEOUT)  # so that it is asked to cancel
    bench.tell(bench.fill("P.A.1", 100, 100))
    assert not bench.core.done
    bench.session(False)
    bench.later(TIMEOUT)
    assert bench.core.done
