"""Children that end as no venue of ours ends them, and logs that hold less than ours: by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.audit.records import (
    CancelSent,
    ChildAcked,
    ChildCanceled,
    ChildReplaced,
    ChildSent,
    Overfill,
    ParentReceived,
    ParticipantEvent,
    Record,
    ReplaceSent,
    RunStarted,
    WrittenOff,
)
from sim.protocol.enums import Side, TimeInForce
from sim.report.attribution.attribute import ChildShort, attribute
from sim.report.trail.build import TrailBuilder

Told = Callable[..., ChildShort]
STAMPS = {"sent_ns": 8, "drawn_ns": 1, "held_ns": 0}
ABOUT: dict[str, Any] = {"cl_ord_id": "P.A.1", "venue_id": "A", "processed_ns": 8, **STAMPS}


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
            "instrument": {"symbol": "ACME", "tick_size": "0.01", "lot_size": 1},
            "venues": [{"id": "A", "kind": "lit"}],
            **scenario,
        },
    )


@pytest.fixture
def told() -> Told:
    """``told(record, ..., how=..., **scenario)``: a child that buys 100, and what came after it."""

    def run(*after: Record, how: TimeInForce = TimeInForce.IOC, **scenario: Any) -> ChildShort:
        builder = TrailBuilder()
        before: list[Record] = [
            started(**scenario),
            ParentReceived(
                t_ns=0,
                parent_id="P",
                side=Side.BUY,
                order_qty=100,
                limit_px=None,
                deadline_ns=None,
                bid_px=None,
                ask_px=None,
            ),
            ChildSent(
                t_ns=0,
                cl_ord_id="P.A.1",
                parent_id="P",
                decision_id=1,
                venue_id="A",
                side=Side.BUY,
                order_qty=100,
                price=10_000,
                time_in_force=how,
                shown_px=None,
                quote_seq=None,
            ),
        ]
        for record in (*before, *after):
            builder.observe(record)
        (found,) = attribute(builder.trail()).children.values()
        assert sum(found.causes.values()) == found.short_qty
        return found

    return run


def causes(found: ChildShort) -> dict[str, int]:
    return {cause.value: qty for cause, qty in found.causes.items()}


def acked() -> ChildAcked:
    return ChildAcked(t_ns=9, order_id=1, **ABOUT)


def canceled(qty: int = 100) -> ChildCanceled:
    return ChildCanceled(t_ns=9, canceled_qty=qty, cum_qty=100 - qty, **ABOUT)


def asks(reason: str) -> CancelSent:
    return CancelSent(
        t_ns=5, cl_ord_id="P.A.1.C", orig_cl_ord_id="P.A.1", venue_id="A", reason=reason
    )


def test_a_fill_beyond_the_limit_is_booked_apart(told: Told) -> None:
    over = Overfill(
        t_ns=9,
        exec_id=4,
        last_px=10_007,
        last_qty=100,
        booked_qty=0,
        excess_qty=100,
        leaves_qty=0,
        reason="outside_limit",
        **ABOUT,
    )
    assert causes(told(over)) == {"not_booked": 100}


def test_a_venue_that_says_nothing(told: Told) -> None:
    assert causes(told()) == {"still_open": 100}
    assert causes(told(asks("ack_timeout"))) == {"not_answered": 100}
    off = WrittenOff(
        t_ns=9,
        cl_ord_id="P.A.1",
        parent_id="P",
        venue_id="A",
        written_off_qty=100,
        cum_qty=0,
    )
    assert causes(told(asks("no_answer"), off)) == {"not_answered": 100}


def test_an_order_that_the_router_took_back_before_it_could_rest(told: Told) -> None:
    found = told(asks("ack_timeout"), canceled(), how=TimeInForce.DAY)
    assert causes(found) == {"canceled_by_router": 100}


def test_a_venue_that_ends_a_resting_order_by_itself(told: Told) -> None:
    found = told(acked(), canceled(), how=TimeInForce.DAY)
    assert causes(found) == {"canceled_by_venue": 100}


def test_lots_that_a_replace_takes_out_of_the_book_had_waited_for_nothing(told: Told) -> None:
    request = ReplaceSent(
        t_ns=5,
        cl_ord_id="P.A.1.R",
        orig_cl_ord_id="P.A.1",
        venue_id="A",
        order_qty=60,
        price=10_000,
        reason="quote_change",
    )
    replaced = ChildReplaced(
        t_ns=9,
        cl_ord_id="P.A.1.R",
        orig_cl_ord_id="P.A.1",
        venue_id="A",
        order_qty=60,
        price=10_000,
        cum_qty=0,
        leaves_qty=60,
        processed_ns=8,
        **STAMPS,
    )
    found = told(acked(), request, replaced, how=TimeInForce.DAY)
    assert causes(found) == {"queue": 40, "still_open": 60}


@pytest.mark.parametrize(
    "scenario",
    [
        {"venues": [{"id": "B"}], "participants": 5},
        {"venues": [{"id": "A", "kind": "dark", "min_qty": {}, "book": []}]},
        {"venues": [{"id": "A", "kind": 3, "book": {"asks": [["x", "y"], 5]}}]},
        {"participants": [{"id": "M", "hold": "long", "qty": "?", "levels": "?", "venues": 1}, 2]},
    ],
)
def test_a_scenario_that_is_none_is_read_as_far_as_it_goes(
    told: Told, scenario: dict[str, Any]
) -> None:
    faded = ParticipantEvent(
        t_ns=9,
        participant_id="M",
        event="faded",
        detail="",
        venue_id="A",
        side=Side.SELL,
        qty=5,
    )
    found = told(canceled(), faded, **scenario)
    assert causes(found) == {"not_shown": 100}
    assert found.row()["quote"] is None
