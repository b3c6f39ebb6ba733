"""What requests, busts, over-fills, holds and the like make of the state, record by record."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from sim.audit.control_records import ControlBreach, WrittenOff
from sim.audit.fault_records import (
    Fault,
    RouterRestarted,
    SessionEvent,
    StatusReported,
    StatusRequested,
)
from sim.audit.records import (
    SCHEMA,
    BookAtArrival,
    Bust,
    CancelSent,
    ChildRejected,
    ChildReplaced,
    ChildSent,
    Correction,
    Decision,
    Fill,
    NbboChange,
    Overfill,
    ParentDone,
    ParentReceived,
    ParticipantEvent,
    QueuePosition,
    Quote,
    Record,
    ReplaceSent,
    RequestPending,
    RouteHold,
    RunFinished,
    RunStarted,
    ScheduleStep,
    Slice,
    TradePrint,
)
from sim.audit.state import LogState
from sim.protocol.enums import (
    Control,
    DecisionReason,
    EndReason,
    OrdStatus,
    Outcome,
    RejectReason,
    Side,
    TimeInForce,
)
from sim.protocol.errors import AuditFormatError

STAMPS: dict[str, Any] = {"processed_ns": 0, "sent_ns": 0, "drawn_ns": 0, "held_ns": 0}
OURS: dict[str, Any] = {"cl_ord_id": "P.X.1", "venue_id": "X"}
EXECUTION: dict[str, Any] = {"parent_id": "P", "exec_id": 9, "cum_qty": 0, "leaves_qty": 0}


def started(busted: Any) -> RunStarted:
    return RunStarted(
        t_ns=0,
        schema=SCHEMA,
        code_version="1",
        seed=1,
        sync="end",
        market_data="none",
        files={},
        scenario={"router": {"reroute": busted}},
    )


def parent() -> ParentReceived:
    return ParentReceived(
        t_ns=1,
        parent_id="P",
        side=Side.BUY,
        order_qty=100,
        limit_px=None,
        deadline_ns=None,
        bid_px=None,
        ask_px=None,
    )


def sent() -> ChildSent:
    return ChildSent(
        t_ns=2,
        cl_ord_id="P.X.1",
        parent_id="P",
        decision_id=1,
        venue_id="X",
        side=Side.BUY,
        order_qty=60,
        price=100,
        time_in_force=TimeInForce.DAY,
        shown_px=100,
        quote_seq=1,
    )


def fill(qty: int) -> Fill:
    more: dict[str, Any] = {"last_px": 99, "last_qty": qty, "fee": "0.5", "best_px": None}
    return Fill(t_ns=3, is_maker=False, **more, **OURS, **EXECUTION, **STAMPS)


def replaced(order_qty: int, leaves: int, price: int = 98) -> ChildReplaced:
    known = OURS | {"cl_ord_id": "P.X.1.R1", "orig_cl_ord_id": "P.X.1", "price": price}
    return ChildReplaced(
        t_ns=5, order_qty=order_qty, cum_qty=0, leaves_qty=leaves, **known, **STAMPS
    )


def overfill(booked: int, excess: int, leaves: int) -> Overfill:
    lots: dict[str, Any] = {"booked_qty": booked, "excess_qty": excess, "leaves_qty": leaves}
    about: dict[str, Any] = {"exec_id": 8, "last_px": 99, "last_qty": booked + excess}
    return Overfill(t_ns=3, reason="too_much", **lots, **about, **OURS, **STAMPS)


def bust(qty: int, *, again: int = 0, excess: int = 0, fee: str = "-0.5") -> Bust:
    lots: dict[str, Any] = {"was_px": 99, "was_qty": qty, "reopened_qty": again}
    lots |= {"excess_qty": excess, "exec_ref_id": 7, "fee": fee}
    return Bust(t_ns=6, **lots, **OURS, **EXECUTION, **STAMPS)


def correction(was: tuple[int, int], now: tuple[int, int], again: int = 0) -> Correction:
    lots: dict[str, Any] = {"was_px": was[0], "was_qty": was[1], "last_px": now[0]}
    lots |= {"last_qty": now[1], "reopened_qty": again, "excess_qty": 0, "exec_ref_id": 7}
    return Correction(t_ns=6, fee="0.25", **lots, **OURS, **EXECUTION, **STAMPS)


def written_off(qty: int) -> WrittenOff:
    return WrittenOff(t_ns=6, parent_id="P", written_off_qty=qty, cum_qty=0, **OURS)


def done(filled: int, canceled: int) -> ParentDone:
    reason = EndReason.DEADLINE
    return ParentDone(
        t_ns=5, parent_id="P", filled_qty=filled, canceled_qty=canceled, end_reason=reason
    )


REPLACE = ReplaceSent(
    t_ns=4,
    cl_ord_id="P.X.1.R1",
    orig_cl_ord_id="P.X.1",
    venue_id="X",
    order_qty=50,
    price=98,
    reason="market_moved",
)
CANCEL = CancelSent(
    t_ns=4, cl_ord_id="P.X.1.C1", orig_cl_ord_id="P.X.1", venue_id="X", reason="ack_timeout"
)


def after(*records: Record, busted: Any = None) -> LogState:
    """A state after these; times are made to rise."""
    state = LogState()
    begin = [started({} if busted is None else {"busted": busted}), parent(), sent()]
    for n, record in enumerate([*begin, *records]):
        state.take([msgspec.structs.replace(record, t_ns=n)])
    return state


def lots_of(state: LogState) -> tuple[int, int, int, int]:
    """Filled, working, canceled and busted lots of the parent."""
    one = state.parents["P"]
    return one.filled_qty, one.working_qty, one.canceled_qty, one.busted_qty


def test_a_child_that_left_works_for_its_parent() -> None:
    state = after()
    child = state.children["P.X.1"]
    assert state.parents["P"].children == [child]
    assert lots_of(state) == (0, 60, 0, 0)
    assert (child.sent_ns, child.decision_id, child.price) == (2, 1, 100)
    assert (child.time_in_force, child.side, child.order_qty) == (TimeInForce.DAY, Side.BUY, 60)
    assert (state.records, state.t_ns, state.outcome) == (3, 2, None)


class TestReplace:
    def test_is_pending_until_it_is_answered(self) -> None:
        state = after(REPLACE)
        assert state.children["P.X.1"].status is OrdStatus.PENDING_REPLACE
        assert lots_of(state) == (0, 60, 0, 0)

    @pytest.mark.parametrize(("filled", "status"), [(0, "NEW"), (20, "PARTIALLY_FILLED")])
    def test_frees_lots_and_has_a_new_price(self, filled: int, status: str) -> None:
        more = [fill(filled)] if filled else []
        state = after(REPLACE, *more, replaced(50, 50 - filled))
        child = state.children["P.X.1"]
        assert (child.order_qty, child.leaves_qty, child.price) == (50, 50 - filled, 98)
        assert child.status is OrdStatus[status]
        assert lots_of(state) == (filled, 50 - filled, 0, 0)
        assert child.ended_ns is None

    def test_to_what_is_filled_ends_it(self) -> None:
        state = after(REPLACE, fill(20), replaced(20, 0))
        child = state.children["P.X.1"]
        assert (child.status, child.leaves_qty, child.ended_ns) == (OrdStatus.FILLED, 0, 5)
        assert lots_of(state) == (20, 0, 0, 0)

    def test_after_a_cancel_was_asked_for_it_stays_pending(self) -> None:
        state = after(REPLACE, CANCEL, replaced(50, 50))
        assert state.children["P.X.1"].status is OrdStatus.PENDING_CANCEL

    def test_of_a_child_that_has_ended_changes_nothing(self) -> None:
        assert after(fill(60), REPLACE).children["P.X.1"].status is OrdStatus.FILLED

    def test_never_leaves_more_open(self) -> None:
        with pytest.raises(AuditFormatError, match="has 60 lots open, and is replaced to 61"):
            after(REPLACE, replaced(61, 61))

    def test_a_pending_request_is_about_a_child(self) -> None:
        known: dict[str, Any] = OURS | {"cl_ord_id": "C", "orig_cl_ord_id": "P.X.1"}
        state = after(CANCEL, RequestPending(t_ns=5, **known, **STAMPS))
        assert state.children["P.X.1"].status is OrdStatus.PENDING_CANCEL
        known["orig_cl_ord_id"] = "Q"
        with pytest.raises(AuditFormatError, match="'Q' was never sent"):
            after(RequestPending(t_ns=5, **known, **STAMPS))


class TestOverfill:
    def test_what_is_too_much_is_in_an_account_apart(self) -> None:
        state = after(overfill(booked=60, excess=5, leaves=0), fill(60))
        assert state.overfilled == {"X": 5}
        assert lots_of(state) == (60, 0, 0, 0)
        assert state.children["P.X.1"].status is OrdStatus.FILLED
        again = after(overfill(60, 5, 0), fill(60), overfill(0, 7, 0))
        assert again.overfilled == {"X": 12}

    def test_past_the_limit_takes_open_lots_away(self) -> None:
        state = after(overfill(booked=0, excess=20, leaves=40))
        assert lots_of(state) == (0, 40, 0, 0)
        child = state.children["P.X.1"]
        assert (child.leaves_qty, child.status) == (40, OrdStatus.PENDING_NEW)

    def test_past_the_limit_of_all_ends_it(self) -> None:
        state = after(overfill(booked=0, excess=60, leaves=0))
        child = state.children["P.X.1"]
        assert (child.leaves_qty, child.status, child.ended_ns) == (0, OrdStatus.CANCELED, 3)
        assert lots_of(state) == (0, 0, 0, 0)


class TestBust:
    def test_lots_that_are_open_again_work_again(self) -> None:
        state = after(fill(20), bust(15, again=15))
        child = state.children["P.X.1"]
        assert lots_of(state) == (5, 55, 0, 0)
        assert (child.cum_qty, child.leaves_qty, child.order_qty) == (5, 55, 60)
        assert (child.busted_qty, child.tick_lots, child.fees) == (0, 5 * 99, Decimal(0))

    def test_lots_that_are_not_make_an_open_order_smaller(self) -> None:
        state = after(fill(20), bust(15))
        child = state.children["P.X.1"]
        assert lots_of(state) == (5, 40, 15, 15)
        assert (child.leaves_qty, child.order_qty, child.busted_qty) == (40, 45, 15)

    def test_of_a_child_that_has_ended_leaves_its_total(self) -> None:
        state = after(fill(60), bust(15))
        child = state.children["P.X.1"]
        assert (child.order_qty, child.cum_qty, child.status) == (60, 45, OrdStatus.FILLED)
        assert lots_of(state) == (45, 0, 15, 15)

    def test_what_is_sent_anew_is_not_given_up(self) -> None:
        assert lots_of(after(fill(60), bust(15), busted=True)) == (45, 0, 0, 15)
        assert lots_of(after(fill(60), bust(15), busted=False)) == (45, 0, 15, 15)

    def test_after_the_end_of_its_parent_it_is_given_up_all_the_same(self) -> None:
        state = after(fill(60), done(60, 40), bust(15), busted=True)
        assert lots_of(state) == (45, 0, 55, 15)

    def test_the_account_apart_is_made_less(self) -> None:
        state = after(overfill(60, 5, 0), fill(60), bust(60, excess=5))
        assert state.overfilled == {"X": 0}

    @pytest.mark.parametrize(
        ("qty", "again", "excess", "why"),
        [
            (21, 0, 0, "has 20 lots filled, 21 are taken back and 0 open again"),
            (5, 6, 0, "5 are taken back and 6 open again"),
            (5, -1, 0, "5 are taken back and -1 open again"),
            (5, 5, 1, "excess_qty 1 was not in the account apart"),
            (5, 5, -1, "excess_qty -1 was not in the account apart"),
        ],
    )
    def test_what_cannot_be_is_refused(self, qty: int, again: int, excess: int, why: str) -> None:
        with pytest.raises(AuditFormatError, match=why):
            after(fill(20), bust(qty, again=again, excess=excess))

    def test_nothing_of_an_ended_child_is_open_again(self) -> None:
        with pytest.raises(AuditFormatError, match="5 are taken back and 5 open again"):
            after(fill(60), bust(5, again=5))

    @pytest.mark.parametrize("scenario", [{}, {"router": 3}, {"router": {"reroute": None}}])
    def test_a_log_that_says_nothing_of_rerouting_does_none(self, scenario: Any) -> None:
        state = LogState()
        begin = msgspec.structs.replace(started(None), scenario=scenario)
        state.take([begin, parent(), sent(), fill(60), bust(15)])
        assert lots_of(state) == (45, 0, 15, 15)

    def test_without_a_first_record_too(self) -> None:
        state = LogState()
        state.take([parent(), sent(), fill(60), bust(15)])
        assert lots_of(state) == (45, 0, 15, 15)

    def test_a_correction_changes_lots_price_and_fee(self) -> None:
        state = after(fill(20), correction((99, 20), (97, 12), again=8))
        child = state.children["P.X.1"]
        assert lots_of(state) == (12, 48, 0, 0)
        assert (child.tick_lots, child.fees) == (97 * 12, Decimal("0.75"))
        assert state.parents["P"].tick_lots == 97 * 12
        assert state.parents["P"].fees == Decimal("0.75")


class TestWrittenOff:
    def test_its_lots_are_free(self) -> None:
        state = after(fill(20), written_off(40))
        child = state.children["P.X.1"]
        assert (child.canceled_qty, child.leaves_qty, child.status) == (40, 0, OrdStatus.CANCELED)
        assert lots_of(state) == (20, 0, 0, 0)
        assert child.ended_ns == 4

    def test_it_is_all_that_is_open(self) -> None:
        with pytest.raises(AuditFormatError, match="has 40 lots open, 41 are written off"):
            after(fill(20), written_off(41))


class TestSchedule:
    def step(self, released: int) -> ScheduleStep:
        fields = {field.name: None for field in msgspec.structs.fields(ScheduleStep)}
        known: dict[str, Any] = {"t_ns": 4, "parent_id": "P", "released_qty": released}
        return ScheduleStep(**(fields | known))

    def test_the_last_step_is_kept(self) -> None:
        state = after(self.step(10), self.step(10), self.step(100))
        step = state.parents["P"].step
        assert step is not None
        assert step.released_qty == 100

    @pytest.mark.parametrize("steps", [(11, 10), (101,), (-1,)])
    def test_what_is_released_never_falls_and_is_never_too_much(
        self, steps: tuple[int, ...]
    ) -> None:
        with pytest.raises(AuditFormatError, match="and within the order"):
            after(*map(self.step, steps))


@pytest.mark.parametrize(
    ("reason", "split", "counted"),
    [
        (DecisionReason.INITIAL, True, 0),
        (DecisionReason.QUOTE_CHANGE, True, 0),
        (DecisionReason.PARTIAL_FILL, False, 0),
        (DecisionReason.PARTIAL_FILL, True, 1),
        (DecisionReason.REJECT, True, 1),
        (DecisionReason.TIMEOUT, True, 1),
        (DecisionReason.BUST, True, 1),
        (DecisionReason.HALT, True, 1),
    ],
)
def test_a_decision_that_sends_what_came_back_is_a_reallocation(
    reason: DecisionReason, split: bool, counted: int
) -> None:
    part = Slice(venue_id="X", price=100, qty=10)
    record = Decision(
        t_ns=2,
        decision_id=1,
        parent_id="P",
        reason=reason,
        strategy="greedy",
        unreserved_qty=100,
        depth="full",
        effective_scale=1,
        quotes=(),
        ranking=(),
        split=(part,) if split else (),
        refused=(),
    )
    one = after(record, record).parents["P"]
    assert (one.decisions, one.reallocations) == (2, 2 * counted)


def test_what_venues_and_faults_do_is_kept() -> None:
    hold = RouteHold(t_ns=4, venue_id="X", until_ns=None, strikes=1, reason="ack_timeout")
    fault: dict[str, Any] = {"fault_id": "f", "fault": "halt", "venue_id": "X", "leg": ""}
    session = SessionEvent(t_ns=4, venue_id="X", **fields_of(SessionEvent))
    state = after(
        hold,
        session,
        Fault(t_ns=4, phase="began", cl_ord_id="", detail="", **fault),
        Fault(t_ns=4, phase="struck", cl_ord_id="", detail="", **fault),
        Fault(t_ns=4, phase="ended", cl_ord_id="", detail="", **fault),
        RouterRestarted(t_ns=4, **fields_of(RouterRestarted)),
    )
    assert state.holds["X"].strikes == 1
    assert state.faults == {"f": 2}
    assert state.restarts == 1


@pytest.mark.parametrize("cls", [StatusRequested, StatusReported])
def test_a_question_is_about_a_child(cls: type[Record]) -> None:
    known = fields_of(cls) | OURS
    assert after(cls(t_ns=4, **known)).children["P.X.1"].leaves_qty == 60
    with pytest.raises(AuditFormatError, match="'Q' was never sent"):
        after(cls(t_ns=4, **(known | {"cl_ord_id": "Q"})))


def test_arrival_and_place_are_the_childs() -> None:
    arrival = BookAtArrival(
        t_ns=4, venue_seq=1, sent_ns=2, drawn_ns=1, held_ns=0, levels=(), **OURS
    )
    place = QueuePosition(t_ns=5, **(fields_of(QueuePosition) | OURS))
    child = after(arrival, place).children["P.X.1"]
    assert child.arrived_ns == 3
    assert child.place is not None
    assert child.place.cl_ord_id == "P.X.1"


def test_what_participants_do_is_kept_by_who_did_it() -> None:
    one = ParticipantEvent(t_ns=4, **fields_of(ParticipantEvent))
    assert list(after(one, one).participants) == [one.participant_id]


def test_the_last_of_the_market_is_kept_by_venue() -> None:
    """Quote and print by venue, best prices by who sees them."""
    quotes = [Quote(t_ns=4, **(fields_of(Quote) | {"venue_id": venue})) for venue in "XYX"]
    prints = [TradePrint(t_ns=4, **(fields_of(TradePrint) | {"venue_id": v})) for v in "YX"]
    best = NbboChange(t_ns=4, **fields_of(NbboChange))
    state = after(*quotes, *prints, best)
    assert (list(state.quotes), list(state.trades)) == (["X", "Y"], ["Y", "X"])
    assert (state.quotes["X"].t_ns, state.trades["X"].t_ns) == (5, 7)
    assert list(state.nbbos) == [best.observer]


def test_a_parent_of_one_lot_is_one() -> None:
    state = LogState()
    state.take([msgspec.structs.replace(parent(), order_qty=1)])
    assert state.parents["P"].free_qty == 1


def test_why_a_child_was_refused_is_kept() -> None:
    reason = RejectReason.THROTTLED
    child = after(ChildRejected(t_ns=4, reason=reason, **OURS, **STAMPS)).children["P.X.1"]
    assert (child.reject_reason, child.status, child.canceled_qty) == (
        reason,
        OrdStatus.REJECTED,
        0,
    )


def test_the_run_begins_once_and_says_how_it_ended() -> None:
    state = after(RunFinished(t_ns=4, records=4, outcome=Outcome.ABORTED))
    assert state.outcome is Outcome.ABORTED
    assert state.started is not None
    with pytest.raises(AuditFormatError, match="run_started must be the first record"):
        after(started({}))
    late = LogState()
    late.take([parent()])
    with pytest.raises(AuditFormatError, match="run_started must be the first record"):
        late.take([msgspec.structs.replace(started({}), t_ns=9)])


@pytest.mark.parametrize("fee", ["x", "1e3", "", "1.", "NaN", "9" * 41, "0." + "1" * 39])
def test_a_fee_is_a_plain_number(fee: str) -> None:
    with pytest.raises(AuditFormatError, match="fee must be a decimal number"):
        after(msgspec.structs.replace(fill(1), fee=fee))


@pytest.mark.parametrize("wrong", [{"parent_id": "Q"}, {"venue_id": "Y"}])
def test_a_fill_is_of_its_childs_parent_and_venue(wrong: dict[str, str]) -> None:
    with pytest.raises(AuditFormatError, match="has another parent or venue"):
        after(msgspec.structs.replace(fill(1), **wrong))


@pytest.mark.parametrize("lots", [0, -1])
def test_a_fill_is_of_some_lots(lots: int) -> None:
    with pytest.raises(AuditFormatError, match=f"has 60 lots open, the fill is of {lots}"):
        after(fill(lots))


def fields_of(cls: type[Record]) -> dict[str, Any]:
    """Some value for each field but the time."""
    values = {int: 1, bool: True}
    return {
        field.name: values.get(field.type, "X")
        for field in msgspec.structs.fields(cls)
        if field.name != "t_ns" and field.name not in OURS
    } | {name: OURS[name] for name in OURS if name in cls.__struct_fields__ and name != "venue_id"}


def test_each_breach_of_a_control_is_counted() -> None:
    breach = ControlBreach(t_ns=4, **(fields_of(ControlBreach) | {"control": Control.KILL_SWITCH}))
    other = msgspec.structs.replace(breach, control=Control.MAX_ORDER_QTY)
    state = after(breach, other, breach, breach)
    assert state.breaches == {Control.KILL_SWITCH: 3, Control.MAX_ORDER_QTY: 1}
