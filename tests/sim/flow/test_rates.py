"""The flows with constant rates: whose orders they touch, where theirs stand, and how often."""

from collections import Counter
from collections.abc import Callable
from math import sqrt
from typing import TYPE_CHECKING, Any

import pytest

from sim.flow.cont_stoikov_talreja import ContStoikovTalrejaFlow
from sim.flow.zero_intelligence import ZeroIntelligenceFlow
from sim.protocol.enums import OrdType, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.lit import LitCore

if TYPE_CHECKING:
    from tests.sim.flow.conftest import Stand

MakeStand = Callable[..., "Stand"]
SETTINGS: dict[str, Any] = {
    "kind": "cont_stoikov_talreja",
    "per": "1s",
    "centre": "100.00",
    "limits": [2.0, 1.0, 0.5],
    "cancels": [0.2, 0.1],
    "market_per_side": 0.5,
}


def cst(**more: Any) -> ContStoikovTalrejaFlow:
    return ContStoikovTalrejaFlow.model_validate(SETTINGS | more)


def order(name: str, side: Side, price: int, qty: int, **more: Any) -> NewOrderSingle:
    return NewOrderSingle(
        name, side, QtyLots(qty), PriceTicks(price), account=more.get("account", "SOR")
    )


def test_it_forms_a_book_from_nothing(stand: MakeStand) -> None:
    here = stand(cst())
    for _ in range(500):
        here.step()
    here.core.check()
    bids, asks = here.core.published(5)
    assert bids
    assert asks
    assert bids[0][0] < asks[0][0]


def test_times_go_up_and_ids_never_repeat(stand: MakeStand) -> None:
    here = stand(cst())
    for _ in range(2_000):
        before = here.t_ns
        here.step()
        assert here.t_ns > before
    names = [msg.cl_ord_id for _, msg in here.sent]
    assert len(set(names)) == len(names)


def test_the_same_chance_gives_the_same_messages(stand: MakeStand) -> None:
    one, other = stand(cst()), stand(cst())
    for _ in range(1_000):
        assert one.step() == other.step()
        assert one.t_ns == other.t_ns
    assert stand(cst(), seed=2).t_ns != one.t_ns


def test_orders_of_others_count_in_the_queue_and_are_never_canceled(stand: MakeStand) -> None:
    """An own order that is taken for one of the flow's would be canceled within seconds."""

    def before(core: LitCore) -> None:
        core.seed(Side.SELL, 10_002, 1_000_000)
        core.handle(order("ours", Side.BUY, 10_000, 1_000_000), TimeNs(0))

    here = stand(cst(), before=before)
    for _ in range(5_000):
        here.step()
    asked = {m.orig_cl_ord_id for _, m in here.sent if isinstance(m, OrderCancelRequest)}
    assert asked
    assert all(name.startswith("flow0.") for name in asked)
    assert "ours" in here.core.open_orders
    assert here.core.published(1)[0][0][0] >= 10_000


def test_limit_orders_stand_where_the_rates_say(stand: MakeStand) -> None:
    """Between walls of others nothing moves, so distances count from 10,002 and 10,000."""

    def before(core: LitCore) -> None:
        core.seed(Side.SELL, 10_002, 10_000_000)
        core.seed(Side.BUY, 10_001, 10_000_000)

    here = stand(cst(cancels=[50.0]), before=before)
    for _ in range(20_000):
        here.step()
    orders = [msg for _, msg in here.sent if isinstance(msg, NewOrderSingle)]
    limits = [msg for msg in orders if msg.price is not None]
    away = Counter(
        10_002 - (m.price or 0) if m.side is Side.BUY else (m.price or 0) - 10_001 for m in limits
    )
    assert set(away) == {1, 2, 3}
    for distance, rate in ((1, 2.0), (2, 1.0), (3, 0.5)):
        share, n = rate / 3.5, len(limits)
        assert abs(away[distance] / n - share) <= 4 * sqrt(share * (1 - share) / n)
    takes = Counter(msg.side for msg in orders if msg.ord_type is OrdType.MARKET)
    seconds = here.t_ns / 1e9
    for side in (Side.BUY, Side.SELL):  # the rate holds for each side, not for both together
        assert abs(takes[side] / seconds - 0.5) <= 4 * sqrt(0.5 / seconds)


def test_what_others_do_needs_no_new_draw(stand: MakeStand) -> None:
    """Each order that lives is canceled at its rate, however many others have taken meanwhile."""
    here = stand(cst(limits=[2.0, 2.0], cancels=[1.0], market_per_side=0.0))
    lived_ns = cancels = 0
    for n in range(8_000):
        now_ns = here.t_ns
        cancels += isinstance(here.step(), OrderCancelRequest)
        if n % 3 == 0:  # somebody takes the best, and lets nothing rest
            side = Side.BUY if n % 2 else Side.SELL
            taker = NewOrderSingle(
                f"t{n}", side, QtyLots(2), None, OrdType.MARKET, TimeInForce.IOC, "SOR"
            )
            here.core.handle(taker, TimeNs(now_ns))
        lived_ns += len(here.core.open_orders) * (here.t_ns - now_ns)
    expected = lived_ns / 1e9
    assert expected > 500
    assert abs(cancels - expected) <= 4 * sqrt(expected)


def test_the_names_of_traded_orders_are_forgotten(stand: MakeStand) -> None:
    here = stand(cst(market_per_side=5.0))
    for _ in range(20_000):
        here.step()
    living = sum(1 for o in here.core.open_orders.values() if o.account == "flow0")
    assert len(here.place.own) <= living + 200


def test_it_keeps_to_the_venues_own_steps(stand: MakeStand) -> None:
    here = stand(cst(size={"law": "geometric", "mean": 2.5}), tick=5, lot=10)
    for _ in range(1_000):
        here.step()
    orders = [msg for _, msg in here.sent if isinstance(msg, NewOrderSingle)]
    assert all(msg.order_qty % 10 == 0 for msg in orders)
    assert all(msg.price is None or msg.price % 5 == 0 for msg in orders)
    assert len({msg.order_qty for msg in orders}) > 3


def test_market_orders_may_have_a_law_of_their_own(stand: MakeStand) -> None:
    here = stand(cst(take_size={"law": "fixed", "lots": 3}))
    for _ in range(2_000):
        here.step()
    sizes = {
        (msg.ord_type, msg.order_qty) for _, msg in here.sent if isinstance(msg, NewOrderSingle)
    }
    assert sizes == {(OrdType.LIMIT, 1), (OrdType.MARKET, 3)}


def test_the_tail_goes_on_where_the_table_ends() -> None:
    flow = cst(tail={"factor": 1.92, "exponent": 0.52, "levels": 5})
    rates = [rate * 1e9 for rate in flow.rates().limits]
    assert rates[:3] == pytest.approx([2.0, 1.0, 0.5])
    assert rates[3:] == pytest.approx([1.92 * 4**-0.52, 1.92 * 5**-0.52])


def test_zero_intelligence_splits_market_orders_over_both_sides(stand: MakeStand) -> None:
    flow = ZeroIntelligenceFlow.model_validate(
        {
            "kind": "zero_intelligence",
            "per": "1s",
            "centre": "100.00",
            "limit": 0.5,
            "market": 2.0,
            "cancel": 0.1,
            "levels": 20,
        }
    )
    here = stand(flow)
    while here.t_ns < 1_000e9:
        here.step()
    takes = [
        m for _, m in here.sent if isinstance(m, NewOrderSingle) and m.ord_type is OrdType.MARKET
    ]
    assert abs(len(takes) / 1_000 - 2.0) <= 4 * sqrt(2.0 / 1_000)
