"""Laws of our own impact, and the replayed book that they displace."""

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from sim.audit.records import VenueEvent
from sim.protocol.enums import Side, TimeInForce
from sim.protocol.market_data import LevelChange, RecordedGroup, RecordedRows, RowEvent
from sim.protocol.orders import ExecutionReport, NewOrderSingle
from sim.protocol.units import MAX_TICKS, PriceTicks, QtyLots, TimeNs, Units
from venues.core.impact import ImpactCore, ObizhaevaWang, Propagator, SquareRoot, kernel
from venues.core.recorded_book import RecordedBook
from venues.core.recorded_orders import RecordedOrderBook
from venues.impact import ObizhaevaWangImpact, PropagatorImpact, SquareRootImpact

SECOND = 1_000_000_000
BUY, SELL = Side.BUY, Side.SELL
MakeOrder = Callable[..., NewOrderSingle]


def test_obizhaeva_wang_recovers_exponentially_to_what_stays() -> None:
    """I(t) = permanent * Q + transient * sum of x * exp(-rho (t - s)), exactly."""
    law = ObizhaevaWang(0.25, 2.0, 0.5)
    law.trade(0, 100)
    law.trade(2 * SECOND, -40)
    at = 5 * SECOND
    expected = 0.25 * 60 + 2.0 * (100 * math.exp(-2.5) - 40 * math.exp(-1.5))
    assert law.ticks(at) == pytest.approx(expected, rel=1e-12)
    assert law.ticks(10_000 * SECOND) == pytest.approx(15.0, rel=1e-12)


def test_square_root_is_of_the_net_quantity_and_fades() -> None:
    law = SquareRoot(3.0)
    law.trade(0, 400)
    assert law.ticks(9 * SECOND) == 60.0
    law.trade(SECOND, -800)
    assert law.ticks(SECOND) == -60.0
    fading = SquareRoot(3.0, relaxation_ns=SECOND)
    fading.trade(0, 400)
    assert fading.ticks(SECOND) == pytest.approx(60.0 * math.exp(-0.5), rel=1e-12)


def test_propagator_sums_its_kernel_and_merges_trades_of_one_instant() -> None:
    law = Propagator(2.0, 0.25, SECOND)
    law.trade(0, 10)
    law.trade(0, 5)
    law.trade(SECOND, -4)
    assert law.ticks(2 * SECOND) == pytest.approx(2 * (15 * 0.65625 - 4 * 0.75), rel=1e-12)


def test_kernel_is_one_at_once_and_joins_its_power_law_without_a_step() -> None:
    assert kernel(0.0, 0.3) == pytest.approx(1.0, rel=1e-15)
    assert kernel(1e6, 0.3) == pytest.approx(kernel(1e6 * (1 + 1e-9), 0.3), rel=1e-6)


def test_laws_of_a_scenario_are_in_ticks_and_lots() -> None:
    units = Units(Decimal("0.01"), Decimal(10))
    root = SquareRootImpact(
        model="square_root",
        coefficient=Decimal("0.5"),
        volatility=Decimal(2),
        volume=Decimal(1_000_000),
    ).build(units)
    root.trade(0, 1_000)  # 10,000 of 1,000,000: 0.5 * 2 * 0.1 = 0.10
    assert root.ticks(0) == pytest.approx(10.0, rel=1e-12)
    wang = ObizhaevaWangImpact(
        model="obizhaeva_wang",
        permanent=Decimal("0.0001"),
        transient=Decimal("0.0002"),
        resilience=Decimal(1),
    ).build(units)
    wang.trade(0, 100)
    assert wang.ticks(0) == pytest.approx(30.0, rel=1e-12)
    propagator = PropagatorImpact(
        model="propagator", scale=Decimal("0.0001"), exponent=Decimal("0.25")
    ).build(units)
    propagator.trade(0, 100)
    assert propagator.ticks(SECOND) == pytest.approx(7.5, rel=1e-12)


# ------------------------------------------------------------ the displaced book


def ioc(name: str, side: Side, lots: int, price: int) -> NewOrderSingle:
    return NewOrderSingle(
        name, side, QtyLots(lots), PriceTicks(price), time_in_force=TimeInForce.IOC
    )


def level(side: Side, price: int, lots: int) -> LevelChange:
    return LevelChange(side, PriceTicks(price), QtyLots(lots))


def levels() -> ImpactCore:
    book = RecordedBook()
    opening = (level(BUY, 99, 20), level(BUY, 98, 20), level(SELL, 101, 20), level(SELL, 102, 30))
    book.handle(RecordedGroup(TimeNs(0), opening), TimeNs(0))
    law = ObizhaevaWang(0.0, 0.2, 1.0)
    return ImpactCore(book, "obizhaeva_wang", law, tick=1, step_ns=SECOND // 10)


def orders() -> ImpactCore:
    book = RecordedOrderBook()
    add = int(RowEvent.ADD)
    rows = ((add, 1, 99, 20, 1), (add, 1, 98, 20, 2), (add, -1, 101, 20, 3), (add, -1, 102, 30, 4))
    book.handle(RecordedRows(TimeNs(0), rows), TimeNs(0))
    law = ObizhaevaWang(0.0, 0.2, 1.0)
    return ImpactCore(book, "obizhaeva_wang", law, tick=1, step_ns=SECOND // 10)


MARKETS = pytest.mark.parametrize("make", [levels, orders])


def tick(core: ImpactCore, t_ns: int) -> list[Any]:
    """Something recorded that changes nothing: time passes."""
    if isinstance(core.book, RecordedBook):
        return core.handle(RecordedGroup(TimeNs(t_ns), ()), TimeNs(t_ns))
    return core.handle(RecordedRows(TimeNs(t_ns), ()), TimeNs(t_ns))


@MARKETS
def test_what_follows_our_trade_is_shifted_and_comes_back(make: Callable[[], ImpactCore]) -> None:
    core = make()
    core.handle(ioc("o", BUY, 10, 101), TimeNs(SECOND))
    assert core.published(5) == (((101, 20), (100, 20)), ((103, 10), (104, 30)))
    tick(core, SECOND + SECOND // 20)
    assert core.published(1)[1] == ((103, 10),), "before the step is over nothing is reckoned"
    tick(core, 2 * SECOND)  # 2 * exp(-1) = 0.74
    assert core.published(5) == (((100, 20), (99, 20)), ((102, 10), (103, 30)))
    tick(core, 4 * SECOND)
    assert core.published(5) == (((99, 20), (98, 20)), ((101, 10), (102, 30)))
    core.check()
    assert [note.detail for note in core.notes if hasattr(note, "detail")] == [
        "obizhaeva_wang: +2 ticks, net +10 lots",
        "obizhaeva_wang: +1 ticks, net +10 lots",
        "obizhaeva_wang: +0 ticks, net +10 lots",
    ]


@pytest.mark.parametrize(("side", "price"), [(BUY, 101), (SELL, 99)])
def test_displacement_beyond_every_price_stays_a_price(side: Side, price: int) -> None:
    book = levels().book
    assert isinstance(book, RecordedBook)
    law = ObizhaevaWang(1e300, 1e300, 1.0)
    core = ImpactCore(book, "obizhaeva_wang", law, tick=1, step_ns=SECOND // 10)
    core.handle(ioc("o", side, 10, price), TimeNs(SECOND))
    shown = [px for side in core.published(5) for px, _ in side]
    assert all(0 < px <= 2 * MAX_TICKS for px in shown)
    core.check()


@MARKETS
def test_what_we_took_stays_taken_where_it_is_shown_now(make: Callable[[], ImpactCore]) -> None:
    core = make()
    core.handle(ioc("o", BUY, 10, 101), TimeNs(SECOND))
    core.handle(ioc("p", BUY, 99, 103), TimeNs(SECOND))
    core.check()
    assert core.volume == 20
    tick(core, 20 * SECOND)
    assert core.published(5)[1] == ((102, 30),)


@MARKETS
def test_ours_stays_where_it_rests_and_is_met_by_what_moves_onto_it(
    make: Callable[[], ImpactCore],
) -> None:
    """Selling moves the market down: the offers come down onto our own resting bid."""
    core = make()
    rest = NewOrderSingle("rest", BUY, QtyLots(7), PriceTicks(100))
    core.handle(rest, TimeNs(SECOND))
    reports = core.handle(ioc("o", SELL, 27, 99), TimeNs(SECOND))
    core.check()
    fills = [
        (r.cl_ord_id, r.last_px, r.last_qty)
        for r in reports
        if isinstance(r, ExecutionReport) and r.last_px is not None
    ]
    assert fills[:2] == [("o", 100, 7), ("rest", 100, 7)]
    assert core.published(5)[1][0][0] < 101


@MARKETS
def test_recorded_prices_that_come_later_are_displaced_too(make: Callable[[], ImpactCore]) -> None:
    core = make()
    core.handle(ioc("o", BUY, 10, 101), TimeNs(SECOND))
    now = TimeNs(SECOND + 1)
    if isinstance(core.book, RecordedBook):
        core.handle(RecordedGroup(now, (level(BUY, 100, 5),)), now)
    else:
        core.handle(RecordedRows(now, ((int(RowEvent.ADD), 1, 100, 5, 9),)), now)
    assert core.published(1)[0] == ((102, 5),)


@MARKETS
def test_fill_by_what_comes_back_is_printed_with_the_message_that_found_it(
    make: Callable[[], ImpactCore],
) -> None:
    """Our buy moved the offers up; as they come back, they meet our bid before the next row."""
    core = make()
    core.handle(ioc("o", BUY, 10, 101), TimeNs(SECOND))
    core.handle(NewOrderSingle("rest", BUY, QtyLots(7), PriceTicks(102)), TimeNs(SECOND))
    core.handle(ioc("p", BUY, 99, 98), TimeNs(SECOND + 1))
    assert core.trades == []
    volume = core.volume
    reports = tick(core, 20 * SECOND)
    assert [(r.cl_ord_id, r.last_qty) for r in reports] == [("rest", 7)]
    assert [(trade.price, trade.qty) for trade in core.trades] == [(102, 7)]
    assert core.volume == volume + 7
    tick(core, 20 * SECOND + 1)
    assert list(core.trades) == []


@MARKETS
def test_without_a_trade_of_ours_nothing_moves(make: Callable[[], ImpactCore]) -> None:
    core = make()
    tick(core, 5 * SECOND)
    assert core.published(1) == (((99, 20),), ((101, 20),))
    assert core.notes == []


async def test_each_change_of_the_displacement_is_in_the_log(
    order: MakeOrder, serve: Callable[..., Any]
) -> None:
    core = levels()
    heard = await serve(
        core,
        [
            (1, order("buy", 10, 101)),
            (SECOND, RecordedGroup(TimeNs(SECOND), (level(BUY, 98, 21),))),
        ],
    )
    told = [(r.t_ns, r.event, r.detail) for r in heard.records if isinstance(r, VenueEvent)]
    assert told == [
        (1, "own_impact", "obizhaeva_wang: +2 ticks, net +10 lots"),
        (SECOND, "own_impact", "obizhaeva_wang: +1 ticks, net +10 lots"),
    ]
