"""Special orders in a lit book, rule by rule, as far as no conformance case states them."""

from collections.abc import Iterator
from typing import Any

import pytest

from sim.protocol.enums import (
    CxlRejReason,
    ExecType,
    OrdStatus,
    OrdType,
    PegReference,
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
    OrderInstructions,
    OrderReduceRequest,
    Peg,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.lit import LitCore
from venues.core.matching_rules import MatchingRules

NOW = TimeNs(0)
STOP, STOP_LIMIT = OrdType.STOP, OrdType.STOP_LIMIT
EXTRAS = ("display_qty", "min_display_qty", "hidden", "all_or_none", "stop_px", "peg")


def order(name: str, side: str, qty: int, price: int | None = None, **more: Any) -> NewOrderSingle:
    """An order of account ``name[0]``; instructions are given like all else."""
    extras = {key: more.pop(key) for key in EXTRAS if key in more}
    kind = more.pop("kind", OrdType.MARKET if price is None else OrdType.LIMIT)
    return NewOrderSingle(
        name,
        Side(side),
        QtyLots(qty),
        None if price is None else PriceTicks(price),
        kind,
        TimeInForce(more.pop("tif", "GTC")),
        more.pop("account", name[0]),
        min_qty=QtyLots(more.pop("min_qty", 0)),
        instructions=OrderInstructions(**extras) if extras else None,
        **more,
    )


class Book:
    """A core whose invariants are walked after each message."""

    def __init__(self, *orders: NewOrderSingle, **rules: Any) -> None:
        self.core = LitCore(rules=MatchingRules(**rules))
        for msg in orders:
            self.tell(msg)

    def tell(self, msg: Any) -> list[VenueReport]:
        reports = self.core.handle(msg, NOW)
        self.core.check()
        return reports

    def new(self, *args: Any, **more: Any) -> list[VenueReport]:
        return self.tell(order(*args, **more))

    def trades(self, *args: Any, **more: Any) -> list[tuple[str, str, int, int]]:
        return list(trades(self.new(*args, **more)))

    def replace(self, name: str, qty: int, price: int | None, **more: Any) -> list[VenueReport]:
        return self.tell(
            OrderCancelReplaceRequest(
                f"{name}'",
                name,
                QtyLots(qty),
                None if price is None else PriceTicks(price),
                name[0],
                **more,
            )
        )

    def cancel(self, name: str) -> list[VenueReport]:
        return self.tell(OrderCancelRequest("c", name, name[0]))

    def shown(self) -> Any:
        return self.core.published(10)


def trades(reports: list[VenueReport]) -> Iterator[tuple[str, str, int, int]]:
    """``(taker, maker, price, lots)`` of each."""
    fills = [r for r in reports if isinstance(r, ExecutionReport) and r.last_px is not None]
    for taker, maker in zip(fills[::2], fills[1::2], strict=True):
        assert taker.last_px is not None
        yield taker.cl_ord_id, maker.cl_ord_id, taker.last_px, taker.last_qty


def what(reports: list[VenueReport]) -> list[tuple[str, ExecType]]:
    return [(r.cl_ord_id, r.exec_type) for r in reports if isinstance(r, ExecutionReport)]


def reason(reports: list[VenueReport]) -> object:
    (report,) = reports
    return report.reason if isinstance(report, OrderCancelReject) else report.reject_reason


# ---------------------------------------------------------------- what shows


def test_the_feed_shows_peaks_alone_and_an_arrival_is_told_of_everything() -> None:
    book = Book(
        order("ice", "sell", 50, 101, display_qty=10),
        order("dim", "sell", 7, 100, hidden=True),
        order("plain", "sell", 5, 101),
        order("late", "sell", 9, 99, kind=STOP_LIMIT, stop_px=90),
    )
    assert book.shown() == ((), ((101, 15),))
    assert book.core.best(Side.SELL) == (101, 15)
    assert book.core.reachable_by(order("x", "buy", 1, 101), 10) == ((100, 7), (101, 55))
    assert book.core.reachable_by(order("x", "buy", 1, 101), 1) == ((100, 7),)
    assert book.core.reachable_by(order("x", "buy", 1, 100), 10) == ((100, 7),)
    assert book.core.reachable_by(order("x", "buy", 9, 101, min_qty=8), 10) == ((101, 50),)


def test_a_trade_with_what_does_not_show_is_published() -> None:
    book = Book(order("dim", "sell", 7, 100, hidden=True))
    before, seq = book.core.published(5), book.core.venue_seq
    assert book.trades("x", "buy", 3, 100) == [("x", "dim", 100, 3)]
    assert book.core.unseen
    assert (book.core.published(5), book.core.volume) == (before, 3)
    assert book.core.venue_seq == seq + 1


def test_a_slice_is_renewed_behind_the_others_and_below_its_least() -> None:
    book = Book(
        order("ice", "sell", 30, 100, display_qty=10, min_display_qty=4),
        order("plain", "sell", 5, 100),
    )
    assert book.trades("x", "buy", 6, 100) == [("x", "ice", 100, 6)]
    assert book.shown() == ((), ((100, 9),))
    assert book.trades("y", "buy", 1, 100) == [("y", "ice", 100, 1)]
    assert book.shown() == ((), ((100, 15),))  # 3 were left, fewer than 4
    assert book.trades("z", "buy", 6, 100) == [("z", "plain", 100, 5), ("z", "ice", 100, 1)]


def test_an_iceberg_that_gains_lots_and_shows_too_few_is_renewed_at_the_end() -> None:
    book = Book(
        order("i", "buy", 12, 10, display_qty=10, min_display_qty=10),
        order("j", "buy", 5, 10),
        iceberg_size_up="keeps_priority",
    )
    book.tell(OrderReduceRequest("r", "i", QtyLots(10), "i"))
    book.replace("i", 25, 10)
    shown = [(o.cl_ord_id, o.leaves_qty, o.open_qty) for o in book.core.displayed(Side.BUY)]
    assert shown == [("j", 5, 5), ("i'", 10, 25)]


def test_fill_or_kill_counts_what_is_kept_back_and_hidden() -> None:
    makers = (
        order("ice", "sell", 30, 100, display_qty=10),
        order("dim", "sell", 5, 101, hidden=True),
    )
    book = Book(*makers)
    assert book.trades("x", "buy", 36, 101, tif="FOK") == []
    assert sum(lots for *_, lots in book.trades("y", "buy", 35, 101, tif="FOK")) == 35


def test_fill_or_kill_meets_an_all_or_none_order_at_its_turn() -> None:
    """Ten of the iceberg, then the fifty, then the rest of it: 120 in all."""
    book = Book(
        order("ice", "sell", 100, 100, display_qty=10),
        order("aon", "sell", 50, 100, all_or_none=True),
    )
    assert [trade[1:] for trade in book.trades("x", "buy", 120, 100, tif="FOK")][:2] == [
        ("ice", 100, 10),
        ("aon", 100, 50),
    ]


# ---------------------------------------------------------------- choosy orders


def test_an_order_with_a_minimum_stands_against_what_is_too_small() -> None:
    book = Book(order("small", "sell", 3, 100), order("picky", "buy", 10, 100, min_qty=5))
    assert book.shown() == (((100, 10),), ((100, 3),))
    assert book.trades("more", "sell", 4, 100) == []
    # Four are left of it then, and fewer than its minimum may trade whole.
    assert book.trades("much", "sell", 6, 100) == [
        ("much", "picky", 100, 6),
        ("picky", "more", 100, 4),
    ]
    assert book.shown() == ((), ((100, 3),))


def test_what_was_too_small_trades_when_little_is_left() -> None:
    book = Book(order("four", "sell", 4, 101), order("picky", "buy", 10, 101, min_qty=5))
    reports = book.new("six", "sell", 6, 100)
    assert list(trades(reports)) == [("six", "picky", 101, 6), ("picky", "four", 101, 4)]
    assert book.shown() == ((), ())


def test_all_or_none_takes_what_has_gathered_whatever_made_it_fit() -> None:
    book = Book(
        order("a1", "sell", 5, 100),
        order("aon", "buy", 9, 100, all_or_none=True, account="z"),
        order("a2", "sell", 3, 100),
    )
    assert book.trades("a3", "sell", 1, 100) == [
        ("aon", "a1", 100, 5),
        ("aon", "a2", 100, 3),
        ("aon", "a3", 100, 1),
    ]
    book = Book(
        order("a1", "sell", 5, 100), order("aon", "buy", 9, 100, all_or_none=True, account="z")
    )
    reduced = book.tell(OrderReduceRequest("r", "aon", QtyLots(4), "z"))
    assert list(trades(reduced)) == [("aon", "a1", 100, 5)]


def test_an_order_is_not_woken_to_meet_its_own() -> None:
    book = Book(
        order("s1", "sell", 5, 100),
        order("s2", "buy", 7, 100, all_or_none=True, self_trade=SelfTrade.CANCEL_INCOMING),
    )
    assert book.trades("x", "sell", 2, 100) == []
    assert book.shown() == (((100, 7),), ((100, 7),))


# ---------------------------------------------------------------- stops


def test_a_stop_reports_that_it_is_elected_and_then_trades() -> None:
    book = Book(
        order("s1", "sell", 5, 100),
        order("s2", "sell", 9, 101),
        order("wait", "buy", 4, kind=STOP, stop_px=100),
    )
    assert book.core.is_waiting("wait")
    reports = book.new("x", "buy", 2, 100)
    assert what(reports) == [
        ("x", ExecType.NEW),
        ("x", ExecType.TRADE),
        ("s1", ExecType.TRADE),
        ("wait", ExecType.TRIGGERED),
        ("wait", ExecType.TRADE),
        ("s1", ExecType.TRADE),
        ("wait", ExecType.TRADE),
        ("s2", ExecType.TRADE),
    ]
    assert {report.venue_seq for report in reports} == {book.core.venue_seq}


def test_every_trade_of_a_sweep_elects() -> None:
    """The sell stop at 100 is elected, although the sweep ends at 102."""
    book = Book(
        order("s0", "sell", 1, 105),
        order("b0", "buy", 1, 105),
        order("s1", "sell", 1, 100),
        order("s2", "sell", 1, 102),
        order("wait", "sell", 3, 103, kind=STOP_LIMIT, stop_px=100),
    )
    assert book.core.last_px == 105
    reports = book.new("x", "buy", 2, 102)
    assert book.core.last_px == 102
    assert ("wait", ExecType.TRIGGERED) in what(reports)
    assert book.shown() == ((), ((103, 3),))


def test_elected_stops_elect_others() -> None:
    book = Book(
        *(order(f"s{n}", "sell", 1, 100 + n) for n in range(4)),
        order("w1", "buy", 1, kind=STOP, stop_px=100),
        order("w2", "buy", 1, kind=STOP, stop_px=101),
        order("w3", "buy", 1, kind=STOP, stop_px=103),
    )
    assert book.trades("x", "buy", 1, 100) == [
        ("x", "s0", 100, 1),
        ("w1", "s1", 101, 1),
        ("w2", "s2", 102, 1),
    ]
    assert book.core.is_waiting("w3")


def test_a_stop_that_is_elected_as_it_comes_keeps_its_time_in_force() -> None:
    book = Book(order("s", "sell", 9, 100), reference_px=100)
    assert book.trades("x", "buy", 10, 100, kind=STOP_LIMIT, stop_px=99, tif="FOK") == []
    assert book.trades("y", "buy", 10, 100, kind=STOP_LIMIT, stop_px=99, tif="IOC") == [
        ("y", "s", 100, 9)
    ]
    assert book.shown() == ((), ())


def test_a_waiting_stop_may_be_canceled_reduced_and_moved_until_it_is_ripe() -> None:
    book = Book(order("s", "sell", 9, 100), order("w", "buy", 6, 101, kind=STOP_LIMIT, stop_px=105))
    (reduced,) = book.tell(OrderReduceRequest("r", "w", QtyLots(2), "w"))
    assert isinstance(reduced, ExecutionReport)
    assert (reduced.order_qty, reduced.leaves_qty) == (4, 4)
    assert book.trades("x", "buy", 1, 100) == [("x", "s", 100, 1)]
    ripe = book.replace("w", 4, 101, stop_px=PriceTicks(100))
    assert list(trades(ripe)) == [("w'", "s", 100, 4)]
    book.new("v", "buy", 6, kind=STOP, stop_px=105)
    assert what(book.cancel("v")) == [("c", ExecType.CANCELED)]


# ---------------------------------------------------------------- pegged orders


def peg(name: str, side: str, qty: int, ref: PegReference, offset: int = 0, **more: Any) -> Any:
    return order(name, side, qty, peg=Peg(ref, offset), kind=OrdType.PEGGED, **more)


def test_a_peg_follows_up_to_its_cap_and_parks_without_a_reference() -> None:
    book = Book(order("b1", "buy", 5, 100), peg("peg", "buy", 3, PegReference.PRIMARY, price=102))
    assert book.shown() == (((100, 8),), ())
    book.new("b2", "buy", 1, 104)
    assert book.shown() == (((104, 1), (102, 3), (100, 5)), ())
    book.cancel("b2")
    book.cancel("b1")
    assert book.shown() == ((), ())
    assert book.core.is_waiting("peg")
    book.new("b3", "buy", 2, 99)
    assert book.shown() == (((99, 5),), ())


def test_a_middle_between_two_ticks_is_away_from_the_other_side() -> None:
    book = Book(order("b", "buy", 1, 100), order("s", "sell", 1, 103))
    book.tell(peg("low", "buy", 2, PegReference.MID))
    book.tell(peg("up", "sell", 3, PegReference.MID))
    assert book.shown() == (((101, 2), (100, 1)), ((102, 3), (103, 1)))


def test_pegs_at_one_middle_meet_there() -> None:
    book = Book(order("b", "buy", 1, 100), order("s", "sell", 1, 104))
    book.tell(peg("low", "buy", 2, PegReference.MID))
    reports = book.tell(peg("up", "sell", 3, PegReference.MID))
    assert list(trades(reports)) == [("up", "low", 102, 2)]


def test_no_peg_trades_at_a_price_of_the_past() -> None:
    """The middle goes up: the buyer must not meet the seller where that one was before."""
    book = Book(order("b", "buy", 1, 100), order("s", "sell", 1, 104))
    book.tell(peg("low", "buy", 2, PegReference.MID, 1))
    book.tell(peg("up", "sell", 2, PegReference.MID, 1))
    assert book.shown() == (((101, 2), (100, 1)), ((103, 2), (104, 1)))
    assert book.trades("more", "buy", 1, 102, account="b") == []
    assert book.shown()[0] == ((102, 3), (100, 1))
    assert book.shown()[1] == ((104, 3),)


@pytest.mark.parametrize(
    ("rule", "first", "later"),
    [
        ("park", "waits", "waits"),
        ("cancel", ExecType.CANCELED, ExecType.CANCELED),
        ("reject", RejectReason.NO_REFERENCE, ExecType.CANCELED),
    ],
)
def test_what_a_peg_without_a_reference_does(rule: str, first: object, later: object) -> None:
    book = Book(peg_without_reference=rule)
    reports = book.tell(peg("p", "buy", 1, PegReference.PRIMARY))
    found = "waits" if book.core.is_waiting("p") else None
    assert (found or reason(reports[-1:]) or what(reports)[-1][1]) == first
    book = Book(order("b", "buy", 1, 100), peg_without_reference=rule)
    book.tell(peg("p", "buy", 1, PegReference.PRIMARY))
    reports = book.cancel("b")
    found = "waits" if book.core.is_waiting("p") else None
    assert (found or what(reports)[-1][1]) == later


# ---------------------------------------------------------------- orders without a limit


def test_market_to_limit_takes_the_best_level_and_rests_there() -> None:
    book = Book(order("s1", "sell", 3, 100), order("s2", "sell", 3, 101))
    assert book.trades("x", "buy", 5, kind=OrdType.MARKET_TO_LIMIT) == [("x", "s1", 100, 3)]
    assert book.shown() == (((100, 2),), ((101, 3),))
    empty = Book(order("dim", "sell", 3, 100, hidden=True))
    refused = empty.new("x", "buy", 5, kind=OrdType.MARKET_TO_LIMIT)
    assert reason(refused) is RejectReason.NO_REFERENCE


def test_a_resting_market_order_shows_nothing_and_is_replaced_without_a_price() -> None:
    book = Book(order("m", "buy", 5), market_remainder="rest")
    assert book.shown() == ((), ())
    assert [o.open_qty for o in book.core.resting_market(Side.BUY)] == [5]
    assert book.core.reachable_by(order("x", "sell", 1, 100), 5) == ((100, 5),)
    assert book.core.reachable_by(order("x", "sell", 1), 5) == ()  # without any price
    assert reason(book.replace("m", 4, 100)) is CxlRejReason.UNSUPPORTED_CHANGE
    (replaced,) = book.replace("m", 4, None)
    assert isinstance(replaced, ExecutionReport)
    assert (replaced.exec_type, replaced.leaves_qty) == (ExecType.REPLACED, 4)
    assert book.trades("x", "sell", 9, 99) == [("x", "m'", 99, 4)]


def test_market_orders_of_both_sides_trade_as_soon_as_there_is_a_price() -> None:
    book = Book(
        order("b", "buy", 100),
        order("s", "sell", 200),
        order("t", "sell", 50),
        market_remainder="rest",
    )
    assert book.trades("x", "buy", 100, 99) == [("x", "s", 99, 100), ("s", "b", 99, 100)]
    book.new("c", "buy", 120, tif="GTC")
    assert [o.cl_ord_id for o in book.core.resting_market(Side.BUY)] == ["c"]


def test_a_market_order_that_is_woken_keeps_its_place() -> None:
    book = Book(
        order("b", "buy", 100),
        order("s", "sell", 150),
        order("t", "sell", 50),
        market_remainder="rest",
    )
    assert list(trades(book.core.set_reference(PriceTicks(101), NOW))) == [("s", "b", 101, 100)]
    book.core.check()
    left = [(o.cl_ord_id, o.open_qty) for o in book.core.resting_market(Side.SELL)]
    assert left == [("s", 50), ("t", 50)]


def test_own_market_orders_are_kept_apart_when_a_price_comes() -> None:
    mode = SelfTrade.CANCEL_INCOMING
    book = Book(
        order("a1", "buy", 100, self_trade=mode),
        order("a2", "sell", 100, self_trade=mode),
        market_remainder="rest",
    )
    assert what(book.core.set_reference(PriceTicks(101), NOW)) == [("a2", ExecType.CANCELED)]
    book.core.check()


# ---------------------------------------------------------------- self-trade prevention


def test_decrement_takes_of_what_an_iceberg_keeps_back_first() -> None:
    book = Book(order("ice", "sell", 30, 100, display_qty=10))
    reports = book.new("incoming", "buy", 22, 100, self_trade=SelfTrade.DECREMENT)
    assert what(reports)[1:] == [("ice", ExecType.REPLACED), ("incoming", ExecType.CANCELED)]
    assert [(o.leaves_qty, o.open_qty) for o in book.core.displayed(Side.SELL)] == [(8, 8)]


@pytest.mark.parametrize("sweep", ["slices", "prorata_reserve"])
@pytest.mark.parametrize("mode", list(SelfTrade))
def test_own_icebergs_are_kept_apart_in_every_sweep(sweep: str, mode: SelfTrade) -> None:
    book = Book(
        order("o1", "sell", 20, 100, display_qty=5),
        order("i1", "sell", 10, 100, display_qty=5),
        order("o2", "sell", 10, 100, display_qty=5),
        iceberg_sweep=sweep,
    )
    found = book.trades("i2", "buy", 33, 100, self_trade=mode)
    with_own = [maker for _, maker, _, _ in found if maker == "i1"]
    assert bool(with_own) is (mode is SelfTrade.NONE)


# ---------------------------------------------------------------- halts


def test_nothing_follows_from_a_message_while_trading_is_suspended() -> None:
    book = Book(
        order("b1", "buy", 1, 100),
        order("b2", "buy", 1, 99),
        order("s1", "sell", 5, 100, hidden=True, min_qty=2),
        peg("peg", "buy", 3, PegReference.PRIMARY, 1),
    )
    assert book.shown() == (((100, 1), (99, 4)), ())
    book.core.suspend()
    assert what(book.cancel("b1")) == [("c", ExecType.CANCELED)]
    assert book.shown() == (((99, 4),), ())
    assert book.core.resume(NOW) == []
    book.core.check()
    assert book.shown() == (((99, 1), (98, 3)), ())


def test_the_owner_is_told_what_is_open_of_an_iceberg() -> None:
    book = Book(order("ice", "sell", 30, 100, display_qty=10))
    *_, fill = book.new("x", "buy", 12, 100)
    assert isinstance(fill, ExecutionReport)
    assert (fill.cum_qty, fill.leaves_qty, fill.ord_status) == (
        12,
        18,
        OrdStatus.PARTIALLY_FILLED,
    )
    (canceled,) = book.cancel("ice")
    assert isinstance(canceled, ExecutionReport)
    assert (canceled.cum_qty, canceled.leaves_qty) == (12, 0)
    assert reason(book.cancel("ice")) is CxlRejReason.TOO_LATE
