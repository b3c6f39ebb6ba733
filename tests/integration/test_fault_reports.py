"""Venues that report what is not so, in whole runs: no lot is lost, and none is invented."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import (
    CancelSent,
    ChildSent,
    Fault,
    Fill,
    Overfill,
    Record,
    ReportIgnored,
    RouteHold,
)

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Make = Callable[..., Data]
RunData = Callable[..., "Ran"]


@pytest.fixture
def three(market: Make, lit: Make) -> Callable[..., Data]:
    """A has the best price on two levels; B, slower, the next; C rests on no one's account."""

    def make(*faults: Data, qty: int = 150, **more: Any) -> Data:
        a = lit("A", [["100.00", 60], ["100.01", 60]])
        b, c = lit("B", [["100.02", 40]], ms=20), lit("C", [["100.05", 500]], ms=2)
        router = {"strategy": {"kind": "greedy"}, "ack_timeout": "80ms"}
        data = market([a, b, c], qty=qty, faults=list(faults))
        return {**data, "router": router, "duration": "2s", **more}

    return make


def quarantined(ran: "Ran") -> list[tuple[str, str]]:
    """Venue and reason of each hold that is for good."""
    return [(one.venue_id, one.reason) for one in ran.of(RouteHold) if one.until_ns is None]


def apart(ran: "Ran") -> list[tuple[str, int, int]]:
    """What went to the account apart: reason, lots booked for the parent, lots too many."""
    return [(one.reason, one.booked_qty, one.excess_qty) for one in ran.of(Overfill)]


def check_parent(ran: "Ran", qty: int = 150) -> None:
    """The parent has what its fills say, and never more than it asked for."""
    filled = sum(one.last_qty for one in ran.of(Fill))
    assert ran.parent["filled_qty"] == filled <= qty


def after_the_fault(ran: "Ran") -> tuple[Record, ...]:
    first = next(n for n, one in enumerate(ran.records) if isinstance(one, Fault))
    return ran.records[first + 1 :]


def test_F08_a_number_with_other_content_books_nothing_and_puts_its_venue_away(
    three: Make, run_data: RunData
) -> None:
    ran = run_data(
        three({"kind": "duplicate_exec_id", "venue": "A", "content": "other", "at": "0s"})
    )
    check_parent(ran)
    assert [one.reason for one in ran.of(ReportIgnored)][:1] == ["conflict"]
    assert quarantined(ran)[0][0] == "A"
    assert "A" not in {one.venue_id for one in after_the_fault(ran) if isinstance(one, ChildSent)}
    assert ran.parent["filled_qty"] == 150


def test_F09_a_second_report_under_a_new_number_is_one_more_fill_until_it_is_too_much(
    three: Make, run_data: RunData
) -> None:
    """60 and 60 of 120 are reported as 60, 60 again, and 60: the last cannot be."""
    ran = run_data(three({"kind": "duplicate_fill", "venue": "A", "at": "0s"}))
    check_parent(ran)
    assert apart(ran)[0][0] in {"too_much", "after_end"}
    assert sum(excess for _, _, excess in apart(ran)) == 60
    assert quarantined(ran)


def test_F10_what_is_filled_beyond_the_open_lots_goes_to_an_account_apart(
    three: Make, run_data: RunData
) -> None:
    ran = run_data(three({"kind": "over_fill", "venue": "A", "at": "0s", "lots": 7}))
    check_parent(ran)
    assert apart(ran)[0] == ("too_much", 120, 7)
    assert ("A", "overfill") in [(v, why.split(":")[0]) for v, why in quarantined(ran)]
    # What was open elsewhere of the same parent is canceled: the rest may be wrong too.
    assert "B" in {one.venue_id for one in ran.of(CancelSent)}


@pytest.mark.parametrize("after", ["0ns", "30ms"])
def test_F14_a_fill_after_the_end_is_nobodys(
    after: str, market: Make, lit: Make, run_data: RunData
) -> None:
    """Others take 50 of A's 60 first: the child ends short, and then is said to fill after all."""
    quicker = {"at": "2ms", "id": "q", "side": "buy", "qty": 50, "price": "100.00", "tif": "IOC"}
    a = lit("A", [["100.00", 60]], flow=[{"kind": "scripted", "orders": [quicker]}])
    b = lit("B", [["100.05", 500]], ms=40)
    wrong = {"kind": "fill_after_cancel", "venue": "A", "at": "0s", "after": after}
    ran = run_data(market([a, b], faults=[wrong]))
    (struck,) = ran.of(Fault)
    assert struck.detail == "50 lots filled at 10000 ticks after the end"
    assert apart(ran) == [("after_end", 0, 50)]
    assert quarantined(ran)
    check_parent(ran, 100)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_F20_a_fill_past_the_limit_is_not_booked_and_its_lots_are_had_elsewhere(
    side: str, market: Make, lit: Make, run_data: RunData
) -> None:
    book = {"asks": [["100.00", 60]], "bids": [["99.98", 60]]}
    far = {"asks": [["100.05", 500]], "bids": [["99.93", 500]]}
    venues = [lit("A") | {"book": book}, lit("B") | {"book": far}]
    wrong = {"kind": "fill_outside_limit", "venue": "A", "at": "0s", "ticks": 3}
    ran = run_data(market(venues, side=side, faults=[wrong]))
    assert apart(ran) == [("outside_limit", 0, 60)]
    px = {one.last_px for one in ran.of(Overfill)}
    assert px == {10_003 if side == "buy" else 9_995}
    assert quarantined(ran)
    assert sum(one.last_qty for one in ran.of(Fill) if one.venue_id == "B") == 100
    check_parent(ran, 100)


@pytest.mark.parametrize("of", ["unknown_order", "other_side"])
def test_F21_a_fill_that_no_order_of_ours_can_have_makes_no_position(
    of: str, three: Make, run_data: RunData
) -> None:
    ran = run_data(three({"kind": "orphan_fill", "venue": "A", "share": 1.0, "of": of}))
    reason = "unknown_order" if of == "unknown_order" else "breach"
    assert {one.reason for one in ran.of(ReportIgnored)} == {reason}
    assert not ran.of(Overfill)
    check_parent(ran)
    assert ran.parent["end_reason"] == "filled"


@pytest.mark.parametrize("lots", [1, 40, -30])
@pytest.mark.parametrize("messages", ["fill", "canceled"])
def test_F06_F10_a_wrong_count_of_what_was_filled_loses_and_invents_nothing(
    lots: int, messages: str, market: Make, lit: Make, run_data: RunData
) -> None:
    quicker = {"at": "2ms", "id": "q", "side": "buy", "qty": 20, "price": "100.00", "tif": "IOC"}
    a = lit("A", [["100.00", 60]], flow=[{"kind": "scripted", "orders": [quicker]}])
    wrong = {"kind": "wrong_cum_qty", "venue": "A", "at": "0s", "lots": lots, "messages": messages}
    data = market([a, lit("B", [["100.05", 500]])], deadline="1s", faults=[wrong])
    ran = run_data({**data, "router": {**data["router"], "ack_timeout": "50ms"}})
    assert ran.of(Fault)
    check_parent(ran, 100)
    sent = sum(one.order_qty for one in ran.of(ChildSent))
    filled = sum(one.last_qty for one in ran.of(Fill))
    assert filled <= 100 <= sent
