"""What we took stays taken: the book of recorded levels against a book of single lots."""

from collections import defaultdict
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.protocol.enums import (
    CxlRejReason,
    ExecType,
    OrdStatus,
    OrdType,
    RejectReason,
    Side,
    TimeInForce,
)
from sim.protocol.errors import InvariantError
from sim.protocol.market_data import (
    AnchorShift,
    BookClear,
    LevelChange,
    Levels,
    RecordedEvent,
    RecordedGroup,
    Trade,
)
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderInstructions,
    OrderReduceRequest,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.recorded_book import RecordedBook

BUY, SELL = Side.BUY, Side.SELL
NOW = TimeNs(7)


def level(side: Side, price: int, qty: int) -> LevelChange:
    return LevelChange(side, PriceTicks(price), QtyLots(qty))


def shift(side: Side, ticks: int) -> AnchorShift:
    return AnchorShift(side, PriceTicks(ticks))


def play(book: RecordedBook, *events: RecordedEvent) -> None:
    assert book.handle(RecordedGroup(NOW, events), NOW) == []
    book.check()


def ioc(
    side: Side, qty: int, price: int | None, tif: TimeInForce = TimeInForce.IOC, name: str = "o"
) -> NewOrderSingle:
    kind = OrdType.MARKET if price is None else OrdType.LIMIT
    limit = None if price is None else PriceTicks(price)
    return NewOrderSingle(name, side, QtyLots(qty), limit, kind, tif, "us")


def take(book: RecordedBook, order: NewOrderSingle) -> list[tuple[int, int]]:
    """Fills of an order as ``(price, lots)``; checks that its reports tell one story."""
    seq, volume = book.venue_seq, book.volume
    reports = book.handle(order, NOW)
    book.check()
    assert all(isinstance(report, ExecutionReport) for report in reports)
    fills: list[tuple[int, int]] = []
    cum = 0
    for report in reports:
        assert isinstance(report, ExecutionReport)
        cum += report.last_qty
        assert report.cum_qty == cum
        if report.last_px is not None:
            fills.append((report.last_px, report.last_qty))
    ends = {r.ord_status for r in reports[-1:]}
    assert ends == {OrdStatus.FILLED if cum == order.order_qty else OrdStatus.CANCELED}
    assert reports[0].ord_status is OrdStatus.NEW
    assert {r.venue_seq for r in reports} == {book.venue_seq}
    assert book.venue_seq == seq + bool(fills)
    assert book.volume == volume + cum
    assert [(t.price, t.qty) for t in book.trades] == fills
    return fills


@pytest.fixture
def book() -> RecordedBook:
    """Asks 100 x 10, 101 x 20, 103 x 5; bids 98 x 10, 97 x 30."""
    book = RecordedBook()
    asks = [level(SELL, 101, 20), level(SELL, 100, 10), level(SELL, 103, 5)]
    play(book, *asks, level(BUY, 97, 30), level(BUY, 98, 10))
    return book


def test_shows_best_levels_first(book: RecordedBook) -> None:
    assert book.published(10) == (((98, 10), (97, 30)), ((100, 10), (101, 20), (103, 5)))
    assert book.published(1) == (((98, 10),), ((100, 10),))


def test_unchanged_sides_are_the_same_objects(book: RecordedBook) -> None:
    bids, asks = book.published(2)
    play(book, level(SELL, 103, 50), level(SELL, 120, 1))
    take(book, ioc(SELL, 1, 98))
    new_bids, new_asks = book.published(2)
    assert new_asks is asks
    assert new_bids == ((98, 9), (97, 30))
    assert new_bids is not bids


def test_orders_take_displayed_levels_best_first_up_to_their_limit(book: RecordedBook) -> None:
    assert book.reachable(BUY, 101, 10) == ((100, 10), (101, 20))
    assert take(book, ioc(BUY, 100, 101)) == [(100, 10), (101, 20)]
    assert book.published(10)[1] == ((103, 5),)
    assert take(book, ioc(SELL, 15, 97)) == [(98, 10), (97, 5)]
    assert take(book, ioc(Side.SELL_SHORT, 1, 98)) == []
    assert take(book, ioc(BUY, 9, None)) == [(103, 5)]
    assert (book.last_px, book.last_qty, book.volume) == (103, 5, 50)


def test_fok_takes_all_or_nothing(book: RecordedBook) -> None:
    assert take(book, ioc(BUY, 31, 101, TimeInForce.FOK)) == []
    assert take(book, ioc(BUY, 30, 101, TimeInForce.FOK)) == [(100, 10), (101, 20)]


def test_same_recorded_size_is_never_filled_twice(book: RecordedBook) -> None:
    take(book, ioc(BUY, 6, 100))
    play(book, level(SELL, 100, 10))
    assert book.published(1)[1] == ((100, 4),)
    take(book, ioc(BUY, 6, 100))
    assert take(book, ioc(BUY, 6, 100)) == []
    play(book, level(SELL, 100, 12))
    assert take(book, ioc(BUY, 6, 100)) == [(100, 2)]


def test_a_fall_is_charged_to_what_we_left(book: RecordedBook) -> None:
    take(book, ioc(BUY, 6, 100))
    play(book, level(SELL, 100, 7))
    assert book.published(1)[1] == ((100, 1),)
    play(book, level(SELL, 100, 5))
    assert book.published(1)[1] == ((101, 20),)
    play(book, level(SELL, 100, 8))
    assert book.published(1)[1] == ((100, 3),)


def test_a_level_that_was_gone_for_an_instant_is_new(book: RecordedBook) -> None:
    take(book, ioc(BUY, 10, 100))
    play(book, level(SELL, 100, 0), level(SELL, 100, 10))
    assert book.published(1)[1] == ((101, 20),), "gone and back within one instant is not gone"
    play(book, level(SELL, 100, 0))
    play(book, level(SELL, 100, 10))
    assert book.published(1)[1] == ((100, 10),)


def test_resnapshot_forgets_only_levels_that_are_not_in_it(book: RecordedBook) -> None:
    take(book, ioc(BUY, 25, 101))
    play(book, BookClear(), level(SELL, 101, 20), level(SELL, 104, 7))
    assert book.published(10) == ((), ((101, 5), (104, 7)))
    play(book, level(SELL, 100, 10))
    assert book.published(1)[1] == ((100, 10),)


def test_shift_moves_prices_and_forgets_nothing(book: RecordedBook) -> None:
    take(book, ioc(BUY, 4, 100))
    play(book, shift(SELL, 5), shift(BUY, -2))
    assert book.published(10) == (((96, 10), (95, 30)), ((105, 6), (106, 20), (108, 5)))
    assert take(book, ioc(BUY, 10, 105)) == [(105, 6)]
    play(book, shift(SELL, -1))
    assert book.published(1)[1] == ((100, 20),)


def test_level_without_a_positive_price_neither_shows_nor_trades() -> None:
    book = RecordedBook()
    play(book, level(SELL, 3, 1), level(SELL, 9, 2), level(BUY, 8, 3), level(BUY, 2, 4))
    play(book, shift(SELL, -3), shift(BUY, -3))
    assert book.published(10) == (((5, 3),), ((6, 2),))
    assert take(book, ioc(BUY, 9, None)) == [(6, 2)]
    assert take(book, ioc(SELL, 9, None)) == [(5, 3)]


def test_recorded_trades_are_printed_where_the_hit_side_shows(book: RecordedBook) -> None:
    play(
        book,
        shift(SELL, 5),
        shift(BUY, -5),
        Trade(PriceTicks(100), QtyLots(3), BUY),
        Trade(PriceTicks(98), QtyLots(2), SELL),
    )
    assert [(t.price, t.qty, t.aggressor) for t in book.trades] == [(105, 3, BUY), (93, 2, SELL)]
    assert (book.last_px, book.last_qty, book.volume) == (93, 2, 5)
    play(book, level(SELL, 100, 9))
    assert book.trades == []


def test_only_whole_lots_of_the_venue_show() -> None:
    book = RecordedBook(lot=10)
    play(book, level(SELL, 100, 25), level(SELL, 101, 9))
    assert book.published(5)[1] == ((100, 20),)
    assert take(book, ioc(BUY, 10, 101)) == [(100, 10)]
    play(book, level(SELL, 100, 29), level(SELL, 101, 30))
    assert book.published(5)[1] == ((100, 10), (101, 30))


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (ioc(BUY, 0, 100), RejectReason.INCORRECT_QUANTITY),
        (ioc(BUY, 15, 100), RejectReason.INCORRECT_QUANTITY),
        (ioc(BUY, 10, 101), RejectReason.INVALID_PRICE_INCREMENT),
        (ioc(BUY, 10, -2), RejectReason.INVALID_PRICE_INCREMENT),
        (ioc(BUY, 10, 100, name=""), RejectReason.UNSUPPORTED_ORDER),
        (
            msgspec.structs.replace(ioc(BUY, 10, 100, TimeInForce.GTC), post_only=True),
            RejectReason.POST_ONLY_WOULD_TRADE,
        ),
        (
            msgspec.structs.replace(
                ioc(BUY, 10, 98, TimeInForce.GTC),
                instructions=OrderInstructions(display_qty=QtyLots(10)),
            ),
            RejectReason.UNSUPPORTED_ORDER,
        ),
        (NewOrderSingle("o", BUY, QtyLots(10), None), RejectReason.INVALID_PRICE_INCREMENT),
        (
            NewOrderSingle("o", BUY, QtyLots(10), PriceTicks(100), OrdType.MARKET),
            RejectReason.INVALID_PRICE_INCREMENT,
        ),
        (
            NewOrderSingle("o", BUY, QtyLots(10), None, OrdType.MARKET, post_only=True),
            RejectReason.UNSUPPORTED_ORDER,
        ),
    ],
)
def test_refuses_what_it_cannot_do(order: NewOrderSingle, reason: RejectReason) -> None:
    book = RecordedBook(tick=2, lot=10)
    play(book, level(SELL, 100, 10))
    (report,) = book.handle(order, NOW)
    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.reject_reason) == (ExecType.REJECTED, reason)
    assert book.trades == []
    assert (book.venue_seq, book.volume) == (1, 0)


def test_requests_come_too_late_or_for_an_unknown_order(book: RecordedBook) -> None:
    take(book, ioc(BUY, 5, 100, name="filled"))
    take(book, ioc(BUY, 50, 100, name="canceled"))
    answers = [
        book.handle(OrderCancelRequest("c1", "filled", "us"), NOW),
        book.handle(OrderReduceRequest("c2", "canceled", QtyLots(1), "us"), NOW),
        book.handle(OrderCancelRequest("c3", "filled", "them"), NOW),
        book.handle(
            OrderCancelReplaceRequest("c4", "never", QtyLots(1), PriceTicks(100), "us"), NOW
        ),
    ]
    found = []
    for (answer,) in answers:
        assert isinstance(answer, OrderCancelReject)
        found.append((answer.cl_ord_id, answer.ord_status, answer.reason))
    assert found == [
        ("c1", OrdStatus.FILLED, CxlRejReason.TOO_LATE),
        ("c2", OrdStatus.CANCELED, CxlRejReason.TOO_LATE),
        ("c3", OrdStatus.REJECTED, CxlRejReason.UNKNOWN_ORDER),
        ("c4", OrdStatus.REJECTED, CxlRejReason.UNKNOWN_ORDER),
    ]
    assert book.trades == []


def test_finished_orders_are_remembered_for_a_bounded_time() -> None:
    book = RecordedBook(memory=10)
    for n in range(100):
        take(book, ioc(BUY, 1, 1, name=f"o{n}"))

    def reason(name: str) -> CxlRejReason:
        (answer,) = book.handle(OrderCancelRequest("c", name, "us"), NOW)
        assert isinstance(answer, OrderCancelReject)
        assert isinstance(answer.reason, CxlRejReason)
        return answer.reason

    reasons = [reason(f"o{n}") for n in range(100)]
    known = reasons.count(CxlRejReason.TOO_LATE)
    assert 10 <= known <= 20
    assert reasons[-known:] == [CxlRejReason.TOO_LATE] * known


def test_check_finds_lots_taken_beyond_what_is_recorded(book: RecordedBook) -> None:
    book._recorded_asks.taken[100] = 11
    with pytest.raises(InvariantError, match="taken at raw 100 must be 1 to 10 lots"):
        book.check()


@pytest.mark.parametrize(
    ("step", "steps"), [("tick", (0, 1, 1)), ("lot", (1, 0, 1)), ("memory", (1, 1, 0))]
)
def test_steps_must_be_positive(step: str, steps: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=f"{step} must be > 0, was 0"):
        RecordedBook(*steps)


# ---------------------------------------------------------------- against single lots


@dataclass
class LotBook:
    """The rule said another way: each level holds free lots and taken lots.

    Per instant, lots that are added are free, and lots that go are free ones first.
    """

    free: dict[tuple[Side, int], int] = field(default_factory=lambda: defaultdict(int))
    taken: dict[tuple[Side, int], int] = field(default_factory=lambda: defaultdict(int))
    added: dict[tuple[Side, int], int] = field(default_factory=lambda: defaultdict(int))
    filled: dict[tuple[Side, int], int] = field(default_factory=lambda: defaultdict(int))
    shifts: dict[Side, int] = field(default_factory=lambda: {BUY: 0, SELL: 0})

    def play(self, events: tuple[RecordedEvent, ...]) -> None:
        now = {key: self.free[key] + self.taken[key] for key in [*self.free]}
        then = dict(now)
        for event in events:
            if isinstance(event, LevelChange):
                then[event.side, event.price] = event.qty
            elif isinstance(event, AnchorShift):
                self.shifts[event.side] = event.shift
            elif isinstance(event, BookClear):
                then = dict.fromkeys(then, 0)
        for key, lots in then.items():
            change = lots - now.get(key, 0)
            if change >= 0:
                self.free[key] += change
                self.added[key] += change
            else:
                from_free = min(self.free[key], -change)
                self.free[key] -= from_free
                self.taken[key] += change + from_free

    def shown(self, side: Side) -> list[tuple[int, int, int]]:
        """``(price, free lots, raw price)``, best first."""
        found = [
            (raw + self.shifts[side], lots, raw)
            for (of, raw), lots in self.free.items()
            if of is side and lots and raw + self.shifts[side] > 0
        ]
        return sorted(found, reverse=side is BUY)

    def take(self, order: NewOrderSingle) -> list[tuple[int, int]]:
        contra = SELL if order.side is BUY else BUY
        left: int = order.order_qty
        fills = []
        for price, lots, raw in self.shown(contra):
            limit = order.price
            if limit is not None and (price > limit if contra is SELL else price < limit):
                break
            part = min(lots, left)
            if part:
                fills.append((price, part, raw))
            left -= part
        if order.time_in_force is TimeInForce.FOK and left:
            return []
        for _, part, raw in fills:
            self.free[contra, raw] -= part
            self.taken[contra, raw] += part
            self.filled[contra, raw] += part
            assert self.filled[contra, raw] <= self.added[contra, raw]
        return [(price, part) for price, part, _ in fills]


sides = st.sampled_from([BUY, SELL])
events = st.one_of(
    st.builds(level, sides, st.integers(1, 8), st.integers(0, 6)),
    st.builds(level, sides, st.integers(1, 8), st.integers(0, 6)),
    st.builds(shift, sides, st.integers(-6, 6)),
    st.just(BookClear()),
)
groups = st.lists(events, min_size=1, max_size=6).map(lambda some: RecordedGroup(NOW, tuple(some)))
orders = st.builds(
    ioc,
    st.sampled_from([BUY, SELL, Side.SELL_SHORT]),
    st.integers(1, 15),
    st.none() | st.integers(1, 14),
    st.sampled_from([TimeInForce.IOC, TimeInForce.FOK]),
)


@settings(max_examples=40)
@given(st.lists(groups | orders, max_size=40), st.integers(1, 5))
def test_fills_and_displays_as_a_book_of_single_lots(
    messages: list[RecordedGroup | NewOrderSingle], depth: int
) -> None:
    """So no lot fills twice, nor more than was displayed anew at its raw price."""
    book, lots = RecordedBook(), LotBook()
    before: tuple[Levels, Levels] = ((), ())
    for message in messages:
        if isinstance(message, RecordedGroup):
            play(book, *message.events)
            lots.play(message.events)
        else:
            assert take(book, message) == lots.take(message)
        shown = book.published(depth)
        for side, levels, old in zip((BUY, SELL), shown, before, strict=True):
            assert list(levels) == [(price, qty) for price, qty, _ in lots.shown(side)][:depth]
            assert levels is old or levels != old
        before = shown
