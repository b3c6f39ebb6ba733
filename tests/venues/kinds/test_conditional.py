"""Conditional orders beside a dark pool: who is invited, who firms up, and what it costs not to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.audit.records import VenueEvent
from sim.kernel.streams import Streams
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import ExecutionReport, NewOrderSingle, OrderCancelRequest
from sim.protocol.units import TimeNs, Units

MakeConfig = Callable[..., Any]
MakeCore = Callable[..., Any]
MakeOrder = Callable[..., NewOrderSingle]
Serve = Callable[..., Any]

SELLS = {"id": "C", "side": "sell", "qty": 100, "price": "99.90"}


def with_orders(*orders: dict[str, Any], **rule: Any) -> dict[str, Any]:
    return {"conditional": {"orders": list(orders), "within": "10ns", "after": "4ns", **rule}}


def events(heard: Any) -> list[tuple[int, str]]:
    return [(r.t_ns, r.event) for r in heard.records if isinstance(r, VenueEvent)]


def fills(heard: Any) -> list[tuple[int, str, int | None, int]]:
    return [
        (r.transact_ns, r.cl_ord_id, r.last_px, r.last_qty)
        for r in heard.reports
        if isinstance(r, ExecutionReport) and r.last_qty
    ]


async def test_resting_order_invites_and_trades_once_the_other_has_firmed_up(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    core = make_core("dark", **with_orders(SELLS))
    msg = order("buy", 60, 10_000, "DAY")
    assert core.reachable_by(msg, 10) == ()
    heard = await serve(core, [(1, msg), (20, order("buy", 50, 10_000, "DAY"))])
    assert events(heard) == [(1, "invited"), (5, "firmed_up"), (20, "invited"), (24, "firmed_up")]
    assert fills(heard) == [(5, "o1", 10_000, 60), (24, "o2", 10_000, 40)]
    assert all(report.is_maker for report in heard.reports if report.last_qty)


async def test_nothing_of_it_shows_and_an_ioc_order_invites_nobody(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    heard = await serve(
        make_core("dark", indications=True, **with_orders(SELLS)),
        [(1, order("buy", 60, 10_000)), (2, order("buy", 60, 9_980, "DAY"))],
    )
    assert events(heard) == []  # the second is below its limit
    assert [asks for s in heard.feed for asks in s.asks] == []


async def test_minima_of_both_are_kept(make_core: MakeCore, order: MakeOrder, serve: Serve) -> None:
    heard = await serve(
        make_core("dark", **with_orders(SELLS | {"min_qty": 50})),
        [
            (1, order("buy", 49, 10_000, "DAY")),
            (2, order("buy", 300, 10_000, "DAY", min_qty=200)),
            (3, order("buy", 50, 10_000, "DAY")),
        ],
    )
    assert events(heard)[:2] == [(3, "invited"), (7, "firmed_up")]
    assert fills(heard)[0] == (7, "o3", 10_000, 50)


@pytest.mark.parametrize("rule", [{"firm_prob": 0}, {"after": "11ns"}])
async def test_who_does_not_firm_up_in_time_has_fallen_down_and_is_barred(
    make_core: MakeCore, order: MakeOrder, serve: Serve, rule: dict[str, Any]
) -> None:
    heard = await serve(
        make_core("dark", **with_orders(SELLS, fall_downs=2, barred="100ns", **rule)),
        [(1, order("buy", 60, 10_000, "DAY")), (130, OrderCancelRequest("c", "o1", "router"))],
    )
    assert events(heard) == [
        (1, "invited"),
        (11, "fell_down"),
        (11, "invited"),
        (21, "fell_down"),
        (21, "barred"),
        (121, "invited"),
        (131, "fell_down"),
    ]
    assert fills(heard) == []


async def test_what_it_was_invited_for_may_have_gone(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    heard = await serve(
        make_core("dark", **with_orders(SELLS)),
        [(1, order("buy", 60, 10_000, "DAY")), (3, OrderCancelRequest("c", "o1", "router"))],
    )
    assert events(heard) == [(1, "invited"), (5, "firmed_up")]
    assert fills(heard) == []


async def test_at_midpoint_prices_both_must_be_willing_at_the_middle(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    def market(bid: int, ask: int) -> BookSnapshot:
        return BookSnapshot("LIT", 1, TimeNs(0), ((bid, 1),), ((ask, 1),))

    heard = await serve(
        make_core("dark", pricing="midpoint", **with_orders(SELLS, share="0.5")),
        [
            (1, order("buy", 80, 9_996, "DAY")),
            (2, market(9_990, 10_004)),  # 99.97: too dear for the buyer
            (3, market(9_980, 9_990)),  # 99.85: too cheap for the seller
            (4, market(9_990, 9_994)),
        ],
    )
    assert events(heard)[:2] == [(4, "invited"), (8, "firmed_up")]
    assert fills(heard)[0] == (8, "o1", 9_992, 50)


async def test_halt_puts_off_what_was_to_trade(
    make_core: MakeCore, order: MakeOrder, serve: Serve
) -> None:
    hours = {"halts": [{"at": "3ns", "until": "30ns"}]}
    heard = await serve(
        make_core("dark", trading=hours, **with_orders(SELLS)),
        [(1, order("buy", 60, 10_000, "DAY"))],
    )
    assert fills(heard) == [(30, "o1", 10_000, 60)]


def test_chance_belongs_to_the_order_and_its_invitation(
    make_config: MakeConfig, units: Units, order: MakeOrder
) -> None:
    rule = with_orders(SELLS | {"qty": 10_000}, firm_prob="0.3", share="0.01", after="0s")
    config = make_config("dark", **rule)
    with pytest.raises(ValueError, match="chance"):
        config.build(units, Path)
    core = config.build(units, Path, Streams(1).keyed("venue", "V"))
    pool_is_there = order("buy", 10_000, 10_000, "DAY")
    answered = 0
    core.handle(core.wakes.pop().msg, TimeNs(0))
    core.handle(pool_is_there, TimeNs(0))
    for _ in range(300):
        assert len(core.wakes) == 1
        wake = core.wakes.pop()
        core.handle(wake.msg, TimeNs(wake.t_ns))
        answered += sum(note.event == "firmed_up" for note in core.notes)
        core.notes.clear()
        core.check()
    # Half of the wake-ups after a fall-down end a bar: 3 of 10 answers, 7 of 10 fall-downs.
    asked = 300 / (1 + 0.7)
    assert abs(answered / asked - 0.3) < 4 * (0.3 * 0.7 / asked) ** 0.5


@pytest.mark.parametrize(
    ("orders", "place"),
    [
        ([SELLS, SELLS], "conditional.orders.1.id"),
        ([SELLS | {"min_qty": 101}], "conditional.orders.0.min_qty"),
        ([SELLS | {"price": "99.905"}], "conditional.orders.0.price"),
        ([SELLS | {"qty": "0.5"}], "conditional.orders.0.qty"),
    ],
)
def test_problems_are_found_and_placed(
    make_config: MakeConfig, units: Units, orders: list[dict[str, Any]], place: str
) -> None:
    found = make_config("dark", **with_orders(*orders)).problems(units)
    assert [".".join(map(str, path)) for path, _ in found] == [place]
