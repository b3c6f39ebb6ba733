"""Background flow against its law; each check states seed, count, estimate and bound."""

from collections import Counter
from decimal import Decimal
from itertools import pairwise
from math import sqrt
from typing import Any

import pytest
from pydantic import ValidationError

from sim.flow.base import FlowGrid
from sim.flow.poisson import PoissonFlow
from sim.kernel.streams import Streams
from sim.protocol.enums import OrdType, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest, OrderMessage
from sim.protocol.units import Units

SECOND = 1_000_000_000
CENTRE = 10_000
UNITS = Units(Decimal("0.01"), Decimal(1))
Messages = list[tuple[int, OrderMessage]]


def flow(**settings: Any) -> PoissonFlow:
    usual = {"kind": "poisson", "rate": 20_000, "centre": "100.00", "levels": 5, "lots": 40}
    return PoissonFlow.model_validate(usual | settings)


def play(
    seed: int = 1, *, end_ns: int = SECOND, tick: int = 1, lot: int = 1, **settings: Any
) -> Messages:
    stream = Streams(seed).get("flow")
    grid = FlowGrid(UNITS, tick, lot)
    return list(flow(**settings).messages(grid, stream, "others", end_ns))


def new_orders(messages: Messages) -> list[NewOrderSingle]:
    return [msg for _, msg in messages if isinstance(msg, NewOrderSingle)]


def assert_share(found: int, n: int, p: float) -> None:
    """A share of ``n`` draws lies within four standard deviations of ``p``."""
    assert abs(found / n - p) <= 4 * sqrt(p * (1 - p) / n), (found, n, p)


def test_times_rise_and_none_is_after_the_end() -> None:
    messages = play()
    times = [t_ns for t_ns, _ in messages]
    assert all(one < other for one, other in pairwise(times))
    assert times[0] > 0
    assert times[-1] <= SECOND
    last = times[-1]
    assert play(end_ns=last)[-1][0] == last
    assert play(end_ns=last - 1) == messages[:-1]


def test_messages_come_at_the_rate_and_with_exponential_gaps() -> None:
    """Seed 1, 20,000 a second for a second: n within 4 sqrt(20,000); a gap over its mean: 1/e."""
    messages = play()
    n = len(messages)
    assert abs(n - 20_000) <= 4 * sqrt(20_000)
    gaps = [other - one for (one, _), (other, _) in pairwise(messages)]
    assert_share(sum(gap > SECOND / 20_000 for gap in gaps), len(gaps), 0.36787944)


def test_takers_cancels_and_the_rest_have_their_shares() -> None:
    messages = play(take=0.2, cancel=0.3)
    n = len(messages)
    takers = [o for o in new_orders(messages) if o.time_in_force is TimeInForce.IOC]
    cancels = [msg for _, msg in messages if isinstance(msg, OrderCancelRequest)]
    assert_share(len(takers), n, 0.2)
    assert_share(len(cancels), n, 0.3)
    assert_share(sum(order.side is Side.BUY for order in takers), len(takers), 0.5)


def test_limit_orders_stand_on_their_own_side_within_their_levels() -> None:
    resting = [o for o in new_orders(play()) if o.time_in_force is TimeInForce.GTC]
    away = Counter(
        CENTRE - order.price if order.side is Side.BUY else order.price - CENTRE
        for order in resting
        if order.price is not None
    )
    assert set(away) == {1, 2, 3, 4, 5}
    for count in away.values():
        assert_share(count, len(resting), 0.2)
    assert {order.ord_type for order in resting} == {OrdType.LIMIT}


def test_sizes_are_uniform_from_one_lot() -> None:
    sizes = Counter(order.order_qty for order in new_orders(play()))
    n = sum(sizes.values())
    assert set(sizes) == set(range(1, 41))
    for count in sizes.values():
        assert_share(count, n, 1 / 40)


def test_takers_reach_every_level() -> None:
    takers = [o for o in new_orders(play(take=1, cancel=0)) if o.time_in_force is TimeInForce.IOC]
    assert {(order.side, order.price) for order in takers} == {
        (Side.BUY, CENTRE + 5),
        (Side.SELL, CENTRE - 5),
    }


def test_a_cancel_names_an_order_that_was_left_and_each_only_once() -> None:
    left: set[str] = set()
    for _, msg in play(cancel=0.6):
        if isinstance(msg, OrderCancelRequest):
            left.remove(msg.orig_cl_ord_id)
        elif isinstance(msg, NewOrderSingle) and msg.time_in_force is TimeInForce.GTC:
            left.add(msg.cl_ord_id)
    assert left


def test_ids_are_the_accounts_and_no_two_are_equal() -> None:
    messages = play()
    ids = [msg.cl_ord_id for _, msg in messages]
    assert len(set(ids)) == len(ids)
    assert all(name.startswith("others.") for name in ids)
    assert {msg.account for _, msg in messages} == {"others"}


def test_a_coarser_venue_gets_the_same_flow_on_its_own_steps() -> None:
    fine, coarse = play(), play(tick=5, lot=10)
    assert [t_ns for t_ns, _ in fine] == [t_ns for t_ns, _ in coarse]
    for one, other in zip(new_orders(fine), new_orders(coarse), strict=True):
        assert one.price is not None
        assert other.price is not None
        assert (one.price - CENTRE) * 5 == other.price - CENTRE
        assert one.order_qty * 10 == other.order_qty


def test_equal_streams_give_equal_flows_and_others_do_not() -> None:
    assert play(7) == play(7)
    assert play(7) != play(8)


def test_what_the_grid_does_not_allow_is_placed() -> None:
    assert flow().problems(FlowGrid(UNITS)) == []
    assert [path for path, _ in flow(centre="100.001").problems(FlowGrid(UNITS))] == [("centre",)]
    assert [path for path, _ in flow(centre="100.01").problems(FlowGrid(UNITS, 5))] == [("centre",)]
    deep = flow(centre="0.05", levels=5)
    assert [path for path, _ in deep.problems(FlowGrid(UNITS))] == [("levels",)]
    assert flow(centre="0.06", levels=5).problems(FlowGrid(UNITS)) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"take": 0.7, "cancel": 0.4},
        {"take": -0.1},
        {"take": float("nan")},
        {"rate": 0},
        {"rate": -1.0},
        {"rate": float("inf")},
        {"rate": 1e9},
        {"levels": 0},
        {"lots": 0},
        {"centre": "-1"},
        {"center": "100.00"},
    ],
)
def test_D11_wrong_parameters_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        flow(**settings)
