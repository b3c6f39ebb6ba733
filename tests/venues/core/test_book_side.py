"""What a side of a book costs to look at, and how all of its prices move at once."""

import pytest

from sim.protocol.enums import SelfTrade, Side
from venues.core.book import EMPTY, KEY_MAX, BookSide, RestingOrder
from venues.core.order_book import OrderBook


class TestViewCostsLittle:
    """A change within a view is worked in; levels in reserve put off walking over all of them."""

    @pytest.fixture
    def walks(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """Grows with each walk over a side's levels."""
        found: list[int] = []
        walk = BookSide._first_rows

        def count(side: BookSide, depth: int) -> list[tuple[int, int]]:
            found.append(depth)
            return walk(side, depth)

        monkeypatch.setattr(BookSide, "_first_rows", count)
        return found

    def side_of(self, count: int) -> tuple[BookSide, list[RestingOrder]]:
        """Asks at 100, 101, ..., of two lots each."""
        side = BookSide(1, OrderBook())
        orders = [
            RestingOrder(str(n), "", Side.SELL, n, n, 100 + n, 2, 2, False, SelfTrade.NONE)
            for n in range(count)
        ]
        for order in orders:
            side.join(order)
        return side, orders

    @pytest.mark.parametrize(("depth", "spare"), [(10, 8), (8, 8), (7, 0), (1, 0)])
    def test_so_many_of_the_best_levels_may_go_without_a_walk(
        self, walks: list[int], depth: int, spare: int
    ) -> None:
        side, orders = self.side_of(100)
        side.view(depth)
        assert walks == [depth + spare]
        for gone, order in enumerate(orders[:50], 1):
            side.leave(order)
            assert side.view(depth) == tuple((100 + n, 2) for n in range(gone, gone + depth))
            assert len(walks) == 1 + gone // (spare + 1)

    def test_a_level_that_shrinks_or_grows_is_worked_in(self, walks: list[int]) -> None:
        side, orders = self.side_of(100)
        side.view(10)
        for n in range(18):
            side.shrink(orders[n], 1)
            assert [lots for _, lots in side.view(10)] == [1 if at <= n else 2 for at in range(10)]
        assert len(walks) == 1

    def test_as_many_changes_as_levels_show_are_worked_in_at_once(self, walks: list[int]) -> None:
        side, orders = self.side_of(100)
        side.view(10)
        for order in orders[:10]:
            side.shrink(order, 1)
        assert side.view(10) == tuple((100 + n, 1) for n in range(10))
        assert len(walks) == 1
        for order in orders[:11]:
            side.leave(order)
        assert side.view(10) == tuple((111 + n, 2) for n in range(10))
        assert len(walks) == 2

    def test_with_few_levels_none_needs_a_walk(self, walks: list[int]) -> None:
        side, orders = self.side_of(12)
        side.view(10)
        for gone, order in enumerate(orders, 1):
            side.leave(order)
            assert len(side.view(10)) == min(10, 12 - gone)
        for order in orders:
            order.leaves_qty = 2
            side.join(order)
            side.view(10)
        assert side.view(10) == tuple((100 + n, 2) for n in range(10))
        assert len(walks) == 1

    def test_no_more_levels_are_kept_than_twice_the_reserve(self, walks: list[int]) -> None:
        side, _ = self.side_of(40)
        side.view(10)
        assert side.kept_to == 117
        for n in range(1, 9):
            side.join(
                RestingOrder("x", "", Side.SELL, -n, -n, 100 - n, 2, 2, False, SelfTrade.NONE)
            )
            side.view(10)
            assert side.kept_to == 117
        side.join(RestingOrder("x", "", Side.SELL, -9, -9, 91, 2, 2, False, SelfTrade.NONE))
        assert side.view(10) == tuple((91 + n, 2) for n in range(10))
        assert (side.shown_to, side.kept_to) == (100, 108)
        assert len(walks) == 1

    def test_nothing_is_walked_over_for_a_view_of_nothing(self, walks: list[int]) -> None:
        side, _ = self.side_of(3)
        assert side.view(0) == ()
        assert side.view(-1) == ()
        assert walks == []

    def test_a_change_behind_the_view_is_no_news(self) -> None:
        """`unseen` is set by the last level that shows, and by none behind it."""
        side, orders = self.side_of(30)
        owner = side._owner
        for depth in (3, 9):
            view = side.view(depth)
            for at, news in ((depth, False), (depth - 1, True)):
                owner.unseen = False
                side.shrink(orders[at], 1)
                assert owner.unseen is news
                side.leave(orders[at])
                assert owner.unseen is news
                orders[at].leaves_qty = 2
                side.join(orders[at])
                assert owner.unseen is news
                side.view(depth)
            assert side.view(depth) == view


class TestSlide:
    @pytest.mark.parametrize("sign", [1, -1])
    def test_all_prices_move_and_nothing_else(self, sign: int) -> None:
        side = BookSide(sign, OrderBook())
        of = Side.SELL if sign > 0 else Side.BUY
        for n, price in enumerate((103, 100, 101, 100)):
            key = sign * price
            side.join(RestingOrder(str(n), "", of, n, n, key, 2, 2, False, SelfTrade.NONE))
        side.view(5)
        side.slide(5)
        moved = 5 * sign
        order = (
            [(1, 100), (3, 100), (2, 101), (0, 103)]
            if sign > 0
            else [(0, 103), (2, 101), (1, 100), (3, 100)]
        )
        assert [(o.order_id, abs(o.key) - moved) for o in side.living()] == order
        levels = {100 + moved: 4, 101 + moved: 2, 103 + moved: 2}
        assert side.view(5) == tuple(sorted(levels.items(), key=lambda at: sign * at[0]))
        assert side.best == (105 if sign > 0 else -98)
        assert list(side.keys) == sorted(side.level_at)

    def test_of_nothing_is_nothing(self) -> None:
        side = BookSide(1, OrderBook())
        side.slide(3)
        assert side.best == EMPTY
        assert side.view(3) == ()


def test_lots_are_counted_until_there_are_enough_and_no_further() -> None:
    side = BookSide(1, OrderBook())
    for n in range(4):
        side.join(RestingOrder(str(n), "", Side.SELL, n, n, 100 + n, 5, 5, False, SelfTrade.NONE))
    assert side.lots_to(101) == 10
    assert side.lots_to(KEY_MAX, 5) == 5
    assert side.lots_to(KEY_MAX, 6) == 10
    assert side.lots_to(99) == 0
