"""A dark pool's own rules: minimum quantity, supply, midpoint; without them it is a plain book."""

from collections.abc import Callable
from fractions import Fraction
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.protocol.enums import (
    ExecType,
    OrdStatus,
    OrdType,
    PegReference,
    RejectReason,
    SelfTrade,
    Side,
    TimeInForce,
)
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderInstructions,
    OrderReduceRequest,
    Peg,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.dark import DarkCore
from venues.core.pool import PoolCore

MakeOrder = Callable[..., NewOrderSingle]
NOW = TimeNs(0)


def send(core: PoolCore, msg: Any) -> list[tuple[int, int]]:
    """Prices and lots of the trades that a message causes."""
    reports = core.handle(msg, NOW)
    core.check()
    return [
        (r.last_px, r.last_qty)
        for r in reports
        if isinstance(r, ExecutionReport) and r.last_px is not None and not r.is_maker
    ]


def answer(core: PoolCore, msg: Any) -> ExecutionReport:
    report = core.handle(msg, NOW)[-1]
    core.check()
    assert isinstance(report, ExecutionReport)
    return report


def quote(bid: int | None, ask: int | None, venue_id: str = "LIT") -> BookSnapshot:
    bids = () if bid is None else ((bid, 100),)
    asks = () if ask is None else ((ask, 100),)
    return BookSnapshot(venue_id, 1, NOW, bids, asks)


# ---------------------------------------------------------------- minimum quantity


def test_F26_minimum_that_no_counter_order_has_is_never_met_and_an_ioc_ends(
    order: MakeOrder,
) -> None:
    core = PoolCore()
    for price in (100, 101, 102):
        send(core, order("sell", 90, price, "GTC", account="other"))
    asked = order("buy", 500, 102, min_qty=100)
    assert core.reachable_by(asked, 10) == ()
    reports = [answer(core, asked), answer(core, order("buy", 500, 102, "FOK", min_qty=100))]
    assert [(r.exec_type, r.cum_qty) for r in reports] == [(ExecType.CANCELED, 0)] * 2
    resting = order("buy", 500, 102, "DAY", min_qty=100)
    assert answer(core, resting).ord_status is OrdStatus.NEW
    assert send(core, order("sell", 99, 100, account="other")) == []
    assert send(core, order("sell", 100, 100, account="other")) == [(102, 100)]
    assert answer(core, OrderCancelRequest("c", resting.cl_ord_id, "router")).cum_qty == 100


def test_minimum_is_tested_against_each_single_counter_order(order: MakeOrder) -> None:
    core = PoolCore()
    for price, qty in ((100, 90), (101, 200), (102, 99), (103, 100)):
        send(core, order("sell", qty, price, "GTC", account="other"))
    asked = order("buy", 1_000, 103, min_qty=100)
    assert core.reachable_by(asked, 10) == ((101, 200), (103, 100))
    assert send(core, asked) == [(101, 200), (103, 100)]


def test_minimum_of_the_resting_order_holds_too(order: MakeOrder) -> None:
    core = PoolCore()
    send(core, order("sell", 300, 100, "GTC", account="a", min_qty=200))
    send(core, order("sell", 300, 101, "GTC", account="b"))
    assert send(core, order("buy", 150, 101)) == [(101, 150)]
    assert send(core, order("buy", 250, 101)) == [(100, 250)]


def test_rest_below_the_minimum_may_trade_whole(order: MakeOrder) -> None:
    core = PoolCore()
    send(core, order("sell", 300, 100, "GTC", account="a", min_qty=200))
    assert send(core, order("buy", 250, 100)) == [(100, 250)]
    assert send(core, order("buy", 49, 100)) == []
    assert send(core, order("buy", 60, 100)) == [(100, 50)]


def test_venues_own_minimum_refuses_small_orders_and_small_executions(order: MakeOrder) -> None:
    core = PoolCore(min_qty=100)
    small = answer(core, order("buy", 99, 100))
    assert small.reject_reason is RejectReason.INCORRECT_QUANTITY
    send(core, order("sell", 150, 100, "GTC", account="a"))
    assert send(core, order("buy", 120, 100)) == [(100, 120)]
    send(core, order("sell", 150, 101, "GTC", account="a"))
    assert send(core, order("buy", 150, 101)) == [(100, 30), (101, 120)]


@pytest.mark.parametrize(("qty", "min_qty"), [(100, 101), (100, -1)])
def test_minimum_beyond_the_order_is_refused(order: MakeOrder, qty: int, min_qty: int) -> None:
    report = answer(PoolCore(), order("buy", qty, 100, min_qty=min_qty))
    assert report.reject_reason is RejectReason.INCORRECT_QUANTITY


def test_resting_orders_trade_when_one_shrinks_below_its_minimum(order: MakeOrder) -> None:
    """The buy wants 100 at once and meets 60; it takes them when it wants no more than that."""
    core = PoolCore()
    send(core, order("sell", 60, 100, "GTC", account="a"))
    buy = order("buy", 160, 100, "GTC", account="b", min_qty=100)
    assert send(core, buy) == []
    reduce = OrderReduceRequest("d", buy.cl_ord_id, QtyLots(100), "b")
    assert send(core, reduce) == [(100, 60)]


def test_replaced_order_keeps_its_minimum_under_its_new_name(order: MakeOrder) -> None:
    core = PoolCore()
    buy = order("buy", 160, 99, "GTC", account="b", min_qty=100)
    send(core, buy)
    send(core, order("sell", 60, 100, "GTC", account="a"))
    change = OrderCancelReplaceRequest("r", buy.cl_ord_id, QtyLots(200), PriceTicks(100), "b")
    assert send(core, change) == []
    assert send(core, order("sell", 99, 100)) == []
    assert send(core, order("sell", 100, 100)) == [(100, 100)]


def test_post_only_order_that_may_trade_is_refused(order: MakeOrder) -> None:
    core = PoolCore()
    send(core, order("sell", 60, 100, "GTC", account="a"))
    report = answer(core, order("buy", 60, 100, "GTC", post_only=True))
    assert report.reject_reason is RejectReason.POST_ONLY_WOULD_TRADE


@pytest.mark.parametrize("mode", SelfTrade)
def test_resting_orders_of_one_account_do_not_trade_unless_they_may(
    order: MakeOrder, mode: SelfTrade
) -> None:
    core = PoolCore(midpoint=True)
    core.handle(quote(100, 104), NOW)
    send(core, order("sell", 60, 103, "GTC", account="a"))
    send(core, order("buy", 60, 103, "GTC", account="a", self_trade=mode))
    traded = send(core, quote(102, 104))
    assert traded == ([(103, 60)] if mode is SelfTrade.NONE else [])


def test_I17_minimums_of_finished_orders_are_forgotten(order: MakeOrder) -> None:
    core = PoolCore()
    for _ in range(500):
        new = order("buy", 5, 100, "GTC", min_qty=2)
        send(core, new)
        send(core, OrderCancelRequest("c", new.cl_ord_id, "router"))
    assert len(core._min) <= 64


# ---------------------------------------------------------------- supply


def half(account: str, name: str) -> Fraction:
    return Fraction(1, 2)


def test_each_order_has_its_share_of_each_level_and_the_rest_stays(order: MakeOrder) -> None:
    core = PoolCore(supply=half)
    core.seed(Side.SELL, 100, 101)
    core.seed(Side.SELL, 101, 10)
    asked = order("buy", 1_000, 101)
    assert core.reachable_by(asked, 10) == ((100, 50), (101, 5))
    assert send(core, asked) == [(100, 50), (101, 5)]
    assert send(core, order("buy", 1_000, 100)) == [(100, 25)]
    assert send(core, order("buy", 10, 100)) == [(100, 10)]
    assert core.levels(Side.SELL, 5) == ((100, 16), (101, 5))


def test_share_is_rounded_down_to_the_venues_lot(order: MakeOrder) -> None:
    core = PoolCore(lot=10, supply=half)
    core.seed(Side.SELL, 100, 90)
    assert send(core, order("buy", 90, 100)) == [(100, 40)]


def test_orders_of_participants_are_all_there(order: MakeOrder) -> None:
    core = PoolCore(supply=half)
    core.seed(Side.SELL, 100, 10)
    send(core, order("sell", 10, 100, "GTC", account="other"))
    assert send(core, order("buy", 20, 100)) == [(100, 5), (100, 10)]


def test_fill_or_kill_counts_what_is_to_be_had(order: MakeOrder) -> None:
    core = PoolCore(supply=half)
    core.seed(Side.SELL, 100, 10)
    assert send(core, order("buy", 6, 100, "FOK")) == []
    assert send(core, order("buy", 5, 100, "FOK")) == [(100, 5)]


def test_order_that_rests_has_had_its_share(order: MakeOrder) -> None:
    """Its limit meets lots that it could not have; those stay for others."""
    core = PoolCore(supply=half)
    core.seed(Side.SELL, 100, 10)
    resting = order("buy", 20, 100, "GTC", min_qty=1)
    assert send(core, resting) == [(100, 5)]
    assert send(core, order("buy", 1, 90, "GTC", min_qty=1)) == []
    assert core.levels(Side.SELL, 5) == ((100, 5),)
    assert send(core, order("buy", 20, 100)) == [(100, 2)]


shares = st.fractions(0, 1, max_denominator=7)


@settings(max_examples=60)
@given(
    st.dictionaries(st.integers(95, 105), st.integers(1, 40), min_size=1),
    st.lists(st.tuples(st.integers(94, 106), st.integers(1, 60), shares), max_size=12),
    st.integers(1, 3),
)
def test_supply_never_gives_more_than_its_share_and_sums_are_exact(
    levels: dict[int, int], orders: list[tuple[int, int, Fraction]], lot: int
) -> None:
    share_of: dict[str, Fraction] = {}
    core = PoolCore(lot=lot, supply=lambda account, name: share_of[name])
    for price, lots in levels.items():
        core.seed(Side.SELL, price, lots * lot)
    there = sum(levels.values()) * lot
    for n, (limit, qty, share) in enumerate(orders):
        name = f"o{n}"
        share_of[name] = share
        before = dict(core.levels(Side.SELL, 100))
        msg = NewOrderSingle(
            name,
            Side.BUY,
            QtyLots(qty * lot),
            PriceTicks(limit),
            time_in_force=TimeInForce.IOC,
        )
        reach = dict(core.reachable_by(msg, 100))
        got = dict(send(core, msg))
        assert all(lots <= before[price] * share for price, lots in got.items())
        assert all(lots == reach[price] or price == max(got) for price, lots in got.items())
        assert sum(got.values()) == min(qty * lot, sum(reach.values()))
        there -= sum(got.values())
    assert sum(lots for _, lots in core.levels(Side.SELL, 100)) == there


# ---------------------------------------------------------------- midpoint


def test_trades_are_at_the_middle_of_the_reference_as_received(order: MakeOrder) -> None:
    core = PoolCore(midpoint=True)
    core.seed(Side.SELL, 90, 100)
    assert send(core, order("buy", 10, 200)) == []
    core.handle(quote(98, 102), NOW)
    assert core.reachable_by(order("buy", 10, 200), 10) == ((100, 100),)
    assert send(core, order("buy", 10, 200)) == [(100, 10)]
    core.handle(quote(108, 112), NOW)
    assert send(core, order("buy", 10, None)) == [(110, 10)]
    assert send(core, order("buy", 10, 109)) == []


def test_middle_is_over_the_best_of_all_venues(order: MakeOrder) -> None:
    core = PoolCore(midpoint=True)
    core.seed(Side.SELL, 90, 100)
    core.handle(quote(98, 110, "A"), NOW)
    core.handle(quote(90, 102, "B"), NOW)
    assert send(core, order("buy", 10, 200)) == [(100, 10)]


@pytest.mark.parametrize("book", [(None, 102), (98, None), (100, 100), (101, 100)])
def test_D03_without_a_true_spread_there_is_no_middle_and_no_trade(
    order: MakeOrder, book: tuple[int | None, int | None]
) -> None:
    """D01 and D03: one side missing, locked or crossed."""
    core = PoolCore(midpoint=True)
    core.seed(Side.SELL, 90, 100)
    core.handle(quote(98, 102), NOW)
    core.handle(quote(*book), NOW)
    assert core.mid_half_ticks is None
    assert core.reachable_by(order("buy", 10, 200), 10) == ()
    assert answer(core, order("buy", 10, 200)).exec_type is ExecType.CANCELED
    assert answer(core, order("buy", 10, 200, "FOK")).exec_type is ExecType.CANCELED
    resting = order("buy", 10, 200, "DAY")
    assert answer(core, resting).ord_status is OrdStatus.NEW
    assert send(core, quote(98, 102)) == [(100, 10)]


def test_middle_between_two_ticks_is_rounded_against_the_order_that_takes(
    order: MakeOrder,
) -> None:
    core = PoolCore(midpoint=True)
    core.seed(Side.SELL, 90, 100)
    core.handle(quote(98, 101), NOW)  # 99.5
    assert send(core, order("buy", 10, 200)) == [(100, 10)]
    assert send(core, order("buy", 10, 99)) == []
    core = PoolCore(midpoint=True)
    core.seed(Side.BUY, 110, 100)
    core.handle(quote(98, 101), NOW)
    assert send(core, order("sell", 10, 50)) == [(99, 10)]
    assert send(core, order("sell", 10, 100)) == []


def test_oldest_willing_order_comes_first_whatever_its_limit(order: MakeOrder) -> None:
    core = PoolCore(midpoint=True)
    core.handle(quote(98, 102), NOW)
    for limit, account in ((100, "old"), (90, "new"), (101, "unwilling")):
        send(core, order("sell", 10, limit, "GTC", account=account))
    reports = core.handle(order("buy", 15, 200), NOW)
    makers = [r for r in reports if isinstance(r, ExecutionReport) and r.is_maker]
    assert [(r.account, r.last_px, r.last_qty) for r in makers] == [
        ("old", 100, 10),
        ("new", 100, 5),
    ]


def test_resting_orders_trade_as_the_middle_comes_to_them(order: MakeOrder) -> None:
    core = PoolCore(midpoint=True)
    core.handle(quote(98, 102), NOW)
    send(core, order("sell", 10, 105, "GTC", account="s"))
    send(core, order("buy", 6, 110, "GTC", account="b"))
    seq = core.venue_seq
    reports = core.handle(quote(104, 107), NOW)  # 105.5, against the buyer, who is younger
    core.check()
    fills = [r for r in reports if isinstance(r, ExecutionReport)]
    assert [(r.account, r.last_px, r.last_qty, r.is_maker) for r in fills] == [
        ("b", 106, 6, False),
        ("s", 106, 6, True),
    ]
    assert {r.venue_seq for r in reports} == {core.venue_seq}
    assert core.venue_seq > seq
    assert [t.price for t in core.trades] == [106]


def test_reference_that_leaves_the_middle_alone_changes_nothing(order: MakeOrder) -> None:
    core = PoolCore(midpoint=True)
    core.handle(quote(98, 102), NOW)
    seq = core.venue_seq
    assert core.handle(quote(97, 103), NOW) == []
    assert core.venue_seq == seq


def test_share_is_anew_when_the_reference_has_moved(order: MakeOrder) -> None:
    core = PoolCore(midpoint=True, supply=half)
    core.seed(Side.SELL, 100, 40)
    core.handle(quote(98, 102), NOW)
    assert send(core, order("buy", 100, 200, "GTC")) == [(100, 20)]
    assert send(core, quote(100, 104)) == [(102, 10)]


def test_indications_of_a_midpoint_pool_are_at_the_middle_it_knows(order: MakeOrder) -> None:
    core = DarkCore(indication=Fraction(1), midpoint=True)
    core.seed(Side.SELL, 90, 100)
    core.seed(Side.SELL, 101, 50)
    assert core.published(10) == ((), ())
    core.handle(quote(98, 101), NOW)
    assert core.published(10) == ((), ((100, 100),))
    shown = core.published(10)[1]
    core.handle(quote(97, 102), NOW)
    assert core.published(10)[1] is shown
    core.handle(quote(100, 102), NOW)
    assert core.published(10) == ((), ((101, 150),))


def test_message_of_others_quotes_needs_a_reference() -> None:
    with pytest.raises(TypeError, match="BookSnapshot"):
        PoolCore().handle(quote(1, 2), NOW)


@settings(max_examples=80)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["buy", "sell", "quote"]),
            st.integers(95, 105),
            st.integers(1, 9),
            st.integers(0, 5),
            st.sampled_from("ab"),
        ),
        max_size=25,
    ),
    st.booleans(),
)
def test_any_session_keeps_limits_minimums_and_sums(
    steps: list[tuple[str, int, int, int, str]], midpoint: bool
) -> None:
    core = PoolCore(midpoint=midpoint)
    orders: dict[str, NewOrderSingle] = {}
    left: dict[str, int] = {}
    names = (f"o{n}" for n in count())
    for kind, price, qty, least, account in steps:
        if kind == "quote":
            if midpoint:
                reports = core.handle(quote(price - least, price + qty % 3), NOW)
            else:
                continue
        else:
            msg = NewOrderSingle(
                next(names),
                Side(kind),
                QtyLots(qty),
                PriceTicks(price),
                account=account,
                min_qty=QtyLots(min(least, qty)),
            )
            orders[msg.cl_ord_id], left[msg.cl_ord_id] = msg, qty
            reports = core.handle(msg, NOW)
        core.check()
        for report in reports:
            assert isinstance(report, ExecutionReport)
            if report.last_px is None:
                continue
            order = orders[report.cl_ord_id]
            assert order.price is not None
            sign = 1 if order.side is Side.BUY else -1
            assert sign * report.last_px <= sign * order.price
            assert report.last_qty >= min(order.min_qty, left[report.cl_ord_id])
            left[report.cl_ord_id] -= report.last_qty
            assert report.leaves_qty == left[report.cl_ord_id]
            if midpoint:
                mid = core.mid_half_ticks
                assert mid is not None
                assert abs(2 * report.last_px - mid) <= 1
    resting = {o.cl_ord_id: o.leaves_qty for s in Side for o in core.resting(s)}
    assert resting == {name: lots for name, lots in left.items() if lots}


def to_the_middle(name: str, side: str, qty: int, price: int | None = None) -> NewOrderSingle:
    return NewOrderSingle(
        name,
        Side(side),
        QtyLots(qty),
        None if price is None else PriceTicks(price),
        OrdType.PEGGED,
        instructions=OrderInstructions(peg=Peg(PegReference.MID)),
    )


def test_an_order_pegged_to_the_middle_trades_at_every_middle_that_its_cap_allows() -> None:
    core = PoolCore(tick=5, midpoint=True)
    assert send(core, quote(90, 110)) == []
    assert send(core, to_the_middle("any", "sell", 10)) == []
    assert send(core, to_the_middle("low", "buy", 4, 95)) == []
    assert send(core, to_the_middle("high", "buy", 3, 100)) == [(100, 3)]
    assert send(core, quote(80, 100)) == [(90, 4)]
    assert send(core, to_the_middle("every", "buy", 9)) == [(90, 3)]


def test_a_pool_takes_no_other_special_order() -> None:
    core, plain = PoolCore(midpoint=True), PoolCore()
    primary = OrderInstructions(peg=Peg(PegReference.PRIMARY))
    away = OrderInstructions(peg=Peg(PegReference.MID, 1))
    middle = to_the_middle("m", "buy", 1)
    refused = [
        answer(core, msgspec.structs.replace(middle, instructions=extras))
        for extras in (primary, away, None)
    ]
    refused.append(answer(plain, middle))
    assert {r.reject_reason for r in refused} == {RejectReason.UNSUPPORTED_ORDER}
