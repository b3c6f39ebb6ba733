"""Numbered reports: gaps, order, repetitions, sessions that end, begin or count anew."""

import pytest

from router.core.states import FINAL
from sim.audit.records import ChildAcked, ChildSent, Fill, SessionEvent
from sim.protocol.enums import EndReason, ExecType, OrdStatus, Side
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest
from sim.protocol.session import FromVenue, ResendRequest
from tests.router.core.session_bench import TIMEOUT, Bench


def test_reports_in_order_leave_no_trace_of_their_numbers() -> None:
    bench = Bench()
    bench.buy()
    bench.tell(bench.report(ExecType.NEW, "P.A.1"))
    bench.tell(bench.fill("P.A.1", 100, 100))
    assert bench.end() == (EndReason.FILLED, 100, 0)
    assert (bench.events(), bench.resends()) == ([], [])
    assert bench.core._lines["A"].expected == 3


def test_F06_a_lost_fill_is_seen_by_the_next_number_and_asked_for_again() -> None:
    bench = Bench()
    bench.buy()
    bench.tell(bench.report(ExecType.NEW, "P.A.1"))
    lost = bench.say(bench.fill("P.A.1", 40, 40))
    rest = bench.say(bench.fill("P.A.1", 60, 100))
    bench.arrive(rest)
    assert (bench.fills(), bench.events(), bench.resends()) == ([], [("gap", 2)], [(2, 2)])
    bench.arrive(lost)
    assert bench.fills() == [(2, 40), (3, 60)], "by the venue's numbers"
    assert bench.events() == [("gap", 2), ("filled", 4)]
    assert bench.end() == (EndReason.FILLED, 100, 0)


def test_F12_reports_out_of_order_are_booked_in_the_venues_order() -> None:
    bench = Bench()
    bench.buy()
    said = [bench.say(bench.report(ExecType.NEW, "P.A.1"))]
    said += [bench.say(bench.fill("P.A.1", 20, 20 * n)) for n in range(1, 6)]
    bench.arrive(*reversed(said))
    assert [f.cum_qty for f in bench.of(Fill)] == [20, 40, 60, 80, 100]
    assert bench.end() == (EndReason.FILLED, 100, 0)


def test_F12_further_gaps_behind_one_that_is_filled_are_asked_for_in_turn() -> None:
    bench = Bench()
    bench.buy()
    said = [bench.say(bench.fill("P.A.1", 10, 10 * n)) for n in range(1, 9)]
    bench.arrive(said[2], said[5], said[7])
    bench.arrive(*bench.again(bench.asked(ResendRequest)[-1]))
    bench.arrive(*bench.again(bench.asked(ResendRequest)[-1]))
    bench.arrive(*bench.again(bench.asked(ResendRequest)[-1]))
    assert bench.resends() == [(1, 2), (4, 5), (7, 7)]
    assert [e for e, _ in bench.events()] == ["gap", "gap", "gap", "filled"]
    assert bench.child().cum_qty == 80


def test_F06_missing_reports_are_asked_for_a_bounded_number_of_times_and_given_up() -> None:
    bench = Bench(recovery={"resends": 2, "queries": 0})
    bench.buy()
    bench.say(bench.fill("P.A.1", 40, 40))
    bench.arrive(bench.say(bench.fill("P.A.1", 60, 100)))
    bench.later(59)
    assert bench.fills() == []
    bench.later(1)
    assert bench.resends() == [(1, 1)] * 3
    assert bench.events() == [("gap", 1)] * 3 + [("given_up", 1)]
    assert bench.fills() == [(2, 60)]
    assert bench.child().leaves_qty == 40, "what was not told is open still"


def test_F06_what_was_given_up_counts_when_it_comes_after_all() -> None:
    bench = Bench(recovery={"resends": 0, "queries": 0})
    bench.buy()
    lost = bench.say(bench.fill("P.A.1", 40, 40))
    bench.arrive(bench.say(bench.fill("P.A.1", 60, 100)))
    bench.later(20)
    bench.arrive(lost, lost)
    assert bench.fills() == [(2, 60), (1, 40)]
    assert bench.ignored() == ["duplicate"]
    assert bench.end() == (EndReason.FILLED, 100, 0)


@pytest.mark.parametrize("ended", [False, True])
def test_F06_a_bust_of_a_fill_that_was_given_up_makes_that_void_and_accuses_nobody(
    ended: bool,
) -> None:
    bench = Bench(recovery={"resends": 0, "queries": 0})
    bench.buy()
    lost = bench.say(bench.fill("P.A.1", 40, 40, exec_id=7))
    bench.arrive(bench.say(bench.report(ExecType.TRADE_CANCEL, "P.A.1", exec_ref_id=7)))
    bench.later(20)
    assert bench.events()[-1] == ("given_up", 1)
    if ended:
        bench.tell(bench.report(ExecType.CANCELED, "P.A.1"))
    bench.arrive(lost)
    if not ended:
        bench.tell(bench.fill("P.A.1", 100, 100))
        assert bench.end() == (EndReason.FILLED, 100, 0)
    assert [qty for _, qty in bench.fills()] == ([] if ended else [100])
    assert bench.ignored() == ["early", "taken_back"]
    assert bench.holds() == []


@pytest.mark.parametrize("came", [False, True])
def test_P06_a_fill_that_is_void_stays_so_after_a_crash(came: bool) -> None:
    bench = Bench(recovery={"resends": 0, "queries": 0})
    bench.buy()
    lost = bench.say(bench.fill("P.A.1", 40, 40, exec_id=7))
    bust = bench.say(bench.report(ExecType.TRADE_CANCEL, "P.A.1", exec_ref_id=7))
    bench.arrive(bust)
    bench.later(20)
    if came:
        bench.arrive(lost)
    bench.tell(bench.fill("P.A.1", 60, 60, leaves=40))
    bench.tell(bench.report(ExecType.CANCELED, "P.A.1", cum=60))
    bench.crash()
    bench.arrive(*bench.kept["A"])
    assert [qty for _, qty in bench.fills()] == [60]
    assert bench.core.overfilled == {}
    assert bench.holds() == []


def test_F08_a_bust_of_a_fill_that_nobody_knows_is_a_breach_where_nothing_was_lost() -> None:
    bench = Bench()
    bench.buy()
    bench.tell(bench.report(ExecType.TRADE_CANCEL, "P.A.1", exec_ref_id=7))
    assert bench.ignored() == ["breach"]
    assert bench.holds() == [("A", "conflict")]


def test_F12_I17_no_more_reports_wait_than_may() -> None:
    bench = Bench(recovery={"hold_back": 3, "queries": 0})
    bench.buy()
    bench.say(bench.report(ExecType.NEW, "P.A.1"))
    said = [bench.say(bench.fill("P.A.1", 10, 10 * n)) for n in range(1, 5)]
    bench.arrive(*said[:3])
    assert (bench.fills(), len(bench.core._lines["A"].held)) == ([], 3)
    bench.arrive(said[3])
    assert len(bench.fills()) == 4
    assert [e for e, _ in bench.events()] == ["gap", "given_up"]


def test_I17_a_number_far_beyond_costs_no_more_than_one_ahead() -> None:
    bench = Bench(recovery={"resends": 0, "queries": 0})
    bench.buy()
    far = FromVenue("A", bench.fill("P.A.1", 100, 100), 10**15, 1)
    bench.arrive(far)
    bench.later(20)
    assert bench.resends() == [(1, 10**15 - 1)]
    assert bench.end() == (EndReason.FILLED, 100, 0)


def test_F06_what_is_open_is_asked_about_once_reports_are_given_up() -> None:
    bench = Bench(recovery={"resends": 0})
    bench.buy(100)
    bench.say(bench.report(ExecType.NEW, "P.A.1"))
    bench.arrive(bench.say(bench.fill("P.A.1", 60, 60)))
    bench.later(20)
    assert bench.questions() == ["P.A.1"]
    bench.tell(bench.status("P.A.1", OrdStatus.PARTIALLY_FILLED, 60))
    assert len(bench.of(ChildAcked)) == 0, "the fill was acknowledgement enough"
    assert bench.child().leaves_qty == 40


@pytest.mark.parametrize("times", [1, 3])
def test_F07_a_number_seen_before_is_recorded_and_not_applied(times: int) -> None:
    bench = Bench()
    bench.buy()
    ack, fill = bench.say(bench.report(ExecType.NEW, "P.A.1")), bench.say(bench.fill("P.A.1", 9, 9))
    bench.arrive(ack, fill, *[ack, fill] * times)
    assert bench.fills() == [(2, 9)]
    assert bench.ignored() == ["duplicate"] * (2 * times)
    assert (bench.holds(), bench.core._lines["A"].expected) == ([], 3)


def test_F07_a_report_that_waits_is_not_kept_twice() -> None:
    bench = Bench()
    bench.buy()
    ack, fill = bench.say(bench.report(ExecType.NEW, "P.A.1")), bench.say(bench.fill("P.A.1", 9, 9))
    bench.arrive(fill, fill, ack)
    assert (bench.fills(), bench.ignored()) == ([(2, 9)], ["duplicate"])


def test_F08_an_execution_with_other_content_is_a_conflict_under_any_number() -> None:
    for number in (1, 2):
        bench = Bench()
        bench.buy()
        bench.tell(bench.fill("P.A.1", 40, 40, exec_id=7))
        other = bench.fill("P.A.1", 30, 30, exec_id=7)
        bench.arrive(FromVenue("A", other, number, 1))
        assert bench.ignored() == ["conflict"]
        assert bench.holds() == [("A", "conflict")]
        assert bench.child().cum_qty == 40


def test_F21_F07_a_repeated_report_of_an_unknown_order_is_a_repetition() -> None:
    bench = Bench()
    bench.buy()
    stray = bench.say(bench.fill("GHOST", 10, 10))
    bench.arrive(stray, stray)
    assert bench.ignored() == ["unknown_order", "duplicate"]
    assert bench.core.parents["P"].filled_qty == 0


def test_F23_numbers_that_begin_again_without_a_new_session_are_refused() -> None:
    bench = Bench("AB")
    bench.buy()
    bench.tell(bench.report(ExecType.NEW, "P.A.1"))
    bench.tell(bench.fill("P.A.1", 10, 10))
    bench.arrive(FromVenue("A", bench.fill("P.A.1", 20, 30), 1, 1))
    bench.arrive(FromVenue("A", bench.fill("P.A.1", 20, 50), 2, 1))
    bench.arrive(FromVenue("A", bench.fill("P.A.1", 20, 70), 3, 1))
    assert bench.events() == [("reset", 3)]
    assert bench.ignored() == ["refused"] * 3
    assert bench.holds() == [("A", "reset")]
    assert bench.fills() == [(2, 10)]
    assert [m.orig_cl_ord_id for m in bench.asked(OrderCancelRequest)] == ["P.A.1"]
    bench.later(10 * TIMEOUT)
    assert bench.questions() == [], "nothing that it says would count"
    assert bench.end() == (EndReason.NO_ANSWER, 10, 0)


def test_F23_numbers_that_begin_again_with_a_new_session_are_taken() -> None:
    for told in (True, False):
        bench = Bench()
        bench.buy()
        bench.tell(bench.report(ExecType.NEW, "P.A.1"))
        bench.tell(bench.fill("P.A.1", 10, 10))
        if told:
            bench.session(False)
            bench.session(True, new=True)
        else:
            bench.sessions["A"], bench.numbers["A"] = 2, 0
        bench.tell(bench.fill("P.A.1", 90, 100))
        assert bench.end() == (EndReason.FILLED, 100, 0)
        assert [(e.event, e.session) for e in bench.of(SessionEvent)][-1] == ("up", 2)
        assert bench.ignored() == []


def test_F23_what_waits_as_a_new_session_begins_counts_without_what_is_missing() -> None:
    bench = Bench(recovery={"queries": 0})
    bench.buy()
    bench.say(bench.fill("P.A.1", 10, 10))
    bench.arrive(bench.say(bench.fill("P.A.1", 20, 30)))
    bench.session(True, new=True)
    assert bench.fills() == [(2, 20)]
    assert [e for e, _ in bench.events()] == ["gap", "up", "given_up"]
    bench.tell(bench.fill("P.A.1", 30, 60))
    assert bench.child().cum_qty == 50


def test_a_report_of_a_session_that_is_over_still_counts_once() -> None:
    bench = Bench()
    bench.buy()
    old = bench.say(bench.fill("P.A.1", 10, 10))
    bench.session(True, new=True)
    bench.arrive(old, old)
    assert (bench.fills(), bench.ignored()) == ([(1, 10)], ["duplicate"])


def test_news_of_a_session_that_is_over_say_nothing() -> None:
    bench = Bench()
    bench.session(True)
    bench.session(True, new=True)
    bench.sessions["A"] = 1
    bench.session(False)
    assert bench.events() == [("up", 1)]
    assert bench.core._lines["A"].is_up


def test_unnumbered_reports_are_as_ever() -> None:
    bench = Bench()
    bench.buy()
    bench.arrive(FromVenue("A", bench.fill("P.A.1", 100, 100)))
    assert bench.end() == (EndReason.FILLED, 100, 0)
    assert bench.core._lines["A"].expected == 1


def test_sessions_of_venues_count_apart() -> None:
    bench = Bench("AB")
    bench.shows("A", 2, 60)
    bench.buy(100)
    assert [(s.venue_id, s.order_qty) for s in bench.of(ChildSent)] == [("A", 60), ("B", 40)]
    bench.say(bench.report(ExecType.NEW, "P.A.1", total=60))
    bench.arrive(bench.say(bench.fill("P.A.1", 60, 60, total=60)))
    bench.tell(bench.fill("P.B.1", 40, 40, total=40), "B")
    assert bench.fills() == [(3, 40)], "only A waits"


def test_F03_an_order_is_never_sent_twice_under_one_name() -> None:
    bench = Bench()
    bench.buy()
    for _ in range(3):
        bench.session(False)
        bench.later(10)
        bench.session(True)
        bench.later(200)
    names = [m.cl_ord_id for m in bench.asked(NewOrderSingle)]
    assert names == ["P.A.1"]
    assert all(child.side is Side.BUY for child in bench.core.children.values())
    assert bench.child().status not in FINAL
