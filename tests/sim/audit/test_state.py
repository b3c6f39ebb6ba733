"""The state of a run is a fold over its records, and refuses what cannot be."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from sim.audit.order_state import ChildState
from sim.audit.records import (
    RECORD_TYPES,
    Bust,
    CancelRejected,
    CancelSent,
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    ChildSent,
    Decision,
    Fill,
    ParentDone,
    ParentReceived,
    Record,
    ReportIgnored,
    VenueEvent,
)
from sim.audit.state import LogState
from sim.protocol.enums import (
    CxlRejReason,
    DecisionReason,
    EndReason,
    OrdStatus,
    Outcome,
    RejectReason,
    Side,
    TimeInForce,
)
from sim.protocol.errors import AuditFormatError
from sim.scenario.load import load_scenario
from sim.scenario.shipped import shipped_names
from sim.world import run_world

if TYPE_CHECKING:
    from tests.conftest import Ran

each_shipped = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow)
        if name in {"scheduled", "three_real_books"}
        else name
        for name in shipped_names()
    ],
)
STAMPS: dict[str, Any] = {"processed_ns": 0, "sent_ns": 0, "drawn_ns": 0, "held_ns": 0}


def parent(qty: int = 100) -> ParentReceived:
    return ParentReceived(
        t_ns=1,
        parent_id="P",
        side=Side.BUY,
        order_qty=qty,
        limit_px=None,
        deadline_ns=None,
        bid_px=None,
        ask_px=None,
    )


def sent(qty: int = 60) -> ChildSent:
    return ChildSent(
        t_ns=2,
        cl_ord_id="P.X.1",
        parent_id="P",
        decision_id=1,
        venue_id="X",
        side=Side.BUY,
        order_qty=qty,
        price=100,
        time_in_force=TimeInForce.IOC,
        shown_px=100,
        quote_seq=1,
    )


def decision(effective_scale: int) -> Decision:
    return Decision(
        t_ns=2,
        decision_id=1,
        parent_id="P",
        reason=DecisionReason.INITIAL,
        strategy="greedy",
        unreserved_qty=100,
        depth="full",
        effective_scale=effective_scale,
        quotes=(),
        ranking=(),
        split=(),
        refused=(),
    )


def fill(qty: int, t_ns: int = 3, fee: str = "0.5") -> Fill:
    return Fill(
        **STAMPS,
        t_ns=t_ns,
        cl_ord_id="P.X.1",
        parent_id="P",
        venue_id="X",
        exec_id=1,
        last_px=99,
        last_qty=qty,
        cum_qty=0,
        leaves_qty=0,
        fee=fee,
        is_maker=False,
        best_px=None,
    )


def bust(excess_qty: int) -> Bust:
    return Bust(
        **STAMPS,
        t_ns=4,
        cl_ord_id="P.X.1",
        parent_id="P",
        venue_id="X",
        exec_id=2,
        exec_ref_id=1,
        was_px=99,
        was_qty=1,
        reopened_qty=0,
        excess_qty=excess_qty,
        cum_qty=0,
        leaves_qty=0,
        fee="0",
    )


ACK = ChildAcked(t_ns=3, cl_ord_id="P.X.1", venue_id="X", order_id=7, **STAMPS)
REJECT = ChildRejected(
    t_ns=3, cl_ord_id="P.X.1", venue_id="X", reason=RejectReason.THROTTLED, **STAMPS
)
CANCEL = CancelSent(
    t_ns=3, cl_ord_id="P.X.1.C1", orig_cl_ord_id="P.X.1", venue_id="X", reason="ack_timeout"
)
TOO_LATE = CancelRejected(
    t_ns=4,
    cl_ord_id="P.X.1.C1",
    orig_cl_ord_id="P.X.1",
    venue_id="X",
    reason=CxlRejReason.TOO_LATE,
    **STAMPS,
)


def canceled(qty: int) -> ChildCanceled:
    return ChildCanceled(
        t_ns=5, cl_ord_id="P.X.1", venue_id="X", canceled_qty=qty, cum_qty=0, **STAMPS
    )


def after(*records: Record) -> LogState:
    state = LogState()
    state.take([parent(), sent(), *records])
    return state


def child(*records: Record) -> ChildState:
    return after(*records).children["P.X.1"]


def in_time(records: Sequence[Record]) -> list[Record]:
    """The records in this order, each a nanosecond after the one before."""
    return [msgspec.structs.replace(record, t_ns=n) for n, record in enumerate(records, 3)]


def test_no_kind_of_record_is_forgotten() -> None:
    assert LogState().kinds == set(RECORD_TYPES)


@pytest.mark.parametrize(
    ("records", "status", "leaves"),
    [
        ((), OrdStatus.PENDING_NEW, 60),
        ((ACK,), OrdStatus.NEW, 60),
        ((REJECT,), OrdStatus.REJECTED, 0),
        ((fill(20),), OrdStatus.PARTIALLY_FILLED, 40),
        ((fill(20), ACK), OrdStatus.PARTIALLY_FILLED, 40),
        ((fill(20), fill(40)), OrdStatus.FILLED, 0),
        ((CANCEL,), OrdStatus.PENDING_CANCEL, 60),
        ((CANCEL, ACK), OrdStatus.PENDING_CANCEL, 60),
        ((CANCEL, fill(20)), OrdStatus.PENDING_CANCEL, 40),
        ((CANCEL, TOO_LATE), OrdStatus.NEW, 60),
        ((fill(20), CANCEL, TOO_LATE), OrdStatus.PARTIALLY_FILLED, 40),
        ((CANCEL, fill(60), TOO_LATE), OrdStatus.FILLED, 0),
        ((fill(20), canceled(40)), OrdStatus.CANCELED, 0),
        ((fill(20), canceled(40), CANCEL), OrdStatus.CANCELED, 0),
    ],
)
def test_life_of_a_child(records: Sequence[Record], status: OrdStatus, leaves: int) -> None:
    state = child(*in_time(records))
    assert (state.status, state.leaves_qty) == (status, leaves)
    assert state.is_open == (leaves > 0)


def test_quantities_and_money_of_a_parent() -> None:
    state = after(ACK, fill(20), fill(10, fee="-0.125"), canceled(30))
    row, one = state.parents["P"], state.children["P.X.1"]
    assert (row.filled_qty, row.working_qty, row.free_qty, row.leaves_qty) == (30, 0, 70, 70)
    assert row.fees == one.fees == Decimal("0.375")
    assert row.tick_lots == one.tick_lots == 30 * 99
    assert (one.fills, one.canceled_qty, one.order_id, one.ended_ns) == (2, 30, 7, 5)
    done = ParentDone(
        t_ns=6, parent_id="P", filled_qty=30, canceled_qty=70, end_reason=EndReason.DEADLINE
    )
    state.take([done])
    assert (row.free_qty, row.leaves_qty, row.end_reason) == (0, 0, EndReason.DEADLINE)


def test_what_is_no_order_of_ours() -> None:
    event = VenueEvent(t_ns=5, venue_id="X", event="halted", detail="")
    late = ReportIgnored(t_ns=6, cl_ord_id="?", venue_id="X", reason="unknown_order", report="")
    state = after(event, late)
    assert state.venue_events == {"X": event}
    assert state.ignored_reports == 1


@pytest.mark.parametrize(
    ("records", "complaint"),
    [
        ((fill(61),), "record 2 (line 3): child 'P.X.1' has 60 lots open, the fill is of 61"),
        ((fill(60), fill(1)), "record 3 (line 4): child 'P.X.1' has 0 lots open"),
        ((sent(),), "child 'P.X.1' was sent before"),
        ((msgspec.structs.replace(parent(), t_ns=2),), "parent 'P' was received before"),
        ((parent(),), "its t_ns goes back from 2 to 1"),
        ((msgspec.structs.replace(fill(1), cl_ord_id="\x1b"),), "child '\\x1b' was never sent"),
        ((msgspec.structs.replace(sent(), parent_id="Q"),), "parent 'Q' was never received"),
        ((fill(1), bust(excess_qty=1)), "excess_qty 1 was not in the account apart"),
        (
            (msgspec.structs.replace(parent(0), parent_id="Q", t_ns=2),),
            "order_qty must be >= 1, was 0",
        ),
        ((decision(effective_scale=0),), "effective_scale must be >= 1, was 0"),
    ],
)
def test_I13_a_record_that_contradicts_those_before_it_is_named(
    records: Sequence[Record], complaint: str
) -> None:
    with pytest.raises(AuditFormatError) as caught:
        after(*records)
    assert complaint in str(caught.value)


def test_the_state_before_a_contradiction_stands() -> None:
    state = LogState()
    with pytest.raises(AuditFormatError):
        state.take([parent(), sent(), fill(20), fill(50)])
    assert (state.records, state.children["P.X.1"].cum_qty) == (3, 20)


@each_shipped
def test_I13_the_log_alone_rebuilds_the_end_of_a_shipped_run(
    name: str, read_records: Callable[[bytes], tuple[Record, ...]]
) -> None:
    """What the state says must be what ``summary.json`` says, which is computed apart from it."""
    result = run_world(load_scenario(name))
    assert result.log is not None
    state = LogState()
    state.take(read_records(result.log))
    check_summary(state, result.summary)
    assert state.outcome is Outcome.COMPLETE
    assert not any(one.is_open for one in state.children.values())


def check_summary(state: LogState, summary: dict[str, Any]) -> None:
    """Raise unless every parent and every venue of the summary has the state's figures."""
    notional = Decimal(summary["instrument"]["tick_size"]) * Decimal(
        summary["instrument"]["lot_size"]
    )
    assert list(state.parents) == [row["parent_id"] for row in summary["parents"]]
    for row in summary["parents"]:
        one = state.parents[row["parent_id"]]
        assert row["filled_qty"] == one.filled_qty == sum(c.cum_qty for c in one.children)
        assert row["leaves_qty"] == one.leaves_qty
        assert row["canceled_qty"] == one.canceled_qty
        assert Decimal(row["notional"]) == one.tick_lots * notional
        assert Decimal(row["fees"]) == one.fees
        assert row["children"] == len(one.children)
        assert row["reallocations"] == one.reallocations
        assert row["end_reason"] == (one.end_reason.value if one.end_reason else None)
        for venue, at in row["venues"].items():
            there = [c for c in one.children if c.venue_id == venue]
            assert at["routed_qty"] == sum(c.order_qty for c in there)
            assert at["filled_qty"] == sum(c.cum_qty for c in there)
    for venue, row in summary["venues"].items():
        there = [c for c in state.children.values() if c.venue_id == venue]
        assert row["children"] == len(there)
        assert row["fills"] == sum(c.fills for c in there)
        assert row["rejects"] == sum(c.status is OrdStatus.REJECTED for c in there)


def test_I13_the_state_after_a_prefix_is_that_of_its_records_alone(
    run_data: Callable[..., "Ran"], market: Callable[..., Any], lit: Callable[..., Any]
) -> None:
    """However the records come in, and at every one of them."""
    venues = [lit("A", [["100.00", 40], ["100.01", 90]]), lit("B", [["100.00", 30]], ms=9)]
    ran = run_data(market(venues, qty=120))
    stepwise = LogState()
    for n, record in enumerate(ran.records, 1):
        stepwise.take([record])
        at_once = LogState()
        at_once.take(ran.records[:n])
        assert facts(stepwise) == facts(at_once)
        filled = sum(one.last_qty for one in ran.records[:n] if isinstance(one, Fill))
        assert sum(one.filled_qty for one in stepwise.parents.values()) == filled
    check_summary(stepwise, ran.result.summary)


def facts(state: LogState) -> tuple[object, ...]:
    return (
        state.records,
        state.t_ns,
        state.outcome,
        state.parents,
        state.children,
        state.quotes,
        state.trades,
    )
