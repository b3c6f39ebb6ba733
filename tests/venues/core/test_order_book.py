"""What a book shows, and what changes it without a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.enums import CxlRejReason, OrdType, SelfTrade, Side, TimeInForce
from sim.protocol.errors import InvariantError
from sim.protocol.orders import ExecutionReport, NewOrderSingle, OrderCancelRequest
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.book import KEY_MAX, BookSide, RestingOrder
from venues.core.matching import MatchingCore
from venues.core.order_book import OrderBook

NOW = TimeNs(0)


def limit(name: str, side: Side, qty: int, price: int, account: str = "") -> NewOrderSingle:
    return NewOrderSingle(name, side, QtyLots(qty), PriceTicks(price), account=account)


def take(name: str, side: Side, qty: int) -> NewOrderSingle:
    ioc = TimeInForce.IOC
    return NewOrderSingle(name, side, QtyLots(qty), None, OrdType.MARKET, ioc, "taker")


@pytest.fixture
def core() -> MatchingCore:
    """Bids 99 98 97, asks 101 102 103, each of 10 lots."""
    core = MatchingCore()
    for away in (1, 2, 3):
        core.seed(Side.BUY, 100 - away, 10)
        core.seed(Side.SELL, 100 + away, 10)
    return core


def test_both_sides_are_shown_best_first(core: MatchingCore) -> None:
    assert core.levels(Side.BUY, 2) == ((99, 10), (98, 10))
    assert core.levels(Side.SELL, 5) == ((101, 10), (102, 10), (103, 10))
    assert core.levels(Side.SELL_SHORT, 1) == ((101, 10),)
    assert core.levels(Side.BUY, 0) == ()


def test_an_empty_side_shows_nothing() -> None:
    core = MatchingCore()
    assert core.levels(Side.BUY, 5) == ()
    assert core.best(Side.BUY) is None
    assert core.depth_to(Side.BUY, None) == 0
    assert (core.qty_at(Side.BUY, 5), core.count_at(Side.BUY, 5)) == (0, 0)


def test_the_same_tuple_comes_back_while_nothing_in_it_changes(core: MatchingCore) -> None:
    shown = core.levels(Side.BUY, 2)
    assert core.levels(Side.BUY, 2) is shown
    core.handle(limit("below", Side.BUY, 5, 97), NOW)
    core.handle(limit("other side", Side.SELL, 5, 101), NOW)
    assert core.levels(Side.BUY, 2) is shown
    core.handle(limit("within", Side.BUY, 5, 98), NOW)
    assert core.levels(Side.BUY, 2) == ((99, 10), (98, 15))


def test_changes_of_lots_and_of_levels_show_together(core: MatchingCore) -> None:
    core.levels(Side.BUY, 3)
    core.handle(limit("more", Side.BUY, 5, 97), NOW)
    core.handle(limit("most", Side.BUY, 7, 99), NOW)
    core.withdraw(Side.BUY, 99, 4)
    assert core.levels(Side.BUY, 3) == ((99, 13), (98, 10), (97, 15))
    core.handle(limit("less", Side.BUY, 5, 97), NOW)
    core.withdraw(Side.BUY, 98, 10)
    assert core.levels(Side.BUY, 3) == ((99, 13), (97, 20))


def test_a_change_that_is_undone_before_anybody_looks_is_none(core: MatchingCore) -> None:
    shown = core.levels(Side.BUY, 2)
    core.handle(limit("b", Side.BUY, 5, 99), NOW)
    core.handle(OrderCancelRequest("c", "b"), NOW)
    assert core.levels(Side.BUY, 2) is shown


def test_a_level_that_empties_lets_the_next_one_in(core: MatchingCore) -> None:
    core.levels(Side.SELL, 2)
    core.handle(take("t", Side.BUY, 10), NOW)
    assert core.levels(Side.SELL, 2) == ((102, 10), (103, 10))
    core.handle(limit("new best", Side.SELL, 3, 100), NOW)
    assert core.levels(Side.SELL, 2) == ((100, 3), (102, 10))


def test_a_new_worst_level_shows_when_there_was_room(core: MatchingCore) -> None:
    core.levels(Side.SELL, 4)
    core.handle(limit("s", Side.SELL, 3, 110), NOW)
    assert core.levels(Side.SELL, 4)[-1] == (110, 3)


def test_another_depth_is_another_view(core: MatchingCore) -> None:
    assert len(core.levels(Side.SELL, 1)) == 1
    assert len(core.levels(Side.SELL, 3)) == 3
    assert len(core.levels(Side.SELL, 2)) == 2


def test_depth_counts_the_lots_within_a_limit(core: MatchingCore) -> None:
    assert core.depth_to(Side.SELL, 100) == 0
    assert core.depth_to(Side.SELL, 102) == 20
    assert core.depth_to(Side.BUY, 98) == 20
    assert core.depth_to(Side.BUY, None) == 30


def test_lots_and_orders_at_a_price(core: MatchingCore) -> None:
    core.handle(limit("b", Side.BUY, 5, 99), NOW)
    assert (core.qty_at(Side.BUY, 99), core.count_at(Side.BUY, 99)) == (15, 2)
    assert (core.qty_at(Side.SELL, 99), core.count_at(Side.SELL, 99)) == (0, 0)


class TestSeed:
    def test_it_rests_behind_what_is_there_and_can_be_taken(self, core: MatchingCore) -> None:
        core.handle(limit("first", Side.SELL, 1, 104), NOW)
        order_id = core.seed(Side.SELL, 104, 5)
        assert [o.order_id for o in core.resting(Side.SELL)][-1] == order_id
        assert core.venue_seq == 8
        core.check()

    @pytest.mark.parametrize(
        ("side", "price", "qty", "said"),
        [
            (Side.BUY, 90, 0, "qty must be a positive multiple of 2 lots, was 0"),
            (Side.BUY, 90, 3, "qty must be a positive multiple of 2 lots, was 3"),
            (Side.BUY, 0, 2, "price must be a positive multiple of 5 ticks, was 0"),
            (Side.BUY, 91, 2, "price must be a positive multiple of 5 ticks, was 91"),
            (Side.BUY, 100, 2, "a buy at 100 would trade with 100"),
        ],
    )
    def test_what_cannot_rest_is_an_error(
        self, side: Side, price: int, qty: int, said: str
    ) -> None:
        core = MatchingCore(tick=5, lot=2)
        core.seed(Side.SELL, 100, 2)
        with pytest.raises(ValueError, match=said):
            core.seed(side, price, qty)
        assert core.venue_seq == 1
        core.check()

    def test_a_name_that_somebody_has_taken_is_an_error(self) -> None:
        core = MatchingCore()
        core.handle(limit("~2", Side.BUY, 1, 9), NOW)
        with pytest.raises(ValueError, match="already called ~2"):
            core.seed(Side.BUY, 9, 1)
        core.check()


class TestWithdraw:
    def test_it_takes_from_the_back(self, core: MatchingCore) -> None:
        core.seed(Side.SELL, 101, 5)
        seq = core.venue_seq
        assert core.withdraw(Side.SELL, 101, 7) == 7
        assert [(o.leaves_qty, o.cum_qty) for o in core.resting(Side.SELL)][:2] == [(8, 0), (10, 0)]
        assert core.venue_seq == seq + 1
        assert core.volume == 0
        core.check()

    def test_it_takes_what_there_is(self, core: MatchingCore) -> None:
        assert core.withdraw(Side.SELL, 101, 70) == 10
        assert core.best(Side.SELL) == (102, 10)
        assert core.withdraw(Side.SELL, 101, 1) == 0
        assert core.withdraw(Side.SELL, 5, 1) == 0
        core.check()

    def test_orders_of_an_account_stay(self, core: MatchingCore) -> None:
        core.handle(limit("mine", Side.SELL, 5, 101, account="me"), NOW)
        assert core.withdraw(Side.SELL, 101, 12) == 10
        assert core.levels(Side.SELL, 1) == ((101, 5),)
        core.check()

    def test_nothing_taken_is_no_new_state(self, core: MatchingCore) -> None:
        seq = core.venue_seq
        core.withdraw(Side.BUY, 5, 1)
        assert core.venue_seq == seq

    def test_a_quantity_must_be_positive(self, core: MatchingCore) -> None:
        with pytest.raises(ValueError, match="qty must be > 0 lots, was 0"):
            core.withdraw(Side.BUY, 99, 0)


class TestUpkeep:
    """What is cleared away, so that neither time nor memory grows with what has been."""

    def test_the_next_level_is_found_when_the_best_comes_and_goes(self) -> None:
        core = MatchingCore()
        core.seed(Side.SELL, 200, 5)
        for n in range(60):
            core.seed(Side.SELL, 100 + n % 25, 5)
            core.check()
            core.handle(take(f"t{n}", Side.BUY, 5), NOW)
            assert core.last_px == 100 + n % 25
            core.check()
        assert core.best(Side.SELL) == (200, 5)
        assert core.levels(Side.SELL, 10) == ((200, 5),)

    def test_a_queue_of_many_cancels_is_still_taken_in_order(self) -> None:
        core = MatchingCore()
        for n in range(200):
            core.handle(limit(f"s{n}", Side.SELL, 1, 100), NOW)
        for n in range(200):
            if n % 20 != 10:
                core.handle(OrderCancelRequest("c", f"s{n}"), NOW)
        core.handle(take("t", Side.BUY, 4), NOW)
        core.handle(limit("last", Side.SELL, 1, 100), NOW)
        core.check()
        names = [order.cl_ord_id for order in core.resting(Side.SELL)]
        assert names == [f"s{n}" for n in range(90, 200, 20)] + ["last"]

    def order(self, order_id: int, key: int) -> RestingOrder:
        side, mode = Side.SELL, SelfTrade.NONE
        return RestingOrder(str(order_id), "", side, order_id, order_id, key, 1, 1, False, mode)

    def test_a_queue_is_rebuilt_before_its_holes_outnumber_its_orders(self) -> None:
        side = BookSide(1, OrderBook())
        orders = [self.order(n, 100) for n in range(1, 1_001)]
        for order in orders:
            side.join(order)
        rebuilt = 0
        for order in orders[:-1]:
            before = side.front().queue
            side.leave(order)
            level = side.front()
            rebuilt += level.queue is not before
            assert level.joined <= 2 * len(level.queue) + 32
        assert 1 <= rebuilt <= 10

    def test_vacant_levels_never_outnumber_the_others_by_much(self) -> None:
        side = BookSide(1, OrderBook())
        orders = [self.order(n, n) for n in range(1, 1_001)]
        for order in orders:
            side.join(order)
        for order in orders[::-1]:
            side.leave(order)
            living = len(side.keys) - side.vacant
            assert side.vacant <= living + 16
        assert side.best == 2**63

    def test_few_vacant_levels_lie_before_the_best(self) -> None:
        side = BookSide(1, OrderBook())
        orders = [self.order(n, n) for n in range(1, 1_001)]
        for order in orders:
            side.join(order)
        for order in orders[:-1]:
            side.leave(order)
            before = next(n for n, key in enumerate(side.keys) if key == side.best)
            assert before <= 16
        assert side.view(3) == ((1_000, 1),)
        assert side.lots_to(KEY_MAX) == 1


VIEWED = st.lists(
    st.tuples(st.sampled_from("jjjlksv"), st.integers(1, 40), st.integers(0, 4)),
    max_size=150,
)


class TestView:
    """However levels come, go and change between two looks, a view is the best levels."""

    @given(
        steps=VIEWED,
        sign=st.sampled_from([1, -1]),
        depths=st.sampled_from([(1,), (3,), (9,), (9, 4, 1, 0)]),
    )
    def test_it_is_the_truth_and_the_same_object_unless_changed(
        self, steps: list[tuple[str, int, int]], sign: int, depths: tuple[int, ...]
    ) -> None:
        owner = OrderBook()
        side = BookSide(sign, owner)
        resting: list[RestingOrder] = []
        last: tuple[tuple[int, int], ...] = side.view(depths[0])
        owner.unseen = False
        of = Side.SELL if sign > 0 else Side.BUY
        for n, (step, price, choice) in enumerate(steps):
            if step == "j":
                key = sign * (price + 200)
                order = RestingOrder(str(n), "", of, n, n, key, 2, 2, False, SelfTrade.NONE)
                resting.append(order)
                side.join(order)
            elif step == "l" and resting:
                side.leave(resting.pop(price % len(resting)))
            elif step == "k" and resting and resting[price % len(resting)].leaves_qty > 1:
                side.shrink(resting[price % len(resting)], 1)
            elif step == "s":
                moved = 1 if choice % 2 else -1
                side.slide(moved)
            true: dict[int, int] = {}
            for one in resting:
                true[one.key] = true.get(one.key, 0) + one.leaves_qty
            levels = [(abs(key), true[key]) for key in sorted(true)]
            depth = depths[choice % len(depths)]
            if len(depths) == 1 and tuple(levels[:depth]) != last:
                assert owner.unseen
            if step == "v":
                view = side.view(depth)
                assert view == tuple(levels[:depth])
                assert view is side.view(depth)
                if view == last:
                    assert view is last
                last, owner.unseen = view, False


class TestWhatOthersRead:
    def test_the_sides_are_always_the_same(self, core: MatchingCore) -> None:
        bids, asks = core.sides
        assert (bids.best, asks.best) == (-99, 101)
        core.handle(limit("a", Side.BUY, 1, 100), NOW)
        assert core.sides[0] is bids
        assert core.sides[1] is asks

    def test_lots_ahead_of_an_order_in_no_queue_are_unknown(self, core: MatchingCore) -> None:
        core.handle(limit("a", Side.BUY, 3, 99), NOW)
        core.handle(limit("b", Side.BUY, 3, 99), NOW)
        assert [core.lots_ahead(name) for name in ("a", "b", "c")] == [10, 13, None]
        order = core.open_order("b")
        assert order is not None
        core.sides[0].leave(order)  # as a core does in the middle of a replace
        assert core.lots_ahead("b") is None
        order.key = -1
        assert core.lots_ahead("b") is None

    def test_a_plain_book_has_no_way_with_special_orders(self, core: MatchingCore) -> None:
        core._special = 2
        with pytest.raises(InvariantError, match="2 special orders in a book that takes none"):
            core.handle(limit("a", Side.BUY, 1, 99), NOW)


@pytest.mark.parametrize("given", [{"tick": 1}, {"lot": 1}, {"memory": 1}, {}])
def test_a_step_or_memory_of_one_is_a_book(given: dict[str, int]) -> None:
    core = OrderBook(**given)
    assert core.seed(Side.BUY, 101, 3) == 1
    core.check()


class TestReopen:
    def test_lots_go_to_the_end_of_the_queue(self, core: MatchingCore) -> None:
        core.handle(limit("a", Side.SELL, 6, 100), NOW)
        core.handle(limit("b", Side.SELL, 5, 100), NOW)
        core.handle(take("t", Side.BUY, 4), NOW)
        order = core.open_order("a")
        assert order is not None
        seq = core.venue_seq
        assert core.reopen(order, 3)
        assert [(o.cl_ord_id, o.leaves_qty) for o in core.resting(Side.SELL)][:2] == [
            ("b", 5),
            ("a", 5),
        ]
        assert (order.cum_qty, core.venue_seq) == (1, seq + 1)
        core.check()

    def test_what_rests_nowhere_cannot(self, core: MatchingCore) -> None:
        core.handle(limit("a", Side.BUY, 6, 98), NOW)
        order = core.open_order("a")
        assert order is not None
        seq = core.venue_seq
        core.handle(OrderCancelRequest("c", "a"), NOW)
        assert not core.reopen(order, 1)  # its level is there, and it is not in it
        order.key = -50
        assert not core.reopen(order, 1)  # there is no such level
        assert core.venue_seq == seq + 1
        core.check()


class TestBookkeeping:
    """Numbers that no result shows, and that decide when something is cleared away."""

    def order(self, n: int, key: int) -> RestingOrder:
        return RestingOrder(str(n), "", Side.SELL, n, n, key, 2, 2, False, SelfTrade.NONE)

    def test_places_of_a_queue_are_counted_with_those_of_the_departed(self) -> None:
        side = BookSide(1, OrderBook())
        assert side.shown == ()
        orders = [self.order(n, 100) for n in range(3)]
        for n, order in enumerate(orders, 1):
            side.join(order)
            assert side.level_at[100].joined == n
        for order in orders:
            side.leave(order)
        assert (side.level_at[100].joined, side.vacant) == (3, 1)
        side.join(self.order(9, 100))
        assert (side.level_at[100].joined, side.level_at[100].qty, side.vacant) == (4, 2, 0)

    @pytest.mark.parametrize(("count", "is_rebuilt"), [(34, False), (35, True)])
    def test_a_queue_may_have_as_many_holes_as_orders_and_some(
        self, count: int, is_rebuilt: bool
    ) -> None:
        side = BookSide(1, OrderBook())
        orders = [self.order(n, 100) for n in range(count)]
        for order in orders:
            side.join(order)
        queue = side.level_at[100].queue
        for order in orders[:-1]:
            side.leave(order)
        assert (side.front().queue is not queue) == is_rebuilt
        assert list(side.front().queue.values()) == orders[-1:]
        assert side.front().joined == (1 if is_rebuilt else count)

    def test_few_vacant_levels_behind_the_best_stay(self) -> None:
        side = BookSide(1, OrderBook())
        orders = [self.order(n, 100 + n) for n in range(30)]
        for order in orders:
            side.join(order)
        for gone, order in enumerate(orders[:0:-1], 1):
            side.leave(order)
            assert side.vacant == (gone if gone <= 23 else gone - 24)
        assert side.best == 100

    @pytest.mark.parametrize("others", [1, 2, 5])
    def test_a_level_that_came_and_went_hides_no_other_change(self, others: int) -> None:
        for there in range(100, 110):
            for passing in range(90, 120):
                side = BookSide(1, OrderBook())
                orders = [self.order(n, 100 + n) for n in range(10)]
                for order in orders:
                    side.join(order)
                side.view(10)
                if passing in range(100, 110):  # it goes and comes back instead
                    side.leave(orders[passing - 100])
                    side.join(orders[passing - 100])
                else:
                    one = self.order(99, passing)
                    side.join(one)
                    side.leave(one)
                for n in range(others):
                    side.shrink(orders[(there - 100 + n) % 10], 1)
                assert side.view(10) == tuple((100 + n, o.leaves_qty) for n, o in enumerate(orders))

    def test_numbers_of_reports_go_up_by_one(self, core: MatchingCore) -> None:
        first = core.next_exec_id()
        assert core.next_exec_id() == first + 1
        (report,) = core.handle(limit("a", Side.BUY, 1, 99), NOW)
        assert isinstance(report, ExecutionReport)
        assert report.exec_id == first + 2

    def test_a_buyer_and_a_seller_reach_up_to_their_limit(self, core: MatchingCore) -> None:
        assert core.reachable(Side.BUY, 102, 9) == ((101, 10), (102, 10))
        assert core.reachable(Side.SELL, 98, 9) == ((99, 10), (98, 10))
        assert core.reachable(Side.SELL, None, 2) == ((99, 10), (98, 10))
        assert core.reachable(Side.BUY, 100, 9) == ()

    def test_a_remembered_order_is_told_from_one_that_never_was(self) -> None:
        core = MatchingCore(memory=2)
        told = []
        for n in range(7):
            core.handle(limit(f"o{n}", Side.BUY, 1, 99), NOW)
            core.handle(OrderCancelRequest("c", f"o{n}"), NOW)
            core.check()
            answers = [core.handle(OrderCancelRequest("x", f"o{k}"), NOW)[0] for k in range(n + 1)]
            told.append([getattr(answer, "reason", None) for answer in answers])
        late, unknown = CxlRejReason.TOO_LATE, CxlRejReason.UNKNOWN_ORDER
        assert told[0] == [late]
        assert told[3] == [unknown, unknown, late, late]
        assert told[4] == [unknown, unknown, late, late, late]
        assert told[5] == [unknown, unknown, unknown, unknown, late, late]


@pytest.mark.parametrize("name", ["tick", "lot", "memory"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_step_or_memory_that_is_none_is_named(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be > 0, was {value}$"):
        OrderBook(**{name: value})


def test_a_new_book_has_traded_nothing() -> None:
    core = OrderBook()
    assert (core.last_px, core.last_qty, core.volume, core.venue_seq) == (None, 0, 0, 0)
    assert core.unseen
