from decimal import Decimal

import pytest

from sim.flow.base import FlowGrid
from sim.flow.poisson import PoissonFlow
from sim.flow.scripted import ScriptedFlow
from sim.kernel.streams import Streams
from sim.protocol.orders import NewOrderSingle
from sim.protocol.units import UnitError, Units

COARSE = FlowGrid(Units(Decimal("0.01"), Decimal(1)), tick=5, lot=100)


def poisson(**more: object) -> PoissonFlow:
    return PoissonFlow.model_validate(
        {"kind": "poisson", "rate": 1000.0, "centre": "100.00", **more}
    )


def test_poisson_orders_stand_on_the_venues_own_grid() -> None:
    messages = poisson(lots=7, levels=3).messages(COARSE, Streams(1).get("f"), "f", 10**9)
    orders = [msg for _, msg in messages if isinstance(msg, NewOrderSingle)]
    assert len(orders) > 300
    assert {order.order_qty % 100 for order in orders} == {0}
    assert {order.order_qty for order in orders} == {100 * n for n in range(1, 8)}
    assert {order.price % 5 for order in orders if order.price is not None} == {0}
    assert {abs(10_000 - (order.price or 0)) for order in orders} <= {5, 10, 15}


def test_D07_what_the_venue_would_refuse_is_a_problem_of_the_flow() -> None:
    flow = ScriptedFlow.model_validate_json(
        '{"kind": "scripted", "orders": [{"at": "1ms", "id": "a", "side": "buy", "qty": 150,'
        ' "price": "99.97"}]}'
    )
    assert [path for path, _ in flow.problems(COARSE)] == [
        ("orders", 0, "qty"),
        ("orders", 0, "price"),
    ]
    assert flow.problems(FlowGrid(COARSE.units)) == []


def test_the_venues_step_is_named() -> None:
    with pytest.raises(UnitError, match=r"venue's tick size 0\.05"):
        COARSE.price(Decimal("100.01"))


@pytest.mark.parametrize(("tif", "rests"), [("GTC", True), ("DAY", True), ("IOC", False)])
def test_a_flow_knows_whether_its_orders_may_rest(tif: str, rests: bool) -> None:
    flow = ScriptedFlow.model_validate_json(
        '{"kind": "scripted", "orders": [{"at": "1ms", "id": "a", "side": "buy", "qty": 1,'
        f' "price": "99.97", "tif": "{tif}"}}]}}'
    )
    assert flow.rests is rests
    assert poisson().rests
    assert not poisson(take=1.0, cancel=0.0).rests
