"""Supply that is drawn anew every so often."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from sim.flow.base import FlowGrid
from sim.flow.fresh_supply import FreshSupply
from sim.kernel.streams import Streams
from sim.protocol.enums import OrdType, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest, OrderMessage
from sim.protocol.units import PriceTicks, QtyLots, Units

GRID = FlowGrid(Units(Decimal("0.01"), Decimal(1)), 1, 10)
FIXED = {"law": "fixed", "lots": 3}


def flow(**more: Any) -> FreshSupply:
    data = {"kind": "fresh_supply", "side": "sell", "price": Decimal("100.00"), "size": FIXED}
    return FreshSupply.model_validate({**data, "every": "10ns", **more})


def played(supply: FreshSupply, end_ns: int, seed: int = 1) -> list[tuple[int, OrderMessage]]:
    return list(supply.messages(GRID, Streams(seed).get("flow"), "o", end_ns))


def order(n: int) -> NewOrderSingle:
    qty, price = QtyLots(30), PriceTicks(10_000)
    return NewOrderSingle(f"o.{n}", Side.SELL, qty, price, OrdType.LIMIT, TimeInForce.GTC, "o")


def test_each_period_has_one_order_and_ends_what_is_left_of_the_one_before() -> None:
    assert played(flow(), 20) == [
        (0, order(1)),
        (10, OrderCancelRequest("o.2c", "o.1", "o")),
        (10, order(2)),
        (20, OrderCancelRequest("o.3c", "o.2", "o")),
        (20, order(3)),
    ]


def test_it_begins_and_ends_when_it_is_told() -> None:
    found = played(flow(start="5ns", stop="18ns"), 1_000)
    assert found == [
        (5, order(1)),
        (15, OrderCancelRequest("o.2c", "o.1", "o")),
        (15, order(2)),
        (18, OrderCancelRequest("o.3c", "o.2", "o")),
    ]


def test_a_period_is_empty_as_often_as_it_says_and_draws_stay_with_their_period() -> None:
    sizes = {"law": "geometric", "mean": 50}
    every = {t: m for t, m in played(flow(size=sizes), 100_000) if isinstance(m, NewOrderSingle)}
    some = {
        t: m
        for t, m in played(flow(size=sizes, empty=0.4), 100_000)
        if isinstance(m, NewOrderSingle)
    }
    assert len(every) == 10_001
    assert abs(len(some) / len(every) - 0.6) < 4 * (0.24 / 10_000) ** 0.5
    assert all(every[t].order_qty == message.order_qty for t, message in some.items())
    assert not played(flow(empty=1.0), 1_000)


def test_it_must_not_end_before_it_begins() -> None:
    with pytest.raises(ValidationError, match="stop must be later than start"):
        flow(start="5ns", stop="5ns")
