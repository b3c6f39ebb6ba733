"""Rules of orders that shipped runs seldom meet, on records made by hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from router.core.memory import MEMORY as ROUTER_MEMORY
from router.outside.book import STRATEGY
from sim.audit.invariants import Invariants, least_ns, liveness
from sim.audit.order_ledger import MEMORY
from sim.audit.order_rules import INSTANT_DECISIONS_MAX, OUTSIDE
from sim.audit.records import (
    SCHEMA,
    Bust,
    CancelRejected,
    CancelSent,
    ChildAcked,
    ChildCanceled,
    ChildDropped,
    ChildReplaced,
    ChildSent,
    Correction,
    Decision,
    Depth,
    Fault,
    Fill,
    KnownQuote,
    Overfill,
    ParentDone,
    ParentReceived,
    ReplaceSent,
    RouterRestarted,
    RunStarted,
    ScheduleStep,
    Slice,
    StatusRequested,
    WrittenOff,
)
from sim.protocol.enums import CxlRejReason, DecisionReason, EndReason, Outcome, Side, TimeInForce
from sim.protocol.errors import InvariantError

STAMPS: dict[str, int] = {"processed_ns": 0, "sent_ns": 0, "drawn_ns": 0, "held_ns": 0}


@dataclass
class Forge:
    """Makes the records of parent P, which buys 100 at 50, and feeds them."""

    rules: Invariants = field(default_factory=Invariants)
    t_ns: int = 0
    decisions: int = 0
    children: int = 0
    limit: int | None = 50
    strategy: str = "greedy"
    quotes: tuple[KnownQuote, ...] = ()

    def take(self, kind: Callable[..., Any], **fields: Any) -> None:
        self.rules.take([kind(t_ns=self.t_ns, **fields)])

    def report(self, kind: Callable[..., Any], **fields: Any) -> None:
        self.take(kind, **{"cl_ord_id": "P.A.1", "venue_id": "A", **STAMPS, **fields})

    def begin(self, *, resends: int = 1, busted: bool = False) -> "Forge":
        scenario = {
            "venues": [],
            "router": {"cancel_resends": resends, "reroute": {"busted": busted}},
        }
        self.take(
            RunStarted,
            schema=SCHEMA,
            code_version="0",
            seed=1,
            sync="end",
            market_data="none",
            scenario=scenario,
            files={},
        )
        return self

    def parent(self, name: str = "P", qty: int = 100, deadline_ns: int | None = None) -> "Forge":
        self.take(
            ParentReceived,
            parent_id=name,
            side=Side.BUY,
            order_qty=qty,
            limit_px=self.limit,
            deadline_ns=deadline_ns,
            bid_px=None,
            ask_px=None,
        )
        return self

    def decide(
        self, *parts: tuple[str, int, int], name: str = "P", unreserved: int | None = None
    ) -> None:
        self.decisions += 1
        wanted = sum(qty for _, _, qty in parts)
        self.take(
            Decision,
            decision_id=self.decisions,
            parent_id=name,
            reason=DecisionReason.INITIAL,
            strategy=self.strategy,
            unreserved_qty=wanted if unreserved is None else unreserved,
            depth="full",
            effective_scale=1,
            quotes=self.quotes,
            ranking=(),
            split=tuple(Slice(*part) for part in parts),
            refused=(),
        )

    def send(self, qty: int = 60, price: int = 50, name: str = "P", venue: str = "A") -> str:
        self.decide((venue, price, qty), name=name)
        self.children += 1
        child = f"{name}.{venue}.{self.children}"
        self.take(
            ChildSent,
            cl_ord_id=child,
            parent_id=name,
            decision_id=self.decisions,
            venue_id=venue,
            side=Side.BUY,
            order_qty=qty,
            price=price,
            time_in_force=TimeInForce.DAY,
            shown_px=None,
            quote_seq=None,
        )
        return child

    def fill(self, qty: int, cum: int, leaves: int, px: int = 50, exec_id: int = 1) -> None:
        fill = {"last_px": px, "last_qty": qty, "cum_qty": cum, "leaves_qty": leaves}
        more = {"parent_id": "P", "fee": "0", "is_maker": False, "best_px": None}
        self.report(Fill, exec_id=exec_id, **fill, **more)

    def overfill(self, last: int, booked: int, excess: int, leaves: int) -> None:
        lots = {"last_qty": last, "booked_qty": booked, "excess_qty": excess, "leaves_qty": leaves}
        self.report(Overfill, exec_id=2, last_px=50, reason="too_much", **lots)

    def bust(self, was: int, cum: int, leaves: int, **more: Any) -> None:
        lots = {"was_qty": was, "cum_qty": cum, "leaves_qty": leaves, "reopened_qty": 0}
        known = {"parent_id": "P", "exec_id": 9, "exec_ref_id": 1, "was_px": 50, "excess_qty": 0}
        self.report(Bust, fee="0", **{**lots, **known, **more})

    def replace(self, qty: int, price: int, name: str = "P.A.1.R1") -> None:
        self.take(
            ReplaceSent,
            cl_ord_id=name,
            orig_cl_ord_id="P.A.1",
            venue_id="A",
            order_qty=qty,
            price=price,
            reason="quote_change",
        )

    def replaced(self, price: int, leaves: int, cum: int = 0, name: str = "P.A.1.R1") -> None:
        lots = {"order_qty": cum + leaves, "cum_qty": cum, "leaves_qty": leaves}
        self.report(ChildReplaced, cl_ord_id=name, orig_cl_ord_id="P.A.1", price=price, **lots)

    def cancel(self, name: str = "P.A.1.C1") -> None:
        self.take(CancelSent, cl_ord_id=name, orig_cl_ord_id="P.A.1", venue_id="A", reason="x")

    def done(self, filled: int, canceled: int, reason: EndReason = EndReason.DEADLINE) -> None:
        lots = {"filled_qty": filled, "canceled_qty": canceled}
        self.take(ParentDone, parent_id="P", end_reason=reason, **lots)

    def check(self) -> None:
        self.rules.check()


@pytest.fixture
def forge() -> Forge:
    return Forge().begin().parent()


def broken(says: str) -> Any:
    return pytest.raises(InvariantError, match=says)


# ------------------------------------------------------------ I1, I2, I5: lots


def test_I1_a_parent_that_ends_keeps_what_lies_with_a_silent_venue(forge: Forge) -> None:
    forge.send(60)
    forge.done(0, 40)  # 60 are open at a venue that does not answer
    forge.check()


@pytest.mark.parametrize(("filled", "canceled"), [(0, 100), (0, 39), (0, -1)])
def test_I1_a_parent_that_ends_loses_no_lot(forge: Forge, filled: int, canceled: int) -> None:
    forge.send(60)
    with broken("I1: parent P of 100 ends"):
        forge.done(filled, canceled)


def test_I1_a_run_that_ends_may_leave_lots_of_a_parent(forge: Forge) -> None:
    forge.send(60)
    forge.done(0, 0, EndReason.RUN_ENDED)


def test_I2_two_decisions_may_not_send_the_same_lots(forge: Forge) -> None:
    forge.send(60)
    with broken("I2: decision 2 has 41 lots to place, of parent P 40 are free"):
        forge.send(41)


def test_I2_a_decision_of_more_lots_than_it_has(forge: Forge) -> None:
    with broken("I2: decision 1 places 10 lots more than it has"):
        forge.decide(("A", 50, 60), unreserved=50)


def test_I2_a_decision_of_no_lots(forge: Forge) -> None:
    with broken("I2: decision 1 places 0 lots"):
        forge.decide(("A", 50, 0))


def test_I2_a_schedule_takes_nothing_back(forge: Forge) -> None:
    def step(released: int) -> None:
        plan = {"slice": 1, "slices": 3, "due_ns": 0, "planned_qty": released, "filled_qty": 0}
        forge.take(ScheduleStep, parent_id="P", schedule="twap", released_qty=released, **plan)

    step(40)
    with broken("I2: parent P has 39 lots released, after 40 of 100"):
        step(39)


def test_I1_I2_an_excess_goes_to_the_account_apart(forge: Forge) -> None:
    """F10: the venue says 70 of 60; 60 are booked, 10 are nobody's."""
    forge.send(60)
    forge.overfill(last=70, booked=60, excess=10, leaves=0)
    forge.fill(60, 60, 0, exec_id=2)
    forge.check()
    assert forge.rules.orders.account == {"A": 10}
    forge.done(60, 40)


@pytest.mark.parametrize(
    ("lots", "says"),
    [
        ({"last": 70, "booked": 61, "excess": 10, "leaves": 0}, "I1: of 70 lots"),
        ({"last": 70, "booked": 70, "excess": 0, "leaves": 0}, "I1: of 70 lots"),
        ({"last": 70, "booked": 61, "excess": 9, "leaves": 0}, "I2: child P.A.1 has 60"),
        ({"last": 70, "booked": 0, "excess": 70, "leaves": -1}, "I2: child P.A.1 has 60"),
    ],
)
def test_I1_I2_an_excess_is_booked_nowhere_else(
    forge: Forge, lots: dict[str, int], says: str
) -> None:
    forge.send(60)
    with broken(says):
        forge.overfill(**lots)


def test_I3_nothing_is_booked_of_a_fill_after_the_end(forge: Forge) -> None:
    """F14: all of it goes apart, none of it to the parent."""
    forge.send(60)
    forge.report(ChildCanceled, canceled_qty=60, cum_qty=0)
    forge.overfill(last=60, booked=0, excess=60, leaves=0)
    forge.check()
    with broken("I2: child P.A.1 has 0 lots open, 1 are booked"):
        forge.overfill(last=60, booked=1, excess=59, leaves=-1)


def test_I1_lots_outside_the_limit_can_fill_no_more(forge: Forge) -> None:
    """F20: the venue holds them to be filled, so they are free for other venues."""
    forge.send(60)
    forge.overfill(last=60, booked=0, excess=60, leaves=0)
    forge.send(100)
    forge.check()


def test_I1_I5_a_bust_moves_lots_from_filled_to_busted(forge: Forge) -> None:
    forge.send(60)
    forge.fill(60, 60, 0)
    forge.bust(60, 0, 0)
    forge.check()
    with broken("I2: decision 2 has 41 lots"):  # what was busted is not sent anew
        forge.send(41)


def test_I1_busted_lots_are_sent_anew_where_the_scenario_says_so() -> None:
    forge = Forge().begin(busted=True).parent()
    forge.send(60)
    forge.fill(60, 60, 0)
    forge.bust(60, 0, 0)
    forge.send(100)
    forge.check()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"was_qty": 61}, "I2: child P.A.1 has 60 lots filled, 61 are taken back"),
        ({"reopened_qty": 60}, "I2: child P.A.1 has 60 lots filled, 60 .* 60 open again"),
        ({"exec_ref_id": 8}, "I3: fill 8 of child P.A.1 was not booked"),
        ({"excess_qty": 1}, "I1: 1 lots of child P.A.1 leave the account apart"),
        ({"cum_qty": 1}, "I1: child P.A.1 says 1 filled"),
    ],
)
def test_I1_I2_only_what_is_filled_can_be_busted(
    forge: Forge, change: dict[str, int], says: str
) -> None:
    forge.send(60)
    forge.fill(60, 60, 0)
    with broken(says):
        forge.bust(**{"was": 60, "cum": 0, "leaves": 0, **change})


def test_I5_the_cost_of_a_parent_is_that_of_its_children(forge: Forge) -> None:
    forge.send(60)
    forge.fill(20, 20, 40, px=49)
    forge.fill(40, 60, 0, px=50, exec_id=2)
    parent = forge.rules.orders.parents["P"]
    assert parent.tick_lots == 20 * 49 + 40 * 50
    forge.check()
    parent.tick_lots += 1
    with broken("I5: parent P has .* 2981"):
        forge.check()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda child: setattr(child, "cum", child.cum + 1), "I1: child P.A.1"),
        (lambda child: setattr(child, "leaves", child.leaves - 1), "I1: child P.A.1"),
        (lambda child: setattr(child, "end", "fill"), "I3: child P.A.1 ended by fill"),
        (lambda child: setattr(child.parent, "filled", 21), "I5: parent P"),
        (lambda child: setattr(child.parent, "working", 39), "I5: parent P"),
    ],
)
def test_I1_I3_I5_the_walk_finds_a_spoilt_ledger(
    forge: Forge, spoil: Callable[[Any], None], says: str
) -> None:
    forge.send(60)
    forge.fill(20, 20, 40)
    forge.check()
    spoil(forge.rules.orders.children["P.A.1"])
    with broken(says):
        forge.check()


def test_I13_a_router_comes_back_with_what_its_records_say(forge: Forge) -> None:
    """P06."""
    forge.send(60)
    forge.parent("Q")
    forge.take(RouterRestarted, parents=2, children=1, records=9)
    with broken("I13: the router came back with 2 parents and 2 open children, .* 2 and 1"):
        forge.take(RouterRestarted, parents=2, children=2, records=9)


# ------------------------------------------------------------ I3, I4: ends and requests


def test_I3_a_child_that_is_written_off_ends_with_what_is_open(forge: Forge) -> None:
    forge.send(60)
    off = {"cl_ord_id": "P.A.1", "parent_id": "P", "venue_id": "A", "cum_qty": 0}
    with broken("I1: child P.A.1 ends with 0 filled and 59 open"):
        forge.take(WrittenOff, written_off_qty=59, **off)


def test_I3_after_writing_off_nothing_of_a_child_is_booked(forge: Forge) -> None:
    forge.send(60)
    off = {"cl_ord_id": "P.A.1", "parent_id": "P", "venue_id": "A", "cum_qty": 0}
    forge.take(WrittenOff, written_off_qty=60, **off)
    with broken("I3: child P.A.1 is filled after its end by written_off"):
        forge.fill(60, 60, 0)


def test_I3_after_the_end_of_its_parent_nothing_of_a_child_is_booked(forge: Forge) -> None:
    forge.send(60)
    forge.done(0, 40)
    with broken("I3: child P.A.1 is filled after the end of its parent"):
        forge.fill(60, 60, 0)


def test_I3_what_is_dropped_has_not_left(forge: Forge) -> None:
    forge.send(60)
    dropped = {"parent_id": "P", "decision_id": 1, "venue_id": "A", "order_qty": 60, "reason": "x"}
    with broken("I3: child P.A.1 is dropped, but it has left"):
        forge.take(ChildDropped, cl_ord_id="P.A.1", **dropped)


def test_I14_what_is_dropped_cannot_leave_later(forge: Forge) -> None:
    forge.decide(("A", 50, 60))
    dropped = {"parent_id": "P", "decision_id": 1, "venue_id": "A", "order_qty": 60, "reason": "x"}
    forge.take(ChildDropped, cl_ord_id="P.A.1", **dropped)
    assert not forge.rules.orders.parents["P"].plans


def test_I4_a_replace_is_confirmed_as_it_was_asked(forge: Forge) -> None:
    forge.send(60, price=48)
    forge.replace(60, 49)
    with broken("I4: child P.A.1 is replaced to 50 by P.A.1.R1, asked was 49"):
        forge.replaced(50, 60)


def test_I4_a_replace_that_nobody_asked_for(forge: Forge) -> None:
    forge.send(60)
    with broken("I4: child P.A.1 is replaced to 50 by P.A.1.R1, asked was None by nobody"):
        forge.replaced(50, 60)


def test_I2_a_replace_opens_no_more_lots(forge: Forge) -> None:
    forge.send(60)
    forge.replace(30, 50)
    with broken("I1: child P.A.1 says 0 filled and 61 open"):
        forge.replaced(50, 61)


def test_I2_a_replace_asks_for_no_more_lots(forge: Forge) -> None:
    forge.send(60)
    with broken("I2: P.A.1.R1 asks for 61 lots, child P.A.1 has 60"):
        forge.replace(61, 50)


def test_I1_a_replace_frees_lots(forge: Forge) -> None:
    forge.send(60)
    forge.replace(20, 50)
    forge.replaced(50, 20)
    forge.send(80)
    forge.check()


def test_I3_nobody_is_asked_about_a_child_that_never_left(forge: Forge) -> None:
    forge.send(60)
    forge.take(StatusRequested, cl_ord_id="P.A.1", venue_id="A", reason="no_answer")
    with broken("I3: child P.A.2 was never sent"):
        forge.take(StatusRequested, cl_ord_id="P.A.2", venue_id="A", reason="no_answer")


@pytest.mark.parametrize("ask", [Forge.cancel, lambda forge: forge.replace(60, 50)])
def test_I4_nothing_is_asked_of_a_child_that_has_ended(
    forge: Forge, ask: Callable[[Forge], None]
) -> None:
    forge.send(60)
    forge.report(ChildCanceled, canceled_qty=60, cum_qty=0)
    with broken("I3: child P.A.1 is to be"):
        ask(forge)


# ------------------------------------------------------------ I6: limits


@pytest.mark.parametrize("px", [51, 10**9])
def test_I6_no_decision_and_no_child_past_the_limit_of_the_client(forge: Forge, px: int) -> None:
    with broken(f"I6: decision 1 places at {px}, past the limit 50 of P"):
        forge.send(60, price=px)


def test_I6_no_child_leaves_past_the_limit_of_the_client(forge: Forge) -> None:
    forge.decide(("A", 50, 60))
    sent = {"cl_ord_id": "P.A.1", "parent_id": "P", "decision_id": 1, "venue_id": "A"}
    known = {"time_in_force": TimeInForce.IOC, "shown_px": None, "quote_seq": None}
    with broken("I6: child P.A.1 leaves at 51, past the limit 50 of P"):
        forge.take(ChildSent, side=Side.BUY, order_qty=60, price=51, **sent, **known)


def test_I6_no_fill_past_the_limit_of_its_child(forge: Forge) -> None:
    forge.send(60, price=49)
    with broken("I6: child P.A.1 trades at 50, past the limit 49"):
        forge.fill(60, 60, 0, px=50)


def test_I6_a_fill_may_be_at_either_price_while_a_replace_is_under_way(forge: Forge) -> None:
    forge.send(60, price=48)
    forge.replace(60, 49)
    forge.fill(20, 20, 40, px=49)
    with broken("I6: child P.A.1 trades at 50, past the limit 49"):
        forge.fill(40, 60, 0, px=50, exec_id=2)


def test_I6_a_refused_replace_leaves_the_limit(forge: Forge) -> None:
    forge.send(60, price=48)
    forge.replace(60, 49)
    forge.report(
        CancelRejected, cl_ord_id="P.A.1.R1", orig_cl_ord_id="P.A.1", reason=CxlRejReason.TOO_LATE
    )
    with broken("I6: child P.A.1 trades at 49, past the limit 48"):
        forge.fill(60, 60, 0, px=49)


def test_I6_no_replace_past_the_limit_of_the_client(forge: Forge) -> None:
    forge.send(60)
    with broken("I6: P.A.1.R1 asks for 51, past the limit 50 of P"):
        forge.replace(60, 51)


def test_I6_no_correction_past_the_limit(forge: Forge) -> None:
    forge.send(60)
    forge.fill(60, 60, 0)
    lots = {"was_qty": 60, "last_qty": 60, "cum_qty": 60, "leaves_qty": 0, "reopened_qty": 0}
    known = {"parent_id": "P", "exec_id": 9, "exec_ref_id": 1, "excess_qty": 0, "fee": "0"}
    with broken("I6: child P.A.1 trades at 51"):
        forge.report(Correction, was_px=50, last_px=51, **lots, **known)


# ------------------------------------------------------------ I7, I8 of whole books


@pytest.mark.parametrize(
    ("bids", "asks", "says"),
    [
        (((9, 0),), (), "I7: A has a bid of 0 at 9"),
        ((), ((0, 5),), "I7: A has a ask of 5 at 0"),
        (((10, 1),), ((10, 1),), "I8: A has a bid of 10 and an ask of 10"),
    ],
)
def test_I7_I8_of_a_published_book(forge: Forge, bids: Any, asks: Any, says: str) -> None:
    with broken(says):
        forge.take(Depth, venue_id="A", venue_seq=1, bids=bids, asks=asks)


# ------------------------------------------------------------ I11, I17, I18


@pytest.mark.parametrize(
    ("law", "least"),
    [
        ({"model": "fixed", "delay": "5ms"}, 7_000_000),
        ({"model": "shifted_exponential", "shift": "1ms", "mean": "9ms"}, 3_000_000),
        ({"model": "lognormal", "median": "1ms", "sigma": 1.0}, 2_000_000),
        ({"model": "fixed", "delay": "what"}, 0),
    ],
)
def test_I11_the_smallest_delay_of_a_leg(law: dict[str, Any], least: int) -> None:
    venue = {"latency": {"order": law}, "speed_bump": {"order": "2ms"}}
    assert least_ns(venue, "order") == least


def test_I14_a_feed_that_a_fault_has_struck_may_stamp_what_it_likes() -> None:
    """D09: a venue's clock stands a day behind; that is told, and misleads the router alone."""
    forge = Forge().begin().parent()
    told = {"fault_id": "f", "fault": "clock_fault", "phase": "struck"}
    old = KnownQuote("A", 1, 86_400_000_000_000, 0, ((50, 10),), 1, 0)
    forge.take(Fault, venue_id="A", leg="report", **told)
    forge.quotes = (old,)
    with broken("I14: decision 1 knows a quote of A that is 86400000000000 ns old"):
        forge.decide(unreserved=100)
    forge.rules.broken = None
    forge.take(Fault, venue_id="A", leg="feed", **told)
    forge.decide(unreserved=100)


def test_I17_a_cancel_is_sent_again_only_so_often(forge: Forge) -> None:
    forge.send(60)
    forge.cancel()
    forge.cancel()
    forge.cancel("P.A.1.C2")  # another request begins anew
    forge.cancel("P.A.1.C2")
    with broken("I17: P.A.1.C2 is sent again 2 times, allowed are 1"):
        forge.cancel("P.A.1.C2")


def test_I17_no_tight_loop_of_decisions(forge: Forge) -> None:
    for _ in range(INSTANT_DECISIONS_MAX):
        forge.decide(unreserved=100)
    forge.t_ns += 1
    for _ in range(INSTANT_DECISIONS_MAX):
        forge.decide(unreserved=100)
    with broken("I17: parent P is decided 1001 times at one instant"):
        forge.decide(unreserved=100)


def test_I17_what_has_ended_is_forgotten_later_than_the_router_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert MEMORY >= ROUTER_MEMORY
    monkeypatch.setattr("sim.audit.order_ledger.MEMORY", 8)
    forge = Forge(limit=None).begin().parent("P", 10**6)
    first = forge.send(1)
    ended = {"venue_id": "A", "canceled_qty": 1, "cum_qty": 0, **STAMPS}
    forge.take(ChildCanceled, cl_ord_id=first, **ended)
    forge.done(0, 10**6)
    forge.parent("Q", 10**6)
    known = []
    for _ in range(7 * 8):
        forge.t_ns += 1
        forge.take(ChildCanceled, cl_ord_id=forge.send(1, name="Q"), **ended)
        known.append(first in forge.rules.orders.children)
    assert known[3 * 8]
    assert not known[-1]
    forge.check()  # what is forgotten still counts


def test_I18_every_parent_ends_in_time_after_the_faults(forge: Forge) -> None:
    forge.t_ns = 500
    orders = forge.rules.orders
    liveness(orders, stopped_ns=100, within_ns=400, ended_ns=500)
    with broken("I18: parent P had until 499 ns, it was still open at 500 ns"):
        liveness(orders, stopped_ns=100, within_ns=399, ended_ns=500)
    forge.done(0, 100)
    with broken("I18: parent P had until 499 ns, it ended at 500 ns"):
        liveness(orders, stopped_ns=100, within_ns=399, ended_ns=900)
    liveness(orders, stopped_ns=100, within_ns=400, ended_ns=900)


def test_I18_the_time_counts_from_the_deadline() -> None:
    forge = Forge().begin().parent(deadline_ns=1_000)
    liveness(forge.rules.orders, stopped_ns=0, within_ns=10, ended_ns=1_010)
    with broken("I18: parent P had until 1010 ns"):
        liveness(forge.rules.orders, stopped_ns=0, within_ns=10, ended_ns=1_011)


# ------------------------------------------------------------ I16, and what follows a breach


def test_I16_a_run_is_not_complete_while_a_parent_is_open(forge: Forge) -> None:
    with broken("I16: the run ends without the end of parent P"):
        forge.rules.check_end(Outcome.COMPLETE)
    forge.done(0, 0, EndReason.RUN_ENDED)
    forge.rules.check_end(Outcome.INCOMPLETE)
    with broken("I16: the run is complete, parent P is run_ended"):
        forge.rules.check_end(Outcome.COMPLETE)


def test_after_a_breach_no_order_leaves_and_all_else_is_written(forge: Forge) -> None:
    told: list[InvariantError] = []
    forge.rules._on_breach = told.append
    forge.decide(("B", 50, 40))
    forge.send(60)
    with broken("I2: child") as first:
        forge.fill(61, 61, -1)
    forge.fill(60, 60, 0)  # nobody knows any more what is true
    forge.done(60, 40, EndReason.ABORTED)
    with broken("I2: child") as again:
        forge.send(1)
    assert again.value is first.value is forge.rules.broken
    assert told == [first.value]


def test_a_router_that_is_not_ours_may_do_what_its_tests_look_for() -> None:
    """It sends more than it has, past the limit, and asks again and again."""
    assert OUTSIDE == STRATEGY
    forge = Forge(strategy=OUTSIDE).begin(resends=0).parent()
    forge.send(90, price=60)
    forge.cancel()
    forge.cancel()
    forge.fill(90, 90, 0, px=60)
    forge.cancel()
    forge.send(90)
    forge.take(ChildAcked, cl_ord_id="P.A.2", venue_id="A", order_id=1, **STAMPS)
    forge.check()
    with broken("I3: report 1 of child P.A.1 is booked twice|I3: child P.A.1 is filled after"):
        forge.fill(90, 90, 0, px=60)
