"""The router core by itself: events in, outcomes out, no loop."""

from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config import RouterConfig
from router.core.events import (
    ACCOUNT,
    AckTimeout,
    Deadline,
    Decide,
    Outcome,
    ParentOrder,
    SendTo,
    Stamps,
    WakeAt,
)
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from sim.audit.records import (
    CancelRejected,
    ChildSent,
    Decision,
    Fill,
    Overfill,
    ParentDone,
    ReportIgnored,
)
from sim.protocol.enums import (
    CxlRejReason,
    DecisionReason,
    EndReason,
    ExecType,
    OrdStatus,
    RejectReason,
    Side,
)
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelRequest,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs

FREE = (Fraction(1), Fraction(0))
NO_WAY = Stamps(0, 0, 0)


class Bench:
    """A router core with venues A and B, and what it did so far."""

    def __init__(self, **config: object) -> None:
        settings = {"strategy": {"kind": "greedy"}, **config}
        profiles = tuple([VenueProfile(v, "lit", n, 1, 1, FREE, FREE) for n, v in enumerate("AB")])
        self.core = RouterCore(profiles, RouterConfig.model_validate_json(_json(settings)))
        self.out: list[Outcome] = []
        self.exec_id = 0
        self.seq = 0

    def quote(self, venue: str, asks: Levels, now: int = 0) -> None:
        self.seq += 1
        self._do(self.core.on_quote(BookSnapshot(venue, self.seq, TimeNs(now), (), asks), now), now)

    def parent(self, qty: int, now: int = 0, **more: int) -> None:
        order = ParentOrder("P", Side.BUY, qty, more.get("limit"), more.get("deadline"))
        self._do(self.core.on_parent(order, now), now)

    def report(self, kind: ExecType, cl_ord_id: str, now: int = 0, **more: object) -> None:
        self.exec_id += 1
        self.seq += 1
        exec_id = more.pop("exec_id", self.exec_id)
        venue = str(more.pop("venue", cl_ord_id.split(".")[1]))
        px, qty = more.pop("px", None), more.pop("qty", 0)
        report = ExecutionReport(
            kind,
            OrdStatus.NEW,
            cl_ord_id,
            ACCOUNT,
            1,
            exec_id,  # type: ignore[arg-type]
            Side.BUY,
            QtyLots(0),
            QtyLots(0),
            QtyLots(0),
            TimeNs(now),
            self.seq,
            None if px is None else PriceTicks(px),  # type: ignore[arg-type]
            QtyLots(qty),  # type: ignore[arg-type]
            **more,  # type: ignore[arg-type]
        )
        self._do(self.core.on_report(venue, report, NO_WAY, now), now)

    def fill(self, cl_ord_id: str, px: int, qty: int, now: int = 0, **more: object) -> None:
        self.report(ExecType.TRADE, cl_ord_id, now, px=px, qty=qty, **more)

    def canceled(self, cl_ord_id: str, now: int = 0) -> None:
        self.report(ExecType.CANCELED, cl_ord_id, now)

    def wake(self, token: AckTimeout | Deadline, now: int) -> None:
        self._do(self.core.on_wake(token, now), now)

    def _do(self, outcomes: Sequence[Outcome], now: int) -> None:
        self.out += outcomes
        for outcome in outcomes:  # decisions come at the end of the instant
            if isinstance(outcome, WakeAt) and isinstance(outcome.token, Decide):
                assert outcome.t_ns == now
                self._do(self.core.on_wake(outcome.token, now), now)

    def sent(self) -> list[tuple[str, int, int | None]]:
        """Orders so far as (id, lots, limit)."""
        return [
            (o.msg.cl_ord_id, o.msg.order_qty, o.msg.price)
            for o in self.out
            if isinstance(o, SendTo) and isinstance(o.msg, NewOrderSingle)
        ]

    def cancels(self) -> list[str]:
        return [
            o.msg.orig_cl_ord_id
            for o in self.out
            if isinstance(o, SendTo) and isinstance(o.msg, OrderCancelRequest)
        ]

    def records(self, kind: type) -> list[object]:
        return [o for o in self.out if isinstance(o, kind)]

    def reasons(self) -> list[DecisionReason]:
        return [o.reason for o in self.out if isinstance(o, Decision)]

    def ends(self) -> list[EndReason]:
        return [o.end_reason for o in self.out if isinstance(o, ParentDone)]


def _json(data: object) -> str:
    import json

    return json.dumps(data)


def test_children_go_out_together_one_per_venue_at_the_worst_wanted_level() -> None:
    bench = Bench()
    bench.quote("A", ((100, 10), (102, 10)))
    bench.quote("B", ((101, 10),))
    bench.parent(25)
    assert bench.sent() == [("P.A.1", 15, 102), ("P.B.1", 10, 101)]


def test_I14_the_decision_and_each_child_are_recorded_before_the_message() -> None:
    bench = Bench()
    bench.quote("A", ((100, 10),))
    bench.parent(10)
    kinds = [type(o) for o in bench.out if not isinstance(o, WakeAt)]
    assert kinds[-3:] == [Decision, ChildSent, SendTo]


def test_nothing_is_sent_for_lots_that_may_still_fill() -> None:
    bench = Bench()
    bench.quote("A", ((100, 10),))
    bench.parent(10)
    bench.quote("B", ((99, 50),), now=1)
    assert bench.sent() == [("P.A.1", 10, 100)]


def test_the_rest_of_a_partial_fill_is_reallocated_at_once() -> None:
    bench = Bench()
    bench.quote("A", ((100, 10),))
    bench.quote("B", ((101, 50),))
    bench.parent(10)
    bench.fill("P.A.1", 100, 6, now=5)
    bench.canceled("P.A.1", now=5)
    assert bench.sent() == [("P.A.1", 10, 100), ("P.B.1", 4, 101)]
    assert bench.reasons() == [DecisionReason.INITIAL, DecisionReason.PARTIAL_FILL]


def test_a_wrong_quote_is_not_hit_again() -> None:
    bench = Bench()
    bench.quote("A", ((100, 10),))
    bench.parent(10)
    bench.canceled("P.A.1", now=5)
    assert bench.sent() == [("P.A.1", 10, 100)]
    bench.quote("A", ((100, 10),), now=6)
    assert bench.sent() == [("P.A.1", 10, 100), ("P.A.2", 10, 100)]
    assert bench.reasons()[-1] is DecisionReason.QUOTE_CHANGE


def test_I14_a_decision_on_old_quotes_names_the_quotes_that_it_rests_on() -> None:
    bench = Bench(reroute={"fresh_quote": False})
    bench.quote("A", ((100, 10),))
    bench.quote("B", ((101, 50),))
    bench.parent(10, now=3)
    bench.quote("B", ((90, 50),), now=5)
    bench.canceled("P.A.1", now=7)
    assert bench.sent()[-1] == ("P.B.1", 10, 101)
    last = bench.records(Decision)[-1]
    assert isinstance(last, Decision)
    assert [(q.venue_id, q.venue_seq, q.age_ns, q.levels) for q in last.quotes] == [
        ("B", 2, 7, ((101, 50),))
    ]


def test_I18_a_report_slower_than_the_quote_of_its_trade_frees_lots_for_all() -> None:
    """Until the report comes, lots that the quote lacks already are subtracted again."""
    bench = Bench()
    bench.quote("A", ((100, 20),))
    bench.parent(10)
    bench.core.on_parent(ParentOrder("Q", Side.BUY, 10), 0)
    bench.quote("A", ((100, 10),), now=5)  # holds the trade; the report is still on its way
    seq = bench.seq
    bench.core.on_wake(Decide(), 5)
    assert bench.core.parents["Q"].reserved_qty == 0
    bench.seq = seq - 1  # the report belongs to the state that the quote showed
    bench.fill("P.A.1", 100, 10, now=9)
    assert bench.sent()[-1] == ("Q.A.1", 10, 100)


def test_what_came_back_is_a_better_reason_than_a_quote_of_the_same_instant() -> None:
    bench = Bench()
    bench.quote("A", ((100, 10),))
    bench.parent(20)
    out = [*bench.core.on_quote(BookSnapshot("B", 9, TimeNs(5), (), ((101, 50),)), 5)]
    assert out
    bench.canceled("P.A.1", now=5)
    decided = bench.core.on_wake(Decide(), 5)
    assert [o.reason for o in decided if isinstance(o, Decision)] == [DecisionReason.PARTIAL_FILL]


def test_attempts_that_are_used_up_cancel_no_order_that_is_under_way() -> None:
    bench = Bench(max_attempts=1)
    bench.quote("A", ((100, 10),))
    bench.parent(20)
    bench.quote("B", ((100, 10),), now=3)
    assert bench.cancels() == []
    bench.fill("P.A.1", 100, 10, now=9)
    assert bench.ends() == [EndReason.ATTEMPTS_EXHAUSTED]


def test_a_reject_leaves_its_venue_out_and_goes_elsewhere() -> None:
    bench = Bench()
    bench.quote("A", ((100, 10),))
    bench.quote("B", ((101, 10),))
    bench.parent(10)
    bench.report(ExecType.REJECTED, "P.A.1", reject_reason=RejectReason.INCORRECT_QUANTITY)
    bench.quote("A", ((99, 10),), now=1)
    assert bench.sent() == [("P.A.1", 10, 100), ("P.B.1", 10, 101)]
    last = bench.records(Decision)[-1]
    assert isinstance(last, Decision)
    assert [(r.venue_id, r.reason) for r in last.refused] == [("A", "rejected_incorrect_quantity")]


def test_a_parent_with_nothing_to_use_waits_and_is_recorded_once() -> None:
    bench = Bench()
    bench.parent(10, limit=99)
    bench.quote("A", ((100, 10),), now=1)
    bench.quote("A", ((101, 10),), now=2)
    assert len(bench.records(Decision)) == 1
    bench.quote("A", ((99, 10),), now=3)
    assert bench.sent() == [("P.A.1", 10, 99)]


def test_I6_no_child_breaches_the_parents_limit() -> None:
    bench = Bench()
    bench.quote("A", ((100, 10), (101, 10)))
    bench.parent(20, limit=100)
    assert bench.sent() == [("P.A.1", 10, 100)]


def test_quote_changes_of_one_instant_lead_to_one_decision() -> None:
    bench = Bench()
    bench.parent(30)
    out = list(bench.core.on_quote(BookSnapshot("A", 1, TimeNs(5), (), ((100, 10),)), 5))
    out += bench.core.on_quote(BookSnapshot("B", 1, TimeNs(5), (), ((100, 10),)), 5)
    assert [o for o in out if isinstance(o, WakeAt)] == [WakeAt(5, Decide())]


def test_a_child_without_an_answer_is_canceled_and_its_lots_stay_reserved() -> None:
    """F02: nothing is sent elsewhere before the final answer."""
    bench = Bench(ack_timeout="100ns")
    bench.quote("A", ((100, 10),))
    bench.quote("B", ((101, 10),))
    bench.parent(10)
    assert WakeAt(100, AckTimeout()) in bench.out
    bench.wake(AckTimeout(), 100)
    assert bench.cancels() == ["P.A.1"]
    assert len(bench.sent()) == 1
    bench.canceled("P.A.1", now=150)
    assert bench.sent()[-1] == ("P.B.1", 10, 101)
    assert bench.reasons()[-1] is DecisionReason.TIMEOUT


def test_F13_a_fill_crosses_a_cancel_and_the_refusal_is_recorded() -> None:
    """The router is done only when nothing of it is under way, the answer to a cancel neither."""
    bench = Bench(ack_timeout="100ns")
    bench.quote("A", ((100, 10),))
    bench.parent(10)
    bench.wake(AckTimeout(), 100)
    bench.fill("P.A.1", 100, 10, now=110)
    assert not bench.core.done
    reject = OrderCancelReject(
        "P.A.1.C1", "P.A.1", ACCOUNT, OrdStatus.FILLED, CxlRejReason.TOO_LATE, TimeNs(120), 9
    )
    out = bench.core.on_report("A", reject, NO_WAY, 120)
    assert [type(o) for o in out] == [CancelRejected]
    assert bench.ends() == [EndReason.FILLED]
    assert bench.core.done


def test_the_answer_to_our_cancel_is_found_by_the_original_id() -> None:
    bench = Bench(ack_timeout="100ns")
    bench.quote("A", ((100, 10),))
    bench.parent(10)
    bench.wake(AckTimeout(), 100)
    bench.report(ExecType.CANCELED, "P.A.1.C1", now=150, orig_cl_ord_id="P.A.1", venue="A")
    assert bench.core.children["P.A.1"].status is OrdStatus.CANCELED


def test_F07_a_repeated_fill_is_recorded_and_not_applied() -> None:
    bench = Bench()
    bench.quote("A", ((100, 10),))
    bench.parent(10)
    bench.fill("P.A.1", 100, 4, exec_id=50)
    bench.fill("P.A.1", 100, 4, exec_id=50)
    assert bench.core.parents["P"].filled_qty == 4
    ignored = bench.records(ReportIgnored)
    assert [r.reason for r in ignored if isinstance(r, ReportIgnored)] == ["duplicate"]


def test_F10_a_fill_beyond_the_open_lots_goes_to_the_account_apart() -> None:
    """The child gets what it had open, the excess is nobody's, and the venue is used no more."""
    bench = Bench()
    bench.quote("A", ((100, 10),))
    bench.parent(30)
    bench.fill("P.A.1", 100, 11)
    assert bench.core.parents["P"].filled_qty == 10
    assert bench.core.overfilled == {("A", Side.BUY): 1}
    (record,) = bench.records(Overfill)
    assert isinstance(record, Overfill)
    assert (record.booked_qty, record.excess_qty, record.leaves_qty) == (10, 1, 0)
    assert record.reason == "too_much"
    bench.quote("A", ((100, 10),), now=5)
    assert len(bench.sent()) == 1


def test_F20_a_fill_outside_the_limit_is_not_booked_and_frees_its_lots_for_others() -> None:
    bench = Bench()
    bench.quote("A", ((100, 10),))
    bench.parent(10)
    bench.fill("P.A.1", 101, 5)
    parent = bench.core.parents["P"]
    assert (parent.filled_qty, parent.reserved_qty, parent.free_qty) == (0, 5, 5)
    assert bench.core.overfilled == {("A", Side.BUY): 5}
    assert bench.cancels() == ["P.A.1"]
    bench.quote("B", ((100, 50),), now=5)
    assert bench.sent()[-1] == ("P.B.1", 5, 100)


@pytest.mark.parametrize("venue", ["A", "B"])
def test_F21_a_report_for_no_child_of_ours_changes_nothing(venue: str) -> None:
    bench = Bench()
    bench.quote("A", ((100, 10),))
    bench.parent(10)
    name = "P.A.1" if venue == "B" else "X.A.1"
    bench.fill(name, 100, 5, venue=venue)
    assert bench.core.parents["P"].filled_qty == 0
    assert len(bench.records(ReportIgnored)) == 1


def test_F05_a_fill_before_the_acknowledgement_counts() -> None:
    bench = Bench()
    bench.quote("A", ((100, 10),))
    bench.parent(10)
    bench.fill("P.A.1", 100, 10)
    assert bench.ends() == [EndReason.FILLED]


def test_a_deadline_cancels_what_is_open_and_ends_with_its_answer() -> None:
    bench = Bench()
    bench.quote("A", ((100, 10),))
    bench.parent(10, deadline=50)
    assert WakeAt(50, Deadline("P")) in bench.out
    bench.wake(Deadline("P"), 50)
    assert bench.cancels() == ["P.A.1"]
    assert bench.ends() == []
    bench.fill("P.A.1", 100, 3, now=60)
    bench.canceled("P.A.1", now=60)
    assert bench.ends() == [EndReason.DEADLINE]
    done = bench.records(ParentDone)[0]
    assert isinstance(done, ParentDone)
    assert (done.filled_qty, done.canceled_qty) == (3, 7)


def test_attempts_are_bounded_and_the_parent_ends_with_that_reason() -> None:
    bench = Bench(max_attempts=2)
    bench.parent(10)
    for n in range(1, 4):
        bench.quote("A", ((100, 10),), now=n)
        if n <= 2:
            bench.canceled(f"P.A.{n}", now=n)
    assert len(bench.sent()) == 2
    assert bench.ends() == [EndReason.ATTEMPTS_EXHAUSTED]


def test_fees_rank_venues_by_effective_price() -> None:
    dear = (Fraction(1), Fraction(3, 10))
    profiles = (
        VenueProfile("A", "lit", 0, 1, 1, dear, FREE),
        VenueProfile("B", "lit", 1, 1, 1, FREE, FREE),
    )
    config = RouterConfig.model_validate_json('{"strategy": {"kind": "greedy"}}')
    core = RouterCore(profiles, config)
    for venue in "AB":
        core.on_quote(BookSnapshot(venue, 1, TimeNs(0), (), ((100, 10),)), 0)
    core.on_parent(ParentOrder("P", Side.BUY, 15), 0)
    out = core.on_wake(Decide(), 0)
    sent = [(o.venue_id, o.msg.order_qty) for o in out if isinstance(o, SendTo)]  # type: ignore[union-attr]
    assert sent == [("B", 10), ("A", 5)]


@pytest.mark.parametrize(
    ("side", "limit", "sent"),
    [
        (Side.BUY, None, (105, 20)),
        (Side.BUY, 104, (100, 10)),
        (Side.SELL, None, (95, 20)),
        (Side.SELL, 96, (100, 10)),
    ],
)
def test_a_child_stands_on_the_venues_grid_and_within_the_limit(
    side: Side, limit: int | None, sent: tuple[int, int]
) -> None:
    """Recorded books may show prices off the grid that their venue takes orders on."""
    profiles = (VenueProfile("A", "lit", 0, 5, 1, FREE, FREE),)
    core = RouterCore(profiles, RouterConfig.model_validate_json('{"strategy": {"kind":"greedy"}}'))
    book = (((100, 10), (97, 10)), ((100, 10), (103, 10)))
    core.on_quote(BookSnapshot("A", 1, TimeNs(0), *book), 0)
    core.on_parent(ParentOrder("P", side, 20, limit), 0)
    orders = [o.msg for o in core.on_wake(Decide(), 0) if isinstance(o, SendTo)]
    assert [(o.price, o.order_qty) for o in orders if isinstance(o, NewOrderSingle)] == [sent]


@given(st.data())
def test_I1_I2_quantity_is_conserved_and_no_parent_is_over_filled(data: st.DataObject) -> None:
    """Whatever venues answer, in whatever order, within the rules or not."""
    bench = Bench(max_attempts=20)
    qty = data.draw(st.integers(1, 60))
    bench.parent(qty)
    for now in range(1, 40):
        open_ids = [c.cl_ord_id for c in bench.core.children.values() if c.leaves_qty]
        act = data.draw(st.sampled_from(["quote", "fill", "cancel", "reject", "timeout"]))
        if act == "quote" or not open_ids:
            levels = data.draw(st.lists(st.integers(1, 20), max_size=3))
            asks = tuple([(100 + n, lots) for n, lots in enumerate(levels)])
            bench.quote(data.draw(st.sampled_from("AB")), asks, now)
        elif act == "timeout":
            bench.wake(AckTimeout(), now)
        else:
            target = data.draw(st.sampled_from(open_ids))
            if act == "fill":
                bench.fill(
                    target, data.draw(st.integers(99, 104)), data.draw(st.integers(1, 25)), now
                )
            elif act == "cancel":
                bench.canceled(target, now)
            else:
                bench.report(
                    ExecType.REJECTED, target, now, reject_reason=RejectReason.EXCHANGE_CLOSED
                )
        parent = bench.core.parents["P"]
        children = bench.core.children.values()
        assert parent.filled_qty == sum(c.cum_qty for c in children)
        assert parent.reserved_qty == sum(c.leaves_qty for c in children)
        assert 0 <= parent.filled_qty <= parent.filled_qty + parent.reserved_qty <= qty
        fills = [o for o in bench.out if isinstance(o, Fill)]
        assert parent.filled_qty == sum(f.last_qty for f in fills)
        assert all(f.last_px <= bench.core.children[f.cl_ord_id].price for f in fills)
