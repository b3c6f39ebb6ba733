"""Controls between router and venues, over the real loop and messages: what stays and what follows.

Each way to and from a scripted venue takes 1 ms unless a test says otherwise.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from router.core.events import ParentOrder
from sim.audit.records import (
    CancelSent,
    ChildSent,
    ControlBreach,
    Decision,
    ParentDone,
    Record,
    ReplaceSent,
)
from sim.protocol.enums import Control, DecisionReason, EndReason, Side
from sim.protocol.orders import NewOrderSingle
from sim.report.explain import explain
from sim.scenario.load import load_scenario
from sim.world import run_world

if TYPE_CHECKING:
    from tests.integration.conftest import Floor, ScriptedVenue

ReadRecords = Callable[[bytes], tuple[Record, ...]]
MS = 1_000_000
ASK = 10_000
REST: dict[str, Any] = {"rest": {"price": "touch", "move_after": "0ns"}}


def breaches(floor: "Floor") -> list[tuple[Control, str, int]]:
    """Control, what followed, and the millisecond."""
    return [(b.control, b.then, b.t_ns // MS) for b in floor.of(ControlBreach)]


def fills_all(venue: "ScriptedVenue", name: str, qty: int, px: int, *, ms: int = 0) -> None:
    venue.answers[name] = [(ms, venue.fill(name, qty, px, total=qty))]


# ------------------------------------------------------------ price collar


async def test_an_order_beyond_the_collar_stays_and_its_parent_waits(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 50), (ASK + 9, 100)), floor.scripted("B", (ASK + 1, 100))
    only_a = {"kind": "single_venue", "venue": "A"}
    controls = {"price_collar": {"ticks": 5}}
    await floor.buy(100, controls=controls, strategy=only_a, deadline_ms=30)
    (kept,) = floor.of(ControlBreach)
    assert (kept.control, kept.found, kept.limit) == (Control.PRICE_COLLAR, ASK + 9, ASK + 5)
    assert kept.order.cl_ord_id == "P.A.1"
    assert a.got == b.got == []
    assert floor.end() == (EndReason.DEADLINE, 0, 100)
    last = floor.of(Decision)[-1]
    assert {r.venue_id: r.reason for r in last.refused}["A"] == "price_collar"


async def test_a_venue_beyond_the_collar_is_tried_again_with_its_next_book(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 50), (ASK + 9, 50)), floor.scripted("B", (ASK + 1, 20))
    fills_all(b, "P.B.1", 20, ASK + 1)
    a.shows(20, (ASK, 80))
    fills_all(a, "P.A.2", 80, ASK)
    await floor.buy(100, limit=ASK + 9, controls={"price_collar": {"ticks": 5}}, deadline_ms=60)
    assert breaches(floor) == [(Control.PRICE_COLLAR, "wait_for_quote", 0)]
    assert floor.orders() == [("P.B.1", 20, 0), ("P.A.2", 80, 21)]


async def test_a_quote_of_another_venue_that_moves_the_reference_is_enough(floor: "Floor") -> None:
    a = floor.scripted("A", (ASK, 50), (ASK + 9, 50))
    b = floor.scripted("B")
    fills_all(a, "P.A.2", 100, ASK + 9)
    b.shows(10, (ASK, 5))  # the best offer is as before
    controls = {"price_collar": {"ticks": 5}}
    a.shows(20, (ASK + 4, 50), (ASK + 9, 50))
    b.shows(30)
    await floor.buy(100, controls=controls, deadline_ms=60)
    # At 21 ms B's offer of 10,000 is still the reference; at 31 ms it is gone.
    sent = [(c.cl_ord_id, c.t_ns // MS) for c in floor.of(ChildSent) if c.venue_id == "A"]
    assert sent[-1][1] == 31
    assert {b.control for b in floor.of(ControlBreach)} == {Control.PRICE_COLLAR}


async def test_other_venues_leaves_the_venue_out_for_good(floor: "Floor") -> None:
    a = floor.scripted("A", (ASK, 50), (ASK + 9, 50))
    a.shows(20, (ASK, 100))
    await floor.buy(
        100,
        controls={"price_collar": {"ticks": 5}},
        reroute={"on": {"price_collar": "other_venues"}},
    )
    assert breaches(floor) == [(Control.PRICE_COLLAR, "other_venues", 0)]
    assert floor.end() == (EndReason.NO_VENUE, 0, 100)
    assert a.got == []


async def test_D03_without_a_reference_nothing_leaves_before_there_is_one(floor: "Floor") -> None:
    a = floor.scripted("A", (ASK, 100))
    controls = {"price_collar": {"ticks": 5, "reference": "mid"}}
    a.shows(20, (ASK, 100), bids=((ASK - 2, 1),))
    fills_all(a, "P.A.2", 100, ASK)
    await floor.buy(100, controls=controls)
    assert breaches(floor) == [(Control.NO_REFERENCE, "wait_for_quote", 0)]
    assert floor.orders() == [("P.A.2", 100, 21)]


async def test_a_replace_beyond_the_collar_stays_and_so_does_the_order(floor: "Floor") -> None:
    """The own side moves up by 20 ticks; following it would be 15 beyond the collar."""
    a = floor.scripted("A")
    a.answers["P.A.1"] = [(0, a.ack("P.A.1"))]
    a.answers["P.A.1.C1"] = [(0, a.canceled("P.A.1.C1", orig_cl_ord_id="P.A.1"))]
    a.shows(2, (ASK + 30, 1), bids=((ASK, 10),))
    a.shows(10, (ASK - 5, 1), bids=((ASK + 20, 10),))
    await floor.buy(
        100,
        at_ms=5,
        deadline_ms=40,
        limit=ASK + 20,
        controls={"price_collar": {"ticks": 10}},
        reroute={"on": {"quote_change": "wait"}},
        rest={"price": "touch", "move_after": "0ns"},
    )
    assert floor.of(ReplaceSent) == []
    kept = floor.of(ControlBreach)[-1]
    assert kept.order.replaces
    assert kept.control is Control.PRICE_COLLAR
    assert [c.orig_cl_ord_id for c in floor.of(CancelSent)] == ["P.A.1"]  # at the deadline


# ------------------------------------------------------------ size, value, volume


async def test_as_much_as_may_leaves_instead_and_the_rest_when_that_is_answered(
    floor: "Floor",
) -> None:
    a = floor.scripted("A", (ASK, 100))
    for n, qty in ((2, 40), (4, 40), (5, 20)):
        fills_all(a, f"P.A.{n}", qty, ASK)
    await floor.buy(100, controls={"max_order_qty": 40})
    assert floor.orders() == [("P.A.2", 40, 0), ("P.A.4", 40, 2), ("P.A.5", 20, 4)]
    first, second = floor.of(ControlBreach)
    assert (first.control, first.found, first.limit) == (Control.MAX_ORDER_QTY, 100, 40)
    assert (first.then, first.allowed_qty, first.order.cl_ord_id) == ("smaller", 40, "P.A.1")
    assert second.found == 60
    assert floor.end() == (EndReason.FILLED, 100, 0)
    reasons = [d.reason for d in floor.of(Decision)]
    assert reasons[1] is DecisionReason.CONTROL
    assert floor.of(Decision)[1].rule == "smaller"


async def test_an_order_worth_too_much_leaves_smaller_or_not_at_all(floor: "Floor") -> None:
    a = floor.scripted("A", (ASK, 100))
    fills_all(a, "P.A.2", 30, ASK)
    controls = {"max_order_value": 30 * ASK}
    await floor.buy(100, controls=controls, deadline_ms=3)
    assert floor.orders()[0] == ("P.A.2", 30, 0)
    (first, *_) = floor.of(ControlBreach)
    assert (first.control, first.found, first.limit) == (
        Control.MAX_ORDER_VALUE,
        100 * ASK,
        30 * ASK,
    )


async def test_leave_ends_a_parent_whose_order_is_too_large(floor: "Floor") -> None:
    a = floor.scripted("A", (ASK, 100))
    await floor.buy(100, controls={"max_order_qty": 40}, reroute={"on": {"order_size": "leave"}})
    assert floor.end() == (EndReason.CONTROL, 0, 100)
    assert a.got == []


async def test_no_more_is_open_than_may_be_and_the_rest_waits_for_answers(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 60)), floor.scripted("B", (ASK + 1, 60))
    a.answers["P.A.1"] = [(5, a.canceled("P.A.1"))]
    fills_all(b, "P.B.2", 10, ASK + 1, ms=1)
    b.answers["P.B.3"] = [(0, b.fill("P.B.3", 50, ASK + 1, total=50))]
    b.shows(2, (ASK + 1, 60))  # a quote alone gives no turn
    b.shows(3, (ASK + 1, 61))
    await floor.buy(120, controls={"max_open": {"qty": 70}}, deadline_ms=50)
    assert [(n, q) for n, q, _ in floor.orders()][:2] == [("P.A.1", 60), ("P.B.2", 10)]
    opened = {}
    for child in floor.of(ChildSent):
        opened[child.cl_ord_id] = child.order_qty
    (first, *_) = floor.of(ControlBreach)
    assert (first.control, first.found, first.limit) == (Control.MAX_OPEN, 120, 70)
    assert floor.orders()[2][2] == 3, "as the answer of B comes, not with the quotes"


async def test_what_is_filled_in_all_ends_the_parent(floor: "Floor") -> None:
    a = floor.scripted("A", (ASK, 100))
    fills_all(a, "P.A.2", 70, ASK)
    await floor.buy(100, controls={"max_total": {"qty": 70}})
    assert floor.end() == (EndReason.CONTROL, 70, 30)
    assert breaches(floor) == [(Control.MAX_TOTAL, "smaller", 0)]


async def test_what_may_be_open_in_the_run_is_shared_by_its_parents(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 60)), floor.scripted("B", (ASK + 1, 60))
    fills_all(a, "P.A.1", 60, ASK)
    b.answers["Q.B.1"] = []
    router = floor.router(controls={"max_open": {"qty": 60, "per": "run"}}, ack_timeout="50ms")
    router.submit(ParentOrder("P", Side.BUY, 60), 0)
    router.submit(ParentOrder("Q", Side.BUY, 60, None, 20 * MS), 0)
    fills_all(b, "Q.B.2", 60, ASK + 1)
    await router.run(2)
    assert floor.orders() == [("P.A.1", 60, 0), ("Q.B.2", 60, 2)]
    assert breaches(floor) == [(Control.MAX_OPEN, "wait_for_answer", 0)]
    assert [d.end_reason for d in floor.of(ParentDone)] == [EndReason.FILLED] * 2


# ------------------------------------------------------------ throttles


async def test_F17_a_message_too_many_leaves_as_the_window_lets_it(floor: "Floor") -> None:
    a = floor.scripted("A", (ASK, 100))
    a.answers["P.A.1"] = [(0, a.canceled("P.A.1"))]
    a.shows(1, (ASK, 99))
    a.answers["P.A.2"] = [(0, a.canceled("P.A.2"))]
    a.shows(3, (ASK, 98))
    a.shows(4, (ASK, 97))
    fills_all(a, "P.A.4", 97, ASK)
    await floor.buy(97, controls={"messages": {"most": 2, "within": "30ms"}})
    sent = [c.t_ns for c in floor.of(ChildSent)]
    assert len(sent) == 3
    assert sent[2] == sent[0] + 30 * MS, "when the first just does not count any more"
    (kept,) = floor.of(ControlBreach)  # one record, whatever quotes come meanwhile
    assert (kept.control, kept.found, kept.limit, kept.until_ns) == (
        Control.MESSAGES,
        3,
        2,
        sent[0] + 30 * MS,
    )
    assert floor.end() == (EndReason.FILLED, 97, 0)


async def test_a_throttle_of_one_venue_leaves_the_others(floor: "Floor") -> None:
    a, b = floor.scripted("A", (ASK, 50)), floor.scripted("B", (ASK + 1, 100))
    a.answers["P.A.1"] = [(0, a.canceled("P.A.1"))]
    a.shows(0, (ASK, 49))
    a.shows(1, (ASK, 50))  # newer than the book that the child met
    fills_all(b, "P.B.1", 50, ASK + 1)
    await floor.buy(50, controls={"messages": {"most": 1, "within": "1s"}})
    assert floor.end() == (EndReason.FILLED, 50, 0)
    assert [name for name, _, _ in floor.orders()] == ["P.A.1", "P.B.1"]
    last = floor.of(Decision)[-1]
    assert (last.reason, last.rule) == (DecisionReason.CONTROL, "messages")
    assert {r.venue_id: r.reason for r in last.refused}["A"] == "message_throttle"


async def test_cancels_leave_whatever_the_throttle_says(floor: "Floor") -> None:
    a = floor.scripted("A")
    a.answers["P.A.1"] = [(0, a.ack("P.A.1"))]
    a.answers["P.A.1.C1"] = [(0, a.canceled("P.A.1.C1", orig_cl_ord_id="P.A.1"))]
    controls = {"messages": {"most": 1, "within": "10s"}}
    await floor.buy(100, limit=ASK, deadline_ms=20, controls=controls, **REST)
    assert a.ids == ["P.A.1", "P.A.1.C1"]
    assert floor.of(ControlBreach) == []


async def test_a_replace_too_many_leaves_later(floor: "Floor") -> None:
    a = floor.scripted("A")
    a.shows(1, bids=((ASK - 10, 10),))
    a.answers["P.A.1"] = [(0, a.ack("P.A.1"))]
    a.shows(10, bids=((ASK - 5, 10),))
    a.shows(12, bids=((ASK - 5, 11),))
    controls = {"messages": {"most": 1, "within": "40ms"}}
    await floor.buy(100, at_ms=5, limit=ASK, deadline_ms=90, controls=controls, **REST)
    (replace,) = floor.of(ReplaceSent)
    assert (replace.price, replace.t_ns) == (ASK - 5, 45 * MS)
    assert breaches(floor) == [(Control.MESSAGES, "later", 11)]


@pytest.mark.parametrize(("release", "at"), [("20ms", 22), (None, None)])
async def test_a_parent_that_is_filled_too_often_is_held(
    floor: "Floor", release: str | None, at: int | None
) -> None:
    a = floor.scripted("A", (ASK, 30))
    a.answers["P.A.1"] = [(0, a.fill("P.A.1", 15, total=30)), (0, a.fill("P.A.1", 15, cum=30))]
    a.shows(5, (ASK, 70))
    fills_all(a, "P.A.2", 70, ASK)
    executions = {"most": 2, "within": "10ms", "release": release}
    await floor.buy(100, controls={"executions": executions}, deadline_ms=80)
    (held,) = floor.of(ControlBreach)
    assert (held.control, held.found, held.parent_id, held.order) == (
        Control.EXECUTIONS,
        2,
        "P",
        None,
    )
    if at is None:
        assert held.then == "leave"
        assert floor.end() == (EndReason.CONTROL, 30, 70)
    else:
        assert held.then == "later"
        assert floor.orders() == [("P.A.1", 30, 0), ("P.A.2", 70, at)]
        assert floor.of(Decision)[-1].rule == "released"


# ------------------------------------------------------------ kill switch


async def test_the_kill_switch_cancels_what_is_open_and_ends_every_parent(floor: "Floor") -> None:
    a = floor.scripted("A")
    for name in "PQ":
        a.answers[f"{name}.A.1"] = [(0, a.ack(f"{name}.A.1"))]
        a.answers[f"{name}.A.1.C1"] = [
            (0, a.canceled(f"{name}.A.1.C1", orig_cl_ord_id=f"{name}.A.1"))
        ]
    a.shows(15, (ASK, 500))
    router = floor.router(controls={"kill": {"at": "20ms"}}, ack_timeout="50ms", **REST)
    router.submit(ParentOrder("P", Side.BUY, 100, ASK - 5), 0)
    router.submit(ParentOrder("Q", Side.BUY, 100, ASK - 6, 21 * MS), 0)
    router.submit(ParentOrder("R", Side.BUY, 100), 30 * MS)  # comes too late
    await router.run(3)
    (kill,) = floor.of(ControlBreach)
    assert (kill.control, kill.then, kill.t_ns, kill.parent_id) == (
        Control.KILL_SWITCH,
        "end",
        20 * MS,
        None,
    )
    assert [(c.orig_cl_ord_id, c.t_ns // MS) for c in floor.of(CancelSent)] == [
        ("P.A.1", 20),
        ("Q.A.1", 20),
    ]
    ends = [(d.parent_id, d.end_reason, d.t_ns // MS) for d in floor.of(ParentDone)]
    assert ends == [
        ("P", EndReason.KILL_SWITCH, 22),
        ("Q", EndReason.KILL_SWITCH, 22),
        ("R", EndReason.KILL_SWITCH, 30),
    ]
    orders = [msg for t, msg in a.got if isinstance(msg, NewOrderSingle)]
    assert len(orders) == 2


async def test_a_kill_switch_that_was_pulled_before_lets_nothing_leave(floor: "Floor") -> None:
    a = floor.scripted("A", (ASK, 100))
    await floor.buy(100, at_ms=5, controls={"kill": {"at": "5ms"}})
    assert floor.end() == (EndReason.KILL_SWITCH, 0, 100)
    assert a.got == []


async def test_breaches_pull_the_kill_switch_amid_a_decision(floor: "Floor") -> None:
    """The second of three children is one breach too many: the first is canceled, none follows."""
    a, b = floor.scripted("A", (ASK, 10)), floor.scripted("B", (ASK + 1, 50))
    c = floor.scripted("C", (ASK + 2, 10))
    a.answers["P.A.1.C1"] = [(0, a.canceled("P.A.1.C1", orig_cl_ord_id="P.A.1"))]
    await floor.buy(70, controls={"max_order_qty": 40, "kill": {"breaches": 1}})
    assert breaches(floor) == [
        (Control.MAX_ORDER_QTY, "smaller", 0),
        (Control.KILL_SWITCH, "end", 0),
        (Control.KILL_SWITCH, "end", 0),
        (Control.KILL_SWITCH, "end", 0),
    ]
    assert a.ids == ["P.A.1", "P.A.1.C1"]
    assert b.got == c.got == []
    assert floor.end() == (EndReason.KILL_SWITCH, 0, 70)


async def test_filled_lots_and_losses_pull_the_kill_switch(floor: "Floor") -> None:
    a = floor.scripted("A", (ASK, 50))
    fills_all(a, "P.A.1", 50, ASK)
    await floor.buy(100, controls={"kill": {"qty": 50}})
    assert floor.end() == (EndReason.KILL_SWITCH, 50, 50)


@pytest.mark.parametrize(("loss", "end"), [(250, EndReason.KILL_SWITCH), (251, EndReason.DEADLINE)])
async def test_a_loss_pulls_the_kill_switch_as_the_fill_is_known(
    floor: "Floor", loss: int, end: EndReason
) -> None:
    """50 lots bought at 10,000 with the middle at 9,995: 250 ticks of loss."""
    a = floor.scripted("A", (ASK, 50))
    a.shows(1, (ASK, 50), bids=((ASK - 10, 50),))
    fills_all(a, "P.A.1", 50, ASK)
    await floor.buy(100, at_ms=5, deadline_ms=30, controls={"kill": {"loss": loss}})
    assert floor.end()[0] is end


# ------------------------------------------------------------ the shipped scenario


def test_each_control_bites_in_the_shipped_scenario(read_records: ReadRecords) -> None:
    result = run_world(load_scenario("controls"))
    assert result.log is not None
    found = [r for r in read_records(result.log) if isinstance(r, ControlBreach)]
    assert {b.control for b in found} == set(Control) - {Control.NO_REFERENCE}
    assert result.summary["controls"]["max_order_value"] == 2
    assert all(row["met"] for row in result.summary["expect"])
    ends = {row["parent_id"]: row["end_reason"] for row in result.summary["parents"]}
    assert ends == {
        "COLLAR": "filled",
        "LARGE": "control",
        "OTHER": "filled",
        "OFTEN": "filled",
        "OPEN": "kill_switch",
        "LATE": "kill_switch",
    }


@pytest.mark.parametrize(
    ("setting", "ends"),
    [
        ("router.controls=null", {"LARGE": "filled", "LATE": "filled"}),
        ("router.reroute.on.order_size=leave", {"LARGE": "control", "OTHER": "filled"}),
        ("router.controls.kill.breaches=3", {"LARGE": "kill_switch", "OTHER": "kill_switch"}),
    ],
)
def test_its_variants_do_what_its_comments_say(setting: str, ends: dict[str, str]) -> None:
    result = run_world(load_scenario("controls", sets=(setting,)))
    found = {row["parent_id"]: row["end_reason"] for row in result.summary["parents"]}
    assert {name: found[name] for name in ends} == ends
    assert ("controls" in result.summary) is (setting != "router.controls=null")


def test_what_was_kept_back_is_explained(tmp_path: Path) -> None:
    result = run_world(load_scenario("controls"))
    assert result.log is not None
    (tmp_path / "audit.jsonl").write_bytes(result.log)
    told = explain(tmp_path / "audit.jsonl", "D4")
    kept = next(one for one in told["sections"] if one["heading"] == "What was kept back")
    assert kept["says"] == [
        "  LARGE.A.1 to A kept back: max order qty (9,000, at most 4,000), 4,000 leave",
        "  LARGE.A.2 to A kept back: max order value (400,040, at most 350,000), 3,499 leave",
    ]
    assert len(told["facts"]["breaches"]) == 2
