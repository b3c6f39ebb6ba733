"""Kinds rfq, wholesaler and broker: what a dealer makes of an order, when, and at what price."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sim.audit.records import DealerAnswer
from sim.protocol.enums import CxlRejReason, ExecType, RejectReason
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs, Units

MakeConfig = Callable[..., Any]
MakeCore = Callable[..., Any]
MakeOrder = Callable[..., NewOrderSingle]
Serve = Callable[..., Any]

SPREAD = {"half": "0.01", "widening": "0.02", "size": 100}
RFQ: dict[str, Any] = {"spread": SPREAD, "sizes": [100, 400]}
DEALERS: dict[str, dict[str, Any]] = {
    "rfq": RFQ,
    "wholesaler": {},
    "broker": {"spread": SPREAD, "delay": "0s"},
}
LOOK = {"hold": "10ns", "tolerance": "0.01"}


def market(bid: int | None, ask: int | None, venue_id: str = "LIT") -> BookSnapshot:
    bids = () if bid is None else ((bid, 100),)
    asks = () if ask is None else ((ask, 100),)
    return BookSnapshot(venue_id, 1, TimeNs(0), bids, asks)


def told(reports: Sequence[VenueReport]) -> list[tuple[Any, ...]]:
    """Time, sort, price and lots of what was reported, and why it was refused."""
    found: list[tuple[Any, ...]] = []
    for r in reports:
        if isinstance(r, OrderCancelReject):
            found.append((r.transact_ns, r.reason))
        elif r.reject_reason is not None:
            found.append((r.transact_ns, r.reject_reason))
        elif r.last_qty:
            found.append((r.transact_ns, r.last_px, r.last_qty))
        else:
            found.append((r.transact_ns, r.exec_type))
    return found


def answers(heard: Any) -> list[tuple[Any, ...]]:
    return [
        (r.t_ns, r.asked_ns, r.quote_px, r.moved_half_ticks, r.outcome)
        for r in heard.records
        if isinstance(r, DealerAnswer)
    ]


# ---------------------------------------------------------------- rfq


async def test_quote_widens_with_size_around_the_market_as_received(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    heard = await serve(
        make_core("rfq", **RFQ),
        [
            (0, market(9_999, 10_001)),
            (1, order("buy", 50, 10_100)),  # 100.00 + 0.01 + 0.01
            (2, order("buy", 400)),  # + 0.01 + 0.08
            (3, order("sell", 100, 9_000)),
            (4, market(10_009, 10_011)),
            (5, order("sell_short", 100, 9_000)),
        ],
    )
    fills = [one for one in told(heard.reports) if len(one) == 3]
    assert fills == [(1, 10_002, 50), (2, 10_009, 400), (3, 9_997, 100), (5, 10_007, 100)]


async def test_ladder_shows_the_sizes_at_what_they_cost(make_core: MakeCore, serve: Serve) -> None:
    heard = await serve(make_core("rfq", **RFQ), [(1, market(9_999, 10_001)), (2, market(1, None))])
    shown = [(s.published_ns, s.bids, s.asks) for s in heard.feed]
    # 100 for 100.03 each, 400 for 100.09 each: the 300 more for 100.11 each.
    assert shown == [
        (1, ((9_997, 100), (9_989, 300)), ((10_003, 100), (10_011, 300))),
        (2, (), ()),
    ]


async def test_nothing_shows_of_a_maker_that_does_not_show_its_prices(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    steps = [(1, market(9_999, 10_001)), (2, order("buy", 100, 10_003))]
    heard = await serve(make_core("rfq", **RFQ, shown=False), steps)
    assert [(s.bids, s.asks, s.volume) for s in heard.feed] == [((), (), 100)]


@pytest.mark.parametrize(
    ("qty", "price", "answer"),
    [
        (401, 20_000, (1, RejectReason.ORDER_EXCEEDS_LIMIT)),
        (100, 10_002, (1, ExecType.CANCELED)),
        (100, 10_003, (1, 10_003, 100)),
    ],
)
async def test_order_beyond_its_sizes_is_refused_and_one_that_wants_better_is_canceled(
    make_core: MakeCore,
    order: MakeOrder,
    serve: Serve,
    qty: int,
    price: int,
    answer: tuple[Any, ...],
) -> None:
    steps = [(0, market(9_999, 10_001)), (1, order("buy", qty, price))]
    heard = await serve(make_core("rfq", **RFQ), steps)
    assert told(heard.reports)[-1] == answer


@pytest.mark.parametrize("kind", ["rfq", "wholesaler", "broker"])
@pytest.mark.parametrize("known", [(9_999, None), (None, None)])
async def test_without_a_market_there_is_no_price(
    make_core: MakeCore,
    order: MakeOrder,
    serve: Serve,
    kind: str,
    known: tuple[int | None, int | None],
) -> None:
    steps = [(0, market(*known)), (1, order("buy", 10, 10_100))]
    heard = await serve(make_core(kind, **DEALERS[kind]), steps)
    assert told(heard.reports) == [(1, RejectReason.NO_REFERENCE)]


@pytest.mark.parametrize("kind", ["rfq", "wholesaler", "broker"])
@pytest.mark.parametrize(
    "more", [{"tif": "DAY"}, {"tif": "GTC", "post_only": True}, {"min_qty": 1}]
)
def test_dealers_take_no_order_that_could_rest_or_is_choosy(
    make_core: MakeCore, order: MakeOrder, kind: str, more: dict[str, Any]
) -> None:
    core = make_core(kind, **DEALERS[kind])
    core.handle(market(9_999, 10_001), TimeNs(0))
    (report,) = core.handle(order("buy", 10, 10_100, **more), TimeNs(1))
    assert report.reject_reason is RejectReason.UNSUPPORTED_ORDER


# ---------------------------------------------------------------- last look


@pytest.mark.parametrize(
    ("side", "moved", "symmetric", "outcome"),
    [
        ("buy", 0, False, "filled"),
        ("buy", 2, False, "filled"),  # as far as the tolerance: 0.01 is two half ticks
        ("buy", 3, False, "rejected"),
        ("buy", -9, False, "filled"),  # in its own favour: it keeps what it gets
        ("buy", -9, True, "rejected"),
        ("buy", 3, True, "rejected"),
        ("sell", 3, False, "filled"),
        ("sell", -3, False, "rejected"),
        ("sell", 3, True, "rejected"),
    ],
)
async def test_last_look_refuses_when_its_market_has_moved_against_it_by_more_than_the_tolerance(
    make_core: MakeCore,
    order: MakeOrder,
    serve: Serve,
    side: str,
    moved: int,
    symmetric: bool,
    outcome: str,
) -> None:
    look = LOOK | {"symmetric": symmetric}
    limit = 10_100 if side == "buy" else 9_900
    heard = await serve(
        make_core("rfq", **RFQ, last_look=look),
        [
            (0, market(9_990, 10_010)),
            (1, order(side, 100, limit)),
            (5, market(9_990 + moved, 10_010)),
        ],
    )
    price = 10_003 if side == "buy" else 9_997
    assert answers(heard) == [(11, 1, price, moved, outcome)]
    if outcome == "filled":  # at the quote, however the market has moved
        assert told(heard.reports) == [(11, ExecType.NEW), (11, price, 100)]
    else:
        assert told(heard.reports) == [(11, RejectReason.LAST_LOOK)]


async def test_maker_that_has_lost_its_market_does_not_stand_by_its_quote(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    heard = await serve(
        make_core("rfq", **RFQ, last_look=LOOK),
        [(0, market(9_990, 10_010)), (1, order("buy", 100)), (5, market(None, 10_010))],
    )
    assert told(heard.reports) == [(11, RejectReason.NO_REFERENCE)]
    assert answers(heard) == [(11, 1, 10_003, None, "rejected")]


async def test_order_in_the_hold_time_may_be_withdrawn_but_not_changed(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    replace = OrderCancelReplaceRequest("r1", "o1", QtyLots(50), PriceTicks(10_100), "router")
    heard = await serve(
        make_core("rfq", **RFQ, last_look=LOOK),
        [
            (0, market(9_990, 10_010)),
            (1, order("buy", 100, 10_100)),
            (2, replace),
            (3, OrderCancelRequest("c1", "o1", "router")),
            (4, OrderCancelRequest("c2", "o1", "router")),
        ],
    )
    assert told(heard.reports) == [
        (2, CxlRejReason.TOO_LATE),
        (3, ExecType.CANCELED),
        (4, CxlRejReason.TOO_LATE),
    ]
    assert answers(heard) == [(3, 1, 10_003, 0, "canceled")]


async def test_halt_keeps_an_order_in_hand_and_the_close_ends_it(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    hours = {"halts": [{"at": "5ns", "until": "50ns"}], "close": "60ns"}
    heard = await serve(
        make_core("rfq", **RFQ, last_look=LOOK, trading=hours),
        [
            (0, market(9_990, 10_010)),
            (1, order("buy", 100, 10_100)),
            (7, market(9_990, 10_020)),  # heard in the halt, used as it ends
            (55, order("buy", 100, 10_200)),
        ],
    )
    assert told(heard.reports) == [(50, RejectReason.LAST_LOOK), (60, ExecType.EXPIRED)]


# ---------------------------------------------------------------- wholesaler


async def test_wholesaler_fills_whole_at_the_best_price_that_it_knows_or_better(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    heard = await serve(
        make_core("wholesaler", improvement="0.25", max_order_qty=10_000),
        [
            (0, market(9_990, 10_010)),
            (1, order("buy", 10_000, 10_010)),
            (2, order("sell", 7)),
            (3, order("buy", 10_001, 10_010)),
            (4, order("buy", 5, 10_004)),
            (5, market(9_990, 10_006, "OTHER")),
            (6, order("buy", 5, 10_010, "FOK")),
        ],
    )
    assert told(heard.reports) == [
        (1, ExecType.NEW),
        (1, 10_005, 10_000),
        (2, ExecType.NEW),
        (2, 9_995, 7),
        (3, RejectReason.ORDER_EXCEEDS_LIMIT),
        (4, ExecType.NEW),
        (4, ExecType.CANCELED),
        (6, ExecType.NEW),
        (6, 10_002, 5),
    ]


def test_improvement_may_be_finer_than_the_tick_of_orders(
    make_config: MakeConfig, order: MakeOrder
) -> None:
    """Lit venues and limits in cents, fills in hundredths of a cent."""
    fine = Units(Decimal("0.0001"), Decimal(1))
    config = make_config(
        "wholesaler", improvement="0.1", improvement_step="0.0005", tick_size="0.01"
    )
    assert config.problems(fine) == []
    core = config.build(fine, Path)
    core.handle(market(999_900, 1_000_100), TimeNs(0))
    _, fill, _ = core.handle(order("buy", 5, 1_000_100), TimeNs(1))
    assert fill.last_px == 1_000_080
    core.handle(market(1_000_000, 1_000_100), TimeNs(2))
    _, fill, _ = core.handle(order("buy", 5, 1_000_100), TimeNs(3))
    assert fill.last_px == 1_000_090
    core.handle(market(1_000_010, 1_000_100), TimeNs(4))
    _, fill, _ = core.handle(order("buy", 5, 1_000_100), TimeNs(5))
    assert fill.last_px == 1_000_095  # a tenth of 0.0090 is 0.0009, in steps of 0.0005
    (refused,) = core.handle(order("buy", 5, 1_000_095), TimeNs(6))
    assert refused.reject_reason is RejectReason.INVALID_PRICE_INCREMENT


# ---------------------------------------------------------------- broker


async def test_broker_fills_after_its_time_at_the_market_of_then(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    heard = await serve(
        make_core("broker", spread=SPREAD, delay="10ns"),
        [
            (0, market(9_990, 10_010)),
            (1, order("buy", 100, 10_100)),
            (5, market(10_000, 10_010)),
        ],
    )
    assert told(heard.reports) == [(1, ExecType.NEW), (11, 10_008, 100)]
    assert answers(heard) == [(11, 1, 10_008, 10, "filled")]


async def test_broker_cancels_whole_what_its_price_does_not_suit_by_then(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    heard = await serve(
        make_core("broker", spread=SPREAD, delay="10ns"),
        [
            (0, market(9_990, 10_010)),
            (1, order("buy", 100, 10_005)),
            (5, market(10_000, 10_010)),
            (20, order("buy", 100, 10_008)),
            (25, OrderCancelRequest("c", "o2", "router")),
        ],
    )
    assert told(heard.reports) == [
        (1, ExecType.NEW),
        (11, ExecType.CANCELED),
        (20, ExecType.NEW),
        (25, ExecType.CANCELED),
    ]
    assert [one[-1] for one in answers(heard)] == ["canceled", "canceled"]


# ---------------------------------------------------------------- what an entry may say


@pytest.mark.parametrize(
    ("kind", "settings", "places"),
    [
        ("rfq", {"spread": {"half": "0.01"}, "sizes": [10, 10, "0.5"]}, ["sizes.1", "sizes.2"]),
        ("rfq", {**RFQ, "spread": SPREAD | {"size": "1.5"}}, ["spread.size"]),
        ("wholesaler", {"improvement_step": "0.001"}, ["improvement_step"]),
        ("broker", {"spread": SPREAD | {"size": "1.5"}, "delay": "1ms"}, ["spread.size"]),
    ],
)
def test_problems_are_found_and_placed(
    make_config: MakeConfig, units: Units, kind: str, settings: dict[str, Any], places: list[str]
) -> None:
    found = make_config(kind, **settings).problems(units)
    assert sorted({".".join(map(str, path)) for path, _ in found}) == places


def test_reports_of_a_deal_name_each_other(make_core: MakeCore, order: MakeOrder) -> None:
    core = make_core("wholesaler")
    core.handle(market(9_990, 10_010), TimeNs(0))
    _, client, house = core.handle(order("buy", 5, 10_010), TimeNs(1))
    assert isinstance(client, ExecutionReport)
    assert (client.contra_order_id, house.contra_order_id) == (house.order_id, client.order_id)
    assert (client.is_maker, house.is_maker, house.account) == (False, True, "")
