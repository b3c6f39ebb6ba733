"""D04 to D07 at the venue: an order with a size or price that cannot be is refused with its reason.

Each kind of venue, built from a scenario as a run builds it, gets every such order. A refusal is a
message; it changes nothing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.kernel.streams import Streams
from sim.protocol.enums import ExecType, OrdType, RejectReason, Side, TimeInForce
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import ExecutionReport, NewOrderSingle
from sim.protocol.units import PriceTicks, QtyLots, TimeNs, Units
from sim.scenario.load import LoadedScenario
from venues.core.api import VenueCore
from venues.kinds import VENUE_KINDS

Data = dict[str, Any]
Make = Callable[..., Data]

BOOK = {"asks": [["100.05", 50]], "bids": [["99.95", 50]]}
OWN: dict[str, Data] = {
    "lit": {"book": BOOK},
    "dark": {"book": BOOK},
    "maker": {"quote": {"bid": ["99.95", 50], "ask": ["100.05", 50]}},
    "replayed": {"file": "a.l2.csv"},
    "auction": {"book": BOOK, "every": "1ms"},
    "rfq": {"spread": {"half": "0.05"}, "sizes": [50]},
    "wholesaler": {},
    "broker": {"spread": {"half": "0.05"}, "delay": "0s"},
}
DEALERS = frozenset({"rfq", "wholesaler", "broker"})
"""They fill an order whole or not at all."""
ROWS = "t_ns,event,side,price,qty\n0,level,ask,100.05,50\n0,level,bid,99.95,50\n"
KINDS = [kind.model_fields["kind"].annotation.__args__[0] for kind in VENUE_KINDS]  # type: ignore[union-attr]


@pytest.fixture(params=KINDS)
def core(
    request: pytest.FixtureRequest,
    market: Make,
    lit: Make,
    load_data: Callable[..., LoadedScenario],
    tmp_path: Path,
) -> VenueCore:
    """A venue that trades in steps of 0.05 and lots of 5; the instrument's are 0.01 and 1."""
    (tmp_path / "a.l2.csv").write_text(ROWS, encoding="utf-8")
    venue = {**lit("A"), "kind": request.param, "tick_size": "0.05", "lot_size": 5}
    del venue["book"]
    venue |= OWN[request.param]
    links: list[Data] = []
    if request.param in DEALERS:
        leg = {"model": "fixed", "delay": "1ms"}
        links = [{"from": "B", "to": "A", "latency": leg}]
    loaded = load_data(market([venue, lit("B")], links=links), beside=tmp_path)
    instrument = loaded.scenario.instrument
    units = Units(instrument.tick_size, instrument.lot_size)
    chance = Streams(1).keyed("venue", "A")
    made: VenueCore = loaded.scenario.venues[0].build(units, loaded.resolve, chance)
    if links:
        made.handle(BookSnapshot("B", 1, TimeNs(0), ((9_995, 5),), ((10_005, 5),)), TimeNs(0))
    return made


def order(qty: int, price: int | None, ord_type: OrdType = OrdType.LIMIT) -> NewOrderSingle:
    return NewOrderSingle(
        cl_ord_id="C1",
        side=Side.BUY,
        order_qty=QtyLots(qty),
        price=None if price is None else PriceTicks(price),
        ord_type=ord_type,
        time_in_force=TimeInForce.IOC,
        account="us",
    )


def state(core: VenueCore) -> tuple[object, ...]:
    """What is shown, what is there for a buyer, and what was traded."""
    return core.published(10), core.reachable_by(order(5, 10_005), 10), core.volume, core.venue_seq


QTY, PRICE = RejectReason.INCORRECT_QUANTITY, RejectReason.INVALID_PRICE_INCREMENT


@pytest.mark.parametrize(
    ("msg", "reason"),
    [
        # Zero and negative (D04).
        (order(0, 10_005), QTY),
        (order(-5, 10_005), QTY),
        (order(5, 0), PRICE),
        (order(5, -10_005), PRICE),
        # Huge (D06).
        (order(2**63 * 5, 10_005), QTY),
        (order(10**30, 10_005), QTY),
        (order(5, 2**63 * 5), PRICE),
        (order(5, 10**30), PRICE),
        # Off tick, off lot, odd lot (D07).
        (order(1, 10_005), QTY),
        (order(7, 10_005), QTY),
        (order(5, 10_006), PRICE),
        (order(5, 1), PRICE),
        # neither a price where one is needed nor none where it is not
        (order(5, None), PRICE),
        (order(5, 10_005, OrdType.MARKET), PRICE),
    ],
    ids=lambda value: (
        f"{value.order_qty} at {value.price}"
        if isinstance(value, NewOrderSingle)
        else value.name.lower()
    ),
)
def test_D04_D06_D07_an_order_that_cannot_be_is_refused_and_changes_nothing(
    core: VenueCore, msg: NewOrderSingle, reason: RejectReason
) -> None:
    before = state(core)
    (report,) = core.handle(msg, TimeNs(0))
    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.reject_reason) == (ExecType.REJECTED, reason)
    assert (report.cum_qty, report.leaves_qty, report.last_qty) == (0, 0, 0)
    assert state(core) == before
    core.check()


@pytest.mark.parametrize(
    "core", [kind for kind in KINDS if kind not in DEALERS | {"auction"}], indirect=True
)
def test_D06_a_quantity_beyond_the_exact_floats_is_counted_to_the_lot(core: VenueCore) -> None:
    asked = 2**53 + 3
    assert asked % 5 == 0
    assert int(float(asked)) != asked
    reports = core.handle(order(asked, 10_005), TimeNs(0))
    last = reports[-1]
    assert isinstance(last, ExecutionReport)
    assert last.order_qty == asked
    filled = sum(r.last_qty for r in reports if isinstance(r, ExecutionReport) and not r.is_maker)
    assert (filled, last.cum_qty, last.leaves_qty) == (50, 50, 0)
    core.check()


@pytest.mark.parametrize("core", ["wholesaler", "broker"], indirect=True)
def test_D06_a_dealer_counts_a_quantity_beyond_the_exact_floats_to_the_lot(core: VenueCore) -> None:
    asked = 2**53 + 3
    _, fill, own = core.handle(order(asked, 10_005), TimeNs(0))
    assert isinstance(fill, ExecutionReport)
    assert isinstance(own, ExecutionReport)
    assert (fill.last_qty, fill.cum_qty, own.last_qty, core.volume) == (asked,) * 4
    core.check()


def test_what_can_be_is_taken(core: VenueCore) -> None:
    first, *_ = core.handle(order(10, 10_005), TimeNs(0))
    assert isinstance(first, ExecutionReport)
    assert first.exec_type is ExecType.NEW
    core.check()
