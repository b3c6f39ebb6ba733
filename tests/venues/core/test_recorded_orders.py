"""Recorded orders with ours in the line: each rule of the core by a small case."""

import pytest

from sim.data.events import Event
from sim.protocol.enums import ExecType, OrdStatus, OrdType, RejectReason, Side, TimeInForce
from sim.protocol.market_data import OrderRow, RecordedRows, RowEvent
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderReduceRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.recorded_orders import RecordedOrderBook

BUY, SELL = Side.BUY, Side.SELL
NOW = TimeNs(7)
BID, ASK = 1, -1


def row(event: RowEvent, side: int, price: int, lots: int, order_id: int = 0) -> OrderRow:
    return int(event), side, price, lots, order_id


def add(order_id: int, side: int, price: int, lots: int) -> OrderRow:
    return row(RowEvent.ADD, side, price, lots, order_id)


def execute(order_id: int, side: int, price: int, lots: int) -> OrderRow:
    return row(RowEvent.EXECUTE, side, price, lots, order_id)


def delete(order_id: int, side: int = BID) -> OrderRow:
    return row(RowEvent.DELETE, side, 0, 0, order_id)


def reduce(order_id: int, lots: int) -> OrderRow:
    return row(RowEvent.REDUCE, BID, 0, lots, order_id)


def order(
    name: str, side: Side, lots: int, price: int | None, tif: TimeInForce = TimeInForce.GTC
) -> NewOrderSingle:
    kind = OrdType.MARKET if price is None else OrdType.LIMIT
    limit = None if price is None else PriceTicks(price)
    return NewOrderSingle(name, side, QtyLots(lots), limit, kind, tif, "us")


class Market:
    """A book with its fills as ``(name, price, lots)``."""

    def __init__(self) -> None:
        self.book = RecordedOrderBook()

    def play(self, *rows: OrderRow, silent: bool = False) -> list[tuple[str, int, int]]:
        return self._told(self.book.handle(RecordedRows(NOW, rows, silent), NOW))

    def send(self, msg: object) -> list[tuple[str, int, int]]:
        return self._told(self.book.handle(msg, NOW))

    def _told(self, reports: list[VenueReport]) -> list[tuple[str, int, int]]:
        self.book.check()
        fills = []
        for report in reports:
            assert isinstance(report, ExecutionReport)
            assert report.cl_ord_id
            assert report.account == "us"
            assert report.venue_seq == self.book.venue_seq
            if report.last_px is not None:
                fills.append((report.cl_ord_id, int(report.last_px), int(report.last_qty)))
        return fills

    def ahead(self, name: str) -> int:
        """Lots before an order of ours at its price."""
        found = self.book.lots_ahead(name)
        assert found is not None
        return found


@pytest.fixture
def market() -> Market:
    """Bids 100: orders 1 (10 lots), 2 (20), then ours "o" (5), then 3 (30); 99: 4. Ask 102: 9."""
    made = Market()
    made.play(add(9, ASK, 102, 50), add(1, BID, 100, 10), add(2, BID, 100, 20), add(4, BID, 99, 7))
    assert made.send(order("o", BUY, 5, 100)) == []
    made.play(add(3, BID, 100, 30))
    assert made.ahead("o") == 30
    return made


def test_numbers_of_rows_are_those_of_the_neutral_files() -> None:
    assert all(int(Event[event.name]) == int(event) for event in RowEvent)


def test_our_lots_are_displayed_with_the_others(market: Market) -> None:
    assert market.book.published(5) == (((100, 65), (99, 7)), ((102, 50),))


def test_cancel_behind_us_moves_nothing(market: Market) -> None:
    market.play(delete(3))
    market.play(delete(4))
    assert market.ahead("o") == 30


def test_cancel_ahead_moves_us_forward_by_its_lots_and_never_clears_the_line(
    market: Market,
) -> None:
    market.play(reduce(2, 5))
    assert market.ahead("o") == 25
    market.play(delete(1))
    assert market.ahead("o") == 15
    assert market.play(delete(2)) == []
    assert market.ahead("o") == 0


def test_trades_at_the_front_advance_the_line(market: Market) -> None:
    assert market.play(execute(1, BID, 100, 4)) == []
    assert market.ahead("o") == 26
    assert market.play(execute(1, BID, 100, 6), execute(2, BID, 100, 20)) == []
    assert market.ahead("o") == 0


def test_recorded_executions_that_reach_us_fill_us(market: Market) -> None:
    market.play(delete(1), delete(2))
    assert market.play(execute(3, BID, 100, 3)) == [("o", 100, 3)]
    assert market.play(execute(3, BID, 100, 3)) == [("o", 100, 2)]
    assert market.play(execute(3, BID, 100, 3)) == []
    # The recording is believed: 3 has lost what it lost there, also what went to us.
    assert market.book.published(1)[0] == ((100, 21),)


def test_prints_and_volume_hold_what_traded_once(market: Market) -> None:
    market.play(delete(1), delete(2))
    before = market.book.volume
    market.play(execute(3, BID, 100, 8))
    assert [(t.price, t.qty, t.aggressor) for t in market.book.trades] == [
        (100, 5, SELL),
        (100, 3, SELL),
    ]
    assert market.book.volume == before + 8


def test_an_execution_ahead_of_us_is_not_ours_whatever_its_place(market: Market) -> None:
    """Order 2 trades though 1 is before it, as in recordings with orders of unknown age."""
    assert market.play(execute(2, BID, 100, 20)) == []
    assert market.ahead("o") == 10


def test_trade_at_a_worse_price_fills_us_at_our_limit(market: Market) -> None:
    assert market.play(execute(4, BID, 99, 3)) == [("o", 100, 3)]
    assert market.play(execute(4, BID, 99, 4)) == [("o", 100, 2)]
    assert [(t.price, t.qty) for t in market.book.trades] == [(100, 2), (99, 2)]


def test_hidden_print_at_our_price_fills_us_only_at_the_front(market: Market) -> None:
    hidden = row(RowEvent.TRADE, -1, 100, 4)
    assert market.play(hidden) == []
    market.play(delete(1), delete(2))
    assert market.play(hidden) == [("o", 100, 4)]


def test_hidden_print_through_our_price_fills_us_and_one_without_a_side_does_not(
    market: Market,
) -> None:
    assert market.play(row(RowEvent.TRADE, 0, 99, 4)) == []
    assert market.play(row(RowEvent.TRADE, 1, 99, 4)) == []
    assert market.play(row(RowEvent.TRADE, -1, 99, 4)) == [("o", 100, 4)]


def test_stranger_who_comes_to_our_price_trades_with_us(market: Market) -> None:
    assert market.play(add(10, ASK, 101, 8)) == []
    assert market.send(order("p", BUY, 3, 101, TimeInForce.IOC)) == [("p", 101, 3)]
    # 5 are left of the 8 that the recording has; the rest comes to where we rest.
    moved = row(RowEvent.MODIFY, ASK, 100, 8, 10)
    assert market.play(delete(1), delete(2), delete(3), moved) == [("o", 100, 5)]
    assert market.book.published(1)[1] == ((102, 50),)


def test_what_we_took_stays_taken(market: Market) -> None:
    assert market.send(order("p", BUY, 20, 102, TimeInForce.IOC)) == [("p", 102, 20)]
    assert market.book.published(1)[1] == ((102, 30),)
    market.play(row(RowEvent.REDUCE, ASK, 0, 10, 9))
    assert market.book.published(1)[1] == ((102, 30),), "40 are recorded, 20 of them are ours"
    market.play(execute(9, ASK, 102, 15))
    assert market.book.published(1)[1] == ((102, 25),)
    market.play(row(RowEvent.MODIFY, ASK, 103, 30, 9))
    assert market.book.published(1)[1] == ((103, 30),), "none is taken any more of 25 that moved"


def test_a_stranger_that_moves_takes_along_what_we_left(market: Market) -> None:
    market.send(order("p", BUY, 20, 102, TimeInForce.IOC))
    market.play(row(RowEvent.MODIFY, ASK, 103, 60, 9))
    assert market.book.published(1)[1] == ((103, 40),)
    assert market.send(order("q", BUY, 99, None, TimeInForce.IOC)) == [("q", 103, 40)]
    market.play(execute(9, ASK, 103, 60))
    assert market.book.published(1)[1] == ()


def test_modify_keeps_the_place_unless_it_grows_or_moves(market: Market) -> None:
    market.play(row(RowEvent.MODIFY, BID, 100, 8, 1))
    assert market.ahead("o") == 28
    market.play(row(RowEvent.MODIFY, BID, 100, 9, 1))
    assert market.ahead("o") == 20
    market.play(row(RowEvent.MODIFY, BID, 99, 1, 2))
    assert market.ahead("o") == 0


def test_rows_about_unknown_orders_change_nothing_but_print(market: Market) -> None:
    before = market.book.published(9)
    market.play(delete(77), reduce(78, 5), row(RowEvent.MODIFY, BID, 98, 5, 79))
    assert market.book.published(9) == before
    assert market.play(execute(80, BID, 100, 2)) == []
    assert [(t.price, t.qty) for t in market.book.trades] == [(100, 2)]


def test_an_order_that_is_added_twice_is_an_error(market: Market) -> None:
    with pytest.raises(ValueError, match="order 3 is added and was open already"):
        market.play(add(3, BID, 98, 1))


def test_clear_takes_strangers_and_leaves_ours(market: Market) -> None:
    market.play(row(RowEvent.CLEAR, 0, 0, 0), add(9, ASK, 103, 1))
    assert market.book.published(5) == (((100, 5),), ((103, 1),))
    assert market.ahead("o") == 0


def test_aggressive_order_sees_the_moves_in_between(market: Market) -> None:
    """What was shown when it was sent is not what it meets."""
    market.play(row(RowEvent.REDUCE, ASK, 0, 45, 9), add(10, ASK, 104, 50))
    assert market.send(order("p", BUY, 20, 104, TimeInForce.IOC)) == [
        ("p", 102, 5),
        ("p", 104, 15),
    ]


def test_remainder_of_a_marketable_order_rests_behind_the_others(market: Market) -> None:
    assert market.send(order("p", BUY, 60, 102)) == [("p", 102, 50)]
    assert market.book.published(1)[0] == ((102, 10),)
    assert market.play(add(11, ASK, 102, 4)) == [("p", 102, 4)]


def test_requests_of_ours_work_as_in_any_book(market: Market) -> None:
    (answer,) = market.book.handle(
        OrderCancelReplaceRequest("o2", "o", QtyLots(4), PriceTicks(100), "us"), NOW
    )
    assert isinstance(answer, ExecutionReport)
    assert answer.exec_type is ExecType.REPLACED
    assert market.ahead("o2") == 30
    market.send(OrderReduceRequest("r", "o2", QtyLots(1), "us"))
    assert market.ahead("o2") == 30
    market.send(OrderCancelReplaceRequest("o3", "o2", QtyLots(9), PriceTicks(100), "us"))
    assert market.ahead("o3") == 60
    (answer,) = market.book.handle(OrderCancelRequest("c", "o3", "us"), NOW)
    assert isinstance(answer, ExecutionReport)
    assert answer.ord_status is OrdStatus.CANCELED
    assert market.book.lots_ahead("o3") is None
    market.book.check()


def test_ours_trade_with_each_other(market: Market) -> None:
    assert market.send(order("p", BUY, 5, 101)) == []
    fills = market.send(order("q", SELL, 7, 100, TimeInForce.IOC))
    assert fills == [("q", 101, 5), ("p", 101, 5), ("q", 100, 2)]


def test_nothing_of_ours_trades_while_the_venue_is_not_open(market: Market) -> None:
    rows = RecordedRows(NOW, (execute(4, BID, 99, 3), add(12, ASK, 100, 9)))
    assert market.play(*rows.silent().rows, silent=True) == []
    assert market.book.trades == []
    assert market.play(delete(4)) == [("o", 100, 5)], "it trades again: the two meet"


@pytest.mark.parametrize("name", ["", "x"])
def test_what_it_cannot_do_is_refused(market: Market, name: str) -> None:
    msg = order(name, BUY, 5, 100)
    (answer,) = market.book.handle(msg, NOW)
    assert isinstance(answer, ExecutionReport)
    expected = RejectReason.UNSUPPORTED_ORDER if not name else None
    assert answer.reject_reason is expected


def test_two_of_ours_wait_in_their_order(market: Market) -> None:
    market.send(order("p", BUY, 5, 100))
    assert market.ahead("p") == 65
    market.play(delete(1), delete(2))
    assert market.ahead("p") == 35
    assert market.play(execute(3, BID, 100, 10)) == [("o", 100, 5)]
    assert market.ahead("p") == 20
