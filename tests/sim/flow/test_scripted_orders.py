"""Every type of order, and every request, in a script of others' orders."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from sim.flow.base import FlowGrid
from sim.flow.scripted import ScriptedFlow
from sim.kernel.streams import Streams
from sim.protocol.enums import OrdType, PegReference, SelfTrade
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderInstructions,
    OrderMessage,
    OrderReduceRequest,
    Peg,
)
from sim.protocol.units import PriceTicks, QtyLots, Units

UNITS = Units(Decimal("0.01"), Decimal(10))


def flow(*orders: dict[str, Any]) -> ScriptedFlow:
    return ScriptedFlow.model_validate({"kind": "scripted", "orders": orders})


def order(**more: Any) -> dict[str, Any]:
    return {"at": "1ms", "id": "a", "side": "buy", "qty": 100, **more}


def messages(*orders: dict[str, Any]) -> list[OrderMessage]:
    script, grid = flow(*orders), FlowGrid(UNITS)
    assert script.problems(grid) == []
    return [msg for _, msg in script.messages(grid, Streams(1).get("flow"), "others", 10**9)]


def sent(**more: Any) -> NewOrderSingle:
    (msg,) = messages(order(**more))
    assert isinstance(msg, NewOrderSingle)
    return msg


def test_the_type_is_told_by_the_price_unless_it_is_written() -> None:
    assert sent().ord_type is OrdType.MARKET
    assert sent(price="100").ord_type is OrdType.LIMIT
    assert sent(type="market_to_limit").ord_type is OrdType.MARKET_TO_LIMIT
    assert sent().instructions is None


@pytest.mark.parametrize(
    ("settings", "kind", "price", "instructions"),
    [
        (
            {"type": "stop", "stop_price": "100.50"},
            OrdType.STOP,
            None,
            OrderInstructions(stop_px=PriceTicks(10_050)),
        ),
        (
            {"type": "stop_limit", "stop_price": "100.50", "price": "100.60"},
            OrdType.STOP_LIMIT,
            10_060,
            OrderInstructions(stop_px=PriceTicks(10_050)),
        ),
        (
            {"type": "pegged", "peg": {"reference": "mid", "offset": "-0.02"}, "price": "101"},
            OrdType.PEGGED,
            10_100,
            OrderInstructions(peg=Peg(PegReference.MID, -2)),
        ),
        (
            {"price": "100", "display": 20, "min_display": 10},
            OrdType.LIMIT,
            10_000,
            OrderInstructions(display_qty=QtyLots(2), min_display_qty=QtyLots(1)),
        ),
        ({"price": "100", "hidden": True}, OrdType.LIMIT, 10_000, OrderInstructions(hidden=True)),
        (
            {"price": "100", "all_or_none": True},
            OrdType.LIMIT,
            10_000,
            OrderInstructions(all_or_none=True),
        ),
    ],
)
def test_what_is_special_travels_as_an_instruction(
    settings: dict[str, Any],
    kind: OrdType,
    price: int | None,
    instructions: OrderInstructions,
) -> None:
    msg = sent(**settings)
    assert (msg.ord_type, msg.price, msg.instructions) == (kind, price, instructions)
    assert flow(order(**settings)).special


def test_what_limit_orders_always_had_is_nothing_special() -> None:
    msg = sent(price="100", post_only=True, self_trade="decrement", min_qty=50)
    assert (msg.post_only, msg.self_trade, msg.min_qty) == (True, SelfTrade.DECREMENT, 5)
    assert msg.instructions is None
    assert not flow(order(price="100", post_only=True, self_trade="decrement")).special


def test_requests_follow_the_name_that_a_replace_gave() -> None:
    assert messages(
        order(price="100"),
        {"at": "2ms", "reduce": "a", "by": 20},
        {"at": "3ms", "replace": "a", "qty": 200, "price": "100.01", "min_qty": 50},
        {"at": "4ms", "replace": "a", "qty": 90, "stop_price": "99"},
        {"at": "5ms", "cancel": "a"},
    )[1:] == [
        OrderReduceRequest("others.R1", "others.a", QtyLots(2), "others"),
        OrderCancelReplaceRequest(
            "others.R2", "others.a", QtyLots(20), PriceTicks(10_001), "others", QtyLots(5)
        ),
        OrderCancelReplaceRequest(
            "others.R3", "others.R2", QtyLots(9), None, "others", None, PriceTicks(9_900)
        ),
        OrderCancelRequest("others.C4", "others.R3", "others"),
    ]


@pytest.mark.parametrize("verb", ["cancel", "replace", "reduce"])
def test_a_request_names_an_order_before_it(verb: str) -> None:
    more: dict[str, dict[str, Any]] = {"replace": {"qty": 1}, "reduce": {"by": 1}}
    request = {"at": "1ms", verb: "b", **more.get(verb, {})}
    with pytest.raises(ValidationError, match=rf"orders\[1\] {verb}s b, but none before it"):
        flow(order(), request)


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"type": "limit"}, "price"),
        ({"type": "market", "price": "100"}, "price"),
        ({"type": "stop", "price": "100", "stop_price": "100"}, "price"),
        ({"type": "stop_limit", "stop_price": "100"}, "price"),
        ({"type": "stop"}, "stop_price"),
        ({"price": "100", "stop_price": "100"}, "stop_price"),
        ({"type": "pegged"}, "peg"),
        ({"price": "100", "peg": {"reference": "bid"}}, "peg"),
        ({"type": "pegged", "peg": {"reference": "bid"}, "tif": "FOK"}, "tif"),
        ({"price": "100", "min_display": 10}, "min_display"),
        ({"price": "100", "display": 10, "hidden": True}, "display"),
        ({"price": "100", "display": 10, "all_or_none": True}, "display"),
        ({"price": "100", "display": 10, "min_qty": 10}, "display"),
        ({"price": "100", "min_qty": 10, "all_or_none": True}, "min_qty"),
        ({"price": "100", "post_only": True, "tif": "IOC"}, "post_only"),
        ({"post_only": True}, "post_only"),
        ({"price": "100", "display": 110}, "display"),
        ({"price": "100", "display": 20, "min_display": 30}, "min_display"),
        ({"price": "100", "min_qty": 110}, "min_qty"),
        ({"price": "100", "display": 15}, "display"),
        ({"price": "100", "display": 20, "min_display": 5}, "min_display"),
        ({"type": "stop", "stop_price": "100.005"}, "stop_price"),
        ({"type": "pegged", "peg": {"reference": "bid", "offset": "0.005"}}, "offset"),
    ],
)
def test_what_a_venue_would_refuse_is_said_beforehand(settings: dict[str, Any], path: str) -> None:
    found = flow(order(**settings)).problems(FlowGrid(UNITS))
    assert [where[-1] for where, _ in found] == [path]
    assert all(where[:2] == ("orders", 0) for where, _ in found)


@pytest.mark.parametrize(
    "request_",
    [
        {"replace": "a", "qty": 105},
        {"replace": "a", "qty": 100, "price": "1.001"},
        {"replace": "a", "qty": 100, "stop_price": "1.001"},
        {"replace": "a", "qty": 100, "min_qty": 5},
        {"reduce": "a", "by": 5},
    ],
)
def test_numbers_of_requests_are_held_against_the_grid(request_: dict[str, Any]) -> None:
    found = flow(order(), {"at": "1ms", **request_}).problems(FlowGrid(UNITS))
    assert [where[:2] for where, _ in found] == [("orders", 1)]
