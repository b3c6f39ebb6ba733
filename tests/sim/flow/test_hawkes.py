"""Hawkes flow: its messages; its law is checked against the golden file of its kind."""

from collections.abc import Callable
from itertools import pairwise
from math import sqrt
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from sim.flow.hawkes import HawkesFlow, compensator
from sim.protocol.enums import OrdType, Side
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest

if TYPE_CHECKING:
    from tests.sim.flow.conftest import Stand

MakeStand = Callable[..., "Stand"]


def flow(**more: Any) -> HawkesFlow:
    settings = {
        "kind": "hawkes",
        "per": "1s",
        "centre": "100.00",
        "base": 2.0,
        "alpha": 1.0,
        "beta": 5.0,
        "distance": {"law": "geometric", "mean": 3.0},
    }
    return HawkesFlow.model_validate(settings | more)


@pytest.mark.parametrize("alpha", [5.0, 6.0])
def test_a_branching_ratio_of_one_or_more_is_refused(alpha: float) -> None:
    with pytest.raises(ValidationError, match="explode"):
        flow(alpha=alpha)


def test_without_excitation_it_is_a_poisson_process(stand: MakeStand) -> None:
    here = stand(flow(alpha=0.0, take=0.0))
    while here.t_ns < 2_000e9:
        here.step()
    times = [t / 1e9 for t, _ in here.sent]
    assert abs(len(times) / 2_000 - 2.0) <= 4 * sqrt(2.0 / 2_000)
    residuals = list(compensator(times, 2.0, 0.0, 5.0))
    assert abs(fmean(residuals) - 1) <= 4 / sqrt(len(residuals))


def test_buyers_follow_buyers_where_the_excitation_stays_on_its_side(stand: MakeStand) -> None:
    followers = {}
    for share in (0.0, 0.5, 1.0):
        here = stand(flow(alpha=4.0, same_side=share, take=0.0))
        for _ in range(4_000):
            here.step()
        sides = [m.side for _, m in here.sent if isinstance(m, NewOrderSingle)]
        pairs = list(pairwise(sides))
        followers[share] = sum(a is b for a, b in pairs) / len(pairs)
    assert followers[0.0] < 0.45
    assert abs(followers[0.5] - 0.5) < 4 * 0.5 / sqrt(4_000)
    assert followers[1.0] > 0.55


def test_an_order_ends_when_its_life_is_over(stand: MakeStand) -> None:
    here = stand(flow(take=0.0, life={"law": "fixed", "after": "300ms"}))
    for _ in range(2_000):
        here.step()
    here.core.check()
    entered = {m.cl_ord_id: t for t, m in here.sent if isinstance(m, NewOrderSingle)}
    ended = {m.orig_cl_ord_id: t for t, m in here.sent if isinstance(m, OrderCancelRequest)}
    assert len(ended) > 500
    assert {t - entered[name] for name, t in ended.items()} == {300_000_000}


def test_takers_take_at_market(stand: MakeStand) -> None:
    here = stand(flow(take=0.4))
    for _ in range(3_000):
        here.step()
    orders = [m for _, m in here.sent if isinstance(m, NewOrderSingle)]
    takers = sum(m.ord_type is OrdType.MARKET for m in orders) / len(orders)
    assert abs(takers - 0.4) <= 4 * sqrt(0.24 / len(orders))
    assert {m.side for m in orders} == {Side.BUY, Side.SELL}
