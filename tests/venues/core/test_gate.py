"""Limits before a book: rate of messages, size of orders, distance from the last price."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.enums import (
    FIX_CXL_REJ_REASON,
    FIX_ORD_REJ_REASON,
    CxlRejReason,
    ExecType,
    OrdType,
    PegReference,
    RejectReason,
)
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderInstructions,
    OrderReduceRequest,
    Peg,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.api import VenueCore
from venues.core.gate import Throttle

MakeCore = Callable[..., VenueCore]
MakeOrder = Callable[..., NewOrderSingle]

BOOK = {"asks": [["100.02", 400]], "bids": [["99.98", 200]]}
SEC = 10**9


def replace(order: NewOrderSingle, qty: int, price: int) -> OrderCancelReplaceRequest:
    return OrderCancelReplaceRequest(
        f"r{qty}-{price}", order.cl_ord_id, QtyLots(qty), PriceTicks(price), order.account
    )


def answer(core: VenueCore, msg: Any, t_ns: int = 0) -> object:
    """The reason of a refusal, else what the answer says."""
    report = core.handle(msg, TimeNs(t_ns))[0]
    core.check()
    if isinstance(report, OrderCancelReject):
        return report.reason
    return report.reject_reason or report.exec_type


# ---------------------------------------------------------------- throttle


def test_throttle_counts_each_account_in_a_sliding_window(
    make_core: MakeCore, order: MakeOrder
) -> None:
    core = make_core("lit", throttle={"messages": 2, "per": "1s"})

    def new(t_ns: int, account: str = "router") -> object:
        return answer(core, order("buy", 1, 10_000, account=account), t_ns)

    assert [new(0), new(SEC // 2), new(SEC - 1)] == [
        ExecType.NEW,
        ExecType.NEW,
        RejectReason.THROTTLED,
    ]
    assert new(SEC - 1, "other") is ExecType.NEW
    assert [new(SEC), new(SEC + 1)] == [ExecType.NEW, RejectReason.THROTTLED]
    assert new(SEC + SEC // 2) is ExecType.NEW


def test_throttle_lets_cancels_and_reductions_pass(make_core: MakeCore, order: MakeOrder) -> None:
    core = make_core("lit", throttle={"messages": 1, "per": "1s"})
    resting = order("buy", 5, 10_000, "GTC")
    assert answer(core, resting) is ExecType.NEW
    assert answer(core, replace(resting, 4, 10_000)) is CxlRejReason.THROTTLED
    reduce = OrderReduceRequest("d", resting.cl_ord_id, QtyLots(1), resting.account)
    assert answer(core, reduce) is ExecType.REPLACED
    cancel = OrderCancelRequest("c", resting.cl_ord_id, resting.account)
    assert answer(core, cancel) is ExecType.CANCELED


@given(
    st.integers(1, 4),
    st.integers(1, 20),
    st.lists(st.integers(0, 8), max_size=60).map(lambda gaps: list(cumulated(gaps))),
)
def test_no_window_of_a_throttle_holds_more_than_its_limit(
    messages: int, per_ns: int, times: list[int]
) -> None:
    throttle = Throttle(messages, per_ns)
    passed: list[int] = []
    for t_ns in times:
        inside = [t for t in passed if t_ns - t < per_ns]
        admitted = throttle.admits("a", t_ns)
        assert admitted == (len(inside) < messages)
        if admitted:
            passed.append(t_ns)


def cumulated(gaps: Iterable[int]) -> Iterable[int]:
    total = 0
    for gap in gaps:
        total += gap
        yield total


# ---------------------------------------------------------------- size and band


def test_largest_order_passes_and_a_larger_one_does_not(
    make_core: MakeCore, order: MakeOrder
) -> None:
    core = make_core("lit", max_order_qty=100)
    resting = order("buy", 100, 10_000, "GTC")
    assert answer(core, resting) is ExecType.NEW
    assert answer(core, order("buy", 101, 10_000)) is RejectReason.ORDER_EXCEEDS_LIMIT
    assert answer(core, replace(resting, 101, 10_000)) is CxlRejReason.ORDER_EXCEEDS_LIMIT


def test_band_is_around_the_mid_until_the_first_trade(
    make_core: MakeCore, order: MakeOrder
) -> None:
    core = make_core("lit", book=BOOK, price_band="0.05")
    beyond = RejectReason.PRICE_EXCEEDS_BAND
    assert answer(core, order("buy", 1, 10_006)) is beyond
    assert answer(core, order("sell", 1, 9_994)) is beyond
    assert answer(core, order("sell", 1, 20_000, "GTC")) is ExecType.NEW
    assert answer(core, order("buy", 1, 10_005)) is ExecType.NEW
    assert core.last_px == 10_002
    assert answer(core, order("buy", 1, 10_007)) is ExecType.NEW
    assert answer(core, order("buy", 1, 10_008)) is beyond
    assert answer(core, order("sell", 1, 9_996)) is beyond
    assert answer(core, order("sell_short", 1, 9_997)) is ExecType.NEW
    assert answer(core, order("buy", 1, None)) is ExecType.NEW


def test_band_of_a_one_sided_book_is_around_its_best_price_and_an_empty_one_has_none(
    make_core: MakeCore, order: MakeOrder
) -> None:
    core = make_core("dark", price_band="0.05")
    resting = order("sell", 5, 20_000, "GTC")
    assert answer(core, order("buy", 1, 30_000)) is ExecType.NEW
    assert answer(core, resting) is ExecType.NEW
    assert answer(core, order("buy", 1, 20_006)) is RejectReason.PRICE_EXCEEDS_BAND
    assert answer(core, replace(resting, 5, 19_994)) is CxlRejReason.PRICE_EXCEEDS_BAND
    assert answer(core, replace(resting, 5, 19_995)) is ExecType.REPLACED


def test_request_for_no_order_of_ones_own_is_told_so_whatever_limit_it_breaks(
    make_core: MakeCore, order: MakeOrder
) -> None:
    core = make_core("lit", max_order_qty=100)
    assert answer(core, replace(order("buy", 1, 1), 101, 1)) is CxlRejReason.UNKNOWN_ORDER


def test_refusals_have_numbers_of_their_own(make_core: MakeCore, order: MakeOrder) -> None:
    """F08: one exec_id with two contents would be a conflict."""
    core = make_core("lit", max_order_qty=1)
    reports = [core.handle(order("buy", qty, 10_000), TimeNs(0)) for qty in (2, 1, 2, 0)]
    ids = [r.exec_id for (*rs,) in reports for r in rs if isinstance(r, ExecutionReport)]
    assert len(set(ids)) == len(ids)


# ---------------------------------------------------------------- every reason there is


REASONS: dict[RejectReason, tuple[dict[str, Any], dict[str, Any], int]] = {
    RejectReason.EXCHANGE_CLOSED: ({"trading": {"open": "1s"}}, {}, 2),
    RejectReason.ORDER_EXCEEDS_LIMIT: ({"max_order_qty": 9}, {}, 3),
    RejectReason.TOO_LATE_TO_ENTER: ({"trading": {"last_entry": "0s", "close": "1s"}}, {}, 4),
    RejectReason.DUPLICATE_ORDER: ({}, {"cl_ord_id": "resting"}, 6),
    RejectReason.UNSUPPORTED_ORDER: (
        {},
        {"instructions": OrderInstructions(display_qty=QtyLots(1), hidden=True)},
        11,
    ),
    RejectReason.INCORRECT_QUANTITY: ({"lot_size": 100}, {}, 13),
    RejectReason.PRICE_EXCEEDS_BAND: ({"price_band": "0.01"}, {"price": 10_500}, 16),
    RejectReason.INVALID_PRICE_INCREMENT: ({"tick_size": "0.02"}, {"price": 10_001}, 18),
    RejectReason.POST_ONLY_WOULD_TRADE: (
        {},
        {"price": 10_500, "post_only": True, "tif": "GTC"},
        99,
    ),
    RejectReason.STOP_PRICE_REACHED: (
        {"matching": {"reference_price": "100.00", "stop_on_entry": "reject"}},
        {
            "price": None,
            "ord_type": OrdType.STOP,
            "instructions": OrderInstructions(stop_px=PriceTicks(10_000)),
        },
        99,
    ),
    RejectReason.NO_REFERENCE: (
        {"matching": {"peg_without_reference": "reject"}, "book": {"bids": [["99.98", 1]]}},
        {
            "price": None,
            "ord_type": OrdType.PEGGED,
            "tif": "GTC",
            "instructions": OrderInstructions(peg=Peg(PegReference.MID)),
        },
        99,
    ),
    RejectReason.SHORT_SALE_RESTRICTED: (
        {"short_sale": {"reference": "100.00", "fall": "0.01"}, "book": {"bids": [["98.90", 1]]}},
        {"side": "sell_short", "price": 9_890},
        99,
    ),
    RejectReason.THROTTLED: ({"throttle": {"messages": 1, "per": "1s"}}, {}, 99),
}


OF_DEALERS = (RejectReason.NO_REFERENCE, RejectReason.LAST_LOOK)
"""Reasons that dealers have; ``tests/venues/kinds/test_dealers.py`` meets them."""


OF_SESSIONS = (RejectReason.UNKNOWN_ORDER,)
"""What answers to questions have; ``tests/venues/test_gateway.py`` meets it."""

ELSEWHERE = OF_DEALERS + OF_SESSIONS


@pytest.mark.parametrize("reason", OF_DEALERS)
def test_dealers_own_reasons_are_others_in_fix(reason: RejectReason) -> None:
    assert FIX_ORD_REJ_REASON[reason] == 99


@pytest.mark.parametrize("reason", [r for r in RejectReason if r in REASONS or r not in ELSEWHERE])
def test_every_reason_for_a_reject_has_a_message_that_meets_it(
    make_core: MakeCore, order: MakeOrder, reason: RejectReason
) -> None:
    settings, more, fix_code = REASONS[reason]
    core = make_core("lit", **{"book": {"asks": [["100.02", 400]]}, **settings})
    first = order("buy", 100 if "lot_size" in settings else 1, 9_998, "GTC", cl_ord_id="resting")
    core.handle(first, TimeNs(0))
    more = {"side": "buy", "price": 9_998, **more}
    if "short_sale" in settings:
        core.handle(order("sell", 101, 9_800), TimeNs(0))  # it trades below 99.00
        core.handle(order("buy", 100, 9_890, "GTC"), TimeNs(0))
    msg = order(qty=10, **more)
    assert answer(core, msg) is reason
    assert FIX_ORD_REJ_REASON[reason] == fix_code


CXL_REASONS: dict[CxlRejReason, tuple[dict[str, Any], tuple[str, int, int, str], int]] = {
    CxlRejReason.TOO_LATE: ({}, ("done", 1, 9_998, "r"), 0),
    CxlRejReason.UNKNOWN_ORDER: ({}, ("never", 1, 9_998, "r"), 1),
    CxlRejReason.EXCHANGE_CLOSED: (
        {"trading": {"halts": [{"at": "1ns", "until": "1s"}]}},
        ("open", 1, 9_998, "r"),
        2,
    ),
    CxlRejReason.ALREADY_PENDING: ({"requests": {"decision": "1s"}}, ("open", 1, 9_998, "r"), 3),
    CxlRejReason.DUPLICATE_ID: ({}, ("open", 1, 9_998, "open"), 6),
    CxlRejReason.PRICE_EXCEEDS_BAND: ({"price_band": "0.01"}, ("open", 1, 10_500, "r"), 8),
    CxlRejReason.INVALID_PRICE_INCREMENT: ({}, ("open", 1, 0, "r"), 18),
    CxlRejReason.INCORRECT_QUANTITY: ({}, ("open", 0, 9_998, "r"), 99),
    CxlRejReason.ORDER_EXCEEDS_LIMIT: ({"max_order_qty": 9}, ("open", 10, 9_998, "r"), 99),
    CxlRejReason.POST_ONLY_WOULD_TRADE: ({}, ("open", 1, 10_500, "r"), 99),
    CxlRejReason.STOP_PRICE_REACHED: (
        {"matching": {"reference_price": "100.00", "stop_on_entry": "reject"}},
        ("stop", 1, 10_000, "r"),
        99,
    ),
    CxlRejReason.UNSUPPORTED_CHANGE: ({}, ("open", 1, 9_998, "r"), 99),
    CxlRejReason.SHORT_SALE_RESTRICTED: (
        {"short_sale": {"since": "0s"}},
        ("short", 1, 9_998, "r"),
        99,
    ),
    CxlRejReason.THROTTLED: (
        {"throttle": {"messages": 2, "per": "1s"}},
        ("open", 1, 9_998, "r"),
        99,
    ),
}


@pytest.mark.parametrize("reason", CxlRejReason)
def test_every_reason_for_a_refused_request_has_a_message_that_meets_it(
    make_core: MakeCore, order: MakeOrder, reason: CxlRejReason
) -> None:
    settings, (target, qty, price, name), fix_code = CXL_REASONS[reason]
    core = make_core("lit", book={"asks": [["100.02", 400]]}, **settings)
    core.handle(order("buy", 1, 9_998, "GTC", cl_ord_id="open", post_only=True), TimeNs(0))
    core.handle(order("buy", 1, 9_997, cl_ord_id="done"), TimeNs(0))
    for wake in getattr(core, "wakes", [])[:1]:
        core.handle(wake.msg, TimeNs(1))
    if target == "stop":
        waits = OrderInstructions(stop_px=PriceTicks(10_500))
        stop = order("buy", 1, 10_000, "GTC", cl_ord_id="stop", instructions=waits)
        core.handle(msgspec.structs.replace(stop, ord_type=OrdType.STOP_LIMIT), TimeNs(0))
    if target == "short":
        core.handle(order("sell_short", 1, 10_001, "GTC", cl_ord_id="short"), TimeNs(1))
    if "requests" in settings:
        core.handle(OrderCancelRequest("first", "open", "router"), TimeNs(1))
    msg = OrderCancelReplaceRequest(name, target, QtyLots(qty), PriceTicks(price), "router")
    if target == "stop" or reason is CxlRejReason.UNSUPPORTED_CHANGE:
        msg = msgspec.structs.replace(msg, stop_px=PriceTicks(10_000))
    assert answer(core, msg) is reason
    assert FIX_CXL_REJ_REASON[reason] == fix_code


@pytest.mark.parametrize(
    ("settings", "qty", "price", "reason"),
    [
        ({"lot_size": 100}, 150, 10_002, RejectReason.INCORRECT_QUANTITY),
        ({"lot_size": 100}, 99, 10_002, RejectReason.INCORRECT_QUANTITY),
        ({"tick_size": "0.05"}, 100, 10_002, RejectReason.INVALID_PRICE_INCREMENT),
        ({}, 0, 10_002, RejectReason.INCORRECT_QUANTITY),
        ({}, -1, 10_002, RejectReason.INCORRECT_QUANTITY),
    ],
)
@pytest.mark.parametrize("kind", ["lit", "dark", "maker"])
def test_D07_odd_lots_and_prices_off_the_tick_are_refused_not_rounded(
    make_core: MakeCore,
    order: MakeOrder,
    kind: str,
    settings: dict[str, Any],
    qty: int,
    price: int,
    reason: RejectReason,
) -> None:
    quote = {"quote": {"ask": ["100.05", 500]}}
    core = make_core(kind, **settings, **(quote if kind == "maker" else {}))
    before = core.venue_seq
    assert answer(core, order("buy", qty, price)) is reason
    assert core.venue_seq == before
