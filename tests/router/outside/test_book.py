"""The books of a router that is not ours: whatever comes back, the log can be taken."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.events import ParentOrder, Stamps
from router.core.profile import VenueProfile
from router.outside.answers import Answers
from router.outside.book import OutsideBook, OutsideError
from sim.audit.records import RunStarted
from sim.audit.state import LogState
from sim.protocol.enums import (
    CxlRejReason,
    EndReason,
    ExecType,
    OrdStatus,
    RejectReason,
    Side,
    TimeInForce,
)
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
)
from sim.protocol.session import OrderStatusRequest, ResendRequest, SessionStatus
from sim.protocol.units import PriceTicks, QtyLots, TimeNs

STAMPS = Stamps(0, 1, 0)
FLAT = (Fraction(1), Fraction(0))


class Desk:
    """A book, its answers, and the state that its records tell."""

    def __init__(self) -> None:
        profile = VenueProfile(
            venue_id="A",
            visibility="lit",
            latency_ns=1,
            tick=1,
            lot=1,
            buy=FLAT,
            sell=FLAT,
            maker_buy=FLAT,
            maker_sell=FLAT,
        )
        self.book = OutsideBook((profile,))
        self.answers = Answers(self.book)
        self.state = LogState()
        self.records: list[Any] = []
        started = {"schema": "", "code_version": "", "seed": 1, "sync": "end"}
        self.note([RunStarted(t_ns=0, market_data="touch", scenario={}, files={}, **started)])  # type: ignore[arg-type]

    def note(self, records: Any) -> None:
        self.state.take(records)
        self.records += records

    def send(self, name: str = "O1", qty: int = 100, side: Side = Side.BUY) -> NewOrderSingle:
        order = NewOrderSingle(
            name, side, QtyLots(qty), PriceTicks(100), time_in_force=TimeInForce.DAY
        )
        self.note(self.book.on_new("A", order, None, 1))
        return order

    def hear(self, kind: ExecType, n: int, **more: Any) -> None:
        fields: dict[str, Any] = {
            "exec_type": kind,
            "ord_status": OrdStatus.NEW,
            "cl_ord_id": "O1",
            "account": "SOR",
            "order_id": 7,
            "exec_id": n,
            "side": Side.BUY,
            "order_qty": QtyLots(100),
            "cum_qty": QtyLots(0),
            "leaves_qty": QtyLots(0),
            "transact_ns": TimeNs(1),
            "venue_seq": 1,
        }
        report = ExecutionReport(**{**fields, **more})
        self.note(self.answers.on_report("A", report, STAMPS, 2))

    def kinds(self) -> list[str]:
        return [type(one).__name__ for one in self.records[1:]]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_fill_that_is_taken_back_is_filled_no_more(desk: Desk) -> None:
    desk.send()
    desk.hear(ExecType.TRADE, 1, last_px=100, last_qty=60, commission=Decimal("0.6"))
    desk.hear(ExecType.TRADE_CORRECT, 2, exec_ref_id=1, last_px=99, last_qty=50)
    desk.hear(ExecType.TRADE_CANCEL, 3, exec_ref_id=1)
    assert desk.kinds()[-2:] == ["Correction", "Bust"]
    child = desk.state.children["O1"]
    assert (child.cum_qty, child.leaves_qty, child.fees) == (0, 40, Decimal(0))
    assert desk.book.parents["O1"].filled_qty == 0


@pytest.mark.parametrize(
    "change",
    [
        {"exec_ref_id": 9},
        {"exec_ref_id": None},
        {"exec_ref_id": 1, "last_px": None, "last_qty": 5},
        {"exec_ref_id": 1, "last_px": 100, "last_qty": 61},
    ],
)
def test_a_change_of_no_fill_is_ignored(desk: Desk, change: dict[str, Any]) -> None:
    desk.send()
    desk.hear(ExecType.TRADE, 1, last_px=100, last_qty=60)
    desk.hear(ExecType.TRADE_CORRECT, 2, **change)
    assert desk.records[-1].reason == "breach"
    assert desk.state.children["O1"].cum_qty == 60


def test_lots_of_the_account_apart_leave_it_with_their_fill(desk: Desk) -> None:
    desk.send()
    desk.hear(ExecType.TRADE, 1, last_px=100, last_qty=130)
    assert desk.book.overfilled == {("A", Side.BUY): 30}
    desk.hear(ExecType.TRADE_CANCEL, 2, exec_ref_id=1)
    assert desk.book.overfilled == {("A", Side.BUY): 0}
    assert desk.state.overfilled == {"A": 0}


def test_an_end_that_counts_a_lost_fill_waits_for_it(desk: Desk) -> None:
    desk.send()
    desk.hear(ExecType.CANCELED, 2, cum_qty=QtyLots(30))
    assert desk.state.children["O1"].is_open
    desk.hear(ExecType.TRADE, 1, last_px=100, last_qty=30, cum_qty=QtyLots(30))
    child = desk.state.children["O1"]
    assert (child.is_open, child.cum_qty, child.canceled_qty) == (False, 30, 70)
    assert desk.book.parents["O1"].end_reason is EndReason.GIVEN_UP


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"side": Side.SELL}, "breach"),
        ({"cl_ord_id": "O9"}, "unknown_order"),
        ({"last_px": None, "last_qty": 5}, "breach"),
        ({"last_px": 100, "last_qty": 0}, "breach"),
    ],
)
def test_what_makes_no_sense_is_ignored(desk: Desk, more: dict[str, Any], reason: str) -> None:
    desk.send()
    desk.hear(ExecType.TRADE, 1, **more)
    assert desk.records[-1].reason == reason


def test_F08_the_number_of_another_report_is_a_conflict(desk: Desk) -> None:
    desk.send()
    desk.hear(ExecType.TRADE, 1, last_px=100, last_qty=10)
    desk.hear(ExecType.TRADE, 1, last_px=100, last_qty=20)
    assert desk.records[-1].reason == "conflict"
    assert desk.state.children["O1"].cum_qty == 10


def test_F14_a_fill_after_the_end_goes_apart(desk: Desk) -> None:
    desk.send()
    desk.hear(ExecType.CANCELED, 1)
    desk.hear(ExecType.TRADE, 2, last_px=100, last_qty=10)
    assert (desk.records[-1].reason, desk.records[-1].excess_qty) == ("after_end", 10)
    desk.hear(ExecType.NEW, 3)
    assert desk.records[-1].reason == "after_end"


def test_F20_a_fill_past_the_limit_that_takes_all_ends_the_order(desk: Desk) -> None:
    desk.send()
    desk.hear(ExecType.TRADE, 1, last_px=101, last_qty=100)
    assert desk.records[-2].reason == "outside_limit"
    assert not desk.state.children["O1"].is_open


def test_replaces_reject_and_go_through(desk: Desk) -> None:
    desk.send()
    desk.hear(ExecType.NEW, 1)
    ask = OrderCancelReplaceRequest("R1", "O1", QtyLots(80), PriceTicks(101))
    desk.note(desk.book.on_request("A", ask, 2))
    child = desk.book.children["O1"]
    assert child.price == 101  # the wider of both, until the venue has answered
    refusal = OrderCancelReject(
        "R1", "O1", "SOR", OrdStatus.NEW, CxlRejReason.TOO_LATE, TimeNs(1), 1
    )
    desk.note(desk.answers.on_report("A", refusal, STAMPS, 2))
    assert child.price == 100
    desk.note(desk.book.on_request("A", msgspec.structs.replace(ask, cl_ord_id="R2"), 2))
    more = {"cl_ord_id": "R2", "orig_cl_ord_id": "O1", "order_qty": QtyLots(80)}
    desk.hear(ExecType.REPLACED, 3, **more)
    assert (child.price, child.order_qty, child.leaves_qty) == (101, 80, 80)
    desk.hear(ExecType.REPLACED, 4, **more)
    assert desk.records[-1].reason == "breach"  # nobody asked for another


def test_what_may_not_be_asked_is_refused(desk: Desk) -> None:
    order = desk.send()
    book = desk.book
    wrong: list[Callable[[], object]] = [
        lambda: book.on_new("A", order, None, 2),
        lambda: book.on_new(
            "A", msgspec.structs.replace(order, cl_ord_id="X", price=None), None, 2
        ),
        lambda: book.on_request("B", OrderCancelRequest("C1", "O1"), 2),
        lambda: book.on_request(
            "A", OrderCancelReplaceRequest("R", "O1", QtyLots(101), PriceTicks(100)), 2
        ),
        lambda: book.on_question("A", OrderStatusRequest("O9", "Q1"), 2),
        lambda: book.on_parent(ParentOrder("O1", Side.BUY, 1), 2),
        lambda: book.on_parent(ParentOrder("P", Side.BUY, 0), 2),
    ]
    for ask in wrong:
        with pytest.raises(OutsideError):
            ask()
    desk.hear(ExecType.CANCELED, 1)
    with pytest.raises(OutsideError, match="has ended"):
        book.on_new("A", msgspec.structs.replace(order, cl_ord_id="Y"), book.parents["O1"], 3)


def test_sessions_and_questions_are_written_down_once(desk: Desk) -> None:
    desk.send()
    for status in (True, False, False, True):
        session = 1 if not status else len(desk.records)
        desk.note(desk.book.on_session(SessionStatus("A", session, is_up=status), 2))
    desk.note(desk.book.on_question("A", OrderStatusRequest("O1", "Q1"), 2))
    desk.note(desk.book.on_question("A", ResendRequest(3), 2))
    desk.hear(ExecType.ORDER_STATUS, 1, ord_status=OrdStatus.NEW)
    events = [one.event for one in desk.records if hasattr(one, "event")]
    assert events == ["down", "up", "gap"]
    assert desk.kinds()[-1] == "StatusReported"


KINDS = [one for one in ExecType if one is not ExecType.TRIGGERED]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(KINDS),
            st.integers(1, 6),
            st.integers(98, 102),
            st.integers(-1, 130),
            st.integers(0, 120),
            st.integers(1, 6),
        ),
        max_size=25,
    )
)
def test_whatever_a_venue_says_the_log_does_not_contradict_itself(
    said: list[tuple[ExecType, int, int, int, int, int]],
) -> None:
    desk = Desk()
    desk.send()
    desk.note(desk.book.on_request("A", OrderCancelRequest("C1", "O1"), 1))
    for kind, n, px, qty, cum, ref in said:
        more: dict[str, Any] = {"exec_ref_id": ref}
        if kind is ExecType.REJECTED:
            more["reject_reason"] = RejectReason.THROTTLED
        desk.hear(kind, n, last_px=px, last_qty=qty, cum_qty=QtyLots(cum), **more)
    child, told = desk.book.children["O1"], desk.state.children["O1"]
    assert (child.cum_qty, child.leaves_qty) == (told.cum_qty, told.leaves_qty)
    parent, known = desk.book.parents["O1"], desk.state.parents["O1"]
    assert (parent.filled_qty, parent.reserved_qty) == (known.filled_qty, known.working_qty)
