"""What keeps two orders of one account from trading, mode by mode."""

from typing import Any

import pytest

from sim.protocol.enums import ExecType, OrdStatus, SelfTrade, Side, TimeInForce
from sim.protocol.orders import ExecutionReport, NewOrderSingle, VenueReport
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.matching import MatchingCore

NOW = TimeNs(7)


@pytest.fixture
def core() -> Any:
    """A core that is checked at the end."""
    core = MatchingCore()
    yield core
    core.check()


def buy(name: str, qty: int, price: int, **more: Any) -> NewOrderSingle:
    return NewOrderSingle(name, Side.BUY, QtyLots(qty), PriceTicks(price), **more)


def sell(name: str, qty: int, price: int, **more: Any) -> NewOrderSingle:
    return NewOrderSingle(name, Side.SELL, QtyLots(qty), PriceTicks(price), **more)


def brief(reports: list[VenueReport]) -> list[tuple[Any, ...]]:
    """What was said of whom: filled and open lots, and the price and lots of a trade."""
    told: list[tuple[Any, ...]] = []
    for r in reports:
        assert isinstance(r, ExecutionReport)
        trade = () if r.last_px is None else (r.last_px, r.last_qty)
        told.append((r.exec_type, r.cl_ord_id, r.cum_qty, r.leaves_qty, *trade))
    return told


def queue(core: MatchingCore, side: Side) -> list[tuple[str, int]]:
    return [(order.cl_ord_id, order.leaves_qty) for order in core.resting(side)]


@pytest.fixture
def mine_between(core: MatchingCore) -> MatchingCore:
    """Sellers at one price: another's 3, mine 5, another's 4."""
    core.handle(sell("x", 3, 100, account="other"), NOW)
    core.handle(sell("mine", 5, 100, account="me"), NOW)
    core.handle(sell("y", 4, 100, account="other"), NOW)
    return core


def take(core: MatchingCore, mode: SelfTrade, qty: int, **more: Any) -> Any:
    order = buy("b", qty, 100, account="me", self_trade=mode, **more)
    return brief(core.handle(order, NOW))


def test_without_a_mode_own_orders_trade(mine_between: MatchingCore) -> None:
    told = take(mine_between, SelfTrade.NONE, 8)
    assert told[-1] == (ExecType.TRADE, "mine", 5, 0, 100, 5)


def test_cancel_resting_goes_on_behind_it(mine_between: MatchingCore) -> None:
    assert take(mine_between, SelfTrade.CANCEL_RESTING, 8) == [
        (ExecType.NEW, "b", 0, 8),
        (ExecType.TRADE, "b", 3, 5, 100, 3),
        (ExecType.TRADE, "x", 3, 0, 100, 3),
        (ExecType.CANCELED, "mine", 0, 0),
        (ExecType.TRADE, "b", 7, 1, 100, 4),
        (ExecType.TRADE, "y", 4, 0, 100, 4),
    ]
    assert queue(mine_between, Side.BUY) == [("b", 1)]


def test_cancel_incoming_stops_there_and_does_not_rest(mine_between: MatchingCore) -> None:
    assert take(mine_between, SelfTrade.CANCEL_INCOMING, 8) == [
        (ExecType.NEW, "b", 0, 8),
        (ExecType.TRADE, "b", 3, 5, 100, 3),
        (ExecType.TRADE, "x", 3, 0, 100, 3),
        (ExecType.CANCELED, "b", 3, 0),
    ]
    assert queue(mine_between, Side.SELL) == [("mine", 5), ("y", 4)]


def test_cancel_incoming_that_meets_itself_first_changes_no_state(core: MatchingCore) -> None:
    core.handle(sell("mine", 5, 100, account="me"), NOW)
    take(core, SelfTrade.CANCEL_INCOMING, 8)
    assert core.venue_seq == 1


def test_cancel_both(mine_between: MatchingCore) -> None:
    told = take(mine_between, SelfTrade.CANCEL_BOTH, 8)
    assert told[3:] == [(ExecType.CANCELED, "mine", 0, 0), (ExecType.CANCELED, "b", 3, 0)]
    assert queue(mine_between, Side.SELL) == [("y", 4)]


def test_decrement_of_a_larger_incoming_order_goes_on(mine_between: MatchingCore) -> None:
    assert take(mine_between, SelfTrade.DECREMENT, 10)[3:] == [
        (ExecType.CANCELED, "mine", 0, 0),
        (ExecType.REPLACED, "b", 3, 2),
        (ExecType.TRADE, "b", 5, 0, 100, 2),
        (ExecType.TRADE, "y", 2, 2, 100, 2),
    ]


def test_decrement_of_a_smaller_incoming_order_shortens_the_resting_one(
    mine_between: MatchingCore,
) -> None:
    assert take(mine_between, SelfTrade.DECREMENT, 5)[3:] == [
        (ExecType.REPLACED, "mine", 0, 3),
        (ExecType.CANCELED, "b", 3, 0),
    ]
    assert queue(mine_between, Side.SELL) == [("mine", 3), ("y", 4)]


def test_decrement_of_equals_ends_both(mine_between: MatchingCore) -> None:
    assert take(mine_between, SelfTrade.DECREMENT, 8)[3:] == [
        (ExecType.CANCELED, "mine", 0, 0),
        (ExecType.CANCELED, "b", 3, 0),
    ]


def test_reports_of_a_shortened_order_add_up(core: MatchingCore) -> None:
    core.handle(sell("mine", 5, 100, account="me"), NOW)
    order = buy("b", 2, 100, account="me", self_trade=SelfTrade.DECREMENT)
    _, shortened, canceled = core.handle(order, NOW)
    assert isinstance(shortened, ExecutionReport)
    assert (shortened.order_qty, shortened.ord_status) == (3, OrdStatus.NEW)
    assert shortened.orig_cl_ord_id is None
    assert isinstance(canceled, ExecutionReport)
    assert canceled.order_qty == 2


def test_nobodys_orders_may_meet(core: MatchingCore) -> None:
    core.handle(sell("s", 5, 100), NOW)
    told = brief(core.handle(buy("b", 5, 100, self_trade=SelfTrade.CANCEL_BOTH), NOW))
    assert told[1] == (ExecType.TRADE, "b", 5, 0, 100, 5)


def test_the_mode_of_the_incoming_order_decides(core: MatchingCore) -> None:
    resting = sell("s", 5, 100, account="me", self_trade=SelfTrade.CANCEL_BOTH)
    core.handle(resting, NOW)
    assert take(core, SelfTrade.NONE, 5)[1][0] is ExecType.TRADE


@pytest.mark.parametrize(
    ("mode", "qty", "filled"),
    [
        (SelfTrade.NONE, 12, 12),
        (SelfTrade.CANCEL_RESTING, 7, 7),
        (SelfTrade.CANCEL_RESTING, 8, 0),
        (SelfTrade.CANCEL_INCOMING, 3, 3),
        (SelfTrade.CANCEL_INCOMING, 4, 0),
        (SelfTrade.CANCEL_BOTH, 3, 3),
        (SelfTrade.CANCEL_BOTH, 4, 0),
        (SelfTrade.DECREMENT, 3, 3),
        (SelfTrade.DECREMENT, 4, 0),
    ],
)
def test_a_fok_counts_on_no_lots_of_its_own_account(
    mine_between: MatchingCore, mode: SelfTrade, qty: int, filled: int
) -> None:
    before = queue(mine_between, Side.SELL)
    told = take(mine_between, mode, qty, time_in_force=TimeInForce.FOK)
    assert mine_between.volume == filled
    if not filled:
        assert told == [(ExecType.NEW, "b", 0, qty), (ExecType.CANCELED, "b", 0, 0)]
        assert queue(mine_between, Side.SELL) == before
