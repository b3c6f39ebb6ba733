"""Queue-reactive flow: the law of a level, and what a move of the mid price does."""

from collections.abc import Callable
from math import sqrt
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from sim.flow.queue_reactive import LevelTables, QueueReactiveFlow
from sim.protocol.enums import Side
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest
from venues.core.lit import LitCore

if TYPE_CHECKING:
    from tests.sim.flow.conftest import Stand

MakeStand = Callable[..., "Stand"]
FIRST = {"limit": [3.0, 2.5, 2.0, 1.5, 1.0], "cancel": [0.0, 0.5, 1.0, 1.5, 2.0], "market": [1.0]}
SECOND = {"limit": [2.0, 2.0, 1.0], "cancel": [0.0, 0.8, 1.6, 2.4]}


def flow(**more: Any) -> QueueReactiveFlow:
    settings = {
        "kind": "queue_reactive",
        "per": "1s",
        "centre": "100.00",
        "levels": [FIRST, SECOND],
        "move": 0.0,
        "redraw": 0.0,
    }
    return QueueReactiveFlow.model_validate(settings | more)


def test_the_stationary_law_is_in_detailed_balance() -> None:
    tables = LevelTables.model_validate(FIRST)
    law = tables.stationary(best=True)
    assert sum(law) == pytest.approx(1)
    for n in range(8):
        birth = tables.limit[min(n, 4)]
        death = tables.cancel[min(n + 1, 4)] + 1.0
        assert law[n] * birth == pytest.approx(law[n + 1] * death)


@pytest.mark.slow
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_a_level_has_its_stationary_law(stand: MakeStand, side: Side) -> None:
    """Seed 3, 60 batches of 100 s: time averages within four standard errors of batch means.

    The reference price stays, so the first level is the best one whenever it has any order.
    """
    here = stand(flow(levels=[FIRST]), seed=3)
    price = 10_000 if side is Side.BUY else 10_001
    batch_ns, batches, longest = 100 * 10**9, 60, 12
    spent = [[0] * longest for _ in range(batches)]
    while here.t_ns < batches * batch_ns:
        now_ns = here.t_ns
        here.step()
        length = here.core.qty_at(side, price)
        until_ns = min(here.t_ns, batches * batch_ns)
        spent[now_ns // batch_ns][min(length, longest - 1)] += until_ns - now_ns
    law = LevelTables.model_validate(FIRST).stationary(best=True)
    for n in range(6):
        shares = [row[n] / sum(row) for row in spent]
        error = stdev(shares) / sqrt(batches)
        assert abs(fmean(shares) - law[n]) <= 4 * error, (n, fmean(shares), law[n], error)


def test_without_an_opening_it_starts_from_the_stationary_law(stand: MakeStand) -> None:
    lengths = [stand(flow(), seed=n).core.qty_at(Side.BUY, 10_000) for n in range(100)]
    law = LevelTables.model_validate(FIRST).stationary(best=True)
    mean = sum(n * p for n, p in enumerate(law))
    variance = sum(n * n * p for n, p in enumerate(law)) - mean**2
    assert abs(fmean(lengths) - mean) <= 4 * sqrt(variance / 100)


def test_an_opening_is_taken_as_it_is(stand: MakeStand) -> None:
    opening = {"bids": [["100.00", 3]], "asks": [["100.01", 2], ["100.02", 1]]}
    here = stand(flow(opening=opening))
    assert here.core.published(5) == (((10_000, 3),), ((10_001, 2), (10_002, 1)))


def test_the_reference_price_stays_without_theta(stand: MakeStand) -> None:
    here = stand(flow())
    for _ in range(3_000):
        here.step()
    prices = {m.price for _, m in here.sent if isinstance(m, NewOrderSingle) and m.price}
    assert prices == {9_999, 10_000, 10_001, 10_002}


def test_it_follows_the_mid_price(stand: MakeStand) -> None:
    here = stand(flow(move=1.0))
    for _ in range(5_000):
        here.step()
    here.core.check()
    prices = {m.price for _, m in here.sent if isinstance(m, NewOrderSingle) and m.price}
    assert len(prices) > 6
    # What lies beyond the last level has been canceled.
    assert all(len(list(here.core.resting(side))) < 60 for side in (Side.BUY, Side.SELL))


def test_a_redraw_replaces_the_whole_book(stand: MakeStand) -> None:
    here = stand(flow(move=1.0, redraw=1.0))
    redraws = 0
    for _ in range(1_000):
        open_before, since = set(here.core.open_orders), len(here.sent)
        here.step()
        now_ns = here.t_ns
        while here.t_ns == now_ns:
            here.step()
        if len({type(m) for _, m in here.sent[since:]}) == 2:  # cancels and new orders at once
            redraws += 1
            assert not open_before & set(here.core.open_orders)
    here.core.check()
    assert redraws > 20


def test_orders_of_others_count_in_the_queue_and_stay(stand: MakeStand) -> None:
    def before(core: LitCore) -> None:
        core.seed(Side.BUY, 10_000, 100)

    opening = {"bids": [["99.99", 1]], "asks": [["100.01", 2]]}
    here = stand(flow(levels=[FIRST], opening=opening), before=before)
    for _ in range(200):
        here.step()
    bids = [
        m
        for _, m in here.sent
        if isinstance(m, NewOrderSingle) and m.side is Side.BUY and m.price == 10_000
    ]
    # With a hundred orders in the queue limit orders come at the table's last rate.
    seconds = here.t_ns / 1e9
    assert abs(len(bids) - seconds * 1.0) <= 4 * sqrt(seconds)
    assert all(
        not (m.orig_cl_ord_id or "").startswith("~")
        for _, m in here.sent
        if isinstance(m, OrderCancelRequest)
    )


def test_tables_under_which_queues_grow_for_ever_are_refused() -> None:
    with pytest.raises(ValidationError, match="grow without bound"):
        flow(levels=[{"limit": [1.0], "cancel": [1.0]}])
