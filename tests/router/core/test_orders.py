"""What the router's own books count, and what they refuse."""

import pytest

from router.core.orders import CAPPED, EXECUTIONS, Child, Parent, bound_elsewhere
from router.schedule.base import ParentFacts
from router.schedule.immediate import Immediate
from sim.protocol.enums import EndReason, ExecType, OrdStatus, Side, TimeInForce
from sim.protocol.errors import InvariantError
from sim.protocol.orders import ExecutionReport
from sim.protocol.units import PriceTicks, QtyLots, TimeNs


def parent(**more: object) -> Parent:
    return Parent("P", Side.BUY, 100, **more)  # type: ignore[arg-type]


def child(**more: object) -> Child:
    return Child("P.X.1", parent(), "X", Side.BUY, 60, 100, 1, 60, **more)  # type: ignore[arg-type]


def report(exec_id: int, lots: int, ref: int | None = None) -> ExecutionReport:
    return ExecutionReport(
        ExecType.TRADE if ref is None else ExecType.TRADE_CANCEL,
        OrdStatus.PARTIALLY_FILLED,
        "P.X.1",
        "SOR",
        1,
        exec_id,
        Side.BUY,
        QtyLots(60),
        QtyLots(0),
        QtyLots(0),
        TimeNs(0),
        1,
        PriceTicks(100),
        QtyLots(lots),
        exec_ref_id=ref,
    )


def test_all_of_a_parent_may_be_worked_unless_told_otherwise() -> None:
    assert parent().released_qty == 100
    assert parent(released_qty=0).released_qty == 0
    assert parent(released_qty=7).free_qty == 7


def test_nothing_of_a_parent_with_a_schedule_may_be_worked_before_its_schedule_says_so() -> None:
    """Not even with a schedule that releases all of it at once: it has not been asked yet."""
    schedule = Immediate(ParentFacts("P", 100))
    assert parent(schedule=schedule).released_qty == 0
    assert parent(schedule=schedule, released_qty=30).released_qty == 30


def test_lots_are_free_that_nobody_has_or_may_have() -> None:
    one = parent(filled_qty=20, reserved_qty=30, busted_qty=5)
    assert one.free_qty == 45
    one.check()


@pytest.mark.parametrize(
    "wrong",
    [
        {"filled_qty": 60, "reserved_qty": 41},
        {"filled_qty": -1},
        {"reserved_qty": -1},
        {"busted_qty": -1},
    ],
)
def test_I2_lots_that_cannot_be_are_named(wrong: dict[str, int]) -> None:
    one = parent(**wrong)
    filled, reserved = wrong.get("filled_qty", 0), wrong.get("reserved_qty", 0)
    found = f"^parent P: {filled} filled and {reserved} reserved of 100$"
    with pytest.raises(InvariantError, match=found):
        one.check()


def test_children_are_counted_by_venue_without_those_that_never_left() -> None:
    one = parent(children_at={"X": 3})
    assert (one.tries("X"), one.tries("Y")) == (3, 0)
    assert (one.next_name("X"), one.next_name("Y")) == ("P.X.4", "P.Y.1")
    one.on_kept("X")
    one.on_kept("X")
    assert (one.tries("X"), one.next_name("X")) == (1, "P.X.4")


@pytest.mark.parametrize(
    ("more", "may"),
    [
        ({}, True),
        ({"filled_qty": 99}, True),
        ({"filled_qty": 100}, False),
        ({"held": 1}, False),
        ({"stopped": EndReason.DEADLINE}, False),
        ({"end_reason": EndReason.FILLED}, False),
    ],
)
def test_a_parent_takes_while_something_is_free_and_nothing_stops_it(
    more: dict[str, object], may: bool
) -> None:
    assert parent(**more).may_take() is may


@pytest.mark.parametrize(("first", "second"), [(CAPPED, EXECUTIONS), (EXECUTIONS, CAPPED)])
def test_a_parent_that_two_controls_hold_takes_once_both_let_it_go(first: int, second: int) -> None:
    one = parent(held=first | second)
    one.held &= ~first
    assert not one.may_take()
    one.held &= ~second
    assert one.may_take()


@pytest.mark.parametrize(
    ("tif", "unanswered", "busy"),
    [
        (TimeInForce.IOC, False, True),
        (TimeInForce.IOC, True, False),
        (TimeInForce.DAY, False, False),
        (TimeInForce.GTC, False, False),
    ],
)
def test_a_parent_is_busy_with_a_child_that_is_to_take(
    tif: TimeInForce, unanswered: bool, busy: bool
) -> None:
    one = parent()
    assert not one.is_busy
    one.open["c"] = child(time_in_force=tif, unanswered=unanswered)
    assert one.is_busy is busy


def test_a_bond_keeps_other_venues_away_while_its_own_can_be_used() -> None:
    one = parent(bound="X")
    assert bound_elsewhere(parent(), "Y", {}) is None
    assert bound_elsewhere(one, "X", {}) is None
    assert bound_elsewhere(one, "Y", {}) == "bound"
    assert bound_elsewhere(one, "Y", {"Z": "halted"}) == "bound"
    assert bound_elsewhere(one, "Y", {"X": "halted"}) is None
    assert bound_elsewhere(one, "Y", {}, short={"X"}) is None
    assert bound_elsewhere(one, "Y", {}, short={"Z"}) == "bound"
    one.excluded["X"] = "rejected"
    assert bound_elsewhere(one, "Y", {}) is None


def test_what_a_venue_reported_before_a_number_is_its_fills_less_what_it_took_back() -> None:
    one = child(cum_qty=10, excess_qty=3)
    assert one.told_qty == 13
    for said in (report(3, 10), report(5, 20), report(7, 0, ref=3)):
        one.seen[said.exec_id] = said
    one.taken_back[7] = 10
    assert [one.told_before(n) for n in (3, 4, 5, 6, 7, 8)] == [0, 10, 10, 30, 30, 20]
