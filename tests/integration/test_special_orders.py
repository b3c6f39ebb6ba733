"""Others' special orders at a lit venue, through a whole run: what shows, and what is met."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import BookAtArrival, Fill, Quote, TradePrint, VenueEvent
from sim.protocol.enums import Side

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Make = Callable[..., Data]
Run = Callable[..., "Ran"]


@pytest.fixture
def run_with(market: Make, lit: Make, run_data: Run) -> Callable[..., "Ran"]:
    """``run_with(orders, qty=..., **venue)``: buy at 100.00 from 50 ms on, where these rest."""

    def run(orders: list[Data], *, qty: int, **venue: Any) -> "Ran":
        flow = [{"kind": "scripted", "orders": orders}]
        data = market(
            [{**lit("A"), "flow": flow, **venue}],
            qty=qty,
            at="50ms",
            limit="100.00",
            deadline="2s",
        )
        return run_data(data)

    return run


def sell(name: str, qty: int, price: str, at: str = "1ms", **more: Any) -> Data:
    return {"at": at, "id": name, "side": "sell", "qty": qty, "price": price, **more}


def test_an_iceberg_shows_its_peak_and_an_arrival_is_told_all(run_with: Run) -> None:
    ran = run_with(
        [sell("ice", 100, "100.00", display=20), sell("dim", 5, "99.99", hidden=True)], qty=60
    )
    shown = {(quote.ask_px, quote.ask_qty) for quote in ran.of(Quote)}
    assert shown == {(10_000, 20), (10_000, 5)}  # at the end five of a slice are left
    first = ran.of(BookAtArrival)[0]
    assert first.levels == ((9_999, 5), (10_000, 100))
    assert [(fill.last_px, fill.last_qty) for fill in ran.of(Fill)][:2] == [
        (9_999, 5),
        (10_000, 15),
    ]
    assert ran.parent["filled_qty"] == 60
    assert ran.parent["children"] >= 3  # it knew of twenty at a time


def test_hidden_liquidity_alone_is_no_quote(run_with: Run) -> None:
    ran = run_with([sell("dim", 50, "99.99", hidden=True)], qty=10)
    assert ran.of(Quote) == []
    assert ran.parent["filled_qty"] == 0


def test_our_trade_elects_the_stop_of_another(run_with: Run) -> None:
    ran = run_with(
        [
            sell("s1", 10, "100.00"),
            sell("s2", 7, "100.01"),
            {
                "at": "1ms",
                "id": "stop",
                "side": "buy",
                "qty": 7,
                "type": "stop",
                "stop_price": "100.00",
            },
        ],
        qty=10,
    )
    prints = [(trade.price, trade.qty, trade.aggressor) for trade in ran.of(TradePrint)]
    assert prints == [(10_000, 10, Side.BUY), (10_001, 7, Side.BUY)]
    assert len({trade.venue_seq for trade in ran.of(TradePrint)}) == 1


def test_a_peg_waits_for_the_end_of_a_halt(run_with: Run) -> None:
    halts = {"halts": [{"at": "10ms", "until": "20ms"}]}
    ran = run_with(
        [
            sell("s1", 10, "100.02"),
            sell("s2", 10, "100.05"),
            {
                "at": "2ms",
                "id": "peg",
                "side": "sell",
                "qty": 4,
                "type": "pegged",
                "peg": {"reference": "primary"},
            },
            {"at": "15ms", "cancel": "s1"},
        ],
        qty=1,
        trading=halts,
    )
    assert [event.event for event in ran.of(VenueEvent)] == ["halted", "resumed"]
    shown = [(quote.t_ns, quote.ask_px, quote.ask_qty) for quote in ran.of(Quote)]
    assert shown[-3:] == [
        (2_000_000, 10_002, 14),
        (10_000_000, None, 0),
        (20_000_000, 10_005, 14),
    ]


def test_the_settings_of_the_venue_reach_its_book(run_with: Run) -> None:
    """A resting market order trades at the reference price, since nothing else prices it."""
    orders = [{"at": "1ms", "id": "m", "side": "sell", "qty": 10, "tif": "GTC"}]
    buys = {"at": "2ms", "id": "b", "side": "buy", "qty": 4}
    settings = {"matching": {"market_remainder": "rest", "reference_price": "99.95"}}
    ran = run_with([*orders, buys], qty=1, **settings)
    assert [(trade.price, trade.qty) for trade in ran.of(TradePrint)] == [(9_995, 4)]
    assert run_with([*orders, buys], qty=1).of(TradePrint) == []
