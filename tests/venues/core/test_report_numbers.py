"""Every report, whatever it says: its number, time, book state, order and status fit together."""

from random import Random

import pytest

from sim.protocol.enums import (
    CxlRejReason,
    ExecType,
    OrdStatus,
    OrdType,
    RejectReason,
    SelfTrade,
    Side,
    TimeInForce,
)
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMessage,
    OrderReduceRequest,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.matching import MatchingCore

REFUSED = {ExecType.REJECTED}


def messages(seed: int, count: int) -> list[OrderMessage]:
    """New orders of all sorts, and requests for them, few of which are refused."""
    chance, made = Random(seed), list[OrderMessage]()
    owners: dict[str, str] = {}
    for n in range(count):
        name, qty = f"o{n}", QtyLots(chance.randint(1, 9))
        price = PriceTicks(chance.randint(97, 103))
        if n < 5 or chance.random() < 0.6:
            owners[name] = chance.choice(["", "a", "b"])
            limited = chance.random() < 0.9
            tif = chance.choice([TimeInForce.GTC, TimeInForce.GTC, *TimeInForce])
            order = NewOrderSingle(
                name,
                chance.choice([Side.BUY, Side.SELL]),
                qty,
                price if limited else None,
                OrdType.LIMIT if limited else OrdType.MARKET,
                tif,
                owners[name],
                False,
                chance.choice(list(SelfTrade)),
            )
            made.append(order)
            continue
        target = chance.choice(list(owners)[-8:])
        who, kind = owners[target], chance.choice(["cancel", "replace", "replace", "reduce"])
        if kind == "cancel":
            made.append(OrderCancelRequest(name, target, who))
        elif kind == "reduce":
            made.append(OrderReduceRequest(name, target, qty, who))
        else:
            owners[name] = who
            made.append(OrderCancelReplaceRequest(name, target, qty, price, who))
    return made


@pytest.mark.parametrize("seed", range(6))
def test_numbers_go_up_by_one_and_all_else_fits(seed: int) -> None:
    core = MatchingCore()
    last = 0
    sides: dict[int, Side] = {}
    for now, msg in enumerate(messages(seed, 250), 1):
        seq = core.venue_seq
        reports = core.handle(msg, TimeNs(now))
        core.check()
        assert core.venue_seq in {seq, seq + 1}
        for report in reports:
            assert report.transact_ns == now
            assert report.venue_seq == core.venue_seq
            if isinstance(report, OrderCancelReject):
                assert (report.order_id in sides) == (
                    report.reason is not CxlRejReason.UNKNOWN_ORDER
                )
                continue
            last += 1
            assert report.exec_id == last, (msg, report)
            if report.exec_type in REFUSED:
                continue
            if report.exec_type is ExecType.NEW:
                assert report.order_id == report.exec_id
                sides[report.order_id] = report.side
            assert report.side is sides[report.order_id]
            assert report.ord_status is status_of(report)
            assert report.is_maker == (report.exec_type is ExecType.TRADE and is_maker(report, msg))
            assert (report.last_qty > 0) == (report.exec_type is ExecType.TRADE)
            assert (report.last_px is not None) == (report.exec_type is ExecType.TRADE)
            assert (report.contra_order_id in sides) == (report.exec_type is ExecType.TRADE)
            of = report.orig_cl_ord_id
            answers = report.cl_ord_id == msg.cl_ord_id and not isinstance(msg, NewOrderSingle)
            asked = report.exec_type in {ExecType.REPLACED, ExecType.CANCELED} and answers
            assert of is None or (asked and of == getattr(msg, "orig_cl_ord_id", None))


def is_maker(report: ExecutionReport, msg: OrderMessage) -> bool:
    return report.cl_ord_id != msg.cl_ord_id


def status_of(report: ExecutionReport) -> OrdStatus:
    """What the quantities say that the status is."""
    if report.leaves_qty:
        assert report.cum_qty + report.leaves_qty == report.order_qty
        return OrdStatus.PARTIALLY_FILLED if report.cum_qty else OrdStatus.NEW
    return OrdStatus.FILLED if report.cum_qty == report.order_qty else OrdStatus.CANCELED


def test_what_the_book_cannot_know_is_refused_with_number_time_and_state() -> None:
    core = MatchingCore()
    core.seed(Side.BUY, 99, 5)
    first = core.next_exec_id()
    order = NewOrderSingle("n", Side.BUY, QtyLots(1), PriceTicks(1), account="a")
    told = core.refuse_new(order, RejectReason.THROTTLED, TimeNs(7))
    assert isinstance(told, ExecutionReport)
    assert (told.exec_id, told.transact_ns, told.venue_seq) == (first + 1, 7, 1)
    assert (told.reject_reason, told.ord_status) == (RejectReason.THROTTLED, OrdStatus.REJECTED)
    (bad,) = core.handle(NewOrderSingle("b", Side.BUY, QtyLots(0), PriceTicks(1)), TimeNs(8))
    assert isinstance(bad, ExecutionReport)
    assert (bad.exec_id, bad.transact_ns, bad.venue_seq) == (first + 2, 8, 1)

    core.handle(order, TimeNs(9))
    for target, account, status, reason in (
        ("n", "a", OrdStatus.NEW, CxlRejReason.EXCHANGE_CLOSED),
        ("n", "b", OrdStatus.REJECTED, CxlRejReason.UNKNOWN_ORDER),
        ("x", "a", OrdStatus.REJECTED, CxlRejReason.UNKNOWN_ORDER),
    ):
        cancel = OrderCancelRequest("c", target, account)
        said = core.refuse_change(cancel, CxlRejReason.EXCHANGE_CLOSED, TimeNs(10))
        assert isinstance(said, OrderCancelReject)
        assert (said.ord_status, said.reason, said.transact_ns) == (status, reason, 10)
        assert said.venue_seq == 2
        assert (said.order_id > 0) == (status is OrdStatus.NEW)


def test_a_reduction_by_one_lot_is_answered_to_its_owner() -> None:
    core = MatchingCore()
    core.handle(NewOrderSingle("n", Side.BUY, QtyLots(3), PriceTicks(9), account="a"), TimeNs(1))
    (told,) = core.handle(OrderReduceRequest("r", "n", QtyLots(1), "a"), TimeNs(2))
    assert isinstance(told, ExecutionReport)
    assert (told.exec_type, told.account, told.leaves_qty) == (ExecType.REPLACED, "a", 2)
    core.check()
