"""A maker that quotes anew: when, how much, and where."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.audit.records import Quote
from sim.protocol.enums import Side, TimeInForce, TradingState
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import NewOrderSingle
from sim.protocol.units import PriceTicks, QtyLots, TimeNs, Units
from venues.core.api import VenueCore
from venues.core.lit import MakerCore
from venues.core.refresh import RefreshingMaker

MakeConfig = Callable[..., Any]
MakeCore = Callable[..., VenueCore]
MakeOrder = Callable[..., NewOrderSingle]
Serve = Callable[..., Any]

SIDES = (Side.BUY, Side.SELL)
QUOTE = {"bid": ["99.98", 200], "ask": ["100.02", 400], "more_asks": [["100.03", 100]]}


def books(heard: Any) -> list[tuple[Any, ...]]:
    return [(s.published_ns, s.bids, s.asks) for s in heard.feed if isinstance(s, BookSnapshot)]


async def test_full_size_comes_back_after_the_delay_of_the_first_take(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("maker", quote=QUOTE, refresh={"delay": "10ns"})
    heard = await serve(core, [(1, order("buy", 300, 10_002)), (9, order("buy", 150, 10_003))])
    assert books(heard) == [
        (1, ((9_998, 200),), ((10_002, 100), (10_003, 100))),
        (9, ((9_998, 200),), ((10_003, 50),)),
        (11, ((9_998, 200),), ((10_002, 400), (10_003, 100))),
    ]
    assert [r.t_ns for r in heard.records if isinstance(r, Quote)] == [0, 1, 9, 11]


async def test_quote_that_nobody_takes_from_is_left_alone(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("maker", quote=QUOTE, refresh={"delay": "10ns"})
    heard = await serve(core, [(1, order("buy", 300, 10_001)), (2, order("buy", 1, 1, "DAY"))])
    assert heard.feed == []


async def test_order_at_the_instant_of_the_new_quote_meets_it(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("maker", quote=QUOTE, refresh={"delay": "10ns"})
    heard = await serve(core, [(1, order("buy", 500, 10_003)), (11, order("buy", 400, 10_002))])
    assert [(r.transact_ns, r.last_qty) for r in heard.reports if r.last_qty] == [
        (1, 400),
        (1, 100),
        (11, 400),
    ]


async def test_new_quote_lies_away_from_the_side_that_was_taken(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("maker", quote=QUOTE, refresh={"delay": "10ns", "shift": "0.05"})
    heard = await serve(
        core,
        [
            (1, order("buy", 1, 10_002)),
            (21, order("sell", 1, 10_003)),
            (41, order("buy", 1, 10_002)),
            (42, order("sell", 1, 9_998)),
        ],
    )
    after = {t: (bids[0][0], asks[0][0]) for t, bids, asks in books(heard) if t in {11, 31, 51}}
    assert after == {11: (10_003, 10_007), 31: (9_998, 10_002), 51: (9_998, 10_002)}


async def test_quote_that_a_halt_canceled_comes_back(make_core: MakeCore, serve: Serve) -> None:
    core = make_core(
        "maker",
        quote=QUOTE,
        refresh={"delay": "3ns"},
        trading={"halts": [{"at": "5ns", "until": "20ns"}], "on_halt": "cancel"},
    )
    heard = await serve(core, [])
    assert books(heard)[-1] == (20, ((9_998, 200),), ((10_002, 400), (10_003, 100)))
    assert heard.feed[-2].state is TradingState.OPEN


def test_shift_off_the_tick_is_a_problem(make_config: MakeConfig, units: Units) -> None:
    config = make_config("maker", quote=QUOTE, refresh={"delay": "1ms", "shift": "0.005"})
    assert [path for path, _ in config.problems(units)] == [("refresh", "shift")]


@pytest.mark.parametrize("delay", ["0s", "-1ms"])
def test_delay_must_be_positive(make_config: MakeConfig, delay: str) -> None:
    with pytest.raises(ValueError, match="delay"):
        make_config("maker", quote=QUOTE, refresh={"delay": delay})


@given(
    st.lists(
        st.tuples(st.sampled_from([Side.BUY, Side.SELL]), st.integers(1, 12), st.booleans()),
        max_size=30,
    ),
    st.integers(0, 3),
)
def test_quote_is_never_more_than_full_nor_crossed(
    steps: list[tuple[Side, int, bool]], shift: int
) -> None:
    quote = [(Side.BUY, 4, 5), (Side.BUY, 3, 5), (Side.SELL, 6, 5), (Side.SELL, 7, 2)]
    maker = MakerCore()
    for tier in quote:
        maker.seed(*tier)
    core = RefreshingMaker(maker, quote, 10, shift)
    for n, (side, qty, refreshed) in enumerate(steps):
        price = PriceTicks(10**6 if side is Side.BUY else 1)
        msg = NewOrderSingle(f"o{n}", side, QtyLots(qty), price, time_in_force=TimeInForce.IOC)
        core.handle(msg, TimeNs(n))
        core.check()
        assert len(core.wakes) <= 1
        if refreshed and core.wakes:
            core.handle(core.wakes.pop().msg, TimeNs(n))
            core.check()
            for s in SIDES:
                shifted = [(p + core._moved, q) for of, p, q in quote if of is s]
                assert maker.levels(s, 9) == tuple([(p, q) for p, q in shifted if p > 0])
