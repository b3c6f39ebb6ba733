"""What must hold in any run, judged from its log alone."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sim.audit.records import (
    BookAtArrival,
    CancelRejected,
    CancelSent,
    ChildAcked,
    ChildCanceled,
    ChildDropped,
    ChildRejected,
    ChildSent,
    Decision,
    Depth,
    Fill,
    KnownQuote,
    ParentDone,
    ParentReceived,
    Record,
    ReportIgnored,
    RunFinished,
    RunStarted,
)
from sim.audit.verify import verify
from sim.protocol.enums import EndReason, Outcome, Side
from sim.protocol.market_data import Levels

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Stamped = BookAtArrival | ChildAcked | ChildRejected | Fill | ChildCanceled | CancelRejected
FromVenue = ChildAcked | ChildRejected | Fill | ChildCanceled | CancelRejected


@dataclass
class Child:
    sent: ChildSent
    leaves: int
    reachable: Levels = ()
    fills: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    ends: int = 0


@dataclass
class Parent:
    received: ParentReceived
    filled: int = 0
    reserved: int = 0
    tick_lots: int = 0
    fees: Decimal = Decimal(0)
    canceled: int = 0
    done: ParentDone | None = None


@settings(max_examples=40)
@given(data=st.data())
def test_any_run_keeps_the_rules(
    data: st.DataObject,
    any_world: st.SearchStrategy[Data],
    run_checked: Callable[[Data], "Ran"],
    tmp_path_factory: Any,
) -> None:
    world = data.draw(any_world)
    ran = run_checked(world)
    parents, children = replay(ran.records)
    check_order_of_time(ran.records)
    check_links(ran.records, world["scenario"])
    check_fills_were_there(children)
    check_decisions(ran.records, children)
    check_ends(ran, parents)
    check_summary(ran, parents)
    assert run_checked(world).result.log == ran.result.log, "I12"
    assert ran.result.log is not None
    path = Path(tmp_path_factory.getbasetemp(), "drawn.jsonl")
    path.write_bytes(ran.result.log)
    found = verify(path, ran.result.summary["audit_head"])
    assert found.ok, f"I15: {found.message}"


# ------------------------------------------------------------ order states, from the records


def replay(records: tuple[Record, ...]) -> tuple[dict[str, Parent], dict[str, Child]]:
    """I1, I2, I3, I5, I6 after each record: a second, naive set of books."""
    parents: dict[str, Parent] = {}
    children: dict[str, Child] = {}
    for record in records:
        assert not isinstance(record, ReportIgnored), "sound venues send nothing to ignore"
        match record:
            case ParentReceived():
                parents[record.parent_id] = Parent(record)
            case ChildSent():
                parent = parents[record.parent_id]
                assert parent.done is None, "nothing is sent for a parent that has ended"
                assert record.cl_ord_id not in children
                assert within(record.price, parent.received.limit_px, record.side), "I6"
                children[record.cl_ord_id] = Child(record, record.order_qty)
                parent.reserved += record.order_qty
            case BookAtArrival():
                children[record.cl_ord_id].reachable = record.levels
            case Fill():
                book_fill(record, children[record.cl_ord_id], parents[record.parent_id])
            case ChildCanceled() | ChildRejected():
                child = children[record.cl_ord_id]
                if isinstance(record, ChildCanceled):
                    assert record.canceled_qty == child.leaves
                    assert record.cum_qty == child.sent.order_qty - child.leaves
                parents[child.sent.parent_id].reserved -= child.leaves
                child.leaves = 0
                child.ends += 1
            case ParentDone():
                parents[record.parent_id].done = record
            case _:
                continue
        for parent in parents.values():
            free = parent.received.order_qty - parent.filled - parent.reserved
            assert min(free, parent.filled, parent.reserved) >= 0, f"I2 after {record}"
        assert all(child.ends <= 1 for child in children.values()), f"I3 after {record}"
    return parents, children


def book_fill(fill: Fill, child: Child, parent: Parent) -> None:
    assert child.ends == 0, "I3: no fill after the end"
    assert within(fill.last_px, child.sent.price, child.sent.side), "I6"
    child.leaves -= fill.last_qty
    assert fill.leaves_qty == child.leaves >= 0
    assert fill.cum_qty == child.sent.order_qty - child.leaves
    child.ends += child.leaves == 0
    child.fills[fill.last_px] += fill.last_qty
    parent.filled += fill.last_qty
    parent.reserved -= fill.last_qty
    parent.tick_lots += fill.last_px * fill.last_qty
    parent.fees += Decimal(fill.fee)


def within(price: int, limit: int | None, side: Side) -> bool:
    if limit is None:
        return True
    return price <= limit if side is Side.BUY else price >= limit


# ------------------------------------------------------------ time and links


def check_order_of_time(records: tuple[Record, ...]) -> None:
    """I11, and the frame of every log."""
    assert all(one.t_ns <= other.t_ns for one, other in pairwise(records)), "I11"
    assert isinstance(records[0], RunStarted)
    assert isinstance(records[-1], RunFinished)
    assert records[-1].records == len(records)


def check_links(records: tuple[Record, ...], scenario: Data) -> None:
    """I11: nothing is early. And no message overtakes another on its link."""
    sent_at: dict[str, int] = {}
    for r in records:
        if isinstance(r, ChildSent | CancelSent):  # a cancel may be sent again, under its own name
            sent_at.setdefault(r.cl_ord_id, r.t_ns)
    fixed = {
        (venue["id"], leg): int(venue["latency"][leg]["delay"][:-2]) * 1_000_000
        for venue in scenario["venues"]
        for leg in ("order", "report")
        if venue["latency"][leg]["model"] == "fixed"
    }
    last_sent: dict[tuple[str, str], int] = {}
    for record in records:
        if not isinstance(record, Stamped):
            continue
        leg = "order" if isinstance(record, BookAtArrival) else "report"
        link = record.venue_id, leg
        assert record.t_ns == record.sent_ns + record.drawn_ns + record.held_ns
        assert record.drawn_ns >= 0
        assert record.held_ns >= 0
        assert record.drawn_ns == fixed.get(link, record.drawn_ns)
        assert record.sent_ns >= last_sent.get(link, 0), "overtaken"
        last_sent[link] = record.sent_ns
        if isinstance(record, BookAtArrival):
            assert record.sent_ns == sent_at[record.cl_ord_id]
        else:
            assert record.processed_ns == record.sent_ns >= sent_at[record.cl_ord_id]
    for venue in scenario["venues"]:
        sent = [r.cl_ord_id for r in at(records, ChildSent, venue["id"])]
        arrived = [r.cl_ord_id for r in at(records, BookAtArrival, venue["id"])]
        assert arrived == sent[: len(arrived)], "orders arrive in the order of sending"


def at(records: tuple[Record, ...], kind: type[Any], venue_id: str) -> Iterator[Any]:
    return (r for r in records if isinstance(r, kind) and r.venue_id == venue_id)


# ------------------------------------------------------------ fills and decisions


def check_fills_were_there(children: dict[str, Child]) -> None:
    """No venue filled more at a price than the child met there."""
    for child in children.values():
        there = dict(child.reachable)
        for price, lots in child.fills.items():
            assert lots <= there.get(price, 0), (child.sent, child.reachable, dict(child.fills))


def check_decisions(records: tuple[Record, ...], children: dict[str, Child]) -> None:
    """I14: before each child its decision, resting on quotes that were published and are as old."""
    published: dict[str, list[Depth]] = defaultdict(list)
    decided: dict[tuple[int, str], int] = {}
    sides = {r.parent_id: r.side for r in records if isinstance(r, ParentReceived)}
    for record in records:
        match record:
            case Depth():
                published[record.venue_id].append(record)
            case Decision():
                asked = sum(part.qty for part in record.split)
                assert asked <= record.unreserved_qty
                for quote in record.quotes:
                    check_quote(record, quote, published[quote.venue_id], sides[record.parent_id])
                for part in record.split:
                    key = record.decision_id, part.venue_id
                    decided[key] = decided.get(key, 0) + part.qty
            case ChildSent() | ChildDropped():
                assert decided.pop((record.decision_id, record.venue_id)) == record.order_qty
            case _:
                continue
    assert decided == {}, "what was chosen was sent, or recorded as dropped"


def check_quote(decision: Decision, quote: KnownQuote, depths: list[Depth], side: Side) -> None:
    """What the router may use is at most what the venue had published by then."""
    known = [depth for depth in depths if depth.venue_seq <= quote.venue_seq]
    assert quote.age_ns >= 0
    assert known, "the router knows a book that nobody published"
    assert known[-1].t_ns <= decision.t_ns - quote.age_ns, "published later than the quote's age"
    shown = dict(known[-1].asks if side is Side.BUY else known[-1].bids)
    assert all(0 < lots <= shown.get(price, 0) for price, lots in quote.levels)


# ------------------------------------------------------------ ends and sums


def check_ends(ran: "Ran", parents: dict[str, Parent]) -> None:
    """I1, I16, I18: each parent ends once with its reason, and the outcome says what happened."""
    reasons = set()
    for parent in parents.values():
        done = parent.done
        assert done is not None
        reasons.add(done.end_reason)
        open_qty = parent.received.order_qty - done.filled_qty - done.canceled_qty
        assert done.filled_qty == parent.filled
        if done.end_reason is EndReason.RUN_ENDED:
            assert done.canceled_qty == 0
        else:
            assert (open_qty, parent.reserved) == (0, 0)
        deadline = parent.received.deadline_ns
        if done.end_reason is EndReason.DEADLINE:
            assert deadline is not None
            assert done.t_ns >= deadline
        assert (done.end_reason is EndReason.FILLED) == (parent.filled == parent.received.order_qty)
    late = len(parents) < len(ran.result.summary["parents"])
    incomplete = EndReason.RUN_ENDED in reasons or late
    assert ran.result.outcome is (Outcome.INCOMPLETE if incomplete else Outcome.COMPLETE)
    assert ran.result.exit_code == (1 if incomplete else 0)


def check_summary(ran: "Ran", parents: dict[str, Parent]) -> None:
    """I5: quantity, cost and fees of the children are the parent's, to the last digit."""
    for row in ran.result.summary["parents"]:
        parent = parents[row["parent_id"]]
        assert row["filled_qty"] == parent.filled
        assert Decimal(row["notional"]) == parent.tick_lots * Decimal("0.01")
        assert Decimal(row["fees"]) == parent.fees
        of_venues = row["venues"].values()
        assert sum(part["filled_qty"] for part in of_venues) == parent.filled
        assert sum(Decimal(part["fees"]) for part in of_venues) == parent.fees
