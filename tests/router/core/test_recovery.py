"""Orders of which nobody knows what became: asked about, waited for, settled or written off."""

from typing import Any

import pytest

from sim.audit.records import (
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    ChildSent,
    Fill,
    Overfill,
    StatusReported,
    StatusRequested,
    WrittenOff,
)
from sim.protocol.enums import EndReason, ExecType, OrdStatus, RejectReason
from sim.protocol.orders import OrderCancelRequest
from tests.router.core.session_bench import TIMEOUT, Bench

ONE: dict[str, Any] = {"cancel_resends": 0, "backoff": {"first": "1ns"}}
"""No cancel is sent twice, so that questions come early."""
REST: dict[str, Any] = {"rest": {"price": "limit", "move_after": "0ns"}}


def silent(**settings: Any) -> Bench:
    """A child at A that nobody answers: as A is asked about it. B has lots, too."""
    bench = Bench("AB", **{**ONE, **settings})
    bench.buy()
    bench.later(2 * TIMEOUT)
    assert bench.questions() == ["P.A.1"]
    return bench


def test_F02_a_silent_venue_is_asked_after_timeout_and_cancel() -> None:
    bench = Bench(cancel_resends=2)
    bench.buy()
    bench.later(10 * TIMEOUT)
    kinds = [type(msg).__name__ for _, msg in bench.sent]
    assert kinds == ["NewOrderSingle", *["OrderCancelRequest"] * 3, *["OrderStatusRequest"] * 2]
    assert [(r.t_ns, r.reason) for r in bench.of(StatusRequested)] == [
        (4 * TIMEOUT, "no_answer"),
        (5 * TIMEOUT, "no_answer"),
    ]
    assert bench.end() == (EndReason.NO_ANSWER, 0, 0), "not one lot went elsewhere"
    assert bench.core.parents["P"].reserved_qty == 100


@pytest.mark.parametrize("queries", [0, 1, 5])
def test_F02_I17_questions_are_bounded(queries: int) -> None:
    bench = Bench(cancel_resends=0, recovery={"queries": queries})
    bench.buy()
    bench.later(20 * TIMEOUT)
    assert len(bench.questions()) == queries
    assert bench.end()[0] is EndReason.NO_ANSWER


def test_F04_an_order_that_is_unknown_to_its_venue_goes_elsewhere() -> None:
    bench = silent()
    bench.tell(bench.unknown("P.A.1"))
    (told,) = bench.of(StatusReported)
    assert (told.cl_ord_id, told.ord_status, told.cum_qty) == (
        "P.A.1",
        OrdStatus.REJECTED,
        0,
    )
    assert [c.canceled_qty for c in bench.of(ChildCanceled)] == [100]
    sent = bench.of(ChildSent)
    assert len(sent) == 2
    assert sent[1].order_qty == 100
    assert sent[1].cl_ord_id != "P.A.1"
    assert bench.of(ChildRejected) == []


def test_F04_F14_what_an_unknown_order_fills_later_is_nobodys() -> None:
    bench = silent()
    bench.tell(bench.unknown("P.A.1"))
    bench.tell(bench.fill("P.A.1", 100, 100))
    (over,) = bench.of(Overfill)
    assert (over.booked_qty, over.excess_qty, over.reason) == (0, 100, "after_end")
    assert bench.core.parents["P"].filled_qty == 0


def test_F03_an_order_that_was_known_in_this_session_is_not_free_because_it_is_forgotten() -> None:
    bench = Bench("AB", **ONE)
    bench.buy()
    bench.tell(bench.report(ExecType.NEW, "P.A.1"))
    bench.later(2 * TIMEOUT)
    bench.tell(bench.unknown("P.A.1"))
    assert len(bench.of(ChildSent)) == 1
    assert bench.end() == (EndReason.NO_ANSWER, 0, 0)


def test_F05_an_open_order_that_is_unacknowledged_counts_as_accepted_and_is_canceled_again() -> (
    None
):
    bench = silent()
    bench.tell(bench.status("P.A.1", OrdStatus.NEW))
    assert len(bench.of(ChildAcked)) == 1
    assert [m.cl_ord_id for m in bench.asked(OrderCancelRequest)] == ["P.A.1.C1", "P.A.1.C2"]
    bench.tell(bench.report(ExecType.NEW, "P.A.1"))
    assert bench.ignored() == ["duplicate"], "the acknowledgement itself comes late"
    bench.tell(bench.report(ExecType.CANCELED, "P.A.1.C2", orig_cl_ord_id="P.A.1"))
    assert len(bench.of(ChildSent)) == 2


def test_F02_an_order_in_the_venues_queue_is_not_yet_accepted() -> None:
    bench = silent()
    bench.tell(bench.status("P.A.1", OrdStatus.PENDING_NEW))
    assert bench.of(ChildAcked) == []
    assert len(bench.asked(OrderCancelRequest)) == 2


def test_F06_an_answer_settles_a_child_once_its_fills_have_come() -> None:
    bench = silent()
    lost = [bench.say(bench.fill("P.A.1", 30, 30)), bench.say(bench.fill("P.A.1", 20, 50))]
    bench.tell(bench.status("P.A.1", OrdStatus.CANCELED, 50))
    assert (bench.resends(), bench.of(StatusReported)) == ([(1, 2)], [])
    bench.arrive(*lost)
    assert bench.fills() == [(1, 30), (2, 20)]
    assert [(c.canceled_qty, c.cum_qty) for c in bench.of(ChildCanceled)] == [(50, 50)]
    assert bench.of(ChildSent)[1].order_qty == 50, "only what was not filled"


def test_F06_fills_that_an_answer_counts_and_nobody_has_are_not_invented() -> None:
    """The venue cannot send them again: all that is open stays reserved, and is not filled."""
    bench = silent(recovery={"resends": 0})
    bench.say(bench.fill("P.A.1", 30, 30))
    bench.tell(bench.status("P.A.1", OrdStatus.CANCELED, 30))
    bench.later(20 * TIMEOUT)
    assert bench.of(Fill) == []
    assert len(bench.of(ChildSent)) == 1
    assert bench.end() == (EndReason.NO_ANSWER, 0, 0)
    assert bench.core.parents["P"].reserved_qty == 100


def test_F06_fills_that_nobody_has_are_written_off_by_the_rule() -> None:
    bench = silent(recovery={"resends": 0}, reroute={"reserve_unanswered": "100ns"})
    lost = bench.say(bench.fill("P.A.1", 30, 30))
    bench.tell(bench.status("P.A.1", OrdStatus.CANCELED, 30))
    bench.later(20 * TIMEOUT)
    gone = bench.of(WrittenOff)[0]
    assert (gone.cl_ord_id, gone.written_off_qty, gone.cum_qty) == ("P.A.1", 100, 0)
    assert bench.of(ChildSent)[1].order_qty == 100
    bench.arrive(lost)
    assert bench.core.overfilled != {}, "what comes later is nobody's"
    assert bench.core.parents["P"].filled_qty == 0


def test_F06_what_was_lost_is_asked_for_once_more_as_an_answer_counts_it() -> None:
    bench = silent(recovery={"resends": 0, "queries": 9})
    lost = bench.say(bench.fill("P.A.1", 30, 30))
    bench.arrive(bench.say(bench.status("P.A.1", OrdStatus.NEW)))
    bench.later(20)  # given up by now
    assert bench.events()[-1][0] == "given_up"
    bench.later(4 * TIMEOUT)
    bench.tell(bench.status("P.A.1", OrdStatus.CANCELED, 30))
    assert bench.resends()[-1] == (1, 1)
    bench.arrive(lost)
    assert bench.fills() == [(1, 30)]
    assert [(c.canceled_qty, c.cum_qty) for c in bench.of(ChildCanceled)] == [(70, 30)]


def test_F17_an_order_that_was_refused_says_why() -> None:
    bench = silent()
    bench.tell(
        bench.status(
            "P.A.1", OrdStatus.REJECTED, reject_reason=RejectReason.INVALID_PRICE_INCREMENT
        )
    )
    (refused,) = bench.of(ChildRejected)
    assert refused.reason is RejectReason.INVALID_PRICE_INCREMENT
    assert bench.of(ChildSent)[1].venue_id == "B"


def test_an_answer_that_nobody_asked_for_changes_nothing() -> None:
    bench = Bench()
    bench.buy()
    bench.tell(bench.unknown("P.A.1"))
    assert bench.ignored() == ["breach"]
    assert bench.child().leaves_qty == 100


def test_F07_an_answer_that_comes_twice_counts_once() -> None:
    bench = silent()
    first = bench.say(bench.status("P.A.1", OrdStatus.NEW))
    bench.arrive(first, first)
    bench.tell(bench.status("P.A.1", OrdStatus.NEW))
    assert len(bench.of(StatusReported)) == 1
    assert bench.ignored() == ["duplicate", "duplicate"]


def test_F22_an_answer_for_a_finished_parent_is_recorded() -> None:
    bench = silent()
    bench.later(20 * TIMEOUT)
    assert bench.end()[0] is EndReason.NO_ANSWER
    bench.tell(bench.unknown("P.A.1"))
    assert len(bench.of(ChildSent)) == 1
    assert bench.core.done


# ------------------------------------------------------------ sessions that end and begin


def test_F06_I18_a_fill_that_nothing_follows_is_found_by_the_next_heartbeat() -> None:
    bench = Bench("A", **REST, recovery={"heartbeat": "1us"})
    bench.shows("A", 2, 0)
    bench.buy(100, limit_px=100)
    bench.tell(bench.report(ExecType.NEW, "P.A.1"))
    lost = bench.say(bench.fill("P.A.1", 100, 100))
    bench.later(1_000)
    assert bench.resends() == [], "it has said something since the last"
    bench.later(1_000)
    assert bench.resends() == [(2, 0)]
    bench.arrive(lost)
    assert bench.end() == (EndReason.FILLED, 100, 0)
    bench.later(10_000)
    assert len(bench.resends()) == 1, "nothing rests there any more"


@pytest.mark.parametrize("beat", [None, "1us"])
def test_I17_a_silent_venue_is_asked_once_a_heartbeat(beat: str | None) -> None:
    bench = Bench("A", **REST, recovery={"heartbeat": beat})
    bench.shows("A", 2, 0)
    bench.buy(100, limit_px=100)
    bench.tell(bench.report(ExecType.NEW, "P.A.1"))
    bench.later(10_000)
    assert bench.resends() == ([] if beat is None else [(2, 0)] * 9)
    bench.session(False)
    bench.later(400)
    assert len(bench.resends()) == (0 if beat is None else 9)


def test_I18_a_child_that_is_heard_of_late_is_given_up_again() -> None:
    """Its venue is down for good; what it says at last, it said before."""
    bench = Bench("AB", rest={"price": "limit"})
    bench.shows("A", 2, 0)
    bench.shows("B", 2, 0)
    bench.buy(100, limit_px=100, deadline_ns=5_000)
    late = bench.say(bench.report(ExecType.NEW, "P.A.1"))
    bench.session(False)
    bench.later(600)
    assert bench.child().unanswered
    bench.arrive(late)
    assert not bench.child().unanswered
    bench.later(TIMEOUT)
    assert bench.child().unanswered
    bench.later(5_000)
    assert bench.core.done


def test_I18_an_answer_that_nobody_asked_for_leaves_no_child_without_a_watch() -> None:
    bench = silent(recovery={"queries": 1}, reroute={"reserve_unanswered": "9us"})
    bench.later(10 * TIMEOUT)
    assert bench.child().unanswered
    bench.tell(bench.status("P.A.1", OrdStatus.NEW))
    assert not bench.child().unanswered
    bench.later(TIMEOUT)
    assert bench.child().unanswered


def test_an_order_whose_cancel_is_unanswered_is_not_canceled_anew_before_the_answer() -> None:
    bench = silent()
    acked = bench.say(bench.report(ExecType.NEW, "P.A.1"))
    bench.arrive(acked)
    assert len(bench.asked(OrderCancelRequest)) == 1
    bench.say(bench.fill("P.A.1", 30, 30))
    bench.tell(bench.status("P.A.1", OrdStatus.CANCELED, 30))
    bench.later(10)
    assert len(bench.asked(OrderCancelRequest)) == 1


def test_F16_an_order_is_asked_about_by_the_name_that_a_lost_replace_may_have_given_it() -> None:
    bench = Bench("A", **ONE, rest={"price": "limit", "move_after": "0ns"})
    bench.shows("A", 2, 0)
    bench.buy(100, limit_px=100)
    bench.tell(bench.report(ExecType.NEW, "P.A.1"))
    out: list[Any] = []
    bench.core._desk.replace(bench.child(), (100, 99), "own", bench.now, out)
    bench.take(out)
    bench.later(2 * TIMEOUT)
    assert bench.questions() == ["P.A.1"]
    bench.tell(bench.unknown("P.A.1"))
    assert bench.questions() == ["P.A.1", "P.A.1.R1"]
    bench.tell(bench.status("P.A.1.R1", OrdStatus.NEW))
    last = bench.asked(OrderCancelRequest)[-1]
    assert (last.orig_cl_ord_id, bench.child().booked_px) == ("P.A.1.R1", 99)
