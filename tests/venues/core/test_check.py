"""``check()`` finds what can go wrong in a book."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from sim.protocol.enums import Side
from sim.protocol.errors import InvariantError
from sim.protocol.orders import ExecutionReport, NewOrderSingle, OrderCancelRequest
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.matching import MatchingCore

NOW = TimeNs(0)


def handle(core: MatchingCore, name: str, side: Side, qty: int, price: int) -> None:
    core.handle(NewOrderSingle(name, side, QtyLots(qty), PriceTicks(price)), NOW)


@pytest.fixture
def core() -> MatchingCore:
    """Two levels a side, three asks at 101, a finished order, and two trades in the last call."""
    core = MatchingCore()
    for name, side, price in (("b", Side.BUY, 99), ("c", Side.BUY, 98), ("s", Side.SELL, 102)):
        handle(core, name, side, 5, price)
    handle(core, "gone", Side.SELL, 5, 110)
    core.handle(OrderCancelRequest("r", "gone"), NOW)
    for name in ("x", "y", "z"):
        handle(core, name, Side.SELL, 5, 101)
    core.levels(Side.SELL, 2)
    handle(core, "t", Side.BUY, 7, 101)
    core.levels(Side.SELL, 2)
    core.check()
    return core


def spoil_level_lots(core: MatchingCore) -> None:
    core._asks.level_at[101].qty += 1
    core._asks.shown_to = 0


def spoil_order_lots(core: MatchingCore) -> None:
    core._orders["y"].leaves_qty += 1
    core._asks.level_at[101].qty += 1
    core._asks.shown_to = 0
    core._orders["y"].leaves_qty += 5
    core._asks.level_at[101].qty += 5


def spoil_lots_to_nothing(core: MatchingCore) -> None:
    core._asks.level_at[101].qty -= core._orders["y"].leaves_qty
    core._orders["y"].leaves_qty = 0
    core._asks.shown_to = 0


def spoil_queue_order(core: MatchingCore) -> None:
    core._orders["y"].rank = 10**6


def spoil_price(core: MatchingCore) -> None:
    core._orders["y"].key = 102


def spoil_side(core: MatchingCore) -> None:
    core._orders["y"].side = Side.BUY


def spoil_order_id(core: MatchingCore) -> None:
    core._orders["y"].order_id = 10**6


def spoil_places(core: MatchingCore) -> None:
    core._asks.level_at[101].joined = 0


def spoil_best(core: MatchingCore) -> None:
    core._bids.best = -98


def spoil_vacancies(core: MatchingCore) -> None:
    core._asks.vacant += 1


def spoil_view(core: MatchingCore) -> None:
    core._asks.shown = ((101, 1),)


def spoil_sides(core: MatchingCore) -> None:
    core._bids.level_at[5] = core._asks.level_at[101]


def spoil_spread(core: MatchingCore) -> None:
    for order in list(core.resting(Side.BUY)):
        core._bids.leave(order)
        del core._orders[order.cl_ord_id]
    order = core._orders["s"]
    core._asks.leave(order)
    order.side, order.key = Side.BUY, -101
    core._bids.join(order)


def spoil_index_name(core: MatchingCore) -> None:
    core._orders["q"] = core._orders.pop("y")


def spoil_index_surplus(core: MatchingCore) -> None:
    core._orders["q"] = core._orders["y"]


def spoil_finished_name(core: MatchingCore) -> None:
    core._finished["q"] = core._finished["gone"]


def spoil_finished_lots(core: MatchingCore) -> None:
    core._finished["gone"].leaves_qty = 6


def spoil_memory(core: MatchingCore) -> None:
    core._memory = 1


def spoil_memory_of_before(core: MatchingCore) -> None:
    core._finished_before = {str(n): core._finished["gone"] for n in range(5_000)}


def spoil_vacant_bound(core: MatchingCore) -> None:
    for n in range(40):
        handle(core, f"v{n}", Side.SELL, 1, 200 + n)
    core._reports = []
    for n in range(40):
        order = core._orders.pop(f"v{n}")
        level = core._asks.level_at[order.key]
        level.queue.clear()
        level.qty = 0
        core._asks.vacant += 1


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_level_lots, "I7 asks at 101: says 9 lots"),
        (spoil_order_lots, "I2 asks at 101"),
        (spoil_lots_to_nothing, "I2 asks at 101"),
        (spoil_queue_order, "I9 asks at 101"),
        (spoil_price, "has another price"),
        (spoil_side, "is of the other side"),
        (spoil_order_id, "is filed under"),
        (spoil_places, "0 places for 2"),
        (spoil_best, "bids: best is -98"),
        (spoil_vacancies, "asks: counts"),
        (spoil_view, "asks: shows"),
        (spoil_sides, "bids: a key of the other side"),
        (spoil_spread, "I8: bid 101 meets ask 101"),
        (spoil_index_name, "is not in the index"),
        (spoil_index_surplus, "in the index"),
        (spoil_finished_name, "is filed under q"),
        (spoil_finished_lots, "I2: "),
        (spoil_memory, "I17: .* recently finished"),
        (spoil_memory_of_before, "I17: 5000 formerly finished"),
        (spoil_vacant_bound, "I17 asks"),
    ],
)
def test_a_spoilt_book_is_found_out(
    core: MatchingCore, spoil: Callable[[MatchingCore], None], said: str
) -> None:
    spoil(core)
    with pytest.raises(InvariantError, match=said):
        core.check()


def fills(core: MatchingCore) -> list[ExecutionReport]:
    return [r for r in core._reports if isinstance(r, ExecutionReport) and r.last_px is not None]


def lose_one(reports: list[ExecutionReport]) -> list[ExecutionReport]:
    return reports[:-1]


def two_takers(reports: list[ExecutionReport]) -> list[ExecutionReport]:
    return [reports[0], replace(reports[1], is_maker=False), *reports[2:]]


def two_buyers(reports: list[ExecutionReport]) -> list[ExecutionReport]:
    return [reports[0], replace(reports[1], side=Side.BUY), *reports[2:]]


def other_lots(reports: list[ExecutionReport]) -> list[ExecutionReport]:
    return [reports[0], replace(reports[1], last_qty=1), *reports[2:]]


def other_price(reports: list[ExecutionReport]) -> list[ExecutionReport]:
    return [reports[0], replace(reports[1], last_px=102), *reports[2:]]


def other_trade(reports: list[ExecutionReport]) -> list[ExecutionReport]:
    return [reports[0], replace(reports[1], contra_order_id=99), *reports[2:]]


def past_a_better_price(reports: list[ExecutionReport]) -> list[ExecutionReport]:
    return [*reports[:2], *(replace(r, last_px=102) for r in reports[2:])]


def worse_price_first(reports: list[ExecutionReport]) -> list[ExecutionReport]:
    return [*reports[:2], *(replace(r, last_px=100) for r in reports[2:])]


def passed_over(reports: list[ExecutionReport]) -> list[ExecutionReport]:
    return [reports[0], replace(reports[1], leaves_qty=1), *reports[2:]]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lose_one, "I10: a fill without its other side"),
        (two_takers, "I10: one taker"),
        (two_buyers, "I10: one buyer"),
        (other_lots, "I10: the two sides differ"),
        (other_price, "I10: the two sides differ"),
        (other_trade, "I10: the two sides name"),
        (past_a_better_price, "I9: traded at 102 past 101"),
        (worse_price_first, "I9: a better price traded later"),
        (passed_over, "I9: passed over"),
    ],
)
def test_I9_I10_spoilt_trades_are_found_out(
    core: MatchingCore,
    spoil: Callable[[list[ExecutionReport]], list[ExecutionReport]],
    said: str,
) -> None:
    assert len(fills(core)) == 4
    core._reports = list(spoil(fills(core)))
    with pytest.raises(InvariantError, match=said):
        core.check()
