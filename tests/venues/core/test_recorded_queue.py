"""Ours in the lines of recorded levels: trades advance them, cancels by an estimator."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.protocol.enums import Side, TimeInForce
from sim.protocol.market_data import (
    AnchorShift,
    BookClear,
    LevelChange,
    RecordedEvent,
    RecordedGroup,
    Trade,
)
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.queue_models import (
    QueueModel,
    logarithmic,
    optimistic,
    power,
    proportional,
    risk_averse,
)
from venues.core.recorded_book import RecordedBook

BUY, SELL = Side.BUY, Side.SELL
NOW = TimeNs(7)


def bid(price: int, lots: int) -> LevelChange:
    return LevelChange(BUY, PriceTicks(price), QtyLots(lots))


def ask(price: int, lots: int) -> LevelChange:
    return LevelChange(SELL, PriceTicks(price), QtyLots(lots))


def sold(price: int, lots: int) -> Trade:
    """Somebody sold to the bids."""
    return Trade(PriceTicks(price), QtyLots(lots), SELL)


def order(
    name: str, side: Side, lots: int, price: int, tif: TimeInForce = TimeInForce.GTC
) -> NewOrderSingle:
    return NewOrderSingle(name, side, QtyLots(lots), PriceTicks(price), time_in_force=tif)


class Market:
    """A book with its fills as ``(name, price, lots)``."""

    def __init__(self, model: QueueModel = risk_averse) -> None:
        self.book = RecordedBook(model=model)

    def play(self, *events: RecordedEvent) -> list[tuple[str, int, int]]:
        return self._told(self.book.handle(RecordedGroup(NOW, events), NOW))

    def send(self, msg: object) -> list[tuple[str, int, int]]:
        return self._told(self.book.handle(msg, NOW))

    def _told(self, reports: list[VenueReport]) -> list[tuple[str, int, int]]:
        self.book.check()
        return [
            (report.cl_ord_id, int(report.last_px), int(report.last_qty))
            for report in reports
            if isinstance(report, ExecutionReport) and report.last_px is not None
        ]

    def ahead(self, name: str) -> int:
        found = self.book.lots_ahead(name)
        assert found is not None
        return found


def open_market(model: QueueModel = risk_averse) -> Market:
    """Bids 100 x 30, then ours "o" of 5, then 20 more; 99 x 7. Ask 102 x 50."""
    market = Market(model)
    market.play(bid(100, 30), bid(99, 7), ask(102, 50))
    assert market.send(order("o", BUY, 5, 100)) == []
    market.play(bid(100, 50))
    assert market.ahead("o") == 30
    return market


@pytest.fixture
def market() -> Market:
    return open_market()


def test_ours_is_displayed_on_top_of_what_is_recorded(market: Market) -> None:
    assert market.book.published(5) == (((100, 55), (99, 7)), ((102, 50),))


def test_growth_is_behind_us(market: Market) -> None:
    market.play(bid(100, 500))
    assert market.ahead("o") == 30


@pytest.mark.parametrize(
    ("model", "ahead"),
    [
        (risk_averse, 30),
        (optimistic, 20),
        (proportional, 24),
        (power(3.0), 30 - 7),  # 10 * 27000 / 35000 = 7.7
        (logarithmic, 30 - 5),  # 10 * 3.434 / (3.434 + 3.045) = 5.3
    ],
)
def test_a_fall_without_a_trade_is_split_by_the_model(model: QueueModel, ahead: int) -> None:
    market = open_market(model)
    market.play(bid(100, 40))
    assert market.ahead("o") == ahead


def test_one_cancel_never_clears_the_line_while_others_are_left() -> None:
    market = open_market(optimistic)
    market.play(bid(100, 2))
    assert market.ahead("o") == 1
    market.play(bid(100, 0))
    assert market.ahead("o") == 0


def test_ahead_is_at_most_what_the_level_shows(market: Market) -> None:
    market.play(bid(100, 12))
    assert market.ahead("o") == 12


def test_trades_at_our_price_advance_the_line(market: Market) -> None:
    assert market.play(sold(100, 10)) == []
    assert market.ahead("o") == 20
    # The level tells what the trade did already: no cancel is in it.
    market.play(bid(100, 40))
    assert market.ahead("o") == 20
    assert market.book.published(1)[0] == ((100, 45),)


def test_trade_and_level_of_one_instant_are_one_event() -> None:
    market = open_market(optimistic)
    market.play(bid(100, 38), sold(100, 10))
    assert market.ahead("o") == 30 - 10 - 2


def test_what_a_trade_has_left_behind_those_ahead_is_ours(market: Market) -> None:
    assert market.play(sold(100, 33)) == [("o", 100, 3)]
    assert [(t.price, t.qty) for t in market.book.trades] == [(100, 3), (100, 30)]
    market.play(bid(100, 17))
    assert market.ahead("o") == 0
    assert market.book.published(1)[0] == ((100, 19),)
    assert market.play(sold(100, 9)) == [("o", 100, 2)]


def test_trade_through_fills_us(market: Market) -> None:
    assert market.play(sold(99, 4)) == [("o", 100, 4)]
    assert market.play(sold(99, 4)) == [("o", 100, 1)]


def test_trade_at_a_better_price_or_of_a_buyer_is_not_ours(market: Market) -> None:
    assert market.play(sold(101, 99), Trade(PriceTicks(102), QtyLots(9), BUY)) == []
    assert market.ahead("o") == 30


def test_offer_that_comes_to_our_price_trades_with_us_and_stays_taken(market: Market) -> None:
    assert market.play(bid(100, 0), ask(100, 3)) == [("o", 100, 3)]
    assert market.book.published(1)[1] == ((102, 50),)
    assert market.play(ask(100, 4)) == [("o", 100, 1)]
    assert market.play(ask(100, 4)) == []


def test_inside_the_spread_we_are_alone_at_the_front(market: Market) -> None:
    market.send(order("p", BUY, 6, 101))
    assert market.ahead("p") == 0
    assert market.play(sold(101, 4)) == [("p", 101, 4)]
    market.play(bid(101, 9))
    assert market.play(sold(101, 4)) == [("p", 101, 2)]


def test_shift_moves_the_others_and_not_us(market: Market) -> None:
    market.play(AnchorShift(BUY, PriceTicks(-1)))
    assert market.ahead("o") == 0
    assert market.book.published(3)[0] == ((100, 5), (99, 50), (98, 7))
    market.play(AnchorShift(BUY, PriceTicks(0)))
    assert market.ahead("o") == 0, "who comes back is behind us"


def test_two_of_ours_split_the_line_in_three() -> None:
    market = open_market(proportional)
    market.send(order("p", BUY, 5, 100))
    market.play(bid(100, 70))
    assert (market.ahead("o"), market.ahead("p")) == (30, 55)
    market.play(bid(100, 56))
    # 14 x 50 / 70 = 10 before p, of which 10 x 30 / 50 = 6 before o.
    assert (market.ahead("o"), market.ahead("p")) == (24, 45)


def test_what_ours_took_is_not_shown_to_come_back(market: Market) -> None:
    assert market.send(order("p", SELL, 40, 100, TimeInForce.IOC))[:1] == [("p", 100, 30)]
    market.play(bid(100, 50))
    assert market.book.published(1)[0] == ((100, 15),)


def test_resnapshot_keeps_our_place(market: Market) -> None:
    market.play(BookClear(), bid(100, 50), bid(99, 7), ask(102, 50))
    assert market.ahead("o") == 30


def test_cancel_of_ours_leaves_the_level_as_recorded(market: Market) -> None:
    market.send(OrderCancelRequest("c", "o"))
    assert market.book.published(1)[0] == ((100, 50),)
    market.play(bid(100, 11))
    assert market.book.published(1)[0] == ((100, 11),)
    assert market.book._splits == {}


def test_fill_by_a_level_change_alone_is_printed_once_and_nowhere_else(market: Market) -> None:
    market.send(order("q", BUY, 4, 101))
    assert market.play(ask(101, 4)) == [("q", 101, 4)]
    assert [(t.price, t.qty) for t in market.book.trades] == [(101, 4)]
    market.play(bid(99, 8))
    assert market.book.trades == []
    assert open_market().book.trades == [], "another book knows nothing of it"


def test_shift_without_ours_forgets_trades_at_the_prices_before(market: Market) -> None:
    assert market.play(sold(100, 33)) == [("o", 100, 3)]
    market.send(OrderCancelRequest("c", "o"))
    market.play(AnchorShift(BUY, PriceTicks(-1)))
    assert market.book.published(1)[0] == ((99, 50),)
    market.play(bid(100, 20))
    assert market.book.published(1)[0] == ((99, 20),)


def test_shift_of_one_side_leaves_what_is_known_of_trades_at_the_other() -> None:
    market = open_market(optimistic)
    market.play(bid(100, 70))
    assert market.play(sold(100, 10)) == []
    market.play(AnchorShift(SELL, PriceTicks(1)))
    assert market.ahead("o") == 20
    market.play(bid(100, 60))
    assert market.ahead("o") == 20, "the trade explains the fall"


sides = st.sampled_from([BUY, SELL])
prices = st.integers(1, 8)
events = st.one_of(
    st.builds(LevelChange, sides, prices, st.integers(0, 30)),
    st.builds(LevelChange, sides, prices, st.integers(0, 30)),
    st.builds(Trade, prices, st.integers(1, 9), sides),
    st.builds(AnchorShift, sides, st.integers(-3, 3)),
    st.just(BookClear()),
)
groups = st.lists(events, min_size=1, max_size=5).map(lambda some: RecordedGroup(NOW, tuple(some)))
tifs = st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK])
orders = st.builds(order, st.just("o"), sides, st.integers(1, 20), st.integers(1, 9), tifs)
cancels = st.integers(0, 20).map(lambda n: OrderCancelRequest("c", f"o{n}"))
models = st.sampled_from([risk_averse, optimistic, proportional, logarithmic, power(2.0)])


@settings(max_examples=60)
@given(models, st.lists(groups | orders | cancels, max_size=40))
def test_any_recording_and_orders_keep_every_invariant(
    model: QueueModel, messages: list[RecordedGroup | NewOrderSingle | OrderCancelRequest]
) -> None:
    """Fills never exceed what was ordered, lines never grow in front of us."""
    market = Market(model)
    open_lots: dict[str, int] = {}
    ahead: dict[str, int] = {}
    for n, drawn in enumerate(messages):
        message = drawn
        if isinstance(drawn, NewOrderSingle):
            message = msgspec.structs.replace(drawn, cl_ord_id=f"o{n}")
            open_lots[f"o{n}"] = drawn.order_qty
        for name, _, filled in market.send(message):
            open_lots[name] -= filled
            assert open_lots[name] >= 0
        for name in open_lots:
            now = market.book.lots_ahead(name)
            if now is not None:
                assert now <= ahead.get(name, now)
                ahead[name] = now
