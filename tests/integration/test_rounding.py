"""Whole runs in which lots do not fit, and in which several things happen at one nanosecond."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import Decision, Fill, ParentDone, ParentReceived, TradePrint

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Make = Callable[..., Data]

_AT_THE_ROUTER = (Fill, ParentReceived)


@pytest.mark.parametrize("kind", ["greedy", "top_of_book", "min_impact", "min_risk"])
@pytest.mark.parametrize(("qty", "filled"), [(1, 1), (2, 2), (6, 6), (7, 7), (21, 20)])
def test_D12_I1_I5_children_and_rest_are_the_parent_to_the_lot(
    market: Make, lit: Make, run_data: Callable[..., "Ran"], kind: str, qty: int, filled: int
) -> None:
    """Venues trade in fives, in threes and in ones: 15 + 3 + 2 is all they have for 21."""
    venues = [
        lit("A", [["100.00", 15]], lot_size=5),
        lit("B", [["100.01", 3]], lot_size=3),
        lit("C", [["100.02", 2]]),
    ]
    if qty in {7, 2}:
        venues[2] = lit("C", [["100.02", 5]])
    ran = run_data(market(venues, qty=qty, router={"strategy": {"kind": kind}}))
    row = ran.parent
    assert row["order_qty"] == qty
    assert row["filled_qty"] == filled
    assert row["filled_qty"] + row["leaves_qty"] + row["canceled_qty"] == qty
    assert sum(fill.last_qty for fill in ran.of(Fill)) == filled
    assert sum(venue["filled_qty"] for venue in row["venues"].values()) == filled
    assert ran.result.exit_code == (0 if filled == qty else 1), "an open rest is never silent"


def test_D12_a_rest_below_every_lot_is_said_to_be_too_small(
    market: Make, lit: Make, run_data: Callable[..., "Ran"]
) -> None:
    ran = run_data(market([lit("A", [["100.00", 100]], lot_size=5)], qty=7))
    last = ran.of(Decision)[-1]
    assert (last.unreserved_qty, last.split) == (2, ())
    assert [(one.venue_id, one.reason) for one in last.refused] == [("A", "too_small")]
    (done,) = ran.of(ParentDone)
    assert (done.filled_qty, done.end_reason.value) == (5, "run_ended")
    assert (ran.parent["leaves_qty"], ran.result.exit_code) == (2, 1)


def test_D10_what_meets_at_one_nanosecond_comes_by_priority_and_then_by_its_turn(
    market: Make, lit: Make, run_data: Callable[..., "Ran"]
) -> None:
    """Others first, then our orders in the order of sending; reports before quotes; and again.

    At 5 ms the venue gets an order of others and ours, at 10 ms the router gets reports and quotes
    of both venues, and two more parents.
    """
    flow = {
        "kind": "scripted",
        "orders": [
            {"at": "5ms", "id": f"O{n}", "side": "buy", "qty": 4, "price": "100.00", "tif": "IOC"}
            for n in range(2)
        ],
    }
    venues = [lit(v, [["100.00", 10]], flow=[flow]) for v in ("B", "A")]
    data = market(venues, qty=20)
    data["parents"] += [{"id": name, "side": "buy", "qty": 1, "at": "10ms"} for name in ("Z", "Q")]
    ran = run_data(data)
    for venue_id in ("A", "B"):
        prints = [trade.qty for trade in ran.of(TradePrint) if trade.venue_id == venue_id]
        assert prints == [4, 4, 2], "those of others come before ours"
    now = [record for record in ran.records if record.t_ns == 10_000_000]
    kinds = [type(record) for record in now if isinstance(record, _AT_THE_ROUTER)]
    assert kinds == sorted(kinds, key=_AT_THE_ROUTER.index), "reports, then timers"
    assert [r.venue_id for r in now if isinstance(r, Fill)] == ["A", "B"], "as they were sent"
    received = [record.parent_id for record in now if isinstance(record, ParentReceived)]
    assert received == ["Z", "Q"], "equal in time and kind: as the file has them"
    assert run_data(data).result.log == ran.result.log
