"""Rules of lots and orders that shipped runs seldom meet, on records made by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.audit.records import (
    CancelRejected,
    ChildCanceled,
    ChildDropped,
    Correction,
    RouteHold,
    RouterRestarted,
    ScheduleStep,
    SessionEvent,
    StatusRequested,
    WrittenOff,
)
from sim.protocol.enums import CxlRejReason, EndReason
from tests.sim.audit.forge import Forge, broken


@pytest.fixture
def forge() -> Forge:
    return Forge().begin().parent()


# ------------------------------------------------------------ I1, I2, I5: lots


def test_I1_a_parent_that_ends_keeps_what_lies_with_a_silent_venue(forge: Forge) -> None:
    forge.send(60)
    forge.done(0, 40)  # 60 are open at a venue that does not answer
    forge.check()


@pytest.mark.parametrize(("filled", "canceled"), [(0, 100), (0, 39), (0, -1)])
def test_I1_a_parent_that_ends_loses_no_lot(forge: Forge, filled: int, canceled: int) -> None:
    forge.send(60)
    with broken("I1: parent P of 100 ends"):
        forge.done(filled, canceled)


def test_I1_a_run_that_ends_may_leave_lots_of_a_parent(forge: Forge) -> None:
    forge.send(60)
    forge.done(0, 0, EndReason.RUN_ENDED)


def test_I2_two_decisions_may_not_send_the_same_lots(forge: Forge) -> None:
    forge.send(60)
    with broken("I2: decision 2 has 41 lots to place, of parent P 40 are free"):
        forge.send(41)


def test_I2_two_decisions_of_one_instant_may_not_send_the_same_lots(forge: Forge) -> None:
    """Both were made while all was free; what leaves second is one lot too many."""
    forge.decide(("A", 50, 60))
    forge.decide(("B", 50, 41))
    forge.leave(60, decision=1)
    with broken("I2: parent P of 100 has 0 filled and 101 open with child P.B.2"):
        forge.leave(41, venue="B", decision=2)


def test_I2_a_decision_of_more_lots_than_it_has(forge: Forge) -> None:
    with broken("I2: decision 1 places 10 lots more than it has"):
        forge.decide(("A", 50, 60), unreserved=50)


def test_I2_a_decision_of_no_lots(forge: Forge) -> None:
    with broken("I2: decision 1 places 0 lots"):
        forge.decide(("A", 50, 0))


def test_I2_a_schedule_takes_nothing_back(forge: Forge) -> None:
    def step(released: int) -> None:
        plan = {"slice": 1, "slices": 3, "due_ns": 0, "planned_qty": released, "filled_qty": 0}
        forge.take(ScheduleStep, parent_id="P", schedule="twap", released_qty=released, **plan)

    step(40)
    with broken("I2: parent P has 39 lots released, after 40 of 100"):
        step(39)


def test_I1_I2_an_excess_goes_to_the_account_apart(forge: Forge) -> None:
    """F10: the venue says 70 of 60; 60 are booked, 10 are nobody's."""
    forge.send(60)
    forge.overfill(last=70, booked=60, excess=10, leaves=0)
    forge.fill(60, 60, 0, exec_id=2)
    forge.check()
    assert forge.rules.orders.account == {"A": 10}
    forge.done(60, 40)


@pytest.mark.parametrize(
    ("lots", "says"),
    [
        ({"last": 70, "booked": 61, "excess": 10, "leaves": 0}, "I1: of 70 lots"),
        ({"last": 70, "booked": 70, "excess": 0, "leaves": 0}, "I1: of 70 lots"),
        ({"last": 70, "booked": 61, "excess": 9, "leaves": 0}, "I2: child P.A.1 has 60"),
        ({"last": 70, "booked": 0, "excess": 70, "leaves": -1}, "I2: child P.A.1 has 60"),
    ],
)
def test_I1_I2_an_excess_is_booked_nowhere_else(
    forge: Forge, lots: dict[str, int], says: str
) -> None:
    forge.send(60)
    with broken(says):
        forge.overfill(**lots)


def test_I3_nothing_is_booked_of_a_fill_after_the_end(forge: Forge) -> None:
    """F14: all of it goes apart, none of it to the parent."""
    forge.send(60)
    forge.report(ChildCanceled, canceled_qty=60, cum_qty=0)
    forge.overfill(last=60, booked=0, excess=60, leaves=0)
    forge.check()
    with broken("I2: child P.A.1 has 0 lots open, 1 are booked"):
        forge.overfill(last=60, booked=1, excess=59, leaves=-1)


def test_I1_lots_outside_the_limit_can_fill_no_more(forge: Forge) -> None:
    """F20: the venue holds them to be filled, so they are free for other venues."""
    forge.send(60)
    forge.overfill(last=60, booked=0, excess=60, leaves=0)
    forge.send(100)
    forge.check()


def test_I1_I5_a_bust_moves_lots_from_filled_to_busted(forge: Forge) -> None:
    forge.send(60)
    forge.fill(60, 60, 0)
    forge.bust(60, 0, 0)
    forge.check()
    with broken("I2: decision 2 has 41 lots"):  # what was busted is not sent anew
        forge.send(41)


def test_I1_busted_lots_are_sent_anew_where_the_scenario_says_so() -> None:
    forge = Forge().begin(busted=True).parent()
    forge.send(60)
    forge.fill(60, 60, 0)
    forge.bust(60, 0, 0)
    forge.send(100)
    forge.check()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"was_qty": 61}, "I2: child P.A.1 has 60 lots filled, 61 are taken back"),
        ({"reopened_qty": 60}, "I2: child P.A.1 has 60 lots filled, 60 .* 60 open again"),
        ({"exec_ref_id": 8}, "I3: fill 8 of child P.A.1 was not booked"),
        ({"excess_qty": 1}, "I1: 1 lots of child P.A.1 leave the account apart"),
        ({"cum_qty": 1}, "I1: child P.A.1 says 1 filled"),
    ],
)
def test_I1_I2_only_what_is_filled_can_be_busted(
    forge: Forge, change: dict[str, int], says: str
) -> None:
    forge.send(60)
    forge.fill(60, 60, 0)
    with broken(says):
        forge.bust(**{"was": 60, "cum": 0, "leaves": 0, **change})


def test_I5_the_cost_of_a_parent_is_that_of_its_children(forge: Forge) -> None:
    forge.send(60)
    forge.fill(20, 20, 40, px=49)
    forge.fill(40, 60, 0, px=50, exec_id=2)
    parent = forge.rules.orders.parents["P"]
    assert parent.tick_lots == 20 * 49 + 40 * 50
    forge.check()
    parent.tick_lots += 1
    with broken("I5: parent P has .* 2981"):
        forge.check()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda child: setattr(child, "cum", child.cum + 1), "I1: child P.A.1"),
        (lambda child: setattr(child, "leaves", child.leaves - 1), "I1: child P.A.1"),
        (lambda child: setattr(child, "end", "fill"), "I3: child P.A.1 ended by fill"),
        (lambda child: setattr(child.parent, "filled", 21), "I5: parent P"),
        (lambda child: setattr(child.parent, "working", 39), "I5: parent P"),
    ],
)
def test_I1_I3_I5_the_walk_finds_a_spoilt_ledger(
    forge: Forge, spoil: Callable[[Any], None], says: str
) -> None:
    forge.send(60)
    forge.fill(20, 20, 40)
    forge.check()
    spoil(forge.rules.orders.children["P.A.1"])
    with broken(says):
        forge.check()


def test_I13_a_router_comes_back_with_what_its_records_say(forge: Forge) -> None:
    """P06."""
    forge.send(60)
    forge.parent("Q")
    forge.take(RouterRestarted, parents=2, children=1, records=9)
    with broken("I13: the router came back with 2 parents and 2 open children, .* 2 and 1"):
        forge.take(RouterRestarted, parents=2, children=2, records=9)


# ------------------------------------------------------------ I3, I4: ends and requests


def test_I3_a_child_that_is_written_off_ends_with_what_is_open(forge: Forge) -> None:
    forge.send(60)
    off = {"cl_ord_id": "P.A.1", "parent_id": "P", "venue_id": "A", "cum_qty": 0}
    with broken("I1: child P.A.1 ends with 0 filled and 59 open"):
        forge.take(WrittenOff, written_off_qty=59, **off)


def test_I3_after_writing_off_nothing_of_a_child_is_booked(forge: Forge) -> None:
    forge.send(60)
    off = {"cl_ord_id": "P.A.1", "parent_id": "P", "venue_id": "A", "cum_qty": 0}
    forge.take(WrittenOff, written_off_qty=60, **off)
    with broken("I3: child P.A.1 is filled after its end by written_off"):
        forge.fill(60, 60, 0)


def test_I3_after_the_end_of_its_parent_nothing_of_a_child_is_booked(forge: Forge) -> None:
    forge.send(60)
    forge.done(0, 40)
    with broken("I3: child P.A.1 is filled after the end of its parent"):
        forge.fill(60, 60, 0)


def test_I3_what_is_dropped_has_not_left(forge: Forge) -> None:
    forge.send(60)
    dropped = {"parent_id": "P", "decision_id": 1, "venue_id": "A", "order_qty": 60, "reason": "x"}
    with broken("I3: child P.A.1 is dropped, but it has left"):
        forge.take(ChildDropped, cl_ord_id="P.A.1", **dropped)


def test_I14_what_is_dropped_cannot_leave_later(forge: Forge) -> None:
    forge.decide(("A", 50, 60))
    dropped = {"parent_id": "P", "decision_id": 1, "venue_id": "A", "order_qty": 60, "reason": "x"}
    forge.take(ChildDropped, cl_ord_id="P.A.1", **dropped)
    assert not forge.rules.orders.parents["P"].plans


def test_I4_a_replace_is_confirmed_as_it_was_asked(forge: Forge) -> None:
    forge.send(60, price=48)
    forge.replace(60, 49)
    with broken("I4: child P.A.1 is replaced to 50 by P.A.1.R1, asked was 49"):
        forge.replaced(50, 60)


def test_I4_a_replace_that_nobody_asked_for(forge: Forge) -> None:
    forge.send(60)
    with broken("I4: child P.A.1 is replaced to 50 by P.A.1.R1, asked was None by nobody"):
        forge.replaced(50, 60)


def test_I2_a_replace_opens_no_more_lots(forge: Forge) -> None:
    forge.send(60)
    forge.replace(30, 50)
    with broken("I1: child P.A.1 says 0 filled and 61 open"):
        forge.replaced(50, 61)


def test_I2_a_replace_asks_for_no_more_lots(forge: Forge) -> None:
    forge.send(60)
    with broken("I2: P.A.1.R1 asks for 61 lots, child P.A.1 has 60"):
        forge.replace(61, 50)


def test_I1_a_replace_frees_lots(forge: Forge) -> None:
    forge.send(60)
    forge.replace(20, 50)
    forge.replaced(50, 20)
    forge.send(80)
    forge.check()


def test_I3_nobody_is_asked_about_a_child_that_never_left(forge: Forge) -> None:
    forge.send(60)
    forge.take(StatusRequested, cl_ord_id="P.A.1", venue_id="A", reason="no_answer")
    with broken("I3: child P.A.2 was never sent"):
        forge.take(StatusRequested, cl_ord_id="P.A.2", venue_id="A", reason="no_answer")


@pytest.mark.parametrize("ask", [Forge.cancel, lambda forge: forge.replace(60, 50)])
def test_I4_nothing_is_asked_of_a_child_that_has_ended(
    forge: Forge, ask: Callable[[Forge], None]
) -> None:
    forge.send(60)
    forge.report(ChildCanceled, canceled_qty=60, cum_qty=0)
    with broken("I3: child P.A.1 is to be"):
        ask(forge)


# ------------------------------------------------------------ I6: limits


@pytest.mark.parametrize("px", [51, 10**9])
def test_I6_no_decision_and_no_child_past_the_limit_of_the_client(forge: Forge, px: int) -> None:
    with broken(f"I6: decision 1 places at {px}, past the limit 50 of P"):
        forge.send(60, price=px)


def test_I6_no_child_leaves_past_the_limit_of_the_client(forge: Forge) -> None:
    forge.decide(("A", 50, 60))
    with broken("I6: child P.A.1 leaves at 51, past the limit 50 of P"):
        forge.leave(60, price=51)


def test_I6_no_fill_past_the_limit_of_its_child(forge: Forge) -> None:
    forge.send(60, price=49)
    with broken("I6: child P.A.1 trades at 50, past the limit 49"):
        forge.fill(60, 60, 0, px=50)


def test_I6_a_fill_may_be_at_either_price_while_a_replace_is_under_way(forge: Forge) -> None:
    forge.send(60, price=48)
    forge.replace(60, 49)
    forge.fill(20, 20, 40, px=49)
    with broken("I6: child P.A.1 trades at 50, past the limit 49"):
        forge.fill(40, 60, 0, px=50, exec_id=2)


def test_I6_a_second_replace_leaves_both_limits_open(forge: Forge) -> None:
    """Nobody knows what became of the first, so the child may have its limit by now."""
    forge.send(60, price=47)
    forge.replace(60, 49)
    forge.replace(60, 48, name="P.A.1.R2")
    forge.fill(20, 20, 40, px=49)
    with broken("I6: child P.A.1 trades at 50, past the limit 49"):
        forge.fill(40, 60, 0, px=50, exec_id=2)


def test_I6_a_refused_replace_leaves_the_limit(forge: Forge) -> None:
    forge.send(60, price=48)
    forge.replace(60, 49)
    forge.report(
        CancelRejected, cl_ord_id="P.A.1.R1", orig_cl_ord_id="P.A.1", reason=CxlRejReason.TOO_LATE
    )
    with broken("I6: child P.A.1 trades at 49, past the limit 48"):
        forge.fill(60, 60, 0, px=49)


def test_I6_no_replace_past_the_limit_of_the_client(forge: Forge) -> None:
    forge.send(60)
    with broken("I6: P.A.1.R1 asks for 51, past the limit 50 of P"):
        forge.replace(60, 51)


def test_I6_no_correction_past_the_limit(forge: Forge) -> None:
    forge.send(60)
    forge.fill(60, 60, 0)
    lots = {"was_qty": 60, "last_qty": 60, "cum_qty": 60, "leaves_qty": 0, "reopened_qty": 0}
    known = {"parent_id": "P", "exec_id": 9, "exec_ref_id": 1, "excess_qty": 0, "fee": "0"}
    with broken("I6: child P.A.1 trades at 51"):
        forge.report(Correction, was_px=50, last_px=51, **lots, **known)


def test_I6_a_correction_to_a_better_price_is_booked(forge: Forge) -> None:
    """F08."""
    forge.send(60)
    forge.fill(60, 60, 0)
    lots = {"was_qty": 60, "last_qty": 60, "cum_qty": 60, "leaves_qty": 0, "reopened_qty": 0}
    known = {"parent_id": "P", "exec_id": 9, "exec_ref_id": 1, "excess_qty": 0, "fee": "0"}
    forge.report(Correction, was_px=50, last_px=49, **lots, **known)
    forge.check()
    assert forge.rules.orders.parents["P"].tick_lots == 60 * 49


def test_I3_a_replace_that_leaves_nothing_open_ends_its_child(forge: Forge) -> None:
    forge.send(60)
    forge.replace(30, 50)
    forge.fill(30, 30, 30)
    forge.replaced(50, 0, cum=30)
    with broken("I3: child P.A.1 is filled after its end by child_replaced"):
        forge.fill(30, 60, 0, exec_id=2)


def test_a_router_that_is_not_ours_may_replace_what_it_likes() -> None:
    forge = Forge(strategy="outside").begin().parent()
    forge.send(60)
    forge.replace(90, 70)
    forge.fill(60, 60, 0, px=70)


# ------------------------------------------------------------ I14: venues that get nothing


def test_I14_F01_nothing_leaves_for_a_venue_whose_session_is_down(forge: Forge) -> None:
    forge.take(SessionEvent, venue_id="A", event="down")
    forge.take(SessionEvent, venue_id="A", event="up")
    forge.send(10)
    forge.take(SessionEvent, venue_id="A", event="down")
    with broken("I14: child P.A.2 leaves for A: its session is down"):
        forge.send(10)


def test_I14_F08_nothing_leaves_for_a_venue_in_quarantine(forge: Forge) -> None:
    hold: dict[str, Any] = {"venue_id": "A", "until_ns": None, "strikes": 0}
    forge.take(RouteHold, reason="no_answer", **hold)
    forge.send(10)
    forge.take(RouteHold, reason="conflict", **hold)
    forge.take(SessionEvent, venue_id="A", event="up")
    with broken("I14: child P.A.2 leaves for A: it is held for good"):
        forge.send(10)
