"""What calibration counts, by hand on a few events."""

import pytest

from sim.data.events import ASK, BID, SCALE, Event, make_block
from sim.study.market_measure import Market, MarketMeasure

TICK = SCALE // 100
S = 10**9
Row = tuple[int, Event, int, int, int, int]


def measured(rows: list[Row], levels: int = 5, per_block: int = 100) -> Market:
    """Rows of seconds, event, side, price in ticks, quantity and order id."""
    counter = MarketMeasure(0, TICK, levels)
    for start in range(0, len(rows), per_block):
        t, event, side, price, qty, order = zip(*rows[start : start + per_block], strict=True)
        counter.take(
            make_block(
                len(t),
                t_ns=[one * S for one in t],
                event=[int(one) for one in event],
                side=side,
                price=[one * TICK for one in price],
                qty=[one * SCALE for one in qty],
                order_id=order,
            )
        )
    return counter.finish()


BOOK: list[Row] = [
    (0, Event.ADD, BID, 100, 5, 1),
    (0, Event.ADD, ASK, 102, 5, 2),
    (0, Event.ADD, BID, 99, 5, 3),
]


@pytest.mark.parametrize("per_block", [1, 100])
def test_limits_cancels_and_their_exposure_by_distance(per_block: int) -> None:
    """From 0 to 10 s: a bid at 2 and one at 3 ticks from the ask, an ask 2 ticks from the bid."""
    rows = [
        *BOOK,
        (10, Event.ADD, ASK, 103, 5, 4),
        (14, Event.DELETE, BID, 99, 5, 3),
        (20, Event.ADD, BID, 101, 5, 5),
        (24, Event.DELETE, BID, 101, 5, 5),
    ]
    market = measured(rows, per_block=per_block)
    assert (market.first_ns, market.last_ns, market.seconds) == (0, 24 * S, 24)
    assert market.limits == [1, 0, 1, 0, 0]
    assert market.cancels == [1, 0, 1, 0, 0]
    # Up to 20 s the asks at 102 and 103 are 2 and 3 ticks from the bid, then 1 and 2.
    assert [ns / S for ns in market.order_ns] == [4 + 4, 24 + 20 + 4, 14 + 10, 0, 0]
    assert dict(market.spread_ns) == {2: 20 * S, 1: 4 * S}
    assert market.best_qty_ns == 5 * SCALE * 24 * S
    assert market.opening == (((100 * TICK, 1), (99 * TICK, 1)), ((102 * TICK, 1),))


def test_all_that_one_instant_executes_on_a_side_is_one_market_order() -> None:
    rows = [
        *BOOK,
        (5, Event.EXECUTE, BID, 100, 5, 1),
        (5, Event.EXECUTE, BID, 99, 2, 3),
        (7, Event.EXECUTE, ASK, 102, 1, 2),
    ]
    market = measured(rows)
    assert market.takes == {BID: 1, ASK: 1}
    assert dict(market.take_sizes) == {7 * SCALE: 1, SCALE: 1}
    assert list(market.arrivals) == [5 * S, 7 * S]


def test_parts_of_an_order_that_go_are_parts_of_a_cancel() -> None:
    rows = [
        *BOOK,
        (5, Event.REDUCE, BID, 100, 2, 1),
        (6, Event.MODIFY, BID, 100, 2, 1),
        (7, Event.DELETE, BID, 100, 2, 1),
    ]
    assert measured(rows).cancels == [0, pytest.approx(2 / 5 + 1 / 3 + 1), 0, 0, 0]


def test_a_new_price_is_a_cancel_and_a_new_order() -> None:
    market = measured([*BOOK, (5, Event.MODIFY, BID, 101, 5, 3)])
    assert (market.cancels, market.limits) == ([0, 0, 1, 0, 0], [1, 0, 0, 0, 0])


def test_what_names_an_unknown_order_is_counted_apart() -> None:
    market = measured([*BOOK, (5, Event.DELETE, BID, 98, 5, 9)])
    assert (market.unknown, sum(market.cancels)) == (1, 0)


def test_time_without_a_side_does_not_count() -> None:
    rows = [*BOOK, (5, Event.EXECUTE, ASK, 102, 5, 2), (9, Event.ADD, ASK, 103, 1, 4)]
    market = measured([*rows, (10, Event.DELETE, ASK, 103, 1, 4)])
    assert market.seconds == 5 + 1
    assert sum(market.limits) == 0


def test_levels_tell_orders_by_their_changes() -> None:
    """5 go from the bid of 100, 2 of them to a print; 4 come to the ask."""
    rows: list[Row] = [
        (0, Event.LEVEL, BID, 100, 9, 0),
        (0, Event.LEVEL, ASK, 102, 6, 0),
        (4, Event.TRADE, ASK, 100, 2, 0),
        (5, Event.LEVEL, BID, 100, 4, 0),
        (6, Event.LEVEL, ASK, 102, 10, 0),
    ]
    market = measured(rows)
    assert market.by_level
    assert market.takes == {BID: 0, ASK: 1}
    assert market.cancels == [0, 3 * SCALE, 0, 0, 0]
    assert market.limits == [0, 1, 0, 0, 0]
    assert dict(market.limit_sizes) == {4 * SCALE: 1}
