"""Orders that rest and are replaced: messages over the real loop and links.

Each way to and from a scripted venue takes 1 ms.
"""

from typing import TYPE_CHECKING, Any

from sim.audit.records import CancelRejected, ChildReplaced, ReplaceSent
from sim.protocol.enums import CxlRejReason, EndReason, ExecType, OrdStatus
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest

if TYPE_CHECKING:
    from tests.integration.conftest import Floor

MS = 1_000_000
ASK = 10_000
REST: dict[str, Any] = {"rest": {"price": "touch", "move_after": "0ns"}}


async def test_F16_a_new_total_below_what_is_filled_closes_the_order_at_filled(
    floor: "Floor",
) -> None:
    """Lots appear elsewhere; while 70 are being taken out of the book, 80 fill in it."""
    a, b = floor.scripted("A"), floor.scripted("B")
    a.shows(1, bids=((ASK, 5),))
    b.shows(20, (ASK, 70))
    a.answers["P.A.1"] = [(0, a.ack("P.A.1"))]
    a.answers["P.A.1.R1"] = [
        (0, a.fill("P.A.1", 80)),
        (1, a.report(ExecType.REPLACED, "P.A.1.R1", cum=80, total=80, orig_cl_ord_id="P.A.1")),
    ]
    b.answers["P.B.1"] = [(0, b.fill("P.B.1", 20))]
    router = await floor.buy(100, limit=ASK, **REST)
    (asked,) = floor.of(ReplaceSent)
    assert (asked.order_qty, asked.price, asked.reason) == (30, ASK, "quote_change")
    (replaced,) = floor.of(ChildReplaced)
    assert (replaced.order_qty, replaced.cum_qty, replaced.leaves_qty) == (80, 80, 0)
    assert router.core.children["P.A.1"].status is OrdStatus.FILLED
    assert floor.orders()[-1][:2] == ("P.B.1", 20)
    assert floor.end() == (EndReason.FILLED, 100, 0)


async def test_I2_no_lot_is_free_before_the_answer_to_a_replace(floor: "Floor") -> None:
    a, b = floor.scripted("A"), floor.scripted("B")
    a.shows(1, bids=((ASK, 5),))
    b.shows(20, (ASK, 70))
    a.answers["P.A.1"] = [(0, a.ack("P.A.1"))]
    late = a.report(ExecType.REPLACED, "P.A.1.R1", total=30, orig_cl_ord_id="P.A.1")
    a.answers["P.A.1.R1"] = [(30, late)]
    b.answers["P.B.1"] = [(0, b.fill("P.B.1", 70))]
    await floor.buy(100, limit=ASK, deadline_ms=90, **REST)
    assert floor.orders()[-1] == ("P.B.1", 70, 53)


async def test_a_refused_replace_leaves_the_order_as_it_was(floor: "Floor") -> None:
    a = floor.scripted("A")
    a.shows(1, bids=((ASK, 5),))
    a.shows(20, bids=((ASK + 1, 5),))
    a.answers["P.A.1"] = [(0, a.ack("P.A.1")), (60, a.fill("P.A.1", 100))]
    a.answers["P.A.1.R1"] = [(0, a.refused("P.A.1.R1", "P.A.1", CxlRejReason.TOO_LATE))]
    await floor.buy(100, limit=ASK + 5, at_ms=5, **REST)
    assert floor.of(ReplaceSent)[0].price == ASK + 1
    assert floor.of(CancelRejected)[0].cl_ord_id == "P.A.1.R1"
    assert floor.end() == (EndReason.FILLED, 100, 0)


async def test_a_replace_without_an_answer_is_followed_by_cancels_of_both_names(
    floor: "Floor",
) -> None:
    """The answer was lost, not the replace: the venue knows the order by its new name."""
    a = floor.scripted("A")
    a.shows(1, bids=((ASK, 5),))
    a.shows(20, bids=((ASK + 1, 5),))
    a.answers["P.A.1"] = [(0, a.ack("P.A.1"))]
    a.answers["P.A.1.C1"] = [(0, a.refused("P.A.1.C1", "P.A.1", CxlRejReason.UNKNOWN_ORDER))]
    a.answers["P.A.1.C2"] = [(0, a.canceled("P.A.1.C2", orig_cl_ord_id="P.A.1.R1"))]
    await floor.buy(100, limit=ASK + 5, at_ms=5, deadline_ms=74, **REST)
    requests = [msg for _, msg in a.got if not isinstance(msg, NewOrderSingle)]
    assert [(m.cl_ord_id, m.orig_cl_ord_id) for m in requests][:3] == [
        ("P.A.1.R1", "P.A.1"),
        ("P.A.1.C1", "P.A.1"),
        ("P.A.1.C2", "P.A.1.R1"),
    ]
    assert floor.end()[0] is EndReason.DEADLINE


async def test_a_cancel_that_crossed_the_answer_to_a_replace_follows_the_new_name(
    floor: "Floor",
) -> None:
    """The replace is confirmed late, after the cancel under the old name has left."""
    a = floor.scripted("A")
    a.shows(1, bids=((ASK, 5),))
    a.shows(20, bids=((ASK + 1, 5),))
    a.answers["P.A.1"] = [(0, a.ack("P.A.1"))]
    late = a.report(ExecType.REPLACED, "P.A.1.R1", orig_cl_ord_id="P.A.1")
    a.answers["P.A.1.R1"] = [(50, late)]
    a.answers["P.A.1.C1"] = [(2, a.refused("P.A.1.C1", "P.A.1", CxlRejReason.UNKNOWN_ORDER))]
    a.answers["P.A.1.C2"] = [(0, a.canceled("P.A.1.C2", orig_cl_ord_id="P.A.1.R1"))]
    await floor.buy(100, limit=ASK + 5, at_ms=5, deadline_ms=90, **REST)
    assert len(floor.of(ChildReplaced)) == 1
    cancels = [(t, m) for t, m in a.got if isinstance(m, OrderCancelRequest)]
    assert [(t, m.cl_ord_id, m.orig_cl_ord_id) for t, m in cancels][:2] == [
        (72, "P.A.1.C1", "P.A.1"),
        (76, "P.A.1.C2", "P.A.1.R1"),
    ]


async def test_a_replace_may_be_confirmed_after_the_cancel_that_followed_it_was_refused(
    floor: "Floor",
) -> None:
    a = floor.scripted("A")
    a.shows(1, bids=((ASK, 5),))
    a.shows(20, bids=((ASK + 1, 5),))
    a.answers["P.A.1"] = [(0, a.ack("P.A.1"))]
    late = a.report(ExecType.REPLACED, "P.A.1.R1", orig_cl_ord_id="P.A.1")
    a.answers["P.A.1.R1"] = [(60, late)]
    a.answers["P.A.1.C1"] = [(2, a.refused("P.A.1.C1", "P.A.1", CxlRejReason.THROTTLED))]
    await floor.buy(100, limit=ASK + 5, at_ms=5, deadline_ms=160, **REST)
    assert len(floor.of(ChildReplaced)) == 1
    assert floor.ignored() == []
    cancels = [(t, m) for t, m in a.got if isinstance(m, OrderCancelRequest)]
    assert [(t, m.cl_ord_id, m.orig_cl_ord_id) for t, m in cancels][:2] == [
        (72, "P.A.1.C1", "P.A.1"),
        (126, "P.A.1.C2", "P.A.1.R1"),
    ]


async def test_a_resting_order_follows_the_market_so_often_and_no_oftener(floor: "Floor") -> None:
    a = floor.scripted("A")
    a.shows(1, bids=((ASK, 5),))
    for step in range(1, 30):
        a.shows(10 + step, bids=((ASK + step, 5),))
    a.answers["P.A.1"] = [(0, a.ack("P.A.1"))]
    for n in range(1, 10):
        before = "P.A.1" if n == 1 else f"P.A.1.R{n - 1}"
        name = f"P.A.1.R{n}"
        a.answers[name] = [(0, a.report(ExecType.REPLACED, name, orig_cl_ord_id=before))]
    last = "P.A.1.R3"
    a.answers["P.A.1.C1"] = [(0, a.canceled("P.A.1.C1", orig_cl_ord_id=last))]
    rest: dict[str, Any] = {"rest": {"move_after": "5ms", "max_moves": 3}}
    await floor.buy(100, deadline_ms=100, **rest)
    moved = [(r.t_ns // MS, r.price - ASK) for r in floor.of(ReplaceSent)]
    assert moved == [(12, 1), (17, 6), (22, 11)]
