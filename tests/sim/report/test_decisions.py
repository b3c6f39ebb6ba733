import msgspec

from sim.audit.control_records import ControlBreach, Kept
from sim.audit.records import ChildCanceled, ChildRejected, ChildSent, Decision, Fill, Record, Slice
from sim.protocol.enums import Control, DecisionReason, RejectReason, Side, TimeInForce
from sim.report.decisions import decision_rows


def decision(t_ns: int, *split: Slice, parent: str = "P") -> Decision:
    return Decision(
        t_ns=t_ns,
        decision_id=1,
        parent_id=parent,
        reason=DecisionReason.INITIAL,
        strategy="greedy",
        unreserved_qty=9,
        depth="full",
        effective_scale=1,
        quotes=(),
        ranking=(),
        split=split,
        refused=(),
    )


def sent(child: str, qty: int = 9) -> ChildSent:
    parent, venue, _ = child.split(".")
    return ChildSent(
        t_ns=2,
        cl_ord_id=child,
        parent_id=parent,
        decision_id=1,
        venue_id=venue,
        side=Side.BUY,
        order_qty=qty,
        price=100,
        time_in_force=TimeInForce.IOC,
        shown_px=None,
        quote_seq=None,
    )


def canceled(child: str, qty: int) -> ChildCanceled:
    return ChildCanceled(
        t_ns=5,
        cl_ord_id=child,
        venue_id=child.split(".")[1],
        canceled_qty=qty,
        cum_qty=0,
        processed_ns=0,
        sent_ns=0,
        drawn_ns=0,
        held_ns=0,
    )


def rejected(child: str) -> ChildRejected:
    return ChildRejected(
        t_ns=5,
        cl_ord_id=child,
        venue_id=child.split(".")[1],
        reason=RejectReason.THROTTLED,
        processed_ns=0,
        sent_ns=0,
        drawn_ns=0,
        held_ns=0,
    )


def fill(child: str, leaves: int) -> Fill:
    return Fill(
        t_ns=4,
        cl_ord_id=child,
        parent_id=child.split(".", maxsplit=1)[0],
        venue_id=child.split(".")[1],
        exec_id=1,
        last_px=100,
        last_qty=1,
        cum_qty=1,
        leaves_qty=leaves,
        fee="0",
        is_maker=False,
        best_px=None,
        processed_ns=0,
        sent_ns=0,
        drawn_ns=0,
        held_ns=0,
    )


def test_levels_of_one_venue_are_one_figure() -> None:
    rows, count = decision_rows([decision(1, Slice("A", 10, 3), Slice("A", 11, 4))], 5)
    assert (rows[0].split, count) == ({"A": 7}, 1)


def test_what_came_back_belongs_to_the_next_decision_alone() -> None:
    log: list[Record] = [decision(1), sent("P.A.1", 2), sent("P.A.2", 3)]
    log += [canceled("P.A.1", 2), canceled("P.A.2", 3), decision(6), decision(7)]
    rows, _ = decision_rows(log, 5)
    assert [row.came_back for row in rows] == [{}, {"A": 5}, {}]


def test_what_a_venue_rejected_came_back_and_what_it_filled_did_not() -> None:
    log: list[Record] = [decision(1), sent("P.A.1"), sent("P.B.1"), sent("P.C.1")]
    log += [fill("P.A.1", 8), rejected("P.B.1"), canceled("P.A.1", 8), fill("P.C.1", 0)]
    rows, _ = decision_rows([*log, decision(6)], 5)
    assert rows[1].came_back == {"B": 9, "A": 8}


def test_what_came_back_belongs_to_its_own_parent() -> None:
    log: list[Record] = [decision(1), sent("P.A.1"), sent("Q.A.1", 4)]
    log += [canceled("P.A.1", 9), canceled("Q.A.1", 4), decision(6, parent="Q"), decision(6)]
    rows, _ = decision_rows(log, 5)
    assert [row.came_back for row in rows[1:]] == [{"A": 4}, {"A": 9}]


def test_further_decisions_are_counted_only() -> None:
    rows, count = decision_rows([decision(n) for n in range(4)], 2)
    assert ([row.t_ns for row in rows], count) == ([0, 1], 4)


def kept_back(qty: int, allowed: int | None, *, replaces: bool = False) -> ControlBreach:
    return ControlBreach(
        t_ns=1,
        control=Control.MAX_ORDER_QTY,
        found=qty,
        limit=1,
        then="smaller",
        parent_id="P",
        order=Kept("P.A.1", 1, "A", Side.BUY, qty, 10, replaces),
        allowed_qty=allowed,
    )


def test_what_a_control_kept_back_was_not_sent() -> None:
    """An order that shrinks twice, a replace that stays away, and one that is about no order."""
    log: list[Record] = [decision(1, Slice("A", 10, 9), Slice("B", 10, 2))]
    log += [kept_back(9, 4), kept_back(4, 3), kept_back(7, None, replaces=True)]
    log += [msgspec.structs.replace(kept_back(9, None), order=None)]
    rows, _ = decision_rows(log, 5)
    assert (rows[0].split, rows[0].kept) == ({"A": 9, "B": 2}, {"A": 6})


def test_an_order_that_a_control_stops_is_kept_back_whole() -> None:
    rows, _ = decision_rows([decision(1, Slice("A", 10, 9)), kept_back(9, None)], 5)
    assert rows[0].kept == {"A": 9}
