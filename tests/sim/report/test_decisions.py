from sim.audit.records import ChildCanceled, Decision, Record, Slice
from sim.protocol.enums import DecisionReason
from sim.report.decisions import decision_rows


def decision(t_ns: int, *split: Slice) -> Decision:
    return Decision(
        t_ns=t_ns,
        decision_id=1,
        parent_id="P",
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


def canceled(qty: int) -> ChildCanceled:
    return ChildCanceled(
        t_ns=5,
        cl_ord_id="c",
        venue_id="A",
        canceled_qty=qty,
        cum_qty=0,
        processed_ns=0,
        sent_ns=0,
        drawn_ns=0,
        held_ns=0,
    )


def test_levels_of_one_venue_are_one_figure() -> None:
    rows, count = decision_rows([decision(1, Slice("A", 10, 3), Slice("A", 11, 4))], 5)
    assert (rows[0].split, count) == ({"A": 7}, 1)


def test_what_came_back_belongs_to_the_next_decision_alone() -> None:
    log: list[Record] = [decision(1), canceled(2), canceled(3), decision(6), decision(7)]
    rows, _ = decision_rows(log, 5)
    assert [row.came_back for row in rows] == [{}, {"A": 5}, {}]


def test_further_decisions_are_counted_only() -> None:
    rows, count = decision_rows([decision(n) for n in range(4)], 2)
    assert ([row.t_ns for row in rows], count) == ([0, 1], 4)
