"""Kind dark: hidden levels, indications true and untrue, and what orders find out."""

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.protocol.enums import ExecType, OrdStatus, OrdType, RejectReason, Side, TimeInForce
from sim.protocol.market_data import Levels
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.api import VenueCore
from venues.core.dark import DarkCore

MakeCore = Callable[..., VenueCore]
MakeOrder = Callable[..., NewOrderSingle]

DARK_B = {"asks": [["99.99", 15_000], ["100.00", 10_000]]}
SHORT = {"model": "scripted", "at": [["99.99", 10_000]]}
NOW = TimeNs(0)
NOTHING = ((), ())


def reach(core: VenueCore, side: Side, limit: int | None, depth: int) -> Levels:
    """What an order with this limit could take."""
    price = None if limit is None else PriceTicks(limit)
    return core.reachable_by(NewOrderSingle("probe", side, QtyLots(1), price), depth)


@pytest.fixture
def dark_b(make_core: MakeCore) -> VenueCore:
    """The customer's example: 15,000 are indicated at 99.99, 10,000 are there."""
    return make_core("dark", book=DARK_B, indications=True, fill=SHORT)


def send(core: VenueCore, order: NewOrderSingle) -> list[ExecutionReport]:
    """The reports to the order's own account."""
    reports = core.handle(order, NOW)
    core.check()
    return [
        report
        for report in reports
        if isinstance(report, ExecutionReport) and report.account == order.account
    ]


def fills(core: VenueCore, order: NewOrderSingle) -> list[tuple[int, int]]:
    return [(r.last_px, r.last_qty) for r in send(core, order) if r.last_px is not None]


def asks(core: VenueCore) -> tuple[tuple[int, int], ...]:
    return core.published(10)[1]


def test_shows_nothing_without_indications(make_core: MakeCore, order: MakeOrder) -> None:
    core = make_core("dark", book=DARK_B)
    assert core.published(10) == NOTHING
    assert reach(core, Side.BUY, 9_999, 10) == ((9_999, 15_000),)
    assert fills(core, order("buy", 15_000, 9_999)) == [(9_999, 15_000)]
    assert core.published(10) == NOTHING
    assert (core.last_px, core.volume) == (9_999, 15_000)


def test_indications_are_true_by_default(make_core: MakeCore, order: MakeOrder) -> None:
    core = make_core("dark", book=DARK_B, indications=True)
    assert asks(core) == ((9_999, 15_000), (10_000, 10_000))
    assert fills(core, order("buy", 15_000, 9_999)) == [(9_999, 15_000)]
    assert asks(core) == ((10_000, 10_000),)


def test_orders_rest_hidden_and_can_be_hit(make_core: MakeCore, order: MakeOrder) -> None:
    core = make_core("dark", book=DARK_B)
    resting = order("buy", 500, 9_990, "DAY", account="other")
    assert send(core, resting)[0].ord_status is OrdStatus.NEW
    assert core.published(10) == NOTHING
    assert fills(core, order("sell", 200, 9_990)) == [(9_990, 200)]
    core.handle(OrderCancelRequest("c", resting.cl_ord_id, "other"), NOW)
    assert fills(core, order("sell", 200, 9_990)) == []


def test_factor_stretches_and_shrinks_indications(make_core: MakeCore) -> None:
    book = {"asks": [["100.00", 3], ["100.01", 1], ["100.02", 10]], "bids": [["99.99", 7]]}
    shrunk = make_core("dark", book=book, indications=True, indication_factor="0.5")
    assert shrunk.published(10) == (((9_999, 3),), ((10_000, 1), (10_002, 5)))
    stretched = make_core("dark", book=book, indications=True, indication_factor="1.5")
    assert stretched.published(10) == (((9_999, 10),), ((10_000, 4), (10_001, 1), (10_002, 15)))
    assert reach(stretched, Side.BUY, 10_000, 10) == ((10_000, 3),)


def test_indications_come_in_whole_lots_of_the_venue(make_core: MakeCore) -> None:
    core = make_core(
        "dark",
        book={"asks": [["100.00", 300], ["100.01", 100]]},
        lot_size=100,
        indications=True,
        indication_factor="0.9",
    )
    assert asks(core) == ((10_000, 200),)


def test_unchanged_indications_are_the_same_object(make_core: MakeCore, order: MakeOrder) -> None:
    core = make_core("dark", book=DARK_B, indications=True, indication_factor="0.001")
    shown = asks(core)
    assert asks(core) is shown
    assert fills(core, order("buy", 100, 9_999)) == [(9_999, 100)]
    assert asks(core) == ((9_999, 14), (10_000, 10))
    shown = asks(core)
    assert fills(core, order("buy", 100, 9_999)) == [(9_999, 100)]
    assert fills(core, order("buy", 1, 9_999)) == [(9_999, 1)]
    assert asks(core) == ((9_999, 14), (10_000, 10))
    assert asks(core) is shown


# ---------------------------------------------------------------- scripted short fills


def test_customers_dark_b_fills_ten_thousand_of_fifteen(
    dark_b: VenueCore, order: MakeOrder
) -> None:
    assert asks(dark_b) == ((9_999, 15_000), (10_000, 10_000))
    reports = send(dark_b, order("buy", 15_000, 9_999))
    assert [(r.exec_type, r.cum_qty, r.leaves_qty) for r in reports] == [
        (ExecType.NEW, 0, 15_000),
        (ExecType.TRADE, 10_000, 5_000),
        (ExecType.CANCELED, 10_000, 0),
    ]
    assert asks(dark_b) == ((10_000, 10_000),)
    assert fills(dark_b, order("buy", 5_000, 10_000)) == [(10_000, 5_000)]


def test_customers_dark_b_fills_both_levels_for_one_deep_child(
    dark_b: VenueCore, order: MakeOrder
) -> None:
    assert fills(dark_b, order("buy", 25_000, 10_000)) == [(9_999, 10_000), (10_000, 10_000)]
    assert asks(dark_b) == ()


def test_reachable_tells_the_truth_before_anyone_found_out(dark_b: VenueCore) -> None:
    assert reach(dark_b, Side.BUY, None, 10) == ((9_999, 10_000), (10_000, 10_000))


def test_small_order_finds_out_too(dark_b: VenueCore, order: MakeOrder) -> None:
    assert fills(dark_b, order("buy", 4_000, 9_999)) == [(9_999, 4_000)]
    assert asks(dark_b) == ((9_999, 6_000), (10_000, 10_000))


def test_order_that_does_not_come_to_the_price_finds_nothing_out(
    make_core: MakeCore, order: MakeOrder
) -> None:
    fill = {"model": "scripted", "at": [["100.00", 2_000]]}
    core = make_core("dark", book=DARK_B, indications=True, fill=fill)
    assert fills(core, order("buy", 15_000, 10_000)) == [(9_999, 15_000)]
    assert fills(core, order("buy", 1, 9_999)) == []
    assert asks(core) == ((10_000, 10_000),)
    assert fills(core, order("buy", 3_000, None)) == [(10_000, 2_000)]
    assert asks(core) == ()


def test_refused_order_finds_nothing_out(dark_b: VenueCore, order: MakeOrder) -> None:
    (report,) = send(dark_b, order("buy", 0, 9_999))
    assert report.reject_reason is RejectReason.INCORRECT_QUANTITY
    assert asks(dark_b)[0] == (9_999, 15_000)


@pytest.mark.parametrize(("tif", "there"), [("IOC", 0), ("FOK", 10_000), ("DAY", 0)])
def test_finding_out_without_a_trade_is_a_new_state(
    make_core: MakeCore, order: MakeOrder, tif: str, there: int
) -> None:
    """Else the owner would believe that the quote it has already shows what it was just told."""
    fill = {"model": "scripted", "at": [["99.99", there]]}
    core = make_core("dark", book=DARK_B, indications=True, fill=fill)
    before = core.venue_seq
    assert asks(core)[0] == (9_999, 15_000)
    reports = send(core, order("buy", 15_000, 9_999, tif))
    assert core.venue_seq == before + 1
    assert {r.venue_seq for r in reports} == {core.venue_seq}
    assert asks(core)[0] == ((9_999, there) if there else (10_000, 10_000))


def test_replace_that_crosses_finds_out(dark_b: VenueCore, order: MakeOrder) -> None:
    resting = order("buy", 15_000, 9_990, "DAY")
    send(dark_b, resting)
    assert asks(dark_b)[0] == (9_999, 15_000)
    reports = dark_b.handle(
        OrderCancelReplaceRequest(
            "r", resting.cl_ord_id, QtyLots(15_000), PriceTicks(9_999), "router"
        ),
        NOW,
    )
    dark_b.check()
    ours = [r for r in reports if isinstance(r, ExecutionReport) and r.account == "router"]
    assert [(r.exec_type, r.cum_qty) for r in ours] == [
        (ExecType.REPLACED, 0),
        (ExecType.TRADE, 10_000),
    ]
    assert dark_b.published(10) == (((9_999, 5_000),), ((10_000, 10_000),))


def test_scripts_on_the_bid_side_work_alike(make_core: MakeCore, order: MakeOrder) -> None:
    fill = {"model": "scripted", "at": [["99.98", 1]]}
    book = {"bids": [["99.99", 5], ["99.98", 5]]}
    core = make_core("dark", book=book, indications=True, fill=fill)
    assert core.published(10)[0] == ((9_999, 5), (9_998, 5))
    assert fills(core, order("sell_short", 10, 9_998)) == [(9_999, 5), (9_998, 1)]
    assert core.published(10)[0] == ()


def test_indicated_depth_is_bounded(make_core: MakeCore) -> None:
    book = {"asks": [[f"100.{n:02}", 10] for n in range(20)]}
    fill = {"model": "scripted", "at": [["100.03", 0]]}
    core = make_core("dark", book=book, indications=True, fill=fill)
    assert core.published(5)[1] == tuple((10_000 + n, 10) for n in range(5))
    assert core.published(7)[1] == tuple((10_000 + n, 10) for n in range(7))
    assert reach(core, Side.BUY, None, 5)[3] == (10_004, 10)


def test_more_depth_shows_more_of_what_is_only_indicated(make_core: MakeCore) -> None:
    book = {"asks": [[f"100.{n:02}", 10] for n in range(7)]}
    fill = {"model": "scripted", "at": [[f"100.{n:02}", 0] for n in (1, 2, 3)]}
    core = make_core("dark", book=book, indications=True, fill=fill)
    assert core.published(5)[1] == tuple((10_000 + n, 10) for n in range(5))
    assert core.published(7)[1] == tuple((10_000 + n, 10) for n in range(7))


prices = st.integers(1, 6).map(PriceTicks)
lots = st.integers(1, 9).map(QtyLots)


@settings(max_examples=40)
@given(
    st.dictionaries(prices, st.tuples(lots, st.integers(0, 9)), min_size=1),
    st.lists(st.tuples(prices, lots, st.sampled_from(TimeInForce)), max_size=12),
)
def test_nobody_gets_more_than_is_there_and_what_was_found_out_stays_known(
    levels: dict[PriceTicks, tuple[QtyLots, int]],
    takers: list[tuple[PriceTicks, QtyLots, TimeInForce]],
) -> None:
    core = DarkCore(indication=None)
    told = DarkCore(indication=Fraction(1))
    for price, (true, absent) in levels.items():
        for book in (core, told):
            book.seed(Side.SELL, price, true)
            if absent:
                book.pretend(Side.SELL, price, absent)
    found_out: set[int] = set()
    for n, (price, qty, tif) in enumerate(takers):
        order = NewOrderSingle(f"o{n}", Side.BUY, qty, price, OrdType.LIMIT, tif, "us")
        assert fills(core, order) == fills(told, order)
        assert core.published(9) == NOTHING
        assert reach(core, Side.BUY, None, 9) == reach(told, Side.BUY, None, 9)
        true_levels = dict(reach(told, Side.BUY, None, 9))
        for shown_price, shown_qty in told.published(9)[1]:
            extra = shown_qty - true_levels.get(shown_price, 0)
            assert extra in {0, levels[PriceTicks(shown_price)][1]}
            assert not (extra and shown_price in found_out)
            if not extra:
                found_out.add(shown_price)
        left = qty - sum(got for _, got in fills_of(told))
        found_out |= {at for at in levels if left and at <= price} | {
            at for at, _ in fills_of(told)
        }


def fills_of(core: DarkCore) -> list[tuple[int, int]]:
    return [(trade.price, trade.qty) for trade in core.trades]
