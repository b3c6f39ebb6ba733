"""What the matching core answers, rule by rule."""

from typing import Any

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
from sim.protocol.market_data import Trade
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderReduceRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.matching import MatchingCore

NOW = TimeNs(7)


def new(name: str, side: Side, qty: int, price: int | None, **more: Any) -> NewOrderSingle:
    ord_type = OrdType.MARKET if price is None else OrdType.LIMIT
    ticks = None if price is None else PriceTicks(price)
    return NewOrderSingle(name, side, QtyLots(qty), ticks, more.pop("ord_type", ord_type), **more)


def buy(name: str, qty: int, price: int | None = None, **more: Any) -> NewOrderSingle:
    return new(name, Side.BUY, qty, price, **more)


def sell(name: str, qty: int, price: int | None = None, **more: Any) -> NewOrderSingle:
    return new(name, Side.SELL, qty, price, **more)


def cancel(name: str, account: str = "") -> OrderCancelRequest:
    return OrderCancelRequest("request", name, account)


def replace(name: str, qty: int, price: int, **more: Any) -> OrderCancelReplaceRequest:
    to = more.pop("to", f"{name}'")
    return OrderCancelReplaceRequest(to, name, QtyLots(qty), PriceTicks(price), **more)


def reduce(name: str, by: int, account: str = "") -> OrderReduceRequest:
    return OrderReduceRequest("request", name, QtyLots(by), account)


@pytest.fixture
def core() -> Any:
    """A core that is checked at the end."""
    core = MatchingCore()
    yield core
    core.check()


def brief(reports: list[VenueReport]) -> list[tuple[Any, ...]]:
    """What was said of whom: filled and open lots, and the price and lots of a trade."""
    told: list[tuple[Any, ...]] = []
    for r in reports:
        if isinstance(r, OrderCancelReject):
            told.append((r.reason, r.orig_cl_ord_id))
        elif r.last_px is None:
            told.append((r.exec_type, r.cl_ord_id, r.cum_qty, r.leaves_qty))
        else:
            told.append((r.exec_type, r.cl_ord_id, r.cum_qty, r.leaves_qty, r.last_px, r.last_qty))
    return told


def only(reports: list[VenueReport]) -> Any:
    assert len(reports) == 1
    return reports[0]


def queue(core: MatchingCore, side: Side) -> list[tuple[str, int]]:
    return [(order.cl_ord_id, order.leaves_qty) for order in core.resting(side)]


class TestNewOrders:
    def test_a_resting_order_is_acknowledged_in_full(self, core: MatchingCore) -> None:
        report = only(core.handle(buy("b", 10, 99, account="me"), NOW))
        assert report == ExecutionReport(
            exec_type=ExecType.NEW,
            ord_status=OrdStatus.NEW,
            cl_ord_id="b",
            account="me",
            order_id=1,
            exec_id=1,
            side=Side.BUY,
            order_qty=QtyLots(10),
            cum_qty=QtyLots(0),
            leaves_qty=QtyLots(10),
            transact_ns=NOW,
            venue_seq=1,
        )

    def test_a_trade_is_at_the_resting_price_and_told_to_taker_then_maker(
        self, core: MatchingCore
    ) -> None:
        core.handle(sell("s", 4, 100, account="maker"), NOW)
        new_, taker, maker = core.handle(buy("b", 10, 103, account="taker"), NOW)
        assert brief([new_]) == [(ExecType.NEW, "b", 0, 10)]
        assert taker == ExecutionReport(
            exec_type=ExecType.TRADE,
            ord_status=OrdStatus.PARTIALLY_FILLED,
            cl_ord_id="b",
            account="taker",
            order_id=2,
            exec_id=3,
            side=Side.BUY,
            order_qty=QtyLots(10),
            cum_qty=QtyLots(4),
            leaves_qty=QtyLots(6),
            transact_ns=NOW,
            venue_seq=2,
            last_px=PriceTicks(100),
            last_qty=QtyLots(4),
            contra_order_id=1,
            is_maker=False,
        )
        assert maker == ExecutionReport(
            exec_type=ExecType.TRADE,
            ord_status=OrdStatus.FILLED,
            cl_ord_id="s",
            account="maker",
            order_id=1,
            exec_id=4,
            side=Side.SELL,
            order_qty=QtyLots(4),
            cum_qty=QtyLots(4),
            leaves_qty=QtyLots(0),
            transact_ns=NOW,
            venue_seq=2,
            last_px=PriceTicks(100),
            last_qty=QtyLots(4),
            contra_order_id=2,
            is_maker=True,
        )
        assert core.best(Side.BUY) == (103, 6)
        assert (core.last_px, core.last_qty, core.volume) == (100, 4, 4)
        assert core.trades == [Trade(PriceTicks(100), QtyLots(4), Side.BUY)]

    def test_better_price_trades_first_then_earlier_arrival(self, core: MatchingCore) -> None:
        for name, price in (("late", 101), ("first", 100), ("second", 100)):
            core.handle(sell(name, 5, price), NOW)
        told = brief(core.handle(buy("b", 12, 101), NOW))
        assert [t[1] for t in told[2::2]] == ["first", "second", "late"]
        assert [t[4:] for t in told[2::2]] == [(100, 5), (100, 5), (101, 2)]

    def test_short_sales_match_as_sales(self, core: MatchingCore) -> None:
        core.handle(buy("b", 5, 100), NOW)
        reports = core.handle(new("s", Side.SELL_SHORT, 8, 100), NOW)
        assert [r.side for r in reports if isinstance(r, ExecutionReport)] == [
            Side.SELL_SHORT,
            Side.SELL_SHORT,
            Side.BUY,
        ]
        assert core.best(Side.SELL) == (100, 3)
        assert core.trades == [Trade(PriceTicks(100), QtyLots(5), Side.SELL_SHORT)]

    @pytest.mark.parametrize("tif", [TimeInForce.DAY, TimeInForce.GTC])
    def test_day_and_gtc_rest(self, core: MatchingCore, tif: TimeInForce) -> None:
        core.handle(buy("b", 5, 100, time_in_force=tif), NOW)
        assert queue(core, Side.BUY) == [("b", 5)]

    def test_an_ioc_remainder_is_canceled(self, core: MatchingCore) -> None:
        core.handle(sell("s", 4, 100), NOW)
        core.handle(sell("worse", 4, 101), NOW)
        told = brief(core.handle(buy("b", 10, 100, time_in_force=TimeInForce.IOC), NOW))
        assert told == [
            (ExecType.NEW, "b", 0, 10),
            (ExecType.TRADE, "b", 4, 6, 100, 4),
            (ExecType.TRADE, "s", 4, 0, 100, 4),
            (ExecType.CANCELED, "b", 4, 0),
        ]

    def test_an_ioc_that_meets_nothing_leaves_the_state_as_it_was(self, core: MatchingCore) -> None:
        core.handle(sell("s", 4, 100), NOW)
        reports = core.handle(buy("b", 1, 99, time_in_force=TimeInForce.IOC), NOW)
        assert brief(reports) == [(ExecType.NEW, "b", 0, 1), (ExecType.CANCELED, "b", 0, 0)]
        assert core.venue_seq == 1
        assert {r.venue_seq for r in reports} == {1}

    def test_a_market_order_takes_at_any_price_and_never_rests(self, core: MatchingCore) -> None:
        core.handle(buy("near", 4, 100), NOW)
        core.handle(buy("far", 4, 1), NOW)
        told = brief(core.handle(sell("m", 10), NOW))
        assert told[-1] == (ExecType.CANCELED, "m", 8, 0)
        assert queue(core, Side.BUY) == queue(core, Side.SELL) == []

    def test_a_fok_that_cannot_be_filled_whole_touches_nothing(self, core: MatchingCore) -> None:
        core.handle(sell("a", 4, 100), NOW)
        core.handle(sell("b", 4, 101), NOW)
        fok = TimeInForce.FOK
        killed = core.handle(buy("k", 5, 100, time_in_force=fok), NOW)
        assert brief(killed) == [(ExecType.NEW, "k", 0, 5), (ExecType.CANCELED, "k", 0, 0)]
        assert core.venue_seq == 2
        filled = core.handle(buy("f", 8, 101, time_in_force=fok), NOW)
        assert brief(filled)[-2] == (ExecType.TRADE, "f", 8, 0, 101, 4)

    def test_a_fok_market_order_may_be_filled_whole_at_any_price(self, core: MatchingCore) -> None:
        core.handle(sell("a", 4, 1_000), NOW)
        told = brief(core.handle(buy("f", 4, time_in_force=TimeInForce.FOK), NOW))
        assert told[1] == (ExecType.TRADE, "f", 4, 0, 1_000, 4)

    def test_post_only_rests_or_is_refused(self, core: MatchingCore) -> None:
        core.handle(sell("s", 4, 100), NOW)
        refused = only(core.handle(buy("b", 1, 100, post_only=True), NOW))
        assert refused.reject_reason is RejectReason.POST_ONLY_WOULD_TRADE
        core.handle(buy("c", 1, 99, post_only=True), NOW)
        assert queue(core, Side.BUY) == [("c", 1)]
        refused = only(core.handle(sell("d", 1, 99, post_only=True), NOW))
        assert refused.reject_reason is RejectReason.POST_ONLY_WOULD_TRADE


class TestRefusals:
    @pytest.mark.parametrize(
        ("order", "reason"),
        [
            (buy("x", 0, 99), RejectReason.INCORRECT_QUANTITY),
            (buy("x", -1, 99), RejectReason.INCORRECT_QUANTITY),
            (buy("x", 2**63, 99), RejectReason.INCORRECT_QUANTITY),
            (buy("x", 5, 95), RejectReason.INCORRECT_QUANTITY),
            (buy("x", 0), RejectReason.INCORRECT_QUANTITY),
            (buy("x", 4, 0), RejectReason.INVALID_PRICE_INCREMENT),
            (buy("x", 4, -5), RejectReason.INVALID_PRICE_INCREMENT),
            (buy("x", 4, 2**63), RejectReason.INVALID_PRICE_INCREMENT),
            (buy("x", 4, 99), RejectReason.INVALID_PRICE_INCREMENT),
            (buy("x", 4, None, ord_type=OrdType.LIMIT), RejectReason.INVALID_PRICE_INCREMENT),
            (buy("x", 4, 95, ord_type=OrdType.MARKET), RejectReason.INVALID_PRICE_INCREMENT),
            (buy("live", 4, 95), RejectReason.DUPLICATE_ORDER),
            (buy("x", 4, post_only=True), RejectReason.UNSUPPORTED_ORDER),
            (
                buy("x", 4, 95, post_only=True, time_in_force=TimeInForce.IOC),
                RejectReason.UNSUPPORTED_ORDER,
            ),
            (
                buy("x", 4, 95, post_only=True, time_in_force=TimeInForce.FOK),
                RejectReason.UNSUPPORTED_ORDER,
            ),
        ],
    )
    def test_what_is_wrong_with_an_order_is_said_and_nothing_changes(
        self, order: NewOrderSingle, reason: RejectReason
    ) -> None:
        core = MatchingCore(tick=5, lot=2)
        core.handle(buy("live", 4, 90), NOW)
        report = only(core.handle(order, NOW))
        assert report.reject_reason is reason
        assert (report.exec_type, report.ord_status) == (ExecType.REJECTED, OrdStatus.REJECTED)
        assert (report.order_qty, report.cum_qty, report.leaves_qty) == (order.order_qty, 0, 0)
        assert (report.order_id, report.venue_seq, core.venue_seq) == (0, 1, 1)
        assert queue(core, Side.BUY) == [("live", 4)]
        core.check()

    def test_the_name_of_a_finished_order_may_be_used_again(self, core: MatchingCore) -> None:
        core.handle(buy("b", 4, 99), NOW)
        core.handle(cancel("b"), NOW)
        assert only(core.handle(buy("b", 5, 98), NOW)).exec_type is ExecType.NEW

    def test_what_is_no_order_message_is_an_error_of_the_caller(self, core: MatchingCore) -> None:
        with pytest.raises(TypeError, match="was a str"):
            core.handle("buy!", NOW)  # type: ignore[arg-type]  # the point of the test

    @pytest.mark.parametrize("setting", ["tick", "lot", "memory"])
    def test_settings_must_be_positive(self, setting: str) -> None:
        with pytest.raises(ValueError, match=f"{setting} must be > 0, was 0"):
            MatchingCore(**{setting: 0})


class TestCancel:
    def test_a_cancel_is_answered_under_its_own_name_and_the_orders(
        self, core: MatchingCore
    ) -> None:
        core.handle(sell("s", 10, 100, account="me"), NOW)
        core.handle(buy("b", 4, 100), NOW)
        report = only(core.handle(OrderCancelRequest("c", "s", "me"), NOW))
        assert (report.exec_type, report.ord_status) == (ExecType.CANCELED, OrdStatus.CANCELED)
        assert (report.cl_ord_id, report.orig_cl_ord_id) == ("c", "s")
        assert (report.order_qty, report.cum_qty, report.leaves_qty) == (10, 4, 0)
        assert core.best(Side.SELL) is None

    def test_cancel_after_full_fill_is_rejected_as_too_late(self, core: MatchingCore) -> None:
        core.handle(sell("s", 4, 100), NOW)
        core.handle(buy("b", 4, 100), NOW)
        for name in ("s", "b"):
            report = only(core.handle(cancel(name), NOW))
            assert (report.reason, report.ord_status) == (
                CxlRejReason.TOO_LATE,
                OrdStatus.FILLED,
            )

    def test_cancel_after_cancel_is_rejected_as_too_late(self, core: MatchingCore) -> None:
        core.handle(sell("s", 4, 100), NOW)
        core.handle(cancel("s"), NOW)
        report = only(core.handle(cancel("s"), NOW))
        assert (report.reason, report.ord_status) == (CxlRejReason.TOO_LATE, OrdStatus.CANCELED)

    def test_cancel_of_an_ioc_remainder_is_too_late(self, core: MatchingCore) -> None:
        core.handle(buy("b", 4, 100, time_in_force=TimeInForce.IOC), NOW)
        assert brief(core.handle(cancel("b"), NOW)) == [(CxlRejReason.TOO_LATE, "b")]

    def test_what_was_never_there_is_unknown(self, core: MatchingCore) -> None:
        report = only(core.handle(cancel("ghost"), NOW))
        assert report == OrderCancelReject(
            "request", "ghost", "", OrdStatus.REJECTED, CxlRejReason.UNKNOWN_ORDER, NOW, 0
        )

    @pytest.mark.parametrize("request_", [cancel("s", "you"), reduce("s", 1, "you")])
    def test_to_others_an_order_is_unknown_open_or_finished(
        self, core: MatchingCore, request_: OrderCancelRequest | OrderReduceRequest
    ) -> None:
        core.handle(sell("s", 4, 100, account="me"), NOW)
        assert brief(core.handle(request_, NOW)) == [(CxlRejReason.UNKNOWN_ORDER, "s")]
        assert queue(core, Side.SELL) == [("s", 4)]
        core.handle(cancel("s", "me"), NOW)
        assert brief(core.handle(request_, NOW)) == [(CxlRejReason.UNKNOWN_ORDER, "s")]

    def test_others_do_not_learn_that_a_name_was_used_before(self, core: MatchingCore) -> None:
        """You had an order s; now I have one of that name."""
        core.handle(sell("s", 4, 100, account="you"), NOW)
        core.handle(cancel("s", "you"), NOW)
        core.handle(sell("s", 4, 100, account="me"), NOW)
        assert brief(core.handle(cancel("s", "you"), NOW)) == [(CxlRejReason.UNKNOWN_ORDER, "s")]

    def test_finished_orders_are_remembered_within_bounds(self) -> None:
        core = MatchingCore(memory=10)
        for n in range(100):
            core.handle(sell(f"s{n}", 1, 100), NOW)
            core.handle(cancel(f"s{n}"), NOW)
            core.check()
        answers = [only(core.handle(cancel(f"s{n}"), NOW)).reason for n in range(100)]
        assert answers[-10:] == [CxlRejReason.TOO_LATE] * 10
        assert answers[:-20] == [CxlRejReason.UNKNOWN_ORDER] * 80


class TestReplace:
    @pytest.fixture
    def queued(self, core: MatchingCore) -> MatchingCore:
        """Three sellers at one price, the first partly filled; a buyer below."""
        for name in ("a", "b", "c"):
            core.handle(sell(name, 10, 100), NOW)
        core.handle(buy("taker", 4, 100), NOW)
        core.handle(buy("bid", 5, 95), NOW)
        return core

    def test_fewer_lots_keep_the_place(self, queued: MatchingCore) -> None:
        report = only(queued.handle(replace("a", 7, 100), NOW))
        assert (report.exec_type, report.ord_status) == (
            ExecType.REPLACED,
            OrdStatus.PARTIALLY_FILLED,
        )
        assert (report.cl_ord_id, report.orig_cl_ord_id) == ("a'", "a")
        assert (report.order_qty, report.cum_qty, report.leaves_qty) == (7, 4, 3)
        assert queue(queued, Side.SELL) == [("a'", 3), ("b", 10), ("c", 10)]

    def test_the_same_terms_keep_the_place_and_only_rename(self, queued: MatchingCore) -> None:
        seq = queued.venue_seq
        assert only(queued.handle(replace("b", 10, 100), NOW)).venue_seq == seq
        assert queue(queued, Side.SELL) == [("a", 6), ("b'", 10), ("c", 10)]

    def test_more_lots_lose_the_place(self, queued: MatchingCore) -> None:
        queued.handle(replace("a", 11, 100), NOW)
        assert queue(queued, Side.SELL) == [("b", 10), ("c", 10), ("a'", 7)]

    def test_another_price_and_back_loses_the_place(self, queued: MatchingCore) -> None:
        queued.handle(replace("b", 10, 101), NOW)
        assert queue(queued, Side.SELL) == [("a", 6), ("c", 10), ("b'", 10)]
        queued.handle(replace("b'", 10, 100), NOW)
        assert queue(queued, Side.SELL) == [("a", 6), ("c", 10), ("b''", 10)]

    def test_a_replace_that_crosses_trades_at_once_and_the_rest_rests(
        self, queued: MatchingCore
    ) -> None:
        seq = queued.venue_seq
        reports = queued.handle(replace("a", 20, 95), NOW)
        assert brief(reports) == [
            (ExecType.REPLACED, "a'", 4, 16),
            (ExecType.TRADE, "a'", 9, 11, 95, 5),
            (ExecType.TRADE, "bid", 5, 0, 95, 5),
        ]
        assert {r.venue_seq for r in reports} == {seq + 1}
        assert queued.best(Side.SELL) == (95, 11)
        assert only(queued.handle(cancel("a'"), NOW)).order_id == 1

    @pytest.mark.parametrize("total", [4, 3, 1])
    def test_a_total_within_what_is_filled_closes_the_order(
        self, queued: MatchingCore, total: int
    ) -> None:
        report = only(queued.handle(replace("a", total, 90), NOW))
        assert (report.exec_type, report.ord_status) == (ExecType.REPLACED, OrdStatus.FILLED)
        assert (report.order_qty, report.cum_qty, report.leaves_qty) == (4, 4, 0)
        assert queue(queued, Side.SELL) == [("b", 10), ("c", 10)]
        late = only(queued.handle(cancel("a'"), NOW))
        assert (late.reason, late.ord_status) == (CxlRejReason.TOO_LATE, OrdStatus.FILLED)

    @pytest.mark.parametrize(
        ("request_", "reason"),
        [
            (replace("b", 0, 100), CxlRejReason.INCORRECT_QUANTITY),
            (replace("b", -3, 100), CxlRejReason.INCORRECT_QUANTITY),
            (replace("b", 2**63, 100), CxlRejReason.INCORRECT_QUANTITY),
            (replace("b", 5, 0), CxlRejReason.INVALID_PRICE_INCREMENT),
            (replace("b", 5, -1), CxlRejReason.INVALID_PRICE_INCREMENT),
            (replace("b", 5, 2**63), CxlRejReason.INVALID_PRICE_INCREMENT),
            (replace("b", 5, 100, to="c"), CxlRejReason.DUPLICATE_ID),
            (replace("b", 5, 100, to="b"), CxlRejReason.DUPLICATE_ID),
            (replace("ghost", 5, 100), CxlRejReason.UNKNOWN_ORDER),
            (replace("taker", 5, 100), CxlRejReason.TOO_LATE),
            (replace("b", 5, 100, account="you"), CxlRejReason.UNKNOWN_ORDER),
        ],
    )
    def test_a_refused_replace_changes_nothing(
        self, queued: MatchingCore, request_: OrderCancelReplaceRequest, reason: CxlRejReason
    ) -> None:
        before, seq = queue(queued, Side.SELL), queued.venue_seq
        assert only(queued.handle(request_, NOW)).reason is reason
        assert (queue(queued, Side.SELL), queued.venue_seq) == (before, seq)

    def test_the_status_in_a_refusal_is_the_orders(self, queued: MatchingCore) -> None:
        assert only(queued.handle(replace("a", 0, 100), NOW)).ord_status is (
            OrdStatus.PARTIALLY_FILLED
        )
        assert only(queued.handle(replace("b", 0, 100), NOW)).ord_status is OrdStatus.NEW

    def test_the_grid_of_the_venue_holds_for_replaces(self) -> None:
        core = MatchingCore(tick=5, lot=2)
        core.handle(sell("s", 4, 100), NOW)
        assert only(core.handle(replace("s", 3, 100), NOW)).reason is (
            CxlRejReason.INCORRECT_QUANTITY
        )
        assert only(core.handle(replace("s", 2, 101), NOW)).reason is (
            CxlRejReason.INVALID_PRICE_INCREMENT
        )

    def test_a_post_only_order_is_not_replaced_into_a_trade(self, queued: MatchingCore) -> None:
        queued.handle(sell("p", 5, 101, post_only=True), NOW)
        report = only(queued.handle(replace("p", 5, 95), NOW))
        assert report.reason is CxlRejReason.POST_ONLY_WOULD_TRADE
        assert only(queued.handle(replace("p", 5, 96), NOW)).exec_type is ExecType.REPLACED

    def test_a_post_only_order_may_be_closed_at_what_is_filled(self, core: MatchingCore) -> None:
        core.handle(sell("p", 5, 100, post_only=True), NOW)
        core.handle(buy("b", 2, 100), NOW)
        core.handle(buy("c", 2, 99), NOW)
        assert only(core.handle(replace("p", 2, 99), NOW)).ord_status is OrdStatus.FILLED

    def test_a_replaced_order_keeps_its_self_trade_mode(self, core: MatchingCore) -> None:
        mode = SelfTrade.CANCEL_INCOMING
        core.handle(buy("b", 5, 95, account="me"), NOW)
        core.handle(sell("s", 5, 100, account="me", self_trade=mode), NOW)
        reports = core.handle(replace("s", 5, 95, account="me"), NOW)
        assert brief(reports) == [(ExecType.REPLACED, "s'", 0, 5), (ExecType.CANCELED, "s'", 0, 0)]
        assert {r.venue_seq for r in reports} == {3}
        assert queue(core, Side.SELL) == []


class TestReduce:
    def test_a_reduction_keeps_name_and_place(self, core: MatchingCore) -> None:
        core.handle(sell("a", 10, 100), NOW)
        core.handle(sell("b", 10, 100), NOW)
        report = only(core.handle(reduce("a", 3), NOW))
        assert (report.exec_type, report.ord_status) == (ExecType.REPLACED, OrdStatus.NEW)
        assert (report.cl_ord_id, report.orig_cl_ord_id) == ("request", "a")
        assert (report.order_qty, report.leaves_qty, report.venue_seq) == (7, 7, 3)
        assert queue(core, Side.SELL) == [("a", 7), ("b", 10)]

    @pytest.mark.parametrize("by", [6, 7, 100])
    def test_all_that_is_open_or_more_cancels(self, core: MatchingCore, by: int) -> None:
        core.handle(sell("a", 10, 100), NOW)
        core.handle(buy("t", 4, 100), NOW)
        report = only(core.handle(reduce("a", by), NOW))
        assert (report.exec_type, report.order_qty, report.cum_qty) == (ExecType.CANCELED, 10, 4)
        assert (report.cl_ord_id, report.orig_cl_ord_id) == ("request", "a")
        assert core.best(Side.SELL) is None

    @pytest.mark.parametrize("by", [0, -2, 3])
    def test_no_quantity_or_one_off_the_lot_is_refused(self, by: int) -> None:
        core = MatchingCore(lot=2)
        core.handle(sell("a", 10, 100), NOW)
        assert only(core.handle(reduce("a", by), NOW)).reason is CxlRejReason.INCORRECT_QUANTITY
        assert queue(core, Side.SELL) == [("a", 10)]

    def test_a_finished_order_is_not_reduced(self, core: MatchingCore) -> None:
        core.handle(sell("a", 10, 100), NOW)
        core.handle(cancel("a"), NOW)
        assert only(core.handle(reduce("a", 1), NOW)).reason is CxlRejReason.TOO_LATE
