"""Orders of others, written out one by one."""

from decimal import Decimal
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from sim.flow import FLOWS, Flow
from sim.flow.base import FlowEntry, FlowGrid
from sim.flow.scripted import ScriptedFlow
from sim.kernel.streams import Streams
from sim.protocol.enums import OrdType, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest, OrderMessage
from sim.protocol.units import Units

UNITS = Units(Decimal("0.01"), Decimal(10))
ORDERS: list[dict[str, Any]] = [
    {"at": "1ms", "id": "a", "side": "buy", "qty": 100, "price": "99.98"},
    {"at": "1ms", "id": "b", "side": "sell", "qty": 50, "tif": "IOC"},
    {"at": "2ms", "cancel": "a"},
    {"at": "3ms", "id": "c", "side": "sell", "qty": 10, "price": "100.02", "tif": "FOK"},
]


def flow(*orders: dict[str, Any]) -> ScriptedFlow:
    return ScriptedFlow.model_validate({"kind": "scripted", "orders": orders})


def play(end_ns: int = 10**9) -> list[tuple[int, OrderMessage]]:
    stream = Streams(1).get("flow")
    return list(flow(*ORDERS).messages(FlowGrid(UNITS), stream, "others", end_ns))


def test_orders_and_cancels_come_as_written() -> None:
    assert play() == [
        (
            1_000_000,
            NewOrderSingle(
                "others.a",
                Side.BUY,
                UNITS.qty_to_lots(100),
                UNITS.price_to_ticks("99.98"),
                OrdType.LIMIT,
                TimeInForce.GTC,
                "others",
            ),
        ),
        (
            1_000_000,
            NewOrderSingle(
                "others.b",
                Side.SELL,
                UNITS.qty_to_lots(50),
                None,
                OrdType.MARKET,
                TimeInForce.IOC,
                "others",
            ),
        ),
        (2_000_000, OrderCancelRequest("others.C2", "others.a", "others")),
        (
            3_000_000,
            NewOrderSingle(
                "others.c",
                Side.SELL,
                UNITS.qty_to_lots(10),
                UNITS.price_to_ticks("100.02"),
                OrdType.LIMIT,
                TimeInForce.FOK,
                "others",
            ),
        ),
    ]


def test_nothing_comes_after_the_end() -> None:
    assert [t_ns for t_ns, _ in play(end_ns=2_000_000)] == [1_000_000, 1_000_000, 2_000_000]
    assert play(end_ns=0) == []


def test_times_that_go_back_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"orders\[2\] is earlier than the one before it"):
        flow(*ORDERS[:2], {"at": "0.5ms", "cancel": "a"})


def test_ids_are_used_once_and_cancels_name_an_order_before_them() -> None:
    with pytest.raises(ValidationError, match=r"orders\[1\] has the id a, as one before it"):
        flow(ORDERS[0], ORDERS[0])
    with pytest.raises(ValidationError, match=r"orders\[0\] cancels a, but none before it"):
        flow({"at": "0ms", "cancel": "a"}, ORDERS[0])


@pytest.mark.parametrize(
    "order",
    [
        {"at": "1ms", "id": "a", "side": "sell_short", "qty": 1},
        {"at": "1ms", "id": "a", "side": "buy", "qty": 0},
        {"at": "1ms", "id": "a", "side": "buy", "qty": 1, "price": 0},
        {"at": "1ms", "id": "a", "side": "buy", "qty": 1, "tif": "GTD"},
        {"at": "1ms", "id": "a.b", "side": "buy", "qty": 1},
        {"at": "1ms", "id": "a", "cancel": "a"},
        {"id": "a", "side": "buy", "qty": 1},
    ],
)
def test_wrong_orders_are_refused(order: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        flow(order)


def test_an_empty_script_is_refused() -> None:
    with pytest.raises(ValidationError):
        flow()


def test_what_the_grid_does_not_allow_is_placed() -> None:
    bad = flow(
        {"at": "1ms", "id": "a", "side": "buy", "qty": 105, "price": "99.98"},
        {"at": "1ms", "cancel": "a"},
        {"at": "1ms", "id": "b", "side": "buy", "qty": 110, "price": "99.985"},
    )
    assert [path for path, _ in bad.problems(FlowGrid(UNITS))] == [
        ("orders", 0, "qty"),
        ("orders", 2, "price"),
    ]
    assert [path for path, _ in flow(*ORDERS).problems(FlowGrid(UNITS, tick=4, lot=5))] == [
        ("orders", 0, "price"),
        ("orders", 3, "qty"),
        ("orders", 3, "price"),
    ]


@pytest.mark.parametrize(
    ("order", "rests"),
    [(ORDERS[0], True), (ORDERS[1], False), (ORDERS[3], False)],
)
def test_whether_it_rests_is_known_before_the_run(order: dict[str, Any], rests: bool) -> None:
    assert flow(order).rests is rests


@pytest.mark.parametrize("kind", FLOWS, ids=lambda kind: kind.__name__)
def test_every_kind_goes_back_to_the_same_text(kind: type[FlowEntry]) -> None:
    """The table is complete, and a kind is found by its name."""
    name = get_args(kind.model_fields["kind"].annotation)[0]
    book = {"per": "1s", "centre": "100.00"}
    settings: dict[str, dict[str, Any]] = {
        "scripted": {"orders": ORDERS},
        "poisson": {"rate": 5, "centre": "100.00"},
        "fresh_supply": {
            "side": "sell",
            "price": "100.00",
            "every": "20ms",
            "size": {"law": "fixed", "lots": 3},
        },
        "zero_intelligence": {**book, "limit": 1, "market": 2, "cancel": 0.1, "levels": 20},
        "cont_stoikov_talreja": {**book, "limits": [1], "cancels": [0.1], "market_per_side": 1},
        "queue_reactive": {
            **book,
            "levels": [{"limit": [1], "cancel": [2]}],
            "move": 0.5,
            "redraw": 0.5,
        },
        "hawkes": {
            **book,
            "base": 1,
            "alpha": 1,
            "beta": 2,
            "distance": {"law": "uniform", "levels": 5},
        },
    }
    adapter: TypeAdapter[FlowEntry] = TypeAdapter(Flow)
    config = adapter.validate_python({"kind": name, **settings[name]})
    assert type(config) is kind
    assert adapter.validate_python(config.model_dump(mode="json")) == config
