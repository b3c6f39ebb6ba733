"""When children leave: all at once, one after the other, or so that they arrive together."""

from collections.abc import Sequence
from fractions import Fraction
from heapq import heappop, heappush
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from router.config import RouterConfig
from router.core.events import ACCOUNT, Outcome, ParentOrder, SendTo, Stamps, WakeAt
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from router.core.sending import waits
from sim.audit.records import (
    ChildDropped,
    ChildSent,
    Decision,
    ParentDone,
    PlannedLeave,
    Protected,
    Record,
    Refused,
)
from sim.protocol.enums import (
    DecisionReason,
    EndReason,
    ExecType,
    OrdStatus,
    RejectReason,
    Side,
    TradingState,
)
from sim.protocol.market_data import BookSnapshot, TradingStatus
from sim.protocol.orders import ExecutionReport, NewOrderSingle, OrderCancelRequest
from sim.protocol.units import PriceTicks, QtyLots, TimeNs

FREE = (Fraction(1), Fraction(0))
DELAYS = {"NEAR": 10, "FAR": 40}
EQUALISED = {"mode": "latency_equalised"}
ONE_BY_ONE = {"mode": "sequential"}


class Bench:
    """A router core with some lit venues, its wake-ups in their time, and what it did so far."""

    def __init__(self, delays: dict[str, int] = DELAYS, **config: Any) -> None:
        self.profiles = [
            VenueProfile(v, "lit", ns, 1, 1, FREE, FREE, takes_resting=True)
            for v, ns in delays.items()
        ]
        self.setup(**config)

    def setup(self, **config: Any) -> None:
        settings = {"strategy": {"kind": "greedy"}, **config}
        model = RouterConfig.model_validate_json(msgspec.json.encode(settings))
        self.core = RouterCore(tuple(self.profiles), model)
        self.now = 0
        self.serial = 0
        self.wakes: list[tuple[int, int, Any]] = []
        self.records: list[Record] = []
        self.orders: list[tuple[int, NewOrderSingle]] = []
        self.cancels: list[str] = []

    def quote(self, venue: str, *asks: tuple[int, int]) -> None:
        self.serial += 1
        book = BookSnapshot(venue, self.serial, TimeNs(self.now), (), asks)
        self._take(self.core.on_quote(book, self.now))

    def parent(self, qty: int, name: str = "P", **more: int) -> None:
        order = ParentOrder(name, Side.BUY, qty, more.get("limit"), more.get("deadline"))
        self._take(self.core.on_parent(order, self.now))
        self.at(self.now)

    def fill(self, child: str, px: int, qty: int) -> None:
        self._report(ExecType.TRADE, child, last_px=PriceTicks(px), last_qty=QtyLots(qty))

    def canceled(self, child: str) -> None:
        self._report(ExecType.CANCELED, child)

    def rejected(self, child: str, why: RejectReason) -> None:
        self._report(ExecType.REJECTED, child, reject_reason=why)

    def status(self, venue: str, state: TradingState) -> None:
        self._take(self.core.on_status(TradingStatus(venue, TimeNs(self.now), state), self.now))
        self.at(self.now)

    def stop(self) -> None:
        self._take(self.core.stop_all(self.now))

    def at(self, now: int) -> None:
        """Let time pass until ``now``, with all that falls due by then."""
        while self.wakes and self.wakes[0][0] <= now:
            self.now, _, token = heappop(self.wakes)
            self._take(self.core.on_wake(token, self.now))
        self.now = now

    def sent(self) -> list[tuple[int, str, int]]:
        """Orders so far: when each left, its name and its lots."""
        return [(t, msg.cl_ord_id, msg.order_qty) for t, msg in self.orders]

    def of(self, kind: type[Record]) -> list[Any]:
        return [record for record in self.records if type(record) is kind]

    @property
    def parent_p(self) -> Any:
        return self.core.parents["P"]

    def _report(self, kind: ExecType, child: str, **more: Any) -> None:
        self.serial += 1
        report = ExecutionReport(
            kind,
            OrdStatus.NEW,
            child,
            ACCOUNT,
            1,
            self.serial,
            Side.BUY,
            QtyLots(0),
            QtyLots(0),
            QtyLots(0),
            TimeNs(self.now),
            self.serial,
            **more,
        )
        venue = child.split(".")[1]
        self._take(self.core.on_report(venue, report, Stamps(0, 0, 0), self.now))
        self.at(self.now)

    def _take(self, outcomes: Sequence[Outcome]) -> None:
        for n, outcome in enumerate(outcomes):
            if isinstance(outcome, WakeAt):
                self.serial += 1
                heappush(self.wakes, (outcome.t_ns, self.serial, outcome.token))
            elif not isinstance(outcome, SendTo):
                self.records.append(outcome)
            elif isinstance(outcome.msg, NewOrderSingle):
                before = outcomes[n - 1]
                assert isinstance(before, ChildSent), "the record stands before the message"
                assert (before.t_ns, before.cl_ord_id) == (self.now, outcome.msg.cl_ord_id)
                self.orders.append((self.now, outcome.msg))
            elif isinstance(outcome.msg, OrderCancelRequest):
                self.cancels.append(outcome.msg.orig_cl_ord_id)


def two(**config: Any) -> Bench:
    """NEAR and FAR show 50 lots each at the best price, and more behind it."""
    bench = Bench(**config)
    bench.quote("NEAR", (100, 50), (102, 100))
    bench.quote("FAR", (100, 50), (103, 100))
    return bench


# ------------------------------------------------------------ together


def test_children_leave_so_that_they_arrive_together() -> None:
    bench = two(sending=EQUALISED)
    bench.parent(80)
    assert bench.sent() == [(0, "P.FAR.1", 30)], "the longest way leaves at once"
    assert bench.parent_p.reserved_qty == 80, "who has not left is reserved all the same"
    assert bench.parent_p.free_qty == 0
    bench.at(29)
    assert len(bench.orders) == 1
    bench.at(30)
    assert bench.sent() == [(0, "P.FAR.1", 30), (30, "P.NEAR.1", 50)]
    (decision,) = bench.of(Decision)
    assert decision.leaves == (PlannedLeave("NEAR", 10, 30), PlannedLeave("FAR", 40, 0))
    assert [one.t_ns for one in bench.of(ChildSent)] == [0, 30]


def test_who_has_one_venue_only_waits_for_nobody() -> None:
    bench = two(sending=EQUALISED)
    bench.parent(50)
    assert bench.sent() == [(0, "P.NEAR.1", 50)]
    assert bench.of(Decision)[0].leaves == ()


def test_lots_that_wait_are_not_sent_for_by_another_parent() -> None:
    bench = two(sending=EQUALISED)
    bench.parent(80)
    bench.parent(100, "Q")
    bench.at(1_000)
    taken: dict[tuple[str, int], int] = {}
    for decision in bench.of(Decision):
        for part in decision.split:
            key = part.venue_id, part.price
            taken[key] = taken.get(key, 0) + part.qty
    assert taken == {("NEAR", 100): 50, ("FAR", 100): 50, ("NEAR", 102): 80}


@pytest.mark.parametrize(
    ("estimate", "near_ns", "far_ns"), [("measured", 25, 55), ("nominal", 10, 40)]
)
def test_delays_are_learnt_from_the_reports_or_stay_as_the_scenario_expects(
    estimate: str, near_ns: int, far_ns: int
) -> None:
    bench = two(sending={**EQUALISED, "estimate": estimate})
    bench.parent(80)
    bench.at(30)
    bench.now = 55  # NEAR took 25, not 10, and FAR 55, not 40
    bench.fill("P.NEAR.1", 100, 50)
    bench.fill("P.FAR.1", 100, 30)
    bench.quote("NEAR", (100, 50))
    bench.quote("FAR", (100, 50))
    bench.parent(80, "Q")
    assert bench.of(Decision)[-1].leaves == (
        PlannedLeave("NEAR", near_ns, 30),
        PlannedLeave("FAR", far_ns, 0),
    )


def test_nobody_waits_longer_than_the_settings_allow() -> None:
    bench = two(sending={**EQUALISED, "max_wait": "5ns"})
    bench.parent(80)
    bench.at(5)
    assert bench.sent() == [(0, "P.FAR.1", 30), (5, "P.NEAR.1", 50)]


def test_who_could_leave_only_after_the_deadline_leaves_at_once() -> None:
    bench = two(sending=EQUALISED)
    bench.parent(80, deadline=30)
    assert bench.sent() == [(0, "P.NEAR.1", 50), (0, "P.FAR.1", 30)]


def test_F17_a_venue_that_halts_before_its_child_leaves_gets_none() -> None:
    bench = two(sending=EQUALISED)
    bench.parent(80)
    bench.at(20)
    bench.status("NEAR", TradingState.HALTED)
    bench.at(30)
    (dropped,) = bench.of(ChildDropped)
    assert (dropped.cl_ord_id, dropped.order_qty, dropped.reason) == ("P.NEAR.1", 50, "halted")
    # Its lots go where they can, as a decision of its own.
    assert bench.sent() == [(0, "P.FAR.1", 30), (30, "P.FAR.2", 50)]
    assert bench.of(Decision)[-1].reason is DecisionReason.HELD_BACK


def test_F18_a_venue_on_hold_as_its_child_is_to_leave_gets_none() -> None:
    bench = two(sending=EQUALISED)
    bench.parent(10, "Q")
    bench.parent(80)
    bench.at(6)
    bench.rejected("Q.NEAR.1", RejectReason.THROTTLED)
    bench.at(100)
    dropped = bench.of(ChildDropped)
    assert [(one.cl_ord_id, one.reason) for one in dropped] == [("P.NEAR.1", "on_hold")]
    assert not [name for _, name, _ in bench.sent() if name == "P.NEAR.1"]


def test_a_child_that_waits_is_dropped_as_its_parent_stops() -> None:
    bench = two(sending=EQUALISED)
    bench.parent(80, deadline=35)
    assert bench.sent() == [(0, "P.FAR.1", 30)]
    parent = bench.parent_p
    out: list[Outcome] = []
    bench.core._desk.stop(parent, EndReason.DEADLINE, 10, out)
    (dropped,) = [one for one in out if isinstance(one, ChildDropped)]
    assert (dropped.reason, dropped.order_qty) == ("parent_stopped", 50)
    assert parent.reserved_qty == 30, "the other has left and is asked to come back"
    bench.at(30)
    assert len(bench.orders) == 1, "its wake-up finds nothing"


@pytest.mark.parametrize("refused", [False, True])
def test_what_comes_back_of_one_does_not_change_when_the_other_leaves(*, refused: bool) -> None:
    bench = two(sending=EQUALISED)
    bench.parent(80)
    bench.at(20)
    if refused:
        bench.rejected("P.FAR.1", RejectReason.UNSUPPORTED_ORDER)
    else:
        bench.canceled("P.FAR.1")
    assert bench.sent()[1:] == [(20, "P.NEAR.2", 30)], "NEAR has the next best, beside what waits"
    bench.at(100)
    assert bench.sent()[2:] == [(30, "P.NEAR.1", 50)]
    assert bench.orders[-1][1].price == 100
    assert bench.parent_p.reserved_qty == 80


def test_an_interrupt_drops_what_waits_and_cancels_what_left() -> None:
    bench = two(sending=EQUALISED)
    bench.parent(80)
    bench.at(10)
    bench.stop()
    assert [one.reason for one in bench.of(ChildDropped)] == ["parent_stopped"]
    assert bench.cancels == ["P.FAR.1"]
    bench.canceled("P.FAR.1")
    (done,) = bench.of(ParentDone)
    assert (done.end_reason, done.canceled_qty) == (EndReason.ABORTED, 80)
    bench.at(1_000)
    assert len(bench.orders) == 1


def test_the_end_of_the_run_drops_what_waits() -> None:
    bench = two(sending=EQUALISED)
    bench.parent(80)
    out = bench.core.finish(EndReason.RUN_ENDED, 10)
    assert [type(one) for one in out] == [ChildDropped, ParentDone]
    assert out[0].reason == "run_ended"  # type: ignore[union-attr]
    assert bench.parent_p.reserved_qty == 30


def test_a_quarantine_drops_what_waits_for_that_venue_and_of_that_parent() -> None:
    bench = two(sending=EQUALISED)
    bench.parent(80)
    bench.at(5)
    bench.fill("P.FAR.1", 200, 30)  # past its limit
    assert [one.reason for one in bench.of(ChildDropped)] == ["quarantine"]
    bench.at(100)
    assert [name for _, name, _ in bench.sent()][:1] == ["P.FAR.1"]
    assert "P.NEAR.1" not in [name for _, name, _ in bench.sent()]
    assert sum(lots for _, _, lots in bench.sent()[1:]) == 80, "all is bought elsewhere"


@given(
    st.dictionaries(st.sampled_from("ABCDE"), st.integers(0, 1_000), min_size=2),
    st.integers(1, 1_000),
    st.none() | st.integers(1, 1_000),
)
def test_children_arrive_together_as_far_as_they_may_wait(
    delays: dict[str, int], most: int, left: int | None
) -> None:
    found = waits(delays, most, left)
    last = max(delays.values())
    for venue_id, wait in found.items():
        assert 0 <= wait <= most
        assert left is None or wait < left
        if last - delays[venue_id] < min(most, most if left is None else left):
            assert delays[venue_id] + wait == last


# ------------------------------------------------------------ one after the other


def test_the_next_venue_is_asked_once_the_child_before_it_has_ended() -> None:
    bench = two(sending=ONE_BY_ONE)
    bench.parent(80)
    assert bench.sent() == [(0, "P.NEAR.1", 50)]
    (decision,) = bench.of(Decision)
    assert Refused("FAR", "not_its_turn") in decision.refused
    assert [part.venue_id for part in decision.split] == ["NEAR"]
    bench.quote("FAR", (99, 50))
    bench.at(20)
    assert len(bench.orders) == 1, "a quote changes nothing while a child is out"
    bench.fill("P.NEAR.1", 100, 20)
    assert len(bench.orders) == 1, "nor does a part of it"
    bench.fill("P.NEAR.1", 100, 30)
    assert bench.sent() == [(0, "P.NEAR.1", 50), (20, "P.FAR.1", 30)]
    assert bench.of(Decision)[-1].reason is DecisionReason.NEXT_VENUE


def test_what_comes_back_goes_on_to_the_next_venue() -> None:
    bench = two(sending=ONE_BY_ONE)
    bench.parent(80)
    bench.fill("P.NEAR.1", 100, 10)
    bench.canceled("P.NEAR.1")
    assert bench.sent()[1:] == [(0, "P.FAR.1", 70)], "the first quote is used up, it said"
    assert bench.of(Decision)[-1].reason is DecisionReason.PARTIAL_FILL


def test_a_refusal_gives_the_next_venue_its_turn() -> None:
    bench = two(sending=ONE_BY_ONE)
    bench.parent(80)
    bench.rejected("P.NEAR.1", RejectReason.UNSUPPORTED_ORDER)
    assert bench.sent()[1:] == [(0, "P.FAR.1", 80)]


def test_F02_a_venue_that_never_answers_does_not_hold_the_rest_back_for_ever() -> None:
    bench = two(sending=ONE_BY_ONE, ack_timeout="10ns", cancel_resends=1)
    bench.parent(80)
    bench.at(35)
    assert bench.sent()[1:] == [(30, "P.FAR.1", 30)], "50 stay reserved, unanswered"
    assert bench.parent_p.unanswered_qty == 50


def test_two_parents_take_turns_each_for_itself() -> None:
    """Who waits for its own child does not stand for others who wish the same."""
    bench = Bench(sending=ONE_BY_ONE)
    bench.parent(80)
    bench.parent(80, "Q")
    bench.quote("NEAR", (100, 10))
    bench.at(0)
    assert bench.sent() == [(0, "P.NEAR.1", 10)]
    bench.quote("FAR", (100, 10))
    bench.at(0)
    assert bench.sent()[1:] == [(0, "Q.FAR.1", 10)], "P has a child out"


def test_lots_rest_only_when_no_child_is_out() -> None:
    bench = Bench(sending=ONE_BY_ONE, rest={"price": "limit"})
    bench.quote("NEAR", (100, 50))
    bench.quote("FAR", (101, 10))
    bench.parent(80, limit=101)
    assert bench.sent() == [(0, "P.NEAR.1", 50)]
    bench.fill("P.NEAR.1", 100, 50)
    assert bench.sent()[1:] == [(0, "P.FAR.1", 10)]
    bench.fill("P.FAR.1", 101, 10)
    assert [lots for _, _, lots in bench.sent()[2:]] == [20], "now the rest is posted"


# ------------------------------------------------------------ protection and minimum quantities


def test_a_decision_passes_no_better_displayed_quote_by() -> None:
    """A single venue is asked for all; the better quote elsewhere gets what it shows."""
    strategy = {"kind": "single_venue", "venue": "FAR"}
    bench = Bench(strategy=strategy, sending={"protect": True})
    bench.quote("NEAR", (101, 20), (102, 100))
    bench.quote("FAR", (100, 50), (103, 100))
    bench.parent(90)
    assert sorted(bench.sent()) == [(0, "P.FAR.1", 70), (0, "P.NEAR.1", 20)]
    (decision,) = bench.of(Decision)
    assert decision.protected == (Protected("NEAR", 101, 20, 20),)
    assert [one.venue_id for one in decision.refused] == [], "NEAR is used after all"


def test_a_venue_that_may_not_be_used_is_an_exception_that_the_record_names() -> None:
    strategy = {"kind": "single_venue", "venue": "FAR"}
    bench = Bench(strategy=strategy, sending={"protect": True})
    bench.quote("FAR", (100, 50), (103, 100))
    bench.quote("NEAR", (101, 20))
    bench.core._desk.standing.quarantine("NEAR", "conflict")
    bench.parent(90)
    assert bench.sent() == [(0, "P.FAR.1", 90)]
    assert bench.of(Decision)[0].protected == (Protected("NEAR", 101, 20, 0, "quarantine"),)


def test_what_protects_is_equalised_too() -> None:
    strategy = {"kind": "single_venue", "venue": "FAR"}
    bench = Bench(strategy=strategy, sending={"protect": True, **EQUALISED})
    bench.quote("NEAR", (101, 20))
    bench.quote("FAR", (100, 50), (103, 100))
    bench.parent(90)
    bench.at(30)
    assert bench.sent() == [(0, "P.FAR.1", 70), (30, "P.NEAR.1", 20)]


def test_a_sweep_cannot_be_sent_one_by_one() -> None:
    with pytest.raises(ValidationError, match="protect must not stand beside mode: sequential"):
        Bench(sending={"protect": True, **ONE_BY_ONE})


def test_children_ask_for_a_minimum_but_never_for_more_than_they_are() -> None:
    bench = Bench()
    bench.profiles = [msgspec.structs.replace(one, min_qty=30) for one in bench.profiles]
    bench.setup(rest={"price": "limit"})
    bench.quote("NEAR", (100, 50))
    bench.quote("FAR", (100, 50))
    bench.parent(70, limit=100)
    assert [(msg.cl_ord_id, msg.min_qty) for _, msg in bench.orders] == [
        ("P.NEAR.1", 30),
        ("P.FAR.1", 20),
    ]
    assert [one.min_qty for one in bench.of(ChildSent)] == [30, 20]
    line = msgspec.json.encode(msgspec.structs.replace(bench.of(ChildSent)[0], min_qty=0))
    assert b"min_qty" not in line
    bench.parent(10, "Q", limit=90)
    assert bench.orders[-1][1].min_qty == 0, "what rests asks for none"
