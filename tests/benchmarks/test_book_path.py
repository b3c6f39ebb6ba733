"""What the benchmarks of the book path play is a market, and the book at their end is right."""

from collections import Counter

from benchmarks.book_path import Listener, level_changes, play_levels, play_orders, single_rows
from sim.protocol.market_data import RowEvent


def test_single_orders_and_their_levels_end_in_the_same_book() -> None:
    rows = single_rows(5_000)
    orders, levels = Listener(), Listener()
    by_order = play_orders(rows, orders)
    changes = level_changes(rows)
    by_level = play_levels(changes, levels)
    by_order.check()
    by_level.check()
    bids, asks = by_order.published(100)
    assert by_level.published(100) == ((*bids, (1, 1)), asks), "ours rests at the end of the line"
    assert by_order.volume == by_level.volume
    assert (orders.events, levels.events) == (len(rows), len(changes))


def test_the_tape_has_the_mix_that_it_says() -> None:
    counts = Counter(rows[0][0] for _, rows in single_rows(20_000))
    shares = {event: counts[event] / counts.total() for event in RowEvent}
    assert 0.4 < shares[RowEvent.ADD] < 0.55
    assert 0.35 < shares[RowEvent.DELETE] < 0.45
    assert 0.05 < shares[RowEvent.EXECUTE] < 0.12
    assert 0.005 < shares[RowEvent.REDUCE] < 0.03
    assert 0.01 < shares[RowEvent.TRADE] < 0.03
