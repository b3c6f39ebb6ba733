"""A small run as records: a buy over two venues with a reallocation, and a sell that gets nothing.

Ticks of 0.01, lots of 10.
"""

from collections.abc import Callable
from typing import Any

import pytest

from sim.audit.records import (
    BookAtArrival,
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    ChildSent,
    Decision,
    Fill,
    ParentDone,
    ParentReceived,
    Record,
    RunFinished,
    RunStarted,
    Slice,
)
from sim.protocol.enums import (
    DecisionReason,
    EndReason,
    Outcome,
    RejectReason,
    Side,
    TimeInForce,
)

REPORT = {"processed_ns": 0, "sent_ns": 0}


def started(**scenario: Any) -> RunStarted:
    return RunStarted(
        t_ns=0,
        schema="sorsim-audit/1",
        code_version="0",
        seed=7,
        sync="end",
        market_data="touch",
        files={},
        scenario={
            "name": "small",
            "instrument": {"symbol": "ACME", "tick_size": "0.01", "lot_size": 10},
            "venues": [{"id": "X"}, {"id": "A"}, {"id": "IDLE"}],
            **scenario,
        },
    )


def decision(number: int, reason: DecisionReason, *split: Slice) -> Decision:
    return Decision(
        t_ns=number,
        decision_id=number,
        parent_id="P1",
        reason=reason,
        strategy="greedy",
        unreserved_qty=0,
        effective_scale=1,
        depth="full",
        quotes=(),
        ranking=(),
        split=split,
        refused=(),
    )


def child(number: int, venue_id: str, order_qty: int) -> ChildSent:
    return ChildSent(
        t_ns=number,
        cl_ord_id=f"P1-{number}",
        parent_id="P1",
        decision_id=1,
        venue_id=venue_id,
        side=Side.BUY,
        order_qty=order_qty,
        price=10_003,
        time_in_force=TimeInForce.IOC,
        shown_px=10_001,
        quote_seq=1,
    )


def arrival(number: int, venue_id: str, drawn_ns: int, held_ns: int = 0) -> BookAtArrival:
    return BookAtArrival(
        t_ns=number,
        cl_ord_id=f"P1-{number}",
        venue_id=venue_id,
        venue_seq=1,
        sent_ns=0,
        drawn_ns=drawn_ns,
        held_ns=held_ns,
        levels=(),
    )


def fill(number: int, venue_id: str, px: int, qty: int, fee: str) -> Fill:
    return Fill(
        t_ns=number,
        cl_ord_id=f"P1-{number}",
        parent_id="P1",
        venue_id=venue_id,
        exec_id=1,
        last_px=px,
        last_qty=qty,
        cum_qty=qty,
        leaves_qty=0,
        fee=fee,
        is_maker=False,
        best_px=None,
        drawn_ns=30,
        held_ns=0,
        **REPORT,
    )


def parent(
    parent_id: str, side: Side, order_qty: int, bid_px: int | None, ask_px: int | None
) -> ParentReceived:
    return ParentReceived(
        t_ns=0,
        parent_id=parent_id,
        side=side,
        order_qty=order_qty,
        limit_px=None,
        deadline_ns=None,
        bid_px=bid_px,
        ask_px=ask_px,
    )


def acked(number: int, venue_id: str, drawn_ns: int) -> ChildAcked:
    return ChildAcked(
        t_ns=number,
        cl_ord_id=f"P1-{number}",
        venue_id=venue_id,
        order_id=1,
        drawn_ns=drawn_ns,
        held_ns=0,
        **REPORT,
    )


@pytest.fixture
def run_records() -> Callable[..., list[Record]]:
    """The records of the small run; keywords go into the scenario."""

    def make(**scenario: Any) -> list[Record]:
        wait: tuple[Slice, ...] = ()
        return [
            started(**scenario),
            parent("P1", Side.BUY, 100, 10_000, 10_001),
            decision(1, DecisionReason.INITIAL, Slice("A", 10_001, 60), Slice("X", 10_002, 40)),
            child(1, "A", 60),
            child(2, "X", 40),
            arrival(1, "A", 10),
            acked(1, "A", 25),
            fill(1, "A", 10_001, 50, "0.15"),
            ChildCanceled(
                t_ns=1,
                cl_ord_id="P1-1",
                venue_id="A",
                canceled_qty=10,
                cum_qty=50,
                drawn_ns=30,
                held_ns=5,
                **REPORT,
            ),
            decision(2, DecisionReason.PARTIAL_FILL, *wait),
            ChildRejected(
                t_ns=2,
                cl_ord_id="P1-2",
                venue_id="X",
                reason=RejectReason.THROTTLED,
                drawn_ns=7,
                held_ns=0,
                **REPORT,
            ),
            decision(3, DecisionReason.REJECT, Slice("A", 10_003, 50)),
            child(3, "A", 50),
            arrival(3, "A", 13, 2),
            fill(3, "A", 10_003, 25, "-0.05"),
            decision(4, DecisionReason.SCHEDULE, Slice("A", 10_003, 25)),
            parent("P2", Side.SELL, 40, None, 10_001),
            ParentDone(
                t_ns=9,
                parent_id="P1",
                filled_qty=75,
                canceled_qty=25,
                end_reason=EndReason.DEADLINE,
            ),
            RunFinished(t_ns=9, records=20, outcome=Outcome.INCOMPLETE),
        ]

    return make
